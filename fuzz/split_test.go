package fuzz

import (
	"fmt"
	"testing"

	"moor.example/httpd/parser"
)

// FuzzSplit: however the octets are cut, the outcome is that of the whole.
// The limits are small and varied, so that it meets them.
func FuzzSplit(f *testing.F) {
	for i, head := range heads {
		f.Add([]byte(head), []byte{byte(i), 1, 20}, byte(i*16))
	}
	f.Fuzz(func(t *testing.T, b, sizes []byte, limit byte) {
		h := &parser.Head{
			MaxTarget: int(limit % 16),
			MaxHead:   int(limit) * 2,
			Fields:    make([]parser.Field, 0, limit%5),
		}
		whole := feed(h, b, nil)
		if got := feed(h, b, sizes); got != whole {
			t.Errorf("in pieces of %d: %s; whole: %s", sizes, got, whole)
		}
		if got := feed(h, b, make([]byte, len(b))); got != whole {
			t.Errorf("octet by octet: %s; whole: %s", got, whole)
		}
	})
}

// feed gives b to h, at first in pieces of these sizes plus one, and writes
// down the outcome.
func feed(h *parser.Head, b, sizes []byte) string {
	var guard parser.Guard
	for end := 0; ; {
		if len(sizes) > 0 {
			end, sizes = min(end+int(sizes[0])+1, len(b)), sizes[1:]
		} else {
			end = len(b)
		}
		n, err := h.Parse(b[:end:end], &guard)
		if err == nil {
			return fmt.Sprint(n, *h)
		}
		if err != parser.ErrPartial || end == len(b) {
			return err.Error()
		}
		h.Parse([]byte("X /y HTTP/1.0\r\nHost: z\r\nTE: z\r\n\r\n"), new(parser.Guard))
	}
}
