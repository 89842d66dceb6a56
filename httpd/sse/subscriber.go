package sse

import (
	"context"
	"slices"
	"sync"
	"time"

	"moor.example/httpd"
)

// A Subscriber is what a hub knows of one subscriber.
type Subscriber struct {
	ID          httpd.ID // its session
	Topics      []string // of its Subscription
	LastEventID string   // of its request; empty: it comes for the first time
	Queued      int      // events that wait; only of Hub.Subscribers
	Dropped     uint64   // events that it did not get; only of Hub.Subscribers
}

// A Subscription is what a subscriber asks for, as the handler sees it.
type Subscription struct {
	// Topics are for Hub.PublishTopic and Hub.PublishIf.
	Topics []string
	// First are events for this subscriber alone, ahead of all that is published,
	// and of what it has missed.
	First []Event
}

// A frame is an event as it is on the wire. Subscribers share it: it is never
// changed.
type frame []byte

// A subscriber is a session in Hub.Serve.
type subscriber struct {
	Subscriber // but Queued and Dropped; never changed
	queue      queue
}

func (s *subscriber) snapshot() Subscriber {
	who := s.Subscriber
	who.Topics = slices.Clone(who.Topics)
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	who.Queued, who.Dropped = len(s.queue.frames), s.queue.dropped
	return who
}

// A queue is what lies between those who publish and the goroutine of one
// subscriber.
type queue struct {
	wake chan struct{} // there is something new; it has room for one

	mu      sync.Mutex
	frames  []frame
	lost    uint64 // of them, ahead of all that are here, since the last take
	dropped uint64 // of them, in all
	ended   bool   // nothing follows
	err     error  // why, when it ended by itself
}

// put adds an event, and returns how many were dropped for that. A full queue
// loses its oldest, or ends and loses all.
func (q *queue) put(f frame, cfg *Config) (dropped uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	defer q.signal()
	switch {
	case len(q.frames) < cfg.Queue:
		q.frames = append(q.frames, f)
		return 0
	case cfg.Policy == Close:
		dropped = uint64(len(q.frames)) + 1
		q.frames, q.ended, q.err = nil, true, ErrSlow
	default:
		dropped = 1
		last := copy(q.frames, q.frames[1:])
		q.frames[last] = f
	}
	q.lost += dropped
	q.dropped += dropped
	return dropped
}

// end ends the queue behind what is there.
func (q *queue) end(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	defer q.signal()
	q.ended, q.err = true, err
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// A batch is what a queue gives away at once.
type batch struct {
	lost   uint64 // events that are missing ahead of these
	frames []frame
	ended  bool // and why
	err    error
}

// take returns what is queued. The queue goes on with the memory of the batch
// before, which is done with.
func (q *queue) take(before []frame) batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	b := batch{q.lost, q.frames, q.ended, q.err}
	q.frames, q.lost = before[:0], 0
	return b
}

// Handler is an httpd.Handler for a blocking route: Serve without topics.
func (h *Hub) Handler(w *httpd.Response, r *httpd.Request) error {
	return h.Serve(w, r, Subscription{})
}

// Route returns the route on which Handler answers GET.
func (h *Hub) Route(pattern string) httpd.Route {
	return httpd.Route{Method: "GET", Pattern: pattern, Blocking: true, Handler: h.Handler}
}

// Serve makes the session a subscriber, and answers the request with the events
// until that ends. It is for the handler of a blocking route, which returns what
// Serve does: nil when the hub was closed, or the route's deadline is past, and
// then the session goes on; ErrSlow; httpd.ErrNotBlocking, ErrEvent or ErrTwice,
// and then nothing was sent; or why the peer cannot be written to.
//
// It sets the status, Content-Type and Cache-Control; other fields may be set
// before. Deadlines of SetDeadlines are taken back, for a stream has no end: a
// peer that takes nothing is the engine's business (httpd.Config.SendTimeout).
// HEAD is answered with the head.
func (h *Hub) Serve(w *httpd.Response, r *httpd.Request, sub Subscription) error {
	if err := w.SetDeadlines(time.Time{}, time.Time{}); err != nil {
		return err // on a loop it would wait for ever, and all others with it
	}
	greeting, err := h.greeting(sub.First)
	if err != nil {
		return err
	}
	w.SetStatus(200)
	w.SetType("text/event-stream")
	w.SetHeader("Cache-Control", "no-store")
	if r.Method() == "HEAD" {
		return w.Flush()
	}
	s := &subscriber{queue: queue{wake: make(chan struct{}, 1)}}
	s.ID, s.Topics = r.Session().ID(), slices.Clone(sub.Topics)
	s.LastEventID, _ = r.Header("Last-Event-ID")
	missed, err := h.join(s)
	if err != nil {
		return err
	}
	defer h.leave(s)
	if err := send(w, batch{frames: append(greeting, missed...)}); err != nil {
		return err
	}
	return s.serve(w, r.Context(), h.cfg.KeepAlive)
}

// greeting is what a subscriber gets first.
func (h *Hub) greeting(first []Event) (all []frame, err error) {
	if h.cfg.Retry > 0 {
		all = append(all, appendRetry(nil, h.cfg.Retry))
	}
	for _, e := range first {
		f, err := e.Append(nil)
		if err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	return all, nil
}

// serve sends what comes until there is an end.
func (s *subscriber) serve(w *httpd.Response, ctx context.Context, pause time.Duration) error {
	var silence <-chan time.Time // nil: for ever
	var timer *time.Timer
	if pause > 0 {
		timer = time.NewTimer(pause)
		defer timer.Stop()
		silence = timer.C
	}
	var b batch
	for {
		select {
		case <-s.queue.wake:
			b = s.queue.take(b.frames)
		case <-silence:
			b = batch{frames: append(b.frames[:0], frame(keepAlive))}
		case <-ctx.Done():
			return endedBy(ctx)
		}
		if err := send(w, b); err != nil {
			return err
		}
		if b.ended {
			return b.err
		}
		clear(b.frames) // what is sent is not to be held
		if timer != nil {
			timer.Reset(pause)
		}
	}
}

// send writes a batch, and waits until the loop has it.
func send(w *httpd.Response, b batch) error {
	if b.lost > 0 {
		if _, err := w.Write(lost(b.lost)); err != nil {
			return err
		}
	}
	for _, f := range b.frames {
		if _, err := w.Write(f); err != nil {
			return err
		}
	}
	return w.Flush()
}

// endedBy is what a handler returns whose context is done: past its deadline the
// stream comes to a proper end.
func endedBy(ctx context.Context) error {
	if ctx.Err() == context.DeadlineExceeded {
		return nil
	}
	return context.Cause(ctx)
}
