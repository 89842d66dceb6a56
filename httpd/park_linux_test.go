package httpd

import (
	"errors"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"moor.example/httpd/sess"
)

// TestWaitTimeouts: what an earlier Wait has set ends a later one early at most,
// never late, and not for good.
func TestWaitTimeouts(t *testing.T) {
	const short, long = 10 * time.Millisecond, time.Hour
	for name, row := range map[string]struct {
		before []time.Duration // of Waits that are woken
		pass   time.Duration   // goes by before the last one
	}{
		"the first":                              {nil, 0},
		"behind one without end":                 {[]time.Duration{-1}, 0},
		"behind a longer one":                    {[]time.Duration{long}, 0},
		"behind a shorter one":                   {[]time.Duration{short / 2}, 0},
		"behind one whose time has come":         {[]time.Duration{short / 2}, short},
		"behind such a one, and one without end": {[]time.Duration{short / 2, -1}, short},
		"behind many":                            {[]time.Duration{long, short, -1, long, short, -1}, short},
	} {
		t.Run(name, func(t *testing.T) {
			k, err := newKernel(&Config{})
			if err != nil {
				t.Fatal(err)
			}
			defer k.End()
			for _, timeout := range row.before {
				wakes(t, k, timeout)
			}
			time.Sleep(row.pass) // sleep: time is what passes
			began, turns := k.Now(), 0
			for left := short; left > 0; left = short - (k.Now() - began) {
				n, err := k.Wait(left)
				if turns++; n != 0 || err != nil {
					t.Fatalf("%d events of nothing, %v", n, err)
				}
			}
			if took := k.Now() - began; took > long/2 || turns > 3 {
				t.Errorf("it took %v and %d turns", took, turns)
			}
			wakes(t, k, -1)
			wakes(t, k, 0)
		})
	}
}

// wakes waits for a Wake that is there already.
func wakes(t *testing.T, k kernel, timeout time.Duration) {
	t.Helper()
	k.Wake()
	if n, err := k.Wait(timeout); n != 1 || err != nil {
		t.Fatalf("Wait(%v): %d events of a Wake, %v", timeout, n, err)
	}
	if name, _ := k.Event(0); name != nameWake {
		t.Fatalf("an event of %v", name)
	}
}

// TestWaitIsWoken: a Wake from elsewhere ends a Wait, and so does an octet.
func TestWaitIsWoken(t *testing.T) {
	k, err := newKernel(&Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer k.End()
	reads, writes, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reads.Close()
	defer writes.Close()
	pipe := sess.Name{Slot: 3, Gen: 1}
	if err := k.Watch(int(reads.Fd()), pipe, 0, wantRead); err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		timeout, want := []time.Duration{-1, time.Hour}[i%2], []sess.Name{nameWake, pipe}[i/2%2]
		go func() {
			time.Sleep(time.Duration(i) * 50 * time.Microsecond) // sleep: it is parked by then, or not yet
			if want == nameWake {
				k.Wake()
			} else {
				writes.Write([]byte("x"))
			}
		}()
		if n, err := k.Wait(timeout); n != 1 || err != nil {
			t.Fatalf("%d: %d events, %v", i, n, err)
		}
		if name, _ := k.Event(0); name != want {
			t.Errorf("%d: an event of %v, want %v", i, name, want)
		}
		if want == pipe {
			reads.Read(make([]byte, 1))
		}
	}
}

// TestNoPark: what Go's poller does not take is an error at the start, not a loop
// that never wakes.
func TestNoPark(t *testing.T) {
	fd, err := unix.Open(t.TempDir(), unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newPark(fd, time.Now()); !errors.Is(err, os.ErrNoDeadline) {
		t.Errorf("a directory: %v", err)
	}
}
