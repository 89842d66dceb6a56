package httpd

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"moor.example/httpd/parser"
)

// matchers are all there are.
var matchers = map[string]func(pattern string, path []byte) bool{
	"exact": nil, "wildcard": MatchWildcard, "pattern": MatchPattern,
}

// named takes "METHOD pattern", or a pattern for every method.
func named(name string) Route {
	method, pattern, ok := strings.Cut(name, " ")
	if !ok {
		method, pattern = "", name
	}
	return Route{Method: method, Pattern: pattern, Handler: func(w *Response, _ *Request) error { return w.SendString(name) }}
}

// names are the routes that are there, in order.
func (t *routes) names() (all []string) {
	for _, route := range t.load() {
		all = append(all, route.name())
	}
	return all
}

// TestRouteBehindAnother: which routes can be added behind which others.
func TestRouteBehindAnother(t *testing.T) {
	for _, c := range []struct {
		matcher, earlier string // routes, with ", " between
		later            string
		hides            string // one of the earlier routes; empty: none
	}{
		{"exact", "GET /a", "GET /a", "GET /a"},
		{"exact", "GET /a", "POST /a", ""},
		{"exact", "GET /a", "HEAD /a", ""},
		{"exact", "HEAD /a", "GET /a", ""},
		{"exact", "GET /a", "get /a", ""},
		{"exact", "GET /a", "/a", ""},
		{"exact", "/a", "/a", "/a"},
		{"exact", "/a", "GET /a", "/a"},
		{"exact", "/a", "BREW /a", "/a"},
		{"exact", "/a", "CONNECT /a", ""},
		{"exact", "CONNECT /a", "CONNECT /a", "CONNECT /a"},
		{"exact", "CONNECT /a", "/a", ""},
		{"exact", "GET /*", "GET /a", ""},
		{"exact", "GET /{a}", "GET /a", ""},
		{"exact", "GET /a, GET /b, GET /c", "GET /b", "GET /b"},
		{"exact", "GET /b, POST /a, /a", "GET /a", "/a"},
		{"exact", "OPTIONS *", "OPTIONS *", "OPTIONS *"},

		{"wildcard", "GET /*", "GET /a", "GET /*"},
		{"wildcard", "GET /*", "POST /a", ""},
		{"wildcard", "/*", "POST /a", "/*"},
		{"wildcard", "/*", "CONNECT /a", ""},
		{"wildcard", "GET /a", "GET /*", ""},
		{"wildcard", "GET /a/*", "GET /*", ""},
		{"wildcard", "GET /*", "GET /a/*", "GET /*"},
		{"wildcard", "GET /*", "GET /*", "GET /*"},
		{"wildcard", "GET /a/*", "GET /a", ""},
		{"wildcard", "GET /a/?*", "GET /a", "GET /a/?*"},
		{"wildcard", "GET /a/?", "GET /a", "GET /a/?"},
		{"wildcard", "GET /a/?", "GET /a/", "GET /a/?"},
		{"wildcard", "GET /a/?", "GET /a/?", "GET /a/?"}, // as text it does not match itself
		{"wildcard", "GET /a/?", "POST /a/?", ""},
		{"wildcard", "GET /a/?", "GET /a/?*", ""},
		{"wildcard", "GET /a/?*", "GET /a/*?", "GET /a/?*"},
		{"wildcard", "*", "GET /a", "*"},
		{"wildcard", "GET /a/*/b", "GET /a/x/b", ""},
		{"wildcard", "GET /a*", "GET /a?", "GET /a*"}, // ESP-IDF's rule goes by the text: / is not reached
		{"wildcard", "GET /{", "GET /}", ""},

		{"pattern", "GET /{a}", "GET /a", "GET /{a}"},
		{"pattern", "GET /{a}", "GET /{b}", "GET /{a}"},
		{"pattern", "GET /{a}", "PUT /{a}", ""},
		{"pattern", "GET /a", "GET /{a}", ""},
		{"pattern", "GET /{a}", "GET /{a}/", ""},
		{"pattern", "GET /{a}", "GET /{a...}", ""},
		{"pattern", "GET /{a...}", "GET /{a}", "GET /{a...}"},
		{"pattern", "GET /{a...}", "GET /", "GET /{a...}"},
		{"pattern", "/{a...}", "GET /x/{y}/z", "/{a...}"},
		{"pattern", "GET /x/{a...}", "GET /x", ""},
		{"pattern", "GET /x/{a}", "GET /{b}/y", ""},
		{"pattern", "GET /{b}/y", "GET /x/{a}", ""},
		{"pattern", "GET /{a}/{b}", "GET /{a}/{b...}", ""},
		{"pattern", "GET /{a}/{b...}", "GET /{a}/{b}", "GET /{a}/{b...}"},
		{"pattern", "GET /*", "GET /a", ""},
		{"pattern", "OPTIONS *", "OPTIONS *", "OPTIONS *"},
	} {
		srv := newScripted(t, Config{Match: matchers[c.matcher]}, newScript(t))
		earlier := strings.Split(c.earlier, ", ")
		for _, name := range earlier {
			if err := srv.Handle(named(name)); err != nil {
				t.Fatal(err)
			}
		}
		want, there := "", append(slices.Clone(earlier), c.later)
		if c.hides != "" {
			want, there = fmt.Sprintf("httpd: route exists: %s is never reached behind %s", c.later, c.hides), earlier
		}
		err := srv.Handle(named(c.later))
		if errorText(err) != want || errors.Is(err, ErrRouteExists) != (want != "") {
			t.Errorf("%s: %s behind %s: %v, want %q", c.matcher, c.later, c.earlier, err, want)
		}
		if got := srv.routes.names(); !slices.Equal(got, there) {
			t.Errorf("%s: there are %q, want %q", c.matcher, got, there)
		}
	}
}

// TestUnhandleRoute: what is removed, by what name, and what stays, in order.
func TestUnhandleRoute(t *testing.T) {
	all := []string{"GET /a", "POST /a", "/a", "GET /a/*", "GET /b", "CONNECT /a", "GET /*", "OPTIONS *"}
	for name, match := range matchers {
		for _, c := range []struct{ method, pattern, want string }{
			{"GET", "/a", ""}, {"POST", "/a", ""}, {"", "/a", ""}, {"CONNECT", "/a", ""}, {"GET", "/*", ""}, {"GET", "/a/*", ""}, {"OPTIONS", "*", ""},
			{"get", "/a", "get /a"}, {"PUT", "/a", "PUT /a"}, {"GET", "/a/", "GET /a/"}, {"GET", "/a/b", "GET /a/b"}, {"GET", "/A", "GET /A"},
			{"", "/b", "/b"}, {"", "", ""}, {"GET", "*", "GET *"}, {"GET ", "/a", "GET  /a"}, {"GET", "", "GET "}, {"*", "/a", "* /a"},
		} {
			srv := newScripted(t, Config{Match: match}, newScript(t))
			var kept []string
			for _, route := range all {
				if err := srv.Handle(named(route)); err != nil {
					t.Fatal(err)
				}
				if r := named(route); r.Method != c.method || r.Pattern != c.pattern {
					kept = append(kept, route)
				}
			}
			err := srv.Unhandle(c.method, c.pattern)
			if missing := len(kept) == len(all); errors.Is(err, ErrNoRoute) != missing || missing && errorText(err) != "httpd: no such route: "+c.want {
				t.Errorf("%s: Unhandle(%q, %q): %v", name, c.method, c.pattern, err)
			}
			if got := srv.routes.names(); !slices.Equal(got, kept) {
				t.Errorf("%s: after Unhandle(%q, %q) there are %q, want %q", name, c.method, c.pattern, got, kept)
			}
		}
	}
}

// TestUnhandleRoutes: all methods of a pattern, one after the other, then
// again.
func TestUnhandleRoutes(t *testing.T) {
	srv := newScripted(t, Config{Match: MatchWildcard}, newScript(t))
	for _, name := range []string{"GET /a", "GET /b", "POST /a", "/a", "GET /*", "CONNECT /a", "POST /b"} {
		if err := srv.Handle(named(name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ pattern, want, kept string }{
		{"/c", "httpd: no such route: /c", "GET /a, GET /b, POST /a, /a, GET /*, CONNECT /a, POST /b"},
		{"", "httpd: no such route: ", "GET /a, GET /b, POST /a, /a, GET /*, CONNECT /a, POST /b"},
		{"/a", "", "GET /b, GET /*, POST /b"},
		{"/a", "httpd: no such route: /a", "GET /b, GET /*, POST /b"},
		{"/*", "", "GET /b, POST /b"},
		{"/b", "", ""},
		{"/b", "httpd: no such route: /b", ""},
	} {
		err := srv.UnhandleAll(c.pattern)
		if errorText(err) != c.want || errors.Is(err, ErrNoRoute) != (c.want != "") {
			t.Errorf("UnhandleAll(%q): %v, want %q", c.pattern, err, c.want)
		}
		if got := strings.Join(srv.routes.names(), ", "); got != c.kept {
			t.Errorf("after UnhandleAll(%q) there are %q, want %q", c.pattern, got, c.kept)
		}
	}
}

// TestRouteTableStays: the table that a loop has in hand does not change.
func TestRouteTableStays(t *testing.T) {
	srv := newScripted(t, Config{}, newScript(t))
	var tables [][]*Route
	var want []string
	for _, step := range []string{"+GET /a", "+GET /b", "+GET /c", "+GET /d", "-/a", "+GET /e", "+GET /a", "-/e", "-/b", "-/a", "-/d", "-/c"} {
		name := step[1:]
		err := error(nil)
		if step[0] == '+' {
			err = srv.Handle(named(name))
		} else {
			err = srv.UnhandleAll(name)
		}
		if err != nil {
			t.Fatal(err)
		}
		tables, want = append(tables, srv.routes.load()), append(want, fmt.Sprint(srv.routes.names()))
		for i, table := range tables {
			held := routes{}
			held.table.Store(&table)
			if got := fmt.Sprint(held.names()); got != want[i] {
				t.Errorf("%s changed the table %s to %s", step, want[i], got)
			}
		}
	}
}

func TestMaxRoutes(t *testing.T) {
	srv := newScripted(t, Config{MaxRoutes: 2}, newScript(t))
	const full = "httpd: no room for another route: GET /c would be one more than 2"
	for _, c := range []struct{ name, want string }{
		{"GET /a", ""}, {"GET /b", ""}, {"GET /c", full}, {"GET /c", full},
		{"GET /a", "httpd: route exists: GET /a is never reached behind GET /a"},
	} {
		err := srv.Handle(named(c.name))
		if errorText(err) != c.want || errors.Is(err, ErrRoutesFull) != (c.want == full) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	if err := srv.Unhandle("GET", "/a"); err != nil {
		t.Error(err)
	}
	for _, c := range []struct{ name, want string }{{"GET /c", ""}, {"GET /d", strings.Replace(full, "/c", "/d", 1)}} {
		if err := srv.Handle(named(c.name)); errorText(err) != c.want {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}

	_, err := Config{MaxRoutes: -1}.withDefaults()
	if want := "httpd: Config.MaxRoutes is -1, want 1 to 2147483647, or 0 for the default"; errorText(err) != want {
		t.Errorf("%v, want %s", err, want)
	}
	most := newScripted(t, Config{}, newScript(t))
	for i := range 300 { // more than any default of ESP-IDF
		if err := most.Handle(named(fmt.Sprint("GET /", i))); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRouteGoesAmidContent: the route of a request goes while its content
// arrives. The request is decided anew, and the connection goes on.
func TestRouteGoesAmidContent(t *testing.T) {
	plain := req("POST /up", "Content-Length: 6") + "abcdef"
	chunked := chunkedTo("POST /up", chunks("abc", "def")+last)
	expect := req("POST /up", "Content-Length: 6", "Expect: 100-continue") + "abcdef"
	none := func(*Server) error { return nil }
	for name, c := range map[string]struct {
		then func(*Server) error
		want string
	}{
		"none comes":         {none, fail(404)},
		"another method":     {func(srv *Server) error { return srv.Handle(named("PUT /up")) }, fail(405, "Allow: PUT, OPTIONS")},
		"another handler":    {func(srv *Server) error { return srv.Handle(named("POST /up")) }, good("POST /up")},
		"every method":       {func(srv *Server) error { return srv.Handle(named("/up")) }, good("/up")},
		"another path comes": {func(srv *Server) error { return srv.Handle(named("POST /down")) }, fail(404)},
	} {
		for _, in := range []string{plain, chunked, expect} {
			for cut := strings.Index(in, "\r\n\r\n") + 4; cut < len(in); cut++ {
				r := routed(t, Config{})
				r.handle("POST", "/up", func(*Response, *Request) error {
					t.Error("the handler that went was called")
					return nil
				})
				s, other := r.connect(), r.connect()
				begin := r.ask(s, in[:cut])
				if begin != "" && (begin != interim || in != expect) {
					t.Errorf("%s: %q begins with %q", name, in[:cut], begin)
				}
				r.ask(other, get("/else")) // so that the head in hand is another's
				if err := errors.Join(r.srv.Unhandle("POST", "/up"), c.then(r.srv)); err != nil {
					t.Fatal(err)
				}
				r.handle("GET", "/hi", func(w *Response, _ *Request) error { return w.SendString("hi") })
				if got := r.ask(s, in[cut:]+get("/hi")); got != c.want+good("hi") {
					t.Errorf("%s, cut at %d of %q:\n got %q\nwant %q", name, cut, in, got, c.want+good("hi"))
				}
				r.finish()
			}
		}
	}
}

// TestRouteStaysWhileServed: a handler that removes its own route, or puts
// another in its place, is still the route of its request.
func TestRouteStaysWhileServed(t *testing.T) {
	r := routed(t, Config{Match: MatchPattern})
	err := r.srv.Handle(Route{Pattern: "/{a}", UserCtx: 1, Handler: func(w *Response, req *Request) error {
		r.handle("", "/x/y", show)
		if err := errors.Join(r.srv.Unhandle("", "/{a}"), r.srv.UnhandleAll("/x/y")); err != nil {
			t.Error(err)
		}
		again := Route{Pattern: "/x/{b}", UserCtx: 2, Handler: func(w *Response, r *Request) error {
			return w.SendString(fmt.Sprint(r.UserCtx(), r.PathValue("a"), r.PathValue("b")))
		}}
		if err := r.srv.Handle(again); err != nil {
			t.Error(err)
		}
		return w.SendString(fmt.Sprint(req.UserCtx(), req.PathValue("a"), req.PathValue("b")))
	}})
	if err != nil {
		t.Fatal(err)
	}
	s := r.connect()
	want := good("1x") + good("2y") + fail(404)
	if got := r.ask(s, get("/x")+get("/x/y")+get("/x")); got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
	r.finish()
}

// TestRoutingByMatcher: methods, with the two matchers that have patterns.
func TestRoutingByMatcher(t *testing.T) {
	for _, c := range []struct {
		matcher, routes string
		asks            map[string]string // the request: what answers it
	}{
		{"wildcard", "GET /a, /v/?, POST /v/*, GET /*, PUT /a", map[string]string{
			"GET /a":       good("GET /a"),
			"GET /a?/v/":   good("GET /a"),
			"HEAD /a":      bare(good("GET /a")),
			"PUT /a":       good("PUT /a"),
			"POST /a":      fail(405, "Allow: GET, HEAD, PUT, OPTIONS"),
			"OPTIONS /a":   allows("GET, HEAD, PUT, OPTIONS"),
			"GET /v":       good("/v/?"),
			"BREW /v/":     good("/v/?"),
			"OPTIONS /v/":  good("/v/?"),
			"POST /v/":     good("/v/?"),
			"POST /v/1":    good("POST /v/*"),
			"GET /v/1":     good("GET /*"),
			"HEAD /v/1":    bare(good("GET /*")),
			"PUT /v/1":     fail(405, "Allow: POST, GET, HEAD, OPTIONS"),
			"OPTIONS /v1":  allows("GET, HEAD, OPTIONS"),
			"GET http://":  fail(400, "close"),
			"GET http://h": good("GET /*"),
			"OPTIONS *":    allows("GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS, TRACE"),
			"CONNECT a:1":  fail(404),
		}},
		{"wildcard", "GET *", map[string]string{
			"GET /": good("GET *"), "HEAD /": bare(good("GET *")), "PUT /": fail(405, "Allow: GET, HEAD, OPTIONS"),
			"OPTIONS *": allows("GET, HEAD, OPTIONS"), "CONNECT a:1": fail(405, "Allow: GET, HEAD, OPTIONS"),
		}},
		{"wildcard", "CONNECT *, *", map[string]string{
			"GET /": good("*"), "CONNECT a:1": good("CONNECT *"), "OPTIONS *": good("*"), "OPTIONS /": good("*"),
		}},
		{"wildcard", "*", map[string]string{
			"GET /": good("*"), "CONNECT a:1": fail(405, "Allow: GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS, TRACE"),
		}},
		{"pattern", "GET /t/new, GET /t/{id}, PUT /t/{id}, /t/{id}/x, GET /{all...}", map[string]string{
			"GET /t/new":      good("GET /t/new"),
			"HEAD /t/new":     bare(good("GET /t/new")),
			"PUT /t/new":      good("PUT /t/{id}"),
			"GET /t/7":        good("GET /t/{id}"),
			"GET /t/7?a=/":    good("GET /t/{id}"),
			"HEAD /t/7":       bare(good("GET /t/{id}")),
			"DELETE /t/7":     fail(405, "Allow: GET, HEAD, PUT, OPTIONS"),
			"OPTIONS /t/7":    allows("GET, HEAD, PUT, OPTIONS"),
			"GET /t/7/":       good("GET /{all...}"),
			"PUT /t/7/":       fail(405, "Allow: GET, HEAD, OPTIONS"),
			"BREW /t/7/x":     good("/t/{id}/x"),
			"OPTIONS /t/7/x":  good("/t/{id}/x"),
			"GET /t/%2F":      good("GET /t/{id}"),
			"GET /%74/7":      good("GET /{all...}"),
			"GET /":           good("GET /{all...}"),
			"GET http://h":    good("GET /{all...}"),
			"GET http://h?/t": good("GET /{all...}"),
			"GET /t/{id}":     fail(400, "close"),
			"OPTIONS *":       allows("GET, HEAD, PUT, POST, DELETE, PATCH, OPTIONS, TRACE"),
			"CONNECT a:1":     fail(404),
		}},
		{"pattern", "OPTIONS *, GET /{a}", map[string]string{
			"OPTIONS *": good("OPTIONS *"), "OPTIONS /x": allows("GET, HEAD, OPTIONS"), "CONNECT a:1": fail(404), "GET /": fail(404), "PUT /x/y": fail(404),
		}},
	} {
		r := routed(t, Config{Match: matchers[c.matcher], MaxSessions: 100}, strings.Split(c.routes, ", ")...)
		for ask, want := range c.asks {
			s := r.connect()
			if got := r.ask(s, req(ask)); got != want {
				t.Errorf("%s, %s: %s:\n got %q\nwant %q", c.matcher, c.routes, ask, got, want)
			}
			r.empty()
		}
		r.finish()
	}
}

// TestRoutesWhileServing: sixteen goroutines add and remove their routes while
// a loop serves requests for them, and others look for them. What a route's
// handler is given is that route's, and none of the routes is lost.
func TestRoutesWhileServing(t *testing.T) {
	const goroutines, rounds, idle = 16, 100, 500
	r := routed(t, Config{Match: MatchPattern}, "GET /always")
	for i := range idle { // so that a change takes its time
		r.handle("GET", fmt.Sprint("/idle/", i), show)
	}
	var group sync.WaitGroup
	var working atomic.Int32
	working.Store(goroutines)
	for g := range goroutines {
		group.Go(func() {
			defer working.Add(-1)
			pattern := fmt.Sprintf("/%d/{n}", g)
			for round := range rounds {
				route := Route{Method: "GET", Pattern: pattern, UserCtx: pattern, Handler: func(w *Response, r *Request) error {
					return w.SendString(r.UserCtx().(string) + r.PathValue("n"))
				}}
				other := route
				other.Method = "PUT"
				err := errors.Join(r.srv.Handle(route), r.srv.Handle(other))
				if again := r.srv.Handle(route); !errors.Is(again, ErrRouteExists) {
					t.Error(again)
				}
				if round%2 == 0 {
					err = errors.Join(err, r.srv.Unhandle("GET", pattern), r.srv.Unhandle("PUT", pattern))
				} else {
					err = errors.Join(err, r.srv.UnhandleAll(pattern))
				}
				if gone := r.srv.UnhandleAll(pattern); err != nil || !errors.Is(gone, ErrNoRoute) {
					t.Error(err, gone)
				}
				if found, code := r.srv.routes.find([]byte("GET"), []byte("/always")); code != 0 || found.Pattern != "/always" {
					t.Error(found, code)
				}
			}
			if err := r.srv.Handle(named("GET " + pattern)); err != nil {
				t.Error(err)
			}
		})
	}
	s := r.connect()
	answered := map[bool]int{}
	for working.Load() > 0 {
		g := rand.IntN(goroutines)
		got := r.ask(s, get("/always")+get(fmt.Sprintf("/%d/x", g)))
		of, ok := strings.CutPrefix(got, good("GET /always"))
		pattern := fmt.Sprintf("/%d/{n}", g)
		served := of == good(pattern+"x") || of == good("GET "+pattern)
		if answered[served]++; !ok || !served && of != fail(404) && !strings.HasPrefix(of, "HTTP/1.1 405 ") { // Allow is of that moment
			t.Fatalf("%s: got %q", pattern, got)
		}
	}
	group.Wait()
	if n := len(r.srv.routes.load()); n != goroutines+1+idle {
		t.Errorf("there are %d routes", n)
	}
	t.Logf("%d requests were served, %d were not", answered[true], answered[false])
	r.finish()
}

// manyRoutes are n routes that look alike, and the path that the last of them
// matches.
func manyRoutes(tb testing.TB, matcher string, n int) (t *routes, path []byte) {
	tb.Helper()
	t = &routes{matcher: matchers[matcher], most: n}
	tail := map[string]string{"exact": "/parts", "wildcard": "/*", "pattern": "/{part}"}[matcher]
	for i := range n {
		if err := t.add(named("GET /things/" + strconv.Itoa(1000+i) + tail)); err != nil {
			tb.Fatal(err)
		}
	}
	return t, []byte("/things/" + strconv.Itoa(999+n) + "/parts")
}

// TestFindIndexed: with an index a request finds what it does without, whatever
// routes come and go.
func TestFindIndexed(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	methods := []string{"", "GET", "HEAD", "POST", "OPTIONS", "CONNECT"}
	indexed, plain := &routes{most: 40}, &routes{most: 40, matcher: func(pattern string, path []byte) bool { return pattern == string(path) }}
	most := 0
	for range 2000 {
		method, pattern := methods[random.IntN(len(methods))], fmt.Sprint("/", random.IntN(12))
		gone := func(route *Route) bool { return route.Method == method && route.Pattern == pattern }
		change := func(t *routes) error { return t.remove(gone, "it") }
		if random.IntN(3) > 0 {
			route := Route{Method: method, Pattern: pattern, Handler: func(*Response, *Request) error { return nil }}
			change = func(t *routes) error { return t.add(route) }
		}
		if a, b := change(indexed), change(plain); (a == nil) != (b == nil) {
			t.Fatal(a, b)
		}
		most = max(most, len(indexed.load()))
		for _, method := range methods[1:] {
			path := []byte(fmt.Sprint("/", random.IntN(13)))
			got, code := indexed.find([]byte(method), path)
			want, wantCode := plain.find([]byte(method), path)
			if code != wantCode || (got == nil) != (want == nil) || got != nil && got.name() != want.name() {
				t.Fatalf("%s %s of %v: %v %d, want %v %d", method, path, indexed.names(), got, code, want, wantCode)
			}
		}
	}
	if most < 2*fewRoutes || indexed.index.Load() == nil {
		t.Errorf("%d routes at most", most)
	}
}

// TestFindRouteAllocatesNothing: neither does it for a path that no route has,
// nor for a method that the path does not take. The same goes for the view of a
// path value, and for a short value decoded, but for the string.
func TestFindRouteAllocatesNothing(t *testing.T) {
	for matcher := range matchers {
		table, path := manyRoutes(t, matcher, 100)
		if route, code := table.find([]byte("GET"), path); code != 0 || route != table.load()[99] {
			t.Fatalf("%s: found %v, %d", matcher, route, code)
		}
		for _, c := range []struct{ method, path string }{
			{"GET", string(path)}, {"HEAD", string(path)}, {"PUT", string(path)}, {"GET", "/things/none/of/these"}, {"CONNECT", "a:1"}, {"OPTIONS", "*"},
		} {
			method, path := []byte(c.method), []byte(c.path)
			if n := testing.AllocsPerRun(100, func() { table.find(method, path) }); n != 0 {
				t.Errorf("%s: %s %s: %v allocations", matcher, c.method, c.path, n)
			}
		}
	}
	path := []byte("/things/7/parts/a/b")
	if n := testing.AllocsPerRun(100, func() { pathValue("/things/{id}/parts/{path...}", "path", path) }); n != 0 {
		t.Errorf("a path value: %v allocations", n)
	}
	r := requestFor("/things/{id}/parts/{part}", "/things/7/parts/a%2Fb")
	if n := testing.AllocsPerRun(100, func() { r.PathValue("part") }); n != 1 {
		t.Errorf("a decoded path value: %v allocations", n)
	}
}

// requestFor is a request that has a route and a path, and no more.
func requestFor(pattern, path string) *Request {
	r := &Request{message: []byte(path), route: &Route{Pattern: pattern}}
	r.target.Path = parser.Span{End: uint32(len(path))}
	return r
}

// BenchmarkFind is by matcher and number of routes: the last of them answers.
func BenchmarkFind(b *testing.B) {
	get := []byte("GET")
	for _, matcher := range []string{"exact", "wildcard", "pattern"} {
		for _, n := range []int{1, 10, 1000} {
			b.Run(fmt.Sprint(matcher, "/", n), func(b *testing.B) {
				t, path := manyRoutes(b, matcher, n)
				b.ReportAllocs()
				for b.Loop() {
					if _, code := t.find(get, path); code != 0 {
						b.Fatal(code)
					}
				}
			})
		}
	}
}

// BenchmarkPathValue is the second of two values: the view, and the copy.
func BenchmarkPathValue(b *testing.B) {
	r := requestFor("/things/{id}/parts/{part}", "/things/7/parts/a%2Fb")
	b.Run("bytes", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r.PathValueBytes("part")
		}
	})
	b.Run("decoded", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r.PathValue("part")
		}
	})
}
