package httpd

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// pushed is a response that nobody asked for.
const pushed = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npush"

// push sends p to the session from outside, and returns what Send did.
func (r *rig) push(s *sock, p string) (err error) {
	r.Helper()
	calls := 0
	if err := r.srv.QueueWorkFor(r.id(s), func(session *Session) {
		calls++
		b := []byte(p)
		err = session.Send(b)
		clear(b) // Send has copied it
	}); err != nil {
		r.Error(err)
	}
	r.quiet()
	if calls != 1 {
		r.Errorf("the function ran %d times", calls)
	}
	return err
}

// TestPush: in every state of a session, octets are sent to it from outside.
// They go behind what is complete; what the session waits for, and how long,
// stays as it was.
func TestPush(t *testing.T) {
	for _, c := range []struct {
		state    state
		rest     string // what the peer says then
		want     string // what it is told, pushed aside
		refusing bool
	}{
		{stateFresh, get("/hi"), good("hi"), false},
		{stateIdle, get("/hi"), good("hi"), false},
		{stateHead, get("/hi")[3:], good("hi"), false},
		{stateContent, rest, good("abc"), false},
		{stateDiscard, "456789" + get("/hi"), good("hi"), false},
		{stateFresh, get("/hi"), good("hi"), true},
		{stateIdle, get("/hi"), good("hi"), true},
		{stateHead, get("/hi")[3:], good("hi"), true},
		{stateContent, rest, good("abc"), true},
		{stateDiscard, "456789" + get("/hi"), good("hi"), true},
	} {
		t.Run(fmt.Sprint(c.state, c.refusing), func(t *testing.T) {
			r := newRig(t, timed(idleTime))
			s := into(r, c.state)
			before, _ := r.conn(s).s.Deadline()
			r.pass(time.Second)
			s.refusing = c.refusing
			if err := r.push(s, pushed); err != nil {
				t.Error(err)
			}
			after, _ := r.conn(s).s.Deadline()
			if c.refusing {
				r.is(s, stateFlush)
				if after != r.k.now+sendTime || r.k.timeout != sendTime {
					t.Errorf("the peer may leave it unread until %v, want %v from now", after-r.k.now, sendTime)
				}
				s.refusing = false
				r.quiet()
			} else if after != before {
				t.Errorf("the deadline was moved by %v", after-before)
			}
			r.is(s, c.state)
			if got := s.took(); got != pushed {
				t.Errorf("got %q", got)
			}
			if got := r.ask(s, c.rest); got != c.want {
				t.Errorf("got %q", got)
			}
			r.is(s, stateIdle)
			r.finish()
		})
	}
}

// TestPushIntoChunks: a push does not disturb a body that is being decoded,
// with a part of a chunk, of a chunk line, or of the trailers in hand.
func TestPushIntoChunks(t *testing.T) {
	whole := upload(chunks("abc", "defg") + "0\r\nA: b\r\n\r\n")
	for at := strings.Index(whole, "\r\n\r\n") + 4; at < len(whole); at++ {
		for _, refusing := range []bool{false, true} {
			r := newRig(t, Config{})
			s := r.connect()
			r.ask(s, whole[:at])
			s.refusing = refusing
			r.push(s, pushed)
			s.refusing = false
			if got := r.ask(s, whole[at:]); got != pushed+good("abcdefg") {
				t.Errorf("at %d: got %q", at, got)
			}
			r.finish()
		}
	}
}

// TestPushInHand: what is pushed goes between the answers to requests in hand.
func TestPushInHand(t *testing.T) {
	r := newRig(t, Config{MaxTurnRequests: 1})
	s := r.connect()
	s.says(get("/hi") + get("/") + get("/hi"))
	r.turn()
	if got, want := r.ask(s), good("hi")+good("root")+good("hi"); got != want {
		t.Fatalf("got %q", got)
	}
	s.says(get("/hi") + get("/") + get("/hi") + get("/hi"))
	r.srv.QueueWorkFor(r.id(s), func(s *Session) { s.Send([]byte(pushed)) })
	r.quiet() // the first and the second are served in the turn that has the work
	if got := s.took(); got != good("hi")+good("root")+pushed+good("hi")+good("hi") {
		t.Errorf("got %q", got)
	}
	r.finish()
}

// TestPushToStuckPeer: it is appended to what waits, up to the limit, and does
// not make the peer's time any longer.
func TestPushToStuckPeer(t *testing.T) {
	cfg := timed(idleTime)
	cfg.MaxOutputBytes = len(good("hi")) + 3*len(pushed)
	r := newRig(t, cfg)
	s := into(r, stateFlush)
	for i := range 5 {
		if err := r.push(s, pushed); (err == ErrOutputFull) != (i >= 3) || err != nil && i < 3 {
			t.Errorf("push %d: %v", i, err)
		}
		r.is(s, stateFlush)
	}
	s.room = func() int { s.refusing = len(s.out) > 0; return 10 } // ten octets of room again
	s.refusing = false
	r.quiet()
	if err := r.push(s, "0123456789a"); err != ErrOutputFull {
		t.Errorf("one octet too many: %v", err)
	}
	if err := r.push(s, "0123456789"); err != nil {
		t.Errorf("as much as there is room: %v", err)
	}
	began := r.k.now
	for range 9 {
		r.pass(sendTime / 10)
		r.push(s, "")
		r.push(s, "x")
		r.is(s, stateFlush)
	}
	if at, _ := r.conn(s).s.Deadline(); at != began+sendTime {
		t.Errorf("the time of the peer was renewed by %v", at-began-sendTime)
	}
	s.refusing, s.room = false, nil
	r.quiet()
	if got, want := s.took(), good("hi")+strings.Repeat(pushed, 3)+"0123456789"; got != want {
		t.Errorf("got %q", got)
	}
	r.is(s, stateIdle)

	s.refusing = true
	r.push(s, "x")
	r.pass(sendTime - 1)
	r.push(s, "x")
	r.pass(1)
	r.ended(s)
	if n := r.l.closed[ReasonExpired]; n != 1 {
		t.Errorf("%d sessions expired", n)
	}
	r.finish()
}

// TestPushOfAnyLength: one push may be longer than the limit, as one response
// may, if nothing else waits.
func TestPushOfAnyLength(t *testing.T) {
	r := newRig(t, Config{MaxOutputBytes: 100})
	s := r.connect()
	long := strings.Repeat("x", 1000)
	var errs []error
	r.srv.QueueWorkFor(r.id(s), func(s *Session) {
		for _, p := range []string{long, "", "x"} {
			errs = append(errs, s.Send([]byte(p)))
		}
	})
	if got := r.ask(s); got != long {
		t.Errorf("got %q", got)
	}
	if !slices.Equal(errs, []error{nil, ErrOutputFull, ErrOutputFull}) {
		t.Errorf("got %v", errs)
	}
	r.finish()
}

// TestPushAtTheEnd: a session that has had its last response takes no more, and
// one whose socket fails ends.
func TestPushAtTheEnd(t *testing.T) {
	r := newRig(t, timed(idleTime))
	lingers := into(r, stateLinger)
	deadline, _ := r.conn(lingers).s.Deadline()
	r.pass(1)
	if err := r.push(lingers, pushed); err != ErrSessionEnding {
		t.Errorf("lingering: %v", err)
	}
	if at, _ := r.conn(lingers).s.Deadline(); at != deadline {
		t.Errorf("the deadline was moved by %v", at-deadline)
	}
	r.is(lingers, stateLinger)
	last := r.connect()
	last.refusing = true
	r.ask(last, req("GET /hi", "Connection: close"))
	if err := r.push(last, pushed); err != ErrSessionEnding {
		t.Errorf("with the last response waiting: %v", err)
	}
	last.refusing = false
	if got := r.ask(last); got != good("hi", "close") {
		t.Errorf("got %q", got)
	}
	for want, o := range map[CloseReason]outcome{ReasonPeer: closed, ReasonBroken: broken} {
		for _, state := range []state{stateFresh, stateIdle, stateHead, stateContent, stateDiscard} {
			s := into(r, state)
			s.sendFails = o
			before := r.l.closed[want]
			if err := r.push(s, pushed); err != nil {
				t.Error(err)
			}
			r.ended(s)
			if r.l.closed[want] != before+1 {
				t.Errorf("%v in %v: ended by %d", o, state, r.l.closed)
			}
		}
	}
	r.finish()
}

// TestSendInHandler: it goes behind the responses that are complete, and ahead
// of the one that is not.
func TestSendInHandler(t *testing.T) {
	r := newRig(t, Config{})
	send := func(req *Request) {
		if err := req.Session().Send([]byte(pushed)); err != nil {
			t.Error(err)
		}
	}
	r.handle("GET", "/before", func(w *Response, req *Request) error {
		send(req)
		return w.SendString("x")
	})
	r.handle("GET", "/after", func(w *Response, req *Request) error {
		w.SendString("x")
		send(req)
		return nil
	})
	r.handle("GET", "/afterfail", func(w *Response, req *Request) error {
		w.SendString("x")
		send(req)
		return ErrInternal
	})
	r.handle("GET", "/within", func(w *Response, req *Request) error {
		w.WriteString("x")
		send(req)
		w.WriteString("y")
		return nil
	})
	r.handle("GET", "/alone", func(_ *Response, req *Request) error {
		send(req)
		return ErrInternal
	})
	for target, want := range map[string]string{
		"/before":    pushed + good("x"),
		"/after":     good("x") + pushed,
		"/within":    pushed + good("xy"),
		"/afterfail": good("x", "close") + pushed,
		"/alone":     pushed + fail(500, "close"),
	} {
		s := r.connect()
		if got := r.ask(s, get("/hi")+get(target)); got != good("hi")+want {
			t.Errorf("%s: got %q", target, got)
		}
		if ends := strings.Contains(want, "close"); s.closed != ends {
			t.Errorf("%s: closed: %v", target, s.closed)
		} else if !ends {
			r.is(s, stateIdle)
		}
	}
	r.finish()
}

// TestAsyncData: a handler answers, and has a function send more to its
// session once it has returned (ESP-IDF's async_data).
func TestAsyncData(t *testing.T) {
	r := newRig(t, Config{})
	r.handle("GET", "/async", func(w *Response, req *Request) error {
		err := r.srv.QueueWorkFor(req.Session().ID(), func(s *Session) { s.Send([]byte(pushed)) })
		if err != nil {
			return err
		}
		return w.SendString("later")
	})
	s, other := r.connect(), r.connect()
	if got := r.ask(s, get("/async")+get("/hi")); got != good("later")+good("hi")+pushed {
		t.Errorf("got %q", got)
	}
	if got := r.ask(other, get("/hi")) + r.ask(s, get("/hi")); got != good("hi")+good("hi") {
		t.Errorf("got %q", got)
	}
	r.finish()
}

// TestPushAmidAStream: octets between two chunks would break their framing.
func TestPushAmidAStream(t *testing.T) {
	r := newRig(t, Config{})
	var errs []error
	r.handle("GET", "/stream", func(w *Response, req *Request) error {
		for range 3 {
			errs = append(errs, req.Session().Send([]byte("push")))
			if _, err := w.Write(make([]byte, mostWritten)); err != nil {
				return err
			}
		}
		return nil
	})
	s := r.connect()
	r.ask(s, get("/stream"))
	if got := fmt.Sprint(errs); got != fmt.Sprint([]error{nil, nil, ErrSent}) {
		t.Errorf("got %v", got)
	}
	s.took()
	if err := r.srv.QueueWorkFor(r.id(s), func(s *Session) { errs = append(errs, s.Send([]byte("later"))) }); err != nil {
		t.Fatal(err)
	}
	r.quiet()
	if got := s.took(); got != "later" || errs[3] != nil {
		t.Errorf("when it is over: %q, %v", got, errs[3])
	}
	r.finish()
}
