package httpd

import (
	"strings"
	"testing"
)

// TestMust: what docs/http1.md says, where no other test has a row for it.
func TestMust(t *testing.T) {
	checkRows(t, fieldMusts(), targetMusts(), upgradeMusts(), headMusts())
}

// fieldMusts are fields that mean what they say, and nothing more.
func fieldMusts() []row {
	next := get("/hi")
	return []row{
		{name: "a field-name in any case", in: "POST /echo HTTP/1.1\r\nhOsT: a\r\ncOnTeNt-lEnGtH: 3\r\n\r\nabc" + next, want: good("abc") + good("hi")},
		{name: "white space around a value", in: "GET /where HTTP/1.1\r\nHost: \t a \t\r\n\r\n", want: good("GET /where /where  false a")},
		{name: "octets beyond ASCII in a value", in: req("GET /hi", "X: \xe9\xff") + next, want: good("hi") + good("hi")},
		{name: "empty elements in Connection", in: req("GET /hi", "Connection: ,, close ,") + next, want: good("hi", "close"), ends: true},
		{name: "Host as a connection option", in: req("GET /where", "Connection: host"), want: good("GET /where /where  false a")},
		{name: "TE", in: req("GET /hi", "TE: trailers", "Connection: TE") + next, want: good("hi") + good("hi")},
		{name: "a name like Content-Length", in: req("POST /echo", "Content_Length: 23") + next, want: good("") + good("hi")},
		{name: "a name like Transfer-Encoding", in: req("POST /echo", "Transfer_Encoding: chunked") + next, want: good("") + good("hi")},
		{name: "empty elements in Transfer-Encoding", in: req("POST /echo", "Transfer-Encoding: , chunked") + last + next, want: fail(400, "close"), ends: true},
		{name: "empty elements in Expect", in: req("GET /hi", "Expect: 100-continue,") + next, want: fail(417) + good("hi")},
		{name: "an empty Host", in: "GET /where HTTP/1.1\r\nHost:\r\n\r\n" + next, want: good("GET /where /where  false ") + good("hi")},
	}
}

// targetMusts are paths that look like other ones.
func targetMusts() []row {
	next := get("/hi")
	return []row{
		{name: "dot-segments", in: get("/x/../hi") + get("/./hi") + next, want: fail(404) + fail(404) + good("hi")},
		{name: "dot-segments above the root", in: get("/../hi") + next, want: fail(404) + good("hi")},
		{name: "two slashes", in: get("//hi") + next, want: fail(404) + good("hi")},
		{name: "NUL, encoded", in: get("/hi%00") + next, want: fail(404) + good("hi")},
		{name: "octets beyond ASCII in a target", in: get("/hi\xe9") + next, want: fail(400, "close"), ends: true},
		{name: "octets that no URI has", in: get("/<hi>") + next, want: fail(400, "close"), ends: true},
		{name: "CONNECT with an empty port", in: req("CONNECT a:") + next, want: fail(400, "close"), ends: true},
		{name: "CONNECT with a port that TCP has not", in: req("CONNECT a:65536") + next, want: fail(400, "close"), ends: true},
		{name: "an empty host in an absolute-form", in: get("http:///hi") + next, want: fail(400, "close"), ends: true},
		{name: "TRACE without a route", in: req("TRACE /hi") + next, want: fail(405, "Allow: GET, HEAD, OPTIONS") + good("hi")},
	}
}

// upgradeMusts ask for another protocol, which a server may decline by
// answering in this one.
func upgradeMusts() []row {
	next := get("/hi")
	socket := []string{"Connection: Upgrade", "Upgrade: websocket"}
	h2c := []string{"Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"}
	return []row{
		{name: "Upgrade to websocket", in: req("GET /hi", socket...) + next, want: good("hi") + good("hi")},
		{name: "Upgrade to h2c", in: req("GET /hi", h2c...) + next, want: good("hi") + good("hi")},
		{name: "Upgrade that is no connection option", in: req("GET /hi", "Upgrade: websocket") + next, want: good("hi") + good("hi")},
		{name: "Upgrade with content", in: post("abc", socket...) + next, want: good("abc") + good("hi")},
		{name: "Upgrade in HTTP/1.0", in: "GET /hi HTTP/1.0\r\n" + strings.Join(socket, "\r\n") + "\r\n\r\n", want: good("hi", "close"), ends: true},
	}
}

// headMusts are refused, and have no content in the answer all the same.
func headMusts() (rows []row) {
	for name, c := range map[string]struct {
		in   string
		code ErrCode
	}{
		"a target that is none":    {"HEAD /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		"a field that is none":     {req("HEAD /hi", "x"), 400},
		"no Host":                  {"HEAD /hi HTTP/1.1\r\n\r\n", 400},
		"content that is too long": {req("HEAD /hi", "Content-Length: 65"), 413},
		"chunks that are none":     {chunkedTo("HEAD /hi", "x"), 400},
		"an unknown expectation":   {req("HEAD /hi", "Expect: tea", "Connection: close"), 417},
	} {
		rows = append(rows, row{name: "HEAD with " + name, in: c.in, want: bare(fail(c.code, "close")), ends: true})
	}
	return rows
}

// TestHeadTimeout: a HEAD that comes too slowly has no content in its answer.
func TestHeadTimeout(t *testing.T) {
	r := newRig(t, timed(0))
	for _, in := range []string{"HEAD /hi HTTP/1.1\r\nHo", req("HEAD /echo", "Content-Length: 3") + "a", chunkedTo("HEAD /echo", "3\r\na")} {
		s := r.connect()
		s.says(in)
		r.quiet()
		r.pass(contentTime)
		if got, want := s.took(), bare(fail(408, "close")); got != want {
			t.Errorf("%q\n got %q\nwant %q", in, got, want)
		}
		r.empty()
	}
	r.finish()
}
