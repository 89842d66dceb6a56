package sse_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"moor.example/httpd"
	"moor.example/httpd/internal/rig"
	"moor.example/httpd/sse"
)

const patience = rig.Patience

// TestMain fails when the tests leave goroutines or descriptors behind.
func TestMain(m *testing.M) { rig.Main(m) }

// A place is a server with a hub, and with the counts of its sessions' contexts.
type place struct {
	t           *testing.T
	srv         *httpd.Server
	hub         *sse.Hub
	ids         chan httpd.ID // of the sessions in /events, as they begin
	made, freed atomic.Int64  // contexts
	ended       chan error    // what Serve has returned
}

// newPlace serves the hub on /events, with the topics that the query names, and
// something that is no stream on /plain.
func newPlace(t *testing.T, cfg httpd.Config, hub sse.Config) *place {
	t.Helper()
	if cfg.Addr == "" {
		cfg.Addr = "127.0.0.1:0"
	}
	p := &place{t: t, hub: sse.New(hub), ids: make(chan httpd.ID, 2000), ended: make(chan error, 2000)}
	t.Cleanup(func() { // the server has ended before
		if p.made.Load() != p.freed.Load() {
			t.Errorf("%d contexts were made, %d freed", p.made.Load(), p.freed.Load())
		}
	})
	p.srv = rig.Serve(t, cfg, httpd.Route{Method: "GET", Pattern: "/events", Blocking: true, Handler: p.events},
		httpd.Route{Method: "GET", Pattern: "/plain", Handler: func(w *httpd.Response, r *httpd.Request) error { return w.SendString("plain") }})
	return p
}

func (p *place) handle(route httpd.Route) {
	p.t.Helper()
	if err := p.srv.Handle(route); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) events(w *httpd.Response, r *httpd.Request) error {
	if r.Session().Ctx() == nil {
		p.made.Add(1)
		r.Session().SetCtx(p, func(any) { p.freed.Add(1) })
	}
	p.ids <- r.Session().ID()
	var sub sse.Subscription
	if topics, ok := r.Query("topics"); ok {
		sub.Topics = strings.Split(topics, ",")
	}
	err := p.hub.Serve(w, r, sub)
	p.ended <- err
	return err
}

func (p *place) publish(events ...sse.Event) {
	p.t.Helper()
	for _, e := range events {
		if err := p.hub.Publish(e); err != nil {
			p.t.Fatal(err)
		}
	}
}

// until waits for something to become true.
func (p *place) until(what string, is func() bool) {
	p.t.Helper()
	if !rig.Await(is) {
		p.t.Fatalf("waited in vain: %s; %+v", what, p.hub.Stats())
	}
}

// over waits for Serve to return.
func (p *place) over() error {
	p.t.Helper()
	select {
	case err := <-p.ended:
		return err
	case <-time.After(patience):
		p.t.Fatal("Serve does not return")
		return nil
	}
}

// A client is one connection, and what comes on it.
type client struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
	*reader
}

func (p *place) connect() *client {
	p.t.Helper()
	conn := rig.Dial(p.t, p.srv.Addr().Network(), p.srv.Addr().String())
	return &client{t: p.t, conn: conn, r: bufio.NewReader(conn)}
}

// ask makes a request and returns the head of the response. Its body is what
// next reads.
func (c *client) ask(method, target string, fields ...string) *http.Response {
	c.t.Helper()
	fmt.Fprintf(c.conn, "%s %s HTTP/1.1\r\nHost: moor\r\n%s\r\n", method, target, strings.Join(fields, ""))
	resp, err := http.ReadResponse(c.r, &http.Request{Method: method})
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, target, err)
	}
	c.reader = newReader(resp.Body)
	return resp
}

// open subscribes: when it returns, the client gets whatever is published.
func (p *place) open(target string, fields ...string) *client {
	p.t.Helper()
	c := p.connect()
	resp := c.ask("GET", target, fields...)
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" || resp.Header.Get("Cache-Control") != "no-store" {
		p.t.Fatalf("%s: %s, %v", target, resp.Status, resp.Header)
	}
	return c
}

// wants reads events, and wants these, as dispatch.String has them.
func (c *client) wants(want ...string) {
	c.t.Helper()
	for _, w := range want {
		d, err := c.next()
		if err != nil {
			c.t.Fatalf("%v, want %q", err, w)
		}
		if got := d.String(); got != w {
			c.t.Fatalf("%q, want %q", got, w)
		}
	}
}
