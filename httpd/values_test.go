package httpd

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

// TestOnEnd: who waits for the end of a request is told once, when it is over,
// before the next one begins, and of what has become of it.
func TestOnEnd(t *testing.T) {
	for name, c := range map[string]struct {
		h        Handler
		blocking bool
		gone     bool // the peer, while the handler waits
		want     string
	}{
		"answered":      {h: func(w *Response, _ *Request) error { return w.SendString("x") }, want: "200 1 <nil>"},
		"SendErr":       {h: func(w *Response, _ *Request) error { return w.SendErr(404, "no") }, want: "404 2 <nil>"},
		"failed":        {h: func(*Response, *Request) error { return errDone }, want: "500 41 " + errDone.Error()},
		"unanswered":    {h: func(*Response, *Request) error { return nil }, want: "500 41 500 Internal Server Error"},
		"not valid":     {h: func(w *Response, _ *Request) error { w.AddHeader("a b", ""); w.SendString("x"); return nil }, want: "500 41 500 Internal Server Error"},
		"fell":          {h: func(*Response, *Request) error { panic("fell") }, want: "500 41 " + errPanic.Error()},
		"HandleErr":     {h: func(w *Response, r *Request) error { return r.HandleErr(w, 403) }, want: "403 55 <nil>"},
		"blocking":      {h: func(w *Response, _ *Request) error { return w.SendString("x") }, blocking: true, want: "200 1 <nil>"},
		"blocking fell": {h: func(w *Response, _ *Request) error { panic("fell") }, blocking: true, want: "500 41 " + errPanic.Error()},
		"gone": {h: func(w *Response, r *Request) error { _, err := io.ReadAll(r); return err },
			blocking: true, gone: true, want: "200 0 unexpected EOF"},
		"detached": {h: func(_ *Response, r *Request) error {
			d, err := r.Detach()
			go func() { d.Complete(d.Response().SendString("xy")) }()
			return err
		}, want: "200 2 <nil>"},
		"detached, failed": {h: func(_ *Response, r *Request) error {
			d, err := r.Detach()
			go func() { d.Complete(errDone) }()
			return err
		}, want: "500 41 " + errDone.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Config{}, func(b *bubble) {
				told := []string{}
				note := func(who string) Middleware {
					return func(next Handler) Handler {
						return func(w *Response, r *Request) error {
							r.OnEnd(func(err error) { told = append(told, fmt.Sprint(who, w.Status(), " ", w.Written(), " ", err)) })
							return next(w, r)
						}
					}
				}
				err := b.srv.Handle(Route{Pattern: "/do", Blocking: c.blocking, Handler: c.h, Use: []Middleware{note("outer "), note("inner ")}})
				if err != nil {
					t.Fatal(err)
				}
				b.handle("GET", "/next", func(w *Response, _ *Request) error {
					told = append(told, "next")
					return w.SendString("next")
				})
				s := b.connect()
				if c.gone {
					b.ask(s, req("POST /do", "Content-Length: 9"))
					s.reset()
					b.settle()
				} else {
					b.ask(s, get("/do")+get("/next"))
				}
				want := "inner " + c.want + ", outer " + c.want
				if !s.shut && !s.closed {
					want += ", next"
				}
				if got := strings.Join(told, ", "); got != want {
					t.Errorf("it is told %q, want %q", got, want)
				}
			})
		})
	}
}

// TestOnEndOfErrors: an error handler may wait for the end, too, and what it is
// told is of that request.
func TestOnEndOfErrors(t *testing.T) {
	inBubble(t, Config{}, func(b *bubble) {
		var told []string
		for _, code := range []ErrCode{400, 404, 408} {
			b.srv.OnError(code, func(w *Response, r *Request, code ErrCode) error {
				r.OnEnd(func(err error) { told = append(told, fmt.Sprint(int(code), " ", err)) })
				if code == 408 && len(told) == 0 {
					return nil // it waits
				}
				return w.SendErr(code, "")
			})
		}
		s := b.connect()
		b.ask(s, most)
		for range 2 {
			b.pass(b.srv.cfg.ContentTimeout)
		}
		b.ask(s, rest+get("/nowhere")+"no request\r\n\r\n")
		if got := strings.Join(told, ", "); got != "408 <nil>, 408 <nil>, 404 <nil>, 400 400 Bad Request" {
			t.Errorf("it is told %q", got)
		}
	})
}

// TestValues: what is kept with a session stays there, beside its context, under
// its key, until the session ends.
func TestValues(t *testing.T) {
	type one struct{}
	type two struct{ n int }
	inBubble(t, Config{MaxSessions: 1}, func(b *bubble) {
		step := 0
		wrong := func(s *Session, vals ...any) error {
			step++
			if got := []any{s.Value(one{}), s.Value(two{1}), s.Value(two{2}), s.Ctx()}; !slices.Equal(got, vals) {
				return fmt.Errorf("step %d: %v, want %v", step, got, vals)
			}
			return nil
		}
		h := func(w *Response, r *Request) error {
			s := r.Session()
			err := wrong(s, nil, nil, nil, nil)
			s.SetValue(one{}, "a")
			s.SetValue(two{1}, "b")
			s.SetValue(two{2}, "c")
			s.SetCtx("ctx", nil)
			err = errors.Join(err, wrong(s, "a", "b", "c", "ctx"))
			s.SetValue(two{1}, nil)
			s.SetValue(two{3}, nil)
			s.SetCtx(nil, nil)
			err = errors.Join(err, wrong(s, "a", nil, "c", nil))
			s.SetValue(two{1}, "d")
			s.SetValue(one{}, "e")
			return errors.Join(err, w.SendString("set"))
		}
		look := func(w *Response, r *Request) error {
			return errors.Join(wrong(r.Session(), "e", "d", "c", nil), w.SendString("there"))
		}
		b.handle("GET", "/put", h)
		b.block("/bput", h)
		b.handle("GET", "/look", look)
		b.block("/blook", look)
		for _, path := range []string{"/put", "/bput"} {
			s := b.connect()
			if got := b.ask(s, get(path)+get("/look")+get("/blook")); got != good("set")+good("there")+good("there") {
				t.Errorf("got %q", got)
			}
			b.srv.QueueWorkFor(b.id(s), func(s *Session) {
				if err := wrong(s, "e", "d", "c", nil); err != nil {
					t.Error(err)
				}
			})
			b.settle()
			s.fin()
			b.settle() // the next session has its slot
		}
	})
}
