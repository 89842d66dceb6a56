package httpd

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

// TestQueueWork: each function that is accepted runs once, in order, also when
// the server ends; what they queue in turn runs after the others' events.
func TestQueueWork(t *testing.T) {
	r := newRig(t, Config{MaxWork: 3})
	var ran []int
	queue := func(n int) error { return r.srv.QueueWork(func() { ran = append(ran, n) }) }
	for i := range 5 {
		if err := queue(i); (err != nil) != (i >= 3) || err != nil && err != ErrQueueFull {
			t.Errorf("%d: %v", i, err)
		}
	}
	r.turn()
	if !slices.Equal(ran, []int{0, 1, 2}) {
		t.Errorf("ran %v", ran)
	}
	s := r.connect()
	r.srv.QueueWork(func() {
		s.says(get("/hi"))
		for i := range 4 { // the list is empty while it runs
			if err := queue(10 + i); (err != nil) != (i >= 3) {
				t.Errorf("%d: %v", i, err)
			}
		}
	})
	ran = nil
	r.turn()
	if len(ran) != 0 {
		t.Errorf("ran %v in the same turn", ran)
	}
	r.turn()
	if r.k.timeout != 0 {
		t.Errorf("the loop waits for %v with work to do", r.k.timeout)
	}
	if !slices.Equal(ran, []int{10, 11, 12}) || s.took() != good("hi") {
		t.Errorf("ran %v", ran)
	}

	ran = nil
	queue(20)
	r.srv.Close()
	queue(21)
	if err := r.l.run(); err != nil {
		t.Error(err)
	}
	if err := queue(22); err != ErrServerClosed {
		t.Errorf("after the end: %v", err)
	}
	if !slices.Equal(ran, []int{20, 21}) || !s.closed {
		t.Errorf("ran %v", ran)
	}
	r.empty()
}

// TestWorkAtTheEnd: what the last functions ask for does not come back.
func TestWorkAtTheEnd(t *testing.T) {
	r := newRig(t, Config{})
	id := r.id(r.connect())
	var errs []error
	r.srv.QueueWork(func() { // runs in the last turn
		r.srv.QueueWork(func() { // runs at the end
			errs = append(errs, r.srv.QueueWork(func() { t.Error("ran after the end") }))
			s := r.k.socket()
			r.k.socks[s.fd] = s
			errs = append(errs, r.srv.Adopt(s.fd))
			r.srv.TriggerClose(id)
			r.srv.Stop()
			r.srv.Close()
			if s.closed {
				t.Error("Adopt failed and closed what it was given")
			}
			delete(r.k.socks, s.fd)
		})
	})
	r.srv.Close()
	if err := r.l.run(); err != nil {
		t.Error(err)
	}
	if !slices.Equal(errs, []error{ErrServerClosed, ErrServerClosed}) {
		t.Errorf("got %v", errs)
	}
	r.empty()
}

// TestAdopt: from a nil error on the descriptor is the server's.
func TestAdopt(t *testing.T) {
	r := newRig(t, Config{MaxSessions: 2})
	fresh := func() *sock {
		s := r.k.socket()
		r.k.socks[s.fd] = s
		return s
	}
	r.adopt()
	r.k.adopts = errors.New("not a socket")
	if err := r.srv.Adopt(fresh().fd); err != r.k.adopts {
		t.Errorf("got %v", err)
	}
	r.k.adopts = nil
	r.adopt()
	third := fresh()
	if err := r.srv.Adopt(third.fd); err != ErrServerFull || third.closed {
		t.Errorf("got %v", err)
	}
	r.k.socks = map[int]*sock{listenFD: r.k.socks[listenFD], 10: r.k.socks[10], 12: r.k.socks[12]}
	r.k.socks[10].fin()
	r.quiet()
	last := fresh()
	if err := r.srv.Adopt(last.fd); err != nil { // accepted, and then the end comes first
		t.Errorf("got %v", err)
	}
	r.srv.Close()
	if err := r.srv.Adopt(999); err != ErrServerClosed {
		t.Errorf("got %v", err)
	}
	if err := r.l.run(); err != nil || !last.closed {
		t.Errorf("%v; closed: %v", err, last.closed)
	}
	r.empty()
}

// TestPlacesAreExact: Adopt at a full server does not take, for a moment, the
// place that the listener waits for.
func TestPlacesAreExact(t *testing.T) {
	r := newRig(t, Config{MaxSessions: 1})
	r.connect()
	var asking, looking sync.WaitGroup
	var asked atomic.Bool
	begun := make(chan bool)
	looking.Go(func() {
		close(begun)
		for !asked.Load() {
			if n := r.srv.sessions.Load(); n != 1 {
				t.Errorf("%d sessions are counted, want 1", n)
				return
			}
		}
	})
	<-begun
	for range 2 {
		asking.Go(func() {
			for range 200000 {
				if r.srv.enter() {
					t.Error("there was a place")
					return
				}
			}
		})
	}
	asking.Wait()
	asked.Store(true)
	looking.Wait()
	r.finish()
}

// TestWorkFromManyGoroutines: nothing is lost between them and the loop.
func TestWorkFromManyGoroutines(t *testing.T) {
	const each = 200
	r := newRig(t, Config{MaxWork: 10})
	s := r.connect()
	ran, done := 0, 0
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range each {
				for r.srv.QueueWork(func() { ran++ }) != nil { // the loop below makes room
				}
				r.srv.TriggerClose(ID{0, s.name})
			}
			for r.srv.QueueWork(func() { done++ }) != nil {
			}
		})
	}
	for done < 4 {
		r.k.polls = 0
		r.turn()
	}
	group.Wait()
	if ran != 4*each {
		t.Errorf("%d functions ran, want %d", ran, 4*each)
	}
	r.quiet()
	r.ended(s)
	r.finish()
}

// TestEnds: which way a server ends, and what Wait and Shutdown say about it.
func TestEnds(t *testing.T) {
	failure := errors.New("epoll is gone")
	for _, c := range []struct {
		name string
		end  func(r *rig)
		want string
	}{
		{"Stop", func(r *rig) { r.srv.Stop() }, ""},
		{"Close", func(r *rig) { r.srv.Close() }, ""},
		{"Close, then Stop", func(r *rig) { r.srv.Close(); r.srv.Stop() }, ""},
		{"Wait fails", func(r *rig) { r.k.waits = failure }, "httpd: loop 0: epoll is gone"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, Config{})
			s := r.connect()
			r.ask(s, set("A"))
			c.end(r)
			r.srv.run()
			err := r.srv.Wait()
			if got := errorText(err); got != c.want {
				t.Errorf("Wait returned %q, want %q", got, c.want)
			}
			if c.want != "" && !errors.Is(err, failure) {
				t.Error("the cause is lost")
			}
			if got := errorText(r.srv.Shutdown(context.Background())); got != c.want {
				t.Errorf("Shutdown returned %q, want %q", got, c.want)
			}
			if got := r.k.life(); got != "returned, close, free A" {
				t.Errorf("got %q", got)
			}
			r.empty()
		})
	}
}

// TestShutdownGivesUp: when its context ends, the sessions do.
func TestShutdownGivesUp(t *testing.T) {
	r := newRig(t, Config{})
	s := r.connect()
	r.ask(s, set("A"), "GET")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r.srv.run()
	if err := r.srv.Shutdown(ctx); err != context.Canceled {
		t.Errorf("Shutdown returned %v", err)
	}
	if err := r.srv.Wait(); err != nil {
		t.Errorf("Wait returned %v", err)
	}
	if got := r.k.life(); got != "returned, close, free A" {
		t.Errorf("got %q", got)
	}
	r.empty()
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestStopInHand: a session that is between two requests ends; one with
// requests in hand ends after the next answer, which says so.
func TestStopInHand(t *testing.T) {
	r := newRig(t, Config{MaxTurnRequests: 1})
	idle, busy, partial := r.connect(), r.connect(), r.connect()
	r.ask(idle, get("/hi"))
	r.ask(partial, most)
	flushing := r.connect()
	flushing.refusing = true
	r.ask(flushing, get("/hi"))
	flushing.says(get("/hi"))
	busy.says(get("/hi") + get("/") + get("/hi") + get("/hi"))
	r.srv.Stop()
	r.turn()
	r.ended(idle)
	r.quiet()
	r.is(flushing, stateFlush)
	if len(flushing.in) == 0 {
		t.Error("input is received while output waits")
	}
	flushing.refusing = false
	r.quiet()
	if got := flushing.took(); got != good("hi") { // what came after Stop has no answer
		t.Errorf("got %q", got)
	}
	flushing.fin()
	r.quiet()
	r.ended(flushing)
	if got := busy.took(); got != good("hi")+good("root")+good("hi", "close") {
		t.Errorf("got %q", got)
	}
	r.is(busy, stateLinger) // more has been received than was answered
	if got := r.ask(partial, rest); got != good("abc", "close") {
		t.Errorf("got %q", got)
	}
	busy.fin()
	r.quiet()
	r.ended(busy)
	partial.fin()
	r.quiet()
	if !r.l.done() {
		t.Error("the loop goes on")
	}
	r.finish()
}

// TestStopFromHandler: the response that is being made is the last one, though
// it was begun before.
func TestStopFromHandler(t *testing.T) {
	r := newRig(t, Config{})
	r.handle("GET", "/stop", func(w *Response, _ *Request) error {
		r.srv.Stop()
		r.srv.Stop()
		return w.SendString("stopping")
	})
	s, other := r.connect(), r.connect()
	if got := r.ask(s, get("/stop")); got != good("stopping") {
		t.Errorf("got %q", got)
	}
	r.ended(s)
	r.ended(other)
	r.finish()
}
