package httpd

import "net"

// settle decides what the connection waits for next. It is the last step of
// every event: the session may have ended when it returns.
func (c *conn) settle() {
	switch d := c.detached; {
	case c.out.buf != nil:
		c.enter(stateFlush)
		return
	case d != nil && c.last && c.ended.lost(): // its answer would follow what was cut off
		c.close(c.ended)
		return
	case d != nil && !d.wants(c):
		c.enter(stateHandler)
		return
	case d == nil && c.last:
		c.finish()
		return
	}
	c.await()
}

// await waits for octets, or for the server's end.
func (c *conn) await() {
	s := c.reading()
	if c.l.ends != running && !c.ready && (s == stateFresh || s == stateIdle || s == stateUpgraded) {
		c.last, c.ended = true, ReasonStop
		c.finish()
		return
	}
	c.enter(s)
	if !c.ready && c.s != nil && c.l.carrier.pending(c) {
		queue(c, &c.link.pending)
	}
}

// reading is the state of a connection that waits for octets.
func (c *conn) reading() state {
	switch {
	case c.detached != nil:
		return stateStream
	case c.ready: // it has them already
		return stateIdle
	case c.in.skip > 0 || c.in.drop && c.in.coding != unchunked:
		return stateDiscard
	case c.in.receiver != nil:
		return stateUpgraded
	case c.in.need > 0 || c.in.coding != unchunked:
		return stateContent
	case c.in.buf != nil:
		return stateHead
	case c.requests == 0:
		return stateFresh
	}
	return stateIdle
}

// enter puts the connection into a state: watches for what that waits for and
// sets its deadline. Entering the same state again counts as progress, if enough octets have moved.
func (c *conn) enter(s state) {
	row, old := &states[s], &states[c.state]
	begins := c.want == 0 // the first state of all
	same := row.class == old.class && (s == c.state || !row.renew)
	moves := row.renew && (!row.paced || int(c.progress) >= c.l.srv.cfg.MinProgressBytes)
	if c.state = s; s != c.counted {
		c.l.inState[c.counted]--
		c.l.inState[s]++
		c.counted = s
	}
	if !c.watch() || !begins && same && !moves {
		return
	}
	c.progress = 0
	if d := c.l.srv.timeouts[row.class]; d >= 0 {
		c.l.table.Arm(c.s, int(row.class), c.l.now+d)
	} else if c.s.Class() >= 0 {
		c.l.table.Disarm(c.s)
	}
}

// watch watches the descriptor for what the state waits for, or the transport.
// It reports false if the session has ended over it.
func (c *conn) watch() bool {
	want := states[c.state].want
	switch {
	case c.state == stateFlush && c.link.send != 0:
		want = c.link.send
	case c.state != stateFlush && c.state != stateHandler && c.link.recv != 0:
		want = c.link.recv
	}
	if want == c.want {
		return true
	}
	if err := c.l.kernel.Watch(c.fd(), c.s.Name(), c.want, want); err != nil {
		c.close(ReasonBroken)
		return false
	}
	c.want = want
	return true
}

// expired ends a state that has lasted too long: with an answer, if a part of
// a request is here and has had none.
func (c *conn) expired() {
	if c.state == stateFlush && moves(c) {
		return
	}
	c.l.expired[states[c.state].class]++
	if c.state == stateStream {
		c.detached.expired(c)
		return
	}
	if !states[c.state].late || c.in.drop {
		if c.state != stateLinger { // that ends for the reason for which it began
			c.ended = ReasonExpired
		}
		c.close(c.ended)
		return
	}
	c.l.x.late(c)
	c.send()
	c.settle()
}

// moves tries the output whose time is up once more, and reports whether the
// session goes on, or has ended over it. The system tells of room only when a
// third of the socket's buffer is free: with a slow peer that may take longer
// than SendTimeout, though it never stands still.
func moves(c *conn) bool {
	c.flush()
	if c.s == nil || c.state != stateFlush {
		return true
	}
	_, renewed := c.s.Deadline()
	return renewed
}

// quiet reports whether nothing is in hand and nothing is owed.
func (c *conn) quiet() bool {
	return c.s != nil && !c.ready && (c.state == stateFresh || c.state == stateIdle || c.state == stateUpgraded)
}

// finish ends the session after its last response. If input is left unread in
// the socket, close(2) resets the connection, and so does input that comes
// afterwards. That can destroy the response on its way: then our side is shut
// down first, and the peer's input dropped for a while.
func (c *conn) finish() {
	l := c.l
	gone := c.cut || c.ended.lost() || l.srv.cfg.LingerTimeout < 0
	more := c.unread
	if !gone && !more { // as far as is known: look
		_, o := l.carrier.recv(c, l.pool.common)
		more, gone = o == ok || o == again && l.kernel.Unsent(c.fd()), o != ok && o != again
	}
	if gone || !more {
		c.link.shut = gone
		c.close(c.ended)
		return
	}
	l.carrier.closeSend(c)
	c.in.skip = l.srv.cfg.MaxContentBytes
	c.enter(stateLinger)
}

// farewell tells the peer of the end, where a transport has words for it.
func (c *conn) farewell() {
	if c.l.carrier.t != nil && c.state != stateOpen && c.state != stateHandler {
		c.l.carrier.closeSend(c)
	}
}

// drain drops what the peer still sends.
func (c *conn) drain() {
	n, o := c.l.carrier.recv(c, c.l.pool.common)
	c.in.skip -= n
	if o == again || o == ok && c.in.skip > 0 {
		c.watch()
		return
	}
	c.close(c.ended)
}

// close ends the session. It is the only place where one ends, and nothing of
// c may be used afterwards.
//
// A session whose request is detached ends when that is completed, unless its
// handler takes over the connection.
func (c *conn) close(r CloseReason) {
	d := c.detached
	if d != nil && d.taken == nil {
		d.sever(c, r)
		return
	}
	l, s, fd, was := c.l, c.s, c.fd(), c.link.open
	// 1. The application is told, while all of the session is there.
	if hook := l.srv.cfg.OnClose; hook != nil && was {
		c.last = true
		hook(&Session{c: c}, r)
	}
	// 2. So is the peer, if it has all that was said to it. What is cut short must
	// not look complete.
	reset := c.out.buf != nil || c.cut || l.srv.cfg.LingerTimeout < 0
	if !reset {
		c.farewell()
	}
	// 3. No event may come for a socket that lives on under another descriptor.
	if c.shared || d != nil {
		l.kernel.Unwatch(fd)
	}
	// 4. The buffers go back.
	below, from := c.link.ctx, c.from
	l.inState[c.counted]--
	l.logEnd(c, r)
	l.pool.release(&c.in.buf)
	l.pool.release(&c.out.buf)
	*c = conn{}
	l.work.live[s.Name().Slot].Store(0)
	l.closed[r]++
	// 5. The socket goes first: the peer need not wait for a free function.
	var lives net.Conn
	var err error
	switch {
	case d != nil:
		lives, err = l.kernel.Release(fd)
	case reset:
		l.kernel.Reset(fd)
		fallthrough
	default:
		l.kernel.Close(fd)
	}
	if was {
		l.srv.tell(Event{Kind: EventDisconnected, Session: ID{l.index, s.Name()}})
	}
	// 6. The contexts are freed, once, or moored to the socket that lives on.
	if d != nil {
		d.passOn(s, below, lives, err)
	} else {
		s.Release()
		below.release()
	}
	// 7. The slot is free: from here on its name is nobody's.
	l.table.End(s)
	l.srv.hosts.leave(from)
	l.uncount()
}
