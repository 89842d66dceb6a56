package sess

import (
	"math"
	"testing"
	"time"
	"unsafe"
)

// mustOpen opens a session in t, which must have room.
func mustOpen(tb testing.TB, t *Table, fd int) *Session {
	tb.Helper()
	s := t.Open(fd)
	if s == nil {
		tb.Fatalf("Open(%d) = nil with %d of %d sessions", fd, t.Len(), t.Cap())
	}
	return s
}

func closeSession(t *Table, s *Session) {
	s.Release()
	t.End(s)
}

// TestSize holds the figure that doc.go gives.
func TestSize(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) != 8 {
		t.Skip("the figure is for 64 bits")
	}
	if n := unsafe.Sizeof(Session{}); n != 72 {
		t.Errorf("a Session has %d bytes, want 72", n)
	}
	if n := unsafe.Sizeof(held{}); n != 24 {
		t.Errorf("a held context has %d bytes, want 24", n)
	}
}

func TestOpenFillsTheTable(t *testing.T) {
	for _, max := range []int{0, 1, 7, blockSize - 1, blockSize, blockSize + 1, 3*blockSize + 5} {
		table := NewTable(max, 1)
		if table.Cap() != max || table.Len() != 0 {
			t.Fatalf("NewTable(%d): Cap %d, Len %d", max, table.Cap(), table.Len())
		}
		slots := map[int32]*Session{}
		for fd := range max {
			s := mustOpen(t, table, fd)
			if s.FD() != fd || s.Name().Slot != int32(fd) || s.Name().Gen != 1 {
				t.Fatalf("session %d: descriptor %d, name %v", fd, s.FD(), s.Name())
			}
			slots[s.Name().Slot] = s
		}
		if table.Len() != max || len(slots) != max {
			t.Fatalf("%d sessions in %d slots, want %d", table.Len(), len(slots), max)
		}
		if table.Open(9) != nil {
			t.Fatalf("a table of %d has room for one more", max)
		}
		for s := range table.All() { // no session has moved while the table grew
			if slots[s.Name().Slot] != s {
				t.Fatalf("slot %d has moved", s.Name().Slot)
			}
		}
	}
}

func TestNewTablePanics(t *testing.T) {
	tooMany := int64(math.MaxInt32) + 1 // negative as an int of 32 bits, and refused as well
	for _, c := range [][2]int{{-1, 1}, {1, -1}, {1, 128}, {int(tooMany), 1}} {
		if !panics(func() { NewTable(c[0], c[1]) }) {
			t.Errorf("NewTable(%d, %d) is accepted", c[0], c[1])
		}
	}
	if n := NewTable(math.MaxInt32, 127).Cap(); n != math.MaxInt32 {
		t.Errorf("the largest table has room for %d", n)
	}
}

func TestBlocksComeAsTheyAreUsed(t *testing.T) {
	table := NewTable(1<<20, 1)
	blocks := func() (n int) {
		for _, b := range table.blocks {
			if b != nil {
				n++
			}
		}
		return n
	}
	for range 3 * blockSize { // one at a time needs one block
		closeSession(table, mustOpen(t, table, 5))
	}
	if n := blocks(); n != 1 || table.used != 1 {
		t.Errorf("one session at a time took %d slots in %d blocks", table.used, n)
	}
	for range blockSize + 1 {
		mustOpen(t, table, 5)
	}
	if n := blocks(); n != 2 {
		t.Errorf("%d sessions took %d blocks, want 2", blockSize+1, n)
	}
}

func TestVacantSlotsAreReusedLastFirst(t *testing.T) {
	table := NewTable(9, 1)
	var all []*Session
	for fd := range 4 {
		all = append(all, mustOpen(t, table, fd))
	}
	closeSession(table, all[2])
	closeSession(table, all[0])
	for i, want := range []Name{{0, 2}, {2, 2}, {4, 1}} {
		if n := mustOpen(t, table, 9).Name(); n != want {
			t.Errorf("session %d got %v, want %v", i, n, want)
		}
	}
}

func TestLookup(t *testing.T) {
	table := NewTable(2*blockSize, 1)
	s := mustOpen(t, table, 5)
	n := s.Name()
	if table.Lookup(n) != s {
		t.Fatal("Lookup does not find a live session")
	}
	for _, n := range []Name{
		{}, {0, 2}, {0, -1}, {1, 1}, {1, 0}, {-1, 1}, {-2, 0}, {blockSize, 1}, {2 * blockSize, 1},
		{math.MaxInt32, 1}, {math.MinInt32, 1}, {math.MinInt32, math.MinInt32},
	} {
		if table.Lookup(n) != nil {
			t.Errorf("Lookup(%v) finds a session", n)
		}
	}
	s.Release()
	if table.Lookup(n) != s {
		t.Error("a session that is released but not ended is not found")
	}
	table.End(s)
	if table.Lookup(n) != nil {
		t.Error("the name of an ended session finds one")
	}
	if mustOpen(t, table, 6) != s {
		t.Fatal("the slot is not used again")
	}
	if table.Lookup(n) != nil {
		t.Error("a stale name finds the next session of the slot") // ESP-IDF #19103
	}
	if NewTable(0, 0).Lookup(Name{0, 1}) != nil {
		t.Error("a table of none finds one")
	}
}

func TestGenerationsWrap(t *testing.T) {
	table := NewTable(1, 1)
	s := mustOpen(t, table, 5)
	closeSession(table, s)
	for _, c := range []struct{ gen, want int32 }{
		{0, 1}, {1, 2}, {math.MaxInt32 - 1, math.MaxInt32}, {math.MaxInt32, 1}, {-1, 1}, {math.MinInt32, 1},
	} {
		s.gen = c.gen
		if n := mustOpen(t, table, 5).Name(); n.Gen != c.want || table.Lookup(n) != s {
			t.Errorf("after generation %d comes %d, want %d", c.gen, n.Gen, c.want)
		}
		closeSession(table, s)
	}
}

func TestEndPanics(t *testing.T) {
	table, other := NewTable(3, 1), NewTable(3, 1)
	s, foreign := mustOpen(t, table, 5), mustOpen(t, other, 6)
	table.Arm(s, 0, 7)
	if !panics(func() { table.End(s) }) {
		t.Error("End before Release")
	}
	if at, ok := table.Next(); at != 7 || !ok || table.Len() != 1 || table.Lookup(s.Name()) != s {
		t.Error("an End that panicked has changed the table")
	}
	foreign.Release()
	if !panics(func() { table.End(foreign) }) || !panics(func() { table.Touch(foreign) }) {
		t.Error("a session of another table")
	}
	closeSession(table, s)
	if !panics(func() { table.End(s) }) {
		t.Error("End twice")
	}
	if s.Release(); table.Lookup(s.Name()) != nil || !panics(func() { table.End(s) }) {
		t.Error("Release has brought an ended session back")
	}
	mustOpen(t, table, 7)
	if !panics(func() { table.End(s) }) {
		t.Error("End twice, the slot in use again")
	}
	s.SetCtx(1, func(any) { table.End(s) })
	if !panics(s.Release) {
		t.Error("End while Release runs")
	}
}

func TestEndLeavesTheLists(t *testing.T) {
	table := NewTable(3, 2)
	a, b := mustOpen(t, table, 5), mustOpen(t, table, 6)
	table.Arm(a, 0, 10)
	table.Arm(b, 1, 20)
	closeSession(table, a)
	if at, ok := table.Next(); at != 20 || !ok {
		t.Errorf("Next() = %v, %v, want 20", at, ok)
	}
	a = mustOpen(t, table, 7)
	if _, ok := a.Deadline(); ok || a.Class() != -1 || a.Ctx() != nil {
		t.Error("a new session has its predecessor's deadline or context")
	}
	if s := table.Expired(100); s != b {
		t.Error("the other's deadline is lost")
	}
}

func TestAllocs(t *testing.T) {
	table := NewTable(64, 3)
	ctx, free := any(new(int)), func(any) {}
	now := time.Duration(0)
	turn := func() {
		for fd := range 64 {
			s := table.Open(fd)
			s.Begin()
			s.SetCtx(ctx, free)
			s.Commit()
			table.Arm(s, fd%3, now+time.Duration(fd%3))
			table.Touch(s)
			_, _ = Ctx[*int](s)
		}
		for s := range table.Oldest() {
			table.Touch(s)
		}
		now += 10
		for s := table.Expired(now); s != nil; s = table.Expired(now) {
			if table.Lookup(s.Name()) != s {
				t.Fatal("a live session is not found")
			}
			closeSession(table, s)
		}
		for range table.All() {
			t.Fatal("a session is left")
		}
	}
	if n := testing.AllocsPerRun(100, turn); n != 0 {
		t.Errorf("%v allocations a turn, want 0", n)
	}
}

// TestReplaceAllocatesOnce holds what doc.go says of a context replaced in a request.
func TestReplaceAllocatesOnce(t *testing.T) {
	s := mustOpen(t, NewTable(1, 0), 5)
	a, b, free := any(new(int)), any(new(int)), func(any) {}
	s.SetCtx(a, free)
	n := testing.AllocsPerRun(100, func() {
		s.Begin()
		s.SetCtx(b, free)
		s.SetCtx(nil, nil)
		s.SetCtx(b, free)
		s.Commit()
		a, b = b, a
	})
	if n != 1 {
		t.Errorf("%v allocations, want 1", n)
	}
}
