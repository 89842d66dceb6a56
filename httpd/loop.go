package httpd

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"moor.example/httpd/sess"
)

const (
	connBlock   = 1024 // connections per block
	acceptBatch = 64   // connections accepted in one turn, at most: those that are open come first
	acceptRetry = 100 * time.Millisecond
)

// A loop is one goroutine, one epoll instance and the sessions that it serves.
// Its state is its goroutine's alone. Others reach it through work.
type loop struct {
	srv    *Server
	index  int32
	kernel kernel
	now    time.Duration // read once a turn

	table   *sess.Table
	conns   [][]conn // same index as the slots, in blocks that never move
	ready   []sess.Name
	pool    buffers
	x       *exchange // the one in progress: a loop runs one handler at a time
	carrier carrier

	door door   // to the listening descriptor: loop 0's alone
	work work   // what other goroutines want of this loop
	ends ending // how far the end has come

	seen
}

// An ending is how far a server, or one of its loops, is on its way out.
type ending int32

const (
	running  ending = iota
	stopping        // what is in flight is finished, nothing new is begun
	closing         // everything ends now
)

func newLoop(srv *Server, index int, k kernel) *loop {
	l := &loop{
		srv:     srv,
		index:   int32(index),
		kernel:  k,
		now:     k.Now(),
		table:   sess.NewTable(srv.cfg.MaxSessions, int(numClasses)),
		conns:   make([][]conn, (srv.cfg.MaxSessions+connBlock-1)/connBlock),
		pool:    newBuffers(&srv.budget),
		carrier: carrier{t: srv.cfg.Transport},
	}
	l.pool.common = make([]byte, loopBuffer)
	l.door.fd = -1
	l.work.kernel, l.work.max = k, srv.cfg.MaxWork
	l.work.place = make([]int32, srv.cfg.MaxSessions)
	l.work.live = make([]atomic.Int32, srv.cfg.MaxSessions)
	l.work.arrived.L = &l.work.mu
	l.x = newExchange(&srv.cfg, &date{kernel: k, now: l.now})
	l.x.w.set.valid = new(pairs)
	return l
}

// run turns the loop until its last session has ended.
func (l *loop) run() error {
	var err error
	for err == nil && !l.done() {
		err = l.turn()
	}
	if err != nil {
		l.srv.Close() // first: end may wait for a detached request, the other loops shall not
	}
	l.end()
	if err != nil {
		return fmt.Errorf("httpd: loop %d: %w", l.index, err)
	}
	return nil
}

// turn waits, serves what is ready, goes on with what is in hand, does the
// work of others and ends what has had its time.
func (l *loop) turn() error {
	timeout := l.untilDeadline()
	l.show()
	n, err := l.kernel.Wait(timeout)
	if err != nil {
		return err
	}
	l.busy.Store(true)
	defer l.busy.Store(false)
	l.now = l.kernel.Now()
	l.x.w.wire.date.now = l.now
	for i := range n {
		l.dispatch(l.kernel.Event(i))
	}
	l.resume()
	l.runWork()
	l.expire()
	if l.work.detached > 0 {
		runtime.Gosched() // a busy loop does not block: those goroutines would wait for it
	}
	return nil
}

func (l *loop) dispatch(name sess.Name, ready interest) {
	switch name {
	case nameListen:
		l.accept()
	case nameWake: // what for is in the work lists
	default:
		if s := l.table.Lookup(name); s != nil { // nil: it ended earlier in this turn
			l.connOf(s).serve(ready)
		}
	}
}

// resume gives each session with octets in hand its share. One that has more
// than that stands in line again, for the next turn.
func (l *loop) resume() {
	waiting := len(l.ready)
	for _, name := range l.ready[:waiting] {
		if s := l.table.Lookup(name); s != nil {
			l.connOf(s).resume()
		}
	}
	l.ready = append(l.ready[:0], l.ready[waiting:]...)
}

// untilDeadline is how long the loop may wait: not at all with octets in
// hand, for ever (negative) if nothing has a deadline.
func (l *loop) untilDeadline() time.Duration {
	if len(l.ready) > 0 || l.work.pending.Load() {
		return 0
	}
	at, is := l.table.Next()
	if l.door.retry != 0 && (!is || l.door.retry < at) {
		at, is = l.door.retry, true
	}
	if !is {
		return -1
	}
	return max(0, at-l.kernel.Now())
}

// expire ends the states that have lasted too long.
func (l *loop) expire() {
	for s := l.table.Expired(l.now); s != nil; s = l.table.Expired(l.now) {
		l.connOf(s).expired()
	}
	if l.door.retry != 0 && l.door.retry <= l.now {
		l.door.retry = 0
		l.openDoor()
	}
}

// open begins a session on a socket that is prepared and counted.
func (l *loop) open(from socket) {
	var s *sess.Session
	if l.ends == running {
		s = l.table.Open(from.fd)
	}
	if s == nil {
		l.kernel.Close(from.fd)
		l.srv.hosts.leave(from.place)
		l.uncount()
		return
	}
	block := &l.conns[s.Name().Slot/connBlock]
	if *block == nil {
		*block = make([]conn, connBlock)
	}
	l.accepted++
	l.inState[stateOpen]++
	c := l.connOf(s)
	*c = conn{l: l, s: s, shared: from.shared, from: from.place}
	l.carrier.open(c)
}

// connOf returns the connection of s, at an address that never changes.
func (l *loop) connOf(s *sess.Session) *conn {
	slot := s.Name().Slot
	return &l.conns[slot/connBlock][slot%connBlock]
}

// uncount gives back the place of a session that has ended.
func (l *loop) uncount() {
	l.load.Add(-1)
	l.srv.leave()
}

// stop begins the end. Sessions between two requests end now, unless a
// request is waiting in their socket; those within one end after it.
func (l *loop) stop() {
	l.ends = stopping
	l.shutDoor()
	for s := range l.table.All() {
		c := l.connOf(s)
		if c.quiet() {
			c.receive()
		}
		if c.quiet() || c.s != nil && c.state == stateOpen { // still
			c.close(ReasonStop)
		}
	}
}

// abort ends every session now.
func (l *loop) abort() {
	l.ends = closing
	l.shutDoor()
	for s := range l.table.All() {
		l.connOf(s).close(ReasonStop)
	}
}

func (l *loop) done() bool { return l.ends != running && l.table.Len() == 0 }

// end is the last thing a loop does. It waits for the requests that are
// detached, if the loop could not, and runs the work that was accepted; none is
// afterwards.
func (l *loop) end() {
	l.abort()
	for l.work.detached > 0 {
		l.work.wait()
		l.runWork()
	}
	l.work.close()
	for l.work.pending.Load() {
		l.runWork()
	}
	l.show()
	l.kernel.End()
}
