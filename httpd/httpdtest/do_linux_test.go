package httpdtest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"moor.example/httpd"
	"moor.example/httpd/httpdtest"
)

// unsized has no length that net/http knows.
func unsized(s string) io.Reader { return struct{ io.Reader }{strings.NewReader(s)} }

func request(t *testing.T, method, target string, body io.Reader, fields ...string) *http.Request {
	t.Helper()
	req, err := http.NewRequest(method, target, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(fields); i += 2 {
		req.Header.Add(fields[i], fields[i+1])
	}
	return req
}

// What is sent is what the request has, and no more.
func TestRequests(t *testing.T) {
	trailed := httptest.NewRequest("POST", "/t", unsized("abc"))
	trailed.Trailer = http.Header{"Sum": {"x y"}}
	closing := httptest.NewRequest("GET", "/", nil)
	closing.Close = true
	bare := httptest.NewRequest("GET", "/bare", nil)
	bare.Header = nil

	srv := httpdtest.New(t, httpd.Config{Match: httpd.MatchWildcard}, route("", "/*", seen))
	session := open(t, srv)
	for _, row := range []struct {
		req  *http.Request
		want string
	}{
		{httptest.NewRequest("GET", "/a/../b?c=%20&d", nil), "GET /a/../b?c=%20&d HTTP/1.1\nHost: example.com\n\n"},
		{httptest.NewRequest("GET", "http://moor:80/x", nil), "GET /x HTTP/1.1\nHost: moor:80\n\n"},
		{request(t, "GET", "/x", nil, "A", "1", "b", "", "A", "2"), "GET /x HTTP/1.1\nHost: example.com\nA: 1\nA: 2\nB: \n\n"},
		{request(t, "GET", "http://moor", nil, "User-Agent", "me"), "GET / HTTP/1.1\nHost: moor\nUser-Agent: me\n\n"},
		{request(t, "PUT", "/", strings.NewReader("abc")), "PUT / HTTP/1.1\nHost: example.com\nContent-Length: 3\n\nabc"},
		{request(t, "POST", "/", http.NoBody), "POST / HTTP/1.1\nHost: example.com\nContent-Length: 0\n\n"},
		{httptest.NewRequest("POST", "/", bytes.NewReader([]byte("\x00\xff"))), "POST / HTTP/1.1\nHost: example.com\nContent-Length: 2\n\n\x00\xff"},
		{httptest.NewRequest("PATCH", "/c", unsized("abc")), "PATCH /c HTTP/1.1\nHost: example.com\nTransfer-Encoding: chunked\n\nabc"},
		{request(t, "GET", "/c", unsized("abc")), "GET /c HTTP/1.1\nHost: example.com\nTransfer-Encoding: chunked\n\nabc"},
		{trailed, "POST /t HTTP/1.1\nHost: example.com\nTransfer-Encoding: chunked\nTrailer: Sum\n\nabc\nSum: x y"},
		{bare, "GET /bare HTTP/1.1\nHost: example.com\n\n"},
		{closing, "GET / HTTP/1.1\nHost: example.com\nConnection: close\n\n"},
	} {
		says(t, session.Do, row.req, 200, row.want)
	}
	if err := session.Close(); err != nil {
		t.Error(err)
	}
	says(t, srv.Do, httptest.NewRequest("OPTIONS", "*", nil), 204, "")
}

// What the handler writes is what there is, whatever its framing.
func TestResponses(t *testing.T) {
	long := strings.Repeat("0123456789", 100_000)
	srv := httpdtest.New(t, httpd.Config{},
		route("GET", "/long", func(w *httpd.Response, r *httpd.Request) error {
			w.AddTrailer("Sum", "x")
			_, err := io.WriteString(w, long)
			return err
		}),
		route("GET", "/hints", func(w *httpd.Response, r *httpd.Request) error {
			return errors.Join(w.Inform(103, "Link", "</a>"), w.Inform(102), w.SendString("done"))
		}),
		route("GET", "/none", func(w *httpd.Response, r *httpd.Request) error {
			w.SetStatus(204)
			return w.Send(nil)
		}),
		route("GET", "/old", func(w *httpd.Response, r *httpd.Request) error {
			return errors.Join(w.SendRaw([]byte("HTTP/1.0 200 OK\r\n\r\nto the end")), errors.New("end"))
		}))
	s := open(t, srv)
	resp := says(t, s.Do, httptest.NewRequest("GET", "/long", nil), 200, long)
	if resp.Trailer.Get("Sum") != "x" || len(resp.TransferEncoding) != 1 {
		t.Errorf("trailers %v, coding %v", resp.Trailer, resp.TransferEncoding)
	}
	resp = says(t, s.Do, httptest.NewRequest("HEAD", "/none", nil), 204, "")
	if resp.Request.Method != "HEAD" {
		t.Errorf("the response is to %v", resp.Request)
	}

	var hints []string
	traced := httptest.NewRequest("GET", "/hints", nil)
	traced = traced.WithContext(httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, fields textproto.MIMEHeader) error {
			hints = append(hints, fmt.Sprint(code, fields))
			return nil
		},
	}))
	says(t, s.Do, traced, 200, "done")
	if got := fmt.Sprint(hints); got != "[103 map[Link:[</a>]] 102 map[]]" {
		t.Errorf("informational: %s", got)
	}
	resp = says(t, s.Do, httptest.NewRequest("HEAD", "/hints", nil), 200, "")
	if resp.ContentLength != 4 {
		t.Errorf("HEAD: the length is %d", resp.ContentLength)
	}
	says(t, s.Do, httptest.NewRequest("GET", "/old", nil), 200, "to the end")
	if _, err := s.Do(httptest.NewRequest("GET", "/none", nil)); err == nil {
		t.Error("the session has ended, and answers")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// The content is sent when the server wants it.
func TestExpect(t *testing.T) {
	srv := httpdtest.New(t, httpd.Config{MaxContentBytes: 10}, route("POST", "/", seen))
	asked := 0
	for _, row := range []struct {
		target, content string
		status          int
		asked           int
		read            bool
	}{
		{"/", "abc", 200, 1, true},
		{"/no", "abc", 404, 0, false},
		{"/", "more than ten octets", 413, 0, false},
	} {
		content := &counted{Reader: strings.NewReader(row.content)}
		req := request(t, "POST", row.target, content, "Expect", "100-continue")
		req.ContentLength = int64(len(row.content))
		asked = 0
		req = req.WithContext(httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
			Got1xxResponse: func(code int, fields textproto.MIMEHeader) error { asked++; return nil },
		}))
		resp, err := srv.Do(req)
		if err != nil || resp.StatusCode != row.status || asked != row.asked || (content.octets > 0) != row.read {
			t.Errorf("%s: %v, %v, asked %d times, read %d octets", row.target, resp, err, asked, content.octets)
		}
	}
}

type counted struct {
	io.Reader
	octets int
}

func (c *counted) Read(p []byte) (n int, err error) {
	n, err = c.Reader.Read(p)
	c.octets += n
	return n, err
}

// A response that comes before all of the content leaves the session usable.
func TestEarlyResponse(t *testing.T) {
	srv := httpdtest.New(t, httpd.Config{}, route("POST", "/", seen))
	s := open(t, srv)
	for range 20 {
		says(t, s.Do, httptest.NewRequest("POST", "/no", unsized(strings.Repeat("0123456789", 50_000))), 404, "Nothing is registered at this path.")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// What a request does wrong is its own error, and nothing waits for it.
func TestBrokenRequests(t *testing.T) {
	srv := httpdtest.New(t, httpd.Config{}, route("POST", "/", seen))
	broken := errors.New("no more octets")
	short := httptest.NewRequest("POST", "/", unsized("abc"))
	short.ContentLength = 10
	canceled, cancel := context.WithCancelCause(t.Context())
	half, _ := io.Pipe()
	time.AfterFunc(10*time.Millisecond, func() { cancel(broken) })
	for name, row := range map[string]struct {
		req  *http.Request
		want string
	}{
		"body":   {httptest.NewRequest("POST", "/", io.MultiReader(strings.NewReader("abc"), failing{broken})), broken.Error()},
		"length": {short, "ContentLength=10 with Body length 3"},
		"url":    {&http.Request{Method: "GET"}, "no URL"},
		"cancel": {httptest.NewRequest("POST", "/", half).WithContext(canceled), broken.Error()},
	} {
		s := open(t, srv)
		resp, err := s.Do(row.req)
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, %v, want %q", name, resp, err, row.want)
		}
		if err := s.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// Stream returns while the handler still writes.
func TestStream(t *testing.T) {
	next, gone := make(chan string, 1), make(chan bool)
	srv := httpdtest.New(t, httpd.Config{}, httpd.Route{Pattern: "/", Blocking: true, Handler: func(w *httpd.Response, r *httpd.Request) error {
		for {
			select {
			case piece := <-next:
				if piece == "end" {
					return nil
				}
				io.WriteString(w, piece)
				if err := w.Flush(); err != nil {
					return err
				}
			case <-r.Context().Done():
				close(gone)
				return nil
			}
		}
	}})
	s := open(t, srv)
	next <- "first"
	resp, err := s.Stream(httptest.NewRequest("GET", "/", nil))
	if err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 100)
	for _, want := range []string{"first", "second"} {
		if n, err := resp.Body.Read(p); string(p[:n]) != want || err != nil {
			t.Fatalf("%q, %v, want %q", p[:n], err, want)
		}
		if want == "first" {
			next <- "second"
		}
	}
	next <- "end"
	if rest, err := io.ReadAll(resp.Body); len(rest) > 0 || err != nil {
		t.Fatalf("%q, %v", rest, err)
	}
	next <- "again"
	if resp, err = s.Stream(httptest.NewRequest("GET", "/", nil)); err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	<-gone
	if _, err := resp.Body.Read(p); err == nil || err == io.EOF {
		t.Errorf("a closed body says %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
