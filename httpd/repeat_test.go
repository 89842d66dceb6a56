package httpd

import (
	"errors"
	"strings"
	"testing"
)

// repeated are requests that differ by little, or are heard in part only, or are
// refused: what is remembered of one must not be seen in another.
var repeated = []string{
	get("/show?x=1"),
	get("/show?x=2"),
	get("/show"),
	get("/nowhere"),
	get("*"),
	"GET /show HTTP/1.0\r\n\r\n",
	req("GET /show", "Connection: close"),
	req("GET /show", "Host: b"),
	req("GET /show", "A: \x01"),
	req("HEAD /show"),
	req("OPTIONS /show"),
	req("GET /show", "X: "+strings.Repeat("x", mostKnown)),
	req("POST /show", "Content-Length: 3") + "abc",
	req("POST /show", "Content-Length: 3") + "def",
	req("POST /show", "Content-Length: 4") + "abcd",
	req("POST /show", "Content-Length: -1") + "abcd",
	req("POST /show", "Content-Length: 3", "Expect: 100-continue") + "abc",
	req("POST /show", "Content-Length: 99999999") + "abc",
	chunkedTo("POST /show", chunks("abc", "de")+last),
	chunkedTo("POST /show", chunks("fg")+"0\r\nT: t\r\n\r\n"),
	chunkedTo("POST /show", "x\r\n"),
	"GET http://b/show HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /show HTTP/1.1\r\nHost: a\r\n",
	req("GET /late"),
}

// TestRepeats has three requests follow each other in all ways, on one connection
// and on three, at once and octet by octet: each is answered as it is alone.
func TestRepeats(t *testing.T) {
	alone := make([]string, len(repeated))
	ends := make([]bool, len(repeated))
	for i, one := range repeated {
		r := repeatRig(t)
		s := r.connect()
		alone[i] = r.ask(s, one)
		ends[i] = r.l.table.Lookup(s.name) == nil || r.conn(s).last || r.conn(s).in.buf != nil
	}
	r := repeatRig(t)
	for i := range repeated {
		for j := range repeated {
			for _, k := range []int{i, j} {
				r.follow([]int{i, j, k}, alone, ends)
			}
		}
	}
	r.finish()
}

func repeatRig(t *testing.T) *rig {
	cfg := Config{MaxHeadBytes: 2 * mostKnown, MaxContentBytes: 100, MaxSessions: 8}
	r := newRig(t, cfg)
	r.handle("GET", "/late", func(w *Response, req *Request) error {
		d, err := req.Detach()
		if err != nil {
			return err
		}
		d.Response().SendString("late " + d.Request().Target())
		d.Complete(nil)
		return nil
	})
	return r
}

// follow asks for these, one after the other.
func (r *rig) follow(which []int, alone []string, ends []bool) {
	r.Helper()
	var said, want string
	for _, i := range which {
		s := r.connect()
		if got := r.ask(s, repeated[i]); got != alone[i] {
			r.Fatalf("%q on a connection of its own, of %v: %q, alone %q", repeated[i], which, got, alone[i])
		}
		r.gone(s)
		said, want = said+repeated[i], want+alone[i]
		if ends[i] {
			break
		}
	}
	for _, pieces := range [][]string{{said}, strings.Split(said, "")} {
		s := r.connect()
		got := strings.ReplaceAll(r.ask(s, pieces...), interim, "") // that depends on the pieces
		if got != want {
			r.Fatalf("%q in %d pieces: %q, want %q", said, len(pieces), got, want)
		}
		r.gone(s)
	}
}

// gone has the peer end.
func (r *rig) gone(s *sock) {
	if !s.closed {
		s.fin()
		r.quiet()
	}
}

// TestRepeatsSeeRoutes: the same head once more finds the routes that are there
// now, also behind the request that has changed them.
func TestRepeatsSeeRoutes(t *testing.T) {
	asked := 0
	r := newRig(t, Config{Match: func(pattern string, path []byte) bool {
		asked++
		return pattern == string(path)
	}})
	answers := func(name string) Route {
		return Route{Method: "GET", Pattern: "/a", Handler: func(w *Response, req *Request) error { return w.SendString(name) }}
	}
	for _, change := range []struct {
		what string
		do   func() error
		want string
	}{
		{"there is none", func() error { return nil }, fail(ErrNotFound)},
		{"add one", func() error { return r.srv.Handle(answers("one")) }, good("one")},
		{"add another", func() error { return r.srv.Handle(Route{Pattern: "/b", Handler: answers("b").Handler}) }, good("one")},
		{"put it behind one for all methods", func() error {
			all := answers("all")
			all.Method = ""
			return errors.Join(r.srv.Unhandle("GET", "/a"), r.srv.Handle(all))
		}, good("all")},
		{"leave one for POST", func() error {
			return errors.Join(r.srv.UnhandleAll("/a"), r.srv.Handle(named("POST /a")))
		}, fail(ErrMethodNotAllowed, "Allow: POST, OPTIONS")},
		{"remove that too", func() error { return r.srv.UnhandleAll("/a") }, fail(ErrNotFound)},
	} {
		if err := change.do(); err != nil {
			t.Fatal(err)
		}
		s := r.connect()
		for range 3 {
			if got := r.ask(s, get("/a")); got != change.want {
				t.Errorf("%s: got %q, want %q", change.what, got, change.want)
			}
		}
		before := asked
		if got := r.ask(s, get("/a")+get("/a")); got != change.want+change.want {
			t.Errorf("%s: two at once got %q", change.what, got)
		}
		if asked > before && !strings.HasPrefix(change.want, "HTTP/1.1 405") { // that one lists the methods
			t.Errorf("%s: routes were compared %d times more", change.what, asked-before)
		}
	}
	once := answers("once")
	once.Handler = func(w *Response, req *Request) error {
		return errors.Join(r.srv.Unhandle("GET", "/a"), w.SendString("once"))
	}
	if err := r.srv.Handle(once); err != nil {
		t.Fatal(err)
	}
	if got := r.ask(r.connect(), get("/a")+get("/a")); got != good("once")+fail(ErrNotFound) {
		t.Errorf("a handler that removes its own route: got %q", got)
	}
	r.finish()
}
