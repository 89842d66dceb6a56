package httpd_test

import (
	"bufio"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"moor.example/httpd"
)

// With this variable set, to an address and a number, the test program is the
// client of TestIdleSessionMemory and nothing else: 10,000 connections have
// 20,000 ends, more than one process may have open.
const idleClientEnv = "MOOR_TEST_IDLE_CLIENT"

const (
	idleSessions = 10_000
	mostIdleHeap = 512 // octets for each, without its context
	mostIdleRSS  = 700
)

func TestIdleSessionMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("10,000 connections take a second")
	}
	n := idleSessions
	var lim unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		t.Fatal(err)
	}
	if room := int(min(lim.Cur, 1<<20)) - 200; n > room {
		n = room
		t.Logf("only %d connections: RLIMIT_NOFILE is %d", n, lim.Cur)
	}
	contexts, used := make([]int, n+1), 0 // they are not the engine's to pay for
	srv := start(t, httpd.Config{MaxSessions: n + 1}, route("GET", "/", func(w *httpd.Response, r *httpd.Request) error {
		if r.Session().Ctx() == nil {
			r.Session().SetCtx(&contexts[used], func(any) {})
			used++
		}
		return w.SendString("moored")
	}))
	first := dial(t, srv) // what the first session costs, it costs once
	first.do(get("/"), 200, "moored")

	heap, rss := memory(t)
	leave := idleConnections(t, srv, n)
	heapAfter, rssAfter := memory(t)
	first.do(get("/"), 200, "moored")
	leave()

	perHeap, perRSS := (heapAfter-heap)/n, (rssAfter-rss)/n
	t.Logf("%d idle sessions: %d octets of heap each, %d of RSS", n, perHeap, perRSS)
	if perHeap > mostIdleHeap {
		t.Errorf("%d octets of heap for a session, at most %d", perHeap, mostIdleHeap)
	}
	// The race detector keeps a shadow of the heap.
	if perRSS > mostIdleRSS && !underRace() {
		t.Errorf("%d octets of RSS for a session, at most %d", perRSS, mostIdleRSS)
	}
}

// memory is what the process has in use, its garbage left out.
func memory(t *testing.T) (heap, rss int) {
	t.Helper()
	runtime.GC() // the second collection empties what the first left in pools
	runtime.GC()
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(statm))[1])
	if err != nil {
		t.Fatal(err)
	}
	return int(m.HeapAlloc), pages * os.Getpagesize()
}

// idleConnections lets another process open n connections, make one request
// on each, and stay until leave is called.
func idleConnections(t *testing.T, srv *httpd.Server, n int) (leave func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d", idleClientEnv, srv.Addr(), n))
	cmd.Stderr = os.Stderr
	stay, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	limit := time.AfterFunc(3*patience, func() { cmd.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	leave = func() {
		stay.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the client: %v", err)
		}
		limit.Stop()
	}
	if line != "ready\n" {
		leave()
		t.Fatalf("the client said %q, %v", line, err)
	}
	return leave
}

// idleClient is the client process: it lives until its input ends. Then its
// connections are reset, so that none of them lingers in the system.
func idleClient(job string) {
	err := func() error {
		var addr string
		var n int
		if _, err := fmt.Sscan(job, &addr, &n); err != nil {
			return err
		}
		at, err := netip.ParseAddrPort(addr)
		if err != nil {
			return err
		}
		for range n {
			if err := idleConnection(at); err != nil {
				return err
			}
		}
		fmt.Println("ready")
		_, err = io.Copy(io.Discard, os.Stdin)
		return err
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, "idle client:", err)
		os.Exit(1)
	}
}

// idleConnection makes one request and leaves the connection open. A bare
// descriptor is cheaper than a net.Conn, and this is done 10,000 times.
func idleConnection(at netip.AddrPort) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}); err != nil {
		return err
	}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}); err != nil {
		return err
	}
	if _, err := unix.Write(fd, []byte(get("/"))); err != nil {
		return err
	}
	var buf [512]byte
	n, err := unix.Read(fd, buf[:])
	if err != nil || responses(buf[:n]) != 1 {
		return fmt.Errorf("the response is %q, %v", buf[:max(n, 0)], err)
	}
	return nil
}
