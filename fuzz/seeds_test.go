package fuzz

import (
	"net/textproto"
	"testing"

	"moor.example/httpd/parser"
)

// heads are requests that reach most of the parser, whole, broken and partial.
var heads = []string{
	"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"POST /adder?a=1&b=%32 HTTP/1.1\r\nHost: a:80\r\nContent-Length: 5\r\n\r\nhello",
	"POST / HTTP/1.1\r\nHost: [::1]\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"GET http://b/x?y HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n",
	"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
	"OPTIONS * HTTP/1.1\r\nHost:\r\nExpect: 100-continue\r\nX:\t a b \r\n\r\n",
	"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
	"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	"GET / HTTP/1.1\r\nX : a\r\n\r\n",
	"GET / HTTP/1.1\r\nX: a\r\n b\r\n\r\n",
	"GET / HTTP/1.1\r\nX: a\rb\n\x00\r\n\r\n",
	"GET  /%zz HTTP/1.10\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551616\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
	"MMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMM /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	"GET / HTTP/1.1\r\nA:\r\nB:\r\nC:\r\nD:\r\nE:\r\nF:\r\nG:\r\n\r\n",
	"GET /x HT",
	"GET / HTTP/1.1\r\nHost: a\r\n\r",
}

// addHeads makes seeds of the heads.
func addHeads(f *testing.F) {
	for _, head := range heads {
		f.Add([]byte(head))
	}
}

// parse parses the head that b begins with, under ordinary limits.
func parse(b []byte) (h *parser.Head, n int, err error) {
	h = &parser.Head{MaxTarget: 8192, MaxHead: 16384, Fields: make([]parser.Field, 0, 100)}
	n, err = h.Parse(b, new(parser.Guard))
	return h, n, err
}

// values returns the values of all fields of a head: see fieldValues.
func values(h *parser.Head, b []byte) map[string][]string { return fieldValues(h.Fields, b) }

// fieldValues returns the values of fields, by canonical name, in their order.
func fieldValues(fields []parser.Field, b []byte) map[string][]string {
	m := map[string][]string{}
	for _, f := range fields {
		name := textproto.CanonicalMIMEHeaderKey(string(f.Name.Of(b)))
		m[name] = append(m[name], string(f.Value.Of(b)))
	}
	return m
}
