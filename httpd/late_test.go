package httpd

import (
	"strings"
	"testing"
	"time"
)

// slow is a request that does not come in time: see keeps.
type slow struct {
	name string
	in   string
	head bool   // only a head can be late: with it the request is answered
	then string // the answer, if the request had its time once more
	conn string // the Connection field of a 408 that comes when the head is there
}

func slowRequests() []slow {
	const cont = "Expect: 100-continue"
	body := chunks("abc", "de") + "0;x=y\r\nX: 1\r\nY: 2\r\n\r\n"
	return []slow{
		{name: "no content", in: detailed("GET /hi"), then: good("hi")},
		{name: "HEAD", in: req("HEAD /hi"), then: bare(good("hi"))},
		{name: "content", in: post("abc"), then: good("abc")},
		{name: "content like a request", in: post(get("/hi")), then: good(get("/hi"))},
		{name: "content of a HEAD", in: req("HEAD /echo", "Content-Length: 3") + "abc", then: bare(good("abc"))},
		{name: "content that was asked for", in: post("abc", cont), then: good("abc")},
		{name: "chunks", in: upload(body), then: good("abcde")},
		{name: "chunks that were asked for", in: upload(body, cont), then: good("abcde")},
		{name: "no chunks but the last", in: upload(last), then: good("")},
		{name: "404 with content", in: req("POST /x", "Content-Length: 3") + "abc", head: true, then: fail(404)},
		{name: "404 with chunks", in: chunkedTo("POST /x", body), head: true, then: fail(404)},
		{name: "405", in: req("DELETE /hi"), head: true, then: fail(405, "Allow: GET, HEAD, OPTIONS")},
		{name: "417", in: req("GET /hi", "Expect: tea"), head: true, then: fail(417)},
		{name: "OPTIONS", in: req("OPTIONS *"), then: good("all")},
		{name: "HTTP/1.0 with keep-alive", in: "POST /echo HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nabc",
			then: good("abc", "Connection: keep-alive"), conn: "Connection: keep-alive"},
	}
}

// cuts are the places where the request may be late. For keeps is without those
// where nobody knows that it is a HEAD, whose answer has no content.
func (c *slow) cuts(keeps bool) (from, to int) {
	from, to = 1, len(c.in)-1
	if c.head {
		to = strings.Index(c.in, "\r\n\r\n") + 3
	}
	if keeps && strings.HasPrefix(c.in, "HEAD ") {
		from = len("HEAD ")
	}
	return from, to
}

// told is the own 408 that is given to the request when its first at octets are
// there.
func (c *slow) told(at int) string {
	var fields []string
	if head := strings.Index(c.in, "\r\n\r\n") + 4; at >= head && c.conn != "" {
		fields = append(fields, c.conn)
	}
	out := answer("408 Request Timeout", "own", fields...)
	if strings.HasPrefix(c.in, "HEAD ") {
		out = bare(out)
	}
	return out
}

// rests are ways in which the rest of a request comes, and the next one.
func rests(rest, next string) [][]string {
	return [][]string{{rest + next}, {rest, next}, strings.Split(rest+next, ""), {rest[:len(rest)/2], rest[len(rest)/2:] + next}}
}

func own(w *Response, _ *Request, code ErrCode) error { return w.SendErr(code, "own") }

// TestOnErrorKept408: a request that is late anywhere, and gets an answer of the
// error handler's, is dropped when the rest of it comes; one that gets none has
// its time once more, as often as the handler wants it. The next one is served
// in either case, and nothing of the 408 is left.
func TestOnErrorKept408(t *testing.T) {
	for _, c := range slowRequests() {
		t.Run(c.name, func(t *testing.T) {
			r := newErrRig(t)
			r.onError(408, own)
			from, to := c.cuts(true)
			for at := from; at <= to; at++ {
				for i, pieces := range rests(c.in[at:], get("/where")) {
					c.kept(r, at, i%2 == 1, pieces)
				}
			}
			r.finish()
		})
		t.Run(c.name+", waited for", func(t *testing.T) {
			r := newErrRig(t)
			from, to := c.cuts(false)
			for at := from; at <= to; at++ {
				for _, pieces := range rests(c.in[at:], get("/where")) {
					c.waits(r, at, pieces)
				}
			}
			r.finish()
		})
	}
}

const where = "GET /where /where  false a"

// begin connects, with a request in front if that is wanted, and sends the first
// octets of c. Then others are served, and time goes by.
func (c *slow) begin(r *rig, at int, front bool) *sock {
	r.Helper()
	s := r.connect()
	if front {
		r.ask(s, get("/hi"))
	}
	r.ask(s, c.in[:at])
	other := r.connect()
	r.ask(other, chunkedTo("POST /show", "0\r\nO: T\r\n\r\n"))
	other.fin()
	r.pass(patient - 1)
	return s
}

func (c *slow) kept(r *rig, at int, front bool, pieces []string) {
	r.Helper()
	s := c.begin(r, at, front)
	if s.refusing = front; front {
		s.room = func() int { return 50 }
	}
	r.pass(1)
	s.refusing = false
	r.quiet()
	if got, want := s.took(), c.told(at); got != want {
		r.Fatalf("late behind %d octets\n got %q\nwant %q", at, got, want)
	}
	r.pass(patient - 1) // the rest has its time
	if got := r.ask(s, pieces...); got != good(where) {
		r.Fatalf("late behind %d octets, then %q\n got %q\nwant %q", at, pieces, got, good(where))
	}
	r.rests(s)
}

func (c *slow) waits(r *rig, at int, pieces []string) {
	r.Helper()
	calls := 0
	r.onError(408, func(w *Response, _ *Request, code ErrCode) error {
		calls++
		w.SetStatus(int(code)) // of this answer, which is not given
		w.AddHeader("X", "y")
		return nil
	})
	s := c.begin(r, at, calls%2 == 0)
	for n := 1; n <= 3; n++ {
		if r.pass(1); calls != n {
			r.Fatalf("late behind %d octets for the %d. time: %d calls", at, n, calls)
		}
		r.pass(patient - 1)
	}
	got, want := strings.ReplaceAll(r.ask(s, pieces...), interim, ""), c.then+good(where)
	if got != want || calls != 3 {
		r.Fatalf("late behind %d octets, then %q: %d calls\n got %q\nwant %q", at, pieces, calls, got, want)
	}
	r.rests(s)
}

// rests wants s to be between two requests, for ever.
func (r *rig) rests(s *sock) {
	r.Helper()
	r.is(s, stateIdle)
	if r.k.timeout >= 0 {
		r.Errorf("the loop waits for %v", r.k.timeout)
	}
	r.pass(1000 * time.Hour)
	if got := r.ask(s, post("abc")); got != good("abc") {
		r.Errorf("the next request got %q", got)
	}
	s.fin()
	r.quiet()
	r.k.log = r.k.log[:0]
}

// TestOnErrorEnds408: where a 408 is the last answer, and where the session ends
// without another one behind it.
func TestOnErrorEnds408(t *testing.T) {
	told, over := answer("408 Request Timeout", "own"), answer("408 Request Timeout", "own", "close")
	failing := func(w *Response, r *Request, code ErrCode) error { own(w, r, code); return errConduct }
	silent := func(*Response, *Request, ErrCode) error { return errConduct }
	line, long := "GET /hi HTTP/1.1\r\n", strings.Repeat("x", tableContent+1)
	for _, c := range []struct {
		name string
		in   string
		want string
		rest string // empty: the time runs out once more
		h    ErrHandler
		why  CloseReason
	}{
		{"a head that is malformed", line, told, " x\r\n", own, ReasonRefused},
		{"a head without Host", line, told, "\r\n", own, ReasonRefused},
		{"a head that is too long", line, told, "X: " + strings.Repeat("x", tableHead), own, ReasonRefused},
		{"a head with too many fields", line, told, strings.Repeat("X: y\r\n", tableFields+1), own, ReasonRefused},
		{"a target that is too long", "GET /", told, long, own, ReasonRefused},
		{"another version", "GET / HTTP/", told, "2.0\r\n", own, ReasonRefused},
		{"a content that is too long", line, told, "Host: a\r\nContent-Length: 65\r\n\r\n", own, ReasonRefused},
		{"an unknown coding", line, told, "Host: a\r\nTransfer-Encoding: x, chunked\r\n\r\n", own, ReasonRefused},
		{"a malformed chunk behind the head", line, told, "Host: a\r\nTransfer-Encoding: chunked\r\n\r\nx", own, ReasonRefused},
		{"a malformed chunk", upload("3\r\na"), told, "bcx", own, ReasonRefused},
		{"chunks that are too long", upload("3\r\na"), told, "bc\r\n" + chunks(long), own, ReasonRefused},
		{"a malformed trailer", upload("0\r\nX"), told, " :\r\n\r\n", own, ReasonRefused},
		{"close in the rest of a head", line, told, "Host: a\r\nConnection: close\r\n\r\n", own, ReasonServed},
		{"close in the rest of a head, and content", line, told, "Host: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc", own, ReasonServed},
		{"HTTP/1.0 in the rest of a head", "GET /hi HTTP/1", told, ".0\r\n\r\n", own, ReasonServed},

		{"a head, twice", line, told, "", own, ReasonExpired},
		{"content, twice", most, told, "", own, ReasonExpired},
		{"chunks, twice", upload("3\r\na"), told, "", own, ReasonExpired},
		{"trailers, twice", upload("0\r\nX:"), told, "", own, ReasonExpired},

		{"close before content", req("POST /echo", "Connection: close", "Content-Length: 3"), over, "abc", own, ReasonExpired},
		{"close before chunks", upload("", "Connection: close"), over, chunks("abc") + last, own, ReasonExpired},
		{"HTTP/1.0 before content", "POST /echo HTTP/1.0\r\nContent-Length: 3\r\n\r\n", over, "abc", own, ReasonExpired},
		{"H", "H", over, "EAD /hi HTTP/1.1\r\nHost: a\r\n\r\n", own, ReasonExpired},
		{"HEAD", "HEAD", over, " /hi HTTP/1.1\r\nHost: a\r\n\r\n", own, ReasonExpired},
		{"half an empty line", "\r", over, "\n", own, ReasonExpired},
		{"half an empty line behind another", "\r\n\r", over, "\n", own, ReasonExpired},
		{"an error in a head", line, over, "Host: a\r\n\r\n", failing, ReasonExpired},
		{"an error in content", most, over, rest, failing, ReasonExpired},
		{"an error in chunks", upload("3\r\na"), over, "bc\r\n" + last, failing, ReasonExpired},
		{"an error and no answer, in a head", line, fail(408, "close"), "Host: a\r\n\r\n", silent, ReasonExpired},
		{"an error and no answer, in content", most, fail(408, "close"), rest, silent, ReasonExpired},
		{"no handler, in a head", line, fail(408, "close"), "Host: a\r\n\r\n", nil, ReasonExpired},
		{"no handler, in content", most, fail(408, "close"), rest, nil, ReasonExpired},
		{"no handler, in chunks", upload("3\r\na"), fail(408, "close"), "bc\r\n" + last, nil, ReasonExpired},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, bytewise := range []bool{false, true} {
				r := newErrRig(t)
				r.onError(408, c.h)
				r.onError(400, func(*Response, *Request, ErrCode) error { t.Error("another answer"); return nil })
				s := r.connect()
				r.ask(s, c.in)
				r.pass(patient)
				if got := s.took(); got != c.want || s.shut != strings.Contains(got, "close") {
					t.Errorf("shut %v, got %q, want %q", s.shut, got, c.want)
				}
				pieces := []string{c.rest + get("/hi")}
				if bytewise {
					pieces = strings.Split(pieces[0], "")
				}
				if c.rest != "" {
					s.says(pieces...)
					r.quiet()
				} else {
					r.pass(patient)
				}
				if got := s.took(); got != "" || !s.shut && !s.closed {
					t.Errorf("shut %v, got %q behind it", s.shut, got)
				}
				r.finish()
				if r.l.closed[c.why] != 1 {
					t.Errorf("ended %v, want one in place %d", r.l.closed, c.why)
				}
			}
		})
	}
}

// TestOnErrorKept408Time: what begins behind a request that is dropped has all
// its time, and a session that has had an answer is no fresh one.
func TestOnErrorKept408Time(t *testing.T) {
	r := newErrRig(t)
	r.onError(408, own)
	for _, in := range []string{get("/hi"), post("abc"), upload(chunks("abc") + last)} {
		for _, behind := range []string{"", "G"} {
			s := r.connect()
			r.ask(s, in[:5])
			r.pass(patient)
			s.took()
			r.pass(patient - 1)
			r.ask(s, in[5:]+behind)
			if behind == "" {
				r.rests(s)
				continue
			}
			r.is(s, stateHead)
			r.pass(patient - 1)
			if got := r.ask(s, get("/hi")[1:]); got != good("hi") {
				t.Errorf("%q: got %q", in, got)
			}
			r.rests(s)
		}
	}
	r.finish()
}

// TestOnErrorKept408Use: a request that was late is one: its session is not the
// next to be purged.
func TestOnErrorKept408Use(t *testing.T) {
	r := newRig(t, Config{MaxSessions: 2, WhenFull: Purge, HeadTimeout: patient})
	r.onError(408, own)
	late, other := r.connect(), r.connect()
	r.ask(other, get("/hi"))
	r.ask(late, "GET")
	r.pass(patient)
	r.ask(late, get("/hi")[3:])
	r.connect()
	if late.closed || !other.closed {
		t.Errorf("purged: the one that was late %v, the other %v", late.closed, other.closed)
	}
	r.finish()
}

// TestOnErrorKept408Stop: a server that ends keeps nobody, and says so; who is
// waited for is served.
func TestOnErrorKept408Stop(t *testing.T) {
	for _, in := range []string{"GET /hi", most, upload("3\r\nab")} {
		r := newErrRig(t)
		r.onError(408, own)
		s := r.connect()
		r.ask(s, in)
		r.srv.Stop()
		r.pass(patient)
		if got := s.took(); got != answer("408 Request Timeout", "own", "close") || !s.shut {
			t.Errorf("%q: shut %v, got %q", in, s.shut, got)
		}
		r.empty()
		r = newErrRig(t)
		r.onError(408, func(*Response, *Request, ErrCode) error { return nil })
		s = r.connect()
		r.ask(s, most)
		r.srv.Stop()
		r.pass(patient)
		if got := r.ask(s, rest); got != good("abc", "close") {
			t.Errorf("got %q", got)
		}
		r.empty()
	}
}
