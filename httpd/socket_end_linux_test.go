package httpd_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"moor.example/httpd"
	"moor.example/httpd/internal/rig"
)

var errFate = errors.New("the handler ends the session")

// An end is a way in which a session that has a context comes to its end.
type end struct {
	name string
	cfg  httpd.Config
	made int64 // contexts, if not one
	run  func(t *testing.T, srv *httpd.Server, c *client)
}

func (e end) contexts() int64 { return max(1, e.made) }

var big = pattern(4 << 20)

// endRoutes are what the ends ask for, beside the ledger's own routes.
func endRoutes(l *ledger, srv *httpd.Server) []httpd.Route {
	return append(l.routes(),
		route("GET", "/big", func(w *httpd.Response, r *httpd.Request) error { return w.SendString(big) }),
		route("GET", "/fail", func(w *httpd.Response, r *httpd.Request) error {
			w.SendString("failed")
			return errFate
		}),
		route("GET", "/silent", func(*httpd.Response, *httpd.Request) error { return errFate }),
		route("GET", "/replaceandfail", func(w *httpd.Response, r *httpd.Request) error {
			l.open(r.Session())
			return errFate
		}),
		route("GET", "/clear", func(w *httpd.Response, r *httpd.Request) error {
			r.Session().SetCtx(nil, nil)
			return w.SendString("cleared")
		}),
		route("GET", "/trigger", func(w *httpd.Response, r *httpd.Request) error {
			srv.TriggerClose(r.Session().ID())
			srv.TriggerClose(r.Session().ID())
			return w.SendString("triggered")
		}),
		route("POST", "/echo", echo),
	)
}

// closing wants a last response, announced as such, and the end, and closes
// in turn.
func (c *client) closing(status int) {
	c.t.Helper()
	if a := c.next(); a.status != status || !a.close {
		c.t.Errorf("the last response: %d, Connection %q, want %d, close", a.status, a.header["Connection"], status)
	}
	c.wantEnd()
	c.Close()
}

var ends = []end{
	{name: "client FIN", run: func(t *testing.T, srv *httpd.Server, c *client) { c.Close() }},
	{name: "client RST", run: func(t *testing.T, srv *httpd.Server, c *client) { c.reset() }},
	{name: "half-close", run: func(t *testing.T, srv *httpd.Server, c *client) {
		c.send(strings.Repeat(get("/ctx"), 30))
		c.halfClose()
		for range 30 {
			c.want(200, "ctx")
		}
		c.wantEnd()
	}},
	{name: "FIN within a head", run: func(t *testing.T, srv *httpd.Server, c *client) {
		c.send("GET /ctx HTTP/1.1\r\nHo")
		c.halfClose()
		c.wantEnd()
	}},
	{name: "FIN within content", run: func(t *testing.T, srv *httpd.Server, c *client) {
		c.send(strings.TrimSuffix(request("POST", "/echo", "12345"), "5"))
		c.halfClose()
		c.wantEnd()
	}},
	{name: "Connection: close", run: func(t *testing.T, srv *httpd.Server, c *client) {
		c.send("GET /ctx HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
		c.closing(200)
	}},
	{name: "HTTP/1.0", run: func(t *testing.T, srv *httpd.Server, c *client) {
		c.send("GET /ctx HTTP/1.0\r\n\r\n")
		c.closing(200)
	}},
	{name: "handler error", run: func(t *testing.T, srv *httpd.Server, c *client) {
		c.send(get("/fail"))
		c.closing(200)
	}},
	{name: "handler error without an answer", run: func(t *testing.T, srv *httpd.Server, c *client) {
		c.send(get("/silent"))
		c.closing(500)
	}},
	{name: "replaced, then handler error", made: 2, run: func(t *testing.T, srv *httpd.Server, c *client) {
		c.send(get("/replaceandfail"))
		c.closing(500)
	}},
	{name: "replaced ten times", made: 11, run: func(t *testing.T, srv *httpd.Server, c *client) {
		for range 10 {
			c.do(get("/replace"), 200, "replaced")
		}
		c.Close()
	}},
	{name: "cleared", run: func(t *testing.T, srv *httpd.Server, c *client) {
		c.do(get("/clear"), 200, "cleared")
		c.do(get("/clear"), 200, "cleared")
	}},
	{name: "protocol error", run: func(t *testing.T, srv *httpd.Server, c *client) {
		c.send("GET /ctx HTTP/1.1\r\n\r\n")
		c.closing(400)
	}},
	{name: "LingerTimeout", cfg: httpd.Config{LingerTimeout: short}, run: func(t *testing.T, srv *httpd.Server, c *client) {
		c.send("GET /ctx HTTP/1.1\r\n\r\n")
		if a := c.next(); a.status != 400 || !a.close {
			t.Errorf("%+v", a)
		}
		c.wantEnd() // and then it stays
	}},
	{name: "content too large", cfg: httpd.Config{MaxContentBytes: 100}, run: func(t *testing.T, srv *httpd.Server, c *client) {
		c.send(request("POST", "/echo", pattern(101)))
		c.closing(413)
	}},
	{name: "TriggerClose", run: func(t *testing.T, srv *httpd.Server, c *client) {
		c.do(get("/trigger"), 200, "triggered")
		c.wantEnd()
	}},
	{name: "Shutdown", run: func(t *testing.T, srv *httpd.Server, c *client) {
		if err := srv.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		c.wantEnd()
	}},
	{name: "Close, then Wait", run: func(t *testing.T, srv *httpd.Server, c *client) {
		srv.Close()
		if err := srv.Wait(); err != nil {
			t.Error(err)
		}
		c.wantEnd()
	}},
	{name: "HeadTimeout", cfg: httpd.Config{HeadTimeout: short}, run: func(t *testing.T, srv *httpd.Server, c *client) {
		c.send("GET /ctx HT")
		c.closing(408)
	}},
	{name: "ContentTimeout", cfg: httpd.Config{ContentTimeout: short}, run: func(t *testing.T, srv *httpd.Server, c *client) {
		c.send(strings.TrimSuffix(request("POST", "/echo", "12345"), "5"))
		c.closing(408)
	}},
	{name: "IdleTimeout", cfg: httpd.Config{IdleTimeout: short}, run: func(t *testing.T, srv *httpd.Server, c *client) {
		c.wantEnd()
	}},
	{name: "SendTimeout", cfg: httpd.Config{SendTimeout: short}, run: func(t *testing.T, srv *httpd.Server, c *client) {
		c.send(get("/big") + get("/big") + get("/big") + get("/big"))
	}},
	{name: "RST during output", run: func(t *testing.T, srv *httpd.Server, c *client) {
		c.send(get("/big") + get("/big") + get("/big") + get("/big"))
		if _, err := c.r.Peek(1); err != nil {
			t.Error(err)
		}
		c.reset()
	}},
	{name: "Close during output", run: func(t *testing.T, srv *httpd.Server, c *client) {
		c.send(get("/big") + get("/big") + get("/big") + get("/big"))
		if _, err := c.r.Peek(1); err != nil {
			t.Error(err)
		}
		srv.Close()
	}},
}

const short = 30 * time.Millisecond

func TestFreedExactlyOnce(t *testing.T) {
	for _, e := range ends {
		t.Run(e.name, func(t *testing.T) {
			var l ledger
			srv := start(t, e.cfg)
			for _, r := range endRoutes(&l, srv) {
				srv.Handle(r)
			}
			c := dial(t, srv)
			c.do(get("/ctx"), 200, "ctx")
			e.run(t, srv, c)
			l.balanced(t, e.contexts())
			srv.Close()
			srv.Wait()
			l.exact(t, e.contexts())
		})
	}
}

// A context that another one has replaced is freed when the handler is done,
// not when the session ends.
func TestReplacedContextIsFreedAtOnce(t *testing.T) {
	var l ledger
	srv := start(t, httpd.Config{}, l.routes()...)
	c := dial(t, srv)
	c.do(get("/ctx"), 200, "ctx")
	c.do(get("/replace"), 200, "replaced")
	rig.Eventually(t, "the first context is freed", func() bool { return l.freed.Load() == 1 })
	c.do(get("/ctx"), 200, "ctx")
	if made, freed := l.made.Load(), l.freed.Load(); made != 2 || freed != 1 {
		t.Errorf("%d contexts made, %d freed, want 2 and 1", made, freed)
	}
	c.Close()
	l.balanced(t, 2)
}

// The peer need not wait for the free function.
func TestSocketClosesBeforeFree(t *testing.T) {
	ended, freed := make(chan bool), make(chan bool, 1)
	srv := start(t, httpd.Config{}, route("GET", "/", func(w *httpd.Response, r *httpd.Request) error {
		r.Session().SetCtx(new(int), func(any) {
			select {
			case <-ended:
				freed <- true
			case <-time.After(patience):
				freed <- false
			}
		})
		w.SendString("")
		return errFate
	}))
	c := dial(t, srv)
	c.send(get("/"))
	c.closing(200)
	close(ended)
	if !receive(t, "the context is freed", freed) {
		t.Error("the free function ran before the peer saw the end")
	}
}

// 200 connections come and go in all ways at once.
func TestFreedExactlyOnceUnderFire(t *testing.T) {
	const (
		clients = 200
		workers = 16
		seed    = 20261123
	)
	for _, loops := range []int{1, 3} {
		var l ledger
		srv := start(t, httpd.Config{Loops: loops, MaxSessions: 24, HeadTimeout: short, ContentTimeout: short, IdleTimeout: short})
		for _, r := range endRoutes(&l, srv) {
			srv.Handle(r)
		}
		jobs := make(chan uint64)
		var group sync.WaitGroup
		for range workers {
			group.Go(func() {
				for n := range jobs {
					fire(t, srv, rand.New(rand.NewPCG(seed, n)))
				}
			})
		}
		for n := range uint64(clients) {
			jobs <- n
		}
		close(jobs)
		group.Wait()
		if err := srv.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if l.made.Load() < clients/2 {
			t.Errorf("%d contexts for %d clients: too few to mean something", l.made.Load(), clients)
		}
		l.exact(t, l.made.Load())
	}
}

// fire makes some requests and ends the connection in some way. Errors are
// what it is for: another end may have come first.
func fire(t *testing.T, srv *httpd.Server, rnd *rand.Rand) {
	c := dial(t, srv)
	defer c.Close()
	for range rnd.IntN(5) {
		io.WriteString(c, get([]string{"/ctx", "/replace", "/ctx", "/clear", "/nowhere"}[rnd.IntN(5)]))
		if rnd.IntN(3) > 0 {
			c.read()
		}
	}
	last := []string{
		get("/fail"), get("/silent"), get("/replaceandfail"), get("/trigger"), get("/big"), get("/ctx"),
		"GET / HTTP/1.1\r\n\r\n", "GET /ctx HTTP/1.1\r\nHo", strings.TrimSuffix(request("POST", "/echo", "12345"), "5"),
		"GET /ctx HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "",
	}
	io.WriteString(c, last[rnd.IntN(len(last))])
	switch rnd.IntN(4) {
	case 0:
		c.reset()
	case 1:
		c.Conn.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, c)
	case 2:
		c.read()
	}
}
