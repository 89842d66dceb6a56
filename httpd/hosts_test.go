package httpd

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// A crowd is a scripted kernel whose connections come from addresses.
type crowd struct {
	*script
	from map[int]net.Addr // by descriptor
}

func (k crowd) Peer(fd int) net.Addr {
	k.sock("peer", fd)
	return k.from[fd]
}

// A lobby is a rig that counts its peers.
type lobby struct {
	*rig
	crowd
}

func newLobby(t *testing.T, cfg Config) *lobby {
	t.Helper()
	r := newRig(t, cfg)
	k := crowd{r.k, map[int]net.Addr{}}
	r.l.kernel = k
	return &lobby{r, k}
}

// from lets a connection come. An address without a port is none of IP's.
func (r *lobby) from(addr string) *sock {
	r.Helper()
	s := r.dial()
	if ap, err := netip.ParseAddrPort(addr); err == nil {
		r.crowd.from[s.fd] = net.TCPAddrFromAddrPort(ap)
	} else if addr != "" {
		r.crowd.from[s.fd] = &net.UnixAddr{Name: addr, Net: "unix"}
	}
	r.quiet()
	return s
}

// TestPeers: how many sessions each peer has. Each word is a connection that
// comes, from an address or from where the system does not tell ("-"); !
// means that it is reset.
func TestPeers(t *testing.T) {
	for _, c := range []struct {
		most  int
		peers string
	}{
		{1, "10.0.0.1:1 !10.0.0.1:2 !10.0.0.1:1"},
		{2, "10.0.0.1:1 10.0.0.1:2 !10.0.0.1:3 10.0.0.2:1 10.0.0.2:2 !10.0.0.2:3"},
		{1, "10.0.0.1:1 10.0.0.2:1 10.0.1.1:1 11.0.0.1:1 !10.0.1.1:2"}, // the whole address counts
		{2, "10.0.0.1:1 [::ffff:10.0.0.1]:2 ![::ffff:10.0.0.1]:3 !10.0.0.1:4"},
		{1, "[::ffff:10.0.0.1]:1 [::ffff:10.0.0.2]:1 ![::ffff:10.0.0.2]:2"}, // mapped ones are no IPv6
		{2, "[2001:db8::1]:1 [2001:db8::2]:1 ![2001:db8::3]:1 ![2001:db8:0:0:ffff:ffff:ffff:ffff]:1"},
		{1, "[2001:db8::1]:1 [2001:db8:0:1::1]:1 [2001:db9::1]:1 ![2001:db8:0:1::2]:1"},
		{1, "[fe80::1%a]:1 ![fe80::2%a]:1 ![fe80::3%b]:1"},
		{1, "[::1]:1 127.0.0.1:1 ![::1]:2 !127.0.0.1:2"},
		{1, "/run/a /run/a @b - - 10.0.0.1:1 - !10.0.0.1:2"},
		{8, "10.0.0.1:1 10.0.0.1:2 10.0.0.1:3 10.0.0.1:4 10.0.0.1:5 10.0.0.1:6 10.0.0.1:7 10.0.0.1:8"}, // MaxSessions
		{0, "10.0.0.1:1 10.0.0.1:2 10.0.0.1:3 10.0.0.1:4 10.0.0.1:5"},                                  // the default
	} {
		t.Run(fmt.Sprint(c.most, " ", c.peers), func(t *testing.T) {
			r := newLobby(t, Config{MaxSessionsPerIP: c.most})
			open := 0
			for word := range strings.FieldsSeq(c.peers) {
				addr, refused := strings.CutPrefix(word, "!")
				r.k.log = nil
				s := r.from(strings.TrimPrefix(addr, "-"))
				want := fmt.Sprintf("accept %d", s.fd)
				if refused {
					want += fmt.Sprintf(", reset %d, close %[1]d", s.fd)
				} else {
					open++
				}
				if got := r.k.logOf("accept", "reset", "close"); got != want {
					t.Errorf("%s: got %q, want %q", word, got, want)
				}
				if n := r.srv.sessions.Load(); n != int64(open) || r.l.table.Len() != open || r.l.load.Load() != int32(open) {
					t.Fatalf("%s: %d sessions are counted, %d are in the table, want %d", word, n, r.l.table.Len(), open)
				}
			}
			r.finish()
			if n := len(r.srv.hosts.at); n != 0 {
				t.Errorf("%d peers without a session are counted", n)
			}
		})
	}
}

// TestPeerLeaves: whatever ends a session, its peer may have another, and only
// one.
func TestPeerLeaves(t *testing.T) {
	const peer = "10.0.0.1:1"
	for name, c := range map[string]struct {
		cfg Config
		end func(r *lobby, s *sock)
	}{
		"the peer ends":   {Config{}, func(r *lobby, s *sock) { s.fin() }},
		"a reset":         {Config{}, func(r *lobby, s *sock) { s.reset() }},
		"a failed Watch":  {Config{}, func(r *lobby, s *sock) { s.unwatched, s.refusing = true, true; s.says(get("/hi")) }},
		"a refusal":       {Config{}, func(r *lobby, s *sock) { s.says("\n"); s.fin() }},
		"a deadline":      {Config{IdleTimeout: time.Hour}, func(r *lobby, s *sock) { r.ask(s, get("/hi")); r.k.now += time.Hour }},
		"TriggerClose":    {Config{}, func(r *lobby, s *sock) { r.srv.TriggerClose(r.id(s)) }},
		"purged":          {Config{MaxSessions: 2, WhenFull: Purge}, func(r *lobby, s *sock) { r.from("10.0.0.9:1"); r.from("10.0.0.8:1") }},
		"without a place": {Config{MaxBufferBytes: 1}, func(r *lobby, s *sock) { s.refusing = true; s.says(get("/hi")) }},
	} {
		t.Run(name, func(t *testing.T) {
			c.cfg.MaxSessionsPerIP = 1
			r := newLobby(t, c.cfg)
			s := r.from(peer)
			c.end(r, s)
			r.quiet()
			r.ended(s)
			if s = r.from(peer); s.closed {
				t.Error("the peer cannot come back")
			}
			if other := r.from(peer); !other.closed {
				t.Error("the peer has two")
			}
			r.finish()
			if n := len(r.srv.hosts.at); n != 0 {
				t.Errorf("%d peers without a session are counted", n)
			}
		})
	}
}

// TestPeerNeverBegins: nor does a session count that has not become one.
func TestPeerNeverBegins(t *testing.T) {
	r := newLobby(t, Config{MaxSessionsPerIP: 1})
	refuse := true
	r.srv.cfg.OnOpen = func(*Session) error {
		if refuse {
			return ErrForbidden
		}
		return nil
	}
	for range 3 {
		if s := r.from("10.0.0.1:1"); !s.closed {
			t.Error("the hook refused it")
		}
	}
	refuse = false
	s := r.from("10.0.0.1:1")
	if s.closed {
		t.Error("the peer cannot come back")
	}
	s.fin()
	r.quiet()
	s = r.dial()
	r.crowd.from[s.fd] = net.TCPAddrFromAddrPort(netip.MustParseAddrPort("10.0.0.1:1"))
	r.l.ends = stopping // it is accepted in the turn in which the loop ends
	r.turn()
	r.l.ends = running
	if !s.closed || len(r.srv.hosts.at) != 0 {
		t.Errorf("closed %v; %d peers are counted", s.closed, len(r.srv.hosts.at))
	}
	r.finish()
}

// TestPeerDetached: a session counts until its request is completed.
func TestPeerDetached(t *testing.T) {
	r := newLobby(t, Config{MaxSessionsPerIP: 1})
	var d *Detached
	r.handle("GET", "/later", func(_ *Response, q *Request) (err error) {
		d, err = q.Detach()
		return err
	})
	s := r.from("10.0.0.1:1")
	r.ask(s, get("/later"))
	s.reset()
	r.srv.TriggerClose(r.id(s))
	r.quiet()
	if next := r.from("10.0.0.1:1"); !next.closed {
		t.Error("the peer has two")
	}
	d.Complete(nil)
	r.quiet()
	if next := r.from("10.0.0.1:1"); next.closed || !s.closed {
		t.Error("the peer cannot come back")
	}
	r.finish()
}

// TestPeerOfAnotherLoop: each loop counts off what the first one has counted,
// and so does that one if a loop is gone.
func TestPeerOfAnotherLoop(t *testing.T) {
	r := newTwo(t, Config{MaxSessions: 8, MaxSessionsPerIP: 2})
	one := net.TCPAddrFromAddrPort(netip.MustParseAddrPort("10.0.0.1:1"))
	k := crowd{r.k, map[int]net.Addr{}}
	r.l.kernel = k
	turns := func() {
		for range 3 {
			r.k.polls, r.k.hidden = 0, func(s *sock) bool { return !s.listening && r.own(s) != 0 }
			r.turn()
			r.turnOf(1)
		}
	}
	from := func() *sock {
		s := r.dial()
		k.from[s.fd] = one
		turns()
		return s
	}
	first, second, third := from(), from(), from()
	if r.own(first) != 0 || r.own(second) != 1 || !third.closed {
		t.Fatalf("the loops of three connections are %d, %d, %d", r.own(first), r.own(second), r.own(third))
	}
	second.fin()
	turns()
	if fourth := from(); r.own(fourth) != 1 {
		t.Errorf("the next one has loop %d", r.own(fourth))
	}
	first.fin()
	turns()
	from()
	if n := r.srv.hosts.at[netip.MustParsePrefix("10.0.0.1/32")].n; n != 2 {
		t.Errorf("%d sessions are counted, want 2", n)
	}
	r.l2.abort()
	r.l2.work.close()
	third = r.dial()
	k.from[third.fd] = one
	r.turn()
	if !third.closed || r.srv.hosts.at[netip.MustParsePrefix("10.0.0.1/32")].n != 1 {
		t.Error("what was dealt to a loop that has ended is counted")
	}
	r.l.abort()
	if n := len(r.srv.hosts.at); n != 0 {
		t.Errorf("%d peers without a session are counted", n)
	}
}

// TestAdoptedPeers: what Adopt is given is not counted.
func TestAdoptedPeers(t *testing.T) {
	r := newLobby(t, Config{MaxSessionsPerIP: 1})
	for range 3 {
		s := r.k.socket()
		r.k.socks[s.fd] = s
		r.crowd.from[s.fd] = net.TCPAddrFromAddrPort(netip.MustParseAddrPort("10.0.0.1:1"))
		if err := r.srv.Adopt(s.fd); err != nil {
			t.Fatal(err)
		}
		r.quiet()
		r.is(s, stateFresh)
	}
	if s := r.from("10.0.0.1:1"); s.closed {
		t.Error("what was adopted is counted")
	}
	r.finish()
}

// TestRefusedPeersInABatch: a peer that has too many does not keep others out,
// nor the loop from its sessions, and costs nobody's session for each of them.
func TestRefusedPeersInABatch(t *testing.T) {
	for _, full := range []WhenFull{Wait, Purge} {
		r := newLobby(t, Config{MaxSessions: 4, MaxSessionsPerIP: 1, WhenFull: full})
		here := r.from("10.0.0.1:1")
		r.from("10.0.0.2:1")
		r.from("10.0.0.3:1")
		for range 2 * acceptBatch {
			s := r.dial()
			r.crowd.from[s.fd] = r.crowd.from[here.fd]
		}
		other := r.dial()
		r.crowd.from[other.fd] = net.TCPAddrFromAddrPort(netip.MustParseAddrPort("10.0.0.4:1"))
		r.k.log = nil
		r.l.door.full = 1 << 10 // many came before
		here.says(get("/hi"))
		r.turn()
		if got := here.took(); got != good("hi") {
			t.Errorf("got %q in the first turn", got)
		}
		if n := strings.Count(r.k.logOf("accept"), "accept"); n != acceptBatch {
			t.Errorf("%d were accepted in one turn, want %d", n, acceptBatch)
		}
		r.quiet()
		r.is(other, stateFresh)
		if n := r.l.table.Len(); n != 4 || r.l.closed[ReasonPurged] != 0 {
			t.Errorf("%d sessions, ended by %v", n, r.l.closed)
		}
		if full == Purge { // of a full server one goes, for the first of them
			for range 10 {
				s := r.dial()
				r.crowd.from[s.fd] = r.crowd.from[here.fd]
			}
			r.quiet()
			if n := r.l.closed[ReasonPurged]; n > 1 {
				t.Errorf("%d were purged for connections that were refused", n)
			}
		}
		r.finish()
	}
}

// TestStarvedLog: the log has one line for each time of scarcity, and one for
// its end, however often it was tried in between.
func TestStarvedLog(t *testing.T) {
	for _, logs := range []bool{true, false} {
		var log bytes.Buffer
		cfg := Config{}
		if logs {
			cfg.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey {
					return slog.Attr{}
				}
				return a
			}}))
		}
		r := newRig(t, cfg)
		open := r.connect()
		want := ""
		for _, o := range []outcome{scarce, scarce, broken} {
			r.k.backlog = []connection{{o: o}}
			r.quiet()
			for range 3 {
				r.pass(acceptRetry)
			}
			// One descriptor comes free, and another one does not.
			r.k.backlog = []connection{{r.k.socket(), ok}, {o: o}}
			r.pass(acceptRetry)
			r.k.backlog = nil
			if got := r.ask(open, get("/hi")); got != good("hi") {
				t.Errorf("meanwhile: got %q", got)
			}
			r.pass(acceptRetry)
			r.k.backlog = []connection{{r.k.socket(), ok}}
			r.quiet()
			r.pass(acceptRetry)
		}
		for i, sessions := range []int{1, 3, 5} {
			want += fmt.Sprintf("level=WARN msg=\"moor: connections wait: the system has no room for them\" error=\"no room\" sessions=%d\n", sessions)
			want += fmt.Sprintf("level=INFO msg=\"moor: connections are accepted again\" refused=%d\n", 5*(i+1))
		}
		if got := log.String(); logs && got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
		if n := r.l.starved; n != 15 {
			t.Errorf("%d refusals were counted, want 15", n)
		}
		r.finish()
	}
}
