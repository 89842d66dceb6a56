package scenario

import (
	"testing"
	"time"

	"moor.example/bench/internal/server"
)

func TestAll(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range All {
		switch {
		case s.Name == "" || s.Title == "" || seen[s.Name]:
			t.Errorf("%+v: no name of its own", s)
		case s.Connections < 1 || s.Loops < 1:
			t.Errorf("%+v: no connections, or no loop", s)
		}
		seen[s.Name] = true
	}
	for _, name := range []string{Few, Pipelined, Many, Idle} {
		if !seen[name] {
			t.Errorf("no scenario %q: a target is about it", name)
		}
	}
}

func TestHas(t *testing.T) {
	for _, row := range []struct {
		post  string
		noSum bool
		want  bool
	}{{"", false, true}, {"", true, true}, {"7", false, true}, {"7", true, false}} {
		s := Scenario{Post: row.post}
		if got := s.Has(&server.Server{NoSum: row.noSum}); got != row.want {
			t.Errorf("%+v: %v", row, got)
		}
	}
}

func TestLoad(t *testing.T) {
	for _, row := range []struct {
		s   Scenario
		url string
		cpu bool // wrk has one of its own
	}{
		{Scenario{Loops: 1}, "http://a:1/plaintext", true},
		{Scenario{Loops: 1, Post: "7"}, "http://a:1/adder", true},
		{Scenario{Loops: 2}, "http://a:1/plaintext", false},
	} {
		l := row.s.load("a:1", time.Second)
		if l.URL != row.url || (l.CPUs != nil) != row.cpu || l.Post != row.s.Post || l.Time != time.Second {
			t.Errorf("%+v: %+v", row.s, l)
		}
	}
	server, client := (&Scenario{Loops: 1}).cores()
	if len(server) != 1 || len(client) != 1 || server[0] == client[0] {
		t.Errorf("server and client are on %v and %v", server, client)
	}
}
