package sess

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// An occ is one context a session was given: key tells which value, free which free
// function. Occurrences of a value that cannot be compared are never the same.
type occ struct {
	key, free int
}

const (
	numKeys = 6 // the last one stands for slices
	numFree = 4 // 0 is nil; 3 tries to set a context itself
)

var contexts = [numKeys]any{nil, new(int), new(int), "name", 7, nil}

func (o *occ) value() any {
	if o == nil {
		return nil
	}
	if o.key == numKeys-1 {
		return []int{5}
	}
	return contexts[o.key]
}

func sameOcc(a, b *occ) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a == b || a.key == b.key && a.key != numKeys-1
}

// A modelSession is a session, told the way ESP-IDF tells it: the context that is
// committed and the one the request sees are two variables.
type modelSession struct {
	s              *Session
	name           Name
	fd             int
	armed          bool
	class          int
	at             time.Duration
	seq            int // order of arming
	open, released bool
	committed, ctx *occ
}

// A model is a table without lists: live is kept in LRU order, the rest is sorted
// when asked for.
type model struct {
	t         *testing.T
	table     *Table
	classes   int
	live      []*modelSession
	dead      []*modelSession
	opened    int
	seq       int
	now       time.Duration
	got, want []string // contexts freed
	title     string
	trace     [][5]int // op, slot and operands of each step
}

func newModel(t *testing.T, max, classes int) *model {
	return &model{t: t, table: NewTable(max, classes), classes: classes}
}

// run plays a program of four bytes a step and checks everything after each.
func (m *model) run(program []byte) {
	defer func() {
		if r := recover(); r != nil {
			m.fatalf("panic: %v", r)
		}
	}()
	for ; len(program) >= 4; program = program[4:] {
		m.step(program[0], int(program[1]), int(program[2]), int(program[3]))
		m.check()
	}
	for len(m.live) > 0 {
		m.release(m.live[0])
		m.end(m.live[0])
		m.check()
	}
}

func (m *model) fatalf(format string, args ...any) {
	m.t.Helper()
	m.t.Fatalf("%s: %s\nsteps (op, slot, operands): %v", m.title, fmt.Sprintf(format, args...), m.trace)
}

func (m *model) step(op byte, a, b, c int) {
	op %= 18
	if op < 3 { // sessions come a little faster than they go
		m.log(0, none, a, b, c)
		m.open()
		return
	}
	if len(m.live) == 0 {
		return
	}
	ms := m.live[a%len(m.live)]
	m.log(int(op), int(ms.name.Slot), a, b, c)
	switch op {
	case 3:
		m.touch(ms)
	case 4, 5: // as the engine does: one timeout per class
		m.arm(ms, b%m.classes, m.now+time.Duration(10*(b%m.classes+1)))
	case 6: // as it never should
		m.arm(ms, b%m.classes, time.Duration(c))
	case 7:
		m.table.Disarm(ms.s)
		ms.armed = false
	case 8:
		m.now += time.Duration(b % 16)
		m.expire()
	case 9, 10, 11:
		m.setCtx(ms, b%numKeys, c%numFree)
	case 12:
		m.begin(ms)
	case 13:
		m.commit(ms)
	case 14:
		m.takeCtx(ms)
	case 15:
		m.release(ms)
	case 16:
		m.endOrPanic(ms)
	case 17:
		m.walk(b, c)
	}
}

func (m *model) log(step ...int) { m.trace = append(m.trace, [5]int(step)) }

func (m *model) open() {
	m.opened++
	s := m.table.Open(m.opened)
	if len(m.live) == m.table.Cap() {
		if s != nil {
			m.fatalf("Open found room for a session too many")
		}
		return
	}
	if s == nil {
		m.fatalf("Open refused session %d of %d", len(m.live)+1, m.table.Cap())
	}
	for _, d := range m.dead {
		if d.name == s.Name() {
			m.fatalf("name %v given out twice", d.name)
		}
	}
	m.live = append(m.live, &modelSession{s: s, name: s.Name(), fd: m.opened})
}

func (m *model) touch(ms *modelSession) {
	m.table.Touch(ms.s)
	m.toTail(ms)
}

func (m *model) toTail(ms *modelSession) {
	i := slices.Index(m.live, ms)
	m.live = append(slices.Delete(m.live, i, i+1), ms)
}

func (m *model) arm(ms *modelSession, class int, at time.Duration) {
	m.table.Arm(ms.s, class, at)
	m.seq++
	ms.armed, ms.class, ms.at, ms.seq = true, class, at, m.seq
}

// queue returns the sessions armed in class, or in any class if it is none, in the
// order they expire.
func (m *model) queue(class int) []*modelSession {
	var q []*modelSession
	for _, ms := range m.live {
		if ms.armed && (class == none || ms.class == class) {
			q = append(q, ms)
		}
	}
	slices.SortFunc(q, func(a, b *modelSession) int {
		switch {
		case a.at != b.at:
			return int(a.at - b.at)
		case a.class != b.class:
			return a.class - b.class
		}
		return a.seq - b.seq
	})
	return q
}

func (m *model) expire() {
	for {
		s := m.table.Expired(m.now)
		q := m.queue(none)
		if len(q) == 0 || q[0].at > m.now {
			if s != nil {
				m.fatalf("Expired(%d) = %v, want nil", m.now, s.Name())
			}
			return
		}
		if s != q[0].s {
			m.fatalf("Expired(%d) is not %v", m.now, q[0].name)
		}
		q[0].armed = false
		m.check()
	}
}

func (m *model) wantFreed(o *occ) {
	if o != nil && o.free != 0 {
		m.want = append(m.want, fmt.Sprint(o.free, o.value()))
	}
}

// freeFunc returns free function n of ms.
func (m *model) freeFunc(ms *modelSession, n int) func(any) {
	if n == 0 {
		return nil
	}
	return func(ctx any) {
		m.got = append(m.got, fmt.Sprint(n, ctx))
		if n == 3 && ms.s.SetCtx(new(int), m.freeFunc(ms, 3)) {
			m.fatalf("SetCtx in a free function was taken")
		}
	}
}

func (m *model) setCtx(ms *modelSession, key, free int) {
	taken := ms.s.SetCtx((&occ{key: key}).value(), m.freeFunc(ms, free))
	if taken == ms.released {
		m.fatalf("SetCtx = %v, released is %v", taken, ms.released)
	}
	if !taken {
		return
	}
	var o *occ
	if key != 0 {
		o = &occ{key, free}
	}
	old := ms.ctx
	ms.ctx = o
	switch {
	case sameOcc(o, old):
		if o != nil {
			old.free = free
		}
		ms.ctx = old
	case !ms.open || !sameOcc(old, ms.committed):
		m.wantFreed(old)
	}
	if ms.open && o != nil && sameOcc(o, ms.committed) {
		ms.committed.free = free
		ms.ctx = ms.committed
	}
	if !ms.open {
		ms.committed = ms.ctx
	}
}

func (m *model) begin(ms *modelSession) {
	ms.s.Begin()
	ms.open = !ms.released
}

func (m *model) commit(ms *modelSession) {
	ms.s.Commit()
	m.wantCommit(ms)
}

func (m *model) wantCommit(ms *modelSession) {
	if ms.open && !sameOcc(ms.ctx, ms.committed) {
		m.wantFreed(ms.committed)
	}
	ms.committed, ms.open = ms.ctx, false
}

func (m *model) takeCtx(ms *modelSession) {
	ctx, free := ms.s.TakeCtx()
	if fmt.Sprint(ctx) != fmt.Sprint(ms.ctx.value()) {
		m.fatalf("TakeCtx = %v, want %v", ctx, ms.ctx.value())
	}
	if (free != nil) != (ms.ctx != nil && ms.ctx.free != 0) {
		m.fatalf("TakeCtx has the wrong free function")
	}
	if sameOcc(ms.ctx, ms.committed) {
		ms.committed = nil
	}
	ms.ctx = nil
}

func (m *model) release(ms *modelSession) {
	ms.s.Release()
	if ms.released {
		return
	}
	m.wantCommit(ms)
	m.wantFreed(ms.ctx)
	ms.released, ms.ctx, ms.committed = true, nil, nil
}

func (m *model) end(ms *modelSession) {
	m.table.End(ms.s)
	i := slices.Index(m.live, ms)
	m.live = slices.Delete(m.live, i, i+1)
	m.dead = append(m.dead, ms)
	if ms.s.FD() != -1 {
		m.fatalf("an ended session has descriptor %d", ms.s.FD())
	}
	if !panics(func() { m.table.End(ms.s) }) || !panics(func() { m.table.Touch(ms.s) }) ||
		!panics(func() { m.table.Arm(ms.s, 0, 0) }) || ms.s.SetCtx(1, nil) {
		m.fatalf("an ended session can be used")
	}
}

func (m *model) endOrPanic(ms *modelSession) {
	if ms.released {
		m.end(ms)
		return
	}
	if !panics(func() { m.table.End(ms.s) }) {
		m.fatalf("End of a session not released")
	}
}

// walk goes through the table in one of its two orders, ending and touching
// sessions on the way, as bits says.
func (m *model) walk(order, bits int) {
	seq, left := m.table.All(), m.bySlot()
	if order%2 == 1 {
		seq, left = m.table.Oldest(), slices.Clone(m.live)
	}
	for s := range seq {
		if len(left) == 0 || left[0].s != s {
			m.fatalf("a walk met %v, want %v", s.Name(), names(left))
		}
		ms := left[0]
		left = left[1:]
		switch bits >> (len(left) % 4 * 2) & 3 {
		case 1:
			m.release(ms)
			m.end(ms)
		case 2:
			m.touch(ms)
		}
	}
	if len(left) > 0 {
		m.fatalf("a walk left out %v", names(left))
	}
}

func (m *model) bySlot() []*modelSession {
	return slices.SortedFunc(slices.Values(m.live), func(a, b *modelSession) int {
		return int(a.name.Slot - b.name.Slot)
	})
}

func names(all []*modelSession) (n []Name) {
	for _, ms := range all {
		n = append(n, ms.name)
	}
	return n
}

// check compares the table with the model, and each list with itself.
func (m *model) check() {
	t := m.table
	if t.Len() != len(m.live) {
		m.fatalf("Len() = %d, want %d", t.Len(), len(m.live))
	}
	if !slices.Equal(m.got, m.want) {
		m.fatalf("freed %q, want %q", m.got, m.want)
	}
	m.checkList("LRU order", &t.lru, names(m.live))
	for class := range m.classes {
		m.checkList("deadlines", &t.queues[class], names(m.queue(class)))
	}
	m.checkSlots()
	var all []Name
	for s := range t.All() {
		all = append(all, s.Name())
	}
	if want := names(m.bySlot()); !slices.Equal(all, want) {
		m.fatalf("All() = %v, want %v", all, want)
	}
	at, ok := t.Next()
	if q := m.queue(none); ok != (len(q) > 0) || ok && at != q[0].at {
		m.fatalf("Next() = %v, %v with %v armed", at, ok, names(q))
	}
	for _, ms := range m.live {
		m.checkSession(ms)
	}
	for _, ms := range m.dead {
		if t.Lookup(ms.name) != nil {
			m.fatalf("Lookup finds %v, which has ended", ms.name)
		}
	}
}

// checkSession compares one session with its model.
func (m *model) checkSession(ms *modelSession) {
	if m.table.Lookup(ms.name) != ms.s || ms.s.Name() != ms.name || ms.s.FD() != ms.fd {
		m.fatalf("Lookup(%v) does not find it", ms.name)
	}
	if got, want := ms.s.Ctx(), ms.ctx.value(); !Same(got, want) && fmt.Sprint(got) != fmt.Sprint(want) {
		m.fatalf("%v: Ctx() = %v, want %v", ms.name, got, want)
	}
	class := none
	if ms.armed {
		class = ms.class
	}
	at, ok := ms.s.Deadline()
	if ms.s.Class() != class || ok != ms.armed || ok && at != ms.at {
		m.fatalf("%v: class %d, deadline %v %v; want %d, %v", ms.name, ms.s.Class(), at, ok, class, ms.at)
	}
}

// checkList walks l both ways.
func (m *model) checkList(what string, l *list, want []Name) {
	var there, back []Name
	for i := l.first; i != none && len(there) <= len(want); i = m.table.at(i).links[l.via].next {
		there = append(there, m.table.at(i).Name())
	}
	for i := l.last; i != none && len(back) <= len(want); i = m.table.at(i).links[l.via].prev {
		back = append(back, m.table.at(i).Name())
	}
	slices.Reverse(back)
	if !slices.Equal(there, want) || !slices.Equal(back, want) {
		m.fatalf("%s: %v there and %v back, want %v", what, there, back, want)
	}
}

// checkSlots wants every slot ever used to be live or in the free list, once.
func (m *model) checkSlots() {
	t := m.table
	free := 0
	for i := t.vacant; i != none && free <= int(t.used); i = t.at(i).links[inQueue].next {
		if t.at(i).phase != vacant {
			m.fatalf("slot %d is free and live", i)
		}
		free++
	}
	if free+len(m.live) != int(t.used) || t.used > t.max {
		m.fatalf("%d free and %d live slots of %d used", free, len(m.live), t.used)
	}
}

func panics(f func()) (yes bool) {
	defer func() { yes = recover() != nil }()
	f()
	return false
}

// program returns n random steps.
func program(seed uint64, n int) []byte {
	rnd := rand.New(rand.NewPCG(seed, 0))
	p := make([]byte, 4*n)
	for i := range p {
		p[i] = byte(rnd.Uint32())
	}
	return p
}

func TestModel(t *testing.T) {
	seeds := 4000
	if testing.Short() {
		seeds = 400
	}
	first := uint64(1)
	for seed := first; seed < first+uint64(seeds); seed++ {
		m := newModel(t, int(seed%9), 1+int(seed%4))
		m.title = fmt.Sprint("seed ", seed)
		m.run(program(seed, 120))
	}
	// From another place each time, so that the ground covered grows.
	seed := rand.Uint64()
	t.Logf("random seed %d", seed)
	m := newModel(t, 9, 4)
	m.title = fmt.Sprint("seed ", seed)
	m.run(program(seed, 2000))
}

func FuzzTable(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(byte(seed), program(seed, 60))
	}
	// Two sessions; a context committed, replaced, set back; both ended in a walk.
	f.Add(byte(3), []byte{0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 1, 12, 0, 0, 0, 9, 0, 2, 2, 9, 0, 1, 3, 13, 0, 0, 0, 17, 0, 1, 0x55})
	// A slice set twice: never the same.
	f.Add(byte(1), []byte{0, 0, 0, 0, 9, 0, 5, 1, 9, 0, 5, 2, 15, 0, 0, 0, 9, 0, 1, 1, 16, 0, 0, 0})
	// Deadlines against the order.
	f.Add(byte(4), []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 9, 6, 1, 0, 5, 6, 2, 0, 7, 8, 0, 6, 0})
	f.Fuzz(func(t *testing.T, max byte, program []byte) {
		if len(program) > 1024 {
			return // long programs find nothing that short ones do not
		}
		newModel(t, int(max%9), 1+int(max%4)).run(program)
	})
}
