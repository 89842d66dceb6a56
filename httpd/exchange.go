package httpd

import (
	"bytes"

	"moor.example/httpd/parser"
)

// An exchange is one request and its response. A loop has one, and uses it
// again and again.
type exchange struct {
	r Request
	w Response
}

func newExchange(cfg *Config, d *date) *exchange {
	x := &exchange{w: Response{wire: wire{date: d}}}
	x.r.head = parser.Head{
		MaxTarget: cfg.MaxTargetBytes,
		MaxHead:   cfg.MaxHeadBytes,
		Fields:    make([]parser.Field, 0, cfg.MaxFields),
	}
	x.r.trailer = parser.Trailer{
		Max:    cfg.MaxTrailerBytes,
		Fields: make([]parser.Field, 0, cfg.MaxFields),
	}
	return x
}

// allowOnly is the code of a request that only wants to know which methods
// are allowed: OPTIONS, where no route answers it.
const allowOnly ErrCode = 204

// decide says what becomes of the request whose head, of n octets, is at the
// begin of b: before its content is looked at.
func (x *exchange) decide(c *conn, b []byte, n int) (rest []byte, more bool) {
	in, r := &c.in, &x.r
	if r.body.Length > int64(c.l.srv.cfg.MaxContentBytes) {
		x.refuse(c, ErrContentTooLarge, b)
		return b, false
	}
	code := x.admit(c.l.srv)
	if r.body.Kind == parser.Chunked {
		in.coding, in.have, in.drop = inChunks, n, code != 0
		if code != 0 {
			x.reject(c, code, true)
			b, in.have = b[n:], 0
		} else if len(b) == n {
			x.invite()
		}
		return c.decode(b, true)
	}
	total := n + int(r.body.Length)
	switch {
	case code != 0:
		in.skip = max(0, total-len(b))
		x.reject(c, code, in.skip > 0)
		return b[min(total, len(b)):], true
	case total > len(b):
		in.need = total
		if len(b) == n {
			x.invite()
		}
		return b, false
	}
	r.message = b[:total]
	x.handle(c)
	return b[total:], true
}

// admit finds the request's route, or the code with which it is answered
// without one: from its head alone.
func (x *exchange) admit(srv *Server) (code ErrCode) {
	r := &x.r
	method := r.head.Method.Of(r.message)
	r.route, code = srv.routes.find(method, r.path())
	r.expect = parser.Expect(&r.head, r.message)
	switch {
	case r.expect == parser.ExpectUnknown:
		return ErrExpectationFailed
	case code != 0 && string(method) == "OPTIONS" && (code == ErrMethodNotAllowed || r.target.Form == parser.AsteriskForm):
		return allowOnly
	}
	return code
}

// invite tells a client that waits for it to send the content: none of it has
// come yet (RFC 9110 10.1.1).
func (x *exchange) invite() {
	if x.r.expect == parser.ExpectContinue {
		x.w.wire.out = append(x.w.wire.out, "HTTP/1.1 100 Continue\r\n\r\n"...)
	}
}

// complete serves a message whose chunks are all decoded. If its head is not
// known any more, other requests having come between, it is parsed anew.
func (x *exchange) complete(c *conn, message, trailers []byte, parsed bool) {
	r := &x.r
	if !parsed {
		r.parse(message, &parser.Guard{}) // it passed the first time
		if code := x.admit(c.l.srv); code != 0 {
			x.reject(c, code, false) // a route was there then, and is not now
			return
		}
	}
	r.message, r.trailers = message, trailers
	x.handle(c)
}

// handle runs the handler of a complete request. The order at its end is
// ESP-IDF's: what the handler changed is committed, whatever it returned.
func (x *exchange) handle(c *conn) {
	x.begin(c)
	x.r.session.c = c
	c.s.Begin()
	err := x.r.route.Handler(&x.w, &x.r)
	c.s.Commit()
	if !x.w.finish(err) {
		x.w.wire.announceClose()
		c.ended = ReasonHandler
	}
	x.end(c)
}

// begin makes the response ready for the request in hand.
func (x *exchange) begin(c *conn) {
	r, o := &x.r, &x.w.wire
	x.w.reset()
	persistent := parser.Persistent(&r.head, r.message)
	o.old = r.head.Minor == 0
	o.close = !persistent || c.l.ends != running
	o.persist = persistent && o.old
	o.bare = isHead(r.message)
	c.ended = ReasonServed
}

// end counts the request as served.
func (x *exchange) end(c *conn) {
	c.fresh = false
	c.state = stateIdle // what begins now has all its time
	c.last = x.w.wire.close
	c.l.table.Touch(c.s)
}

// reject answers a well-formed request that no handler gets. left says that
// not all of it has arrived. The rest is dropped when it comes, unless the
// client was asked to wait: then nobody knows whether it comes.
func (x *exchange) reject(c *conn, code ErrCode, left bool) {
	w := &x.w
	x.begin(c)
	w.wire.close = w.wire.close || left && x.r.expect != parser.ExpectNone
	if code == ErrMethodNotAllowed || code == allowOnly {
		w.fields = c.l.srv.routes.appendAllow(w.fields, x.r.path())
	}
	if code == allowOnly {
		w.SetStatus(int(allowOnly))
		w.Send(nil)
	} else {
		w.SendErr(code, "")
	}
	x.end(c)
	c.unread = c.unread || c.last && left
}

// refuse answers what broke the protocol, or came too late, and ends the
// session: where the next request begins is not known any more. b begins with
// what is here of the request.
func (x *exchange) refuse(c *conn, code ErrCode, b []byte) {
	x.w.reset()
	x.w.wire.close, x.w.wire.old, x.w.wire.bare = true, false, isHead(b)
	x.w.SendErr(code, "")
	c.last, c.unread, c.ended = true, true, ReasonRefused
}

// breakOff is refuse for a content that goes wrong: the request it belongs to
// may have been answered.
func (x *exchange) breakOff(c *conn, code ErrCode, b []byte) {
	if !c.in.drop {
		x.refuse(c, code, b)
	}
	c.last, c.unread, c.ended = true, true, ReasonRefused
}

// isHead reports whether b begins a HEAD request, whose answer has no content.
func isHead(b []byte) bool { return bytes.HasPrefix(b, headMethod) }

var headMethod = []byte("HEAD ")
