package httpd

import (
	"strings"
	"testing"
	"time"
)

const (
	headTime    = 10 * time.Second
	contentTime = 20 * time.Second
	sendTime    = 30 * time.Second
	lingerTime  = time.Second
	idleTime    = time.Minute
)

func timed(idle time.Duration) Config {
	return Config{HeadTimeout: headTime, ContentTimeout: contentTime, SendTimeout: sendTime, LingerTimeout: lingerTime, IdleTimeout: idle, MinProgressBytes: -1}
}

// into brings a connection into each state.
func into(r *rig, want state) *sock {
	r.Helper()
	s := r.connect()
	switch want {
	case stateIdle:
		s.says(get("/hi"))
	case stateHead:
		s.says(get("/hi"), "GET")
	case stateContent:
		s.says(most)
	case stateDiscard:
		s.says(req("POST /x", "Content-Length: 9") + "abc")
	case stateFlush:
		s.refusing = true
		s.says(get("/hi"))
	case stateLinger:
		s.says("\n")
	}
	r.quiet()
	s.took()
	r.is(s, want)
	return s
}

// TestDeadlines: in each state nothing happens until its time is up, and then
// what its row says. A state without a timeout has none.
func TestDeadlines(t *testing.T) {
	timeout := fail(408, "close")
	for _, c := range []struct {
		state state
		after time.Duration
		want  string // what the peer is told
		again string // what renews the time
	}{
		{stateFresh, headTime, "", ""},
		{stateIdle, idleTime, "", get("/hi")},
		{stateHead, headTime, timeout, ""},
		{stateContent, contentTime, timeout, "a"},
		{stateDiscard, contentTime, "", "a"},
		{stateFlush, sendTime, "", ""},
		{stateLinger, lingerTime, "", ""},
	} {
		t.Run(c.state.String(), func(t *testing.T) {
			r := newRig(t, timed(idleTime))
			s := into(r, c.state)
			if r.k.timeout != c.after {
				t.Errorf("the loop waits for %v, want %v", r.k.timeout, c.after)
			}
			if c.again != "" {
				r.pass(c.after - 1)
				r.ask(s, c.again)
				r.is(s, c.state)
			}
			r.pass(c.after - 1)
			r.is(s, c.state)
			r.pass(1)
			if got := s.took(); got != c.want {
				t.Errorf("told %q, want %q", got, c.want)
			}
			if gone := s.closed || s.shut; !gone {
				t.Errorf("the session goes on, in state %v", r.conn(s).state)
			}
			r.finish()
		})
		t.Run(c.state.String()+" without a timeout", func(t *testing.T) {
			if c.state == stateLinger {
				return // without a timeout there is no such state: see TestLingerReset
			}
			r := newRig(t, Config{HeadTimeout: -1, ContentTimeout: -1, SendTimeout: -1})
			s := into(r, c.state)
			if r.k.timeout >= 0 {
				t.Errorf("the loop waits for %v", r.k.timeout)
			}
			r.pass(1000 * time.Hour)
			r.is(s, c.state)
			r.finish()
		})
		t.Run(c.state.String()+" with the longest timeout", func(t *testing.T) {
			const longest = time.Duration(1<<63 - 1)
			r := newRig(t, Config{HeadTimeout: longest, ContentTimeout: longest, SendTimeout: longest, LingerTimeout: longest, IdleTimeout: longest})
			s := into(r, c.state)
			r.pass(1000 * time.Hour)
			r.is(s, c.state)
			r.finish()
		})
	}
}

// TestIdleForEver: without an idle timeout nothing is left of the time that the
// request had.
func TestIdleForEver(t *testing.T) {
	r := newRig(t, Config{})
	for _, pieces := range [][]string{{get("/hi")}, {"GET", get("/hi")[3:]}, {most, rest}} {
		s := r.connect()
		r.ask(s, pieces...)
		if r.k.timeout >= 0 {
			t.Errorf("the loop waits for %v", r.k.timeout)
		}
		r.pass(1000 * time.Hour)
		r.is(s, stateIdle)
	}
	r.finish()
}

// TestHeadIsNotRenewed: a head has its time from its first octet on, or from
// the connection's begin, however it drips.
func TestHeadIsNotRenewed(t *testing.T) {
	for _, first := range []string{"", get("/hi"), post("abc"), get("/x"), req("POST /x", "Content-Length: 9") + strings.Repeat("x", 9)} {
		r := newRig(t, timed(idleTime))
		s := r.connect()
		r.ask(s, first)
		if first != "" {
			r.pass(headTime - 1) // between two requests another clock runs
		}
		var got string
		for range 10 {
			got += r.ask(s, "G")
			r.pass(headTime / 10)
		}
		if got += s.took(); got != fail(408, "close") {
			t.Errorf("after %q: got %q", first, got)
		}
		r.finish()
	}
}

// TestEachHeadHasItsTime: a client may always be in the middle of a head, as
// long as it is not always the same one.
func TestEachHeadHasItsTime(t *testing.T) {
	r := newRig(t, timed(-1))
	s := r.connect()
	r.ask(s, get("/hi")[:7])
	for range 10 {
		r.pass(headTime * 2 / 3)
		if got := r.ask(s, get("/hi")[7:]+get("/hi")[:7]); got != good("hi") {
			t.Fatalf("got %q", got)
		}
		r.is(s, stateHead)
	}
	r.pass(headTime)
	if got := s.took(); got != fail(408, "close") {
		t.Errorf("got %q", got)
	}
	r.finish()
}

// TestSendProgress: each octet that the peer takes renews its time; events
// that bring nothing, and what others want of the session, do not.
func TestSendProgress(t *testing.T) {
	r := newRig(t, timed(-1))
	s := into(r, stateFlush)
	for range 20 {
		r.pass(sendTime - 1)
		took := 0
		s.room = func() int { took++; return 2 - took } // one octet, then none
		s.refusing = false
		r.turn()
		s.refusing, s.room = true, nil
		r.quiet()
		r.is(s, stateFlush)
	}
	r.pass(sendTime / 2)
	r.srv.TriggerClose(r.id(s))
	r.quiet()
	r.is(s, stateFlush)
	for range 4 { // the first one began its time anew
		r.pass(sendTime / 4)
		if !s.closed {
			r.srv.TriggerClose(r.id(s))
			r.quiet()
		}
	}
	r.ended(s)
	if got := string(s.out); got != good("hi")[:20] {
		t.Errorf("got %q", got)
	}
	r.finish()
}

// TestTimeoutWithOutputRefused: the 408 waits for the socket as any other
// response does, and no longer.
func TestTimeoutWithOutputRefused(t *testing.T) {
	r := newRig(t, timed(-1))
	s := into(r, stateHead)
	s.refusing = true
	r.pass(headTime)
	r.is(s, stateFlush)
	r.pass(sendTime - 1)
	r.is(s, stateFlush)
	s.refusing = false
	r.quiet()
	if got := s.took(); got != fail(408, "close") {
		t.Errorf("got %q", got)
	}
	r.is(s, stateLinger)
	r.pass(lingerTime)
	r.ended(s)
	r.finish()
}

// TestManyDeadlines: each session has its own, and those that are due at one
// time end in one turn.
func TestManyDeadlines(t *testing.T) {
	r := newRig(t, Config{MaxSessions: 20, HeadTimeout: headTime})
	var socks []*sock
	for range 20 {
		socks = append(socks, r.connect())
		r.k.now += headTime / 20
	}
	for i, s := range socks {
		r.pass(0)
		if !s.closed || i+1 < len(socks) && socks[i+1].closed {
			t.Errorf("at %d: %v", i, s.closed)
		}
		r.k.now += headTime / 20
	}
	for range 20 {
		r.dial()
	}
	r.quiet()
	r.pass(headTime)
	if n := r.l.table.Len(); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
	r.finish()
}
