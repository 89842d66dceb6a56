package main

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"moor.example/httpd"
)

// TestVictims: with -lru, and room for three, the session whose last request is
// longest ago makes room. A script goes word by word: +A is the connection A,
// .A a request of it, ~A a touch, !A a request that is detached until the end.
//
// theirs are the victims of ESP-IDF's server, in order. The first row was seen,
// the others follow from its rule, and espVictims has that.
func TestVictims(t *testing.T) {
	const tie = "what ties there, because a new connection is as recent as the last request, goes by age here"
	for _, row := range []struct{ script, theirs, want, why string }{
		{"+A .A +B .B +C .C +D +E +F", "A B D", "A B C", tie},
		{"+A .A +B .B +C .C +D .D +E .E +F .F +G", "A B C D", "A B C D", ""},
		{"+A +B +C +D +E +F +G", "A D E F", "A B C D", tie},
		{"+A +B +C .C .B .A +D +E +F", "C B A", "C B A", ""},
		{"+A +B +C .A +D", "B", "B", ""},
		{"+A .A +B .B +C +D .B +E", "A D", "A C", tie},
		{"+A .A +B .B .A +C +D", "B", "B", ""}, // the new connection is no victim
		{"+A +B +C ~A +D +E +F", "B C A", "B C A", ""},
		{"+A .A +B .B +C .C ~A ~B +D", "C", "C", ""},
		{"+A !A +B .B +C .C +D .D +E", "B C", "B C", ""}, // nor is the detached one
	} {
		t.Run(row.script, func(t *testing.T) {
			if got := newStage(t).play(row.script); got != row.want {
				t.Errorf("%s made room, want %s", got, row.want)
			}
			if got := espVictims(row.script); got != row.theirs {
				t.Errorf("ESP-IDF's rule has %s make room, and not %s", got, row.theirs)
			}
			if same := row.want == row.theirs; same != (row.why == "") {
				t.Errorf("is it the same as ESP-IDF's: %v, why not: %q", same, row.why)
			}
		})
	}
}

// A stage is a server with room for three, and who is connected.
type stage struct {
	t         *testing.T
	srv       *httpd.Server
	clients   map[string]*client
	ids       map[string]httpd.ID
	connected chan httpd.ID
	purged    chan httpd.ID
	detached  chan *httpd.Detached
}

func newStage(t *testing.T) *stage {
	s := &stage{
		t: t, clients: map[string]*client{}, ids: map[string]httpd.ID{},
		connected: make(chan httpd.ID, 16), purged: make(chan httpd.ID, 16), detached: make(chan *httpd.Detached, 16),
	}
	s.srv = serve(t, func(cfg *httpd.Config) {
		cfg.MaxRoutes = 0
		cfg.Events = connections(s.connected)
		cfg.OnClose = func(closed *httpd.Session, reason httpd.CloseReason) {
			if reason == httpd.ReasonPurged {
				s.purged <- closed.ID()
			}
		}
	}, "-lru", "-max-sessions", "3")
	if err := s.srv.Handle(httpd.Route{Method: "GET", Pattern: "/detach", Handler: s.detach}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.complete) // the server ends when they have
	return s
}

func (s *stage) detach(w *httpd.Response, r *httpd.Request) error {
	d, err := r.Detach()
	if err == nil {
		s.detached <- d
	}
	return err
}

// complete answers what is detached.
func (s *stage) complete() {
	for len(s.detached) > 0 {
		d := <-s.detached
		d.Complete(d.Response().SendString("late"))
	}
}

// play does what the script says and returns who was purged.
func (s *stage) play(script string) string {
	s.t.Helper()
	var victims, pinned []string
	for word := range strings.FieldsSeq(script) {
		do, name := word[0], word[1:]
		c := s.clients[name]
		switch do {
		case '+':
			victims = append(victims, s.connect(name)...)
		case '.':
			c.send(request("GET", "/hello", ""))
			c.wants("200 Hello World!")
		case '~':
			s.srv.QueueWorkFor(s.ids[name], (*httpd.Session).Touch)
			settled(s.t, s.srv)
		case '!':
			c.send(request("GET", "/detach", "") + request("GET", "/hello", ""))
			settled(s.t, s.srv)
			pinned = append(pinned, name)
		}
	}
	s.complete()
	for _, name := range pinned { // and what was asked behind it is answered
		s.clients[name].wants("200 late")
		s.clients[name].wants("200 Hello World!")
	}
	return strings.Join(victims, " ")
}

// connect returns who had to go for it: nobody, or one.
func (s *stage) connect(name string) (victims []string) {
	s.t.Helper()
	s.clients[name] = dial(s.t, s.srv)
	select {
	case s.ids[name] = <-s.connected:
	case <-time.After(patience):
		s.t.Fatalf("%s is not let in", name)
	}
	for len(s.purged) > 0 {
		id := <-s.purged
		for victim := range maps.Keys(s.ids) {
			if s.ids[victim] == id {
				victims = append(victims, victim)
				s.clients[victim].ended()
			}
		}
	}
	return victims
}

// espVictims is ESP-IDF's rule. A session has a slot and a counter: at its begin
// the server's, and one more than that after each request and touch. The lowest
// counter goes; of those that tie, the lowest slot.
func espVictims(script string) string {
	type session struct {
		name    string
		counter int
		pinned  bool
	}
	var slots []session
	var victims []string
	counter := 0
	for word := range strings.FieldsSeq(script) {
		do, name := word[0], word[1:]
		at := slices.IndexFunc(slots, func(s session) bool { return s.name == name })
		switch {
		case do == '!':
			slots[at].pinned = true
		case do != '+':
			counter++
			slots[at].counter = counter
		case len(slots) < 3:
			slots = append(slots, session{name: name, counter: counter})
		default:
			least := -1
			for i, s := range slots {
				if !s.pinned && (least < 0 || s.counter < slots[least].counter) {
					least = i
				}
			}
			victims = append(victims, slots[least].name)
			slots[least] = session{name: name, counter: counter}
		}
	}
	return strings.Join(victims, " ")
}
