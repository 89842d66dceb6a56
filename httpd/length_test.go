package httpd

import (
	"strings"
	"testing"
)

// An announced response says how long it is, or that it is the last one, before
// it is complete.
type announced struct {
	name string
	do   func(w *Response) error
	err  error  // that Write returns
	want string // what a GET is told
	ends bool   // its session ends
	head bool   // that of a HEAD does, too
	old  string // what a HTTP/1.0 peer that asks for keep-alive is told; empty: the same, and that
}

func writes(pieces ...string) func(w *Response) error {
	return func(w *Response) (err error) {
		for _, p := range pieces {
			if _, werr := w.WriteString(p); err == nil {
				err = werr
			}
		}
		return err
	}
}

func sized(n int64, pieces ...string) func(w *Response) error {
	return func(w *Response) error {
		w.SetLength(n)
		return writes(pieces...)(w)
	}
}

func with(status int, do func(w *Response) error) func(w *Response) error {
	return func(w *Response) error {
		w.SetStatus(status)
		return do(w)
	}
}

const lastLine = "Connection: close\r\n"

func announcements() []announced {
	const ok, none, modified = "HTTP/1.1 200 OK\r\n" + dateLine, "HTTP/1.1 204 No Content\r\n" + dateLine, "HTTP/1.1 304 Not Modified\r\n" + dateLine
	const three, chunked = typeLine + "Content-Length: 3\r\n", typeLine + "Transfer-Encoding: chunked\r\n"
	flush := (*Response).Flush
	end := func(do func(w *Response) error) func(w *Response) error {
		return func(w *Response) error {
			w.EndSession()
			return do(w)
		}
	}
	late := func(w *Response) error {
		err := writes("abc")(w)
		if err == nil {
			err = w.Flush()
		}
		w.EndSession() // the loop has the head still
		return err
	}
	stale := ok + typeLine + lastLine + "\r\n"
	return []announced{
		{name: "in pieces", do: sized(3, "a", "", "bc"), want: ok + three + "\r\nabc"},
		{name: "none", do: sized(0, ""), want: ok + typeLine + "Content-Length: 0\r\n\r\n"},
		{name: "too much", do: sized(3, "ab", "cd"), err: ErrLength, want: ok + three + lastLine + "\r\nab", ends: true},
		{name: "too much at once", do: sized(3, "abcd"), err: ErrLength, want: ok + three + lastLine + "\r\n", ends: true},
		{name: "too little", do: sized(3, "ab"), want: ok + three + lastLine + "\r\nab", ends: true},
		{name: "nothing of it", do: sized(3, ""), want: ok + three + lastLine + "\r\n", ends: true},
		{name: "not known", do: sized(-7, "ab", "c"), want: ok + chunked + "\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", old: stale + "abc"},
		{name: "Send has its own", do: func(w *Response) error { w.SetLength(9); return w.SendString("abc") }, want: ok + three + "\r\nabc"},
		{name: "too late", do: func(w *Response) error { w.Write(nil); return sized(3, "abc")(w) }, err: ErrSent, want: fail(500, "close"), ends: true, head: true},
		{name: "204 with a length", do: with(204, sized(3, "")), want: none + "\r\n"},
		{name: "304 flushed", do: with(304, flush), want: modified + "\r\n"},
		{name: "204 in chunks", do: with(204, sized(-1, "")), want: none + "\r\n"},
		{name: "the last one", do: end(writes("abc")), want: ok + three + lastLine + "\r\nabc", ends: true, head: true},
		{name: "the last one, in chunks", do: late, want: ok + chunked + lastLine + "\r\n3\r\nabc\r\n0\r\n\r\n", ends: true, head: true, old: stale + "abc"},
		{name: "the last one, with a length", do: end(sized(3, "abc")), want: ok + three + lastLine + "\r\nabc", ends: true, head: true},
	}
}

// kept is a response to an HTTP/1.0 peer that asks for the connection to be kept.
func kept10(response string) string {
	if strings.Contains(response, lastLine) {
		return response
	}
	return strings.Replace(response, "\r\n\r\n", "\r\nConnection: keep-alive\r\n\r\n", 1)
}

// TestAnnounced: what is announced holds, or the session ends.
func TestAnnounced(t *testing.T) {
	for _, c := range announcements() {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, Config{})
			r.handle("GET", "/do", func(w *Response, _ *Request) error {
				if err := c.do(w); err != c.err {
					t.Errorf("%v, want %v", err, c.err)
				}
				return nil
			})
			ask := func(request, want string, ends bool) {
				s := r.connect()
				if !ends {
					want += good("hi")
				}
				if got := r.ask(s, request+get("/hi")); got != want {
					t.Errorf("%.8s\n got %q\nwant %q", request, got, want)
				}
				if gone := s.shut || s.closed; gone != ends {
					t.Errorf("%.8s: the connection's end is %v", request, gone)
				}
				r.empty()
			}
			old := c.old
			if old == "" {
				old = kept10(c.want)
			}
			ask(req("GET /do"), c.want, c.ends)
			head := bare(c.want)
			if strings.HasPrefix(c.name, "not known") {
				head = strings.Replace(head, "Transfer-Encoding: chunked\r\n", "", 1)
			}
			if !c.head {
				head = strings.Replace(head, lastLine, "", 1)
			}
			ask(req("HEAD /do"), head, c.head)
			ask("HEAD /do HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", kept10(strings.Replace(head, "Transfer-Encoding: chunked\r\n", "", 1)), c.head)
			ask("GET /do HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", old, c.ends || c.old != "")
			r.finish()
		})
	}
}

// TestSendHasItsOwnLength: also when trailers make a chunk of its content.
func TestSendHasItsOwnLength(t *testing.T) {
	r := newRig(t, Config{})
	r.handle("GET", "/do", func(w *Response, _ *Request) error {
		w.SetLength(9)
		w.AddTrailer("X-T", "1")
		return w.SendString("abc")
	})
	want := "HTTP/1.1 200 OK\r\n" + dateLine + typeLine + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n" + good("hi")
	if got := r.ask(r.connect(), req("GET /do")+get("/hi")); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	r.finish()
}
