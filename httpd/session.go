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
func (s *Session) Ctx() any { return s.c.s.Ctx() }

// SetCtx makes ctx the session's context and free the function that ends its
// life; free may be nil. The session calls free(ctx) exactly once: after the
// socket is closed, whatever closed it, or, if another context takes its
// place, after the handler that replaced it has returned. nil is no context.
// Outside of a handler the old one is freed at once.
// free runs on the session's loop and must not block; a context that it sets
// itself is not taken.
// (ESP-IDF: httpd_sess_set_ctx, req->sess_ctx with req->free_ctx.)
func (s *Session) SetCtx(ctx any, free func(any)) { s.c.s.SetCtx(ctx, free) }

// TakeCtx takes the context away from the session, which will not free it, and
// returns it with its free function: both are the caller's.
// (ESP-IDF: ignore_sess_ctx_changes, which holds for all that follow, too.)
func (s *Session) TakeCtx() (ctx any, free func(any)) { return s.c.s.TakeCtx() }

// Touch makes the session the most recently used one, as a request does: the
// last to be purged. (ESP-IDF: httpd_sess_update_lru_counter.)
func (s *Session) Touch() { s.c.l.table.Touch(s.c.s) }

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
	// ErrOutputFull says that Config.MaxOutputBytes octets wait for the socket.
	ErrOutputFull = errors.New("httpd: too much output waits")
	// ErrSessionEnding says that the session has had its last response.
	ErrSessionEnding = errors.New("httpd: the session is ending")
)

// Send sends octets as they are, which it copies: behind the responses that are
// complete, and ahead of the one that a handler has yet to give. That they are
// HTTP which the client expects is the caller's business. Amid a response that
// Write has begun to send in chunks it returns ErrSent.
// (ESP-IDF: httpd_socket_send.)
func (s *Session) Send(p []byte) error {
	c, wire := s.c, &s.c.l.x.w.wire
	waiting := len(wire.out)
	if c.out.buf != nil {
		waiting = len(c.out.buf.B) - c.out.sent
	}
	switch {
	case c.last:
		return ErrSessionEnding
	case c.l.x.r.session.c == c && c.l.x.w.progress == streaming:
		return ErrSent
	case waiting > 0 && waiting+len(p) > c.l.srv.cfg.MaxOutputBytes:
		return ErrOutputFull
	case c.out.buf != nil:
		c.out.buf.B = append(c.out.buf.B, p...)
	default:
		wire.out = append(wire.out, p...)
	}
	return nil
}

// Ctx returns the context of s if it is a T.
func Ctx[T any](s *Session) (ctx T, ok bool) {
	ctx, ok = s.Ctx().(T)
	return ctx, ok
}
