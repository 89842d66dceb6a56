package httpd

import (
	"strings"
	"testing"
)

// TestUnsentIsWaitedFor: a socket that holds a part of the last response is not
// closed yet, for what the peer says then would destroy it.
func TestUnsentIsWaitedFor(t *testing.T) {
	for unsent, want := range map[bool]string{false: "close 10", true: "shutdown 10"} {
		r := newRig(t, timed(-1))
		s := r.connect()
		s.unsent = unsent
		if got := r.ask(s, req("GET /hi", "Connection: close")); got != good("hi", "close") {
			t.Errorf("got %q", got)
		}
		if got := r.k.logOf("shutdown", "close"); got != want {
			t.Errorf("unsent %v: %q, want %q", unsent, got, want)
		}
		if unsent {
			r.is(s, stateLinger)
			r.pass(lingerTime)
		}
		r.ended(s)
		r.finish()
	}
}

// TestSlowReaderIsAsked: the system says that there is room only when there is
// much of it. A peer that reads, however slowly, has room when it is asked for.
func TestSlowReaderIsAsked(t *testing.T) {
	for _, c := range []struct {
		name string
		room int // each time that it is asked
		goes bool
	}{{"it reads", minimum, true}, {"it reads too little", minimum - 1, false}, {"it does not read", 0, false}} {
		t.Run(c.name, func(t *testing.T) {
			cfg := timed(-1)
			cfg.MinProgressBytes, cfg.MaxContentBytes = minimum, 1<<20
			r := newRig(t, cfg)
			s := r.connect()
			s.room, s.silent = func() int { return 0 }, true
			r.ask(s, post(strings.Repeat("x", 20*minimum)))
			left := c.room
			s.room = func() int { n := left; left = 0; return n }
			for range 3 {
				left = c.room
				r.pass(sendTime)
				if s.closed == c.goes {
					t.Fatalf("closed: %v", s.closed)
				}
				if s.closed {
					break
				}
			}
			s.silent = false
			r.finish()
		})
	}
}

const minimum = 1 << 10
