package httpd

import "moor.example/httpd/parser"

// How many octets of empty lines may stand before a request-line: room for
// the CRLF that some clients send after a request's content (RFC 9112 2.2).
const maxEmpty = 16

// newHead returns a head with room for what the limits allow.
func (c *Config) newHead() parser.Head {
	return parser.Head{
		MaxTarget: c.MaxTargetBytes,
		MaxHead:   c.MaxHeadBytes,
		Fields:    make([]parser.Field, 0, c.MaxFields),
	}
}

// message serves the message that b begins with and returns its length, or 0
// if it is not complete. Octets that belong to no message count as one.
func (c *conn) message(b []byte) (n int) {
	switch {
	case c.skip > 0:
		n = min(c.skip, len(b))
		c.skip -= n
		return n
	case c.need > len(b):
		return 0
	case c.need == 0:
		if n = parser.EmptyLines(b); n > 0 {
			return c.emptyLines(n)
		}
	}
	r := &c.l.req
	n, err := r.head.Parse(b, &c.guard)
	if err == parser.ErrPartial {
		return 0
	}
	c.guard, c.empty = parser.Guard{}, 0
	if err == nil {
		err = r.judge(b[:n])
	}
	if err != nil {
		c.refuse(codeOf(err))
		return n
	}
	return c.decide(b, n)
}

// emptyLines skips n octets of them, within a bound.
func (c *conn) emptyLines(n int) int {
	c.guard = parser.Guard{} // it may have seen the CR of one
	if c.empty += uint8(min(n, maxEmpty+1)); c.empty > maxEmpty {
		c.refuse(ErrBadRequest)
	}
	return n
}

// judge applies the rules that need more than one line of the head.
func (r *Request) judge(head []byte) (err error) {
	if r.body, err = parser.Framing(&r.head, head); err != nil {
		return err
	}
	if err = parser.CheckHost(&r.head, head); err != nil {
		return err
	}
	r.target, err = parser.SplitTarget(&r.head, head)
	r.message, r.content = head, len(head)
	return err
}

// decide says what becomes of the request whose head, of n octets, is at the
// begin of b, before its content is looked at.
func (c *conn) decide(b []byte, n int) int {
	r, cfg := &c.l.req, &c.l.srv.cfg
	if r.body.Kind == parser.BodyChunked {
		c.refuse(ErrNotImplemented)
		return n
	}
	if r.body.Length > int64(cfg.MaxContentBytes) {
		c.refuse(ErrContentTooLarge)
		return n
	}
	total := n + int(r.body.Length)
	expect := parser.Expect(&r.head, b[:n])
	route, code := c.l.srv.routes.find(r.head.Method.Of(b), r.path())
	if expect == parser.ExpectUnknown {
		code = ErrExpectationFailed
	}
	switch {
	case code != 0:
		c.reject(code, total-len(b), expect)
		return min(total, len(b))
	case total > len(b):
		c.await(total, expect == parser.ExpectContinue && len(b) == n)
		return 0
	}
	c.need = 0
	r.route, r.message = route, b[:total]
	c.handle()
	return total
}

// await lets the content arrive, total octets with the head. A client that
// waits to be told so is told (RFC 9110 10.1.1).
func (c *conn) await(total int, tell bool) {
	if tell {
		c.l.resp.out = append(c.l.resp.out, "HTTP/1.1 100 Continue\r\n\r\n"...)
	}
	c.need = total
}

// handle runs the handler of a complete request. The order at its end is
// ESP-IDF's: what the handler changed is committed, whatever it returned.
func (c *conn) handle() {
	r, w := &c.l.req, &c.l.resp
	c.begin()
	r.session.c = c
	c.s.Begin()
	err := r.route.Handler(w, r)
	c.s.Commit()
	if !w.sent {
		c.answer(ErrInternal)
		w.announceClose()
	}
	if err != nil {
		w.announceClose()
		c.ended = whyHandler
	}
	c.finishResponse()
}

// begin makes the response ready for the request in hand.
func (c *conn) begin() {
	r, w := &c.l.req, &c.l.resp
	w.reset()
	persistent := parser.Persistent(&r.head, r.message)
	w.close = !persistent || c.l.ends != running
	w.persist = persistent && r.head.Minor == 0
	w.bare = string(r.head.Method.Of(r.message)) == "HEAD"
	c.ended = whyServed
}

// finishResponse counts the request as served.
func (c *conn) finishResponse() {
	c.fresh = false
	c.state = stateIdle // what is begun now has all its time
	c.last = c.l.resp.close
	c.l.table.Touch(c.s)
}

// reject answers a well-formed request that no handler gets. left is how much
// of it has not arrived. That is dropped when it comes, unless the client was
// asked to wait: then nobody knows whether it comes.
func (c *conn) reject(code ErrCode, left int, expect parser.Expectation) {
	w := &c.l.resp
	c.begin()
	if left > 0 {
		c.skip = left
		w.close = w.close || expect != parser.ExpectNone
	}
	if code == ErrMethodNotAllowed {
		w.fields = append(w.fields, "Allow: "...)
		w.fields = c.l.srv.routes.appendAllow(w.fields, c.l.req.path())
		w.fields = append(w.fields, "\r\n"...)
	}
	w.SendErr(code, "")
	c.finishResponse()
	c.unread = c.unread || c.last && left > 0
}

// answer writes an error response in place of one that was never sent.
func (c *conn) answer(code ErrCode) {
	w := &c.l.resp
	closes, bare := w.close, w.bare
	w.reset()
	w.close, w.bare = closes, bare
	w.SendErr(code, "")
}

// refuse answers what broke the protocol, or came too late, and ends the
// session: where the next request begins is not known any more.
func (c *conn) refuse(code ErrCode) {
	w := &c.l.resp
	w.reset()
	w.close = true
	w.SendErr(code, "")
	c.last, c.unread, c.ended = true, true, whyRefused
}
