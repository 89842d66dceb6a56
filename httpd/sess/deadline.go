package sess

import "time"

// Arm gives s the deadline at, in a timeout class, in place of the one it had.
//
// With a monotonic clock and one fixed timeout per class no deadline is earlier
// than the last one given in its class, and Arm is O(1). Another one is put where
// it belongs, by a walk from the queue's tail over all that are later: the order
// holds whatever the caller does. Equal deadlines keep the order they were given in.
// A class the table does not have panics.
func (t *Table) Arm(s *Session, class int, at time.Duration) {
	q := &t.queues[class]
	t.Disarm(s)
	after := q.last
	for after != none && t.at(after).deadline > at {
		after = t.at(after).links[inQueue].prev
	}
	s.class, s.deadline = int8(class), at
	t.insert(q, s, after)
}

// Disarm takes the deadline of s away, if it has one.
func (t *Table) Disarm(s *Session) {
	t.mustOwn(s)
	if s.class == none {
		return
	}
	t.remove(&t.queues[s.class], s)
	s.class = none
}

// Class returns the timeout class s is armed in, or -1 if it has no deadline.
func (s *Session) Class() int { return int(s.class) }

// Deadline returns when s is due, on the caller's clock, and whether it is at all.
func (s *Session) Deadline() (at time.Duration, ok bool) {
	if s.class == none {
		return 0, false
	}
	return s.deadline, true
}

// Next returns the earliest deadline of all, which is how long the loop may sleep.
// It reports false if no session has one. O(classes).
func (t *Table) Next() (at time.Duration, ok bool) {
	s := t.soonest()
	if s == nil {
		return 0, false
	}
	return s.deadline, true
}

// Expired disarms and returns the session whose deadline is earliest, if that is
// now or past, and nil otherwise: call it until it returns nil. Of equal deadlines
// the lower class goes first. O(classes).
func (t *Table) Expired(now time.Duration) *Session {
	s := t.soonest()
	if s == nil || s.deadline > now {
		return nil
	}
	t.Disarm(s)
	return s
}

// soonest returns the session with the earliest deadline, or nil if none is armed.
// A queue is in order, so only its first can be the one.
func (t *Table) soonest() *Session {
	var first *Session
	for i := range t.queues {
		q := &t.queues[i]
		if q.first == none {
			continue
		}
		if s := t.at(q.first); first == nil || s.deadline < first.deadline {
			first = s
		}
	}
	return first
}
