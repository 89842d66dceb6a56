package httpd

import (
	"errors"
	"time"
)

// simOthers is what other goroutines do to a server.
type simOthers struct {
	ids    map[ID]*simSock // every session that there was
	names  []ID
	asyncs []*simAsync // not completed yet
	queued int         // functions that were accepted
	ran    int
	varies bool // the route /vary is there
	deeds  int
	acting bool // in the midst of one
}

// interfere is something that another goroutine does, at any moment.
func (w *simWorld) interfere() {
	w.acting = true
	w.deed()
	w.acting = false
}

func (w *simWorld) deed() {
	me := len(w.clients)
	w.deeds++
	w.due[me] = simNever
	w.at(me, w.now+w.between(0, w.plan.period)<<(w.deeds>>8)) // they get tired
	if n := len(w.asyncs); n > 0 && !w.one(3) {
		w.goOn(w.asyncs[w.n(n)])
		return
	}
	if w.plan.stopAt > 0 && w.now > w.plan.stopAt && w.ending == running {
		w.end(ending(1 + w.n(2)))
		return
	}
	p := &w.plan
	switch i := w.n(16); {
	case i < 3:
		w.work()
	case i < 6:
		w.workFor()
	case i < 7 && w.one(p.triggers):
		w.trigger()
	case i < 9 && p.simDeeds.varies:
		w.vary()
	case i < 11:
		w.list()
	case i < 12 && w.one(p.fullTimes):
		w.full = w.now + w.between(0, 2*time.Second)
	case i < 13 && w.depth == 0 && w.one(p.leaps): // a loop reads its clock once a turn
		w.leap()
	case i < 14:
		w.wall += time.Duration(w.n(7200)-3600) * time.Second
	}
}

// anyID is the name of some session: one that lives, or not any more.
func (w *simWorld) anyID() (id ID, s *simSock, is bool) {
	n := len(w.names)
	if n == 0 {
		return ID{}, nil, false
	}
	id = w.names[n-1-w.n(min(n, 1<<w.n(8)))]
	return id, w.ids[id], true
}

func (w *simWorld) trigger() {
	id, s, is := w.anyID()
	if !is {
		return
	}
	alive := 0
	if !s.closed {
		alive = 1
		s.ends = true
		s.blame(simTriggered)
	}
	w.note(simTriggers, s.no, alive, 0)
	was := w.acting
	w.acting = true
	w.srv.TriggerClose(id)
	w.acting = was
}

// accepted judges what a queue says.
func (w *simWorld) accepted(err error) {
	switch {
	case err == nil:
		w.queued++
	case errors.Is(err, ErrQueueFull):
	case errors.Is(err, ErrServerClosed) && w.ending != running:
	default:
		w.fail("work is refused: %v", err)
	}
}

func (w *simWorld) work() {
	ran := false
	w.accepted(w.srv.QueueWork(func() {
		if ran {
			w.fail("work runs twice")
		}
		ran = true
		w.ran++
		w.effects++
		w.count.worked++
	}))
}

// workFor does something to a session from outside, if it lives.
func (w *simWorld) workFor() {
	id, s, is := w.anyID()
	if !is {
		return
	}
	do := w.n(5)
	w.accepted(w.srv.QueueWorkFor(id, func(on *Session) {
		w.ran++
		w.effects++
		w.count.worked++
		w.note(simWorks, s.no, 0, 0)
		if on != nil {
			w.welcome(on.c.l)
		}
		if on == nil {
			if !s.closed {
				w.fail("work for #%d does not find it", s.no)
			}
			return
		}
		if w.sockOf(on) != s || on.ID() != id || s.closed {
			w.fail("work for %v finds %v", id, on.ID())
		}
		if s.opened {
			w.touchFromOutside(on, s, do)
		}
	}))
}

func (w *simWorld) touchFromOutside(on *Session, s *simSock, do int) {
	x := w.ctxOf(on, s)
	s.answered = w.now
	switch do {
	case 0:
		on.Touch()
	case 1:
		w.push(on, s)
	case 2:
		if x != nil && !s.told {
			w.setCtx(on, s, w.newCtx(s, x.sum))
		}
	case 3:
		if x == nil && !s.told {
			w.setCtx(on, s, w.newCtx(s, 0))
		}
	}
}

// vary lets a route and the error handlers come and go.
func (w *simWorld) vary() {
	if w.varies {
		if err := w.srv.Unhandle("POST", "/vary"); err != nil {
			w.fail("Unhandle: %v", err)
		}
	} else if err := w.srv.Handle(Route{Method: "POST", Pattern: "/vary", Handler: w.handler(w.get)}); err != nil {
		w.fail("Handle: %v", err)
	}
	w.varies = !w.varies
	if w.plan.errors != 0 {
		w.handleErrors(w.one(2))
	}
}

func (w *simWorld) handleErrors(on bool) {
	for _, code := range []ErrCode{400, 403, 404, 405, 408, 413, 414, 417, 431, 500, 501, 503, 505} {
		h := w.onError
		if !on {
			h = nil
		}
		if err := w.srv.OnError(code, h); err != nil {
			w.fail("OnError: %v", err)
		}
	}
}

// list compares the lists of sessions with what is true, if nobody is in the
// midst of something.
func (w *simWorld) list() {
	ids := w.srv.Sessions()
	for _, id := range ids {
		if s := w.ids[id]; s == nil && w.depth == 0 || s != nil && s.closed && w.depth == 0 {
			w.fail("Sessions has %v", id)
		}
	}
	detached := w.srv.Detached()
	for _, a := range w.asyncs {
		if !a.s.closed && !has(detached, a.s.id) && !a.done {
			w.fail("Detached lacks %v", a.s.id)
		}
	}
	for _, job := range w.jobs {
		if !job.s.closed && !job.s.hands && !has(detached, job.s.id) {
			w.fail("Detached lacks %v", job.s.id)
		}
	}
	if w.depth > 0 {
		return
	}
	live := 0
	for _, s := range w.fds {
		if s != nil && s.opened && !s.told {
			live++
			if !has(ids, s.id) {
				w.fail("Sessions lacks %v", s.id)
			}
		}
	}
}

func has(ids []ID, id ID) bool {
	for _, other := range ids {
		if other == id {
			return true
		}
	}
	return false
}

// leap lets time go by at once, as for a process that was stopped.
func (w *simWorld) leap() {
	d := w.between(time.Millisecond, 10*time.Second)
	w.count.jumps++
	w.note(simJumps, 0, int(d/time.Millisecond), 0)
	w.now += d
	for _, s := range w.fds {
		if s != nil {
			s.blame(simJumped)
		}
	}
	for _, s := range w.listener.backlog {
		s.blame(simJumped)
	}
}

// adopt hands a connection to the server.
func (w *simWorld) adopt(s *simSock) {
	s.accepted()
	s.adopted = true
	if err := w.srv.Adopt(s.fd); err != nil {
		w.fds[s.fd] = nil
		s.fd, s.closed = -1, true
		s.blame(simRefused)
		s.breakDown()
		w.count.accepted--
		return
	}
	w.count.adopted++
}
