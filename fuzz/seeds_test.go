package fuzz

import (
	"net/textproto"
	"strings"
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

// streams are what peers say on a connection: requests for every way in which
// the engine answers, and what comes of the limits of its tests.
var streams = []string{
	"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /3 HTTP/1.1\r\nHost: a\r\n\r\n",
	"POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nX-T: v\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
	"HEAD /1 HTTP/1.1\r\nHost: a\r\n\r\nHEAD /~get HTTP/1.1\r\nHost: a\r\n\r\nHEAD /~none HTTP/1.1\r\nHost: a\r\n\r\nHEAD /t HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /w HTTP/1.1\r\nHost: a\r\n\r\nGET /t HTTP/1.1\r\nHost: a\r\n\r\nGET /i HTTP/1.1\r\nHost: a\r\n\r\nGET /m HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /c HTTP/1.1\r\nHost: a\r\n\r\nGET /c HTTP/1.1\r\nHost: a\r\n\r\nGET /l HTTP/1.1\r\nHost: a\r\n\r\nGET /w HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /e HTTP/1.1\r\nHost: a\r\n\r\nGET /1 HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /n HTTP/1.1\r\nHost: a\r\n\r\n",
	"POST /~none HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloPUT /~get HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\nGET /1 HTTP/1.1\r\nHost: a\r\n\r\n",
	"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\nOPTIONS /~get HTTP/1.1\r\nHost: a\r\n\r\nCONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\nGET http://b/1?q HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /l HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
	"POST /1 HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhelloPOST /~none HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhelloGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
	"POST /1 HTTP/1.1\r\nHost: a\r\nExpect: tea\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
	"\r\n\r\nGET /1 HTTP/1.1\r\nHost: a\r\n\r\n\r\n\r\n",
	"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 33\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
	"HEAD /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 129\r\n\r\n",
	"HEAD /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello",
	"POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n81\r\nhello",
	"GET /1 HTTP/1.1\r\nA:\r\nB:\r\nC:\r\nD:\r\nE:\r\nF:\r\nG:\r\nH:\r\nI:\r\n\r\n",
	"GET /x HT",
	"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 128\r\n\r\n" + strings.Repeat("GET /2 HTTP/1.1\r\n", 7) + "\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\n",
}
