package httpd

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestDetachPipelined: answers go out in the order of the requests, whatever is
// before and behind a detached one, however it is cut, and nothing behind it is
// served before it is completed.
func TestDetachPipelined(t *testing.T) {
	for _, c := range []struct {
		in   string // the paths: L is detached, h is not
		want string // what is told before, between and after the completions
	}{
		{"L", "|1"},
		{"Lh", "|1h"},
		{"hL", "h|1"},
		{"hLh", "h|1h"},
		{"LL", "|1|2"},
		{"LLL", "|1|2|3"},
		{"LhL", "|1h|2"},
		{"hhLhhLhh", "hh|1hh|2hh"},
		{"hLLhhhhhhhL", "h|1|2hhhhhhh|3"},
		{"Lhhhhhhhhhhhhh", "|1hhhhhhhhhhhhh"},
	} {
		in := ""
		for _, path := range c.in {
			in += map[rune]string{'L': req("POST /later", "Content-Length: 4") + "body", 'h': get("/hi")}[path]
		}
		for _, share := range []int{1, 3, 64} {
			for at := range in {
				k := newKeeper(t, Config{MaxTurnRequests: share})
				if got := k.staged(in[:at], in[at:]); got != c.want {
					t.Fatalf("%s, %d a turn, cut at %d: got %q, want %q", c.in, share, at, got, c.want)
				}
				k.finish()
			}
			k := newKeeper(t, Config{MaxTurnRequests: share})
			if got := k.staged(strings.Split(in, "")...); got != c.want {
				t.Fatalf("%s, %d a turn, octet by octet: got %q, want %q", c.in, share, got, c.want)
			}
			k.finish()
		}
	}
}

// staged sends the pieces and completes what is detached, one by one. It
// returns what was told, stage by stage.
func (k *keeper) staged(pieces ...string) string {
	k.Helper()
	s := k.connect()
	told := k.ask(s, pieces...)
	for i := 0; i < len(k.held); i++ {
		k.pinned(s)
		told += "|" + k.done(s, k.held[i], fmt.Sprint(i+1))
	}
	told = strings.ReplaceAll(told, good("hi"), "h")
	for i := range k.held {
		told = strings.ReplaceAll(told, good(fmt.Sprint(i+1)), fmt.Sprint(i+1))
	}
	k.is(s, stateIdle)
	return told
}

// TestDetachTakesNothing: what comes while the request is detached stays in the
// system; what came with it is kept, and a part of a request among that goes on
// when the rest comes.
func TestDetachTakesNothing(t *testing.T) {
	k := newKeeper(t, Config{})
	s := k.connect()
	d := k.later(s, get("/later")+most)
	s.taken = nil
	if got := k.ask(s, rest+get("/hi"), get("/")); got != "" || s.taken != nil {
		t.Errorf("got %q, taken %v", got, s.taken)
	}
	k.pinned(s)
	k.pass(time.Hour)
	k.pinned(s)
	if k.k.timeout >= 0 {
		t.Errorf("the loop waits for %v", k.k.timeout)
	}
	if got := k.done(s, d, "x"); got != good("x")+good("abc")+good("hi")+good("root") {
		t.Errorf("got %q", got)
	}
	k.is(s, stateIdle)
	if k.l.pool.live != 0 {
		t.Errorf("%d buffers are out", k.l.pool.live)
	}
	k.finish()
}

// TestDetachOneSend: an answer goes out with those to the requests behind it, by
// one send.
func TestDetachOneSend(t *testing.T) {
	k := newKeeper(t, Config{})
	s := k.connect()
	d := k.later(s, get("/later")+get("/hi")+get("/"))
	s.sends = nil
	d.Response().SendString("x")
	k.complete(d, nil)
	k.quiet()
	if len(s.sends) != 1 || s.took() != good("x")+good("hi")+good("root") {
		t.Errorf("sends of %d octets", s.sends)
	}
	k.finish()
}

// TestDetachDrains: of a content that nobody reads, or reads in part, nothing is
// taken for the next request.
func TestDetachDrains(t *testing.T) {
	hidden := get("/hi")
	for name, body := range map[string]string{
		"with a length": req("POST /later", fmt.Sprintf("Content-Length: %d", len(hidden))) + hidden,
		"in chunks":     chunkedTo("POST /later", chunks(hidden[:5], hidden[5:])+"0\r\nT: t\r\n\r\n"),
		"expected":      req("POST /later", "Expect: 100-continue", fmt.Sprintf("Content-Length: %d", len(hidden))) + hidden,
	} {
		for read := range []int{0, 1, len(hidden)} {
			for _, at := range []int{1, len(body) - 1, len(body)} {
				k := newKeeper(t, Config{})
				s := k.connect()
				got := k.ask(s, body[:at], body[at:]+get("/"))
				if len(k.held) != 1 || strings.ReplaceAll(got, interim, "") != "" {
					t.Fatalf("%s: %d detached, told %q", name, len(k.held), got)
				}
				d := k.held[0]
				if n, err := d.Request().Read(make([]byte, read)); n != read || err != nil {
					t.Errorf("%s: read %d, %v", name, n, err)
				}
				if got := k.done(s, d, "x"); got != good("x")+good("root") {
					t.Errorf("%s: got %q", name, got)
				}
				k.is(s, stateIdle)
				k.finish()
			}
		}
	}
}

// TestDetachFlush: earlier responses that the socket refused go out while the
// request is detached, within the time that a peer has, which the answer does
// not make any longer.
func TestDetachFlush(t *testing.T) {
	cfg := timed(idleTime)
	cfg.IdleTimeout = -1
	flushing := func(t *testing.T) (*keeper, *sock, *Detached) {
		k := newKeeper(t, cfg)
		s := k.connect()
		s.refusing = true
		k.ask(s, get("/hi")+get("/later")+get("/"))
		k.is(s, stateFlush)
		return k, s, k.held[0]
	}
	t.Run("before Complete", func(t *testing.T) {
		k, s, d := flushing(t)
		s.refusing = false
		if got := k.ask(s); got != good("hi") {
			t.Errorf("got %q", got)
		}
		k.pinned(s)
		k.pass(time.Hour)
		if got := k.done(s, d, "x"); got != good("x")+good("root") {
			t.Errorf("got %q", got)
		}
		k.finish()
	})
	t.Run("behind Complete", func(t *testing.T) {
		k, s, d := flushing(t)
		began := k.k.now
		k.pass(sendTime / 2)
		if got := k.done(s, d, "x"); got != "" {
			t.Errorf("got %q", got)
		}
		k.is(s, stateFlush)
		if at, _ := k.conn(s).s.Deadline(); at != began+sendTime {
			t.Errorf("the time of the peer was renewed by %v", at-began-sendTime)
		}
		s.refusing = false
		if got := k.ask(s); got != good("hi")+good("x")+good("root") {
			t.Errorf("got %q", got)
		}
		k.is(s, stateIdle)
		k.finish()
	})
	t.Run("piece by piece", func(t *testing.T) {
		k, s, d := flushing(t)
		s.room, s.refusing = func() int { return 7 }, false
		k.turn()
		if got := k.done(s, d, "x"); got != good("hi")+good("x")+good("root") {
			t.Errorf("got %q", got)
		}
		k.finish()
	})
	t.Run("too late", func(t *testing.T) {
		k, s, d := flushing(t)
		k.pass(sendTime)
		if s.closed || d.Context().Err() == nil {
			t.Errorf("closed %v, the context is %v", s.closed, d.Context().Err())
		}
		if got := k.done(s, d, "x"); got != "" || k.l.closed[ReasonExpired] != 1 {
			t.Errorf("got %q, ended by %d", got, k.l.closed)
		}
		k.ended(s)
		k.finish()
	})
}

// TestDetachMaxOutput: an answer as long as the limit goes out before the next
// request is begun.
func TestDetachMaxOutput(t *testing.T) {
	k := newKeeper(t, Config{MaxOutputBytes: 1000})
	served := 0
	k.handle("GET", "/served", func(w *Response, _ *Request) error { served++; return w.SendString("s") })
	s := k.connect()
	d := k.later(s, get("/later")+get("/served")+get("/served"))
	s.refusing = true
	k.done(s, d, strings.Repeat("x", 1000))
	if served != 0 {
		t.Errorf("%d requests were served behind output that waits", served)
	}
	s.refusing = false
	if got := k.ask(s); got != good(strings.Repeat("x", 1000))+good("s")+good("s") {
		t.Errorf("got %q", got)
	}
	k.finish()
}

// TestDetachDisconnect: the peer's end cancels the context, at once and without
// a turn in vain. Who only ended its side is answered; who reset the connection
// cannot be.
func TestDetachDisconnect(t *testing.T) {
	reset := func(s *sock) { s.reset() }
	for _, c := range []struct {
		name  string
		asks  string
		peer  func(s *sock)
		first bool // the peer does it before the request is served
		want  string
	}{
		{"FIN", get("/later"), (*sock).fin, false, good("x")},
		{"FIN with the request", get("/later"), (*sock).fin, true, good("x")},
		{"FIN behind another request", get("/later"), func(s *sock) { s.says(get("/hi")); s.fin() }, false, good("x") + good("hi")},
		{"FIN behind one in hand", get("/later") + get("/hi"), (*sock).fin, false, good("x") + good("hi")},
		{"FIN behind half of one", get("/later") + "GET", (*sock).fin, false, good("x")},
		{"FIN of one that closes", req("GET /later", "Connection: close"), (*sock).fin, false, good("x", "close")},
		{"RST", get("/later"), reset, false, ""},
		{"RST with a request in hand", get("/later") + get("/hi"), reset, false, ""},
		{"RST behind another request", get("/later"), func(s *sock) { s.says(get("/hi")); reset(s) }, false, ""},
		{"a failure", get("/later"), (*sock).breaks, false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := keep(telling(t, Config{}))
			s := k.connect()
			if c.first {
				s.says(c.asks)
				c.peer(s)
				k.quiet()
			} else {
				k.ask(s, c.asks)
				if err := k.held[0].Context().Err(); err != nil {
					t.Errorf("the context is %v already", err)
				}
				c.peer(s)
				k.quiet()
			}
			d := k.held[0]
			if d.Context().Err() == nil {
				t.Error("the peer's end is not noticed")
			}
			k.pinned(s)
			k.k.log = nil
			for range 3 {
				k.pass(time.Hour)
			}
			if len(k.k.log) != 0 {
				t.Errorf("meanwhile: %q", k.k.log)
			}
			if got := k.done(s, d, "x"); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			k.ended(s)
			why := ReasonPeer
			switch {
			case c.name == "a failure":
				why = ReasonBroken
			case strings.Contains(c.want, "close"):
				why = ReasonServed
			}
			k.wantTold(s, why)
			k.finish()
		})
	}
}

// TestDetachDisconnectOnce: the peer's end is an event once, and all that are
// detached behind it know of it.
func TestDetachDisconnectOnce(t *testing.T) {
	k := newKeeper(t, Config{})
	s := k.connect()
	first := k.later(s, strings.Repeat(get("/later"), 3)+get("/hi"))
	s.fin()
	k.quiet()
	for i := range 3 {
		d := k.held[i]
		if d.Context().Err() == nil {
			t.Errorf("request %d does not know of the peer's end", i)
		}
		want := good("x")
		if i == 2 {
			want += good("hi")
		}
		if got := k.done(s, d, "x"); got != want {
			t.Errorf("request %d: got %q", i, got)
		}
	}
	if first.Context().Err() == nil || len(k.held) != 3 {
		t.Errorf("%d were detached", len(k.held))
	}
	k.ended(s)
	k.finish()
}

// TestDetachLost: a socket that fails an earlier response ends the session: the
// context is cancelled, and nothing goes out behind what was cut off.
func TestDetachLost(t *testing.T) {
	for want, o := range map[CloseReason]outcome{ReasonPeer: closed, ReasonBroken: scarce} {
		for _, refused := range []bool{false, true} {
			for _, word := range []error{nil, errDone} {
				t.Run(fmt.Sprint(want, refused, word), func(t *testing.T) {
					k := keep(telling(t, Config{}))
					s := k.connect()
					s.room = func() int { s.sendFails = o; s.room = nil; return 10 }
					if s.refusing = refused; refused {
						s.room = nil
					}
					k.ask(s, get("/hi")+get("/later")+get("/hi"))
					if refused {
						s.sendFails, s.refusing = o, false
						k.quiet()
					}
					d := k.held[0]
					if d.Context().Err() == nil {
						t.Error("the context is not cancelled")
					}
					if len(k.srv.Detached()) != 1 || s.closed {
						t.Error("the session ended before its request was completed")
					}
					s.took()
					s.sendFails = ok // it would take more
					d.Response().SendString("x")
					k.complete(d, word)
					k.quiet()
					if got := s.took(); got != "" {
						t.Errorf("behind a response that was cut off: %q", got)
					}
					k.ended(s)
					k.k.log = slices.DeleteFunc(k.k.log, func(e string) bool { return strings.HasPrefix(e, "unwatch") })
					k.wantTold(s, want)
					k.finish()
				})
			}
		}
	}
}

// TestDetachPinned: a session whose request is detached is not purged, and when
// all are, who waits is not looked for again and again.
func TestDetachPinned(t *testing.T) {
	k := newKeeper(t, Config{MaxSessions: 2, WhenFull: Purge})
	oldest, other := k.connect(), k.connect()
	d := k.later(oldest)
	second := k.dial()
	k.quiet()
	if !other.closed {
		t.Error("the session that is not pinned is spared")
	}
	k.pinned(oldest)
	k.later(second, get("/later"))

	third := k.dial() // all are pinned
	k.k.log = nil
	k.quiet()
	for range 5 {
		if k.k.timeout != acceptRetry || k.k.socks[listenFD].want != 0 {
			t.Fatalf("the loop waits for %v, the listener for %d", k.k.timeout, k.k.socks[listenFD].want)
		}
		k.pass(acceptRetry)
	}
	if n := strings.Count(k.k.logOf("watch"), "watch 3 r"); n != 5 {
		t.Errorf("the listener was tried %d times in 5 times the pause", n)
	}
	if n := strings.Count(k.k.logOf("recv", "close"), " "); n != 0 {
		t.Errorf("meanwhile: %q", k.k.log)
	}
	if got := k.done(oldest, d, "x"); got != good("x") {
		t.Errorf("got %q", got)
	}
	k.pass(acceptRetry)
	k.ended(oldest)
	k.is(third, stateFresh)
	k.pinned(second)
	if n := k.l.closed[ReasonPurged]; n != 2 {
		t.Errorf("%d were purged", n)
	}
	if got := k.done(second, k.held[1], "y"); got != good("y") {
		t.Errorf("got %q", got)
	}
	k.finish()
}

// TestDetachPinnedWait: with the other policy who waits has the place of the
// first that ends; the listener rests until then.
func TestDetachPinnedWait(t *testing.T) {
	k := newKeeper(t, Config{MaxSessions: 1})
	s := k.connect()
	d := k.later(s, req("GET /later", "Connection: close"))
	next := k.dial()
	k.pass(time.Hour)
	if k.k.timeout >= 0 || next.want != 0 {
		t.Errorf("the loop waits for %v, the next is watched for %d", k.k.timeout, next.want)
	}
	if got := k.done(s, d, "x"); got != good("x", "close") {
		t.Errorf("got %q", got)
	}
	k.is(next, stateFresh)
	k.finish()
}

// TestDetachTouch: Complete makes the session the most recently used one, and a
// touch in between does not.
func TestDetachTouch(t *testing.T) {
	k := newKeeper(t, Config{MaxSessions: 3, WhenFull: Purge})
	a, b, c := k.connect(), k.connect(), k.connect()
	d := k.later(a)
	k.ask(b, get("/hi"))
	d.Request().Session().Touch()
	k.srv.QueueWorkFor(k.id(a), (*Session).Touch)
	k.ask(c, get("/hi"))
	k.done(a, d, "x")
	for i, victim := range []*sock{b, c, a} {
		k.dial()
		k.quiet()
		if !victim.closed {
			t.Errorf("victim %d is another one", i)
		}
	}
	k.finish()
}

// TestDetachListed: from Detach to Complete, and under the name that the session
// has. Who never completes is there for ever, and holds up nobody but itself.
func TestDetachListed(t *testing.T) {
	k := newKeeper(t, Config{})
	a, b, c := k.connect(), k.connect(), k.connect()
	first, second := k.later(a), k.later(b)
	if got, want := k.srv.Detached(), []ID{k.id(a), k.id(b)}; !slices.Equal(got, want) {
		t.Errorf("detached are %v, want %v", got, want)
	}
	if got, want := k.srv.Sessions(), []ID{k.id(a), k.id(b), k.id(c)}; !slices.Equal(got, want) {
		t.Errorf("open are %v, want %v", got, want)
	}
	if id := first.Request().Session().ID(); id != k.id(a) {
		t.Errorf("its own session is %v, want %v", id, k.id(a))
	}
	k.done(b, second, "x")
	c.fin()
	k.pass(1000 * time.Hour)
	if got, want := k.srv.Detached(), []ID{k.id(a)}; !slices.Equal(got, want) || !slices.Equal(k.srv.Sessions(), []ID{k.id(a), k.id(b)}) {
		t.Errorf("detached are %v, want %v", got, want)
	}
	k.srv.Stop() // does not end it
	k.pass(1000 * time.Hour)
	if k.l.done() || a.closed || !b.closed || k.l.table.Len() != 1 {
		t.Errorf("closed %v and %v, %d sessions", a.closed, b.closed, k.l.table.Len())
	}
	k.pinned(a)
	k.srv.Close() // ends its socket, and not it
	k.quiet()
	if k.l.done() || a.closed || !strings.HasSuffix(k.k.logOf("sever", "unwatch"), "unwatch 10, sever 10") {
		t.Errorf("closed %v; %q", a.closed, k.k.log)
	}
	if got, want := k.srv.Detached(), []ID{k.id(a)}; !slices.Equal(got, want) || first.Context().Err() == nil {
		t.Errorf("detached are %v, want %v; its context is %v", got, want, first.Context().Err())
	}
	if got := k.done(a, first, "x"); got != "" || !k.l.done() {
		t.Errorf("got %q, done %v", got, k.l.done())
	}
	k.finish()
}

// TestDetachSend: what is sent meanwhile, from the owner and from outside.
func TestDetachSend(t *testing.T) {
	for _, refusing := range []bool{false, true} {
		k := newKeeper(t, Config{MaxOutputBytes: 200})
		s := k.connect()
		s.refusing = refusing
		s.says(get("/hi") + get("/later") + get("/"))
		k.quiet()
		d := k.held[0]
		if err := d.Request().Session().Send([]byte("own,")); err != nil { // with the response
			t.Error(err)
		}
		var found ID
		k.srv.QueueWorkFor(k.id(s), func(session *Session) {
			found = session.ID()
			if err := session.Send([]byte("other,")); err != nil { // at once
				t.Error(err)
			}
		})
		k.quiet()
		if found != k.id(s) {
			t.Errorf("the function got %v, want %v", found, k.id(s))
		}
		want := good("hi") + "other,"
		if refusing {
			k.is(s, stateFlush)
			s.refusing = false
			k.quiet()
		}
		if got := s.took(); got != want {
			t.Errorf("got %q", got)
		}
		k.pinned(s)
		if err := d.Request().Session().Send(make([]byte, 197)); err != ErrOutputFull {
			t.Errorf("more than may wait: %v", err)
		}
		if got := k.done(s, d, "x"); got != "own,"+good("x")+good("root") {
			t.Errorf("got %q", got)
		}
		k.finish()
	}
	k := newKeeper(t, Config{})
	s := k.connect()
	d := k.later(s)
	d.Response().Write(make([]byte, mostWritten+1))
	if err := d.Request().Session().Send([]byte("x")); err != ErrSent {
		t.Errorf("amid a stream: %v", err)
	}
	k.srv.TriggerClose(k.id(s))
	k.quiet()
	if err := k.push(s, "x"); err != ErrSessionEnding {
		t.Errorf("after TriggerClose: %v", err)
	}
	k.done(s, d, "")
	k.finish()
}

// TestDetachNameReused: the name of a session that has ended finds nobody, while
// a request of the next session in its slot is detached.
func TestDetachNameReused(t *testing.T) {
	k := newKeeper(t, Config{MaxSessions: 1})
	old := k.connect()
	d := k.later(old, req("GET /later", "Connection: close"))
	past := k.id(old)
	k.done(old, d, "x")
	s := k.connect()
	d = k.later(s, get("/later")+get("/hi"))
	for range 3 {
		k.srv.TriggerClose(past)
		k.srv.QueueWorkFor(past, func(s *Session) {
			if s != nil {
				t.Errorf("the name %v finds %v", past, s.ID())
			}
		})
	}
	if k.id(s).name.Slot != past.name.Slot || slices.Contains(k.srv.Sessions(), past) {
		t.Errorf("the sessions are %v, one of the past is %v", k.srv.Sessions(), past)
	}
	k.quiet()
	k.pinned(s)
	if got := k.done(s, d, "y"); got != good("y")+good("hi") {
		t.Errorf("got %q", got)
	}
	k.is(s, stateIdle)
	k.finish()
}

// TestDetachTrigger: the answer is the last one, and says so, however often and
// whenever that was asked for.
func TestDetachTrigger(t *testing.T) {
	for name, c := range map[string]struct {
		do    func(k *keeper, s *sock, d *Detached)
		asks  string
		state state // of what is left: more has come
	}{
		"once": {func(k *keeper, s *sock, _ *Detached) { k.srv.TriggerClose(k.id(s)) }, get("/later"), 0},
		"often": {func(k *keeper, s *sock, _ *Detached) {
			for range 50 {
				k.srv.TriggerClose(k.id(s))
				k.turn()
				k.k.polls = 0
			}
		}, get("/later"), 0},
		"answered already": {func(k *keeper, s *sock, d *Detached) {
			d.Response().SendString("x")
			k.srv.TriggerClose(k.id(s))
		}, get("/later"), 0},
		"with a request in hand": {func(k *keeper, s *sock, _ *Detached) { k.srv.TriggerClose(k.id(s)) }, get("/later") + get("/hi"), stateLinger},
		"with one unread":        {func(k *keeper, s *sock, _ *Detached) { s.says(get("/hi")); k.srv.TriggerClose(k.id(s)) }, get("/later"), stateLinger},
		"Stop":                   {func(k *keeper, _ *sock, _ *Detached) { k.srv.Stop() }, get("/later"), 0},
		"Stop with a request in hand": {func(k *keeper, _ *sock, _ *Detached) { k.srv.Stop() },
			get("/later") + get("/hi"), stateLinger},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKeeper(t, Config{})
			s := k.connect()
			d := k.later(s, c.asks)
			c.do(k, s, d)
			k.quiet()
			k.pinned(s)
			if err := d.Context().Err(); err != nil {
				t.Errorf("the context is %v", err)
			}
			text := "x"
			if name == "answered already" {
				text = ""
			}
			if got := k.done(s, d, text); got != good("x", "close") {
				t.Errorf("got %q", got)
			}
			if c.state != 0 {
				k.is(s, c.state)
			} else {
				k.ended(s)
			}
			k.finish()
		})
	}
}

// TestDetachTriggerAndComplete: both in one turn, and both asked for before the
// loop looks.
func TestDetachTriggerAndComplete(t *testing.T) {
	for _, first := range []bool{false, true} {
		k := newKeeper(t, Config{})
		s := k.connect()
		d := k.later(s, get("/later")+get("/later"))
		d.Response().SendString("x")
		if first {
			k.srv.TriggerClose(k.id(s))
		}
		k.complete(d, nil)
		k.srv.TriggerClose(k.id(s))
		k.quiet()
		if got := s.took(); got != good("x") { // the next one has begun by then
			t.Errorf("got %q", got)
		}
		k.pinned(s)
		if got := k.done(s, k.held[1], "y"); got != good("y", "close") {
			t.Errorf("got %q", got)
		}
		k.ended(s)
		k.finish()
	}
}

// TestDetachKernelFails: a loop that cannot wait any more waits for its detached
// requests all the same, and does what work it is given.
func TestDetachKernelFails(t *testing.T) {
	failure := errors.New("epoll is gone")
	k := keep(telling(t, Config{}))
	a, b, c := k.connect(), k.connect(), k.connect()
	k.ask(a, set("A"))
	k.ask(c, set("C"))
	first, second := k.later(a), k.later(b, get("/later")+get("/hi"))
	k.k.log, k.k.waits = nil, failure
	k.srv.run()
	cancelled(t, first)
	cancelled(t, second)
	var worked sync.WaitGroup
	worked.Add(1)
	if err := k.srv.QueueWork(worked.Done); err != nil {
		t.Fatal(err)
	}
	worked.Wait()
	if ids := k.srv.Detached(); len(ids) != 2 {
		t.Errorf("detached are %v", ids)
	}
	second.Response().SendString("x")
	k.complete(second, nil)
	k.complete(first, errDone)
	if err := k.srv.Wait(); !errors.Is(err, failure) {
		t.Errorf("Wait: %v", err)
	}
	if got := a.took() + b.took(); got != "" {
		t.Errorf("told %q", got)
	}
	for _, s := range []*sock{a, b, c} {
		k.ended(s)
	}
	if got := k.k.logOf("told", "close", "free"); strings.Count(got, "free") != 2 || !strings.Contains(got, "close 10, free A") {
		t.Errorf("got %q", got)
	}
	k.gone()
	k.empty()
}

// cancelled waits for the end of the request's context.
func cancelled(t *testing.T, d *Detached) {
	t.Helper()
	select {
	case <-d.Context().Done():
	case <-time.After(10 * time.Second):
		d.Complete(nil)
		t.Fatal("the context is not cancelled")
	}
}

// TestDetachKernelFailsElsewhere: the other loops do not wait for that.
func TestDetachKernelFailsElsewhere(t *testing.T) {
	k, k2 := newScript(t), newScript(t)
	srv := newScripted(t, Config{}, k, k2)
	keeper := keep(&rig{TB: t, srv: srv, k: k, l: srv.loops[0]})
	first := k.socket()
	k.socks[first.fd] = first
	if err := srv.Adopt(first.fd); err != nil {
		t.Fatal(err)
	}
	keeper.quiet()
	k2.next = 20
	second := k2.socket()
	k.socks[second.fd], k2.socks[second.fd] = second, second // Adopt asks the first loop's kernel
	if err := srv.Adopt(second.fd); err != nil {
		t.Fatal(err)
	}
	delete(k.socks, second.fd)
	second.says(get("/later"))
	for range 3 {
		if err := srv.loops[1].turn(); err != nil {
			t.Fatal(err)
		}
	}
	if len(keeper.held) != 1 {
		t.Fatalf("%d requests are detached", len(keeper.held))
	}
	k2.waits = errors.New("epoll is gone")
	ended := make(chan error, 1)
	go func() { ended <- srv.loops[1].run() }()
	cancelled(t, keeper.held[0]) // that loop waits for Complete
	keeper.quiet()
	if !keeper.l.done() || !first.closed {
		t.Errorf("the other loop goes on: done %v, closed %v", keeper.l.done(), first.closed)
	}
	keeper.complete(keeper.held[0], nil)
	if err := <-ended; !errors.Is(err, k2.waits) || !second.closed {
		t.Errorf("it ended by %v, closed %v", err, second.closed)
	}
	keeper.finish()
}
