package httpd

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// A simWorld is everything that one seed decides: a server on simulated
// kernels, its clients, what other goroutines do to it, and a clock. One
// goroutine runs all of it, a step at a time, so that a seed is a history; those
// of blocking handlers run one at a time, and while they do it waits: see simJob.
type simWorld struct {
	rng   *rand.PCG
	now   time.Duration // of the monotonic clock
	wall  time.Duration // what the time of day is ahead of it
	cfg   Config        // with its defaults
	plan  simPlan
	srv   *Server
	loops []*simLoop
	simFiles
	simPeers
	simOthers
	simJobs
	simContexts
	simLog

	depth   int // actions within actions
	effects int // what has happened so far: a loop that turns without any spins
	checked time.Duration
	ending  ending // what the server was asked for
	buf     []byte // of a call, and no longer
}

// simPeers are those at the other end.
type simPeers struct {
	clients []*simClient
	due     []time.Duration // when each of them acts next; the last one is for the others
	undone  int             // clients that have something to do
	soonest time.Duration   // nobody's due is before that
	cand    []int           // who could act now
	socks   []*simSock      // all that there ever were
	spare   [][]byte        // of streams
}

// A simLoop is a loop and what drives it.
type simLoop struct {
	l     *loop
	k     *simKernel
	until time.Duration // it waits until then at most
	busy  bool          // it is in a turn
	ended bool
	idle  int // turns in a row without an effect
	seen  int // effects until the last one
}

// simNever is when those act who wait for another.
const simNever = time.Duration(1 << 62)

const (
	simSpin    = 20             // turns without an effect, at most, in half an acceptRetry
	simDeepest = 3              // actions within actions
	simHours   = 24 * time.Hour // of the world: it ends long before
)

// A simFailure ends a run: it is what the world panics with.
type simFailure struct{ text string }

func (w *simWorld) fail(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if w.failure == "" {
		w.failure = text // the engine recovers what panics in a handler
	}
	panic(simFailure{text})
}

// Chance.

func (w *simWorld) next() uint64 { return w.rng.Uint64() }

// n is one of 0 to most-1.
func (w *simWorld) n(most int) int {
	return int(uint64(uint32(w.rng.Uint64())) * uint64(most) >> 32)
}

// one is true once in n times, and never if n is 0.
func (w *simWorld) one(n int) bool { return n > 0 && w.n(n) == 0 }

// between is a time from a to b, most often nearer to a.
func (w *simWorld) between(a, b time.Duration) time.Duration {
	r := w.rng.Uint64()
	span := uint64(b-a) >> 10 >> (r & 7)
	return a + time.Duration(r>>32*span>>32<<10)
}

// The run.

// run lets the clients do what they have to do, then ends the server.
func (w *simWorld) run() {
	for w.undone > 0 {
		w.step()
	}
	if w.ending == running {
		w.end(ending(1 + w.n(2)))
	}
	stopped := w.now
	for !w.ended() {
		if w.ending == stopping && w.now > stopped+10*time.Minute {
			w.end(closing) // a client without a deadline may take for ever
		}
		if w.now > stopped+20*time.Minute {
			w.fail("the server does not end")
		}
		w.step()
	}
	w.finishJobs(nil) // whose connections have left
	w.checkEnd()
}

func (w *simWorld) ended() bool {
	for _, lp := range w.loops {
		if !lp.ended {
			return false
		}
	}
	return true
}

// step lets all those act who could act now, in any order, or time go by.
func (w *simWorld) step() {
	list := w.cand[:0]
	for i, lp := range w.loops {
		if lp.runnable() {
			list = append(list, -1-i)
		}
	}
	if w.soonest <= w.now {
		w.soonest = simNever
		for i, at := range w.due {
			if at <= w.now {
				list = append(list, i)
			} else if at < w.soonest {
				w.soonest = at
			}
		}
	}
	w.cand = list
	if len(list) == 0 {
		w.advance()
		return
	}
	for n := len(list); n > 0; n-- {
		i := 0
		if n > 1 {
			i = w.n(n)
		}
		w.act(list[i])
		list[i] = list[n-1]
	}
}

// act lets a loop (below zero), a client or the others act.
func (w *simWorld) act(who int) {
	switch {
	case who < 0:
		if lp := w.loops[-1-who]; lp.runnable() {
			w.turn(lp)
		}
	case w.due[who] > w.now: // he has acted meanwhile
	case who < len(w.clients):
		w.clients[who].act()
	case who == len(w.clients):
		w.interfere()
	default:
		w.goOnJobs()
	}
}

// advance lets the time come at which the next one acts. Nothing is left to be
// done before that: this is when the world must be in order.
func (w *simWorld) advance() {
	next := w.soonest
	for _, lp := range w.loops {
		if !lp.ended && lp.until != simNever {
			late := max(0, lp.until-w.now) + w.between(0, 2*time.Millisecond)
			next = min(next, w.now+late)
		}
	}
	if next == simNever {
		w.fail("nobody has anything to do, and it is not over")
	}
	if w.now-w.checked >= 200*time.Millisecond || next-w.now > 100*time.Millisecond {
		w.checked = w.now
		w.checkQuiet()
	}
	w.now = next
	if w.now > simHours {
		w.fail("it does not come to an end")
	}
}

// turn is one turn of a loop, and its end when it is done.
func (w *simWorld) turn(lp *simLoop) {
	lp.busy, lp.k.excused, lp.k.called = true, lp.k.called, false
	w.depth++
	w.count.turns++
	expiring := w.expiring(lp)
	err := lp.l.turn()
	w.welcome(lp.l)
	w.heard()
	w.expired(lp, expiring)
	if w.failure != "" {
		panic(simFailure{w.failure})
	}
	w.depth--
	w.now += time.Duration(w.next()&0x3fff) * 2 // up to 32 us
	if lp.idle++; w.effects != lp.seen || lp.k.excused {
		lp.idle, lp.seen = 0, w.effects
	} else if lp.idle > simSpin {
		w.fail("loop %d spins: %d turns without an effect; events %v", lp.l.index, lp.idle, lp.k.events)
	}
	if err != nil {
		if !lp.k.failed {
			w.fail("loop %d ended with %v", lp.l.index, err)
		}
		w.completeAll(lp.l)
		w.ending = closing // of this loop, and then of the others
	}
	if err != nil || lp.l.done() {
		lp.l.end()
		lp.ended = true
		if err != nil {
			w.end(closing)
		}
	}
	lp.busy = false
	lp.sleep()
}

// sleep notes until when the loop would wait if nothing happened.
func (lp *simLoop) sleep() {
	lp.until = simNever
	if d := lp.l.untilDeadline(); d >= 0 {
		lp.until = lp.k.w.now + d
	}
}

// runnable reports whether the loop's Wait would not wait.
func (lp *simLoop) runnable() bool {
	return !lp.ended && !lp.busy && (lp.k.woken || lp.k.any() || lp.until <= lp.k.w.now)
}

// meanwhile lets somebody else act in the midst of a call: another loop, a
// client, or another goroutine.
func (w *simWorld) meanwhile() {
	if w.depth >= simDeepest || !w.one(w.plan.meanwhile) {
		return
	}
	w.depth++
	w.count.meanwhile++
	switch i := w.n(len(w.loops) + 3); {
	case i < len(w.loops):
		if lp := w.loops[i]; lp.runnable() {
			w.turn(lp)
		}
	case i == len(w.loops):
		w.interfere()
	case i == len(w.loops)+1 && len(w.jobs) > 0:
		if job := w.jobs[w.n(len(w.jobs))]; job.ready() {
			w.goOnJob(job)
		}
	default:
		if c := w.n(len(w.clients)); w.due[c] <= w.now+time.Millisecond {
			w.clients[c].act()
		}
	}
	w.depth--
}

// end asks the server to end.
func (w *simWorld) end(how ending) {
	w.ending = max(w.ending, how)
	w.note(simEnds, 0, int(how), 0)
	if how == stopping {
		w.srv.Stop()
	} else {
		w.srv.Close()
	}
}

// wake makes a client act after a while, if it would not before.
func (w *simWorld) wake(c *simClient, after time.Duration) {
	w.at(c.no, w.now+after)
}

// at makes somebody act at that time, if he would not before.
func (w *simWorld) at(who int, when time.Duration) {
	w.due[who] = min(w.due[who], when)
	w.soonest = min(w.soonest, when)
}

// simFiles are the descriptors, as a process has them.
type simFiles struct {
	fds      []*simSock // by number; nil: not open
	listener *simListener
	full     time.Duration // until then there are no more
}

// A simListener is the listening descriptor. It stays when it is closed.
type simListener struct {
	backlog []*simSock
	most    int
	watched *simKernel // nil: it is not
	closed  bool
}

// openFD returns a number for a descriptor: the lowest, as a system does it, or
// one that nobody had, so that a second use of a closed one shows.
func (w *simWorld) openFD(s *simSock) int {
	for fd := simListenFD + 1; w.plan.lowFDs && fd < len(w.fds); fd++ {
		if w.fds[fd] == nil {
			w.fds[fd] = s
			return fd
		}
	}
	for len(w.fds) <= simListenFD {
		w.fds = append(w.fds, nil)
	}
	w.fds = append(w.fds, s)
	return len(w.fds) - 1
}

// sock returns the open socket fd.
func (w *simWorld) sock(call string, fd int) *simSock {
	if fd < 0 || fd >= len(w.fds) || w.fds[fd] == nil {
		w.fail("%s of descriptor %d, which is not open", call, fd)
	}
	return w.fds[fd]
}

const simListenFD = 3
