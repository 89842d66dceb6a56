package httpd

import (
	"github.com/valyala/bytebufferpool"

	"moor.example/httpd/sess"
)

// A conn is the I/O side of a session: what is in hand of its input and
// output. An idle one holds no buffer.
type conn struct {
	l     *loop
	s     *sess.Session // nil: the slot is free
	in    input
	out   output
	state state
	want  interest    // what the descriptor is watched for; 0: not yet
	ended CloseReason // if last: the reason

	fresh  bool // no request has been served
	ready  bool // stands in line to be resumed: in has more than its share
	last   bool // no further request is served; the session ends after out
	unread bool // if last: the peer has more to say
	shared bool // the socket may have another descriptor
}

// An output is what the socket refused.
type output struct {
	buf  *bytebufferpool.ByteBuffer // nil: nothing
	sent int                        // octets of it that are gone
}

// serve answers one event of the descriptor.
func (c *conn) serve(ready interest) {
	switch {
	case c.state == stateFlush:
		c.flush()
	case c.state == stateLinger:
		c.drain()
	case !c.ready: // or else its octets in hand come first
		c.receive()
	}
}

// receive takes what the socket has, once, and serves it. It reports whether
// there was anything.
func (c *conn) receive() bool {
	b := c.l.in
	if c.in.buf != nil {
		b = room(c.in.buf, c.in.limit(&c.l.srv.cfg))
	}
	n, o, _ := c.l.kernel.Recv(c.fd(), b)
	switch o {
	case ok:
	case again:
		return false
	case closed:
		c.close(ReasonPeer)
		return true
	default:
		c.close(ReasonBroken)
		return true
	}
	if c.in.buf != nil {
		c.in.buf.B = c.in.buf.B[:len(c.in.buf.B)+n]
		c.proceed(c.in.buf.B)
	} else {
		c.proceed(b[:n])
	}
	c.settle()
	return true
}

// resume goes on with the octets in hand, unless output is in their way or the
// session is ending.
func (c *conn) resume() {
	c.ready = false
	if c.out.buf == nil && !c.last {
		c.proceed(c.in.buf.B)
		c.settle()
	}
}

// trigger ends the session after the output that waits.
func (c *conn) trigger() {
	if c.last {
		return // it is ending
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
	for served := 0; more && len(b) > 0 && !c.last; served++ {
		if served == cfg.MaxTurnRequests {
			c.ready = true
			c.l.ready = append(c.l.ready, c.s.Name())
			break
		}
		b, more = c.message(b)
		if len(c.l.x.w.wire.out) >= cfg.MaxOutputBytes && !c.send() {
			break
		}
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
		c.in.buf = c.l.pool.keep(rest)
	case cap(rest) == cap(buf.B): // it begins where the buffer does
		buf.B = rest
	default:
		buf.B = append(buf.B[:0], rest...)
	}
}

// send sends the output of the turn and reports whether all of it is gone.
// The rest is kept, and sent when the socket has room.
func (c *conn) send() bool {
	out := c.l.x.w.wire.out
	for len(out) > 0 {
		n, o, _ := c.l.kernel.Send(c.fd(), out)
		out = out[n:]
		if o == again {
			c.out.buf = c.l.pool.keep(out)
			break
		}
		if o != ok {
			c.lost(o)
			break
		}
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
	n, o, _ := c.l.kernel.Send(c.fd(), c.out.buf.B[c.out.sent:])
	c.out.sent += n
	switch {
	case o == again:
		return
	case o != ok:
		c.lost(o)
	case c.out.sent < len(c.out.buf.B):
		c.enter(stateFlush)
		return
	}
	c.out.sent = 0
	c.l.pool.release(&c.out.buf)
	if c.in.buf != nil && !c.ready && !c.last { // or else it has its turn later, or never
		c.proceed(c.in.buf.B)
	}
	c.settle()
}

// lost notes that no more output gets through: nothing is left to do.
func (c *conn) lost(o outcome) {
	c.last, c.ended = true, ReasonBroken
	if o == closed {
		c.ended = ReasonPeer
	}
}

// settle decides what the connection waits for next. It is the last step of
// every event: the session may have ended when it returns.
func (c *conn) settle() {
	switch {
	case c.out.buf != nil:
		c.enter(stateFlush)
	case c.last:
		c.finish()
	case c.ready:
		c.enter(stateIdle)
	case c.in.skip > 0 || c.in.drop:
		c.enter(stateDiscard)
	case c.in.need > 0 || c.in.coding != unchunked:
		c.enter(stateContent)
	case c.in.buf != nil:
		c.enter(stateHead)
	case c.l.ends != running:
		c.last, c.ended = true, ReasonStop
		c.finish()
	case c.fresh:
		c.enter(stateFresh)
	default:
		c.enter(stateIdle)
	}
}

// enter puts the connection into a state: watches for what that waits for and
// sets its deadline. Entering the same state again counts as progress.
func (c *conn) enter(s state) {
	row, old := &states[s], &states[c.state]
	begins := c.want == 0 // the first state of all
	if row.want != c.want {
		if err := c.l.kernel.Watch(c.fd(), c.s.Name(), c.want, row.want); err != nil {
			c.close(ReasonBroken)
			return
		}
		c.want = row.want
	}
	c.state = s
	if !begins && row.class == old.class && !row.renew {
		return
	}
	if d := c.l.srv.timeouts[row.class]; d >= 0 {
		c.l.table.Arm(c.s, int(row.class), c.l.now+d)
	} else {
		c.l.table.Disarm(c.s)
	}
}

// expired ends a state that has lasted too long: with an answer, if a part of
// a request is here and has had none.
func (c *conn) expired() {
	code := states[c.state].expired
	if code == 0 {
		if c.state != stateLinger { // that ends for the reason for which it began
			c.ended = ReasonExpired
		}
		c.close(c.ended)
		return
	}
	c.l.x.refuse(c, code, c.in.buf.B)
	c.ended = ReasonExpired
	c.keep(nil)
	c.send()
	c.settle()
}

// quiet reports whether nothing is in hand and nothing is owed.
func (c *conn) quiet() bool {
	return c.s != nil && (c.state == stateFresh || c.state == stateIdle && !c.ready)
}

// finish ends the session after its last response. If input is left unread in
// the socket, close(2) resets the connection, and that can destroy the response
// on its way: then our side is shut down first, and the peer's input dropped
// for a while.
func (c *conn) finish() {
	gone := c.ended == ReasonPeer || c.ended == ReasonBroken
	if !gone && !c.unread { // as far as is known: look
		_, o, _ := c.l.kernel.Recv(c.fd(), c.l.in)
		gone = o != ok
	}
	if gone {
		c.close(c.ended)
		return
	}
	c.l.kernel.Shutdown(c.fd())
	c.in.skip = c.l.srv.cfg.MaxContentBytes
	c.enter(stateLinger)
}

// drain drops what the peer still sends.
func (c *conn) drain() {
	n, o, _ := c.l.kernel.Recv(c.fd(), c.l.in)
	c.in.skip -= n
	if o != again && (o != ok || c.in.skip <= 0) {
		c.close(c.ended)
	}
}

// close ends the session. It is the only place where one ends, and nothing of
// c may be used afterwards.
func (c *conn) close(r CloseReason) {
	l, s, fd := c.l, c.s, c.fd()
	// 1. The application is told, while all of the session is there.
	if hook := l.srv.cfg.OnClose; hook != nil && r != ReasonRefusedByHook {
		c.last = true
		hook(&Session{c}, r)
	}
	// 2. No event may come for a socket that lives on under another descriptor.
	if c.shared {
		l.kernel.Unwatch(fd)
	}
	// 3. The buffers go back.
	l.pool.release(&c.in.buf)
	l.pool.release(&c.out.buf)
	*c = conn{}
	l.work.live[s.Name().Slot].Store(0)
	l.closed[r]++
	// 4. The socket goes first: the peer need not wait for a free function.
	l.kernel.Close(fd)
	// 5. The context is freed, once.
	s.Release()
	// 6. The slot is free: from here on its name is nobody's.
	l.table.End(s)
	l.uncount()
}

func (c *conn) fd() int { return c.s.FD() }
