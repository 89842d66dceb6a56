package httpd_test

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"moor.example/httpd"
	"moor.example/httpd/internal/rig"
)

func helloAt(t *testing.T, addr string) *httpd.Server {
	t.Helper()
	return start(t, httpd.Config{Addr: addr}, route("GET", "/", hello))
}

// needIPv6 skips the test on a system that has no ::1.
func needIPv6(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skipf("no IPv6 here: %v", err)
	}
	l.Close()
}

func TestAddrIPv4(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "localhost:0", "0.0.0.0:0"} {
		srv := helloAt(t, addr)
		at, is := srv.Addr().(*net.TCPAddr)
		if !is || at.Port == 0 || at.IP.To4() == nil {
			t.Fatalf("%s: Addr() is %v", addr, srv.Addr())
		}
		dialTo(t, "tcp4", fmt.Sprintf("127.0.0.1:%d", at.Port)).do(get("/"), 200, "hello")
	}
}

func TestAddrIPv6(t *testing.T) {
	needIPv6(t)
	srv := helloAt(t, "[::1]:0")
	if s := srv.Addr().String(); !strings.HasPrefix(s, "[::1]:") || strings.HasSuffix(s, ":0") {
		t.Errorf("Addr() is %s", s)
	}
	dial(t, srv).do(get("/"), 200, "hello")
}

// ":port" is every address of both families.
func TestAddrAny(t *testing.T) {
	srv := helloAt(t, ":0")
	_, port, err := net.SplitHostPort(srv.Addr().String())
	if err != nil || port == "0" {
		t.Fatalf("Addr() is %v, %v", srv.Addr(), err)
	}
	dialTo(t, "tcp4", "127.0.0.1:"+port).do(get("/"), 200, "hello")
	needIPv6(t)
	dialTo(t, "tcp6", "[::1]:"+port).do(get("/"), 200, "hello")
}

func TestAddrNone(t *testing.T) {
	srv := serve(t, httpd.Config{}, route("GET", "/", hello))
	if srv.Addr() != nil {
		t.Errorf("Addr() is %v, want nil", srv.Addr())
	}
	adopted(t, srv).do(get("/"), 200, "hello")
}

func TestAddrUnix(t *testing.T) {
	path := filepath.Join(t.TempDir(), "moor")
	srv := helloAt(t, "unix:"+path)
	if a := srv.Addr(); a.Network() != "unix" || a.String() != path {
		t.Errorf("Addr() is %s %s", a.Network(), a)
	}
	c := dial(t, srv)
	c.do(get("/"), 200, "hello")

	// A second server must not take the place of one that lives.
	if srv, err := httpd.Start(httpd.Config{Addr: "unix:" + path}); err == nil {
		srv.Close()
		t.Fatal("two servers on one socket file")
	} else if !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("the error does not say what is wrong: %v", err)
	}
	c.do(get("/"), 200, "hello")
	dial(t, srv).do(get("/"), 200, "hello")

	srv.Close()
	srv.Wait()
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("the socket file is left behind: %v", err)
	}
}

// A server that died left its file. The next one takes its place.
func TestAddrUnixStale(t *testing.T) {
	path := filepath.Join(t.TempDir(), "moor")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	if info, err := os.Lstat(path); err != nil || info.Mode().Type() != fs.ModeSocket {
		t.Fatalf("no stale file: %v, %v", info, err)
	}
	dial(t, helloAt(t, "unix:"+path)).do(get("/"), 200, "hello")
}

// The next server may come while the last one goes: then the file is its own.
func TestAddrUnixHandOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "moor")
	last := helloAt(t, "unix:"+path)
	for range 100 {
		go last.Close()
		next, err := httpd.Start(httpd.Config{Addr: "unix:" + path})
		for began := time.Now(); err != nil && time.Since(began) < patience; { // no pause: the moment is short
			next, err = httpd.Start(httpd.Config{Addr: "unix:" + path})
		}
		last.Wait()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Lstat(path); err != nil {
			next.Close()
			next.Wait()
			t.Fatalf("the server that went took the file of the one that came: %v", err)
		}
		last = next
	}
	last.Close()
	last.Wait()
}

// Only a socket can be stale: a file of any other kind is somebody's.
func TestAddrUnixIsAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(path, []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	srv, err := httpd.Start(httpd.Config{Addr: "unix:" + path})
	if err == nil {
		srv.Close()
		srv.Wait()
		t.Error("a server took the place of a file")
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "data" {
		t.Errorf("the file holds %q, %v", b, err)
	}
}

func TestAddrAbstract(t *testing.T) {
	name := fmt.Sprintf("@moor-test-%d", os.Getpid())
	srv := helloAt(t, "unix:"+name)
	dialTo(t, "unix", name).do(get("/"), 200, "hello")
	if _, err := httpd.Start(httpd.Config{Addr: "unix:" + name}); err == nil {
		t.Error("two servers with one name")
	}
	srv.Close()
	srv.Wait()
}

func TestAddrInUse(t *testing.T) {
	taken := start(t, httpd.Config{})
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	for _, addr := range []string{"127.0.0.1:" + port, "localhost:" + port, ":" + port} {
		srv, err := httpd.Start(httpd.Config{Addr: addr})
		if err == nil {
			srv.Close()
			srv.Wait()
			t.Errorf("%s: a second server listens there", addr)
		} else if !strings.Contains(err.Error(), addr) || !strings.Contains(err.Error(), "address already in use") {
			t.Errorf("%s: the error does not say what is wrong: %v", addr, err)
		}
	}
}

func TestAddrWrong(t *testing.T) {
	for _, addr := range []string{"8080", "unix:", "127.0.0.1:99999", "127.0.0.1:-1", "[::1", "tcp://127.0.0.1:80",
		"unix:" + t.TempDir() + "/no/such/directory/s", "unix:/" + strings.Repeat("x", 200)} {
		srv, err := httpd.Start(httpd.Config{Addr: addr})
		if err == nil {
			srv.Close()
			srv.Wait()
			t.Errorf("%q: a server listens there", addr)
		} else if !strings.HasPrefix(err.Error(), "httpd: ") || !strings.Contains(err.Error(), addr) {
			t.Errorf("%q: the error does not say what is wrong: %v", addr, err)
		}
	}
}

func TestConfigWrong(t *testing.T) {
	for name, cfg := range map[string]httpd.Config{
		"Config.Loops":       {Loops: -1},
		"Config.MaxSessions": {MaxSessions: 1<<24 + 1},
		"Config.MaxFields":   {MaxFields: -1},
	} {
		srv, err := httpd.Start(cfg)
		if err == nil {
			srv.Close()
			srv.Wait()
			t.Errorf("%s: %+v is accepted", name, cfg)
		} else if !strings.Contains(err.Error(), name) {
			t.Errorf("%s: the error does not name it: %v", name, err)
		}
	}
}

// A server that restarts gets its port back at once, although connections of
// its former life are still known to the system.
func TestAddrAgain(t *testing.T) {
	srv := helloAt(t, "127.0.0.1:0")
	addr := srv.Addr().String()
	for range 3 {
		c := dial(t, srv)
		c.do(get("/"), 200, "hello")
		srv.Close() // the server closes first: TIME_WAIT is on its side
		srv.Wait()
		c.wantEnd()
		srv = helloAt(t, addr)
	}
}

// Nothing of the server's is left to a child process.
func TestDescriptorsCloseOnExec(t *testing.T) {
	before := rig.Descriptors()
	srv := helloAt(t, "127.0.0.1:0")
	dial(t, srv).do(get("/"), 200, "hello")
	adopted(t, srv).do(get("/"), 200, "hello")
	if len(rig.Descriptors()) <= len(before) {
		t.Fatal("a server without descriptors")
	}
	for _, d := range rig.Descriptors() {
		var fd int
		fmt.Sscan(d, &fd)
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if fd > 2 && err == nil && flags&unix.FD_CLOEXEC == 0 && !slices.Contains(before, d) {
			t.Errorf("descriptor %s goes to child processes", d)
		}
	}
}
