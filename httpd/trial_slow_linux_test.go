package httpd_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	slowReaders = 25 // of each kind
	stallTime   = time.Second
	slowBytes   = 2 << 20                // of an answer
	slowPiece   = 16 << 10               // read at a time
	slowPause   = 25 * time.Millisecond  // in between: an answer takes longer than stallTime
	slowMore    = 80 << 10               // said behind the last request: more than one recv takes
	lateBytes   = 200 << 10              // what the system takes at once
	latePause   = 300 * time.Millisecond // until the session has ended
	faintBytes  = 512 << 10
	faintPause  = 150 * time.Millisecond // from one 8 KiB to the next
	endLate     = 3 * time.Second        // a server may be so late with an end
	stallTerms  = 4                      // that a peer which does not read may have
)

// slowKinds are readers that take a large answer slowly, or not at all.
var slowKinds = []struct {
	name string
	run  func(a *arena, c *caller) error
}{
	{"steady", func(a *arena, c *caller) error {
		return c.slowly(bigAt(0, slowBytes, ""), false)
	}},
	// What it says behind its last request must not cost it the answer.
	{"leaving", func(a *arena, c *caller) error {
		return c.slowly(bigAt(0, slowBytes, "Connection: close\r\n")+big[:slowMore], true)
	}},
	// The system tells the server of room less often than every stallTime.
	{"faint", func(a *arena, c *caller) error {
		if err := c.write(bigAt(0, faintBytes, "")); err != nil {
			return err
		}
		c.r.Reset(&sips{from: c.TCPConn, n: 8 << 10, pause: faintPause})
		return c.want("GET", 200, big[:faintBytes])
	}},
	// It says something when the session has ended, and has not read all by then.
	{"late", func(a *arena, c *caller) error {
		if err := c.write(bigAt(0, lateBytes, "Connection: close\r\n")); err != nil {
			return err
		}
		time.Sleep(latePause) // sleep: the server takes all of it for sent
		if err := c.write("behind the last request\r\n"); err != nil {
			return err
		}
		c.r.Reset(&sips{from: c.TCPConn, n: slowPiece, pause: slowPause})
		return inTurn(func() error { return c.want("GET", 200, big[:lateBytes]) }, c.end)
	}},
	{"half-closed", func(a *arena, c *caller) error {
		return c.slowly(bigAt(0, slowBytes, ""), true)
	}},
	{"stalled", func(a *arena, c *caller) error {
		return c.stalls(time.Now(), bigAt(0, slowBytes, ""), stallTime)
	}},
}

// bigAt asks for a part of big.
func bigAt(at, n int, fields string) string {
	return fmt.Sprintf("GET /big?at=%d&n=%d HTTP/1.1\r\nHost: h\r\n%s\r\n", at, n, fields)
}

// readers: what steady ones get is whole, whatever time they take; stalled ones
// are ended.
func readers(a *arena) {
	rounds, peak, wrong := 2, 0, faults{}
	counts := make([]atomic.Int64, len(slowKinds))
	c := a.compare(rounds, func() {
		var group sync.WaitGroup
		for i := range slowReaders * len(slowKinds) {
			kind := slowKinds[i%len(slowKinds)]
			group.Go(func() {
				if err := a.slow(kind.run); err != nil {
					wrong.add(kind.name, err)
					return
				}
				counts[i%len(slowKinds)].Add(1)
			})
		}
		group.Wait()
		peak = a.status("VmHWM")
	})
	wrong.tell(a)
	var text strings.Builder
	for i, kind := range slowKinds {
		fmt.Fprintf(&text, " %d %s", counts[i].Load(), kind.name)
	}
	a.Logf("readers: %s; of %d KiB:%s; at most %d MiB of RSS", c.text, slowBytes>>10, &text, peak)
	c.atMost(a, mostBusy)
}

func (a *arena) slow(run func(a *arena, c *caller) error) error {
	c, err := a.call(narrow)
	if err != nil {
		return err
	}
	defer c.Close()
	return run(a, c)
}

// slowly reads the answer in small pieces. With last there is no other, and the
// client says so.
func (c *caller) slowly(request string, last bool) error {
	if err := c.write(request); err != nil {
		return err
	}
	if last && !strings.Contains(request, "close") {
		if err := c.CloseWrite(); err != nil {
			return err
		}
	}
	c.r.Reset(&sips{from: c.TCPConn, n: slowPiece, pause: slowPause})
	if err := c.want("GET", 200, big[:slowBytes]); err != nil {
		return err
	}
	if last {
		return c.end()
	}
	c.r.Reset(c.TCPConn)
	return c.ask("/count", "1")
}

// sips reads a little at a time.
type sips struct {
	from  io.Reader
	n     int
	pause time.Duration
}

func (s *sips) Read(p []byte) (int, error) {
	time.Sleep(s.pause) // sleep: it is slow
	return s.from.Read(p[:min(s.n, len(p))])
}

// stalls does not read its answers, and must be ended for it: with a reset, for
// they are cut short. What the two systems take in for it counts as progress, so
// that a few terms may pass. A full receiver can miss the reset, and then learns
// of it when its keep-alive asks. A session that was idle too long on a busy
// machine may end at once: the time counts from what came before.
func (c *caller) stalls(since time.Time, requests string, bound time.Duration) error {
	asks := net.KeepAliveConfig{Enable: true, Idle: time.Second, Interval: time.Second, Count: 20}
	if err := c.SetKeepAliveConfig(asks); err != nil {
		return err
	}
	if err := c.write(requests); err != nil {
		return err
	}
	if err := c.wasReset(stallTerms*bound + endLate); err != nil {
		return err
	}
	if took := time.Since(since); took < bound*9/10 {
		return fmt.Errorf("ended after %v, it has %v", took, bound)
	}
	_, err := io.Copy(io.Discard, c.r)
	if !errors.Is(err, unix.ECONNRESET) {
		return fmt.Errorf("what it has not read ends with %v, want a reset", err)
	}
	return nil
}

// wasReset waits until the connection is reset, without reading.
func (c *caller) wasReset(bound time.Duration) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	limit := time.Now().Add(bound)
	for time.Now().Before(limit) {
		ends := []unix.PollFd{{}} // errors and hang-ups are told unasked
		err := raw.Control(func(fd uintptr) {
			ends[0].Fd = int32(fd)
			unix.Poll(ends, 0)
		})
		if err != nil || ends[0].Revents&unix.POLLERR != 0 {
			return err
		}
		time.Sleep(10 * time.Millisecond) // sleep: the runtime's poller would only tell a reader
	}
	return fmt.Errorf("not reset within %v", bound)
}
