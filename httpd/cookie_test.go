package httpd

import (
	"fmt"
	"io"
	"strings"
	"testing"
)

// asks has a handler answer each request with what say makes of it.
func asks(t testing.TB, say func(r *Request) string) *rig {
	r := newRig(t, Config{})
	for _, method := range []string{"", "CONNECT"} {
		r.handle(method, "/do", func(w *Response, r *Request) error { return w.SendString(say(r)) })
	}
	return r
}

// wants asks in each of some ways, and wants the same answer in each, and the
// one that the next request always gets.
func (r *rig) wants(in, want string) {
	r.Helper()
	next := get("/where")
	for _, pieces := range [][]string{{in + next}, strings.Split(in+next, ""), {in, next}, {in[:len(in)/2], in[len(in)/2:] + next}} {
		s := r.connect()
		if got := r.ask(s, pieces...); got != good(want)+good(where) {
			r.Errorf("%q\n got %q\nwant %q", pieces, got, good(want)+good(where))
		}
		r.empty()
	}
}

// TestRequestCookie: the cookies of a request, as they came and decoded.
func TestRequestCookie(t *testing.T) {
	const none = "| false| false"
	same := func(v string) string { return "|" + v + " true|" + v + " true" }
	var name string
	r := asks(t, func(r *Request) string {
		raw, is := r.Cookie(name)
		value, valid := r.CookieValue(name)
		return fmt.Sprintf("|%s %t|%s %t", raw, is, value, valid)
	})
	for _, c := range []struct {
		fields string // with "|" between them
		name   string
		want   string
	}{
		{"", "a", none},
		{"Cookie: a=1", "a", same("1")},
		{"cOOKIE: a=1", "a", same("1")},
		{"Cookie:a=1", "a", same("1")},
		{"Cookie: a=1; b=2; c=3", "a", same("1")},
		{"Cookie: a=1; b=2; c=3", "b", same("2")},
		{"Cookie: a=1; b=2; c=3", "c", same("3")},
		{"Cookie: a=1;b=2;c=3", "b", same("2")},
		{"Cookie: a=1 ; \tb=2\t;  c=3", "b", same("2")},
		{"Cookie: a=1 ; b=2", "a", same("1")},
		{"Cookie: a=1; a=2", "a", same("1")},
		{"Cookie: a=1; b=2", "d", none},

		{"Cookie: A=1", "a", none},
		{"Cookie: A=1; a=2", "a", same("2")},
		{"Cookie: ab=1; a=2", "a", same("2")},
		{"Cookie: a=1; ab=2", "ab", same("2")},
		{"Cookie: xa=1", "a", none},
		{"Cookie: b=a=1", "a", none},
		{"Cookie: b=\"; a=1; \"", "a", same("1")}, // quotation marks hold nothing together
		{"Cookie: a =1", "a", none},
		{"Cookie: a= 1", "a", same(" 1")},

		{"Cookie: a=", "a", same("")},
		{"Cookie: a=; b=2", "a", same("")},
		{"Cookie: a", "a", none},
		{"Cookie: a; a=1", "a", same("1")},
		{"Cookie: a=b=c", "a", same("b=c")},
		{"Cookie: =1", "", same("1")},
		{"Cookie: 1", "", none},
		{"Cookie: ;;a=1;;", "a", same("1")},
		{"Cookie: ;", "", none},
		{"Cookie:", "", none},

		{`Cookie: a="1"`, "a", same("1")},
		{`Cookie: a="1"; b="2"`, "b", same("2")},
		{`Cookie: a=""`, "a", same("")},
		{`Cookie: a="`, "a", same(`"`)},
		{`Cookie: a="1`, "a", same(`"1`)},
		{`Cookie: a=1"`, "a", same(`1"`)},
		{`Cookie: a="1"2"`, "a", same(`1"2`)},
		{`Cookie: a=""1""`, "a", same(`"1"`)},
		{`Cookie: "a"=1`, "a", none},

		{"Cookie: a=1|Cookie: b=2", "b", same("2")},
		{"Cookie: a=1|X: a=2|cookie: a=3", "a", same("1")},
		{"Cookie: b=1|Cookie: c=2; a=3", "a", same("3")},
		{"Cookie:|Cookie: a=1", "a", same("1")},
		{"Cookie: a|Cookie: a=1", "a", same("1")},
		{"Cookie2: a=1|X-Cookie: a=2|Set-Cookie: a=3", "a", none},

		{"Cookie: a=%31%20%2f%2F", "a", "|%31%20%2f%2F true|1 // true"},
		{"Cookie: a=1+2", "a", same("1+2")},
		{"Cookie: a=%3B%22%00", "a", "|%3B%22%00 true|;\"\x00 true"},
		{`Cookie: a="%22"`, "a", "|%22 true|\" true"},
		{"Cookie: a=%", "a", "|% true| false"},
		{"Cookie: a=%2", "a", "|%2 true| false"},
		{"Cookie: a=%2g", "a", "|%2g true| false"},
		{"Cookie: a=1%zz2", "a", "|1%zz2 true| false"},
		{"Cookie: a=%; a=1", "a", "|% true| false"},
		{"Cookie: %61=1", "a", none},
		{"Cookie: a=\xe9", "a", same("\xe9")},
	} {
		name = c.name
		var fields []string
		if c.fields != "" {
			fields = strings.Split(c.fields, "|")
		}
		r.wants(req("GET /do", fields...), c.want)
	}
	r.finish()
}

// TestRequestQueryValue: the parameters of a query, decoded.
func TestRequestQueryValue(t *testing.T) {
	var name string
	r := asks(t, func(r *Request) string {
		raw, is := r.Query(name)
		value, ok := r.QueryValue(name)
		return fmt.Sprintf("%s %t|%s %t", raw, is, value, ok)
	})
	for _, c := range []struct{ target, name, want string }{
		{"/do", "a", " false| false"},
		{"/do?", "a", " false| false"},
		{"/do?", "", " false| false"},
		{"/do?a=1", "a", "1 true|1 true"},
		{"/do?a=1", "b", " false| false"},
		{"/do?a", "a", " true| true"},
		{"/do?a=", "a", " true| true"},
		{"/do?a=1&a=2", "a", "1 true|1 true"},
		{"/do?A=1&a=2", "a", "2 true|2 true"},
		{"/do?ab=1&a=2", "a", "2 true|2 true"},
		{"/do?a=%31+%2B%20", "a", "%31+%2B%20 true|1 +  true"},
		{"/do?a=+", "a", "+ true|  true"},
		{"/do?a=b+c&b=%26", "b", "%26 true|& true"},
		{"/do?a=%00%0d%0A%ff", "a", "%00%0d%0A%ff true|\x00\r\n\xff true"},
		{"/do?a=%2531", "a", "%2531 true|%31 true"},
		{"/do?a=b=c?d/e", "a", "b=c?d/e true|b=c?d/e true"},
		{"/do?%61=1", "a", " false| false"},
		{"/do?%61=1", "%61", "1 true|1 true"},
		{"/do?=1", "", "1 true|1 true"},
		{"http://b/do?a=%41", "a", "%41 true|A true"},
		{"/do?a=" + strings.Repeat("%61", 100), "a", strings.Repeat("%61", 100) + " true|" + strings.Repeat("a", 100) + " true"},
	} {
		name = c.name
		r.wants(get(c.target), c.want)
	}
	r.finish()
}

// TestRequestHeadBytes: the head is there as it came, and that alone.
func TestRequestHeadBytes(t *testing.T) {
	r := asks(t, func(r *Request) string {
		head := r.HeadBytes()
		before := string(r.Content())
		_ = append(head, strings.Repeat("~", 40)...)
		if string(r.Content()) != before {
			t.Errorf("adding to the head makes %q of %q", r.Content(), before)
		}
		return string(head)
	})
	for _, line := range []string{"GET /do", "PUT /do?a=b", "BREW http://b/do"} {
		for _, fields := range [][]string{nil, {"X:  y\t", "x:", "A: \xe9"}, {"Connection: keep-alive"}} {
			head := req(line, fields...)
			r.wants(head, head)
			r.wants("\r\n\r\n"+head, head)
			sized := req(line, append(fields, "Content-Length: 4")...)
			r.wants(sized+"\r\n\r\n", sized)
			chunked := req(line, append(fields, "Transfer-Encoding: chunked")...)
			r.wants(chunked+chunks("abc", "de")+"0\r\nX: y\r\n\r\n", chunked)
			r.wants(chunked+last, chunked)
		}
	}
	r.finish()
}

// TestRequestRead: the content in pieces of every size, once, and all of it
// stays where it is.
func TestRequestRead(t *testing.T) {
	const content = "0123456789abcdef"
	size := 0
	r := asks(t, func(r *Request) string {
		whole, got := string(r.Content()), ""
		for p := make([]byte, size); ; {
			if left := r.Remaining(); left != int64(len(whole)-len(got)) {
				t.Errorf("%d remaining behind %q of %q", left, got, whole)
			}
			if n, err := r.Read(nil); n != 0 || err != nil {
				t.Errorf("Read of nothing: %d, %v", n, err)
			}
			n, err := r.Read(p)
			if got += string(p[:n]); err == io.EOF && n == 0 {
				break
			}
			if want := min(size, len(whole)-len(got)+n); n != want || n == 0 || err != nil {
				t.Fatalf("Read of %d behind %q: %d, %v", size, got, n, err)
			}
			clear(p) // it is a copy
		}
		if n, err := r.Read(make([]byte, 1)); n != 0 || err != io.EOF || r.Remaining() != 0 {
			t.Errorf("Read at the end: %d, %v; %d remaining", n, err, r.Remaining())
		}
		if now := string(r.Content()); now != whole {
			t.Errorf("the content became %q", now)
		}
		return got
	})
	for size = 1; size <= len(content)+2; size++ {
		r.wants(req("PUT /do", fmt.Sprintf("Content-Length: %d", len(content)))+content, content)
		r.wants(chunkedTo("PUT /do", chunks(content[:5], content[5:])+"0\r\nX: y\r\n\r\n"), content)
		r.wants(req("PUT /do", "Content-Length: 1")+"a", "a")
		r.wants(req("PUT /do", "Content-Length: 0"), "")
		r.wants(chunkedTo("PUT /do", last), "")
		r.wants(req("GET /do"), "")
	}
	r.finish()
}

// TestRequestReadPart: what Read is not asked for is not the next request's, and
// each request is read from its begin.
func TestRequestReadPart(t *testing.T) {
	r := asks(t, func(r *Request) string {
		var n int
		fmt.Sscan(string(r.QueryBytes()), &n)
		p := make([]byte, n)
		if _, err := io.ReadFull(r, p); err != nil {
			t.Errorf("%d octets: %v", n, err)
		}
		return fmt.Sprint(string(p), " ", r.Remaining())
	})
	next := get("/where")
	for n := range len(next) + 1 {
		line := fmt.Sprint("POST /do?", n)
		want := fmt.Sprint(next[:n], " ", len(next)-n)
		sized := req(line, fmt.Sprintf("Content-Length: %d", len(next))) + next
		chunked := chunkedTo(line, chunks(next[:10], next[10:])+last)
		r.wants(sized, want)
		r.wants(chunked, want)
		s := r.connect()
		if got := r.ask(s, sized+chunked+sized); got != strings.Repeat(good(want), 3) {
			t.Errorf("%d octets: %q", n, got)
		}
		r.empty()
	}
	r.finish()
}

// TestRequestIsReader: a Request is an io.Reader, and its Response an io.Writer.
func TestRequestIsReader(t *testing.T) {
	r := newRig(t, Config{MaxOutputBytes: 1 << 20})
	r.handle("POST", "/copy", func(w *Response, r *Request) error {
		w.WriteString("") // an answer without content is one
		_, err := io.Copy(w, r)
		return err
	})
	s := r.connect()
	long := strings.Repeat("0123456789", mostWritten/10)
	for _, content := range []string{"", "abc", long} {
		in := req("POST /copy", fmt.Sprintf("Content-Length: %d", len(content))) + content
		if got := r.ask(s, in+get("/hi")); got != good(content)+good("hi") {
			t.Errorf("%d octets: %.200q", len(content), got)
		}
	}
	r.finish()
}
