package httpd

import (
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"moor.example/httpd/sess"
)

// A simKernel is the third kernel there is: the epoll instance of one loop of a
// simWorld. It fails the world when the loop does what no program may do to a
// real one.
type simKernel struct {
	w       *simWorld
	no      int
	woken   bool
	events  []simEvent
	watched int        // sockets
	hot     []*simSock // those that have an event
	called  bool       // another goroutine woke it, perhaps in vain
	excused bool       // the turn need not have an effect
	failed  bool       // Wait has failed
	ends    bool
}

type simEvent struct {
	name  sess.Name
	ready interest
	s     *simSock // nil: the listener, or a wake
}

// simRecv is how many octets a recv gives at most where it could give any
// number: how long a session's buffer is depends on what the pool has, which no
// seed decides. There is always room for these.
const simRecv = leastGrown

func (k *simKernel) Now() time.Duration { return k.w.now }
func (k *simKernel) Wall() time.Time    { return time.Unix(1e9, 0).Add(k.w.now + k.w.wall) }

// Wait never waits: the world lets a loop turn when there is a reason.
func (k *simKernel) Wait(timeout time.Duration) (int, error) {
	w := k.w
	w.meanwhile()
	k.events = k.events[:0]
	switch errno := w.fault(callWait); errno {
	case 0:
	case unix.EINTR:
		k.excused = true
		return waited(0, errno)
	default:
		k.failed = true
		return waited(0, errno)
	}
	if k.woken {
		k.events = append(k.events, simEvent{nameWake, wantRead, nil})
	}
	if k.hears() {
		k.events = append(k.events, simEvent{nameListen, wantRead, nil})
	}
	for _, s := range k.hot {
		k.events = append(k.events, simEvent{s.name, s.ready(), s})
	}
	k.choose()
	if k.watched > 0 && w.one(w.plan.spurious) {
		s := w.fds[w.n(len(w.fds))]
		if s != nil && s.k == k && s.want != wantHangup { // one of these would be its only one
			k.events = append(k.events, simEvent{s.name, s.want, s})
			k.excused = true
			w.count.spurious++
		}
	}
	w.count.events += len(k.events)
	return len(k.events), nil
}

// choose puts the events in any order, and keeps some back for the next Wait.
func (k *simKernel) choose() {
	w, list := k.w, k.events
	for i := len(list) - 1; i > 0; i-- {
		j := w.n(i + 1)
		list[i], list[j] = list[j], list[i]
	}
	if n := w.plan.maxEvents; n > 0 && len(list) > n {
		k.events = list[:n]
	}
	for _, e := range k.events {
		switch {
		case e.name == nameWake:
			k.woken = false
		case e.s != nil && e.s.want == wantHangup:
			e.s.hung = true
			e.s.look()
		}
	}
}

// any reports whether Wait has an event.
func (k *simKernel) any() bool {
	return len(k.hot) > 0 || k.hears()
}

func (k *simKernel) hears() bool {
	l := k.w.listener
	return l.watched == k && len(l.backlog) > 0
}

func (k *simKernel) Event(i int) (sess.Name, interest) {
	e := &k.events[i]
	if e.s != nil {
		k.w.note(simReady, e.s.no, int(e.ready), int(e.name.Gen))
	}
	return e.name, e.ready
}

func (k *simKernel) Wake() {
	k.woken = true
	k.called = k.called || k.w.acting
}

func (k *simKernel) Watch(fd int, name sess.Name, had, want interest) error {
	w := k.w
	w.meanwhile()
	w.effects++
	errno := w.fault(callWatch)
	if fd == simListenFD {
		l := w.listener
		if l.closed || l.watched != nil || had != 0 || name != nameListen {
			w.fail("Watch of the listener: closed %v, watched %v, had %d", l.closed, l.watched != nil, had)
		}
		if errno != 0 {
			return os.NewSyscallError("epoll_ctl", errno)
		}
		l.watched = k
		return nil
	}
	s := w.sock("Watch", fd)
	w.note(simWatch, s.no, int(had), int(want))
	switch {
	case had != s.want || had != 0 && s.k != k:
		w.fail("Watch of %d: it had %d, not %d", fd, s.want, had)
	case had != 0 && name != s.name:
		w.fail("Watch of %d as %v, which is %v", fd, name, s.name)
	case want == 0 || want == had:
		w.fail("Watch of %d for %d, and it had %d", fd, want, had)
	}
	if errno != 0 {
		s.blame(simBroken)
		return os.NewSyscallError("epoll_ctl", errno)
	}
	if had == 0 {
		s.k = k
		k.watched++
	}
	s.name, s.want, s.hung = name, want, false
	s.look()
	return nil
}

func (k *simKernel) Unwatch(fd int) {
	w := k.w
	w.meanwhile()
	w.effects++
	if fd == simListenFD {
		if w.listener.watched != k {
			w.fail("Unwatch of the listener, which is not watched")
		}
		w.listener.watched = nil
		return
	}
	w.sock("Unwatch", fd).unwatch()
}

// unwatch ends the events of the socket.
func (s *simSock) unwatch() {
	if s.k == nil {
		return
	}
	s.k.watched--
	s.want = 0
	s.look()
	s.simWatched = simWatched{}
}

func (k *simKernel) Listen(a address, backlog int) (int, net.Addr, error) {
	k.w.listener = &simListener{most: backlog}
	return simListenFD, a.tcp(), nil
}

// Unlisten resets who still waits.
func (k *simKernel) Unlisten(fd int, _ address) {
	l := k.w.listener
	if fd != simListenFD || l.closed {
		k.w.fail("Unlisten of %d, which is not open", fd)
	}
	l.closed, l.watched = true, nil
	for _, s := range l.backlog {
		s.blame(simRefused)
		s.breakDown()
	}
	l.backlog = nil
}

func (k *simKernel) Accept(fd int) (int, outcome, error) {
	w, l := k.w, k.w.listener
	w.meanwhile()
	if fd != simListenFD || l.closed {
		w.fail("Accept of %d, which is not open", fd)
	}
	errno := w.fault(callAccept)
	if errno == 0 && w.now < w.full {
		errno = unix.EMFILE
		w.count.faults[callAccept][simErrno(callAccept, errno)]++
	}
	if errno == 0 && len(l.backlog) == 0 {
		errno = unix.EAGAIN
	}
	if errno != 0 {
		w.note(simAccept, -1, int(errno), 0)
		o := notAccepted(errno)
		if o == closed && len(l.backlog) > 0 {
			w.effects++
			s := l.next()
			s.blame(simRefused)
			s.breakDown()
		}
		return -1, o, errno
	}
	w.effects++
	s := l.next()
	s.accepted()
	w.note(simAccept, s.no, 0, s.fd)
	return s.fd, ok, nil
}

func (l *simListener) next() *simSock {
	s := l.backlog[0]
	l.backlog = append(l.backlog[:0], l.backlog[1:]...)
	return s
}

// accepted gives the socket a descriptor.
func (s *simSock) accepted() {
	s.fd = s.w.openFD(s)
	s.begun = s.w.now
	s.w.count.accepted++
}

func (k *simKernel) Adopt(fd int) error {
	k.w.sock("Adopt", fd)
	if errno := k.w.fault(callAdopt); errno != 0 {
		return os.NewSyscallError("fcntl", errno)
	}
	return nil
}

func (k *simKernel) Peer(fd int) net.Addr {
	s := k.w.sock("Peer", fd)
	return &net.TCPAddr{IP: net.IPv4(10, 0, 0, byte(s.host())), Port: s.no}
}

func (k *simKernel) Local(fd int) net.Addr {
	k.w.sock("Local", fd)
	return &net.TCPAddr{IP: net.IPv4(10, 1, 1, 1), Port: 80}
}

func (k *simKernel) End() {
	if k.ends || k.watched > 0 {
		k.w.fail("kernel %d ends, twice: %v, with %d sockets", k.no, k.ends, k.watched)
	}
	k.ends = true
}
