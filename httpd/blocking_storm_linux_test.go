package httpd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A stormy is a server on the real kernel, whose sessions have contexts.
type stormy struct {
	*Server
	testing.TB
	made, freed atomic.Int64
}

func newStormy(t testing.TB, cfg Config) *stormy {
	t.Helper()
	cfg.Addr = "127.0.0.1:0"
	srv, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := &stormy{Server: srv, TB: t}
	t.Cleanup(srv.Close)
	return s
}

// block adds a blocking route whose sessions have a context.
func (s *stormy) block(pattern string, h Handler) {
	s.Helper()
	err := s.Handle(Route{Pattern: pattern, Blocking: true, Handler: func(w *Response, r *Request) error {
		if r.Session().Ctx() == nil {
			s.made.Add(1)
			r.Session().SetCtx(s, func(any) { s.freed.Add(1) })
		}
		return h(w, r)
	}})
	if err != nil {
		s.Fatal(err)
	}
}

// within waits until is holds.
func (s *stormy) within(what string, is func() bool) {
	s.Helper()
	end := time.Now().Add(20 * time.Second)
	for !is() {
		if time.Now().After(end) {
			s.Fatalf("not within 20 s: %s", what)
		}
		time.Sleep(time.Millisecond) // sleep: between two looks
	}
}

// end ends the server, and wants nothing to be left of it.
func (s *stormy) end() {
	s.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		s.Error(err)
	}
	s.nothing()
	if made, freed := s.made.Load(), s.freed.Load(); made != freed || made == 0 {
		s.Errorf("%d contexts, %d freed", made, freed)
	}
}

func (s *stormy) nothing() {
	s.Helper()
	s.within("nothing is left", func() bool {
		return s.sessions.Load() == 0 && s.detached.Load() == 0 && s.budget.used.Load() == 0
	})
}

func (s *stormy) dial() *net.TCPConn {
	s.Helper()
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		s.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return c.(*net.TCPConn)
}

// TestBlockingShutdown: Shutdown waits for the handlers that block, as long as it
// may; then their contexts are done, and it says how many do not heed that.
func TestBlockingShutdown(t *testing.T) {
	s := newStormy(t, Config{})
	in, proceed := make(chan bool, 2), make(chan bool)
	s.block("/heeds", func(_ *Response, r *Request) error {
		in <- true
		<-r.Context().Done()
		return r.Context().Err()
	})
	s.block("/deaf", func(w *Response, _ *Request) error {
		in <- true
		<-proceed
		if _, err := w.WriteString(strings.Repeat("x", 1<<20)); err != ErrSessionEnding {
			t.Errorf("Write: %v", err)
		}
		return nil
	})
	for _, path := range []string{"/heeds", "/deaf"} {
		c := s.dial()
		defer c.Close()
		io.WriteString(c, get(path))
		<-in
	}
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	err := s.Shutdown(ctx)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), " 1 requests ") {
		t.Errorf("Shutdown: %v", err)
	}
	close(proceed)
	if err := s.Wait(); err != nil {
		t.Error(err)
	}
	s.end()
}

// TestBlockingStorm: clients that upload, download, wait and go away at any
// moment, in any way. What they are owed they get, and nothing is left.
func TestBlockingStorm(t *testing.T) {
	for _, budget := range []int{0, 300 << 10} { // enough, and too little
		s := newStormy(t, Config{Loops: 2, MaxDetached: 24, MaxBufferBytes: budget})
		s.block("/echo", func(w *Response, r *Request) error { _, err := io.Copy(w, r); return err })
		s.block("/wait", func(w *Response, r *Request) error { <-r.Context().Done(); return w.SendString("waited") })
		s.block("/idle", func(w *Response, r *Request) error { return w.SendString("idle") })
		s.block("/panic", func(w *Response, r *Request) error { io.CopyN(w, r, 1000); panic("fell") })
		err := s.Handle(Route{Pattern: "/hi", Handler: func(w *Response, r *Request) error { return w.SendString("hi") }})
		if err != nil {
			t.Fatal(err)
		}
		var group sync.WaitGroup
		var good atomic.Int64
		for n := range 32 {
			group.Go(func() {
				rnd := rand.New(rand.NewPCG(7, uint64(n)))
				for range 40 {
					good.Add(s.stormOne(rnd, budget == 0))
				}
			})
		}
		stop := make(chan bool)
		go func() { // others who want something of those sessions
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
				}
				for _, id := range s.Detached() {
					s.QueueWorkFor(id, func(s *Session) {})
				}
			}
		}()
		group.Wait()
		close(stop)
		s.nothing()
		t.Logf("%d contents came back whole", good.Load())
		if good.Load() < 20 {
			t.Errorf("%d contents came back whole", good.Load())
		}
		s.end()
	}
}

// stormOne is one connection. It returns how many contents it had back.
func (s *stormy) stormOne(rnd *rand.Rand, fair bool) (whole int64) {
	c := s.dial()
	defer c.Close()
	content := []byte(someText(rnd.IntN(1 << (10 + rnd.IntN(9)))))
	path := []string{"/echo", "/echo", "/echo", "/echo", "/wait", "/idle", "/panic", "/hi"}[rnd.IntN(8)]
	if path == "/wait" { // an end that is behind more octets than the system takes in is not seen before those are read
		content = content[:min(len(content), streamBuffer/2)]
	}
	head := req("POST "+path, fmt.Sprintf("Content-Length: %d", len(content)))
	body := content
	if rnd.IntN(2) == 0 {
		var b bytes.Buffer
		for _, piece := range sliced(string(content), 1+rnd.IntN(20000)) {
			if piece != "" {
				fmt.Fprintf(&b, "%x\r\n%s\r\n", len(piece), piece)
			}
		}
		b.WriteString(last)
		head, body = req("POST "+path, "Transfer-Encoding: chunked"), b.Bytes()
	}
	out := append([]byte(head), body...)
	how := rnd.IntN(6)
	if path == "/wait" && how == 0 {
		how = 1
	}
	if how != 0 && how != 3 {
		out = out[:rnd.IntN(len(out)+1)]
	}
	sent := make(chan bool)
	go func() {
		defer close(sent)
		c.Write(out)
		if how == 3 {
			c.CloseWrite()
		}
	}()
	switch how {
	case 0: // all is sent, and it has seen something of the answer
		io.ReadFull(c, make([]byte, 17))
		c.SetLinger(0)
	case 1: // a reset, at any time
		if rnd.IntN(2) == 0 {
			<-sent
		}
		c.SetLinger(0)
	case 2: // the end, at any time
	case 3: // to its end
		got, _ := io.ReadAll(c)
		busy := bytes.HasPrefix(got, []byte("HTTP/1.1 503 "))
		if path == "/echo" && !busy && holds(s, got, content) {
			whole++
		} else if fair && path == "/echo" && !busy {
			s.Errorf("of %d octets of content %.200q came back", len(content), got)
		}
	case 4: // it does not read
		<-sent
	case 5: // it reads a little
		c.SetReadDeadline(time.Now().Add(time.Duration(rnd.IntN(20)) * time.Millisecond))
		io.CopyN(io.Discard, c, rnd.Int64N(int64(len(content)+1)))
	}
	c.Close()
	<-sent
	return whole
}

// holds reports whether a response has this content. One that was cut off has not.
func holds(t testing.TB, got, content []byte) bool {
	head, body, _ := strings.Cut(string(got), "\r\n\r\n")
	if strings.Contains(head, "chunked") {
		if !strings.HasSuffix(body, last) {
			return false
		}
		body, _ = unchunk(t, body)
	}
	return body == string(content)
}
