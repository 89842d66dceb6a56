package sess

import (
	"iter"
	"math"
	"time"
)

// none is the index of no slot.
const none = -1

// Slots per block. A block is 72 KiB: small beside the sessions it serves, large
// enough that a million sessions take a thousand allocations.
const (
	blockBits = 10
	blockSize = 1 << blockBits
)

// A Name names one session for as long as it lives, and nothing afterwards. Names
// are comparable. Gen is at least 1 in the name of a session, so the zero Name
// names nothing. Slots below zero are the caller's, to tell a listener from a
// session where both travel as names; a Table never gives them out.
//
// A slot's generations repeat after 2^31-1 sessions. Nobody keeps a name that long.
type Name struct{ Slot, Gen int32 }

// A phase is how far a session has come; it decides what becomes of a context
// that is replaced.
type phase uint8

const (
	vacant   phase = iota // the slot holds no session
	resting               // no request is open
	serving               // a request is open, the context is the committed one
	changed               // a request is open, the context was set by it
	released              // the context is gone, for good
)

// A Session is one slot of a Table. Pointers to it are for the loop's own use and
// for as long as the session lives; what is kept longer is its Name.
type Session struct {
	ctx      any           // nil: none
	free     func(any)     // frees ctx; nil: nothing to call; nil whenever ctx is
	replaced *held         // the committed context, once this request has replaced it
	deadline time.Duration // on the loop's clock; means nothing unless armed
	fd       int32         // -1: vacant
	slot     int32         // its own index
	gen      int32         // of the session here now, or of the last one
	links    [2]link       // indexed by inOrder and inQueue
	class    int8          // the deadline queue it is in, or none
	phase    phase
	freeing  bool // one of its free functions is running
}

// Name returns the name of s.
func (s *Session) Name() Name { return Name{s.slot, s.gen} }

// FD returns the descriptor s was opened with, or -1 once s has ended.
func (s *Session) FD() int { return int(s.fd) }

// A Table holds the sessions of one loop.
type Table struct {
	blocks []*[blockSize]Session // nil from the first block never used
	lru    list
	queues []list // one per timeout class
	vacant int32  // first slot of the free list, which is linked by links[inQueue].next
	used   int32  // slots from here on were never used
	live   int32
	max    int32
}

// NewTable returns an empty table for at most max sessions with deadlines in the
// timeout classes 0 to classes-1. It allocates 8 bytes per 1,024 sessions and 12
// per class now, and the slots as they are first used. It panics unless
// 0 <= max <= 2^31-1 and 0 <= classes <= 127.
func NewTable(max, classes int) *Table {
	if max < 0 || max > math.MaxInt32 || classes < 0 || classes > math.MaxInt8 {
		panic("sess: NewTable: max or classes out of range")
	}
	t := &Table{
		blocks: make([]*[blockSize]Session, (int64(max)+blockSize-1)/blockSize),
		lru:    newList(inOrder),
		queues: make([]list, classes),
		vacant: none,
		max:    int32(max),
	}
	for i := range t.queues {
		t.queues[i] = newList(inQueue)
	}
	return t
}

// Len returns the number of live sessions: opened and not yet ended.
func (t *Table) Len() int { return int(t.live) }

// Cap returns the number of sessions that can be live at once.
func (t *Table) Cap() int { return int(t.max) }

// Open begins a session for the descriptor fd. It has no context and no deadline,
// and counts as just used. Open returns nil if the table is full. It is ESP-IDF's
// httpd_sess_new.
//
// The slot vacated last is taken first, since it is the likeliest to be in cache;
// a slot never used is taken only when no other is vacant, so that the memory in
// use follows the largest number of sessions there ever was at once.
func (t *Table) Open(fd int) *Session {
	i := t.vacant
	switch {
	case i != none:
		t.vacant = t.at(i).links[inQueue].next
	case t.used < t.max:
		i = t.grow()
	default:
		return nil
	}
	s := t.at(i)
	*s = Session{fd: int32(fd), slot: i, gen: nextGen(s.gen), class: none, phase: resting}
	t.insert(&t.lru, s, t.lru.last)
	t.live++
	return s
}

// Lookup returns the session n names, or nil if it has ended. Any name is safe to
// look up, also one that no session ever had.
func (t *Table) Lookup(n Name) *Session {
	if n.Slot < 0 || n.Slot >= t.used {
		return nil
	}
	s := t.at(n.Slot)
	if s.gen != n.Gen || s.fd < 0 {
		return nil
	}
	return s
}

// End ends s and vacates its slot: s leaves the order and its deadline queue, and
// its name finds nothing from now on. The descriptor is the caller's to close, and
// to close first. End is the last step of ESP-IDF's httpd_sess_delete.
//
// End panics if s was not released or has already ended. A refusal could be
// overlooked, and would then lose a slot, a context or another's session.
func (t *Table) End(s *Session) {
	t.mustOwn(s)
	if s.phase != released || s.freeing {
		panic("sess: End of a session that was not released")
	}
	t.Disarm(s)
	t.remove(&t.lru, s)
	s.fd, s.phase = -1, vacant
	s.links[inQueue].next = t.vacant
	t.vacant = s.slot
	t.live--
}

// All yields the live sessions in slot order, as httpd_get_client_list does. The
// loop body may open and end sessions, its own or any other; one opened meanwhile
// may or may not be seen. A whole walk is O(slots ever used).
func (t *Table) All() iter.Seq[*Session] {
	return func(yield func(*Session) bool) {
		for i := int32(0); i < t.used; i++ {
			if s := t.at(i); s.fd >= 0 && !yield(s) {
				return
			}
		}
	}
}

// at returns slot i, which must be below t.used.
func (t *Table) at(i int32) *Session {
	return &t.blocks[i>>blockBits][i&(blockSize-1)]
}

// grow takes the next slot never used into use, with its block if it is the first.
func (t *Table) grow() int32 {
	i := t.used
	if i%blockSize == 0 {
		t.blocks[i>>blockBits] = new([blockSize]Session)
	}
	t.used++
	return i
}

// mustOwn panics unless s is a live session of t. Every change to the lists asks,
// because a session that has ended would tie a vacant slot into them.
func (t *Table) mustOwn(s *Session) {
	if s.fd < 0 || s.slot >= t.used || t.at(s.slot) != s {
		panic("sess: the session has ended, or is another table's")
	}
}

// nextGen returns the generation after gen: positive, whatever gen was.
func nextGen(gen int32) int32 {
	if gen < 0 || gen == math.MaxInt32 {
		return 1
	}
	return gen + 1
}
