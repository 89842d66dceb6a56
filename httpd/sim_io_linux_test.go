package httpd

import (
	"net"

	"golang.org/x/sys/unix"

	"moor.example/httpd/sess"
)

// The calls of a simKernel that move octets, and those that end it.

func (k *simKernel) Recv(fd int, p []byte) (int, outcome, error) {
	w := k.w
	w.meanwhile()
	s := w.sock("Recv", fd)
	if len(p) == 0 {
		w.fail("Recv of %d into no room", fd)
	}
	if len(p) < loopBuffer {
		p = p[:min(len(p), simRecv)]
	}
	for {
		n, errno := s.recv(p)
		w.note(simRecvs, s.no, n, int(errno))
		switch {
		case errno == unix.EINTR:
			continue
		case errno != 0:
			return 0, failed(errno), errno
		case n == 0:
			return 0, closed, nil
		}
		return n, ok, nil
	}
}

// recv is one recv(2).
func (s *simSock) recv(p []byte) (int, unix.Errno) {
	w := s.w
	s.sample()
	if errno := w.fault(callRecv); errno != 0 {
		s.suffer(errno)
		return 0, errno
	}
	if s.in.len() > 0 && !s.severed {
		w.effects++
		n := s.in.take(p[:w.piece(len(p), w.plan.shortReads)])
		s.look()
		if !w.plan.veiled { // or else when the transport gives them away
			s.arrived(n)
		}
		if s.in.room() > s.in.most/4 {
			s.tell()
		}
		return n, 0
	}
	if errno := s.err; errno != 0 {
		s.err = 0
		s.look()
		w.effects++
		return 0, errno
	}
	if s.fin || s.rst || s.severed {
		w.effects++
		return 0, 0
	}
	s.looked = true
	return 0, unix.EAGAIN
}

func (k *simKernel) Send(fd int, p []byte) (int, outcome, error) {
	w := k.w
	w.meanwhile()
	s := w.sock("Send", fd)
	switch {
	case len(p) == 0:
		w.fail("Send of nothing to %d", fd)
	case s.shut:
		w.fail("Send to %d after its Shutdown", fd)
	}
	for {
		n, errno := s.send(p)
		w.note(simSends, s.no, n, int(errno))
		switch errno {
		case unix.EINTR:
			continue
		case 0:
			return n, ok, nil
		}
		return 0, failed(errno), errno
	}
}

// send is one send(2).
func (s *simSock) send(p []byte) (int, unix.Errno) {
	w := s.w
	s.sample()
	if errno := w.fault(callSend); errno != 0 {
		s.suffer(errno)
		if errno == unix.EAGAIN {
			s.refuse()
		}
		return 0, errno
	}
	if errno := s.err; errno != 0 {
		s.err = 0
		s.look()
		w.effects++
		return 0, errno
	}
	if s.rst || s.severed {
		w.effects++
		return 0, unix.EPIPE
	}
	n := w.piece(len(p), w.plan.shortWrites)
	switch {
	case s.gone: // it goes to nobody, who answers with a reset
		s.rst, s.err = true, unix.ECONNRESET
	default:
		n = s.out.put(p[:n])
	}
	if n == 0 {
		s.refuse()
		return 0, unix.EAGAIN
	}
	w.effects++
	s.sent += n
	s.went, s.refused = w.now, 0
	s.look()
	s.tell()
	return n, 0
}

// refuse notes since when output is.
func (s *simSock) refuse() {
	if s.refused == 0 {
		s.refused = s.w.now
	}
}

// piece is how many of n octets a call moves.
func (w *simWorld) piece(n, short int) int {
	if n > 1 && w.one(short) {
		w.count.short++
		return 1 + w.n(min(n, max(64, n>>3))-1)
	}
	return n
}

func (k *simKernel) Shutdown(fd int) {
	w := k.w
	w.meanwhile()
	s := w.sock("Shutdown", fd)
	if s.shut {
		w.fail("Shutdown of %d, twice", fd)
	}
	w.effects++
	w.note(simShuts, s.no, 0, 0)
	s.shut, s.shutAt = true, w.now
	s.look()
	s.tell()
}

// Unsent is said when the client's system has room for less than half of what
// was sent.
func (k *simKernel) Unsent(fd int) bool {
	s := k.w.sock("Unsent", fd)
	unsent := s.out.len() > s.out.most/2
	if unsent {
		k.w.count.unsent++
	}
	return unsent
}

func (k *simKernel) Sever(fd int) {
	w := k.w
	w.meanwhile()
	s := w.sock("Sever", fd)
	if s.severed || s.want != 0 {
		w.fail("Sever of %d, twice: %v; watched for %d", fd, s.severed, s.want)
	}
	w.effects++
	w.note(simSevers, s.no, 0, 0)
	s.shut, s.severed = true, true
	if w.ending == closing {
		s.blame(simClosed)
	} else if s.blamed == 0 && !s.rst && !s.fin {
		w.fail("#%d is severed without a reason", s.no)
	}
	s.tell()
}

func (k *simKernel) Reset(fd int) {
	w := k.w
	s := w.sock("Reset", fd)
	s.resets = true
	if s.name == (sess.Name{}) && !s.opened && w.cfg.MaxSessionsPerIP >= w.cfg.MaxSessions && w.cfg.LingerTimeout >= 0 {
		w.fail("#%d is reset before it is open", s.no)
	}
}

// Close frees the number. A socket that has another descriptor must not be
// watched any more: its events would go on for ever.
// Release always fails: there is nobody who would take the socket.
func (k *simKernel) Release(fd int) (net.Conn, error) {
	k.Close(fd)
	return nil, unix.EMFILE
}

func (k *simKernel) Close(fd int) {
	w := k.w
	w.meanwhile()
	s := w.sock("Close", fd)
	if s.adopted && s.want != 0 {
		w.fail("Close of %d, which has another descriptor and is watched", fd)
	}
	w.effects++
	w.count.closed++
	w.note(simCloses, s.no, s.in.len(), 0)
	s.checkClose()
	s.unwatch()
	w.fds[fd] = nil
	s.fd, s.closed = -1, true
	switch {
	case s.rst || s.gone:
	case s.resets || s.in.len() > 0: // Linux resets what has input that nobody reads
		s.rst = true
		s.abort()
	default:
		s.tell()
	}
	s.recycle()
}
