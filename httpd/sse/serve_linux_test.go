package sse_test

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"testing"
	"time"

	"moor.example/httpd"
	"moor.example/httpd/sse"
)

// What comes first is for this subscriber, ahead of all else.
func TestFirst(t *testing.T) {
	p := newPlace(t, httpd.Config{}, sse.Config{Retry: 1500 * time.Millisecond, Replay: 3})
	p.handle(httpd.Route{Method: "GET", Pattern: "/first", Blocking: true, Handler: func(w *httpd.Response, r *httpd.Request) error {
		return p.hub.Serve(w, r, sse.Subscription{First: []sse.Event{{Name: "hello", Data: "you"}, {Data: "2"}}})
	}})
	other := p.open("/events")
	p.publish(sse.Event{ID: "1", Data: "a"}, sse.Event{ID: "2", Data: "b"})
	c := p.open("/first", "Last-Event-ID: 1\r\n")
	p.publish(sse.Event{Data: "c"})
	c.wants("hello you", "2", "b#2", "c#2")
	other.wants("a#1", "b#2", "c#2")
	if c.retry != "1500" || other.retry != "1500" {
		t.Errorf("retry %q, %q", c.retry, other.retry)
	}
}

// What Serve refuses, it has not begun to answer.
func TestServeRefuses(t *testing.T) {
	p := newPlace(t, httpd.Config{}, sse.Config{})
	errs := make(chan error, 1)
	serve := func(first ...sse.Event) httpd.Handler {
		return func(w *httpd.Response, r *httpd.Request) error {
			errs <- p.hub.Serve(w, r, sse.Subscription{First: first})
			return w.SendString("refused")
		}
	}
	p.handle(httpd.Route{Method: "GET", Pattern: "/loop", Handler: serve()})
	p.handle(httpd.Route{Method: "GET", Pattern: "/bad", Blocking: true, Handler: serve(sse.Event{ID: "\n"})})
	for path, want := range map[string]error{"/loop": httpd.ErrNotBlocking, "/bad": sse.ErrEvent} {
		resp := p.connect().ask("GET", path)
		b, err := io.ReadAll(resp.Body)
		if got := <-errs; !errors.Is(got, want) || string(b) != "refused" || err != nil {
			t.Errorf("%s: %v, want %v; answered %q, %v", path, got, want, b, err)
		}
	}
	if n := p.hub.Stats().Subscribers; n != 0 {
		t.Errorf("%d subscribers", n)
	}
}

// HEAD has the head, and the connection goes on.
func TestHead(t *testing.T) {
	p := newPlace(t, httpd.Config{}, sse.Config{})
	p.handle(p.hub.Route("/route"))
	c := p.connect()
	for range 2 {
		resp := c.ask("HEAD", "/route")
		if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
			t.Errorf("%s, %v", resp.Status, resp.Header)
		}
	}
	c.ask("GET", "/route")
	p.publish(sse.Event{Data: "a"})
	c.wants("a")
}

// An HTTP/1.0 client knows no chunks: the end of the connection is the end.
func TestOldClient(t *testing.T) {
	p := newPlace(t, httpd.Config{}, sse.Config{})
	c := p.connect()
	fmt.Fprint(c.conn, "GET /events HTTP/1.0\r\n\r\n")
	<-p.ids
	p.until("it subscribes", func() bool { return p.hub.Stats().Subscribers == 1 })
	p.publish(sse.Event{Data: "a"})
	p.hub.Close()
	b, err := io.ReadAll(c.conn)
	if err != nil || len(b) < 12 || string(b[len(b)-12:]) != "\r\n\r\ndata: a\n"[1:]+"\n" {
		t.Errorf("%q, %v", b, err)
	}
}

// While nothing is published, comments are sent.
func TestKeepAlive(t *testing.T) {
	p := newPlace(t, httpd.Config{}, sse.Config{KeepAlive: 5 * time.Millisecond})
	resp := p.connect().ask("GET", "/events")
	b := make([]byte, 6)
	if _, err := io.ReadFull(resp.Body, b); err != nil || string(b) != ":\n:\n:\n" {
		t.Errorf("%q, %v", b, err)
	}
}

// Past its route's deadline a stream comes to its end, and the session goes on.
func TestTimeout(t *testing.T) {
	p := newPlace(t, httpd.Config{}, sse.Config{})
	route := p.hub.Route("/short")
	route.Timeout = 20 * time.Millisecond
	p.handle(route)
	c := p.open("/short")
	p.hub.Publish(sse.Event{Data: "a"})
	for {
		d, err := c.next()
		if err == io.EOF {
			break
		}
		if err != nil || d.data != "a" {
			t.Fatalf("%v, %v", d, err)
		}
	}
	if resp := c.ask("GET", "/plain"); resp.StatusCode != 200 {
		t.Errorf("then: %s", resp.Status)
	}
}

// Whoever comes back gets what it has missed, as far as it is kept: of what has an
// ID, what it wants, once and in order.
func TestReplay(t *testing.T) {
	for _, row := range []struct {
		keep   int
		lastID string
		topics string
		want   []string
	}{
		{4, "", "", nil},
		{4, "7", "", nil},
		{4, "6", "", []string{"7"}},
		{4, "5", "", []string{"6", "7"}},
		{4, "3", "", []string{"5", "6", "7"}}, // 4 has a topic
		{4, "3", "wind", []string{"4", "5", "6", "7"}},
		{4, "1", "wind", []string{"4", "5", "6", "7"}}, // not kept: all that is
		{4, "other", "", []string{"5", "6", "7"}},
		{7, "3", "wind", []string{"4", "5", "6", "7"}},
		{100, "1", "", []string{"2", "3", "5", "6", "7"}},
		{100, "4", "wind", []string{"5", "6", "7"}},
		{1, "6", "", []string{"7"}},
		{0, "5", "", nil},
		{-1, "5", "", nil},
	} {
		p := newPlace(t, httpd.Config{}, sse.Config{Replay: row.keep})
		p.open("/events")
		only := <-p.ids
		for n := 1; n <= 7; n++ {
			e := sse.Event{ID: fmt.Sprint(n), Data: "event"}
			if n == 4 {
				p.hub.PublishTopic("wind", e)
				continue
			}
			p.publish(e, sse.Event{Data: "no ID"})
			p.hub.PublishTo(only, sse.Event{ID: "mine", Data: "for one"})
		}
		target, field := "/events?topics="+row.topics, ""
		if row.lastID != "" {
			field = "Last-Event-ID: " + row.lastID + "\r\n"
		}
		c := p.open(target, field)
		p.publish(sse.Event{Name: "end"})
		var got []string
		for {
			d, err := c.next()
			if err != nil {
				t.Fatal(err)
			}
			if d.name == "end" {
				break
			}
			got = append(got, d.lastID)
		}
		if !reflect.DeepEqual(got, row.want) {
			t.Errorf("%d are kept, last %q, topics %q: %v, want %v", row.keep, row.lastID, row.topics, got, row.want)
		}
	}
}

// What is missed cannot be more than is kept, but it may be more than a queue.
func TestReplayLong(t *testing.T) {
	p := newPlace(t, httpd.Config{}, sse.Config{Queue: 2, Replay: 50})
	for n := range 60 {
		p.publish(sse.Event{ID: fmt.Sprint(n), Data: "x"})
	}
	c := p.open("/events", "Last-Event-ID: 9\r\n")
	for n := 10; n < 60; n++ {
		c.wants(fmt.Sprintf("x#%d", n))
	}
}

// Of two servers, sessions can have one ID: a hub is for one.
func TestTwice(t *testing.T) {
	p := newPlace(t, httpd.Config{}, sse.Config{})
	other := newPlace(t, httpd.Config{}, sse.Config{})
	errs := make(chan error, 1)
	other.handle(httpd.Route{Method: "GET", Pattern: "/twice", Blocking: true, Handler: func(w *httpd.Response, r *httpd.Request) error {
		err := p.hub.Serve(w, r, sse.Subscription{})
		errs <- err
		return err
	}})
	c := p.open("/events")
	if resp := other.connect().ask("GET", "/twice"); resp.StatusCode != 500 {
		t.Errorf("%s", resp.Status)
	}
	if err := <-errs; err != sse.ErrTwice {
		t.Errorf("Serve: %v", err)
	}
	p.publish(sse.Event{Data: "a"})
	c.wants("a")
}
