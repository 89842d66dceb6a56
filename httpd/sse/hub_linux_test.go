package sse_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"moor.example/httpd"
	"moor.example/httpd/sse"
)

// Each gets what is for it, and nothing else.
func TestTo(t *testing.T) {
	p := newPlace(t, httpd.Config{Loops: 2}, sse.Config{})
	a, b := p.open("/events?topics=wind,tide"), p.open("/events?topics=tide")
	first, second := <-p.ids, <-p.ids
	p.publish(sse.Event{Data: "all"})
	for _, err := range []error{
		p.hub.PublishTopic("wind", sse.Event{Data: "wind"}),
		p.hub.PublishTopic("tide", sse.Event{Data: "tide"}),
		p.hub.PublishTopic("tid", sse.Event{Data: "nobody"}),
		p.hub.PublishTo(second, sse.Event{Data: "second"}),
		p.hub.PublishTo(first, sse.Event{Data: "first"}),
		p.hub.PublishIf(sse.Event{Data: "not first"}, func(s *sse.Subscriber) bool { return s.ID != first }),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	if err := p.hub.PublishTo(httpd.ID{}, sse.Event{}); err != sse.ErrNoSubscriber {
		t.Errorf("to nobody: %v", err)
	}
	p.publish(sse.Event{Name: "end", ID: "9", Data: "of\nit"})
	a.wants("all", "wind", "tide", "first", "end of\nit#9")
	b.wants("all", "tide", "second", "not first", "end of\nit#9")
	if got, want := p.hub.Stats(), (sse.Stats{Subscribers: 2, Published: 8}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	for _, s := range p.hub.Subscribers() {
		if s.Queued != 0 || s.Dropped != 0 || len(s.Topics) == 0 || s.ID != first && s.ID != second {
			t.Errorf("%+v", s)
		}
	}
}

// An event that cannot be sent is sent to nobody.
func TestPublishRefused(t *testing.T) {
	p := newPlace(t, httpd.Config{}, sse.Config{})
	c := p.open("/events")
	bad := sse.Event{Name: "x\ndata: y"}
	for _, err := range []error{p.hub.Publish(bad), p.hub.PublishTo(<-p.ids, bad), p.hub.PublishTopic("x", bad)} {
		if !errors.Is(err, sse.ErrEvent) {
			t.Errorf("%v", err)
		}
	}
	p.publish(sse.Event{Data: "good"})
	c.wants("good")
	if n := p.hub.Stats().Published; n != 1 {
		t.Errorf("%d were published", n)
	}
}

// A thousand subscribers get all that several goroutines publish, in one order.
func TestThousand(t *testing.T) {
	const subscribers, publishers, each = 1000, 4, 15
	p := newPlace(t, httpd.Config{Loops: 2, MaxDetached: subscribers}, sse.Config{Queue: publishers * each})
	var clients [subscribers]*client
	for i := range clients {
		clients[i] = p.open("/events")
	}
	if n := p.hub.Stats().Subscribers; n != subscribers {
		t.Fatalf("%d subscribers", n)
	}
	var group sync.WaitGroup
	for who := range publishers {
		group.Go(func() {
			for i := range each {
				if err := p.hub.Publish(sse.Event{Name: fmt.Sprint("p", who), Data: fmt.Sprint(i)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	var got [subscribers]string
	for i, c := range clients {
		group.Go(func() {
			var all strings.Builder
			for range publishers * each {
				d, err := c.next()
				if err != nil {
					t.Errorf("client %d: %v", i, err)
					return
				}
				fmt.Fprintln(&all, d)
			}
			got[i] = all.String()
		})
	}
	group.Wait()
	for i := range got {
		if got[i] != got[0] {
			t.Fatalf("client %d got\n%s, client 0\n%s", i, got[i], got[0])
		}
	}
	seen := map[string]int{}
	for line := range strings.Lines(got[0]) {
		who, n, _ := strings.Cut(strings.TrimSpace(line), " ")
		if n != fmt.Sprint(seen[who]) {
			t.Fatalf("%s, want %d", line, seen[who])
		}
		seen[who]++
	}
	if s := p.hub.Stats(); s.Dropped != 0 || s.Closed != 0 || len(seen) != publishers {
		t.Errorf("%+v, from %v", s, seen)
	}
	for _, c := range clients {
		c.conn.Close()
	}
	p.until("all are gone", func() bool { return p.freed.Load() == subscribers && p.hub.Stats().Subscribers == 0 })
}

// A peer that goes is noticed, with nothing published.
func TestPeerGoes(t *testing.T) {
	p := newPlace(t, httpd.Config{}, sse.Config{})
	stays, goes := p.open("/events"), p.open("/events")
	goes.conn.Close()
	if err := p.over(); !errors.Is(err, context.Canceled) {
		t.Errorf("Serve: %v", err)
	}
	p.until("its context is freed", func() bool { return p.freed.Load() == 1 })
	if n := p.hub.Stats().Subscribers; n != 1 {
		t.Errorf("%d subscribers", n)
	}
	p.publish(sse.Event{Data: "still"})
	stays.wants("still")
}

// A hub that is closed ends its streams behind what is queued, properly: their
// sessions go on. Then the server has nothing to wait for.
func TestClose(t *testing.T) {
	p := newPlace(t, httpd.Config{}, sse.Config{})
	var clients []*client
	for range 3 {
		clients = append(clients, p.open("/events"))
	}
	p.publish(sse.Event{Data: "1"}, sse.Event{Data: "2"})
	p.hub.Close()
	p.hub.Close()
	for _, c := range clients {
		c.wants("1", "2")
		if _, err := c.next(); err != io.EOF {
			t.Errorf("the stream ends with %v", err)
		}
		if err := p.over(); err != nil {
			t.Errorf("Serve: %v", err)
		}
		resp := c.ask("GET", "/plain")
		if b, err := io.ReadAll(resp.Body); string(b) != "plain" || err != nil {
			t.Errorf("the next request: %q, %v", b, err)
		}
		c.ask("GET", "/events")
		if d, err := c.next(); err != io.EOF {
			t.Errorf("of a closed hub: %v, %v", d, err)
		}
	}
	if a, b := p.hub.Publish(sse.Event{}), p.hub.PublishTo(<-p.ids, sse.Event{}); a != sse.ErrClosed || b != sse.ErrClosed {
		t.Errorf("%v, %v", a, b)
	}
	p.until("all have left", func() bool { return p.hub.Stats().Subscribers == 0 })
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := p.srv.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}

// Without that, Shutdown waits as long as it may, and ends them then.
func TestShutdown(t *testing.T) {
	p := newPlace(t, httpd.Config{}, sse.Config{})
	c := p.open("/events")
	p.publish(sse.Event{Data: "1"})
	c.wants("1")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if err := p.srv.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown: %v", err)
	}
	if err := p.over(); err == nil {
		t.Error("Serve returns nil to a session that is shut down")
	}
	if d, err := c.next(); err == nil || err == io.EOF {
		t.Errorf("%v, %v: want a stream that is cut off", d, err)
	}
	p.srv.Wait()
	if n := p.freed.Load(); n != 1 {
		t.Errorf("%d contexts were freed", n)
	}
}

// Publishing to a hub that is closed, left and joined meanwhile is safe, and ends.
func TestAtOnce(t *testing.T) {
	p := newPlace(t, httpd.Config{Loops: 2}, sse.Config{Queue: 4, Replay: 4})
	stop := make(chan struct{})
	var publishers, visitors sync.WaitGroup
	for range 3 {
		publishers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				if err := p.hub.Publish(sse.Event{ID: fmt.Sprint(i), Data: "x"}); err != nil {
					t.Error(err)
				}
				p.hub.Subscribers()
				p.hub.Stats()
			}
		})
	}
	for range 8 {
		c := p.connect()
		visitors.Go(func() {
			c.ask("GET", "/events", "Last-Event-ID: 3\r\n")
			for range 20 {
				if _, err := c.next(); err != nil {
					t.Error(err)
				}
			}
			c.conn.Close()
		})
	}
	visitors.Wait()
	close(stop)
	publishers.Wait()
	p.until("all have left", func() bool { return p.hub.Stats().Subscribers == 0 && p.freed.Load() == 8 })
}
