package main

import (
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"moor.example/httpd"
	"moor.example/httpd/httpdtest"
)

// What the engine understands of a request, without a port: the handler alone is
// tested, and the fields are those that the test sets.
func TestDirect(t *testing.T) {
	srv := httpdtest.New(t, httpd.Config{Match: httpd.MatchWildcard}, httpd.Route{Pattern: "/*", Handler: echo})
	req := httptest.NewRequest("POST", "/a?b", strings.NewReader("grüße"))
	req.Header.Set("Zeta", "1")
	resp, err := srv.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%v, the fields of the answer are %v", err, resp.Header)
	}
	fields := list{{"Host", "example.com"}, {"Content-Length", "7"}, {"Zeta", "1"}}
	same(t, read(t, answer), said(message{Method: "POST", Target: "/a?b", Version: "HTTP/1.1"}, fields, nil, "grüße"))
}

// Octets that net/http would not send, in an answer that Raw has word for word.
func TestDirectRaw(t *testing.T) {
	srv := httpdtest.New(t, httpd.Config{Match: httpd.MatchWildcard}, httpd.Route{Pattern: "/*", Handler: echo})
	answer, err := srv.Raw("GET /old HTTP/1.0\r\nALPHA:  b  c \r\n\r\n")
	if err != nil {
		t.Fatal(err)
	}
	_, content, _ := strings.Cut(answer, "\r\n\r\n")
	same(t, read(t, []byte(content)), said(message{Method: "GET", Target: "/old", Version: "HTTP/1.0"}, list{{"ALPHA", "b  c"}}, nil, ""))
}
