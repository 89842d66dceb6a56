package httpd

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// counted wants the budget to be what the sessions hold, to the octet, and
// returns it.
func (r *rig) counted() int {
	r.Helper()
	held := 0
	for s := range r.l.table.All() {
		c := r.l.connOf(s)
		if c.in.buf != nil {
			held += cap(c.in.buf.B)
		}
		if c.out.buf != nil {
			held += cap(c.out.buf.B)
		}
		if c.detached != nil {
			held += c.detached.size
		}
	}
	if used := r.srv.budget.used.Load(); used != int64(held) || used > r.srv.budget.most {
		r.Errorf("%d octets are counted, the sessions hold %d, and may hold %d", used, held, r.srv.budget.most)
	}
	return held
}

// spent is the budget of spender, which one request takes.
const spent = 4096

var (
	spendingContent = strings.Repeat("x", spent-100)
	spending        = post(spendingContent)
)

// spender is a session that holds the whole budget. It lacks one octet.
func (r *rig) spender() *sock {
	r.Helper()
	s := r.connect()
	r.ask(s, spending[:len(spending)-1])
	if n := r.counted(); n != r.srv.cfg.MaxBufferBytes {
		r.Fatalf("%d octets of %d are spent", n, r.srv.cfg.MaxBufferBytes)
	}
	return s
}

// served lets the spender have its answer, and wants the budget to be there for
// another session.
func (r *rig) served(spender *sock) {
	r.Helper()
	if got := r.ask(spender, "x"); got != good(spendingContent) {
		r.Errorf("the session that held the budget got %.80q", got)
	}
	s := r.connect()
	if got := r.ask(s, "GET"); got != "" {
		r.Errorf("when there is room: got %q", got)
	}
	r.is(s, stateHead)
	r.counted()
	r.finish()
	if n := r.counted(); n != 0 {
		r.Errorf("%d octets are left", n)
	}
}

// none is the reason of a session that has not ended.
const none = numReasons

// TestSpent: with the budget spent, what comes in one piece is served, of what
// has to be kept the session ends with 503, and what is there goes on.
func TestSpent(t *testing.T) {
	busy := fail(503, "close")
	for _, c := range []struct {
		name, says, want string
		why              CloseReason
	}{
		{"one piece", get("/hi"), good("hi"), none},
		{"content", post("abc"), good("abc"), none},
		{"chunks", upload(chunks("abc", "d") + last), good("abcd"), none},
		{"pipelined", get("/hi") + post("abc") + get("/"), good("hi") + good("abc") + good("root"), none},
		{"an octet", "G", busy, ReasonRefused},
		{"a part of a head", get("/hi")[:20], busy, ReasonRefused},
		{"a part of a content", most, busy, ReasonRefused},
		{"a part of a chunk", upload("3\r\nab"), busy, ReasonRefused},
		{"a part of the trailers", upload(chunks("abc") + "0\r\nX-A: 1"), busy, ReasonRefused},
		{"a part of a HEAD", "HEAD /hi HTTP/1.1\r\nHo", strings.TrimSuffix(busy, ErrServiceUnavailable.body()), ReasonRefused},
		{"a content that waits for 100", req("POST /echo", "Content-Length: 3", "Expect: 100-continue"), interim + busy, ReasonRefused},
		{"behind a request", get("/hi") + "GET", good("hi") + busy, ReasonRefused},
		{"more than its share", strings.Repeat(get("/hi"), 4), strings.Repeat(good("hi"), 3) + busy, ReasonRefused},
		{"dropped content", req("POST /x", "Content-Length: 9") + "abc", fail(404), none},
		{"dropped chunks", chunkedTo("POST /x", "3\r\nab"), fail(404), none},
		{"dropped trailers", chunkedTo("POST /x", "0\r\nX-A: 1"), fail(404), ReasonRefused}, // it has had its answer
		{"not HTTP", "\n", fail(400, "close"), ReasonRefused},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, Config{MaxBufferBytes: spent, MaxTurnRequests: 3})
			spender, s := r.spender(), r.connect()
			if got := r.ask(s, c.says); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
			r.counted()
			if c.why != none {
				r.is(s, stateLinger)
				s.fin()
				r.quiet()
				r.ended(s)
				if r.l.closed[c.why] != 1 {
					t.Errorf("the sessions ended by %v", r.l.closed)
				}
			}
			r.served(spender)
		})
	}
}

// TestSpentByItself: a message that outgrows the budget is answered 503 where
// it does, and gives back what it held. Other sessions' parts are not touched.
func TestSpentByItself(t *testing.T) {
	content := strings.Repeat("x", 2*spent)
	for name, message := range map[string]string{
		"head":    req("GET /hi", "X: "+content),
		"content": post(content),
		"chunks":  upload(chunks(content) + last),
	} {
		for _, piece := range []int{100, 1000, 3000} {
			t.Run(fmt.Sprint(name, " ", piece), func(t *testing.T) {
				r := newRig(t, Config{MaxBufferBytes: spent})
				other, s := r.connect(), r.connect()
				r.ask(other, most)
				before, got := r.counted(), ""
				for i := 0; i < len(message) && got == ""; i += piece {
					got = r.ask(s, message[i:min(i+piece, len(message))])
					r.counted()
				}
				if got != fail(503, "close") {
					t.Errorf("got %q", got)
				}
				r.is(s, stateLinger)
				if n := r.counted(); n != before {
					t.Errorf("%d octets are held, %d were before it", n, before)
				}
				if got := r.ask(other, rest); got != good("abc") {
					t.Errorf("the other got %q", got)
				}
				r.finish()
			})
		}
	}
}

// TestSpentHandler: an error handler for 503 is asked as for any other, knows
// what is here of the request, and cannot keep the session.
func TestSpentHandler(t *testing.T) {
	for _, c := range []struct{ says, sees string }{
		{"GET", "  "},
		{most, "POST /echo a"},
	} {
		r := newRig(t, Config{MaxBufferBytes: spent})
		if err := r.srv.OnError(503, func(w *Response, q *Request, code ErrCode) error {
			w.AddHeader("Retry-After", "1")
			w.SetStatus(int(code))
			host, _ := q.Header("Host")
			return w.SendString(fmt.Sprint(q.Method(), " ", q.Target(), " ", host))
		}); err != nil {
			t.Fatal(err)
		}
		spender, s := r.spender(), r.connect()
		want := answer("503 Service Unavailable", c.sees, "Retry-After: 1", "close")
		if got := r.ask(s, c.says); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
		r.is(s, stateLinger)
		r.served(spender)
	}
}

// TestNoRoom: with the budget spent a session whose output has to wait ends,
// with a reset: of what the peer has, the end could look like that of a
// response.
func TestNoRoom(t *testing.T) {
	for _, c := range []struct {
		name string
		says string
		room int // octets that its socket takes
		do   func(r *rig, s *sock)
	}{
		{"a response", get("/hi"), 0, nil},
		{"the rest of a response", get("/hi"), 20, nil},
		{"the second of two", get("/hi") + get("/"), len(good("hi")), nil},
		{"ahead of a part", get("/hi") + "GET", 0, nil},
		{"ahead of a content", get("/hi") + most, 20, nil},
		{"more than its share", strings.Repeat(get("/hi"), 9), 20, nil},
		{"the last response", req("GET /hi", "Connection: close"), 20, nil},
		{"a refusal", "\n", 20, nil},
		{"a 503", "GET", 20, nil},
		{"a push", "", 2, func(r *rig, s *sock) {
			if err := r.push(s, pushed); err != nil {
				r.Errorf("Send returned %v", err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, Config{MaxBufferBytes: spent, MaxTurnRequests: 3})
			spender, s := r.spender(), r.connect()
			left := c.room
			s.room = func() int { n := left; left = 0; return n }
			s.says(c.says)
			r.quiet()
			if c.do != nil {
				c.do(r, s)
			}
			r.ended(s)
			if got := s.took(); len(got) != c.room {
				t.Errorf("sent %q, and the socket took %d octets", got, c.room)
			}
			if got, want := r.k.logOf("reset", "close", "shutdown"), fmt.Sprintf("reset %d, close %[1]d", s.fd); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			if r.l.closed[ReasonNoRoom] != 1 || ReasonNoRoom.String() != "no room" {
				t.Errorf("the sessions ended by %v", r.l.closed)
			}
			r.served(spender)
		})
	}
}

// TestNoRoomForAGreeting: nor does the greeting of OnOpen wait.
func TestNoRoomForAGreeting(t *testing.T) {
	open := 0
	r := telling(t, Config{MaxBufferBytes: spent})
	r.srv.cfg.OnOpen = func(s *Session) error {
		if open++; open == 2 {
			return s.Send([]byte(pushed))
		}
		return nil
	}
	spender, s := r.spender(), r.dial()
	s.refusing = true
	r.quiet()
	r.ended(s)
	if got := r.k.logOf("told", "reset", "close"); got != "told 11 no room, reset 11, close 11" {
		t.Errorf("got %q", got)
	}
	r.served(spender)
}

// TestNoRoomBehindOutput: a request that cannot be kept has no answer where one
// waits already: it would come ahead of that, or amid it.
func TestNoRoomBehindOutput(t *testing.T) {
	const most = 1024
	second := req("POST /echo", "X: "+strings.Repeat("x", 600), "Content-Length: 9")
	for _, more := range []string{"", "abc"} {
		for room := range len(good("hi")) {
			r := newRig(t, Config{MaxBufferBytes: most, MaxOutputBytes: 1})
			s := r.connect()
			takes := []int{room, 0, 1, 0} // of each send in turn
			s.room = func() int { n := takes[0]; takes = takes[1:]; return n }
			s.says(get("/hi") + second + more)
			r.turn()
			r.is(s, stateFlush)
			if n := r.counted(); n == 0 || r.l.pool.live != 1 {
				t.Errorf("%d octets in %d buffers, want one that waits", n, r.l.pool.live)
			}
			s.room = nil
			r.quiet()
			if got := s.took(); got != good("hi") {
				t.Errorf("at %d: got %q", room, got)
			}
			r.is(s, stateLinger)
			r.finish()
			if n := r.counted(); n != 0 || r.l.closed[ReasonRefused] != 1 {
				t.Errorf("%d octets are left; ended by %v", n, r.l.closed)
			}
		}
	}
}

// TestSendSpent: what waits already does not grow beyond the budget, and stays.
func TestSendSpent(t *testing.T) {
	r := newRig(t, Config{MaxBufferBytes: spent, MaxOutputBytes: 1 << 20})
	s := r.connect()
	s.refusing = true
	want := ""
	for range 3 {
		if err := r.push(s, strings.Repeat("a", 500)); err != nil {
			t.Fatal(err)
		}
		want += strings.Repeat("a", 500)
		r.counted()
	}
	if err := r.push(s, strings.Repeat("b", spent)); err != ErrOutputFull {
		t.Errorf("Send returned %v", err)
	}
	r.counted()
	s.refusing = false
	r.quiet()
	if got := s.took(); got != want {
		t.Errorf("got %d octets, want %d", len(got), len(want))
	}
	r.is(s, stateFresh)
	r.finish()
}

// TestDetachSpent: a request is detached only if there is room for its copy,
// which counts until it is completed.
func TestDetachSpent(t *testing.T) {
	r := newRig(t, Config{MaxBufferBytes: spent + leastGrown})
	r.ask(r.connect(), "GET")
	var detached *Detached
	var failed error
	r.handle("POST", "/later", func(w *Response, q *Request) (err error) {
		if detached, failed = q.Detach(); failed != nil {
			return w.SendString("now")
		}
		return nil
	})
	later := strings.Replace(post("abc"), "/echo", "/later", 1)
	spender, s := r.spender(), r.connect()
	if got := r.ask(s, later); got != good("now") || failed != ErrDetachedFull || len(r.srv.Detached()) != 0 {
		t.Fatalf("got %q; Detach returned %v", got, failed)
	}
	r.counted()
	r.ask(spender, "x")
	if got := r.ask(s, later); got != "" || failed != nil {
		t.Fatalf("got %q; Detach returned %v", got, failed)
	}
	if n := r.counted(); n < leastGrown+len(later) {
		t.Errorf("%d octets are counted for a part of a head and a copy of %d", n, len(later))
	}
	detached.Response().SendString("later")
	detached.Complete(nil)
	r.quiet()
	if got := s.took(); got != good("later") {
		t.Errorf("got %q", got)
	}
	r.finish()
	if n := r.counted(); n != 0 {
		t.Errorf("%d octets are left", n)
	}
}

// TestBuffersAreWhatTheyCount: the budget counts what the allocator gives, not
// what it was asked for: of 32,769 octets it makes 40,960.
func TestBuffersAreWhatTheyCount(t *testing.T) {
	for _, size := range []int{1, leastGrown, 600, 1025, 3000, mostSmall + 1, 9000, 1<<15 + 1, 50_000, mostPooled + 1, 200_000} {
		p := newBuffers(&budget{most: 1 << 40})
		b := make([]byte, size)
		before, n := liveHeap(), max(1, (8<<20)/max(size, leastGrown))
		all := make([]any, 0, n)
		for range n / 2 {
			all = append(all, p.keep(b))
		}
		for range n - n/2 { // the others grow to it
			buf := p.keep(b[:size/3])
			if !p.append(buf, b[size/3:]) {
				t.Fatal("there was room")
			}
			all = append(all, buf)
		}
		took := liveHeap() - before - int64(n)*48 // the slice, and what holds the array
		used := p.budget.used.Load()
		if took > used+used/50 || used > took+took/10 {
			t.Errorf("%d buffers for %d octets: the heap has %d octets, and %d are counted", n, size, took, used)
		}
		runtime.KeepAlive(all)
	}
}

// liveHeap is the heap in use, without what is in pools.
func liveHeap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestNothingInVain: what there is no room for is not allocated to find out.
func TestNothingInVain(t *testing.T) {
	p := newBuffers(&budget{most: spent})
	small := p.keep(make([]byte, 600))
	long := make([]byte, 64<<20)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if p.keep(long) != nil || p.append(small, long) {
		t.Error("there was room")
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("%d octets were allocated", n)
	}
	p.release(&small)
	if n := p.budget.used.Load(); n != 0 || p.live != 0 {
		t.Errorf("%d octets in %d buffers are left", n, p.live)
	}
}

// TestFewOctetsInSmallBuffers: a few octets do not hold a buffer that was made
// for many, and the other way round none is made anew.
func TestFewOctetsInSmallBuffers(t *testing.T) {
	r := newRig(t, Config{})
	s := r.connect()
	for range 20 { // with the race detector a pool forgets at random
		r.ask(s, post(strings.Repeat("x", 50_000))[:40_000])
		if n := r.counted(); n < 40_000 || n > 64<<10 {
			t.Errorf("%d octets are held for 40,000", n)
		}
		r.ask(s, strings.Repeat("x", 20_000)) // what is more than the content is refused
		s.fin()
		r.quiet()
		s = r.connect()
		r.ask(s, "GET")
		if n := r.counted(); n > mostSmall {
			t.Errorf("%d octets are held for 3", n)
		}
		s.fin()
		r.quiet()
		s = r.connect()
	}
	r.finish()
}

// TestBudgetOfManyLoops: the budget is exact, and a session that asks for too
// much does not take from another what is there.
func TestBudgetOfManyLoops(t *testing.T) {
	b := budget{most: 1000}
	var asking, others sync.WaitGroup
	var over atomic.Bool
	for range 2 {
		others.Go(func() {
			for !over.Load() {
				if b.take(1001) {
					t.Error("there were 1,001 of 1,000 octets")
				}
			}
		})
	}
	for range 2 {
		asking.Go(func() {
			for range 100_000 {
				if !b.take(500) {
					t.Error("500 octets of 1,000 were not there, and two wanted them")
					return
				}
				if n := b.used.Load(); n > b.most {
					t.Errorf("%d octets of 1,000 were taken", n)
				}
				b.give(500)
			}
		})
	}
	asking.Wait()
	over.Store(true)
	others.Wait()
	if n := b.used.Load(); n != 0 {
		t.Errorf("%d octets are left", n)
	}
}

// TestMinProgress: a content, one that is dropped, and an output have their time
// anew when MinProgressBytes of them have moved, however they were cut.
func TestMinProgress(t *testing.T) {
	const least = 100
	for _, state := range []state{stateContent, stateDiscard, stateFlush} {
		for _, c := range []struct {
			min   int
			moves []int // octets, at equal intervals within the timeout
			lives bool  // longer than the timeout from the begin
		}{
			{least, nil, false},
			{least, []int{1}, false},
			{least, []int{99}, false},
			{least, []int{50, 49}, false},
			{least, []int{33, 33, 33}, false},
			{least, []int{100}, true},
			{least, []int{50, 50}, true},
			{least, []int{1, 98, 1}, true},
			{least, []int{300}, true},
			{-1, []int{1}, true},
			{-1, nil, false},
			{0, []int{1023}, false}, // the default
			{0, []int{1024}, true},
		} {
			t.Run(fmt.Sprint(state, c), func(t *testing.T) {
				cfg := timed(-1)
				cfg.MinProgressBytes = c.min
				r := newRig(t, cfg)
				s, after, move := r.moving(state)
				begun, renewed := r.k.now, r.k.now
				for _, n := range c.moves {
					r.pass(after / 10)
					move(n)
					r.is(s, state)
				}
				if c.lives {
					renewed = r.k.now
				}
				r.pass(renewed + after - r.k.now - 1)
				r.is(s, state)
				if c.lives && r.k.now <= begun+after {
					t.Fatal("the test does not outlive its begin")
				}
				if c.lives {
					move(1) // what has moved before counts once
				}
				r.pass(1)
				if goes, want := s.closed || s.shut, !c.lives || c.min >= 0; goes != want {
					t.Errorf("at the end of its time it goes: %v", goes)
				}
				r.finish()
			})
		}
	}
}

// moving brings a connection into a state that waits for octets to move, and
// returns its time, and what moves n of them.
func (r *rig) moving(want state) (s *sock, after time.Duration, move func(n int)) {
	r.Helper()
	s = r.connect()
	more := func(n int) { r.ask(s, strings.Repeat("x", n)) }
	head := "Content-Length: 9000"
	switch want {
	case stateContent:
		r.ask(s, req("POST /echo", head))
		return s, contentTime, more
	case stateDiscard:
		r.ask(s, req("POST /x", head))
		return s, contentTime, more
	}
	r.handle("GET", "/9000", func(w *Response, _ *Request) error { return w.SendString(strings.Repeat("x", 9000)) })
	s.refusing = true
	r.ask(s, get("/9000"))
	return s, sendTime, func(n int) {
		s.refusing, s.room = false, func() int { return n }
		r.turn()
		s.refusing = true
	}
}

// TestEachContentHasItsTime: what was left of a content that is dropped does not
// take the time of the next one.
func TestEachContentHasItsTime(t *testing.T) {
	cfg := timed(-1)
	cfg.MinProgressBytes = 1000
	for _, dropped := range []string{
		req("POST /x", "Content-Length: 3"),
		chunkedTo("POST /x", "3\r\n"),
	} {
		r := newRig(t, cfg)
		s := r.connect()
		r.ask(s, dropped)
		r.is(s, stateDiscard)
		r.pass(contentTime - 1)
		end := "abc"
		if strings.Contains(dropped, "chunked") {
			end += "\r\n" + last
		}
		r.ask(s, end+most)
		r.is(s, stateContent)
		r.pass(contentTime - 1)
		r.is(s, stateContent)
		if got := r.ask(s, rest); got != good("abc") {
			t.Errorf("got %q", got)
		}
		r.finish()
	}
}

// TestCutShort: a session ends with a reset exactly if octets of its output are
// lost, whatever ends it.
func TestCutShort(t *testing.T) {
	for _, c := range []struct {
		name  string
		state state
		do    func(r *rig, s *sock)
		want  string
	}{
		{"too late", stateFlush, func(r *rig, s *sock) { r.k.now += sendTime }, "reset 10, close 10"},
		{"Close", stateFlush, func(r *rig, s *sock) { r.srv.Close() }, "reset 10, close 10"},
		{"no memory", stateFlush, func(r *rig, s *sock) { s.refusing, s.sendFails = false, scarce }, "reset 10, close 10"},
		{"no use", stateFlush, func(r *rig, s *sock) { s.refusing, s.sendFails = false, broken }, "reset 10, close 10"},
		{"no memory at once", stateIdle, func(r *rig, s *sock) { s.sendFails = scarce; s.says(get("/hi")) }, "reset 10, close 10"},
		{"TriggerClose", stateFlush, func(r *rig, s *sock) { r.srv.TriggerClose(r.id(s)); r.quiet(); s.refusing = false }, "close 10"},
		{"Stop", stateFlush, func(r *rig, s *sock) { r.srv.Stop(); r.quiet(); s.refusing = false }, "close 10"},
		{"sent in time", stateFlush, func(r *rig, s *sock) { s.refusing = false; s.fin() }, "close 10"},
		{"idle too long", stateIdle, func(r *rig, s *sock) { r.k.now += idleTime }, "close 10"},
		{"idle at Close", stateIdle, func(r *rig, s *sock) { r.srv.Close() }, "close 10"},
		{"idle at Stop", stateIdle, func(r *rig, s *sock) { r.srv.Stop() }, "close 10"},
		{"in a head at Close", stateHead, func(r *rig, s *sock) { r.srv.Close() }, "close 10"},
		{"in a content at Close", stateContent, func(r *rig, s *sock) { r.srv.Close() }, "close 10"},
		{"no octets from the system", stateIdle, func(r *rig, s *sock) { s.breaks() }, "close 10"},
		{"lingering too long", stateLinger, func(r *rig, s *sock) { r.k.now += lingerTime }, "close 10"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, timed(idleTime))
			s := into(r, c.state)
			c.do(r, s)
			r.quiet()
			r.ended(s)
			if got := r.k.logOf("reset", "close"); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if r.srv.stopped.Load() { // the loop is done
				r.k.socks = map[int]*sock{}
				return
			}
			r.finish()
		})
	}
}

// TestWorkInShares: of many functions each turn runs its share, in order, and
// the sessions have theirs in between.
func TestWorkInShares(t *testing.T) {
	const n = 2*turnWork + 10
	r := newRig(t, Config{MaxWork: n})
	s := r.connect()
	var ran []int
	for i := range n {
		if err := r.srv.QueueWork(func() { ran = append(ran, i) }); err != nil {
			t.Fatal(err)
		}
	}
	r.srv.TriggerClose(r.id(s)) // behind them
	for turn, want := range []int{turnWork, 2 * turnWork, n} {
		s.says(get("/hi"))
		r.turn()
		if got := s.took(); got != good("hi") {
			t.Errorf("in turn %d: got %q", turn, got)
		}
		if len(ran) != want {
			t.Errorf("after turn %d: %d functions have run, want %d", turn, len(ran), want)
		}
		if left := r.l.untilDeadline() == 0; left != (want < n) {
			t.Errorf("after turn %d: the loop does not wait: %v", turn, left)
		}
		if s.closed != (want == n) {
			t.Errorf("after turn %d: closed %v", turn, s.closed)
		}
	}
	if !slices.IsSorted(ran) {
		t.Errorf("ran %v", ran)
	}
	r.finish()
}

// TestWorkLimit: what waits for another turn counts as waiting.
func TestWorkLimit(t *testing.T) {
	const n = turnWork + 36
	r := newRig(t, Config{MaxWork: n})
	ran := 0
	fill := func() (accepted int) {
		for r.srv.QueueWork(func() { ran++ }) == nil {
			accepted++
		}
		return accepted
	}
	for turn, want := range []int{n, turnWork, 36, turnWork, 36} {
		if got := fill(); got != want {
			t.Errorf("before turn %d: %d functions were accepted, want %d", turn, got, want)
		}
		r.turn()
	}
	r.quiet()
	if want := n + 2*(turnWork+36); ran != want {
		t.Errorf("%d functions ran, want %d", ran, want)
	}
	if got := fill(); got != n {
		t.Errorf("at the end %d were accepted, want %d", got, n)
	}
	r.quiet()
	r.finish()
}

// TestEndDoesNotWaitForWork: Stop and Close come when the functions that were
// accepted have run, all of them in one turn.
func TestEndDoesNotWaitForWork(t *testing.T) {
	for name, end := range map[string]func(srv *Server){"Stop": (*Server).Stop, "Close": (*Server).Close} {
		for _, turns := range []int{0, 1} { // before it
			r := newRig(t, Config{MaxWork: 1000})
			s := r.connect()
			ran := 0
			for range 5 * turnWork {
				r.srv.QueueWork(func() {
					if ran++; s.closed {
						t.Error("a function that was accepted before the end finds no session")
					}
				})
			}
			for range turns {
				r.turn()
			}
			end(r.srv)
			for range 1 + turns {
				r.turn()
			}
			if ran != 5*turnWork || !s.closed || !r.l.done() {
				t.Errorf("%s after %d turns: %d of %d functions have run; closed: %v", name, turns, ran, 5*turnWork, s.closed)
			}
			if err := r.l.run(); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestWorkAtTheEndInShares: functions that a loop has not come to when it ends run then.
func TestWorkAtTheEndInShares(t *testing.T) {
	r := newRig(t, Config{MaxWork: 1000})
	ran := 0
	for range 3 * turnWork {
		r.srv.QueueWork(func() { ran++ })
	}
	r.turn()
	for range 3 * turnWork { // while it has some in hand
		r.srv.QueueWork(func() { ran++ })
	}
	r.k.waits = errors.New("epoll is gone")
	if err := r.l.run(); err == nil || ran != 6*turnWork {
		t.Errorf("%v; %d functions ran", err, ran)
	}
}

// TestShutdownCounts: when its context ends first, Shutdown says how many
// detached requests are left. Their sockets are shut down now, the rest comes
// when they are completed.
func TestShutdownCounts(t *testing.T) {
	for left, want := range []string{
		"context canceled",
		"httpd: 1 requests are not completed: context canceled",
		"httpd: 2 requests are not completed: context canceled",
	} {
		r := newRig(t, Config{})
		var all []*Detached
		r.handle("GET", "/later", func(_ *Response, q *Request) error {
			q.Session().SetCtx(len(all), func(ctx any) { r.k.note("free %v", ctx) })
			d, err := q.Detach()
			all = append(all, d)
			return err
		})
		for range left {
			r.ask(r.connect(), get("/later"))
		}
		r.ask(r.connect(), most) // a request that does not come
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		err := r.srv.Shutdown(ctx)
		if errorText(err) != want || !errors.Is(err, context.Canceled) {
			t.Errorf("%d left: Shutdown returned %v", left, err)
		}
		if left > 0 {
			r.turn()
			for _, d := range all {
				if d.Context().Err() == nil {
					t.Error("its context is not cancelled")
				}
			}
			if got := r.k.logOf("free", "end"); got != "" || strings.Count(r.k.logOf("sever"), "sever") != left {
				t.Errorf("%d left: got %q, %q", left, got, r.k.logOf("sever"))
			}
		}
		r.srv.run()
		for _, d := range all {
			d.Complete(nil)
		}
		if err := r.srv.Wait(); err != nil {
			t.Error(err)
		}
		if n := strings.Count(r.k.logOf("free"), "free"); n != left {
			t.Errorf("%d contexts were freed, want %d", n, left)
		}
		if n := r.srv.detached.Load(); n != 0 {
			t.Errorf("%d detached requests are counted", n)
		}
		r.empty()
	}
}
