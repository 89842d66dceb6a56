package main

import (
	"io"
	"log"
	"net/http/httptest"
	"strings"
	"testing"

	"moor.example/httpd"
	"moor.example/httpd/httpdtest"
)

// Routes come and go amid a session, and its own 404 ends another.
func TestDirect(t *testing.T) {
	defer log.SetOutput(log.Writer())
	log.SetOutput(io.Discard)

	srv := httpdtest.New(t, httpd.Config{}, comeAndGo()...)
	if err := srv.Handle(httpd.Route{Method: "PUT", Pattern: "/ctrl", Handler: ctrl, UserCtx: srv.Server}); err != nil {
		t.Fatal(err)
	}
	s, err := srv.Open()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		method, path, content string
		status                int
		want                  string
	}{
		{"GET", "/hello", "", 200, "Hello World!"},
		{"POST", "/echo", "some", 200, "some"},
		{"PUT", "/ctrl", "0", 200, ""},
		{"GET", "/hello", "", 404, "/hello URI is not available"},
		{"PUT", "/ctrl", "1", 200, ""},
		{"GET", "/hello", "", 200, "Hello World!"},
		{"PUT", "/ctrl", "0", 200, ""},
		{"POST", "/echo", "some", 404, "/echo URI is not available"},
	} {
		resp, err := s.Do(httptest.NewRequest(row.method, row.path, strings.NewReader(row.content)))
		if err != nil {
			t.Fatalf("%s %s: %v", row.method, row.path, err)
		}
		if got, _ := io.ReadAll(resp.Body); resp.StatusCode != row.status || string(got) != row.want {
			t.Fatalf("%s %s: %d %q, want %d %q", row.method, row.path, resp.StatusCode, got, row.status, row.want)
		}
	}
	if rest, err := s.Receive(); err != io.EOF {
		t.Errorf("behind the last 404 there is %q, %v", rest, err)
	}
	if err := s.Close(); err != nil || len(srv.Sessions()) > 0 {
		t.Errorf("%v, the sessions are %v", err, srv.Sessions())
	}
}
