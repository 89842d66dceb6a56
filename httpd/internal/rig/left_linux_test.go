package rig

import (
	"os"
	"strings"
	"testing"
	"time"
)

type tests func() int

func (run tests) Run() int { return run() }

// TestRun: what the tests leave behind makes them fail, and is named. What goes in
// time does not.
func TestRun(t *testing.T) {
	var file *os.File
	stop := make(chan bool)
	defer func() { file.Close() }()
	defer close(stop)
	for _, c := range []struct {
		name string
		run  tests
		most time.Duration
		code int
		said string
	}{
		{"nothing", func() int { return 0 }, time.Millisecond, 0, ""},
		{"tests that fail", func() int { return 2 }, time.Millisecond, 2, ""},
		{"a goroutine that ends", func() int { go func() { <-time.After(20 * time.Millisecond) }(); return 0 }, Patience, 0, ""},
		{"a goroutine", func() int { go func() { <-stop }(); return 0 }, time.Millisecond, 1, "TestRun"},
		{"a descriptor", func() (code int) { file, _ = os.Open(os.DevNull); return 0 }, time.Millisecond, 1, "=" + os.DevNull},
		{"both, and tests that fail", func() int { go func() { <-stop }(); return 3 }, time.Millisecond, 3, ""},
	} {
		var out strings.Builder
		if code := run(c.run, &out, c.most); code != c.code || !strings.Contains(out.String(), c.said) || code == c.code && c.said == "" && out.Len() > 0 {
			t.Errorf("%s: %d, want %d: %s", c.name, code, c.code, out.String())
		}
	}
}
