package httpd

import (
	"bytes"
	"strings"
	"testing"
)

// routed is a server with these routes alone, "METHOD pattern" each, or just
// the pattern for every method. The handlers answer with their route.
func routed(t *testing.T, cfg Config, routes ...string) *rig {
	t.Helper()
	k := newScript(t)
	cfg.Addr = ":80"
	srv := newScripted(t, cfg, k)
	r := &rig{TB: t, srv: srv, k: k, l: srv.loops[0]}
	for _, route := range routes {
		method, pattern, ok := strings.Cut(route, " ")
		if !ok {
			method, pattern = "", route
		}
		r.handle(method, pattern, func(w *Response, _ *Request) error { return w.SendString(route) })
	}
	return r
}

// prefix matches what begins with a pattern that ends in "*", and the pattern
// itself otherwise.
func prefix(pattern string, path []byte) bool {
	if begin, ok := strings.CutSuffix(pattern, "*"); ok && begin != "" {
		return bytes.HasPrefix(path, []byte(begin))
	}
	return pattern == string(path)
}

// TestRouting: what each request is answered with, by which route, or with
// which methods it could be.
func TestRouting(t *testing.T) {
	const notFound = "404"
	const listed = "GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS, TRACE" // of every method
	type table []string
	for _, c := range []struct {
		name   string
		routes table
		match  func(pattern string, path []byte) bool
		asks   map[string]string // the request: the route; notFound; or "405 Allow", or "204 Allow"
	}{
		{"one", table{"GET /a"}, nil, map[string]string{
			"GET /a":           "GET /a",
			"GET /a?x":         "GET /a",
			"GET http://h/a?x": "GET /a",
			"HEAD /a":          "GET /a",
			"POST /a":          "405 GET, HEAD, OPTIONS",
			"TRACE /a":         "405 GET, HEAD, OPTIONS",
			"get /a":           "405 GET, HEAD, OPTIONS",
			"OPTIONS /a":       "204 GET, HEAD, OPTIONS",
			"GET /b":           notFound,
			"GET /a/":          notFound,
			"GET /A":           notFound,
			"GET /%61":         notFound,
			"GET //a":          notFound,
			"GET http://h":     notFound,
			"HEAD /b":          notFound,
			"OPTIONS /b":       notFound,
			"CONNECT a:1":      notFound,
			"OPTIONS *":        "204 GET, HEAD, OPTIONS",
			"OPTIONS http://h": notFound,
		}},
		{"none", nil, nil, map[string]string{
			"GET /": notFound, "OPTIONS /": notFound, "OPTIONS *": "204 OPTIONS", "CONNECT a:1": notFound,
		}},
		{"in the order of their registration", table{"PUT /a", "GET /b", "GET /a", "POST /a", "PUT /b"}, nil, map[string]string{
			"OPTIONS /a": "204 PUT, GET, HEAD, POST, OPTIONS",
			"DELETE /a":  "405 PUT, GET, HEAD, POST, OPTIONS",
			"OPTIONS /b": "204 GET, HEAD, PUT, OPTIONS",
			"OPTIONS *":  "204 PUT, GET, HEAD, POST, OPTIONS",
		}},
		{"HEAD before GET", table{"HEAD /a", "GET /a"}, nil, map[string]string{
			"HEAD /a": "HEAD /a", "GET /a": "GET /a", "PUT /a": "405 HEAD, GET, OPTIONS", "OPTIONS *": "204 HEAD, GET, OPTIONS",
		}},
		{"HEAD after GET", table{"GET /a", "POST /a", "HEAD /a"}, nil, map[string]string{
			"HEAD /a": "HEAD /a", "GET /a": "GET /a", "PUT /a": "405 GET, HEAD, POST, OPTIONS",
		}},
		{"HEAD alone", table{"HEAD /a"}, nil, map[string]string{
			"HEAD /a": "HEAD /a", "GET /a": "405 HEAD, OPTIONS", "OPTIONS /a": "204 HEAD, OPTIONS",
		}},
		{"no HEAD where there is no GET", table{"POST /a"}, nil, map[string]string{
			"HEAD /a": "405 POST, OPTIONS", "OPTIONS *": "204 POST, OPTIONS",
		}},
		{"every method", table{"/a"}, nil, map[string]string{
			"GET /a": "/a", "HEAD /a": "/a", "POST /a": "/a", "OPTIONS /a": "/a", "BREW /a": "/a", "TRACE /a": "/a",
			"CONNECT a:1": notFound, "GET /b": notFound, "OPTIONS *": "204 " + listed,
		}},
		{"every method, after one", table{"GET /a", "/a"}, nil, map[string]string{
			"GET /a": "GET /a", "POST /a": "/a", "OPTIONS /a": "/a", "OPTIONS *": "204 " + listed,
		}},
		{"every method, between two", table{"GET /a", "/b", "PUT /a", "/c"}, nil, map[string]string{
			"POST /a": "405 GET, HEAD, PUT, OPTIONS", "OPTIONS *": "204 " + listed,
		}},
		{"every method, after others", table{"BREW /a", "PUT /a", "/b"}, nil, map[string]string{
			"OPTIONS *": "204 BREW, PUT, GET, HEAD, POST, DELETE, PATCH, OPTIONS, TRACE",
		}},
		{"every method, before CONNECT", table{"/a", "CONNECT /a"}, nil, map[string]string{
			"GET /a": "/a", "HEAD /a": "/a", "OPTIONS *": "204 " + listed + ", CONNECT",
		}},
		{"OPTIONS", table{"GET /a", "OPTIONS /a", "OPTIONS *", "GET /b"}, nil, map[string]string{
			"OPTIONS /a": "OPTIONS /a", "OPTIONS *": "OPTIONS *", "OPTIONS /b": "204 GET, HEAD, OPTIONS",
			"PUT /a": "405 GET, HEAD, OPTIONS", "GET /*": notFound, "OPTIONS /*": notFound,
		}},
		{"every method of the whole server", table{"*", "GET /a"}, nil, map[string]string{
			"OPTIONS *": "*", "OPTIONS /a": "204 GET, HEAD, OPTIONS",
		}},
		{"another method of the whole server", table{"GET *", "GET /a"}, nil, map[string]string{
			"OPTIONS *": "204 GET, HEAD, OPTIONS", "GET /*": notFound,
		}},
		{"a method that nobody knows", table{"BREW /a", "get /a"}, nil, map[string]string{
			"BREW /a": "BREW /a", "get /a": "get /a", "GET /a": "405 BREW, get, OPTIONS", "HEAD /a": "405 BREW, get, OPTIONS",
		}},

		{"a matcher", table{"GET /a/*", "POST /a/b", "PUT /*"}, prefix, map[string]string{
			"GET /a/b":    "GET /a/*",
			"GET /a/b?x":  "GET /a/*",
			"GET /a/":     "GET /a/*",
			"HEAD /a/c":   "GET /a/*",
			"HEAD /a/b":   "GET /a/*",
			"POST /a/b":   "POST /a/b",
			"PUT /a/b":    "PUT /*",
			"PUT /":       "PUT /*",
			"GET /a":      "405 PUT, OPTIONS",
			"POST /a/c":   "405 GET, HEAD, PUT, OPTIONS",
			"OPTIONS /a/": "204 GET, HEAD, PUT, OPTIONS",
			"BREW /a/b":   "405 GET, HEAD, POST, PUT, OPTIONS",
			"OPTIONS *":   "204 GET, HEAD, POST, PUT, OPTIONS",
			"CONNECT a:1": notFound,
		}},
		{"a matcher with two routes for HEAD", table{"GET /a/*", "GET /*"}, prefix, map[string]string{
			"HEAD /a/b": "GET /a/*", "HEAD /b": "GET /*", "GET /a/b": "GET /a/*", "PUT /a/b": "405 GET, HEAD, OPTIONS",
		}},
		{"a matcher that takes all", table{"GET /a", "/b"}, func(string, []byte) bool { return true }, map[string]string{
			"GET /": "GET /a", "HEAD /": "/b", "POST /": "/b", "CONNECT a:1": "405 " + listed, "OPTIONS *": "/b",
		}},
		{"a matcher and CONNECT", table{"/a", "CONNECT /b"}, func(_ string, path []byte) bool { return string(path) == "a:1" }, map[string]string{
			"CONNECT a:1": "CONNECT /b", "CONNECT a:2": notFound, "OPTIONS *": "204 " + listed + ", CONNECT",
		}},
		{"a matcher that takes nothing", table{"GET /a"}, func(string, []byte) bool { return false }, map[string]string{
			"GET /a": notFound, "OPTIONS /a": notFound, "OPTIONS *": "204 GET, HEAD, OPTIONS",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := routed(t, Config{Match: c.match, MaxSessions: 100}, c.routes...)
			for ask, by := range c.asks {
				for _, body := range []struct{ field, octets string }{
					{"X: y", ""},
					{"Content-Length: 3", "abc"},
					{"Transfer-Encoding: chunked", chunks("abc") + last},
				} {
					want := good(by)
					switch code, allow, _ := strings.Cut(by, " "); code {
					case notFound:
						want = fail(404)
					case "405":
						want = fail(405, "Allow: "+allow)
					case "204":
						want = allows(allow)
					}
					if strings.HasPrefix(ask, "HEAD ") {
						want = bare(want)
					}
					s := r.connect()
					if got := r.ask(s, strings.Repeat(req(ask, body.field)+body.octets, 2)); got != want+want {
						t.Errorf("%s, %s:\n got %q\nwant %q", ask, body.field, got, want+want)
					}
					r.empty()
				}
			}
			r.finish()
		})
	}
}

// TestMatchGetsThePath: the matcher sees each pattern, in order, and the path
// as it came.
func TestMatchGetsThePath(t *testing.T) {
	for target, want := range map[string]string{
		"GET /x%20y/../z?a=b":    "/x%20y/../z",
		"GET http://h/x?a":       "/x",
		"GET http://h?a":         "/",
		"GET /?":                 "/",
		"OPTIONS *":              "*",
		"OPTIONS https://h:1":    "/",
		"CONNECT example.com:80": "example.com:80",
	} {
		var asked []string
		r := routed(t, Config{Match: func(pattern string, path []byte) bool {
			asked = append(asked, pattern+" "+string(path))
			return pattern == "/c"
		}}, "/a", "PUT /b", "/d", "/c")
		r.handle("CONNECT", "/c", func(w *Response, _ *Request) error { return w.SendString("/c") })
		asked = nil // Handle asks too
		s := r.connect()
		if got := r.ask(s, req(target)); got != good("/c") {
			t.Errorf("%s: got %q", target, got)
		}
		all := "/a " + want + ", /b " + want + ", /d " + want + ", /c " + want
		if strings.HasPrefix(target, "CONNECT") {
			all += ", /c " + want
		}
		if got := strings.Join(asked, ", "); got != all {
			t.Errorf("%s: asked for %q, want %q", target, got, all)
		}
		r.finish()
	}
}

// TestRouteComes: a route that comes while the content of a request is on its
// way does not change what becomes of it, if it has been answered.
func TestRouteComes(t *testing.T) {
	for _, in := range []string{chunkedTo("POST /late", chunks("abc")), req("POST /late", "Content-Length: 8") + "abc"} {
		r := routed(t, Config{})
		s := r.connect()
		if got := r.ask(s, in); got != fail(404) {
			t.Errorf("got %q", got)
		}
		r.handle("POST", "/late", func(w *Response, _ *Request) error { return w.SendString("late") })
		if got := r.ask(s, last+req("POST /late")); got != good("late") {
			t.Errorf("got %q", got)
		}
		r.finish()
	}
}

// TestRouteGoes: a route that goes while the content of a request is on its way
// does not get it. The content is read all the same.
func TestRouteGoes(t *testing.T) {
	for _, fields := range []string{"", "Expect: 100-continue\r\n"} {
		for _, in := range []string{
			strings.Replace(chunkedTo("POST /gone", ""), "\r\n\r\n", "\r\n"+fields+"\r\n", 1),
			strings.Replace(req("POST /gone", "Content-Length: 5"), "\r\n\r\n", "\r\n"+fields+"\r\n", 1),
		} {
			r := routed(t, Config{}, "POST /gone", "GET /stays")
			s := r.connect()
			got := r.ask(s, in)
			if told := got == interim; told != (fields != "") {
				t.Errorf("%q: told %q", in, got)
			}
			if err := r.srv.Unhandle("POST", "/gone"); err != nil {
				t.Fatal(err)
			}
			if got := r.ask(s, last+get("/stays")); got != fail(404)+good("GET /stays") {
				t.Errorf("%q: got %q", in, got)
			}
			r.is(s, stateIdle)
			r.finish()
		}
	}
}
