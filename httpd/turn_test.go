package httpd

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestPipelined: what came at once is answered at once, in order, by one send.
func TestPipelined(t *testing.T) {
	r := newRig(t, Config{MaxTurnRequests: 1000, MaxOutputBytes: 1 << 20})
	s := r.connect()
	var in, want string
	for i := range 100 {
		in += post(fmt.Sprint(i))
		want += good(fmt.Sprint(i))
	}
	s.says(in)
	r.quiet()
	if sends := s.sends; len(sends) != 1 {
		t.Errorf("%d sends, want 1", len(sends))
	}
	if got := s.took(); got != want {
		t.Errorf("got %q", got)
	}
	r.is(s, stateIdle)
	r.finish()
}

// TestShare: a session with more than its share in hand is served to the end
// although nothing more arrives (ESP-IDF's stalls), the loop does not wait
// meanwhile, and the others have their turn in between.
func TestShare(t *testing.T) {
	for _, share := range []int{1, 3, 7, 8, 20, 21, 22} {
		for _, tail := range []string{"", "GET", most, "\r\n"} {
			r := newRig(t, Config{MaxTurnRequests: share})
			greedy, other := r.connect(), r.connect()
			greedy.says(strings.Repeat(get("/hi"), 21) + tail)
			other.says(get("/hi"))
			r.turn()
			most := 2 * share * len(good("hi")) // one at its event, one with those in line
			if n := len(greedy.out); n > most || n == 0 {
				t.Errorf("share %d: %d octets for the first in the first turn, want at most %d", share, n, most)
			}
			if got := other.took(); got != good("hi") {
				t.Errorf("share %d: the other got %q in the first turn", share, got)
			}
			for turns := 0; len(greedy.out) < 21*len(good("hi")); turns++ {
				before := len(greedy.out)
				r.turn()
				if r.k.timeout != 0 {
					t.Fatalf("share %d: the loop waits %v with requests in hand", share, r.k.timeout)
				}
				if n := len(greedy.out) - before; n > share*len(good("hi")) {
					t.Errorf("share %d: %d octets in one turn", share, n)
				}
			}
			r.quiet()
			if got := greedy.took(); got != strings.Repeat(good("hi"), 21) {
				t.Errorf("share %d: got %q", share, got)
			}
			if n := strings.Count(r.k.logOf("recv"), fmt.Sprint("recv ", greedy.fd)); n != 1 {
				t.Errorf("share %d: %d recvs for one segment", share, n)
			}
			r.finish()
		}
	}
}

// TestInHandComesFirst: no octets are received while others are in hand, and
// those that came meanwhile are served behind them.
func TestInHandComesFirst(t *testing.T) {
	r := newRig(t, Config{MaxTurnRequests: 1})
	s := r.connect()
	s.says(get("/hi")+get("/")+get("/hi")+"POST /ec", post("abc")[len("POST /ec"):])
	s.fin()
	r.k.log = nil
	r.quiet()
	if got, want := s.took(), good("hi")+good("root")+good("hi")+good("abc"); got != want {
		t.Errorf("got %q", got)
	}
	want := "recv 10, send 10, send 10, send 10, recv 10, send 10, recv 10: 2"
	if got := r.k.logOf("recv", "send"); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	r.ended(s)
	r.finish()
}

// TestShareWithOutput: waiting for output and waiting for one's turn do not add
// up to more than one share a turn.
func TestShareWithOutput(t *testing.T) {
	r := newRig(t, Config{MaxTurnRequests: 2})
	s := r.connect()
	asked := 60
	s.says(strings.Repeat(get("/hi"), asked))
	for range asked {
		r.k.polls = 0
		s.refusing = true // what is made in this turn is refused,
		r.turn()
		s.refusing = false // and gone in the next
		before := len(s.out)
		r.turn()
		if n := len(s.out) - before; n > 3*2*len(good("hi")) { // what waited, one share, and one in line
			t.Fatalf("%d octets in one turn", n)
		}
		if n := len(r.l.ready); n > 1 {
			t.Fatalf("the session stands in line %d times", n)
		}
	}
	r.quiet()
	if got := s.took(); got != strings.Repeat(good("hi"), asked) {
		t.Errorf("got %q", got)
	}
	r.finish()
}

// TestRefused: a response that the socket takes piece by piece goes out whole,
// nothing is received meanwhile, and then the input in hand goes on.
func TestRefused(t *testing.T) {
	r := newRig(t, Config{})
	s := r.connect()
	takes := []int{5, 0, 7, 0, 1}
	s.room = func() (n int) {
		if len(takes) == 0 {
			s.refusing = true
			return 0
		}
		n, takes = takes[0], takes[1:]
		return n
	}
	s.says(get("/hi")+most, rest+get("/"))
	r.k.log = nil
	r.quiet()
	r.is(s, stateFlush)
	if want := []int{5, 7, 1}; !slices.Equal(s.sends, want) {
		t.Errorf("sends of %d octets, want %d", s.sends, want)
	}
	want := "recv 10, send 10, send 10: again, watch 10 w, send 10, send 10: again, send 10, send 10: again"
	if got := r.k.logOf("recv", "send", "watch"); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	s.refusing, s.room = false, nil
	r.k.log = nil
	r.quiet()
	want = "send 10, watch 10 r, recv 10, send 10, recv 10, send 10"
	if got := r.k.logOf("recv", "send", "watch"); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := s.took(); got != good("hi")+good("abc")+good("root") {
		t.Errorf("got %q", got)
	}
	r.is(s, stateIdle)
	r.finish()
}

// TestMaxOutput: a peer that asks and does not read is served no further than
// the limit.
func TestMaxOutput(t *testing.T) {
	r := newRig(t, Config{MaxOutputBytes: 1000})
	s := r.connect()
	s.refusing = true
	s.says(strings.Repeat(get("/long"), 50), strings.Repeat(get("/long"), 50))
	r.quiet()
	r.is(s, stateFlush)
	one := len(good(strings.Repeat("0123456789", 30)))
	if n := len(r.conn(s).out.buf.B); n < 1000 || n >= 1000+one {
		t.Errorf("%d octets wait, want 1000 and at most one response more", n)
	}
	if got := r.k.logOf("recv"); got != "recv 10" {
		t.Errorf("got %q, want one recv", got)
	}
	s.refusing = false
	r.quiet()
	if got := s.took(); got != strings.Repeat(good(strings.Repeat("0123456789", 30)), 100) {
		t.Errorf("got %d octets", len(got))
	}
	r.finish()
}

// TestDrip: octet by octet a message costs no more memory than it has, and
// what is behind it stays in the system.
func TestDrip(t *testing.T) {
	r := newRig(t, Config{})
	s := r.connect()
	s.says(strings.Split(post(strings.Repeat("x", 3000)), "")...)
	for range 3060 {
		r.turn()
		if c := r.conn(s); c.in.buf != nil && cap(c.in.buf.B) > 4096 {
			t.Fatalf("a buffer of %d octets for less than 3100", cap(c.in.buf.B))
		}
	}
	r.quiet()
	if got := s.took(); got != good(strings.Repeat("x", 3000)) {
		t.Errorf("got %q", got)
	}
	r.ask(s, most)
	s.taken = nil
	if got := r.ask(s, rest+get("/hi")); got != good("abc")+good("hi") {
		t.Errorf("got %q", got)
	}
	if want := []int{len(rest), len(get("/hi"))}; !slices.Equal(s.taken, want) {
		t.Errorf("recvs of %d octets, want %d", s.taken, want)
	}
	r.finish()
}

// TestLargeBuffersAreLeft: what grew beyond the limit does not go back into
// the pool, nor stay with the loop.
func TestLargeBuffersAreLeft(t *testing.T) {
	r := newRig(t, Config{MaxOutputBytes: 1 << 20})
	big := strings.Repeat("x", mostKept+1)
	r.handle("GET", "/big", func(w *Response, _ *Request) error { return w.SendString(big) })
	s := r.connect()
	s.refusing = true
	r.ask(s, get("/big"))
	s.refusing = false
	if got := r.ask(s); got != good(big) {
		t.Errorf("got %d octets", len(got))
	}
	if got := r.ask(s, post(big)[:90], post(big)[90:]); got != good(big) {
		t.Errorf("got %d octets", len(got))
	}
	if n := cap(r.l.x.w.wire.out); n > mostKept {
		t.Errorf("the loop keeps %d octets", n)
	}
	if n := cap(r.l.pool.large.Get().B); n > mostPooled {
		t.Errorf("the pool keeps %d octets", n)
	}
	r.finish()
}

// TestLinger: what is left of the peer's input is dropped, within a bound.
func TestLinger(t *testing.T) {
	refused := req("POST /echo", "Content-Length: 9999")
	for _, c := range []struct {
		name string
		do   func(r *rig, s *sock)
		want string
	}{
		{"until the peer ends", func(r *rig, s *sock) {
			r.ask(s, "abc")
			r.is(s, stateLinger)
			s.fin()
		}, "recv 10, send 10, shutdown 10, recv 10, recv 10: 2, close 10"},
		{"as long as it may", func(r *rig, s *sock) {
			r.pass(999 * time.Millisecond)
			r.ask(s, "x")
			r.is(s, stateLinger)
			r.pass(time.Millisecond)
		},
			"recv 10, send 10, shutdown 10, recv 10, close 10"},
		{"as much as it may", func(r *rig, s *sock) { r.ask(s, strings.Repeat("x", 99)); r.is(s, stateLinger); r.ask(s, "x") },
			"recv 10, send 10, shutdown 10, recv 10, recv 10, close 10"},
		{"events with nothing behind them", func(r *rig, s *sock) { s.again(); r.quiet(); r.is(s, stateLinger); s.fin() },
			"recv 10, send 10, shutdown 10, recv 10: 1, recv 10: 2, close 10"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, Config{MaxContentBytes: 100})
			s := r.connect()
			r.k.log = nil
			if got := r.ask(s, refused); got != fail(413, "close") {
				t.Errorf("got %q", got)
			}
			r.is(s, stateLinger)
			c.do(r, s)
			r.quiet()
			if got := r.k.logOf("send", "recv", "shutdown", "close"); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
			r.finish()
		})
	}
}

// TestLingerAfterALook: whether the peer has said more than was received is
// seen by one more recv before the close.
func TestLingerAfterALook(t *testing.T) {
	last := req("GET /hi", "Connection: close")
	for _, c := range []struct {
		name string
		says func(*sock)
		want string
	}{
		{"nothing", func(*sock) {}, "recv 10, send 10, recv 10: nothing, close 10"},
		{"an empty line", func(s *sock) { s.says("\r\n"); s.fin() }, "recv 10, send 10, recv 10, shutdown 10, recv 10: 2, close 10"},
		{"its end", func(s *sock) { s.fin() }, "recv 10, send 10, recv 10: 2, close 10"},
	} {
		r := newRig(t, Config{})
		s := r.connect()
		r.k.log = nil
		s.says(last)
		c.says(s)
		r.quiet()
		if got := s.took(); got != good("hi", "close") {
			t.Errorf("%s: got %q", c.name, got)
		}
		if got := r.k.logOf("send", "recv", "shutdown", "close"); got != c.want {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
		r.finish()
	}
}

// TestLingerAfterFlush: our side is shut down when all of the answer is gone,
// and not before.
func TestLingerAfterFlush(t *testing.T) {
	r := newRig(t, Config{})
	s := r.connect()
	s.refusing = true
	r.k.log = nil
	r.ask(s, "\n", "more", "more")
	r.is(s, stateFlush)
	s.refusing = false
	r.quiet()
	want := "recv 10, send 10: again, send 10, shutdown 10, recv 10, recv 10"
	if got := r.k.logOf("send", "recv", "shutdown", "close"); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	r.finish()
}
