package httpd_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"moor.example/httpd"
	"moor.example/httpd/internal/rig"
)

const patience = rig.Patience

// TestMain fails when the tests leave goroutines or descriptors behind.
func TestMain(m *testing.M) {
	if addr := os.Getenv(idleClientEnv); addr != "" {
		idleClient(addr) // this process is the other end of TestIdleSessionMemory
		return
	}
	rig.Main(m)
}

// receive waits for a value, or for the channel to be closed.
func receive[T any](t testing.TB, what string, from <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-time.After(patience):
		t.Fatalf("not within %v: %s", patience, what)
	}
	return v
}

// underRace reports whether the race detector is built in, by asking for the
// flags of the build: no code differs.
func underRace() bool {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return false
	}
	for _, s := range info.Settings {
		if s.Key == "-race" {
			return s.Value == "true"
		}
	}
	return false
}

// start runs a server for the length of the test. Without an address it
// listens on a port of 127.0.0.1.
func start(t testing.TB, cfg httpd.Config, routes ...httpd.Route) *httpd.Server {
	t.Helper()
	if cfg.Addr == "" {
		cfg.Addr = "127.0.0.1:0"
	}
	return serve(t, cfg, routes...)
}

// serve is start for a server that has no listener if cfg has none.
func serve(t testing.TB, cfg httpd.Config, routes ...httpd.Route) *httpd.Server {
	t.Helper()
	return rig.Serve(t, cfg, routes...)
}

func route(method, pattern string, h httpd.Handler) httpd.Route {
	return httpd.Route{Method: method, Pattern: pattern, Handler: h}
}

// hello answers every request alike.
func hello(w *httpd.Response, _ *httpd.Request) error { return w.SendString("hello") }

// echo answers with the content.
func echo(w *httpd.Response, r *httpd.Request) error { return w.Send(r.Content()) }

// A client is the raw end of a connection: it sends what it is told to.
type client struct {
	net.Conn
	t testing.TB
	r *bufio.Reader
}

func dial(t testing.TB, srv *httpd.Server) *client {
	t.Helper()
	return dialTo(t, srv.Addr().Network(), srv.Addr().String())
}

func dialTo(t testing.TB, network, addr string) *client {
	t.Helper()
	c := rig.Dial(t, network, addr)
	return &client{c, t, bufio.NewReader(c)}
}

func newClient(t testing.TB, c net.Conn) *client {
	t.Helper()
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(3 * patience)); err != nil {
		t.Fatal(err)
	}
	return &client{c, t, bufio.NewReader(c)}
}

// adopted is a client on one end of a socketpair. The server has the other.
func adopted(t testing.TB, srv *httpd.Server) *client {
	t.Helper()
	ours, theirs := pair(t)
	if err := srv.Adopt(theirs); err != nil {
		unix.Close(ours)
		unix.Close(theirs)
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(ours), "socketpair")
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		t.Fatal(err)
	}
	return newClient(t, c)
}

// pair returns the two ends of a new connection.
func pair(t testing.TB) (ours, theirs int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return fds[0], fds[1]
}

// request is a message with content, or without if there is none.
func request(method, path, content string) string {
	if content == "" {
		return fmt.Sprintf("%s %s HTTP/1.1\r\nHost: h\r\n\r\n", method, path)
	}
	return fmt.Sprintf("%s %s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s", method, path, len(content), content)
}

func get(path string) string { return request("GET", path, "") }

// send writes b as one piece.
func (c *client) send(b string) {
	c.t.Helper()
	if _, err := io.WriteString(c, b); err != nil {
		c.t.Fatalf("send: %v", err)
	}
}

// An answer is a response that was read to its end.
type answer struct {
	status  int
	content string
	header  http.Header
	close   bool // the server said that it closes the connection
}

// next reads the next response.
func (c *client) next() answer {
	c.t.Helper()
	a, err := c.read()
	if err != nil {
		c.t.Fatalf("read a response: %v", err)
	}
	return a
}

func (c *client) read() (answer, error) {
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, string(b), resp.Header, resp.Close}, err
}

// want reads the next response, which must have this status and content.
func (c *client) want(status int, content string) answer {
	c.t.Helper()
	a := c.next()
	if a.status != status || a.content != content {
		c.t.Fatalf("the response is %d %.80q, want %d %.80q", a.status, a.content, status, content)
	}
	return a
}

// do is send and want.
func (c *client) do(req string, status int, content string) answer {
	c.t.Helper()
	c.send(req)
	return c.want(status, content)
}

// wantEnd wants the server to have closed the connection in order.
func (c *client) wantEnd() {
	c.t.Helper()
	if b, err := io.ReadAll(c.r); err != nil || len(b) > 0 {
		c.t.Fatalf("after the last response: %.80q, %v, want the end of the stream", b, err)
	}
}

// halfClose says that nothing more will be sent.
func (c *client) halfClose() {
	c.t.Helper()
	if err := c.Conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		c.t.Fatal(err)
	}
}

// reset ends a TCP connection with an RST.
func (c *client) reset() {
	c.t.Helper()
	if err := c.Conn.(*net.TCPConn).SetLinger(0); err != nil {
		c.t.Fatal(err)
	}
	c.Close()
}

// A ledger has an entry for every context that was set, and counts how often
// each was freed.
type ledger struct {
	made, freed, twice atomic.Int64
}

type entry struct{ freed atomic.Int32 }

// open gives the session a new context.
func (l *ledger) open(s *httpd.Session) {
	l.made.Add(1)
	s.SetCtx(new(entry), func(ctx any) {
		if ctx.(*entry).freed.Add(1) > 1 {
			l.twice.Add(1)
		}
		l.freed.Add(1)
	})
}

// routes of a ledger: /ctx opens an entry if the session has none, /replace in
// any case.
func (l *ledger) routes() []httpd.Route {
	return []httpd.Route{
		route("GET", "/ctx", func(w *httpd.Response, r *httpd.Request) error {
			if r.Session().Ctx() == nil {
				l.open(r.Session())
			}
			return w.SendString("ctx")
		}),
		route("GET", "/replace", func(w *httpd.Response, r *httpd.Request) error {
			l.open(r.Session())
			return w.SendString("replaced")
		}),
	}
}

// balanced wants n contexts to have been made and each of them freed once.
func (l *ledger) balanced(t testing.TB, n int64) {
	t.Helper()
	rig.Eventually(t, fmt.Sprintf("%d contexts are freed", n), func() bool { return l.freed.Load() >= n })
	l.exact(t, n)
}

func (l *ledger) exact(t testing.TB, n int64) {
	t.Helper()
	if made, freed, twice := l.made.Load(), l.freed.Load(), l.twice.Load(); made != n || freed != n || twice != 0 {
		t.Errorf("%d contexts made, %d freed, %d of them twice; want %d, %d, 0", made, freed, twice, n, n)
	}
}

// pattern is n octets that differ from place to place.
func pattern(n int) string {
	var b bytes.Buffer
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "%07d\n", i)
	}
	return b.String()[:n]
}

// headOf is the part of a wire image before its first empty line.
func headOf(wire string) string {
	head, _, _ := strings.Cut(wire, "\r\n\r\n")
	return head
}
