package httpd

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"moor.example/httpd/parser"
)

func TestChunked(t *testing.T) {
	checkRows(t, chunkedRows(), chunkedRefusedRows(), chunkedRejectedRows(), chunkedLimitRows(), chunkedExpectRows())
}

func chunkedRows() []row {
	next := get("/hi")
	shown := func(line, body, rest string, fields ...string) row {
		told := line + " HTTP/1.1\nHost: a\n" + strings.Join(append(fields, ""), "\n") + "Transfer-Encoding: chunked\n\n" + rest
		return row{in: chunkedTo(line, body, fields...) + next, want: good(told) + good("hi")}
	}
	named := func(name string, r row) row { r.name = name; return r }
	return []row{
		{name: "one chunk", in: upload(chunks("abc") + last), want: good("abc")},
		{name: "many chunks", in: upload(chunks("abc", "d", "efghijklmnopqrstu") + last), want: good("abcdefghijklmnopqrstu")},
		{name: "chunks of one octet", in: upload(chunks(strings.Split("abcdefgh", "")...) + last), want: good("abcdefgh")},
		{name: "no chunk but the last", in: upload(last), want: good("")},
		{name: "sizes in both cases", in: upload("A\r\n0123456789\r\nb\r\n0123456789a\r\n" + last), want: good("01234567890123456789a")},
		{name: "sizes with zeros", in: upload("0003\r\nabc\r\n0000\r\n\r\n"), want: good("abc")},
		{name: "a size of sixteen digits", in: upload("0000000000000003\r\nabc\r\n" + last), want: good("abc")},
		{name: "chunked in capitals", in: req("POST /echo", "TRANSFER-ENCODING: \tCHUNKED ") + chunks("abc") + last, want: good("abc")},
		{name: "any octets", in: upload(chunks("\x00\r\n\xff", "\r\n\r\n", "0\r\n\r\n") + last), want: good("\x00\r\n\xff\r\n\r\n0\r\n\r\n")},
		{name: "chunks that look like a request", in: upload(chunks(next)+last) + next, want: good(next) + good("hi")},
		{name: "chunks, then none", in: upload(chunks("abc")+last) + next, want: good("abc") + good("hi")},
		{name: "chunks twice", in: upload(chunks("abc", "d")+last) + upload(chunks("ef")+last), want: good("abcd") + good("ef")},
		{name: "chunks, then content, then chunks", in: upload(chunks("abc")+last) + post("de") + upload(chunks("f")+last),
			want: good("abc") + good("de") + good("f")},
		{name: "chunks, an empty line, chunks", in: upload(chunks("abc")+last) + "\r\n" + upload(chunks("d")+last), want: good("abc") + good("d")},
		{name: "chunks and close", in: upload(chunks("abc")+last, "Connection: close") + next, want: good("abc", "close"), ends: true},
		{name: "chunks for HEAD", in: chunkedTo("HEAD /echo", chunks("abc")+last) + next, want: bare(good("abc")) + good("hi")},
		{name: "chunks for GET", in: chunkedTo("GET /echo", chunks("abc")+last) + next, want: good("abc") + good("hi")},
		{name: "chunks that nobody looks at", in: chunkedTo("GET /hi", chunks(next)+last) + get("/"), want: good("hi") + good("root")},
		{name: "chunks for a handler that fails", in: chunkedTo("GET /fail", chunks("abc")+last) + next, want: good("bye", "close"), ends: true},

		{name: "an extension", in: upload("3;a\r\nabc\r\n" + last), want: good("abc")},
		{name: "an extension with a value", in: upload("3;a=b;c=d\r\nabc\r\n" + last), want: good("abc")},
		{name: "an extension in quotes", in: upload("3;a=\"\\\";\"\r\nabc\r\n" + last), want: good("abc")},
		{name: "an extension in white space", in: upload("3 \t; a = b\r\nabc\r\n" + last), want: good("abc")},
		{name: "an extension of the last chunk", in: upload(chunks("abc")+"0;a=b\r\n\r\n") + next, want: good("abc") + good("hi")},

		named("a trailer", shown("POST /show", chunks("abc")+"0\r\nX: 1\r\n\r\n", "abc\nX: 1\n")),
		named("trailers in their order", shown("POST /show", chunks("abc")+"0\r\nX: 1\r\nA:\r\nX: \t2 3 \r\n\r\n", "abc\nX: 1\nA: \nX: 2 3\n")),
		named("a trailer and no content", shown("POST /show", "0\r\nX: 1\r\n\r\n", "\nX: 1\n")),
		named("a trailer of the name of a field", shown("POST /show", chunks("abc")+"0\r\nX: 2\r\n\r\n", "abc\nX: 2\n", "X: 1")),
		named("no trailers behind fields", shown("POST /show", chunks("abc")+last, "abc\n", "X: 1")),
		{name: "trailers, then none", in: chunkedTo("POST /show", "0\r\nX: 1\r\n\r\n") + chunkedTo("POST /show", last) + req("POST /show", "Content-Length: 1") + "a",
			want: good("POST /show HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n\nX: 1\n") +
				good("POST /show HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n\n") +
				good("POST /show HTTP/1.1\nHost: a\nContent-Length: 1\n\na\n")},

		{name: "chunks without a last one", in: upload(chunks("abc"))},
		{name: "half a chunk", in: upload("3\r\nab")},
		{name: "half a size", in: upload("3")},
		{name: "trailers without an end", in: upload(chunks("abc") + "0\r\nX: 1\r\n")},
		{name: "trailers with half an end", in: upload(chunks("abc") + "0\r\n\r")},
	}
}

// chunkedRefusedRows break the chunked coding: an answer, and the end. Neither
// the handler nor what follows is served.
func chunkedRefusedRows() (rows []row) {
	for _, c := range []struct {
		name string
		code ErrCode
		body string
	}{
		{"no size", 400, "\r\nabc\r\n" + last},
		{"a sign", 400, "+3\r\nabc\r\n" + last},
		{"a size below 0", 400, "-3\r\nabc\r\n" + last},
		{"a size with 0x", 400, "0x3\r\nabc\r\n" + last},
		{"a size with an underscore", 400, "0_3\r\nabc\r\n" + last},
		{"a size with a G", 400, "g\r\nabc\r\n" + last},
		{"a size of seventeen digits", 400, "00000000000000003\r\nabc\r\n" + last},
		{"a size of 2^64-1", 413, "ffffffffffffffff\r\nabc\r\n" + last},
		{"a size of 2^63", 413, "8000000000000000\r\nabc\r\n" + last},
		{"a size of 2^32+3", 413, "100000003\r\nabc\r\n" + last},
		{"a space before the size", 400, " 3\r\nabc\r\n" + last},
		{"a space behind the size", 400, "3 \r\nabc\r\n" + last},
		{"a size that ends in LF", 400, "3\nabc\r\n" + last},
		{"a size that ends in CR", 400, "3\rabc\r\n" + last},
		{"data that end in LF", 400, "3\r\nabc\n" + last},
		{"data that end in CR", 400, "3\r\nabc\r" + last},
		{"data without an end", 400, "3\r\nabc" + last},
		{"data with two octets for an end", 400, "3\r\nabcXX" + last},
		{"data longer than their size", 400, "3\r\nabcd\r\n" + last},
		{"data shorter than their size", 400, "4\r\nabc\r\n" + last},
		{"the second chunk", 400, "3\r\nabc\r\nx\r\n" + last},
		{"an empty extension", 400, "3;\r\nabc\r\n" + last},
		{"an extension without a name", 400, "3;=a\r\nabc\r\n" + last},
		{"an extension without a value", 400, "3;a=\r\nabc\r\n" + last},
		{"an extension of two words", 400, "3;a b\r\nabc\r\n" + last},
		{"an extension with LF", 400, "3;a\nb\r\nabc\r\n" + last},
		{"an extension with CR", 400, "3;a\rb\r\nabc\r\n" + last},
		{"an extension with NUL", 400, "3;a\x00\r\nabc\r\n" + last},
		{"an extension with an open quote", 400, "3;a=\"b\r\nabc\r\n" + last},
		{"an extension with LF in quotes", 400, "3;a=\"\n\"\r\nabc\r\n" + last},
		{"a last chunk that ends in LF", 400, "3\r\nabc\r\n0\n\r\n"},
		{"trailers that end in LF", 400, "3\r\nabc\r\n0\r\n\n"},
		{"two octets for the end", 400, "3\r\nabc\r\n0\r\nXX"},
		{"a trailer without a colon", 400, "0\r\nabc\r\n\r\n"},
		{"a trailer without a name", 400, "0\r\n: a\r\n\r\n"},
		{"a trailer with white space before the colon", 400, "0\r\nX : a\r\n\r\n"},
		{"a trailer that is folded", 400, "0\r\nX: a\r\n b\r\n\r\n"},
		{"a trailer with NUL", 400, "0\r\nX: a\x00\r\n\r\n"},
		{"a trailer that ends in LF", 400, "0\r\nX: a\n\r\n"},
		{"Content-Length in the trailers", 400, "0\r\ncontent-length: 9\r\n\r\n"},
		{"Transfer-Encoding in the trailers", 400, "0\r\nX: a\r\nTransfer-Encoding: chunked\r\n\r\n"},
	} {
		rows = append(rows,
			row{name: c.name, in: upload(c.body) + get("/hi"), want: fail(c.code, "close"), ends: true},
			row{name: c.name + ", after another", in: upload(chunks("a")+last) + upload(c.body) + get("/hi"),
				want: good("a") + fail(c.code, "close"), ends: true},
			row{name: c.name + ", dropped", in: chunkedTo("POST /x", c.body) + get("/hi"), want: fail(404), ends: true})
	}
	return append(rows,
		row{name: "malformed chunks for HEAD", in: chunkedTo("HEAD /hi", "x"), want: bare(fail(400, "close")), ends: true},
		row{name: "malformed trailers for HEAD", in: chunkedTo("HEAD /hi", chunks("abc")+"0\r\nx\r\n"), want: bare(fail(400, "close")), ends: true})
}

// TestForbiddenTrailers: fields that have a meaning in a head never come behind
// it, and are none that a response can have there.
func TestForbiddenTrailers(t *testing.T) {
	r := newRig(t, Config{})
	for _, name := range strings.Fields(`Content-Length Transfer-Encoding Trailer Connection Keep-Alive
		Proxy-Connection TE Upgrade Host Forwarded Max-Forwards Authorization Proxy-Authorization Cookie
		Cache-Control Expect Pragma Prefer Range If-Match If-None-Match If-Modified-Since
		If-Unmodified-Since If-Range Content-Encoding Content-Range Content-Type`) {
		for _, name := range []string{name, strings.ToUpper(name)} {
			s := r.connect()
			if got := r.ask(s, chunkedTo("POST /show", "0\r\n"+name+": 1\r\n\r\n")); got != fail(400, "close") {
				t.Errorf("%s: got %q", name, got)
			}
			if !parser.ForbiddenTrailer(name) {
				t.Errorf("%s can be sent", name)
			}
			r.empty()
		}
	}
	r.finish()
}

// chunkedRejectedRows are answered from the head alone. Their content is
// dropped when it comes, and the session goes on.
func chunkedRejectedRows() []row {
	next, body := get("/hi"), chunks("abc", get("/"))+last
	onlyGet := "Allow: GET, HEAD, OPTIONS"
	trailers := chunks("abc") + "0\r\nX: 1\r\nY: 2\r\n\r\n"
	return []row{
		{name: "404 with chunks", in: chunkedTo("POST /x", body) + next, want: fail(404) + good("hi")},
		{name: "404 with chunks and trailers", in: chunkedTo("POST /x", trailers) + next, want: fail(404) + good("hi")},
		{name: "404 with no chunk but the last", in: chunkedTo("POST /x", last) + next, want: fail(404) + good("hi")},
		{name: "404 with chunks that never come", in: chunkedTo("POST /x", ""), want: fail(404)},
		{name: "404 with chunks that never end", in: chunkedTo("POST /x", chunks("abc")), want: fail(404)},
		{name: "404 with trailers that never end", in: chunkedTo("POST /x", chunks("abc")+"0\r\nX: 1\r\n"), want: fail(404)},
		{name: "404 with chunks, then content, then chunks", in: chunkedTo("POST /x", body) + post("abc") + upload(chunks("de")+last),
			want: fail(404) + good("abc") + good("de")},
		{name: "404 with chunks, twice", in: strings.Repeat(chunkedTo("POST /x", trailers), 2) + next, want: fail(404) + fail(404) + good("hi")},
		{name: "404 with chunks, then 404 with content", in: chunkedTo("POST /x", body) + req("POST /x", "Content-Length: 3") + "abc" + next,
			want: fail(404) + fail(404) + good("hi")},
		{name: "404 with chunks and close", in: chunkedTo("POST /x", body, "Connection: close") + next, want: fail(404, "close"), ends: true},
		{name: "404 with chunks, for HEAD", in: chunkedTo("HEAD /x", body) + next, want: bare(fail(404)) + good("hi")},
		{name: "405 with chunks", in: chunkedTo("POST /", body) + next, want: fail(405, onlyGet) + good("hi")},
		{name: "405 with chunks and close", in: chunkedTo("POST /", body, "Connection: close") + next, want: fail(405, onlyGet, "close"), ends: true},
		{name: "OPTIONS with chunks", in: chunkedTo("OPTIONS /", body) + next, want: allows("GET, HEAD, OPTIONS") + good("hi")},
		{name: "the longest content, dropped", in: chunkedTo("POST /x", chunks(strings.Repeat("x", tableContent))+last) + next, want: fail(404) + good("hi")},
		{name: "longer content, dropped", in: chunkedTo("POST /x", chunks(strings.Repeat("x", tableContent), "x")+last) + next, want: fail(404), ends: true},
	}
}

// allows is the response to OPTIONS where no route has an own one.
func allows(methods string) string {
	return "HTTP/1.1 204 No Content\r\n" + dateLine + "Allow: " + methods + "\r\n\r\n"
}

// chunkedLimitRows are at a limit, and one beyond it.
func chunkedLimitRows() []row {
	next := get("/hi")
	x := func(n int) string { return strings.Repeat("x", n) }
	ext := func(n int) string { return "3;" + x(n-1) + "\r\nabc\r\n" } // n octets of extensions
	trailer := func(n int) string { return "0\r\nX: " + x(n-len("X: \r\n\r\n")) + "\r\n\r\n" }
	fields := func(n int) string { return "0\r\n" + strings.Repeat("X:\r\n", n) + "\r\n" }
	return []row{
		{name: "the longest content in one chunk", in: upload(chunks(x(tableContent))+last) + next, want: good(x(tableContent)) + good("hi")},
		{name: "the longest content in two chunks", in: upload(chunks(x(tableContent-1), "x")+last) + next, want: good(x(tableContent)) + good("hi")},
		{name: "longer content in one chunk", in: upload(chunks(x(tableContent+1))+last) + next, want: fail(413, "close"), ends: true},
		{name: "longer content in two chunks", in: upload(chunks(x(tableContent), "x")+last) + next, want: fail(413, "close"), ends: true},
		{name: "longer content that never comes", in: upload(fmt.Sprintf("%x\r\n", tableContent+1)), want: fail(413, "close"), ends: true},
		{name: "the limit is for each request", in: strings.Repeat(upload(chunks(x(tableContent))+last), 2) + next, want: good(x(tableContent)) + good(x(tableContent)) + good("hi")},

		{name: "the longest extension", in: upload(ext(tableExtensions)+last) + next, want: good("abc") + good("hi")},
		{name: "a longer extension", in: upload(ext(tableExtensions+1)+last) + next, want: fail(400, "close"), ends: true},
		{name: "the longest extensions", in: upload(ext(tableExtensions/2)+ext(tableExtensions/2)+last) + next, want: good("abcabc") + good("hi")},
		{name: "longer extensions", in: upload(ext(tableExtensions/2)+ext(tableExtensions/2)+"0;a\r\n\r\n") + next, want: fail(400, "close"), ends: true},
		{name: "an extension without an end", in: upload("3;" + x(tableExtensions)), want: fail(400, "close"), ends: true},
		{name: "the limit of extensions is for each request", in: strings.Repeat(upload(ext(tableExtensions)+last), 2), want: good("abc") + good("abc")},

		{name: "the longest trailers", in: upload(chunks("abc")+trailer(tableTrailer)) + next, want: good("abc") + good("hi")},
		{name: "longer trailers", in: upload(chunks("abc")+trailer(tableTrailer+1)) + next, want: fail(431, "close"), ends: true},
		{name: "longer trailers, dropped", in: chunkedTo("POST /x", trailer(tableTrailer+1)) + next, want: fail(404), ends: true},
		{name: "trailers without an end", in: upload(trailer(tableTrailer + 1)[:3+tableTrailer]), want: fail(431, "close"), ends: true},
		{name: "trailers without an end, one octet less", in: upload(trailer(tableTrailer + 1)[:3+tableTrailer-1])},
		{name: "the most trailers", in: upload(chunks("abc")+fields(tableFields)) + next, want: good("abc") + good("hi")},
		{name: "one trailer more", in: upload(chunks("abc")+fields(tableFields+1)) + next, want: fail(431, "close"), ends: true},
	}
}

// chunkedExpectRows wait to be told that their chunks are wanted.
func chunkedExpectRows() []row {
	const cont = "Expect: 100-continue"
	next, body := get("/hi"), chunks("abc", "d")+last
	return []row{
		{name: "Expect with chunks", in: upload(body, cont) + next, want: good("abcd") + good("hi"), tell: true},
		{name: "Expect with no chunk but the last", in: upload(last, cont) + next, want: good("") + good("hi"), tell: true},
		{name: "Expect with chunks that never come", in: upload("", cont), tell: true},
		{name: "Expect with chunks that are malformed", in: upload("x", cont) + next, want: fail(400, "close"), ends: true, tell: true},
		{name: "Expect of 404 with chunks", in: chunkedTo("POST /x", body, cont) + next, want: fail(404, "close"), ends: true},
		{name: "Expect of 405 with chunks", in: chunkedTo("POST /", body, cont) + next, want: fail(405, "Allow: GET, HEAD, OPTIONS", "close"), ends: true},
		{name: "Expect what nobody meets, with chunks", in: upload(body, "Expect: tea") + next, want: fail(417, "close"), ends: true},
		{name: "Expect of 404 with malformed chunks", in: chunkedTo("POST /x", "x", cont) + next, want: fail(404, "close"), ends: true},
	}
}

// stops are uploads that stop, and what would be progress there.
var stops = []struct{ name, body, more string }{
	{"before the first chunk", "", "3"},
	{"in a size", "0000", "0"},
	{"in an extension", "3;a", "b"},
	{"in data", "9\r\nabc", "d"},
	{"behind data", "3\r\nabc", "\r"},
	{"behind a chunk", chunks("abc"), "3"},
	{"in the last chunk", chunks("abc") + "0", "\r"},
	{"before the trailers", chunks("abc") + "0\r\n", "X"},
	{"in the trailers", chunks("abc") + "0\r\nX: y", "z"},
	{"in their end", chunks("abc") + "0\r\nX: y\r\n", "\r"},
}

// TestChunksStop: content has its time anew with each octet. If it is up there
// is an answer, unless there was one: then the session just ends.
func TestChunksStop(t *testing.T) {
	for _, stop := range stops {
		for _, c := range []struct {
			in, got, want string
			state         state
		}{
			{upload(stop.body), "", fail(408, "close"), stateContent},
			{chunkedTo("HEAD /hi", stop.body), "", bare(fail(408, "close")), stateContent},
			{chunkedTo("POST /x", stop.body), fail(404), "", stateDiscard},
		} {
			r := newRig(t, timed(-1))
			s := r.connect()
			if got := r.ask(s, c.in); got != c.got {
				t.Errorf("%s: got %q at once", stop.name, got)
			}
			r.pass(contentTime - 1)
			r.ask(s, stop.more)
			r.pass(contentTime - 1)
			r.is(s, c.state)
			r.pass(1)
			if got := s.took(); got != c.want {
				t.Errorf("%s: got %q, want %q", stop.name, got, c.want)
			}
			if c.state == stateDiscard {
				r.ended(s)
			} else {
				r.is(s, stateLinger)
			}
			if n := r.l.pool.live; n != 0 {
				t.Errorf("%s: %d buffers", stop.name, n)
			}
			r.finish()
		}
	}
}

// TestHeadBehindChunks: the next request has the time of a head, not what is
// left of that of the content.
func TestHeadBehindChunks(t *testing.T) {
	for _, in := range []string{upload(chunks("abc")), chunkedTo("POST /x", chunks("abc"))} {
		r := newRig(t, timed(-1))
		s := r.connect()
		r.ask(s, in)
		r.pass(contentTime - 1)
		r.ask(s, last+"GET")
		r.is(s, stateHead)
		r.pass(headTime - 1)
		r.ask(s, " ")
		r.is(s, stateHead)
		r.pass(1)
		if got := s.took(); got != fail(408, "close") {
			t.Errorf("got %q", got)
		}
		r.finish()
	}
}

// TestChunksEnd: the peer, or somebody here, ends the session amid chunks. No
// handler runs, and the context is freed.
func TestChunksEnd(t *testing.T) {
	ends := []struct {
		name string
		do   func(r *rig, s *sock)
		log  string
		why  CloseReason
	}{
		{"FIN", func(r *rig, s *sock) { s.fin() }, "close, free A", ReasonPeer},
		{"RST", func(r *rig, s *sock) { s.reset() }, "close, free A", ReasonPeer},
		{"TriggerClose", func(r *rig, s *sock) { r.srv.TriggerClose(r.id(s)); r.quiet(); s.fin() }, "shutdown, close, free A", ReasonTrigger},
		{"Close", func(r *rig, s *sock) { r.srv.Close() }, "close, free A", ReasonStop},
	}
	for _, stop := range stops {
		for _, end := range ends {
			for _, line := range []string{"POST /set?B", "POST /x"} {
				r := newRig(t, Config{})
				r.handle("POST", "/set", r.set)
				s := r.connect()
				r.ask(s, set("A"), chunkedTo(line, stop.body))
				r.k.log = nil
				end.do(r, s)
				if r.srv.stopped.Load() {
					r.turn()
				} else {
					r.quiet()
				}
				log := strings.ReplaceAll(r.k.logOf("returned", "free", "shutdown", "close"), fmt.Sprint(" ", s.fd), "")
				if log != end.log || r.l.closed[end.why] != 1 {
					t.Errorf("%s %s, %s: %q, %v, want %q", line, stop.name, end.name, log, r.l.closed, end.log)
				}
				if n := r.l.pool.live; n != 0 {
					t.Errorf("%s %s, %s: %d buffers", line, stop.name, end.name, n)
				}
				if !r.srv.stopped.Load() {
					r.finish()
				}
			}
		}
	}
}

// TestMalformedChunksLinger: a peer that breaks the coding may be in the middle
// of sending more, and its answer shall arrive all the same, whenever that was
// given.
func TestMalformedChunksLinger(t *testing.T) {
	for _, line := range []string{"POST /echo", "POST /x", "HEAD /hi"} {
		for _, body := range []string{"x", "0\r\nx\r\n"} {
			r := newRig(t, Config{})
			s := r.connect()
			r.ask(s, chunkedTo(line, ""), body)
			r.is(s, stateLinger)
			r.finish()
		}
	}
}

// TestStopAmidChunks: Stop waits for the request that is being received.
func TestStopAmidChunks(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{upload("3\r\nab"), good("abc", "close")},
		{chunkedTo("POST /x", "3\r\nab"), ""}, // answered before
	} {
		r := newRig(t, Config{})
		s := r.connect()
		r.ask(s, c.in)
		r.srv.Stop()
		r.turn()
		if s.closed || s.shut {
			t.Errorf("%q: ended at once", c.in)
		}
		s.says("c\r\n" + last)
		r.turn()
		if got := s.took(); got != c.want {
			t.Errorf("%q: got %q, want %q", c.in, got, c.want)
		}
		r.ended(s)
	}
}

// TestChunksAndOutput: a socket that takes nothing is in the way of the answer,
// and of what is behind it, and nothing else.
func TestChunksAndOutput(t *testing.T) {
	for _, stop := range stops {
		for _, line := range []string{"POST /echo", "POST /x"} {
			r := newRig(t, Config{})
			s := r.connect()
			s.refusing = true
			r.ask(s, get("/hi")+chunkedTo(line, stop.body, "Expect: 100-continue")) // refused with what is in hand
			r.is(s, stateFlush)
			s.refusing = false
			r.quiet()
			want, state := good("hi"), stateContent
			switch {
			case line == "POST /x":
				want, state = want+fail(404, "close"), stateLinger
			case stop.body == "":
				want += interim
			}
			if got := s.took(); got != want {
				t.Errorf("%s %s\n got %q\nwant %q", line, stop.name, got, want)
			}
			r.is(s, state)
			r.finish()
		}
	}
}

// uploadOf is an upload of so many octets in chunks of 4 KiB, in pieces of
// 1,000 octets as they may come from the network.
func uploadOf(octets int) (content string, pieces []string) {
	var body strings.Builder
	for at := 0; at < octets; at += 4 << 10 {
		fmt.Fprintf(&body, "1000\r\n%s\r\n", strings.Repeat(fmt.Sprintf("%07d ", at), 512))
	}
	in := upload(body.String() + "0\r\nX: 1\r\n\r\n")
	for len(in) > 1000 {
		pieces, in = append(pieces, in[:1000]), in[1000:]
	}
	content = strings.NewReplacer("1000\r\n", "", "\r\n", "").Replace(body.String())
	return content, append(pieces, in)
}

// TestLongUpload: a long content that comes in small pieces costs memory for
// what it has, and in all not more than growing to that by doubling takes.
func TestLongUpload(t *testing.T) {
	content, pieces := uploadOf(1 << 20)
	r := newRig(t, Config{})
	var got string
	r.handle("POST", "/take", func(w *Response, r *Request) error {
		got = string(r.Content())
		return w.Send(nil)
	})
	pieces[0] = strings.Replace(pieces[0], "/echo", "/take", 1)
	for range 2 {
		got = ""
		s := r.connect()
		s.in = make([]step, 0, len(pieces))
		s.says(pieces...)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range pieces[1:] {
			r.turn()
			buf := r.conn(s).in.buf
			if need := len(buf.B); cap(buf.B) > 2*need+chunkRoom {
				t.Fatalf("a buffer of %d octets for %d", cap(buf.B), need)
			}
		}
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 6<<20 {
			t.Errorf("%d octets allocated for 1 MiB", n)
		}
		r.quiet()
		if told := s.took(); told != good("") || got != content {
			t.Fatalf("told %.100q, %d octets of content, want %d", told, len(got), len(content))
		}
		if n := len(s.taken); n > len(pieces)+20 { // where a buffer is full but for a few octets, a piece takes two
			t.Errorf("%d recvs for %d pieces", n, len(pieces))
		}
		r.is(s, stateIdle)
	}
	r.finish()
}

// TestLongUploadDropped: what is dropped costs nothing.
func TestLongUploadDropped(t *testing.T) {
	_, pieces := uploadOf(1 << 20)
	pieces[0] = strings.Replace(pieces[0], "/echo", "/x", 1)
	r := newRig(t, Config{})
	s := r.connect()
	if got := r.ask(s, pieces[0]); got != fail(404) {
		t.Errorf("got %q", got)
	}
	for _, p := range pieces[1 : len(pieces)-1] {
		r.ask(s, p)
		r.is(s, stateDiscard)
		if n := r.l.pool.live; n != 0 {
			t.Fatalf("%d buffers", n)
		}
	}
	if got := r.ask(s, pieces[len(pieces)-1], get("/hi")); got != good("hi") {
		t.Errorf("got %q", got)
	}
	r.finish()
}

// TestChunkDrip: octet by octet a body costs no more than its content and what
// a chunk may have beside it.
func TestChunkDrip(t *testing.T) {
	r := newRig(t, Config{ContentTimeout: time.Second, MinProgressBytes: -1})
	in := upload(strings.Repeat("1;a\r\nx\r\n", 500) + "0\r\n" + strings.Repeat("X: 1\r\n", 90) + "\r\n")
	s := r.connect()
	for i := range len(in) {
		s.says(in[i : i+1])
		r.turn()
		if strings.Contains(in[:i+1], "\r\n\r\n") {
			r.k.now += time.Second - 1
		}
		if c := r.conn(s); c.in.buf != nil && cap(c.in.buf.B) > 2*len(c.in.buf.B)+chunkRoom {
			t.Fatalf("a buffer of %d octets for %d", cap(c.in.buf.B), len(c.in.buf.B))
		}
	}
	if got := s.took(); got != good(strings.Repeat("x", 500)) {
		t.Errorf("got %q", got)
	}
	r.finish()
}

// TestTakenBehindChunks: unlike behind content of known length, what is
// pipelined behind chunks may have been taken with them. It is served, however
// much it is.
func TestTakenBehindChunks(t *testing.T) {
	r := newRig(t, Config{MaxHeadBytes: 200, MaxTurnRequests: 3})
	s := r.connect()
	in := upload(chunks("abc"))
	if got, want := r.ask(s, in, last+strings.Repeat(get("/hi"), 100)+"GET"), good("abc")+strings.Repeat(good("hi"), 100); got != want {
		t.Errorf("got %q", got)
	}
	r.is(s, stateHead)
	if want := []int{len(in), chunkRoom}; len(s.taken) < 2 || s.taken[0] != want[0] || s.taken[1] > want[1] {
		t.Errorf("recvs of %d octets", s.taken)
	}
	r.finish()
}

// TestChunkLimit: what one recv may take is what is known to come, or as much
// as is here, or a little.
func TestChunkLimit(t *testing.T) {
	for _, c := range []struct {
		here int
		body string
		more int
	}{
		{10, "", chunkRoom},
		{10, "ff\r\n", chunkRoom},
		{10, "8001\r\nx", 0x8000},
		{chunkRoom + 1, "", chunkRoom + 1},
		{chunkRoom + 1, "8001\r\nx", 0x8000},
		{0x8001, "8001\r\nx", 0x8001},
		{0x8001, "8001\r\nx" + strings.Repeat("x", 0x8000), 0x8001},
	} {
		p := newBuffers(&budget{most: mostBytes})
		in := input{buf: p.keep(make([]byte, c.here)), coding: inChunks}
		in.chunks.Decode([]byte(c.body), &parser.ChunkLimits{Content: 1 << 20})
		if got := in.limit(&Config{}) - c.here; got != c.more {
			t.Errorf("%d octets here, %.9q: room for %d more, want %d", c.here, c.body, got, c.more)
		}
	}
}

// TestBufferKeepsItsBegin: what is left of a buffer moves to its begin, or else
// its room would dwindle with every message.
func TestBufferKeepsItsBegin(t *testing.T) {
	r := newRig(t, Config{})
	s := r.connect()
	r.ask(s, upload("800\r\n"), strings.Repeat("x", 512), strings.Repeat("x", 512), strings.Repeat("x", 1023))
	room := cap(r.conn(s).in.buf.B)
	for range 10 {
		if got := r.ask(s, "x\r\n"+last+upload("800\r\n"+strings.Repeat("x", 2047))); got != good(strings.Repeat("x", 2048)) {
			t.Fatalf("got %.200q", got)
		}
		if n := cap(r.conn(s).in.buf.B); n < room {
			t.Fatalf("room for %d octets, and it was %d", n, room)
		}
	}
	r.finish()
}

// BenchmarkChunkedUpload is the cost of an octet of content, which must not
// grow with the number of octets.
func BenchmarkChunkedUpload(b *testing.B) {
	for _, octets := range []int{64 << 10, 256 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("%dKiB", octets>>10), func(b *testing.B) {
			_, pieces := uploadOf(octets)
			r := newRig(b, Config{})
			s := r.connect()
			b.SetBytes(int64(octets))
			b.ReportAllocs()
			for b.Loop() {
				s.says(pieces...)
				r.quiet()
				s.out, s.sends, s.taken, r.k.log = s.out[:0], s.sends[:0], s.taken[:0], r.k.log[:0]
			}
			r.finish()
		})
	}
}
