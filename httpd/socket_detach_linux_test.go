package httpd_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"moor.example/httpd"
	"moor.example/httpd/internal/rig"
)

// A desk has the requests for /later that wait to be answered.
type desk struct {
	ledger
	waiting chan *httpd.Detached
	told    chan httpd.CloseReason
	mu      sync.Mutex
	all     []*httpd.Detached
}

// newDesk runs a server with a desk, whose sessions all have a context. Of a
// test that fails nothing is left to wait for.
func newDesk(t testing.TB, cfg httpd.Config) (*httpd.Server, *desk) {
	d := &desk{waiting: make(chan *httpd.Detached, 1000), told: make(chan httpd.CloseReason, 1000)}
	srv := d.serve(t, cfg)
	t.Cleanup(func() {
		srv.Close()
		d.mu.Lock()
		defer d.mu.Unlock()
		for _, held := range d.all {
			if held.Complete(nil) == nil && !t.Failed() {
				t.Error("a request was not completed")
			}
		}
	})
	return srv, d
}

func (d *desk) serve(t testing.TB, cfg httpd.Config) *httpd.Server {
	cfg.OnOpen = func(s *httpd.Session) error {
		d.open(s)
		return nil
	}
	cfg.OnClose = func(_ *httpd.Session, why httpd.CloseReason) { d.told <- why }
	return start(t, cfg, route("", "/later", d.later), route("POST", "/echo", echo), route("GET", "/", hello))
}

func (d *desk) later(w *httpd.Response, r *httpd.Request) error {
	held, err := r.Detach()
	if err == httpd.ErrDetachedFull {
		return r.HandleErr(w, httpd.ErrServiceUnavailable)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = append(d.all, held)
	d.waiting <- held
	return err
}

// next is the request that waits longest.
func (d *desk) next(t testing.TB) *httpd.Detached {
	t.Helper()
	return receive(t, "a request is detached", d.waiting)
}

// answer answers a request with text.
func answerLater(t testing.TB, d *httpd.Detached, text string) {
	t.Helper()
	if err := d.Complete(d.Response().SendString(text)); err != nil {
		t.Error(err)
	}
}

// Requests that wait hold up nobody, are answered in the order in which their
// owners are done, and on one connection in the order in which they came.
func TestDetachedAreAnsweredLater(t *testing.T) {
	const clients, each = 30, 4
	for _, loops := range []int{1, 3} {
		srv, desk := newDesk(t, httpd.Config{Loops: loops})
		var all []*client
		for i := range clients {
			c := dial(t, srv)
			for k := range each {
				c.send(request("POST", "/later", fmt.Sprint(i, "/", k)))
			}
			c.send(get("/"))
			all = append(all, c)
		}
		other := dial(t, srv)
		for range each {
			var waiting []*httpd.Detached
			for range clients {
				waiting = append(waiting, desk.next(t))
			}
			other.do(get("/"), 200, "hello")
			if n := len(srv.Detached()); n != clients || len(desk.waiting) != 0 {
				t.Errorf("%d requests are detached, %d more, want %d", n, len(desk.waiting), clients)
			}
			rand.Shuffle(clients, func(i, j int) { waiting[i], waiting[j] = waiting[j], waiting[i] })
			var answering sync.WaitGroup
			for _, d := range waiting {
				answering.Go(func() { answerLater(t, d, "re "+string(d.Request().Content())) })
			}
			answering.Wait()
		}
		for i, c := range all {
			for k := range each {
				c.want(200, fmt.Sprint("re ", i, "/", k))
			}
			c.want(200, "hello")
		}
		if ids := srv.Detached(); len(ids) != 0 {
			t.Errorf("detached are still %v", ids)
		}
		srv.Close()
		srv.Wait()
		desk.exact(t, clients+1)
	}
}

// What a request shows is its owner's alone, while the loop receives, parses and
// answers others.
func TestDetachedViewsBesideOthers(t *testing.T) {
	srv, desk := newDesk(t, httpd.Config{})
	c := dial(t, srv)
	content := strings.Repeat("mine", 500)
	c.send("POST /later?q=mine HTTP/1.1\r\nHost: mine\r\nX: mine\r\nTransfer-Encoding: chunked\r\n\r\n" +
		fmt.Sprintf("%x\r\n%s\r\n0\r\nT: mine\r\n\r\n", len(content), content) + get("/"))
	d := desk.next(t)
	var stop atomic.Bool
	var others sync.WaitGroup
	for i := range 4 {
		others.Go(func() {
			c := dial(t, srv)
			noise := strings.Repeat(string(rune('a'+i)), 2000)
			for !stop.Load() {
				c.do(request("POST", "/echo?"+noise[:50], noise)+request("POST", "/echo", noise), 200, noise)
				c.want(200, noise)
			}
		})
	}
	r := d.Request()
	for range 500 {
		x, _ := r.Header("X")
		trailer, _ := r.Trailer("T")
		if string(r.Content()) != content || string(r.QueryBytes()) != "q=mine" || x != "mine" || trailer != "mine" || r.Host() != "mine" {
			t.Fatalf("%.100q %q %q %q %q", r.Content(), r.QueryBytes(), x, trailer, r.Host())
		}
	}
	stop.Store(true)
	others.Wait()
	answerLater(t, d, "done")
	c.want(200, "done")
	c.want(200, "hello")
}

// The peer's end is noticed while nobody reads from it. Who ended its side only
// is answered.
func TestDetachedPeerHangsUp(t *testing.T) {
	for name, c := range map[string]struct {
		hangUp  func(c *client)
		answers bool
	}{
		"FIN":   {(*client).halfClose, true},
		"close": {func(c *client) { c.Close() }, false},
		"RST":   {(*client).reset, false},
	} {
		for _, word := range []error{nil, errors.New("done")} {
			srv, desk := newDesk(t, httpd.Config{})
			client := dial(t, srv)
			client.send(get("/later"))
			d := desk.next(t)
			c.hangUp(client)
			receive(t, name+": the context is cancelled", d.Context().Done())
			dial(t, srv).do(get("/"), 200, "hello")
			if n := len(srv.Detached()); n != 1 || len(desk.told) != 0 || desk.freed.Load() != 0 {
				t.Errorf("%s: %d detached, %d told", name, n, len(desk.told))
			}
			if err := d.Response().SendString("late"); err != nil {
				t.Error(err)
			}
			if err := d.Complete(word); err != nil {
				t.Error(err)
			}
			if c.answers {
				client.want(200, "late")
				client.wantEnd()
			}
			why := receive(t, name+": OnClose is told", desk.told)
			if why != httpd.ReasonPeer && (word == nil || why != httpd.ReasonHandler) {
				t.Errorf("%s: it ended by %v", name, why)
			}
			desk.balancedAt(t, 1)
		}
	}
}

// balancedAt wants n of the contexts to be freed, and no more.
func (d *desk) balancedAt(t testing.TB, n int64) {
	t.Helper()
	rig.Eventually(t, "the context is freed", func() bool { return d.freed.Load() >= n })
	if freed, twice := d.freed.Load(), d.twice.Load(); freed != n || twice != 0 {
		t.Errorf("%d contexts are freed, %d of them twice, want %d", freed, twice, n)
	}
}

// A server that is told to stop waits for the requests that are detached. Close
// ends their sockets at once, and still everything else is theirs until then.
func TestDetachedAtTheEnd(t *testing.T) {
	for _, loops := range []int{1, 2} {
		srv, desk := newDesk(t, httpd.Config{Loops: loops})
		answered, never, idle := dial(t, srv), dial(t, srv), dial(t, srv)
		answered.send(get("/later") + get("/"))
		first := desk.next(t)
		never.send(get("/later"))
		second := desk.next(t)
		idle.do(get("/"), 200, "hello")

		ctx, cancel := context.WithCancel(context.Background())
		down := make(chan error, 1)
		go func() { down <- srv.Shutdown(ctx) }()
		idle.wantEnd()
		answerLater(t, first, "the last")
		if a := answered.want(200, "the last"); !a.close {
			t.Error("it is not said to be the last")
		}
		answered.wantEnd()
		answered.Close()
		rig.Eventually(t, "what is open is what is detached", func() bool {
			ids := srv.Sessions()
			return len(ids) == 1 && slices.Equal(ids, srv.Detached())
		})
		if err := second.Context().Err(); err != nil {
			t.Errorf("the context is %v", err)
		}
		cancel()
		err := receive(t, "Shutdown returns", down)
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "1 requests are not completed") {
			t.Errorf("Shutdown: %v", err)
		}
		never.wantEnd()
		receive(t, "the context is cancelled", second.Context().Done())
		done := make(chan error, 1)
		go func() { done <- srv.Wait() }()
		if second.Request().Session().Ctx() == nil || len(srv.Detached()) != 1 || len(done) != 0 {
			t.Error("the session ended before its request")
		}
		if desk.freed.Load() != 2 {
			t.Errorf("%d contexts are freed, want 2", desk.freed.Load())
		}
		answerLater(t, second, "in vain")
		if err := receive(t, "Wait returns", done); err != nil {
			t.Error(err)
		}
		desk.exact(t, 3)
		if err := second.Complete(nil); err != httpd.ErrCompleted {
			t.Errorf("Complete again: %v", err)
		}
	}
}

// A session may be told to close while its request is detached: the answer comes,
// says so, and is the last.
func TestDetachedTriggerClose(t *testing.T) {
	srv, desk := newDesk(t, httpd.Config{})
	c := dial(t, srv)
	c.send(get("/later"))
	d := desk.next(t)
	for range 100 {
		srv.TriggerClose(d.Request().Session().ID())
	}
	dial(t, srv).do(get("/"), 200, "hello")
	if err := d.Context().Err(); err != nil {
		t.Errorf("the context is %v", err)
	}
	c.send(get("/")) // unread: closing over that would reset the connection
	answerLater(t, d, "bye")
	c.closing(200)
	if why := receive(t, "OnClose is told", desk.told); why != httpd.ReasonTrigger {
		t.Errorf("it ended by %v", why)
	}
}

// Sessions whose requests are detached are not purged. Who finds nobody else
// waits for one of them: with several loops, for one of the loop that it goes to.
func TestDetachedAreNotPurged(t *testing.T) {
	for _, loops := range []int{1, 3} {
		const most = 6
		srv, desk := newDesk(t, httpd.Config{Loops: loops, MaxSessions: most, WhenFull: httpd.Purge})
		var pinned []*client
		for range most {
			c := dial(t, srv)
			c.send(get("/later"))
			pinned = append(pinned, c)
		}
		var waiting []*httpd.Detached
		for range most {
			waiting = append(waiting, desk.next(t))
		}
		next := dial(t, srv)
		next.send(get("/"))
		if n := len(srv.Detached()); n != most || len(desk.told) != 0 {
			t.Errorf("%d are detached, %d sessions have ended", n, len(desk.told))
		}
		if loops == 1 {
			answerLater(t, waiting[0], "ok")
			waiting = waiting[1:]
			next.want(200, "hello")
		}
		for _, d := range waiting {
			answerLater(t, d, "ok")
		}
		if loops > 1 {
			next.want(200, "hello")
		}
		for _, c := range pinned {
			c.want(200, "ok")
		}
		if why := receive(t, "one is purged", desk.told); why != httpd.ReasonPurged || len(desk.told) != 0 {
			t.Errorf("one ended by %v, and %d more", why, len(desk.told))
		}
	}
}

// Beyond MaxDetached a handler is told, and answers itself.
func TestMaxDetached(t *testing.T) {
	const most = 3
	srv, desk := newDesk(t, httpd.Config{Loops: 2, MaxDetached: most})
	clients, other := map[string]*client{}, dial(t, srv)
	for i := range most {
		name := fmt.Sprint("client ", i)
		clients[name] = dial(t, srv)
		clients[name].send(request("POST", "/later", name))
	}
	full := func() bool { return len(srv.Detached()) == most }
	rig.Eventually(t, "all places are taken", full)
	for range 5 {
		other.do(get("/later"), 503, "The server has no room for this request now.")
		d := desk.next(t)
		name := string(d.Request().Content())
		answerLater(t, d, "ok")
		clients[name].want(200, "ok")
		clients[name].send(request("POST", "/later", name))
		rig.Eventually(t, "all places are taken again", full)
	}
	for range most {
		answerLater(t, desk.next(t), "ok")
	}
	for _, c := range clients {
		c.want(200, "ok")
	}
}

// A function on the loop reaches the peer at once, the owner with its answer.
func TestDetachedPush(t *testing.T) {
	const push = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"
	srv, desk := newDesk(t, httpd.Config{})
	c := dial(t, srv)
	c.send(get("/later"))
	d := desk.next(t)
	s := d.Request().Session()
	if err := s.Send([]byte(push + "2")); err != nil {
		t.Error(err)
	}
	if err := srv.QueueWorkFor(s.ID(), func(s *httpd.Session) { s.Send([]byte(push + "1")) }); err != nil {
		t.Error(err)
	}
	c.want(200, "1")
	answerLater(t, d, "3")
	c.want(200, "2")
	c.want(200, "3")
}

// An answer that no socket takes at once goes out whole, and what is pipelined
// behind it comes after.
func TestDetachedBigAnswer(t *testing.T) {
	srv, desk := newDesk(t, httpd.Config{})
	c := dial(t, srv)
	if err := c.Conn.(*net.TCPConn).SetReadBuffer(16 << 10); err != nil {
		t.Fatal(err)
	}
	c.send(strings.Repeat(get("/later"), 3) + get("/"))
	for range 3 {
		d := desk.next(t)
		for piece := range slices.Chunk([]byte(big), 100_000) {
			if _, err := d.Response().Write(piece); err != nil {
				t.Error(err)
			}
		}
		if err := d.Complete(nil); err != nil {
			t.Error(err)
		}
		c.want(200, big)
	}
	c.want(200, "hello")
}

// net/http's client sees no difference.
func TestDetachedForNetHTTP(t *testing.T) {
	srv, desk := newDesk(t, httpd.Config{Loops: 2})
	stop := make(chan bool)
	var owners, clients sync.WaitGroup
	for range 4 {
		owners.Go(func() {
			for {
				select {
				case d := <-desk.waiting:
					d.Complete(d.Response().Send(d.Request().Content()))
				case <-stop:
					return
				}
			}
		})
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 8}
	defer transport.CloseIdleConnections()
	browser := http.Client{Transport: transport, Timeout: patience}
	for i := range 8 {
		clients.Go(func() {
			for k := range 50 {
				text := strings.Repeat(fmt.Sprint(i, "/", k, " "), 1+k*20)
				resp, err := browser.Post("http://"+srv.Addr().String()+"/later", "text/plain", strings.NewReader(text))
				if err != nil {
					t.Error(err)
					return
				}
				b, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if err != nil || string(b) != text || resp.StatusCode != 200 {
					t.Errorf("%d %.40q, %v, want %.40q", resp.StatusCode, b, err, text)
				}
			}
		})
	}
	clients.Wait()
	close(stop)
	owners.Wait()
}

// The owner may change the context while the loop does.
func TestDetachedCtxFromBothSides(t *testing.T) {
	srv, desk := newDesk(t, httpd.Config{})
	c := dial(t, srv)
	for range 10 {
		c.send(get("/later"))
		d := desk.next(t)
		id := d.Request().Session().ID()
		var asking sync.WaitGroup
		for range 2 {
			asking.Go(func() {
				for range 50 {
					srv.QueueWorkFor(id, func(s *httpd.Session) {
						if s != nil && s.Ctx() != nil {
							desk.open(s)
						}
					})
				}
			})
		}
		for range 50 {
			s := d.Request().Session()
			if _, is := httpd.Ctx[*entry](s); is {
				desk.open(s)
			}
			if ctx, free := s.TakeCtx(); ctx != nil {
				s.SetCtx(ctx, free)
			}
		}
		asking.Wait()
		answerLater(t, d, "ok")
		c.want(200, "ok")
	}
	c.halfClose()
	c.wantEnd()
	srv.Close()
	srv.Wait()
	desk.exact(t, desk.made.Load())
}

// An owner that never is done keeps its own session, and can be seen.
func TestDetachedForgotten(t *testing.T) {
	srv, desk := newDesk(t, httpd.Config{IdleTimeout: short, HeadTimeout: short, ContentTimeout: short})
	c := dial(t, srv)
	c.send(get("/later"))
	d := desk.next(t)
	for range 3 { // each lives as long as a timeout
		dial(t, srv).wantEnd()
	}
	id := d.Request().Session().ID()
	if ids := srv.Detached(); !slices.Equal(ids, []httpd.ID{id}) || !slices.Contains(srv.Sessions(), id) {
		t.Errorf("detached are %v, want %v", ids, id)
	}
	c.SetReadDeadline(time.Now().Add(short))
	if _, err := c.r.Peek(1); err == nil {
		t.Error("there is an answer")
	}
	srv.Close()
	srv.TriggerClose(id)
	c.SetReadDeadline(time.Now().Add(patience))
	if n, err := io.Copy(io.Discard, c.Conn); n != 0 || err != nil {
		t.Errorf("read %d octets, %v", n, err)
	}
	answerLater(t, d, "")
}
