package httpd

import (
	"bytes"
	"fmt"
)

// An ErrHandler answers in place of the engine a request that ends with this
// code. Its error decides the fate of the session, as a Handler's does: nil
// keeps it, if it can be kept. The status is 200 until it sets one, as SendErr
// does. If it sends nothing, the engine's own answer is given.
//
// Of a request whose head was refused, or has not all come, r knows nothing,
// and says so: its strings are empty. Of one that no route answers (404, 405)
// the content may not have come: Content is empty then, and what comes of it is
// dropped.
type ErrHandler func(w *Response, r *Request, code ErrCode) error

// OnError makes h the handler for the requests that end with code, 400 to 599,
// in place of the one before; nil is none. It may be called at any time, from
// any goroutine. (ESP-IDF: httpd_register_err_handler.)
//
// The engine raises 400, 413, 414, 431, 501 and 505 for what breaks the
// protocol, or is more than it takes, and 503 for a request that it has no room
// for: then the session ends, whatever h
// returns, because nobody knows where the next request begins. It ends after
// 500 too, which stands for a handler that has failed, or answered nothing. It
// raises 404, 405 and 417 for a request that is well-formed, and 408 for one
// that takes too long.
//
// If h returns nil for 408 without an answer, the request has its time once
// more. If it returns nil and has answered, the rest of the request is dropped
// when it comes, and the session goes on behind it.
func (srv *Server) OnError(code ErrCode, h ErrHandler) error {
	if code < firstErr || code > lastErr {
		return fmt.Errorf("httpd: OnError for %d, want %d to %d", int(code), firstErr, lastErr)
	}
	if h == nil {
		srv.onError[code-firstErr].Store(nil)
	} else {
		srv.onError[code-firstErr].Store(&h)
	}
	return nil
}

const firstErr, lastErr = 400, 599

// errHandler returns the handler for code, nil if there is none.
func (srv *Server) errHandler(code ErrCode) ErrHandler {
	if code < firstErr || code > lastErr {
		return nil
	}
	if h := srv.onError[code-firstErr].Load(); h != nil {
		return *h
	}
	return nil
}

// HandleErr answers as the engine does for that code: through the handler that
// Server.OnError was given, or with the engine's sentence. A handler returns
// what it returns: nil if the session may go on, which after 500 it may not. In
// an error handler it does not call another. (ESP-IDF: httpd_req_handle_err.)
func (r *Request) HandleErr(w *Response, code ErrCode) (err error) {
	x := r.session.x
	h := r.session.c.l.srv.errHandler(code)
	alone := h == nil || x.failing
	if !alone {
		err = x.callErr(r.session.c, h, code)
	}
	if alone || w.progress == unanswered {
		if sent := w.SendErr(code, ""); err == nil {
			err = sent
		}
	}
	if err == nil && code == ErrInternal {
		err = code
	}
	return err
}

// fail answers with the error response for code. What was set for another is
// forgotten. It returns the error handler's word on the session.
func (x *exchange) fail(c *conn, code ErrCode) (err error) {
	w, srv := &x.w, c.l.srv
	x.clear(c, code)
	if h := srv.errHandler(code); h != nil && !x.failing {
		err = x.callErr(c, h, code)
		if w.finish(err) {
			return err
		}
		x.clear(c, code)
	}
	w.SendErr(code, "")
	return err
}

// overload answers a request of which no part can be kept.
func (x *exchange) overload(c *conn, b []byte) { x.breakOff(c, ErrServiceUnavailable, b) }

// clear makes the response ready for code: a 405 says which methods are allowed
// (RFC 9110 15.5.6).
func (x *exchange) clear(c *conn, code ErrCode) {
	x.w.reset()
	if code == ErrServiceUnavailable && x.r.route != nil { // too many blocking handlers run
		x.w.set.add(&x.w.set.head, "Retry-After", "1")
	}
	if code == ErrMethodNotAllowed {
		x.w.set.head = c.l.srv.routes.appendAllow(x.w.set.head, pathOf(&x.r))
		x.w.set.count++
	}
}

// late answers a request that has not come to its end in time. The session goes
// on if an error handler has it so: see Server.OnError.
func (x *exchange) late(c *conn) {
	const code = ErrRequestTimeout
	h := c.l.srv.errHandler(code)
	if h == nil {
		x.refuse(c, code, c.in.buf.B)
		c.ended = ReasonExpired
		c.keep(nil)
		return
	}
	x.prepare(c, c.in.buf.B)
	err := x.callErr(c, h, code)
	sent := x.w.finish(err)
	switch {
	case !sent && err == nil && x.w.err == nil: // it waits
		c.state = stateIdle // what begins now has all its time
		x.over(nil)
		c.s.Commit()
		x.life.reset()
		return
	case !sent:
		x.clear(c, code)
		x.w.SendErr(code, "")
		err = code
	}
	if err != nil || !x.w.progress.whole() || maybeHead(c.in.buf.B) {
		x.w.wire.announceClose()
	}
	c.requests++
	c.l.requests++
	x.over(err)
	x.end(c)
	if c.last {
		c.unread, c.ended = true, ReasonExpired
	}
	c.keep(c.in.dropRest())
}

// maybeHead reports whether b is too short to tell what its method is, and may
// come to be a HEAD: its answer would have no content, and the one that it has
// been given would be read as two.
func maybeHead(b []byte) bool {
	return len(b) < len(headMethod) && (bytes.HasPrefix(headMethod, b) || b[0] == '\r')
}
