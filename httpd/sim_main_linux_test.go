package httpd

import (
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	simSeed  = flag.Uint64("seed", 0, "simulate this seed alone")
	simSeeds = flag.Int("seeds", 0, "how many seeds to simulate; 0: 1000, or 50 with the race detector")
	simFrom  = flag.Uint64("simfrom", 1, "the first of them")
)

// TestSimulation runs the engine on simulated kernels, a world for each seed.
func TestSimulation(t *testing.T) {
	first, n := *simFrom, *simSeeds
	switch {
	case *simSeed != 0:
		first, n = *simSeed, 1
	case n == 0 && racing():
		n = 50
	case n == 0:
		n = 1000
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // it is little that lives
	began, goroutines := time.Now(), runtime.NumGoroutine()
	r := simRun{next: first, end: first + uint64(n)}
	var group sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		group.Go(r.work)
	}
	group.Wait()
	if r.failed != 0 {
		t.Fatalf("seed %d: %s\n\nto replay it: go test ./httpd -run TestSimulation -seed=%d", r.failed, r.text, r.failed)
	}
	took := time.Since(began)
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > goroutines; runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines, and there were %d", runtime.NumGoroutine(), goroutines)
		}
	}
	t.Logf("seeds %d to %d in %v: %.0f requests/s%v", first, r.end-1, took.Round(time.Millisecond), float64(r.sum.requests)/took.Seconds(), &r.sum)
	if missing := r.sum.missing(); n >= simEnough && missing != nil {
		t.Errorf("never in %d seeds: %s", n, strings.Join(missing, ", "))
	}
}

// TestSimulationReplays: a seed is always the same history.
func TestSimulationReplays(t *testing.T) {
	for seed := uint64(1); seed <= 20; seed++ {
		a, failure := simulate(seed)
		b, again := simulate(seed)
		if a.sum != b.sum || a.simLog.written != b.simLog.written || failure != again {
			t.Errorf("seed %d: %d entries and the sum %x, then %d and %x", seed, a.simLog.written, a.sum, b.simLog.written, b.sum)
		}
	}
}

// simEnough is the number of seeds in which everything happens.
const simEnough = 500

// racing reports whether this is a build with the race detector.
func racing() bool {
	info, _ := debug.ReadBuildInfo()
	for _, s := range info.Settings {
		if s.Key == "-race" {
			return s.Value == "true"
		}
	}
	return false
}

// A simRun is many seeds, on all processors: in each world one goroutine runs.
type simRun struct {
	next, end uint64
	mu        sync.Mutex
	sum       simCounts
	failed    uint64 // the lowest seed that did; 0: none
	text      string
}

func (r *simRun) work() {
	for {
		r.mu.Lock()
		seed := r.next
		r.next++
		over := seed >= r.end || r.failed != 0
		r.mu.Unlock()
		if over {
			return
		}
		w, failure := simulate(seed)
		r.mu.Lock()
		r.sum.add(&w.count)
		if failure != "" && (r.failed == 0 || seed < r.failed) {
			r.failed, r.text = seed, failure
		}
		r.mu.Unlock()
	}
}

// setup is what the seed has made of the server.
func (w *simWorld) setup() string {
	cfg := w.cfg
	cfg.OnOpen, cfg.OnClose, cfg.Events, cfg.Transport = nil, nil, nil, nil
	return fmt.Sprintf("%+v\n%+v", w.plan, cfg)
}

// simulate runs one seed, and says what was wrong.
func simulate(seed uint64) (w *simWorld, failure string) {
	w = newSimWorld(seed)
	defer func() {
		switch p := recover().(type) {
		case nil:
		case simFailure:
			failure = fmt.Sprintf("after %v: %s\n%s\n%s", w.now, p.text, &w.simLog, w.setup())
		default:
			failure = fmt.Sprintf("after %v: panic: %v\n%s\n%s", w.now, p, &w.simLog, debug.Stack())
		}
	}()
	w.run()
	return w, ""
}
