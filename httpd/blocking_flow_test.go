package httpd

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// someText is n octets that differ from place to place.
func someText(n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "%07d\n", i)
	}
	return b.String()[:n]
}

// takes is how many octets were received from the peer.
func (s *sock) takes() (n int) {
	for _, k := range s.taken {
		n += k
	}
	return n
}

// contents are the ways in which a content is sent: its framing, and its octets.
func contents(content string) map[string][2]string {
	chunks := func(pieces ...string) string { // in linear time
		var b strings.Builder
		for _, data := range pieces {
			if data == "" {
				continue // it would be the last one
			}
			fmt.Fprintf(&b, "%x\r\n%s\r\n", len(data), data)
		}
		return b.String()
	}
	return map[string][2]string{
		"with a length": {fmt.Sprintf("Content-Length: %d", len(content)), content},
		"in one chunk":  {"Transfer-Encoding: chunked", chunks(content) + last},
		"in chunks":     {"Transfer-Encoding: chunked", chunks(sliced(content, 1000)...) + "0\r\nT: t\r\n\r\n"},
		"in octets":     {"Transfer-Encoding: chunked", chunks(sliced(content, 1)...) + last},
	}
}

// TestBlockingHoldsBack: while nobody reads the content, no more of it is taken
// than the buffer between the handler and its loop has room for, and one recv;
// when somebody reads, it goes on, and all of it comes.
func TestBlockingHoldsBack(t *testing.T) {
	content := someText(400000)
	for name, c := range contents(content) {
		for _, step := range []int{1, 1000, streamBuffer / 2, streamBuffer, 3 * streamBuffer} {
			if step == 1 && name != "with a length" {
				continue // it takes long
			}
			t.Run(fmt.Sprint(name, ", ", step), func(t *testing.T) {
				inBubble(t, Config{}, func(b *bubble) {
					proceed, seen := make(chan bool), 0
					b.block("/hold", func(w *Response, r *Request) error {
						p := make([]byte, step)
						for range proceed {
							n, err := io.ReadFull(r, p)
							if string(p[:n]) != content[seen:seen+n] {
								return errors.New("these are other octets")
							}
							if seen += n; err != nil {
								return w.SendString(fmt.Sprint(seen, " ", err))
							}
						}
						return w.SendString("enough")
					})
					s := b.connect()
					head := req("POST /hold", c[0])
					b.ask(s, append([]string{head}, sliced(c[1], 100000)...)...)
					extra := float64(len(c[1])) / float64(len(content))
					for i := 0; i < 20 && len(s.out) == 0; i++ {
						if got, most := s.takes()-len(head), int(float64(seen+streamBuffer)*extra)+loopBuffer; got > most {
							t.Fatalf("%d octets are taken, and %d are read: at most %d", got, seen, most)
						}
						proceed <- true
						b.settle()
					}
					close(proceed)
					b.settle()
					want := good("enough")
					if seen == len(content) {
						want = good(fmt.Sprint(seen, " unexpected EOF")) // of ReadFull
					}
					if got := s.took(); got != want {
						t.Errorf("%d octets are read, and it got %q", seen, got)
					}
					if got := b.ask(s, get("/hi")); got != good("hi") {
						t.Errorf("behind it: %q", got)
					}
				})
			})
		}
	}
}

// TestBlockingWaitsForRoom: a handler whose peer does not read waits in Write,
// what waits for the socket is bounded, and when the peer reads all of it comes.
func TestBlockingWaitsForRoom(t *testing.T) {
	text := someText(1 << 20)
	for _, size := range []int{1, 1000, mostWritten, 3 * streamBuffer, len(text)} {
		for _, flushes := range []bool{false, true} {
			t.Run(fmt.Sprint(size, flushes), func(t *testing.T) {
				inBubble(t, Config{SendTimeout: -1}, func(b *bubble) {
					given, whole := 0, text
					if size == 1 {
						whole = text[:300000]
					}
					b.block("/text", func(w *Response, r *Request) error {
						for _, piece := range sliced(whole, size) {
							if _, err := w.WriteString(piece); err != nil {
								return err
							}
							if given += len(piece); flushes {
								w.Flush()
							}
						}
						return nil
					})
					s := b.connect()
					s.refusing = true
					b.ask(s, get("/text")+get("/hi"))
					c := b.conn(s)
					if c.out.buf == nil || len(c.out.buf.B) > streamBuffer+4096 || given > 5*streamBuffer {
						t.Errorf("%d octets wait, %d were given", len(c.out.buf.B), given)
					}
					s.refusing, s.room = false, func() int { return 10000 }
					b.settle()
					head, body, _ := strings.Cut(s.took(), "\r\n\r\n")
					chunked, rest := unchunk(t, body)
					if chunked != whole || rest != good("hi") || !strings.Contains(head, "chunked") {
						t.Errorf("%d octets of %d come, then %.100q", len(chunked), len(whole), rest)
					}
				})
			})
		}
	}
}

// unchunk decodes a chunked content, and returns what is behind it.
func unchunk(t testing.TB, body string) (content, rest string) {
	t.Helper()
	var b strings.Builder
	for {
		line, data, ok := strings.Cut(body, "\r\n")
		var n int
		if _, err := fmt.Sscanf(line, "%x", &n); !ok || err != nil || len(data) < n+2 || data[n:n+2] != "\r\n" {
			t.Fatalf("no chunk: %.40q, behind %d octets", body, b.Len())
		}
		if n == 0 {
			return b.String(), data[2:]
		}
		b.WriteString(data[:n])
		body = data[n+2:]
	}
}

// TestBlockingDeadlines: a handler has waited long enough at its route's Timeout,
// or when SetDeadlines has it so. What was given is sent once.
func TestBlockingDeadlines(t *testing.T) {
	text := someText(300000)
	for name, c := range map[string]struct {
		route Route
		want  string
		ends  bool
		rest  string // what it is told when it reads
	}{
		"Timeout in Read": {Route{Timeout: time.Minute, Handler: func(w *Response, r *Request) error {
			_, err := io.ReadAll(r)
			return w.SendString(fmt.Sprintf("%v, %v", err, r.Context().Err()))
		}}, good("i/o timeout, context deadline exceeded"), false, ""},
		"Timeout unanswered": {Route{Timeout: time.Minute, Handler: func(w *Response, r *Request) error {
			_, err := io.ReadAll(r)
			return err
		}}, fail(500, "close"), true, ""},
		"Timeout on the context": {Route{Timeout: time.Minute, Handler: func(w *Response, r *Request) error {
			<-r.Context().Done()
			return w.SendString(r.Context().Err().Error())
		}}, good("context deadline exceeded"), false, ""},
		"no Timeout": {Route{Timeout: 3 * time.Minute, Handler: func(w *Response, r *Request) error {
			return w.SendString("in time")
		}}, good("in time"), false, ""},
		"read deadline": {Route{Handler: func(w *Response, r *Request) error {
			w.SetDeadlines(time.Now().Add(time.Minute), time.Time{})
			_, err := r.Read(make([]byte, 10))
			return w.SendString(fmt.Sprint(err))
		}}, good(os.ErrDeadlineExceeded.Error()), false, ""},
		"read deadline in the past": {Route{Handler: func(w *Response, r *Request) error {
			w.SetDeadlines(time.Now(), time.Now())
			_, err := r.Read(make([]byte, 10))
			return w.SendString(fmt.Sprint(err))
		}}, good(os.ErrDeadlineExceeded.Error()), false, ""},
		"read deadline, moved": {Route{Handler: func(w *Response, r *Request) error {
			w.SetDeadlines(time.Now().Add(time.Minute), time.Time{})
			_, first := r.Read(make([]byte, 10))
			w.SetDeadlines(time.Now().Add(30*time.Second), time.Time{})
			_, second := r.Read(make([]byte, 10))
			return w.SendString(fmt.Sprint(first == os.ErrDeadlineExceeded, second == os.ErrDeadlineExceeded))
		}}, good("true true"), false, ""},
		"write deadline": {Route{Handler: func(w *Response, r *Request) error {
			w.SetDeadlines(time.Time{}, time.Now().Add(time.Minute))
			_, err := w.WriteString(text)
			if err != os.ErrDeadlineExceeded {
				t.Errorf("Write: %v", err)
			}
			return nil
		}}, "", true, "cut"},
		"write deadline in Flush": {Route{Handler: func(w *Response, r *Request) error {
			w.SetDeadlines(time.Time{}, time.Now().Add(time.Minute))
			for range 10 {
				w.WriteString(text[:30000])
				if err := w.Flush(); err == os.ErrDeadlineExceeded {
					return err
				}
			}
			t.Error("Flush: no error")
			return nil
		}}, "", true, "cut"},
		"Timeout of a whole answer": {Route{Timeout: time.Minute, Handler: func(w *Response, r *Request) error {
			return w.SendString(text)
		}}, "", false, good(text)},
		"a long answer": {Route{Handler: func(w *Response, r *Request) error {
			return w.SendString(text)
		}}, "", false, good(text)},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Config{SendTimeout: -1, ContentTimeout: -1}, func(b *bubble) {
				c.route.Pattern = "/do"
				b.route(c.route)
				s := b.connect()
				s.refusing = c.rest != ""
				got := b.ask(s, req("POST /do", "Content-Length: 3"))
				b.pass(2 * time.Minute)
				if got += s.took(); got != c.want {
					t.Errorf("got %.1000q", got)
				}
				s.refusing = false
				b.settle()
				switch got := s.took(); {
				case c.rest == "cut":
					body := got[strings.Index(got, "\r\n\r\n")+4:]
					for body != "" {
						line, data, _ := strings.Cut(body, "\r\n")
						var n int
						if fmt.Sscanf(line, "%x", &n); n == 0 || !strings.Contains(text, data[:min(n, len(data))]) {
							t.Fatalf("it has the chunk %.100q of %d", line, n)
						}
						body = data[min(n+2, len(data)):]
					}
				case got != c.rest:
					t.Errorf("%d octets come, want %d", len(got), len(c.rest))
				}
				if ends := s.shut || s.closed; ends != c.ends {
					t.Errorf("the connection's end is %v", ends)
				}
				if !c.ends {
					if got := b.ask(s, "abc"+get("/hi")); got != good("hi") {
						t.Errorf("behind it: %q", got)
					}
				}
			})
		})
	}
}

// TestBlockingBudget: when Config.MaxBufferBytes are spent Read and Write fail,
// and nothing is taken for whole that is not; the session ends.
func TestBlockingBudget(t *testing.T) {
	for _, c := range []struct{ length, piece, budget, step int }{
		{100000, 500, 1 << 10, 9999}, {100000, 3000, 1 << 10, 9999}, {100000, 60000, 1 << 10, 9999},
		{1500, 200, 600, 50}, {1500, 1500, 600, 50}, {600, 600, 600, 20},
	} {
		text := someText(c.length)
		for name, in := range contents(text) {
			for budget := c.budget; budget < c.budget+15*c.step; budget += c.step {
				inBubble(t, Config{MaxBufferBytes: budget}, func(b *bubble) {
					var got []byte
					var err error
					proceed := make(chan bool)
					b.block("/read", func(w *Response, r *Request) error {
						<-proceed
						got, err = io.ReadAll(r)
						if err != nil {
							return err
						}
						return w.SendString("read")
					})
					s := b.connect()
					b.ask(s, append([]string{req("POST /read", in[0])}, sliced(in[1], c.piece)...)...)
					close(proceed)
					told := b.ask(s)
					switch {
					case err == nil && string(got) == text && told == good("read"):
					case err == ErrServiceUnavailable && strings.HasPrefix(text, string(got)) && told == fail(503, "Retry-After: 1", "close") && (s.shut || s.closed):
					default:
						t.Fatalf("%s, %d octets for %d at a time: %d octets, %v, %q, %v", name, budget, c.piece, len(got), err, told, s.closed)
					}
				})
			}
		}
	}
	text := someText(100000)
	for budget := 1 << 10; budget < 240000; budget += 9999 {
		inBubble(t, Config{MaxBufferBytes: budget, SendTimeout: -1}, func(b *bubble) {
			var err error
			b.block("/write", func(w *Response, r *Request) error {
				for at := 0; at < len(text) && err == nil; at += 1000 {
					if _, err = w.WriteString(text[at : at+1000]); err == nil {
						err = w.Flush()
					}
				}
				return nil
			})
			s := b.connect()
			s.refusing = true
			b.ask(s, get("/write"))
			s.refusing = false
			got := b.ask(s)
			switch whole := strings.HasSuffix(got, last); {
			case whole && err == nil && !s.closed:
			case !whole && s.closed: // with or without an error: room may lack for the last of it
			default:
				t.Fatalf("%d octets: %d come, whole %v, err %v, closed %v", budget, len(got), whole, err, s.closed)
			}
		})
	}
}

// TestBlockingTrailerBudget: neither is there room for trailers that come in
// pieces.
func TestBlockingTrailerBudget(t *testing.T) {
	inBubble(t, Config{MaxBufferBytes: 2 << 10}, func(b *bubble) {
		b.block("/slurp", func(w *Response, r *Request) error {
			_, err := io.ReadAll(r)
			if err != nil {
				return err
			}
			return w.SendString("read")
		})
		s := b.connect()
		pieces := sliced(chunks("content")+"0\r\nTrailer: "+strings.Repeat("t", 3000)+"\r\n\r\n", 400)
		got := b.ask(s, append([]string{req("POST /slurp", "Transfer-Encoding: chunked")}, pieces...)...)
		if got != fail(503, "Retry-After: 1", "close") {
			t.Errorf("got %q", got)
		}
	})
}

// TestBlockingBoth: one goroutine may read while another writes: neither misses
// what the other is told.
func TestBlockingBoth(t *testing.T) {
	text := someText(1 << 20)
	inBubble(t, Config{}, func(b *bubble) {
		var got []byte
		var wrote atomic.Bool
		second := make(chan bool)
		b.block("/both", func(w *Response, r *Request) error {
			var group sync.WaitGroup
			group.Go(func() { got, _ = io.ReadAll(r) })
			<-second
			for at := 0; at < len(text); at += 1 << 14 {
				w.WriteString(text[at : at+1<<14])
				w.Flush()
			}
			wrote.Store(true)
			group.Wait()
			return nil
		})
		s := b.connect()
		s.refusing = true
		b.ask(s, req("POST /both", fmt.Sprintf("Content-Length: %d", len(text))))
		close(second)
		b.settle() // now both wait
		turn, rest := 0, text
		s.refusing, s.room = false, func() int { turn++; return 5000 * (turn % 2) }
		b.settle()
		if !wrote.Load() {
			t.Error("who writes waits for who reads")
		}
		for rest != "" {
			n := min(len(rest), 7777)
			b.ask(s, rest[:n])
			rest = rest[n:]
		}
		b.settle()
		if string(got) != text {
			t.Errorf("%d octets were read", len(got))
		}
	})
}

// TestBlockingBothEnd: nor of the end: all that wait are told.
func TestBlockingBothEnd(t *testing.T) {
	for _, readsFirst := range []bool{true, false} {
		inBubble(t, Config{}, func(b *bubble) {
			var group sync.WaitGroup
			var first, then error
			second := make(chan bool)
			b.block("/both", func(w *Response, r *Request) error {
				wait := map[bool]func() error{
					true: func() error { _, err := io.ReadAll(r); return err },
					false: func() (err error) {
						for ; err == nil; err = w.Flush() {
							w.WriteString(strings.Repeat("text", 1000))
						}
						return err
					},
				}
				group.Go(func() { first = wait[readsFirst]() })
				<-second
				then = wait[!readsFirst]()
				group.Wait()
				return io.ErrUnexpectedEOF
			})
			s := b.connect()
			s.refusing = true
			b.ask(s, req("POST /both", "Content-Length: 9"))
			close(second)
			b.settle()
			s.reset()
			b.settle()
			if first != io.ErrUnexpectedEOF || then != io.ErrUnexpectedEOF {
				t.Errorf("told %v, %v", first, then)
			}
		})
	}
}

// TestBlockingLate: what a handler has left behind, a goroutine in Read or Write,
// is told when the request has ended, and takes nothing.
func TestBlockingLate(t *testing.T) {
	inBubble(t, Config{}, func(b *bubble) {
		var group sync.WaitGroup
		errs := make([]error, 3)
		b.block("/leave", func(w *Response, r *Request) error {
			group.Go(func() { _, errs[0] = io.ReadAll(r) })
			return w.SendString("left")
		})
		s := b.connect()
		if got := b.ask(s, req("POST /leave", "Content-Length: 9")+"con"); got != good("left") {
			t.Errorf("got %q", got)
		}
		group.Wait()
		if errs[0] == nil {
			t.Error("who reads behind the end is told of no error")
		}
		if got := b.ask(s, "tent:)"+get("/hi")); got != good("hi") {
			t.Errorf("behind it: %q", got)
		}
	})
}

// TestBlockingSlowPeer: what a handler has put out meanwhile counts, too, for a
// peer that takes much at a time, and seldom: whether the system tells of its
// room, or has to be asked.
func TestBlockingSlowPeer(t *testing.T) {
	text := someText(1 << 20)
	for _, silent := range []bool{false, true} {
		for _, blocking := range []bool{false, true} {
			t.Run(fmt.Sprint(silent, blocking), func(t *testing.T) {
				inBubble(t, Config{MinProgressBytes: 1 << 10, MaxTurnRequests: 1000}, func(b *bubble) {
					h := func(w *Response, _ *Request) error {
						for _, piece := range sliced(text[:len(text)/100], 1<<15) {
							w.WriteString(piece)
						}
						return nil
					}
					if blocking {
						h = func(w *Response, _ *Request) error {
							for _, piece := range sliced(text, 1<<15) {
								if _, err := w.WriteString(piece); err != nil {
									return err
								}
							}
							return nil
						}
					}
					if err := b.srv.Handle(Route{Pattern: "/text", Handler: h, Blocking: blocking}); err != nil {
						t.Fatal(err)
					}
					s := b.connect()
					s.refusing = true
					requests := get("/text")
					if !blocking {
						requests = strings.Repeat(get("/text"), 100)
					}
					b.ask(s, requests)
					s.silent = silent
					wait := b.srv.cfg.SendTimeout * 9 / 10
					if silent {
						wait = b.srv.cfg.SendTimeout
					}
					for i := 0; i < 100 && b.conn(s).state != stateIdle; i++ {
						turns := 0
						s.refusing = false
						s.room = func() int { // all that waits but ten octets, then those and almost all of the next
							turns++
							c := b.conn(s)
							switch {
							case turns == 1 && c.out.buf != nil:
								return len(c.out.buf.B) - c.out.sent
							case turns == 2:
								return max(1, len(b.l.x.w.wire.out)-10)
							}
							s.refusing = true
							return 0
						}
						b.pass(wait)
						if s.closed {
							t.Fatalf("it was ended in turn %d, with %d octets", i, len(s.out))
						}
					}
					s.room = nil
				})
			})
		}
	}
}
