package httpd_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"moor.example/httpd"
)

// until sends a request and reads up to what its response ends with.
func (c *rawClient) until(wire, end []byte) {
	c.send(wire)
	c.buf = c.buf[:0]
	for !bytes.HasSuffix(c.buf, end) {
		c.read()
	}
}

func chunkedTo(path, body string) string {
	return "POST " + path + " HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + body
}

// parts answers in parts: as many as its path says, of 1,000 octets each.
func parts(w *httpd.Response, r *httpd.Request) error {
	var part [1000]byte
	for i := range part {
		part[i] = 'p'
	}
	for range len(r.QueryBytes()) {
		if _, err := w.Write(part[:]); err != nil {
			return err
		}
	}
	_, err := w.Write(part[:1])
	return err
}

// fields counts the octets of all fields and trailers.
func fields(w *httpd.Response, r *httpd.Request) error {
	n := 0
	for name, value := range r.Headers() {
		n += len(name) + len(value)
	}
	for name, value := range r.Trailers() {
		n += len(name) + len(value)
	}
	if n == 0 {
		return httpd.ErrInternal
	}
	w.AddTrailer("X-Read", "all")
	return w.SendString("fields")
}

// hint answers after an informational response.
func hint(w *httpd.Response, _ *httpd.Request) error {
	if err := w.Inform(103, "Link", "</style.css>; rel=preload"); err != nil {
		return err
	}
	_, err := w.WriteString("a hint came before this, which is more than 32 octets")
	return err
}

// Content in chunks, responses in parts, trailers and informational responses
// allocate as little as the rest, however they come.
func TestPartsAllocateNothing(t *testing.T) {
	const requests, allowed = 2000, 10
	query := func(n int) string { return "/parts?" + strings.Repeat("x", n) }
	body := "5\r\nhello\r\n6;a=b\r\n world\r\n0\r\n\r\n"
	for _, c := range []struct{ name, wire, end string }{
		{"content in chunks", chunkedTo("/echo", body), "hello world"},
		{"content in chunks, twice", chunkedTo("/echo", body) + chunkedTo("/echo", "3\r\nend\r\n0\r\n\r\n"), "end"},
		{"content in chunks that is dropped", chunkedTo("/none", body) + get("/parts"), "p"},
		{"a response in parts", get(query(10)), strings.Repeat("p", 10001)},
		{"a long response in parts", get(query(70)), "1\r\np\r\n0\r\n\r\n"},
		{"fields and trailers", chunkedTo("/fields", "0\r\nA: 1\r\nB: 2\r\n\r\n"), "0\r\nX-Read: all\r\n\r\n"},
		{"an informational response", get("/hint"), "more than 32 octets"},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := partsClient(t)
			wire, end := []byte(c.wire), []byte(c.end)
			n := mallocs(requests, func() { client.until(wire, end) })
			t.Logf("%d allocations for %d requests", n, requests)
			if n > allowed {
				t.Errorf("%d allocations for %d requests, at most %d allowed", n, requests, allowed)
			}
		})
	}
}

func partsClient(t *testing.T) *rawClient {
	srv := serve(t, httpd.Config{}, route("POST", "/echo", echo), route("GET", "/parts", parts),
		route("POST", "/fields", fields), route("GET", "/hint", hint))
	client := newRawClient(t, srv)
	client.buf = make([]byte, 0, 256<<10)
	return client
}

// The same for chunks that have to be kept, since they come one by one.
func TestKeepingChunksAllocatesNothing(t *testing.T) {
	if underRace() {
		t.Skip("under the race detector sync.Pool drops a part of what it is given")
	}
	const requests, allowed = 2000, 40
	client := partsClient(t)
	head := []byte("POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n")
	chunk := []byte(fmt.Sprintf("%x\r\n%s\r\n0\r\nA: 1\r\n\r\n", 30_000, strings.Repeat("c", 29_999)+"."))
	n := mallocs(requests, func() {
		client.announce(head)
		client.until(chunk, []byte("."))
	})
	t.Logf("%d allocations for %d requests", n, requests)
	if n > allowed {
		t.Errorf("%d allocations for %d requests, at most %d allowed", n, requests, allowed)
	}
}
