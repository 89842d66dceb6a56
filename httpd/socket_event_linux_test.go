package httpd_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"moor.example/httpd"
	"moor.example/httpd/internal/rig"
)

// A record is what a server has told, in its order.
type record struct {
	mu   sync.Mutex
	told []httpd.Event
}

func (r *record) hear(e httpd.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told = append(r.told, e)
}

// of returns the events of one session.
func (r *record) of(id httpd.ID) (events []httpd.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.told {
		if e.Session == id {
			events = append(events, e)
		}
	}
	return events
}

// TestEventsOfServer: a server begins with EventStart and ends with EventStop,
// when everything is freed; what each session is told of adds up to what its
// client has sent and got.
func TestEventsOfServer(t *testing.T) {
	for _, loops := range []int{1, 3} {
		for name, end := range map[string]func(srv *httpd.Server) error{
			"Shutdown": func(srv *httpd.Server) error { return srv.Shutdown(context.Background()) },
			"Stop":     func(srv *httpd.Server) error { srv.Stop(); return srv.Wait() },
			"Close":    func(srv *httpd.Server) error { srv.Close(); return srv.Wait() },
		} {
			t.Run(fmt.Sprint(name, " of ", loops), func(t *testing.T) {
				var r record
				freed := 0
				srv := start(t, httpd.Config{Loops: loops, Events: r.hear, FreeUserCtx: func(any) {
					r.mu.Lock()
					defer r.mu.Unlock()
					freed = len(r.told)
				}}, route("GET", "/id", func(w *httpd.Response, r *httpd.Request) error { return w.SendString(r.Session().ID().String()) }),
					route("POST", "/echo", echo))
				wire := map[string]int{}
				for range 5 {
					c := dial(t, srv)
					c.send(get("/id") + request("POST", "/echo", "abc") + get("/none"))
					id, all := c.exchanged(3)
					wire[id] = all
				}
				if err := end(srv); err != nil {
					t.Fatal(err)
				}
				n := len(r.told) - 1
				zero := httpd.Event{}.Session
				if first, last := r.told[0], r.told[n]; first != (httpd.Event{Kind: httpd.EventStart}) || last != (httpd.Event{Kind: httpd.EventStop}) {
					t.Errorf("the first event is %v, the last %v", first, last)
				}
				if freed != n || len(r.of(zero)) != 2 {
					t.Errorf("UserCtx was freed behind %d of %d events; %d are of the server", freed, n+1, len(r.of(zero)))
				}
				ids := map[httpd.ID]bool{}
				for _, e := range r.told[1:n] {
					ids[e.Session] = true
				}
				for id := range ids {
					wantTold(t, r.of(id), wire[id.String()])
				}
				if len(ids) != len(wire) {
					t.Errorf("events of %d sessions", len(ids))
				}
			})
		}
	}
}

// exchanged reads n responses. It returns the content of the first one, and how
// many octets there were.
func (c *client) exchanged(n int) (first string, octets int) {
	c.t.Helper()
	count := &counter{from: c.Conn}
	c.r.Reset(count)
	for i := range n {
		a := c.next()
		if i == 0 {
			first = a.content
		}
	}
	return first, count.n
}

type counter struct {
	from io.Reader
	n    int
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.n += n
	return n, err
}

// wantTold wants the events to be those of a GET, a POST of three octets and a
// 404, answered with that many octets.
func wantTold(t *testing.T, events []httpd.Event, octets int) {
	t.Helper()
	count, data, sent := map[httpd.EventKind]int{}, 0, 0
	for _, e := range events {
		count[e.Kind]++
		switch e.Kind {
		case httpd.EventData:
			data += e.Bytes
		case httpd.EventSent:
			sent += e.Bytes
		case httpd.EventError:
			if e.Code != httpd.ErrNotFound {
				t.Errorf("the error is %v", e.Code)
			}
		}
	}
	n := len(events) - 1
	if events[0].Kind != httpd.EventConnected || events[n].Kind != httpd.EventDisconnected {
		t.Errorf("the first event is %v, the last %v", events[0].Kind, events[n].Kind)
	}
	var got []string
	for kind := range httpd.EventStop {
		if kind != httpd.EventData && kind != httpd.EventSent {
			got = append(got, fmt.Sprint(kind, " ", count[kind]))
		}
	}
	want := "error 1, start 0, connected 1, headers 3, headers sent 3, disconnected 1"
	if strings.Join(got, ", ") != want || data != 3 || sent != octets {
		t.Errorf("got %q, %d octets of content and %d sent, want %q, 3 and %d", got, data, sent, want, octets)
	}
}

// TestEventsWithoutServer: of a server that does not start nobody is told.
func TestEventsWithoutServer(t *testing.T) {
	var r record
	srv := start(t, httpd.Config{})
	for _, cfg := range []httpd.Config{{Addr: srv.Addr().String()}, {Addr: "nowhere"}, {Addr: "127.0.0.1:0", Loops: -1}} {
		cfg.Events = r.hear
		if other, err := httpd.Start(cfg); err == nil {
			other.Close()
			t.Errorf("%v started", other.Addr())
		}
	}
	if len(r.told) != 0 {
		t.Errorf("told %v", r.told)
	}
}

// TestEventsAllocateNothing: a function that only counts costs no allocation.
func TestEventsAllocateNothing(t *testing.T) {
	const requests, allowed = 10_000, 10
	var count [httpd.EventStop + 1]atomic.Int64
	srv := serve(t, httpd.Config{Events: func(e httpd.Event) { count[e.Kind].Add(1) }}, route("POST", "/add", add))
	client, wire := newRawClient(t, srv), []byte(request("POST", "/add", "12"))
	if n := mallocs(requests, func() { client.exchange(wire, 1) }); n > allowed {
		t.Errorf("%d allocations for %d requests, at most %d allowed", n, requests, allowed)
	}
	all := count[httpd.EventHeaders].Load() // mallocs makes some first
	if all < requests {
		t.Errorf("%d heads", all)
	}
	for _, kind := range []httpd.EventKind{httpd.EventData, httpd.EventHeadersSent, httpd.EventSent} {
		rig.Eventually(t, fmt.Sprint(kind, " as often as headers"), func() bool { return count[kind].Load() == all })
	}
}
