package httpd

import (
	"time"

	"golang.org/x/sys/unix"

	"moor.example/httpd/sess"
)

// A simSock is a connection: two streams with room for so many octets, and what
// the server's and the client's system know of each other's end.
type simSock struct {
	w  *simWorld
	no int        // the how manieth of the world
	cl *simClient // which may have another one by now
	fd int        // -1: not accepted yet, or closed

	in, out simStream // to the server, to the client

	fin     bool       // the client has ended its side
	gone    bool       // the client has closed: what comes is answered with a reset
	rst     bool       // there is no connection any more
	err     unix.Errno // what the next call of the server returns, once
	shut    bool       // the server has ended its side
	closed  bool       // the server has closed
	resets  bool       // its close is a reset
	aborted bool       // the client's next call says that it was reset

	simWatched
	simSession
	simTimes
}

// simWatched is what a kernel knows of a descriptor that it watches.
type simWatched struct {
	k    *simKernel // nil: none watches
	hot  int        // 1 + where in the kernel's list of those that have an event; 0: it has none
	name sess.Name
	want interest
	hung bool // the hang-up was reported: it is not again before the next Watch
}

// simTimes is when things happened, as far as deadlines depend on them.
type simTimes struct {
	begun    time.Duration // accepted, then opened
	came     time.Duration // octets came last
	head     time.Duration // the first octet of the request in hand came
	went     time.Duration // octets went last
	refused  time.Duration // output was refused for the first time since
	shutAt   time.Duration
	answered time.Duration // a detached request was completed, work was done, a 408 waited
}

// A simStream is octets on their way.
type simStream struct {
	b    []byte
	off  int
	most int
}

func (q *simStream) len() int  { return len(q.b) - q.off }
func (q *simStream) room() int { return q.most - q.len() }

// put takes as much of p as there is room for.
func (q *simStream) put(p []byte) int {
	n := min(len(p), q.room())
	if n <= 0 {
		return 0
	}
	if q.off > 0 && len(q.b)+n > cap(q.b) {
		q.b = q.b[:copy(q.b, q.b[q.off:])]
		q.off = 0
	}
	q.b = append(q.b, p[:n]...)
	return n
}

func (q *simStream) take(p []byte) int {
	n := copy(p, q.b[q.off:])
	q.skip(n)
	return n
}

func (q *simStream) skip(n int) {
	if q.off += n; q.off == len(q.b) {
		q.b, q.off = q.b[:0], 0
	}
}

// drop loses the last n octets.
func (q *simStream) drop(n int) { q.b = q.b[:len(q.b)-n] }

// ready is what epoll says: level-triggered, and an error or a hang-up cannot
// be masked.
func (s *simSock) ready() interest {
	switch {
	case s.want == 0 || s.hung:
		return 0
	case s.rst || s.err != 0 || s.fin && s.shut:
		return wantRead | wantWrite | wantHangup
	}
	var r interest
	if s.fin {
		r = wantRead | wantHangup
	} else if s.in.len() > 0 {
		r = wantRead
	}
	if s.writable() {
		r |= wantWrite
	}
	return r & s.want
}

// writable is when epoll says so: a little room is not enough.
func (s *simSock) writable() bool { return s.shut || s.gone || s.out.room()*3 >= s.out.most }

// look puts the socket among those that have an event, or takes it off. It comes
// after everything that can change that.
func (s *simSock) look() {
	k := s.k
	if k == nil || (s.ready() != 0) == (s.hot > 0) {
		return
	}
	if s.hot == 0 {
		k.hot = append(k.hot, s)
		s.hot = len(k.hot)
		return
	}
	last := k.hot[len(k.hot)-1]
	k.hot[s.hot-1], last.hot = last, s.hot
	k.hot = k.hot[:len(k.hot)-1]
	s.hot = 0
}

// What the client's system does.

// finish ends the client's side.
func (s *simSock) finish() {
	s.fin = true
	s.look()
	s.w.note(simFin, s.no, s.in.len(), 0)
}

// reset is an RST of the client. What came before it may be lost.
func (s *simSock) reset() {
	w := s.w
	w.note(simRst, s.no, s.in.len(), 0)
	if s.rst {
		return
	}
	s.rst, s.gone, s.err = true, true, unix.ECONNRESET
	if w.one(2) {
		s.in.skip(s.in.len())
	}
	s.out.skip(s.out.len())
	s.look()
}

// hangUp is close(2) of the client: what it has not read makes it a reset, and
// so does what comes later.
func (s *simSock) hangUp() {
	if s.out.len() > 0 && !s.rst {
		s.reset()
		return
	}
	s.w.note(simHangUp, s.no, s.in.len(), 0)
	s.fin, s.gone = true, true
	s.look()
}

// What the server's system does to it, apart from the calls.

// breakDown ends the connection with an error that the server's call returns
// now: the network did it.
func (s *simSock) breakDown() {
	s.rst = true
	s.look()
	s.abort()
}

// abort is what the client sees of a reset. What is on its way may be lost.
func (s *simSock) abort() {
	w := s.w
	s.aborted = true
	if n := s.out.len(); n > 0 && w.one(2) {
		s.out.drop(w.n(n + 1))
	}
	s.tell()
}

// tell makes the client look, after a while.
func (s *simSock) tell() {
	if s.cl.sock == s {
		s.cl.notice()
	}
}

// recycle gives the streams' memory to another when both sides have closed.
func (s *simSock) recycle() {
	if s.closed && s.cl.sock != s {
		s.w.spare = append(s.w.spare, s.in.b[:0], s.out.b[:0])
		s.in.b, s.in.off, s.out.b, s.out.off = nil, 0, nil, 0
	}
}

// over reports whether the server has closed its side.
func (s *simSock) over() bool { return s.shut || s.closed }
