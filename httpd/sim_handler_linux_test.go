package httpd

import (
	"errors"
	"strconv"
	"time"
)

// simSession is what the application knows of a session.
type simSession struct {
	id      ID
	opened  bool        // OnOpen has taken it
	told    bool        // OnClose was called
	reason  CloseReason // what it was told
	blamed  simBlame
	adopted bool
	severed bool
	looked  bool // the last recv found nothing
	taken   int  // octets of the client's that the engine has
	sent    int  // octets that the socket took
	heard   int  // the same, by Config.Events
	ctx     *simCtx
	base    *simCtx // what it was when the request began: not to be freed before that ends
	serving bool    // a handler runs
	async   *simAsync
	below   *simBelow // of the transport
	fails   bool      // a handler has returned an error, or no answer
	lates   int       // how many times a 408 was asked for: what the engine has in hand may be answered
	ends    bool      // TriggerClose was called for it
	hands   bool      // a handler asks for its connection
	slack   bool      // the content of a blocking handler has not come in time
	excess  bool      // a content may be longer than MaxContentBytes
}

// A simCtx is a session's context.
type simCtx struct {
	no    int
	s     *simSock
	sum   int
	freed bool
	taken bool // it is the handler's now
}

// simContexts counts them, and those of the transport.
type simContexts struct {
	made, freed       int
	below, belowFreed int
	free              func(any)
}

func (w *simWorld) newCtx(s *simSock, sum int) *simCtx {
	w.made++
	w.count.made++
	return &simCtx{no: w.made, s: s, sum: sum}
}

// freeCtx is the free function of every context.
func (w *simWorld) freeCtx(ctx any) {
	x := ctx.(*simCtx)
	s := x.s
	current := 0
	if s.ctx == x {
		current = 1
	}
	w.note(simFrees, s.no, x.no, current)
	w.effects++
	switch {
	case x.freed:
		w.fail("context %d of #%d is freed twice", x.no, s.no)
	case x.taken:
		w.fail("context %d of #%d is freed, and was taken away", x.no, s.no)
	case s.ctx == x && !s.closed:
		w.fail("context %d of #%d is freed before the socket is closed", x.no, s.no)
	case s.base == x && !s.hands && (s.serving || s.async != nil && !s.async.done):
		w.fail("context %d of #%d is freed while the request that replaced it is served", x.no, s.no)
	}
	x.freed = true
	w.freed++
}

// setCtx gives the session another context.
func (w *simWorld) setCtx(on *Session, s *simSock, x *simCtx) {
	s.ctx = x
	if x == nil {
		on.SetCtx(nil, nil)
	} else {
		on.SetCtx(x, w.free)
	}
}

// ctxOf returns the session's context, which must be the one it was given.
func (w *simWorld) ctxOf(on *Session, s *simSock) *simCtx {
	x, _ := on.Ctx().(*simCtx)
	switch {
	case x != s.ctx:
		w.fail("the context of #%d is %+v, want %+v", s.no, x, s.ctx)
	case x != nil && (x.freed || x.s != s):
		w.fail("context %d of #%d: freed %v, made for #%d", x.no, s.no, x.freed, x.s.no)
	}
	return x
}

// sockOf returns the socket of a session.
func (w *simWorld) sockOf(on *Session) *simSock {
	s := w.sock("a callback", on.FD())
	if s.opened && on.ID() != s.id {
		w.fail("the session of #%d is %v, and was %v", s.no, on.ID(), s.id)
	}
	return s
}

// Hooks.

func (w *simWorld) onOpen(on *Session) error {
	s := w.sockOf(on)
	s.id = on.ID()
	if other := w.ids[s.id]; other != nil {
		w.fail("#%d has the ID %v, which #%d had", s.no, s.id, other.no)
	}
	w.effects++
	w.ids[s.id] = s
	w.names = append(w.names, s.id)
	w.checkHosts(s)
	w.note(simOpens, s.no, int(s.id.loop), int(s.id.name.Slot))
	s.begun = w.now
	if w.one(w.plan.refuses) {
		s.blame(simRefused)
		if w.one(2) {
			w.setCtx(on, s, w.newCtx(s, 0))
		}
		return errSim
	}
	s.opened = true
	if w.one(w.plan.opens) {
		w.setCtx(on, s, w.newCtx(s, 0))
	}
	if w.one(w.plan.greets) {
		w.push(on, s)
	}
	return nil
}

var errSim = errors.New("the simulation has it so")

func (w *simWorld) onClose(on *Session, r CloseReason) {
	s := w.sockOf(on)
	w.effects++
	w.note(simTold, s.no, int(r), int(on.c.state))
	if s.told || !s.opened {
		w.fail("OnClose of #%d: told %v, opened %v", s.no, s.told, s.opened)
	}
	w.ctxOf(on, s)
	s.told, s.reason = true, r
	s.checkReason(on.c)
	if err := on.Send([]byte("x")); err == nil {
		w.fail("Send in OnClose succeeds")
	}
}

// onEvent is told what the engine does.
func (w *simWorld) onEvent(e Event) {
	s := w.ids[e.Session]
	if s == nil {
		if e.Kind == EventSent || e.Kind == EventDisconnected { // or else it may be ahead of OnOpen
			w.fail("%v of %v, which never was", e.Kind, e.Session)
		}
		return
	}
	switch e.Kind {
	case EventSent:
		s.heard += e.Bytes
	case EventError:
		if e.Code == ErrRequestTimeout {
			s.checkLate()
		}
	case EventDisconnected:
		if !s.closed || s.ctx != nil && s.ctx.freed || s.heard != s.sent && !w.plan.veiled {
			w.fail("#%d is disconnected: closed %v, %d octets of %d told", s.no, s.closed, s.heard, s.sent)
		}
	}
}

// Handlers.

// A simAsked is what a handler knows of its request.
type simAsked struct {
	s     *simSock
	tag   []byte
	no    int
	param int
}

// begin looks whose request it is: its client's, or something is very wrong.
func (w *simWorld) begin(r *Request) (a simAsked, ok bool) {
	q := r.QueryBytes()
	on := r.Session()
	a.s = w.sockOf(on)
	w.effects++
	if len(q) != simQueryLen {
		return a, false
	}
	client := digits(q[:4])
	a.tag, a.no, a.param = q[:simTagLen], digits(q[5:9]), digits(q[10:])
	w.note(simHandles, a.s.no, a.no, a.param)
	if client != a.s.cl.no || a.s.told || a.s.closed {
		w.fail("a request of client %d on #%d, which is client %d's; told %v, closed %v", client, a.s.no, a.s.cl.no, a.s.told, a.s.closed)
	}
	w.ctxOf(on, a.s)
	a.param = min(a.param, 1<<18)
	return a, a.no >= 0 && a.param >= 0
}

// handler is a handler that is told what was asked.
func (w *simWorld) handler(h func(w *Response, r *Request, a *simAsked) error) Handler {
	return func(resp *Response, r *Request) error {
		a, ok := w.begin(r)
		if !ok {
			return resp.SendErr(ErrBadRequest, "E400")
		}
		a.s.base, a.s.serving = a.s.ctx, true
		resp.AddHeader("X-Tag", string(a.tag))
		err := h(resp, r, &a)
		a.s.serving = false
		return err
	}
}

// routes are what the clients ask for.
func (w *simWorld) routes() {
	for _, r := range []struct {
		method, path string
		h            func(w *Response, r *Request, a *simAsked) error
	}{
		{"GET", "/get", w.get},
		{"POST", "/add", w.addUp},
		{"POST", "/echo", w.echo},
		{"GET", "/big", w.big},
		{"GET", "/write", w.written},
		{"GET", "/trailer", w.trailer},
		{"GET", "/raw", w.raw},
		{"GET", "/push", w.pushed},
		{"GET", "/ctx", w.swap},
		{"POST", "/async", w.detach},
		{"GET", "/touch", w.touch},
		{"GET", "/refuse", w.refuse},
		{"GET", "/fail", w.failing},
		{"GET", "/mute", w.mute},
		{"GET", "/cut", w.cutShort},
		{"GET", "/end", w.endsItself},
		{"GET", "/stop", w.stops},
		{"GET", "/upgrade", w.upgrade},
	} {
		if err := w.srv.Handle(Route{Method: r.method, Pattern: r.path, Handler: w.handler(r.h)}); err != nil {
			panic(err)
		}
	}
	for _, r := range []struct {
		method, path string
		h            func(job *simJob) error
	}{
		{"POST", "/pipe", w.pipe},
		{"POST", "/leave", w.leaves},
		{"GET", "/await", w.awaits},
		{"POST", "/late", w.late},
		{"GET", "/down", w.down},
		{"GET", "/break", w.breaks},
		{"GET", "/hijack", w.hijack},
	} {
		route := Route{Method: r.method, Pattern: r.path, Handler: w.blocking(r.h), Blocking: true}
		if r.path == "/late" {
			route.Timeout = oneOf[time.Duration](w, 1, time.Hour) // of a clock that is not the world's
		}
		if err := w.srv.Handle(route); err != nil {
			panic(err)
		}
	}
}

func (w *simWorld) get(resp *Response, _ *Request, a *simAsked) error { return resp.Send(a.tag) }

func (w *simWorld) addUp(resp *Response, r *Request, a *simAsked) error {
	x := w.ctxOf(r.Session(), a.s)
	if x == nil {
		x = w.newCtx(a.s, 0)
		w.setCtx(r.Session(), a.s, x)
	}
	x.sum += max(0, digits(r.Content()))
	return resp.Send(w.sumText(a.tag, x))
}

// sumText is the tag and the session's sum, until the next call.
func (w *simWorld) sumText(tag []byte, x *simCtx) []byte {
	sum := 0
	if x != nil {
		sum = x.sum
	}
	w.buf = strconv.AppendInt(append(append(w.buf[:0], tag...), ' '), int64(sum), 10)
	return w.buf
}

func (w *simWorld) echo(resp *Response, r *Request, a *simAsked) error {
	if w.one(2) || r.Remaining() == 0 {
		return resp.Send(r.Content())
	}
	p := w.scratch(1 + w.n(100))
	for {
		n, err := r.Read(p)
		if err != nil {
			return nil
		}
		resp.Write(p[:n])
	}
}

func (w *simWorld) scratch(n int) []byte {
	if cap(w.buf) < n {
		w.buf = make([]byte, 0, 2*n)
	}
	return w.buf[:n]
}

// fill is what the request's answer has.
func (w *simWorld) fill(a *simAsked) []byte {
	w.buf = appendFill(w.buf[:0], a.s.cl.no, a.no, a.param)
	return w.buf
}

func (w *simWorld) big(resp *Response, _ *Request, a *simAsked) error { return resp.Send(w.fill(a)) }

func (w *simWorld) written(resp *Response, _ *Request, a *simAsked) error {
	b := w.fill(a)
	if len(b) == 0 {
		return resp.Send(nil)
	}
	for len(b) > 0 {
		n := 1 + w.n(len(b))
		resp.Write(b[:n])
		b = b[n:]
	}
	return nil
}

func (w *simWorld) trailer(resp *Response, _ *Request, a *simAsked) error {
	resp.AddTrailer("X-End", string(a.tag))
	return resp.Send(w.fill(a))
}

func (w *simWorld) raw(resp *Response, _ *Request, a *simAsked) error {
	b := append(w.scratch(0), "HTTP/1.1 200 OK\r\nX-Tag: "...)
	b = strconv.AppendInt(append(append(b, a.tag...), "\r\nContent-Length: "...), int64(a.param), 10)
	b = appendFill(append(b, "\r\n\r\n"...), a.s.cl.no, a.no, a.param)
	w.buf = b
	n := w.n(len(b))
	return errors.Join(resp.SendRaw(b[:n]), resp.SendRaw(b[n:]))
}
