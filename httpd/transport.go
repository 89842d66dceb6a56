package httpd

import (
	"errors"
	"io"
)

// A Transport moves the octets of sessions: through TLS, for instance. One value
// serves all sessions of a server; what it knows of one of them is that
// session's TransportCtx. Its methods run on the session's loop and must not
// wait; the *Session is valid until they return. [PlainSocket] is the way to the
// socket itself, and the only one: Session.Send leads to Send.
// (ESP-IDF: httpd_sess_set_recv_override, _send_override, _pending_override.)
type Transport interface {
	// Open prepares a new session: the place for a handshake. It is called
	// until it returns nil, again each time the socket is ready for what its
	// ErrWantRead or ErrWantWrite says, within Config.HandshakeTimeout. Any
	// other error ends the session. OnOpen comes afterwards.
	Open(s *Session) error
	// Recv reads what has come, up to len(p) octets. It returns io.EOF when the
	// peer has ended its side, and ErrWantRead, or ErrWantWrite, if there is
	// nothing before the socket is ready for that. Any other error ends the
	// session.
	Recv(s *Session, p []byte) (n int, err error)
	// Send takes octets of p, as many as it likes. It must not keep p. Its
	// errors are Recv's. After ErrWantRead or ErrWantWrite it is called again
	// with octets that begin as p did, so that what it has made of them already
	// still holds.
	Send(s *Session, p []byte) (n int, err error)
	// Pending is how many octets Recv would return though the socket has none,
	// because the transport has read them already. If it says too much, that
	// costs one Recv in vain.
	Pending(s *Session) int
	// CloseSend tells the peer that nothing more comes, and shuts the sending
	// side of the socket down. It is called once, when the output is gone,
	// whatever ends the session, unless Open has not returned nil, the peer is
	// gone, or the session ends with a reset. What the socket does not take then
	// is lost.
	CloseSend(s *Session)
}

// Errors of a Transport.
var (
	// ErrWantRead says: when the socket can be read.
	ErrWantRead = errors.New("httpd: the transport has to read first")
	// ErrWantWrite says: when the socket has room.
	ErrWantWrite = errors.New("httpd: the transport has to write first")
)

// A PlainSocket is the Transport that a server has without one: octets are what
// they are. Other transports read and write the socket through it.
type PlainSocket struct{}

// Open has nothing to prepare.
func (PlainSocket) Open(*Session) error { return nil }

// Recv is recv(2).
func (PlainSocket) Recv(s *Session, p []byte) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, o, err := s.c.l.kernel.Recv(s.c.fd(), p)
	return n, o.asError(err, ErrWantRead)
}

// Send is send(2).
func (PlainSocket) Send(s *Session, p []byte) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, o, err := s.c.l.kernel.Send(s.c.fd(), p)
	return n, o.asError(err, ErrWantWrite)
}

// Pending is 0: what the socket has, it shows.
func (PlainSocket) Pending(*Session) int { return 0 }

// CloseSend is shutdown(2) of the sending side.
func (PlainSocket) CloseSend(s *Session) { s.c.l.kernel.Shutdown(s.c.fd()) }

// asError is what a Transport says for an outcome; cause is the system's error.
func (o outcome) asError(cause, wanted error) error {
	switch o {
	case ok:
		return nil
	case again:
		return wanted
	case closed:
		return io.EOF
	}
	return cause
}

// A carrier moves the octets of a loop's connections: through the Transport, or
// straight through the kernel if there is none.
type carrier struct {
	t Transport
	s Session // what the Transport is given: one at a time
}

// A link is what a connection knows of its transport.
type link struct {
	recv    interest // what the last recv, or Open, waits for; 0: what the state says
	send    interest // what the last send waits for
	pending bool     // stands in line to be received: the transport has octets
	open    bool     // OnOpen has taken the session
	shut    bool     // nothing more can be said: our side is shut down, or the peer gone
	ctx     *held    // Session.TransportCtx; nil: none
	values  *value   // of Session.SetValue: the first of them
}

// held is a context and its free function.
type held struct {
	ctx  any
	free func(any)
}

func (h *held) release() {
	if h != nil && h.free != nil {
		h.free(h.ctx)
	}
}

func (k *carrier) session(c *conn) *Session {
	k.s = Session{c: c}
	return &k.s
}

func (k *carrier) recv(c *conn, p []byte) (n int, o outcome) {
	if k.t == nil {
		n, o, _ = c.l.kernel.Recv(c.fd(), p)
		c.l.received += uint64(n)
		return n, o
	}
	n, err := k.t.Recv(k.session(c), p)
	if n < 0 || n > len(p) {
		return 0, broken
	}
	c.l.received += uint64(n)
	return verdict(n, err, wantRead, &c.link.recv)
}

func (k *carrier) send(c *conn, p []byte) (n int, o outcome) {
	if k.t == nil {
		n, o, _ = c.l.kernel.Send(c.fd(), p)
		c.l.sent += uint64(n)
		return n, o
	}
	n, err := k.t.Send(k.session(c), p)
	if n < 0 || n > len(p) {
		return 0, broken
	}
	c.l.sent += uint64(n)
	return verdict(n, err, wantWrite, &c.link.send)
}

// verdict is what a Transport's result means; *wants becomes what it waits for.
// An error beside octets will come again without them.
func verdict(n int, err error, usual interest, wants *interest) (int, outcome) {
	*wants = 0
	if n > 0 {
		return n, ok
	}
	switch err {
	case nil:
		*wants = usual
	case ErrWantRead:
		*wants = wantRead
	case ErrWantWrite:
		*wants = wantWrite
	case io.EOF:
		return 0, closed
	default:
		return 0, broken
	}
	return 0, again
}

// open goes on with the handshake, and begins the session when it is done.
func (k *carrier) open(c *conn) {
	if k.t != nil {
		err := k.t.Open(k.session(c))
		if err == nil {
			c.link.recv = 0
		} else if _, o := verdict(0, err, wantRead, &c.link.recv); o == again {
			c.enter(stateOpen)
			return
		} else {
			c.lost(o)
			c.close(c.ended)
			return
		}
	}
	c.begin()
}

// pending reports whether the transport has octets that the socket does not
// show.
func (k *carrier) pending(c *conn) bool {
	return k.t != nil && k.t.Pending(k.session(c)) > 0
}

// closeSend ends our side, once, if somebody is there who can be told.
func (k *carrier) closeSend(c *conn) {
	switch {
	case c.link.shut:
	case k.t != nil:
		k.t.CloseSend(k.session(c))
	default:
		c.l.kernel.Shutdown(c.fd())
	}
	c.link.shut = true
}
