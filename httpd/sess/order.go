package sess

import "iter"

// Which of a session's links a list runs through.
const (
	inOrder = iota // the LRU order
	inQueue        // a deadline queue, or the free list
)

// A link is a session's place in a list: the slots before and after it, or none.
// Indices instead of pointers halve it and leave the garbage collector nothing
// to follow.
type link struct{ prev, next int32 }

// A list is a doubly linked list of slots. A session is in at most one list per
// kind of link, and the caller of insert and remove knows which.
//
// Invariant: first and last are both none, or first has no prev, last has no next,
// and between them each next is answered by a prev.
type list struct{ first, last, via int32 }

func newList(via int32) list { return list{none, none, via} }

// insert puts s, which is in no list of l's kind, behind slot after; none is before
// the first.
func (t *Table) insert(l *list, s *Session, after int32) {
	next := l.first
	if after != none {
		next = t.at(after).links[l.via].next
	}
	s.links[l.via] = link{after, next}
	t.join(l, after, s.slot)
	t.join(l, s.slot, next)
}

// remove takes s out of l, which it is in.
func (t *Table) remove(l *list, s *Session) {
	at := s.links[l.via]
	t.join(l, at.prev, at.next)
	s.links[l.via] = link{none, none}
}

// join makes slots a and b neighbours; none stands for the list's own end.
func (t *Table) join(l *list, a, b int32) {
	if a == none {
		l.first = b
	} else {
		t.at(a).links[l.via].next = b
	}
	if b == none {
		l.last = a
	} else {
		t.at(b).links[l.via].prev = a
	}
}

// Touch makes s the most recently used session. The engine calls it when a request
// is complete; it is ESP-IDF's httpd_sess_update_lru_counter.
func (t *Table) Touch(s *Session) {
	if t.lru.last == s.slot && t.at(s.slot) == s { // as behind each pipelined request but the first
		return
	}
	t.mustOwn(s)
	t.remove(&t.lru, s)
	t.insert(&t.lru, s, t.lru.last)
}

// Oldest yields the live sessions, the least recently used first: when the table is
// full, the first that can be spared makes room, as in httpd_sess_close_lru. (There
// a fresh connection ties with the last one served, and the lower slot goes first;
// here it is the younger of the two.)
//
// The loop body may touch or end the session it was given, but no other; one opened
// or touched meanwhile is not seen again. The first step is O(1).
func (t *Table) Oldest() iter.Seq[*Session] {
	return func(yield func(*Session) bool) {
		last := t.lru.last
		for i := t.lru.first; i != none; {
			s := t.at(i)
			next := s.links[inOrder].next // now: the body may move s
			if !yield(s) || i == last {
				return
			}
			i = next
		}
	}
}
