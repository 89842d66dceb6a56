package sess

import (
	"slices"
	"testing"
)

// fds returns the descriptors a walk meets, should it never end the first ones.
func fds(walk func(func(*Session) bool)) (all []int) {
	for s := range walk {
		if all = append(all, s.FD()); len(all) > 100 {
			break
		}
	}
	return all
}

func checkOrder(t *testing.T, table *Table, want ...int) {
	t.Helper()
	if got := fds(table.Oldest()); !slices.Equal(got, want) {
		t.Errorf("from the oldest: %v, want %v", got, want)
	}
}

func TestOrder(t *testing.T) {
	table := NewTable(8, 1)
	checkOrder(t, table)
	a := mustOpen(t, table, 1)
	checkOrder(t, table, 1)
	table.Touch(a)
	checkOrder(t, table, 1)
	b, c := mustOpen(t, table, 2), mustOpen(t, table, 3)
	checkOrder(t, table, 1, 2, 3)
	table.Touch(a) // the first
	checkOrder(t, table, 2, 3, 1)
	table.Touch(c) // one in the middle
	checkOrder(t, table, 2, 1, 3)
	table.Touch(c) // the last
	checkOrder(t, table, 2, 1, 3)
	closeSession(table, a)
	checkOrder(t, table, 2, 3)
	closeSession(table, b)
	closeSession(table, c)
	checkOrder(t, table)
}

// TestVictims plays ESP-IDF's own sequence: connect and be served three times, then
// connect three times. There the victims were A, B and D, since D tied with C.
func TestVictims(t *testing.T) {
	table := NewTable(7, 1)
	var victims []int
	for fd := 'A'; fd <= 'F'; fd++ {
		s := mustOpen(t, table, int(fd))
		if fd <= 'C' {
			table.Touch(s)
		}
	}
	for range 3 {
		for s := range table.Oldest() {
			victims = append(victims, s.FD())
			closeSession(table, s)
			break
		}
	}
	if !slices.Equal(victims, []int{'A', 'B', 'C'}) {
		t.Errorf("victims %c, want A B C", victims)
	}
}

func TestFreshConnectionIsNoVictim(t *testing.T) {
	table := NewTable(8, 1)
	idle := mustOpen(t, table, 1)
	table.Touch(idle)
	mustOpen(t, table, 2)
	checkOrder(t, table, 1, 2)
}

func TestTouchProtects(t *testing.T) {
	table := NewTable(8, 1)
	a := mustOpen(t, table, 1)
	mustOpen(t, table, 2)
	table.Touch(a)
	checkOrder(t, table, 2, 1)
}

func TestTouchEveryOneWalkedEnds(t *testing.T) {
	table := NewTable(8, 1)
	for fd := range 5 {
		mustOpen(t, table, fd)
	}
	n := 0
	for s := range table.Oldest() {
		table.Touch(s)
		if n++; n > 5 {
			t.Fatal("a walk that touches goes round in circles")
		}
	}
	checkOrder(t, table, 0, 1, 2, 3, 4)
}

func TestWalksTolerateEnding(t *testing.T) {
	for name, walk := range map[string]func(*Table) func(func(*Session) bool){
		"All":    func(t *Table) func(func(*Session) bool) { return t.All() },
		"Oldest": func(t *Table) func(func(*Session) bool) { return t.Oldest() },
	} {
		for ended := range 1 << 5 { // every set of five
			table := NewTable(8, 1)
			for fd := range 5 {
				mustOpen(t, table, fd)
			}
			var met, left []int
			for s := range walk(table) {
				fd := s.FD()
				met = append(met, fd)
				if ended>>fd&1 != 0 {
					closeSession(table, s)
				} else {
					left = append(left, fd)
				}
			}
			if !slices.Equal(met, []int{0, 1, 2, 3, 4}) || !slices.Equal(fds(walk(table)), left) {
				t.Errorf("%s, ending %05b: met %v", name, ended, met)
			}
		}
	}
}

func TestAllToleratesEndingOthers(t *testing.T) {
	table := NewTable(8, 1)
	var all []*Session
	for fd := range 4 {
		all = append(all, mustOpen(t, table, fd))
	}
	var met []int
	for s := range table.All() {
		met = append(met, s.FD())
		if s.FD() == 1 {
			closeSession(table, all[2])
			closeSession(table, all[0])
		}
	}
	if !slices.Equal(met, []int{0, 1, 3}) {
		t.Errorf("met %v, want 0 1 3", met)
	}
}

func TestWalksMayBeLeft(t *testing.T) {
	table := NewTable(8, 1)
	for fd := range 4 {
		mustOpen(t, table, fd)
	}
	for name, walk := range map[string]func(func(*Session) bool){"All": table.All(), "Oldest": table.Oldest()} {
		n := 0
		walk(func(*Session) bool { n++; return n < 2 })
		if n != 2 {
			t.Errorf("%s went on to %d sessions, want 2", name, n)
		}
	}
}
