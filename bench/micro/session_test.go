package micro

import (
	"testing"
	"time"

	"moor.example/httpd/sess"
)

// slots is how many sessions the table has room for. It is as good as full.
const slots = 1_000_000

// A full table has a session in each slot but one. Its sessions are taken in
// an order that no cache foresees.
type full struct {
	*sess.Table
	all  []*sess.Session
	next int
}

func newFull() *full {
	f := &full{Table: sess.NewTable(slots, 2)}
	for range slots - 1 {
		f.all = append(f.all, f.Open(3))
	}
	return f
}

// pick goes round in steps that have no divisor in common with the number.
func (f *full) pick() *sess.Session {
	f.next = (f.next + 618_033) % len(f.all)
	return f.all[f.next]
}

func BenchmarkSession(b *testing.B) {
	now := time.Duration(0)
	for _, row := range []struct {
		name string
		do   func(*full)
	}{
		{"open+end", func(f *full) {
			s := f.Open(4)
			s.SetCtx(f, func(any) {})
			s.Release()
			f.End(s)
		}},
		{"touch", func(f *full) { f.Touch(f.pick()) }},
		{"lookup", func(f *full) { f.Lookup(f.pick().Name()) }},
		{"request", func(f *full) { // what a request costs its session
			s := f.pick()
			f.Lookup(s.Name())
			s.Begin()
			s.Commit()
			f.Touch(s)
		}},
		{"arm", func(f *full) {
			now++
			f.Arm(f.pick(), 1, now)
		}},
		{"arm+expire", func(f *full) {
			now++
			f.Arm(f.pick(), 0, now)
			f.Expired(now)
		}},
	} {
		b.Run("op="+row.name, func(b *testing.B) {
			f := newFull()
			b.ReportAllocs()
			for b.Loop() {
				row.do(f)
			}
		})
	}
}
