package httpd

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// A peer asks, and is told the same thing in its own way.
type peer struct {
	name string
	asks string
	old  bool   // it speaks HTTP/1.0
	head bool   // it does not want the content
	conn string // the Connection field of an answer after which it goes on
}

var peers = []peer{
	{"HTTP/1.1", req("GET /do"), false, false, ""},
	{"HTTP/1.1 HEAD", req("HEAD /do"), false, true, ""},
	{"HTTP/1.1 with close", req("GET /do", "Connection: close"), false, false, "close"},
	{"HTTP/1.0", "GET /do HTTP/1.0\r\n\r\n", true, false, "close"},
	{"HTTP/1.0 HEAD", "HEAD /do HTTP/1.0\r\n\r\n", true, true, "close"},
	{"HTTP/1.0 with keep-alive", "GET /do HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true, false, "keep-alive"},
	{"HTTP/1.0 HEAD with keep-alive", "HEAD /do HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true, true, "keep-alive"},
}

// A reply is what a handler does, and what every peer must be told.
type reply struct {
	name     string
	do       func(w *Response) error
	interim  string // responses ahead of the answer
	status   string // 200 OK unless set
	fields   string // field-lines
	none     bool   // the status has no content, nor anything that describes one
	content  string
	stream   []int  // the sizes of the pieces it is sent in; nil: with its length
	trailers string // field-lines
	fails    bool   // the session ends
	err      error  // of do
}

// wire is the reply as p gets it.
func (c *reply) wire(p *peer) (out string, ends bool) {
	if !p.old {
		out = c.interim
	}
	chunked := !p.old && !c.none && (c.stream != nil || c.trailers != "")
	ends = c.fails || p.conn == "close" || c.stream != nil && p.old
	out += "HTTP/1.1 " + c.status + "\r\n" + dateLine
	switch {
	case c.none:
	case chunked:
		out += typeLine + "Transfer-Encoding: chunked\r\n"
	case c.stream != nil:
		out += typeLine
	default:
		out += fmt.Sprintf("%sContent-Length: %d\r\n", typeLine, len(c.content))
	}
	out += c.fields
	switch {
	case ends:
		out += "Connection: close\r\n"
	case p.conn != "":
		out += "Connection: " + p.conn + "\r\n"
	}
	out += "\r\n"
	switch {
	case p.head:
	case chunked:
		out += c.body()
	default:
		out += c.content
	}
	return out, ends
}

// body is the content in chunks. Of a stream that failed the end is missing.
func (c *reply) body() (out string) {
	content, sizes := c.content, c.stream
	if sizes == nil {
		sizes = []int{len(content)}
	}
	for _, n := range sizes {
		if n > 0 {
			out += chunks(content[:n])
		}
		content = content[n:]
	}
	if c.stream != nil && c.fails {
		return out
	}
	return out + "0\r\n" + c.trailers + "\r\n"
}

const typeLine = "Content-Type: text/plain; charset=utf-8\r\n"

// TestReplies: each reply to each peer, with the next request behind it.
func TestReplies(t *testing.T) {
	for _, c := range replies() {
		if c.status == "" {
			c.status = "200 OK"
		}
		for _, p := range peers {
			t.Run(c.name+", "+p.name, func(t *testing.T) {
				r := newRig(t, Config{MaxOutputBytes: 1 << 20})
				var err error
				calls := 0
				r.handle("GET", "/do", func(w *Response, _ *Request) error {
					calls++
					err = c.do(w)
					return err
				})
				want, ends := c.wire(&p)
				if !ends {
					want += good("hi")
				}
				for _, room := range []func() int{nil, func() int { return 7000 }} {
					s := r.connect()
					s.room = room
					if got := r.ask(s, p.asks+get("/hi")); got != want || err != c.err {
						t.Fatalf("%v\n got %.2000q\nwant %.2000q", err, got, want)
					}
					if gone := s.shut || s.closed; gone != ends {
						t.Errorf("the connection's end is %v, want %v", gone, ends)
					}
					r.empty()
				}
				if calls != 2 {
					t.Errorf("the handler ran %d times", calls)
				}
				r.finish()
			})
		}
	}
}

// instead is the reply that the engine gives where the handler's cannot be sent.
func instead(name string, err error, do func(w *Response) error) reply {
	return reply{name: name, do: do, err: err, status: "500 Internal Server Error", content: ErrInternal.body(), fails: true}
}

var errDone = errors.New("the handler wants no more")

func replies() []reply {
	x := func(n int) string { return strings.Repeat("x", n) }
	write := func(w *Response, pieces ...string) error {
		for _, p := range pieces {
			if n, err := w.Write([]byte(p)); n != len(p) || err != nil {
				return fmt.Errorf("%d of %d octets, %v", n, len(p), err)
			}
		}
		return nil
	}
	long, longer := x(mostWritten), x(mostWritten+1)
	all := []reply{
		{name: "Send", do: func(w *Response) error { return w.Send([]byte("abc")) }, content: "abc"},
		{name: "Send nothing", do: func(w *Response) error { return w.Send(nil) }},
		{name: "Send much", do: func(w *Response) error { return w.SendString(longer) }, content: longer},
		{name: "SendString", do: func(w *Response) error { return w.SendString("abc") }, content: "abc"},
		{name: "SendErr", do: func(w *Response) error { return w.SendErr(403, "no") }, status: "403 Forbidden", content: "no"},
		{name: "Send and fail", do: func(w *Response) error { w.Send([]byte("abc")); return errDone }, content: "abc", fails: true, err: errDone},

		{name: "Write", do: func(w *Response) error { return write(w, "abc") }, content: "abc"},
		{name: "Write twice", do: func(w *Response) error { return write(w, "abc", "", "de") }, content: "abcde"},
		{name: "WriteString", do: func(w *Response) error { _, err := w.WriteString("abc"); return err }, content: "abc"},
		{name: "Write nothing", do: func(w *Response) error { return write(w, "") }},
		{name: "Write 64 KiB", do: func(w *Response) error { return write(w, long) }, content: long},
		{name: "Write 64 KiB in parts", do: func(w *Response) error { return write(w, long[1:], "x") }, content: long},
		{name: "Write 64 KiB and an octet", do: func(w *Response) error { return write(w, longer) }, content: longer, stream: []int{mostWritten + 1}},
		{name: "Write 64 KiB, then an octet", do: func(w *Response) error { return write(w, long, "x") }, content: longer, stream: []int{mostWritten + 1}},
		{name: "Write much, then more", do: func(w *Response) error { return write(w, longer, "ab", "", "c") },
			content: longer + "abc", stream: []int{mostWritten + 1, 2, 1}},
		{name: "Write often", do: func(w *Response) error { return write(w, strings.Split(x(mostWritten+3), "")...) },
			content: x(mostWritten + 3), stream: []int{mostWritten + 1, 1, 1}},
		{name: "Write and fail", do: func(w *Response) error { write(w, "abc"); return errDone }, content: "abc", fails: true, err: errDone},
		{name: "Write nothing and fail", do: func(w *Response) error { write(w, ""); return errDone }, fails: true, err: errDone},
		{name: "Write much and fail", do: func(w *Response) error { write(w, longer, "ab"); return errDone },
			content: longer + "ab", stream: []int{mostWritten + 1, 2}, fails: true, err: errDone},

		{name: "Write after Send", do: func(w *Response) error {
			w.SendString("abc")
			n, err := w.Write([]byte("de"))
			return errors.Join(nil, only(err, ErrSent), wrong(n != 0))
		}, content: "abc"},
		{name: "Write after Send, failing", do: func(w *Response) error {
			w.SendString("abc")
			_, err := w.WriteString("de")
			return err
		}, content: "abc", fails: true, err: ErrSent},
		{name: "Send after Write", do: func(w *Response) error {
			write(w, "abc")
			return only(w.SendString("de"), ErrSent)
		}, content: "abc"},
		{name: "Send nothing after Write of nothing", do: func(w *Response) error {
			write(w, "")
			return only(w.Send(nil), ErrSent)
		}},
		{name: "Send after much", do: func(w *Response) error {
			write(w, longer)
			return only(w.SendString("de"), ErrSent)
		}, content: longer, stream: []int{mostWritten + 1}},
		{name: "SendErr after Write", do: func(w *Response) error {
			write(w, "abc")
			return only(w.SendErr(404, ""), ErrSent)
		}, content: "abc"},

		{name: "status and fields after Write", do: func(w *Response) error {
			write(w, "abc")
			w.SetStatus(201)
			w.AddHeader("A", "1")
			return nil
		}, status: "201 Created", fields: "A: 1\r\n", content: "abc"},
		{name: "a status after much", do: func(w *Response) error { write(w, longer); w.SetStatus(201); return nil },
			content: longer, stream: []int{mostWritten + 1}, fails: true},
		{name: "a field after much", do: func(w *Response) error {
			write(w, longer)
			w.AddHeader("A", "1")
			n, err := w.Write([]byte("de"))
			return errors.Join(nil, only(err, ErrSent), wrong(n != 0))
		}, content: longer, stream: []int{mostWritten + 1}, fails: true},
		{name: "a type after much", do: func(w *Response) error { write(w, longer); w.SetType("a/b"); _, err := w.Write(nil); return err },
			content: longer, stream: []int{mostWritten + 1}, fails: true, err: ErrSent},
		{name: "a wrong field after much", do: func(w *Response) error { write(w, longer); w.AddHeader("", ""); _, err := w.Write(nil); return err },
			content: longer, stream: []int{mostWritten + 1}, fails: true, err: ErrHeader},
		instead("a wrong field after Write", nil, func(w *Response) error { write(w, "abc"); w.AddHeader("", ""); return nil }),
		instead("a wrong field before Write", ErrHeader, func(w *Response) error { w.AddHeader("", ""); _, err := w.Write([]byte("abc")); return err }),
		instead("a wrong field, and Write of nothing", nil, func(w *Response) error { w.AddHeader("", ""); w.Write(nil); return nil }),
		instead("no reply", nil, func(*Response) error { return nil }),
		instead("no reply but an error", errDone, func(*Response) error { return errDone }),
		instead("no reply but fields", nil, func(w *Response) error {
			w.SetStatus(201)
			w.SetType("a/b")
			w.AddHeader("A", "1")
			w.AddTrailer("B", "2")
			return nil
		}),
	}
	return append(append(all, trailerReplies(write, longer)...), statusReplies(write)...)
}

func trailerReplies(write func(*Response, ...string) error, longer string) []reply {
	return []reply{
		{name: "trailers with Send", do: func(w *Response) error {
			w.AddTrailer("A", "1")
			w.AddTrailer("B", "")
			w.AddTrailer("A", "2 3")
			return w.Send([]byte("abc"))
		}, content: "abc", trailers: "A: 1\r\nB: \r\nA: 2 3\r\n"},
		{name: "trailers with SendString", do: func(w *Response) error { w.AddTrailer("A", "1"); return w.SendString("abc") },
			content: "abc", trailers: "A: 1\r\n"},
		{name: "trailers without content", do: func(w *Response) error { w.AddTrailer("A", "1"); return w.Send(nil) }, trailers: "A: 1\r\n"},
		{name: "trailers before Write", do: func(w *Response) error { w.AddTrailer("A", "1"); return write(w, "abc") }, content: "abc", trailers: "A: 1\r\n"},
		{name: "trailers after Write", do: func(w *Response) error { write(w, "abc"); w.AddTrailer("A", "1"); return nil }, content: "abc", trailers: "A: 1\r\n"},
		{name: "trailers after Write of nothing", do: func(w *Response) error { write(w, ""); w.AddTrailer("A", "1"); return nil }, trailers: "A: 1\r\n"},
		{name: "trailers after much", do: func(w *Response) error { write(w, longer, "a"); w.AddTrailer("A", "1"); return write(w, "b") },
			content: longer + "ab", stream: []int{mostWritten + 1, 1, 1}, trailers: "A: 1\r\n"},
		{name: "trailers after much, failing", do: func(w *Response) error { write(w, longer); w.AddTrailer("A", "1"); return errDone },
			content: longer, stream: []int{mostWritten + 1}, fails: true, err: errDone},
		{name: "trailers and an error", do: func(w *Response) error { w.AddTrailer("A", "1"); w.SendString("abc"); return errDone },
			content: "abc", trailers: "A: 1\r\n", fails: true, err: errDone},
		{name: "trailers and a status without content", do: func(w *Response) error { w.SetStatus(304); w.AddTrailer("A", "1"); return w.Send(nil) },
			status: "304 Not Modified", none: true},
		{name: "trailers after Send", do: func(w *Response) error { w.SendString("abc"); w.AddTrailer("A", "1"); return nil }, content: "abc"},
		{name: "a wrong trailer after much", do: func(w *Response) error { write(w, longer); w.AddTrailer("A", "\n"); return nil },
			content: longer, stream: []int{mostWritten + 1}, fails: true},
		instead("a wrong trailer", ErrHeader, func(w *Response) error { w.AddTrailer("A\n", "1"); return w.SendString("abc") }),
		instead("a trailer that is none", ErrHeader, func(w *Response) error { w.AddTrailer("Content-LENGTH", "1"); return w.SendString("abc") }),
	}
}

func statusReplies(write func(*Response, ...string) error) (rows []reply) {
	set := func(status int, then func(w *Response) error) func(w *Response) error {
		return func(w *Response) error { w.SetStatus(status); return then(w) }
	}
	for _, c := range []struct {
		status int
		line   string
		fields string
	}{{204, "204 No Content", ""}, {205, "205 Reset Content", "Content-Length: 0\r\n"}, {304, "304 Not Modified", ""}} {
		name := fmt.Sprint(c.status)
		none := reply{status: c.line, fields: c.fields, none: true}
		for how, do := range map[string]func(w *Response) error{
			" by Send":          set(c.status, func(w *Response) error { return w.Send(nil) }),
			" by SendString":    set(c.status, func(w *Response) error { return w.SendString("") }),
			" by Write":         set(c.status, func(w *Response) error { return write(w, "") }),
			" after Write":      func(w *Response) error { write(w, ""); w.SetStatus(c.status); return nil },
			" where Send fails": set(c.status, func(w *Response) error { return errors.Join(only(w.SendString("x"), ErrNoContent), w.Send(nil)) }),
		} {
			none.name, none.do = name+how, do
			rows = append(rows, none)
		}
		rows = append(rows,
			instead(name+" with content by Send", ErrNoContent, set(c.status, func(w *Response) error { return w.Send([]byte("x")) })),
			instead(name+" with content by SendString", ErrNoContent, set(c.status, func(w *Response) error { return w.SendString("x") })),
			instead(name+" with content by SendErr", ErrNoContent, func(w *Response) error { return w.SendErr(ErrCode(c.status), "") }),
			instead(name+" with content by Write", ErrNoContent, set(c.status, func(w *Response) error { _, err := w.Write([]byte("x")); return err })),
			instead(name+" behind content", nil, func(w *Response) error { write(w, "x"); w.SetStatus(c.status); return nil }))
	}
	return append(rows,
		reply{name: "299", do: set(299, func(w *Response) error { return w.SendString("x") }), status: "299 ", content: "x"},
		reply{name: "no type", do: func(w *Response) error { w.SetStatus(204); w.SetType(""); return w.Send(nil) }, status: "204 No Content", none: true},
		reply{name: "103", do: func(w *Response) error {
			return errors.Join(w.Inform(103, "Link", "</a>", "link", "</b>"), w.SendString("x"))
		}, interim: "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nlink: </b>\r\n\r\n", content: "x"},
		reply{name: "102, then 103, with Write between", do: func(w *Response) error {
			return errors.Join(w.Inform(102), write(w, "x"), w.Inform(103, "Link", ""), write(w, "y"))
		}, interim: "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: \r\n\r\n", content: "xy"},
		reply{name: "103 and fields", do: func(w *Response) error {
			w.AddHeader("A", "1")
			return errors.Join(w.Inform(103, "B", "2"), w.SendString("x"))
		}, interim: "HTTP/1.1 103 Early Hints\r\nB: 2\r\n\r\n", fields: "A: 1\r\n", content: "x"},
		reply{name: "103 after Send", do: func(w *Response) error { w.SendString("x"); return only(w.Inform(103), ErrSent) }, content: "x"},
		reply{name: "103 after much", do: func(w *Response) error {
			write(w, strings.Repeat("x", mostWritten+1))
			return only(w.Inform(103), ErrSent)
		},
			content: strings.Repeat("x", mostWritten+1), stream: []int{mostWritten + 1}},
		reply{name: "103 and an error", do: func(w *Response) error { w.Inform(103); w.SendString("x"); return errDone },
			interim: "HTTP/1.1 103 Early Hints\r\n\r\n", content: "x", fails: true, err: errDone},
		reply{name: "103 and no answer", do: func(w *Response) error { return w.Inform(103) },
			interim: "HTTP/1.1 103 Early Hints\r\n\r\n", status: "500 Internal Server Error", content: ErrInternal.body(), fails: true},
	)
}

// only is nil if err is the one that is wanted.
func only(err, want error) error {
	if err == want {
		return nil
	}
	return fmt.Errorf("%v, want %v", err, want)
}

func wrong(is bool) error {
	if is {
		return errors.New("octets were taken")
	}
	return nil
}

// TestInformRefused: what is no informational response leaves nothing on the
// wire.
func TestInformRefused(t *testing.T) {
	r := newRig(t, Config{})
	for _, c := range []struct {
		status int
		fields []string
		want   error
	}{
		{99, nil, ErrStatus}, {100, nil, ErrStatus}, {101, nil, ErrStatus}, {200, nil, ErrStatus}, {-103, nil, ErrStatus}, {1103, nil, ErrStatus},
		{103, []string{"A"}, ErrHeader},
		{103, []string{"A", "1", "B"}, ErrHeader},
		{103, []string{"A", "1", "", "2"}, ErrHeader},
		{103, []string{"A", "1", "B:", "2"}, ErrHeader},
		{103, []string{"A", "1", "B", "2\r\nC: 3"}, ErrHeader},
		{103, []string{"A", "1", "B", "2\r\n\r\n"}, ErrHeader},
		{103, []string{"A", "1", "B\r\nC", "2"}, ErrHeader},
		{103, []string{"A", "1", "Content-Length", "2"}, ErrHeader},
		{103, []string{"Transfer-Encoding", "chunked"}, ErrHeader},
		{103, []string{"Connection", "close"}, ErrHeader},
	} {
		r.srv.routes.table.Store(nil)
		r.handle("GET", "/do", func(w *Response, _ *Request) error {
			if err := w.Inform(c.status, c.fields...); err != c.want {
				t.Errorf("%d %q: %v, want %v", c.status, c.fields, err, c.want)
			}
			return w.SendString("x")
		})
		s := r.connect()
		if got := r.ask(s, get("/do")+get("/do")); got != good("x")+good("x") {
			t.Errorf("%d %q: got %q", c.status, c.fields, got)
		}
		r.empty()
	}
	r.finish()
}

// TestInjection: no setter lets a line end, or another octet that is none of a
// field's, through to the wire.
func TestInjection(t *testing.T) {
	r := newRig(t, Config{MaxSessions: 200})
	var bad []string
	for _, o := range []string{"\r", "\n", "\r\n", "\x00", "\x7f", "\x01", "\x1b", "\x0b"} {
		bad = append(bad, o, "a"+o, o+"a", "a"+o+"b", "a\r\nX: y"+o)
	}
	type setter struct {
		name string
		do   func(w *Response, s string)
	}
	values := []setter{
		{"SetType", func(w *Response, s string) { w.SetType(s) }},
		{"the value of AddHeader", func(w *Response, s string) { w.AddHeader("A", s) }},
		{"the value of AddTrailer", func(w *Response, s string) { w.AddTrailer("A", s) }},
		{"Date of AddHeader", func(w *Response, s string) { w.AddHeader("Date", s) }},
		{"Content-Type of AddHeader", func(w *Response, s string) { w.AddHeader("Content-Type", s) }},
	}
	names := []setter{
		{"the name of AddHeader", func(w *Response, s string) { w.AddHeader(s, "1") }},
		{"the name of AddTrailer", func(w *Response, s string) { w.AddTrailer(s, "1") }},
	}
	check := func(c setter, s string) {
		t.Helper()
		r.srv.routes.table.Store(nil)
		r.handle("GET", "/do", func(w *Response, _ *Request) error {
			c.do(w, s)
			if err := w.SendString("x"); err != ErrHeader {
				t.Errorf("%s %q: %v", c.name, s, err)
			}
			return nil
		})
		peer := r.connect()
		if got := r.ask(peer, get("/do")); got != fail(500, "close") {
			t.Errorf("%s %q: got %q", c.name, s, got)
		}
	}
	for _, c := range values {
		for _, s := range append(bad, " ", "\t", " a", "a ", "\ta", "a\t") {
			check(c, s)
		}
	}
	for _, c := range names {
		for _, s := range append(bad, "", " ", "a b", " a", "a ", "a:", ":", "a\t", "é", "a/b", "a\"") {
			check(c, s)
		}
	}
	for _, s := range []string{"Content-Length", "transfer-encoding", "CONNECTION"} {
		check(names[0], s)
	}
	r.finish()
}

// TestTypes: Content-Type is one field, the last that was set, or none.
func TestTypes(t *testing.T) {
	for _, c := range []struct {
		do   func(w *Response)
		want string
	}{
		{func(w *Response) { w.SetType("a/b"); w.AddHeader("CONTENT-TYPE", "c/d") }, "Content-Type: c/d\r\n"},
		{func(w *Response) { w.AddHeader("Content-Type", "c/d"); w.SetType("a/b") }, "Content-Type: a/b\r\n"},
		{func(w *Response) { w.AddHeader("Content-Type", ""); w.AddHeader("A", "") }, ""},
		{func(w *Response) { w.SetType(""); w.SetType("a/b; x=\"\xff\"") }, "Content-Type: a/b; x=\"\xff\"\r\n"},
	} {
		for _, length := range []int{1, mostWritten + 1} {
			r := newRig(t, Config{})
			r.handle("GET", "/do", func(w *Response, _ *Request) error {
				c.do(w)
				_, err := w.WriteString(strings.Repeat("x", length))
				return err
			})
			s := r.connect()
			got, _, _ := strings.Cut(r.ask(s, get("/do")), "\r\n\r\n")
			if n := strings.Count(strings.ToLower(got), "content-type"); n != min(1, len(c.want)) || !strings.Contains(got+"\r\n", c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
			r.finish()
		}
	}
}

// TestWriteCopies: what a handler has written may change at once.
func TestWriteCopies(t *testing.T) {
	for _, times := range []int{1, 2, mostWritten} {
		r := newRig(t, Config{MaxOutputBytes: 1 << 20})
		r.handle("GET", "/do", func(w *Response, _ *Request) error {
			for i := range times {
				p := []byte(fmt.Sprint(i % 10))
				w.Write(append(p, '.'))
				clear(p)
			}
			return nil
		})
		s := r.connect()
		got := strings.ReplaceAll(r.ask(s, get("/do")), "\r\n2\r\n", "")
		if n := strings.Count(got, "0.1.2.3.4.5.6.7.8.9."); n < times/10-1 || strings.Contains(got, "\x00") {
			t.Errorf("%d times: %.300q", times, got)
		}
		r.finish()
	}
}

// TestWriteKeepsLittle: what one response needed is not kept for ever.
func TestWriteKeepsLittle(t *testing.T) {
	r := newRig(t, Config{MaxOutputBytes: 1 << 20})
	r.handle("GET", "/do", func(w *Response, _ *Request) error {
		_, err := w.Write(make([]byte, 2*mostKept))
		return err
	})
	s := r.connect()
	r.ask(s, get("/do"))
	if n := cap(r.l.x.w.content) + cap(r.l.x.w.wire.out); n > 2*mostKept {
		t.Errorf("the loop keeps %d octets", n)
	}
	r.finish()
}
