package httpd

import (
	"errors"
	"net"
	"sync"

	"moor.example/httpd/sess"
)

// ErrHijack says that the connection cannot be taken over: something of the
// response was sent, or of the content not read, the server has a Transport, or
// the session is ending.
var ErrHijack = errors.New("httpd: the connection cannot be taken over")

// Hijack takes the connection away from the server, for another protocol. It is
// for a blocking handler that has read the whole content and sent nothing. What
// the peer has said behind the request is what the connection gives first. The
// session ends with ReasonReleased, and its place is free; its context lives on,
// in Request.Session, and is freed when the connection is closed, which is the
// caller's to do, also when the server has ended. The server's timeouts are not
// for it. Behind an error nothing has changed.
//
// A protocol that fits the loop can stay there: see Upgrade.
func (w *Response) Hijack() (net.Conn, error) {
	if w.via == nil {
		return nil, ErrNotBlocking
	}
	if w.progress != unanswered || len(w.wire.out) > 0 {
		return nil, ErrHijack
	}
	conn, err := w.via.hijack()
	if err == nil {
		w.progress, w.via = answered, nil
	}
	return conn, err
}

// A handover is what a blocking handler that hijacks its connection and the loop
// exchange.
type handover struct {
	asked bool
	conn  net.Conn
	err   error
}

// hijack waits until the loop has let go of the connection.
func (s *stream) hijack() (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended || s.in.len() > 0 {
		return nil, ErrHijack
	}
	h := &s.handover
	*h = handover{asked: true}
	s.wake()
	for h.conn == nil && h.err == nil && s.err == nil {
		s.changed.Wait() // not for the peer: what it has to read first has its deadline
	}
	switch {
	case h.conn != nil:
		return h.conn, nil
	case h.err != nil:
		return nil, h.err
	}
	h.asked = false
	return nil, s.err
}

// asksForConn reports whether the handler waits for the connection.
func (s *stream) asksForConn() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.handover.asked && s.handover.conn == nil
}

// handOver answers it.
func (s *stream) handOver(conn net.Conn, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handover.asked, s.handover.conn, s.handover.err = false, conn, err
	s.changed.Broadcast()
}

// letGo gives the connection to the blocking handler that asks for it, and ends
// the session. All output is gone.
func (d *Detached) letGo(c *conn) {
	if c.l.carrier.t != nil || c.last || c.l.ends == closing {
		d.handOver(nil, ErrHijack)
		c.settle()
		return
	}
	d.taken = &hijacked{d: d}
	if c.in.buf != nil {
		d.taken.rest = append([]byte(nil), c.in.buf.B...)
	}
	c.s.Commit()
	c.last = true
	c.close(ReasonReleased)
}

// passOn ends the detached request with its session, whose contexts are the
// connection's from now on.
func (d *Detached) passOn(s *sess.Session, below *held, lives net.Conn, err error) {
	l, h := d.l, d.taken
	h.Conn, h.below, h.own = lives, below, s.Leave()
	l.work.detached--
	l.srv.detached.Add(-1)
	l.times.add(l.now - d.began)
	l.srv.budget.give(d.size)
	d.stream.release()
	d.x.over(nil)
	// The handler waits in Hijack, and finds a session that nobody else has.
	d.x.r.session.c = &conn{l: l, s: h.own, detached: d}
	if err != nil {
		h.free()
		d.handOver(nil, err)
		return
	}
	d.handOver(h, nil)
}

// A hijacked is a connection that has left its loop.
type hijacked struct {
	net.Conn
	d     *Detached
	rest  []byte        // what the loop had received
	own   *sess.Session // the contexts
	below *held
	once  sync.Once
}

// NetConn returns the connection itself, a *net.TCPConn or *net.UnixConn: what
// was received before the hand-over it does not give, and its Close frees nothing.
func (h *hijacked) NetConn() net.Conn { return h.Conn }

func (h *hijacked) Read(p []byte) (n int, err error) {
	if len(h.rest) == 0 {
		return h.Conn.Read(p)
	}
	n = copy(p, h.rest)
	h.rest = h.rest[n:]
	return n, nil
}

// Close closes the connection, and then frees the contexts of what was its
// session.
func (h *hijacked) Close() error {
	err := h.Conn.Close()
	h.once.Do(h.free)
	return err
}

func (h *hijacked) free() {
	h.own.Release()
	h.below.release()
}
