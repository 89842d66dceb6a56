package httpd

import (
	"time"

	"moor.example/httpd/sess"
)

// What has to hold: at a call, when nobody has anything left to do, at the end.

// sample notes the state that the session is in.
func (s *simSock) sample() {
	if c := s.conn(); c != nil {
		s.w.count.states[c.state]++
	}
}

// conn is the engine's side of the socket, nil if there is none.
func (s *simSock) conn() *conn {
	if s.want == 0 {
		return nil
	}
	l := s.w.loops[s.k.no].l
	if found := l.table.Lookup(s.name); found != nil {
		return l.connOf(found)
	}
	return nil
}

// arrived counts n octets that the engine has now, unless it drops them.
func (s *simSock) arrived(n int) {
	s.came = s.w.now
	if c := s.conn(); c != nil && c.last {
		return
	}
	begun := s.inRequest()
	s.taken += n
	if now := s.inRequest(); now != begun {
		s.head = s.w.now
		if now == 0 { // the first one has its time from the begin
			s.head = s.begun
		}
	}
}

// inRequest is where the request begins that the engine has a part of.
func (s *simSock) inRequest() int {
	if s.cl.sock != s {
		return -1
	}
	for i := range s.cl.awaits {
		if q := &s.cl.awaits[i]; q.end > s.taken {
			if q.start < s.taken {
				return q.start
			}
			break
		}
	}
	return -1
}

// checkClose: what the peer has said is read, or else it would be reset, and
// that can destroy the last response. It may come later than the engine looks.
func (s *simSock) checkClose() {
	if s.opened && !s.told {
		s.w.fail("Close of #%d without OnClose", s.no)
	}
	answered := s.reason == ReasonServed || s.reason == ReasonHandler || s.reason == ReasonTrigger
	if job := s.async; answered && job != nil && job.rest > s.taken && !s.shut && !s.cl.ended && !s.gone && !s.rst && !s.resets && s.blamed&^(simTriggered|simSlow) == 0 {
		s.w.fail("#%d is closed (%v) when %d octets of its request's %d are here", s.no, s.reason, s.taken, job.rest)
	}
	if s.in.len() == 0 && !s.resets {
		return
	}
	lingers := s.w.cfg.LingerTimeout >= 0
	if lingers && !s.looked && !s.shut && !s.rst && !s.resets && s.blamed&(simBroken|simLost) == 0 {
		switch s.reason {
		case ReasonServed, ReasonRefused, ReasonHandler:
			s.w.fail("#%d is closed (%v) with %d octets unread", s.no, s.reason, s.in.len())
		}
	}
	s.blame(simCut)
}

// checkHosts: no peer has more sessions than it may.
func (w *simWorld) checkHosts(s *simSock) {
	if w.cfg.MaxSessionsPerIP >= w.cfg.MaxSessions || s.adopted {
		return
	}
	n := 1
	for _, other := range w.fds {
		if other != nil && !other.adopted && other.opened && other.host() == s.host() {
			n++
		}
	}
	if n > w.cfg.MaxSessionsPerIP {
		w.fail("#%d is session %d of its host, which may have %d", s.no, n, w.cfg.MaxSessionsPerIP)
	}
}

func (s *simSock) host() int { return s.cl.no % 16 }

// checkReason: the reason of an end is one that is true.
func (s *simSock) checkReason(c *conn) {
	w, is := s.w, false
	switch r := s.reason; r {
	case ReasonPeer:
		is = s.fin || s.gone || s.rst || s.blamed&simLost != 0 || w.plan.veiled
	case ReasonBroken:
		is = s.blamed&simBroken != 0
	case ReasonTrigger:
		is = s.ends
	case ReasonStop:
		is = w.ending != running
	case ReasonPurged:
		full := w.srv.sessions.Load() >= int64(w.cfg.MaxSessions)
		is = w.cfg.WhenFull == Purge && (full || len(w.loops) > 1) // it may have been on another loop's word
		if s.inRequest() >= 0 && !s.cl.free {
			w.fail("#%d is purged amid a request", s.no)
		}
	case ReasonHandler:
		is = s.fails
	case ReasonRefused:
		is = s.blamed&(simHostile|simCrowded) != 0 || s.excess
	case ReasonServed:
		is = true
	case ReasonReleased:
		is = s.hands
	case ReasonNoRoom:
		is = s.blamed&simCrowded != 0
	case ReasonExpired:
		is = s.due(c)
	}
	if !is {
		w.fail("#%d ends for the reason %q in state %v; blamed %v, awaits %+v, has read %d", s.no, s.reason, c.state, s.blamed, s.cl.awaits, len(s.cl.answer.head))
	}
	if w.ending == closing {
		s.blame(simClosed)
	}
}

// simInTurn is how much time goes by in a turn at most, if it does not leap: a
// loop reads its clock once.
const simInTurn = 5 * time.Millisecond

// due reports whether a deadline of the state can have passed.
func (s *simSock) due(c *conn) bool {
	w := s.w
	if s.lates > 0 || s.slack || s.blamed&simJumped != 0 { // its error handler was asked, or time has leapt
		return true
	}
	now := w.now + simInTurn
	switch c.state {
	case stateFresh:
		return now-s.begun >= w.cfg.HeadTimeout
	case stateIdle, stateUpgraded:
		return w.cfg.IdleTimeout > 0 && now-max(s.begun, s.came) >= w.cfg.IdleTimeout
	case stateFlush:
		s.blame(simSlow)
		if c.out.buf == nil { // it was the answer to what was late
			return true
		}
		since := s.went
		if s.refused != 0 {
			since = min(since, s.refused)
		}
		return now-since >= w.cfg.SendTimeout || w.cfg.MinProgressBytes > 1
	}
	return true // a 408 was there before: see checkLate
}

// checkLate: a request that is answered 408 has had its time.
func (s *simSock) checkLate() {
	w := s.w
	c := s.conn()
	if c == nil {
		return
	}
	if c.state == stateHead && w.now-s.head < w.cfg.HeadTimeout-simInTurn && !s.cl.free && s.blamed&simJumped == 0 {
		w.fail("#%d is late after %v, has %v", s.no, w.now-s.head, w.cfg.HeadTimeout)
	}
}

// A simDue is a session whose time is over.
type simDue struct {
	name  sess.Name
	class int
	s     *simSock // nil: it is not known yet
	lates int
}

// expiring returns the sessions whose time is over, in the turn that is to come.
func (w *simWorld) expiring(lp *simLoop) []simDue {
	at, is := lp.l.table.Next()
	if !is || at > w.now {
		return nil
	}
	var list []simDue
	for on := range lp.l.table.All() {
		at, is := on.Deadline()
		if !is || at > w.now {
			continue
		}
		d := simDue{on.Name(), on.Class(), w.ids[ID{lp.l.index, on.Name()}], 0}
		if d.s != nil {
			d.lates = d.s.lates
		}
		list = append(list, d)
	}
	return list
}

// expired counts those of them that the turn has ended, or answered 408, by what
// they waited for.
func (w *simWorld) expired(lp *simLoop, list []simDue) {
	for i := range list {
		d := &list[i]
		on := lp.l.table.Lookup(d.name)
		if d.class == int(classContent) && on != nil && d.s != nil && lp.l.connOf(on).detached != nil && lp.l.connOf(on).ended == ReasonExpired {
			d.s.slackens()
		}
		switch {
		case on != nil && lp.l.connOf(on).ended == ReasonExpired,
			on == nil && (d.s == nil || d.s.reason == ReasonExpired || class(d.class) == classLinger),
			d.s != nil && d.s.lates > d.lates:
			w.count.deadlines[d.class]++
		}
	}
}

// slackens is when the content of a blocking handler does not come in time.
func (s *simSock) slackens() {
	w := s.w
	if !s.slack && w.now-s.came < w.cfg.ContentTimeout-simInTurn && w.cfg.MinProgressBytes <= 1 && s.blamed&simJumped == 0 {
		w.fail("#%d is late with its content after %v", s.no, w.now-s.came)
	}
	s.slack = true
}

// checkQuiet is when nobody has anything to do: every session waits for what it
// ought to wait for, and not too long.
func (w *simWorld) checkQuiet() {
	for _, s := range w.fds {
		if s == nil || s.closed {
			continue
		}
		c := s.conn()
		if c == nil {
			if !s.severed && s.want == 0 && s.opened && (s.async == nil || s.async.done) {
				w.fail("#%d is open and nobody watches it", s.no)
			}
			continue
		}
		if (s.ready() != 0) != (s.hot > 0) {
			w.fail("the simulation has lost an event of #%d", s.no)
		}
		w.count.states[c.state]++
		s.checkWait(c)
		s.checkDeadline(c)
	}
	w.checkDoor()
	w.checkContexts()
	for _, job := range w.asyncs {
		if c := job.s.conn(); job.s.severed || c != nil && c.state == stateHandler && job.s.hung {
			job.checkCancelled(true)
		}
	}
	w.checkJobs()
}

// checkCancelled: a detached request is told when nobody waits for it, and not
// before.
func (job *simAsync) checkCancelled(must bool) {
	s := job.s
	gone := s.fin || s.gone || s.rst || s.severed || s.blamed&(simLost|simBroken) != 0 || s.w.ending == closing
	if c := s.conn(); c != nil && c.cut && c.ended == ReasonNoRoom { // an answer before it had no room: it is being ended
		gone = true
	}
	switch cancelled := job.d.Context().Err() != nil; {
	case cancelled && !gone && !job.timed:
		s.w.fail("the detached request of #%d is cancelled, and its peer is there", s.no)
	case !cancelled && must:
		s.w.fail("the detached request of #%d is not cancelled, and its peer is not there", s.no)
	}
}

// checkWait: what a session waits for is what it lacks.
func (s *simSock) checkWait(c *conn) {
	w := s.w
	switch {
	case s.ready() != 0:
		w.fail("#%d is ready for %d, and all is quiet; state %v", s.no, s.ready(), c.state)
	case (c.out.buf != nil) != (c.state == stateFlush):
		w.fail("#%d has output in state %v", s.no, c.state)
	case c.state == stateFlush && !w.plan.veiled && s.writable():
		w.fail("#%d has output, there is room for it, and it is watched for %d", s.no, s.want)
	case w.plan.veiled || s.cl.free || s.cl.sock != s || s.lates > 0:
		return
	case s.in.len() > 0 && c.state != stateFlush && c.state != stateHandler:
		w.fail("#%d has %d octets to be read in state %v", s.no, s.in.len(), c.state)
	}
	if within := s.inRequest() >= 0; within && (c.state == stateFresh || c.state == stateIdle) {
		w.fail("#%d is within a request in state %v", s.no, c.state)
	} else if !within && (c.state == stateHead || c.state == stateContent) {
		w.fail("#%d is between requests in state %v", s.no, c.state)
	}
	if (c.state == stateFresh || c.state == stateIdle || c.state == stateLinger) && (c.in.buf != nil || c.out.buf != nil) {
		w.fail("#%d holds a buffer in state %v", s.no, c.state)
	}
}

// checkDeadline: nobody lives past his deadline.
func (s *simSock) checkDeadline(c *conn) {
	w := s.w
	cfg := &w.cfg
	var since, most time.Duration
	switch c.state {
	case stateOpen:
		since, most = s.begun, cfg.HandshakeTimeout
	case stateFresh:
		since, most = max(s.begun, s.went, s.answered), cfg.HeadTimeout
	case stateIdle, stateUpgraded:
		since, most = max(s.begun, s.came, s.went, s.answered), cfg.IdleTimeout
	case stateHead:
		since, most = max(s.begun, s.head, s.went, s.answered), cfg.HeadTimeout
		if s.cl.free {
			since = max(since, s.came)
		}
	case stateContent, stateDiscard, stateStream:
		since, most = max(s.came, s.went, s.answered), cfg.ContentTimeout
	case stateFlush:
		since, most = max(s.went, s.refused, s.answered), cfg.SendTimeout
	case stateLinger:
		since, most = s.shutAt, cfg.LingerTimeout
	}
	const late = 20 * time.Millisecond
	if most > 0 && w.now-since > most+late {
		w.fail("#%d is in state %v for %v, has %v", s.no, c.state, w.now-since, most)
	}
}

// checkDoor: connections do not wait while there is room.
func (w *simWorld) checkDoor() {
	l, first := w.listener, w.loops[0]
	if l.closed || len(l.backlog) == 0 || l.watched != nil || first.ended {
		return
	}
	if w.srv.sessions.Load() < int64(w.cfg.MaxSessions) && first.l.door.retry == 0 {
		w.fail("%d connections wait, there is room, and nobody listens", len(l.backlog))
	}
}

// checkContexts: a context lives as long as its session has it, a buffer as
// long as its session.
func (w *simWorld) checkContexts() {
	held := 0
	for _, s := range w.fds {
		if s != nil && s.ctx != nil {
			held++
		}
		if s != nil && s.async != nil && !s.async.done && s.base != nil && s.base != s.ctx && !s.base.freed {
			held++
		}
	}
	if w.made-w.freed != held {
		w.fail("%d contexts are not freed, and sessions have %d", w.made-w.freed, held)
	}
	for _, lp := range w.loops {
		bufs := 0
		for s := range lp.l.table.All() {
			if c := lp.l.connOf(s); c.in.buf != nil {
				bufs++
			}
			if c := lp.l.connOf(s); c.out.buf != nil {
				bufs++
			}
		}
		if bufs != lp.l.pool.live {
			w.fail("%d buffers are out, and sessions have %d", lp.l.pool.live, bufs)
		}
	}
}

// checkEnd: the server has ended and nothing is left of it.
func (w *simWorld) checkEnd() {
	for _, lp := range w.loops {
		for r, n := range lp.l.closed {
			w.count.reasons[r] += int(n)
		}
	}
	for _, s := range w.fds {
		if s != nil {
			w.fail("#%d is still open", s.no)
		}
	}
	for _, lp := range w.loops {
		if n := lp.l.table.Len(); n != 0 || lp.l.pool.live != 0 || lp.l.load.Load() != 0 || !lp.k.ends {
			w.fail("loop %d has %d sessions, %d buffers, a load of %d", lp.l.index, n, lp.l.pool.live, lp.l.load.Load())
		}
	}
	switch {
	case w.srv.sessions.Load() != 0 || w.srv.detached.Load() != 0 || w.srv.budget.used.Load() != 0:
		w.fail("%d sessions and %d detached requests are counted, %d octets", w.srv.sessions.Load(), w.srv.detached.Load(), w.srv.budget.used.Load())
	case w.made != w.freed:
		w.fail("%d contexts were made, %d freed", w.made, w.freed)
	case w.count.accepted != w.count.closed:
		w.fail("%d connections were taken, %d closed", w.count.accepted, w.count.closed)
	case w.queued != w.ran:
		w.fail("%d functions were queued, %d ran", w.queued, w.ran)
	case w.below != w.belowFreed:
		w.fail("%d transport contexts were made, %d freed", w.below, w.belowFreed)
	case len(w.jobs)+len(w.early) > 0:
		w.fail("%d blocking handlers are not over", len(w.jobs))
	case len(w.asyncs) > 0 || len(w.srv.Sessions())+len(w.srv.Detached()) > 0:
		w.fail("sessions are left: %v", w.srv.Sessions())
	case w.count.turns > 3*w.effects+1000:
		w.fail("%d turns for %d effects", w.count.turns, w.effects)
	case !w.listener.closed:
		w.fail("the listener is open")
	}
}
