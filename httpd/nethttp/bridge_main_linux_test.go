package nethttp_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"moor.example/httpd"
	"moor.example/httpd/internal/rig"
	"moor.example/httpd/nethttp"
)

const patience = rig.Patience

// TestMain fails when the tests leave goroutines or descriptors behind.
func TestMain(m *testing.M) { rig.Main(m) }

// front is a net/http server that has a moor server behind it.
func front(t *testing.T, srv *httpd.Server, wrap func(b *nethttp.Bridge, hs *http.Server)) *httptest.Server {
	t.Helper()
	bridge := nethttp.NewBridge(srv)
	hs := httptest.NewUnstartedServer(bridge)
	hs.Config.ErrorLog = nil
	wrap(bridge, hs.Config)
	hs.Start()
	t.Cleanup(hs.Close)
	return hs
}

func hooked(b *nethttp.Bridge, hs *http.Server) { b.Wrap(hs) }
func hookless(*nethttp.Bridge, *http.Server)    {}
func listener(hs *httptest.Server) string       { return hs.Listener.Addr().String() }
func route(method, pattern string, h httpd.Handler) httpd.Route {
	return httpd.Route{Method: method, Pattern: pattern, Handler: h}
}

// A client is one connection, on which the test writes octets.
type client struct {
	net.Conn
	t *testing.T
	r *bufio.Reader
}

func dial(t *testing.T, hs *httptest.Server) *client {
	t.Helper()
	conn := rig.Dial(t, "tcp", listener(hs))
	return &client{conn, t, bufio.NewReader(conn)}
}

func (c *client) send(octets string) {
	c.t.Helper()
	if _, err := io.WriteString(c, octets); err != nil {
		c.t.Fatal(err)
	}
}

// ask sends a request and wants this status and this content.
func (c *client) ask(method, path, content string, status int, want string) *http.Response {
	c.t.Helper()
	c.send(fmt.Sprintf("%s %s HTTP/1.1\r\nHost: moor\r\nContent-Length: %d\r\n\r\n%s", method, path, len(content), content))
	return c.wants(status, want)
}

func (c *client) wants(status int, want string) *http.Response {
	c.t.Helper()
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		c.t.Fatalf("%v, want %d %q", err, status, want)
	}
	got, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != status || string(got) != want {
		c.t.Fatalf("%d %.300q, %v, want %d %.300q", resp.StatusCode, got, err, status, want)
	}
	return resp
}

// ended wants the connection to end, and nothing before that.
func (c *client) ended() {
	c.t.Helper()
	if rest, err := io.ReadAll(c.r); err != nil && !strings.Contains(err.Error(), "reset") || len(rest) > 0 {
		c.t.Fatalf("%.300q, then %v, want the end", rest, err)
	}
}
