package sess

import (
	"slices"
	"testing"
	"time"
)

// expired drains what is due at now, and stops if there is more than can be.
func expired(table *Table, now time.Duration) (all []int) {
	for range table.Len() + 1 {
		s := table.Expired(now)
		if s == nil {
			break
		}
		all = append(all, s.FD())
	}
	return all
}

func checkNext(t *testing.T, table *Table, want time.Duration) {
	t.Helper()
	if at, ok := table.Next(); at != want || ok != (want != 0) {
		t.Errorf("Next() = %d, %v, want %d", at, ok, want)
	}
}

func TestExpiredIsInOrder(t *testing.T) {
	for _, c := range []struct {
		name string
		arm  [][2]int // class and deadline of sessions 0, 1, …
		now  time.Duration
		want []int
	}{
		{"none", nil, 100, nil},
		{"not yet", [][2]int{{0, 11}}, 10, nil},
		{"just now", [][2]int{{0, 10}}, 10, []int{0}},
		{"as armed", [][2]int{{0, 1}, {0, 2}, {0, 3}}, 2, []int{0, 1}},
		{"against the order", [][2]int{{0, 3}, {0, 2}, {0, 1}}, 9, []int{2, 1, 0}},
		{"into the middle", [][2]int{{0, 1}, {0, 9}, {0, 5}}, 9, []int{0, 2, 1}},
		{"equal keep their order", [][2]int{{0, 5}, {0, 5}, {0, 7}, {0, 5}}, 9, []int{0, 1, 3, 2}},
		{"across classes", [][2]int{{2, 4}, {0, 5}, {1, 3}, {2, 6}}, 9, []int{2, 0, 1, 3}},
		{"equal across classes", [][2]int{{2, 4}, {1, 4}, {0, 4}}, 4, []int{2, 1, 0}},
		{"before the clock began", [][2]int{{1, 0}, {0, -5}}, 0, []int{1, 0}},
	} {
		table := NewTable(8, 3)
		for fd, a := range c.arm {
			table.Arm(mustOpen(t, table, fd), a[0], time.Duration(a[1]))
		}
		if got := expired(table, c.now); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestNext(t *testing.T) {
	table := NewTable(8, 3)
	a, b := mustOpen(t, table, 1), mustOpen(t, table, 2)
	checkNext(t, table, 0)
	table.Arm(a, 2, 30)
	checkNext(t, table, 30)
	table.Arm(b, 0, 20)
	checkNext(t, table, 20)
	table.Arm(b, 1, 40) // later, in another class
	checkNext(t, table, 30)
	table.Disarm(a)
	table.Disarm(a)
	checkNext(t, table, 40)
	closeSession(table, b)
	checkNext(t, table, 0)
}

func TestArmAgainMovesToTheTail(t *testing.T) {
	table := NewTable(8, 1)
	a, b := mustOpen(t, table, 1), mustOpen(t, table, 2)
	table.Arm(a, 0, 10)
	table.Arm(b, 0, 11)
	table.Arm(a, 0, 12)
	if got := expired(table, 50); !slices.Equal(got, []int{2, 1}) {
		t.Errorf("expired %v, want 2 1", got)
	}
}

func TestExpiredDisarms(t *testing.T) {
	table := NewTable(8, 2)
	s := mustOpen(t, table, 1)
	table.Arm(s, 1, 10)
	if at, ok := s.Deadline(); at != 10 || !ok || s.Class() != 1 {
		t.Errorf("armed: %v %v in %d", at, ok, s.Class())
	}
	if table.Expired(10) != s || table.Expired(10) != nil {
		t.Error("a session expires more or less than once")
	}
	if at, ok := s.Deadline(); at != 0 || ok || s.Class() != -1 {
		t.Errorf("expired: %v %v in %d", at, ok, s.Class())
	}
	table.Arm(s, 1, 20) // the caller may give it another
	checkNext(t, table, 20)
}

func TestArmOfAClassThereIsNot(t *testing.T) {
	table := NewTable(8, 2)
	s := mustOpen(t, table, 1)
	table.Arm(s, 1, 10)
	for _, class := range []int{-1, 2, 200} {
		if !panics(func() { table.Arm(s, class, 20) }) {
			t.Errorf("class %d is accepted", class)
		}
	}
	checkNext(t, table, 10)
}

// TestFullyInOrder arms more sessions than a block holds, each later than the last.
func TestFullyInOrder(t *testing.T) {
	const n = 3*blockSize + 7
	table := NewTable(n, 2)
	for fd := range n {
		table.Arm(mustOpen(t, table, fd), fd%2, time.Duration(fd))
	}
	got := expired(table, n)
	if len(got) != n || !slices.IsSorted(got) {
		t.Errorf("%d of %d expired, sorted is %v", len(got), n, slices.IsSorted(got))
	}
}
