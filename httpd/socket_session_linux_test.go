package httpd_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"moor.example/httpd"
	"moor.example/httpd/internal/rig"
)

// bothEnds answers with the two ends of the connection.
func bothEnds(w *httpd.Response, r *httpd.Request) error {
	s := r.Session()
	return w.SendString(fmt.Sprint(s.LocalAddr().Network(), " ", s.LocalAddr(), " ", s.PeerAddr()))
}

func TestSessionAddr(t *testing.T) {
	unixPath := filepath.Join(t.TempDir(), "s")
	for _, c := range []struct{ listen, dial string }{
		{"127.0.0.1:0", "127.0.0.1"},
		{"[::1]:0", "::1"},
		{":0", "127.0.0.1"}, // IPv4 on a socket of both families
		{":0", "::1"},
		{"unix:" + unixPath, ""},
	} {
		if strings.Contains(c.dial, ":") {
			needIPv6(t)
		}
		srv := start(t, httpd.Config{Addr: c.listen}, route("GET", "/", bothEnds))
		network, addr := srv.Addr().Network(), srv.Addr().String()
		if c.dial != "" {
			addr = net.JoinHostPort(c.dial, fmt.Sprint(srv.Addr().(*net.TCPAddr).Port))
		}
		cl := dialTo(t, network, addr)
		peer := cl.LocalAddr().String()
		if network == "unix" {
			peer = "@" // it has no name; Go prints it so
		}
		cl.do(get("/"), 200, fmt.Sprint(network, " ", addr, " ", peer))
	}
	srv := serve(t, httpd.Config{}, route("GET", "/", bothEnds))
	adopted(t, srv).do(get("/"), 200, "unix @ @") // a socketpair has no names
}

// A peer that is gone has no address any more, or still has: it is no failure.
func TestSessionAddrAfterReset(t *testing.T) {
	told := make(chan string, 1)
	srv := start(t, httpd.Config{OnClose: func(s *httpd.Session, why httpd.CloseReason) {
		s.PeerAddr()
		told <- fmt.Sprint(why, " ", s.LocalAddr())
	}}, route("GET", "/", hello))
	c := dial(t, srv)
	c.do(get("/"), 200, "hello")
	c.reset()
	if got, want := receive(t, "OnClose is told", told), "peer "+srv.Addr().String(); got != want {
		t.Errorf("told %q, want %q", got, want)
	}
}

// keepAliveOf answers with the socket's keep-alive, by its descriptor.
func keepAliveOf(w *httpd.Response, r *httpd.Request) error {
	var v [4]int
	for i, o := range [4][2]int{
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE}, {unix.IPPROTO_TCP, unix.TCP_KEEPIDLE},
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL}, {unix.IPPROTO_TCP, unix.TCP_KEEPCNT},
	} {
		var err error
		if v[i], err = unix.GetsockoptInt(r.Session().FD(), o[0], o[1]); err != nil {
			return err
		}
	}
	if v[0] == 0 {
		return w.SendString("off")
	}
	return w.SendString(fmt.Sprint(v[1:]))
}

func TestKeepAlive(t *testing.T) {
	for _, c := range []struct {
		keepAlive httpd.KeepAlive
		want      string
	}{
		{httpd.KeepAlive{}, "[60 20 3]"},
		{httpd.KeepAlive{Idle: 7 * time.Second, Interval: 5 * time.Second, Count: 9}, "[7 5 9]"},
		{httpd.KeepAlive{Idle: time.Millisecond, Interval: 1001 * time.Millisecond, Count: 127}, "[1 2 127]"},
		{httpd.KeepAlive{Idle: 1000 * time.Hour, Interval: 1 << 62}, "[32767 32767 3]"},
		{httpd.KeepAlive{Idle: -1}, "off"},
	} {
		for _, addr := range []string{"127.0.0.1:0", ":0"} {
			srv := start(t, httpd.Config{Addr: addr, KeepAlive: c.keepAlive}, route("GET", "/", keepAliveOf))
			port := srv.Addr().(*net.TCPAddr).Port
			dialTo(t, "tcp4", fmt.Sprintf("127.0.0.1:%d", port)).do(get("/"), 200, c.want)
		}
		srv := serve(t, httpd.Config{KeepAlive: c.keepAlive}, route("GET", "/", keepAliveOf))
		tcpAdopted(t, srv).do(get("/"), 200, c.want)
	}
}

// tcpAdopted is a client of a TCP connection that the server has adopted.
func tcpAdopted(t *testing.T, srv *httpd.Server) *client {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := dialTo(t, "tcp", l.Addr().String())
	theirs, err := l.(*net.TCPListener).AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	if err := theirs.SetKeepAlive(false); err != nil { // what Go has set is not ours
		t.Fatal(err)
	}
	raw, err := theirs.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	fd := -1
	if err := raw.Control(func(f uintptr) { fd, err = unix.FcntlInt(f, unix.F_DUPFD_CLOEXEC, 0) }); err != nil || fd < 0 {
		t.Fatal(err)
	}
	if err := srv.Adopt(fd); err != nil {
		unix.Close(fd)
		t.Fatal(err)
	}
	return c
}

func TestInterface(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", ":0"} {
		srv, err := httpd.Start(httpd.Config{Addr: addr, Interface: "lo"})
		if err != nil && strings.Contains(err.Error(), "operation not permitted") {
			t.Skip("this system lets no one choose the interface")
		}
		if err != nil {
			t.Fatal(err)
		}
		c := dialTo(t, "tcp4", fmt.Sprintf("127.0.0.1:%d", srv.Addr().(*net.TCPAddr).Port))
		c.do(get("/"), 404, "Nothing is registered at this path.")
		srv.Close()
		srv.Wait()
	}
	if srv, err := httpd.Start(httpd.Config{Addr: "unix:" + t.TempDir() + "/s", Interface: "lo"}); err == nil {
		srv.Close()
		t.Error("a Unix socket has taken an interface")
	} else if !strings.Contains(err.Error(), `Config.Interface is "lo"`) {
		t.Error(err)
	}
	srv, err := httpd.Start(httpd.Config{Addr: "127.0.0.1:0", Interface: "moor9"})
	if err == nil {
		srv.Close()
		srv.Wait()
		t.Fatal("a server listens on an interface that is none")
	}
	for _, part := range []string{"httpd: listen on 127.0.0.1:0", "interface moor9", "no such device"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
}

// Seven sessions and more clients than that (ESP-IDF's spillover test).
func TestSpillover(t *testing.T) {
	const most = 7
	for _, policy := range []httpd.WhenFull{httpd.Wait, httpd.Purge} {
		var l ledger
		reasons := make(chan httpd.CloseReason, 100)
		srv := start(t, httpd.Config{MaxSessions: most, WhenFull: policy, OnClose: func(_ *httpd.Session, why httpd.CloseReason) {
			reasons <- why
		}}, l.routes()...)
		var in []*client
		for range most {
			c := dial(t, srv)
			c.do(get("/ctx"), 200, "ctx")
			in = append(in, c)
		}
		slices.Reverse(in) // the order of the last requests is another one
		for _, c := range in {
			c.do(get("/ctx"), 200, "ctx")
		}
		if len(reasons) > 0 {
			t.Fatalf("policy %d: a session ended while there was room for all", policy)
		}
		for i, victim := range in {
			next := dial(t, srv)
			next.send(get("/ctx"))
			if policy == httpd.Wait {
				for _, c := range in[i:] {
					c.do(get("/ctx"), 200, "ctx")
				}
				if n := l.made.Load() - l.freed.Load(); n != most {
					t.Fatalf("%d sessions have a context, want %d", n, most)
				}
				victim.halfClose()
			}
			victim.wantEnd()
			next.want(200, "ctx")
			want := map[httpd.WhenFull]httpd.CloseReason{httpd.Wait: httpd.ReasonPeer, httpd.Purge: httpd.ReasonPurged}[policy]
			if why := receive(t, "a session ends", reasons); why != want {
				t.Errorf("policy %d: it ended by %v, want %v", policy, why, want)
			}
		}
		srv.Close()
		srv.Wait()
		l.exact(t, 2*most)
	}
}

// The application's own context goes last, however many loops there are.
func TestUserCtxGoesLast(t *testing.T) {
	for _, end := range []func(*httpd.Server){(*httpd.Server).Stop, (*httpd.Server).Close} {
		var l ledger
		freed, left := 0, int64(0)
		srv := start(t, httpd.Config{Loops: 4, UserCtx: &l, FreeUserCtx: func(ctx any) {
			freed++
			left = ctx.(*ledger).made.Load() - l.freed.Load()
		}, OnOpen: func(s *httpd.Session) error {
			l.open(s)
			return nil
		}}, route("GET", "/", hello))
		for range 40 {
			dial(t, srv).do(get("/"), 200, "hello")
		}
		end(srv)
		srv.Wait()
		if freed != 1 || left != 0 {
			t.Errorf("freed %d times, before %d contexts of sessions", freed, left)
		}
		l.exact(t, 40)
	}
}

// Sessions is exact when nothing moves: each ID is one that OnOpen has seen and
// OnClose has not.
func TestSessionsFromOutside(t *testing.T) {
	var mu sync.Mutex
	open := map[httpd.ID]bool{}
	srv := start(t, httpd.Config{Loops: 3, OnOpen: func(s *httpd.Session) error {
		mu.Lock()
		defer mu.Unlock()
		open[s.ID()] = true
		return nil
	}, OnClose: func(s *httpd.Session, _ httpd.CloseReason) {
		mu.Lock()
		defer mu.Unlock()
		delete(open, s.ID())
	}}, route("GET", "/", hello))
	agree := func() bool {
		ids := srv.Sessions()
		mu.Lock()
		defer mu.Unlock()
		for _, id := range ids {
			if !open[id] {
				return false
			}
		}
		return len(ids) == len(open)
	}
	var clients, looking sync.WaitGroup
	var stop atomic.Bool
	looking.Go(func() {
		for !stop.Load() {
			seen := map[httpd.ID]bool{}
			for _, id := range srv.Sessions() {
				if seen[id] {
					t.Errorf("%v is there twice", id)
				}
				seen[id] = true
			}
		}
	})
	for range 8 {
		clients.Go(func() {
			for range 30 {
				c := dial(t, srv)
				c.do(get("/"), 200, "hello")
				c.Close()
			}
			dial(t, srv).do(get("/"), 200, "hello")
		})
	}
	clients.Wait()
	stop.Store(true)
	looking.Wait()
	rig.Eventually(t, "Sessions has the 8 that are left", func() bool { return len(srv.Sessions()) == 8 && agree() })
	for _, id := range srv.Sessions()[:5] {
		srv.TriggerClose(id)
	}
	rig.Eventually(t, "five of them end", func() bool { return len(srv.Sessions()) == 3 && agree() })
}

// A storm: what sixteen goroutines ask of sessions that come and go. Each
// function runs once, each context is freed once.
func TestStormOnSessions(t *testing.T) {
	const clients, askers, each = 50, 16, 1000
	var l ledger
	var opened, told, accepted, ran, alive atomic.Int64
	srv := start(t, httpd.Config{Loops: 2, MaxSessions: 40, WhenFull: httpd.Purge,
		OnOpen: func(s *httpd.Session) error {
			opened.Add(1)
			l.open(s)
			return nil
		}, OnClose: func(*httpd.Session, httpd.CloseReason) { told.Add(1) },
	}, l.routes()...)
	var asking, hammering sync.WaitGroup
	var stop atomic.Bool
	for range clients {
		hammering.Go(func() {
			for !stop.Load() {
				hammer(srv.Addr().String(), &stop)
			}
		})
	}
	work := func(s *httpd.Session) {
		ran.Add(1)
		if s != nil {
			alive.Add(1)
			s.Touch()
			s.Send([]byte("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npush"))
		}
	}
	for a := range askers {
		asking.Go(func() {
			random := rand.New(rand.NewPCG(uint64(a), 1))
			var ids []httpd.ID
			for i := range each {
				if len(ids) == 0 || i%10 == 0 {
					ids = append(srv.Sessions(), httpd.ID{})
				}
				id := ids[random.IntN(len(ids))]
				for srv.QueueWorkFor(id, work) != nil { // full, and never closed
					runtime.Gosched()
				}
				accepted.Add(1)
				if i%20 == 0 {
					srv.TriggerClose(id)
				}
			}
		})
	}
	asking.Wait()
	stop.Store(true)
	srv.Close()
	hammering.Wait()
	if err := srv.Wait(); err != nil {
		t.Error(err)
	}
	if accepted.Load() != askers*each || ran.Load() != askers*each || alive.Load() == 0 {
		t.Errorf("%d functions accepted, %d ran, %d with a session", accepted.Load(), ran.Load(), alive.Load())
	}
	if opened.Load() != told.Load() || opened.Load() == 0 {
		t.Errorf("%d sessions opened, OnClose was told of %d", opened.Load(), told.Load())
	}
	l.exact(t, l.made.Load())
	if ids := srv.Sessions(); len(ids) != 0 {
		t.Errorf("sessions after the end: %v", ids)
	}
	t.Logf("%d sessions, %d of %d functions found theirs", opened.Load(), alive.Load(), ran.Load())
}

// hammer is one connection that asks, reads whatever comes, and leaves.
func hammer(addr string, stop *atomic.Bool) {
	c, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return // the server has ended
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	buf := make([]byte, 4096)
	for i := 0; i < 5 && !stop.Load(); i++ {
		if _, err := io.WriteString(c, get("/replace")); err != nil {
			return
		}
		if _, err := c.Read(buf); err != nil {
			return
		}
	}
}
