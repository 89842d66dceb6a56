package httpd_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"iter"
	integer "math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"moor.example/httpd"
)

// A maskedConn is the peer of an httpd.Masked.
type maskedConn struct {
	net.Conn
	key byte
}

func (c maskedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mask(p[:n])
	return n, err
}

func (c maskedConn) Write(p []byte) (int, error) { return c.Conn.Write(c.mask(bytes.Clone(p))) }

func (c maskedConn) mask(p []byte) []byte {
	for i := range p {
		p[i] ^= c.key
	}
	return p
}

// Requests of all sizes over several masked sessions on two loops, with up to
// twenty in flight: each has its answer, in order.
func TestMaskedSockets(t *testing.T) {
	const sessions, requests, key = 8, 125, 0xa5
	srv := start(t, httpd.Config{Loops: 2, Transport: httpd.Masked{Key: key, Piece: 1 << 10}}, route("POST", "/echo", echo))
	var group sync.WaitGroup
	for i := range sessions {
		c := dial(t, srv)
		c = newClient(t, maskedConn{c.Conn, key})
		group.Go(func() {
			var asked []string
			for n := range requests {
				content := fmt.Sprint(i, " ", pattern(1+n*n%9000))
				if _, err := io.WriteString(c, request("POST", "/echo", content)); err != nil {
					t.Error(err)
					return
				}
				if asked = append(asked, content); len(asked) < 20 && n < requests-1 {
					continue
				}
				for _, want := range asked {
					if a, err := c.read(); err != nil || a.status != 200 || a.content != want {
						t.Errorf("session %d: %d %.40q, %v, want %.40q", i, a.status, a.content, err, want)
						return
					}
				}
				asked = nil
			}
		})
	}
	group.Wait()
}

// TLS on the Transport: crypto/tls runs on a coroutine of each session, for it
// would take an error that says "not yet" for the last word. Where it has to wait
// for octets it hands over to the loop.

type secure struct{ cfg *tls.Config }

// A channel is TLS for one session.
type channel struct {
	net.Conn              // of the methods that crypto/tls does not need
	tls      *tls.Conn    // on this
	in, out  bytes.Buffer // records from the socket, and for it
	plain    []byte       // what was in them, and is not received
	taken    int          // of Send's octets: their records are in out
	open     bool
	err      error // the last word of tls
	run      func() (struct{}, bool)
	wait     func(struct{}) bool
}

// Read and Write are what tls has for a socket.
func (c *channel) Read(p []byte) (int, error) {
	for c.in.Len() == 0 {
		if !c.wait(struct{}{}) {
			return 0, net.ErrClosed
		}
	}
	return c.in.Read(p)
}

func (c *channel) Write(p []byte) (int, error) { return c.out.Write(p) }

// SetWriteDeadline is for the last record: it does not wait either.
func (c *channel) SetWriteDeadline(time.Time) error { return nil }

// read is the coroutine: the handshake, and then all that comes.
func (c *channel) read(wait func(struct{}) bool) {
	c.wait = wait
	if c.err = c.tls.Handshake(); c.err != nil {
		return
	}
	c.open = true
	b := make([]byte, 16<<10)
	for c.err == nil {
		var n int
		n, c.err = c.tls.Read(b)
		c.plain = append(c.plain, b[:n]...)
	}
}

// fill gives tls what the socket has.
func (c *channel) fill(s *httpd.Session) error {
	var b [16 << 10]byte
	n, err := httpd.PlainSocket{}.Recv(s, b[:])
	if err != nil {
		return err
	}
	c.in.Write(b[:n])
	c.run()
	return nil
}

// flush gives the socket what tls has.
func (c *channel) flush(s *httpd.Session) error {
	for c.out.Len() > 0 {
		n, err := httpd.PlainSocket{}.Send(s, c.out.Bytes())
		if err != nil {
			return err
		}
		c.out.Next(n)
	}
	return nil
}

func of(s *httpd.Session) *channel { return s.TransportCtx().(*channel) }

func (t secure) Open(s *httpd.Session) error {
	if s.TransportCtx() == nil {
		c := &channel{}
		c.tls = tls.Server(c, t.cfg)
		var stop func()
		c.run, stop = iter.Pull(c.read)
		c.run() // to where it waits for the first record
		s.SetTransportCtx(c, func(any) { stop() })
	}
	c := of(s)
	for {
		if err := c.flush(s); err != nil || c.open {
			return err
		}
		if c.err != nil {
			return c.err
		}
		if err := c.fill(s); err != nil {
			return err
		}
	}
}

func (secure) Recv(s *httpd.Session, p []byte) (int, error) {
	c := of(s)
	for len(c.plain) == 0 {
		if c.err != nil {
			return 0, c.err
		}
		if err := c.fill(s); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.plain)
	c.plain = c.plain[n:]
	return n, nil
}

func (secure) Send(s *httpd.Session, p []byte) (int, error) {
	c := of(s)
	if c.taken == 0 { // or else it is the same p, once more
		n, err := c.tls.Write(p[:min(len(p), 16<<10)])
		if err != nil {
			return 0, err
		}
		c.taken = n
	}
	if err := c.flush(s); err != nil {
		return 0, err
	}
	n := c.taken
	c.taken = 0
	return n, nil
}

func (secure) Pending(s *httpd.Session) int { return len(of(s).plain) }

func (secure) CloseSend(s *httpd.Session) {
	c := of(s)
	c.tls.CloseWrite()
	c.flush(s)
	httpd.PlainSocket{}.CloseSend(s)
}

// certified returns a configuration for a server on 127.0.0.1, and one for its clients.
func certified(t *testing.T, version uint16) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: integer.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}},
		&tls.Config{RootCAs: roots, ServerName: "127.0.0.1", MinVersion: version, MaxVersion: version}
}

// A tapped is the socket below a TLS client.
type tapped struct {
	net.Conn
	records bytes.Buffer
}

func (c *tapped) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.records.Write(p[:n])
	return n, err
}

func dialTLS(t *testing.T, srv *httpd.Server, cfg *tls.Config) (*client, *tapped) {
	t.Helper()
	below := &tapped{Conn: dial(t, srv)}
	return newClient(t, tls.Client(below, cfg)), below
}

// wantNotice wants the server to end the session with a record that says so, which
// crypto/tls does not insist on: the last one, of two octets and what the cipher
// adds.
func (c *tapped) wantNotice(above *client) {
	above.t.Helper()
	above.wantEnd()
	length := 0
	for b := c.records.Bytes(); len(b) >= 5; b = b[min(5+length, len(b)):] {
		length = int(b[3])<<8 | int(b[4])
	}
	if length < 2 || length > 40 {
		above.t.Errorf("the last record has %d octets: it is no close_notify", length)
	}
}

// TestTLS: a Transport is enough for TLS.
func TestTLS(t *testing.T) {
	for name, version := range map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13} {
		serverTLS, clientTLS := certified(t, version)
		serve := func(t *testing.T, cfg httpd.Config) *httpd.Server {
			cfg.Transport = secure{serverTLS}
			return start(t, cfg, route("POST", "/echo", echo), route("GET", "/hello", hello),
				route("GET", "/long", func(w *httpd.Response, _ *httpd.Request) error { return w.SendString(big) }))
		}
		for what, do := range map[string]func(t *testing.T){
			"net/http": func(t *testing.T) { speakTLS(t, serve(t, httpd.Config{Loops: 2}), clientTLS) },
			"pipelined": func(t *testing.T) {
				c, below := dialTLS(t, serve(t, httpd.Config{}), clientTLS)
				c.send(strings.Repeat(get("/hello")+request("POST", "/echo", "abc"), 200))
				for range 200 {
					c.want(200, "hello")
					c.want(200, "abc")
				}
				c.send("GET /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
				c.want(200, "hello")
				below.wantNotice(c)
			},
			"a long response that nobody reads yet": func(t *testing.T) {
				sent := make(chan int, 1<<10)
				c, _ := dialTLS(t, serve(t, httpd.Config{Events: func(e httpd.Event) {
					if e.Kind == httpd.EventSent {
						sent <- e.Bytes
					}
				}}), clientTLS)
				c.send(get("/long") + get("/hello"))
				receive(t, "the socket takes the first of it", sent)
				c.want(200, big)
				c.want(200, "hello")
			},
			"too long idle": func(t *testing.T) {
				c, below := dialTLS(t, serve(t, httpd.Config{IdleTimeout: short}), clientTLS)
				c.do(get("/hello"), 200, "hello")
				below.wantNotice(c)
			},
			"Shutdown": func(t *testing.T) {
				srv := serve(t, httpd.Config{})
				c, below := dialTLS(t, srv, clientTLS)
				c.do(get("/hello"), 200, "hello")
				if err := srv.Shutdown(context.Background()); err != nil {
					t.Error(err)
				}
				below.wantNotice(c)
			},
			"no TLS": func(t *testing.T) {
				c := dial(t, serve(t, httpd.Config{}))
				c.send(get("/hello"))
				if b, _ := io.ReadAll(c); strings.Contains(string(b), "HTTP") { // an alert, or not even that
					t.Errorf("got %q", b)
				}
			},
			"HandshakeTimeout": func(t *testing.T) {
				c := dial(t, serve(t, httpd.Config{HandshakeTimeout: short}))
				c.send("\x16\x03\x01")
				c.wantEnd()
			},
		} {
			t.Run(name+" "+what, do)
		}
	}
}

// speakTLS has net/http ask at several sessions at once, with contents of up to
// several records.
func speakTLS(t *testing.T, srv *httpd.Server, cfg *tls.Config) {
	transport := &http.Transport{TLSClientConfig: cfg}
	defer transport.CloseIdleConnections()
	var group sync.WaitGroup
	for i := range 4 {
		group.Go(func() {
			for n := range 25 {
				content := pattern(1 + n*n*n*10)
				resp, err := (&http.Client{Transport: transport}).Post("https://"+srv.Addr().String()+"/echo", "", strings.NewReader(content))
				if err != nil {
					t.Errorf("%d: %v", i, err)
					return
				}
				b, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if err != nil || string(b) != content {
					t.Errorf("%d: %d octets, %v, want %d", i, len(b), err, len(content))
				}
			}
		})
	}
	group.Wait()
}

// Of the requests that are in the transport when the server is stopped the next
// one is answered, as the last, and the session ends in order.
func TestMaskedStop(t *testing.T) {
	const key = 0x0f
	srv := start(t, httpd.Config{Transport: httpd.Masked{Key: key, Piece: 7}}, route("GET", "/hello", hello))
	err := srv.Handle(route("GET", "/stop", func(w *httpd.Response, _ *httpd.Request) error {
		srv.Stop()
		return w.SendString("stopped")
	}))
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, srv)
	c = newClient(t, maskedConn{c.Conn, key})
	c.send(get("/hello") + get("/stop") + strings.Repeat(get("/hello"), 50))
	c.want(200, "hello")
	c.want(200, "stopped")
	if a := c.want(200, "hello"); !a.close {
		t.Error("it does not say that it is the last")
	}
	c.wantEnd()
	c.Close()
	if err := srv.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}

// With a negative LingerTimeout the peer sees a reset, whatever ends the session;
// by default it sees the end of the stream.
func TestLingerResetSeen(t *testing.T) {
	for name, c := range map[string]struct {
		cfg httpd.Config
		do  func(srv *httpd.Server, c *client)
	}{
		"Connection: close": {httpd.Config{}, func(_ *httpd.Server, c *client) {
			c.send("GET /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
		}},
		"too long idle":  {httpd.Config{IdleTimeout: short}, func(_ *httpd.Server, c *client) { c.do(get("/hello"), 200, "hello") }},
		"too long fresh": {httpd.Config{HeadTimeout: short}, func(*httpd.Server, *client) {}},
		"refused":        {httpd.Config{}, func(_ *httpd.Server, c *client) { c.send("GET / HTTP/9\r\n\r\n") }},
		"Stop":           {httpd.Config{}, func(srv *httpd.Server, c *client) { c.do(get("/hello"), 200, "hello"); srv.Stop() }},
		"TriggerClose": {httpd.Config{}, func(srv *httpd.Server, c *client) {
			c.do(get("/hello"), 200, "hello")
			srv.TriggerClose(srv.Sessions()[0])
		}},
	} {
		for _, transport := range []httpd.Transport{nil, httpd.PlainSocket{}} {
			for _, linger := range []time.Duration{-1, 0} {
				t.Run(fmt.Sprint(name, " ", transport != nil, " ", linger), func(t *testing.T) {
					cfg := c.cfg
					cfg.Transport, cfg.LingerTimeout = transport, linger
					srv := start(t, cfg, route("GET", "/hello", hello))
					client := dial(t, srv)
					c.do(srv, client)
					_, err := io.ReadAll(client.r)
					if reset := errors.Is(err, unix.ECONNRESET); reset != (linger < 0) || !reset && err != nil {
						t.Errorf("it ended with %v", err)
					}
				})
			}
		}
	}
}

// By default a peer that does not stop sending has all of the last response.
func TestLingerKeepsTheResponse(t *testing.T) {
	last := pattern(100_000)
	for _, transport := range []httpd.Transport{nil, httpd.PlainSocket{}} {
		sent := make(chan struct{})
		srv := start(t, httpd.Config{Transport: transport, MaxContentBytes: 1 << 30, LingerTimeout: patience},
			route("GET", "/last", func(w *httpd.Response, _ *httpd.Request) error {
				<-sent // there is unread input in the socket
				w.SendString(last)
				return errFate
			}))
		c := dial(t, srv)
		c.send(get("/last") + last + last + last)
		close(sent)
		if a := c.next(); a.content != last || !a.close {
			t.Errorf("%d octets of %d, close %v", len(a.content), len(last), a.close)
		}
		c.send(last) // it is taken, and dropped
		c.wantEnd()
	}
}

// A Transport costs no allocation that it does not make itself.
func TestTransportAllocatesNothing(t *testing.T) {
	const requests, allowed = 10_000, 10
	for name, c := range map[string]struct {
		wire  string
		depth int
	}{
		"keep-alive GET":    {get("/hello"), 1},
		"POST that adds":    {request("POST", "/add", "12"), 1},
		"pipelined 16 deep": {get("/hello"), 16},
	} {
		t.Run(name, func(t *testing.T) {
			srv := serve(t, httpd.Config{Transport: httpd.PlainSocket{}}, route("GET", "/hello", hello), route("POST", "/add", add))
			client, wire := newRawClient(t, srv), []byte(strings.Repeat(c.wire, c.depth))
			n := mallocs(requests/c.depth, func() { client.exchange(wire, c.depth) })
			if n > allowed {
				t.Errorf("%d allocations for %d requests, at most %d allowed", n, requests, allowed)
			}
		})
	}
}
