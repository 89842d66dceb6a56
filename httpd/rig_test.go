package httpd

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// A rig is a server on scripted kernels, driven by hand: nothing runs but in
// the test's own goroutine.
type rig struct {
	testing.TB
	srv *Server
	k   *script // of the first loop, and of every connection
	l   *loop
}

// newRig starts a server with these limits, a listener and no goroutine.
func newRig(t testing.TB, cfg Config) *rig {
	t.Helper()
	k := newScript(t)
	if cfg.Addr == "" {
		cfg.Addr = ":80"
	}
	srv := newScripted(t, cfg, k)
	r := &rig{TB: t, srv: srv, k: k, l: srv.loops[0]}
	r.routes()
	return r
}

func newScripted(t testing.TB, cfg Config, scripts ...*script) *Server {
	t.Helper()
	if cfg.MaxSessions == 0 {
		cfg.MaxSessions = 8
	}
	cfg.Loops = len(scripts)
	cfg, err := cfg.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	kernels := make([]kernel, len(scripts))
	for i, k := range scripts {
		kernels[i] = k
	}
	srv, err := newServer(cfg, kernels)
	if err != nil {
		t.Fatal(err)
	}
	return srv
}

// handle adds a route; what its handler does is in the log.
func (r *rig) handle(method, pattern string, h Handler) {
	r.Helper()
	if err := r.srv.Handle(Route{Method: method, Pattern: pattern, Handler: h}); err != nil {
		r.Fatal(err)
	}
}

// turn is one turn of the loop.
func (r *rig) turn() {
	r.Helper()
	if err := r.l.turn(); err != nil {
		r.Fatal(err)
	}
}

// quiet turns the loop until it would wait.
func (r *rig) quiet() {
	r.Helper()
	r.k.polls = 0
	for r.turn(); !r.k.blocked; r.turn() {
	}
}

// pass lets time go by, then what that brings about happen.
func (r *rig) pass(d time.Duration) {
	r.Helper()
	r.k.now += d
	r.quiet()
}

// dial puts one more connection into the backlog.
func (r *rig) dial() *sock {
	s := r.k.socket()
	r.k.backlog = append(r.k.backlog, connection{s, ok})
	return s
}

// socket makes a descriptor that nobody knows yet.
func (k *script) socket() *sock {
	s := &sock{k: k, fd: k.next}
	k.next++
	return s
}

// connect opens a session.
func (r *rig) connect() *sock {
	r.Helper()
	s := r.dial()
	r.quiet()
	if s.want != wantRead {
		r.Fatalf("connection %d was not taken", s.fd)
	}
	return s
}

// adopt opens a session on a socket that has another descriptor.
func (r *rig) adopt() *sock {
	r.Helper()
	s := r.k.socket()
	r.k.socks[s.fd] = s
	if err := r.srv.Adopt(s.fd); err != nil {
		r.Fatal(err)
	}
	r.quiet()
	return s
}

// conn returns the session's connection while it lives.
func (r *rig) conn(s *sock) *conn {
	r.Helper()
	session := r.l.table.Lookup(s.name)
	if session == nil {
		r.Fatalf("the session of %d has ended", s.fd)
	}
	return r.l.connOf(session)
}

// id returns the name of the session of s.
func (r *rig) id(s *sock) ID { return ID{r.l.index, s.name} }

// ask lets the pieces arrive and returns what was sent then.
func (r *rig) ask(s *sock, pieces ...string) string {
	r.Helper()
	s.says(pieces...)
	r.quiet()
	return s.took()
}

// is wants the connection to be in the state, and to hold a buffer only where
// that state has something to hold.
func (r *rig) is(s *sock, want state) {
	r.Helper()
	c := r.conn(s)
	if c.state != want {
		r.Errorf("connection %d is in state %v, want %v", s.fd, c.state, want)
	}
	if c.want != states[want].want || s.want != c.want {
		r.Errorf("connection %d in state %v is watched for %d, by the kernel for %d", s.fd, want, c.want, s.want)
	}
	holds := c.in.buf != nil || c.out.buf != nil
	switch want {
	case stateDiscard: // of what is dropped a part of the trailers is kept
		if holds && c.in.coding != inTrailers {
			r.Errorf("connection %d holds a buffer in state %v", s.fd, want)
		}
	case stateFresh, stateIdle, stateLinger:
		if holds {
			r.Errorf("connection %d holds a buffer in state %v", s.fd, want)
		}
	default:
		if !holds {
			r.Errorf("connection %d holds nothing in state %v", s.fd, want)
		}
	}
}

// ended wants the connection to be closed, with nothing left of it.
func (r *rig) ended(s *sock) {
	r.Helper()
	if !s.closed {
		r.Errorf("connection %d is open, in state %v", s.fd, r.conn(s).state)
	}
}

// finish ends every session from the peer's side, then the server, and wants
// nothing to be left.
func (r *rig) finish() {
	r.Helper()
	r.empty()
	r.srv.Close()
	if err := r.l.run(); err != nil {
		r.Error(err)
	}
	r.empty()
	if r.k.endCalls != 1 {
		r.Errorf("the kernel ended %d times", r.k.endCalls)
	}
}

// empty lets every peer end, and wants no session and no buffer after that.
func (r *rig) empty() {
	r.Helper()
	for _, s := range r.k.socks {
		if !s.listening {
			s.refusing, s.room = false, nil
			s.fin()
		}
	}
	if r.k.endCalls == 0 {
		r.quiet()
	}
	if n := r.l.table.Len(); n != 0 {
		r.Errorf("%d sessions are left", n)
	}
	if n := r.l.pool.live; n != 0 {
		r.Errorf("%d buffers are left", n)
	}
	if n := r.srv.sessions.Load(); n != 0 {
		r.Errorf("%d sessions are counted", n)
	}
	if n := r.l.load.Load(); n != 0 {
		r.Errorf("the loop has a load of %d", n)
	}
}

// routes are what the tests ask for.
func (r *rig) routes() {
	say := func(text string) Handler {
		return func(w *Response, _ *Request) error { return w.SendString(text) }
	}
	r.handle("GET", "/", say("root"))
	r.handle("GET", "/hi", say("hi"))
	r.handle("HEAD", "/hi", say("hi"))
	r.handle("OPTIONS", "*", say("all"))
	for _, method := range []string{"GET", "POST", "PUT"} {
		r.handle(method, "/echo", func(w *Response, r *Request) error { return w.Send(r.Content()) })
	}
	r.handle("GET", "/where", func(w *Response, r *Request) error {
		x, ok := r.Query("x")
		host, _ := r.Header("hOST")
		return w.SendString(fmt.Sprint(r.Method(), " ", r.Target(), " ", r.Path(), " ", x, " ", ok, " ", host))
	})
	r.handle("GET", "/fail", func(w *Response, _ *Request) error {
		w.SendString("bye")
		return ErrInternal
	})
	r.handle("GET", "/mute", func(*Response, *Request) error { return nil })
	r.handle("GET", "/mutefail", func(*Response, *Request) error { return ErrInternal })
	r.handle("GET", "/twice", func(w *Response, _ *Request) error {
		w.SendString("once")
		if err := w.SendString("twice"); err != ErrSent {
			r.Errorf("the second Send returned %v", err)
		}
		return nil
	})
	r.handle("GET", "/split", func(w *Response, _ *Request) error {
		w.AddHeader("X-A", "1\r\nX-B: 2")
		return w.SendString("never")
	})
	r.handle("GET", "/empty", func(w *Response, _ *Request) error { return w.Send(nil) })
	r.handle("GET", "/204", func(w *Response, _ *Request) error {
		w.SetStatus(204)
		return w.Send(nil)
	})
	r.handle("POST", "/post", func(w *Response, r *Request) error { return w.Send(r.Content()) })
	r.handle("GET", "/404", func(w *Response, _ *Request) error { return w.SendErr(ErrNotFound, "no such number") })
	r.handle("GET", "/fields", func(w *Response, _ *Request) error {
		w.AddHeader("X-A", "1")
		w.AddHeader("X-B", "2")
		return w.SendString("f")
	})
	r.handle("GET", "/fieldsfail", func(w *Response, _ *Request) error {
		w.AddHeader("X-A", "1")
		w.SendString("f")
		return ErrInternal
	})
	r.handle("GET", "/long", say(strings.Repeat("0123456789", 30)))
	r.handle("GET", "/set", r.set)
	r.handle("", "/show", show)
}

// show answers with the whole request, as the API has it.
func show(w *Response, r *Request) error {
	fmt.Fprintf(w, "%s %s %s\n", r.Method(), r.Target(), r.Version())
	for name, value := range r.Headers() {
		fmt.Fprintf(w, "%s: %s\n", name, value)
	}
	fmt.Fprintf(w, "\n%s\n", r.Content())
	for name, value := range r.Trailers() {
		fmt.Fprintf(w, "%s: %s\n", name, value)
	}
	return nil
}

// set replaces the context by each parameter v in turn; "-" is none. With
// fail it fails. What is done and what is freed is in the log.
func (r *rig) set(w *Response, req *Request) error {
	query := string(req.QueryBytes())
	pairs, fails := strings.CutSuffix(query, "&fail")
	for _, v := range strings.Split(pairs, "&") {
		if v == "-" {
			req.Session().SetCtx(nil, nil)
		} else {
			req.Session().SetCtx(v, func(ctx any) { r.k.note("free %s", ctx) })
		}
	}
	err := w.SendString(fmt.Sprint(req.Session().Ctx()))
	r.k.note("returned")
	if fails {
		return ErrInternal
	}
	return err
}

// What goes over the wire.

const dateLine = "Date: Mon, 02 Jan 2006 15:04:05 GMT\r\n"

// req is a request with a Host and these further field-lines.
func req(line string, fields ...string) string {
	return line + " HTTP/1.1\r\nHost: a\r\n" + strings.Join(append(fields, ""), "\r\n") + "\r\n"
}

// post is a request for /echo with content.
func post(content string, fields ...string) string {
	return req("POST /echo", append(fields, fmt.Sprintf("Content-Length: %d", len(content)))...) + content
}

func get(target string) string { return req("GET " + target) }

// answer is a response with text as its content. A field "close" stands for
// Connection: close.
func answer(status, content string, fields ...string) string {
	head := "HTTP/1.1 " + status + "\r\n" + dateLine +
		fmt.Sprintf("Content-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n", len(content))
	for _, f := range fields {
		if f == "close" {
			f = "Connection: close"
		}
		head += f + "\r\n"
	}
	return head + "\r\n" + content
}

// good is a 200, fail the engine's own error response.
func good(content string, fields ...string) string { return answer("200 OK", content, fields...) }

func fail(code ErrCode, fields ...string) string {
	return answer(code.Error(), code.body(), fields...)
}

// most is a request that lacks its last octets of content; rest are those.
var (
	whole = post("abc")
	most  = whole[:len(whole)-2]
	rest  = whole[len(whole)-2:]
)

// upload is a request for /echo with a body in chunks.
func upload(body string, fields ...string) string { return chunkedTo("POST /echo", body, fields...) }

func chunkedTo(line, body string, fields ...string) string {
	return req(line, append(fields, "Transfer-Encoding: chunked")...) + body
}

// chunks is a chunk of each piece, and last the end of a body without trailers.
func chunks(pieces ...string) (body string) {
	for _, data := range pieces {
		body += fmt.Sprintf("%x\r\n%s\r\n", len(data), data)
	}
	return body
}

const last = "0\r\n\r\n"

const interim = "HTTP/1.1 100 Continue\r\n\r\n"
