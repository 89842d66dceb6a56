package httpd

import (
	"math/rand/v2"
	"net"
	"runtime"
	"testing"
	"weak"

	"github.com/valyala/bytebufferpool"

	"moor.example/httpd/sess"
)

// TestMemoryBoundParts: each limit that something is held for is in the bound,
// with at least what one more of it takes.
func TestMemoryBoundParts(t *testing.T) {
	base := Config{MaxSessions: 1 << 10}
	whole, err := base.MemoryBound()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(c *Config)
		least  int64 // octets more
		most   int64
	}{
		{"MaxSessions", func(c *Config) { c.MaxSessions *= 2 }, 1 << 10 * 300, 1 << 10 * 600},
		{"MaxSessionsPerIP", func(c *Config) { c.MaxSessionsPerIP = 1 }, 1 << 10 * 100, 1 << 10 * 300},
		{"MaxBufferBytes", func(c *Config) { c.MaxBufferBytes = 512 << 20 }, 256 << 20, 256 << 20},
		{"MaxOutputBytes", func(c *Config) { c.MaxOutputBytes = 1 << 20 }, 1 << 20, 3 << 20},
		{"MaxWork", func(c *Config) { c.MaxWork = 2 << 10 }, 1 << 10 * 16, 1 << 10 * 64},
		{"MaxDetached", func(c *Config) { c.MaxDetached = 2 << 10 }, 1 << 10 * 4000, 1 << 10 * 6000},
		{"MaxFields", func(c *Config) { c.MaxFields = 400 }, 1 << 10 * 2 * 290 * 16, 1 << 10 * 2 * 310 * 16},
		{"Loops", func(c *Config) { c.Loops = 2 }, loopBuffer + 2*mostKept, 3 << 20},
		{"MaxRoutes", func(c *Config) { c.MaxRoutes = 9 }, 0, 0},
		{"everything", func(c *Config) {
			*c = Config{Loops: 1 << 10, MaxSessions: 1 << 24, MaxSessionsPerIP: 1, MaxWork: 1<<31 - 1, MaxDetached: 1<<31 - 1,
				MaxFields: mostFields, MaxBufferBytes: -1, MaxOutputBytes: -1}
		}, 1 << 40, 1 << 60},
	} {
		cfg := base
		c.change(&cfg)
		got, err := cfg.MemoryBound()
		if more := got - whole; err != nil || more < c.least || more > c.most {
			t.Errorf("%s: %d octets more, want %d to %d; %v", c.name, more, c.least, c.most, err)
		}
	}
	if n, err := (Config{MaxSessions: -1}).MemoryBound(); err == nil || n != 0 {
		t.Errorf("of what is not allowed: %d, %v", n, err)
	}
}

// A void is a kernel that holds nothing: what the heap has is the engine's.
type void struct {
	*script // for what these tests do not call
	peer    net.TCPAddr
}

func (*void) Watch(int, sess.Name, interest, interest) error { return nil }
func (*void) Unwatch(int)                                    {}
func (*void) Shutdown(int)                                   {}
func (*void) Sever(int)                                      {}
func (*void) Reset(int)                                      {}
func (*void) Close(int)                                      {}
func (*void) Release(int) (net.Conn, error)                  { return nil, nil }
func (k *void) Peer(int) net.Addr                            { return &k.peer }

func (*void) Recv(_ int, p []byte) (int, outcome, error) {
	return copy(p, get("/later")), ok, nil
}

// newVoid returns a loop with as many sessions as there may be, each of a peer
// of its own.
func newVoid(t *testing.T, cfg Config) *loop {
	t.Helper()
	cfg, err := cfg.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	k := &void{script: newScript(t), peer: net.TCPAddr{IP: make(net.IP, 16)}}
	srv, err := newServer(cfg, []kernel{k})
	if err != nil {
		t.Fatal(err)
	}
	l := srv.loops[0]
	random := rand.New(rand.NewPCG(1, 2))
	for i := range cfg.MaxSessions {
		k.peer.IP[0], k.peer.IP[1], k.peer.IP[2], k.peer.IP[3] = 0x20, byte(random.Uint32()), byte(i>>8), byte(i)
		place, may := srv.hosts.admit(k, i)
		if !may || !srv.enter() {
			t.Fatal("there was room")
		}
		l.load.Add(1)
		l.work.adopt(socket{fd: i, place: place})
	}
	l.runWork()
	if l.table.Len() != cfg.MaxSessions {
		t.Fatalf("%d sessions", l.table.Len())
	}
	return l
}

// TestMemoryBoundOfSlots: as many sessions as there may be, with all that the
// engine can have on its lists for them, take no more than the bound, and that is
// not much wider.
func TestMemoryBoundOfSlots(t *testing.T) {
	const n = 50_000 // just behind a step of append
	for _, perIP := range []int{0, n - 1} {
		cfg := Config{MaxSessions: n, MaxSessionsPerIP: perIP, MaxBufferBytes: 1, MaxDetached: 1, MaxWork: 1}
		bound, err := cfg.MemoryBound()
		if err != nil {
			t.Fatal(err)
		}
		bound -= fixed
		before := liveHeap()
		l := newVoid(t, cfg)
		for range 2 { // todo and spare are two lists; a line is resumed while the next one forms
			l.fillLists()
		}
		took := liveHeap() - before
		t.Logf("%d sessions take %d octets, %d each; the bound is %d, %d each", n, took, took/n, bound, bound/n)
		if took > bound || took < bound*85/100 {
			t.Errorf("%d octets, want %d to %d", took, bound*85/100, bound)
		}
		l.abort()
		if n := len(l.srv.hosts.at); n != 0 || l.table.Len() != 0 || l.srv.sessions.Load() != 0 {
			t.Errorf("%d peers, %d sessions are left", n, l.table.Len())
		}
		runtime.KeepAlive(l)
	}
}

// fillLists puts every session on every list.
func (l *loop) fillLists() {
	for s := range l.table.All() {
		l.work.adopt(socket{})
		l.work.trigger(s.Name())
		l.work.complete(s.Name())
		l.ready = append(l.ready, s.Name())
		c := l.connOf(s)
		c.in.buf, c.out.buf = new(bytebufferpool.ByteBuffer), new(bytebufferpool.ByteBuffer)
	}
	l.work.take()
	l.work.done()
}

// TestMemoryBoundOfDetached: so do detached requests.
func TestMemoryBoundOfDetached(t *testing.T) {
	const n = 4000
	cfg := Config{MaxSessions: n, MaxDetached: n}
	bound, err := cfg.MemoryBound()
	if err != nil {
		t.Fatal(err)
	}
	cfg.MaxDetached = 1
	without, err := cfg.MemoryBound()
	if err != nil {
		t.Fatal(err)
	}
	cfg.MaxDetached = n
	l := newVoid(t, cfg)
	all := make([]*Detached, 0, n)
	if err := l.srv.Handle(Route{Method: "GET", Pattern: "/later", Handler: func(_ *Response, q *Request) error {
		d, err := q.Detach()
		all = append(all, d)
		return err
	}}); err != nil {
		t.Fatal(err)
	}
	before := liveHeap()
	for s := range l.table.All() {
		l.connOf(s).receive()
	}
	took, most := liveHeap()-before-l.srv.budget.used.Load(), bound-without
	t.Logf("%d detached requests take %d octets, %d each; %d of the bound are theirs, %d each", len(all), took, took/n, most, most/n)
	if took > most || took < most*3/4 || len(all) != n {
		t.Errorf("%d octets, want %d to %d", took, most*3/4, most)
	}
	for _, d := range all {
		d.Complete(nil)
	}
	l.abort()
	for l.work.pending.Load() {
		l.runWork()
	}
	if n := l.srv.budget.used.Load(); n != 0 || l.table.Len() != 0 {
		t.Errorf("%d octets, %d sessions are left", n, l.table.Len())
	}
}

// TestGrowingIsCounted: while a buffer grows its old array is there, too.
func TestGrowingIsCounted(t *testing.T) {
	p := newBuffers(&budget{most: 3000})
	buf := p.keep(make([]byte, 1024))
	if p.append(buf, make([]byte, 1)) {
		t.Error("there were 1,024 and 2,048 octets at a time, and may be 3,000")
	}
	if n := p.budget.used.Load(); n != 1024 || len(buf.B) != 1024 {
		t.Errorf("%d octets are counted for a buffer of %d", n, len(buf.B))
	}
	p.budget.most = 3072
	if !p.append(buf, make([]byte, 1)) || p.budget.used.Load() != 2048 || len(buf.B) != 1025 {
		t.Errorf("%d octets are counted for a buffer of %d", p.budget.used.Load(), len(buf.B))
	}
}

// TestPooledIsCounted: a buffer that is there already is not had for nothing.
func TestPooledIsCounted(t *testing.T) {
	p := newBuffers(&budget{most: 1024})
	a, b := p.keep(make([]byte, 512)), p.keep(make([]byte, 512))
	if a == nil || b == nil {
		t.Fatal("there was room")
	}
	p.release(&a)
	p.budget.most = 512
	if c := p.keep(make([]byte, 512)); c != nil || p.budget.used.Load() != 512 || p.live != 1 {
		t.Errorf("%d octets of 512 are counted in %d buffers", p.budget.used.Load(), p.live)
	}
	if p.append(b, make([]byte, 1)) {
		t.Error("there was no room")
	}
}

// TestPoolsHoldNoLoop: the runtime keeps a pool that was used until the second
// collection, but not the loop.
func TestPoolsHoldNoLoop(t *testing.T) {
	loops := func() (gone []weak.Pointer[loop]) {
		for range 10 {
			l := newScripted(t, Config{}, new(script)).loops[0]
			for _, n := range []int{1, mostSmall + 1} {
				buf := l.pool.keep(make([]byte, n))
				l.pool.release(&buf)
			}
			gone = append(gone, weak.Make(l))
		}
		return gone
	}()
	runtime.GC()
	for i, l := range loops {
		if l.Value() != nil {
			t.Errorf("loop %d is still there", i)
		}
	}
}
