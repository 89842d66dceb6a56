package httpd_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"moor.example/httpd"
	"moor.example/httpd/internal/rig"
)

// wantAfterEnd wants an ended server to say so, and to do nothing.
func wantAfterEnd(t *testing.T, srv *httpd.Server) {
	t.Helper()
	if err := srv.Wait(); err != nil {
		t.Errorf("Wait: %v", err)
	}
	ours, theirs := pair(t)
	if err := srv.Adopt(theirs); err != httpd.ErrServerClosed {
		t.Errorf("Adopt: %v, want ErrServerClosed", err)
	}
	unix.Close(ours)
	if err := unix.Close(theirs); err != nil {
		t.Errorf("the descriptor that Adopt refused: %v", err)
	}
	if err := srv.QueueWork(func() { t.Error("work after the end") }); err != httpd.ErrServerClosed {
		t.Errorf("QueueWork: %v, want ErrServerClosed", err)
	}
	if err := srv.Handle(route("GET", "/late", hello)); err != nil {
		t.Errorf("Handle: %v", err)
	}
	srv.TriggerClose(httpd.ID{})
	srv.Stop()
	srv.Close()
	srv.Close()
	if err := srv.Shutdown(context.Background()); err != nil {
		t.Errorf("Shutdown again: %v", err)
	}
}

func TestShutdownEndsIdleSessions(t *testing.T) {
	srv := start(t, httpd.Config{Loops: 2}, route("GET", "/", hello))
	var clients []*client
	for range 10 {
		c := dial(t, srv)
		c.do(get("/"), 200, "hello")
		clients = append(clients, c)
	}
	if err := srv.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, c := range clients {
		c.wantEnd()
	}
	if c, err := net.Dial("tcp", srv.Addr().String()); err == nil {
		c.Close()
		t.Error("it listens still")
	}
	wantAfterEnd(t, srv)
}

// A request of which a part has come is finished, and said to be the last.
func TestShutdownFinishesWhatIsInFlight(t *testing.T) {
	srv := start(t, httpd.Config{}, route("POST", "/", echo), route("GET", "/", hello))
	content, head, idle := dial(t, srv), dial(t, srv), dial(t, srv)
	idle.do(get("/"), 200, "hello")
	content.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n")
	if a := content.next(); a.status != 100 {
		t.Fatalf("%+v, want 100", a)
	}
	content.send("01234")
	head.do(get("/")+"GET / HTT", 200, "hello") // answered, so the rest is in hand too

	done := make(chan error, 1)
	go func() { done <- srv.Shutdown(context.Background()) }()
	idle.wantEnd() // it has begun
	content.send("56789")
	content.closing(200)
	head.send("P/1.1\r\nHost: h\r\n\r\n")
	head.closing(200)
	if err := receive(t, "Shutdown returns", done); err != nil {
		t.Error(err)
	}
	wantAfterEnd(t, srv)
}

// What a client has written before the stop is answered, although the server
// had not read it by then.
func TestShutdownLooksOnce(t *testing.T) {
	entered, leave := make(chan bool), make(chan bool)
	srv := start(t, httpd.Config{},
		route("GET", "/wait", func(w *httpd.Response, _ *httpd.Request) error {
			entered <- true
			<-leave
			return w.SendString("waited")
		}),
		route("GET", "/", hello))
	waiting, idle, fresh, unseen := dial(t, srv), dial(t, srv), dial(t, srv), dial(t, srv)
	idle.do(get("/"), 200, "hello")
	unseen.do(get("/"), 200, "hello")
	for range 2 { // the second turn has surely accepted fresh
		idle.do(get("/"), 200, "hello")
	}
	waiting.send(get("/wait"))
	receive(t, "the handler", entered)
	idle.send(get("/"))
	fresh.send(get("/"))
	srv.Stop()
	leave <- true
	waiting.want(200, "waited")
	idle.closing(200)
	fresh.closing(200)
	unseen.wantEnd()
	waiting.wantEnd()
	wantAfterEnd(t, srv)
}

func TestShutdownDeadline(t *testing.T) {
	var l ledger
	srv := start(t, httpd.Config{Loops: 2}, append(l.routes(), route("POST", "/", echo))...)
	c := dial(t, srv)
	c.do(get("/ctx")+"POST /", 200, "ctx")
	ctx, cancel := context.WithTimeout(context.Background(), short)
	defer cancel()
	if err := srv.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown: %v, want the context's error", err)
	}
	c.wantEnd()
	l.balanced(t, 1)
	wantAfterEnd(t, srv)
}

// A handler that does not return holds up its loop. Shutdown counts it, waits no
// longer for it, and its session is freed when it returns.
func TestShutdownCountsAHandler(t *testing.T) {
	var l ledger
	entered, leave := make(chan bool), make(chan bool)
	srv := start(t, httpd.Config{Loops: 2}, append(l.routes(), route("GET", "/wait", func(w *httpd.Response, _ *httpd.Request) error {
		entered <- true
		<-leave
		return w.SendString("waited")
	}))...)
	stuck, idle := dial(t, srv), dial(t, srv)
	stuck.do(get("/ctx"), 200, "ctx")
	idle.do(get("/ctx"), 200, "ctx")
	stuck.send(get("/wait"))
	receive(t, "the handler", entered)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := srv.Shutdown(ctx)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "1 requests are not completed") {
		t.Errorf("Shutdown: %v", err)
	}
	idle.wantEnd()
	if n := l.freed.Load(); n != 1 {
		t.Errorf("%d contexts are freed, want that of the idle session", n)
	}
	leave <- true
	stuck.want(200, "waited")
	stuck.wantEnd()
	if err := srv.Wait(); err != nil {
		t.Error(err)
	}
	l.balanced(t, 2)
	wantAfterEnd(t, srv)
}

// A handler may stop its own server, more than once.
func TestStopFromAHandler(t *testing.T) {
	for name, end := range map[string]func(*httpd.Server){"Stop": (*httpd.Server).Stop, "Close": (*httpd.Server).Close} {
		t.Run(name, func(t *testing.T) {
			srv := start(t, httpd.Config{})
			srv.Handle(route("GET", "/", func(w *httpd.Response, _ *httpd.Request) error {
				end(srv)
				end(srv)
				return w.SendString("stopped")
			}))
			c := dial(t, srv)
			c.do(get("/"), 200, "stopped")
			c.wantEnd()
			wantAfterEnd(t, srv)
		})
	}
}

// What QueueWork accepts runs exactly once, whenever the end comes.
func TestQueueWorkRunsOnce(t *testing.T) {
	for range 20 {
		var accepted, ran atomic.Int64
		srv := start(t, httpd.Config{MaxWork: 50})
		done := make(chan bool)
		go func() {
			defer close(done)
			for {
				switch err := srv.QueueWork(func() { ran.Add(1) }); err {
				case nil:
					accepted.Add(1)
				case httpd.ErrQueueFull:
				default:
					return
				}
			}
		}()
		rig.Eventually(t, "work is done", func() bool { return ran.Load() > 100 })
		srv.Close()
		srv.Wait()
		receive(t, "the queue closes", done)
		if accepted.Load() != ran.Load() {
			t.Fatalf("%d accepted, %d ran", accepted.Load(), ran.Load())
		}
	}
}

// Work that is accepted while the last work runs is not forgotten.
func TestQueueWorkAtTheEnd(t *testing.T) {
	srv := start(t, httpd.Config{})
	entered, leave, ran := make(chan bool), make(chan bool), make(chan bool, 1)
	if err := srv.QueueWork(func() { entered <- true; <-leave }); err != nil {
		t.Fatal(err)
	}
	receive(t, "the work has begun", entered)
	accepted := make(chan error, 1)
	if err := srv.QueueWork(func() { accepted <- srv.QueueWork(func() { ran <- true }) }); err != nil {
		t.Fatal(err)
	}
	srv.Close() // in one turn with the second
	leave <- true
	srv.Wait()
	if err := receive(t, "the last work", accepted); err == nil && len(ran) != 1 {
		t.Error("work was accepted and did not run")
	}
}

// One more than MaxWork is refused while the loop is busy, and none is lost.
func TestQueueWorkIsBounded(t *testing.T) {
	srv := start(t, httpd.Config{MaxWork: 3})
	entered, leave, ran := make(chan bool), make(chan bool), make(chan bool, 3)
	if err := srv.QueueWork(func() { entered <- true; <-leave }); err != nil {
		t.Fatal(err)
	}
	receive(t, "the work has begun", entered)
	for range 3 {
		if err := srv.QueueWork(func() { ran <- true }); err != nil {
			t.Error(err)
		}
	}
	if err := srv.QueueWork(func() {}); err != httpd.ErrQueueFull {
		t.Errorf("the fourth: %v, want ErrQueueFull", err)
	}
	leave <- true
	for range 3 {
		receive(t, "the work is done", ran)
	}
}

// Another session may be closed from a handler; what waits in its socket is
// not waited for.
func TestTriggerCloseFromOutside(t *testing.T) {
	ids := make(chan httpd.ID, 1)
	srv := start(t, httpd.Config{Loops: 2},
		route("GET", "/id", func(w *httpd.Response, r *httpd.Request) error {
			ids <- r.Session().ID()
			return w.SendString("")
		}),
		route("GET", "/", hello))
	victim, other := dial(t, srv), dial(t, srv)
	victim.do(get("/id"), 200, "")
	other.do(get("/"), 200, "hello")
	id := receive(t, "the ID", ids)
	for range 3 {
		srv.TriggerClose(id)
	}
	victim.wantEnd()
	srv.TriggerClose(id)
	other.do(get("/"), 200, "hello")
}

// Routes come while requests are served.
func TestHandleWhileServing(t *testing.T) {
	srv := start(t, httpd.Config{})
	c := dial(t, srv)
	for i := range 50 {
		path := "/" + strings.Repeat("x", i)
		c.send(get(path))
		if a := c.next(); a.status != 404 {
			t.Fatalf("%s: %d before it is there", path, a.status)
		}
		if err := srv.Handle(route("GET", path, hello)); err != nil {
			t.Fatal(err)
		}
		c.do(get(path), 200, "hello")
		if err := srv.Handle(route("GET", path, echo)); !errors.Is(err, httpd.ErrRouteExists) {
			t.Fatalf("%s again: %v, want ErrRouteExists", path, err)
		}
	}
}

// Between two requests only IdleTimeout counts, and by default there is none.
func TestIdleOutlivesHeadTimeout(t *testing.T) {
	srv := start(t, httpd.Config{HeadTimeout: short}, route("GET", "/", hello))
	c := dial(t, srv)
	c.do(get("/"), 200, "hello")
	for range 3 { // each lives as long as HeadTimeout
		dial(t, srv).wantEnd()
	}
	c.do(get("/"), 200, "hello")
}

// A connection that never says anything goes after HeadTimeout, without a word.
func TestSilentConnection(t *testing.T) {
	srv := start(t, httpd.Config{HeadTimeout: short})
	c, began := dial(t, srv), time.Now()
	c.wantEnd()
	if took := time.Since(began); took < short/2 {
		t.Errorf("it ended after %v, HeadTimeout is %v", took, short)
	}
}
