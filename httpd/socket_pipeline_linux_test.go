package httpd_test

import (
	"fmt"
	"strings"
	"testing"

	"moor.example/httpd"
)

// number answers with the request's own number, and with its content.
func number(w *httpd.Response, r *httpd.Request) error {
	n, _ := r.Query("n")
	return w.SendString(n + ":" + string(r.Content()))
}

func numbered(n int, pad string) (wire string) {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "GET /n?n=%d HTTP/1.1\r\nHost: h\r\nX-Pad: %s\r\n\r\n", i, pad)
	}
	return b.String()
}

func wantNumbered(t *testing.T, c *client, n int) {
	t.Helper()
	for i := range n {
		c.want(200, fmt.Sprintf("%d:", i))
	}
}

// ESP-IDF answers some of the requests that come in one segment only after
// another socket has woken it. There is no other socket here.
func TestPipelinedRequestsAreAnsweredAtOnce(t *testing.T) {
	srv := start(t, httpd.Config{}, route("GET", "/n", number))
	c := dial(t, srv)
	c.send(numbered(100, ""))
	wantNumbered(t, c, 100)
}

func TestPipelinedRequestsOfEverySize(t *testing.T) {
	srv := start(t, httpd.Config{}, route("GET", "/n", number))
	for _, pad := range []int{0, 1, 13, 128, 511, 4000} {
		c := dial(t, srv)
		for n := 1; n <= 40; n++ {
			c.send(numbered(n, strings.Repeat("x", pad)))
			wantNumbered(t, c, n)
		}
	}
}

// More than a turn's share, and more than the loop's buffer.
func TestPipelinedBeyondOneShare(t *testing.T) {
	srv := start(t, httpd.Config{MaxTurnRequests: 3, MaxOutputBytes: 400}, route("GET", "/n", number))
	c, other := dial(t, srv), dial(t, srv)
	const n = 5000
	wire := numbered(n, "")
	go func() { // what arrives is checked here; a failed write is an answer missed
		c.Write([]byte(wire))
	}()
	for i := range n {
		c.want(200, fmt.Sprintf("%d:", i))
		if i%1000 == 0 {
			other.do(get("/n?n=o"), 200, "o:")
		}
	}
}

func TestPipelinedContent(t *testing.T) {
	srv := start(t, httpd.Config{}, route("POST", "/n", number), route("GET", "/n", number))
	c := dial(t, srv)
	var wire, content []string
	for i, size := range []int{1, 0, 10, 100_000, 1, 0, 70_000, 300_000, 2} {
		text := pattern(size)
		content = append(content, fmt.Sprintf("%d:%s", i, text))
		method := "POST"
		if size == 0 {
			method = "GET"
		}
		wire = append(wire, request(method, fmt.Sprintf("/n?n=%d", i), text))
	}
	go c.Write([]byte(strings.Join(wire, "")))
	for _, want := range content {
		c.want(200, want)
	}
}

// Requests that no handler gets keep their place in the line.
func TestPipelinedRejections(t *testing.T) {
	srv := start(t, httpd.Config{}, route("GET", "/n", number))
	c := dial(t, srv)
	c.send(get("/n?n=0") + request("POST", "/nowhere", pattern(5000)) + get("/n?n=1") +
		request("POST", "/n", "GET /n?n=smuggled HTTP/1.1\r\nHost: h\r\n\r\n") + get("/n?n=2"))
	c.want(200, "0:")
	if a := c.next(); a.status != 404 || a.close {
		t.Errorf("an unknown path: %+v", a)
	}
	c.want(200, "1:")
	if a := c.next(); a.status != 405 || a.header.Get("Allow") != "GET, HEAD, OPTIONS" || a.close {
		t.Errorf("an unknown method: %+v", a)
	}
	c.want(200, "2:")
	c.halfClose()
	c.wantEnd()
}
