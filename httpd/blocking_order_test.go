package httpd

import (
	"fmt"
	"io"
	"strings"
	"testing"
)

// mixed are the requests of TestBlockingMixed, by letter, and their answers.
var mixed = map[rune]struct{ in, want string }{
	'h': {get("/hi"), good("hi")},
	'e': {post("inline"), good("inline")},
	'c': {upload(chunks("in", "line") + last), good("inline")},
	'H': {get("/slurp"), good("")},
	'L': {slurped("Content-Length: 7") + "content", good("content")},
	'C': {slurped("Transfer-Encoding: chunked") + chunks("con", "tent") + last, good("content")},
	'T': {slurped("Transfer-Encoding: chunked") + "7;x=\"\\\"\"\r\ncontent\r\n" + "000\r\nA: 1\r\nB: 2\r\n\r\n", good("content|A: 1|B: 2")},
	'I': {req("POST /idle", "Content-Length: 7") + "content", good("idle")},
	'J': {req("POST /idle", "Transfer-Encoding: chunked") + chunks("con", "tent") + "0\r\nA: 1\r\n\r\n", good("idle")},
	'S': {req("POST /some", "Content-Length: 7") + "content", good("co")},
	'R': {req("POST /some", "Transfer-Encoding: chunked") + chunks("c", "o", "ntent") + "0\r\nA: 1\r\n\r\n", good("co")},
	'F': {get("/flush"), flushed("Transfer-Encoding: chunked\r\n", "1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n")},
	'M': {req("HEAD /flush"), flushed("Transfer-Encoding: chunked\r\n", "")},
	'D': {get("/detach"), good("detached")},
	'O': {"POST /slurp HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nold", good("old", "Connection: keep-alive")},
	'X': {"GET /flush HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", flushed("Connection: close\r\n", "abc")}, // the last one
	'Z': {slurped("Connection: close", "Content-Length: 3") + "end", good("end", "close")},
}

func slurped(fields ...string) string { return req("POST /slurp", fields...) }

func flushed(framing, body string) string {
	return "HTTP/1.1 200 OK\r\n" + dateLine + "Content-Type: text/plain; charset=utf-8\r\n" + framing + "\r\n" + body
}

// blockingRoutes are those of the requests in mixed.
func (b *bubble) blockingRoutes() {
	b.block("/slurp", slurp)
	b.block("/idle", func(w *Response, _ *Request) error { return w.SendString("idle") })
	b.block("/some", func(w *Response, r *Request) error {
		var two [2]byte
		if _, err := io.ReadFull(r, two[:]); err != nil {
			return err
		}
		return w.Send(two[:])
	})
	b.block("/flush", func(w *Response, _ *Request) error {
		for _, piece := range []string{"a", "b", "c"} {
			w.WriteString(piece)
			if err := w.Flush(); err != nil {
				return err
			}
		}
		return nil
	})
	b.handle("GET", "/detach", func(_ *Response, r *Request) error {
		d := b.detach(r)
		go func() {
			d.Response().SendString("detached")
			b.complete(d, nil)
		}()
		return nil
	})
}

// TestBlockingMixed: whatever mixture of requests is pipelined on a connection,
// some for the loop and some for handlers that block, their answers come in
// order, wherever the input is cut and whatever the socket takes.
func TestBlockingMixed(t *testing.T) {
	for _, in := range []string{
		"H", "hHh", "LL", "LhL", "CTC", "TeT", "hLCThe", "IJI", "hIhJh", "SRSR", "JSLRI", "FhF", "MFM", "FLF",
		"DLDCD", "HDH", "OhO", "LOTOJ", "hX", "LFX", "eLcCeTcIeJ", "Z", "LhZ", "HHHHHHHH", "LLLLLLLL",
	} {
		t.Run(in, func(t *testing.T) {
			for _, share := range []int{1, 64} {
				inBubble(t, Config{MaxTurnRequests: share}, func(b *bubble) {
					b.blockingRoutes()
					b.mix(in)
				})
			}
		})
	}
}

func (b *bubble) mix(letters string) {
	b.Helper()
	in, want := "", ""
	for _, letter := range letters {
		in, want = in+mixed[letter].in, want+mixed[letter].want
	}
	ends := strings.HasSuffix(letters, "X") || strings.HasSuffix(letters, "Z")
	row := row{in: in, want: want, ends: ends}
	b.play(row, nil, in)
	for at := 1; at < len(in); at++ {
		b.play(row, nil, in[:at], in[at:])
	}
	b.play(row, nil, strings.Split(in, "")...)
	b.play(row, func() int { return 1 }, in)
	for _, size := range []int{2, 3, 7, 50} {
		turn := 0
		b.play(row, func() int { turn++; return size * (turn % 2) }, sliced(in, size)...)
	}
}

func sliced(s string, n int) (pieces []string) {
	for len(s) > n {
		pieces, s = append(pieces, s[:n]), s[n:]
	}
	return append(pieces, s)
}

// TestBlockingExpect: a peer that waits to be asked for its content is asked at
// the first Read; if nobody reads, the session ends with the answer, unless the
// content is on its way already. Behind the begin of the answer nothing else is
// said.
func TestBlockingExpect(t *testing.T) {
	const cont = "Expect: 100-continue"
	length := func(path string) string { return req("POST "+path, cont, "Content-Length: 3") }
	chunked := func(path string) string { return req("POST "+path, cont, "Transfer-Encoding: chunked") }
	for name, c := range map[string]struct {
		head, body string
		told, want string // for the head alone, and then for the body
		ends       bool
	}{
		"read":               {length("/slurp"), "abc", interim, good("abc"), false},
		"read, in chunks":    {chunked("/slurp"), chunks("a", "bc") + last, interim, good("abc"), false},
		"not read":           {length("/idle"), "", good("idle", "close"), "", true},
		"not read, chunked":  {chunked("/idle"), "", good("idle", "close"), "", true},
		"read in part":       {length("/some"), "abc", interim, good("ab"), false},
		"no content":         {req("POST /idle", cont, "Content-Length: 0"), get("/hi"), good("idle"), good("hi"), false},
		"HTTP/1.0":           {"POST /slurp HTTP/1.0\r\n" + cont + "\r\nContent-Length: 3\r\n\r\n", "abc", "", good("abc", "close"), true},
		"read after Flush":   {length("/late"), "abc", flushed("Transfer-Encoding: chunked\r\n", "1\r\na\r\n"), "3\r\nabc\r\n0\r\n\r\n", false},
		"late, in chunks":    {chunked("/late"), chunks("abc") + last, flushed("Transfer-Encoding: chunked\r\n", "1\r\na\r\n"), "3\r\nabc\r\n0\r\n\r\n", false},
		"another expecation": {req("POST /slurp", "Expect: more", "Content-Length: 3"), "", fail(417, "close"), "", true},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Config{}, func(b *bubble) {
				b.blockingRoutes()
				b.block("/late", func(w *Response, r *Request) error {
					w.WriteString("a")
					w.Flush()
					content, err := io.ReadAll(r)
					w.Write(content)
					return err
				})
				s := b.connect()
				if got := b.ask(s, c.head); got != c.told {
					t.Errorf("to the head: got %q, want %q", got, c.told)
				}
				if got := b.ask(s, c.body); got != c.want {
					t.Errorf("to the content: got %q, want %q", got, c.want)
				}
				if ends := s.shut || s.closed; ends != c.ends {
					t.Errorf("the connection's end is %v, want %v", ends, c.ends)
				}
			})
			inBubble(t, Config{}, func(b *bubble) { // nobody waits to be asked: the content comes at once
				b.blockingRoutes()
				if got := b.ask(b.connect(), length("/slurp")+"abc"+length("/idle")+"abc"+get("/hi")); got != good("abc")+good("idle")+good("hi") {
					t.Errorf("got %q", got)
				}
			})
		})
	}
}

// TestBlockingNoContent: a response without content has no end of chunks either.
func TestBlockingNoContent(t *testing.T) {
	for _, status := range []int{204, 205, 304} {
		for _, blocking := range []bool{true, false} {
			inBubble(t, Config{}, func(b *bubble) {
				h := func(w *Response, _ *Request) error {
					w.SetStatus(status)
					w.AddTrailer("X", "y")
					if err := w.Flush(); err != nil {
						return err
					}
					if _, err := w.WriteString("x"); err != ErrNoContent {
						t.Errorf("Write: %v", err)
					}
					return w.Flush()
				}
				if err := b.srv.Handle(Route{Pattern: "/none", Handler: h, Blocking: blocking}); err != nil {
					t.Fatal(err)
				}
				got := b.ask(b.connect(), get("/none")+get("/hi"))
				head, rest, _ := strings.Cut(got, "\r\n\r\n")
				if !strings.HasPrefix(head, fmt.Sprintf("HTTP/1.1 %d ", status)) || rest != good("hi") {
					t.Errorf("blocking %v: got %q", blocking, got)
				}
			})
		}
	}
}

// TestBlockingSend: what a function on the loop sends comes ahead of the answer or
// behind it, never amid it.
func TestBlockingSend(t *testing.T) {
	inBubble(t, Config{}, func(b *bubble) {
		proceed := make(chan bool)
		b.block("/wait", func(w *Response, r *Request) error {
			<-proceed
			w.WriteString("a")
			w.Flush()
			<-proceed
			return nil
		})
		s := b.connect()
		b.ask(s, get("/wait"))
		send := func() (err error) {
			b.srv.QueueWorkFor(b.id(s), func(s *Session) { err = s.Send([]byte(pushed)) })
			b.settle()
			return err
		}
		if err := send(); err != nil || s.took() != pushed {
			t.Errorf("ahead: %v", err)
		}
		proceed <- true
		b.settle()
		if got := s.took(); got != flushed("Transfer-Encoding: chunked\r\n", "1\r\na\r\n") {
			t.Errorf("got %q", got)
		}
		if err := send(); err != ErrSent || s.took() != "" {
			t.Errorf("amid: %v", err)
		}
		proceed <- true
		b.settle()
		if got := s.took(); got != last {
			t.Errorf("got %q", got)
		}
		if err := send(); err != nil || s.took() != pushed {
			t.Errorf("behind: %v", err)
		}
	})
}
