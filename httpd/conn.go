package httpd

import (
	"math"

	"github.com/valyala/bytebufferpool"

	"moor.example/httpd/sess"
)

// A conn is the I/O side of a session: what is in hand of its input and
// output. An idle one holds no buffer. It takes three cache lines, and a request
// that comes whole needs the first two of them.
type conn struct {
	l        *loop
	s        *sess.Session // nil: the slot is free
	detached *Detached     // the request that outlives its handler; nil: none
	waiting
	requests uint32 // begun
	outlook
	ready  bool // stands in line to be resumed: in has more than its share
	shared bool // the socket may have another descriptor

	link link
	out  output
	in   input
	from *place // where the peer's address is counted; nil: nowhere
	_    [8]byte
}

// An outlook is what is known of a session's end.
type outlook struct {
	last   bool        // no further request is served; the session ends after out
	unread bool        // if last: the peer has more to say
	cut    bool        // if last: output is lost, and what is there of it could look complete
	ended  CloseReason // if last: the reason
}

// A waiting is what a connection waits for.
type waiting struct {
	progress int32 // octets since the deadline was set, or more than an int32 holds
	state    state
	counted  state    // as which it is counted: see enter
	want     interest // what the descriptor is watched for; 0: not yet
}

// moved counts n octets.
func (w *waiting) moved(n int) { w.progress = int32(min(int(w.progress)+n, math.MaxInt32)) }

// An output is what the socket refused.
type output struct {
	buf  *bytebufferpool.ByteBuffer // nil: nothing
	sent int                        // octets of it that are gone
}

// begin begins the session, when its transport is open.
func (c *conn) begin() {
	l := c.l
	c.state = stateIdle // what comes now has all its time
	l.work.live[c.s.Name().Slot].Store(c.s.Name().Gen)
	hook := l.srv.cfg.OnOpen
	c.link.open = hook == nil || hook(&Session{c: c}) == nil
	if c.link.open {
		c.tell(EventConnected, 0)
	}
	c.send() // what the hook had to say: it must not stay for another session
	if !c.link.open {
		c.close(ReasonRefusedByHook)
		return
	}
	c.settle()
}

// serve answers one event of the descriptor.
func (c *conn) serve(ready interest) {
	switch {
	case c.state == stateFlush:
		c.flush()
	case c.state == stateLinger:
		c.drain()
	case c.state == stateHandler:
		if ready&wantHangup != 0 { // or else it is what was there before the request was detached
			c.detached.hangUp()
		}
	case c.state == stateOpen:
		c.l.carrier.open(c)
	case !c.ready && !c.link.pending: // or else what it has already comes first, in its turn
		c.receive()
	}
}

// receive takes what the socket has, once, and serves it. It reports whether
// there was anything.
func (c *conn) receive() bool {
	b := c.l.pool.common
	if c.in.buf != nil {
		if b = c.l.pool.room(c.in.buf, c.in.limit(&c.l.srv.cfg)); len(b) == 0 {
			c.overload(c.in.buf.B)
			c.keep(nil)
			c.send()
			c.settle()
			return true
		}
	}
	if d := c.detached; d != nil && c.in.buf == nil {
		b = b[:d.room()]
	}
	n, o := c.l.carrier.recv(c, b)
	switch o {
	case ok:
	case again:
		c.watch()
		return c.s == nil
	default:
		c.lost(o)
		c.close(c.ended)
		return true
	}
	if c.in.need > 0 {
		c.tell(EventData, n)
	}
	c.moved(n)
	if c.in.buf != nil {
		c.in.buf.B = c.in.buf.B[:len(c.in.buf.B)+n]
		b = c.in.buf.B
	} else {
		b = b[:n]
	}
	if c.detached != nil {
		c.keep(c.detached.feed.take(c, b))
	} else {
		c.proceed(b)
	}
	c.settle()
	return true
}

// resume goes on with the octets in hand, or with those that the transport has,
// unless output is in their way or the session is ending.
func (c *conn) resume() {
	more := c.ready
	c.ready, c.link.pending = false, false
	switch {
	case c.state == stateStream:
		c.receive()
	case c.out.buf != nil || c.last || c.detached != nil:
	case more:
		c.proceed(c.in.buf.B)
		c.settle()
	default:
		c.receive()
	}
}

// queue puts c in line to be resumed, once, and notes why.
func queue(c *conn, why *bool) {
	if !c.ready && !c.link.pending {
		c.l.ready = append(c.l.ready, c.s.Name())
	}
	*why = true
}

// trigger ends the session after the output that waits.
func (c *conn) trigger() {
	if c.last {
		return // it is ending
	}
	if c.state == stateOpen {
		c.close(ReasonTrigger)
		return
	}
	if d := c.detached; d != nil && d.stream != nil {
		d.closes = true
		return
	}
	c.last, c.ended = true, ReasonTrigger
	c.unread = c.unread || c.in.buf != nil || c.in.skip > 0 || c.in.drop
	c.keep(nil)
	c.settle()
}

// proceed serves the messages in b, keeps what is left of it and sends the
// answers at once.
func (c *conn) proceed(b []byte) {
	c.keep(c.advance(b))
	c.send()
}

// advance serves what b holds, message by message, and returns what is left.
// It stops at an incomplete message, at the last one, at the end of the
// session's share of the turn, and at output that the socket refuses.
func (c *conn) advance(b []byte) (rest []byte) {
	cfg := &c.l.srv.cfg
	more := true
	for served := 0; more && len(b) > 0 && !c.last && c.detached == nil; served++ {
		if len(c.l.x.w.wire.out) >= cfg.MaxOutputBytes && !c.send() {
			break
		}
		if served == cfg.MaxTurnRequests {
			queue(c, &c.ready)
			break
		}
		b, more = c.message(b)
	}
	return b
}

// keep moves what is left of the input to the session's buffer, or lets go of
// that buffer. rest is a part of it already, or of the loop's.
func (c *conn) keep(rest []byte) {
	buf := c.in.buf
	switch {
	case c.last:
		c.unread = c.unread || len(rest) > 0
		c.l.pool.release(&c.in.buf)
	case len(rest) == 0:
		c.l.pool.release(&c.in.buf)
	case buf == nil:
		if c.in.buf = c.l.pool.keep(rest); c.in.buf == nil {
			c.overload(rest)
		}
	case cap(rest) == cap(buf.B): // it begins where the buffer does
		buf.B = rest
	default:
		buf.B = append(buf.B[:0], rest...)
	}
}

// overload ends a session that has no room for rest, which it was to keep. Behind
// a detached request, or output that waits, it has no answer, for that one's comes
// first, and is the last.
func (c *conn) overload(rest []byte) {
	if d := c.detached; d != nil && d.stream != nil && !d.fed {
		d.refuse(c, ErrServiceUnavailable)
		return
	}
	if c.detached == nil && c.out.buf == nil && c.in.receiver == nil {
		c.l.x.overload(c, rest)
		return
	}
	c.last, c.unread, c.ended = true, true, ReasonRefused
}

// send sends the output of the turn and reports whether all of it is gone.
// The rest is kept, and sent when the socket has room.
func (c *conn) send() bool {
	out := c.l.x.w.wire.out
	for len(out) > 0 {
		n, o := c.l.carrier.send(c, out)
		out = out[n:]
		if c.state == stateFlush { // this follows what has waited
			c.moved(n)
		}
		if o == again {
			if c.out.buf = c.l.pool.keep(out); c.out.buf == nil {
				c.last, c.ended, c.cut = true, ReasonNoRoom, true
			}
			break
		}
		if o != ok {
			c.cut = true
			c.lost(o)
			break
		}
		c.tell(EventSent, n)
	}
	c.l.x.w.wire.out = emptied(c.l.x.w.wire.out)
	return c.out.buf == nil && !c.last
}

// emptied returns out for the next turn. One long response shall not be paid
// for ever after.
func emptied(out []byte) []byte {
	if cap(out) > mostKept {
		return nil
	}
	return out[:0]
}

// flush sends what is left of the output, then goes on with the input.
func (c *conn) flush() {
	n, o := c.l.carrier.send(c, c.out.buf.B[c.out.sent:])
	c.out.sent += n
	c.moved(n)
	if o == ok {
		c.tell(EventSent, n)
	}
	switch {
	case o == again:
		c.watch()
		return
	case o != ok:
		c.cut = true
		c.lost(o)
	case c.out.sent < len(c.out.buf.B):
		c.enter(stateFlush)
		return
	}
	c.out.sent = 0
	c.l.pool.release(&c.out.buf)
	if d := c.detached; d != nil && d.stream != nil && !(c.last && c.ended.lost()) {
		d.stir(c)
		return
	}
	if c.in.buf != nil && !c.ready && !c.last && c.detached == nil { // or else it has its turn later, or never
		c.proceed(c.in.buf.B)
	}
	c.settle()
}

// lost notes that no more output gets through: nothing is left to do.
func (c *conn) lost(o outcome) {
	c.last, c.ended, c.link.shut = true, ReasonBroken, true
	if o == closed {
		c.ended = ReasonPeer
	}
}

func (c *conn) fd() int { return c.s.FD() }
