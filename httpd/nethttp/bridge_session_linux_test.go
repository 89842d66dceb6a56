package nethttp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"moor.example/httpd"
	"moor.example/httpd/httpdtest"
	"moor.example/httpd/internal/rig"
	"moor.example/httpd/nethttp"
)

// An adder counts what becomes of the contexts of its sessions.
type adder struct{ begun, freed atomic.Int64 }

func (a *adder) add(w *httpd.Response, r *httpd.Request) error {
	n, err := strconv.Atoi(string(r.Content()))
	if err != nil {
		return errors.Join(w.SendErr(httpd.ErrBadRequest, "no number"), err)
	}
	sum, ok := httpd.Ctx[*int](r.Session())
	if !ok {
		sum = new(int)
		a.begun.Add(1)
		r.Session().SetCtx(sum, func(any) { a.freed.Add(1) })
	}
	*sum += n
	return w.SendString(strconv.Itoa(*sum))
}

func (a *adder) counts(t *testing.T, begun, freed int64) {
	t.Helper()
	rig.Eventually(t, fmt.Sprintf("%d contexts are freed, not %d", a.freed.Load(), freed), func() bool { return a.freed.Load() == freed })
	if a.begun.Load() != begun {
		t.Fatalf("%d contexts begun, want %d", a.begun.Load(), begun)
	}
}

// Each connection has a sum, which is freed once, when the connection has closed.
func TestAdder(t *testing.T) {
	var a adder
	srv := httpdtest.New(t, httpd.Config{Loops: 2}, route("POST", "/", a.add))
	hs := front(t, srv.Server, hooked)
	first, second := dial(t, hs), dial(t, hs)
	for i := range 50 {
		first.ask("POST", "/", "1", 200, strconv.Itoa(i+1))
		second.ask("POST", "/", "2", 200, strconv.Itoa(2*i+2))
	}
	if n := len(srv.Sessions()); n != 2 {
		t.Errorf("there are %d sessions", n)
	}
	a.counts(t, 2, 0)
	first.Close()
	a.counts(t, 2, 1)
	second.ask("POST", "/", "-100", 200, "0")

	// An error ends the session, and so the connection.
	if resp := second.ask("POST", "/", "x", 400, "no number"); !resp.Close {
		t.Error("the response does not say that the connection ends")
	}
	second.ended()
	a.counts(t, 2, 2)
	rig.Eventually(t, "no session is left", func() bool { return len(srv.Sessions()) == 0 })

	third := dial(t, hs)
	third.ask("POST", "/", "7", 200, "7")
	hs.CloseClientConnections()
	third.ended()
	a.counts(t, 3, 3)
}

// Many connections at once keep their sums apart.
func TestAdders(t *testing.T) {
	var a adder
	srv := httpdtest.New(t, httpd.Config{Loops: 2}, route("POST", "/", a.add))
	hs := front(t, srv.Server, hooked)
	var group sync.WaitGroup
	for i := range 20 {
		c := dial(t, hs)
		group.Go(func() {
			for n := range 50 {
				fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: moor\r\nContent-Length: 2\r\n\r\n%02d", i)
				resp, err := http.ReadResponse(c.r, nil)
				var sum []byte
				if err == nil {
					sum, err = io.ReadAll(resp.Body)
				}
				if err != nil || string(sum) != strconv.Itoa(i*(n+1)) {
					t.Errorf("connection %d has %q, %v after %d times", i, sum, err, n+1)
					return
				}
			}
			c.Close()
		})
	}
	group.Wait()
	a.counts(t, 20, 20)
}

// Without the hooks each request has a session of its own.
func TestHookless(t *testing.T) {
	var a adder
	srv := httpdtest.New(t, httpd.Config{}, route("POST", "/", a.add))
	c := dial(t, front(t, srv.Server, hookless))
	for i := range 5 {
		c.ask("POST", "/", "3", 200, "3")
		a.counts(t, int64(i+1), int64(i+1))
	}
}

// A session that ends by itself does not end the connection: the next request has
// another one.
func TestNextSession(t *testing.T) {
	var a adder
	srv := httpdtest.New(t, httpd.Config{}, route("POST", "/", a.add))
	c := dial(t, front(t, srv.Server, hooked))
	for i := range 5 {
		c.ask("POST", "/", "3", 200, "3")
		c.ask("POST", "/", "3", 200, "6")
		srv.TriggerClose(srv.Sessions()[0])
		a.counts(t, int64(i+1), int64(i+1))
	}
	c.ask("POST", "/", "4", 200, "4")
	c.Close()
	a.counts(t, 6, 6)
}

// A session that ends in the middle of a response, or without one, ends the
// connection as moor would.
func TestCut(t *testing.T) {
	srv := httpdtest.New(t, httpd.Config{},
		route("GET", "/cut", func(w *httpd.Response, r *httpd.Request) error {
			return errors.Join(w.SendRaw([]byte("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut")), errors.New("end"))
		}),
		route("GET", "/mute", func(w *httpd.Response, r *httpd.Request) error {
			return errors.Join(w.SendRaw(nil), errors.New("end"))
		}))
	hs := front(t, srv.Server, hooked)
	c := dial(t, hs)
	c.send("GET /mute HTTP/1.1\r\nHost: moor\r\n\r\n")
	c.ended()
	c = dial(t, hs)
	c.send("GET /cut HTTP/1.1\r\nHost: moor\r\n\r\n")
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil || resp.ContentLength != 9 {
		t.Fatalf("%v, %v", resp, err)
	}
	p := make([]byte, 20)
	if n, _ := resp.Body.Read(p); string(p[:n]) != "cut" {
		t.Errorf("the content begins with %q", p[:n])
	}
	c.ended()
}

// What a server has no room for is answered 503, and the connection lives.
func TestNoSession(t *testing.T) {
	var a adder
	srv := httpdtest.New(t, httpd.Config{MaxSessions: 1}, route("POST", "/", a.add))
	hs := front(t, srv.Server, hooked)
	first, second := dial(t, hs), dial(t, hs)
	first.ask("POST", "/", "1", 200, "1")
	for range 3 {
		second.ask("POST", "/", "1", 503, "The server has no room for this request now.\n")
	}
	first.Close()
	rig.Eventually(t, "the place is free", func() bool {
		fmt.Fprint(second, "POST / HTTP/1.1\r\nHost: moor\r\nContent-Length: 1\r\n\r\n5")
		resp, err := http.ReadResponse(second.r, nil)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fscanln(resp.Body, new(string))
		resp.Body.Close()
		return resp.StatusCode == 200
	})
	srv.Close()
	srv.Wait()
	second.ask("POST", "/", "1", 503, "The server has no room for this request now.\n")
}

// Wrap keeps the hooks that are there, and several bridges keep their sessions
// apart.
func TestWrap(t *testing.T) {
	var a, b adder
	one := httpdtest.New(t, httpd.Config{}, route("POST", "/a", a.add))
	two := httpdtest.New(t, httpd.Config{}, route("POST", "/b", b.add))
	var states atomic.Int64
	type key struct{}
	other := nethttp.NewBridge(two.Server)
	hs := front(t, one.Server, func(bridge *nethttp.Bridge, hs *http.Server) {
		hs.ConnContext = func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, key{}, "kept") }
		hs.ConnState = func(c net.Conn, state http.ConnState) {
			if state == http.StateClosed {
				states.Add(1)
			}
		}
		bridge.Wrap(hs)
		other.Wrap(hs)
		mux := http.NewServeMux()
		mux.Handle("/a", bridge)
		mux.Handle("/b", other)
		mux.HandleFunc("/own", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Context().Value(key{})) })
		hs.Handler = mux
	})
	c := dial(t, hs)
	for i := range 3 {
		c.ask("POST", "/a", "1", 200, strconv.Itoa(i+1))
		c.ask("POST", "/b", "2", 200, strconv.Itoa(2*i+2))
		c.ask("GET", "/own", "", 200, "kept")
	}
	c.Close()
	a.counts(t, 1, 1)
	b.counts(t, 1, 1)
	rig.Eventually(t, "the hook is told of the end", func() bool { return states.Load() == 1 })
}

// A handler that takes the connection over ends the session.
func TestTaken(t *testing.T) {
	var a adder
	srv := httpdtest.New(t, httpd.Config{}, route("POST", "/", a.add))
	taken := make(chan net.Conn, 1)
	hs := front(t, srv.Server, func(b *nethttp.Bridge, hs *http.Server) {
		b.Wrap(hs)
		hs.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/take" {
				b.ServeHTTP(w, r)
				return
			}
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
			}
			taken <- conn
		})
	})
	c := dial(t, hs)
	c.ask("POST", "/", "1", 200, "1")
	c.send("GET /take HTTP/1.1\r\nHost: moor\r\n\r\n")
	defer (<-taken).Close()
	a.counts(t, 1, 1)
}

// HTTP/2 requests of one connection share its session, and take turns.
func TestHTTP2(t *testing.T) {
	var a adder
	srv := httpdtest.New(t, httpd.Config{}, route("POST", "/", a.add))
	hs := secure(t, srv.Server)
	var group sync.WaitGroup
	var sum atomic.Int64
	for range 20 {
		group.Go(func() {
			n, err := post(hs.Client(), hs.URL, "1")
			if err != nil {
				t.Error(err)
			}
			sum.Add(int64(n))
		})
	}
	group.Wait()
	if sum.Load() != 20*21/2 {
		t.Errorf("the sums of one session are %d in all", sum.Load())
	}
	hs.Client().CloseIdleConnections()
	a.counts(t, 1, 1)
}
