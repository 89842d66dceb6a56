package httpdtest_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"moor.example/httpd"
	"moor.example/httpd/httpdtest"
	"moor.example/httpd/internal/rig"
)

// TestMain fails when the tests leave goroutines or descriptors behind.
func TestMain(m *testing.M) { rig.Main(m) }

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
