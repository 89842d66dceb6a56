package httpd

import (
	"slices"
	"strings"
	"testing"
)

// TestEventsOfBlocking: the head of a response is told once, ahead of its first
// octets, also when its handler goes on for long.
func TestEventsOfBlocking(t *testing.T) {
	for name, c := range map[string]struct {
		h    Handler
		want string // what is told between the begin and the end, each kind once in a row
	}{
		"at the end": {func(w *Response, _ *Request) error { return w.SendString("x") }, "headers, headers sent, sent"},
		"in pieces": {func(w *Response, _ *Request) error {
			for range 3 {
				w.WriteString("x")
				w.Flush()
			}
			return nil
		}, "headers, headers sent, sent"},
		"too much to gather": {func(w *Response, _ *Request) error { return w.SendString(someText(3 * streamBuffer)) }, "headers, headers sent, sent"},
		"behind another": {func(w *Response, _ *Request) error {
			w.Inform(103)
			return w.SendString("x")
		}, "headers, sent, headers sent, sent"},
		"cut short": {func(w *Response, _ *Request) error {
			w.WriteString("x")
			w.Flush()
			return ErrInternal
		}, "headers, headers sent, sent"},
		"none": {func(*Response, *Request) error { return ErrInternal }, "headers, headers sent, error, sent"},
	} {
		t.Run(name, func(t *testing.T) {
			var told []string
			inBubble(t, Config{Events: func(e Event) { told = append(told, e.Kind.String()) }}, func(b *bubble) {
				b.block("/b", c.h)
				b.ask(b.connect(), get("/b"))
			})
			want := "connected, " + c.want + ", disconnected"
			if got := strings.Join(slices.Compact(told), ", "); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}
