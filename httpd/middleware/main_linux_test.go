package middleware_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"moor.example/httpd"
	"moor.example/httpd/internal/rig"
)

// TestMain fails when the tests leave goroutines or descriptors behind.
func TestMain(m *testing.M) { rig.Main(m) }

// handlers are those of every kind, by path.
func handlers() []httpd.Route {
	return []httpd.Route{
		{Pattern: "/hi", Handler: func(w *httpd.Response, _ *httpd.Request) error { return w.SendString("hi") }},
		{Pattern: "/fail", Handler: func(w *httpd.Response, _ *httpd.Request) error { return io.ErrNoProgress }},
		{Pattern: "/teapot", Handler: func(w *httpd.Response, _ *httpd.Request) error { return w.SendErr(418, "tea") }},
		{Pattern: "/panic", Handler: func(*httpd.Response, *httpd.Request) error { panic("fell") }},
		{Pattern: "/blocking", Blocking: true, Handler: func(w *httpd.Response, r *httpd.Request) error {
			w.Write(nil) // a content of no octets is an answer, too
			_, err := io.Copy(w, r)
			return err
		}},
		{Pattern: "/bpanic", Blocking: true, Handler: func(*httpd.Response, *httpd.Request) error { panic("fell") }},
		{Pattern: "/wait", Blocking: true, Handler: func(_ *httpd.Response, r *httpd.Request) error {
			<-r.Context().Done()
			_, err := r.Read(make([]byte, 1))
			return err
		}},
		{Pattern: "/detached", Handler: func(_ *httpd.Response, r *httpd.Request) error {
			d, err := r.Detach()
			if err == nil {
				go func() {
					d.Response().SetStatus(202)
					d.Complete(d.Response().SendString("later"))
				}()
			}
			return err
		}},
		{Pattern: "/hijack", Blocking: true, Handler: func(w *httpd.Response, r *httpd.Request) error {
			io.Copy(io.Discard, r)
			c, err := w.Hijack()
			if err != nil {
				return err
			}
			io.WriteString(c, "mine")
			return c.Close()
		}},
	}
}

// A server is one for a test, with its log.
type server struct {
	*httpd.Server
	t   *testing.T
	log *lines
}

func start(t *testing.T, use func(log *slog.Logger) []httpd.Middleware) *server {
	t.Helper()
	log := &lines{}
	cfg := httpd.Config{Addr: "127.0.0.1:0", Loops: 2, Use: use(slog.New(slog.NewTextHandler(log, nil)))}
	return &server{rig.Serve(t, cfg, handlers()...), t, log}
}

// A session is one connection to it.
type session struct {
	net.Conn
	t *testing.T
	r *bufio.Reader
}

func (s *server) dial() *session {
	s.t.Helper()
	c := rig.Dial(s.t, "tcp", s.Addr().String())
	return &session{c, s.t, bufio.NewReader(c)}
}

// send sends a request, with content if there is some.
func (c *session) send(line, content string, fields ...string) {
	c.t.Helper()
	if content != "" {
		fields = append(fields, fmt.Sprint("Content-Length: ", len(content)))
	}
	if _, err := fmt.Fprintf(c, "%s HTTP/1.1\r\nHost: h\r\n%s\r\n%s", line, strings.Join(append(fields, ""), "\r\n"), content); err != nil {
		c.t.Fatal(err)
	}
}

// ask is send, and returns the response.
func (c *session) ask(line, content string, fields ...string) (resp *http.Response, answer string) {
	c.t.Helper()
	c.send(line, content, fields...)
	method, _, _ := strings.Cut(line, " ")
	resp, err := http.ReadResponse(c.r, &http.Request{Method: method})
	if err != nil {
		c.t.Fatalf("%s: %v", line, err)
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatalf("%s: %v", line, err)
	}
	return resp, string(b)
}

// lines is what was logged.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(strings.TrimSuffix(l.b.String(), "\n"), "\n")
}

// next waits for the n'th line, and returns it.
func (l *lines) next(t *testing.T, n int) string {
	t.Helper()
	if !rig.Await(func() bool { all := l.all(); return len(all) >= n && all[n-1] != "" }) {
		t.Fatalf("no line %d: %q", n, l.all())
	}
	return l.all()[n-1]
}
