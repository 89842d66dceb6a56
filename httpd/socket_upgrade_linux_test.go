package httpd_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"moor.example/httpd"
)

// lines is a receiver that answers each line with itself, in capitals. The line
// "end" is its error.
func lines(s *httpd.Session, b []byte) (n int, err error) {
	for {
		at := bytes.IndexByte(b[n:], '\n')
		if at < 0 {
			return n, nil
		}
		line := b[n : n+at+1]
		n += len(line)
		if string(line) == "panic\n" {
			panic("as it was told")
		}
		if string(line) == "end\n" {
			return n, errFate
		}
		if err := s.Send(bytes.ToUpper(line)); err != nil {
			return n, err
		}
	}
}

func upgrading(w *httpd.Response, _ *httpd.Request) error {
	w.AddHeader("X-Word", "lines")
	return w.Upgrade("lines", lines)
}

const (
	askUpgrade = "GET /up HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: lines\r\n\r\n"
	switched   = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nDate: "
)

// wantSwitched reads the 101 response.
func (c *client) wantSwitched() {
	c.t.Helper()
	var head strings.Builder
	for !strings.HasSuffix(head.String(), "\r\n\r\n") {
		line, err := c.r.ReadString('\n')
		if err != nil {
			c.t.Fatalf("read the head: %q, %v", head.String(), err)
		}
		head.WriteString(line)
	}
	got := head.String()
	if !strings.HasPrefix(got, switched) || !strings.Contains(got, "\r\nX-Word: lines\r\n") || !strings.Contains(got, "\r\nUpgrade: lines\r\n") || strings.Contains(got, "Content-") {
		c.t.Fatalf("got %q", got)
	}
}

func (c *client) wantText(text string) {
	c.t.Helper()
	b := make([]byte, len(text))
	if _, err := io.ReadFull(c.r, b); err != nil || string(b) != text {
		c.t.Fatalf("read %q, %v, want %q", b, err, text)
	}
}

// An upgraded session keeps its context, and everything that its peer says goes
// to the receiver, cut anywhere, pipelined behind requests or not.
func TestUpgrade(t *testing.T) {
	var l ledger
	srv := start(t, httpd.Config{}, append(l.routes(), route("GET", "/up", upgrading))...)
	const said = get1 + askUpgrade + "one\ntwo\n" + "GET / HTTP/1.1\n"
	for cut := 0; cut <= len(said); cut += 7 {
		c := adopted(t, srv)
		c.do(get("/ctx"), 200, "ctx")
		c.send(said[:cut])
		c.send(said[cut:])
		c.want(200, "ctx")
		c.wantSwitched()
		c.wantText("ONE\nTWO\nGET / HTTP/1.1\n")
		c.halfClose()
		c.wantEnd()
	}
	l.balanced(t, int64(len(said)/7+1))
}

// The 101 has one Date, which may be the handler's.
func TestUpgradeOwnDate(t *testing.T) {
	const head = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nDate: today\r\nUpgrade: lines\r\n\r\n"
	srv := start(t, httpd.Config{}, route("GET", "/up", func(w *httpd.Response, _ *httpd.Request) error {
		w.SetHeader("Date", "today")
		return w.Upgrade("lines", lines)
	}))
	c := adopted(t, srv)
	c.send(askUpgrade + "one\n")
	c.wantText(head + "ONE\n")
}

// What a receiver sends does not count what is to be sent before it: the 101, and
// the answers of the same batch, leave first.
func TestUpgradeBehindMuch(t *testing.T) {
	srv := start(t, httpd.Config{MaxOutputBytes: 200}, route("GET", "/up", upgrading))
	c := adopted(t, srv)
	line := strings.Repeat("X", 150) + "\n"
	c.send(askUpgrade + line)
	c.wantSwitched()
	c.wantText(line)
}

const get1 = "GET /ctx HTTP/1.1\r\nHost: h\r\n\r\n"

// The ends of an upgraded session are those of any other.
func TestUpgradeEnds(t *testing.T) {
	for name, row := range map[string]struct {
		end func(srv *httpd.Server, c *client)
		why httpd.CloseReason
	}{
		"error":       {func(_ *httpd.Server, c *client) { c.send("end\n") }, httpd.ReasonHandler},
		"panic":       {func(_ *httpd.Server, c *client) { c.send("panic\n") }, httpd.ReasonHandler},
		"peer":        {func(_ *httpd.Server, c *client) { c.halfClose() }, httpd.ReasonPeer},
		"Stop":        {func(srv *httpd.Server, _ *client) { srv.Stop() }, httpd.ReasonStop},
		"Close":       {func(srv *httpd.Server, _ *client) { srv.Close() }, httpd.ReasonStop},
		"trigger":     {func(srv *httpd.Server, _ *client) { srv.TriggerClose(srv.Sessions()[0]) }, httpd.ReasonTrigger},
		"too much":    {func(_ *httpd.Server, c *client) { c.send(strings.Repeat("x", 5000)) }, httpd.ReasonRefused},
		"purge":       {func(srv *httpd.Server, _ *client) { dial(t, srv) }, httpd.ReasonPurged},
		"idle longer": {func(*httpd.Server, *client) {}, httpd.ReasonExpired},
	} {
		t.Run(name, func(t *testing.T) {
			var l ledger
			var why atomic.Int64
			cfg := httpd.Config{MaxContentBytes: 4096, MaxSessions: 1, WhenFull: httpd.Purge}
			if name == "idle longer" {
				cfg.IdleTimeout = short
			}
			cfg.OnClose = func(_ *httpd.Session, r httpd.CloseReason) { why.CompareAndSwap(0, int64(r)+1) }
			srv := start(t, cfg, append(l.routes(), route("GET", "/up", upgrading))...)
			c := dial(t, srv)
			c.do(get("/ctx"), 200, "ctx")
			c.send(askUpgrade + "one\n")
			c.wantSwitched()
			c.wantText("ONE\n")
			row.end(srv, c)
			if b, err := io.ReadAll(c.r); len(b) > 0 || err != nil && name != "too much" {
				t.Errorf("behind it: %q, %v", b, err)
			}
			l.balanced(t, 1)
			if got := httpd.CloseReason(why.Load() - 1); got != row.why {
				t.Errorf("it ended for %v, want %v", got, row.why)
			}
		})
	}
}

// Where there is no upgrade the request is answered as any other.
func TestUpgradeRefused(t *testing.T) {
	for name, row := range map[string]struct {
		head string
		do   func(w *httpd.Response) error
		want error
	}{
		"HTTP/1.0":    {"GET /up HTTP/1.0\r\n\r\n", func(w *httpd.Response) error { return w.Upgrade("lines", lines) }, httpd.ErrSessionEnding},
		"close":       {"GET /up HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", func(w *httpd.Response) error { return w.Upgrade("lines", lines) }, httpd.ErrSessionEnding},
		"no receiver": {askUpgrade, func(w *httpd.Response) error { return w.Upgrade("lines", nil) }, httpd.ErrSessionEnding},
		"no protocol": {askUpgrade, func(w *httpd.Response) error { return w.Upgrade("a\r\nb", lines) }, httpd.ErrHeader},
		"sent": {askUpgrade, func(w *httpd.Response) error {
			w.SendString("sent")
			return w.Upgrade("lines", lines)
		}, httpd.ErrSent},
	} {
		t.Run(name, func(t *testing.T) {
			errs := make(chan error, 1)
			srv := start(t, httpd.Config{}, route("GET", "/up", func(w *httpd.Response, _ *httpd.Request) error {
				errs <- row.do(w)
				return nil
			}))
			c := dial(t, srv)
			c.send(row.head)
			a := c.next()
			if err := receive(t, "the handler", errs); err != row.want {
				t.Errorf("%v, want %v", err, row.want)
			}
			if want := map[bool]int{true: 200, false: 500}[name == "sent"]; a.status != want {
				t.Errorf("answered %d, want %d", a.status, want)
			}
		})
	}
}

// hijacking is a route whose handler takes the connection over, then does that.
func hijacking(then func(r *httpd.Request, conn net.Conn)) httpd.Route {
	return httpd.Route{Method: "POST", Pattern: "/take", Blocking: true, Handler: func(w *httpd.Response, r *httpd.Request) error {
		if _, err := io.Copy(io.Discard, r); err != nil {
			return err
		}
		conn, err := w.Hijack()
		if err != nil {
			return w.SendErr(httpd.ErrServiceUnavailable, err.Error())
		}
		if err := w.SendString("too late"); !errors.Is(err, httpd.ErrSent) {
			panic(err)
		}
		then(r, conn)
		return nil
	}}
}

// A hijacked connection is the handler's: what was said behind the request it
// reads first, and the context is freed when it is closed.
func TestHijack(t *testing.T) {
	for _, unix := range []bool{false, true} {
		var l ledger
		var why atomic.Int64
		conns := make(chan net.Conn, 1)
		cfg := httpd.Config{MaxSessions: 1, OnClose: func(s *httpd.Session, r httpd.CloseReason) {
			if s.Ctx() != nil {
				why.Store(int64(r) + 1)
			}
		}}
		srv := start(t, cfg, append(l.routes(), hijacking(func(r *httpd.Request, conn net.Conn) {
			s := r.Session()
			if s.Ctx() == nil || s.FD() != -1 || s.Requests() != 0 && s.Send([]byte("x")) != httpd.ErrSessionEnding {
				t.Errorf("the session has the context %v and the descriptor %d", s.Ctx(), s.FD())
			}
			conns <- conn
		}))...)
		connect := dial
		if unix {
			connect = adopted
		}
		c := connect(t, srv)
		c.do(get("/ctx"), 200, "ctx")
		c.send(get("/ctx") + request("POST", "/take", "content") + "behind ")
		c.want(200, "ctx")
		conn := receive(t, "the connection", conns)
		if n := len(srv.Sessions()) + len(srv.Detached()); n != 0 {
			t.Errorf("%d sessions are left", n)
		}
		if why.Load() != int64(httpd.ReasonReleased)+1 {
			t.Errorf("OnClose: %v", httpd.CloseReason(why.Load()-1))
		}
		other := dial(t, srv) // there is room
		other.do(get("/ctx"), 200, "ctx")
		c.send("it")
		b := make([]byte, 9)
		if _, err := io.ReadFull(conn, b); err != nil || string(b) != "behind it" {
			t.Errorf("read %q, %v", b, err)
		}
		srv.Close()
		if err := srv.Wait(); err != nil {
			t.Error(err)
		}
		if n := l.freed.Load(); n != 1 {
			t.Errorf("%d contexts are freed, want the other's", n)
		}
		io.WriteString(conn, "farewell")
		c.wantText("farewell")
		conn.Close()
		conn.Close()
		c.wantEnd()
		if made, freed, twice := l.made.Load(), l.freed.Load(), l.twice.Load(); made != 2 || freed != 2 || twice != 0 {
			t.Errorf("%d contexts made, %d freed, %d twice", made, freed, twice)
		}
	}
}

// A connection that cannot be taken over stays.
func TestHijackRefused(t *testing.T) {
	for name, row := range map[string]struct {
		h        httpd.Handler
		blocking bool
		want     error
	}{
		"on the loop": {func(w *httpd.Response, _ *httpd.Request) error { _, err := w.Hijack(); return err }, false, httpd.ErrNotBlocking},
		"unread":      {func(w *httpd.Response, _ *httpd.Request) error { _, err := w.Hijack(); return err }, true, httpd.ErrHijack},
		"sent": {func(w *httpd.Response, r *httpd.Request) error {
			io.Copy(io.Discard, r)
			w.SendString("sent")
			_, err := w.Hijack()
			return err
		}, true, httpd.ErrHijack},
		"written": {func(w *httpd.Response, r *httpd.Request) error {
			io.Copy(io.Discard, r)
			w.WriteString("written")
			w.Flush()
			_, err := w.Hijack()
			return err
		}, true, httpd.ErrHijack},
	} {
		t.Run(name, func(t *testing.T) {
			errs := make(chan error, 1)
			srv := start(t, httpd.Config{}, httpd.Route{Method: "POST", Pattern: "/", Blocking: row.blocking, Handler: func(w *httpd.Response, r *httpd.Request) error {
				errs <- row.h(w, r)
				io.Copy(io.Discard, r)
				return nil
			}})
			c := dial(t, srv)
			c.send(request("POST", "/", "content"))
			c.next()
			if err := receive(t, "the handler", errs); err != row.want {
				t.Errorf("%v, want %v", err, row.want)
			}
		})
	}
}
