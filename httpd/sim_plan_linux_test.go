package httpd

import (
	"math/rand/v2"
	"reflect"
	"time"

	"github.com/valyala/bytebufferpool"
)

// A simPlan is what a seed is about. Each seed leaves out most of what can go
// wrong, so that what is left goes far.
type simPlan struct {
	meanwhile   int // once in so many calls somebody else acts
	lowFDs      bool
	maxEvents   int
	spurious    int
	shortReads  int
	shortWrites int
	faults      simRates
	weights     [numSimKinds]int
	weight      int // their sum

	clients, requests   int
	big                 int    // what a socket does not take, as a power of 2
	room                [2]int // of a stream, at least and at most, as powers of 2
	pieces, sips, drops int    // one connection in so many
	slows, adopts       int
	veiled              bool
	veilBreaks          int
	pace                time.Duration // of blocking handlers: how long one pauses at most
	crowded             bool          // MaxBufferBytes are little
	hooks
	simDeeds
}

type hooks struct {
	opens, greets, refuses int // one session in so many
	events                 bool
	errors                 int // ways of the error handlers; 0: there are none
}

// simDeeds is what others do.
type simDeeds struct {
	period    time.Duration
	triggers  int
	fullTimes int
	leaps     int
	varies    bool
	stopAt    time.Duration
}

// oneOf is one of them.
func oneOf[T any](w *simWorld, list ...T) T { return list[w.n(len(list))] }

// newSimWorld makes the world of a seed.
func newSimWorld(seed uint64) *simWorld {
	w := &simWorld{rng: rand.NewPCG(seed, 0x6d6f6f72)}
	for range 4 {
		w.next()
	}
	w.now = w.between(0, time.Hour)
	w.ids = map[ID]*simSock{}
	w.free = w.freeCtx
	w.draw()
	w.configure()
	kernels := make([]kernel, w.cfg.Loops)
	ks := make([]*simKernel, w.cfg.Loops)
	for i := range kernels {
		ks[i] = &simKernel{w: w, no: i}
		kernels[i] = ks[i]
	}
	w.depth = simDeepest // nobody is there yet
	srv, err := newServer(w.cfg, kernels)
	if err != nil {
		panic(err)
	}
	w.srv, w.cfg, w.depth = srv, srv.cfg, 0
	w.arrivals = make(chan *simJob, 16)
	for i, l := range srv.loops {
		l.work.arrived.L = simEnd{w, l}
		if w.plan.crowded {
			unpool(l.pool.small)
			unpool(l.pool.large)
		}
		w.loops = append(w.loops, &simLoop{l: l, k: ks[i], until: simNever})
	}
	w.routes()
	w.vary()
	for i := range w.plan.clients {
		w.clients = append(w.clients, &simClient{w: w, no: i, left: w.plan.requests})
		w.due = append(w.due, w.now+w.between(0, 50*time.Millisecond))
	}
	w.due = append(w.due, w.now, simNever)
	w.undone = len(w.clients)
	w.count.seeds = 1
	return w
}

// draw decides what the seed is about.
func (w *simWorld) draw() {
	p := &w.plan
	p.clients, p.requests = 50+w.n(10), 20
	p.meanwhile = oneOf(w, 0, 0, 256, 32, 4)
	p.lowFDs = w.one(2)
	p.maxEvents = oneOf(w, 0, 0, 1, 3)
	p.spurious = oneOf(w, 0, 0, 64, 8)
	p.shortReads = oneOf(w, 0, 0, 0, 8, 2)
	p.shortWrites = oneOf(w, 0, 0, 0, 8, 2)
	p.room = oneOf(w, [2]int{16, 17}, [2]int{10, 17}, [2]int{7, 12})
	p.pieces, p.sips, p.drops = oneOf(w, 0, 4, 2), oneOf(w, 0, 4, 2), oneOf(w, 0, 16, 4)
	p.slows, p.adopts = oneOf(w, 0, 0, 16, 4), oneOf(w, 0, 0, 4)
	p.veiled, p.veilBreaks = w.one(5), oneOf(w, 0, 16)
	p.opens, p.greets, p.refuses = oneOf(w, 0, 1, 2), oneOf(w, 0, 0, 8), oneOf(w, 0, 0, 0, 16)
	p.events, p.errors = w.one(3), oneOf(w, 0, 0, simErrorWays-1)
	p.period = oneOf(w, time.Millisecond, 10*time.Millisecond, 100*time.Millisecond, 2*time.Second)
	p.triggers, p.fullTimes, p.leaps = oneOf(w, 0, 0, 1, 8), oneOf(w, 0, 0, 4), oneOf(w, 0, 0, 0, 32)
	p.pace = oneOf(w, 20*time.Microsecond, time.Millisecond, 50*time.Millisecond, time.Second)
	p.varies, p.crowded = w.one(2), w.one(12)
	if w.one(6) {
		p.stopAt = w.now + w.between(0, 500*time.Millisecond)
	}
	for call := range p.faults {
		f := &p.faults[call]
		f.soft, f.hard = oneOf(w, 0, 0, 32, 4), oneOf(w, 0, 0, 0, 0, 2000, 200)
	}
	p.faults[callAccept].hard = oneOf(w, 0, 0, 0, 16, 4)
	p.faults[callAdopt].hard = oneOf(w, 0, 0, 8)
	p.faults[callWait].soft, p.faults[callWait].hard = oneOf(w, 0, 0, 32, 8), 0
	if w.one(16) {
		p.faults[callWait].hard = 1000
	}
	for kind := range p.weights {
		p.weights[kind] = simKinds[kind].weight
		if kind != int(kindGet) && w.one(4) {
			p.weights[kind] = 0
		}
	}
	p.weights[kindHostile] = oneOf(w, 0, 0, 4, 30)
	if w.one(30) {
		p.weights[kindStop] = 1
	}
	p.big = 15
	if p.room[0] < 10 { // or else it takes for ever
		p.weights[kindStream], p.weights[kindCut], p.weights[kindDown], p.big = 0, 0, 0, 12
	}
	for _, n := range p.weights {
		p.weight += n
	}
}

// configure decides how the server is set up.
func (w *simWorld) configure() {
	times := func() time.Duration { return oneOf[time.Duration](w, 1, 2, 4) * time.Second }
	cfg := Config{
		Addr: ":80", Loops: oneOf(w, 1, 1, 1, 2, 2, 3), Backlog: oneOf(w, 2, 16, 1024),
		MaxSessions: oneOf(w, 3, 8, 20, 64), WhenFull: WhenFull(w.n(2)), MaxWork: oneOf(w, 1, 4, 1024),
		MaxDetached: oneOf(w, 1, 4, 1024), MaxTurnRequests: oneOf(w, 1, 2, 5, 64), MaxOutputBytes: oneOf(w, 256, 2<<10, 64<<10),
		MaxHeadBytes: oneOf(w, 512, 4<<10), MaxTargetBytes: oneOf(w, 128, 256), MaxFields: oneOf(w, 8, 50),
		MaxContentBytes: oneOf(w, 256, 8<<10), MinProgressBytes: oneOf(w, 0, -1),
		HeadTimeout: times(), ContentTimeout: times(), SendTimeout: times(), HandshakeTimeout: times(),
		LingerTimeout: oneOf(w, 0, 0, 0, 200*time.Millisecond, -1), IdleTimeout: oneOf(w, 0, 0, time.Second, 5*time.Second),
		OnOpen: w.onOpen, OnClose: w.onClose,
	}
	if w.one(10) {
		cfg.HeadTimeout, cfg.ContentTimeout, cfg.SendTimeout = -1, -1, -1
	}
	if w.plan.crowded {
		cfg.MaxBufferBytes = 1 << (11 + w.n(5))
	}
	if w.one(8) {
		cfg.MaxSessionsPerIP = oneOf(w, 1, 2, 5)
	}
	if w.plan.events {
		cfg.Events = w.onEvent
	}
	if w.plan.veiled {
		cfg.Transport = simVeil{w}
	}
	full, err := cfg.withDefaults()
	if err != nil {
		panic(err)
	}
	w.cfg = full
}

// newSock is a new connection of a client.
func (w *simWorld) newSock(c *simClient) *simSock {
	p := &w.plan
	s := &simSock{w: w, no: len(w.socks), cl: c, fd: -1}
	for _, q := range []*simStream{&s.in, &s.out} {
		q.most = 1 << (p.room[0] + w.n(p.room[1]-p.room[0]))
		if n := len(w.spare); n > 0 {
			q.b, w.spare = w.spare[n-1], w.spare[:n-1]
		}
	}
	s.begun = w.now
	if p.crowded {
		s.blame(simCrowded)
	}
	w.socks = append(w.socks, s)
	return s
}

// unpool makes a pool forget what it is given. What it has depends on the
// collector, and so would what is left of MaxBufferBytes: seeds that spend those
// do without.
func unpool(p *bytebufferpool.Pool) {
	most := reflect.ValueOf(p).Elem().FieldByName("maxSize")
	*(*uint64)(most.Addr().UnsafePointer()) = 1
}
