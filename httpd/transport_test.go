package httpd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// Masked is a Transport that XORs every octet with Key. It reads ahead, as TLS
// does: what the socket had it hands out in pieces of at most Piece octets, and
// it takes no more than that of what is sent.
type Masked struct {
	Key   byte
	Piece int
}

// ahead is what a Masked has read of a session, and not yet handed out.
type ahead struct {
	buf [4 << 10]byte
	in  []byte
}

// Open has no handshake, but something to remember.
func (m Masked) Open(s *Session) error {
	s.SetTransportCtx(new(ahead), nil)
	return nil
}

// Recv asks the socket only when it has nothing left of what it gave.
func (m Masked) Recv(s *Session, p []byte) (int, error) {
	a := s.TransportCtx().(*ahead)
	if len(a.in) == 0 {
		n, err := PlainSocket{}.Recv(s, a.buf[:])
		if err != nil {
			return 0, err
		}
		a.in = m.mask(a.buf[:n])
	}
	n := copy(p[:min(len(p), m.Piece)], a.in)
	a.in = a.in[n:]
	return n, nil
}

// Send takes a piece.
func (m Masked) Send(s *Session, p []byte) (int, error) {
	return PlainSocket{}.Send(s, m.mask(slices.Clone(p[:min(len(p), m.Piece)])))
}

// Pending is what is left of what the socket gave.
func (m Masked) Pending(s *Session) int { return len(s.TransportCtx().(*ahead).in) }

// CloseSend has nothing to say.
func (m Masked) CloseSend(s *Session) { PlainSocket{}.CloseSend(s) }

func (m Masked) mask(p []byte) []byte {
	for i := range p {
		p[i] ^= m.Key
	}
	return p
}

// masking is the script behind peers that mask their octets: what the test says
// and what it is told is in clear, what the engine's socket has is not.
type masking struct {
	*script
	m Masked
}

func (k masking) Recv(fd int, p []byte) (int, outcome, error) {
	n, o, err := k.script.Recv(fd, p)
	if s := k.socks[fd]; n > 0 {
		s.taken = s.taken[:len(s.taken)-1] // recorded says what the engine was given
	}
	k.m.mask(p[:n])
	return n, o, err
}

func (k masking) Send(fd int, p []byte) (int, outcome, error) {
	return k.script.Send(fd, k.m.mask(slices.Clone(p)))
}

// recorded tells the script what the engine is given: that is progress too.
type recorded struct {
	Masked
	k *script
}

func (t *recorded) Recv(s *Session, p []byte) (int, error) {
	n, err := t.Masked.Recv(s, p)
	if n > 0 {
		sock := t.k.socks[s.FD()]
		sock.taken, t.k.polls = append(sock.taken, n), 0
	}
	return n, err
}

// newMasked is a rig whose peers and whose Transport mask.
func newMasked(t testing.TB, cfg Config, piece int) *rig {
	t.Helper()
	transport := &recorded{Masked: Masked{0x5a, piece}}
	cfg.Transport = transport
	r := newRig(t, cfg)
	transport.k = r.k
	r.l.kernel = masking{r.k, transport.Masked}
	return r
}

// through runs every row of the tables on rigs of this kind.
func through(newRig func(t *testing.T) *rig, tables ...[]row) func(t *testing.T) {
	return func(t *testing.T) {
		t.Parallel()
		for _, row := range slices.Concat(tables...) {
			t.Run(row.name, func(t *testing.T) { row.through(newRig(t)) })
		}
	}
}

// TestTransport: all that holds for sockets holds through a Transport.
func TestTransport(t *testing.T) {
	requests := [][]row{validRows(), refusedRows(), rejectedRows(), limitRows(), expectRows()}
	chunked := [][]row{chunkedRows(), chunkedRefusedRows(), chunkedRejectedRows(), chunkedLimitRows(), chunkedExpectRows()}
	plain := func(t *testing.T) *rig {
		cfg := tableConfig()
		cfg.Transport = PlainSocket{}
		return newRig(t, cfg)
	}
	xor := func(t *testing.T) *rig { return newMasked(t, tableConfig(), 7) }
	t.Run("plain", through(plain, requests...))
	t.Run("xor", through(xor, requests...))
	t.Run("xor, in chunks", through(xor, chunked...))
	t.Run("pending", testPending)
	t.Run("no octets", testNoOctets)
	t.Run("lying", testLying)
	t.Run("handshake", testHandshake)
	t.Run("no handshake", testNoHandshake)
	t.Run("wants", testWants)
	t.Run("faults", testFaults)
	t.Run("no faults", testNoFaults)
	t.Run("CloseSend", testCloseSend)
	t.Run("Close", testTransportClose)
}

// What the transport has and the socket does not show.

// given is how many octets the engine was given.
func (s *sock) given() (sum int) {
	for _, n := range s.taken {
		sum += n
	}
	return sum
}

func testPending(t *testing.T) {
	hi := get("/hi")
	for name, c := range map[string]struct {
		cfg   Config
		piece int
		do    func(r *rig, s *sock)
	}{
		"pipelined requests, one event": {piece: 7, do: func(r *rig, s *sock) {
			in, want := "", ""
			for i := range 60 {
				in, want = in+post(fmt.Sprint(i)), want+good(fmt.Sprint(i))
			}
			r.k.log = nil
			if got := r.ask(s, in); got != want {
				r.Errorf("got %q", got)
			}
			if got := r.k.logOf("recv"); got != "recv 10" {
				r.Errorf("got %q, want one recv", got)
			}
			r.is(s, stateIdle)
		}},
		"the loop does not wait": {piece: len(hi), do: func(r *rig, s *sock) {
			s.says(strings.Repeat(hi, 9))
			r.turn()
			for len(s.out) < 9*len(good("hi")) {
				before := len(s.out)
				if r.turn(); r.k.timeout != 0 || len(s.out)-before > len(good("hi")) {
					r.Fatalf("the loop waits for %v, %d octets in one turn", r.k.timeout, len(s.out)-before)
				}
			}
		}},
		"once in line": {piece: 7, do: func(r *rig, s *sock) { // though the socket has more all the time
			for range 300 {
				before, most := s.given(), 7*(2-len(r.l.ready)) // one at its event, or else one in line
				s.says(hi)
				if r.turn(); s.given()-before > most || len(r.l.ready) > 1 {
					r.Fatalf("%d octets in one turn, %d times in line", s.given()-before, len(r.l.ready))
				}
			}
		}},
		"once in line, with octets in hand": {cfg: Config{MaxTurnRequests: 2}, piece: 5 * len(hi), do: func(r *rig, s *sock) {
			for range 100 {
				s.says(strings.Repeat(hi, 5))
			}
			for len(s.out) < 500*len(good("hi")) {
				before, most := len(s.out), 2*len(good("hi"))*(2-len(r.l.ready))
				if r.turn(); len(s.out)-before > most || len(r.l.ready) > 1 {
					r.Fatalf("%d octets in one turn, %d times in line", len(s.out)-before, len(r.l.ready))
				}
			}
		}},
		"once in line, at a deadline": {cfg: timed(-1), piece: 7, do: func(r *rig, s *sock) {
			if err := r.srv.OnError(408, func(*Response, *Request, ErrCode) error { return nil }); err != nil {
				r.Fatal(err)
			}
			s.says("GET / HTTP/1.1\r\nX: " + strings.Repeat("x", 3000))
			for range 100 {
				r.k.now += headTime
				if r.turn(); len(r.l.ready) > 1 {
					r.Fatalf("%d times in line", len(r.l.ready))
				}
			}
			r.is(s, stateHead)
		}},
		"each its share": {piece: 7, do: func(r *rig, s *sock) {
			other := r.connect()
			s.says(strings.Repeat(hi, 100))
			r.turn()
			other.says(hi)
			for range len(hi)/7 + 2 {
				r.turn()
			}
			if got := other.took(); got != good("hi") || len(s.out) > 2*len(good("hi")) {
				r.Errorf("the other got %q, the greedy one %d octets", got, len(s.out))
			}
		}},
		"nothing is taken while output waits": {piece: 7, do: func(r *rig, s *sock) {
			s.refusing = true
			s.says(hi + hi + post("abc"))
			r.quiet()
			r.is(s, stateFlush)
			most := (len(hi) + 6) / 7 * 7
			if n := s.given(); n != most {
				r.Errorf("took %d octets, want %d", n, most)
			}
			r.pass(time.Second)
			if n := s.given(); n != most {
				r.Errorf("took %d octets later, want %d", n, most)
			}
			s.refusing = false
			if got := r.ask(s); got != good("hi")+good("hi")+good("abc") {
				r.Errorf("got %q", got)
			}
		}},
		"a head that drips out of it has its time once": {cfg: timed(idleTime), piece: 7, do: func(r *rig, s *sock) {
			s.says(hi + "GET /hi HTTP/1.1\r\nX: " + strings.Repeat("x", 3000))
			for range len(hi)/7 + 1 { // the next head has begun
				r.turn()
			}
			r.is(s, stateHead)
			s.took()
			for range 9 {
				r.k.now += headTime / 10
				r.turn()
			}
			r.is(s, stateHead)
			r.k.now += headTime / 10
			if r.turn(); s.took() != fail(408, "close") {
				r.Errorf("goes on, in state %v", r.conn(s).state)
			}
		}},
		"Purge": {cfg: Config{MaxSessions: 1, WhenFull: Purge}, piece: len(hi), do: func(r *rig, s *sock) {
			s.says(hi + hi + hi)
			r.turn()
			next := r.dial()
			r.quiet()
			if got := s.took(); got != good("hi")+good("hi")+good("hi") {
				r.Errorf("got %q", got)
			}
			r.pass(acceptRetry)
			r.ended(s)
			if got := r.ask(next, hi); got != good("hi") {
				r.Errorf("the next one got %q", got)
			}
		}},
		"Stop": {piece: len(hi), do: func(r *rig, s *sock) {
			s.says(hi + hi + hi + hi)
			r.srv.Stop() // in the turn in which the first two are served
			if got := r.ask(s); got != good("hi")+good("hi")+good("hi", "close") {
				r.Errorf("got %q", got)
			}
			if gone := s.shut || s.closed; !gone {
				r.Errorf("the session goes on in state %v", r.conn(s).state)
			}
		}},
		"Stop amid a request": {piece: 7, do: func(r *rig, s *sock) {
			s.says(post("abcdefgh"))
			r.srv.Stop()
			if got := r.ask(s); got != good("abcdefgh", "close") {
				r.Errorf("got %q", got)
			}
		}},
		"Close": {piece: len(hi), do: func(r *rig, s *sock) {
			s.says(hi + hi + hi + hi)
			r.srv.Close()
			if got := r.ask(s); got != good("hi")+good("hi") {
				r.Errorf("got %q", got)
			}
			r.ended(s)
		}},
		"TriggerClose": {piece: len(hi), do: func(r *rig, s *sock) {
			s.says(hi + hi + hi + hi)
			r.srv.TriggerClose(r.id(s))
			if got := r.ask(s); got != good("hi")+good("hi") {
				r.Errorf("got %q", got)
			}
			if n := s.given(); !s.shut || n != 3*len(hi) { // one more to see whether there is more
				r.Errorf("the session goes on, and took %d octets", n)
			}
		}},
		"QueueWorkFor": {piece: len(hi), do: func(r *rig, s *sock) {
			s.says(hi + hi + hi + hi)
			r.srv.QueueWorkFor(r.id(s), func(s *Session) { s.Send([]byte("push")) })
			if got := r.ask(s); got != good("hi")+good("hi")+"push"+good("hi")+good("hi") {
				r.Errorf("got %q", got)
			}
		}},
		"QueueWorkFor that is refused": {piece: len(hi), do: func(r *rig, s *sock) {
			s.says(hi + hi + hi + hi)
			r.srv.QueueWorkFor(r.id(s), func(session *Session) {
				s.refusing = true
				session.Send([]byte("push"))
			})
			r.quiet()
			r.is(s, stateFlush)
			if got := s.took(); got != good("hi")+good("hi") {
				r.Errorf("got %q", got)
			}
			s.refusing = false
			if got := r.ask(s); got != "push"+good("hi")+good("hi") {
				r.Errorf("got %q then", got)
			}
		}},
		"the peer ends behind it": {piece: 7, do: func(r *rig, s *sock) {
			s.says(hi + post("abc"))
			s.fin()
			if got := r.ask(s); got != good("hi")+good("abc") {
				r.Errorf("got %q", got)
			}
			r.ended(s)
		}},
		"a detached request": {piece: 50, do: func(r *rig, s *sock) {
			var d *Detached
			r.handle("GET", "/away", func(_ *Response, req *Request) (err error) {
				d, err = req.Detach()
				return err
			})
			r.ask(s, get("/away")+hi+hi)
			if n := s.given(); n != 50 {
				r.Errorf("took %d octets of 50", n)
			}
			d.Response().SendString("back")
			d.Complete(nil)
			if got := r.ask(s); got != good("back")+good("hi")+good("hi") {
				r.Errorf("got %q", got)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newMasked(t, c.cfg, c.piece)
			c.do(r, r.connect())
			r.finish()
		})
	}
}

// A puppet is a Transport that does what the test says next, call by call, and
// in the end what PlainSocket does.
type puppet struct {
	PlainSocket
	k          *script
	open       func(s *Session) error
	recv, send []saying
	pending    int
}

// A saying is what a call of Recv or Send returns.
type saying struct {
	n   int
	err error
}

func newPuppet(t testing.TB, cfg Config) (*rig, *puppet) {
	t.Helper()
	p := &puppet{}
	cfg.Transport = p
	r := telling(t, cfg)
	p.k = r.k
	return r, p
}

func (p *puppet) Open(s *Session) error {
	if p.open != nil {
		return p.open(s)
	}
	return nil
}

func (p *puppet) Recv(s *Session, b []byte) (int, error) {
	if len(p.recv) == 0 {
		return p.PlainSocket.Recv(s, b)
	}
	says := p.recv[0]
	p.recv = p.recv[1:]
	return says.n, says.err
}

func (p *puppet) Send(s *Session, b []byte) (int, error) {
	if len(p.send) == 0 {
		return p.PlainSocket.Send(s, b)
	}
	says := p.send[0]
	p.send = p.send[1:]
	return says.n, says.err
}

func (p *puppet) Pending(*Session) int { return p.pending }

func (p *puppet) CloseSend(s *Session) {
	p.k.note("closesend %d", s.FD())
	p.PlainSocket.CloseSend(s)
}

// testNoOctets: to move nothing is no call of the system.
func testNoOctets(t *testing.T) {
	r, p := newPuppet(t, Config{})
	p.open = func(s *Session) error {
		for _, b := range [][]byte{nil, {}} {
			if n, err := p.Recv(s, b); n != 0 || err != nil {
				t.Errorf("Recv: %d, %v", n, err)
			}
			if n, err := p.Send(s, b); n != 0 || err != nil {
				t.Errorf("Send: %d, %v", n, err)
			}
		}
		return nil
	}
	if s := r.dial(); r.ask(s, get("/hi")) != good("hi") {
		t.Error("no answer")
	}
	if got := r.k.logOf("recv", "send"); got != "recv 10, send 10" {
		t.Errorf("got %q", got)
	}
	r.finish()
}

// A liar says that it has octets, whatever it has. It has none where the socket
// has none, and then it says nothing at all, or what it waits for.
type liar struct {
	PlainSocket
	mute bool
}

func (l liar) Recv(s *Session, p []byte) (int, error) {
	n, err := l.PlainSocket.Recv(s, p)
	if l.mute && err == ErrWantRead {
		err = nil
	}
	return n, err
}

func (liar) Pending(*Session) int { return 1 }

// testLying: what a Transport says that it has, and has not, or cannot give yet,
// keeps neither the loop busy nor a session alive.
func testLying(t *testing.T) {
	for _, mute := range []bool{false, true} {
		for _, state := range []state{stateFresh, stateIdle, stateHead, stateContent, stateDiscard, stateFlush, stateLinger} {
			t.Run(fmt.Sprintf("%v mute %v", state, mute), func(t *testing.T) {
				cfg := timed(-1)
				cfg.Transport = liar{mute: mute}
				r := newRig(t, cfg)
				s := into(r, state) // the script sees to it that the loop does not spin
				r.srv.Stop()
				r.quiet()
				if ends := state == stateFresh || state == stateIdle; s.closed != ends {
					t.Errorf("closed after Stop: %v", s.closed)
				}
				r.finish()
			})
		}
		t.Run(fmt.Sprintf("Stop in line, mute %v", mute), func(t *testing.T) {
			r := newRig(t, Config{Transport: liar{mute: mute}})
			s := r.connect()
			s.says(get("/hi"), get("/hi")) // the second leaves it in line when Stop looks
			r.srv.Stop()
			if got := r.ask(s); got != good("hi")+good("hi") {
				t.Errorf("got %q", got)
			}
			r.ended(s)
			r.finish()
		})
		t.Run(fmt.Sprintf("Purge in line, mute %v", mute), func(t *testing.T) {
			r := newRig(t, Config{MaxSessions: 1, WhenFull: Purge, Transport: liar{mute: mute}})
			s := r.connect()
			r.ask(s, get("/hi"))
			next := r.connect()
			r.ended(s)
			if got := r.ask(next, get("/hi")); got != good("hi") {
				t.Errorf("got %q", got)
			}
			r.finish()
		})
	}
}

// Handshakes.

// A greeting is a Transport with a handshake of three round trips: to A it
// answers a, to B b and to C c. It reads ahead: what comes behind C is the first
// request, or a part of it.
type greeting struct {
	PlainSocket
	k *script
}

type greeted struct {
	at   int    // round trips that are done
	owes bool   // an answer
	in   string // what the socket had beyond
}

var errNoGreeting = errors.New("this is no greeting")

func (g *greeting) Open(s *Session) error {
	if s.TransportCtx() == nil {
		s.SetTransportCtx(new(greeted), func(any) { g.k.note("free below") })
	}
	g.k.note("handshake %d", s.FD())
	c := s.TransportCtx().(*greeted)
	for c.at < 3 {
		if err := g.step(s, c); err != nil {
			return err
		}
	}
	return nil
}

func (g *greeting) step(s *Session, c *greeted) error {
	if c.owes {
		if _, err := g.Send(s, []byte("abc")[c.at:c.at+1]); err != nil {
			return err
		}
		c.at, c.owes = c.at+1, false
		return nil
	}
	if c.in == "" {
		var b [1000]byte
		n, err := g.PlainSocket.Recv(s, b[:])
		if err != nil {
			return err
		}
		c.in = string(b[:n])
	}
	if c.in[0] != "ABC"[c.at] {
		return errNoGreeting
	}
	c.in, c.owes = c.in[1:], true
	return nil
}

func (g *greeting) Recv(s *Session, p []byte) (int, error) {
	c := s.TransportCtx().(*greeted)
	if c.at < 3 {
		g.k.t.Error("Recv before Open has returned nil")
	}
	if c.in == "" {
		return g.PlainSocket.Recv(s, p)
	}
	n := copy(p, c.in)
	c.in = c.in[n:]
	return n, nil
}

func (g *greeting) Pending(s *Session) int { return len(s.TransportCtx().(*greeted).in) }

func (g *greeting) CloseSend(s *Session) {
	g.k.note("closesend %d", s.FD())
	g.PlainSocket.CloseSend(s)
}

const (
	handshakeTime = 40 * time.Second
	// the life of a session whose handshake fails, and of one that is open
	neverOpen = "close 10, free below"
)

// newGreeting is a rig whose sessions begin with a handshake. All that is told of
// them is in the log.
func newGreeting(t testing.TB, cfg Config) *rig {
	t.Helper()
	var r *rig
	g := &greeting{}
	cfg.Transport, cfg.HandshakeTimeout = g, cmp.Or(cfg.HandshakeTimeout, handshakeTime)
	cfg.HeadTimeout = headTime
	refuses := cfg.OnOpen
	cfg.OnOpen = func(s *Session) error {
		r.k.note("open")
		s.SetCtx("A", func(any) { r.k.note("free A") })
		if refuses != nil {
			return refuses(s)
		}
		return nil
	}
	cfg.OnClose = func(s *Session, why CloseReason) { r.k.note("told %v", why) }
	cfg.Events = func(e Event) {
		if e.Kind == EventConnected || e.Kind == EventDisconnected {
			r.k.note("event %v %v", e.Kind, e.Session)
		}
	}
	r = newRig(t, cfg)
	g.k = r.k
	return r
}

func (k *script) fortune() string { return k.logOf("open", "told", "event", "close", "free") }

// far brings a handshake this far.
func far(r *rig, stage string) *sock {
	r.Helper()
	s := r.dial()
	r.quiet()
	for _, do := range strings.Fields(stage) {
		if s.refusing = do == "refused"; do == "refused" {
			do = "B"
		}
		r.ask(s, do)
	}
	want := wantRead
	if s.refusing {
		want = wantWrite
	}
	if c := r.conn(s); c.state != stateOpen || c.want != want || s.want != want {
		r.Fatalf("after %q: state %v, watched for %d, want %d", stage, c.state, s.want, want)
	}
	if ids := r.srv.Sessions(); len(ids) != 0 {
		r.Errorf("after %q: the sessions are %v", stage, ids)
	}
	return s
}

// testNoHandshake: however far a handshake has come, and whatever ends it, no
// session has been there: no hook and no event tell of it, and nothing is left.
func testNoHandshake(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(r *rig, s *sock)
		why  CloseReason
	}{
		{"HandshakeTimeout", func(r *rig, s *sock) {
			r.pass(handshakeTime / 2)
			s.again() // it is asked to go on, which does not renew its time
			r.quiet()
			r.pass(handshakeTime/2 - 1)
			if r.conn(s).state != stateOpen {
				r.Error("it ended before its time")
			}
			r.pass(1)
		}, ReasonExpired},
		{"the peer ends", func(r *rig, s *sock) { s.refusing = false; s.fin() }, ReasonPeer},
		{"the peer resets", func(r *rig, s *sock) { s.reset() }, ReasonPeer},
		{"the socket breaks", func(r *rig, s *sock) { s.breaks() }, ReasonBroken},
		{"an error", func(r *rig, s *sock) { s.refusing = false; s.says("X") }, ReasonBroken},
		{"Watch fails", func(r *rig, s *sock) {
			s.unwatched = true
			s.refusing = !s.refusing
			s.says("ABC"[r.conn(s).link.ctx.ctx.(*greeted).at:][:1])
		}, ReasonBroken},
		{"Stop", func(r *rig, s *sock) { r.srv.Stop() }, ReasonStop},
		{"Close", func(r *rig, s *sock) { r.srv.Close() }, ReasonStop},
		{"TriggerClose", func(r *rig, s *sock) { r.srv.TriggerClose(r.id(s)) }, ReasonTrigger},
	} {
		for _, stage := range []string{"", "A", "A B", "refused", "A refused"} {
			if stage == "refused" {
				continue
			}
			t.Run(c.name+" after "+stage, func(t *testing.T) {
				r := newGreeting(t, Config{})
				s := far(r, stage)
				c.do(r, s)
				r.quiet()
				r.ended(s)
				if got := r.k.fortune(); got != neverOpen {
					t.Errorf("got %q, want %q", got, neverOpen)
				}
				if got := r.k.logOf("closesend", "shutdown", "reset"); got != "" {
					t.Errorf("got %q", got)
				}
				if r.l.closed[c.why] != 1 {
					t.Errorf("sessions ended by reason: %d, want one of reason %d", r.l.closed, c.why)
				}
				r.finish()
			})
		}
	}
}

func testHandshake(t *testing.T) {
	const opened = "open, event connected 0/0/1"
	const gone = ", told peer, close 10, event disconnected 0/0/1, free A, free below"
	for name, c := range map[string]struct {
		cfg  Config
		do   func(r *rig)
		want string // what is told, in order
	}{
		"is watched for what it waits for": {do: func(r *rig) {
			s := far(r, "")
			for _, letter := range []string{"A", "B", "C"} {
				s.refusing = true
				r.ask(s, letter)
				if s.want != wantWrite {
					r.Errorf("at %s: watched for %d", letter, s.want)
				}
				s.refusing = false
				if got := r.ask(s); got != strings.ToLower(letter) || s.want != wantRead {
					r.Errorf("at %s: got %q, watched for %d", letter, got, s.want)
				}
			}
			if n := strings.Count(r.k.logOf("recv"), "nothing"); n != 3 { // for A, B and C, and none when it is open
				r.Errorf("%d calls of Recv in vain, want 3", n)
			}
			if n := strings.Count(r.k.logOf("handshake"), "handshake"); n != 7 {
				r.Errorf("%d calls of Open, want 7", n)
			}
			if got := r.k.logOf("watch"); got != "watch 3 r, watch 10 r, watch 10 w, watch 10 r, watch 10 w, watch 10 r, watch 10 w, watch 10 r" {
				r.Errorf("got %q", got)
			}
			r.is(s, stateFresh)
			if got := r.ask(s, get("/hi")); got != good("hi") {
				r.Errorf("got %q", got)
			}
		}, want: opened + gone},
		"all at once": {do: func(r *rig) {
			s := r.dial()
			s.says("ABC")
			r.quiet()
			if got := s.took(); got != "abc" {
				r.Errorf("got %q", got)
			}
			r.is(s, stateFresh)
			if ids := r.srv.Sessions(); len(ids) != 1 || ids[0] != r.id(s) {
				r.Errorf("the sessions are %v", ids)
			}
		}, want: opened + gone},
		"requests behind it need no event": {do: func(r *rig) {
			s := far(r, "A B")
			if got := r.ask(s, "C"+get("/hi")+post("abc")); got != "c"+good("hi")+good("abc") {
				r.Errorf("got %q", got)
			}
		}, want: opened + gone},
		"half a request behind it": {do: func(r *rig) {
			s := far(r, "A B")
			if got := r.ask(s, "C"+most, rest); got != "c"+good("abc") {
				r.Errorf("got %q", got)
			}
		}, want: opened + gone},
		"the head has its time afterwards": {do: func(r *rig) {
			s := far(r, "A")
			r.pass(handshakeTime / 2)
			r.ask(s, "B")
			r.pass(handshakeTime/2 - 1)
			r.ask(s, "C")
			r.is(s, stateFresh)
			if r.k.timeout != headTime {
				r.Errorf("the head has %v", r.k.timeout)
			}
			r.pass(headTime - 1)
			r.is(s, stateFresh)
			r.pass(1)
			r.ended(s)
		}, want: opened + strings.Replace(gone, "peer", "expired", 1)},
		"without a timeout": {cfg: Config{HandshakeTimeout: -1}, do: func(r *rig) {
			s := far(r, "A")
			if r.k.timeout >= 0 {
				r.Errorf("the loop waits for %v", r.k.timeout)
			}
			r.pass(1000 * time.Hour)
			r.ask(s, "B", "C")
			r.is(s, stateFresh)
		}, want: opened + gone},
		"takes a place": {cfg: Config{MaxSessions: 1}, do: func(r *rig) {
			s, next := far(r, "A"), r.dial()
			r.quiet()
			if next.want != 0 {
				r.Error("there is a second one")
			}
			s.says("B", "C")
			r.quiet()
			if next.want != 0 {
				r.Error("there is a second one now")
			}
			r.k.backlog = nil
		}, want: opened + gone},
		"gives its place back": {cfg: Config{MaxSessions: 1}, do: func(r *rig) {
			s, next := far(r, "A"), r.dial()
			s.says("X")
			r.quiet()
			r.ended(s)
			if next.want != wantRead {
				r.Error("nobody has its place")
			}
		}, want: "close 10, free below, close 11, free below"},
		"is not purged": {cfg: Config{MaxSessions: 1, WhenFull: Purge}, do: func(r *rig) {
			s, next := far(r, ""), r.dial()
			r.pass(acceptRetry)
			r.pass(acceptRetry)
			if next.want != 0 {
				r.Error("there is a second one")
			}
			r.k.backlog = nil
			r.ask(s, "A", "B", "C")
			r.is(s, stateFresh)
		}, want: opened + gone},
		"TriggerClose behind it": {do: func(r *rig) {
			s := far(r, "A B")
			r.srv.TriggerClose(r.id(s))
			s.says("C")
			r.quiet()
			r.ended(s)
		}, want: opened + strings.Replace(gone, "peer", "trigger", 1)},
		"cannot be spoken to": {do: func(r *rig) {
			s := far(r, "A")
			r.srv.QueueWorkFor(r.id(s), func(s *Session) {
				if err := s.Send([]byte("hello")); err != ErrSessionEnding {
					r.Errorf("Send returned %v", err)
				}
			})
			r.quiet()
			if got := r.ask(s, "B", "C"); got != "bc" {
				r.Errorf("got %q", got)
			}
		}, want: opened + gone},
		"the hook refuses": {cfg: Config{OnOpen: func(s *Session) error {
			s.Send([]byte("no"))
			return errors.New("no")
		}}, do: func(r *rig) {
			s := far(r, "A B")
			if got := r.ask(s, "C"); got != "cno" {
				r.Errorf("got %q", got)
			}
			r.ended(s)
		}, want: "open, close 10, free A, free below"},
		"adopted": {do: func(r *rig) {
			s := r.adopt()
			r.ask(s, "A", "B", "C"+get("/hi"))
		}, want: opened + gone},
		"adopted, and no greeting": {do: func(r *rig) {
			s := r.adopt()
			r.ask(s, "A", "X")
			r.ended(s)
			if got := r.k.logOf("unwatch"); got != "unwatch 10" {
				r.Errorf("got %q", got)
			}
		}, want: neverOpen},
	} {
		t.Run(name, func(t *testing.T) {
			r := newGreeting(t, c.cfg)
			c.do(r)
			r.empty()
			if got := r.k.fortune(); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
			r.finish()
		})
	}
}

// testWants: in every state the descriptor is watched for what the Transport
// waits for, and the state goes on when that is there.
func testWants(t *testing.T) {
	for _, c := range []struct {
		state state
		says  string // what makes a Recv, or with room a Send
		want  string // the answer
		then  state
	}{
		{stateFresh, get("/hi"), good("hi"), stateIdle},
		{stateIdle, get("/hi"), good("hi"), stateIdle},
		{stateHead, " /hi HTTP/1.1\r\nHost: a\r\n\r\n", good("hi"), stateIdle},
		{stateContent, rest, good("abc"), stateIdle},
		{stateDiscard, "defghi" + get("/hi"), good("hi"), stateIdle},
		{stateLinger, "whatever", "", stateLinger},
	} {
		t.Run(c.state.String(), func(t *testing.T) {
			r, p := newPuppet(t, timed(-1))
			s := into(r, c.state)
			p.recv = []saying{{0, ErrWantWrite}}
			s.refusing = true
			r.ask(s, c.says)
			if r.conn(s).state != c.state || s.want != wantWrite {
				t.Fatalf("state %v is watched for %d", r.conn(s).state, s.want)
			}
			p.recv = []saying{{0, ErrWantWrite}, {0, ErrWantRead}, {0, ErrWantWrite}}
			r.pass(time.Millisecond) // no event, no call
			if len(p.recv) != 3 {
				t.Fatalf("Recv was called without an event")
			}
			s.refusing, r.k.log = false, nil
			if got := r.ask(s); got != c.want || s.want != wantRead {
				t.Errorf("got %q, watched for %d", got, s.want)
			}
			if got := r.k.logOf("recv"); got != "recv 10" {
				t.Errorf("got %q, want one recv", got)
			}
			r.is(s, c.then)
			if s.refusing = true; c.then != stateLinger { // it asked to write, and is refused by the kernel
				p.recv = []saying{{}, {0, ErrWantWrite}}
				s.again()
				s.again()
				if r.quiet(); s.want != wantWrite || len(p.recv) != 0 {
					t.Errorf("watched for %d after nothing", s.want)
				}
			}
			s.refusing = false
			r.finish()
		})
	}
	for name, begin := range map[string]func(r *rig, s *sock){
		"flush":           func(r *rig, s *sock) { r.ask(s, get("/hi")+"GET") },
		"flush of a push": func(r *rig, s *sock) { r.ask(s, "GET"); r.push(s, good("hi")) },
	} {
		t.Run(name, func(t *testing.T) {
			r, p := newPuppet(t, timed(-1))
			s := r.connect()
			p.send = []saying{{0, ErrWantRead}}
			begin(r, s)
			if r.conn(s).state != stateFlush || s.want != wantRead {
				t.Fatalf("state %v is watched for %d", r.conn(s).state, s.want)
			}
			p.send = []saying{{0, ErrWantWrite}}
			if r.pass(time.Millisecond); len(p.send) != 1 || len(s.out) > 0 {
				t.Fatal("Send was called without an event")
			}
			s.refusing = true
			s.again()
			if r.quiet(); r.conn(s).state != stateFlush || s.want != wantWrite || len(p.send) != 0 {
				t.Fatalf("state %v is watched for %d, then", r.conn(s).state, s.want)
			}
			s.in, s.refusing = nil, false
			if got := r.ask(s); got != good("hi") {
				t.Errorf("got %q", got)
			}
			r.is(s, stateHead)
			r.finish()
		})
	}
	t.Run("flush, whatever the last Recv waits for", func(t *testing.T) {
		r, p := newPuppet(t, timed(-1))
		s := r.connect()
		s.again()
		r.quiet() // that was one
		s.refusing, p.send = true, []saying{{0, ErrWantWrite}}
		r.push(s, pushed)
		s.refusing, p.send = false, []saying{{5, nil}}
		if r.turn(); r.conn(s).state != stateFlush || s.want != wantWrite {
			t.Errorf("state %v is watched for %d", r.conn(s).state, s.want)
		}
		if got := r.ask(s); got != pushed[5:] {
			t.Errorf("got %q", got)
		}
		r.finish()
	})
}

var errTransport = errors.New("the transport is broken")

// testFaults: what a Transport must not say, and an error, end the session on
// which it was said, and no other.
func testFaults(t *testing.T) {
	for name, f := range map[string]struct {
		says saying
		why  CloseReason
	}{
		"an error":      {saying{0, errTransport}, ReasonBroken},
		"a wrapped one": {saying{0, fmt.Errorf("so: %w", errTransport)}, ReasonBroken},
		"the end":       {saying{0, io.EOF}, ReasonPeer},
		"half the end":  {saying{0, io.ErrUnexpectedEOF}, ReasonBroken},
		"less than 0":   {saying{-1, nil}, ReasonBroken},
		"far less":      {saying{math.MinInt, ErrWantRead}, ReasonBroken},
		"too much":      {saying{1 << 30, nil}, ReasonBroken},
	} {
		for _, state := range []state{stateFresh, stateIdle, stateHead, stateContent, stateDiscard, stateLinger} {
			t.Run(fmt.Sprintf("Recv: %s in %v", name, state), func(t *testing.T) {
				faulty(t, state, f.why, func(r *rig, p *puppet, s *sock) {
					p.recv = []saying{f.says}
					s.says(get("/hi"))
				})
			})
		}
		for _, state := range []state{stateFresh, stateIdle, stateFlush} {
			t.Run(fmt.Sprintf("Send: %s in %v", name, state), func(t *testing.T) {
				faulty(t, state, f.why, func(r *rig, p *puppet, s *sock) {
					p.send = []saying{f.says}
					s.refusing = false
					s.says(get("/hi"))
				})
			})
		}
	}
}

// faulty brings a session into the state, does what ends it for this reason, and
// looks at what is left of it and at the one beside it.
func faulty(t *testing.T, in state, why CloseReason, do func(r *rig, p *puppet, s *sock)) {
	r, p := newPuppet(t, timed(-1))
	p.open = func(s *Session) error {
		s.SetTransportCtx(s.FD(), func(ctx any) { r.k.note("free below %d", ctx) })
		return nil
	}
	other := r.connect()
	r.ask(other, "GET")
	s := into(r, in)
	r.k.log = nil
	if in == stateLinger {
		why = ReasonRefused
	}
	do(r, p, s)
	r.quiet()
	r.ended(s)
	if got, want := r.k.logOf("told", "close", "closesend", "free"), fmt.Sprintf("told 11 %v, close 11, free below 11", why); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := s.took(); got != "" {
		t.Errorf("told %q", got)
	}
	if got := r.ask(other, get("/hi")[3:]); got != good("hi") {
		t.Errorf("the other got %q", got)
	}
	r.finish()
}

// A hasty is a Transport that has an error beside the octets, as an io.Reader
// may, and none where it should say what it waits for.
type hasty struct {
	PlainSocket
	err error
}

func (h hasty) Recv(s *Session, p []byte) (int, error) { return h.amend(h.PlainSocket.Recv(s, p)) }

func (h hasty) Send(s *Session, p []byte) (int, error) {
	return h.amend(h.PlainSocket.Send(s, p[:min(len(p), 50)]))
}

func (h hasty) amend(n int, err error) (int, error) {
	switch {
	case n > 0:
		err = h.err
	case err == ErrWantRead, err == ErrWantWrite:
		err = nil
	}
	return n, err
}

// testNoFaults: octets count whatever is said beside them, and without an error
// what was asked for is waited for.
func testNoFaults(t *testing.T) {
	for _, err := range []error{nil, io.EOF, ErrWantRead, ErrWantWrite, errTransport} {
		t.Run(fmt.Sprint(err), func(t *testing.T) {
			cfg := timed(-1)
			cfg.Transport = hasty{err: err}
			r := newRig(t, cfg)
			s := r.connect()
			if got := r.ask(s, get("/hi")+most, rest, get("/hi")); got != good("hi")+good("abc")+good("hi") {
				t.Errorf("got %q", got)
			}
			r.is(s, stateIdle)
			s.again()
			r.quiet()
			r.is(s, stateIdle)
			s.refusing = true
			r.ask(s, get("/hi")+"GET")
			r.is(s, stateFlush)
			r.pass(time.Second)
			s.refusing = false
			if got := r.ask(s, get("/hi")[3:]); got != good("hi")+good("hi") {
				t.Errorf("got %q", got)
			}
			s.fin()
			r.quiet()
			r.ended(s)
			r.finish()
		})
	}
}

// testCloseSend: the peer is told that nothing more comes once, behind all the
// output and before its socket is closed, whatever ends the session. It is not if
// it is gone, or has not taken the output.
func testCloseSend(t *testing.T) {
	gone := fate{name: "close, and the peer has ended", do: func(r *rig, s *sock) {
		s.says(req("GET /hi", "Connection: close"))
		s.fin()
	}, why: ReasonServed}
	for _, f := range append(fates(), gone) {
		t.Run(f.name, func(t *testing.T) {
			r, _ := newPuppet(t, fateConfig())
			s := f.meets(r)
			want := "closesend 10, close 10"
			if f.why == ReasonPeer || f.why == ReasonBroken || f.name == gone.name || s.refusing {
				want = "close 10"
			}
			if got := r.k.logOf("closesend", "close"); got != want { // the script sees to it that no send is behind it
				t.Errorf("got %q, want %q", got, want)
			}
			r.finish()
		})
	}
	for name, c := range map[string]struct {
		cfg  Config
		do   func(r *rig, s *sock)
		want string
	}{
		"purged":          {Config{MaxSessions: 1, WhenFull: Purge}, func(r *rig, _ *sock) { r.connect() }, "closesend 10, close 10"},
		"with a reset":    {Config{LingerTimeout: -1}, func(r *rig, s *sock) { s.says(req("GET /hi", "Connection: close")) }, "reset 10, close 10"},
		"reset when idle": {Config{LingerTimeout: -1, IdleTimeout: 1}, func(r *rig, s *sock) { r.ask(s, get("/hi")); r.pass(1) }, "reset 10, close 10"},
		"detached, and then closed": {Config{}, func(r *rig, s *sock) {
			var d *Detached
			r.handle("GET", "/away", func(_ *Response, req *Request) (err error) {
				d, err = req.Detach()
				return err
			})
			r.ask(s, get("/away"))
			r.srv.TriggerClose(r.id(s))
			r.quiet()
			d.Complete(nil)
		}, "closesend 10, close 10"},
		"detached, and then severed": {Config{}, func(r *rig, s *sock) {
			var d *Detached
			r.handle("GET", "/away", func(_ *Response, req *Request) (err error) {
				d, err = req.Detach()
				return err
			})
			r.ask(s, get("/away"))
			r.srv.Close()
			r.turn()
			d.Complete(nil)
		}, "sever 10, close 10"},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := newPuppet(t, c.cfg)
			s := r.connect()
			c.do(r, s)
			r.quiet()
			r.ended(s)
			if got := r.k.logOf("closesend", "sever", "shutdown", "reset", "close"); strings.ReplaceAll(got, "shutdown 10, ", "") != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			r.finish()
		})
	}
	t.Run("refused by the hook", func(t *testing.T) {
		for _, refusing := range []bool{false, true} {
			var r *rig
			p := &puppet{}
			r = newRig(t, Config{Transport: p, OnOpen: func(s *Session) error {
				s.Send([]byte("no"))
				return errors.New("no")
			}})
			p.k = r.k
			s := r.dial()
			s.refusing = refusing
			r.quiet()
			want := map[bool]string{false: "closesend 10, close 10", true: "close 10"}[refusing]
			if got := r.k.logOf("closesend", "close"); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			r.finish()
		}
	})
}

// A closer is a Transport that is to be closed.
type closer struct {
	PlainSocket
	k   *script
	err error
}

func (c *closer) Close() error {
	c.k.note("close transport")
	return c.err
}

// testTransportClose: a Transport that can be closed is, once, as the last thing
// of all that is the server's, whatever ended that.
func testTransportClose(t *testing.T) {
	for name, end := range map[string]func(r *rig){
		"Stop":          func(r *rig) { r.srv.Stop(); r.srv.run() },
		"Close":         func(r *rig) { r.srv.Close(); r.srv.Close(); r.srv.run() },
		"Shutdown":      func(r *rig) { r.srv.run(); r.srv.Shutdown(context.Background()) },
		"a failed Wait": func(r *rig) { r.k.waits = errors.New("epoll is gone"); r.srv.run() },
	} {
		for _, fails := range []error{nil, errTransport} {
			t.Run(fmt.Sprint(name, ", ", fails), func(t *testing.T) {
				c := &closer{err: fails}
				r := newRig(t, Config{Transport: c, FreeUserCtx: func(any) { c.k.note("free user") }})
				c.k = r.k
				s := r.connect()
				r.ask(s, set("A"))
				end(r)
				if err := r.srv.Wait(); fails != nil && !errors.Is(err, fails) || name != "a failed Wait" && fails == nil && err != nil {
					t.Errorf("Wait returned %v", err)
				}
				r.srv.Close()
				r.srv.Wait()
				if got := r.k.logOf("close", "free", "end"); got != "close 10, free A, end, free user, close transport" {
					t.Errorf("got %q", got)
				}
				r.empty()
			})
		}
	}
}

// TestTransportCtx: the transport's context is freed once, behind the session's
// own, whatever ends the session, and one that is replaced at once.
func TestTransportCtx(t *testing.T) {
	for _, f := range fates() {
		t.Run(f.name, func(t *testing.T) {
			r, p := newPuppet(t, fateConfig())
			p.open = func(s *Session) error {
				s.SetTransportCtx("below", func(ctx any) { r.k.note("free %s", ctx) })
				return nil
			}
			f.meets(r)
			want := f.only("close", "free") + ", free below"
			if got := strings.ReplaceAll(r.k.logOf("close", "free"), "close 10", "close"); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			r.finish()
		})
	}
}

// only is what the fate wants of these words.
func (f fate) only(words ...string) string {
	return (&script{log: strings.Split(f.want, ", ")}).logOf(words...)
}

// TestTransportCtxChanges: who may ask for it sees the last one that was set, and
// that is the one that is freed in the end.
func TestTransportCtxChanges(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(s *Session, free func(any)) // in a handler
		sees any                              // what it sees then, and OnClose
		want string
	}{
		{"kept", func(s *Session, _ func(any)) {}, "A", "returned, close 10, free above, free A"},
		{"another", func(s *Session, free func(any)) { s.SetTransportCtx("B", free) }, "B", "free A, returned, close 10, free above, free B"},
		{"two others", func(s *Session, free func(any)) {
			s.SetTransportCtx("B", free)
			s.SetTransportCtx("C", free)
		}, "C", "free A, free B, returned, close 10, free above, free C"},
		{"the same", func(s *Session, free func(any)) {
			s.SetTransportCtx("A", nil)
			s.SetTransportCtx("A", free)
		}, "A", "returned, close 10, free above, free A"},
		{"none", func(s *Session, free func(any)) { s.SetTransportCtx(nil, free) }, nil, "free A, returned, close 10, free above"},
		{"none, then another", func(s *Session, free func(any)) {
			s.SetTransportCtx(nil, nil)
			s.SetTransportCtx("B", free)
		}, "B", "free A, returned, close 10, free above, free B"},
		{"one that needs no freeing", func(s *Session, _ func(any)) { s.SetTransportCtx("B", nil) }, "B", "free A, returned, close 10, free above"},
		{"freed after it is gone", func(s *Session, free func(any)) {
			s.SetTransportCtx("B", free)
			s.SetTransportCtx("C", func(ctx any) { free(s.TransportCtx()) })
			s.SetTransportCtx("D", free)
		}, "D", "free A, free B, free D, returned, close 10, free above, free D"},
	} {
		for name, transport := range map[string]Transport{"without a Transport": nil, "with one": PlainSocket{}} {
			t.Run(c.name+" "+name, func(t *testing.T) {
				var r *rig
				note := func(ctx any) { r.k.note("free %v", ctx) }
				r = newRig(t, Config{Transport: transport, OnOpen: func(s *Session) error {
					if ctx := s.TransportCtx(); ctx != nil {
						t.Errorf("begins with %v", ctx)
					}
					s.SetTransportCtx("A", note)
					s.SetCtx("above", note)
					return nil
				}, OnClose: func(s *Session, _ CloseReason) {
					if ctx := s.TransportCtx(); ctx != c.sees {
						t.Errorf("OnClose sees %v, want %v", ctx, c.sees)
					}
				}})
				r.handle("GET", "/do", func(w *Response, req *Request) error {
					c.do(req.Session(), note)
					if ctx := req.Session().TransportCtx(); ctx != c.sees {
						t.Errorf("the handler sees %v, want %v", ctx, c.sees)
					}
					r.k.note("returned")
					return w.Send(nil)
				})
				s := r.connect()
				r.ask(s, get("/do"))
				s.fin()
				r.quiet()
				if got := r.k.logOf("free", "returned", "close"); got != c.want {
					t.Errorf("got  %q\nwant %q", got, c.want)
				}
				r.finish()
			})
		}
	}
	for name, transport := range map[string]Transport{"without a Transport": nil, "with one": PlainSocket{}} {
		for _, last := range []any{nil, "Z"} {
			t.Run(fmt.Sprintf("%v in OnClose, %s", last, name), func(t *testing.T) {
				var r *rig
				note := func(ctx any) { r.k.note("free %v", ctx) }
				r = newRig(t, Config{Transport: transport, OnOpen: func(s *Session) error {
					s.SetTransportCtx("A", note)
					return nil
				}, OnClose: func(s *Session, _ CloseReason) { s.SetTransportCtx(last, note) }})
				s := r.connect()
				s.fin()
				r.quiet()
				want := map[any]string{nil: "free A, close 10", "Z": "free A, close 10, free Z"}[last]
				if got := r.k.logOf("free", "close"); got != want {
					t.Errorf("got %q, want %q", got, want)
				}
				r.finish()
			})
		}
	}
}
