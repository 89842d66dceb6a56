package httpd

import (
	"strings"
	"testing"
	"time"

	"moor.example/httpd/sess"
)

// An ideal is a kernel that costs nothing: each Wait finds all sessions ready,
// each recv has the next of the requests, and each send takes everything. What a
// benchmark on it measures is the engine's own share.
type ideal struct {
	*script
	sessions int
	requests []string // in turns
	asked    int
}

func (k *ideal) Wait(time.Duration) (int, error)                    { return k.sessions, nil }
func (k *ideal) Watch(int, sess.Name, interest, interest) error     { return nil }
func (k *ideal) Send(_ int, p []byte) (n int, o outcome, err error) { return len(p), ok, nil }

func (k *ideal) Event(i int) (sess.Name, interest) {
	return sess.Name{Slot: int32(i), Gen: 1}, wantRead
}

func (k *ideal) Recv(_ int, p []byte) (n int, o outcome, err error) {
	k.asked++
	return copy(p, k.requests[k.asked%len(k.requests)]), ok, nil
}

// BenchmarkTurn is what a request costs in a loop that waits for nothing. Where
// the requests differ, nothing of one helps with the next.
func BenchmarkTurn(b *testing.B) {
	const (
		get   = "GET /plaintext HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n"
		other = "GET /plaintext HTTP/1.1\r\nHost: 127.0.0.1:8081\r\n\r\n"
		post  = "POST /adder HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nContent-Length: 1\r\n\r\n1"
		agent = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n"
		more  = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: de-CH,de;q=0.8\r\n" +
			"Accept-Encoding: gzip, deflate, br\r\nCookie: session=6d6f6f72696e6720617420612071756179; theme=dark\r\n\r\n"
	)
	browser := strings.TrimSuffix(get, "\r\n") + agent + more
	for _, bench := range []struct {
		name     string
		sessions int
		deep     int
		requests []string
	}{
		{"GET", 64, 1, []string{get}},
		{"GET-differing", 64, 1, []string{get, other}},
		{"GET-16-deep", 64, 16, []string{strings.Repeat(get, 16)}},
		{"GET-16-deep-differing", 64, 16, []string{strings.Repeat(get+other, 8)}},
		{"POST", 64, 1, []string{post}},
		{"browser", 64, 1, []string{browser}},
		{"browser-differing", 64, 1, []string{browser, strings.Replace(browser, "dark", "lite", 1)}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			k := &ideal{script: newScript(b), sessions: bench.sessions, requests: bench.requests}
			l := idealLoop(b, k)
			b.ReportAllocs()
			for n := 0; n < b.N; n += bench.sessions * bench.deep {
				if err := l.turn(); err != nil {
					b.Fatal(err)
				}
			}
			if l.table.Len() != bench.sessions || int(l.responses[2]) < b.N {
				b.Fatalf("%d sessions, %d answers", l.table.Len(), l.responses[2])
			}
		})
	}
}

// idealLoop is a loop with its sessions.
func idealLoop(b *testing.B, k *ideal) *loop {
	cfg, err := Config{Addr: ":80", MaxSessions: k.sessions}.withDefaults()
	if err != nil {
		b.Fatal(err)
	}
	srv, err := newServer(cfg, []kernel{k})
	if err != nil {
		b.Fatal(err)
	}
	srv.Handle(Route{Method: "GET", Pattern: "/plaintext", Handler: func(w *Response, r *Request) error {
		w.SetType("text/plain")
		w.AddHeader("Server", "moor")
		return w.SendString("Hello, World!")
	}})
	srv.Handle(Route{Method: "POST", Pattern: "/adder", Handler: func(w *Response, r *Request) error {
		sum := r.Session().Ctx().(*int)
		*sum += int(r.Content()[0] - '0')
		return w.SendString("1")
	}})
	l := srv.loops[0]
	for i := range k.sessions {
		l.load.Add(1)
		l.open(socket{fd: 100 + i})
	}
	for s := range l.table.All() {
		s.SetCtx(new(int), nil)
	}
	return l
}
