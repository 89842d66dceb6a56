package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

type sumKey struct{}

// adder answers as the example server does, by net/http. Its sum lives with
// the connection if perConn is set; otherwise all connections share one. After
// closeAt requests on a connection it closes it; 0 means never.
func adder(t *testing.T, perConn bool, closeAt int64) (addr string) {
	t.Helper()
	type session struct{ sum, requests atomic.Int64 }
	var shared session
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := r.Context().Value(sumKey{}).(*session)
		if s.requests.Add(1) == closeAt {
			w.Header().Set("Connection", "close")
		}
		if !perConn {
			s = &shared
		}
		b, _ := io.ReadAll(r.Body)
		n, _ := strconv.ParseInt(string(b), 10, 64)
		switch r.Method {
		case "PUT":
			s.sum.Store(n)
		case "POST":
			s.sum.Add(n)
		}
		fmt.Fprint(w, s.sum.Load())
	}))
	srv.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, sumKey{}, new(session))
	}
	srv.Start()
	t.Cleanup(srv.Close)
	return srv.Listener.Addr().String()
}

// answering is a server with one answer to everything.
func answering(t *testing.T, status int, body string) (addr string) {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	}))
	t.Cleanup(srv.Close)
	return srv.Listener.Addr().String()
}

// check runs a job and wants it right, with every line of want on stdout, or
// wrong, with want on stderr.
func check(t *testing.T, j job, right bool, want string) {
	t.Helper()
	var out, errs bytes.Buffer
	got := j.run(&out, &errs)
	if got != right {
		t.Errorf("%+v: right is %v, want %v\nstdout:\n%sstderr:\n%s", j, got, right, &out, &errs)
	}
	if right && (out.String() != want || errs.Len() != 0) {
		t.Errorf("%+v: stdout:\n%swant:\n%sstderr:\n%s", j, &out, want, &errs)
	}
	if !right && !strings.Contains(errs.String(), want) {
		t.Errorf("%+v: stderr:\n%swant: %s", j, &errs, want)
	}
}

func TestScript(t *testing.T) {
	addr := adder(t, true, 0)
	check(t, job{addr, 10, 1}, true, "Connecting to => "+addr+`
Reset the accumulator to 0
Summing numbers from 1 to 10
Result : 55
`)
	check(t, job{addr, 0, 1}, true, "Connecting to => "+addr+`
Reset the accumulator to 0
Summing numbers from 1 to 0
Result : 0
`)
}

func TestClients(t *testing.T) {
	addr := adder(t, true, 0)
	check(t, job{addr, 100, 20}, true, "Connecting to => "+addr+"\n20 clients, 20 right\n")
}

func TestWrong(t *testing.T) {
	// One sum for all: 20 clients cannot each see their own.
	check(t, job{adder(t, false, 0), 100, 20}, false, "want ")
	check(t, job{answering(t, 200, "0"), 1, 1}, false, `client: POST 1: the answer is "0", want 1`)
	check(t, job{answering(t, 200, ""), 1, 1}, false, `client: PUT 0: the answer is "", want 0`)
	check(t, job{answering(t, 200, "1"), 0, 2}, false, `client 0: PUT 0: the answer is "1", want 0`)
	check(t, job{answering(t, 408, "0"), 1, 1}, false, `client: PUT 0: 408 Request Timeout: "0"`)
}

// A sum that goes on over a second connection is no persistent session, even
// if every answer is right.
func TestClosed(t *testing.T) {
	check(t, job{adder(t, false, 4), 10, 1}, false, "client: POST 4: sent over a second connection")
	check(t, job{adder(t, true, 4), 10, 2}, false, "client 1: POST 4: sent over a second connection")
}

func TestWrongClientsAreNamed(t *testing.T) {
	var out, errs bytes.Buffer
	job{answering(t, 200, "1"), 0, 3}.run(&out, &errs)
	if !strings.HasSuffix(out.String(), "\n3 clients, 1 right\n") {
		t.Errorf("stdout: %s", &out)
	}
	if n := strings.Count(errs.String(), "\n"); n != 2 {
		t.Errorf("stderr has %d lines, want one for client 0 and one for client 2:\n%s", n, &errs)
	}
}

func TestArgs(t *testing.T) {
	for args, want := range map[string]job{
		"127.0.0.1 8080 10":               {"127.0.0.1:8080", 10, 1},
		"-clients 50 127.0.0.1 8080 10":   {"127.0.0.1:8080", 10, 50},
		"127.0.0.1 8080 10 -clients 50":   {"127.0.0.1:8080", 10, 50},
		"127.0.0.1 -clients=50 8080 10":   {"127.0.0.1:8080", 10, 50},
		"::1 8080 1000000000":             {"[::1]:8080", 1_000_000_000, 1},
		"localhost 65535 0 --clients 2":   {"localhost:65535", 0, 2},
		"localhost 1 0 -clients 50000":    {"localhost:1", 0, 50_000},
		"-clients 3 -clients 4 ::1 80 10": {"[::1]:80", 10, 4},
	} {
		if got, err := parseArgs(strings.Fields(args)); err != nil || got != want {
			t.Errorf("%s: %+v, %v, want %+v", args, got, err, want)
		}
	}
	for _, args := range []string{
		"", "127.0.0.1", "127.0.0.1 8080", "127.0.0.1 8080 10 11",
		"127.0.0.1 0 10", "127.0.0.1 65536 10", "127.0.0.1 http 10",
		"127.0.0.1 8080 ten", "127.0.0.1 8080 -1", "127.0.0.1 8080 1000000001",
		"127.0.0.1 8080 99999999999999999999", "127.0.0.1 8080 10 -clients",
		"127.0.0.1 8080 10 -clients 0", "127.0.0.1 8080 10 -clients 50001",
		"127.0.0.1 8080 10 -clients ten", "-verbose 127.0.0.1 8080 10", "-h",
	} {
		if got, err := parseArgs(strings.Fields(args)); err == nil {
			t.Errorf("%q: accepted as %+v", args, got)
		}
	}
}
