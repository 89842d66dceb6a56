package httpd

import "time"

// A simClient has so many requests to make, on one connection after the other.
// Every connection has habits of its own.
type simClient struct {
	w    *simWorld
	no   int      // its own
	no2  int      // its next request's
	left int      // requests to be made
	sock *simSock // nil: not connected

	simHabits
	out    []byte       // what is being said
	gone   int          // octets of it that are
	said   int          // octets of the connection that are said
	asked  int          // requests of the connection
	awaits []simRequest // which are to be answered, the first first
	next   time.Duration
	answer simAnswer
	held   []byte        // a content that is kept back
	heldTo time.Duration // until then, or until somebody asks for it
	talk   simTalk
	free   bool // it has said what is no request: any answer may come
	ended  bool // it has ended its side
	since  time.Duration
}

// simHabits is how a client behaves on one connection.
type simHabits struct {
	depth int           // requests under way at most
	piece int           // octets said at once; 0: as many as there are
	pause time.Duration // between the pieces, at most
	think time.Duration // before a request, at most
	sip   int           // octets read at once; 0: all
	quits int           // after so many requests it leaves
	how   simQuit
	cut   int           // at this octet it does what how says; 0: never
	stall time.Duration // at this octet it waits so long instead
	waits time.Duration // it reads nothing before that
	parks time.Duration // before it leaves
}

// A simQuit is a way to leave.
type simQuit uint8

const (
	quitFin    simQuit = iota // end its side, read to the end
	quitClose                 // close
	quitReset                 // reset
	quitAsking                // end its side right behind the last request
	numQuits
)

// simPatience is how long a client waits for what has to come.
const simPatience = 5 * time.Minute

// habits draws those of the next connection.
func (w *simWorld) habits() simHabits {
	p := &w.plan
	h := simHabits{depth: 1, think: time.Millisecond, quits: 1 + w.n(24), how: simQuit(w.n(int(numQuits)))}
	if w.one(3) {
		h.depth = 1 + w.n(16)
	}
	if w.one(p.pieces) {
		h.piece, h.pause = 1+w.n(1<<w.n(8)), 2*time.Millisecond
	}
	if w.one(p.sips) {
		h.sip = 1 + w.n(1<<(3+w.n(9)))
	}
	if w.one(p.drops) {
		h.cut = 1 + w.n(1<<(3+w.n(9)))
	}
	if w.one(4) {
		h.parks = w.between(0, 4*time.Second)
	}
	if w.one(p.slows) {
		h.cut, h.stall = 1+w.n(1<<(3+w.n(8))), w.between(0, 20*time.Second)
		switch w.n(4) {
		case 0:
			h.waits, h.cut = h.stall, 0
		case 1:
			h.piece, h.pause, h.cut = 1+w.n(8), w.between(0, time.Second), 0
		}
	}
	return h
}

// slow reports whether a deadline may hit the client.
func (h *simHabits) slow() bool { return h.stall > 0 }

// act does what the client has to do now, and says when it acts next.
func (c *simClient) act() {
	w := c.w
	w.due[c.no] = simNever
	if c.sock == nil {
		c.connect()
		return
	}
	c.read()
	if c.sock == nil {
		return
	}
	if c.sock.aborted || c.sock.over() && c.sock.out.len() == 0 {
		c.over()
		return
	}
	c.say()
	if c.sock == nil {
		return
	}
	if len(c.awaits) > 0 || c.talk.total > 0 || c.ended || c.answer.last {
		w.wake(c, simPatience-(w.now-c.since))
	}
	if w.now-c.since >= simPatience {
		c.despair()
	}
}

// notice is what its system does when something comes.
func (c *simClient) notice() {
	w := c.w
	if w.now < c.waits {
		return
	}
	w.wake(c, w.between(0, 300*time.Microsecond))
}

// connect begins a connection.
func (c *simClient) connect() {
	w := c.w
	if c.left == 0 || w.listener.closed || w.ending != running {
		c.w.undone--
		return
	}
	if len(w.listener.backlog) >= w.listener.most {
		w.wake(c, w.between(50*time.Millisecond, time.Second))
		return
	}
	s := w.newSock(c)
	c.simHabits = w.habits()
	c.sock, c.out, c.gone, c.said, c.asked, c.awaits = s, c.out[:0], 0, 0, 0, c.awaits[:0]
	c.free, c.ended, c.since = false, false, w.now
	c.held, c.talk = c.held[:0], simTalk{}
	c.answer.begin(c)
	if c.slow() {
		s.blame(simSlow)
	}
	if c.waits > 0 {
		c.waits += w.now
	}
	w.note(simConnects, s.no, c.no, c.left)
	w.count.sessions++
	if w.one(w.plan.adopts) {
		w.adopt(s)
	} else {
		w.listener.backlog = append(w.listener.backlog, s)
	}
	c.next = w.now
	if c.slow() && w.one(4) {
		c.next += c.stall // nothing is said before
	}
	if w.plan.veiled {
		c.out = append(c.out, simHello)
		c.gone, c.said = 0, -1 // it is no octet of a request
	}
	w.wake(c, c.next-w.now+w.between(0, time.Millisecond))
}

// read takes what is there.
func (c *simClient) read() {
	w, s := c.w, c.sock
	if w.now < c.waits {
		w.wake(c, c.waits-w.now)
		return
	}
	n := s.out.len()
	if n == 0 {
		return
	}
	if c.sip > 0 && n > c.sip {
		n = max(c.sip, n>>4)
		w.wake(c, w.between(0, 500*time.Microsecond))
	}
	b := s.out.b[s.out.off:][:n]
	w.note(simReads, s.no, n, len(c.awaits))
	if w.plan.veiled {
		veil(b, s.no)
	}
	c.since = w.now
	c.answer.take(b)
	s.out.skip(n)
	s.look()
}

// say says the next piece, and asks the next request when there is nothing left
// to be said.
func (c *simClient) say() {
	w, s := c.w, c.sock
	switch {
	case c.ended || c.answer.last && !c.owes():
		return
	case w.now < c.next:
		w.wake(c, c.next-w.now)
		return
	}
	if c.gone == len(c.out) {
		c.out, c.gone = c.out[:0], 0
		switch {
		case len(c.held) > 0:
			if w.now < c.heldTo {
				w.wake(c, c.heldTo-w.now)
				return
			}
			c.out, c.held = append(c.out, c.held...), c.held[:0]
		case c.talk.total > 0:
			if !c.talkOn() {
				return
			}
		case c.left == 0 || c.asked >= c.quits || w.ending != running:
			c.leave()
			return
		case c.free || len(c.awaits) >= c.depth:
			if c.free { // who knows whether there is an answer
				c.bide()
			}
			return
		default:
			c.asked++
			c.ask()
		}
	}
	rest := c.out[c.gone:]
	if c.piece > 0 {
		rest = rest[:min(len(rest), max(c.piece, len(c.out)>>5))] // it is not to take for ever
	}
	if c.cut > 0 && c.said+len(rest) >= c.cut {
		rest = rest[:max(0, min(len(rest), c.cut-c.said))]
	}
	c.put(rest)
	if c.cut > 0 && c.said >= c.cut {
		c.cut = 0
		if c.stall == 0 {
			c.quit(c.how)
			return
		}
		c.next = w.now + c.stall
		w.wake(c, c.stall)
		return
	}
	c.next = w.now
	if c.gone == len(c.out) {
		c.next += w.between(0, c.think)
	} else if s.in.room() > 0 {
		c.next += w.between(0, c.pause)
	} else {
		return // the server will take some
	}
	w.wake(c, c.next-w.now)
}

// owes reports whether the answer is under way to a request that is not all said:
// its end may depend on that.
func (c *simClient) owes() bool {
	return c.answer.at != partHead && c.answer.q.kind.blocking() && len(c.out)-c.gone+len(c.held) > 0
}

// bide waits for what nobody can tell whether it comes, and then leaves.
func (c *simClient) bide() {
	w := c.w
	if w.now >= c.since+2*time.Second {
		c.quit(c.how)
		return
	}
	w.wake(c, c.since+2*time.Second-w.now)
}

// put hands octets to the system.
func (c *simClient) put(b []byte) {
	w, s := c.w, c.sock
	if len(b) == 0 || s.rst || s.gone {
		return
	}
	n := s.in.put(b)
	if w.plan.veiled && n > 0 {
		veil(s.in.b[len(s.in.b)-n:], s.no)
	}
	s.look()
	c.gone += n
	c.said += n
	c.since = w.now
	w.note(simSays, s.no, n, c.said)
}

// leave ends the connection when all is answered, or before.
func (c *simClient) leave() {
	w := c.w
	switch {
	case c.how == quitAsking:
		c.quit(quitFin)
	case len(c.awaits) > 0:
		// The answers come first.
	case c.parks > 0:
		w.wake(c, c.parks)
		c.parks = 0
	default:
		c.quit(c.how)
	}
}

// quit ends the client's side.
func (c *simClient) quit(how simQuit) {
	w, s := c.w, c.sock
	switch how {
	case quitClose:
		w.count.hangups++
		s.hangUp()
	case quitReset:
		w.count.resets++
		s.reset()
	default:
		if !c.ended && !s.rst {
			c.ended = true
			s.finish()
		}
		return
	}
	c.answer.cut()
	c.part()
}

// part is when there is nothing more between the client and its socket.
func (c *simClient) part() {
	pause := 5 * time.Millisecond
	if !c.sock.opened { // it was refused
		pause = 500 * time.Millisecond
	}
	s := c.sock
	c.sock = nil
	s.recycle()
	c.w.wake(c, c.w.between(0, pause))
}

// over is when the server's side has ended, in order or not.
func (c *simClient) over() {
	s := c.sock
	c.answer.over()
	if !s.rst && (s.closed || !c.w.one(4)) { // or else it is left alone, and lingers
		s.hangUp()
	}
	c.part()
}

// despair is when nothing comes for a long time.
func (c *simClient) despair() {
	w, s := c.w, c.sock
	if s.blamed == 0 && s.fd >= 0 {
		ahead := 0
		if s.below != nil {
			ahead = len(s.below.ahead)
		}
		state := "none"
		if on := s.conn(); on != nil {
			state = on.state.String()
		}
		w.fail("client %d waits in vain for %d answers on #%d, which has taken %d of %d octets, %d wait, %d ahead, state %s; the request is %+v; out %d, ended %v, talk %+v",
			c.no, len(c.awaits), s.no, s.taken, c.said, s.in.len(), ahead, state, c.awaits[:min(1, len(c.awaits))], len(c.out)-c.gone, c.ended, c.talk)
	}
	c.quit(quitReset)
}
