package httpd

import (
	"io"
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// A counted kernel counts how often its loop waits.
type counted struct {
	kernel
	waits atomic.Int64
}

func (k *counted) Wait(timeout time.Duration) (int, error) {
	k.waits.Add(1)
	return k.kernel.Wait(timeout)
}

// TestHangUpIsQuiet: while a request is detached the peer's end wakes the loop
// once, and not again and again until the request is completed.
func TestHangUpIsQuiet(t *testing.T) {
	for name, c := range map[string]struct {
		network string
		hangUp  func(c net.Conn)
	}{
		"FIN":                 {"tcp", closeWrite},
		"FIN of a Unix peer":  {"unix", closeWrite},
		"FIN behind octets":   {"tcp", func(c net.Conn) { io.WriteString(c, "GET"); closeWrite(c) }},
		"close":               {"tcp", func(c net.Conn) { c.Close() }},
		"close of a Unix one": {"unix", func(c net.Conn) { c.Close() }},
		"RST":                 {"tcp", func(c net.Conn) { c.(*net.TCPConn).SetLinger(0); c.Close() }},
		"RST behind octets":   {"tcp", func(c net.Conn) { io.WriteString(c, get("/hi")); c.(*net.TCPConn).SetLinger(0); c.Close() }},
	} {
		t.Run(name, func(t *testing.T) {
			addr := "127.0.0.1:0"
			if c.network == "unix" {
				addr = "unix:" + filepath.Join(t.TempDir(), "s")
			}
			srv, k, held := startCounted(t, addr)
			client, err := net.Dial(c.network, srv.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			io.WriteString(client, get("/later"))
			d := <-held
			if d.Context().Err() != nil {
				t.Error("the peer's end is noticed before it comes")
			}
			c.hangUp(client)
			cancelled(t, d)
			quiet := make(chan bool) // the turn that noticed it is over
			srv.QueueWork(func() { close(quiet) })
			<-quiet
			before := k.waits.Load()
			<-time.After(50 * time.Millisecond) // a loop that spins waits some thousand times
			if n := k.waits.Load() - before; n > 3 {
				t.Errorf("the loop turned %d times with nothing to do", n)
			}
			if len(srv.Detached()) != 1 {
				t.Error("the session has ended before its request")
			}
			d.Complete(d.Response().SendString("x"))
			deadline := time.After(10 * time.Second)
			for len(srv.Sessions()) > 0 {
				select {
				case <-deadline:
					t.Fatal("the session goes on without a peer")
				case <-time.After(time.Millisecond):
				}
			}
		})
	}
}

func closeWrite(c net.Conn) { c.(interface{ CloseWrite() error }).CloseWrite() }

// startCounted runs a server whose loop is counted. What is detached comes out
// of held.
func startCounted(t *testing.T, addr string) (srv *Server, k *counted, held chan *Detached) {
	cfg, err := Config{Addr: addr}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	real, err := newKernel(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	k, held = &counted{kernel: real}, make(chan *Detached, 1)
	if srv, err = newServer(cfg, []kernel{k}); err != nil {
		t.Fatal(err)
	}
	srv.Handle(Route{Method: "GET", Pattern: "/later", Handler: func(_ *Response, r *Request) error {
		d, err := r.Detach()
		held <- d
		return err
	}})
	srv.run()
	t.Cleanup(func() {
		srv.Close()
		if err := srv.Wait(); err != nil {
			t.Error(err)
		}
	})
	return srv, k, held
}
