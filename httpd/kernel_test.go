package httpd

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"moor.example/httpd/sess"
)

// A script is a kernel in memory: it does what the test has written down, call
// by call, keeps a log of what the loop did, and fails the test when the loop
// does what no program may do to a real kernel.
type script struct {
	t       testing.TB
	now     time.Duration
	wall    time.Duration // what the time of day is ahead of the test's
	woken   atomic.Bool
	socks   map[int]*sock // the descriptors that are open; no number is used twice
	next    int           // the next connection's descriptor
	events  []event
	extra   []event // put before the events of the next Wait
	log     []string
	blocked bool          // the last Wait found nothing, and was allowed to wait
	timeout time.Duration // of the last Wait
	polls   int           // Waits in a row that did not block, since anything happened

	waits     error              // of the next Wait
	hidden    func(s *sock) bool // its events are another loop's
	meanwhile func()             // what others do during Unwatch
	listens   error              // of the next Listen
	adopts    error              // of every Adopt
	backlog   []connection
	endCalls  int
}

// An event is what Wait reports.
type event struct {
	name  sess.Name
	ready interest
}

// A connection is what Accept returns: a socket, or an outcome without one.
type connection struct {
	s *sock
	o outcome
}

// A sock is a descriptor: a connected socket, or the listening one.
type sock struct {
	k         *script
	fd        int
	in        []step // what recv returns, one by one
	taken     []int  // the octets of each recv that had some
	out       []byte // what was sent
	sends     []int  // the octets of each send that was not refused
	room      func() int
	refusing  bool // sends are refused until the test says otherwise
	silent    bool // there is room, and no event says so
	unsent    bool // the peer had no room for all that was sent
	sendFails outcome
	unwatched bool     // Watch fails
	told      bool     // the hang-up was reported: it is not again before the next Watch
	resets    bool     // Close resets the connection
	lives     net.Conn // what Release returns
	name      sess.Name
	want      interest
	shut      bool
	closed    bool
	listening bool
}

// A step is one outcome of recv: octets if it is ok.
type step struct {
	o    outcome
	data string
	last bool // it is not taken off: what follows is the same for ever
}

const listenFD = 3

// errSystem is beside an outcome that is not ok.
var errSystem = errors.New("the system says no")

func newScript(t testing.TB) *script {
	return &script{t: t, now: time.Hour, socks: map[int]*sock{}, next: 10}
}

func (k *script) note(format string, args ...any) {
	k.log = append(k.log, fmt.Sprintf(format, args...))
	k.polls = 0
}

// sock returns the socket fd, which must be open.
func (k *script) sock(call string, fd int) *sock {
	k.t.Helper()
	s := k.socks[fd]
	if s == nil {
		k.t.Fatalf("%s of descriptor %d, which is not open", call, fd)
	}
	return s
}

func (k *script) Now() time.Duration { return k.now }

func (k *script) Wall() time.Time { return time.Date(2006, 1, 2, 15, 4, 5, 0, time.UTC).Add(k.wall) }

func (k *script) Wait(timeout time.Duration) (int, error) {
	k.t.Helper()
	if k.waits != nil {
		return 0, k.waits
	}
	k.events, k.extra, k.timeout = append(k.events[:0], k.extra...), nil, timeout
	if k.woken.Swap(false) {
		k.events = append(k.events, event{nameWake, wantRead})
	}
	for _, fd := range slices.Sorted(maps.Keys(k.socks)) {
		if s := k.socks[fd]; s.want != 0 && (k.hidden == nil || !k.hidden(s)) {
			if ready := s.ready(); ready != 0 && !s.told {
				s.told = s.want == wantHangup
				k.events = append(k.events, event{s.name, ready})
			}
		}
	}
	k.blocked = len(k.events) == 0 && timeout != 0
	if k.blocked {
		k.polls = 0
	} else if k.polls++; k.polls > 10 {
		k.t.Fatalf("the loop spins: %d turns and nothing has happened; events %v", k.polls, k.events)
	}
	return len(k.events), nil
}

// ready is level-triggered. An error or a hang-up cannot be masked.
func (s *sock) ready() (ready interest) {
	if s.listening {
		if len(s.k.backlog) > 0 {
			ready = wantRead
		}
		return ready & s.want
	}
	if len(s.in) > 0 {
		ready = wantRead
		if s.in[0].o == closed && !s.in[0].last || s.in[0].o == broken {
			return wantRead | wantWrite | wantHangup
		}
	}
	if !s.refusing && !s.silent {
		ready |= wantWrite
	}
	for _, step := range s.in {
		if step.o == closed || step.o == broken {
			ready |= wantHangup
		}
	}
	return ready & s.want
}

func (k *script) Event(i int) (sess.Name, interest) { return k.events[i].name, k.events[i].ready }

func (k *script) Wake() { k.woken.Store(true) }

func (k *script) Watch(fd int, name sess.Name, had, want interest) error {
	k.t.Helper()
	s := k.sock("Watch", fd)
	switch {
	case had != s.want:
		k.t.Fatalf("Watch of %d: it had %d, not %d", fd, s.want, had)
	case had != 0 && name != s.name:
		k.t.Fatalf("Watch of %d as %v, which is %v", fd, name, s.name)
	case want == 0 || want == had:
		k.t.Fatalf("Watch of %d for %d, and it had %d", fd, want, had)
	}
	k.note("watch %d %s", fd, [...]string{"", "r", "w", "rw", "h"}[want])
	if s.unwatched {
		return errors.New("no room to watch another")
	}
	s.name, s.want, s.told = name, want, false
	return nil
}

func (k *script) Unwatch(fd int) {
	k.t.Helper()
	k.sock("Unwatch", fd).want = 0
	k.note("unwatch %d", fd)
	if k.meanwhile != nil {
		k.meanwhile()
	}
}

func (k *script) Listen(a address, backlog int) (int, net.Addr, error) {
	if k.listens != nil {
		return -1, nil, k.listens
	}
	k.socks[listenFD] = &sock{k: k, fd: listenFD, listening: true}
	k.note("listen %s %d", a, backlog)
	return listenFD, a.tcp(), nil
}

func (k *script) Unlisten(fd int, _ address) {
	k.t.Helper()
	s := k.sock("Unlisten", fd)
	s.closed, s.want = true, 0
	delete(k.socks, fd)
	k.note("unlisten %d", fd)
}

func (k *script) Accept(fd int) (int, outcome, error) {
	k.t.Helper()
	k.sock("Accept", fd)
	if len(k.backlog) == 0 {
		return -1, again, nil
	}
	c := k.backlog[0]
	if c.o == scarce || c.o == broken { // nothing was taken
		k.note("accept: %d", c.o)
		return -1, c.o, errors.New("no room")
	}
	k.backlog = k.backlog[1:]
	if c.o != ok {
		k.note("accept: %d", c.o)
		return -1, c.o, nil
	}
	k.socks[c.s.fd] = c.s
	k.note("accept %d", c.s.fd)
	return c.s.fd, ok, nil
}

func (k *script) Adopt(fd int) error {
	k.t.Helper()
	k.sock("Adopt", fd)
	return k.adopts
}

func (k *script) Peer(fd int) net.Addr {
	k.sock("peer", fd)
	return &net.UnixAddr{Name: fmt.Sprint("peer of ", fd), Net: "unix"}
}

func (k *script) Local(fd int) net.Addr {
	k.sock("local", fd)
	return &net.UnixAddr{Name: fmt.Sprint("local ", fd), Net: "unix"}
}

func (k *script) Recv(fd int, p []byte) (int, outcome, error) {
	k.t.Helper()
	s := k.sock("Recv", fd)
	switch {
	case len(p) == 0:
		k.t.Fatalf("Recv of %d into no room", fd)
	case len(s.in) == 0:
		k.note("recv %d: nothing", fd)
		return 0, again, nil
	}
	first := &s.in[0]
	if first.o != ok {
		k.note("recv %d: %d", fd, first.o)
		if first.o == again {
			s.in = s.in[1:]
		}
		return 0, first.o, errSystem
	}
	n := copy(p, first.data)
	if first.data = first.data[n:]; first.data == "" {
		s.in = s.in[1:]
	}
	s.taken = append(s.taken, n)
	k.note("recv %d", fd)
	return n, ok, nil
}

func (k *script) Send(fd int, p []byte) (int, outcome, error) {
	k.t.Helper()
	s := k.sock("Send", fd)
	switch {
	case len(p) == 0:
		k.t.Fatalf("Send of nothing to %d", fd)
	case s.shut:
		k.t.Fatalf("Send to %d after its Shutdown", fd)
	}
	if s.sendFails != ok {
		k.note("send %d: %d", fd, s.sendFails)
		return 0, s.sendFails, errSystem
	}
	n := len(p)
	if s.room != nil {
		n = min(n, s.room())
	}
	if s.refusing || n == 0 {
		k.note("send %d: again", fd)
		return 0, again, nil
	}
	s.out, s.sends = append(s.out, p[:n]...), append(s.sends, n)
	k.note("send %d", fd)
	return n, ok, nil
}

func (k *script) Unsent(fd int) bool {
	k.t.Helper()
	return k.sock("Unsent", fd).unsent
}

func (k *script) Shutdown(fd int) {
	k.t.Helper()
	s := k.sock("Shutdown", fd)
	if s.shut {
		k.t.Errorf("Shutdown of %d, twice", fd)
	}
	s.shut = true
	k.note("shutdown %d", fd)
}

func (k *script) Sever(fd int) {
	k.t.Helper()
	s := k.sock("Sever", fd)
	s.shut = true
	k.note("sever %d", fd)
}

func (k *script) Reset(fd int) {
	k.t.Helper()
	k.sock("Reset", fd).resets = true
}

// Release fails if there is no conn that the test holds the other end of.
func (k *script) Release(fd int) (net.Conn, error) {
	s := k.sock("Release", fd)
	if s.want != 0 {
		k.t.Errorf("Release of %d, which is watched", fd)
	}
	s.closed = true
	delete(k.socks, fd)
	k.note("release %d", fd)
	if s.lives == nil {
		return nil, errors.New("no descriptor is left")
	}
	return s.lives, nil
}

func (k *script) Close(fd int) {
	k.t.Helper()
	s := k.sock("Close", fd)
	if s.resets {
		k.note("reset %d", fd)
	}
	s.closed, s.want = true, 0
	delete(k.socks, fd)
	k.note("close %d", fd)
}

func (k *script) End() {
	k.endCalls++
	k.note("end")
	for fd := range k.socks {
		k.t.Errorf("the kernel ends before descriptor %d is closed", fd)
	}
}

// What the peer does.

// says lets the pieces arrive, each for a recv of its own.
func (s *sock) says(pieces ...string) {
	for _, p := range pieces {
		if p != "" {
			s.in = append(s.in, step{o: ok, data: p})
		}
	}
}

// fin ends the peer's side: from then on recv says so.
func (s *sock) fin() { s.in = append(s.in, step{o: closed, last: true}) }

// reset is an RST: it also ends what is sent.
func (s *sock) reset() { s.in, s.sendFails = append(s.in, step{o: closed}), closed }

// again is an event that has nothing behind it.
func (s *sock) again() { s.in = append(s.in, step{o: again}) }

func (s *sock) breaks() { s.in, s.sendFails = append(s.in, step{o: broken}), broken }

// took returns what was sent since the last call.
func (s *sock) took() string {
	out := string(s.out)
	s.out, s.sends = nil, nil
	return out
}

// logOf returns the entries that begin with one of the words, without the
// descriptor if there was only one connection.
func (k *script) logOf(words ...string) string {
	var found []string
	for _, entry := range k.log {
		if word, _, _ := strings.Cut(entry, " "); slices.Contains(words, word) {
			found = append(found, entry)
		}
	}
	return strings.Join(found, ", ")
}
