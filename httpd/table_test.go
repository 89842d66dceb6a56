package httpd

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// A row is what a peer says and what it must be told, however the octets are
// cut on their way in and out.
type row struct {
	name string
	in   string
	want string
	ends bool // the server ends the connection
	// late is what the peer is told if the content of its first request is not
	// there when the head is: empty if that makes no difference. It ends the
	// connection.
	late string
	tell bool // the one request waits for a 100
}

// The limits of the table's server.
const (
	tableTarget     = 64
	tableHead       = 256
	tableFields     = 8
	tableContent    = 64
	tableExtensions = 16
	tableTrailer    = 48
)

func tableConfig() Config {
	return Config{
		MaxTargetBytes:  tableTarget,
		MaxHeadBytes:    tableHead,
		MaxFields:       tableFields,
		MaxContentBytes: tableContent,

		MaxExtensionBytes: tableExtensions,
		MaxTrailerBytes:   tableTrailer,
	}
}

func TestTable(t *testing.T) {
	checkRows(t, validRows(), refusedRows(), rejectedRows(), limitRows(), expectRows())
}

func checkRows(t *testing.T, tables ...[]row) {
	for _, row := range slices.Concat(tables...) {
		t.Run(row.name, func(t *testing.T) { row.check(t) })
	}
}

// check plays the row whole, cut in two everywhere, octet by octet and cut at
// random, each of them with sends that take everything, or little, and then
// octet by octet in turn with another session.
func (row row) check(t *testing.T) { row.through(newRig(t, tableConfig())) }

// through is check on a rig of the caller's.
func (row row) through(r *rig) {
	rng := rand.New(rand.NewPCG(1, uint64(len(row.in))))
	row.play(r, nil, row.in)
	for at := 1; at < len(row.in); at++ {
		row.play(r, nil, row.in[:at], row.in[at:])
	}
	bytewise := strings.Split(row.in, "")
	row.play(r, nil, bytewise...)
	for range 10 {
		row.play(r, nil, cut(rng, row.in)...)
	}
	for _, room := range rooms(rng) {
		row.play(r, room, row.in)
		row.play(r, room, bytewise...)
		row.play(r, room, cut(rng, row.in)...)
	}
	row.beside(r)
	r.finish()
}

// cut cuts s in pieces at random.
func cut(rng *rand.Rand, s string) (pieces []string) {
	for len(s) > 0 {
		n := 1 + rng.IntN(len(s))
		if rng.IntN(2) == 0 {
			n = min(n, 8)
		}
		pieces, s = append(pieces, s[:n]), s[n:]
	}
	return pieces
}

// rooms are ways in which a socket takes less than it is given. 0 is a
// refusal, after which there is room again.
func rooms(rng *rand.Rand) []func() int {
	turn := 0
	return []func() int{
		func() int { return 1 },
		func() int { turn++; return turn % 2 },
		func() int { return max(0, rng.IntN(240)-40) },
	}
}

// play sends the pieces on a connection of its own, each for one recv.
func (row row) play(r *rig, room func() int, pieces ...string) {
	r.Helper()
	s := r.connect()
	s.room = room
	s.says(pieces...)
	r.quiet()
	row.judge(r, s, pieces)
	r.k.log = r.k.log[:0]
	r.empty()
}

// beside sends the row octet by octet while another session sends requests of
// its own in the same way: what the loop knows of the one is the other's by the
// time of the next octet.
func (row row) beside(r *rig) {
	r.Helper()
	const line = "POST /show?other=session"
	other := chunkedTo(line, chunks("o", "ther")+"0\r\nO: T\r\n\r\n", "O: H") + req(line, "O: L", "Content-Length: 3") + "oth"
	told := good(line+" HTTP/1.1\nHost: a\nO: H\nTransfer-Encoding: chunked\n\nother\nO: T\n") +
		good(line+" HTTP/1.1\nHost: a\nO: L\nContent-Length: 3\n\noth\n")
	first, second := r.connect(), r.connect()
	for i := range max(len(row.in), len(other)) {
		if i < len(row.in) {
			first.says(row.in[i : i+1])
		}
		second.says(other[i%len(other) : i%len(other)+1])
		r.turn()
	}
	r.quiet()
	row.judge(r, first, []string{"octet by octet beside another session"})
	if got := second.took(); !strings.HasPrefix(strings.Repeat(told, len(row.in)/len(other)+1), got) || len(got) < len(told) {
		r.Errorf("the other session got %q", got)
	}
	r.k.log = r.k.log[:0]
	r.empty()
}

// judge wants the peer to have been told what the row says.
func (row row) judge(r *rig, s *sock, pieces []string) {
	r.Helper()
	out, tells := row.split(string(s.out))
	if want := row.tells(s.taken); tells != want {
		r.Errorf("%q: told to continue %d times, want %d", pieces, tells, want)
	}
	want, ends := row.want, row.ends
	if row.late != "" && row.cutInContent(s.taken) {
		want, ends = row.late, true
	}
	if out != want {
		r.Fatalf("%q\n got %q\nwant %q", pieces, out, want)
	}
	if gone := s.shut || s.closed; gone != ends {
		r.Fatalf("%q: the connection's end is %v, want %v", pieces, gone, ends)
	}
	if !s.closed && !s.shut {
		row.rest(r, s)
	}
}

// rest wants an open connection to hold nothing between two requests.
func (row row) rest(r *rig, s *sock) {
	r.Helper()
	switch c := r.conn(s); c.state {
	case stateIdle, stateFresh, stateDiscard:
		r.is(s, c.state)
	}
}

// split takes the interim responses out.
func (row row) split(out string) (rest string, tells int) {
	return strings.ReplaceAll(out, interim, ""), strings.Count(out, interim)
}

// tells is how often the peer must be told to continue: once, if its head was
// taken alone.
func (row row) tells(taken []int) int {
	head, sum := strings.Index(row.in, "\r\n\r\n")+4, 0
	for _, n := range taken {
		if sum += n; row.tell && sum == head {
			return 1
		}
	}
	return 0
}

// cutInContent reports whether the first request's head was taken without all
// of the content.
func (row row) cutInContent(taken []int) bool {
	head := strings.Index(row.in, "\r\n\r\n") + 4
	var length int
	fmt.Sscanf(row.in[strings.Index(row.in, "Content-Length: "):], "Content-Length: %d", &length)
	sum := 0
	for _, n := range taken {
		if sum += n; sum >= head {
			return sum < head+length
		}
	}
	return true
}

func validRows() []row {
	long := strings.Repeat("0123456789", 30)
	return []row{
		{name: "nothing"},
		{name: "one", in: get("/hi"), want: good("hi")},
		{name: "half a head", in: "GET /hi HTTP/1.1\r\nHost: a\r\n"},
		{name: "all but the last octet of content", in: post("abc")[:len(post("abc"))-1]},
		{name: "two", in: get("/hi") + get("/"), want: good("hi") + good("root")},
		{name: "many", in: strings.Repeat(get("/hi"), 7), want: strings.Repeat(good("hi"), 7)},
		{name: "one and a half", in: get("/hi") + get("/")[:9], want: good("hi")},
		{name: "no content", in: req("POST /echo"), want: good("")},
		{name: "empty content", in: post(""), want: good("")},
		{name: "content", in: post("abc"), want: good("abc")},
		{name: "content of any octets", in: post("\x00\r\n\xff\r\n\r\n"), want: good("\x00\r\n\xff\r\n\r\n")},
		{name: "content twice", in: post("abc") + post("de"), want: good("abc") + good("de")},
		{name: "content, then none", in: post("abc") + get("/hi"), want: good("abc") + good("hi")},
		{name: "GET with content", in: req("GET /echo", "Content-Length: 2") + "xy" + get("/hi"), want: good("xy") + good("hi")},
		{name: "content nobody looks at", in: req("GET /hi", "Content-Length: 2") + "xy" + get("/"), want: good("hi") + good("root")},
		{name: "content that looks like a request", in: post(get("/hi")) + get("/"), want: good(get("/hi")) + good("root")},
		{name: "Content-Length with zeros", in: req("POST /echo", "content-length: 003") + "abc", want: good("abc")},
		{name: "Content-Length in white space", in: req("POST /echo", "Content-Length: \t 3 ") + "abc", want: good("abc")},
		{name: "query", in: get("/where?x=%20y&z"), want: good("GET /where?x=%20y&z /where %20y true a")},
		{name: "no query", in: get("/where"), want: good("GET /where /where  false a")},
		{name: "the empty query", in: get("/where?"), want: good("GET /where? /where  false a")},
		{name: "absolute-form", in: get("http://b/where?x=1"), want: good("GET http://b/where?x=1 /where 1 true a")},
		{name: "absolute-form in https", in: get("HTTPS://b:443/hi"), want: good("hi")},
		{name: "absolute-form without a path", in: get("http://b"), want: good("root")},
		{name: "absolute-form with a query alone", in: get("http://b?x"), want: good("root")},
		{name: "asterisk-form", in: req("OPTIONS *"), want: good("all")},
		{name: "HEAD without Host", in: "HEAD /hi HTTP/1.1\r\n\r\n", want: bare(fail(400, "close")), ends: true},
		{name: "HEAD with too long a content", in: req("HEAD /hi", "Content-Length: 99999999"), want: bare(fail(413, "close")), ends: true},
		{name: "HEAD in an unknown coding", in: req("HEAD /hi", "Transfer-Encoding: x, chunked"), want: bare(fail(501, "close")), ends: true},
		{name: "HEAD", in: req("HEAD /hi") + get("/hi"), want: bare(good("hi")) + good("hi")},
		{name: "a long response", in: get("/long") + get("/hi"), want: good(long) + good("hi")},
		{name: "an empty response", in: get("/empty") + get("/hi"), want: good("") + good("hi")},
		{name: "204", in: get("/204") + get("/hi"), want: "HTTP/1.1 204 No Content\r\n" + dateLine + "\r\n" + good("hi")},
		{name: "a handler's 404", in: get("/404") + get("/hi"), want: answer("404 Not Found", "no such number") + good("hi")},
		{name: "fields", in: get("/fields") + get("/hi"), want: good("f", "X-A: 1", "X-B: 2") + good("hi")},
		{name: "answered twice", in: get("/twice") + get("/hi"), want: good("once") + good("hi")},

		{name: "an empty line before", in: "\r\n" + get("/hi"), want: good("hi")},
		{name: "eight empty lines before", in: strings.Repeat("\r\n", 8) + get("/hi"), want: good("hi")},
		{name: "eight empty lines before each", in: strings.Repeat(strings.Repeat("\r\n", 8)+get("/hi"), 3), want: strings.Repeat(good("hi"), 3)},
		{name: "an empty line behind content", in: post("abc") + "\r\n" + post("de") + "\r\n", want: good("abc") + good("de")},
		{name: "empty lines alone", in: "\r\n\r\n"},
		{name: "half an empty line", in: get("/hi") + "\r", want: good("hi")},

		{name: "close", in: req("GET /hi", "Connection: close"), want: good("hi", "close"), ends: true},
		{name: "close in a list", in: req("GET /hi", "Connection: x, CLOSE"), want: good("hi", "close"), ends: true},
		{name: "close in a second field", in: req("GET /hi", "Connection: x", "connection: close"), want: good("hi", "close"), ends: true},
		{name: "close is not a part of a word", in: req("GET /hi", "Connection: closed, enclose"), want: good("hi")},
		{name: "close after content", in: post("abc", "Connection: close"), want: good("abc", "close"), ends: true},
		{name: "close after others", in: get("/hi") + req("GET /hi", "Connection: close"), want: good("hi") + good("hi", "close"), ends: true},
		{name: "nothing is served after close", in: req("GET /hi", "Connection: close") + get("/hi"), want: good("hi", "close"), ends: true},
		{name: "HTTP/1.1 with keep-alive", in: req("GET /hi", "Connection: keep-alive"), want: good("hi")},
		{name: "HTTP/1.0", in: "GET /hi HTTP/1.0\r\n\r\n", want: good("hi", "close"), ends: true},
		{name: "HTTP/1.0 with a Host", in: "GET /hi HTTP/1.0\r\nHost: a\r\n\r\n" + get("/hi"), want: good("hi", "close"), ends: true},
		{name: "HTTP/1.0 with keep-alive", in: strings.Repeat("GET /hi HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", 2),
			want: strings.Repeat(good("hi", "Connection: keep-alive"), 2)},
		{name: "HTTP/1.0 with keep-alive and content", in: "POST /echo HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nabc",
			want: good("abc", "Connection: keep-alive")},
		{name: "HTTP/1.0 with keep-alive and close", in: "GET /hi HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", want: good("hi", "close"), ends: true},
		{name: "HTTP/1.0 with keep-alive, failing", in: "GET /fail HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", want: good("bye", "close"), ends: true},
		{name: "HTTP/1.2", in: "GET /hi HTTP/1.2\r\nHost: a\r\n\r\n", want: good("hi")},

		{name: "a handler's error", in: get("/hi") + get("/fail") + get("/hi"), want: good("hi") + good("bye", "close"), ends: true},
		{name: "a handler's error, with fields", in: get("/fieldsfail"), want: good("f", "X-A: 1", "close"), ends: true},
		{name: "a handler's error, and close", in: req("GET /fail", "Connection: close"), want: good("bye", "close"), ends: true},
		{name: "no response", in: get("/mute") + get("/hi"), want: fail(500, "close"), ends: true},
		{name: "no response but an error", in: get("/mutefail"), want: fail(500, "close"), ends: true},
		{name: "an injected field", in: get("/split") + get("/hi"), want: fail(500, "close"), ends: true},
	}
}

// bare is the response to HEAD.
func bare(response string) string {
	head, _, _ := strings.Cut(response, "\r\n\r\n")
	return head + "\r\n\r\n"
}

// refusedRows break the protocol: an answer, and the end. Whatever follows is
// not served.
func refusedRows() (rows []row) {
	for _, c := range []struct {
		name string
		code ErrCode
		in   string
	}{
		{"TLS", 400, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"},
		{"NUL", 400, "\x00"},
		{"LF", 400, "\n" + get("/hi")},
		{"CR without LF", 400, "\r" + get("/hi")},
		{"nine empty lines", 400, strings.Repeat("\r\n", 9) + get("/hi")},
		{"a request-line that ends in LF", 400, "GET /hi HTTP/1.1\nHost: a\r\n\r\n"},
		{"a field-line that ends in LF", 400, "GET /hi HTTP/1.1\r\nHost: a\n\r\n"},
		{"an empty line that is LF", 400, "GET /hi HTTP/1.1\r\nHost: a\r\n\n"},
		{"obs-fold", 400, "GET /hi HTTP/1.1\r\nHost: a\r\n b\r\n\r\n"},
		{"white space before the first field", 400, "GET /hi HTTP/1.1\r\n Host: a\r\n\r\n"},
		{"white space before the colon", 400, "GET /hi HTTP/1.1\r\nHost : a\r\n\r\n"},
		{"a field without a name", 400, req("GET /hi", ": x")},
		{"a field without a colon", 400, req("GET /hi", "abc")},
		{"NUL in a field", 400, req("GET /hi", "X: a\x00b")},
		{"CR in a field", 400, req("GET /hi", "X: a\rb")},
		{"a method that is no token", 400, req("G(T /hi")},
		{"two spaces", 400, req("GET  /hi")},
		{"a long method", 501, req(strings.Repeat("M", 33) + " /hi")},
		{"a target with a space", 400, req("GET /h i")},
		{"a target with a fragment", 400, req("GET /hi#x")},
		{"a target with half an escape", 400, req("GET /hi%2")},
		{"a relative target", 400, req("GET hi")},
		{"an asterisk for GET", 400, req("GET *")},
		{"another scheme", 400, req("GET ftp://a/hi")},
		{"userinfo", 400, req("GET http://u@a/hi")},
		{"CONNECT without a port", 400, req("CONNECT a")},
		{"HTTP/0.9", 400, "GET /hi\r\n"},
		{"HTTP/2.0", 505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
		{"http in small letters", 400, "GET /hi http/1.1\r\nHost: a\r\n\r\n"},
		{"a version of two digits", 400, "GET /hi HTTP/1.10\r\nHost: a\r\n\r\n"},
		{"no Host", 400, "GET /hi HTTP/1.1\r\n\r\n"},
		{"two Hosts", 400, req("GET /hi", "Host: a")},
		{"a Host that is none", 400, "GET /hi HTTP/1.1\r\nHost: a b\r\n\r\n"},
		{"Content-Length of a sign", 400, req("POST /echo", "Content-Length: +3") + "abc"},
		{"Content-Length below 0", 400, req("POST /echo", "Content-Length: -3") + "abc"},
		{"Content-Length in a list", 400, req("POST /echo", "Content-Length: 3, 3") + "abc"},
		{"Content-Length of nothing", 400, req("POST /echo", "Content-Length: ") + "abc"},
		{"Content-Length twice", 400, req("POST /echo", "Content-Length: 3", "Content-Length: 3") + "abc"},
		{"Content-Length beyond 63 bits", 413, req("POST /echo", "Content-Length: 9223372036854775808") + "abc"},
		{"Content-Length of 63 bits", 413, req("POST /echo", "Content-Length: 9223372036854775807") + "abc"},
		{"gzip", 400, req("POST /echo", "Transfer-Encoding: gzip") + get("/hi")},
		{"gzip before chunked", 501, req("POST /echo", "Transfer-Encoding: gzip, chunked") + "0\r\n\r\n"},
		{"chunked before gzip", 400, req("POST /echo", "Transfer-Encoding: chunked, gzip") + "0\r\n\r\n"},
		{"Transfer-Encoding and Content-Length", 400, req("POST /echo", "Transfer-Encoding: chunked", "Content-Length: 5") + "0\r\n\r\n"},
		{"Transfer-Encoding in HTTP/1.0", 400, "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
		{"Transfer-Encoding twice", 400, req("POST /echo", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked") + "0\r\n\r\n"},
	} {
		rows = append(rows,
			row{name: c.name, in: c.in, want: fail(c.code, "close"), ends: true},
			row{name: c.name + ", after two", in: get("/hi") + post("abc") + c.in + get("/hi"),
				want: good("hi") + good("abc") + fail(c.code, "close"), ends: true})
	}
	return rows
}

// rejectedRows are well-formed, but no handler gets them: the session goes on.
func rejectedRows() []row {
	next := get("/hi")
	onlyGet := "Allow: GET, HEAD, OPTIONS"
	return []row{
		{name: "404", in: get("/x") + next, want: fail(404) + good("hi")},
		{name: "404 with content", in: req("POST /x", "Content-Length: 3") + "abc" + next, want: fail(404) + good("hi")},
		{name: "404 with content like a request", in: req("POST /x", fmt.Sprintf("Content-Length: %d", len(next))) + next + next, want: fail(404) + good("hi")},
		{name: "404 with content that never comes", in: req("POST /x", "Content-Length: 3") + "ab", want: fail(404)},
		{name: "404 and close", in: req("POST /x", "Connection: close", "Content-Length: 3") + "abc" + next, want: fail(404, "close"), ends: true},
		{name: "404 in HTTP/1.0", in: "GET /x HTTP/1.0\r\n\r\n", want: fail(404, "close"), ends: true},
		{name: "404 for HEAD", in: req("HEAD /x") + next, want: bare(fail(404)) + good("hi")},
		{name: "404 for CONNECT", in: req("CONNECT a:80") + next, want: fail(404) + good("hi")},
		{name: "404 for the asterisk, which * alone matches", in: get("/*") + next, want: fail(404) + good("hi")},
		{name: "404 for a longer path", in: get("/hi/") + get("/h%69"), want: fail(404) + fail(404)},
		{name: "405", in: req("DELETE /hi") + next, want: fail(405, "Allow: GET, HEAD, OPTIONS") + good("hi")},
		{name: "405 with content", in: req("POST /", "Content-Length: 3") + "abc" + next, want: fail(405, onlyGet) + good("hi")},
		{name: "405 for a method in small letters", in: req("get /") + next, want: fail(405, onlyGet) + good("hi")},
		{name: "405 for HEAD", in: req("HEAD /post") + next, want: bare(fail(405, "Allow: POST, OPTIONS")) + good("hi")},
		{name: "405 of many", in: req("DELETE /echo") + next, want: fail(405, "Allow: GET, HEAD, POST, PUT, OPTIONS") + good("hi")},
	}
}

// limitRows are at a limit, and one beyond it.
func limitRows() []row {
	head := func(n int) string {
		s := req("GET /hi", "X: ")
		return strings.Replace(s, "X: ", "X: "+strings.Repeat("x", n-len(s)), 1)
	}
	target := func(n int) string { return get("/" + strings.Repeat("x", n-1)) }
	fields := func(n int) string { return req("GET /hi", strings.Split(strings.Repeat("X: y,", n-1), ",")[:n-1]...) }
	content := func(n int) string { return post(strings.Repeat("x", n)) }
	return []row{
		{name: "the longest target", in: target(tableTarget), want: fail(404)},
		{name: "a longer target", in: target(tableTarget + 1), want: fail(414, "close"), ends: true},
		{name: "a target without an end", in: target(tableTarget + 1)[:4+tableTarget+1], want: ""},
		{name: "the longest head", in: head(tableHead) + get("/hi"), want: good("hi") + good("hi")},
		{name: "a longer head", in: head(tableHead + 1), want: fail(431, "close"), ends: true},
		{name: "a head without an end", in: head(tableHead + 1)[:tableHead], want: fail(431, "close"), ends: true},
		{name: "a head without an end, one octet less", in: head(tableHead + 1)[:tableHead-1], want: ""},
		{name: "a longer head, after two", in: get("/hi") + head(tableHead) + head(tableHead+1), want: good("hi") + good("hi") + fail(431, "close"), ends: true},
		{name: "the most fields", in: fields(tableFields), want: good("hi")},
		{name: "one field more", in: fields(tableFields + 1), want: fail(431, "close"), ends: true},
		{name: "the longest content", in: content(tableContent) + get("/hi"), want: good(strings.Repeat("x", tableContent)) + good("hi")},
		{name: "longer content", in: content(tableContent + 1), want: fail(413, "close"), ends: true},
		{name: "longer content, after two", in: get("/hi") + get("/") + content(tableContent+1) + get("/hi"),
			want: good("hi") + good("root") + fail(413, "close"), ends: true},
	}
}

// expectRows expect something of the server. Whether the content has come
// with the head makes a difference then.
func expectRows() []row {
	const cont = "Expect: 100-continue"
	next := get("/hi")
	refused := req("POST /x", cont, "Content-Length: 3") + "abc" + next
	return []row{
		{name: "Expect", in: post("abc", cont), want: good("abc"), tell: true},
		{name: "Expect in capitals", in: post("abc", "EXPECT: 100-CONTINUE"), want: good("abc"), tell: true},
		{name: "Expect, and the next", in: post("abc", cont) + next, want: good("abc") + good("hi"), tell: true},
		{name: "Expect without content", in: post("", cont) + next, want: good("") + good("hi")},
		{name: "Expect without a length", in: req("POST /echo", cont) + next, want: good("") + good("hi")},
		{name: "Expect in HTTP/1.0", in: "POST /echo HTTP/1.0\r\n" + cont + "\r\nContent-Length: 3\r\n\r\nabc", want: good("abc", "close"), ends: true},
		{name: "Expect of 404", in: refused, want: fail(404) + good("hi"), late: fail(404, "close")},
		{name: "Expect of 413", in: req("POST /echo", cont, "Content-Length: 65"), want: fail(413, "close"), ends: true},
		{name: "Expect what nobody meets", in: post("abc", "Expect: tea") + next, want: fail(417) + good("hi"), late: fail(417, "close")},
		{name: "Expect what nobody meets, without content", in: req("GET /hi", "Expect: tea") + next, want: fail(417) + good("hi")},
		{name: "Expect two things", in: req("GET /hi", cont, "Expect: tea") + next, want: fail(417) + good("hi")},
	}
}
