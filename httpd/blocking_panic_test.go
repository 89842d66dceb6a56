package httpd

import (
	"context"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
)

// falls are ways in which a handler does not return.
var falls = map[string]func(){
	"a string":     func() { panic("fell") },
	"an error":     func() { panic(errors.New("fell")) },
	"nil":          func() { panic(nil) }, // which runtime makes an error of
	"by runtime":   func() { var none *Request; _ = none.message },
	"of the abort": func() { panic(io.EOF) },
}

// TestPanic: a handler that panics fails. Its session ends, with 500 if nothing was
// sent, and its context is freed; what it has sent stays. It is logged, with its
// stack, and no other session notices.
func TestPanic(t *testing.T) {
	for how, fall := range falls {
		for name, c := range map[string]struct {
			h    Handler
			want string
		}{
			"before anything": {func(*Response, *Request) error { fall(); return nil }, fail(500, "close")},
			"after fields": {func(w *Response, _ *Request) error {
				w.AddHeader("X", "y")
				w.SetStatus(201)
				fall()
				return nil
			}, fail(500, "close")},
			"after Write": {func(w *Response, _ *Request) error { w.WriteString("written"); fall(); return nil }, fail(500, "close")},
			"after Send":  {func(w *Response, _ *Request) error { w.SendString("sent"); fall(); return nil }, good("sent", "close")},
			"after Flush": {func(w *Response, _ *Request) error {
				w.WriteString("a")
				w.Flush()
				w.WriteString("b")
				fall()
				return nil
			}, "a cut"},
			"in a middleware's function": {func(w *Response, r *Request) error {
				defer w.SendString("deferred")
				fall()
				return nil
			}, good("deferred", "close")},
			"in an error handler": {func(w *Response, r *Request) error {
				return r.HandleErr(w, 403)
			}, fail(403, "close")},
			"behind a panic of its own": {func(w *Response, r *Request) error {
				defer func() {
					recover()
					w.SendString("recovered")
				}()
				fall()
				return nil
			}, good("recovered")},
		} {
			for _, blocking := range []bool{true, false} {
				t.Run(name+", "+how, func(t *testing.T) {
					inBubble(t, Config{}, func(b *bubble) { b.falls(c.h, c.want, blocking, fall) })
				})
			}
		}
	}
}

func (b *bubble) falls(h Handler, want string, blocking bool, fall func()) {
	b.Helper()
	freed := 0
	h2 := func(w *Response, r *Request) error {
		r.Session().SetCtx("ctx", func(any) { freed++ })
		return h(w, r)
	}
	if err := b.srv.Handle(Route{Pattern: "/fall", Handler: h2, Blocking: blocking}); err != nil {
		b.Fatal(err)
	}
	b.srv.OnError(403, func(*Response, *Request, ErrCode) error { fall(); return nil })
	other := b.connect()
	s := b.connect()
	got := b.ask(s, get("/fall")+get("/hi"))
	lives := !strings.Contains(want, "close") && want != "a cut"
	if lives {
		want += good("hi")
	}
	if want == "a cut" {
		if head, body, _ := strings.Cut(got, "\r\n\r\n"); !strings.Contains(head, " 200 OK") || strings.HasSuffix(got, last) || !strings.HasPrefix(body, "1\r\na\r\n") {
			b.Errorf("blocking %v: got %q", blocking, got)
		}
	} else if got != want {
		b.Errorf("blocking %v: got %q", blocking, got)
	}
	if gone := s.shut || s.closed; gone == lives {
		b.Errorf("blocking %v: the connection's end is %v", blocking, gone)
	}
	s.fin()
	b.settle()
	if freed != 1 {
		b.Errorf("blocking %v: the context is freed %d times", blocking, freed)
	}
	if said := b.said.String(); !lives && (strings.Count(said, "panicked") != 1 || !strings.Contains(said, "blocking_panic_test.go") || !strings.Contains(said, "/fall")) {
		b.Errorf("blocking %v: it is said %q", blocking, said)
	}
	if got := b.ask(other, get("/hi")); got != good("hi") {
		b.Errorf("another session got %q", got)
	}
}

// TestGoexit: a blocking handler that ends its goroutine fails as one that panics.
func TestGoexit(t *testing.T) {
	for name, c := range map[string]struct {
		h    Handler
		want string
	}{
		"before anything": {func(*Response, *Request) error { runtime.Goexit(); return nil }, fail(500, "close")},
		"after Write":     {func(w *Response, _ *Request) error { w.WriteString("written"); runtime.Goexit(); return nil }, fail(500, "close")},
		"after Send":      {func(w *Response, _ *Request) error { w.SendString("sent"); runtime.Goexit(); return nil }, good("sent", "close")},
		"in an error handler": {func(w *Response, r *Request) error {
			return r.HandleErr(w, 403)
		}, fail(500, "close")},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Config{}, func(b *bubble) { b.falls(c.h, c.want, true, runtime.Goexit) })
		})
	}
}

// TestPanicBehindDetach: a handler that panics when its request is detached has
// nothing to say of the response, which is another's.
func TestPanicBehindDetach(t *testing.T) {
	inBubble(t, Config{}, func(b *bubble) {
		b.handle("GET", "/detach", func(_ *Response, r *Request) error {
			d, wrote, proceed := b.detach(r), make(chan bool), make(chan bool)
			go func() {
				d.Response().WriteString("by its owner")
				close(wrote)
				<-proceed
				b.complete(d, nil)
			}()
			<-wrote
			defer close(proceed)
			panic("fell")
		})
		if got := b.ask(b.connect(), get("/detach")); got != good("by its owner", "close") {
			t.Errorf("got %q", got)
		}
		if said := b.said.String(); strings.Count(said, "panicked") != 1 {
			t.Errorf("it is said %q", said)
		}
	})
}

// TestContextOnLoop: of a handler on the loop the context is done when the handler
// has returned, whatever has called it, and never another request's.
func TestContextOnLoop(t *testing.T) {
	type key struct{}
	var seen []context.Context
	look := func(r *Request) {
		ctx := r.Context()
		if ctx.Err() != nil || ctx.Value(key{}) != nil {
			t.Errorf("it begins with %v, %v", ctx.Err(), ctx.Value(key{}))
		}
		r.SetContext(context.WithValue(ctx, key{}, "value"))
		if r.Context().Value(key{}) != "value" {
			t.Error("the context that was set is not there")
		}
		seen = append(seen, ctx)
	}
	inBubble(t, Config{}, func(b *bubble) {
		for _, code := range []ErrCode{400, 404, 405, 408, 418} {
			b.srv.OnError(code, func(w *Response, r *Request, code ErrCode) error {
				look(r)
				if code == 408 {
					return nil // it waits
				}
				return w.SendErr(code, "")
			})
		}
		b.handle("GET", "/ctx", func(w *Response, r *Request) error { look(r); return w.SendString("x") })
		b.handle("GET", "/418", func(w *Response, r *Request) error { return r.HandleErr(w, 418) })
		b.block("/blocking", func(w *Response, r *Request) error { look(r); return w.SendString("x") })
		late := b.connect()
		b.ask(late, most)
		b.pass(b.srv.cfg.ContentTimeout)
		for _, path := range []string{"/ctx", "/ctx", "/nowhere", "/418", "/blocking", "/ctx"} {
			b.ask(b.connect(), get(path))
		}
		b.ask(b.connect(), "POST /ctx HTTP/1.1\r\nHost: a\r\n\r\n", "no request\r\n\r\n")
		b.ask(late, rest)
		synctest.Wait()
		if len(seen) != 9 {
			t.Errorf("%d contexts were seen", len(seen))
		}
		for i, ctx := range seen {
			if ctx.Err() != context.Canceled {
				t.Errorf("context %d ends with %v", i, ctx.Err())
			}
		}
	})
}
