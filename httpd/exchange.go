package httpd

import "moor.example/httpd/parser"

// How many octets of empty lines may stand before a request-line: room for
// the CRLF that some clients send after a request's content (RFC 9112 2.2).
const maxEmpty = 16

// An exchange is one request and its response. A loop has one, and uses it
// again and again.
type exchange struct {
	r Request
	w Response
}

func newExchange(cfg *Config, d *date) *exchange {
	x := &exchange{w: Response{date: d}}
	x.r.head = parser.Head{
		MaxTarget: cfg.MaxTargetBytes,
		MaxHead:   cfg.MaxHeadBytes,
		Fields:    make([]parser.Field, 0, cfg.MaxFields),
	}
	return x
}

// message serves the message that b begins with and returns its length, or 0
// if it is not complete. Octets that belong to no message count as one.
func (c *conn) message(b []byte) (n int) {
	in, x := &c.in, c.l.x
	switch {
	case in.skip > 0:
		n = min(in.skip, len(b))
		in.skip -= n
		return n
	case in.need > len(b):
		return 0
	case in.need == 0:
		if n = parser.EmptyLines(b); n > 0 {
			if !in.skipEmpty(n) {
				x.refuse(c, ErrBadRequest)
			}
			return n
		}
	}
	n, err := x.r.head.Parse(b, &in.guard)
	if err == parser.ErrPartial {
		return 0
	}
	in.guard, in.empty = parser.Guard{}, 0
	if err == nil {
		err = x.r.judge(b[:n])
	}
	if err != nil {
		x.refuse(c, codeOf(err))
		return n
	}
	return x.decide(c, b, n)
}

// skipEmpty counts n octets of empty lines and reports whether that many are
// allowed.
func (in *input) skipEmpty(n int) bool {
	in.guard = parser.Guard{} // it may have seen the CR of one
	in.empty += uint8(min(n, maxEmpty+1))
	return in.empty <= maxEmpty
}

// decide says what becomes of the request whose head, of n octets, is at the
// begin of b, before its content is looked at. It returns the length of the
// message, or 0 if the content is to be waited for.
func (x *exchange) decide(c *conn, b []byte, n int) int {
	r, srv := &x.r, c.l.srv
	switch {
	case r.body.Kind == parser.Chunked:
		x.refuse(c, ErrNotImplemented)
		return n
	case r.body.Length > int64(srv.cfg.MaxContentBytes):
		x.refuse(c, ErrContentTooLarge)
		return n
	}
	total := n + int(r.body.Length)
	expect := parser.Expect(&r.head, b[:n])
	route, code := srv.routes.find(r.head.Method.Of(b), r.path())
	if expect == parser.ExpectUnknown {
		code = ErrExpectationFailed
	}
	switch {
	case code != 0:
		x.reject(c, code, max(0, total-len(b)), expect)
		return min(total, len(b))
	case total > len(b):
		c.in.need = total
		if expect == parser.ExpectContinue && len(b) == n { // it waits to be told (RFC 9110 10.1.1)
			x.w.out = append(x.w.out, "HTTP/1.1 100 Continue\r\n\r\n"...)
		}
		return 0
	}
	c.in.need = 0
	r.route, r.message = route, b[:total]
	x.handle(c)
	return total
}

// handle runs the handler of a complete request. The order at its end is
// ESP-IDF's: what the handler changed is committed, whatever it returned.
func (x *exchange) handle(c *conn) {
	r, w := &x.r, &x.w
	x.begin(c)
	r.session.c = c
	c.s.Begin()
	err := r.route.Handler(w, r)
	c.s.Commit()
	if !w.sent {
		w.instead(ErrInternal)
		w.announceClose()
	}
	if err != nil {
		w.announceClose()
		c.ended = whyHandler
	}
	x.end(c)
}

// begin makes the response ready for the request in hand.
func (x *exchange) begin(c *conn) {
	w, persistent := &x.w, parser.Persistent(&x.r.head, x.r.message)
	w.reset()
	w.close = !persistent || c.l.ends != running
	w.persist = persistent && x.r.head.Minor == 0
	w.bare = string(x.r.head.Method.Of(x.r.message)) == "HEAD"
	c.ended = whyServed
}

// end counts the request as served.
func (x *exchange) end(c *conn) {
	c.fresh = false
	c.state = stateIdle // what begins now has all its time
	c.last = x.w.close
	c.l.table.Touch(c.s)
}

// reject answers a well-formed request that no handler gets. left is how much
// of it has not arrived. That is dropped when it comes, unless the client was
// asked to wait: then nobody knows whether it comes.
func (x *exchange) reject(c *conn, code ErrCode, left int, expect parser.Expectation) {
	w := &x.w
	x.begin(c)
	c.in.skip = left
	if left > 0 && expect != parser.ExpectNone {
		w.close = true
	}
	if code == ErrMethodNotAllowed {
		w.fields = append(w.fields, "Allow: "...)
		w.fields = c.l.srv.routes.appendAllow(w.fields, x.r.path())
		w.fields = append(w.fields, "\r\n"...)
	}
	w.SendErr(code, "")
	x.end(c)
	c.unread = c.unread || c.last && left > 0
}

// refuse answers what broke the protocol, or came too late, and ends the
// session: where the next request begins is not known any more.
func (x *exchange) refuse(c *conn, code ErrCode) {
	x.w.reset()
	x.w.close = true
	x.w.SendErr(code, "")
	c.last, c.unread, c.ended = true, true, whyRefused
}
