package nethttp

import (
	"context"
	"errors"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"

	"moor.example/httpd"
	"moor.example/httpd/internal/pair"
)

// A Bridge is an http.Handler that has its requests served by a moor server, which
// needs no listener (Config.Addr may be empty). It may be one of many handlers of
// an http.Server, and be behind middleware.
//
// With its hooks, which Wrap sets, each connection of the http.Server has one
// session: it begins with the connection's first request, and ends with the
// connection. A response that ends the session ends the connection, too. If the
// session has ended by itself, the next request has a new one. The requests of an
// HTTP/2 connection share its session, and take turns. Without the hooks each
// request has a session of its own.
type Bridge struct {
	srv   *httpd.Server
	mu    sync.Mutex
	lines map[net.Conn]*line // of the connections that are open
}

// NewBridge returns a bridge to srv, whose end remains the caller's business.
func NewBridge(srv *httpd.Server) *Bridge {
	return &Bridge{srv: srv, lines: map[net.Conn]*line{}}
}

// Wrap sets the hooks of hs, before it serves: ConnContext and ConnState, which
// call those that are there. It also lets the routes answer OPTIONS *, which
// net/http answers itself otherwise. It does not set hs.Handler.
func (b *Bridge) Wrap(hs *http.Server) {
	connContext, connState := hs.ConnContext, hs.ConnState
	hs.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		if connContext != nil {
			ctx = connContext(ctx, conn)
		}
		return b.ConnContext(ctx, conn)
	}
	hs.ConnState = func(conn net.Conn, state http.ConnState) {
		b.ConnState(conn, state)
		if connState != nil {
			connState(conn, state)
		}
	}
	hs.DisableGeneralOptionsHandler = true
}

// ConnContext is for http.Server.ConnContext, and needs ConnState beside it.
func (b *Bridge) ConnContext(ctx context.Context, conn net.Conn) context.Context {
	l := newLine(b.srv)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines[conn] = l
	return context.WithValue(ctx, lineOf{b}, l)
}

// ConnState is for http.Server.ConnState: it ends the session of a connection that
// is closed, or that another handler has taken over.
func (b *Bridge) ConnState(conn net.Conn, state http.ConnState) {
	if state != http.StateClosed && state != http.StateHijacked {
		return
	}
	b.mu.Lock()
	l := b.lines[conn]
	delete(b.lines, conn)
	b.mu.Unlock()
	if l != nil {
		l.end(state == http.StateHijacked)
	}
}

// lineOf is the key of a connection's line in its context.
type lineOf struct{ b *Bridge }

// ServeHTTP serves a request on the session of its connection, or on one of its
// own. It answers 503 if there is no room for a session, or the moor server is
// ending. If the session ends without a whole response it panics with
// http.ErrAbortHandler, and so ends the connection, as moor does; where no
// http.Server is there to end it, it answers 502 if it still can.
func (b *Bridge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l, has := r.Context().Value(lineOf{b}).(*line)
	if !has {
		l = newLine(b.srv)
		defer l.end(false)
	}
	http.NewResponseController(w).EnableFullDuplex() // where it can be had
	var from http.Header                             // of the response, as moor has sent it
	last := r.Header.Get("Expect") != ""
	proxy := httputil.ReverseProxy{
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0), // ErrorHandler has it, or the connection ends
		Rewrite:       restore,
		Transport: roundTrip(func(out *http.Request) (*http.Response, error) {
			resp, err := l.RoundTrip(out)
			if err == nil {
				from = resp.Header.Clone()
				last = last || resp.Close || resp.StatusCode == http.StatusSwitchingProtocols
			}
			return resp, err
		}),
		ModifyResponse: func(resp *http.Response) error {
			keep(w.Header(), resp, from)
			return nil
		},
		ErrorHandler: lost,
	}
	proxy.ServeHTTP(w, r)
	if !last && r.Body != nil { // net/http would read it itself, and with full duplex amid the next request
		io.CopyN(io.Discard, r.Body, mostDropped)
	}
}

// mostDropped is how much of a request's content is dropped that no session has
// taken. net/http ends a connection with more.
const mostDropped = 256 << 10

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// restore undoes what a proxy does to a request: for the handler there is none.
func restore(p *httputil.ProxyRequest) {
	in, out := p.In, p.Out
	out.Header = in.Header.Clone()
	if !in.ProtoAtLeast(1, 1) {
		out.Header.Del("Expect") // its client does not know of it
	}
	out.URL = &url.URL{Scheme: "http", Opaque: in.RequestURI}
	if in.RequestURI == "" || strings.HasPrefix(in.RequestURI, "//") { // url would take that for a host
		out.URL = &url.URL{Path: in.URL.Path, RawPath: in.URL.RawPath, RawQuery: in.URL.RawQuery, ForceQuery: in.URL.ForceQuery}
	}
	if out.Trailer = in.Trailer; out.Body != nil && in.ContentLength < 0 {
		if out.Trailer == nil {
			out.Trailer = http.Header{}
		}
		out.Body = &trailed{out.Body, in, out.Trailer}
	}
}

// A trailed is a body whose trailer fields are passed on when it has ended: those
// too that the head does not announce.
type trailed struct {
	io.ReadCloser
	in *http.Request
	to http.Header
}

func (t *trailed) Read(p []byte) (n int, err error) {
	if n, err = t.ReadCloser.Read(p); err == io.EOF {
		maps.Copy(t.to, t.in.Trailer)
	}
	return n, err
}

// keep undoes what a proxy, and net/http, would do to a response whose head was
// from. What it is framed with is net/http's business.
func keep(head http.Header, resp *http.Response, from http.Header) {
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return
	}
	resp.Header = from
	resp.Header.Del("Connection")
	if resp.Close {
		resp.Header.Set("Connection", "close")
	}
	if _, has := resp.Header["Content-Type"]; !has {
		head["Content-Type"] = nil // or else net/http would guess one
	}
}

// errNoSession says why no session could begin.
type errNoSession struct{ error }

// lost answers a request that has had no response.
func lost(w http.ResponseWriter, r *http.Request, err error) {
	var none errNoSession
	switch {
	case errors.As(err, &none):
		http.Error(w, "The server has no room for this request now.", http.StatusServiceUnavailable)
	case r.Context().Value(http.ServerContextKey) != nil:
		panic(http.ErrAbortHandler)
	default:
		http.Error(w, "The session has ended without a response.", http.StatusBadGateway)
	}
}

// A line is what a connection of the http.Server has of the moor server: a session,
// once there is a request, and another one when that has ended. Its requests take
// turns; those of an HTTP/1.1 connection do so anyway.
type line struct {
	srv  *httpd.Server
	turn chan struct{} // has room for one: the request that is being served

	mu       sync.Mutex
	conn     *pair.Conn // nil: there is no session
	ended    bool
	switched bool // the session speaks another protocol: who does ends it
}

func newLine(srv *httpd.Server) *line {
	return &line{srv: srv, turn: make(chan struct{}, 1)}
}

// RoundTrip passes a request to the line's session. The next one has its turn when
// the response is read, or closed.
func (l *line) RoundTrip(out *http.Request) (*http.Response, error) {
	select {
	case l.turn <- struct{}{}:
	case <-out.Context().Done():
		return nil, context.Cause(out.Context())
	}
	conn, err := l.session()
	if err != nil {
		<-l.turn
		return nil, errNoSession{err}
	}
	resp, err := conn.RoundTrip(out)
	if err != nil {
		<-l.turn
		return nil, err
	}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		l.mu.Lock()
		l.switched = true
		l.mu.Unlock()
		return resp, nil // there is no turn behind this one
	}
	resp.Body = &inTurn{ReadCloser: resp.Body, l: l}
	return resp, nil
}

// session returns the line's, or a new one if that cannot serve another request.
func (l *line) session() (*pair.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return nil, net.ErrClosed
	}
	if l.conn != nil && !l.conn.Spent() {
		return l.conn, nil
	}
	if l.conn != nil {
		l.conn.Close()
	}
	var err error
	l.conn, err = pair.Dial(l.srv)
	return l.conn, err
}

// end ends the session. One that has switched protocols may be what the connection
// was taken over for.
func (l *line) end(taken bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	if l.conn != nil && !(taken && l.switched) {
		l.conn.Close()
	}
}

// An inTurn is the body of a response, whose end lets the next request have its
// turn.
type inTurn struct {
	io.ReadCloser
	l    *line
	once sync.Once
}

func (b *inTurn) Read(p []byte) (n int, err error) {
	if n, err = b.ReadCloser.Read(p); err != nil {
		b.once.Do(func() { <-b.l.turn })
	}
	return n, err
}

func (b *inTurn) Close() error {
	err := b.ReadCloser.Close()
	b.once.Do(func() { <-b.l.turn })
	return err
}
