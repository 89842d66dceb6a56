package httpd

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestDetachCommitsCtx: the contexts that the owner sets, or a function on the
// loop, take effect when the request is completed. Each is freed once: the one
// in between at once, the old one then, the last one after the socket is closed.
func TestDetachCommitsCtx(t *testing.T) {
	for name, c := range map[string]struct {
		do   string // what is done, in order: "+B" sets B, "-" sets none, "=" takes and gives back, "!" takes, "*C" sets C from the loop
		want string
		ctx  string // of the next request
	}{
		"nothing":                       {"", "completed, close 10, free A", "A"},
		"another":                       {"+B", "completed, free A, close 10, free B", "B"},
		"none":                          {"-", "completed, free A, close 10", "<nil>"},
		"two":                           {"+B +C", "free B, completed, free A, close 10, free C", "C"},
		"one and none":                  {"+B -", "free B, completed, free A, close 10", "<nil>"},
		"none and one":                  {"- +B", "completed, free A, close 10, free B", "B"},
		"the same":                      {"+A", "completed, close 10, free A", "A"},
		"another and back":              {"+B +A", "free B, completed, close 10, free A", "A"},
		"taken":                         {"!", "completed, close 10", "<nil>"},
		"taken, then another":           {"! +B", "completed, close 10, free B", "B"},
		"taken and given back":          {"=", "completed, close 10, free A", "A"},
		"another, then taken":           {"+B !", "completed, free A, close 10", "<nil>"},
		"another from the loop":         {"*B", "completed, free A, close 10, free B", "B"},
		"one, then one from the loop":   {"+B *C", "free B, completed, free A, close 10, free C", "C"},
		"one from the loop, then one":   {"*B +C", "free B, completed, free A, close 10, free C", "C"},
		"one from the loop, then taken": {"*B !", "completed, free A, close 10", "<nil>"},
	} {
		for fate, end := range map[string]func(k *keeper, s *sock, d *Detached){
			"it goes on": func(k *keeper, s *sock, d *Detached) {
				if got := k.done(s, d, "x") + k.ask(s, get("/ctx")); got != good("x")+good(c.ctx) {
					t.Errorf("%s: got %q", name, got)
				}
				s.fin()
			},
			"it fails":    func(k *keeper, _ *sock, d *Detached) { k.complete(d, errDone) },
			"the peer":    func(k *keeper, s *sock, d *Detached) { s.reset(); k.quiet(); k.complete(d, nil) },
			"Close":       func(k *keeper, _ *sock, d *Detached) { k.srv.Close(); k.quiet(); k.complete(d, nil) },
			"Close first": func(k *keeper, _ *sock, d *Detached) { k.srv.Close(); k.complete(d, errDone) },
		} {
			k := newKeeper(t, Config{})
			k.handle("GET", "/ctx", func(w *Response, req *Request) error { return w.SendString(fmt.Sprint(req.Session().Ctx())) })
			s := k.connect()
			k.ask(s, set("A"))
			d := k.later(s)
			k.k.log = nil
			k.change(s, d, c.do)
			k.k.note("completed")
			end(k, s, d)
			k.quiet()
			if got := k.k.logOf("completed", "close", "free"); got != c.want {
				t.Errorf("%s, %s: got %q, want %q", name, fate, got, c.want)
			}
			k.finish()
		}
	}
}

// change changes the context as TestDetachCommitsCtx says, and wants each change
// to be seen at once, from both sides.
func (k *keeper) change(s *sock, d *Detached, do string) {
	k.Helper()
	own, want := d.Request().Session(), "A"
	for _, word := range strings.Fields(do) {
		switch name := word[1:]; word[0] {
		case '+':
			k.noted(own, name)
			want = name
		case '-':
			own.SetCtx(nil, nil)
			want = ""
		case '=':
			own.SetCtx(own.TakeCtx())
		case '!':
			own.TakeCtx()
			want = ""
		case '*':
			k.srv.QueueWorkFor(k.id(s), func(s *Session) { k.noted(s, name) })
			k.quiet()
			want = name
		}
		var seen string
		k.srv.QueueWorkFor(k.id(s), func(s *Session) { seen, _ = Ctx[string](s) })
		k.quiet()
		if got, _ := Ctx[string](own); got != want || seen != want {
			k.Errorf("after %q the owner sees %q, the loop %q", word, got, seen)
		}
	}
}

// TestDetachEnds: however a session with a detached request ends, OnClose is told
// once and why, the event comes once, and the contexts are freed once, the last
// one after the socket is closed.
func TestDetachEnds(t *testing.T) {
	nothing := func(*keeper, *sock) {}
	trigger := func(k *keeper, s *sock) { k.srv.TriggerClose(k.id(s)) }
	for name, c := range map[string]struct {
		do     func(k *keeper, s *sock) // while the request is detached
		word   error
		silent bool // there is no answer
		why    CloseReason
		lives  bool // the context does, until Complete
	}{
		"FIN":                            {do: func(_ *keeper, s *sock) { s.fin() }, why: ReasonPeer},
		"FIN, and an error":              {do: func(_ *keeper, s *sock) { s.fin() }, word: errDone, why: ReasonHandler},
		"RST":                            {do: func(_ *keeper, s *sock) { s.reset() }, why: ReasonPeer},
		"RST, and an error":              {do: func(_ *keeper, s *sock) { s.reset() }, word: errDone, why: ReasonPeer},
		"RST, and no answer":             {do: func(_ *keeper, s *sock) { s.reset() }, silent: true, why: ReasonPeer},
		"TriggerClose":                   {do: trigger, why: ReasonTrigger, lives: true},
		"TriggerClose, and an error":     {do: trigger, word: errDone, why: ReasonHandler, lives: true},
		"TriggerClose, then Close":       {do: func(k *keeper, s *sock) { trigger(k, s); k.quiet(); k.srv.Close() }, why: ReasonStop},
		"TriggerClose in a turn with it": {do: func(k *keeper, s *sock) { trigger(k, s); k.srv.Close() }, why: ReasonStop},
		"TriggerClose, then RST":         {do: func(k *keeper, s *sock) { trigger(k, s); k.quiet(); s.reset() }, why: ReasonPeer},
		"Stop":                           {do: func(k *keeper, _ *sock) { k.srv.Stop() }, why: ReasonServed, lives: true},
		"Stop, then Close":               {do: func(k *keeper, _ *sock) { k.srv.Stop(); k.quiet(); k.srv.Close() }, why: ReasonStop},
		"Close":                          {do: func(k *keeper, _ *sock) { k.srv.Close() }, why: ReasonStop},
		"Close twice":                    {do: func(k *keeper, _ *sock) { k.srv.Close(); k.quiet(); k.srv.Close() }, why: ReasonStop},
		"Close, and an error":            {do: func(k *keeper, _ *sock) { k.srv.Close() }, word: errDone, silent: true, why: ReasonStop},
		"Close, then TriggerClose":       {do: func(k *keeper, s *sock) { k.srv.Close(); k.quiet(); trigger(k, s) }, why: ReasonStop},
		"FIN, then Close":                {do: func(k *keeper, s *sock) { s.fin(); k.quiet(); k.srv.Close() }, why: ReasonStop},
		"RST, then Close":                {do: func(k *keeper, s *sock) { s.reset(); k.quiet(); k.srv.Close() }, why: ReasonStop},
		"Shutdown that gives up":         {do: shutdown, why: ReasonStop},
		"SendTimeout": {do: func(k *keeper, s *sock) {
			s.refusing = true
			k.push(s, pushed)
			k.pass(sendTime)
		}, why: ReasonExpired},
		"Close with output waiting": {do: func(k *keeper, s *sock) {
			s.refusing = true
			k.push(s, pushed)
			k.srv.Close()
			k.quiet()
			k.pass(2 * sendTime)
		}, why: ReasonStop},
		"a push that is lost": {do: func(k *keeper, s *sock) {
			s.sendFails = broken
			k.push(s, pushed)
			s.sendFails = ok
		}, why: ReasonBroken},
		"Watch fails": {do: func(k *keeper, s *sock) {
			s.refusing, s.unwatched = true, true
			k.push(s, pushed)
			s.refusing, s.unwatched = false, false
		}, why: ReasonBroken},
		"an error":  {do: nothing, word: errDone, why: ReasonHandler, lives: true},
		"no answer": {do: nothing, silent: true, why: ReasonHandler, lives: true},
		"an error, the answer is lost": {do: func(_ *keeper, s *sock) { s.sendFails = closed }, word: errDone, why: ReasonPeer,
			lives: true},
	} {
		for _, shared := range []bool{false, true} {
			t.Run(fmt.Sprint(name, shared), func(t *testing.T) {
				var k *keeper
				cfg := timed(-1)
				cfg.Events = func(e Event) {
					if e.Kind == EventDisconnected {
						k.k.note("disconnected %v", slices.Contains(k.srv.Sessions(), e.Session))
					}
				}
				k = keep(telling(t, cfg))
				open := k.connect
				if shared {
					open = k.adopt
				}
				s := open()
				k.ask(s, set("A"))
				d := k.later(s)
				k.k.log = nil
				k.noted(d.Request().Session(), "B")
				c.do(k, s)
				k.quiet()
				if lives := d.Context().Err() == nil; lives != c.lives {
					t.Errorf("the context lives: %v, want %v", lives, c.lives)
				}
				if s.closed || strings.Contains(k.k.logOf("told", "free"), " ") {
					t.Errorf("before Complete: closed %v, %q", s.closed, k.k.log)
				}
				if !c.silent {
					d.Response().SendString("x")
				}
				k.complete(d, c.word)
				k.quiet()
				if got, want := k.k.logOf("told", "ctx", "close", "disconnected", "free"),
					fmt.Sprintf("free A, told 10 %v, ctx B, close 10, disconnected false, free B", c.why); got != want {
					t.Errorf("got  %q\nwant %q", got, want)
				}
				if k.l.closed[c.why] != 1 {
					t.Errorf("ended by %d", k.l.closed)
				}
				k.finish()
			})
		}
	}
}

// shutdown gives the server no time at all.
func shutdown(k *keeper, _ *sock) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := k.srv.Shutdown(ctx)
	if !errors.Is(err, context.Canceled) || !strings.Contains(errorText(err), "1 requests are not completed") {
		k.Errorf("Shutdown: %v", err)
	}
}

// TestDetachCtxFromBothSides: the owner and the loop change the context at the
// same time. Each context is freed once, or taken.
func TestDetachCtxFromBothSides(t *testing.T) {
	k := newKeeper(t, Config{})
	s := k.connect()
	var made, gone, twice atomic.Int64
	change := func(s *Session, rng *rand.Rand) {
		switch rng.IntN(8) {
		case 0:
			if ctx, free := s.TakeCtx(); ctx != nil {
				free(ctx)
			}
		case 1:
			if _, is := Ctx[*atomic.Bool](s); !is && s.Ctx() == nil {
				return
			}
		case 2:
			s.SetCtx(nil, nil)
		default:
			made.Add(1)
			s.SetCtx(new(atomic.Bool), func(ctx any) {
				if ctx.(*atomic.Bool).Swap(true) {
					twice.Add(1)
				}
				gone.Add(1)
			})
		}
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		d, done := k.later(s), make(chan bool)
		go func() {
			own := rand.New(rand.NewPCG(2, 2))
			for range 500 {
				change(d.Request().Session(), own)
			}
			d.Response().SendString("x")
			k.complete(d, nil)
			close(done)
		}()
		for changed := false; !changed; {
			k.srv.QueueWorkFor(k.id(s), func(s *Session) { change(s, rng) })
			k.k.polls = 0
			k.turn()
			select {
			case <-done:
				changed = true
			default:
			}
		}
		if got := k.ask(s); got != good("x") {
			t.Fatalf("got %q", got)
		}
	}
	k.finish()
	if made.Load() != gone.Load() || twice.Load() != 0 || made.Load() == 0 {
		t.Errorf("%d contexts were made, %d freed, %d of them twice", made.Load(), gone.Load(), twice.Load())
	}
}

// TestDetachFreeAsks: a free function may ask the session that it is called for,
// and finds the next context there.
func TestDetachFreeAsks(t *testing.T) {
	k := newKeeper(t, Config{})
	s := k.connect()
	d := k.later(s)
	own, seen := d.Request().Session(), make(chan any, 2)
	own.SetCtx("A", nil)
	own.SetCtx("B", func(any) { seen <- own.Ctx() })
	done := make(chan bool)
	go func() {
		own.SetCtx("C", func(any) { ctx, _ := own.TakeCtx(); seen <- ctx })
		own.SetCtx("D", nil)
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("a free function that asks for the context waits for ever")
	}
	if b, c := <-seen, <-seen; b != "C" || c != "D" || own.Ctx() != nil {
		t.Errorf("the functions saw %v and %v; the context is %v", b, c, own.Ctx())
	}
	k.done(s, d, "x")
	k.finish()
}

// TestDetachNoRoom: what becomes of a session with a detached request when
// Config.MaxBufferBytes are spent.
func TestDetachNoRoom(t *testing.T) {
	for name, c := range map[string]struct {
		most     int // octets
		asks     string
		refusing bool
		text     string // of the answer
		want     string // what the peer is told in all
		why      CloseReason
	}{
		"for the request itself":   {10, get("/later") + get("/hi"), false, "", fail(503) + good("hi"), 0},
		"for what is in hand":      {300, get("/later") + get("/hi"), false, "x", good("x", "close"), ReasonRefused},
		"for an earlier response":  {300, get("/hi") + get("/later"), true, "x", "", ReasonNoRoom},
		"for a response behind it": {2000, get("/hi") + get("/later"), true, strings.Repeat("x", 3000), "", ReasonNoRoom},
		"enough":                   {8000, get("/hi") + get("/later"), true, strings.Repeat("x", 3000), good("hi") + good(strings.Repeat("x", 3000)), 0},
	} {
		t.Run(name, func(t *testing.T) {
			var told []CloseReason
			k := newKeeper(t, Config{MaxBufferBytes: c.most, OnClose: func(_ *Session, why CloseReason) { told = append(told, why) }})
			s := k.connect()
			s.refusing = c.refusing
			s.says(c.asks)
			k.quiet()
			if len(k.held) == 1 {
				d := k.held[0]
				if len(s.out) != 0 {
					t.Errorf("ahead of the answer: %q", s.out)
				}
				if cancelled := d.Context().Err() != nil; cancelled != (name == "for an earlier response") {
					t.Errorf("the context is cancelled: %v", cancelled)
				}
				d.Response().SendString(c.text)
				k.complete(d, nil)
				k.quiet()
			}
			s.refusing = false
			k.quiet()
			if got := s.took(); got != c.want {
				t.Errorf("got %.200q, want %.200q", got, c.want)
			}
			if c.why == ReasonRefused {
				k.is(s, stateLinger)
				k.pass(time.Second)
			}
			if ends := c.why != 0; s.closed != ends || ends && !slices.Equal(told, []CloseReason{c.why}) {
				t.Errorf("closed %v, told %v", s.closed, told)
			}
			if s.resets != (c.why == ReasonNoRoom) {
				t.Errorf("reset: %v", s.resets)
			}
			k.finish()
		})
	}
}

// TestDetachFails: the answer to a request that nobody has answered is the error
// handler's, which runs on the loop, when the request is completed.
func TestDetachFails(t *testing.T) {
	k := newKeeper(t, Config{})
	calls := 0
	k.srv.OnError(500, func(w *Response, req *Request, code ErrCode) error {
		calls++
		if d, err := req.Detach(); d != nil || err != ErrDetach {
			t.Errorf("Detach: %v, %v", d, err)
		}
		k.noted(req.Session(), "B")
		return w.SendErr(code, "sorry, "+string(req.Content()))
	})
	s := k.connect()
	k.ask(s, set("A"))
	d := k.later(s, req("POST /later", "Content-Length: 3")+"abc"+get("/hi"))
	d.Response().AddHeader("X", "forgotten")
	k.complete(d, nil)
	if calls != 0 {
		t.Error("the handler did not run on the loop")
	}
	if got := k.ask(s); got != answer("500 Internal Server Error", "sorry, abc", "close") || calls != 1 {
		t.Errorf("got %q; %d calls", got, calls)
	}
	k.finish()
	if got := k.k.logOf("free"); got != "free A, free B" {
		t.Errorf("got %q", got)
	}
}
