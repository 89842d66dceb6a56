package httpd

import (
	"errors"
	"runtime/debug"
	"strconv"
)

// errPanic is the error of a handler that panics.
var errPanic = errors.New("httpd: a handler panicked")

// call runs the handler of the request. One that panics has failed: nothing but
// its session ends for it. What it has sent stays as it is.
func (x *exchange) call(c *conn) (err error) {
	defer x.recovered(c, &err)
	return x.r.route.Handler(&x.w, &x.r)
}

// callErr is call for an error handler.
func (x *exchange) callErr(c *conn, h ErrHandler, code ErrCode) (err error) {
	x.failing = true
	defer func() { x.failing = false }()
	defer x.recovered(c, &err)
	return h(&x.w, &x.r, code)
}

// recovered notes a panic. It is to be deferred.
func (x *exchange) recovered(c *conn, err *error) {
	p := recover()
	if p == nil {
		return
	}
	*err = errPanic
	w := &x.w
	if w.progress == written { // nothing of it was sent
		w.content, w.progress = emptied(w.content), unanswered
	}
	if log := c.l.srv.cfg.Logger; log != nil {
		log.Error("httpd: a handler panicked", "session", x.r.session.ID().String(), "panic", p,
			"method", logged([]byte(x.r.Method())), "path", logged(pathOf(&x.r)), "stack", string(debug.Stack()))
	}
}

// logged is what a log may have of what a peer has sent: quoted, and cut.
func logged(b []byte) string {
	const most = 200
	return strconv.Quote(string(b[:min(len(b), most)]))
}
