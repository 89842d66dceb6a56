package httpd

import (
	"errors"
	"fmt"
	"net"

	"moor.example/httpd/sess"
)

// A Session is the server's side of one connection. It begins when the
// connection is accepted and ends when its socket is closed, and it has room
// for one value of the application, its context.
//
// A *Session is valid in the handler, hook or work item that it was given to,
// and not after. What outlives that is its ID.
type Session struct {
	c *conn
	x *exchange // of the request that it was got from; nil: of a hook or a work item
}

// An ID names one session among all that a server ever had. It is
// comparable, may be kept for ever, and never comes to name another session.
type ID struct {
	loop int32
	name sess.Name
}

// String returns the ID as loop, slot and generation, for logs.
func (id ID) String() string {
	return fmt.Sprintf("%d/%d/%d", id.loop, id.name.Slot, id.name.Gen)
}

// ID returns the session's name.
func (s *Session) ID() ID { return ID{s.c.l.index, s.c.s.Name()} }

// Ctx returns the session's context: what SetCtx was given last, or nil.
// (ESP-IDF: httpd_sess_get_ctx, req->sess_ctx.)
func (s *Session) Ctx() any {
	if d := s.c.detached; d != nil {
		d.mu.Lock()
		defer d.mu.Unlock()
	}
	return s.c.s.Ctx()
}

// SetCtx makes ctx the session's context and free the function that ends its
// life; free may be nil. The session calls free(ctx) exactly once: after the
// socket is closed, whatever closed it, or, if another context takes its
// place, after the handler that replaced it has returned. nil is no context.
// Outside of a handler the old one is freed at once.
// free runs on the session's loop and must not block; a context that it sets
// itself is not taken. With one exception: what a detached request, or a function
// meanwhile, has set and replaces again is freed where that happens.
// (ESP-IDF: httpd_sess_set_ctx, req->sess_ctx with req->free_ctx.)
func (s *Session) SetCtx(ctx any, free func(any)) {
	d := s.c.detached
	if d == nil {
		s.c.s.SetCtx(ctx, free)
		return
	}
	d.mu.Lock()
	old, freeOld, _ := s.c.s.Swap(ctx, free)
	d.mu.Unlock()
	if freeOld != nil { // it may ask for the context
		freeOld(old)
	}
}

// TakeCtx takes the context away from the session, which will not free it, and
// returns it with its free function: both are the caller's.
// (ESP-IDF: ignore_sess_ctx_changes, which holds for all that follow, too.)
func (s *Session) TakeCtx() (ctx any, free func(any)) {
	if d := s.c.detached; d != nil {
		d.mu.Lock()
		defer d.mu.Unlock()
	}
	return s.c.s.TakeCtx()
}

// TransportCtx returns what SetTransportCtx was given last, or nil.
// (ESP-IDF: httpd_sess_get_transport_ctx.)
func (s *Session) TransportCtx() any {
	if s.c.link.ctx == nil {
		return nil
	}
	return s.c.link.ctx.ctx
}

// SetTransportCtx is SetCtx for the session's Transport, with one difference: the
// context that it replaces is freed at once. The last one is freed behind the
// session's own. It is for Open, Recv and Send, and for OnOpen.
// (ESP-IDF: httpd_sess_set_transport_ctx.)
func (s *Session) SetTransportCtx(ctx any, free func(any)) {
	old := s.c.link.ctx
	if old != nil && sess.Same(ctx, old.ctx) {
		old.free = free
		return
	}
	s.c.link.ctx = nil
	if ctx != nil {
		s.c.link.ctx = &held{ctx, free}
	}
	old.release()
}

// Requests is how many requests the session has begun to answer, the one in hand
// included. With ID it names a request.
func (s *Session) Requests() int { return int(s.c.requests) }

// Touch makes the session the most recently used one, as a request does: the
// last to be purged. One whose request is detached is not purged anyway, and is
// touched when that is completed. (ESP-IDF: httpd_sess_update_lru_counter.)
func (s *Session) Touch() {
	if s.c.detached == nil {
		s.c.l.table.Touch(s.c.s)
	}
}

// FD returns the descriptor of the session's socket, for options that the
// engine does not know. It is the engine's: to read, write or close it breaks
// the session. (ESP-IDF: httpd_req_to_sockfd.)
func (s *Session) FD() int { return s.c.fd() }

// PeerAddr returns the address of the client, nil if the system does not tell.
func (s *Session) PeerAddr() net.Addr { return s.c.l.kernel.Peer(s.c.fd()) }

// LocalAddr returns the address to which the client has connected, nil if the
// system does not tell.
func (s *Session) LocalAddr() net.Addr { return s.c.l.kernel.Local(s.c.fd()) }

// Errors of Session.Send.
var (
	// ErrOutputFull says that Config.MaxOutputBytes octets wait for the socket, or
	// that Config.MaxBufferBytes are spent.
	ErrOutputFull = errors.New("httpd: too much output waits")
	// ErrSessionEnding says that the session has had its last response, or that
	// its transport is not open yet.
	ErrSessionEnding = errors.New("httpd: the session is ending")
	// ErrInTransport says that a Transport asks. Its way is PlainSocket.
	ErrInTransport = errors.New("httpd: a transport sends through PlainSocket")
)

// Send sends octets as they are, which it copies: behind the responses that are
// complete, and ahead of the one that a handler has yet to give. That they are
// HTTP which the client expects is the caller's business. Amid a response that
// Write has begun to send in chunks it returns ErrSent.
// (ESP-IDF: httpd_socket_send.)
func (s *Session) Send(p []byte) error {
	c, x := s.c, s.x
	most := c.l.srv.cfg.MaxOutputBytes
	switch {
	case c.s.FD() < 0: // its connection was hijacked
		return ErrSessionEnding
	case x != nil && x.w.progress == streaming, x == nil && c.detached.begun():
		return ErrSent
	case x != nil && x.detached != nil: // not the loop asks, and its state is not ours
		return enqueue(&x.w.wire.out, p, most)
	case s == &c.l.carrier.s:
		return ErrInTransport
	case c.last || c.state == stateOpen:
		return ErrSessionEnding
	case c.out.buf != nil:
		if n := len(c.out.buf.B) - c.out.sent; n+len(p) > most || !c.l.pool.append(c.out.buf, p) {
			return ErrOutputFull
		}
		return nil
	}
	return enqueue(&c.l.x.w.wire.out, p, most)
}

// enqueue appends p to the output.
func enqueue(out *[]byte, p []byte, most int) error {
	if n := len(*out); n > 0 && n+len(p) > most {
		return ErrOutputFull
	}
	*out = append(*out, p...)
	return nil
}

// Ctx returns the context of s if it is a T.
func Ctx[T any](s *Session) (ctx T, ok bool) {
	ctx, ok = s.Ctx().(T)
	return ctx, ok
}
