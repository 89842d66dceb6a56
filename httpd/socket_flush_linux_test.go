package httpd_test

import (
	"context"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"moor.example/httpd"
)

// bigRoutes have a response that no socket takes at once, and one that counts.
func bigRoutes(served *atomic.Int64) []httpd.Route {
	return []httpd.Route{
		route("GET", "/big", func(w *httpd.Response, _ *httpd.Request) error { return w.SendString(big) }),
		route("POST", "/count", func(w *httpd.Response, _ *httpd.Request) error {
			served.Add(1)
			return w.SendString("counted")
		}),
		route("GET", "/", hello),
	}
}

// A peer that does not read holds up nobody but itself: what it sends
// meanwhile stays unread, until its response is gone to the last octet.
func TestPeerThatDoesNotRead(t *testing.T) {
	var served atomic.Int64
	srv := start(t, httpd.Config{}, bigRoutes(&served)...)
	c, other := adopted(t, srv), dial(t, srv)
	c.send(get("/big"))
	if _, err := c.r.Peek(1); err != nil {
		t.Fatal(err)
	}

	piece := request("POST", "/count", pattern(1000))
	sent := stuff(c, piece)
	for range 20 { // each is a turn of the loop
		other.do(get("/"), 200, "hello")
	}
	if n := stuff(c, piece); n > 0 {
		t.Errorf("the server read from a peer that does not: it can send %d octets more", n)
	}
	if n := served.Load(); n > 0 {
		t.Errorf("%d requests were served behind a response that waits", n)
	}
	c.SetWriteDeadline(time.Now().Add(patience))
	c.want(200, big)
	for range sent / len(piece) {
		c.want(200, "counted")
	}
}

// stuff writes piece until the socket takes no more, and returns how many
// octets it took.
func stuff(c *client, piece string) (n int) {
	c.t.Helper()
	for {
		c.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		k, err := io.WriteString(c, piece)
		n += k
		if err != nil {
			return n
		}
	}
}

// Behind output that waits no further request is begun, however many have
// come: what a session may hold is bounded.
func TestOutputIsBounded(t *testing.T) {
	var begun atomic.Int64
	piece := pattern(64 << 10)
	srv := start(t, httpd.Config{}, route("GET", "/", hello), route("GET", "/piece", func(w *httpd.Response, _ *httpd.Request) error {
		begun.Add(1)
		return w.SendString(piece)
	}))
	c, other := adopted(t, srv), dial(t, srv)
	const n = 60 // less than a turn's share
	c.send(strings.Repeat(get("/piece"), n))
	if _, err := c.r.Peek(1); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		other.do(get("/"), 200, "hello")
	}
	if got := begun.Load(); got > n/4 { // the socket holds some 200 KiB
		t.Errorf("%d of %d requests were begun for a peer that does not read", got, n)
	}
	for range n {
		c.want(200, piece)
	}
}

// Small windows, and another session's request between any two reads.
func TestSlowReaderGetsEverything(t *testing.T) {
	var served atomic.Int64
	srv := start(t, httpd.Config{}, bigRoutes(&served)...)
	c, other := dial(t, srv), dial(t, srv)
	if err := c.Conn.(*net.TCPConn).SetReadBuffer(16 << 10); err != nil {
		t.Fatal(err)
	}
	c.send(get("/big") + request("POST", "/count", "x"))
	var got strings.Builder
	for got.Len() < len(big) {
		if _, err := io.CopyN(&got, c.r, 64<<10); err != nil {
			t.Fatal(err)
		}
		other.do(get("/"), 200, "hello")
	}
	head := headOf(got.String())
	rest := make([]byte, len(head)+4+len(big)-got.Len())
	if _, err := io.ReadFull(c.r, rest); err != nil {
		t.Fatal(err)
	}
	if content := got.String()[len(head)+4:] + string(rest); content != big {
		t.Errorf("%d octets that are not the ones sent", len(content))
	}
	c.want(200, "counted")
}

// A response that waits when the server is told to stop, or its session to
// close, is delivered whole, although a later request is still unread: closing
// the socket over that would reset it.
func TestEndBehindAResponseThatWaits(t *testing.T) {
	for name, end := range map[string]func(*httpd.Server, httpd.ID){
		"Stop":         func(srv *httpd.Server, _ httpd.ID) { srv.Stop() },
		"TriggerClose": func(srv *httpd.Server, id httpd.ID) { srv.TriggerClose(id) },
	} {
		t.Run(name, func(t *testing.T) {
			ids := make(chan httpd.ID, 1)
			srv := start(t, httpd.Config{}, route("GET", "/big", func(w *httpd.Response, r *httpd.Request) error {
				ids <- r.Session().ID()
				return w.SendString(big)
			}))
			c := dial(t, srv)
			if err := c.Conn.(*net.TCPConn).SetReadBuffer(16 << 10); err != nil {
				t.Fatal(err)
			}
			c.send(get("/big"))
			id := receive(t, "the handler", ids)
			if _, err := c.r.Peek(1); err != nil { // the first send is over: the rest waits
				t.Fatal(err)
			}
			c.send(get("/unread"))
			done := make(chan struct{})
			end(srv, id)
			if err := srv.QueueWork(func() { close(done) }); err != nil {
				t.Fatal(err)
			}
			receive(t, "the end has begun", done)
			c.want(200, big)
			io.Copy(io.Discard, c.r)
			c.Close()
			if err := srv.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
}

// A peer that takes nothing at all is not waited for for ever. One that takes
// a little again and again is, though it needs twice the time.
func TestSendTimeout(t *testing.T) {
	var l ledger
	srv := start(t, httpd.Config{SendTimeout: 500 * time.Millisecond}, append(l.routes(),
		route("GET", "/big", func(w *httpd.Response, _ *httpd.Request) error { return w.SendString(big) }))...)
	slow, dead := adopted(t, srv), adopted(t, srv)
	dead.do(get("/ctx"), 200, "ctx")
	slow.send(get("/big"))
	dead.send(get("/big"))

	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for range len(big) / (100 << 10) { // 40 pieces: 1 s
		<-tick.C
		if _, err := io.CopyN(io.Discard, slow.r, 100<<10); err != nil {
			t.Fatal(err)
		}
	}
	l.balanced(t, 1)
}
