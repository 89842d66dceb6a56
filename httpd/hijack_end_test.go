package httpd

import (
	"errors"
	"strings"
	"testing"
)

// TestHijackTooLate: a handler that asks for a connection which is ending is told
// so, and does not wait for ever. Here there was no room for what the peer has
// said behind the request.
func TestHijackTooLate(t *testing.T) {
	inBubble(t, Config{}, func(b *bubble) {
		var got error
		begun, goOn := make(chan bool, 2), make(chan bool)
		b.srv.Handle(Route{Method: "GET", Pattern: "/take", Blocking: true, Handler: func(w *Response, r *Request) error {
			begun <- true
			<-goOn
			if !r.Session().c.last { // the first one holds room, and that is all
				return w.SendString("held")
			}
			_, got = w.Hijack()
			return w.SendString("it stays")
		}})
		first := b.connect()
		first.says(get("/take"))
		b.settle()
		b.srv.budget.most = 2*b.srv.budget.used.Load() + 1 // for two of them
		s := b.connect()
		s.says(get("/take") + strings.Repeat("x", 100))
		b.settle()
		if len(begun) != 2 || !b.conn(s).last {
			t.Errorf("%d handlers have begun, the session is ending: %v", len(begun), b.conn(s).last)
		}
		close(goOn)
		b.settle()
		if !errors.Is(got, ErrHijack) {
			t.Errorf("Hijack returned %v", got)
		}
	})
}
