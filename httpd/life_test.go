package httpd

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// set is a request that sets contexts: see rig.set.
func set(query string) string { return get("/set?" + query) }

// A fate is a way in which a session comes to its end.
type fate struct {
	name string
	do   func(r *rig, s *sock) // with context A set
	want string                // what was done with the descriptor and the contexts
	why  CloseReason
}

func fates() []fate {
	const closeThenFree = "close, free A"
	return []fate{
		{"the peer ends, idle", func(r *rig, s *sock) { s.fin() }, closeThenFree, ReasonPeer},
		{"the peer ends in a head", func(r *rig, s *sock) { s.says("GET"); s.fin() }, closeThenFree, ReasonPeer},
		{"the peer ends in content", func(r *rig, s *sock) { s.says(most); s.fin() }, closeThenFree, ReasonPeer},
		{"the peer ends in content to be dropped", func(r *rig, s *sock) {
			s.says(req("POST /x", "Content-Length: 9"))
			s.fin()
		}, closeThenFree, ReasonPeer},
		{"the peer ends behind its last request", func(r *rig, s *sock) { s.says(get("/hi")); s.fin() }, closeThenFree, ReasonPeer},
		{"the peer resets, idle", func(r *rig, s *sock) { s.reset() }, closeThenFree, ReasonPeer},
		{"the peer resets in a head", func(r *rig, s *sock) { r.ask(s, "GET"); s.reset() }, closeThenFree, ReasonPeer},
		{"the peer resets in content", func(r *rig, s *sock) { r.ask(s, most); s.reset() }, closeThenFree, ReasonPeer},
		{"the peer resets before the answer", func(r *rig, s *sock) { s.says(get("/hi")); s.reset() }, closeThenFree, ReasonPeer},
		{"the peer resets with output waiting", func(r *rig, s *sock) {
			s.refusing = true
			r.ask(s, get("/hi"), "GET")
			s.in = nil
			s.reset()
		}, closeThenFree, ReasonPeer},
		{"recv breaks", func(r *rig, s *sock) { s.breaks() }, closeThenFree, ReasonBroken},
		{"send breaks", func(r *rig, s *sock) { s.sendFails = broken; s.says(get("/hi")) }, closeThenFree, ReasonBroken},
		{"send has no memory", func(r *rig, s *sock) { s.sendFails = scarce; s.says(get("/hi")) }, closeThenFree, ReasonBroken},
		{"send breaks with input in hand", func(r *rig, s *sock) { s.sendFails = broken; s.says(get("/hi") + "GET") }, closeThenFree, ReasonBroken},
		{"send breaks between requests in hand", func(r *rig, s *sock) {
			s.sendFails = broken
			s.says(strings.Repeat(get("/long"), 10))
		}, closeThenFree, ReasonBroken},
		{"send breaks after a refusal", func(r *rig, s *sock) {
			s.refusing = true
			r.ask(s, get("/hi"))
			s.refusing, s.sendFails = false, broken
		}, closeThenFree, ReasonBroken},

		{"close", func(r *rig, s *sock) { s.says(req("GET /hi", "Connection: close")) }, closeThenFree, ReasonServed},
		{"close with content on its way that nobody wants", func(r *rig, s *sock) {
			s.says(req("POST /x", "Connection: close", "Content-Length: 9"))
			s.fin()
		}, "shutdown, close, free A", ReasonServed},
		{"a refused request", func(r *rig, s *sock) { s.says("\n"); s.fin() }, "shutdown, close, free A", ReasonRefused},
		{"a refused request, then a reset", func(r *rig, s *sock) { r.ask(s, "\n"); s.reset() }, "shutdown, close, free A", ReasonRefused},
		{"a refused request, then silence", func(r *rig, s *sock) { r.ask(s, "\n"); r.pass(time.Second) }, "shutdown, close, free A", ReasonRefused},

		{"a handler fails", func(r *rig, s *sock) { s.says(get("/fail")) }, closeThenFree, ReasonHandler},
		{"a handler replaces and fails", func(r *rig, s *sock) { s.says(set("B&fail")) }, "returned, free A, close, free B", ReasonHandler},
		{"a handler replaces", func(r *rig, s *sock) { s.says(set("B")); s.fin() }, "returned, free A, close, free B", ReasonPeer},
		{"a handler replaces twice", func(r *rig, s *sock) { s.says(set("B&C")); s.fin() }, "free B, returned, free A, close, free C", ReasonPeer},
		{"two handlers replace", func(r *rig, s *sock) { s.says(set("B") + set("C")); s.fin() },
			"returned, free A, returned, free B, close, free C", ReasonPeer},
		{"a handler replaces by none", func(r *rig, s *sock) { s.says(set("-")); s.fin() }, "returned, free A, close", ReasonPeer},
		{"a handler replaces by none, then by one", func(r *rig, s *sock) { s.says(set("-&B")); s.fin() }, "returned, free A, close, free B", ReasonPeer},
		{"a handler sets the same", func(r *rig, s *sock) { s.says(set("A")); s.fin() }, "returned, close, free A", ReasonPeer},
		{"a handler replaces and takes back", func(r *rig, s *sock) { s.says(set("B&A")); s.fin() }, "free B, returned, close, free A", ReasonPeer},
		{"a handler replaces, its answer is lost", func(r *rig, s *sock) { s.sendFails = closed; s.says(set("B")) },
			"returned, free A, close, free B", ReasonPeer},

		{"Stop", func(r *rig, s *sock) { r.srv.Stop() }, closeThenFree, ReasonStop},
		{"Close", func(r *rig, s *sock) { r.srv.Close() }, closeThenFree, ReasonStop},
		{"Stop, then Close", func(r *rig, s *sock) { r.srv.Stop(); r.srv.Close() }, closeThenFree, ReasonStop},
		{"Stop with a request waiting in the socket", func(r *rig, s *sock) {
			r.srv.QueueWork(func() { s.says(get("/hi")) }) // runs in the turn that stops, before that
			r.srv.Stop()
		}, closeThenFree, ReasonServed},
		{"Stop with half a request waiting in the socket", func(r *rig, s *sock) {
			r.srv.QueueWork(func() { s.says("GET") })
			r.srv.Stop()
			r.quiet()
			r.is(s, stateHead)
			r.ask(s, " /hi HTTP/1.1\r\nHost: a\r\n\r\n")
		}, closeThenFree, ReasonServed},
		{"Stop with an empty line waiting in the socket", func(r *rig, s *sock) {
			r.srv.QueueWork(func() { s.says("\r\n") })
			r.srv.Stop()
		}, closeThenFree, ReasonStop},
		{"Stop with output waiting", func(r *rig, s *sock) {
			s.refusing = true
			r.ask(s, get("/hi"))
			r.srv.Stop()
			r.quiet()
			r.is(s, stateFlush)
			s.refusing = false
		}, closeThenFree, ReasonStop},
		{"Stop with output waiting and a request unread", func(r *rig, s *sock) {
			s.refusing = true
			r.ask(s, get("/hi"))
			r.srv.Stop()
			r.quiet()
			s.says(get("/hi"))
			s.refusing = false
			r.quiet()
			s.fin()
		}, "shutdown, close, free A", ReasonStop},
		{"Stop in a head", func(r *rig, s *sock) { r.ask(s, "GET"); r.srv.Stop(); r.ask(s, " /hi HTTP/1.0\r\n\r\n") }, closeThenFree, ReasonServed},
		{"Close in a head", func(r *rig, s *sock) { r.ask(s, "GET"); r.srv.Close() }, closeThenFree, ReasonStop},
		{"Close in content", func(r *rig, s *sock) { r.ask(s, most); r.srv.Close() }, closeThenFree, ReasonStop},
		{"Close with output waiting", func(r *rig, s *sock) { s.refusing = true; r.ask(s, get("/hi")); r.srv.Close() }, closeThenFree, ReasonStop},
		{"Close while it lingers", func(r *rig, s *sock) { r.ask(s, "\n"); r.srv.Close() }, "shutdown, close, free A", ReasonStop},
		{"TriggerClose", func(r *rig, s *sock) { r.srv.TriggerClose(r.id(s)) }, closeThenFree, ReasonTrigger},
		{"TriggerClose twice", func(r *rig, s *sock) { r.srv.TriggerClose(r.id(s)); r.srv.TriggerClose(r.id(s)) }, closeThenFree, ReasonTrigger},
		{"TriggerClose in a head", func(r *rig, s *sock) { r.ask(s, "GET"); r.srv.TriggerClose(r.id(s)); r.quiet(); s.fin() },
			"shutdown, close, free A", ReasonTrigger},
		{"TriggerClose in content to be dropped", func(r *rig, s *sock) {
			r.ask(s, req("POST /x", "Content-Length: 9"))
			r.srv.TriggerClose(r.id(s))
			r.quiet()
			s.fin()
		}, "shutdown, close, free A", ReasonTrigger},
		{"TriggerClose with output waiting", func(r *rig, s *sock) {
			s.refusing = true
			r.ask(s, get("/hi"))
			r.srv.TriggerClose(r.id(s))
			r.quiet()
			r.is(s, stateFlush)
			s.refusing = false
		}, closeThenFree, ReasonTrigger},
		{"TriggerClose with output waiting and a request unread", func(r *rig, s *sock) {
			s.refusing = true
			r.ask(s, get("/hi"))
			r.srv.TriggerClose(r.id(s))
			r.quiet()
			s.says(get("/hi"))
			s.refusing = false
			r.quiet()
			s.fin()
		}, "shutdown, close, free A", ReasonTrigger},
		{"TriggerClose while it lingers", func(r *rig, s *sock) {
			r.ask(s, "\n")
			r.srv.TriggerClose(r.id(s))
			r.quiet()
			s.fin()
		}, "shutdown, close, free A", ReasonRefused},

		{"purged", func(r *rig, s *sock) {
			for range r.srv.cfg.MaxSessions {
				r.dial()
			}
		}, closeThenFree, ReasonPurged},
		{"too long idle", func(r *rig, s *sock) { r.pass(time.Minute) }, closeThenFree, ReasonExpired},
		{"too long in a head", func(r *rig, s *sock) { r.ask(s, "GET"); r.pass(10 * time.Second); s.fin() },
			"shutdown, close, free A", ReasonExpired},
		{"too long in content", func(r *rig, s *sock) { r.ask(s, most); r.pass(10 * time.Second); s.fin() },
			"shutdown, close, free A", ReasonExpired},
		{"too long in content to be dropped", func(r *rig, s *sock) {
			r.ask(s, req("POST /x", "Content-Length: 9"))
			r.pass(10 * time.Second)
		}, closeThenFree, ReasonExpired},
		{"too long with output waiting", func(r *rig, s *sock) {
			s.refusing = true
			r.ask(s, get("/hi"))
			r.pass(10 * time.Second)
		}, closeThenFree, ReasonExpired},
		{"Watch fails", func(r *rig, s *sock) { s.unwatched, s.refusing = true, true; s.says(get("/hi")) }, closeThenFree, ReasonBroken},
	}
}

// fateConfig is what the fates need of a server.
func fateConfig() Config {
	return Config{IdleTimeout: time.Minute, MaxOutputBytes: 512, WhenFull: Purge}
}

// meets lets the fate come to a session with context A.
func (f fate) meets(r *rig) *sock {
	r.Helper()
	s := r.connect()
	r.ask(s, set("A"))
	r.k.log = nil
	f.do(r, s)
	r.quiet()
	r.ended(s)
	return s
}

// TestContexts ends sessions in every way there is. The context is freed
// once, and after the socket is closed.
func TestContexts(t *testing.T) {
	for _, c := range fates() {
		t.Run(c.name, func(t *testing.T) {
			r := telling(t, fateConfig())
			s := c.meets(r)
			if got := r.k.life(); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			r.wantTold(s, c.why)
			if r.l.closed[c.why] != 1 {
				t.Errorf("sessions ended by reason: %d, want one of reason %d", r.l.closed, c.why)
			}
			r.finish()
		})
	}
}

// life is what the log has of descriptors and contexts.
func (k *script) life() string {
	var entries []string
	for _, e := range strings.Split(k.logOf("shutdown", "unwatch", "close", "free", "returned"), ", ") {
		if word, _, _ := strings.Cut(e, " "); word != "free" {
			e = word
		}
		entries = append(entries, e)
	}
	return strings.Join(entries, ", ")
}

// TestAdoptedIsUnwatched: a socket that may live on under another descriptor
// would go on raising events after close(2).
func TestAdoptedIsUnwatched(t *testing.T) {
	r := newRig(t, Config{})
	s := r.adopt()
	if got := r.ask(s, set("A")); got != good("A") {
		t.Errorf("got %q", got)
	}
	s.fin()
	r.quiet()
	if got := r.k.life(); got != "returned, unwatch, close, free A" {
		t.Errorf("got %q", got)
	}
	r.finish()
}

// TestOrder: the sessions are in the order of their last request, whatever
// came of it.
func TestOrder(t *testing.T) {
	r := newRig(t, Config{})
	a, b, c := r.connect(), r.connect(), r.connect()
	for _, step := range []struct {
		s    *sock
		in   string
		want []int
	}{
		{a, get("/hi"), []int{b.fd, c.fd, a.fd}},
		{b, "GET", []int{b.fd, c.fd, a.fd}},
		{c, get("/x"), []int{b.fd, a.fd, c.fd}},
		{b, get("/hi")[3:], []int{a.fd, c.fd, b.fd}},
	} {
		r.ask(step.s, step.in)
		var got []int
		for s := range r.l.table.Oldest() {
			got = append(got, s.FD())
		}
		if !slices.Equal(got, step.want) {
			t.Errorf("after %q of %d: %d, want %d", step.in, step.s.fd, got, step.want)
		}
	}
	r.finish()
}

// TestFreeMaySpeak: a free function runs when its session's name finds
// nothing any more that could be hurt.
func TestFreeMaySpeak(t *testing.T) {
	r := newRig(t, Config{})
	var id ID
	freed := 0
	r.handle("GET", "/speak", func(w *Response, req *Request) error {
		id = req.Session().ID()
		req.Session().SetCtx(new(int), func(any) {
			freed++
			r.srv.TriggerClose(id)
			if err := r.srv.QueueWork(func() {}); err != nil {
				t.Errorf("QueueWork: %v", err)
			}
		})
		return w.SendString("ok")
	})
	s := r.connect()
	r.ask(s, get("/speak"))
	s.fin()
	r.quiet()
	r.ended(s)
	if next := r.connect(); r.ask(next, get("/hi")) != good("hi") {
		t.Error("the next session in the slot is hurt")
	}
	if freed != 1 {
		t.Errorf("freed %d times", freed)
	}
	r.finish()
}

// TestUnwatchedAtAccept: a connection that cannot be watched is closed, once.
func TestUnwatchedAtAccept(t *testing.T) {
	r := newRig(t, Config{})
	s := r.dial()
	s.unwatched = true
	r.quiet()
	r.ended(s)
	if got := r.k.logOf("close", "free"); got != "close 10" {
		t.Errorf("got %q", got)
	}
	r.finish()
}

// TestNames: a name outlives its session and finds nothing then, whoever is in
// the slot (ESP-IDF's issue 19103).
func TestNames(t *testing.T) {
	r := newRig(t, Config{MaxSessions: 1})
	old := r.connect()
	id := r.id(old)
	old.fin()
	r.srv.TriggerClose(id) // on its way when the session ends by itself
	r.turn()
	r.ended(old)
	s := r.connect()
	if r.id(s).name.Slot != id.name.Slot || r.id(s) == id {
		t.Fatalf("the new session is %v, after %v", r.id(s), id)
	}
	for range 3 {
		r.srv.TriggerClose(id)
		r.quiet()
	}
	r.srv.TriggerClose(ID{})
	r.k.extra = []event{{id.name, wantRead | wantWrite}}
	s.again()
	if got := r.ask(s, get("/hi")); got != good("hi") {
		t.Errorf("got %q", got)
	}
	r.is(s, stateIdle)

	// Both names at once: the older does not hide the newer, nor end it.
	r.srv.TriggerClose(id)
	r.srv.TriggerClose(r.id(s))
	r.srv.TriggerClose(id)
	if n := len(r.l.work.todo.triggers); n != 1 {
		t.Errorf("%d entries for one slot", n)
	}
	r.quiet()
	r.ended(s)
	r.finish()
}

// TestStaleInOneTurn: a connection is accepted into the slot of a session that
// ended earlier in the same turn, and the old one's event comes after that.
func TestStaleInOneTurn(t *testing.T) {
	r := newRig(t, Config{MaxSessions: 2})
	old := r.connect()
	name := old.name
	old.fin()
	s := r.dial()
	s.says("GET")
	r.k.extra = []event{{name, wantRead}, {nameListen, wantRead}, {name, wantRead}, {name, wantWrite}}
	r.turn()
	r.ended(old)
	if s.name.Slot != name.Slot {
		t.Fatalf("the new session is %v, after %v", s.name, name)
	}
	if got := r.k.logOf("recv"); got != "recv 10: 2" {
		t.Errorf("got %q: an old event reached the new session", got)
	}
	r.quiet()
	r.is(s, stateHead)
	r.finish()
}

// TestTriggerList: the list has one entry per slot however often it is asked.
func TestTriggerList(t *testing.T) {
	r := newRig(t, Config{MaxSessions: 4})
	socks := []*sock{r.connect(), r.connect(), r.connect()}
	for range 1000 {
		for _, s := range socks[:2] {
			r.srv.TriggerClose(r.id(s))
		}
	}
	if n := len(r.l.work.todo.triggers); n != 2 {
		t.Errorf("%d entries, want 2", n)
	}
	r.quiet()
	r.ended(socks[0])
	r.ended(socks[1])
	r.is(socks[2], stateFresh)
	r.srv.TriggerClose(r.id(socks[2])) // the places are free again
	r.quiet()
	r.ended(socks[2])
	r.finish()
}

// TestTriggerFromHandler: the request that is being served is answered first,
// and those behind it are not served.
func TestTriggerFromHandler(t *testing.T) {
	r := newRig(t, Config{MaxTurnRequests: 2})
	r.handle("GET", "/end", func(w *Response, req *Request) error {
		r.srv.TriggerClose(req.Session().ID())
		return w.SendString("last")
	})
	s := r.connect()
	if got := r.ask(s, get("/hi")+get("/end")); got != good("hi")+good("last") {
		t.Errorf("got %q", got)
	}
	r.ended(s)

	s = r.connect() // three more than its share: they are in hand when it ends
	got := r.ask(s, get("/end")+strings.Repeat(get("/hi"), 6))
	if got != good("last")+strings.Repeat(good("hi"), 3) {
		t.Errorf("got %q", got)
	}
	r.is(s, stateLinger)
	if got := r.k.logOf("shutdown"); got != "shutdown 11" {
		t.Errorf("got %q", got)
	}
	r.finish()
}
