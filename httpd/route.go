package httpd

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"moor.example/httpd/parser"
)

// A Handler answers one request. Its error decides the fate of the session:
// nil keeps the connection, anything else ends it after what was written.
// If it has written nothing, the engine answers 500 in its place.
//
// It runs on the session's loop, and while it runs that loop serves nobody
// else: it must not wait. w and r, and every []byte they return, are valid
// until it returns.
type Handler func(w *Response, r *Request) error

// A Route says which handler answers which requests.
// (ESP-IDF: httpd_uri_t.)
type Route struct {
	// Method is the request's method, case-sensitive: "GET". Empty: every
	// method but CONNECT, which would make a tunnel of the connection. A
	// request with HEAD goes to the GET route where there is none of its own.
	// (ESP-IDF: HTTP_ANY.)
	Method string
	// Pattern is what Config.Match compares with the path. Unless that is
	// set: the path itself, octet for octet as the request has it, without
	// the query. It begins with a slash, or is "*" for OPTIONS.
	Pattern string
	// Handler answers.
	Handler Handler
	// UserCtx is for the handler: see Request.UserCtx. The engine keeps it and
	// never looks at it. With several loops it is shared by handlers that run
	// at the same time.
	UserCtx any
}

// ErrRouteExists is the error for a route whose method and pattern are taken.
var ErrRouteExists = errors.New("httpd: route exists")

// Handle adds a route. It may be called at any time, from any goroutine; the
// next request sees it. (ESP-IDF: httpd_register_uri_handler.)
func (srv *Server) Handle(route Route) error { return srv.routes.add(route) }

// routes are the routes of a server in the order of their registration. The
// loops read a table that never changes; a writer puts a new one in its place.
type routes struct {
	matcher func(pattern string, path []byte) bool // nil: the exact one
	mu      sync.Mutex                             // held by writers
	table   atomic.Pointer[[]*Route]
}

func (t *routes) load() []*Route {
	if p := t.table.Load(); p != nil {
		return *p
	}
	return nil
}

func (t *routes) add(route Route) error {
	if err := route.check(); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.load()
	for _, o := range old {
		if o.Method == route.Method && o.Pattern == route.Pattern {
			return fmt.Errorf("%w: %s %s", ErrRouteExists, route.Method, route.Pattern)
		}
	}
	table := append(old[:len(old):len(old)], &route)
	t.table.Store(&table)
	return nil
}

func (route *Route) check() error {
	switch {
	case route.Method != "" && !parser.IsToken(route.Method):
		return fmt.Errorf("httpd: Route.Method %q is no method", route.Method)
	case route.Pattern != "*" && !strings.HasPrefix(route.Pattern, "/"):
		return fmt.Errorf("httpd: Route.Pattern %q does not begin with a slash", route.Pattern)
	case route.Handler == nil:
		return fmt.Errorf("httpd: Route %s %s has no Handler", route.Method, route.Pattern)
	}
	return nil
}

// takes reports whether the route is for method.
func (route *Route) takes(method []byte) bool {
	if route.Method == "" {
		return string(method) != "CONNECT"
	}
	return string(method) == route.Method
}

// find returns the first route for method and path. Without one the code says
// whether the path is unknown (404) or takes other methods only (405).
func (t *routes) find(method, path []byte) (*Route, ErrCode) {
	code := ErrNotFound
	var get *Route // answers HEAD, unless a route of its own does
	for _, route := range t.load() {
		if !t.match(route.Pattern, path) {
			continue
		}
		if route.takes(method) {
			return route, 0
		}
		if get == nil && route.Method == "GET" && string(method) == "HEAD" {
			get = route
		}
		code = ErrMethodNotAllowed
	}
	if get != nil {
		code = 0
	}
	return get, code
}

// match is the exact matcher, unless there is another.
func (t *routes) match(pattern string, path []byte) bool {
	if t.matcher == nil {
		return string(path) == pattern
	}
	return t.matcher(pattern, path)
}

// appendAllow appends an Allow field with the methods that path takes, each
// once (RFC 9110 10.2.1). The path "*" stands for the whole server.
func (t *routes) appendAllow(dst, path []byte) []byte {
	dst = append(dst, "Allow: "...)
	list := len(dst)
	for _, route := range t.load() {
		if string(path) != "*" && !t.match(route.Pattern, path) {
			continue
		}
		for _, method := range route.allows() {
			dst = appendMethod(dst, list, method)
		}
	}
	return append(appendMethod(dst, list, "OPTIONS"), "\r\n"...)
}

// allows returns the methods that a path takes for the sake of one route. An
// any-method route takes more than can be listed.
func (route *Route) allows() []string {
	switch route.Method {
	case "":
		return anyMethod
	case "GET":
		return getAndHead
	}
	return []string{route.Method}
}

var (
	anyMethod  = []string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"}
	getAndHead = []string{"GET", "HEAD"}
)

// appendMethod adds a method to the list at dst[list:], unless it is there.
func appendMethod(dst []byte, list int, method string) []byte {
	for _, listed := range bytes.Split(dst[list:], []byte(", ")) {
		if string(listed) == method {
			return dst
		}
	}
	if len(dst) > list {
		dst = append(dst, ", "...)
	}
	return append(dst, method...)
}
