package parser_test

import (
	"testing"

	"moor.example/httpd/parser"
)

// TestAllocs wants every exported function to leave the heap alone, also when
// it refuses.
func TestAllocs(t *testing.T) {
	good := []byte("POST http://a:80/x?y=z HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nX: y\r\n" +
		"Connection: a\r\nConnection: b\r\nExpect: 100-continue\r\n\r\n")
	bad := []byte("POST / HTTP/1.1\r\nHost: [\r\nTransfer-Encoding: gzip, chunked\r\n\r\n")
	broken := []byte("GET / HTTP/1.1\r\nHost : a\r\n\r\n")
	query, escaped := []byte("a=1&b=2"), []byte("%41+b")
	h, refused := newHead(), newHead()
	var g parser.Guard
	buf := make([]byte, 0, 64)
	body, spoilt := "5;a=\"b\"\r\nhello\r\n0\r\n", make([]byte, 0, 64)
	lim, c := parser.ChunkLimits{Content: 5, Extensions: 6}, new(parser.Chunks)
	section := []byte("A: b\r\nC: d\r\n\r\n")
	tr := parser.Trailer{Max: 64, Fields: make([]parser.Field, 0, 4)}
	for name, f := range map[string]func(){
		"Parse":            func() { h.Parse(good, &g) },
		"Parse, twice":     func() { h.Parse(good[:40], &g); h.Parse(good, &g) },
		"Parse, refused":   func() { refused.Parse(broken, &g) },
		"EmptyLines":       func() { parser.EmptyLines(good) },
		"Field":            func() { h.Field(good, "Host"); h.Field(good, "x"); h.Field(good, "none") },
		"Span":             func() { _ = h.Target.Of(good); _ = h.Target.Len() },
		"Framing":          func() { parser.Framing(h, good) },
		"Framing, refused": func() { parser.Framing(refused, bad) },
		"CheckHost":        func() { parser.CheckHost(h, good); parser.CheckHost(refused, bad) },
		"SplitTarget":      func() { parser.SplitTarget(h, good) },
		"Persistent":       func() { parser.Persistent(h, good) },
		"ConnectionOption": func() { parser.ConnectionOption(h, good, "c") },
		"Expect":           func() { parser.Expect(h, good) },
		"ValidHost":        func() { parser.ValidHost([]byte("[1:2:3::4:1.2.3.4]:80")); parser.ValidHost([]byte("[v1.a]")) },
		"NextPair":         func() { parser.NextPair(query) },
		"QueryValue":       func() { parser.QueryValue(query, "b") },
		"AppendUnescaped":  func() { parser.AppendUnescaped(buf, escaped); parser.AppendUnescapedQuery(buf, escaped) },
		"Decode":           func() { c.Decode(append(spoilt, body...), &lim); c.Left() },
		"Decode, twice":    func() { c.Decode(append(spoilt, body[:4]...), &lim); c.Decode(append(spoilt, body[4:]...), &lim) },
		"Decode, refused":  func() { c.Decode(append(spoilt, "6\r\n"...), &lim) },
		"Trailer":          func() { tr.Parse(section, &g); tr.Field(section, "c") },
		"Trailer, twice":   func() { tr.Parse(section[:9], &g); tr.Parse(section, &g) },
		"Trailer, refused": func() { tr.Parse(section[:9], &g); tr.Parse(bad, &g); g = parser.Guard{} },
		"Error":            func() { _ = parser.ErrHost.Error() },
		"IsToken":          func() { parser.IsToken("a"); parser.IsFieldValue("a"); parser.EqualFold("a", "A") },
	} {
		h.Parse(good, &g)
		refused.Parse(bad, &g)
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}
