package parser_test

import (
	"testing"

	"moor.example/httpd/parser"
)

// TestForget: of a head that is forgotten nothing is left, whatever it was, and
// the next one is parsed as if there had been none.
func TestForget(t *testing.T) {
	newHead := func() *parser.Head {
		return &parser.Head{MaxTarget: 100, MaxHead: 1000, Fields: make([]parser.Field, 0, 8)}
	}
	const next = "GET / HTTP/1.1\r\nHost: b\r\n\r\n"
	for _, in := range []string{
		"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: close\r\nExpect: tea\r\n\r\n",
		"POST /a HTTP/1.0\r\nHost: a\r\nHost: b\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
		"GET /a HTTP/1.9\r\nHost: a\r\nTransfer-Encoding: x\r\nTransfer-Encoding: y\r\nConnection: a\r\nConnection: close\r\nbad",
		"GET /a HTTP/2.0\r\n\r\n",
		"GET /a HTTP/1.1\r\nHost: a\r\nContent-Length",
		"",
	} {
		h := newHead()
		h.Parse([]byte(in), &parser.Guard{})
		h.Forget()
		var none []byte
		body, err := parser.Framing(h, none)
		if m, target := h.Method.Of(none), h.Target.Of(none); len(m)+len(target)+len(h.Fields) != 0 || h.Minor != 0 {
			t.Errorf("%q: %q, %q, %d, %v are left", in, m, target, h.Minor, h.Fields)
		}
		if body != (parser.Body{}) || err != nil || parser.Expect(h, none) != parser.ExpectNone {
			t.Errorf("%q: %v, %v, %v are left", in, body, err, parser.Expect(h, none))
		}
		if v, is := h.Field(none, "Host"); is || parser.Persistent(h, none) || parser.ConnectionOption(h, none, "close") {
			t.Errorf("%q: Host %q, %v, or a connection option is left", in, v, is)
		}
		if cap(h.Fields) != 8 || h.MaxTarget != 100 || h.MaxHead != 1000 {
			t.Errorf("%q: the limits are %d, %d, %d", in, cap(h.Fields), h.MaxTarget, h.MaxHead)
		}
		n, err := h.Parse([]byte(next), &parser.Guard{})
		body, framing := parser.Framing(h, []byte(next))
		host, _ := h.Field([]byte(next), "Host")
		if n != len(next) || err != nil || body != (parser.Body{}) || framing != nil || parser.CheckHost(h, []byte(next)) != nil || string(host) != "b" {
			t.Errorf("%q, then another: %d, %v, %v, %v, %q", in, n, err, body, framing, host)
		}
	}
}
