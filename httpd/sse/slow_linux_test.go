package sse_test

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"moor.example/httpd"
	"moor.example/httpd/sse"
)

// unix is the address of a socket whose buffers are small and stay so.
func unix(t *testing.T) string { return "unix:" + t.TempDir() + "/s" }

// block publishes an event, number 1, that is larger than all that lies between
// Serve and a peer. When it returns, Serve waits for the peer, and the queue of
// the only subscriber is empty.
func (p *place) block() {
	p.t.Helper()
	p.publish(sse.Event{ID: "1", Data: "1 " + strings.Repeat("x", 4<<20)})
	p.until("the event is taken", func() bool {
		subs := p.hub.Subscribers()
		return len(subs) == 1 && subs[0].Queued == 0
	})
}

func (p *place) numbered(from, to int) {
	p.t.Helper()
	for n := from; n <= to; n++ {
		p.publish(sse.Event{ID: strconv.Itoa(n), Data: strconv.Itoa(n)})
	}
}

// number reads an event and returns the number that its data begins with.
func (c *client) number() (n int, d dispatch, err error) {
	c.t.Helper()
	if d, err = c.next(); err != nil {
		return 0, d, err
	}
	text, _, _ := strings.Cut(d.data, " ")
	n, bad := strconv.Atoi(text)
	if bad != nil {
		c.t.Fatal(bad)
	}
	return n, d, nil
}

// Under Drop a slow peer gets the newest, in order, and hears what it has lost, at
// the place where that is missing.
func TestSlowDrop(t *testing.T) {
	const queue, last = 8, 100
	p := newPlace(t, httpd.Config{Addr: unix(t), SendTimeout: -1}, sse.Config{Queue: queue})
	c := p.open("/events")
	p.block()
	p.numbered(2, 1+queue)
	if n := p.hub.Stats().Dropped; n != 0 {
		t.Errorf("%d were dropped of as many as the queue takes", n)
	}
	p.numbered(2+queue, last)
	subs, stats := p.hub.Subscribers(), p.hub.Stats()
	const dropped = last - 1 - queue
	if stats != (sse.Stats{Subscribers: 1, Published: last, Dropped: dropped}) || subs[0].Dropped != dropped || subs[0].Queued != queue {
		t.Errorf("%+v, %+v", stats, subs)
	}
	if n, _, err := c.number(); n != 1 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	c.wants(fmt.Sprintf("lost %d#1", dropped))
	for n := last - queue + 1; n <= last; n++ {
		c.wants(fmt.Sprintf("%d#%d", n, n))
	}
	p.publish(sse.Event{Data: "goes on"})
	c.wants(fmt.Sprintf("goes on#%d", last))
}

// Under Close a slow peer is ended at once, as far as the hub goes. It gets what
// is on its way, hears how much it has lost, and can ask for that.
func TestSlowClose(t *testing.T) {
	const queue = 8
	p := newPlace(t, httpd.Config{Addr: unix(t), SendTimeout: -1}, sse.Config{Queue: queue, Policy: sse.Close, Replay: 100})
	c := p.open("/events")
	p.block()
	p.numbered(2, 1+queue)
	if n := p.hub.Stats().Subscribers; n != 1 {
		t.Fatalf("%d subscribers, with a queue that is just full", n)
	}
	p.numbered(2+queue, 20)
	if got, want := p.hub.Stats(), (sse.Stats{Published: 20, Dropped: queue + 1, Closed: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if err := p.hub.PublishTo(<-p.ids, sse.Event{}); err != sse.ErrNoSubscriber {
		t.Errorf("to one that is closed: %v", err)
	}
	if n, _, err := c.number(); n != 1 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	c.wants(fmt.Sprintf("lost %d#1", queue+1))
	if d, err := c.next(); err == nil || err == io.EOF {
		t.Errorf("%v, %v: want a stream that is cut off", d, err)
	}
	if err := p.over(); err != sse.ErrSlow {
		t.Errorf("Serve: %v", err)
	}
	c.conn.Close()
	p.until("its context is freed", func() bool { return p.freed.Load() == 1 })

	again := p.open("/events", "Last-Event-ID: 1\r\n")
	for n := 2; n <= 20; n++ {
		again.wants(fmt.Sprintf("%d#%d", n, n))
	}
}

// A peer that takes nothing at all is ended, whatever the policy, and one that
// goes while Serve waits for it is noticed.
func TestStuck(t *testing.T) {
	for _, row := range []struct {
		policy  sse.Policy
		timeout time.Duration
		goes    bool
		want    error
	}{
		{sse.Drop, 50 * time.Millisecond, false, httpd.ErrSessionEnding},
		{sse.Close, 50 * time.Millisecond, false, httpd.ErrSessionEnding},
		{sse.Drop, -1, true, io.ErrUnexpectedEOF},
		{sse.Close, -1, true, io.ErrUnexpectedEOF},
	} {
		p := newPlace(t, httpd.Config{Addr: unix(t), SendTimeout: row.timeout}, sse.Config{Queue: 8, Policy: row.policy})
		c := p.open("/events")
		p.block()
		p.numbered(2, 20)
		if row.goes {
			c.conn.Close()
		}
		if err := p.over(); !errors.Is(err, row.want) {
			t.Errorf("policy %d: %v, want %v", row.policy, err, row.want)
		}
		p.until("its context is freed", func() bool { return p.freed.Load() == 1 && p.hub.Stats().Subscribers == 0 })
	}
}

// However much is published, slow subscribers hold a bounded part of it.
func TestSlowMemory(t *testing.T) {
	const queue, subscribers, size, events = 8, 20, 64 << 10, 3000
	p := newPlace(t, httpd.Config{Addr: unix(t), SendTimeout: -1}, sse.Config{Queue: queue})
	for range subscribers {
		p.open("/events")
	}
	before := heap()
	for n := range events {
		p.publish(sse.Event{Data: fmt.Sprint(n, strings.Repeat("x", size))})
	}
	// Of the events a queue and a batch for each, which they mostly share; of the
	// engine four buffers of 64 KiB: the response's, the stream's two, the output's.
	// And a few for the rest.
	const most = subscribers * (queue + queue + 4 + 4) * size
	held := int64(heap()) - int64(before)
	t.Logf("%d MiB were published, %d subscribers hold %d KiB, at most %d KiB", events*size>>20, subscribers, held>>10, most>>10)
	if held > most {
		t.Error("that is too much")
	}
	if n := p.hub.Stats().Dropped; n < subscribers*(events-1000) {
		t.Errorf("%d were dropped: the peers are not slow", n)
	}
}

// What is sent is not held, however long nothing follows it.
func TestIdleMemory(t *testing.T) {
	const subscribers, size = 20, 1 << 20
	p := newPlace(t, httpd.Config{Addr: unix(t)}, sse.Config{})
	var clients []*client
	for range subscribers {
		clients = append(clients, p.open("/events"))
	}
	before := heap()
	for n, c := range clients {
		if err := p.hub.PublishTo(<-p.ids, sse.Event{Data: fmt.Sprint(n, " ", strings.Repeat("x", size))}); err != nil {
			t.Fatal(err)
		}
		if got, _, err := c.number(); got != n || err != nil {
			t.Fatalf("%d, %v, want %d", got, err, n)
		}
	}
	p.until("the events are freed", func() bool { return heap() < before+subscribers*size/2 })
}

func heap() uint64 {
	runtime.GC()
	runtime.GC() // what the first one has put off
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
