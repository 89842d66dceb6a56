package httpd

import (
	"strings"
	"testing"
)

// TestRules: one row for each rule of a strict server that no other table has
// in these octets.
func TestRules(t *testing.T) {
	checkRows(t, refusedLines(), refusedTargets(), takenRules(), chunkRules())
}

// refusedLines are refused for what their octets are.
func refusedLines() (rows []row) {
	for name, in := range map[string]string{
		"a parenthesis in the method":      req("GE(T /"),
		"NUL in the method":                req("GE\x00T /"),
		"an octet beyond ASCII in it":      req("G\xcbT /"),
		"two spaces behind the method":     req("GET  /"),
		"a tab behind the method":          req("GET\t/"),
		"a space behind the version":       "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
		"no target":                        "GET HTTP/1.1\r\nHost: a\r\n\r\n",
		"no version":                       "GET / \r\nHost: a\r\n\r\n",
		"a version of two digits":          "GET / HTTP/1.10\r\nHost: a\r\n\r\n",
		"a version with a leading zero":    "GET / HTTP/01.1\r\nHost: a\r\n\r\n",
		"a version with a comma":           "GET / HTTP/1,1\r\nHost: a\r\n\r\n",
		"another protocol":                 "GET / RTSP/1.0\r\nHost: a\r\n\r\n",
		"CR and an octet for the end":      "GET / HTTP/1.1\r\nHost: a\r\n\rX" + get("/hi"),
		"an LF for the end":                "GET / HTTP/1.1\r\nHost: a\r\n\n",
		"two Hosts that are the same":      req("GET /", "Host: a"),
		"no Host":                          "GET / HTTP/1.1\r\n\r\n",
		"NUL in Transfer-Encoding":         req("POST /echo", "Transfer-Encoding: chunked\x00") + last,
		"a vertical tab before the coding": req("POST /echo", "Transfer-Encoding: \x0bchunked") + last,
		"300 empty lines":                  strings.Repeat("\r\n", 300) + get("/"),
	} {
		rows = append(rows, row{name: name, in: in + get("/hi"), want: fail(400, "close"), ends: true})
	}
	return rows
}

// refusedTargets are no request-targets, or not with this method.
func refusedTargets() (rows []row) {
	for _, line := range []string{
		"CONNECT a", "CONNECT /", "GET a:80", "GET *", "GET x/y", "GET /x#y", "GET /\x00", "GET /\x01", "GET /\x7f",
		"GET /\xe9", `GET /"<>`, "GET /%zz", "GET /a b", "GET http://u:p@a/", "GET http:///x", "GET ftp://a/x",
	} {
		rows = append(rows, row{name: line, in: req(line) + get("/hi"), want: fail(400, "close"), ends: true})
	}
	return append(rows, row{
		name: "absolute-form without Host", in: "GET http://a/x HTTP/1.1\r\n\r\n" + get("/hi"), want: fail(400, "close"), ends: true,
	})
}

// takenRules are requests that a strict server takes all the same.
func takenRules() []row {
	hidden := get("/hi")
	length := "Content-Length: 29"
	return []row{
		{name: "plain", in: get("/"), want: good("root")},
		{name: "one empty line first", in: "\r\n" + get("/"), want: good("root")},
		{name: "two empty lines first", in: "\r\n\r\n" + get("/"), want: good("root")},
		{name: "an unknown method", in: req("FROB /hi") + get("/hi"), want: fail(405, "Allow: GET, HEAD, OPTIONS") + good("hi")},
		{name: "a method with a mark", in: req("GET! /hi") + get("/hi"), want: fail(405, "Allow: GET, HEAD, OPTIONS") + good("hi")},
		{name: "HEAD, then GET", in: req("HEAD /") + get("/hi"), want: bare(good("root")) + good("hi")},
		{name: "POST without a length", in: req("POST /echo") + get("/hi"), want: good("") + good("hi")},
		{name: "a question mark in the query", in: get("/where?b=c?d/e"), want: good("GET /where?b=c?d/e /where  false a")},
		{name: "absolute-form of the same host", in: get("http://a/hi"), want: good("hi")},
		{name: "absolute-form of the host alone", in: get("http://a"), want: good("root")},
		{name: "percent 00", in: get("/%00"), want: fail(404)},
		{name: "dots above the root", in: get("/../x"), want: fail(404)},
		{name: "two slashes first", in: get("//x"), want: fail(404)},
		{name: "three in a row", in: get("/") + get("/hi") + get("/"), want: good("root") + good("hi") + good("root")},
		{name: "good, then without Host", in: get("/") + "GET / HTTP/1.1\r\n\r\n" + get("/hi"), want: good("root") + fail(400, "close"), ends: true},
		{name: "OPTIONS with a request as its content", in: req("OPTIONS /hi", length) + hidden, want: allows("GET, HEAD, OPTIONS")},
		{name: "HEAD with a request as its content", in: req("HEAD /echo", length) + hidden, want: bare(good(hidden))},
		{name: "GET with a request as its content", in: req("GET /echo", length) + hidden, want: good(hidden)},
	}
}

// chunkRules are chunk-sizes and extensions as they are disguised.
func chunkRules() (rows []row) {
	for _, line := range []string{
		"000000000000000000005", "0_5", "+5", "0x5", " 5", "5 ", "10000000000000000", "5\rX", "5\n", "5;a\nb", "5;a\rb", "5;a\x00", "5;",
	} {
		rows = append(rows, row{
			name: "chunk " + line, in: upload(line+"\r\nhello\r\n"+last) + get("/hi"), want: fail(400, "close"), ends: true,
		})
	}
	for _, line := range []string{"5;a=b;c", `5;a="b;\"c"`, "5 ; a = b", "0005"} {
		rows = append(rows, row{
			name: "chunk " + line, in: upload(line+"\r\nhello\r\n"+last) + get("/hi"), want: good("hello") + good("hi"),
		})
	}
	return rows
}
