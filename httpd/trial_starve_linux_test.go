package httpd_test

import (
	"fmt"
	"sync"
	"time"

	"moor.example/httpd/internal/rig"
)

const (
	starvedTries = 500
	starvedHas   = 32 // sessions before the limit falls
	starvedLimit = 64 // descriptors
	mostStarved  = 10 // percent of a core
	starvedTime  = 3 * time.Second
	starvedAsks  = 50 * time.Millisecond // each session asks so often meanwhile
	soonest      = time.Second           // within which it accepts again
)

// starve: the descriptor limit falls below what MaxSessions would let in. The
// sessions that there are go on, the others wait in the backlog, at no cost,
// until descriptors are free: because sessions end, or for another reason.
func starve(a *arena) {
	has := a.crowd(starvedHas)
	defer has.leave()
	was := a.limit(starvedLimit)
	room := starvedLimit - a.descriptors(starvedLimit)
	tries := a.try(starvedTries)
	rig.Eventually(a, "all descriptors are taken", func() bool { return a.descriptors(starvedLimit) == starvedLimit })
	in := &crowd{}
	for range room {
		in.callers = append(in.callers, receive(a, "a connection that has a descriptor is answered", tries.in))
	}
	cpu := a.starved(has, in)
	latest := a.relieve(in, tries)

	in.leave()
	for range starvedTries - room - relieved {
		receive(a, "those that waited are answered", tries.in).Close()
	}
	tries.group.Wait()
	tries.tell(a)
	a.limit(was)
	if err := has.ask(); err != nil {
		a.Errorf("afterwards: %v", err)
	}
	has.leave()
	a.Logf("descriptors: limit %d under %d attempts: %d sessions answered, %.1f %% of a core, accepts again after at most %v of %d times; all %d answered in the end",
		starvedLimit, starvedTries, starvedHas+room, cpu, latest.Round(time.Millisecond), relieved, starvedTries)
}

// A crowd is clients with a session each, which counts their requests.
type crowd struct {
	callers []*caller
	asked   int
}

func (a *arena) crowd(n int) *crowd {
	w := &crowd{}
	for range n {
		c, err := a.call()
		if err != nil {
			a.Fatal(err)
		}
		w.callers = append(w.callers, c)
	}
	if err := w.ask(); err != nil {
		a.Fatal(err)
	}
	return w
}

// ask lets each of them ask once.
func (w *crowd) ask() error {
	w.asked++
	for _, c := range w.callers {
		if err := c.ask("/count", fmt.Sprint(w.asked)); err != nil {
			return err
		}
	}
	return nil
}

func (w *crowd) leave() {
	for _, c := range w.callers {
		c.reset()
	}
	w.callers = nil
}

// tries are connections that ask once, and come in as they are answered.
type tries struct {
	group sync.WaitGroup
	in    chan *caller
	faults
}

func (a *arena) try(n int) *tries {
	t := &tries{in: make(chan *caller, n)}
	for range n {
		t.group.Go(func() {
			c, err := a.call()
			if err == nil {
				err = c.ask("/count", "1")
			}
			if err != nil {
				t.add("a connection that had to wait", err)
				return
			}
			t.in <- c
		})
	}
	return t
}

// starved returns how much of a core the server takes, in percent, while no
// connection can be accepted and those that it has make requests.
func (a *arena) starved(has, in *crowd) float64 {
	in.asked = 1
	began, before := time.Now(), a.cpu()
	for time.Since(began) < starvedTime {
		for _, w := range []*crowd{has, in} {
			if err := w.ask(); err != nil {
				a.Fatalf("while there are no descriptors: %v", err)
			}
		}
		time.Sleep(starvedAsks) // sleep: it is the pace
	}
	cpu := 100 * float64(a.cpu()-before) / float64(time.Since(began))
	if cpu > mostStarved {
		a.Errorf("without descriptors the server takes %.1f %% of a core, at most %d %%", cpu, mostStarved)
	}
	return cpu
}

const relieved = 10 // times that one descriptor becomes free

// relieve frees one descriptor at a time and returns how long it took at most
// until a connection that waited is answered.
func (a *arena) relieve(in *crowd, t *tries) (latest time.Duration) {
	for i := range relieved {
		began := time.Now()
		if i%2 == 0 {
			in.callers[0].reset()
			in.callers = in.callers[1:]
		} else {
			a.limit(uint64(starvedLimit + i/2 + 1)) // no session has ended
		}
		c := receive(a, "a connection that waited is answered", t.in)
		latest = max(latest, time.Since(began))
		in.callers = append(in.callers, c)
		if len(t.in) > 0 {
			a.Errorf("one descriptor became free, and %d more connections were answered", len(t.in))
		}
	}
	if latest > soonest {
		a.Errorf("%v after a descriptor became free a connection was accepted, at most %v", latest, soonest)
	}
	return latest
}
