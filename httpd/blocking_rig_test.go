package httpd

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A bubble is a rig whose handlers may block: their goroutines run in a
// synctest bubble, and only as far as they come until they wait.
type bubble struct {
	*rig
	said bytes.Buffer // to Config.Logger
}

// inBubble does something with a server, and wants nothing to be left of it: no
// session, no detached request, no octet of the budget. Goroutines that are left
// fail in synctest.
func inBubble(t *testing.T, cfg Config, do func(b *bubble)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bubble{}
		cfg := cfg
		cfg.Logger = slog.New(slog.NewTextHandler(&b.said, nil))
		b.rig = newRig(t, cfg)
		defer b.abandon()
		do(b)
		b.finish()
	})
}

// abandon ends a server whose test has failed: or else the bubble would say that
// goroutines are left, and nothing else.
func (b *bubble) abandon() {
	b.srv.Close()
	for i := 0; i < 10 && !b.l.done(); i++ {
		b.l.turn()
		synctest.Wait()
	}
}

// settle lets the loop and the handlers run until all of them wait.
func (b *bubble) settle() {
	b.Helper()
	for {
		b.quiet()
		synctest.Wait()
		if !b.k.woken.Load() && !b.l.work.pending.Load() {
			return
		}
	}
}

// pass lets time go by, for the loop and for the handlers.
func (b *bubble) pass(d time.Duration) {
	b.Helper()
	time.Sleep(d)   // sleep: it is the bubble's time
	synctest.Wait() // or else a handler may ask for the time
	b.k.now += d
	b.settle()
}

// ask lets the pieces arrive and returns what was sent then.
func (b *bubble) ask(s *sock, pieces ...string) string {
	b.Helper()
	s.says(pieces...)
	b.settle()
	return s.took()
}

// block adds a blocking route.
func (b *bubble) block(pattern string, h Handler) { b.route(Route{Pattern: pattern, Handler: h}) }

func (b *bubble) route(r Route) {
	b.Helper()
	r.Blocking = true
	if err := b.srv.Handle(r); err != nil {
		b.Fatal(err)
	}
}

// gone wants nothing to be detached any more, and nothing taken off the budget.
func (b *bubble) gone() {
	b.Helper()
	if n := b.srv.detached.Load(); n != 0 || len(b.srv.Detached()) != 0 || b.l.work.detached != 0 {
		b.Errorf("%d are detached: %v, %d by the loop", n, b.srv.Detached(), b.l.work.detached)
	}
	if n := b.srv.budget.used.Load(); n != 0 {
		b.Errorf("%d octets of the budget are not given back", n)
	}
}

// leave ends every peer, and lets the handlers notice.
func (b *bubble) leave() {
	b.Helper()
	for _, s := range b.k.socks {
		if !s.listening {
			s.refusing, s.room = false, nil
			s.fin()
		}
	}
	if b.k.endCalls == 0 {
		b.settle()
	}
}

func (b *bubble) finish() {
	b.Helper()
	b.leave()
	b.gone()
	b.rig.finish()
	b.gone()
}

// slurp answers with the content as it was read, piece by piece, its trailers
// behind it.
func slurp(w *Response, r *Request) error {
	content, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if n := r.Remaining(); n > 0 {
		return fmt.Errorf("%d octets remain", n)
	}
	for name, value := range r.Trailers() {
		content = fmt.Appendf(content, "|%s: %s", name, value)
	}
	return w.Send(content)
}

// asBlocking makes every route of the server a blocking one, whose handler has
// all of the content, as one on the loop.
func (b *bubble) asBlocking() {
	var table []*Route
	for _, route := range b.srv.routes.load() {
		route, h := *route, route.Handler
		route.Blocking = true
		route.Handler = func(w *Response, r *Request) error {
			content, err := io.ReadAll(r)
			if err != nil {
				return err
			}
			r.message = append(slices.Clip(r.message), content...)
			return h(w, r)
		}
		table = append(table, &route)
	}
	b.srv.routes.table.Store(&table)
}

// play is a row's play where handlers block.
func (b *bubble) play(row row, room func() int, pieces ...string) {
	b.Helper()
	s := b.dial()
	b.settle()
	s.room = room
	s.says(pieces...)
	b.settle()
	row.judge(b.rig, s, pieces)
	b.k.log = b.k.log[:0]
	b.leave()
	b.gone()
	b.empty()
}

// TestBlockingTable: the peer sees no difference between a handler that blocks
// and one on the loop: each row of the tables, whole, cut in two everywhere and
// octet by octet, with sockets that take everything or little.
func TestBlockingTable(t *testing.T) {
	rows := slices.Concat(validRows(), rejectedRows(), expectRows(), chunkedRows(), chunkedRejectedRows(),
		chunkedExpectRows(), fieldMusts(), takenRules())
	for _, row := range rows {
		if strings.Contains(row.want+row.late, " 413 ") {
			continue // for a blocking handler no content is too long
		}
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, tableConfig(), func(b *bubble) {
				b.asBlocking()
				b.play(row, nil, row.in)
				for at := 1; at < len(row.in); at++ {
					b.play(row, nil, row.in[:at], row.in[at:])
				}
				b.play(row, nil, strings.Split(row.in, "")...)
				b.play(row, func() int { return 1 }, row.in)
				turn := 0
				b.play(row, func() int { turn++; return turn % 2 }, strings.Split(row.in, "")...)
			})
		})
	}
}
