package httpd

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// play does what the script says, word by word, and returns who was purged, in
// order. +A is the connection A, .A a request of it, ~A a touch, -A the begin
// of a request, =A its end.
func (r *rig) play(script string) string {
	r.Helper()
	socks := map[string]*sock{}
	var victims, names []string
	for _, word := range strings.Fields(script) {
		do, name := word[0], word[1:]
		s := socks[name]
		switch do {
		case '+':
			s = r.dial()
			socks[name], names = s, append(names, name)
			r.quiet()
		case '.':
			r.ask(s, get("/hi"))
		case '-':
			r.ask(s, get("/hi")[:9])
		case '=':
			r.ask(s, get("/hi")[9:])
		case '~':
			r.srv.QueueWorkFor(r.id(s), (*Session).Touch)
			r.quiet()
		}
		for _, name := range names {
			if s := socks[name]; s != nil && s.closed {
				victims = append(victims, name)
				socks[name] = nil
			}
		}
	}
	return strings.Join(victims, " ")
}

// TestVictims: the session whose last request is longest ago goes. A connection
// counts as just used when it comes, which is where ESP-IDF differs in the
// second row: it takes A, B and D.
func TestVictims(t *testing.T) {
	for _, c := range []struct{ script, want string }{
		{"+A .A +B .B +C .C", ""},
		{"+A .A +B .B +C .C +D +E +F", "A B C"},
		{"+A .A +B .B +C .C +D .D +E .E +F .F +G", "A B C D"},
		{"+A +B +C +D +E +F +G", "A B C D"}, // of those that are alike the older
		{"+A +B +C .C .B .A +D +E +F", "C B A"},
		{"+A +B +C .A +D", "B"},
		{"+A .A +B .B +C +D .B +E", "A C"},
		{"+A +B +C ~A +D +E +F", "B C A"},
		{"+A .A +B .B +C .C ~A ~B +D", "C"},
		{"+A +B +C -A +D", "B"}, // within a request
		{"+A +B +C -A +D +E +F", "B C D"},
		{"+A +B +C -A =A +D", "B"},
		{"+A +B +C -A .B .C =A +D", "B"}, // it is the end of a request that counts
		{"+A +B +C -A -B -C +D", ""},
		{"+A +B +C -B -C +D +E +F =B =C +G +H +I", "A D E F B C"},
	} {
		t.Run(c.script, func(t *testing.T) {
			r := telling(t, Config{MaxSessions: 3, WhenFull: Purge})
			if got := r.play(c.script); got != c.want {
				t.Errorf("purged %q, want %q", got, c.want)
			}
			n := len(strings.Fields(c.want))
			if r.l.closed[ReasonPurged] != uint64(n) || strings.Count(r.k.logOf("told"), "purged") != n {
				t.Errorf("%d were purged; told %q", r.l.closed[ReasonPurged], r.k.logOf("told"))
			}
			if n := r.l.table.Len(); n != 3 {
				t.Errorf("%d sessions, want 3", n)
			}
			r.k.backlog = nil
			r.finish()
		})
	}
}

// TestPurgeOrder: the victim is gone before the new connection is taken, which
// has its slot, and its context is freed once.
func TestPurgeOrder(t *testing.T) {
	r := telling(t, Config{MaxSessions: 1, WhenFull: Purge})
	s := r.connect()
	r.ask(s, set("A"))
	r.k.log = nil
	next := r.connect()
	r.wantTold(s, ReasonPurged)
	if got, want := r.k.logOf("recv", "close", "free", "accept", "open", "unwatch"),
		"recv 10: nothing, close 10, free A, accept 11, open 11"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := r.ask(next, get("/hi")); got != good("hi") {
		t.Errorf("got %q", got)
	}
	r.finish()
}

// TestNoPurgeInVain: nobody goes while nobody waits.
func TestNoPurgeInVain(t *testing.T) {
	for n := 1; n <= 5; n++ { // that many at once, some in one turn
		r := newRig(t, Config{MaxSessions: 5, WhenFull: Purge})
		var socks []*sock
		for len(socks) < 5 {
			for range n {
				if len(socks) < 5 {
					socks = append(socks, r.dial())
				}
			}
			r.quiet()
		}
		r.pass(time.Second)
		for _, s := range socks {
			r.is(s, stateFresh)
		}
		if listener := r.k.socks[listenFD]; listener.want != wantRead || r.srv.full.Load() {
			t.Errorf("the listener is watched for %d", listener.want)
		}
		r.finish()
	}
}

// TestPurgeInABatch: one goes for each that waits, and what came in the same
// turn as its victims' requests goes after these.
func TestPurgeInABatch(t *testing.T) {
	r := newRig(t, Config{MaxSessions: 3, WhenFull: Purge})
	first := []*sock{r.connect(), r.connect(), r.connect()}
	var second []*sock
	for range 3 {
		second = append(second, r.dial())
	}
	r.quiet()
	for i := range first {
		r.ended(first[i])
		r.is(second[i], stateFresh)
	}
	if n := r.l.closed[ReasonPurged]; n != 3 {
		t.Errorf("%d purged", n)
	}
	r.finish()
}

// TestVictimSpeaks: what waits in the socket of the oldest session is seen
// before it goes.
func TestVictimSpeaks(t *testing.T) {
	for name, c := range map[string]struct {
		says  func(s *sock)
		want  string // what it is told
		ends  bool
		state state
		spare bool // the other one is not taken
	}{
		"nothing":            {func(*sock) {}, "", true, 0, true},
		"nothing, after all": {func(s *sock) { s.again() }, "", true, 0, true},
		"a request":          {func(s *sock) { s.says(get("/hi")) }, good("hi"), false, stateIdle, false},
		"two requests":       {func(s *sock) { s.says(get("/hi") + get("/")) }, good("hi") + good("root"), false, stateIdle, false},
		"half a request":     {func(s *sock) { s.says("GET") }, "", false, stateHead, false},
		"half a content":     {func(s *sock) { s.says(most) }, "", false, stateContent, false},
		"the last request":   {func(s *sock) { s.says(req("GET /hi", "Connection: close")) }, good("hi", "close"), true, 0, true},
		"no request":         {func(s *sock) { s.says("\n") }, fail(400, "close"), false, stateLinger, false},
		"its end":            {func(s *sock) { s.fin() }, "", true, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Config{MaxSessions: 2, WhenFull: Purge, MaxTurnRequests: 1})
			oldest, other := r.connect(), r.connect()
			c.says(oldest)
			next := r.dial()
			r.quiet()
			if got := oldest.took(); got != c.want || oldest.closed != c.ends || other.closed == c.spare {
				t.Errorf("told %q, closed %v, the other closed %v", got, oldest.closed, other.closed)
			}
			if !c.ends {
				r.is(oldest, c.state)
			}
			r.is(next, stateFresh)
			r.finish()
		})
	}
}

// TestOnlyVictimSpeaks: nobody else can go. The session that was just served
// goes a moment later, if it says no more.
func TestOnlyVictimSpeaks(t *testing.T) {
	r := newRig(t, Config{MaxSessions: 1, WhenFull: Purge})
	s := r.connect()
	s.says(get("/hi"))
	next := r.dial()
	r.quiet()
	if got := s.took(); got != good("hi") || s.closed || next.want != 0 {
		t.Errorf("got %q, closed %v, the next is watched for %d", got, s.closed, next.want)
	}
	r.pass(acceptRetry)
	r.ended(s)
	r.is(next, stateFresh)
	r.finish()
}

// TestAllBusy: a session within a request is never a victim. The listener
// rests, is tried again now and then, and takes the connection once a session
// is between two requests, or has ended.
func TestAllBusy(t *testing.T) {
	for _, c := range []struct {
		state state
		free  func(r *rig, s *sock)
		ends  CloseReason
	}{
		{stateHead, func(r *rig, s *sock) { s.says(" /hi HTTP/1.1\r\nHost: a\r\n\r\n") }, ReasonPurged},
		{stateContent, func(r *rig, s *sock) { s.says(rest) }, ReasonPurged},
		{stateDiscard, func(r *rig, s *sock) { s.says("456789") }, ReasonPurged},
		{stateFlush, func(r *rig, s *sock) { s.refusing = false }, ReasonPurged},
		{stateLinger, func(r *rig, s *sock) { s.fin() }, ReasonRefused},
		{stateHead, func(r *rig, s *sock) { s.fin() }, ReasonPeer},
		{stateContent, func(r *rig, s *sock) { r.srv.Close() }, ReasonStop},
	} {
		t.Run(fmt.Sprint(c.state, " ", c.ends), func(t *testing.T) {
			r := newRig(t, Config{MaxSessions: 2, WhenFull: Purge, LingerTimeout: time.Minute})
			s, other := into(r, c.state), into(r, stateHead)
			next := r.dial()
			r.k.log = nil
			r.quiet()
			for range 5 {
				if r.k.timeout != acceptRetry || r.k.socks[listenFD].want != 0 {
					t.Fatalf("the loop waits for %v", r.k.timeout)
				}
				r.pass(acceptRetry - 1)
				if r.k.timeout != 1 {
					t.Fatalf("the loop waits for %v", r.k.timeout)
				}
				r.pass(1)
			}
			if n := strings.Count(r.k.logOf("watch"), "watch 3 r"); n != 5 {
				t.Errorf("the listener was tried %d times in 5 times the pause", n)
			}
			r.is(s, c.state)
			r.is(other, stateHead)
			c.free(r, s)
			r.quiet()
			if now := c.ends != ReasonPurged; s.closed != now { // its end is told, its idleness is not
				t.Errorf("closed: %v", s.closed)
			}
			if c.ends != ReasonStop {
				r.pass(acceptRetry)
				r.is(other, stateHead)
				r.is(next, stateFresh)
			}
			r.ended(s)
			if r.l.closed[c.ends] == 0 {
				t.Errorf("ended by %d", r.l.closed)
			}
			r.finish()
		})
	}
}

// TestInHandIsBusy: a session with requests in hand is not spared for long, but
// not in the middle of them.
func TestInHandIsBusy(t *testing.T) {
	r := newRig(t, Config{MaxSessions: 1, WhenFull: Purge, MaxTurnRequests: 1})
	s := r.connect()
	s.says(strings.Repeat(get("/hi"), 20))
	next := r.dial()
	for range 30 {
		r.k.polls = 0
		r.turn()
		r.k.now += acceptRetry
	}
	if got := s.took(); got != strings.Repeat(good("hi"), 20) || !s.closed {
		t.Errorf("%d octets, closed %v", len(got), s.closed)
	}
	r.quiet()
	r.is(next, stateFresh)
	r.finish()
}

// TestPurgeThenScarce: a connection that cannot be taken costs one session, not
// one a turn.
func TestPurgeThenScarce(t *testing.T) {
	r := newRig(t, Config{MaxSessions: 3, WhenFull: Purge})
	socks := []*sock{r.connect(), r.connect(), r.connect()}
	r.k.backlog = []connection{{o: scarce}}
	r.quiet()
	for range 5 {
		r.pass(acceptRetry)
	}
	if !socks[0].closed || socks[1].closed || socks[2].closed {
		t.Errorf("closed: %v %v %v", socks[0].closed, socks[1].closed, socks[2].closed)
	}
	r.k.backlog = nil
	r.finish()
}

// TestWaitPurgesNobody: the other policy.
func TestWaitPurgesNobody(t *testing.T) {
	r := newRig(t, Config{MaxSessions: 3, HeadTimeout: -1})
	if got := r.play("+A .A +B .B +C .C +D +E ~A +F"); got != "" {
		t.Errorf("purged %q", got)
	}
	r.pass(time.Hour)
	if r.k.timeout >= 0 || len(r.k.backlog) != 3 {
		t.Errorf("the loop waits for %v, %d in the backlog", r.k.timeout, len(r.k.backlog))
	}
	r.k.backlog = nil
	r.finish()

	r = newRig(t, Config{MaxSessions: 1})
	s := r.adopt() // the listener does not know yet that all is full
	r.dial()
	r.quiet()
	r.is(s, stateFresh)
	r.k.backlog = nil
	r.finish()
}

// TestPurgeOnTheLeastLoop: it is the loop that will get the connection, and has
// a session to spare, that ends one.
func TestPurgeOnTheLeastLoop(t *testing.T) {
	for _, c := range []struct {
		sessions int
		victim   int // which of them
		loop     int // where the next one goes
	}{{1, 0, 0}, {2, 0, 0}, {3, 1, 1}, {4, 0, 0}, {5, 1, 1}} {
		t.Run(fmt.Sprint(c.sessions), func(t *testing.T) {
			r := newTwo(t, Config{MaxSessions: c.sessions, WhenFull: Purge})
			var socks []*sock
			for range c.sessions {
				socks = append(socks, r.dial())
				r.turns()
			}
			next := r.dial()
			r.turns()
			for i, s := range socks {
				if s.closed != (i == c.victim) {
					t.Errorf("connection %d of loop %d closed: %v", i, i%2, s.closed)
				}
			}
			if got := r.own(next); got != c.loop {
				t.Errorf("the next went to loop %d, want %d", got, c.loop)
			}
			if n := r.srv.loops[c.loop].closed[ReasonPurged]; n != 1 || r.k.now != time.Hour {
				t.Errorf("loop %d purged %d", c.loop, n)
			}
			r.srv.Stop()
			r.turns()
		})
	}
}

// TestPurgeAsksAllLoops: where the loop that comes first has nobody to spare,
// another is asked.
func TestPurgeAsksAllLoops(t *testing.T) {
	r := newTwo(t, Config{MaxSessions: 2, WhenFull: Purge})
	busy := r.dial()
	r.turns()
	idle := r.dial()
	r.turns()
	busy.says("GET")
	r.turns()
	next := r.dial()
	r.turns()
	for range 3 {
		r.k.now += acceptRetry
		r.turns()
	}
	if busy.closed || !idle.closed || next.want == 0 {
		t.Errorf("busy closed: %v, idle closed: %v, the next is watched for %d", busy.closed, idle.closed, next.want)
	}
	r.srv.Close()
	r.turns()
}

// TestPurgedMeanwhile: the other loop is quicker than this one pauses.
func TestPurgedMeanwhile(t *testing.T) {
	r := newTwo(t, Config{MaxSessions: 3, WhenFull: Purge})
	for range 3 {
		r.dial()
		r.turns()
	}
	next := r.dial()
	r.k.meanwhile = func() { r.k.meanwhile = nil; r.turnOf(1) }
	r.turnOf(0)
	if r.k.meanwhile != nil || r.l2.closed[ReasonPurged] != 1 {
		t.Fatal("nobody went meanwhile")
	}
	r.turns()
	if r.own(next) != 1 {
		t.Error("there is room, and the connection waits")
	}
}
