package httpd

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// A doing is what a handler does with its Response, and what the peer is told:
// a GET, a HEAD without the content, and the next request as usual.
type doing struct {
	name string
	do   func(w *Response) error
	want string
	err  error // of do
}

func checkDoings(t *testing.T, cfg Config, rows []doing) {
	for _, c := range rows {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, cfg)
			var err error
			r.handle("GET", "/do", func(w *Response, _ *Request) error {
				err = c.do(w)
				return err
			})
			for method, want := range map[string]string{"GET": c.want, "HEAD": bare(c.want)} {
				if c.err == nil {
					want += good("hi")
				}
				for _, room := range []func() int{nil, func() int { return 11 }} {
					s := r.connect()
					s.room = room
					if got := r.ask(s, req(method+" /do")+get("/hi")); got != want || err != c.err {
						t.Errorf("%s: %v\n got %q\nwant %q", method, err, got, want)
					}
					if gone := s.shut || s.closed; gone != (c.err != nil) {
						t.Errorf("%s: the connection's end is %v", method, gone)
					}
					r.empty()
				}
			}
			r.finish()
		})
	}
}

// untyped is a response without its Content-Type, typed one with another.
func untyped(response string) string { return strings.Replace(response, typeLine, "", 1) }
func typed(response, media string) string {
	return strings.Replace(response, typeLine, "Content-Type: "+media+"\r\n", 1)
}

// TestSetHeader: fields are added, replaced and taken back, in any case of their
// names, until the head is written. Those of the engine are not to be had.
func TestSetHeader(t *testing.T) {
	broken := fail(500, "close")
	say := func(do func(w *Response)) func(w *Response) error {
		return func(w *Response) error { do(w); return w.SendString("x") }
	}
	rows := []doing{
		{"one", say(func(w *Response) { w.SetHeader("A", "1") }), good("x", "A: 1"), nil},
		{"twice", say(func(w *Response) { w.SetHeader("A", "1"); w.SetHeader("A", "2") }), good("x", "A: 2"), nil},
		{"in another case", say(func(w *Response) { w.SetHeader("Abc", "1"); w.SetHeader("aBC", "2") }), good("x", "aBC: 2"), nil},
		{"two names", say(func(w *Response) { w.SetHeader("A", "1"); w.SetHeader("B", "2") }), good("x", "A: 1", "B: 2"), nil},
		{"in place of many", say(func(w *Response) {
			for _, f := range []string{"A", "B", "a", "AB", "A", "B"} {
				w.AddHeader(f, "1")
			}
			w.SetHeader("A", "2")
		}), good("x", "B: 1", "AB: 1", "B: 1", "A: 2"), nil},
		{"then more", say(func(w *Response) { w.SetHeader("A", "1"); w.AddHeader("A", "2") }), good("x", "A: 1", "A: 2"), nil},
		{"an empty value", say(func(w *Response) { w.SetHeader("A", "1"); w.SetHeader("A", "") }), good("x", "A: "), nil},
		{"a value with colons", say(func(w *Response) { w.SetHeader("A", "b: c"); w.SetHeader("B", ":"); w.DelHeader("b") }), good("x", "A: b: c"), nil},
		{"the name in a value", say(func(w *Response) { w.AddHeader("A", "B: 1"); w.DelHeader("B") }), good("x", "A: B: 1"), nil},

		{"deleted", say(func(w *Response) {
			w.AddHeader("A", "1")
			w.AddHeader("B", "2")
			w.AddHeader("a", "3")
			w.DelHeader("A")
		}), good("x", "B: 2"), nil},
		{"deleted in another case", say(func(w *Response) { w.AddHeader("X-Abc", "1"); w.DelHeader("x-aBC") }), good("x"), nil},
		{"all deleted", say(func(w *Response) {
			w.AddHeader("A", "1")
			w.AddHeader("B", "2")
			w.DelHeader("B")
			w.DelHeader("A")
			w.DelHeader("A")
		}), good("x"), nil},
		{"a name that begins alike", say(func(w *Response) {
			w.AddHeader("AB", "1")
			w.AddHeader("A-", "2")
			w.DelHeader("A")
			w.DelHeader("ABC")
		}),
			good("x", "AB: 1", "A-: 2"), nil},
		{"none of that name", say(func(w *Response) { w.DelHeader("A") }), good("x"), nil},
		{"deleted, then set", say(func(w *Response) { w.AddHeader("A", "1"); w.DelHeader("A"); w.AddHeader("A", "2") }), good("x", "A: 2"), nil},
		{"a trailer of that name stays", func(w *Response) error {
			w.AddHeader("A", "1")
			w.AddTrailer("A", "2")
			w.DelHeader("A")
			return w.SendString("x")
		}, "HTTP/1.1 200 OK\r\n" + dateLine + typeLine + "Transfer-Encoding: chunked\r\n\r\n" + chunks("x") + "0\r\nA: 2\r\n\r\n", nil},
		{"behind content", func(w *Response) error {
			w.AddHeader("A", "1")
			w.WriteString("x")
			w.SetHeader("A", "2")
			w.SetHeader("Content-Type", "a/b")
			return nil
		}, typed(good("x", "A: 2"), "a/b"), nil},

		{"a type", say(func(w *Response) { w.SetHeader("Content-Type", "a/b") }), typed(good("x"), "a/b"), nil},
		{"a type in another case", say(func(w *Response) { w.SetHeader("content-TYPE", "a/b"); w.SetHeader("A", "1") }), typed(good("x", "A: 1"), "a/b"), nil},
		{"a type, twice", say(func(w *Response) { w.SetHeader("Content-Type", "a/b"); w.SetHeader("Content-Type", "c/d") }), typed(good("x"), "c/d"), nil},
		{"no type", say(func(w *Response) { w.DelHeader("Content-Type") }), untyped(good("x")), nil},
		{"no type any more", say(func(w *Response) { w.SetType("a/b"); w.DelHeader("CONTENT-type") }), untyped(good("x")), nil},
		{"no type, then one", say(func(w *Response) { w.DelHeader("Content-Type"); w.SetType("a/b") }), typed(good("x"), "a/b"), nil},
		{"the type of an error", func(w *Response) error { w.DelHeader("Content-Type"); return w.SendErr(404, "x") }, answer("404 Not Found", "x"), nil},

		{"behind an answer", func(w *Response) error {
			w.SetHeader("A", "1")
			err := w.SendString("x")
			w.SetHeader("A", "2")
			w.DelHeader("A")
			return err
		}, good("x", "A: 1"), nil},
	}
	for _, name := range []string{"Content-Length", "transfer-encoding", "CONNECTION", "", "A ", "A:", "A\r\nB", "é"} {
		rows = append(rows,
			doing{fmt.Sprintf("SetHeader of %q", name), say(func(w *Response) { w.SetHeader(name, "1") }), broken, ErrHeader},
			doing{fmt.Sprintf("DelHeader of %q", name), say(func(w *Response) { w.DelHeader(name) }), broken, ErrHeader})
	}
	for _, value := range []string{"a\r\nB: c", "\n", "a\rb", "\x00", "\x7f", " a", "a\t"} {
		rows = append(rows, doing{fmt.Sprintf("the value %q", value), say(func(w *Response) { w.SetHeader("A", value) }), broken, ErrHeader})
	}
	checkDoings(t, Config{}, rows)
}

// TestOwnDate: a Date that the handler sets takes the place of the engine's, which
// is back when that is taken back. There is never a second one.
func TestOwnDate(t *testing.T) {
	const old = "Sun, 06 Nov 1994 08:49:37 GMT"
	own := func(response string) string { return strings.Replace(response, dateLine, "", 1) }
	broken := fail(500, "close")
	say := func(do func(w *Response)) func(w *Response) error {
		return func(w *Response) error { do(w); return w.SendString("x") }
	}
	checkDoings(t, Config{MaxResponseHeaders: 3}, []doing{
		{"set", say(func(w *Response) { w.SetHeader("Date", old) }), own(good("x", "Date: "+old)), nil},
		{"added", say(func(w *Response) { w.AddHeader("Date", old) }), own(good("x", "Date: "+old)), nil},
		{"between others", say(func(w *Response) { w.AddHeader("A", "1"); w.AddHeader("Date", old); w.AddHeader("B", "2") }),
			own(good("x", "A: 1", "Date: "+old, "B: 2")), nil},
		{"set twice, in other cases", say(func(w *Response) { w.SetHeader("DATE", "1"); w.SetHeader("date", "2") }), own(good("x", "date: 2")), nil},
		{"empty", say(func(w *Response) { w.SetHeader("Date", "") }), own(good("x", "Date: ")), nil},
		{"of an error", func(w *Response) error { w.SetHeader("Date", old); return w.SendErr(404, "x") }, own(answer("404 Not Found", "x", "Date: "+old)), nil},
		{"of no content", func(w *Response) error { w.SetHeader("Date", old); w.SetStatus(204); return w.Send(nil) },
			"HTTP/1.1 204 No Content\r\nDate: " + old + "\r\n\r\n", nil},
		{"in chunks", func(w *Response) error {
			w.SetHeader("Date", old)
			w.AddTrailer("A", "1")
			return w.SendString("x")
		}, "HTTP/1.1 200 OK\r\n" + typeLine + "Transfer-Encoding: chunked\r\nDate: " + old + "\r\n\r\n" + chunks("x") + "0\r\nA: 1\r\n\r\n", nil},
		{"a name that begins alike", say(func(w *Response) { w.SetHeader("Dat", "1"); w.SetHeader("Dates", "2") }), good("x", "Dat: 1", "Dates: 2"), nil},

		{"taken back", say(func(w *Response) { w.SetHeader("Date", old); w.DelHeader("dATE") }), good("x"), nil},
		{"taken back, another not", say(func(w *Response) { w.SetHeader("Date", old); w.DelHeader("Dat") }), own(good("x", "Date: "+old)), nil},
		{"taken back, and set", say(func(w *Response) { w.SetHeader("Date", old); w.DelHeader("Date"); w.AddHeader("Date", "1") }), own(good("x", "Date: 1")), nil},
		{"none to take back", say(func(w *Response) { w.DelHeader("Date") }), good("x"), nil},

		{"added twice", say(func(w *Response) { w.AddHeader("Date", old); w.AddHeader("date", old) }), broken, ErrHeader},
		{"added to one that was set", say(func(w *Response) { w.SetHeader("Date", old); w.AddHeader("Date", old) }), broken, ErrHeader},
		{"with a line end", say(func(w *Response) { w.SetHeader("Date", "1\r\nA: 2") }), broken, ErrHeader},
		{"no room", say(func(w *Response) {
			for _, name := range []string{"A", "B", "C", "Date"} {
				w.SetHeader(name, "1")
			}
		}), broken, ErrHeadersFull},
		{"behind an answer", func(w *Response) error { err := w.SendString("x"); w.SetHeader("Date", old); return err }, good("x"), nil},
		{"of a handler that fails", func(w *Response) error { w.SetHeader("Date", old); return ErrForbidden }, broken, ErrForbidden},
	})
}

// TestSetHeaderTooLate: when the head is on its way, what would change it is
// reported, and the content does not come to its end.
func TestSetHeaderTooLate(t *testing.T) {
	long := strings.Repeat("x", mostWritten+1)
	for name, do := range map[string]func(w *Response){
		"SetHeader":             func(w *Response) { w.SetHeader("A", "2") },
		"DelHeader":             func(w *Response) { w.DelHeader("A") },
		"DelHeader of the type": func(w *Response) { w.DelHeader("Content-Type") },
		"SetStatusText":         func(w *Response) { w.SetStatusText("299 Own") },
	} {
		r := newRig(t, Config{MaxOutputBytes: 1 << 20})
		var err error
		r.handle("GET", "/do", func(w *Response, _ *Request) error {
			w.SetHeader("A", "1")
			w.WriteString(long)
			do(w)
			_, err = w.WriteString("y")
			return nil
		})
		s := r.connect()
		want := "HTTP/1.1 200 OK\r\n" + dateLine + typeLine + "Transfer-Encoding: chunked\r\nA: 1\r\nConnection: close\r\n\r\n" + chunks(long)
		if got := r.ask(s, get("/do")+get("/hi")); got != want || err != ErrSent || !s.shut && !s.closed {
			t.Errorf("%s: %v, %d octets, want %d: %.200q", name, err, len(got), len(want), got)
		}
		r.finish()
	}
}

// TestStatusText: a status of any text that a status-line can have.
func TestStatusText(t *testing.T) {
	broken := fail(500, "close")
	var rows []doing
	for text, want := range map[string]string{
		"299 All Is Well": "299 All Is Well",
		"299 ":            "299 ",
		"299":             "299 ",
		"200 Fine":        "200 Fine",
		"200":             "200 OK",
		"404 ":            "404 Not Found",
		"599 x":           "599 x",
		"600":             "600 ",
		"999 x":           "999 x",
		"418 I'm a teapot; \"short\" and {stout}": "418 I'm a teapot; \"short\" and {stout}",
		"299 a\tb  c":       "299 a\tb  c",
		"299 \xe9t\xe9\xff": "299 \xe9t\xe9\xff",
		"299 299 x":         "299 299 x",
	} {
		rows = append(rows, doing{fmt.Sprintf("%q", text), func(w *Response) error { w.SetStatusText(text); return w.SendString("x") }, answer(want, "x"), nil})
	}
	for _, text := range []string{"", " ", "2", "20", "20 OK", "29 x", "1999 x", "2000", "199 x", "100 Continue", "099 x", "000", "-99 x", "+99 x", "2x9 x",
		"٢٩٩ x", " 299 x", "x 299", "299\tx", "299x", "299  x", "299 x ", "299 x\t", "299 \tx", "299 a\r\nB: c", "299 a\nb", "299 a\rb", "299 \x00", "299 \x7f",
		"299 x\r\n", "299\r\n"} {
		rows = append(rows, doing{fmt.Sprintf("%q is none", text), func(w *Response) error { w.SetStatusText(text); return w.SendString("x") }, broken, ErrStatus})
	}
	checkDoings(t, Config{}, append(rows,
		doing{"in place of another", func(w *Response) error { w.SetStatus(404); w.SetStatusText("299 a"); return w.SendString("x") }, answer("299 a", "x"), nil},
		doing{"replaced by a number", func(w *Response) error { w.SetStatusText("404 a"); w.SetStatus(404); return w.SendString("x") }, answer("404 Not Found", "x"), nil},
		doing{"replaced by an error", func(w *Response) error { w.SetStatusText("404 a"); return w.SendErr(404, "x") }, answer("404 Not Found", "x"), nil},
		doing{"without content", func(w *Response) error { w.SetStatusText("204 Nothing"); return w.Send(nil) }, "HTTP/1.1 204 Nothing\r\n" + dateLine + "\r\n", nil},
		doing{"content that it has not", func(w *Response) error { w.SetStatusText("304 Same"); return w.SendString("x") }, broken, ErrNoContent},
		doing{"behind content", func(w *Response) error { w.WriteString("x"); w.SetStatusText("299 a"); return nil }, answer("299 a", "x"), nil},
		doing{"behind an answer", func(w *Response) error { err := w.SendString("x"); w.SetStatusText("299 a"); return err }, good("x"), nil},
		doing{"a wrong one in place of another", func(w *Response) error {
			w.SetStatusText("299 a")
			w.SetStatusText("99 b")
			w.SetStatusText("298 c")
			return w.SendString("x")
		}, broken, ErrStatus},
	))
}

// TestSendCustomErr: an error response with a status of any text.
func TestSendCustomErr(t *testing.T) {
	checkDoings(t, Config{}, []doing{
		{"a text", func(w *Response) error { return w.SendCustomErr("418 I'm a teapot", "no coffee") }, answer("418 I'm a teapot", "no coffee"), nil},
		{"a number", func(w *Response) error { return w.SendCustomErr("404", "none") }, answer("404 Not Found", "none"), nil},
		{"no message", func(w *Response) error { return w.SendCustomErr("418 Tea", "") }, answer("418 Tea", ""), nil},
		{"with fields", func(w *Response) error {
			w.SetType("a/b")
			w.SetStatus(201)
			w.AddHeader("A", "1")
			return w.SendCustomErr("418 Tea", "x")
		}, answer("418 Tea", "x", "A: 1"), nil},
		{"no type", func(w *Response) error { w.DelHeader("Content-Type"); return w.SendCustomErr("418 Tea", "x") }, answer("418 Tea", "x"), nil},
		{"no status", func(w *Response) error { return w.SendCustomErr("tea", "x") }, fail(500, "close"), ErrStatus},
		{"an interim status", func(w *Response) error { return w.SendCustomErr("199 x", "x") }, fail(500, "close"), ErrStatus},
		{"a line end", func(w *Response) error { return w.SendCustomErr("418 x\r\nA: b", "x") }, fail(500, "close"), ErrStatus},
		{"a field that is none", func(w *Response) error { w.SetHeader("", ""); return w.SendCustomErr("418 Tea", "x") }, fail(500, "close"), ErrHeader},
		{"content that it has not", func(w *Response) error { return w.SendCustomErr("204 x", "x") }, fail(500, "close"), ErrNoContent},
		{"behind an answer", func(w *Response) error {
			return errors.Join(w.SendString("x"), only(w.SendCustomErr("418 Tea", "y"), ErrSent))
		}, good("x"), nil},
		{"behind content", func(w *Response) error { w.WriteString("x"); return only(w.SendCustomErr("418 Tea", "y"), ErrSent) }, good("x"), nil},
		{"twice", func(w *Response) error {
			return errors.Join(w.SendCustomErr("418 Tea", "x"), only(w.SendCustomErr("419 Tea", "y"), ErrSent))
		}, answer("418 Tea", "x"), nil},
	})
}

// TestSendRaw: the octets are the handler's, all of them, whoever asks.
func TestSendRaw(t *testing.T) {
	const head, whole = "HTTP/1.1 200 Raw\r\nContent-Length: 3\r\n", "HTTP/1.1 200 Raw\r\nContent-Length: 3\r\n\r\nabc"
	fails := errors.New("done")
	for _, c := range []struct {
		name string
		do   func(w *Response) error
		want string
		err  error
	}{
		{"at once", func(w *Response) error { return w.SendRaw([]byte(whole)) }, whole, nil},
		{"in parts", func(w *Response) error {
			return errors.Join(w.SendRaw([]byte(head)), w.SendRaw([]byte("\r\n")), w.SendRaw(nil), w.SendRaw([]byte("abc")))
		}, whole, nil},
		{"nothing", func(w *Response) error { return w.SendRaw(nil) }, "", nil},
		{"what is no response", func(w *Response) error { return w.SendRaw([]byte("\x00\xff\r\n")) }, "\x00\xff\r\n", nil},
		{"and an error", func(w *Response) error { w.SendRaw([]byte(whole)); return fails }, whole, fails},
		{"nothing and an error", func(w *Response) error { w.SendRaw(nil); return fails }, "", fails},
		{"octets that change", func(w *Response) error { p := []byte(whole); err := w.SendRaw(p); clear(p); return err }, whole, nil},
		{"much", func(w *Response) error { return w.SendRaw([]byte(strings.Repeat("x", 2*mostWritten))) }, strings.Repeat("x", 2*mostWritten), nil},

		{"then everything else", func(w *Response) error {
			w.SendRaw([]byte(whole))
			_, err := w.WriteString("z")
			return errors.Join(only(err, ErrSent), only(w.Send(nil), ErrSent), only(w.SendString("z"), ErrSent), only(w.SendErr(404, ""), ErrSent),
				only(w.SendCustomErr("404", ""), ErrSent), only(w.Inform(103), ErrSent))
		}, whole, nil},
		{"then fields", func(w *Response) error {
			w.SendRaw([]byte(head))
			w.SetStatus(404)
			w.SetHeader("A", "1")
			w.AddTrailer("B", "2")
			w.SetType("a/b")
			return w.SendRaw([]byte("\r\nabc"))
		}, whole, nil},
		{"behind fields", func(w *Response) error { w.SetStatus(404); w.SetHeader("A", "1"); return w.SendRaw([]byte(whole)) }, whole, nil},
		{"behind a field that is none", func(w *Response) error { w.SetHeader("", "1"); return w.SendRaw([]byte(whole)) }, whole, nil},
		{"behind a Send that failed", func(w *Response) error {
			w.SetHeader("", "")
			return errors.Join(only(w.SendString("x"), ErrHeader), w.SendRaw([]byte(whole)))
		}, whole, nil},
	} {
		for _, p := range peers {
			t.Run(c.name+", "+p.name, func(t *testing.T) {
				r := newRig(t, Config{MaxOutputBytes: 1 << 20})
				var err error
				r.handle("GET", "/do", func(w *Response, _ *Request) error { err = c.do(w); return err })
				s := r.connect()
				want, ends := good("hi")+c.want, p.conn == "close" || c.err != nil
				if !ends {
					want += good("hi")
				}
				if got := r.ask(s, get("/hi")+p.asks+get("/hi")); got != want || err != c.err || (s.shut || s.closed) != ends {
					t.Errorf("%v, ended %v\n got %.300q\nwant %.300q", err, s.shut || s.closed, got, want)
				}
				r.finish()
			})
		}
	}
	checkDoings(t, Config{}, []doing{
		{"behind Send", func(w *Response) error {
			return errors.Join(w.SendString("x"), only(w.SendRaw([]byte(whole)), ErrSent))
		}, good("x"), nil},
		{"behind Write", func(w *Response) error { w.WriteString("x"); return only(w.SendRaw([]byte(whole)), ErrSent) }, good("x"), nil},
		{"behind Write of nothing", func(w *Response) error { w.WriteString(""); return only(w.SendRaw([]byte(whole)), ErrSent) }, good(""), nil},
	})
}

// TestResponseHeadersLimit: the fields of head and trailers together are bounded,
// and one that is taken back gives its room back.
func TestResponseHeadersLimit(t *testing.T) {
	broken := fail(500, "close")
	add := func(w *Response, names ...string) {
		for _, name := range names {
			w.AddHeader(name, "1")
		}
	}
	trailed := func(head, trailers string) string {
		return "HTTP/1.1 200 OK\r\n" + dateLine + typeLine + "Transfer-Encoding: chunked\r\n" + head + "\r\n" + chunks("x") + "0\r\n" + trailers + "\r\n"
	}
	say := func(do func(w *Response)) func(w *Response) error {
		return func(w *Response) error { do(w); return w.SendString("x") }
	}
	three := []string{"A: 1", "B: 1", "C: 1"}
	checkDoings(t, Config{MaxResponseHeaders: 3}, []doing{
		{"as many as there may be", say(func(w *Response) { add(w, "A", "B", "C") }), good("x", three...), nil},
		{"one more", say(func(w *Response) { add(w, "A", "B", "C", "D") }), broken, ErrHeadersFull},
		{"one more of a name", say(func(w *Response) { add(w, "A", "A", "A", "A") }), broken, ErrHeadersFull},
		{"one more by SetHeader", say(func(w *Response) { add(w, "A", "B", "C"); w.SetHeader("D", "1") }), broken, ErrHeadersFull},
		{"replaced", say(func(w *Response) { add(w, "A", "B", "C"); w.SetHeader("a", "2") }), good("x", "B: 1", "C: 1", "a: 2"), nil},
		{"three replaced by one, and two more", say(func(w *Response) { add(w, "C", "C", "C"); w.SetHeader("A", "1") }), broken, ErrHeadersFull},
		{"one for three, and two more", say(func(w *Response) { add(w, "A", "a", "A"); w.SetHeader("A", "1"); add(w, "B", "C") }), good("x", three...), nil},
		{"deleted, and one more", say(func(w *Response) { add(w, "A", "B", "D"); w.DelHeader("d"); add(w, "C") }), good("x", three...), nil},
		{"deleted, and two more", say(func(w *Response) { add(w, "A", "B", "D"); w.DelHeader("D"); add(w, "C", "E") }), broken, ErrHeadersFull},
		{"deleted twice, and two more", say(func(w *Response) { add(w, "A", "B", "D"); w.DelHeader("D"); w.DelHeader("D"); add(w, "C", "E") }), broken, ErrHeadersFull},
		{"the type is not counted", say(func(w *Response) {
			add(w, "A", "B", "C")
			w.SetHeader("Content-Type", "a/b")
			w.AddHeader("Content-Type", "c/d")
		}),
			typed(good("x", three...), "c/d"), nil},
		{"deleting the type gives no room", say(func(w *Response) { add(w, "A", "B", "C"); w.DelHeader("Content-Type"); add(w, "D") }), broken, ErrHeadersFull},
		{"trailers", say(func(w *Response) { w.AddTrailer("A", "1"); w.AddTrailer("B", "1"); w.AddTrailer("C", "1") }), trailed("", "A: 1\r\nB: 1\r\nC: 1\r\n"), nil},
		{"a trailer more", say(func(w *Response) { add(w, "A", "B", "C"); w.AddTrailer("D", "1") }), broken, ErrHeadersFull},
		{"a field more than trailers", say(func(w *Response) { w.AddTrailer("A", "1"); add(w, "B", "C", "D") }), broken, ErrHeadersFull},
		{"fields and trailers", say(func(w *Response) { add(w, "A", "B"); w.AddTrailer("C", "1") }), trailed("A: 1\r\nB: 1\r\n", "C: 1\r\n"), nil},
		{"room for a trailer", say(func(w *Response) { add(w, "A", "B", "D"); w.DelHeader("D"); w.AddTrailer("C", "1") }), trailed("A: 1\r\nB: 1\r\n", "C: 1\r\n"), nil},
		{"what was wrong first", say(func(w *Response) { add(w, "", "A", "B", "C", "D") }), broken, ErrHeader},
		{"Write", func(w *Response) error { add(w, "A", "B", "C", "D"); _, err := w.WriteString("x"); return err }, broken, ErrHeadersFull},
		{"behind Write", func(w *Response) error {
			w.WriteString("x")
			add(w, "A", "B", "C", "D")
			_, err := w.WriteString("y")
			return err
		}, broken, ErrHeadersFull},
		{"SendErr", func(w *Response) error { add(w, "A", "B", "C", "D"); return w.SendErr(404, "") }, broken, ErrHeadersFull},
	})
}

// TestResponseHeadersLimitOfErrors: an error handler has as much room, of which
// Allow takes a part.
func TestResponseHeadersLimitOfErrors(t *testing.T) {
	const allow = "Allow: GET, HEAD, OPTIONS"
	for _, c := range []struct {
		name string
		do   func(w *Response)
		want string
	}{
		{"Allow", func(*Response) {}, answer("405 Method Not Allowed", "own", allow)},
		{"Allow and one", func(w *Response) { w.AddHeader("A", "1") }, answer("405 Method Not Allowed", "own", allow, "A: 1")},
		{"Allow and two", func(w *Response) { w.AddHeader("A", "1"); w.AddHeader("B", "1") }, ""},
		{"two without it", func(w *Response) { w.DelHeader("allow"); w.AddHeader("A", "1"); w.AddHeader("B", "1") }, answer("405 Method Not Allowed", "own", "A: 1", "B: 1")},
		{"three without it", func(w *Response) {
			w.DelHeader("Allow")
			for _, name := range []string{"A", "B", "C"} {
				w.AddHeader(name, "1")
			}
		}, ""},
	} {
		r := newRig(t, Config{MaxResponseHeaders: 2})
		r.onError(405, func(w *Response, _ *Request, code ErrCode) error { c.do(w); return w.SendErr(code, "own") })
		s := r.connect()
		want := c.want + good("hi")
		if c.want == "" {
			want = fail(405, allow, "close")
		}
		if got := r.ask(s, req("DELETE /hi")+get("/hi")); got != want {
			t.Errorf("%s\n got %q\nwant %q", c.name, got, want)
		}
		r.finish()
	}
}
