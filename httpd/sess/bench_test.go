package sess

import (
	"fmt"
	"testing"
	"time"
)

// full returns a table with n live sessions and a thousandth as many vacant slots.
func full(b *testing.B, n int) *Table {
	table := NewTable(n+n/1000+1, 4)
	for fd := range n {
		table.Arm(mustOpen(b, table, fd), 0, time.Duration(fd))
	}
	return table
}

// BenchmarkTurnover is a connection's whole life: open, one request, expire, end.
func BenchmarkTurnover(b *testing.B) {
	for _, n := range []int{1000, 1000000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			table, now := full(b, n), time.Duration(n)
			b.ReportAllocs()
			for b.Loop() {
				s := table.Open(7)
				table.Arm(s, 1, now)
				s.Begin()
				s.Commit()
				table.Touch(s)
				table.Arm(s, 0, now)
				now++
				s = table.Expired(now)
				closeSession(table, s)
			}
		})
	}
}

// BenchmarkRequest is what one keep-alive request costs the table, on sessions that
// take turns in an order no cache foresees.
func BenchmarkRequest(b *testing.B) {
	for _, n := range []int{1000, 1000000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			table, now := full(b, n), time.Duration(n)
			slot := int32(0)
			b.ReportAllocs()
			for b.Loop() {
				slot = (slot + 611953) % int32(n)
				s := table.Lookup(Name{slot, 1})
				s.Begin()
				s.Commit()
				table.Touch(s)
				table.Arm(s, 0, now)
				now++
			}
		})
	}
}

// BenchmarkFill opens a million sessions in slots never used before.
func BenchmarkFill(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		full(b, 1000000)
	}
}

func BenchmarkSetCtx(b *testing.B) {
	s := mustOpen(b, NewTable(1, 1), 5)
	ctx, free := any(new(int)), func(any) {}
	b.ReportAllocs()
	for b.Loop() {
		s.SetCtx(ctx, free)
		s.SetCtx(nil, nil)
	}
}
