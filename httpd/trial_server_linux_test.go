package httpd_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"moor.example/httpd"
)

// With this variable set, to the name of a trial, the test program is the
// server process of that trial.
const trialEnv = "MOOR_TEST_TRIAL"

// TestTrialServer says where it listens, and then answers each line of its
// input with its figures, until it is told to stop, or nobody is there any more.
func TestTrialServer(t *testing.T) {
	name := os.Getenv(trialEnv)
	if name == "" {
		t.Skip("this is the server process of TestTrial")
	}
	at := slices.IndexFunc(trials, func(row trial) bool { return row.name == name })
	h := newHost(t, trials[at].cfg)
	fmt.Println(h.srv.Addr())
	in, out := bufio.NewScanner(os.Stdin), json.NewEncoder(os.Stdout)
	for in.Scan() {
		if in.Text() == "stop" {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			if err := h.srv.Shutdown(ctx); err != nil {
				t.Error(err)
			}
		}
		if err := out.Encode(h.figures(in.Text() == "collect")); err != nil {
			t.Fatal(err)
		}
	}
}

// A host is what the clients of a trial talk to. Its contexts are accounts.
type host struct {
	ledger
	srv            *httpd.Server
	opened, closed atomic.Int64
}

// An account adds up what the requests of one session say.
type account struct {
	entry
	sum int
}

func newHost(t *testing.T, cfg httpd.Config) *host {
	h := &host{}
	cfg.OnOpen = func(*httpd.Session) error {
		h.opened.Add(1)
		return nil
	}
	cfg.OnClose = func(*httpd.Session, httpd.CloseReason) { h.closed.Add(1) }
	h.srv = start(t, cfg,
		route("GET", "/count", h.count),
		route("POST", "/sum", h.sum),
		route("POST", "/later", h.later),
		route("GET", "/replace", func(w *httpd.Response, r *httpd.Request) error {
			h.open(r.Session())
			return w.SendString("replaced")
		}),
		route("GET", "/clear", func(w *httpd.Response, r *httpd.Request) error {
			r.Session().SetCtx(nil, nil)
			return w.SendString("cleared")
		}),
		route("GET", "/fail", func(w *httpd.Response, r *httpd.Request) error {
			w.SendString("failed")
			return errFate
		}),
		route("GET", "/trigger", func(w *httpd.Response, r *httpd.Request) error {
			h.srv.TriggerClose(r.Session().ID())
			return w.SendString("triggered")
		}),
		route("POST", "/echo", echo),
		route("GET", "/big", func(w *httpd.Response, r *httpd.Request) error { return w.SendString(part(r)) }),
		route("GET", "/stream", stream))
	for _, r := range h.streams() {
		if err := h.srv.Handle(r); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// open gives the session a new account.
func (h *host) open(s *httpd.Session) *account {
	a := &account{}
	h.made.Add(1)
	s.SetCtx(a, func(ctx any) {
		if ctx.(*account).freed.Add(1) > 1 {
			h.twice.Add(1)
		}
		h.freed.Add(1)
	})
	return a
}

// add adds n to the session's account, which begins with its first request.
func (h *host) add(s *httpd.Session, n int) (sum int) {
	a, is := httpd.Ctx[*account](s)
	if !is {
		a = h.open(s)
	}
	a.sum += n
	return a.sum
}

func (h *host) count(w *httpd.Response, r *httpd.Request) error {
	return w.SendString(strconv.Itoa(h.add(r.Session(), 1)))
}

func (h *host) sum(w *httpd.Response, r *httpd.Request) error {
	n, err := strconv.Atoi(string(r.Content()))
	if err != nil {
		return w.SendErr(httpd.ErrBadRequest, err.Error())
	}
	return w.SendString(strconv.Itoa(h.add(r.Session(), n)))
}

// later is sum on a goroutine, which takes so many milliseconds, unless nobody
// waits for it.
func (h *host) later(w *httpd.Response, r *httpd.Request) error {
	d, err := r.Detach()
	if err != nil {
		return w.SendErr(httpd.ErrServiceUnavailable, err.Error())
	}
	go func() {
		wait := time.NewTimer(time.Duration(queryNumber(d.Request(), "ms")) * time.Millisecond)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-d.Context().Done():
		}
		d.Complete(h.sum(d.Response(), d.Request()))
	}()
	return nil
}

// part is the part of big that the query names.
func part(r *httpd.Request) string {
	at := queryNumber(r, "at")
	return big[at : at+queryNumber(r, "n")]
}

func queryNumber(r *httpd.Request, name string) int {
	s, _ := r.Query(name)
	n, _ := strconv.Atoi(s)
	return n
}

// stream sends its part in chunks of different lengths.
func stream(w *httpd.Response, r *httpd.Request) error {
	for rest, n := part(r), 1; rest != ""; n = n*3 + 1 {
		n = min(n, len(rest))
		if _, err := w.WriteString(rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}

// figures are what the process has; its heap only if it is collected.
func (h *host) figures(collect bool) (f figures) {
	if collect {
		runtime.GC() // the second collection empties what the first left in pools
		runtime.GC()
		debug.FreeOSMemory()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		f.Heap = int(m.HeapAlloc)
	}
	f.Goroutines = runtime.NumGoroutine()
	f.Sessions, f.Detached = len(h.srv.Sessions()), len(h.srv.Detached())
	f.NoRoom = h.srv.Stats().Ended[httpd.ReasonNoRoom.String()]
	f.Opened, f.Closed = h.opened.Load(), h.closed.Load()
	f.Made, f.Freed, f.Twice = h.made.Load(), h.freed.Load(), h.twice.Load()
	return f
}
