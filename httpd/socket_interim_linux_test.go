package httpd_test

import (
	"io"
	"strings"
	"testing"

	"moor.example/httpd"
)

// until reads what the server sends, up to the first end.
func (c *client) until(end string) string {
	c.t.Helper()
	var b strings.Builder
	for !strings.HasSuffix(b.String(), end) {
		o, err := c.r.ReadByte()
		if err != nil {
			c.t.Fatalf("%v after %q, want %q", err, b.String(), end)
		}
		b.WriteByte(o)
	}
	return b.String()
}

// TestInformFromABlockingHandler: what is informational is there while the
// handler goes on.
func TestInformFromABlockingHandler(t *testing.T) {
	seen := make(chan bool)
	srv := start(t, httpd.Config{}, httpd.Route{Method: "GET", Pattern: "/", Blocking: true, Handler: func(w *httpd.Response, _ *httpd.Request) error {
		if err := w.Inform(103, "Link", "</a>"); err != nil {
			return err
		}
		receive(t, "the client has the 103", seen)
		return w.SendString("hello")
	}})
	c := dial(t, srv)
	c.send(get("/"))
	if got, want := c.until("\r\n\r\n"), "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	close(seen)
	c.want(200, "hello")
}

// TestNo100BehindTheAnswer: a handler that has begun to answer and reads then
// gets what the peer sends, which is not asked for it amid the answer.
func TestNo100BehindTheAnswer(t *testing.T) {
	srv := start(t, httpd.Config{}, httpd.Route{Method: "POST", Pattern: "/", Blocking: true, Handler: func(w *httpd.Response, r *httpd.Request) error {
		io.WriteString(w, "got ")
		if err := w.Flush(); err != nil {
			return err
		}
		_, err := io.Copy(w, r)
		return err
	}})
	c := dial(t, srv)
	c.send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
	if got := c.until("got \r\n"); !strings.HasPrefix(got, "HTTP/1.1 200 ") || !strings.HasSuffix(got, "\r\n\r\n4\r\ngot \r\n") {
		t.Errorf("%q", got)
	}
	c.send("abc")
	if got, want := c.until("0\r\n\r\n"), "3\r\nabc\r\n0\r\n\r\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	c.do("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx", 200, "got x")
}

// TestNoContentFlushed: a response that ends with its head has no last chunk.
func TestNoContentFlushed(t *testing.T) {
	srv := start(t, httpd.Config{}, httpd.Route{Method: "GET", Pattern: "/", Blocking: true, Handler: func(w *httpd.Response, r *httpd.Request) error {
		w.SetStatus(304)
		return w.Flush()
	}})
	c := dial(t, srv)
	for range 2 {
		c.do(get("/"), 304, "")
	}
}
