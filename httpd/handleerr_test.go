package httpd

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
)

// TestOnErrorCtx: an error handler may change the session's context, whatever
// becomes of the session: it is committed when the handler has returned, and
// freed once.
func TestOnErrorCtx(t *testing.T) {
	for _, p := range raises() {
		for _, c := range conducts() {
			r := newErrRig(t)
			r.handle("PUT", "/mute", func(*Response, *Request) error { return nil })
			var seen any
			r.onError(p.code, func(w *Response, req *Request, code ErrCode) error {
				s := req.Session()
				seen = s.Ctx()
				s.SetCtx("B", func(ctx any) { r.k.note("free %s", ctx) })
				r.k.note("set")
				err := c.do(w, req, code)
				r.k.note("returned")
				return err
			})
			s := r.connect()
			r.ask(s, set("A"))
			r.k.log = nil
			if p.spent {
				r.srv.budget.most = 0
			}
			r.ask(s, p.in)
			if p.rest != "" {
				r.pass(patient)
			}
			_, ends := c.wire(&p)
			if got, want := r.k.logOf("set", "returned", "free", "close"), "set, returned, free A"; got != want && !ends {
				t.Errorf("%s, %s: %q, want %q", p.name, c.name, got, want)
			}
			s.fin()
			r.quiet()
			want := fmt.Sprintf("set, returned, free A, close %d, free B", s.fd)
			if got := r.k.logOf("set", "returned", "free", "close"); got != want || seen != "A" {
				t.Errorf("%s, %s: %q, want %q; the handler saw %v", p.name, c.name, got, want, seen)
			}
			r.finish()
			if n := r.srv.detached.Load(); n != 0 {
				t.Errorf("%s, %s: %d detached", p.name, c.name, n)
			}
		}
	}
}

// TestOnErrorCodes: which codes can have a handler.
func TestOnErrorCodes(t *testing.T) {
	r := newRig(t, Config{})
	h := func(w *Response, _ *Request, code ErrCode) error { return w.SendErr(code, "own") }
	for _, code := range []ErrCode{400, 404, 499, 500, 599} {
		if err := r.srv.OnError(code, h); err != nil || r.srv.errHandler(code) == nil {
			t.Errorf("%d: %v", int(code), err)
		}
		if err := r.srv.OnError(code, nil); err != nil || r.srv.errHandler(code) != nil {
			t.Errorf("%d, removed: %v", int(code), err)
		}
		if err := r.srv.OnError(code, nil); err != nil {
			t.Errorf("%d, removed twice: %v", int(code), err)
		}
	}
	for _, code := range []ErrCode{399, 600, 0, 1, -1, 200, -404, math.MinInt, math.MaxInt} {
		want := fmt.Sprintf("httpd: OnError for %d, want 400 to 599", int(code))
		for _, h := range []ErrHandler{h, nil} {
			if err := r.srv.OnError(code, h); errorText(err) != want {
				t.Errorf("%d: %v", int(code), err)
			}
		}
		if r.srv.errHandler(code) != nil {
			t.Errorf("%d has a handler", int(code))
		}
	}
	r.finish()
}

// TestOnErrorAtRunTime: a handler is there for the next error, takes the place
// of the one before, and goes.
func TestOnErrorAtRunTime(t *testing.T) {
	r := newErrRig(t)
	s := r.connect()
	own := func(text string) ErrHandler {
		return func(w *Response, _ *Request, code ErrCode) error { return w.SendErr(code, text) }
	}
	ask := func(want string) {
		t.Helper()
		if got := r.ask(s, get("/x")); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	ask(fail(404))
	r.onError(404, own("one"))
	ask(answer("404 Not Found", "one"))
	r.onError(404, own("two"))
	r.onError(405, own("three"))
	ask(answer("404 Not Found", "two"))
	r.onError(404, func(w *Response, r *Request, code ErrCode) error {
		own("once")(w, r, code)
		return r.Session().c.l.srv.OnError(404, nil) // a handler may remove itself
	})
	ask(answer("404 Not Found", "once"))
	ask(fail(404))
	r.finish()
}

// TestOnErrorMeanwhile: handlers come and go on another goroutine while requests
// are refused. Each gets one answer or the other, and a request to ask.
func TestOnErrorMeanwhile(t *testing.T) {
	r := newErrRig(t)
	r.handle("PUT", "/mute", func(*Response, *Request) error { return nil })
	var toggling sync.WaitGroup
	stop := make(chan struct{})
	defer toggling.Wait()
	defer close(stop)
	toggling.Go(func() {
		h := func(w *Response, req *Request, code ErrCode) error {
			knows(r, req)
			return w.SendErr(code, "own")
		}
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			for code := ErrCode(400); code <= 505; code++ {
				r.srv.OnError(code, [...]ErrHandler{nil, h}[n%2])
			}
		}
	})
	for range 30 {
		for _, p := range raises() {
			if p.spent {
				continue
			}
			s := r.connect()
			r.ask(s, get("/hi"), p.in)
			if p.rest != "" {
				r.pass(patient)
			}
			got := strings.TrimPrefix(s.took(), good("hi"))
			if n := strings.Count(got, "HTTP/1.1 "+p.code.Error()); n > 1 || n == 0 && got != "" {
				t.Errorf("%s: got %q", p.name, got)
			}
			s.fin()
			r.quiet()
			r.k.log = r.k.log[:0]
		}
	}
	r.finish()
}

// TestHandleErr: what a handler hands over to the server's handler for a code,
// or to the engine.
func TestHandleErr(t *testing.T) {
	own := func(w *Response, _ *Request, code ErrCode) error { return w.SendErr(code, "own") }
	ownAnd := func(w *Response, _ *Request, code ErrCode) error { w.SendErr(code, "own"); return errConduct }
	none := func(*Response, *Request, ErrCode) error { return nil }
	noneAnd := func(*Response, *Request, ErrCode) error { return errConduct }
	again := func(w *Response, r *Request, code ErrCode) error { return r.HandleErr(w, code) }
	other := func(w *Response, r *Request, code ErrCode) error { return r.HandleErr(w, code+1) }
	mine := func(code ErrCode, fields ...string) string { return answer(code.Error(), "own", fields...) }
	broken := fail(500, "close")
	for _, c := range []struct {
		name   string
		code   ErrCode
		h      ErrHandler
		before func(w *Response)
		want   string
		err    error // of HandleErr
	}{
		{"404 without a handler", 404, nil, nil, fail(404), nil},
		{"401 without a handler", 401, nil, nil, fail(401), nil},
		{"a code that nobody knows", 444, nil, nil, answer("444 ", "444 "), nil},
		{"500 without a handler", 500, nil, nil, broken, ErrInternal},
		{"501 without a handler", 501, nil, nil, fail(501), nil},
		{"400 without a handler", 400, nil, nil, fail(400), nil},

		{"404", 404, own, nil, mine(404), nil},
		{"403, failing", 403, ownAnd, nil, mine(403, "close"), errConduct},
		{"400", 400, own, nil, mine(400), nil},
		{"408", 408, own, nil, mine(408), nil},
		{"599", 599, own, nil, answer("599 ", "own"), nil},
		{"500", 500, own, nil, mine(500, "close"), ErrInternal},
		{"500, failing", 500, ownAnd, nil, mine(500, "close"), errConduct},
		{"500 and nothing", 500, none, nil, broken, ErrInternal},
		{"404 and nothing", 404, none, nil, fail(404), nil},
		{"408 and nothing", 408, none, nil, fail(408), nil},
		{"404 and nothing, failing", 404, noneAnd, nil, fail(404, "close"), errConduct},
		{"500 and nothing, failing", 500, noneAnd, nil, broken, errConduct},

		{"in its own handler", 404, again, nil, fail(404), nil},
		{"in its own handler, 500", 500, again, nil, broken, ErrInternal},
		{"another in its handler", 403, other, nil, fail(404), nil},
		{"500 in another's handler", 499, other, nil, broken, ErrInternal},

		{"with fields", 401, own, func(w *Response) { w.SetHeader("WWW-Authenticate", "Basic") }, mine(401, "WWW-Authenticate: Basic"), nil},
		{"with fields, without a handler", 401, nil, func(w *Response) { w.SetHeader("WWW-Authenticate", "Basic") }, fail(401, "WWW-Authenticate: Basic"), nil},
		{"with a field that is none", 401, nil, func(w *Response) { w.SetHeader("A", "\n") }, broken, ErrHeader},
		{"with a field that is none, and nothing", 401, none, func(w *Response) { w.SetHeader("A", "\n") }, broken, ErrHeader},
		{"behind an answer", 404, own, func(w *Response) { w.SendString("x") }, good("x", "close"), ErrSent},
		{"behind an answer, without a handler", 404, nil, func(w *Response) { w.SendString("x") }, good("x", "close"), ErrSent},
		{"behind an answer, and nothing", 404, none, func(w *Response) { w.SendString("x") }, good("x"), nil},
		{"500 behind an answer", 500, none, func(w *Response) { w.SendString("x") }, good("x", "close"), ErrInternal},
		{"behind content, without a handler", 404, nil, func(w *Response) { w.WriteString("x") }, good("x", "close"), ErrSent},
		{"in place of SendRaw", 404, nil, func(w *Response) { w.SendRaw([]byte("raw")) }, "raw", ErrSent},

		{"no code", 0, nil, nil, broken, ErrStatus},
		{"a code below 0", -404, nil, nil, broken, ErrStatus},
		{"a code of four digits", 4040, nil, nil, broken, ErrStatus},
		{"a code that cannot have a handler", 600, nil, nil, answer("600 ", "600 "), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newErrRig(t)
			if c.h != nil {
				r.onError(c.code, c.h)
			}
			if c.code == 403 || c.code == 499 { // for what its handler asks
				r.onError(c.code+1, func(*Response, *Request, ErrCode) error { t.Error("an error handler leads to another"); return nil })
			}
			var err error
			calls := 0
			r.handle("GET", "/do", func(w *Response, req *Request) error {
				if calls++; c.before != nil {
					c.before(w)
				}
				err = req.HandleErr(w, c.code)
				return err
			})
			s := r.connect()
			want := good("hi") + c.want
			if c.err == nil {
				want += good("hi")
			}
			if got := r.ask(s, get("/hi")+get("/do")+get("/hi")); got != want || err != c.err || calls != 1 {
				t.Errorf("%d calls, %v\n got %q\nwant %q", calls, err, got, want)
			}
			if gone := s.shut || s.closed; gone != (c.err != nil) {
				t.Errorf("the connection's end is %v", gone)
			}
			r.finish()
		})
	}
}

// TestHandleErrTwice: a handler that was run can be run again, in the same
// request and in the next.
func TestHandleErrTwice(t *testing.T) {
	r := newErrRig(t)
	calls := 0
	r.onError(403, func(w *Response, req *Request, code ErrCode) error {
		if _, err := req.Detach(); err != ErrDetach {
			t.Errorf("Detach: %v", err)
		}
		calls++
		return fmt.Errorf("call %d", calls)
	})
	r.handle("GET", "/do", func(w *Response, req *Request) error {
		first, second := req.HandleErr(w, 403), req.HandleErr(w, 403)
		if first == nil || second == nil || first.Error() == second.Error() {
			t.Errorf("%v, then %v", first, second)
		}
		return nil
	})
	s := r.connect()
	if got := r.ask(s, get("/do")+get("/do")); got != fail(403)+fail(403) || calls != 4 {
		t.Errorf("%d calls, got %q", calls, got)
	}
	r.finish()
}
