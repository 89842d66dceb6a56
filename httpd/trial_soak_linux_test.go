package httpd_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	soakClients  = 500
	soakSessions = 400                    // MaxSessions: some wait for others to end
	soakTime     = 2 * time.Second        // every timeout
	soakFor      = time.Minute            // that it goes on
	soakPause    = 200 * time.Millisecond // at most, between two visits of a client
	// What the heap may have grown by: two loops make their blocks of
	// connections when the first ones come, and keep an output buffer.
	soakHeap = 3 << 19
	soakSeed = 20261123
)

// soak: clients that do what clients do, in every mixture, for a while. What
// they are owed they get, and then the server is as it was.
func soak(a *arena) {
	end := time.Now().Add(soakFor)
	var group sync.WaitGroup
	seen, wrong := tally{n: map[string]int{}}, faults{}
	for n := range soakClients {
		group.Go(func() {
			rnd := rand.New(rand.NewPCG(soakSeed, uint64(n)))
			for time.Now().Before(end) {
				v := &visitor{rnd: rnd, seen: &seen}
				if err := v.visit(a); err != nil {
					wrong.add(v.story(), err)
				}
				time.Sleep(time.Duration(rnd.Int64N(int64(soakPause)))) // sleep: a client is not always there
			}
		})
	}
	group.Wait()
	wrong.tell(a)
	a.settled(0)
	all := a.crowd(soakSessions) // no place was lost
	a.settled(soakSessions)
	all.leave()
	a.settled(0)
	f := a.look("collect")
	a.Logf("soak: %d clients, %v, seed %d: %d sessions, %d answers, %d contexts, each freed once; goroutines %d->%d, descriptors %d->%d, heap %d->%d KiB, at most %d MiB of RSS; each of %d things done %d times or more",
		soakClients, soakFor, soakSeed, f.Opened, seen.answers.Load(), f.Made, a.start.Goroutines, f.Goroutines, a.start.Descriptors, f.Descriptors,
		a.start.Heap>>10, f.Heap>>10, a.status("VmHWM"), len(seen.n), slices.Min(slices.Collect(maps.Values(seen.n))))
	if f.NoRoom > 0 {
		a.Errorf("MaxBufferBytes was too little for %d sessions", f.NoRoom)
	}
	if f.Heap > a.start.Heap+soakHeap {
		a.Errorf("the heap has grown by %d octets, at most %d", f.Heap-a.start.Heap, soakHeap)
	}
	seen.complete(a)
}

// A tally counts what was done, by name, and the answers that came of it.
type tally struct {
	mu      sync.Mutex
	n       map[string]int
	answers atomic.Int64
}

func (t *tally) add(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n[name]++
}

// complete wants everything to have been done.
func (t *tally) complete(a *arena) {
	a.Helper()
	for _, names := range [][]string{namesOf(asks), namesOf(lastAsks), namesOf(ways), namesOf(departures)} {
		for _, name := range names {
			if t.n[name] == 0 {
				a.Errorf("nobody had %q", name)
			}
		}
	}
}

// A thing is something that a visitor may do, of one kind. It is as likely as
// its weight is large.
type thing[T any] struct {
	name   string
	weight int
	do     T
}

func namesOf[T any](all []thing[T]) (names []string) {
	for _, one := range all {
		names = append(names, one.name)
	}
	return names
}

// choose chooses one of them, and notes that.
func choose[T any](v *visitor, all []thing[T]) T {
	sum := 0
	for _, one := range all {
		sum += one.weight
	}
	at := v.rnd.IntN(sum)
	for _, one := range all {
		if at -= one.weight; at < 0 {
			v.did(one.name)
			return one.do
		}
	}
	panic("no weights")
}
