package httpdtest_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"moor.example/httpd"
	"moor.example/httpd/httpdtest"
)

const patience = 10 * time.Second

// TestMain fails when the tests leave goroutines or descriptors behind.
func TestMain(m *testing.M) {
	if _, err := httpdtest.Of(startOrDie()).Raw("GET / HTTP/1.0\r\n\r\n"); err != nil { // opens the runtime's own descriptors
		panic(err)
	}
	goroutines, fds := runtime.NumGoroutine(), len(descriptors())
	code := m.Run()
	if code == 0 && !await(func() bool { return runtime.NumGoroutine() <= goroutines && len(descriptors()) <= fds }) {
		code = 1
		fmt.Fprintf(os.Stderr, "left over: %d descriptors, were %d: %v\n", len(descriptors()), fds, descriptors())
		pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
	}
	os.Exit(code)
}

func startOrDie() *httpd.Server {
	srv, err := httpd.Start(httpd.Config{})
	if err != nil {
		panic(err)
	}
	return srv
}

func descriptors() (open []string) {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		panic(err)
	}
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			open = append(open, to)
		}
	}
	return open
}

func await(is func() bool) bool {
	deadline, tick := time.After(patience), time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			return false
		}
	}
	return true
}

// route is a route whose handler needs no error.
func route(method, pattern string, h httpd.Handler) httpd.Route {
	return httpd.Route{Method: method, Pattern: pattern, Handler: h}
}

// text is a route that answers with this.
func text(method, pattern, content string) httpd.Route {
	return route(method, pattern, func(w *httpd.Response, r *httpd.Request) error { return w.SendString(content) })
}

// seen answers with the request as the handler sees it.
func seen(w *httpd.Response, r *httpd.Request) error {
	fmt.Fprintf(w, "%s %s %s\n", r.Method(), r.Target(), r.Version())
	for name, value := range r.Headers() {
		fmt.Fprintf(w, "%s: %s\n", name, value)
	}
	fmt.Fprintf(w, "\n%s", r.Content())
	for name, value := range r.Trailers() {
		fmt.Fprintf(w, "\n%s: %s", name, value)
	}
	return nil
}

func open(t *testing.T, srv *httpdtest.Server) *httpdtest.Session {
	t.Helper()
	s, err := srv.Open()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// says makes a request and wants this status and this content.
func says(t *testing.T, do func(*http.Request) (*http.Response, error), req *http.Request, status int, want string) *http.Response {
	t.Helper()
	resp, err := do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", req.Method, req.URL, err)
	}
	got, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != status || string(got) != want {
		t.Fatalf("%s %s: %d %q, %v, want %d %q", req.Method, req.URL, resp.StatusCode, got, err, status, want)
	}
	return resp
}

// brief is a response without its fields: what Raw returned, cut where one ends.
func brief(octets string) (short []string) {
	for octets != "" {
		head, rest, _ := strings.Cut(octets, "\r\n\r\n")
		status, _, _ := strings.Cut(head, "\r\n")
		next := strings.Index(rest, "HTTP/1.1 ")
		if next < 0 {
			next = len(rest)
		}
		short = append(short, strings.TrimPrefix(status, "HTTP/1.1 ")+"|"+rest[:next])
		octets = rest[next:]
	}
	return short
}
