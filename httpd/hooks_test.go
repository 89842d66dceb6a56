package httpd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// telling is a rig whose hooks write what they are told into the log.
func telling(t testing.TB, cfg Config) *rig {
	var r *rig
	cfg.OnOpen = func(s *Session) error {
		r.k.note("open %d", s.FD())
		return nil
	}
	cfg.OnClose = func(s *Session, why CloseReason) {
		r.k.sock("OnClose", s.FD()) // it is open
		if r.l.table.Lookup(s.ID().name) == nil {
			t.Error("the name of the session finds nothing in OnClose")
		}
		if err := s.Send([]byte("late")); err != ErrSessionEnding {
			t.Errorf("Send in OnClose returned %v", err)
		}
		r.k.note("told %d %v", s.FD(), why)
		r.k.note("ctx %v", s.Ctx())
	}
	r = newRig(t, cfg)
	return r
}

// wantTold wants OnClose to have been told once that s ends and why, right
// before its socket was closed and while its context was there.
func (r *rig) wantTold(s *sock, why CloseReason) {
	r.Helper()
	if got, want := r.k.logOf("told", "close", "unwatch"), fmt.Sprintf("told %d %v, close %[1]d", s.fd, why); got != want {
		r.Errorf("got %q, want %q", got, want)
	}
	_, after, _ := strings.Cut(r.k.logOf("ctx", "free"), "ctx ")
	if name, _, _ := strings.Cut(after, ","); after != name+", free "+name && after != "<nil>" {
		r.Errorf("the context that OnClose saw, and what was freed then: %q", after)
	}
}

// TestOnOpen: it is called once per session, before anything is read.
func TestOnOpen(t *testing.T) {
	for name, open := range map[string]func(r *rig, s *sock){
		"accepted": func(r *rig, s *sock) { r.k.backlog = append(r.k.backlog, connection{s, ok}) },
		"adopted": func(r *rig, s *sock) {
			r.k.socks[s.fd] = s
			if err := r.srv.Adopt(s.fd); err != nil {
				t.Error(err)
			}
		},
	} {
		r := telling(t, Config{})
		s := r.k.socket()
		s.says(get("/hi"), get("/"))
		r.k.log = nil
		open(r, s)
		r.quiet()
		if got := r.k.logOf("open", "watch", "recv", "told"); got != "open 10, watch 10 r, recv 10, recv 10" {
			t.Errorf("%s: got %q", name, got)
		}
		if got := s.took(); got != good("hi")+good("root") {
			t.Errorf("%s: got %q", name, got)
		}
		r.finish()
		if got := r.k.logOf("told"); got != "told 10 peer" {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

// TestOnOpenRefuses: its error ends the session, once, without OnClose, and
// leaves nothing of it: not what it sent either.
func TestOnOpenRefuses(t *testing.T) {
	var r *rig
	refuse := true
	r = newRig(t, Config{MaxSessions: 1, OnOpen: func(s *Session) error {
		if !refuse {
			return nil
		}
		s.SetCtx("A", func(ctx any) { r.k.note("free %s", ctx) })
		if err := s.Send([]byte("go away")); err != nil {
			t.Error(err)
		}
		return errors.New("no")
	}, OnClose: func(s *Session, why CloseReason) { r.k.note("told %d %v", s.FD(), why) }})
	const life = "send 10, close 10, free A"
	for name, open := range map[string]func() *sock{"accepted": r.dial, "adopted": r.adopt} {
		r.k.log, r.k.next = nil, 10
		refuse = true
		s := open()
		r.quiet()
		if got := strings.TrimPrefix(r.k.logOf("send", "told", "close", "free"), "unwatch 10, "); got != life {
			t.Errorf("%s: got %q, want %q", name, got, life)
		}
		if got := s.took(); got != "go away" || len(s.in) != 0 {
			t.Errorf("%s: told %q", name, got)
		}
		if ids := r.srv.Sessions(); len(ids) != 0 {
			t.Errorf("%s: the sessions are %v", name, ids)
		}
		refuse = false
		next := r.connect() // in its place and slot
		if got := r.ask(next, get("/hi")); got != good("hi") {
			t.Errorf("%s: the next session got %q", name, got)
		}
		if got := r.id(next).name.Slot; got != 0 {
			t.Errorf("%s: the next session has slot %d", name, got)
		}
		next.fin()
		r.quiet()
	}
	if n := r.l.closed[ReasonRefusedByHook]; n != 2 {
		t.Errorf("%d sessions were refused, want 2", n)
	}
	r.finish()
}

// TestOnOpenRefusesTheNextInLine: who waits gets the place of a refused one.
func TestOnOpenRefusesTheNextInLine(t *testing.T) {
	n := 0
	r := newRig(t, Config{MaxSessions: 1, OnOpen: func(*Session) error {
		if n++; n == 2 {
			return errors.New("no")
		}
		return nil
	}})
	first, second, third := r.connect(), r.dial(), r.dial()
	r.quiet()
	first.fin()
	r.quiet()
	if !second.closed || third.want == 0 || n != 3 {
		t.Errorf("second %v, third %d, %d calls", second.closed, third.want, n)
	}
	r.finish()
}

// TestOnOpenGreets: what it sends goes to its own session, or to nobody.
func TestOnOpenGreets(t *testing.T) {
	for name, c := range map[string]struct {
		peer func(s *sock)
		now  string // is sent at once
		then string // and when the socket takes more
		ends string
	}{
		"taken":        {func(*sock) {}, "welcome", "", ""},
		"refused":      {func(s *sock) { s.refusing = true }, "", "welcome", ""},
		"in part":      {func(s *sock) { s.room = func() int { s.refusing = len(s.out) > 0; return 3 } }, "wel", "come", ""},
		"Watch fails":  {func(s *sock) { s.unwatched = true }, "welcome", "", "broken"},
		"and refused":  {func(s *sock) { s.unwatched, s.refusing = true, true }, "", "", "broken"},
		"send breaks":  {func(s *sock) { s.sendFails = broken }, "", "", "broken"},
		"it is closed": {func(s *sock) { s.reset() }, "", "", "peer"},
	} {
		t.Run(name, func(t *testing.T) {
			greet := true
			var told []string
			cfg := timed(idleTime)
			cfg.OnOpen = func(s *Session) error {
				if greet {
					return s.Send([]byte("welcome"))
				}
				return nil
			}
			cfg.OnClose = func(_ *Session, why CloseReason) { told = append(told, why.String()) }
			r := newRig(t, cfg)
			s := r.dial()
			c.peer(s)
			r.quiet()
			if got := s.took(); got != c.now || strings.Join(told, ",") != c.ends {
				t.Errorf("got %q, ended %q", got, told)
			}
			if s.closed != (c.ends != "") {
				t.Errorf("closed: %v", s.closed)
			}
			if !s.closed {
				s.refusing, s.room = false, nil
				if got := r.ask(s); got != c.then {
					t.Errorf("got %q later, want %q", got, c.then)
				}
				r.is(s, stateFresh)
				if r.k.timeout != headTime {
					t.Errorf("the first head has %v", r.k.timeout)
				}
				if got := r.ask(s, get("/hi")); got != good("hi") {
					t.Errorf("got %q", got)
				}
			}
			greet = false
			if got := r.ask(r.connect(), get("/hi")); got != good("hi") {
				t.Errorf("the next session got %q", got)
			}
			r.finish()
		})
	}
}

// TestHooksSpeak: what hooks ask of the server is done after them.
func TestHooksSpeak(t *testing.T) {
	for name, call := range map[string]func(r *rig, s *Session){
		"TriggerClose": func(r *rig, s *Session) { r.srv.TriggerClose(s.ID()) },
		"QueueWork":    func(r *rig, _ *Session) { r.srv.QueueWork(func() { r.k.note("work") }) },
		"QueueWorkFor": func(r *rig, s *Session) {
			r.srv.QueueWorkFor(s.ID(), func(s *Session) { r.k.note("work %v", s != nil) })
		},
		"Sessions": func(r *rig, s *Session) { r.k.note("work %v", r.srv.Sessions()[0] == s.ID()) },
		"Stop":     func(r *rig, _ *Session) { r.srv.Stop() },
		"Close":    func(r *rig, _ *Session) { r.srv.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			want := map[string][2]string{ // if called in OnOpen, and in OnClose
				"TriggerClose": {"open, told trigger, close", "open, told peer, close"},
				"QueueWork":    {"open, work, told peer, close", "open, told peer, close, work"},
				"QueueWorkFor": {"open, work true, told peer, close", "open, told peer, close, work false"},
				"Sessions":     {"open, work true, told peer, close", "open, told peer, work true, close"},
				"Stop":         {"open, told stop, close", "open, told peer, close"},
				"Close":        {"open, told stop, close", "open, told peer, close"},
			}[name]
			for at, want := range want {
				var r *rig
				cfg := Config{OnOpen: func(s *Session) error {
					r.k.note("open")
					if at == 0 {
						call(r, s)
					}
					return nil
				}, OnClose: func(s *Session, why CloseReason) {
					r.k.note("told %v", why)
					if at == 1 {
						call(r, s)
					}
				}}
				r = newRig(t, cfg)
				s := r.dial()
				r.quiet()
				s.fin()
				r.quiet()
				if got := strings.ReplaceAll(r.k.logOf("open", "told", "close", "work"), "close 10", "close"); got != want {
					t.Errorf("got %q, want %q", got, want)
				}
				r.finish()
			}
		})
	}
}

// TestOnCloseCtx: what becomes of a context that OnClose changes.
func TestOnCloseCtx(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(r *rig, s *Session)
		want string
	}{
		"nothing": {func(*rig, *Session) {}, "close 10, free A"},
		"another": {func(r *rig, s *Session) { s.SetCtx("B", func(ctx any) { r.k.note("free %s", ctx) }) }, "free A, close 10, free B"},
		"none":    {func(_ *rig, s *Session) { s.SetCtx(nil, nil) }, "free A, close 10"},
		"taken":   {func(_ *rig, s *Session) { s.TakeCtx() }, "close 10"},
		"touched": {func(_ *rig, s *Session) { s.Touch() }, "close 10, free A"},
	} {
		var r *rig
		calls := 0
		r = newRig(t, Config{OnClose: func(s *Session, _ CloseReason) {
			calls++
			c.do(r, s)
		}})
		s := r.connect()
		r.ask(s, set("A"))
		s.fin()
		r.quiet()
		if got := r.k.logOf("close", "free"); got != c.want || calls != 1 {
			t.Errorf("%s: got %q, want %q; %d calls", name, got, c.want, calls)
		}
		r.finish()
	}
}

// TestFreeUserCtx: it is freed once, after the last session's context, when the
// server ends, whatever ended it.
func TestFreeUserCtx(t *testing.T) {
	for name, end := range map[string]func(r *rig){
		"Stop":          func(r *rig) { r.srv.Stop(); r.srv.run() },
		"Close":         func(r *rig) { r.srv.Close(); r.srv.Close(); r.srv.run() },
		"Shutdown":      func(r *rig) { r.srv.run(); r.srv.Shutdown(context.Background()) },
		"a failed Wait": func(r *rig) { r.k.waits = errors.New("epoll is gone"); r.srv.run() },
	} {
		t.Run(name, func(t *testing.T) {
			var r *rig
			user := new(int)
			r = newRig(t, Config{UserCtx: user, FreeUserCtx: func(ctx any) {
				if ctx != any(user) {
					t.Errorf("freed %v", ctx)
				}
				r.k.note("free user")
			}})
			if r.srv.UserCtx() != any(user) {
				t.Errorf("UserCtx() = %v", r.srv.UserCtx())
			}
			r.ask(r.connect(), set("A"))
			r.ask(r.connect(), set("B"))
			end(r)
			r.srv.Wait()
			r.srv.Close()
			r.srv.Wait()
			if got := r.k.logOf("free", "end"); got != "free A, free B, end, free user" {
				t.Errorf("got %q", got)
			}
			r.empty()
		})
	}
	r := newRig(t, Config{UserCtx: 1}) // and none is called if there is none
	r.srv.Close()
	r.srv.run()
	if err := r.srv.Wait(); err != nil {
		t.Error(err)
	}
}

// TestOpenAtTheEnd: what arrives too late is closed, and no hook hears of it.
func TestOpenAtTheEnd(t *testing.T) {
	r := telling(t, Config{})
	s := r.k.socket()
	r.k.socks[s.fd] = s
	busy := r.connect()
	r.ask(busy, "GET")
	r.k.log = nil
	if err := r.srv.Adopt(s.fd); err != nil {
		t.Error(err)
	}
	r.l.ends = stopping // as in the turn before, while Adopt looked
	r.quiet()
	r.ended(s)
	if got := r.k.logOf("open", "told", "close"); got != "close 10" {
		t.Errorf("got %q", got)
	}
	r.finish()
}
