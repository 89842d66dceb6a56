package httpd

import "time"

// A door is what loop 0 knows of the listening descriptor.
type door struct {
	fd      int           // -1: none
	open    bool          // it is watched
	retry   time.Duration // if not 0: when to look again, for the system had no room
	tries   int           // to purge in vain: the next is for the next loop
	starved bool          // it had none the last time
	full    int           // batches in a row behind which more may wait
}

// batch is how many connections the next turn accepts at most. To ask in vain for
// one more costs a third of what it takes to accept, serve and end one, so a batch
// is one connection: the next turn is soon. Where more wait than that, turns being
// long, it doubles after every four. Behind a scarcity the end is asked for, since
// starve is to hear of it.
func (d *door) batch() int {
	if d.starved {
		return acceptBatch
	}
	return min(1<<min(d.full/4, 16), acceptBatch)
}

// accept takes what waits at the listening descriptor, as far as there is
// room, and deals it out.
func (l *loop) accept() {
	batch, full := l.door.batch(), l.door.full
	l.door.full = 0
	for i := range batch {
		if !l.srv.enter() && !(i == 0 && l.makeRoom()) {
			l.waitForRoom(i == 0)
			return
		}
		fd, o, err := l.kernel.Accept(l.door.fd)
		switch o {
		case ok:
			l.door.tries = 0
			if place, may := l.srv.hosts.admit(l.kernel, fd); may {
				l.deal(socket{fd: fd, place: place})
				continue
			}
			l.tooMany++
			l.kernel.Reset(fd) // nothing of it shall stay here
			l.kernel.Close(fd)
			l.srv.leave()
			continue
		case closed: // it went away while it waited
			l.srv.leave()
			continue
		case again: // nobody is left waiting
			l.starve(nil)
		case scarce, broken: // trying at once would be in vain, and never end
			l.starve(err)
			l.door.retry = l.now + acceptRetry
			l.pauseDoor()
		}
		l.srv.leave()
		return
	}
	l.door.full = full + 1
}

// starve notes that the system has no room for a connection, err being its
// word, or has had some for all that waited (nil). Each is logged once: where
// room comes and goes, that is one time of scarcity.
func (l *loop) starve(err error) {
	d, srv := &l.door, l.srv
	if err != nil {
		l.starved++
	}
	if (err != nil) == d.starved {
		return
	}
	d.starved = err != nil
	log := srv.cfg.Logger
	switch {
	case log == nil:
	case err != nil:
		log.Warn("moor: connections wait: the system has no room for them", "error", err, "sessions", srv.sessions.Load()-1) // less the place that was for it
	default:
		log.Info("moor: connections are accepted again", "refused", l.starved)
	}
}

// deal gives a connection to the loop with the fewest sessions.
func (l *loop) deal(s socket) {
	to := l.srv.least()
	to.load.Add(1)
	if to == l {
		l.open(s)
	} else if to.work.adopt(s) != nil { // that loop has ended before this one
		l.kernel.Close(s.fd)
		l.srv.hosts.leave(s.place)
		to.uncount()
	}
}

// makeRoom takes the place of a session, if the policy is to purge. The first
// connection of a turn is there for certain: for it a session may have to end.
func (l *loop) makeRoom() bool {
	if l.srv.cfg.WhenFull != Purge {
		return false
	}
	loops := l.srv.loops
	if to := loops[(int(l.srv.least().index)+l.door.tries)%len(loops)]; to != l && to.load.Load() > 0 { // an empty one has none to spare
		to.work.purge() // and its end will be told
		return false
	}
	return l.purge() && l.srv.enter()
}

// purge ends the session whose last request is longest ago, among those that
// are between two requests and have nothing to say when they are looked at.
func (l *loop) purge() bool {
	for s := range l.table.Oldest() {
		c := l.connOf(s)
		if !c.quiet() {
			continue
		}
		if !c.receive() {
			c.close(ReasonPurged)
		}
		if c.s == nil {
			return true
		}
	}
	return false
}

// waitForRoom pauses until a session ends. One that ended just now did not
// know that it was waited for. If sessions are purged nothing is paused for a
// connection that may not be there; for one that is, idle ones are looked for
// again after a while.
func (l *loop) waitForRoom(waits bool) {
	if l.srv.cfg.WhenFull == Purge {
		if !waits {
			return
		}
		l.door.retry = l.now + acceptRetry
		l.door.tries++
	}
	l.pauseDoor()
	l.srv.full.Store(true)
	if l.srv.sessions.Load() < int64(l.srv.cfg.MaxSessions) && l.srv.full.Swap(false) {
		l.door.retry = 0
		l.openDoor()
	}
}

// pauseDoor leaves further connections in the system's backlog.
func (l *loop) pauseDoor() {
	if l.door.open {
		l.kernel.Unwatch(l.door.fd)
		l.door.open = false
	}
}

// openDoor accepts again, if there is room.
func (l *loop) openDoor() {
	if l.door.fd < 0 || l.door.open || l.door.retry != 0 || l.ends != running {
		return
	}
	if err := l.kernel.Watch(l.door.fd, nameListen, 0, wantRead); err != nil {
		l.door.retry = l.now + acceptRetry
		return
	}
	l.door.open = true
}

// shutDoor ends listening.
func (l *loop) shutDoor() {
	if l.door.fd >= 0 {
		l.kernel.Unlisten(l.door.fd, l.srv.addr)
	}
	l.door = door{fd: -1}
}
