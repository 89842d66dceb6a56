package httpd_test

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	mostSlower = 10  // the honest clients' p99 may be, while others are slow
	mostBusy   = 300 // while others are as fast as they can: all share two cores

	drippers = 5000
	dripTime = 2 * time.Second  // HeadTimeout
	dripStep = time.Millisecond // in which a lot of them gives an octet
	dripLot  = 10               // so each gives one in half a second
	dripLate = 2 * time.Second  // an end may come so much later, and be seen
)

// slowloris: thousands of connections whose heads never come to their end take
// neither the honest clients' time nor a place for longer than HeadTimeout.
func slowloris(a *arena) {
	var longest time.Duration
	c := a.compare(3, func() {
		d := &drip{a: a}
		defer d.leave()
		for range drippers {
			d.begin()
		}
		longest = max(longest, d.run())
	})
	a.Logf("slowloris: %s; %d drip connections a round, each answered 408 within %v (HeadTimeout %v)",
		c.text, drippers, longest.Round(time.Millisecond), dripTime)
	c.atMost(a, mostSlower)
}

// A drip is thousands of connections that give an octet now and then. They are
// bare descriptors: the clients shall not be what is slow.
type drip struct {
	a     *arena
	drops []drop
	open  int
	buf   [1024]byte
}

type drop struct {
	fd    int // -1: it has ended
	began time.Time
	sent  int
}

const dripped = "GET /count HTTP/1.1\r\nHost: h\r\nX: "

// begin opens one more connection. They come in small lots, or else the honest
// would stand in line behind them: that is another matter.
func (d *drip) begin() {
	began := time.Now()
	fd, err := plain(d.a.addr)
	if err != nil {
		d.a.Fatal(err)
	}
	d.drops = append(d.drops, drop{fd: fd, began: began})
	d.open++
	if d.open%dripLot == 0 {
		time.Sleep(dripStep) // sleep: it is the pace
	}
}

// plain connects, without the runtime's poller. Its close is a reset.
func plain(addr string) (fd int, err error) {
	at, err := netip.ParseAddrPort(addr)
	if err != nil {
		return -1, err
	}
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	err = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	if err == nil {
		err = unix.Connect(fd, &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()})
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// run drips until the server has ended each of them, and returns how long the
// one lived that lived longest.
func (d *drip) run() (longest time.Duration) {
	tick := time.NewTicker(dripStep)
	defer tick.Stop()
	limit := time.Now().Add(dripTime + dripLate)
	for at := 0; d.open > 0; at += dripLot {
		<-tick.C
		if time.Now().After(limit) {
			d.a.Fatalf("%d of %d drip connections are open, %v after the last of them has begun", d.open, drippers, dripTime+dripLate)
		}
		for i := range dripLot {
			longest = max(longest, d.turn(&d.drops[(at+i)%drippers]))
		}
	}
	return longest
}

// turn looks whether a connection was ended, or else gives it one octet more. It
// returns how long an ended one lived.
func (d *drip) turn(one *drop) time.Duration {
	if one.fd < 0 {
		return 0
	}
	n, _, err := unix.Recvfrom(one.fd, d.buf[:], unix.MSG_DONTWAIT)
	if err == unix.EAGAIN {
		unix.Write(one.fd, []byte{(dripped + "a")[min(one.sent, len(dripped))]})
		one.sent++
		return 0
	}
	lived := time.Since(one.began)
	if err != nil || !strings.HasPrefix(string(d.buf[:n]), "HTTP/1.1 408 ") || lived < dripTime*9/10 { // its turn may have begun before it came
		d.a.Fatalf("after %v a drip connection got %.80q, %v, want a 408 after %v", lived, d.buf[:max(n, 0)], err, dripTime)
	}
	d.end(one)
	return lived
}

func (d *drip) end(one *drop) {
	if one.fd >= 0 {
		unix.Close(one.fd)
		one.fd = -1
		d.open--
	}
}

func (d *drip) leave() {
	for i := range d.drops {
		d.end(&d.drops[i])
	}
}

const (
	resetLoops = 5
	resetLoop  = 2000 // connections
)

// resets: connections that are reset before, or as soon as, the server has seen
// them.
func resets(a *arena) {
	rounds := 3
	clock := stopwatch{}
	c := a.compare(rounds, clock.around(func() {
		for i := range resetLoops * resetLoop {
			if err := a.resetOne(i); err != nil {
				a.Fatal(err)
			}
		}
	}))
	a.Logf("resets: %s; %s connections reset", c.text, clock.per(rounds*resetLoops*resetLoop))
	c.atMost(a, mostBusy)
}

func (a *arena) resetOne(i int) error {
	fd, err := plain(a.addr)
	if err != nil {
		return err
	}
	switch i % 4 {
	case 0:
		unix.Write(fd, []byte(get("/count")))
	case 1:
		unix.Write(fd, []byte("GET /count HT"))
	}
	return unix.Close(fd)
}

// deluges are messages that are too long in one of the ways that there are,
// with their answer. The peer goes on when it has come.
var deluges = []struct {
	octets string
	status int
}{
	{"GET /count HTTP/1.1\r\nHost: h\r\nX: " + strings.Repeat("a", deluge), 431},
	{"GET /count HTTP/1.1\r\nHost: h\r\n" + strings.Repeat("X: y\r\n", deluge/6), 431},
	{"GET /count HTTP/1.1\r\nHost: h\r\n" + strings.Repeat("a", deluge), 431},
	{"GET /" + strings.Repeat("a", deluge), 414},
	{"GET /count?" + strings.Repeat("a", deluge) + " HTTP/1.1\r\n\r\n", 414},
	{strings.Repeat("\r\n", deluge/2), 400},
	{flooded("0\r\n" + strings.Repeat("X: y\r\n", deluge/6)), 431},
	{flooded("0\r\nX: " + strings.Repeat("a", deluge)), 431},
	{flooded("1;" + strings.Repeat("a", deluge)), 400},
}

func flooded(chunks string) string {
	return "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
}

const (
	deluge       = 256 << 10 // octets of one
	flooders     = 4
	floodsARound = 600
)

// floods: heads without end, and what is like them. Each is told, and ended.
func floods(a *arena) {
	rounds := 3
	clock, wrong := stopwatch{}, faults{}
	c := a.compare(rounds, clock.around(func() {
		var group sync.WaitGroup
		var next atomic.Int64
		for range flooders {
			group.Go(func() {
				for n := next.Add(1); n <= floodsARound; n = next.Add(1) {
					one := deluges[int(n)%len(deluges)]
					if err := a.flood(one.octets, one.status); err != nil {
						wrong.add(fmt.Sprintf("%.60q", one.octets), err)
					}
				}
			})
		}
		group.Wait()
	}))
	wrong.tell(a)
	a.Logf("floods: %s; %s floods of %d KiB refused", c.text, clock.per(rounds*floodsARound), deluge>>10)
	c.atMost(a, mostBusy)
}

func (a *arena) flood(octets string, status int) error {
	c, err := a.call()
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.write(octets); err != nil {
		return fmt.Errorf("it was cut short: %w", err)
	}
	return c.refused(status)
}
