package httpd_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"moor.example/httpd"
	"moor.example/httpd/internal/rig"
)

const (
	stormTime    = 1500 * time.Millisecond // as long as it blows; what is bounded by counts ends earlier
	stormClients = 24
	stormAskers  = 16
	stormPush    = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npush"
)

// A storm is a server on which everything happens at once, and what is known of
// it: what was made must go, what was accepted must run, each once.
type storm struct {
	testing.TB
	ledger
	srv                *httpd.Server
	opened, told       atomic.Int64 // sessions
	connected, gone    atomic.Int64 // the same by the events
	accepted, ran      atomic.Int64 // functions
	found              atomic.Int64 // those that had their session
	begun, full        atomic.Int64 // requests detached, and refused
	waited             atomic.Int64 // requests whose handler blocks
	answered, repeated atomic.Int64 // answers, and what Complete has said to who came second
	owners             sync.WaitGroup
	stop               atomic.Bool // for the clients
}

// TestStorm: sixteen goroutines register and unregister, close sessions, queue
// work and change contexts, while detached requests are answered by others,
// handlers block, and clients hammer, pipeline and leave. Nothing is lost, nothing happens twice,
// nothing is left.
func TestStorm(t *testing.T) {
	for _, loops := range []int{1, 3} {
		t.Run(fmt.Sprint(loops), func(t *testing.T) {
			goroutines, fds := runtime.NumGoroutine(), len(rig.Descriptors())
			s := newStorm(t, loops)
			var asking, hammering sync.WaitGroup
			for i := range stormClients {
				hammering.Go(func() { s.hammer(rand.New(rand.NewPCG(uint64(i), 2))) })
			}
			for i := range stormAskers {
				asking.Go(func() { s.ask(i, rand.New(rand.NewPCG(uint64(i), 1))) })
			}
			<-time.After(stormTime)
			ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
			defer cancel()
			if err := s.srv.Shutdown(ctx); err != nil { // the askers go on, up to the end
				t.Errorf("Shutdown: %v", err)
			}
			s.stop.Store(true)
			asking.Wait()
			hammering.Wait()
			s.owners.Wait()
			s.calm()
			if !rig.Await(func() bool { return runtime.NumGoroutine() <= goroutines && len(rig.Descriptors()) <= fds }) {
				t.Errorf("%d goroutines and %d descriptors, were %d and %d", runtime.NumGoroutine(), len(rig.Descriptors()), goroutines, fds)
			}
		})
	}
}

func newStorm(t testing.TB, loops int) *storm {
	s := &storm{TB: t}
	srv, err := httpd.Start(httpd.Config{
		Addr: "127.0.0.1:0", Loops: loops, MaxSessions: 20, WhenFull: httpd.Purge, MaxDetached: 10, MaxWork: 200, MaxTurnRequests: 3,
		OnOpen: func(session *httpd.Session) error {
			s.opened.Add(1)
			s.open(session)
			return nil
		},
		OnClose: func(*httpd.Session, httpd.CloseReason) { s.told.Add(1) },
		Events: func(e httpd.Event) {
			switch e.Kind {
			case httpd.EventConnected:
				s.connected.Add(1)
			case httpd.EventDisconnected:
				s.gone.Add(1)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.srv = srv
	for _, r := range []httpd.Route{route("POST", "/now", s.now), route("POST", "/later", s.later)} {
		if err := srv.Handle(r); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// now answers on the loop, and changes the session as it goes.
func (s *storm) now(w *httpd.Response, r *httpd.Request) error {
	session := r.Session()
	switch r.Content()[0] % 4 {
	case 0:
		s.open(session)
	case 1:
		session.SetCtx(session.TakeCtx())
	case 2:
		session.Send([]byte(stormPush))
	}
	s.answered.Add(1)
	return w.Send(r.Content())
}

// wait is now for a handler that blocks: it reads its content, and lets the loop
// come in between.
func (s *storm) wait(w *httpd.Response, r *httpd.Request) error {
	content, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.waited.Add(1)
	session := r.Session()
	switch content[0] % 4 {
	case 0:
		s.open(session)
	case 1:
		session.SetCtx(session.TakeCtx())
	case 2:
		session.Send([]byte(stormPush))
	}
	runtime.Gosched()
	if _, err := w.Write(content[:1]); err != nil {
		return err
	}
	if content[0]%8 == 3 {
		w.Flush()
	}
	_, err = w.Write(content[1:])
	return err
}

// later has a goroutine answer, which Complete finds twice.
func (s *storm) later(w *httpd.Response, r *httpd.Request) error {
	d, err := r.Detach()
	if errors.Is(err, httpd.ErrDetachedFull) {
		s.full.Add(1)
		return r.HandleErr(w, httpd.ErrServiceUnavailable)
	}
	s.begun.Add(1)
	s.owners.Go(func() { s.own(d) })
	return err
}

func (s *storm) own(d *httpd.Detached) {
	r, session := d.Request(), d.Request().Session()
	content := string(r.Content())
	for i := range content[0] % 8 {
		switch i {
		case 2:
			s.open(session)
		case 4:
			session.SetCtx(session.TakeCtx())
		case 5:
			session.Touch()
		case 6:
			session.Send([]byte(stormPush))
		}
		runtime.Gosched() // others use the loop meanwhile
		if string(r.Content()) != content || r.Path() != "/later" {
			s.Errorf("the request has become %q %q", r.Path(), r.Content())
		}
	}
	var word error
	if content[0]%16 == 15 {
		word = errors.New("this session has to go")
	}
	if err := d.Response().SendString(content); err != nil {
		s.Errorf("an answer is refused: %v", err)
	}
	s.answered.Add(1)
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			if d.Complete(word) == httpd.ErrCompleted {
				s.repeated.Add(1)
			}
		})
	}
	both.Wait()
}

// ask asks for everything that any goroutine may ask for, until the server has
// ended.
func (s *storm) ask(number int, rng *rand.Rand) {
	mine, there := fmt.Sprint("/mine/", number), false // nobody else has this route
	count := func() { s.ran.Add(1) }
	var past []httpd.ID
	for i := 0; ; i++ {
		id := s.pick(&past, rng)
		err := error(nil)
		switch rng.IntN(8) {
		case 0:
			mine := route("POST", mine, s.now)
			if rng.IntN(2) == 0 {
				mine.Blocking, mine.Handler = true, s.wait
			}
			if err := s.srv.Handle(mine); err != nil != there || there && !errors.Is(err, httpd.ErrRouteExists) {
				s.Errorf("Handle: %v; the route is there: %v", err, there)
			}
			there = true
		case 1:
			if err := s.srv.Unhandle("POST", mine); err == nil != there || !there && !errors.Is(err, httpd.ErrNoRoute) {
				s.Errorf("Unhandle: %v; the route is there: %v", err, there)
			}
			there = false
		case 2:
			var h httpd.ErrHandler
			if rng.IntN(2) == 0 {
				h = func(w *httpd.Response, _ *httpd.Request, code httpd.ErrCode) error { return w.SendErr(code, "own") }
			}
			s.srv.OnError([]httpd.ErrCode{404, 503}[rng.IntN(2)], h)
		case 3:
			if rng.IntN(8) == 0 { // or else nobody is answered
				s.srv.TriggerClose(id)
			}
		case 4, 5:
			err = s.srv.QueueWork(count)
			s.note(err)
		default:
			which := rng.IntN(5)
			err = s.srv.QueueWorkFor(id, func(session *httpd.Session) { s.ran.Add(1); s.change(session, which) })
			s.note(err)
		}
		if err == httpd.ErrServerClosed {
			return
		}
		if i%16 == 0 {
			runtime.Gosched()
		}
	}
}

// pick returns the name of a session that is open, or was.
func (s *storm) pick(past *[]httpd.ID, rng *rand.Rand) httpd.ID {
	if rng.IntN(20) == 0 || len(*past) == 0 {
		*past = append(append(s.srv.Sessions(), s.srv.Detached()...), httpd.ID{})
	}
	return (*past)[rng.IntN(len(*past))]
}

// note counts what was accepted.
func (s *storm) note(err error) {
	switch err {
	case nil:
		s.accepted.Add(1)
	case httpd.ErrQueueFull, httpd.ErrServerClosed:
	default:
		s.Errorf("a function is refused: %v", err)
	}
}

// change changes a session from its loop.
func (s *storm) change(session *httpd.Session, which int) {
	if session == nil {
		return
	}
	s.found.Add(1)
	switch which {
	case 0:
		session.Send([]byte(stormPush))
	case 1:
		s.open(session)
	case 2:
		session.Touch()
	case 3:
		if ctx, free := session.TakeCtx(); ctx != nil {
			free(ctx)
		}
	case 4:
		session.SetCtx(nil, nil)
	}
}

// hammer is a client that comes back until the server is gone.
func (s *storm) hammer(rng *rand.Rand) {
	for n := 0; !s.stop.Load(); n++ {
		c, err := net.DialTimeout("tcp", s.srv.Addr().String(), patience)
		if err != nil {
			return // it listens no more
		}
		c.SetDeadline(time.Now().Add(2 * patience))
		r := bufio.NewReader(c)
		for range 1 + rng.IntN(10) {
			if s.stop.Load() || !s.batch(c, r, rng) {
				break
			}
		}
		if rng.IntN(3) == 0 {
			c.(*net.TCPConn).SetLinger(0)
		}
		c.Close()
	}
}

// batch sends a few requests at once and reads the answers, unless it leaves
// before. It reports whether the connection goes on. Answers come in the order
// of the requests, whatever is pushed between them.
func (s *storm) batch(c net.Conn, r *bufio.Reader, rng *rand.Rand) bool {
	var tags []string
	var all strings.Builder
	for range 1 + rng.IntN(8) {
		path := []string{"/now", "/later", "/later", fmt.Sprint("/mine/", rng.IntN(stormAskers))}[rng.IntN(4)]
		tag := string(rune('a'+rng.IntN(16))) + fmt.Sprint(rng.Uint64())
		tags = append(tags, tag)
		all.WriteString(request("POST", path, tag))
	}
	if _, err := c.Write([]byte(all.String())); err != nil || rng.IntN(10) == 0 {
		return false
	}
	for len(tags) > 0 {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			return false // closed, purged, reset
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			return false
		}
		switch text := string(b); {
		case text == "push":
			continue
		case resp.StatusCode == 200 && text != tags[0]:
			s.Errorf("the answer is %q, want %q", text, tags[0])
		case resp.StatusCode != 200 && resp.StatusCode != 404 && resp.StatusCode != 503:
			s.Errorf("the answer is %d %q", resp.StatusCode, text)
		}
		tags = tags[1:]
		if resp.Close {
			return false
		}
	}
	return true
}

// calm wants everything to be even when all is over.
func (s *storm) calm() {
	s.Helper()
	for _, c := range []struct {
		what        string
		have, wants int64
	}{
		{"functions that ran", s.ran.Load(), s.accepted.Load()},
		{"sessions of which OnClose was told", s.told.Load(), s.opened.Load()},
		{"sessions that connected", s.connected.Load(), s.opened.Load()},
		{"sessions that disconnected", s.gone.Load(), s.opened.Load()},
		{"requests completed twice", s.repeated.Load(), s.begun.Load()},
		{"sessions left", int64(len(s.srv.Sessions())), 0},
		{"detached requests left", int64(len(s.srv.Detached())), 0},
	} {
		if c.have != c.wants {
			s.Errorf("%s: %d, want %d", c.what, c.have, c.wants)
		}
	}
	s.exact(s, s.made.Load())
	for what, n := range map[string]int64{"session": s.opened.Load(), "function with its session": s.found.Load(),
		"detached request": s.begun.Load(), "blocking handler": s.waited.Load(), "answer": s.answered.Load()} {
		if n == 0 {
			s.Errorf("there was not one %s", what)
		}
	}
	s.Logf("%d sessions, %d functions, %d of them with their session, %d answers, %d requests detached, %d refused, %d contexts",
		s.opened.Load(), s.ran.Load(), s.found.Load(), s.answered.Load(), s.begun.Load(), s.full.Load(), s.made.Load())
}
