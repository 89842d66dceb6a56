package nethttp

import (
	"context"
	"net"
	"net/http"

	"moor.example/httpd"
)

// Route is a route whose requests h serves, each on a goroutine of its own. An
// empty method is every one but CONNECT; of a route for GET h gets HEAD, too.
// Timeout, Use and UserCtx may be set on what it returns.
func Route(method, pattern string, h http.Handler) httpd.Route {
	return httpd.Route{Method: method, Pattern: pattern, Handler: Handler(h), Blocking: true}
}

// Handler is h for a Route that is Blocking, which it should be: h may wait, and
// while it waits on a loop that loop serves nobody. There it also has no
// deadlines and no Hijack.
//
// What it returns returns nil, unless h ends with http.ErrAbortHandler or sets a
// head that cannot be sent, as one with more than Config.MaxResponseHeaders
// fields: that is answered 500. Other panics go through it.
func Handler(h http.Handler) httpd.Handler {
	server := &http.Server{Handler: h} // it does not run: some ask whether there is one, as ReverseProxy does
	return func(w *httpd.Response, r *httpd.Request) error {
		x := newExchange(w, r)
		req, err := x.request(r, server)
		if err != nil {
			return w.SendErr(httpd.ErrBadRequest, "")
		}
		return x.serve(h, req)
	}
}

// Session returns the moor session of the request whose context that is, or from
// which it is derived; nil if it is none of Handler's. It is valid until the
// request's handler returns.
func Session(ctx context.Context) *httpd.Session {
	s, _ := ctx.Value(sessionKey{}).(*httpd.Session)
	return s
}

type sessionKey struct{}

// A lifetime is a request's context, with what net/http's server puts there.
type lifetime struct {
	context.Context
	session *httpd.Session
	local   net.Addr
	server  *http.Server
}

func (c *lifetime) Value(key any) any {
	switch key {
	case sessionKey{}:
		return c.session
	case http.ServerContextKey:
		return c.server
	case http.LocalAddrContextKey:
		if c.local != nil {
			return c.local
		}
	}
	return c.Context.Value(key)
}

// An exchange is one request and its response.
type exchange struct {
	response
	body body
}

func newExchange(w *httpd.Response, r *httpd.Request) *exchange {
	x := &exchange{}
	x.response = response{w: w, length: unknown, isHead: r.Method() == http.MethodHead}
	x.limits.w = w
	x.from = &x.body
	x.body = body{r: r, limits: &x.limits}
	return x
}

// serve lets h answer. None of what it has left running gets at the request's
// body when serve has returned.
func (x *exchange) serve(h http.Handler, req *http.Request) (err error) {
	defer x.body.end()
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			err = x.abort()
		default:
			panic(p) // the engine logs it, with the stack of h
		}
	}()
	h.ServeHTTP(&x.response, req)
	return x.finish()
}
