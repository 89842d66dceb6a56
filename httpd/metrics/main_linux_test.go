package metrics_test

import (
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"testing"
	"time"
)

const patience = 10 * time.Second

// TestMain fails when the tests leave goroutines behind.
func TestMain(m *testing.M) {
	before := runtime.NumGoroutine()
	code := m.Run()
	if code == 0 && !await(func() bool { return runtime.NumGoroutine() <= before }) {
		code = 1
		fmt.Fprintf(os.Stderr, "%d goroutines, were %d\n", runtime.NumGoroutine(), before)
		pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
	}
	os.Exit(code)
}

func await(is func() bool) bool {
	deadline, tick := time.After(patience), time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			return false
		}
	}
	return true
}
