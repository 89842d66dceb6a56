package main

import (
	_ "embed"
	"log"
	"strconv"
	"sync"

	"moor.example/httpd"
	"moor.example/httpd/sse"
)

//go:embed page.html
var page []byte

// A live is all the pages that are open, and the hub that tells them.
type live struct {
	hub *sse.Hub

	mu       sync.Mutex
	counters map[string]*counter // of the sessions that listen, by their ID as the page knows it
}

// A counter is the context of a session that listens.
type counter struct {
	id httpd.ID
	n  int // live.mu
}

func newLive() *live {
	return &live{hub: sse.New(sse.Config{}), counters: map[string]*counter{}}
}

func (l *live) routes() []httpd.Route {
	return []httpd.Route{
		{Method: "GET", Pattern: "/", Handler: index},
		{Method: "GET", Pattern: "/events", Blocking: true, Handler: l.events},
		{Method: "POST", Pattern: "/add", Handler: l.add},
	}
}

func index(w *httpd.Response, r *httpd.Request) error {
	w.SetType("text/html; charset=utf-8")
	return w.Send(page)
}

// events moors a counter to the session, which is that of this connection and of
// no other that the browser has, and tells the page which session that is.
func (l *live) events(w *httpd.Response, r *httpd.Request) error {
	id := r.Session().ID()
	c, ok := httpd.Ctx[*counter](r.Session())
	if !ok {
		c = &counter{id: id}
		l.begin(c)
		r.Session().SetCtx(c, func(any) { l.end(c) })
	}
	return l.hub.Serve(w, r, sse.Subscription{First: []sse.Event{
		{Name: "session", Data: id.String()},
		l.count(c),
		l.pages(),
	}})
}

// add adds 1 to the counter of the session that the query names, or to all. It
// comes on any connection of the browser, so its own session says nothing.
func (l *live) add(w *httpd.Response, r *httpd.Request) error {
	id, one := r.QueryValue("session")
	if !one {
		l.addAll(1)
	} else if !l.addTo(id, 1) {
		return w.SendErr(httpd.ErrNotFound, "That session does not count, or no longer.\n")
	}
	w.SetStatus(204)
	return w.Send(nil)
}

func (l *live) begin(c *counter) {
	log.Printf("session %s begins to count", c.id)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counters[c.id.String()] = c
	l.hub.Publish(pages(len(l.counters))) // a hub that is closed has nobody to tell
}

// end frees a context: its session has ended.
func (l *live) end(c *counter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.counters, c.id.String())
	l.hub.Publish(pages(len(l.counters)))
	log.Printf("session %s has ended, its count of %d is freed", c.id, c.n)
}

func (l *live) addAll(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.counters {
		l.grow(c, n)
	}
}

func (l *live) addTo(id string, n int) (known bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, known := l.counters[id]
	if known {
		l.grow(c, n)
	}
	return known
}

// grow adds to one counter and tells its page. The lock is held, so the page
// hears it in the order in which it happens; publishing does not wait.
func (l *live) grow(c *counter, n int) {
	c.n += n
	l.hub.PublishTo(c.id, count(c.n)) // one that does not listen yet hears of the next
}

func (l *live) count(c *counter) sse.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return count(c.n)
}

func (l *live) pages() sse.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return pages(len(l.counters))
}

func count(n int) sse.Event { return sse.Event{Name: "count", Data: strconv.Itoa(n)} }
func pages(n int) sse.Event { return sse.Event{Name: "pages", Data: strconv.Itoa(n)} }
