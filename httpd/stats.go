package httpd

import (
	"math/bits"
	"sync"
	"sync/atomic"
	"time"
)

// Stats are figures of a server since Start: see Server.Stats. The keys of the
// maps are words for logs and labels; all that there are stand in the map, also
// with 0.
type Stats struct {
	Loops    int
	Sessions int            // open now, or about to be
	Detached int            // requests that are detached now, blocking handlers among them
	Buffered int64          // octets of Config.MaxBufferBytes that are taken now
	States   map[string]int // sessions now, by what they wait for

	Accepted uint64            // connections, those of Adopt among them
	Refused  map[string]uint64 // connections that were not, or had to wait, by the reason
	Ended    map[string]uint64 // sessions, by CloseReason
	Expired  map[string]uint64 // deadlines that were hit, by what had too little time

	Requests  uint64            // that were answered, or are about to be
	Responses map[string]uint64 // "2xx" and the like; "other" for what SendRaw wrote
	Received  uint64            // octets, all of them
	Sent      uint64
	Times     Histogram // of handlers
}

// A Histogram counts how long handlers took: of those on a loop one in 64, and
// each detached request up to its Complete, to the next turn of its loop.
type Histogram struct {
	// Counts are the handlers that took less than Bound(i), and not less than
	// Bound(i-1). The last has no bound.
	Counts [histogramBins]uint64
	Sum    time.Duration
}

const histogramBins = 26

// Bound is the upper bound of Counts[i]: 1 µs, 2 µs, 4 µs, and so on to 16 s.
func (Histogram) Bound(i int) time.Duration { return time.Microsecond << i }

// Count is how many handlers were timed.
func (h Histogram) Count() (n uint64) {
	for _, c := range h.Counts {
		n += c
	}
	return n
}

func (h *Histogram) add(d time.Duration) {
	d = max(0, d)
	h.Counts[min(bits.Len64(uint64(d/time.Microsecond)), histogramBins-1)]++
	h.Sum += d
}

// seen is what others may see of a loop.
type seen struct {
	load   atomic.Int32 // sessions it has or is about to get
	busy   atomic.Bool  // within a turn, and not waiting
	counts              // the loop's own, and what it has shown of it:
	mu     sync.Mutex
	shown  counts
}

// counts are the figures of one loop.
type counts struct {
	closed    [numReasons]uint64 // sessions ended
	expired   [numClasses]uint64
	inState   [numStates]int32
	responses [6]uint64 // by hundreds of the status; at 0 those that nobody knows
	accepted  uint64
	tooMany   uint64 // of one peer: Config.MaxSessionsPerIP
	starved   uint64 // accepts that failed for want of room in the system
	requests  uint64
	received  uint64
	sent      uint64
	times     Histogram
}

// show lets others see the counts, once a turn.
func (l *loop) show() {
	l.seen.mu.Lock()
	defer l.seen.mu.Unlock()
	l.shown = l.counts
}

// Stats returns the figures of now, or of the last turn of each loop: while a
// handler runs nothing changes. It waits for no loop, and may be called from
// anywhere, also when the server has ended.
func (srv *Server) Stats() Stats {
	st := Stats{
		Loops:    len(srv.loops),
		Sessions: int(srv.sessions.Load()),
		Detached: int(srv.detached.Load()),
		Buffered: srv.budget.used.Load(),
		States:   map[string]int{}, Refused: map[string]uint64{}, Ended: map[string]uint64{},
		Expired: map[string]uint64{}, Responses: map[string]uint64{},
	}
	for _, l := range srv.loops {
		l.seen.mu.Lock()
		c := l.shown
		l.seen.mu.Unlock()
		st.add(&c)
	}
	return st
}

func (st *Stats) add(c *counts) {
	for s, n := range c.inState {
		st.States[state(s).String()] += int(n)
	}
	for r, n := range c.closed {
		st.Ended[CloseReason(r).String()] += n
	}
	for class, name := range classNames {
		if name != "" {
			st.Expired[name] += c.expired[class]
		}
	}
	for i, name := range responseNames {
		st.Responses[name] += c.responses[i]
	}
	st.Refused["per IP"] += c.tooMany
	st.Refused["no room in the system"] += c.starved
	st.Accepted += c.accepted
	st.Requests += c.requests
	st.Received += c.received
	st.Sent += c.sent
	for i, n := range c.times.Counts {
		st.Times.Counts[i] += n
	}
	st.Times.Sum += c.times.Sum
}

var classNames = [numClasses]string{
	classIdle: "idle", classHead: "head", classContent: "content", classSend: "send", classOpen: "handshake", classLinger: "linger",
}

var responseNames = [...]string{"other", "1xx", "2xx", "3xx", "4xx", "5xx"}

// respond counts a response.
func (c *counts) respond(w *Response) {
	if class := w.status / 100; class < len(c.responses) && w.progress != raw {
		c.responses[class]++
	} else {
		c.responses[0]++
	}
}
