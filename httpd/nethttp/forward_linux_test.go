package nethttp_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"moor.example/httpd"
	"moor.example/httpd/internal/rig"
	"moor.example/httpd/nethttp"
)

// got waits for a value.
func got[T any](t testing.TB, what string, from <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-time.After(patience):
		t.Fatalf("not within %v: %s", patience, what)
	}
	return v
}

// TestSessionOf: handlers of net/http have a context in the connection, which is
// freed with it, also behind handlers that change the request.
func TestSessionOf(t *testing.T) {
	freed := make(chan int, 1)
	count := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := nethttp.Session(r.Context())
		n, ok := httpd.Ctx[*int](s)
		if !ok {
			n = new(int)
			s.SetCtx(n, func(any) { freed <- *n })
		}
		*n++
		fmt.Fprint(w, *n, s.Requests())
	})
	srv := moored(t, httpd.Config{}, http.TimeoutHandler(http.StripPrefix("/a", count), patience, ""))
	conn := connect(t, srv.Addr().String())
	r := bufio.NewReader(conn)
	for i := 1; i <= 3; i++ {
		io.WriteString(conn, "GET /a/b HTTP/1.1\r\nHost: moor\r\n\r\n")
		if m := hear(r, "GET", false)[0]; m.content != fmt.Sprint(i, i) {
			t.Errorf("request %d is told %q", i, m.content)
		}
	}
	conn.Close()
	if n := got(t, "the context is freed", freed); n != 3 {
		t.Errorf("freed with %d", n)
	}
	if s := nethttp.Session(t.Context()); s != nil {
		t.Errorf("%v without a request", s)
	}
}

// TestValuesOfMoor: what a Middleware of moor says is there for the handler.
func TestValuesOfMoor(t *testing.T) {
	type key struct{}
	use := func(h httpd.Handler) httpd.Handler {
		return func(w *httpd.Response, r *httpd.Request) error {
			r.SetContext(context.WithValue(r.Context(), key{}, "of moor"))
			return h(w, r)
		}
	}
	srv := moored(t, httpd.Config{Use: []httpd.Middleware{use}}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Context().Value(key{}))
	}))
	if _, content, err := fetch(t, browser(t), ask(t, "GET", "http://"+srv.Addr().String(), nil)); content != "of moor" {
		t.Errorf("%q, %v", content, err)
	}
}

// TestContinue: who waits to be asked for the content is asked when the handler
// reads, and only then.
func TestContinue(t *testing.T) {
	reads := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/read" {
			content, err := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%s %v", content, err)
		}
	})
	onBoth(t, reads, func(t *testing.T, addr string) {
		for path, asked := range map[string]string{"/read": "HTTP/1.1 100 Continue\r\n\r\n", "/leave": ""} {
			conn := connect(t, addr)
			r := bufio.NewReader(conn)
			fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: moor\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n", path)
			head := make([]byte, len(asked))
			if _, err := io.ReadFull(r, head); err != nil || string(head) != asked {
				t.Errorf("%s: %q, %v", path, head, err)
			}
			want := ""
			if asked != "" {
				io.WriteString(conn, "abc")
				want = "abc <nil>"
			}
			resp, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatal(err)
			}
			content, err := io.ReadAll(resp.Body)
			if string(content) != want || err != nil || resp.Close != (asked == "") {
				t.Errorf("%s: %q, %v, close %v", path, content, err, resp.Close)
			}
		}
	})
}

// TestDeadlines: a handler need not wait for a peer that neither says anything
// nor takes what it is told.
func TestDeadlines(t *testing.T) {
	errs := make(chan error, 2)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		if err := c.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
			errs <- err
		}
		_, err := io.ReadAll(r.Body)
		errs <- err
		if err := c.SetWriteDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
			errs <- err
		}
		for err = nil; err == nil; {
			_, err = io.WriteString(w, bulk(1<<20))
		}
		errs <- err
	})
	onBoth(t, h, func(t *testing.T, addr string) {
		conn := connect(t, addr)
		io.WriteString(conn, "POST / HTTP/1.1\r\nHost: moor\r\nContent-Length: 3\r\n\r\nab")
		for _, what := range []string{"Read", "Write"} {
			if err := got(t, what, errs); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s returned %v", what, err)
			}
		}
	})
}

// TestFlushes: what is flushed is with the client while the handler goes on.
func TestFlushes(t *testing.T) {
	next := make(chan bool)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for range 3 {
			io.WriteString(w, "piece")
			w.(http.Flusher).Flush()
			<-next
		}
	})
	onBoth(t, h, func(t *testing.T, addr string) {
		resp, err := browser(t).Do(ask(t, "GET", "http://"+addr, nil))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		for range 3 {
			b := make([]byte, 5)
			if _, err := io.ReadFull(resp.Body, b); err != nil {
				t.Fatal(err)
			}
			next <- true
		}
		if rest, err := io.ReadAll(resp.Body); len(rest) > 0 || err != nil {
			t.Errorf("%q, %v behind it", rest, err)
		}
	})
}

// TestBodyOutlivesNothing: a goroutine that still reads the body ends when the
// body is closed, and when the handler has returned.
func TestBodyOutlivesNothing(t *testing.T) {
	errs := make(chan error, 1)
	srv := moored(t, httpd.Config{}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength == 0 {
			return
		}
		b, reading := make([]byte, 1), make(chan bool)
		io.ReadFull(r.Body, b)
		go func() {
			close(reading)
			_, err := r.Body.Read(b)
			errs <- err
		}()
		<-reading
		if r.URL.Path == "/close" {
			r.Body.Close()
		}
	}))
	for _, path := range []string{"/close", "/return"} {
		conn := connect(t, srv.Addr().String())
		r := bufio.NewReader(conn)
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: moor\r\nContent-Length: 2\r\n\r\na", path)
		if m := hear(r, "POST", false)[0]; m.status != 200 {
			t.Errorf("%s: %v", path, m)
		}
		if err := got(t, "the end of Read", errs); err != http.ErrBodyReadAfterClose {
			t.Errorf("%s: Read returned %v", path, err)
		}
		io.WriteString(conn, "bGET / HTTP/1.1\r\nHost: moor\r\n\r\n")
		if m := hear(r, "GET", false)[0]; m.status != 200 {
			t.Errorf("behind %s: %v", path, m)
		}
	}
}

// TestHandlerFails: a panic is logged with the stack of the handler, and a head
// that cannot be sent is answered 500. Neither is more than its session's end.
func TestHandlerFails(t *testing.T) {
	var log bytes.Buffer
	srv := moored(t, httpd.Config{Logger: slog.New(slog.NewTextHandler(&log, nil)), MaxResponseHeaders: 3}, http.HandlerFunc(misbehaves))
	for path, want := range map[string]int{"/panic": 500, "/fields": 500, "/upgrade": 500, "/fine": 200} {
		conn := connect(t, srv.Addr().String())
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: moor\r\n\r\n", path)
		m := hear(bufio.NewReader(conn), "GET", false)[0]
		if m.status != want || m.closes != (want == 500) {
			t.Errorf("%s: %v", path, m)
		}
	}
	srv.Close()
	srv.Wait()
	if !strings.Contains(log.String(), "nethttp_test.misbehaves") || !strings.Contains(log.String(), "no manners") {
		t.Errorf("the log has %s", &log)
	}
}

func misbehaves(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/panic":
		panic("no manners")
	case "/fields":
		for i := range 4 {
			w.Header().Set(fmt.Sprint("X-", i), "1")
		}
	case "/upgrade":
		w.WriteHeader(http.StatusSwitchingProtocols)
	}
}

// TestOnTheLoop: a handler that does not wait may run on the loop.
func TestOnTheLoop(t *testing.T) {
	srv := moored(t, httpd.Config{}, http.NotFoundHandler())
	srv.UnhandleAll("/*")
	srv.Handle(httpd.Route{Pattern: "/*", Handler: nethttp.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, err := io.ReadAll(r.Body)
		c := http.NewResponseController(w)
		_, _, hijack := c.Hijack()
		w.Header().Set("Trailer", "X-End")
		fmt.Fprintf(w, "%s %d %v %v", content, r.ContentLength, r.TransferEncoding, r.Trailer)
		w.Header().Set("X-End", fmt.Sprint(err, errors.Is(hijack, errors.ErrUnsupported), errors.Is(c.SetReadDeadline(time.Time{}), errors.ErrUnsupported)))
	}))})
	conn := connect(t, srv.Addr().String())
	io.WriteString(conn, "POST / HTTP/1.1\r\nHost: moor\r\nTransfer-Encoding: chunked\r\nTrailer: X-A\r\n\r\n3\r\nabc\r\n0\r\nX-A: 1\r\n\r\n")
	m := hear(bufio.NewReader(conn), "POST", false)[0]
	if m.content != "abc -1 [chunked] map[X-A:[1]]" || m.trailer.Get("X-End") != "<nil> true true" {
		t.Errorf("%v", m)
	}
}

// TestHijack: a handler takes the connection, with what the client has said
// already. A head that it has set is sent, one that is on its way is in the way.
func TestHijack(t *testing.T) {
	errs := make(chan error, 4)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/head":
			w.Header().Set("Upgrade", "echo")
			w.Header().Set("Connection", "Upgrade")
			w.WriteHeader(http.StatusSwitchingProtocols)
		case "/flushed":
			w.(http.Flusher).Flush()
		}
		conn, rw, err := http.NewResponseController(w).Hijack()
		if errs <- err; err != nil {
			return
		}
		defer conn.Close()
		_, err = w.Write([]byte("late"))
		errs <- err
		_, _, err = w.(http.Hijacker).Hijack()
		errs <- err
		echo(conn, rw)
	})
	srv := moored(t, httpd.Config{}, h)
	for path, head := range map[string]string{"/": "", "/head": "HTTP/1.1 101 Switching Protocols\r\n"} {
		conn := connect(t, srv.Addr().String())
		r := bufio.NewReader(conn)
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: moor\r\n\r\nfirst\n", path)
		if head != "" {
			m, err := http.ReadResponse(r, nil)
			if err != nil || m.StatusCode != 101 || m.Header.Get("Upgrade") != "echo" || m.Header.Get("Date") == "" {
				t.Errorf("%v, %v", m, err)
			}
		}
		for _, line := range []string{"first\n", "then\n", ""} {
			if line == "then\n" {
				io.WriteString(conn, line)
			} else if line == "" {
				conn.(*net.TCPConn).CloseWrite()
			}
			if said, _ := r.ReadString('\n'); said != line {
				t.Errorf("%s: %q, want %q", path, said, line)
			}
		}
		for _, want := range []error{nil, http.ErrHijacked, http.ErrHijacked} {
			if err := got(t, "the handler", errs); err != want {
				t.Errorf("%s: %v, want %v", path, err, want)
			}
		}
	}
	if _, _, err := fetch(t, browser(t), ask(t, "GET", "http://"+srv.Addr().String()+"/flushed", nil)); err != nil {
		t.Error(err)
	}
	if err := got(t, "the handler", errs); err != httpd.ErrHijack {
		t.Errorf("behind a flush: %v", err)
	}
	rig.Eventually(t, "the sessions are gone but one", func() bool { return len(srv.Sessions()) <= 1 })
}

// echo sends lines back.
func echo(conn net.Conn, rw *bufio.ReadWriter) {
	for {
		line, err := rw.ReadString('\n')
		if err != nil {
			return
		}
		rw.WriteString(line)
		if rw.Flush() != nil {
			return
		}
	}
}
