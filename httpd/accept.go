package httpd

import "time"

// A door is what loop 0 knows of the listening descriptor.
type door struct {
	fd    int           // -1: none
	open  bool          // it is watched
	retry time.Duration // if not 0: when to look again, for the system had no room
}

// accept takes what waits at the listening descriptor, as far as there is
// room, and deals it out.
func (l *loop) accept() {
	for range acceptBatch {
		if !l.srv.enter() {
			l.waitForRoom()
			return
		}
		fd, o, _ := l.kernel.Accept(l.door.fd)
		switch o {
		case ok:
			l.deal(socket{fd, false})
			continue
		case closed: // it went away while it waited
			l.srv.leave()
			continue
		case scarce, broken: // trying at once would be in vain, and never end
			l.door.retry = l.now + acceptRetry
			l.pauseDoor()
		}
		l.srv.leave()
		return
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
		to.uncount()
	}
}

// waitForRoom pauses until a session ends. One that ended just now did not
// know that it was waited for.
func (l *loop) waitForRoom() {
	l.pauseDoor()
	l.srv.full.Store(true)
	if l.srv.sessions.Load() < int64(l.srv.cfg.MaxSessions) && l.srv.full.Swap(false) {
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
