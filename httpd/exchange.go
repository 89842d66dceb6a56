package httpd

import (
	"bytes"
	"time"

	"moor.example/httpd/parser"
)

// An exchange is one request and its response. A loop has one, and uses it
// again and again, until a request is detached: that one takes it along.
type exchange struct {
	r        Request
	w        Response
	life     life
	onEnd    func(err error) // see Request.OnEnd; nil: nobody waits for that
	detached *Detached       // nil: it is the loop's
	failing  bool            // an error handler runs
	known    []byte          // the head that r has, if it was well-formed: see repeats
	found    found           // for that head
}

// A found is what a head has found in a table of routes.
type found struct {
	table *[]*Route // nil: it has not asked
	route *Route    // nil: none
	code  ErrCode   // with which it is answered without a handler; 0: it has one
}

func newExchange(cfg *Config, d *date) *exchange {
	x := &exchange{w: Response{wire: wire{date: d}, set: fieldSet{most: cfg.MaxResponseHeaders}}}
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

// parse parses the head that b begins with and applies the rules that take
// more than one of its lines to see. Its outcomes are parser.Head.Parse's. Of a
// head that it refuses, what cannot be relied on is forgotten.
func (x *exchange) parse(b []byte, g *parser.Guard) (n int, err error) {
	r := &x.r
	r.read, r.got, r.trailers, r.route, r.via = 0, 0, nil, nil, nil
	if n = x.repeats(b); n > 0 {
		r.message, r.content, *g = b[:n], n, parser.Guard{}
		return n, nil
	}
	r.message, r.content, r.target, x.known, x.found = nil, 0, parser.Target{}, x.known[:0], found{}
	if n, err = r.head.Parse(b, g); err != nil {
		return 0, err
	}
	head := b[:n]
	r.message, r.content = head, n
	if r.body, err = parser.Framing(&r.head, head); err != nil {
		return 0, err
	}
	if err = parser.CheckHost(&r.head, head); err != nil {
		return 0, err
	}
	if r.target, err = parser.SplitTarget(&r.head, head); err == nil && n <= mostKnown {
		x.known = append(x.known, head...)
	}
	return n, err
}

// mostKnown is how long a head may be to be remembered, in octets.
const mostKnown = 1 << 10

// repeats returns the length of the head that b begins with, if it is the last one
// once more: then all that was found in that holds. A client that stays connected
// says the same again and again, and so do clients of one kind. Otherwise it
// returns 0.
func (x *exchange) repeats(b []byte) (n int) {
	if n = len(x.known); n > 0 && bytes.HasPrefix(b, x.known) {
		return n
	}
	return 0
}

// recall parses the message that b begins with once more, for an answer that
// comes when the exchange has seen others since, and says how to answer it. The
// request is empty if its head is incomplete, or was refused.
func (x *exchange) recall(b []byte) {
	r, o := &x.r, &x.w.wire
	_, err := x.parse(b, &parser.Guard{})
	o.old, o.bare = true, isHead(b) // if nobody knows: no chunks (RFC 9112 6.1)
	if r.message != nil {
		persistent := parser.Persistent(&r.head, r.message)
		o.old = r.head.Minor == 0
		o.close, o.persist = o.close || !persistent, persistent && o.old
	}
	if err != nil {
		r.message, r.content, r.target = nil, 0, parser.Target{}
		r.head.Forget()
	}
}

// allowOnly is the code of a request that only wants to know which methods
// are allowed: OPTIONS, where no route answers it.
const allowOnly ErrCode = 204

// decide says what becomes of the request whose head, of n octets, is at the
// begin of b: before its content is looked at.
func (x *exchange) decide(c *conn, b []byte, n int) (rest []byte, more bool) {
	in, r := &c.in, &x.r
	known := in.need > 0 // it had to wait for its content
	if in.need = 0; !known {
		c.tell(EventHeaders, 0)
	}
	long := r.body.Length > int64(c.l.srv.cfg.MaxContentBytes)
	if in.drop && !long {
		return x.pass(c, b, n)
	}
	code := x.admit(c.l.srv)
	if code == 0 && r.route.Blocking && !in.drop {
		code = x.spawn(c, b, n)
	}
	if d := c.detached; d != nil {
		return d.start(c, b[n:]), true
	}
	switch {
	case long:
		if code != ErrServiceUnavailable {
			code = ErrContentTooLarge
		}
		x.breakOff(c, code, b)
		return b, false
	case r.body.Kind == parser.Chunked:
		return x.decideChunked(c, b, n, code)
	}
	total := n + int(r.body.Length)
	if !known {
		c.tell(EventData, min(total, len(b))-n)
	}
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

// decideChunked is the rest of decide for a content in chunks.
func (x *exchange) decideChunked(c *conn, b []byte, n int, code ErrCode) (rest []byte, more bool) {
	in := &c.in
	in.coding, in.have, in.drop = inChunks, n, code != 0
	if code != 0 {
		x.reject(c, code, true)
		b, in.have = b[n:], 0
	} else if len(b) == n {
		x.invite()
	}
	return c.decode(b, true)
}

// pass drops a request that was answered before its head was complete.
func (x *exchange) pass(c *conn, b []byte, n int) (rest []byte, more bool) {
	in, r := &c.in, &x.r
	c.state = stateIdle // what begins now has all its time
	switch {
	case !parser.Persistent(&r.head, r.message):
		c.last, c.unread, c.ended = true, true, ReasonServed
		return nil, false
	case r.body.Kind == parser.Chunked:
		in.coding, in.have = inChunks, 0
		return c.decode(b[n:], true)
	}
	total := n + int(r.body.Length)
	c.tell(EventData, min(total, len(b))-n)
	in.drop, in.skip = false, max(0, total-len(b))
	return b[min(total, len(b)):], true
}

// admit finds the request's route, or the code with which it is answered
// without one: from its head alone, so the last head once more has what it had
// found, unless the routes have changed.
func (x *exchange) admit(srv *Server) (code ErrCode) {
	f, table := &x.found, srv.routes.table.Load()
	if f.table == nil || f.table != table {
		f.table = table // find may see a newer one: then the next request asks again
		f.route, f.code = x.find(&srv.routes)
	}
	x.r.route = f.route
	return f.code
}

func (x *exchange) find(t *routes) (route *Route, code ErrCode) {
	r := &x.r
	method := r.head.Method.Of(r.message)
	route, code = t.find(method, pathOf(r))
	r.expect = parser.Expect(&r.head, r.message)
	switch {
	case r.expect == parser.ExpectUnknown:
		return route, ErrExpectationFailed
	case code != 0 && string(method) == "OPTIONS" && (code == ErrMethodNotAllowed || r.target.Form == parser.AsteriskForm):
		return route, allowOnly
	}
	return route, code
}

// invite tells a client that waits for it to send the content: none of it has
// come yet (RFC 9110 10.1.1).
func (x *exchange) invite() {
	if x.r.expect == parser.ExpectContinue {
		x.w.wire.out = append(x.w.wire.out, continueLine...)
	}
}

const continueLine = "HTTP/1.1 100 Continue\r\n\r\n"

// complete serves a message whose chunks are all decoded. If its head is not
// known any more, other requests having come between, it is parsed anew.
func (x *exchange) complete(c *conn, message, trailers []byte, parsed bool) {
	r := &x.r
	if !parsed {
		x.parse(message, &parser.Guard{}) // it passed the first time
		code := x.admit(c.l.srv)
		if code == 0 && r.route.Blocking {
			code = ErrServiceUnavailable // it has become one, and must not run here
		}
		if code != 0 {
			x.reject(c, code, false) // a route was there then, and is not now
			return
		}
	}
	r.message, r.trailers = message, trailers
	x.handle(c)
}

// handle runs the handler of a complete request. If that detaches it, what
// comes then is Detached.Complete's business.
func (x *exchange) handle(c *conn) {
	x.begin(c)
	l := c.l
	timed := l.requests%timedOne == 1
	var began time.Duration
	if timed {
		began = l.kernel.Now()
	}
	err := x.call(c)
	if timed && x.detached == nil { // or else its time goes on
		l.times.add(l.kernel.Now() - began)
	}
	if x.detached != nil {
		x.detached.early = err
		return
	}
	x.conclude(c, err)
}

// timedOne: one handler in so many is timed. The clock is read for no other.
const timedOne = 64

// begin makes the exchange ready to answer the request in hand.
func (x *exchange) begin(c *conn) {
	r, o := &x.r, &x.w.wire
	x.w.reset()
	persistent := parser.Persistent(&r.head, r.message)
	o.begun, o.headEnd = len(o.out), 0
	o.old = r.head.Minor == 0
	o.close = !persistent || c.l.ends != running
	o.persist = persistent && o.old
	o.bare = isHead(r.message)
	r.session = Session{c, x}
	c.ended = ReasonServed
	c.requests++
	c.l.requests++
	c.s.Begin()
}

// conclude ends a request whose handler has returned err. The order at its end
// is ESP-IDF's: what the handler changed is committed, whatever it returned.
func (x *exchange) conclude(c *conn, err error) {
	said := err
	if !x.w.finish(err) {
		code := x.detached.fault()
		x.fail(c, code)
		if err = code; said == nil {
			said = code
		}
	}
	if err != nil || !x.w.progress.whole() {
		c.ended = ReasonHandler
		c.cut = c.cut || x.w.wire.old && !x.w.wire.sized && x.w.progress == streaming // its end is the connection's
		x.w.wire.announceClose()
	} else if c.last || c.l.ends != running { // both may be news to a detached one
		x.w.wire.announceClose()
	}
	x.over(said)
	x.end(c)
}

// end commits the context and counts the request as served.
func (x *exchange) end(c *conn) {
	c.s.Commit()
	if x.detached == nil { // or else Complete has ended it
		x.life.reset()
	}
	c.state = stateIdle // what begins now has all its time
	c.last = c.last || x.w.wire.close
	if x.w.upgrade != nil && !c.last {
		c.in.receiver = x.w.upgrade
	}
	c.l.table.Touch(c.s)
	x.tell(c)
}

// tell reports the response to Config.Events.
func (x *exchange) tell(c *conn) {
	c.l.respond(&x.w)
	if d := x.detached; d == nil || !d.headSent { // or else it was told when it began
		c.tell(EventHeadersSent, 0)
	}
	if x.w.code != 0 {
		c.tell(EventError, int(x.w.code))
	}
}

// reject answers a well-formed request that no handler gets. left says that
// not all of it has arrived. The rest is dropped when it comes, unless the
// client was asked to wait: then nobody knows whether it comes.
func (x *exchange) reject(c *conn, code ErrCode, left bool) {
	w := &x.w
	x.begin(c)
	w.wire.close = w.wire.close || left && x.r.expect != parser.ExpectNone
	if code == allowOnly {
		w.set.head = c.l.srv.routes.appendAllow(w.set.head, pathOf(&x.r))
		w.SetStatus(int(allowOnly))
		w.Send(nil)
		x.end(c)
	} else {
		x.conclude(c, x.fail(c, code))
	}
	c.unread = c.unread || c.last && left
}

// refuse answers what broke the protocol and ends the session: where the next
// request begins is not known any more. b begins with what is here of it.
func (x *exchange) refuse(c *conn, code ErrCode, b []byte) {
	x.prepare(c, b)
	x.w.wire.close = true
	c.requests++
	c.l.requests++
	x.fail(c, code)
	x.over(code)
	c.s.Commit()
	x.life.reset()
	x.tell(c)
	c.last, c.unread, c.ended = true, true, ReasonRefused
}

// prepare is begin for a request that is not all here, or not well-formed. There
// is always something that an error handler can ask: one may be added meanwhile.
func (x *exchange) prepare(c *conn, b []byte) {
	o := &x.w.wire
	x.w.reset()
	o.begun, o.headEnd = len(o.out), 0
	o.close, o.persist = c.l.ends != running, false
	x.r.session = Session{c, x}
	c.s.Begin()
	x.recall(b)
}

// breakOff is refuse for a request that may have been answered before it goes
// wrong.
func (x *exchange) breakOff(c *conn, code ErrCode, b []byte) {
	if !c.in.drop {
		x.refuse(c, code, b)
	}
	c.last, c.unread, c.ended = true, true, ReasonRefused
}

// isHead reports whether b begins a HEAD request, whose answer has no content.
func isHead(b []byte) bool { return bytes.HasPrefix(b, headMethod) }

var headMethod = []byte("HEAD ")
