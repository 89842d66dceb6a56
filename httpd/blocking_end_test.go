package httpd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// moments are where a handler may be when its session ends: what it waits for,
// and what the peer has said and taken by then. The error is what it is told.
var moments = map[string]struct {
	in    string
	stuck bool // the peer does not read
	wait  func(w *Response, r *Request) error
}{
	"in Read": {in: req("POST /wait", "Content-Length: 9") + "con", wait: func(_ *Response, r *Request) error {
		_, err := io.ReadAll(r)
		return err
	}},
	"in Read of chunks": {in: req("POST /wait", "Transfer-Encoding: chunked") + "9\r\ncon", wait: func(_ *Response, r *Request) error {
		_, err := io.ReadAll(r)
		return err
	}},
	"in Read of trailers": {in: req("POST /wait", "Transfer-Encoding: chunked") + "3\r\ncon\r\n0\r\nTrai", wait: func(_ *Response, r *Request) error {
		_, err := io.ReadAll(r)
		return err
	}},
	"invited": {in: req("POST /wait", "Expect: 100-continue", "Content-Length: 9"), wait: func(_ *Response, r *Request) error {
		_, err := io.ReadAll(r)
		return err
	}},
	"in Write": {in: get("/wait"), stuck: true, wait: func(w *Response, _ *Request) error {
		for {
			if _, err := w.WriteString(strings.Repeat("text", 1000)); err != nil {
				return err
			}
		}
	}},
	"in Write, with content": {in: req("POST /wait", "Content-Length: 9") + "con", stuck: true, wait: func(w *Response, _ *Request) error {
		for {
			if _, err := w.WriteString(strings.Repeat("text", 1000)); err != nil {
				return err
			}
		}
	}},
	"in Flush": {in: get("/wait"), stuck: true, wait: func(w *Response, _ *Request) error {
		for {
			w.WriteString("text")
			if err := w.Flush(); err != nil {
				return err
			}
		}
	}},
	"on the context": {in: get("/wait"), wait: func(_ *Response, r *Request) error {
		<-r.Context().Done()
		return r.Context().Err()
	}},
	"on the context, with requests behind": {in: get("/wait") + get("/hi") + get("/hi"), wait: func(_ *Response, r *Request) error {
		<-r.Context().Done()
		return r.Context().Err()
	}},
	"on the context, with content": {in: req("POST /wait", "Content-Length: 9") + "con", wait: func(_ *Response, r *Request) error {
		<-r.Context().Done()
		return r.Context().Err()
	}},
	"on the context, uninvited": {in: req("POST /wait", "Expect: 100-continue", "Content-Length: 9"), wait: func(_ *Response, r *Request) error {
		<-r.Context().Done()
		return r.Context().Err()
	}},
	"on the context, full": {in: req("POST /wait", "Content-Length: 200000") + someText(190000), wait: func(_ *Response, r *Request) error {
		<-r.Context().Done()
		return r.Context().Err()
	}},
	"on the context, with output": {in: get("/wait"), stuck: true, wait: func(w *Response, r *Request) error {
		w.WriteString("text")
		w.Flush()
		<-r.Context().Done()
		return r.Context().Err()
	}},
}

// TestBlockingEnds: however a session ends while its handler waits for something,
// the handler is told at once, its context is done, and nothing is left.
func TestBlockingEnds(t *testing.T) {
	for how, end := range map[string]struct {
		do   func(b *bubble, s *sock)
		told error // in Read and Write; nil: whatever
		late bool  // a socket that is not read from does not tell
	}{
		"a reset":                        {do: func(_ *bubble, s *sock) { s.reset() }, told: io.ErrUnexpectedEOF},
		"the end":                        {do: func(_ *bubble, s *sock) { s.fin() }, told: io.ErrUnexpectedEOF, late: true},
		"broken":                         {do: func(_ *bubble, s *sock) { s.breaks() }, told: ErrSessionEnding},
		"Close":                          {do: func(b *bubble, _ *sock) { b.srv.Close() }, told: ErrSessionEnding},
		"SendTimeout and ContentTimeout": {do: func(b *bubble, _ *sock) { b.pass(b.srv.cfg.SendTimeout) }, late: true},
	} {
		for when, m := range moments {
			if end.late && (m.stuck || !strings.Contains(when, "Read")) && how != "SendTimeout and ContentTimeout" {
				continue
			}
			if how == "SendTimeout and ContentTimeout" && strings.HasPrefix(when, "on the context") {
				continue // nobody is late
			}
			t.Run(how+" "+when, func(t *testing.T) {
				inBubble(t, Config{MinProgressBytes: -1}, func(b *bubble) {
					var told error
					var ctx context.Context
					freed, returned := 0, false
					b.block("/wait", func(w *Response, r *Request) error {
						r.Session().SetCtx("ctx", func(any) { freed++ })
						ctx = r.Context()
						told = m.wait(w, r)
						returned = true
						return told
					})
					s := b.connect()
					s.refusing = m.stuck
					b.ask(s, sliced(m.in, 60000)...)
					if returned {
						t.Fatal("it does not wait")
					}
					end.do(b, s)
					b.settle()
					if !returned {
						t.Fatal("the handler is not told")
					}
					if ctx.Err() == nil {
						t.Error("its context is not done")
					}
					onCtx := strings.HasPrefix(when, "on the context")
					if onCtx && told != context.Canceled || !onCtx && end.told != nil && told != end.told {
						t.Errorf("it is told %v", told)
					}
					if how == "the end" && onCtx {
						s.refusing = false // it is answered
						b.settle()
					}
					if how == "SendTimeout and ContentTimeout" && !m.stuck {
						if told != ErrRequestTimeout || !strings.Contains(string(s.out), fail(408, "close")) {
							t.Errorf("it is told %v, and the peer %q", told, s.out)
						}
						s.fin()
						b.settle()
					}
					if !s.closed || freed != 1 {
						t.Errorf("closed %v, freed %d times", s.closed, freed)
					}
					b.gone()
				})
			})
		}
	}
}

// TestBlockingHalfClosed: who has only ended its side is answered, once all of
// the content is there; the context is done.
func TestBlockingHalfClosed(t *testing.T) {
	inBubble(t, Config{}, func(b *bubble) {
		b.block("/slow", func(w *Response, r *Request) error {
			content, err := io.ReadAll(r)
			if err != nil {
				return err
			}
			<-r.Context().Done()
			return w.SendString(fmt.Sprint(len(content)))
		})
		s := b.connect()
		s.says(sliced(req("POST /slow", "Content-Length: 200000")+someText(200000)+get("/slow")+get("/hi"), 50000)...)
		s.fin()
		b.settle()
		if got := s.took(); got != good("200000")+good("0")+good("hi") || !s.closed {
			t.Errorf("got %q, closed %v", got, s.closed)
		}
	})
}

// A stuck handler waits until the test lets it go on.
type stuckHandler struct {
	proceed chan bool
	ctx     context.Context
}

func (b *bubble) stick(pattern string) *stuckHandler {
	h := &stuckHandler{proceed: make(chan bool)}
	b.block(pattern, func(w *Response, r *Request) error {
		h.ctx = r.Context()
		<-h.proceed
		return w.SendString("stuck")
	})
	return h
}

// TestBlockingStop: a handler that runs is waited for by Stop, and its session
// ends behind its answer; TriggerClose too. Purge does not take it, nor has it a
// deadline.
func TestBlockingStop(t *testing.T) {
	for how, c := range map[string]struct {
		do   func(b *bubble, s *sock)
		want string
		ends bool
	}{
		"nothing":      {func(*bubble, *sock) {}, good("stuck") + good("hi"), false},
		"Stop":         {func(b *bubble, _ *sock) { b.srv.Stop() }, good("stuck", "close"), true},
		"TriggerClose": {func(b *bubble, s *sock) { b.srv.TriggerClose(b.id(s)) }, good("stuck", "close"), true},
		"TriggerClose, twice": {func(b *bubble, s *sock) {
			b.srv.TriggerClose(b.id(s))
			b.settle()
			b.srv.TriggerClose(b.id(s))
		}, good("stuck", "close"), true},
		"an hour": {func(b *bubble, s *sock) { b.pass(time.Hour) }, good("stuck") + good("hi"), false},
		"others who want its place": {func(b *bubble, s *sock) {
			for range 3 {
				b.dial()
				b.settle()
			}
		}, good("stuck") + good("hi"), false},
		"a function that sends": {func(b *bubble, s *sock) {
			b.srv.QueueWorkFor(b.id(s), func(s *Session) { s.Send([]byte(pushed)) })
		}, pushed + good("stuck") + good("hi"), false},
		"Unhandle": {func(b *bubble, s *sock) { b.srv.Unhandle("", "/stuck") }, good("stuck") + good("hi"), false},
	} {
		t.Run(how, func(t *testing.T) {
			inBubble(t, Config{MaxSessions: 2, WhenFull: Purge, IdleTimeout: time.Minute}, func(b *bubble) {
				h := b.stick("/stuck")
				s := b.connect()
				b.ask(s, get("/stuck")+get("/hi"))
				c.do(b, s)
				b.settle()
				if h.ctx.Err() != nil {
					t.Errorf("the context is done: %v", h.ctx.Err())
				}
				close(h.proceed)
				b.settle()
				if got := s.took(); got != c.want {
					t.Errorf("got %q", got)
				}
				if ends := s.shut || s.closed; ends != c.ends {
					t.Errorf("the connection's end is %v", ends)
				}
			})
		})
	}
}

// TestBlockingFull: with Config.MaxDetached handlers at work one more request is
// answered 503, and its session goes on, without what is left of the content.
func TestBlockingFull(t *testing.T) {
	busy := fail(503, "Retry-After: 1")
	for name, c := range map[string]struct {
		in   string
		want string
		ends bool
	}{
		"nothing":       {get("/stuck") + get("/hi"), busy + good("hi"), false},
		"a content":     {req("POST /stuck", "Content-Length: 60") + strings.Repeat("content", 9)[:60] + get("/hi"), busy + good("hi"), false},
		"chunks":        {req("POST /stuck", "Transfer-Encoding: chunked") + chunks("con", "tent") + "0\r\nT: t\r\n\r\n" + get("/hi"), busy + good("hi"), false},
		"too much":      {req("POST /stuck", "Content-Length: 101"), fail(503, "close"), true},
		"uninvited":     {req("POST /stuck", "Expect: 100-continue", "Content-Length: 9"), fail(503, "Retry-After: 1", "close"), true},
		"HEAD":          {req("HEAD /stuck") + get("/hi"), bare(busy) + good("hi"), false},
		"twice":         {get("/stuck") + get("/stuck") + get("/hi"), busy + busy + good("hi"), false},
		"an old client": {"GET /stuck HTTP/1.0\r\n\r\n", fail(503, "Retry-After: 1", "close"), true},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Config{MaxDetached: 1, MaxContentBytes: 100}, func(b *bubble) {
				b.handle("GET", "/nth", func(w *Response, r *Request) error {
					return w.SendString(fmt.Sprint(r.Session().Requests()))
				})
				h := b.stick("/stuck")
				first := b.connect()
				b.ask(first, get("/stuck"))
				row := row{in: c.in, want: c.want, ends: c.ends}
				cuts := []int{len(c.in)}
				if !strings.Contains(name, "uninvited") {
					for at := 1; at < len(c.in); at++ {
						cuts = append(cuts, at)
					}
				}
				for _, at := range cuts {
					s := b.connect()
					s.says(c.in[:at], c.in[at:])
					b.settle()
					row.judge(b.rig, s, []string{c.in[:at], c.in[at:]})
					s.took()
					if asked := strings.Count(c.want, "HTTP/1.1"); !c.ends {
						if got := b.ask(s, get("/nth")); !strings.HasSuffix(got, good(fmt.Sprint(asked+1))) {
							t.Errorf("the next request is not the %dth: %q", asked+1, got)
						}
					}
					s.fin()
					b.settle()
				}
				close(h.proceed)
				b.settle()
				if got := first.took(); got != good("stuck") {
					t.Errorf("the first got %q", got)
				}
				if got := b.ask(b.connect(), get("/stuck")); got != good("stuck") {
					t.Errorf("behind it: %q", got)
				}
			})
		})
	}
}

// TestBlockingRest: of a content that the handler does not read MaxContentBytes
// are dropped, however much of it was read; more ends the session.
func TestBlockingRest(t *testing.T) {
	const most = 1000
	for _, read := range []int{0, 1, 500, most, 5 * most, 200000} {
		for _, left := range []int{0, 1, most - 1, most, most + 1, 3 * most, 200000} {
			content := someText(read + left)
			for name, c := range contents(content) {
				if name == "in octets" && len(content) > 10*most {
					continue
				}
				t.Run(fmt.Sprint(name, ", ", read, ", ", left), func(t *testing.T) {
					inBubble(t, Config{MaxContentBytes: most}, func(b *bubble) {
						b.block("/part", func(w *Response, r *Request) error {
							if _, err := io.CopyN(io.Discard, r, int64(read)); err != nil {
								return err
							}
							return w.SendString("part")
						})
						s := b.connect()
						// The handler is done before the rest comes.
						cut := int(int64(len(c[1])) * int64(read) / int64(max(1, len(content))))
						if end := content[max(0, read-8):read]; name == "in one chunk" {
							cut = strings.Index(c[1], end) + len(end)
						}
						if read == 0 {
							cut = 0
						}
						got := b.ask(s, append([]string{req("POST /part", c[0])}, sliced(c[1][:cut], 3000)...)...)
						for strings.Count(got, "HTTP/1.1") == 0 { // a few octets of framing may lack
							got += b.ask(s, c[1][cut:cut+1])
							cut++
						}
						rest := append(sliced(c[1][cut:], 3000), get("/hi"))
						if s.closed {
							t.Fatalf("got %q", got)
						}
						if !s.shut {
							got += b.ask(s, rest...)
						}
						switch ends := s.shut || s.closed; {
						case left == most+1 && name != "with a length": // it is not cut that exactly
						case left > most && ends && (got == good("part", "close") || got == good("part")):
						case left <= most && !ends && got == good("part")+good("hi"):
						default:
							t.Errorf("ends %v, got %q", ends, got)
						}
					})
				})
			}
		}
	}
}

// TestBlockingSpoilt: a content that goes wrong ends for the handler, behind what
// was good of it, and its session with the answer: that of the handler, whatever
// it is, or the engine's.
func TestBlockingSpoilt(t *testing.T) {
	long := someText(200000)
	answers := map[string]struct {
		h    func(w *Response, err error) error
		want func(code ErrCode) string
	}{
		"unanswered": {func(_ *Response, err error) error { return err }, func(code ErrCode) string { return fail(code, "close") }},
		"ignored":    {func(*Response, error) error { return nil }, func(code ErrCode) string { return fail(code, "close") }},
		"answered":   {func(w *Response, _ error) error { return w.SendString("answer") }, func(ErrCode) string { return good("answer", "close") }},
		"answered at length": {func(w *Response, _ error) error { return w.SendString(long) },
			func(ErrCode) string { return good(long) }},
		"flushed": {func(w *Response, _ error) error {
			w.WriteString("a")
			if err := w.Flush(); err != nil {
				return err
			}
			w.WriteString("b")
			return w.Flush()
		}, func(ErrCode) string { return flushed("Transfer-Encoding: chunked\r\n", "1\r\na\r\n1\r\nb\r\n"+last) }},
	}
	for name, c := range map[string]struct {
		body string
		code ErrCode
		good string
	}{
		"no chunk-size":     {"x\r\n", 400, ""},
		"behind a chunk":    {chunks("good") + "x\r\n", 400, "good"},
		"no CRLF":           {"3\r\nabcd", 400, "abc"},
		"an extension":      {chunks("good") + "1;" + strings.Repeat("x", 5000) + "\r\n", 400, "good"},
		"a trailer":         {chunks("good") + "0\r\nno trailer\r\n\r\n", 400, "good"},
		"a long trailer":    {chunks("good") + "0\r\nT: " + strings.Repeat("x", 5000) + "\r\n\r\n", 431, "good"},
		"a huge chunk-size": {chunks("good") + "11111111111111111\r\n", 400, "good"},
		"a forbidden one":   {chunks("good") + "0\r\nContent-Length: 3\r\n\r\n", 400, "good"},
		"nothing more":      {chunks("good") + "5\r\nbad", 408, "goodbad"},
	} {
		for how, a := range answers {
			t.Run(name+", "+how, func(t *testing.T) {
				inBubble(t, Config{}, func(b *bubble) {
					b.block("/read", func(w *Response, r *Request) error {
						content, err := io.ReadAll(r)
						if string(content) != c.good || err != error(c.code) {
							t.Errorf("read %q, %v", content, err)
						}
						if _, again := r.Read(make([]byte, 1)); again != err {
							t.Errorf("Read again: %v", again)
						}
						return a.h(w, err)
					})
					head, behind := req("POST /read", "Transfer-Encoding: chunked"), get("/hi")
					if c.code == 408 {
						behind = ""
					}
					for at := 0; at < len(c.body); at += 1 + at/50 {
						s := b.connect()
						got := b.ask(s, head+c.body[:at], c.body[at:]+behind)
						if c.code == 408 {
							b.pass(b.srv.cfg.ContentTimeout)
							got += s.took()
						}
						if want := a.want(c.code); got != want || !s.shut && !s.closed {
							t.Fatalf("cut at %d: got %.300q, ended %v, want %.300q", at, got, s.shut || s.closed, want)
						}
						s.fin()
						b.settle()
					}
				})
			})
		}
	}
}

// TestBlockingContext: the context is done when the handler has returned, not
// before, and carries what was set.
func TestBlockingContext(t *testing.T) {
	type key struct{}
	var ctx, derived context.Context
	inBubble(t, Config{}, func(b *bubble) {
		set := func(next Handler) Handler {
			return func(w *Response, r *Request) error {
				ctx = r.Context()
				r.SetContext(context.WithValue(ctx, key{}, "value"))
				return next(w, r)
			}
		}
		b.route(Route{Pattern: "/ctx", Use: []Middleware{set}, Handler: func(w *Response, r *Request) error {
			derived = r.Context()
			if derived.Value(key{}) != "value" {
				t.Error("the value is not there")
			}
			return errors.Join(derived.Err(), w.SendString("ctx"))
		}})
		s := b.connect()
		for range 3 {
			if got := b.ask(s, get("/ctx")); got != good("ctx") {
				t.Errorf("got %q", got)
			}
			if ctx.Err() != context.Canceled || derived.Err() != context.Canceled {
				t.Errorf("behind the handler: %v, %v", ctx.Err(), derived.Err())
			}
		}
	})
}

// TestBlockingReplaced: a route that becomes a blocking one while the content of a
// request is on its way never runs on the loop: it has a goroutine, or the
// request comes at a bad time.
func TestBlockingReplaced(t *testing.T) {
	for name, c := range contents("content") {
		for at := 0; at < len(c[1]); at++ {
			t.Run(fmt.Sprint(name, at), func(t *testing.T) {
				inBubble(t, Config{}, func(b *bubble) {
					b.handle("POST", "/become", func(w *Response, r *Request) error { return w.Send(r.Content()) })
					s := b.connect()
					b.ask(s, req("POST /become", c[0])+c[1][:at])
					b.srv.Unhandle("POST", "/become")
					b.block("/become", func(w *Response, r *Request) error {
						if w.via == nil {
							t.Error("it runs on the loop")
						}
						return slurp(w, r)
					})
					b.connect() // so that the loop knows of another request
					b.ask(b.connect(), get("/hi"))
					got := b.ask(s, c[1][at:]+get("/hi"))
					if name == "with a length" && got != good("content")+good("hi") || name != "with a length" && got != fail(503, "Retry-After: 1")+good("hi") {
						t.Errorf("got %q", got)
					}
				})
			})
		}
	}
}
