package httpd

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// ways are those in which a request may be detached, answered and completed: h
// says how it is answered. None needs the test to do anything but to turn.
var ways = map[string]func(r *rig, h Handler) Handler{
	"in the handler": func(r *rig, h Handler) Handler {
		return func(_ *Response, req *Request) error {
			d := r.detach(req)
			r.complete(d, h(d.Response(), d.Request()))
			return nil
		}
	},
	"in the handler, whose error it is": func(r *rig, h Handler) Handler {
		return func(_ *Response, req *Request) error {
			d := r.detach(req)
			err := h(d.Response(), d.Request())
			r.complete(d, nil)
			return err
		}
	},
	"answered first": func(r *rig, h Handler) Handler {
		return func(w *Response, req *Request) error {
			err := h(w, req)
			r.complete(r.detach(req), err)
			return nil
		}
	},
	"by a function": func(r *rig, h Handler) Handler {
		return func(_ *Response, req *Request) error {
			d := r.detach(req)
			return r.srv.QueueWork(func() { r.complete(d, h(d.Response(), d.Request())) })
		}
	},
	"by a goroutine": func(r *rig, h Handler) Handler {
		return func(_ *Response, req *Request) error {
			d, done := r.detach(req), make(chan bool)
			go func() {
				r.complete(d, h(d.Response(), d.Request()))
				close(done)
			}()
			return r.srv.QueueWork(func() { <-done })
		}
	},
}

// detach detaches a request, and wants that to be granted.
func (r *rig) detach(req *Request) *Detached {
	d, err := req.Detach()
	if err != nil {
		r.Errorf("Detach: %v", err)
	}
	return d
}

// complete completes a request, and wants it to have been the first time.
func (r *rig) complete(d *Detached, err error) {
	if err := d.Complete(err); err != nil {
		r.Errorf("Complete: %v", err)
	}
}

// detachAll makes every route of the server detach its requests in that way.
func (r *rig) detachAll(way func(r *rig, h Handler) Handler) {
	var table []*Route
	for _, route := range r.srv.routes.load() {
		route := *route
		route.Handler = way(r, route.Handler)
		table = append(table, &route)
	}
	r.srv.routes.table.Store(&table)
}

// TestDetach: the peer sees no difference between a request that is detached
// and one that is not. Every row of the tables is played with requests that are
// detached, whole, octet by octet and cut at random, with sockets that take
// everything or little, and beside another session.
func TestDetach(t *testing.T) {
	rows := slices.Concat(validRows(), rejectedRows(), limitRows(), expectRows(), chunkedRows(), chunkedRejectedRows(),
		chunkedExpectRows(), fieldMusts(), takenRules())
	for name, way := range ways {
		rows := rows
		if name == "by a function" { // the later, the more of a refused request is in hand
			rows = append(refusedRows(), rows...)
		}
		t.Run(name, func(t *testing.T) {
			for _, row := range rows {
				t.Run(row.name, func(t *testing.T) { row.checkDetached(t, way) })
			}
		})
	}
}

func (row row) checkDetached(t *testing.T, way func(r *rig, h Handler) Handler) {
	r := newRig(t, Config{
		MaxTargetBytes:  tableTarget,
		MaxHeadBytes:    tableHead,
		MaxFields:       tableFields,
		MaxContentBytes: tableContent,

		MaxExtensionBytes: tableExtensions,
		MaxTrailerBytes:   tableTrailer,
	})
	r.detachAll(way)
	rng := rand.New(rand.NewPCG(2, uint64(len(row.in))))
	row.play(r, nil, row.in)
	row.play(r, nil, strings.Split(row.in, "")...)
	for range 3 {
		row.play(r, nil, cut(rng, row.in)...)
	}
	for _, room := range rooms(rng) {
		row.play(r, room, row.in)
		row.play(r, room, cut(rng, row.in)...)
	}
	row.beside(r)
	r.finish()
}

// TestDetachReplies: neither does what is answered make a difference, to any
// peer, with the next request behind it.
func TestDetachReplies(t *testing.T) {
	for name, way := range ways {
		for _, c := range append(replies(), detachedReplies()...) {
			if c.status == "" {
				c.status = "200 OK"
			}
			for _, p := range peers {
				t.Run(name+"/"+c.name+", "+p.name, func(t *testing.T) {
					r := newRig(t, Config{MaxOutputBytes: 1 << 20})
					r.handle("GET", "/do", way(r, func(w *Response, _ *Request) error { return c.do(w) }))
					want, ends := c.wire(&p)
					want = good("hi") + want
					if !ends {
						want += good("hi")
					}
					s := r.connect()
					s.room = func() int { return 7000 }
					if got := r.ask(s, get("/hi")+p.asks+get("/hi")); got != want {
						t.Fatalf(" got %.2000q\nwant %.2000q", got, want)
					}
					if gone := s.shut || s.closed; gone != ends {
						t.Errorf("the connection's end is %v, want %v", gone, ends)
					}
					r.finish()
				})
			}
		}
	}
}

// detachedReplies are those that the table of replies has not.
func detachedReplies() []reply {
	return []reply{
		{name: "a status of any text", do: func(w *Response) error { w.SetStatusText("299 Fine"); return w.SendString("x") },
			status: "299 Fine", content: "x"},
		{name: "SendCustomErr", do: func(w *Response) error { return w.SendCustomErr("418 I'm a teapot", "tea") },
			status: "418 I'm a teapot", content: "tea"},
		{name: "fields", do: func(w *Response) error {
			w.AddHeader("A", "1")
			w.SetHeader("B", "2")
			w.DelHeader("A")
			return w.SendString("x")
		}, fields: "B: 2\r\n", content: "x"},
	}
}

// A keeper is a rig whose route /later detaches its requests: they wait in
// held, for the test to complete them.
type keeper struct {
	*rig
	held []*Detached
}

func keep(r *rig) *keeper {
	k := &keeper{rig: r}
	r.handle("", "/later", func(w *Response, req *Request) error {
		d, err := req.Detach()
		if err != nil {
			return req.HandleErr(w, ErrServiceUnavailable)
		}
		if d.Request() != req || d.Response() != w {
			r.Error("what was detached is something else")
		}
		k.held = append(k.held, d)
		return nil
	})
	return k
}

func newKeeper(t testing.TB, cfg Config) *keeper { return keep(newRig(t, cfg)) }

// later asks for /later with these pieces, and wants that to be all that
// happens. It returns the request.
func (k *keeper) later(s *sock, pieces ...string) *Detached {
	k.Helper()
	n := len(k.held)
	if len(pieces) == 0 {
		pieces = []string{get("/later")}
	}
	if got := k.ask(s, pieces...); got != "" {
		k.Errorf("told %q before the request is completed", got)
	}
	k.pinned(s)
	if len(k.held) != n+1 {
		k.Fatalf("%d requests were detached, want 1", len(k.held)-n)
	}
	return k.held[n]
}

// pinned wants the session to be that of a detached request: it reads nothing,
// has no deadline, and waits for the peer's end alone.
func (k *keeper) pinned(s *sock) {
	k.Helper()
	c := k.conn(s)
	if c.state != stateHandler || c.want != wantHangup || s.want != wantHangup || c.detached == nil {
		k.Errorf("connection %d is in state %v, watched for %d, by the kernel for %d", s.fd, c.state, c.want, s.want)
	}
	if at, armed := c.s.Deadline(); armed {
		k.Errorf("connection %d has a deadline, in %v", s.fd, at-k.k.now)
	}
	if ids := k.srv.Detached(); !slices.Contains(ids, k.id(s)) || !slices.Contains(k.srv.Sessions(), k.id(s)) {
		k.Errorf("the session %v is not among the detached %v and the open %v", k.id(s), ids, k.srv.Sessions())
	}
}

// done answers the request with text, if there is one, and returns what the
// peer is told then.
func (k *keeper) done(s *sock, d *Detached, text string) string {
	k.Helper()
	if text != "" {
		if err := d.Response().SendString(text); err != nil {
			k.Error(err)
		}
	}
	k.complete(d, nil)
	if err := d.Complete(errDone); err != ErrCompleted {
		k.Errorf("Complete again: %v", err)
	}
	k.quiet()
	if d.Context().Err() == nil {
		k.Error("the context outlives the request")
	}
	return s.took()
}

// gone wants nothing to be detached any more.
func (k *keeper) gone() {
	k.Helper()
	if ids := k.srv.Detached(); len(ids) != 0 || k.srv.detached.Load() != 0 || k.l.work.detached != 0 {
		k.Errorf("%v are detached, %d counted, %d by the loop", ids, k.srv.detached.Load(), k.l.work.detached)
	}
}

// finish is the rig's, once nothing is detached.
func (k *keeper) finish() {
	k.Helper()
	k.gone()
	k.rig.finish()
	if n := k.srv.budget.used.Load(); n != 0 {
		k.Errorf("%d octets of the budget are not given back", n)
	}
}

// TestDetachErrors: who may not detach is told so, and nothing changes.
func TestDetachErrors(t *testing.T) {
	k := newKeeper(t, Config{MaxDetached: 2})
	k.handle("GET", "/again", func(_ *Response, req *Request) error {
		d := k.detach(req)
		if again, err := req.Detach(); again != nil || err != ErrDetach {
			t.Errorf("twice: %v, %v", again, err)
		}
		k.complete(d, d.Response().SendString("again"))
		if again, err := req.Detach(); again != nil || err != ErrDetach {
			t.Errorf("after Complete: %v, %v", again, err)
		}
		if err := d.Complete(nil); err != ErrCompleted {
			t.Errorf("Complete again: %v", err)
		}
		return nil
	})
	refused := func(w *Response, req *Request, code ErrCode) error {
		if d, err := req.Detach(); d != nil || err != ErrDetach {
			t.Errorf("in the handler for %d: %v, %v", int(code), d, err)
		}
		return w.SendErr(code, "")
	}
	for _, code := range []ErrCode{403, 404, 500} {
		if err := k.srv.OnError(code, refused); err != nil {
			t.Fatal(err)
		}
	}
	k.handle("GET", "/403", func(w *Response, req *Request) error { return req.HandleErr(w, 403) })
	s := k.connect()
	if got := k.ask(s, get("/again")+get("/403")+get("/x")+get("/again")); got != good("again")+fail(403)+fail(404)+good("again") {
		t.Errorf("got %q", got)
	}
	if got := k.ask(k.connect(), get("/mute")); got != fail(500, "close") { // nothing has answered
		t.Errorf("got %q", got)
	}

	a, b, c := k.connect(), k.connect(), k.connect()
	first, second := k.later(a), k.later(b)
	for range 3 { // one more: its handler answers, and its place is given back
		if got := k.ask(c, get("/later")+get("/hi")); got != fail(503)+good("hi") {
			t.Errorf("got %q", got)
		}
	}
	if got := k.done(a, first, "first"); got != good("first") {
		t.Errorf("got %q", got)
	}
	third := k.later(c)
	if got := k.ask(a, get("/later")); got != fail(503) {
		t.Errorf("got %q", got)
	}
	if got := k.done(c, third, "third") + k.done(b, second, "second"); got != good("third")+good("second") {
		t.Errorf("got %q", got)
	}
	k.finish()
}

// TestDetachAnswers: what may be done between Detach and Complete, and the fate
// of the session.
func TestDetachAnswers(t *testing.T) {
	const raws = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nraw"
	for name, c := range map[string]struct {
		do   func(k *keeper, d *Detached) error
		want string
		ends bool
	}{
		"an answer":              {func(_ *keeper, d *Detached) error { return d.Response().SendString("x") }, good("x"), false},
		"an answer and an error": {func(_ *keeper, d *Detached) error { d.Response().SendString("x"); return errDone }, good("x", "close"), true},
		"no answer":              {func(*keeper, *Detached) error { return nil }, fail(500, "close"), true},
		"no answer but an error": {func(*keeper, *Detached) error { return errDone }, fail(500, "close"), true},
		"no answer to a push": {func(_ *keeper, d *Detached) error { return d.Request().Session().Send([]byte(pushed)) },
			pushed + fail(500, "close"), true},
		"a push, then an answer": {func(_ *keeper, d *Detached) error {
			return errors.Join(d.Request().Session().Send([]byte(pushed)), d.Response().SendString("x"))
		}, pushed + good("x"), false},
		"an answer, then a push": {func(_ *keeper, d *Detached) error {
			return errors.Join(d.Response().SendString("x"), d.Request().Session().Send([]byte(pushed)))
		}, good("x") + pushed, false},
		"a push amid an answer": {func(_ *keeper, d *Detached) error {
			d.Response().WriteString("x")
			err := d.Request().Session().Send([]byte(pushed))
			d.Response().WriteString("y")
			return err
		}, pushed + good("xy"), false},
		"raw octets":              {func(_ *keeper, d *Detached) error { return d.Response().SendRaw([]byte(raws)) }, raws, false},
		"raw octets and an error": {func(_ *keeper, d *Detached) error { d.Response().SendRaw([]byte(raws)); return errDone }, raws, true},
		"SendErr":                 {func(_ *keeper, d *Detached) error { return d.Response().SendErr(404, "no") }, answer("404 Not Found", "no"), false},
		"HandleErr":               {func(_ *keeper, d *Detached) error { return d.Request().HandleErr(d.Response(), 403) }, answer("403 Forbidden", "own"), false},
		"HandleErr without a handler": {func(_ *keeper, d *Detached) error { return d.Request().HandleErr(d.Response(), 404) },
			fail(404), false},
		"HandleErr of 500": {func(_ *keeper, d *Detached) error { return d.Request().HandleErr(d.Response(), 500) },
			fail(500, "close"), true},
		"the content, read": {func(_ *keeper, d *Detached) error {
			b, err := io.ReadAll(d.Request())
			return errors.Join(err, d.Response().Send(b))
		}, good("content"), false},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKeeper(t, Config{})
			k.srv.OnError(403, func(w *Response, _ *Request, code ErrCode) error { return w.SendErr(code, "own") })
			s := k.connect()
			d := k.later(s, req("POST /later", "Content-Length: 7")+"content")
			k.complete(d, c.do(k, d))
			want := c.want
			if !c.ends {
				want += good("hi")
			}
			s.says(get("/hi"))
			k.quiet()
			if got := s.took(); got != want {
				t.Errorf("got  %q\nwant %q", got, want)
			}
			if ends := s.shut || s.closed; ends != c.ends {
				t.Errorf("the connection's end is %v, want %v", ends, c.ends)
			}
			k.finish()
		})
	}
}

// TestDetachEarlyError: the error of the handler that detached counts, unless
// Complete has one of its own, and at no other time than then.
func TestDetachEarlyError(t *testing.T) {
	for _, c := range []struct {
		early, late error
		ends        bool
	}{{nil, nil, false}, {errDone, nil, true}, {nil, errDone, true}, {errDone, ErrInternal, true}} {
		k := newKeeper(t, Config{})
		var d *Detached
		k.handle("GET", "/do", func(_ *Response, req *Request) error {
			d = k.detach(req)
			return c.early
		})
		s := k.connect()
		if got := k.ask(s, get("/do")); got != "" {
			t.Errorf("told %q", got)
		}
		k.pinned(s)
		want := good("x")
		if c.ends {
			want = good("x", "close")
		}
		d.Response().SendString("x")
		k.complete(d, c.late)
		if got := k.ask(s); got != want || s.closed != c.ends {
			t.Errorf("%v, %v: got %q, closed %v", c.early, c.late, got, s.closed)
		}
		if n := k.l.closed[ReasonHandler]; (n == 1) != c.ends {
			t.Errorf("%v, %v: %d sessions ended by a handler", c.early, c.late, n)
		}
		k.finish()
	}
}

// TestDetachedDate: a response has the date of its head, which no turn of the
// loop has set.
func TestDetachedDate(t *testing.T) {
	k := newKeeper(t, Config{})
	s := k.connect()
	d := k.later(s)
	k.k.now += 3 * time.Second
	k.k.wall += 3 * time.Second
	if got, want := k.done(s, d, "x"), strings.Replace(good("x"), "15:04:05", "15:04:08", 1); got != want {
		t.Errorf("got %q", got)
	}
	k.finish()
}

// TestDetachedViews: what the request shows stays as it is, whatever the loop
// receives, parses and answers meanwhile.
func TestDetachedViews(t *testing.T) {
	const fields = "X: y\r\nCookie: c=%32"
	for name, in := range map[string]string{
		"with a length": req("POST /later?q=%31", fields, "Content-Length: 7") + "content",
		"in chunks":     req("POST /later?q=%31", fields, "Transfer-Encoding: chunked") + chunks("con", "tent") + "0\r\nT: trailer\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			k := newKeeper(t, Config{})
			s := k.connect()
			d := k.later(s, in+get("/hi"))
			head, content := d.Request().HeadBytes(), d.Request().Content()
			before := shown(d.Request()) + string(head) + string(content)
			for i := range 20 {
				k.noise(strings.Repeat(string(rune('a'+i)), 300))
			}
			clear(k.l.pool.common)
			if after := shown(d.Request()) + string(head) + string(content); after != before {
				t.Errorf("it was %q\nand is %q", before, after)
			}
			for _, part := range []string{"POST /later?q=%31 HTTP/1.1 /later a q=%31|Host: a|X: y|Cookie: c=%32|", "|2|1|POST ", "|content|7"} {
				if !strings.Contains(before, part) {
					t.Errorf("it is %q", before)
				}
			}
			if chunked := name == "in chunks"; chunked != strings.Contains(before, "|T: trailer|") {
				t.Errorf("it is %q", before)
			}
			if got := k.done(s, d, "x"); got != good("x")+good("hi") {
				t.Errorf("got %q", got)
			}
			k.finish()
		})
	}
}

// shown is all that the request has to say. Nothing of it is read.
func shown(r *Request) string {
	text := fmt.Sprintf("%s %s %s %s %s %s|", r.Method(), r.Target(), r.Version(), r.Path(), r.Host(), r.QueryBytes())
	for name, value := range r.Headers() {
		text += fmt.Sprintf("%s: %s|", name, value)
	}
	for name, value := range r.Trailers() {
		text += fmt.Sprintf("%s: %s|", name, value)
	}
	cookie, _ := r.CookieValue("c")
	q, _ := r.QueryValue("q")
	return text + fmt.Sprintf("%s|%s|%s|%s|%d", cookie, q, r.HeadBytes(), r.Content(), r.Remaining())
}

// noise is a session whose requests have these octets everywhere.
func (k *keeper) noise(octets string) {
	k.Helper()
	s := k.connect()
	long := req("PUT /echo?"+octets[:20], "Noise: "+octets, "Cookie: c="+octets[:9], fmt.Sprintf("Content-Length: %d", len(octets))) + octets
	for _, in := range []string{long, chunkedTo("PUT /echo", chunks(octets)+"0\r\nNoise: "+octets+"\r\n\r\n")} {
		if got := k.ask(s, in[:40], in[40:]); got != good(octets) {
			k.Fatalf("got %q", got)
		}
	}
	s.fin()
	k.quiet()
}
