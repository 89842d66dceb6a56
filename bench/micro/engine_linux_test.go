package micro

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
	"golang.org/x/sys/unix"

	"moor.example/httpd"
)

// A peer is one end of a socketpair. Nothing of it allocates once it is warm.
type peer struct {
	t    testing.TB
	fd   int
	room [256 << 10]byte
}

// ask sends a request, or some, and reads so many octets of answers.
func (p *peer) ask(requests []byte, octets int) {
	if n, err := unix.Write(p.fd, requests); n != len(requests) || err != nil {
		p.t.Fatalf("%d of %d octets sent: %v", n, len(requests), err)
	}
	for got := 0; got < octets; {
		n, err := unix.Read(p.fd, p.room[:])
		if n <= 0 || err != nil {
			p.t.Fatalf("%d of %d octets received: %v", got, octets, err)
		}
		got += n
	}
}

// measure asks once, and returns how long the answer is.
func (p *peer) measure(requests []byte, count int) (octets int) {
	if _, err := unix.Write(p.fd, requests); err != nil {
		p.t.Fatal(err)
	}
	for statuses := 0; statuses < count; {
		n, err := unix.Read(p.fd, p.room[octets:])
		if n <= 0 || err != nil {
			p.t.Fatalf("after %q: %v", p.room[:octets], err)
		}
		octets += n
		statuses = bytes.Count(p.room[:octets], []byte("HTTP/1.1 200 "))
	}
	return octets
}

func pair(t testing.TB) (theirs int, ours *peer) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fds[1]) })
	return fds[0], &peer{t: t, fd: fds[1]}
}

// moor starts an engine with the default configuration and these routes, and
// one session.
func moor(t testing.TB, routes ...httpd.Route) *peer {
	srv, err := httpd.Start(httpd.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, route := range routes {
		err = errors.Join(err, srv.Handle(route))
	}
	fd, p := pair(t)
	if err = errors.Join(err, srv.Adopt(fd)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		srv.Close()
		srv.Wait()
	})
	return p
}

func hello(w *httpd.Response, r *httpd.Request) error {
	w.SetType("text/plain")
	w.AddHeader("Server", "moor")
	return w.SendString("Hello, World!")
}

// add keeps its sum in the session.
func add(w *httpd.Response, r *httpd.Request) error {
	n, err := strconv.Atoi(string(r.Content()))
	if err != nil {
		return w.SendErr(httpd.ErrBadRequest, "")
	}
	sum, ok := httpd.Ctx[*int](r.Session())
	if !ok {
		sum = new(int)
		r.Session().SetCtx(sum, nil)
	}
	*sum = (*sum + n) % 10 // the answer is always as long
	var room [20]byte
	return w.Send(strconv.AppendInt(room[:0], int64(*sum), 10))
}

var (
	plaintext = httpd.Route{Method: "GET", Pattern: "/plaintext", Handler: hello}
	adder     = httpd.Route{Method: "POST", Pattern: "/adder", Handler: add}
)

const post = "POST /adder HTTP/1.1\r\nHost: moor\r\nContent-Length: 1\r\n\r\n3"

// kinds are the requests that are made of a whole engine.
var kinds = []struct {
	name, text string
	count      int
}{
	{"get", small, 1},
	{"post", post, 1},
	{"pipelined", strings.Repeat(small, 16), 16},
	{"chunked", chunkedHead + "1\r\n3\r\n0\r\n\r\n", 1},
}

// The way there and back is in it: a write, a read, and two changes of the
// running goroutine. Pipelined requests share those.
func BenchmarkEngine(b *testing.B) {
	engines := map[string]func(testing.TB) *peer{
		"moor":     func(t testing.TB) *peer { return moor(t, plaintext, adder) },
		"fasthttp": fast,
		"nethttp":  standard,
	}
	for _, kind := range kinds {
		for _, name := range []string{"moor", "fasthttp", "nethttp"} {
			b.Run("request="+kind.name+"/parser="+name, func(b *testing.B) {
				p, text := engines[name](b), []byte(kind.text)
				octets := p.measure(text, kind.count)
				b.ReportAllocs()
				for b.Loop() {
					p.ask(text, octets)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*kind.count), "ns/request")
			})
		}
	}
}

// What moor allocates for 10,000 requests, whoever does it in this process.
func BenchmarkMallocs(b *testing.B) {
	const requests = 10_000
	for _, kind := range kinds {
		b.Run("request="+kind.name, func(b *testing.B) {
			p, text := moor(b, plaintext, adder), []byte(kind.text)
			octets := p.measure(text, kind.count)
			var before, after runtime.MemStats
			var all uint64
			for b.Loop() {
				runtime.ReadMemStats(&before)
				for range requests / kind.count {
					p.ask(text, octets)
				}
				runtime.ReadMemStats(&after)
				all += after.Mallocs - before.Mallocs
			}
			b.ReportMetric(float64(all)/float64(b.N), "mallocs/10000req")
		})
	}
}

// The last of so many routes answers, and is looked for each time, since no head is
// the last one once more. Requests come 64 at a time, so that little else but
// reading their heads is in the figure.
func BenchmarkRoutes(b *testing.B) {
	for _, count := range []int{1, 10, 1000} {
		b.Run(fmt.Sprintf("routes=%d", count), func(b *testing.B) {
			var routes []httpd.Route
			for i := range count - 1 {
				routes = append(routes, httpd.Route{Method: "GET", Pattern: fmt.Sprintf("/things/%d", i), Handler: hello})
			}
			pipelined(b, small+strings.Replace(small, "8080", "8081", 1), append(routes, plaintext)...)
		})
	}
}

// Responses with more fields, and with more content.
func BenchmarkResponse(b *testing.B) {
	for _, row := range []struct{ fields, content int }{{0, 13}, {1, 13}, {10, 13}, {0, 1024}} {
		b.Run(fmt.Sprintf("fields=%d/content=%d", row.fields, row.content), func(b *testing.B) {
			content := bytes.Repeat([]byte("c"), row.content)
			pipelined(b, small, httpd.Route{Method: "GET", Pattern: "/plaintext", Handler: func(w *httpd.Response, r *httpd.Request) error {
				for range row.fields {
					w.AddHeader("X-Field", "some value")
				}
				return w.Send(content)
			}})
		})
	}
}

// pipelined measures requests that come 64 at a time, which is a session's share
// of a turn.
func pipelined(b *testing.B, requests string, routes ...httpd.Route) {
	const depth = 64
	p, text := moor(b, routes...), []byte(strings.Repeat(requests, depth/strings.Count(requests, "GET ")))
	octets := p.measure(text, depth)
	b.ReportAllocs()
	for b.Loop() {
		p.ask(text, octets)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*depth), "ns/request")
}

// fast is fasthttp with the same service, on one connection.
func fast(t testing.TB) *peer {
	fd, p := pair(t)
	sum := 0
	server := fasthttp.Server{Handler: func(ctx *fasthttp.RequestCtx) {
		ctx.SetContentType("text/plain")
		if string(ctx.Path()) == "/plaintext" {
			ctx.SetBodyString("Hello, World!")
			return
		}
		n, _ := strconv.Atoi(string(ctx.PostBody()))
		sum = (sum + n) % 10
		ctx.SetBody(strconv.AppendInt(nil, int64(sum), 10))
	}}
	go server.ServeConn(conn(t, fd))
	return p
}

// standard is net/http with the same service, on one connection.
func standard(t testing.TB) *peer {
	fd, p := pair(t)
	sum := 0
	mux := http.NewServeMux()
	mux.HandleFunc("GET /plaintext", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.Write([]byte("Hello, World!"))
	})
	mux.HandleFunc("POST /adder", func(w http.ResponseWriter, r *http.Request) {
		var room [20]byte
		n, _ := r.Body.Read(room[:])
		k, _ := strconv.Atoi(string(room[:n]))
		sum = (sum + k) % 10
		w.Header().Set("Content-Type", "text/plain")
		w.Write(strconv.AppendInt(nil, int64(sum), 10))
	})
	one := &single{conns: make(chan net.Conn, 1), ended: make(chan struct{})}
	one.conns <- conn(t, fd)
	server := http.Server{Handler: mux}
	go server.Serve(one)
	t.Cleanup(func() { server.Close() })
	return p
}

func conn(t testing.TB, fd int) net.Conn {
	f := os.NewFile(uintptr(fd), "socketpair")
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// A single is a listener with one connection.
type single struct {
	conns chan net.Conn
	ended chan struct{}
}

// Accept returns the connection, and after it waits for the end.
func (s *single) Accept() (net.Conn, error) {
	select {
	case c := <-s.conns:
		return c, nil
	case <-s.ended:
		return nil, net.ErrClosed
	}
}

// Close ends the listener, once.
func (s *single) Close() error {
	close(s.ended)
	return nil
}

// Addr is nobody's.
func (s *single) Addr() net.Addr { return &net.UnixAddr{Net: "unix"} }

// Every engine answers every request.
func TestEngines(t *testing.T) {
	for name, engine := range map[string]func(testing.TB) *peer{
		"moor": func(t testing.TB) *peer { return moor(t, plaintext, adder) }, "fasthttp": fast, "nethttp": standard,
	} {
		p := engine(t)
		for _, kind := range kinds {
			octets := p.measure([]byte(kind.text), kind.count)
			p.ask([]byte(kind.text), octets)
			if octets < 50*kind.count {
				t.Errorf("%s, %s: %d octets", name, kind.name, octets)
			}
		}
	}
}
