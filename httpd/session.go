package httpd

import (
	"fmt"

	"moor.example/httpd/sess"
)

// A Session is the server's side of one connection. It begins when the
// connection is accepted and ends when its socket is closed, and it has room
// for one value of the application, its context.
//
// A *Session is valid in the handler that it was given to, and not after.
// What outlives the handler is its ID.
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
// free runs on the session's loop and must not block; a context that it sets
// itself is not taken.
// (ESP-IDF: httpd_sess_set_ctx, req->sess_ctx with req->free_ctx.)
func (s *Session) SetCtx(ctx any, free func(any)) { s.c.s.SetCtx(ctx, free) }

// Ctx returns the context of s if it is a T.
func Ctx[T any](s *Session) (ctx T, ok bool) {
	ctx, ok = s.Ctx().(T)
	return ctx, ok
}
