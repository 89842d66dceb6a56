package httpd

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// TestFull: at MaxSessions the listener is not watched, and it is again when a
// session has ended, however that was.
func TestFull(t *testing.T) {
	for name, end := range map[string]func(r *rig, s *sock){
		"the peer ends":  func(r *rig, s *sock) { s.fin() },
		"TriggerClose":   func(r *rig, s *sock) { r.srv.TriggerClose(r.id(s)) },
		"a deadline":     func(r *rig, s *sock) { r.k.now += time.Minute },
		"a failed Watch": func(r *rig, s *sock) { s.unwatched, s.refusing = true, true; s.says(get("/hi")) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Config{MaxSessions: 2, IdleTimeout: time.Minute})
			listener := r.k.socks[listenFD]
			first, second := r.connect(), r.connect()
			r.ask(first, get("/hi"))
			r.pass(time.Second)
			r.ask(second, get("/hi"))
			third, fourth := r.dial(), r.dial()
			r.quiet()
			if listener.want != 0 || len(r.k.backlog) != 2 {
				t.Fatalf("the listener is watched for %d, %d in the backlog", listener.want, len(r.k.backlog))
			}
			end(r, first)
			if name == "a deadline" {
				r.ask(second, get("/hi"))
			}
			r.quiet()
			r.ended(first)
			r.is(second, stateIdle)
			if third.want == 0 || fourth.want != 0 || listener.want != 0 {
				t.Errorf("third %d, fourth %d, listener %d", third.want, fourth.want, listener.want)
			}
			third.fin()
			r.quiet()
			if fourth.want == 0 {
				t.Error("the fourth was not taken")
			}
			if got := r.ask(fourth, get("/hi")); got != good("hi") {
				t.Errorf("got %q", got)
			}
			fourth.fin()
			r.quiet()
			if listener.want != wantRead {
				t.Error("the listener is not watched although there is room")
			}
			r.finish()
		})
	}
}

// TestScarce: when the system has no room the loop does not ask again at once,
// nor for ever, and asks again when nothing else happens.
func TestScarce(t *testing.T) {
	for _, o := range []outcome{scarce, broken} {
		r := newRig(t, Config{})
		open := r.connect()
		for range 5 {
			r.k.backlog = append(r.k.backlog, connection{o: o})
			s := r.dial()
			r.k.log = nil
			r.quiet()
			if got := r.k.logOf("accept:", "unwatch"); got == "" || r.k.socks[listenFD].want != 0 {
				t.Errorf("got %q, the listener is watched for %d", got, r.k.socks[listenFD].want)
			}
			if r.k.timeout != acceptRetry {
				t.Errorf("the loop waits for %v, want %v", r.k.timeout, acceptRetry)
			}
			if got := r.ask(open, get("/hi")); got != good("hi") {
				t.Errorf("meanwhile: got %q", got)
			}
			r.k.backlog = r.k.backlog[1:] // there is room again
			r.pass(acceptRetry - 1)
			if s.want != 0 {
				t.Error("asked again too soon")
			}
			r.pass(1)
			if s.want == 0 {
				t.Error("not asked again")
			}
			s.fin()
			r.quiet()
		}
		r.finish()
	}
}

// TestScarceAndFull: neither of the two reasons to pause hides the other.
func TestScarceAndFull(t *testing.T) {
	r := newRig(t, Config{MaxSessions: 1})
	s := r.connect()
	second := r.dial()
	r.quiet() // full
	r.k.backlog = append([]connection{{o: scarce}}, r.k.backlog...)
	s.fin()
	r.quiet() // room, but scarce
	third := r.k.socket()
	r.k.socks[third.fd] = third
	if err := r.srv.Adopt(third.fd); err != nil {
		t.Fatal(err)
	}
	r.k.backlog = r.k.backlog[1:]
	r.pass(acceptRetry) // not scarce, but full
	if second.want != 0 || r.k.socks[listenFD].want != 0 {
		t.Error("a session beyond the limit")
	}
	third.fin()
	r.quiet()
	if second.want == 0 {
		t.Error("the one that waits is forgotten")
	}
	r.finish()
}

// TestListenerUnwatched: if it cannot be watched it is tried again.
func TestListenerUnwatched(t *testing.T) {
	r := newRig(t, Config{MaxSessions: 1})
	s := r.connect()
	second := r.dial()
	r.quiet()
	r.k.socks[listenFD].unwatched = true
	s.fin()
	r.quiet()
	r.pass(acceptRetry)
	r.k.socks[listenFD].unwatched = false
	if second.want != 0 || r.k.timeout != acceptRetry {
		t.Errorf("the loop waits for %v", r.k.timeout)
	}
	r.pass(acceptRetry)
	if second.want == 0 {
		t.Error("the one that waits is forgotten")
	}
	r.finish()
}

// TestAcceptBatch: nobody is asked for in vain while connections come one by
// one. Where many wait, connections that went away being among them, each turn soon
// takes more, and even so those that are here have their turn.
func TestAcceptBatch(t *testing.T) {
	r := newRig(t, Config{MaxSessions: 1000})
	s := r.connect()
	for range 600 {
		r.dial()
	}
	gone := connection{o: closed}
	r.k.backlog = append(r.k.backlog[:300:300], append([]connection{gone, gone, gone}, r.k.backlog[300:]...)...)
	r.l.door.full = 0
	var batches []int
	for len(r.k.backlog) > 0 {
		waiting := len(r.k.backlog)
		s.says(get("/hi"))
		r.turn()
		if got := s.took(); got != good("hi") {
			t.Errorf("got %q in turn %d", got, len(batches))
		}
		batches = append(batches, waiting-len(r.k.backlog))
	}
	want := []int{1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 8, 8, 8, 8, 16, 16, 16, 16, 32, 32, 32, 32, 64, 64, 64, 64, 64, 603 - 4*63 - 5*64}
	if !slices.Equal(batches, want) {
		t.Errorf("the turns accepted\n%v, want\n%v", batches, want)
	}
	for _, want := range []int{1, 1} { // the last one came to the end
		r.dial()
		r.dial()
		waiting := len(r.k.backlog)
		r.turn()
		if n := waiting - len(r.k.backlog); n != want {
			t.Errorf("then %d were accepted in a turn, want %d", n, want)
		}
	}
	r.quiet()
	if n, counted := r.l.table.Len(), r.srv.sessions.Load(); n != 605 || counted != 605 {
		t.Errorf("%d sessions, and %d are counted, want 605", n, counted)
	}
	r.finish()
}

// TestStopAtTheDoor: Stop listens no more, and once.
func TestStopAtTheDoor(t *testing.T) {
	for name, stop := range map[string]func(srv *Server){"Stop": (*Server).Stop, "Close": (*Server).Close} {
		r := newRig(t, Config{MaxSessions: 1})
		s := r.connect()
		r.ask(s, "GET")
		r.dial()
		r.quiet()
		stop(r.srv)
		stop(r.srv)
		r.quiet()
		r.srv.Stop()
		s.fin()
		r.quiet()
		if got := r.k.logOf("unlisten", "accept"); got != "accept 10, unlisten 3" {
			t.Errorf("%s: got %q", name, got)
		}
		r.finish()
	}
}

// TestStartFails: what keeps a server from listening.
func TestStartFails(t *testing.T) {
	k := newScript(t)
	k.listens = errors.New("address in use")
	for addr, want := range map[string]string{
		":80":     "address in use",
		"nowhere": `httpd: Addr "nowhere": want host:port, :port or unix:/path: address nowhere: missing port in address`,
	} {
		cfg, _ := Config{Addr: addr, MaxSessions: 1}.withDefaults()
		if _, err := newServer(cfg, []kernel{k}); err == nil || err.Error() != want {
			t.Errorf("%s: %v", addr, err)
		}
	}
	cfg, _ := Config{MaxSessions: 1}.withDefaults()
	srv, err := newServer(cfg, []kernel{k})
	if err != nil || srv.Addr() != nil {
		t.Errorf("without an address: %v, %v", srv.Addr(), err)
	}
}

// two is a server with two loops, both driven by hand: the second one's
// connections live in its own kernel.
type two struct {
	*rig
	k2 *script
	l2 *loop
}

func newTwo(t *testing.T, cfg Config) *two {
	k, k2 := newScript(t), newScript(t)
	cfg.Addr = ":80"
	srv := newScripted(t, cfg, k, k2)
	k2.socks = k.socks // one process has one set of descriptors
	r := &two{&rig{TB: t, srv: srv, k: k, l: srv.loops[0]}, k2, srv.loops[1]}
	r.routes()
	return r
}

// own tells which loop a connection went to.
func (r *two) own(s *sock) int {
	for i, l := range r.srv.loops {
		if session := l.table.Lookup(s.name); session != nil && session.FD() == s.fd {
			return i
		}
	}
	return -1
}

// turns turns both loops. Each sees the events of its own connections alone.
func (r *two) turns() {
	r.Helper()
	for range 6 {
		for i := range r.srv.loops {
			r.turnOf(i)
		}
	}
}

func (r *two) turnOf(i int) {
	r.Helper()
	l := r.srv.loops[i]
	k := l.kernel.(*script)
	k.polls = 0
	k.hidden = func(s *sock) bool { return s.listening && i != 0 || !s.listening && r.own(s) != i }
	if err := l.turn(); err != nil {
		r.Fatal(err)
	}
}

// TestEndWhileFull: a session of another loop that ends while this one pauses
// the listener does not know yet that it is waited for.
func TestEndWhileFull(t *testing.T) {
	r := newTwo(t, Config{MaxSessions: 2})
	first := r.dial()
	r.turns()
	second := r.k.socket()
	r.k.socks[second.fd] = second
	if err := r.srv.Adopt(second.fd); err != nil {
		t.Fatal(err)
	}
	r.turns()
	if r.own(first) != 0 || r.own(second) != 1 {
		t.Fatal("the connections are not where they should be")
	}
	third := r.dial() // the listener does not know yet that all is full
	r.k.meanwhile = func() {
		second.fin()
		r.turnOf(1)
	}
	r.turnOf(0)
	r.k.meanwhile = nil
	if !second.closed {
		t.Fatal("it has not ended meanwhile")
	}
	r.turns()
	if r.own(third) < 0 {
		t.Error("the connection waits for ever")
	}
}

// TestTwoLoops: connections go where there are fewest, a session of either
// loop makes room at the door, and names tell the loops apart.
func TestTwoLoops(t *testing.T) {
	r := newTwo(t, Config{MaxSessions: 5})
	var socks []*sock
	var loops []int
	for range 5 {
		s := r.dial()
		r.turns()
		socks, loops = append(socks, s), append(loops, r.own(s))
	}
	for i, want := range []int{0, 1, 0, 1, 0} {
		if loops[i] != want {
			t.Fatalf("the connections went to the loops %d", loops)
		}
	}
	sixth := r.dial()
	r.turns()
	if r.k.socks[listenFD].want != 0 {
		t.Error("the listener is watched although all is full")
	}
	for _, s := range socks {
		s.says(get("/hi"))
	}
	r.turns()
	for i, s := range socks {
		if got := s.took(); got != good("hi") {
			t.Errorf("connection %d got %q", i, got)
		}
	}
	socks[1].fin() // of the second loop
	r.turns()
	if r.own(sixth) != 1 {
		t.Errorf("the sixth went to %d, want 1", r.own(sixth))
	}

	// The first sessions of both loops have one name, but not one ID.
	if socks[0].name != (socks[3].name) && socks[0].name.Slot != 0 {
		t.Fatalf("names %v and %v", socks[0].name, socks[3].name)
	}
	r.srv.TriggerClose(ID{1, sixth.name})
	r.turns()
	if !sixth.closed || socks[0].closed || socks[2].closed || socks[3].closed {
		t.Error("TriggerClose ended another session")
	}

	r.srv.Stop()
	r.turns()
	for i, l := range r.srv.loops {
		if !l.done() || l.load.Load() != 0 || l.pool.live != 0 {
			t.Errorf("loop %d: %d sessions, load %d, %d buffers", i, l.table.Len(), l.load.Load(), l.pool.live)
		}
	}
	if n := r.srv.sessions.Load(); n != 0 {
		t.Errorf("%d sessions are counted", n)
	}
}

// TestDealToEndedLoop: a loop that failed takes no connections, and those
// dealt to it are closed.
func TestDealToEndedLoop(t *testing.T) {
	r := newTwo(t, Config{MaxSessions: 4})
	first := r.dial()
	r.turns()
	second := r.dial()
	r.k.hidden = nil
	r.turn() // the first loop gives it to the second
	r.k2.hidden = func(*sock) bool { return true }
	r.l2.ends = closing
	r.l2.work.close()
	r.l2.runWork()
	if !second.closed {
		t.Error("what was adopted at the end is open")
	}
	third := r.dial()
	r.turn()
	if !third.closed {
		t.Error("what was dealt after the end is open")
	}
	fourth := r.k.socket()
	r.k.socks[fourth.fd] = fourth
	if err := r.srv.Adopt(fourth.fd); err != ErrServerClosed || fourth.closed {
		t.Errorf("Adopt: %v", err)
	}
	if n := r.srv.sessions.Load(); n != 1 || first.closed || r.l2.load.Load() != 0 {
		t.Errorf("%d sessions are counted, want the first", n)
	}
}
