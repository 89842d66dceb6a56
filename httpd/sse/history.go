package sse

// A history is the last events that have an ID, for clients that come back.
type history struct {
	most int
	ring []kept
	next int // where the next one goes when the ring is full: the oldest one's place
}

type kept struct {
	id     string
	f      frame
	wanted func(*Subscriber) bool
}

func (past *history) add(k kept) {
	switch {
	case past.most == 0:
	case len(past.ring) < past.most:
		past.ring = append(past.ring, k)
	default:
		past.ring[past.next] = k
		past.next = (past.next + 1) % past.most
	}
}

// since returns what s wants of all that came behind the event that it has had
// last. If that is not kept any more it is all that is. Of one that has had
// nothing it is nothing.
func (past *history) since(s *Subscriber) (missed []frame) {
	if s.LastEventID == "" {
		return nil
	}
	for i := range past.ring {
		k := &past.ring[(past.next+i)%len(past.ring)]
		if k.id == s.LastEventID {
			missed = missed[:0]
		} else if k.wanted(s) {
			missed = append(missed, k.f)
		}
	}
	return missed
}
