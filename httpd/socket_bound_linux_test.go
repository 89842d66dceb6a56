package httpd_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"moor.example/httpd"
	"moor.example/httpd/internal/rig"
)

// With this variable set the test program is the server process of
// TestMemoryBound: its heap is the engine's, and its descriptors are not those
// of the clients.
const boundServerEnv = "MOOR_TEST_BOUND_SERVER"

// TestMemoryBoundServer says where it listens. Then it answers each line of its
// input with what it has in use, until that ends.
func TestMemoryBoundServer(t *testing.T) {
	if os.Getenv(boundServerEnv) == "" {
		t.Skip("this is the server process of TestMemoryBound")
	}
	long := strings.Repeat("x", longAnswer) // not the engine's to pay for
	held := make(chan *httpd.Detached, 1024)
	heap, rss := memory(t)
	srv := start(t, httpd.Config{}, // but for the address
		route("POST", "/echo", echo),
		route("GET", "/", hello),
		route("GET", "/long", func(w *httpd.Response, _ *httpd.Request) error { return w.SendString(long) }),
		route("POST", "/later", func(_ *httpd.Response, r *httpd.Request) error {
			d, err := r.Detach()
			if err == nil {
				held <- d
			}
			return err
		}))
	fmt.Println(srv.Addr())
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		if in.Text() == "complete" {
			for range len(held) {
				(<-held).Complete(nil)
			}
		}
		heapNow, _ := memory(t)
		fmt.Println(heapNow-heap, peakRSS(t)-rss, len(srv.Sessions()), len(held))
	}
}

// peakRSS is the most that the process has ever had in memory.
func peakRSS(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	fields := strings.Fields(after)
	if len(fields) == 0 {
		t.Fatalf("no VmHWM in %q", status)
	}
	kib, err := strconv.Atoi(fields[0])
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}

// longAnswer is more than the buffers of a socket take.
const longAnswer = 8 << 20

// A hoard is a server process with the default Config, and its peers, who want
// it to hold as much as it can be made to.
type hoard struct {
	testing.TB
	in    io.WriteCloser
	out   *bufio.Reader
	at    netip.AddrPort
	peers []int // descriptors; those at the begin are idle
}

// A taking is what the server process has in use. It had nothing to begin with.
type taking struct{ heap, peakRSS, sessions, detached int }

func newHoard(t testing.TB, limit int64) *hoard {
	t.Helper()
	h := &hoard{TB: t}
	cmd := exec.Command(os.Args[0], "-test.run=^TestMemoryBoundServer$")
	cmd.Env = append(os.Environ(), boundServerEnv+"=1", fmt.Sprint("GOMEMLIMIT=", limit))
	cmd.Stderr = os.Stderr
	var err error
	if h.in, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	h.out = bufio.NewReader(out)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	limitTime := time.AfterFunc(6*patience, func() { cmd.Process.Kill() })
	t.Cleanup(func() {
		for _, fd := range h.peers {
			unix.Close(fd)
		}
		h.in.Close()
		io.Copy(io.Discard, h.out)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the server process: %v", err)
		}
		limitTime.Stop()
	})
	if h.at, err = netip.ParseAddrPort(h.line()); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *hoard) line() string {
	h.Helper()
	line, err := h.out.ReadString('\n')
	if err != nil {
		rest, _ := io.ReadAll(h.out)
		h.Fatalf("the server process said %q, %v\n%s", line, err, rest)
	}
	return strings.TrimSpace(line)
}

// look asks the server process what it has in use.
func (h *hoard) look(word string) (n taking) {
	h.Helper()
	if _, err := io.WriteString(h.in, word+"\n"); err != nil {
		h.Fatal(err)
	}
	if _, err := fmt.Sscan(h.line(), &n.heap, &n.peakRSS, &n.sessions, &n.detached); err != nil {
		h.Fatal(err)
	}
	return n
}

// dial opens a connection that is reset when it is closed, and takes little of
// the system's memory.
func (h *hoard) dial() int {
	h.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		h.Fatal(err)
	}
	h.peers = append(h.peers, fd)
	wait := unix.NsecToTimeval(int64(patience))
	err = errors.Join(
		unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<10),
		unix.Connect(fd, &unix.SockaddrInet4{Port: int(h.at.Port()), Addr: h.at.Addr().As4()}),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &wait), // with it a signal ends a call
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait))
	if err != nil {
		h.Fatal(err)
	}
	return fd
}

// say sends all of s, as far as the server takes it.
func (h *hoard) say(fd int, s string) error {
	b := []byte(s)
	for len(b) > 0 {
		n, err := unix.SendmsgN(fd, b, nil, nil, unix.MSG_NOSIGNAL)
		if err != nil && err != unix.EINTR {
			return err
		}
		b = b[n:]
	}
	return nil
}

// hears reads once, what is there if the flag says not to wait.
func (h *hoard) hears(fd, flag int) string {
	var b [1 << 10]byte
	n, _, err := unix.Recvfrom(fd, b[:], flag)
	for err == unix.EINTR {
		n, _, err = unix.Recvfrom(fd, b[:], flag)
	}
	if err != nil {
		return err.Error()
	}
	return string(b[:n])
}

// idle opens sessions that have made a request, and have no deadline.
func (h *hoard) idle(n int) {
	h.Helper()
	for len(h.peers) < n {
		from := len(h.peers)
		for range min(500, n-from) { // as many as the backlog has room for
			h.say(h.dial(), get("/"))
		}
		for _, fd := range h.peers[from:] {
			h.answered(fd)
		}
	}
}

// answered wants the next response to be good.
func (h *hoard) answered(fd int) {
	h.Helper()
	if got := h.hears(fd, 0); !strings.HasPrefix(got, "HTTP/1.1 200") {
		h.Fatalf("a request that came in one piece was answered %.60q", got)
	}
}

// served wants a request to be answered.
func (h *hoard) served(fd int, request string) {
	h.Helper()
	h.say(fd, request)
	h.answered(fd)
}

// take returns n of those that are idle.
func (h *hoard) take(n int) []int {
	h.Helper()
	if n > len(h.peers) {
		h.Fatalf("%d sessions are too few", len(h.peers))
	}
	taken := h.peers[:n]
	h.peers = append(h.peers[n:], taken...) // they are to be closed
	return taken
}

// uploading is a request of which size octets come, and more never.
func uploading(size int) string {
	head := fmt.Sprintf("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", 1<<20)
	return head + strings.Repeat("x", size-len(head))
}

// hold lets the sessions hold what they can: an octet of a head, buffers that
// are a little longer than the allocator's sizes, long ones that grew, waiting
// output, detached requests. The last ones find the budget spent.
func (h *hoard) hold(sessions int) (busy int) {
	h.Helper()
	each := sessions / 20 // twentieths
	rounded, grown := uploading(1<<15+1), uploading(600<<10)
	for _, fd := range h.take(min(each, 1024)) {
		h.say(fd, request("POST", "/later", "abc"))
	}
	for _, fd := range h.take(4 * each) {
		h.say(fd, "G")
	}
	for _, fd := range h.take(12) {
		h.say(fd, get("/long"))
	}
	for _, fd := range h.take(48) {
		h.say(fd, grown)
	}
	greedy := h.take(11 * each)
	for _, fd := range greedy {
		h.say(fd, rounded)
	}
	for _, fd := range h.take(each) {
		h.say(fd, "GET / HTTP/1.1\r\n")
	}
	h.served(h.take(1)[0], get("/")) // by then all of them have had their turn
	for _, fd := range greedy {
		if strings.HasPrefix(h.hears(fd, unix.MSG_DONTWAIT), "HTTP/1.1 503") {
			busy++
		}
	}
	return busy
}

// churn lets connections come that are refused for want of room, and others that
// are served: what that allocates is garbage.
func (h *hoard) churn(n int) {
	h.Helper()
	whole, part := request("POST", "/echo", strings.Repeat("x", 20_000)), uploading(60_000)
	for i := range n {
		fd := h.take(1)[0]
		h.served(fd, whole)
		h.say(fd, part[:len(part)-i])
	}
}

// boundParts says what the bound is made of.
func boundParts(t *testing.T, bound int64) string {
	t.Helper()
	without := func(c httpd.Config) int64 {
		n, err := c.MemoryBound()
		if err != nil {
			t.Fatal(err)
		}
		return bound - n
	}
	return fmt.Sprintf("sessions %d, buffers %d, detached requests %d, queued work %d",
		without(httpd.Config{MaxSessions: 1}), without(httpd.Config{MaxBufferBytes: 1}),
		without(httpd.Config{MaxDetached: 1}), without(httpd.Config{MaxWork: 1}))
}

// TestMemoryBound: the worst that is known to be done to a server with the
// default Config stays within MemoryBound, and comes near it.
func TestMemoryBound(t *testing.T) {
	if testing.Short() || underRace() {
		t.Skip("20,000 connections that fill 256 MiB take seconds, and the race detector's shadow of them a gigabyte")
	}
	bound, err := httpd.Config{}.MemoryBound()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("bound %d: %s", bound, boundParts(t, bound))
	var lim unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		t.Fatal(err)
	}
	n := int(min(lim.Cur, 20_000)) - 300
	if n < 10_000 {
		t.Skipf("RLIMIT_NOFILE is %d: that few sessions cannot hold 256 MiB in pieces of 40 KiB", lim.Cur)
	}
	begun := time.Now()
	h := newHoard(t, bound)
	h.idle(n)
	idle := h.look("")
	h.report("idle", idle, bound)
	busy := h.hold(n)
	full := h.look("")
	h.report("full", full, bound)
	h.churn(300)
	churned := h.look("")
	h.report("churned", churned, bound)
	if busy == 0 {
		t.Error("nobody was answered 503: the budget is not spent")
	}
	for _, was := range []taking{idle, full, churned} {
		if int64(was.heap) > bound {
			t.Errorf("a heap of %d octets, the bound is %d", was.heap, bound)
		}
		if int64(was.peakRSS) > bound+3*bound/10 {
			t.Errorf("%d octets of RSS, the bound is %d", was.peakRSS, bound)
		}
	}
	if int64(full.heap) < bound*3/4 {
		t.Errorf("a heap of %d octets is the worst: the bound %d is too wide, or the test too weak", full.heap, bound)
	}
	h.release(idle.heap)
	t.Logf("%v in all", time.Since(begun).Round(time.Millisecond))
}

func (h *hoard) report(when string, n taking, bound int64) {
	h.Helper()
	h.Logf("%s: %d sessions, %d detached requests; heap %d, %.2f of the bound; peak RSS %d, %.2f of it",
		when, n.sessions, n.detached, n.heap, float64(n.heap)/float64(bound), n.peakRSS, float64(n.peakRSS)/float64(bound))
}

// release lets all peers go. Then the server has nothing left of them, and room
// for a request that does not come in one piece.
func (h *hoard) release(idle int) {
	h.Helper()
	h.look("complete")
	for _, fd := range h.peers {
		unix.Close(fd)
	}
	h.peers = nil
	rig.Eventually(h, "the sessions are gone", func() bool { return h.look("").sessions == 0 })
	after, most := h.look(""), idle+4<<20
	h.Logf("released: heap %d", after.heap)
	if after.heap > most {
		h.Errorf("afterwards the heap has %d octets, at most %d", after.heap, most)
	}
	fd, whole := h.dial(), request("POST", "/echo", strings.Repeat("x", 1<<20))
	h.say(fd, whole[:1000])
	h.served(h.dial(), get("/")) // by then those are kept
	h.served(fd, whole[1000:])
}

// TestSessionsPerIP: a peer that has as many sessions as it may is reset when it
// comes again; others, of either family, are not.
func TestSessionsPerIP(t *testing.T) {
	srv := start(t, httpd.Config{Addr: ":0", MaxSessionsPerIP: 2}, route("GET", "/", hello))
	hosts := []string{"127.0.0.1", "127.0.0.2"}
	if l, err := net.Listen("tcp", "[::1]:0"); err == nil {
		l.Close()
		hosts = append(hosts, "::1")
	} else {
		t.Logf("without IPv6: %v", err)
	}
	for _, host := range hosts {
		first, second := dialFrom(t, srv, host), dialFrom(t, srv, host)
		first.do(get("/"), 200, "hello")
		second.do(get("/"), 200, "hello")
		wantReset(t, srv, host)
		second.do(get("/"), 200, "hello")
		first.Close()
		rig.Eventually(t, host+" may come again", func() bool { return dialFrom(t, srv, host).answered() })
	}
}

// dialFrom dials from an address of this machine to the same one. It returns nil
// if the connection is reset at once.
func dialFrom(t testing.TB, srv *httpd.Server, host string) *client {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(host)}, Timeout: patience}
	c, err := d.Dial("tcp", net.JoinHostPort(host, strconv.Itoa(srv.Addr().(*net.TCPAddr).Port)))
	switch {
	case errors.Is(err, unix.ECONNRESET):
		return nil
	case err != nil:
		t.Fatal(err)
	}
	return newClient(t, c)
}

// wantReset wants the next connection from there to be reset.
func wantReset(t testing.TB, srv *httpd.Server, host string) {
	t.Helper()
	c := dialFrom(t, srv, host)
	if c == nil {
		return
	}
	if b, err := c.r.ReadByte(); !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("%s got %q, %v, want a reset", host, b, err)
	}
}

// answered reports whether the server answers. If it does not, the connection is
// closed.
func (c *client) answered() bool {
	if c == nil {
		return false
	}
	io.WriteString(c, get("/"))
	if a, err := c.read(); err == nil && a.status == 200 {
		return true
	}
	c.Close()
	return false
}

// TestPeersComeAndGo: with several loops, and peers that come and go in every
// way, no place is lost and none is given twice.
func TestPeersComeAndGo(t *testing.T) {
	const most = 4
	srv := start(t, httpd.Config{Addr: ":0", Loops: 3, MaxSessionsPerIP: most}, route("GET", "/", hello))
	hosts := []string{"127.0.0.1", "127.0.0.2", "127.0.0.3"}
	var group sync.WaitGroup
	for _, host := range hosts {
		for seed := range 2 * most {
			group.Go(func() {
				random := rand.New(rand.NewPCG(1, uint64(seed)))
				for range 40 {
					c := dialFrom(t, srv, host)
					if c == nil {
						continue
					}
					io.WriteString(c, get("/"))
					switch random.IntN(4) {
					case 0:
						c.reset()
					case 1:
						c.read()
					case 2:
						io.WriteString(c, "\n") // refused
						io.Copy(io.Discard, c.r)
					}
					c.Close()
				}
			})
		}
	}
	group.Wait()
	rig.Eventually(t, "all sessions have ended", func() bool { return len(srv.Sessions()) == 0 })
	for _, host := range hosts {
		for range most {
			dialFrom(t, srv, host).do(get("/"), 200, "hello")
		}
		wantReset(t, srv, host)
	}
}

// TestBudgetComesBack: several loops share a budget that is far too small for
// what their peers want of it. No octet of it is lost.
func TestBudgetComesBack(t *testing.T) {
	const budget, long = 128 << 10, 60_000
	response := strings.Repeat("x", longAnswer)
	srv := start(t, httpd.Config{Loops: 3, MaxBufferBytes: budget, MaxContentBytes: long},
		route("POST", "/echo", echo),
		route("GET", "/long", func(w *httpd.Response, _ *httpd.Request) error { return w.SendString(response) }))
	var group sync.WaitGroup
	var served, busy atomic.Int64
	for seed := range 8 {
		group.Go(func() {
			random := rand.New(rand.NewPCG(2, uint64(seed)))
			for range 20 {
				var all [4]*client
				var rest [4]string
				for i := range all {
					all[i] = dial(t, srv)
					message := request("POST", "/echo", strings.Repeat("x", random.IntN(long)))
					cut := random.IntN(len(message))
					io.WriteString(all[i], message[:cut])
					rest[i] = message[cut:]
				}
				for i, c := range all {
					switch random.IntN(16) {
					case 0, 1, 2, 3:
						c.reset()
					case 4:
						c.Close()
						c = dial(t, srv)
						io.WriteString(c, get("/long"))
						c.r.ReadByte() // and leaves the rest
					default:
						io.WriteString(c, rest[i])
						switch a, _ := c.read(); a.status {
						case 200:
							served.Add(1)
						case 503:
							busy.Add(1)
						}
					}
					c.Close()
				}
			}
		})
	}
	group.Wait()
	if served.Load() == 0 || busy.Load() == 0 {
		t.Errorf("%d answers 200, %d answers 503, want both", served.Load(), busy.Load())
	}
	for range 3 { // one of them after the other takes most of the budget
		rig.Eventually(t, "all sessions have ended", func() bool { return len(srv.Sessions()) == 0 })
		c := dial(t, srv)
		content := strings.Repeat("y", long)
		c.send(request("POST", "/echo", content)[:long/2])
		c.send(request("POST", "/echo", content)[long/2:])
		c.want(200, content)
		c.Close()
	}
}
