package httpd

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"moor.example/httpd/parser"
)

// A Handler answers one request. Its error decides the fate of the session:
// nil keeps the connection, anything else ends it after what was written.
// If it has written nothing, the engine answers 500 in its place.
//
// It runs on the session's loop, and while it runs that loop serves nobody
// else: it must not wait, nor end the goroutine (runtime.Goexit, and so
// testing.T.FailNow), which is the loop's. A blocking one has a goroutine of its
// own: see Route.Blocking. w and r, and every []byte they return, are valid
// until it returns.
type Handler func(w *Response, r *Request) error

// A Middleware makes a handler of another: one that does something before it, or
// behind, or in its place.
type Middleware = func(Handler) Handler

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
	// the query. It begins with a slash, or is "*" for OPTIONS. Of the routes
	// that match a request the first that was added answers it.
	Pattern string
	// Handler answers.
	Handler Handler
	// Blocking: the handler may wait. It runs on a goroutine of its own as soon as
	// the request's head is here, and reads the content as it comes: see
	// Request.Read. Its session serves no other request until it returns. There
	// are at most Config.MaxDetached of them; one more is answered 503, and its
	// session goes on. Config.MaxContentBytes is not for them.
	Blocking bool
	// Timeout bounds how long a Blocking handler may take: then its context is
	// done, and Read, Write and Flush return os.ErrDeadlineExceeded where they would
	// have to wait. Zero: it is not bounded.
	Timeout time.Duration
	// Use wraps Handler, the first one outermost, inside of Config.Use.
	Use []Middleware
	// UserCtx is for the handler: see Request.UserCtx. The engine keeps it and
	// never looks at it. With several loops it is shared by handlers that run
	// at the same time.
	UserCtx any
}

// The errors of Handle, Unhandle and UnhandleAll. They come wrapped: the text
// names the route.
var (
	// ErrRouteExists: an earlier route answers all that this one would.
	// (ESP-IDF: ESP_ERR_HTTPD_HANDLER_EXISTS.)
	ErrRouteExists = errors.New("httpd: route exists")
	// ErrRoutesFull: there are Config.MaxRoutes routes.
	// (ESP-IDF: ESP_ERR_HTTPD_HANDLERS_FULL.)
	ErrRoutesFull = errors.New("httpd: no room for another route")
	// ErrNoRoute: there is no such route. (ESP-IDF: ESP_ERR_NOT_FOUND.)
	ErrNoRoute = errors.New("httpd: no such route")
)

// Handle adds a route, behind all others. It may be called at any time, from
// any goroutine; the next request sees it. A route is refused with
// ErrRouteExists if an earlier one takes its method, and matches its pattern as
// if that were a path: with MatchWildcard /a can come before /*, not after it.
// (ESP-IDF: httpd_register_uri_handler.)
func (srv *Server) Handle(route Route) error { return srv.routes.add(route) }

// Unhandle removes the route that was added with this method and this pattern,
// both compared as they are. Like Handle it may be called at any time. A handler
// that is running finishes, and has its UserCtx. A request whose content has
// not come whole finds no route, or another.
// (ESP-IDF: httpd_unregister_uri_handler.)
func (srv *Server) Unhandle(method, pattern string) error {
	gone := func(route *Route) bool { return route.Method == method && route.Pattern == pattern }
	return srv.routes.remove(gone, routeName(method, pattern))
}

// UnhandleAll is Unhandle for all methods of a pattern.
// (ESP-IDF: httpd_unregister_uri.)
func (srv *Server) UnhandleAll(pattern string) error {
	gone := func(route *Route) bool { return route.Pattern == pattern }
	return srv.routes.remove(gone, pattern)
}

// routes are the routes of a server in the order of their registration. The
// loops read a table that never changes; a writer puts a new one in its place.
type routes struct {
	matcher func(pattern string, path []byte) bool // nil: the exact one
	most    int                                    // routes
	use     []Middleware                           // around every handler
	mu      sync.Mutex                             // held by writers
	table   atomic.Pointer[[]*Route]
	index   atomic.Pointer[index]
}

// An index has the routes of a table by their pattern, for the exact matcher.
type index struct {
	table *[]*Route
	by    map[string][]*Route // each list in the table's order
}

// fewRoutes is how many are compared one by one: for more an index pays.
const fewRoutes = 8

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
	text := []byte(route.Pattern)
	if wrong := malformed(route.Pattern); wrong != "" && !t.match(route.Pattern, text) {
		return fmt.Errorf("httpd: Route.Pattern %q: %s", route.Pattern, wrong)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.load()
	for _, o := range old {
		same := o.Pattern == route.Pattern // MatchWildcard does not match /a/? with itself
		if o.hides(route.Method) && (same || t.match(o.Pattern, text)) {
			return fmt.Errorf("%w: %s is never reached behind %s", ErrRouteExists, route.name(), o.name())
		}
	}
	if len(old) >= t.most {
		return fmt.Errorf("%w: %s would be one more than %d", ErrRoutesFull, route.name(), t.most)
	}
	route.Handler = wrapped(wrapped(route.Handler, route.Use), t.use)
	table := append(slices.Clip(old), &route)
	t.table.Store(&table)
	return nil
}

// remove removes the routes that are gone; name is for the error if none is.
func (t *routes) remove(gone func(*Route) bool, name string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.load()
	table := slices.DeleteFunc(slices.Clone(old), gone)
	if len(table) == len(old) {
		return fmt.Errorf("%w: %s", ErrNoRoute, name)
	}
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
		return fmt.Errorf("httpd: Route %s has no Handler", route.name())
	case route.Timeout < 0 || route.Timeout > 0 && !route.Blocking:
		return fmt.Errorf("httpd: Route %s has the Timeout %v, and Blocking is %v", route.name(), route.Timeout, route.Blocking)
	}
	return nil
}

// wrapped is h within all of them, the first one outermost.
func wrapped(h Handler, all []Middleware) Handler {
	for _, m := range slices.Backward(all) {
		h = m(h)
	}
	return h
}

// hides reports whether the route takes every request that one for method could
// answer. An empty method is every one but CONNECT.
func (route *Route) hides(method string) bool {
	return route.Method == method || route.Method == "" && method != "CONNECT"
}

func (route *Route) name() string { return routeName(route.Method, route.Pattern) }

// routeName is "GET /a", or "/a" for every method.
func routeName(method, pattern string) string {
	return strings.TrimPrefix(method+" "+pattern, " ")
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
	for _, route := range t.candidates(path) {
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

// candidates returns those routes that can match path. The first request behind
// a change of the routes makes the index anew, so that to add many costs little.
func (t *routes) candidates(path []byte) []*Route {
	table := t.table.Load()
	switch {
	case table == nil:
		return nil
	case t.matcher != nil || len(*table) <= fewRoutes:
		return *table
	}
	x := t.index.Load()
	if x == nil || x.table != table {
		x = &index{table: table, by: make(map[string][]*Route, len(*table))}
		for _, route := range *table {
			x.by[route.Pattern] = append(x.by[route.Pattern], route)
		}
		t.index.Store(x)
	}
	return x.by[string(path)]
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
	for listed := range bytes.SplitSeq(dst[list:], []byte(", ")) {
		if string(listed) == method {
			return dst
		}
	}
	if len(dst) > list {
		dst = append(dst, ", "...)
	}
	return append(dst, method...)
}
