package fuzz

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"moor.example/httpd/parser"
)

// FuzzFraming: a body is framed as one plain reading of the fields has it, and
// what has no such reading is refused.
func FuzzFraming(f *testing.F) {
	for _, fields := range []string{
		"Content-Length: 5\r\n", "Transfer-Encoding: Chunked\r\n", "content-length:9223372036854775807\r\n",
		"Content-Length: 5\r\nContent-Length: 5\r\n", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
		"Transfer-Encoding: gzip, chunked\r\n", "Content-Length: 9223372036854775808\r\n", "X: y\r\n",
	} {
		f.Add([]byte(fields), false)
		f.Add([]byte(fields), true)
	}
	f.Fuzz(func(t *testing.T, fields []byte, old bool) {
		line := "POST / HTTP/1.1\r\n"
		if old {
			line = "POST / HTTP/1.0\r\n"
		}
		b := append([]byte(line), fields...)
		h, _, err := parse(append(b, "\r\n"...))
		if err != nil {
			return
		}
		body, err := parser.Framing(h, b)
		want, ok := framing(values(h, b), old)
		if got := fmt.Sprint(body.Kind, body.Length); ok != (err == nil) || got != want {
			t.Errorf("got %s, %v, want %s, %v", got, err, want, ok)
		}
	})
}

// framing is the plain reading: kind and length, and whether there is one.
func framing(fields map[string][]string, old bool) (body string, ok bool) {
	lengths, codings := fields["Content-Length"], fields["Transfer-Encoding"]
	none := fmt.Sprint(parser.None, 0)
	switch {
	case len(lengths)+len(codings) == 0:
		return none, true
	case len(lengths)+len(codings) > 1:
		return none, false
	case len(codings) == 1:
		if old || len(codings[0]) != len("chunked") || !strings.EqualFold(codings[0], "chunked") {
			return none, false
		}
		return fmt.Sprint(parser.Chunked, 0), true
	}
	n, err := strconv.ParseUint(lengths[0], 10, 63)
	if err != nil {
		return none, false
	}
	return fmt.Sprint(parser.Length, n), true
}
