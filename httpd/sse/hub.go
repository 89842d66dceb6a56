package sse

import (
	"errors"
	"slices"
	"sync"
	"time"

	"moor.example/httpd"
)

// A Policy says what happens when an event finds a subscriber's queue full.
type Policy uint8

const (
	// Drop drops the oldest event that is queued. The newest always arrives, so
	// this is for what says how things are now.
	Drop Policy = iota
	// Close ends the subscriber: what is queued is dropped, and the peer has to
	// come again. With Config.Replay it gets then what it has missed, so this is
	// for what must be complete.
	Close
)

// Config has the limits of a Hub. Its zero value is a good one.
type Config struct {
	// Queue is how many events may wait for one subscriber. Default, also in place
	// of a negative one: 64.
	Queue int
	// Policy says what happens when they do. Default: Drop.
	Policy Policy
	// KeepAlive is how long nothing is sent before a comment is. Default: 15 s.
	// Negative: none is.
	KeepAlive time.Duration
	// Retry tells each client, when its stream begins, how long to wait before it
	// connects again: see Event.Retry. Default: it is not told, and takes what it
	// likes, which is some seconds.
	Retry time.Duration
	// Replay is how many events are kept for clients that come back: the last ones
	// with an ID, but those of PublishTo. Default: none.
	Replay int
}

const (
	defaultQueue     = 64
	defaultKeepAlive = 15 * time.Second
)

// Errors of a Hub.
var (
	// ErrClosed says that Hub.Close was called.
	ErrClosed = errors.New("sse: the hub is closed")
	// ErrNoSubscriber says that the session is not in Hub.Serve, or was too slow.
	ErrNoSubscriber = errors.New("sse: the session is no subscriber")
	// ErrSlow is what Hub.Serve returns to a subscriber that was closed because its
	// queue was full: its session ends.
	ErrSlow = errors.New("sse: the subscriber is too slow")
	// ErrTwice says that the session is a subscriber already. A hub is for one
	// server: the IDs of two are not distinct.
	ErrTwice = errors.New("sse: the session is a subscriber already")
)

// A Hub sends what is published to its subscribers. Its methods may be called
// from any goroutine, handlers on a loop among them; only Serve, and what is made
// of it, waits.
type Hub struct {
	cfg Config

	mu     sync.Mutex
	subs   map[httpd.ID]*subscriber
	past   history
	stats  Stats // without Subscribers
	closed bool
}

// Stats are the counts of a hub since New, and how many subscribers there are now.
type Stats struct {
	Subscribers int    // now
	Published   uint64 // events, each once
	Dropped     uint64 // events that a subscriber did not get, once for each of these
	Closed      uint64 // subscribers that were too slow
}

// New returns a hub without subscribers. It has no goroutine: one that is not
// used any more needs no Close.
func New(cfg Config) *Hub {
	if cfg.Queue <= 0 {
		cfg.Queue = defaultQueue
	}
	if cfg.KeepAlive == 0 {
		cfg.KeepAlive = defaultKeepAlive
	}
	return &Hub{cfg: cfg, subs: map[httpd.ID]*subscriber{}, past: history{most: max(cfg.Replay, 0)}}
}

// Publish sends an event to all subscribers. It returns ErrEvent or ErrClosed,
// and then it is sent to nobody.
func (h *Hub) Publish(e Event) error {
	return h.PublishIf(e, func(*Subscriber) bool { return true })
}

// PublishTopic is Publish for the subscribers that have the topic.
func (h *Hub) PublishTopic(topic string, e Event) error {
	return h.PublishIf(e, func(s *Subscriber) bool { return slices.Contains(s.Topics, topic) })
}

// PublishIf is Publish for the subscribers that are wanted. The function is
// called for one after the other while the hub waits: it must not wait itself,
// nor call the hub, nor keep or change the Subscriber. If the event is kept
// (Config.Replay) it is called for later subscribers, too, on their goroutines.
func (h *Hub) PublishIf(e Event, wanted func(s *Subscriber) bool) error {
	f, err := e.Append(nil)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return ErrClosed
	}
	h.stats.Published++
	if e.ID != "" {
		h.past.add(kept{e.ID, f, wanted})
	}
	for _, s := range h.subs {
		if wanted(&s.Subscriber) {
			h.give(s, f)
		}
	}
	return nil
}

// PublishTo sends an event to the subscriber with that ID alone. It returns
// ErrEvent, ErrClosed or ErrNoSubscriber, and then it is sent to nobody.
func (h *Hub) PublishTo(id httpd.ID, e Event) error {
	f, err := e.Append(nil)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return ErrClosed
	}
	s := h.subs[id]
	if s == nil {
		return ErrNoSubscriber
	}
	h.stats.Published++
	h.give(s, f)
	return nil
}

// give queues an event. The hub's lock is held, so all queues have one order.
func (h *Hub) give(s *subscriber, f frame) {
	dropped := s.queue.put(f, &h.cfg)
	h.stats.Dropped += dropped
	if dropped > 0 && h.cfg.Policy == Close {
		h.stats.Closed++
		delete(h.subs, s.ID)
	}
}

// Close ends the stream of every subscriber, behind what is queued for it, and
// does not wait for that. A session that comes later gets a stream that ends at
// once, so that a browser, which gives up for good when it is refused, comes
// again. It may be called more than once.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for _, s := range h.subs {
		s.queue.end(nil)
	}
}

// Stats returns the counts as they are now.
func (h *Hub) Stats() Stats {
	h.mu.Lock()
	defer h.mu.Unlock()
	stats := h.stats
	stats.Subscribers = len(h.subs)
	return stats
}

// Subscribers returns the subscribers as they are now, in no order.
func (h *Hub) Subscribers() []Subscriber {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]Subscriber, 0, len(h.subs))
	for _, s := range h.subs {
		all = append(all, s.snapshot())
	}
	return all
}

// join makes s a subscriber, and returns what it has missed: nothing is lost or
// sent twice in between.
func (h *Hub) join(s *subscriber) (missed []frame, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.subs[s.ID] != nil {
		return nil, ErrTwice
	}
	h.subs[s.ID] = s
	if h.closed {
		s.queue.end(nil)
	}
	return h.past.since(&s.Subscriber), nil
}

func (h *Hub) leave(s *subscriber) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.subs[s.ID] == s { // or else it was too slow, and is gone
		delete(h.subs, s.ID)
	}
}
