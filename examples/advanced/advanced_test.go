package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"moor.example/httpd"
)

const patience = 20 * time.Second // for what must come

// TestMain keeps the log to itself: the tests that look at it set it.
func TestMain(m *testing.M) {
	log.SetOutput(io.Discard)
	log.SetFlags(0)
	os.Exit(m.Run())
}

// serve starts the program in this process, with its flags and what change
// makes of them.
func serve(t *testing.T, change func(*httpd.Config), args ...string) *httpd.Server {
	t.Helper()
	cfg := config(append([]string{"-addr", "127.0.0.1:0"}, args...))
	if change != nil {
		change(&cfg)
	}
	srv, err := start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		srv.Close()
		srv.Wait()
	})
	return srv
}

// settled returns when the server has taken in all that was sent to it before:
// one turn of its loop may have begun earlier, the next one has not.
func settled(t *testing.T, srv *httpd.Server) {
	t.Helper()
	for range 2 {
		done := make(chan bool)
		if err := srv.QueueWork(func() { close(done) }); err != nil {
			t.Fatal(err)
		}
		<-done
	}
}

// A client is one connection, on which the test writes octets.
type client struct {
	net.Conn
	t *testing.T
	r *bufio.Reader
}

func dial(t *testing.T, srv *httpd.Server) *client {
	t.Helper()
	conn, err := net.Dial("tcp", srv.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return &client{conn, t, bufio.NewReader(conn)}
}

func (c *client) send(octets string) {
	c.t.Helper()
	if _, err := io.WriteString(c, octets); err != nil {
		c.t.Fatal(err)
	}
}

// An answer is a response that was read to its end.
type answer struct {
	*http.Response
	content string
}

// answer reads one.
func (c *client) answer() (a answer, err error) {
	if a.Response, err = http.ReadResponse(c.r, nil); err != nil {
		return a, err
	}
	content, err := io.ReadAll(a.Body)
	a.content = string(content)
	return a, err
}

// wants reads an answer and compares it with want: a status, and after a space
// the content, if it matters.
func (c *client) wants(want string) answer {
	c.t.Helper()
	a, err := c.answer()
	if err != nil {
		c.t.Fatalf("%v, want %.100q", err, want)
	}
	status, content, known := strings.Cut(want, " ")
	if fmt.Sprint(a.StatusCode) != status || known && a.content != content {
		c.t.Fatalf("%d %.100q, want %.100q", a.StatusCode, a.content, want)
	}
	return a
}

// ended wants the connection to end, and nothing before that.
func (c *client) ended() {
	c.t.Helper()
	if rest, err := io.ReadAll(c.r); err != nil || len(rest) > 0 {
		c.t.Fatalf("%.100q, then %v, want the end", rest, err)
	}
}

// request is one with a Content-Length, if it has content, and with these
// fields, each "Name: value".
func request(method, path, content string, fields ...string) string {
	if content != "" {
		fields = append(fields, fmt.Sprintf("Content-Length: %d", len(content)))
	}
	head := append([]string{method + " " + path + " HTTP/1.1", "Host: moor"}, fields...)
	return strings.Join(head, "\r\n") + "\r\n\r\n" + content
}

// A record is what the program has logged. Its loops write, the test reads.
type record struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (r *record) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(b)
}

func (r *record) lines() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Split(strings.TrimSuffix(r.text.String(), "\n"), "\n")
}

func logged(t *testing.T) *record {
	r := new(record)
	log.SetOutput(r)
	t.Cleanup(func() { log.SetOutput(io.Discard) })
	return r
}

// await waits until the program has logged this many lines.
func (r *record) await(t *testing.T, lines int) {
	t.Helper()
	deadline, tick := time.After(patience), time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for len(r.lines()) < lines {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("logged %q, want %d lines", r.lines(), lines)
		}
	}
}

// The flags are the firmware's settings.
func TestFlags(t *testing.T) {
	cfg := config(nil)
	if cfg.Addr != ":1234" || cfg.MaxSessions != 7 || cfg.WhenFull != httpd.Wait {
		t.Errorf("by default %q, %d, %d", cfg.Addr, cfg.MaxSessions, cfg.WhenFull)
	}
	cfg = config([]string{"-addr", "unix:/a", "-max-sessions", "3", "-lru"})
	if cfg.Addr != "unix:/a" || cfg.MaxSessions != 3 || cfg.WhenFull != httpd.Purge {
		t.Errorf("set to %q, %d, %d", cfg.Addr, cfg.MaxSessions, cfg.WhenFull)
	}
}

// There is room for the firmware's nine handlers, and not for a tenth.
func TestRoutes(t *testing.T) {
	srv := serve(t, nil)
	err := srv.Handle(httpd.Route{Method: "GET", Pattern: "/0", Handler: sayHello})
	if err == nil {
		t.Error("a tenth handler was registered")
	}
	if _, err := start(config([]string{"-addr", srv.Addr().String()})); err == nil {
		t.Error("two servers on one port")
	}
}

// The log, line by line, from the begin of the program to its end.
func TestRun(t *testing.T) {
	said, done := logged(t), make(chan error, 1)
	go func() { done <- run(config([]string{"-addr", "127.0.0.1:0"})) }()
	said.await(t, 8)
	_, port, _ := strings.Cut(said.lines()[0], ": '")
	port = strings.TrimSuffix(port, "'")

	conn, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	c := &client{conn, t, bufio.NewReader(conn)}
	for i, want := range []string{"200 7", "200 14"} {
		c.send(request("POST", "/adder", "7"))
		c.wants(want)
		said.await(t, 10+i)
	}

	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if err := self.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("run: %v", err)
		}
	case <-time.After(patience):
		t.Fatal("it does not end")
	}
	if want := []string{
		"Started HTTP server on port: '" + port + "'",
		"Max URI handlers: '9'",
		"Max Open Sessions: '7'",
		"Max Header Length: '16384'",
		"Max URI Length: '8192'",
		"Registering basic handlers",
		"No of handlers = 9",
		"Success",
		"/adder handler read 7",
		"/adder allocating new session",
		"/adder handler read 7",
		"Custom Free Context function called",
	}; !slices.Equal(said.lines(), want) {
		t.Errorf("logged:\n%s\nwant:\n%s", strings.Join(said.lines(), "\n"), strings.Join(want, "\n"))
	}
	if err := run(httpd.Config{Addr: "nowhere"}); err == nil {
		t.Error("it listens nowhere")
	}
}
