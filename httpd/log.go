package httpd

import (
	"errors"
	"net"
	"runtime/debug"
	"strconv"
)

var (
	// errPanic is the error of a handler that panics.
	errPanic = errors.New("httpd: a handler panicked")
	// errGoexit is that of one that ends its goroutine.
	errGoexit = errors.New("runtime.Goexit")
)

// call runs the handler of the request. One that panics has failed: nothing but
// its session ends for it. What it has sent stays as it is.
func (x *exchange) call(c *conn) (err error) {
	err = errGoexit // unless it returns
	defer func() {
		if err != errGoexit {
			return
		}
		p := recover()
		if p == nil {
			p = errGoexit
		}
		err = fell(c, x, p)
	}()
	return x.r.route.Handler(&x.w, &x.r)
}

// callErr is call for an error handler.
func (x *exchange) callErr(c *conn, h ErrHandler, code ErrCode) (err error) {
	x.failing = true
	defer func() { x.failing = false }()
	defer recovered(c, x, &err)
	return h(&x.w, &x.r, code)
}

// recovered notes a panic in what x runs beside its handler, or in a receiver (nil).
// It is to be deferred.
func recovered(c *conn, x *exchange, err *error) {
	if p := recover(); p != nil {
		*err = fell(c, x, p)
	}
}

// fell notes that what x runs, or a receiver (nil), has panicked with p.
func fell(c *conn, x *exchange, p any) error {
	var method, path []byte
	if x != nil {
		method, path = []byte(x.r.Method()), pathOf(&x.r)
		mine := x.detached == nil || x.w.via != nil || x.failing // or else the response has another owner
		if mine && x.w.progress == written {                     // nothing of it was sent
			x.w.content, x.w.progress = emptied(x.w.content), unanswered
		}
	}
	if log := c.l.srv.cfg.Logger; log != nil {
		log.Error("moor: a handler panicked", "session", ID{c.l.index, c.s.Name()}.String(), "panic", p,
			"method", logged(method), "path", logged(path), "stack", string(debug.Stack()))
	}
	return errPanic
}

// logEnd has a line for each session that ends.
func (l *loop) logEnd(c *conn, r CloseReason) {
	if log := l.srv.cfg.Logger; log != nil {
		log.Info("moor: a session ended", "session", ID{l.index, c.s.Name()}.String(), "peer", addrText(l.kernel.Peer(c.fd())),
			"reason", r.String(), "requests", c.requests)
	}
}

func addrText(a net.Addr) string {
	if a == nil {
		return ""
	}
	return a.String()
}

// logged is what a log may have of what a peer has sent: quoted, and cut.
func logged(b []byte) string {
	const most = 200
	return strconv.Quote(string(b[:min(len(b), most)]))
}
