package httpd_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	"moor.example/httpd"
)

// A browser is Go's own client, and knows whether a connection was used again.
type browser struct {
	http.Client
	t   *testing.T
	url string
}

func newBrowser(t *testing.T, srv *httpd.Server) *browser {
	transport := &http.Transport{ExpectContinueTimeout: patience}
	t.Cleanup(transport.CloseIdleConnections)
	return &browser{http.Client{Transport: transport, Timeout: patience}, t, "http://" + srv.Addr().String()}
}

// A fetched response has its content read.
type fetched struct {
	*http.Response
	content   string
	reused    bool // the connection was not new
	continued bool // a 100 (Continue) came first
}

func (b *browser) fetch(method, path string, content []byte, fields ...string) fetched {
	b.t.Helper()
	f, err := b.try(method, path, content, fields...)
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
	return f
}

func (b *browser) try(method, path string, content []byte, fields ...string) (f fetched, err error) {
	req, err := http.NewRequest(method, b.url+path, bytes.NewReader(content))
	if err != nil {
		return f, err
	}
	for i := 0; i < len(fields); i += 2 {
		req.Header.Set(fields[i], fields[i+1])
	}
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		GotConn:        func(info httptrace.GotConnInfo) { f.reused = info.Reused },
		Got100Continue: func() { f.continued = true },
	}))
	if f.Response, err = b.Do(req); err != nil {
		return f, err
	}
	defer f.Body.Close()
	all, err := io.ReadAll(f.Body)
	f.content = string(all)
	return f, err
}

const roof = 300_000 // MaxContentBytes of these tests

func webServer(t *testing.T) *browser {
	return newBrowser(t, start(t, httpd.Config{MaxContentBytes: roof},
		route("GET", "/", hello),
		route("HEAD", "/", hello),
		route("POST", "/", echo),
		route("GET", "/none", func(w *httpd.Response, _ *httpd.Request) error {
			w.SetStatus(204)
			return w.Send(nil)
		}),
		route("GET", "/html", func(w *httpd.Response, r *httpd.Request) error {
			w.SetType("text/html")
			w.AddHeader("X-Moor", "one")
			w.AddHeader("X-Moor", "two")
			q, _ := r.Query("q")
			agent, _ := r.Header("user-agent")
			return w.SendString(r.Method() + " " + r.Path() + " " + q + " " + agent)
		}),
	))
}

// want wants a status and a content, on the connection of the request before.
func (f fetched) want(t *testing.T, status int, content string) {
	t.Helper()
	if f.StatusCode != status || f.content != content {
		t.Errorf("%d %.80q, want %d %.80q", f.StatusCode, f.content, status, content)
	}
	if !f.reused {
		t.Error("on a new connection")
	}
	if when, err := http.ParseTime(f.Header.Get("Date")); err != nil || time.Since(when).Abs() > time.Minute {
		t.Errorf("Date: %v, %v", when, err)
	}
}

func TestNetHTTPKeepsTheConnection(t *testing.T) {
	b := webServer(t)
	if f := b.fetch("GET", "/", nil); f.reused || f.content != "hello" {
		t.Errorf("the first: %+v", f)
	}
	for range 3 {
		b.fetch("GET", "/", nil).want(t, 200, "hello")
		b.fetch("POST", "/", []byte("content")).want(t, 200, "content")
		b.fetch("GET", "/nowhere", nil).want(t, 404, "Nothing is registered at this path.")
		b.fetch("POST", "/nowhere", []byte(pattern(100_000))).want(t, 404, "Nothing is registered at this path.")
		b.fetch("DELETE", "/", nil).want(t, 405, "This path does not take this method.")
		b.fetch("GET", "/none", nil).want(t, 204, "")
		b.fetch("HEAD", "/", nil).want(t, 200, "")
		f := b.fetch("GET", "/html?p=1&q=a%20b", nil, "User-Agent", "moor")
		f.want(t, 200, "GET /html a%20b moor")
		if f.Header.Get("Content-Type") != "text/html" || len(f.Header.Values("X-Moor")) != 2 {
			t.Errorf("%v", f.Header)
		}
	}
}

func TestNetHTTPHead(t *testing.T) {
	b := webServer(t)
	if f := b.fetch("HEAD", "/", nil); f.ContentLength != int64(len("hello")) {
		t.Errorf("Content-Length %d, want that of GET", f.ContentLength)
	}
	get := b.fetch("GET", "/html", nil)
	if f := b.fetch("HEAD", "/html", nil); f.StatusCode != 200 || f.ContentLength != get.ContentLength+1 {
		t.Errorf("HEAD without a route of its own: %d, Content-Length %d", f.StatusCode, f.ContentLength)
	}
	if f := b.fetch("OPTIONS", "/html", nil); f.StatusCode != 204 || f.Header.Get("Allow") != "GET, HEAD, OPTIONS" {
		t.Errorf("OPTIONS without a route of its own: %d, Allow %q", f.StatusCode, f.Header.Get("Allow"))
	}
}

func TestNetHTTPContent(t *testing.T) {
	b := webServer(t)
	b.fetch("GET", "/", nil)
	for _, n := range []int{1, 1000, 64 << 10, roof - 1, roof} {
		content := pattern(n)
		b.fetch("POST", "/", []byte(content)).want(t, 200, content)
	}
	if f := b.fetch("POST", "/", []byte(pattern(roof+1))); f.StatusCode != 413 || !f.Close {
		t.Errorf("one octet too many: %d, close %v", f.StatusCode, f.Close)
	}
	b.fetch("GET", "/", nil)
}

// The client sends its content when it is told to, and keeps it when it is not.
func TestNetHTTPExpectContinue(t *testing.T) {
	b := webServer(t)
	f := b.fetch("POST", "/", []byte("content"), "Expect", "100-continue")
	if !f.continued || f.content != "content" {
		t.Errorf("continued %v, %q", f.continued, f.content)
	}
	f = b.fetch("POST", "/", []byte(pattern(roof)), "Expect", "100-continue")
	f.want(t, 200, pattern(roof))
	if !f.continued {
		t.Error("not told to continue")
	}
	for path, status := range map[string]int{"/nowhere": 404, "/html": 405} {
		f := b.fetch("POST", path, []byte("content"), "Expect", "100-continue")
		if f.continued || f.StatusCode != status {
			t.Errorf("%s: continued %v, %d, want %d", path, f.continued, f.StatusCode, status)
		}
	}
	if f := b.fetch("POST", "/", []byte(pattern(roof+1)), "Expect", "100-continue"); f.continued || f.StatusCode != 413 {
		t.Errorf("too large: continued %v, %d, want 413", f.continued, f.StatusCode)
	}
	if f := b.fetch("POST", "/", []byte("content"), "Expect", "a miracle"); f.StatusCode != 417 {
		t.Errorf("an unknown expectation: %d, want 417", f.StatusCode)
	}
}

// HTTP/1.0 clients may keep the connection too, if they ask.
func TestHTTP10KeepAlive(t *testing.T) {
	srv := start(t, httpd.Config{}, route("GET", "/", hello))
	c := dial(t, srv)
	for range 3 {
		a := c.do("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200, "hello")
		if !strings.EqualFold(a.header.Get("Connection"), "keep-alive") {
			t.Errorf("Connection: %q", a.header["Connection"])
		}
	}
	c.send("GET / HTTP/1.0\r\n\r\n")
	c.closing(200)
}
