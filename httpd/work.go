package httpd

import (
	"errors"
	"sync"
	"sync/atomic"

	"moor.example/httpd/sess"
)

// Errors of what other goroutines ask of a server.
var (
	// ErrServerClosed says that the server is ending, or has ended.
	ErrServerClosed = errors.New("httpd: server closed")
	// ErrQueueFull says that Config.MaxWork functions are waiting already.
	ErrQueueFull = errors.New("httpd: work queue full")
	// ErrServerFull says that Config.MaxSessions sessions are open.
	ErrServerFull = errors.New("httpd: no room for another session")
)

// work is the door through which other goroutines reach a loop: what they put
// in the loop takes over as a whole, once a turn. The users' list is bounded.
// The engine's own entries never fail, for there is at most one per slot.
type work struct {
	pending atomic.Bool // todo is not empty: the loop looks here, without the lock
	kernel  kernel
	max     int            // functions in todo
	live    []atomic.Int32 // by slot: its session's generation; 0: none; negative: its request is detached
	arrived sync.Cond      // with mu: something was put in

	detached int   // requests that Complete is to bring back; the loop's own
	now      batch // what the loop is about, and its own
	begun    bool  // a part of now is done: the functions up to next
	next     int

	mu     sync.Mutex
	todo   batch
	spare  batch   // an empty one, for its memory
	later  int     // functions in now that this turn does not come to: they wait, too
	place  []int32 // by slot: 1 + where in todo.triggers its session is; 0: it is not
	closed bool
}

// A batch is what a loop has been asked to do.
type batch struct {
	ending   ending
	door     bool        // there is room for a connection again
	purge    bool        // a connection wants the place of a session of this loop
	adopted  []socket    // to open sessions on: counted, so within MaxSessions
	triggers []sess.Name // sessions to end, one per slot
	stirs    []sess.Name // sessions whose blocking handler has something for the loop, one per slot
	complete []sess.Name // sessions whose detached request is done, one per slot
	funcs    []func()
}

// A socket is a connected descriptor on its way to its loop.
type socket struct {
	fd     int
	shared bool   // it may have another descriptor
	place  *place // where its peer is counted; nil: nowhere
}

// put changes what is to be done and wakes the loop. It returns change's
// error, or ErrServerClosed once the loop has ended.
func (w *work) put(change func(todo *batch) error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return ErrServerClosed
	}
	if err := change(&w.todo); err != nil {
		return err
	}
	if !w.pending.Swap(true) {
		w.kernel.Wake()
		w.arrived.Signal()
	}
	return nil
}

// wait waits until something is put in, for a loop whose kernel cannot.
func (w *work) wait() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for !w.pending.Load() {
		w.arrived.Wait()
	}
}

func (w *work) adopt(s socket) error {
	return w.put(func(todo *batch) error {
		todo.adopted = append(todo.adopted, s)
		return nil
	})
}

// trigger asks for the end of a session. Of two names with one slot the
// session of the older one has ended, and its entry becomes the newer's.
func (w *work) trigger(name sess.Name) error {
	if int(name.Slot) >= len(w.place) {
		return nil // no session of this loop has such a name
	}
	return w.put(func(todo *batch) error {
		switch at := w.place[name.Slot]; {
		case at == 0:
			todo.triggers = append(todo.triggers, name)
			w.place[name.Slot] = int32(len(todo.triggers))
		case name.Gen-todo.triggers[at-1].Gen > 0:
			todo.triggers[at-1] = name
		}
		return nil
	})
}

// stir comes once, until the loop has come: see stream.wake.
func (w *work) stir(name sess.Name) {
	w.put(func(todo *batch) error {
		todo.stirs = append(todo.stirs, name)
		return nil
	})
}

// complete cannot come too late: the session keeps its loop going.
func (w *work) complete(name sess.Name) {
	w.put(func(todo *batch) error {
		todo.complete = append(todo.complete, name)
		return nil
	})
}

func (w *work) queue(fn func()) error {
	return w.put(func(todo *batch) error {
		if w.later+len(todo.funcs) >= w.max {
			return ErrQueueFull
		}
		todo.funcs = append(todo.funcs, fn)
		return nil
	})
}

func (w *work) openDoor() {
	w.put(func(todo *batch) error { todo.door = true; return nil })
}

func (w *work) purge() {
	w.put(func(todo *batch) error { todo.purge = true; return nil })
}

func (w *work) end(e ending) {
	w.put(func(todo *batch) error { todo.ending = max(todo.ending, e); return nil })
}

// take makes now what is to be done, and leaves the list empty.
func (w *work) take() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now, w.begun, w.next = w.todo, true, 0
	w.todo, w.spare = w.spare, batch{}
	for _, name := range w.now.triggers {
		w.place[name.Slot] = 0
	}
}

// share returns how far in now.funcs this turn goes: all the way, if the server
// ends.
func (w *work) share(ends bool) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	to := len(w.now.funcs)
	if !ends {
		to = min(to, w.next+turnWork)
	}
	w.later = len(w.now.funcs) - to
	return to
}

// done gives back the memory of now, and sees whether there is more to do.
func (w *work) done() {
	b := w.now
	clear(b.funcs)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now, w.begun = batch{}, false
	w.spare = batch{adopted: b.adopted[:0], triggers: b.triggers[:0], stirs: b.stirs[:0], complete: b.complete[:0], funcs: b.funcs[:0]}
	w.pending.Store(w.todo.any())
}

// any reports whether there is anything to do.
func (b *batch) any() bool {
	return b.ending != running || b.door || b.purge || len(b.adopted)+len(b.triggers)+len(b.stirs)+len(b.complete)+len(b.funcs) > 0
}

// close lets nothing more in.
func (w *work) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
}

// turnWork is how many functions run before the sessions have their turn, unless
// the server ends: that shall not wait for them.
const turnWork = 64

// runWork does what other goroutines have asked for. What the functions ask
// for in turn is done in the next one.
func (l *loop) runWork() {
	w := &l.work
	if !w.pending.Load() {
		return
	}
	if !w.begun {
		w.take()
		l.beginWork()
	}
	for to := w.share(l.srv.stopped.Load()); w.next < to; {
		w.next++
		w.now.funcs[w.next-1]()
	}
	if w.next == len(w.now.funcs) {
		l.endWork()
		w.done()
	}
}

// beginWork opens sessions, and ends detached requests.
func (l *loop) beginWork() {
	for _, s := range l.work.now.adopted {
		l.open(s)
	}
	for _, name := range l.work.now.stirs {
		if s := l.table.Lookup(name); s != nil { // nil: it has ended meanwhile
			l.connOf(s).stir()
		}
	}
	for _, name := range l.work.now.complete {
		if s := l.table.Lookup(name); s != nil { // nil: its connection was hijacked
			c := l.connOf(s)
			c.detached.conclude(c)
		}
	}
}

// endWork ends sessions, and the server. It comes behind the functions: a
// farewell may be among them.
func (l *loop) endWork() {
	b := &l.work.now
	for _, name := range b.triggers {
		if s := l.table.Lookup(name); s != nil { // nil: it has ended by itself
			l.connOf(s).trigger()
		}
	}
	if b.purge {
		l.purge()
	}
	if b.door {
		l.door.retry = 0
		l.openDoor()
	}
	switch {
	case b.ending == stopping && l.ends == running:
		l.stop()
	case b.ending == closing:
		l.abort()
	}
}

// workFor runs fn with the session that id names, and sends what that has sent.
func (l *loop) workFor(id ID, fn func(s *Session)) {
	s := l.table.Lookup(id.name)
	if s == nil || id.loop != l.index {
		fn(nil)
		return
	}
	c := l.connOf(s)
	fn(&Session{c: c})
	if len(l.x.w.wire.out) > 0 && !c.send() { // or else it waits for what it did
		c.settle()
	}
}
