package httpd_test

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"moor.example/httpd"
)

// count answers with the number of requests that the session has made.
func count(w *httpd.Response, r *httpd.Request) error {
	n, ok := httpd.Ctx[*int](r.Session())
	if !ok {
		n = new(int)
		r.Session().SetCtx(n, nil)
	}
	*n++
	return w.SendString(strings.Repeat("|", *n))
}

var malformed = []struct {
	name, wire string
	status     int
}{
	{"no host", "GET / HTTP/1.1\r\n\r\n", 400},
	{"two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
	{"no method", " / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
	{"binary", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400},
	{"LF in a name", "GET / HTTP/1.1\r\nHo\nst: h\r\n\r\n", 400},
	{"NUL in a value", "GET / HTTP/1.1\r\nHost: h\r\nA: \x00\r\n\r\n", 400},
	{"space before the colon", "GET / HTTP/1.1\r\nHost : h\r\n\r\n", 400},
	{"folded", "GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n", 400},
	{"two lengths", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400},
	{"length and chunked", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
	{"negative length", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", 400},
	{"too many empty lines", strings.Repeat("\r\n", 100), 400},
	{"version 2", "GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505},
	{"long target", "GET /" + strings.Repeat("a", 9000) + " HTTP/1.1\r\nHost: h\r\n\r\n", 414},
	{"long head", "GET / HTTP/1.1\r\nHost: h\r\nA: " + strings.Repeat("a", 17000) + "\r\n\r\n", 431},
	{"many fields", "GET / HTTP/1.1\r\nHost: h\r\n" + strings.Repeat("A: b\r\n", 100) + "\r\n", 431},
	{"too large", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10000000\r\n\r\n", 413},
	{"not chunked at last", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", 400},
	{"unknown coding", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501},
}

// The refusal is the last thing on its connection, and it arrives although
// the server has not read all that the client wrote. Another session does not
// notice.
func TestMalformedGetsOneAnswer(t *testing.T) {
	srv := start(t, httpd.Config{}, route("GET", "/", count))
	other, before := dial(t, srv), 0
	next := func() {
		before++
		other.do(get("/"), 200, strings.Repeat("|", before))
	}
	for _, m := range malformed {
		t.Run(m.name, func(t *testing.T) {
			next()
			c := dial(t, srv)
			c.do(get("/"), 200, "|")
			c.send(m.wire + strings.Repeat("GET / HTTP/1.1\r\nHost: h\r\n\r\n", 512<<10/27))
			next()
			wire, err := io.ReadAll(c.r)
			if err != nil {
				t.Errorf("after %d octets: %v, want the end of the stream", len(wire), err)
			}
			wantRefusal(t, string(wire), m.status)
			next()
		})
	}
}

// wantRefusal wants a wire image to be one error response, complete, that
// ends the connection.
func wantRefusal(t *testing.T, wire string, status int) {
	t.Helper()
	r := strings.NewReader(wire)
	c := &client{t: t, r: bufio.NewReader(r)}
	a := c.next()
	if a.status != status || !a.close || a.content == "" {
		t.Errorf("%+v, want %d and Connection: close", a, status)
	}
	if rest, _ := io.ReadAll(c.r); len(rest) > 0 {
		t.Errorf("behind the response: %.80q", rest)
	}
	if a.header.Get("Date") == "" || a.header.Get("Content-Length") == "" {
		t.Errorf("the response's head is %q", headOf(wire))
	}
}

// What a handler could not answer is the engine's to answer.
func TestHandlerMistakes(t *testing.T) {
	second := make(chan error, 2)
	srv := start(t, httpd.Config{},
		route("GET", "/nothing", func(*httpd.Response, *httpd.Request) error { return nil }),
		route("GET", "/twice", func(w *httpd.Response, _ *httpd.Request) error {
			w.SendString("one")
			second <- w.SendString("two")
			return nil
		}),
		route("GET", "/header", func(w *httpd.Response, _ *httpd.Request) error {
			w.AddHeader("X-Split", "a\r\nSet-Cookie: b")
			return w.SendString("never")
		}),
		route("GET", "/length", func(w *httpd.Response, _ *httpd.Request) error {
			w.AddHeader("content-length", "0")
			return w.SendString("never")
		}),
		route("GET", "/status", func(w *httpd.Response, _ *httpd.Request) error {
			w.SetStatus(99)
			return w.SendString("never")
		}),
	)
	for path, status := range map[string]int{"/nothing": 500, "/header": 500, "/length": 500, "/status": 500} {
		c := dial(t, srv)
		c.send(get(path))
		a := c.next()
		if a.status != status || !a.close || a.header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %+v", path, a)
		}
		c.wantEnd()
	}
	c := dial(t, srv)
	c.do(get("/twice"), 200, "one")
	c.do(get("/twice"), 200, "one")
	if err := receive(t, "the second Send", second); !errors.Is(err, httpd.ErrSent) {
		t.Errorf("the second Send: %v, want ErrSent", err)
	}
}

// The engine's words for an error may be replaced, its head may be added to.
func TestSendErr(t *testing.T) {
	srv := start(t, httpd.Config{},
		route("GET", "/own", func(w *httpd.Response, _ *httpd.Request) error {
			w.AddHeader("Retry-After", "7")
			w.SetType("text/html")
			return w.SendErr(httpd.ErrServiceUnavailable, "busy")
		}),
		route("GET", "/engine", func(w *httpd.Response, _ *httpd.Request) error {
			return w.SendErr(httpd.ErrForbidden, "")
		}),
	)
	c := dial(t, srv)
	a := c.do(get("/own"), 503, "busy")
	if a.close || a.header.Get("Retry-After") != "7" || a.header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("%+v", a)
	}
	c.send(get("/engine"))
	if a := c.next(); a.status != http.StatusForbidden || a.content == "" || a.close {
		t.Errorf("%+v", a)
	}
}
