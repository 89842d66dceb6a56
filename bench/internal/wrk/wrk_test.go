package wrk

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	us = time.Microsecond
	ms = time.Millisecond
)

// A report of wrk 4.1.0, to be changed a line at a time.
const report = `Running 1s test @ http://127.0.0.1:9100/plaintext
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   307.17us  206.10us   4.87ms   93.31%
    Req/Sec   125.43k    16.42k  144.83k    54.55%
  137199 requests in 1.10s, 16.88MB read
Requests/sec: 124514.58
Transfer/sec:     15.32MB
percentiles 243us 847us 3534us of 137198
`

func TestParse(t *testing.T) {
	whole := Result{Requests: 137199, Time: 1100 * ms, P50: 243 * us, P99: 847 * us, P999: 3534 * us}
	for _, row := range []struct {
		name     string
		old, new string // in report
		change   func(*Result)
	}{
		{"as it is", "", "", func(*Result) {}},
		{"milliseconds", "847us", "1.25ms", func(r *Result) { r.P99 = 1250 * us }},
		{"seconds", "243us", "1.50s", func(r *Result) { r.P50 = 1500 * ms }},
		{"a minute", "in 1.10s,", "in 1.00m,", func(r *Result) { r.Time = time.Minute }},
		{"errors", "Requests/sec:", "  Socket errors: connect 1, read 20, write 300, timeout 4000\nRequests/sec:", func(r *Result) { r.SocketErrors = 4321 }},
		{"refusals", "Requests/sec:", "  Non-2xx or 3xx responses: 17\nRequests/sec:", func(r *Result) { r.Refused = 17 }},
		{"no request", "137199 requests", "0 requests", func(r *Result) { r.Requests = 0 }},
	} {
		want := whole
		row.change(&want)
		got, times, err := parse(strings.Replace(report, row.old, row.new, 1))
		if err != nil || got != want || times != 137198 {
			t.Errorf("%s: %+v of %d times, %v, want %+v", row.name, got, times, err, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, row := range []struct{ name, old, new string }{
		{"nothing", report, ""},
		{"no totals", "137199 requests in 1.10s", "unable to connect"},
		{"no line of the script", "percentiles", "latency"},
		{"a unit that is none", "847us", "847xs"},
		{"a negative time", "243us", "-243us"},
		{"a count that overflows", "137199", "99999999999999999999"},
	} {
		if r, _, err := parse(strings.Replace(report, row.old, row.new, 1)); err == nil {
			t.Errorf("%s: %+v, want an error", row.name, r)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, row := range []struct {
		load            Load
		requests, times int
		ok              bool
	}{
		{Load{Connections: 64}, 1000, 1000, true},
		{Load{Connections: 64}, 1000, 999, false},
		{Load{Connections: 64}, 1000, 1001, false},
		{Load{Connections: 2, Pipeline: 16}, 1600, 100, true},
		{Load{Connections: 2, Pipeline: 16}, 1630, 100, true}, // two batches lack an answer each
		{Load{Connections: 2, Pipeline: 16}, 1631, 100, false},
		{Load{Connections: 2, Pipeline: 16}, 1599, 100, false},
	} {
		if err := row.load.check(row.requests, row.times); (err == nil) != row.ok {
			t.Errorf("%+v: %v", row, err)
		}
	}
}

// With the wrk that is here: our script knows its insides.
func TestRun(t *testing.T) {
	if _, err := exec.LookPath("wrk"); err != nil {
		t.Skip("wrk is not installed")
	}
	posted := make(chan string, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, _ := io.ReadAll(r.Body)
		select {
		case posted <- r.Method + " " + string(content):
		default:
		}
	}))
	defer srv.Close()
	for _, row := range []struct {
		load Load
		want string
		most int // requests; 0: as many as it can
	}{
		{Load{Pipeline: 16}, "GET ", 0},
		{Load{Post: "7"}, "POST 7", 0},
		{Load{Pause: 100 * time.Millisecond}, "GET ", 60},
	} {
		row.load.URL, row.load.Connections, row.load.Time = srv.URL, 3, time.Second
		r, err := Run(t.Context(), row.load)
		if err != nil || r.Requests == 0 || r.P50 == 0 || r.P50 > r.P99 || r.P99 > r.P999 || r.User+r.System == 0 {
			t.Errorf("%+v: %+v, %v", row.load, r, err)
		}
		if row.most > 0 && r.Requests > row.most {
			t.Errorf("%+v: %d requests, want at most %d", row.load, r.Requests, row.most)
		}
		if got := <-posted; got != row.want {
			t.Errorf("%+v: %q, want %q", row.load, got, row.want)
		}
	}
}

func TestArgs(t *testing.T) {
	for _, row := range []struct {
		load Load
		want []string // among the arguments, in a row
	}{
		{Load{Connections: 64, Time: 3 * time.Second}, []string{"-t1", "-c64", "-d3s"}},
		{Load{Time: 100 * ms}, []string{"-d1s"}},
		{Load{URL: "http://x/", Pipeline: 16}, []string{"http://x/", "--", "16", "", "0"}},
		{Load{URL: "http://x/", Post: "1"}, []string{"http://x/", "--", "0", "1", "0"}},
		{Load{URL: "http://x/", Pause: 10 * ms}, []string{"http://x/", "--", "0", "", "10"}},
		{Load{URL: "http://x/", Close: true}, []string{"-H", "Connection: close", "http://x/"}},
	} {
		got := row.load.args("x.lua")
		if !strings.Contains(strings.Join(got, "\x00")+"\x00", strings.Join(row.want, "\x00")+"\x00") {
			t.Errorf("%+v: %q, want %q among them", row.load, got, row.want)
		}
		if slices.Contains(got, "-H") != row.load.Close {
			t.Errorf("%+v: %q", row.load, got)
		}
	}
}
