package httpdtest_test

import (
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"moor.example/httpd"
	"moor.example/httpd/httpdtest"
	"moor.example/httpd/internal/rig"
)

// counting counts the requests of a session in its context, which tells freed of
// its end.
func counting(freed func(n int)) httpd.Handler {
	return func(w *httpd.Response, r *httpd.Request) error {
		n, ok := httpd.Ctx[*int](r.Session())
		if !ok {
			n = new(int)
			r.Session().SetCtx(n, func(any) { freed(*n) })
		}
		*n++
		w.SendString(fmt.Sprint(*n))
		if string(r.QueryBytes()) == "end" {
			return errors.New("end")
		}
		return nil
	}
}

// The context lives as long as the session, and is free when Close returns.
func TestSession(t *testing.T) {
	var freed []int
	closed := httpd.CloseReason(200)
	srv := httpdtest.New(t, httpd.Config{OnClose: func(s *httpd.Session, why httpd.CloseReason) { closed = why }},
		route("GET", "/", counting(func(n int) { freed = append(freed, n) })))
	for range 100 {
		a, b := open(t, srv), open(t, srv)
		for i := range 3 {
			says(t, a.Do, httptest.NewRequest("GET", "/", nil), 200, fmt.Sprint(i+1))
		}
		says(t, b.Do, httptest.NewRequest("GET", "/", nil), 200, "1")
		if a.ID() == b.ID() || !slices.Contains(srv.Sessions(), a.ID()) || !slices.Contains(srv.Sessions(), b.ID()) {
			t.Fatalf("IDs %v and %v of %v", a.ID(), b.ID(), srv.Sessions())
		}
		if err := errors.Join(a.Close(), a.Close()); err != nil || !slices.Equal(freed, []int{3}) || closed != httpd.ReasonPeer {
			t.Fatalf("%v, freed %v, closed for %v", err, freed, closed)
		}
		srv.TriggerClose(b.ID())
		if got, err := b.Receive(); got != "" || err != io.EOF {
			t.Fatalf("%q, %v at the end", got, err)
		}
		if err := b.Close(); err != nil || !slices.Equal(freed, []int{3, 1}) || closed != httpd.ReasonTrigger {
			t.Fatalf("%v, freed %v, closed for %v", err, freed, closed)
		}
		if b.ID() != (httpd.ID{}) {
			t.Fatalf("a closed session is %v", b.ID())
		}
		says(t, srv.Do, httptest.NewRequest("GET", "/", nil), 200, "1")
		if !slices.Equal(freed, []int{3, 1, 1}) {
			t.Fatalf("freed %v", freed)
		}
		freed = freed[:0]
	}
}

// With several loops, and whoever ends the session.
func TestLoops(t *testing.T) {
	var begun, freed atomic.Int64
	srv := httpdtest.New(t, httpd.Config{Loops: 4}, route("GET", "/", counting(func(int) {
		for range 10 { // it takes a while: the client has seen the end long before
			runtime.Gosched()
		}
		freed.Add(1)
	})))
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for i := range 50 {
				target := []string{"/", "/?end"}[i%2]
				if _, err := srv.Do(httptest.NewRequest("GET", target, nil)); err != nil {
					t.Error(err)
				}
				begun.Add(1)
			}
		})
	}
	group.Wait()
	if begun.Load() != freed.Load() {
		t.Errorf("%d sessions, %d contexts freed", begun.Load(), freed.Load())
	}
}

// Close waits for what keeps a session from its end.
func TestDetached(t *testing.T) {
	held := make(chan *httpd.Detached, 1)
	var freed atomic.Bool
	srv := httpdtest.New(t, httpd.Config{}, route("GET", "/", func(w *httpd.Response, r *httpd.Request) error {
		r.Session().SetCtx(1, func(any) { freed.Store(true) })
		d, err := r.Detach()
		held <- d
		return err
	}))
	s := open(t, srv)
	if _, err := s.Write([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	d := <-held
	srv.TriggerClose(s.ID())
	s.Abort()
	done := make(chan error)
	go func() { done <- s.Close() }()
	for range 3 { // it asks, and is told that it is too early
		turn := make(chan bool)
		if err := srv.QueueWork(func() { close(turn) }); err != nil {
			t.Fatal(err)
		}
		<-turn
	}
	select {
	case err := <-done:
		t.Fatalf("Close has returned %v, freed %v", err, freed.Load())
	default:
	}
	d.Complete(nil)
	if err := <-done; err != nil || !freed.Load() {
		t.Errorf("%v, freed %v", err, freed.Load())
	}
}

const (
	getA  = "GET /a HTTP/1.1\r\nHost: moor\r\n\r\n"
	headA = "HEAD /a HTTP/1.1\r\nHost: moor\r\n\r\n"
	postB = "POST /b HTTP/1.1\r\nHost: moor\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
)

var rawRoutes = []httpd.Route{
	text("GET", "/a", "is a"),
	route("POST", "/b", func(w *httpd.Response, r *httpd.Request) error { return w.Send(r.Content()) }),
	route("GET", "/hint", func(w *httpd.Response, r *httpd.Request) error {
		return errors.Join(w.Inform(103), w.SendString("hinted"))
	}),
	route("GET", "/end", func(w *httpd.Response, r *httpd.Request) error {
		return errors.Join(w.SendString("ends"), errors.New("end"))
	}),
	route("GET", "/junk", func(w *httpd.Response, r *httpd.Request) error {
		return errors.Join(w.SendRaw([]byte("no HTTP\r\n")), errors.New("end"))
	}),
	route("GET", "/cut", func(w *httpd.Response, r *httpd.Request) error {
		return errors.Join(w.SendRaw([]byte("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut")), errors.New("end"))
	}),
	route("GET", "/mute", func(w *httpd.Response, r *httpd.Request) error {
		return errors.Join(w.SendRaw(nil), errors.New("end"))
	}),
}

// Octets go and come as they are: one response for each request.
func TestRaw(t *testing.T) {
	srv := httpdtest.New(t, httpd.Config{}, rawRoutes...)
	get := func(path string) string { return strings.Replace(getA, "/a", path, 1) }
	for _, row := range []struct {
		octets string
		want   []string
		err    error
	}{
		{getA, []string{"200 OK|is a"}, nil},
		{headA, []string{"200 OK|"}, nil},
		{getA + headA + postB + getA, []string{"200 OK|is a", "200 OK|", "200 OK|abc", "200 OK|is a"}, nil},
		{headA + headA + get("/hint"), []string{"200 OK|", "200 OK|", "103 Early Hints|", "200 OK|hinted"}, nil},
		{get("/none") + getA, []string{"404 Not Found|Nothing is registered at this path.", "200 OK|is a"}, nil},
		{getA + get("/end") + getA, []string{"200 OK|is a", "200 OK|ends"}, nil},
		{"GET /a HTTP/1.0\r\n\r\n", []string{"200 OK|is a"}, nil},
		{"BAD\r\n\r\n", []string{"400 Bad Request|The request is malformed."}, nil},
		{getA + "BAD\r\n\r\n", []string{"200 OK|is a", "400 Bad Request|The request is malformed."}, nil},
		{get("/cut"), []string{"200 OK|cut"}, io.ErrUnexpectedEOF},
		{get("/mute"), nil, io.EOF},
	} {
		got, err := srv.Raw(row.octets)
		if row.octets == getA+"BAD\r\n\r\n" { // it is not known to be a request: one response more is not awaited
			got, err = all(t, srv, row.octets)
		}
		if !slices.Equal(brief(got), row.want) || !errors.Is(err, row.err) {
			t.Errorf("%.60q: %q, %v, want %q, %v", row.octets, brief(got), err, row.want, row.err)
		}
	}
	if got, err := srv.Raw(get("/junk")); got != "no HTTP\r\n" || err == nil || !strings.Contains(err.Error(), "malformed HTTP") {
		t.Errorf("junk: %q, %v", got, err)
	}
}

// all is Raw to the end of the session.
func all(t *testing.T, srv *httpdtest.Server, octets string) (string, error) {
	t.Helper()
	s := open(t, srv)
	answer, err := s.Raw(octets)
	rest, restErr := io.ReadAll(s)
	return answer + string(rest), errors.Join(err, restErr, s.Close())
}

// Requests may be cut anywhere, and responses be read one by one.
func TestPieces(t *testing.T) {
	s := open(t, httpdtest.New(t, httpd.Config{}, rawRoutes...))
	next := func(want string) {
		t.Helper()
		if got, err := s.Receive(); err != nil || !slices.Equal(brief(got), []string{want}) {
			t.Fatalf("%q, %v, want %q", got, err, want)
		}
	}
	for i := range len(headA + postB) {
		if _, err := s.Write([]byte((headA + postB)[i : i+1])); err != nil {
			t.Fatal(err)
		}
	}
	next("200 OK|")
	if _, err := s.Do(httptest.NewRequest("GET", "/a", nil)); err == nil || !strings.Contains(err.Error(), "due") {
		t.Errorf("Do amid others: %v", err)
	}
	next("200 OK|abc")
	says(t, s.Do, httptest.NewRequest("GET", "/a", nil), 200, "is a")

	io.WriteString(s, "POST /b HTTP/1.1\r\nHost: moor\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
	next("100 Continue|")
	got, err := s.Raw("xyz" + headA)
	if want := []string{"200 OK|xyz", "200 OK|"}; err != nil || !slices.Equal(brief(got), want) {
		t.Fatalf("%q, %v, want %q", got, err, want)
	}
	io.WriteString(s, getA+headA+headA)
	says := []string{"200 OK|is a", "200 OK|", "200 OK|"}
	for _, want := range says {
		next(want)
	}
	io.WriteString(s, getA+"GET /a HT") // the last one stays incomplete
	if err := s.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	next("200 OK|is a")
	if got, err := s.Receive(); got != "" || err != io.EOF {
		t.Errorf("%q, %v behind the end", got, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// Another protocol begins behind a 101.
func TestSwitch(t *testing.T) {
	srv := httpdtest.New(t, httpd.Config{}, httpd.Route{Pattern: "/", Handler: func(w *httpd.Response, r *httpd.Request) error {
		return w.SendRaw([]byte("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nwelcome"))
	}})
	for name, do := range map[string]func(s *httpdtest.Session) error{
		"Do": func(s *httpdtest.Session) error {
			resp, err := s.Do(httptest.NewRequest("GET", "/", nil))
			if err == nil && resp.StatusCode != 101 {
				err = errors.New(resp.Status)
			}
			return err
		},
		"Raw": func(s *httpdtest.Session) error {
			got, err := s.Raw(strings.Replace(getA, "/a", "/", 1))
			if err == nil && !strings.HasPrefix(got, "HTTP/1.1 101 ") || strings.Contains(got, "welcome") {
				err = fmt.Errorf("%q", got)
			}
			return err
		},
	} {
		s := open(t, srv)
		if err := do(s); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		p := make([]byte, 100)
		if n, err := s.Read(p); string(p[:n]) != "welcome" || err != nil {
			t.Errorf("%s: %q, %v", name, p[:n], err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Nothing waits for longer than Timeout.
func TestTimeout(t *testing.T) {
	held := make(chan *httpd.Detached, 10)
	var srv *httpdtest.Server
	srv = httpdtest.New(t, httpd.Config{},
		route("GET", "/hold", func(w *httpd.Response, r *httpd.Request) error {
			d, err := r.Detach()
			held <- d
			return err
		}),
		route("GET", "/drip", func(w *httpd.Response, r *httpd.Request) error { // a chunk each turn, without an end
			id := r.Session().ID()
			var one func(s *httpd.Session)
			one = func(s *httpd.Session) {
				if s != nil {
					s.Send([]byte("1\r\nx\r\n")) // unless there is no room
					srv.QueueWorkFor(id, one)
				}
			}
			srv.QueueWorkFor(id, one)
			return w.SendRaw([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"))
		}))
	srv.Timeout = 50 * time.Millisecond
	hold, dripping := httptest.NewRequest("GET", "/hold", nil), httptest.NewRequest("GET", "/drip", nil)
	pipe, _ := io.Pipe()
	for name, do := range map[string]func(*httpdtest.Session) error{
		"Do":      func(s *httpdtest.Session) error { _, err := s.Do(hold); return err },
		"Stream":  func(s *httpdtest.Session) error { _, err := s.Stream(hold); return err },
		"drip":    func(s *httpdtest.Session) error { _, err := s.Do(dripping); return err },
		"Raw":     func(s *httpdtest.Session) error { _, err := s.Raw("GET /a HT"); return err },
		"rawdrip": func(s *httpdtest.Session) error { _, err := s.Raw(strings.Replace(getA, "/a", "/drip", 1)); return err },
		"Receive": func(s *httpdtest.Session) error { _, err := s.Receive(); return err },
		"Read":    func(s *httpdtest.Session) error { _, err := s.Read(make([]byte, 1)); return err },
		"body": func(s *httpdtest.Session) error { // answered long before its end
			resp, err := s.Stream(httptest.NewRequest("PUT", "/none", pipe))
			if err == nil {
				_, err = io.ReadAll(resp.Body)
			}
			if err != nil && strings.Contains(err.Error(), "content does not come to its end") {
				err = fmt.Errorf("%w within 50ms", err)
			}
			return err
		},
		"Close": func(s *httpdtest.Session) error {
			io.WriteString(s, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n")
			d := <-held
			defer d.Complete(nil)
			return s.Close()
		},
	} {
		s := open(t, srv)
		began := time.Now()
		if err := do(s); err == nil || !strings.Contains(err.Error(), "within 50ms") {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(began); took < srv.Timeout {
			t.Errorf("%s: it took %v", name, took)
		}
		s.Abort()
		for len(held) > 0 {
			(<-held).Complete(nil)
		}
	}
}

// What a server has no room for, or does not take any more, is an error.
func TestRefused(t *testing.T) {
	srv := httpdtest.New(t, httpd.Config{MaxSessions: 1, OnOpen: func(s *httpd.Session) error {
		return s.Send([]byte("hello"))
	}}, text("GET", "/", "x"))
	s := open(t, srv)
	before := len(rig.Descriptors())
	for range 100 {
		if _, err := srv.Open(); err != httpd.ErrServerFull {
			t.Fatalf("a second session: %v", err)
		}
	}
	if after := len(rig.Descriptors()); after > before {
		t.Errorf("there are %d descriptors, and were %d", after, before)
	}
	p := make([]byte, 100)
	if n, err := s.Read(p); string(p[:n]) != "hello" || err != nil { // the hook of Config runs, too
		t.Errorf("%q, %v", p[:n], err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	srv.Close()
	srv.Wait()
	if _, err := srv.Do(httptest.NewRequest("GET", "/", nil)); err != httpd.ErrServerClosed {
		t.Errorf("a session of a closed server: %v", err)
	}
	if _, err := srv.Raw(getA); err != httpd.ErrServerClosed {
		t.Errorf("octets for a closed server: %v", err)
	}
}
