package main

import (
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"moor.example/httpd/httpdtest"
)

// A server that the program has started is tested as it is.
func TestDirect(t *testing.T) {
	s, err := httpdtest.Of(serve(t, nil)).Open()
	if err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequest("PUT", "/echo", strings.NewReader("hello"))
	req.Header.Set("Custom", "Some Value")
	resp, err := s.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := io.ReadAll(resp.Body); string(got) != "hello" || resp.Header.Get("Custom") != "Some Value" {
		t.Errorf("%q, Custom is %q", got, resp.Header.Get("Custom"))
	}

	// One request, and two responses: the second one comes by itself.
	first, err := s.Raw("GET /async_data HTTP/1.1\r\nHost: moor\r\n\r\n")
	if err != nil || !strings.HasSuffix(first, "\r\n\r\n"+hello) {
		t.Errorf("%q, %v", first, err)
	}
	if second, err := s.Receive(); err != nil || second != string(secondResponse()) {
		t.Errorf("%q, %v", second, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
