package parser

import (
	"math/rand/v2"
	"testing"
)

// TestSpanText: it stops where span does, wherever that is.
func TestSpanText(t *testing.T) {
	for at := range 40 {
		for c := range 256 {
			for _, fill := range []byte{'a', '\t', 0x80, 0xff, ' ', '~'} {
				b := make([]byte, 40)
				for i := range b {
					b[i] = fill
				}
				b[at] = byte(c)
				if got, want := spanText(b), span(b, text); got != want {
					t.Fatalf("%#x at %d in %#x: %d, want %d", c, at, fill, got, want)
				}
			}
		}
	}
	rnd := rand.New(rand.NewPCG(1, 1))
	for range 100_000 {
		b := make([]byte, rnd.IntN(40))
		for i := range b {
			b[i] = "\x00\x08\t\n\r\x1f ~\x7f\x80\xa0\xffabc"[rnd.IntN(15)]
			if rnd.IntN(3) > 0 {
				b[i] = 'x'
			}
		}
		if got, want := spanText(b), span(b, text); got != want {
			t.Fatalf("%q: %d, want %d", b, got, want)
		}
	}
}
