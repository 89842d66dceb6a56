package fuzz

import (
	"bytes"
	"testing"

	"moor.example/httpd/parser"
)

// FuzzHead: whatever comes, Parse stays inside it, and a head that it takes
// ends in an empty line, has no control octets, and its spans in order.
func FuzzHead(f *testing.F) {
	addHeads(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		h, n, err := parse(b[:len(b):len(b)])
		if err != nil {
			if _, known := err.(parser.Error); !known || n != 0 {
				t.Fatalf("%d octets and the error %v", n, err)
			}
			return
		}
		if n > len(b) || !bytes.HasSuffix(b[:n], []byte("\r\n\r\n")) {
			t.Fatalf("a head of %d octets out of %d", n, len(b))
		}
		if lines := bytes.ReplaceAll(b[:n], []byte("\r\n"), nil); bytes.ContainsFunc(lines, control) {
			t.Fatalf("a head with a control octet: %q", lines)
		}
		at := uint32(0)
		for _, s := range spans(h) {
			if s.Start < at || s.End < s.Start || int(s.End) > n-4 {
				t.Fatalf("%v is out of order in a head of %d", s, n)
			}
			at = s.End
		}
		after(h, b[:n:n])
	})
}

// control tells control octets from others, but for HTAB.
func control(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }

// spans returns all spans of h in the order of their octets.
func spans(h *parser.Head) []parser.Span {
	all := []parser.Span{h.Method, h.Target}
	for _, field := range h.Fields {
		all = append(all, field.Name, field.Value)
	}
	return all
}

// after asks everything else about a head; it only must not panic.
func after(h *parser.Head, b []byte) {
	parser.CheckHost(h, b)
	parser.SplitTarget(h, b)
	parser.Framing(h, b)
	parser.Persistent(h, b)
	parser.Expect(h, b)
	h.Field(b, "Upgrade")
	h.Field(b, "X")
	for q := b; len(q) > 0; {
		_, _, q = parser.NextPair(q)
	}
	parser.AppendUnescapedQuery(nil, b)
}
