package httpd

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"moor.example/httpd/sess"
)

// TestQueueWorkFor: a function gets the session that it is for, or nil.
func TestQueueWorkFor(t *testing.T) {
	r := newRig(t, Config{MaxSessions: 2, MaxWork: 8})
	old := r.connect()
	past := r.id(old)
	old.fin()
	r.quiet()
	a, b := r.connect(), r.connect()
	b.fin() // it ends in the turn that would do its work
	got := map[string]int{}
	for name, id := range map[string]ID{
		"alive":          r.id(a),
		"about to end":   r.id(b),
		"past":           past,
		"none":           {},
		"slot unused":    {0, sess.Name{Slot: 1000, Gen: 1}},
		"listener":       {0, nameListen},
		"no such loop":   {7, a.name},
		"another's loop": {1, a.name},
	} {
		if err := r.srv.QueueWorkFor(id, func(s *Session) {
			got[name]--
			if s != nil {
				got[name] = s.FD()
			}
			if s != nil && s.ID() != id {
				t.Errorf("%s: got the session %v, not %v", name, s.ID(), id)
			}
		}); err != nil {
			t.Error(err)
		}
	}
	if err := r.srv.QueueWorkFor(r.id(a), func(*Session) { t.Error("ran") }); err != ErrQueueFull {
		t.Errorf("one too many: %v", err)
	}
	r.quiet()
	for name, n := range got {
		if want := map[string]int{"alive": a.fd}[name]; n != want && (want != 0 || n != -1) {
			t.Errorf("%s: got %d", name, n)
		}
	}
	if len(got) != 8 {
		t.Errorf("%d functions ran", len(got))
	}
	r.finish()
}

// TestQueueWorkForEachLoop: the loop that runs a function is its session's, or
// the first one.
func TestQueueWorkForEachLoop(t *testing.T) {
	r := newTwo(t, Config{})
	for range 4 {
		r.dial()
		r.turns()
	}
	var ran []ID
	ids := append(r.srv.Sessions(), ID{})
	for _, id := range ids {
		if err := r.srv.QueueWorkFor(id, func(s *Session) {
			if s == nil {
				ran = append(ran, ID{})
			} else {
				ran = append(ran, s.ID())
			}
		}); err != nil {
			t.Error(err)
		}
	}
	r.turnOf(1)
	if !slices.Equal(ran, ids[2:4]) {
		t.Errorf("the second loop ran %v, want %v", ran, ids[2:4])
	}
	r.turnOf(0)
	if want := []ID{ids[2], ids[3], ids[0], ids[1], {}}; !slices.Equal(ran, want) {
		t.Errorf("ran %v, want %v", ran, want)
	}
}

// TestQueueWorkForAtTheEnd: what is accepted runs exactly once, with the
// session if it was there when the end was asked for.
func TestQueueWorkForAtTheEnd(t *testing.T) {
	for name, end := range map[string]func(*Server){"Stop": (*Server).Stop, "Close": (*Server).Close} {
		r := newRig(t, Config{})
		s := r.connect()
		id, ran := r.id(s), ""
		r.srv.QueueWorkFor(id, func(s *Session) {
			ran += fmt.Sprint(s != nil)
			s.Send([]byte("bye"))
			r.srv.QueueWorkFor(id, func(s *Session) { // at the end
				ran += fmt.Sprint(s != nil)
				if err := r.srv.QueueWorkFor(id, func(*Session) { t.Error("ran") }); err != ErrServerClosed {
					t.Errorf("%s: from the last one: %v", name, err)
				}
			})
		})
		end(r.srv)
		if err := r.l.run(); err != nil {
			t.Error(err)
		}
		if err := r.srv.QueueWorkFor(id, func(*Session) { t.Error("ran") }); err != ErrServerClosed {
			t.Errorf("%s: after the end: %v", name, err)
		}
		if ran != "truefalse" || s.took() != "bye" || !s.closed {
			t.Errorf("%s: ran %q, closed %v", name, ran, s.closed)
		}
		r.empty()
	}
}

// TestFarewell: of what is asked for in order, the end comes last.
func TestFarewell(t *testing.T) {
	r := newRig(t, Config{})
	s := r.connect()
	r.srv.QueueWorkFor(r.id(s), func(s *Session) {
		if s == nil || s.Send([]byte("bye")) != nil {
			t.Error("the session ended before what was asked for earlier")
		}
	})
	r.srv.TriggerClose(r.id(s))
	if got := r.ask(s); got != "bye" {
		t.Errorf("got %q", got)
	}
	r.ended(s)
	r.finish()
}

// TestTakeCtx: what is taken is the caller's, and can be given back.
func TestTakeCtx(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(r *rig, s *Session)
		want string
	}{
		"taken":                 {func(_ *rig, s *Session) { s.TakeCtx() }, "returned, close"},
		"taken, then another":   {func(r *rig, s *Session) { s.TakeCtx(); r.noted(s, "B") }, "returned, close, free B"},
		"taken and given back":  {func(_ *rig, s *Session) { s.SetCtx(s.TakeCtx()) }, "returned, close, free A"},
		"replaced, then taken":  {func(r *rig, s *Session) { r.noted(s, "B"); s.TakeCtx() }, "returned, free A, close"},
		"taken twice":           {func(_ *rig, s *Session) { s.TakeCtx(); s.TakeCtx() }, "returned, close"},
		"freed by who takes it": {func(_ *rig, s *Session) { ctx, free := s.TakeCtx(); free(ctx) }, "free A, returned, close"},
	} {
		r := newRig(t, Config{})
		r.handle("GET", "/do", func(w *Response, req *Request) error {
			c.do(r, req.Session())
			r.k.note("returned")
			return w.SendString("")
		})
		s := r.connect()
		r.ask(s, set("A"))
		r.k.log = nil
		r.ask(s, get("/do"))
		s.fin()
		r.quiet()
		if got := r.k.life(); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
		r.finish()
	}
}

// noted gives s a context whose free function writes in the log.
func (r *rig) noted(s *Session, ctx string) {
	s.SetCtx(ctx, func(ctx any) { r.k.note("free %s", ctx) })
}

// TestSessionOf: what a session knows of its socket, and Ctx of its context.
func TestSessionOf(t *testing.T) {
	r := newRig(t, Config{})
	s := r.connect()
	r.ask(s, set("A"))
	r.srv.QueueWorkFor(r.id(s), func(session *Session) {
		got := fmt.Sprint(session.FD(), "; ", session.PeerAddr(), "; ", session.LocalAddr())
		if got != "10; peer of 10; local 10" {
			t.Errorf("got %q", got)
		}
		if a, ok := Ctx[string](session); a != "A" || !ok {
			t.Errorf("Ctx[string]: %q, %v", a, ok)
		}
		if _, ok := Ctx[error](session); ok {
			t.Error("a string is an error")
		}
	})
	r.quiet()
	r.finish()
}

// TestSessions: all that are open, none that has ended.
func TestSessions(t *testing.T) {
	r := newTwo(t, Config{MaxSessions: 5})
	var socks []*sock
	var want []ID
	for range 5 {
		s := r.dial()
		r.turns()
		socks = append(socks, s)
	}
	for _, i := range []int{0, 2, 4, 1, 3} { // loop by loop
		want = append(want, ID{int32(i % 2), socks[i].name})
	}
	check := func(when string) {
		t.Helper()
		if got := r.srv.Sessions(); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", when, got, want)
		}
	}
	check("all open")
	r.srv.TriggerClose(want[1])
	r.turns()
	if !socks[2].closed {
		t.Error("its ID did not end it")
	}
	want = slices.Delete(want, 1, 2)
	check("one ended")
	s := r.dial()
	r.turns()
	want = slices.Insert(want, 1, ID{0, s.name})
	check("another in its slot")
	r.srv.Stop()
	r.turns()
	want = nil
	check("after Stop")
}

// TestSessionsWithinItsLife: from OnOpen to OnClose, and not in the free
// function.
func TestSessionsWithinItsLife(t *testing.T) {
	var r *rig
	r = newRig(t, Config{OnOpen: func(s *Session) error {
		s.SetCtx(1, func(any) { r.k.note("free %d", len(r.srv.Sessions())) })
		r.k.note("open %d", len(r.srv.Sessions()))
		if s.FD() == 11 {
			return errors.New("no")
		}
		return nil
	}, OnClose: func(*Session, CloseReason) { r.k.note("told %d", len(r.srv.Sessions())) }})
	s := r.connect()
	s.fin()
	r.quiet()
	r.dial()
	r.quiet()
	if got := r.k.logOf("open", "told", "free"); got != "open 1, told 1, free 0, open 1, free 0" {
		t.Errorf("got %q", got)
	}
	r.finish()
}

func TestCloseReason(t *testing.T) {
	seen := map[string]bool{}
	for r := range numReasons {
		if s := r.String(); s == "" || s == "unknown" || seen[s] {
			t.Errorf("reason %d is %q", r, s)
		} else {
			seen[s] = true
		}
	}
	for r, want := range map[CloseReason]string{ReasonPeer: "peer", ReasonBroken: "broken", ReasonPurged: "purged",
		ReasonRefusedByHook: "refused by hook", numReasons: "unknown", 255: "unknown"} {
		if got := r.String(); got != want {
			t.Errorf("reason %d is %q, want %q", r, got, want)
		}
	}
}
