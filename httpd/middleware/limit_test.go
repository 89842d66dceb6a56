package middleware

import (
	"math"
	"testing"
	"time"
)

// TestRateLimitTake: what comes when, and what becomes of it.
func TestRateLimitTake(t *testing.T) {
	const s = time.Second
	type ask struct {
		after time.Duration // the one before
		wait  time.Duration // 0: it is let through
	}
	for name, c := range map[string]struct {
		limit RateLimit
		asks  []ask
	}{
		"one a second":         {RateLimit{1, s, 1}, []ask{{0, 0}, {0, s}, {s / 4, s * 3 / 4}, {s * 3 / 4, 0}, {s, 0}, {s - 1, 1}, {1, 0}}},
		"a burst":              {RateLimit{1, s, 3}, []ask{{0, 0}, {0, 0}, {0, 0}, {0, s}, {s, 0}, {0, s}, {2 * s, 0}, {0, 0}, {0, s}}},
		"a burst, much later":  {RateLimit{1, s, 2}, []ask{{0, 0}, {0, 0}, {time.Hour, 0}, {0, 0}, {0, s}}},
		"ten a second":         {RateLimit{10, s, 1}, []ask{{0, 0}, {0, s / 10}, {s / 10, 0}, {s / 20, s / 20}}},
		"the refused are free": {RateLimit{1, s, 1}, []ask{{0, 0}, {0, s}, {0, s}, {0, s}, {s, 0}}},
		"more than the clock":  {RateLimit{math.MaxInt, s, 2}, []ask{{0, 0}, {0, 0}, {0, 1}, {1, 0}}},
		"the longest":          {RateLimit{1, mostTime, 1}, []ask{{0, 0}, {time.Hour, mostTime - time.Hour}}},
		"the clock goes back":  {RateLimit{1, s, 2}, []ask{{0, 0}, {-s / 2, s / 2}, {s / 2, 0}}},
	} {
		t.Run(name, func(t *testing.T) {
			b, now := &bucket{}, time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
			for i, a := range c.asks {
				now = now.Add(a.after)
				if wait := c.limit.take(b, now); wait != a.wait {
					t.Errorf("request %d has to wait %v, want %v", i, wait, a.wait)
				}
			}
		})
	}
}

// TestWellFormed: which IDs of a client are taken.
func TestWellFormed(t *testing.T) {
	long := make([]byte, mostID)
	for i := range long {
		long[i] = 'x'
	}
	for id, want := range map[string]bool{
		"": false, "a": true, "0/1/2/3": true, "0af7651916cd43dd-8448eb211c80319c": true, "AZaz09-._~+/=@:": true,
		string(long): true, string(long) + "x": false,
		" a": false, "a b": false, "a,b": false, "a;b": false, `a"b`: false, "a\\b": false, "a\x00": false, "a\x7f": false, "é": false, "a\n": false, "{a}": false,
	} {
		if got := wellFormed(id); got != want {
			t.Errorf("%q: %v, want %v", id, got, want)
		}
	}
}
