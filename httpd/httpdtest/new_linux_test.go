package httpdtest_test

import (
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"moor.example/httpd"
	"moor.example/httpd/httpdtest"
)

// A judge is a test that New may fail.
type judge struct {
	testing.TB
	cleanups []func()
	said     []string
}

func (j *judge) Helper()                   {}
func (j *judge) Cleanup(f func())          { j.cleanups = append(j.cleanups, f) }
func (j *judge) Errorf(f string, a ...any) { j.said = append(j.said, fmt.Sprintf(f, a...)) }
func (j *judge) Fatalf(f string, a ...any) {
	j.Errorf(f, a...)
	panic(j)
}

// run runs a test to its end, and returns what it says.
func run(test func(t testing.TB)) string {
	j := &judge{}
	func() {
		defer func() {
			if e := recover(); e != nil && e != any(j) {
				panic(e)
			}
		}()
		test(j)
	}()
	for _, f := range j.cleanups {
		f()
	}
	return strings.Join(j.said, "\n")
}

func TestNew(t *testing.T) {
	freed := 0
	if said := run(func(t testing.TB) {
		srv := httpdtest.New(t, httpd.Config{Addr: "nowhere:0", Interface: "eth9"}, route("GET", "/", counting(func(int) { freed++ })))
		if srv.Addr() != nil {
			t.Errorf("it listens on %v", srv.Addr())
		}
		s, err := srv.Open() // and never closes it
		if err == nil {
			_, err = s.Do(httptest.NewRequest("GET", "/", nil))
		}
		if err != nil {
			t.Errorf("%v", err)
		}
	}); said != "" || freed != 1 {
		t.Errorf("a good test: %s, %d contexts freed", said, freed)
	}

	// A session that is open at the end leaves, and its handler hears of it.
	if said := run(func(t testing.TB) {
		begun := make(chan bool, 1)
		srv := httpdtest.New(t, httpd.Config{}, httpd.Route{Pattern: "/", Blocking: true, Handler: func(w *httpd.Response, r *httpd.Request) error {
			begun <- true
			<-r.Context().Done()
			return nil
		}})
		s, err := srv.Open()
		if err == nil {
			_, err = s.Write([]byte(strings.Replace(getA, "/a", "/", 1)))
		}
		if err != nil {
			t.Errorf("%v", err)
		}
		<-begun
	}); said != "" {
		t.Errorf("a session that is left open: %s", said)
	}

	if said := run(func(t testing.TB) { httpdtest.New(t, httpd.Config{Loops: -1}) }); !strings.Contains(said, "does not start: httpd: Config.Loops is -1") {
		t.Errorf("a bad Config: %s", said)
	}
	if said := run(func(t testing.TB) { httpdtest.New(t, httpd.Config{}, httpd.Route{Pattern: "a"}) }); !strings.Contains(said, "httpdtest: httpd: ") {
		t.Errorf("a bad route: %s", said)
	}

	held := make(chan *httpd.Detached, 1)
	said := run(func(t testing.TB) {
		srv := httpdtest.New(t, httpd.Config{}, route("GET", "/", func(w *httpd.Response, r *httpd.Request) error {
			d, err := r.Detach()
			held <- d
			return err
		}))
		srv.Timeout = 20 * time.Millisecond
		if _, err := srv.Do(httptest.NewRequest("GET", "/", nil)); err == nil {
			t.Errorf("there is an answer")
		}
	})
	if !strings.Contains(said, "does not end: httpd: 1 requests are not completed") {
		t.Errorf("a handler that does not end: %s", said)
	}
	if err := (<-held).Complete(nil); err != nil {
		t.Error(err)
	}
}

// A server from elsewhere is served as well, with a hook of its own or without.
func TestOf(t *testing.T) {
	freed := 0
	own, err := httpd.Start(httpd.Config{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	srv := httpdtest.Of(own)
	err = own.Handle(route("GET", "/", counting(func(int) { freed++ })))
	for i := range 200 {
		resp, doErr := srv.Do(httptest.NewRequest("GET", []string{"/", "/?end"}[i%2], nil))
		if err = errors.Join(err, doErr); err != nil || resp.StatusCode != 200 || freed != i+1 {
			t.Fatalf("%v, %v, %d contexts freed for %d sessions", resp, err, freed, i+1)
		}
	}
	s := open(t, srv)
	says(t, s.Do, httptest.NewRequest("GET", "/", nil), 200, "1")
	if s.ID() != (httpd.ID{}) {
		t.Errorf("the session is %v", s.ID())
	}
	own.Close()
	own.Wait()
	if err := s.Close(); err != nil || freed != 201 {
		t.Errorf("%v, %d contexts freed", err, freed)
	}
}

// The server hears of an end in its next turn, and Close waits for that one.
func TestOfBusy(t *testing.T) {
	freed, begun := 0, make(chan bool)
	linger := func() {
		for range 1000 {
			runtime.Gosched()
		}
	}
	own, err := httpd.Start(httpd.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer own.Wait()
	defer own.Close()
	err = errors.Join(own.Handle(route("GET", "/", counting(func(int) { linger(); freed++ }))),
		own.Handle(route("GET", "/busy", func(w *httpd.Response, r *httpd.Request) error {
			begun <- true
			linger()
			return w.Send(nil)
		})))
	if err != nil {
		t.Fatal(err)
	}
	srv := httpdtest.Of(own)
	busy := open(t, srv)
	for i := range 300 {
		s := open(t, srv)
		says(t, s.Do, httptest.NewRequest("GET", "/", nil), 200, "1")
		io.WriteString(busy, "GET /busy HTTP/1.1\r\nHost: a\r\n\r\n")
		<-begun // so that this turn does not know of the end
		s.Abort()
		if err := s.Close(); err != nil || freed != i+1 {
			t.Fatalf("%v, %d contexts freed for %d sessions", err, freed, i+1)
		}
		if _, err := busy.Receive(); err != nil {
			t.Fatal(err)
		}
	}
	if err := busy.Close(); err != nil {
		t.Error(err)
	}
}
