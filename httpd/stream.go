package httpd

import (
	"io"
	"os"
	"sync"
	"time"

	"moor.example/httpd/sess"
)

// streamBuffer is how many octets of content, and how many of output, may lie
// between a blocking handler and its loop.
const streamBuffer = 64 << 10

// A stream is what a blocking handler and its loop exchange: content one way,
// output the other, through two bounded buffers. The handler waits for the loop,
// never the other way round.
type stream struct {
	mu      sync.Mutex
	changed sync.Cond // for the handler: content, room, or the end
	limits  limits

	work *work // of the loop, to wake it
	name sess.Name
	told bool // it has been woken, and has not come yet

	in     pipe // content that Read has not given
	tail        // of the content
	waits  bool // the loop has stopped reading, for want of room
	invite invite
	out    pipe  // output that the loop has not taken
	full   bool  // the handler waits for room in it
	begun  bool  // a part of the response is on its way
	err    error // nothing more comes, and nothing goes

	handover handover
}

// A tail is how a content ends.
type tail struct {
	ended    bool   // all of it is there
	trailers []byte // if it has ended
	wrong    error  // why it does not come to its end
}

// An invite is how it stands with a peer that waits to be asked for its content
// (RFC 9110 10.1.1).
type invite uint8

const (
	uninvited invite = iota + 1
	waived           // its answer has begun: it is too late to ask, though the content may come
	inviting         // the handler reads: the loop is to ask for it
)

// limits are the times at which the handler's waiting ends.
type limits struct {
	until  [numLimits]time.Time // zero: never
	timers [numLimits]*time.Timer
}

const (
	limitRead  = iota
	limitWrite // of Write and Flush
	limitAll   // of the handler: Route.Timeout
	numLimits
)

func newStream(l *loop, name sess.Name) *stream {
	s := &stream{work: &l.work, name: name}
	s.changed.L = &s.mu
	s.in.budget, s.out.budget = &l.srv.budget, &l.srv.budget
	return s
}

// wake wakes the loop, once until it has come. The lock is held.
func (s *stream) wake() {
	if !s.told {
		s.told = true
		s.work.stir(s.name)
	}
}

// limit ends waiting at that time; zero is never.
func (s *stream) limit(which int, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &s.limits
	if l.timers[which] != nil {
		l.timers[which].Stop()
		l.timers[which] = nil
	}
	l.until[which] = until
	if !until.IsZero() {
		l.timers[which] = time.AfterFunc(time.Until(until), func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.changed.Broadcast()
		})
	}
}

// wait waits for a change, and returns why there is no use in that. The lock is
// held.
func (s *stream) wait(which int) error {
	for _, i := range [...]int{which, limitAll} {
		if at := s.limits.until[i]; !at.IsZero() && !time.Now().Before(at) {
			return os.ErrDeadlineExceeded
		}
	}
	if s.err == nil {
		s.changed.Wait() // there may be two who wait: one reads, the other writes
	}
	return s.err
}

// read is Request.Read for a blocking handler.
func (s *stream) read(p []byte) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(p) > 0 && !s.readable() {
		switch s.invite {
		case uninvited:
			s.invite = inviting
			s.wake()
		case waived:
			s.invite = 0
			s.wake()
		}
		if err := s.wait(limitRead); err != nil && !s.readable() {
			return 0, err
		}
	}
	if n = s.in.take(p); n == 0 && len(p) > 0 {
		if s.ended {
			return 0, io.EOF
		}
		return 0, s.wrong
	}
	if s.waits && s.in.len() <= streamBuffer/2 {
		s.wake()
	}
	return n, nil
}

// readable reports whether Read need not wait. The lock is held.
func (s *stream) readable() bool { return s.in.len() > 0 || s.ended || s.wrong != nil }

// waive says that the answer has begun, so that no 100 may follow.
func (s *stream) waive() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun = true
	if s.invite == uninvited {
		s.invite = waived
	}
}

// write hands p over to the loop, piece by piece, and returns how much of it.
func (s *stream) write(p []byte) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n < len(p) {
		for s.err == nil && s.out.len() >= streamBuffer {
			s.full = true
			if err := s.wait(limitWrite); err != nil {
				return n, err
			}
		}
		k := min(len(p)-n, streamBuffer-s.out.len())
		if s.err == nil && !s.out.put(p[n:n+k]) {
			s.err = ErrOutputFull
		}
		if s.err != nil {
			return n, s.err
		}
		n += k
		s.wake()
	}
	return n, nil
}

// The loop's side.

// room is how many octets of content may be put.
func (s *stream) room() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := streamBuffer - s.in.len()
	s.waits = n == 0
	return n
}

// put adds content, and reports false if the budget is spent.
func (s *stream) put(content []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed.Broadcast()
	return s.in.put(content)
}

// end says that all of the content is there, and its trailers.
func (s *stream) end(trailers []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended, s.trailers = true, trailers
	s.changed.Broadcast()
}

// spoil says that the content does not come to its end. The answer may.
func (s *stream) spoil(why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wrong = why
	s.changed.Broadcast()
}

// fail says that nothing more comes, and nothing goes: the first reason counts.
func (s *stream) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
	s.changed.Broadcast()
}

// take appends what the handler has put out to dst, and reports whether the
// peer is to be asked for the content.
func (s *stream) take(dst []byte) (out []byte, asks bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = false
	if asks = s.invite == inviting; asks {
		s.invite = 0
	}
	dst = append(dst, s.out.b[s.out.at:]...)
	s.out.skip(s.out.len())
	if s.full {
		s.full = false
		s.changed.Broadcast()
	}
	return dst, asks
}

// uninvited reports whether the peer waits still to be asked for the content:
// then nobody knows whether it comes.
func (s *stream) uninvited() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.invite != 0
}

// release gives back what the buffers took off the budget, and ends the timers;
// s may be nil.
func (s *stream) release() {
	if s == nil {
		return
	}
	for i := range numLimits {
		s.limit(i, time.Time{})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.in.release()
	s.out.release()
}

// A pipe is octets on their way, and what they take off the budget.
type pipe struct {
	b      []byte
	at     int // where in it they begin
	budget *budget
}

func (q *pipe) len() int { return len(q.b) - q.at }

// put adds p, and reports false if the budget is spent.
func (q *pipe) put(p []byte) bool {
	if len(q.b)+len(p) > cap(q.b) && q.at > 0 {
		q.b = q.b[:copy(q.b, q.b[q.at:])]
		q.at = 0
	}
	if need := len(q.b) + len(p); need > cap(q.b) {
		size := max(leastGrown, need, min(2*cap(q.b), streamBuffer))
		if !q.budget.take(size) {
			return false
		}
		q.budget.give(cap(q.b))
		q.b = append(make([]byte, 0, size), q.b...)
	}
	q.b = append(q.b, p...)
	return true
}

func (q *pipe) take(p []byte) int {
	n := copy(p, q.b[q.at:])
	q.skip(n)
	return n
}

func (q *pipe) skip(n int) {
	if q.at += n; q.at == len(q.b) {
		q.b, q.at = q.b[:0], 0
	}
}

func (q *pipe) release() {
	q.budget.give(cap(q.b))
	q.b, q.at = nil, 0
}
