package httpd_test

import (
	"bytes"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"moor.example/httpd"
)

// A rawClient is the other end of a session without any machinery: blocking
// calls, and buffers that exist already. It allocates nothing.
type rawClient struct {
	t   *testing.T
	fd  int
	buf []byte
}

func newRawClient(t *testing.T, srv *httpd.Server) *rawClient {
	t.Helper()
	ours, theirs := pair(t)
	t.Cleanup(func() { unix.Close(ours) })
	if err := srv.Adopt(theirs); err != nil {
		unix.Close(theirs)
		t.Fatal(err)
	}
	return &rawClient{t, ours, make([]byte, 0, 64<<10)}
}

// exchange sends requests and reads n complete responses.
func (c *rawClient) exchange(requests []byte, n int) {
	c.send(requests)
	c.buf = c.buf[:0]
	for responses(c.buf) < n {
		c.read()
	}
}

// announce sends a head and waits to be told to continue. The engine has to
// keep the head meanwhile.
func (c *rawClient) announce(head []byte) {
	c.send(head)
	c.buf = c.buf[:0]
	for !bytes.HasSuffix(c.buf, emptyLine) {
		c.read()
	}
}

func (c *rawClient) send(requests []byte) {
	for sent := 0; sent < len(requests); {
		k, err := unix.Write(c.fd, requests[sent:])
		if err != nil {
			c.t.Fatal(err)
		}
		sent += k
	}
}

func (c *rawClient) read() {
	k, err := unix.Read(c.fd, c.buf[len(c.buf):cap(c.buf)])
	if err != nil || k == 0 {
		c.t.Fatalf("read: %d octets, %v", k, err)
	}
	c.buf = c.buf[:len(c.buf)+k]
}

var (
	emptyLine     = []byte("\r\n\r\n")
	contentLength = []byte("Content-Length: ")
)

// responses counts the complete responses in b. None may be anything but 200.
func responses(b []byte) (n int) {
	for {
		end := bytes.Index(b, emptyLine)
		if end < 0 || string(b[:15]) != "HTTP/1.1 200 OK" {
			return n
		}
		length := 0
		for _, d := range b[bytes.Index(b, contentLength)+len(contentLength):] {
			if d < '0' || d > '9' {
				break
			}
			length = 10*length + int(d-'0')
		}
		if end += len(emptyLine) + length; end > len(b) {
			return n
		}
		b, n = b[end:], n+1
	}
}

// add is the adder without its log.
func add(w *httpd.Response, r *httpd.Request) error {
	n, err := strconv.Atoi(string(r.Content()))
	if err != nil {
		return w.SendErr(httpd.ErrBadRequest, "")
	}
	sum, ok := httpd.Ctx[*int](r.Session())
	if !ok {
		sum = new(int)
		r.Session().SetCtx(sum, func(any) {})
	}
	*sum += n
	var buf [20]byte
	return w.Send(strconv.AppendInt(buf[:0], int64(*sum), 10))
}

// The whole of the engine, its loop, system calls and all, and the client:
// none of 10,000 requests allocates. A few allocations are allowed to the
// runtime, which may start a thread.
//
// The race detector is no obstacle: what it needs it takes outside the heap.
func TestServingAllocatesNothing(t *testing.T) {
	const requests, allowed = 10_000, 10
	for _, c := range []struct {
		name, wire string
		depth      int
	}{
		{"keep-alive GET", get("/hello"), 1},
		{"POST that adds", request("POST", "/add", "12"), 1},
		{"pipelined 16 deep", get("/hello"), 16},
		{"GET as a browser sends it", "GET /hello?a=b&c=d HTTP/1.1\r\nHost: h\r\nUser-Agent: " + strings.Repeat("m", 100) +
			"\r\nAccept: text/html,*/*;q=0.8\r\nAccept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\nCookie: " +
			strings.Repeat("c", 300) + "\r\n\r\n", 1},
		{"POST of 32 KiB", request("POST", "/echo", pattern(32<<10)), 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := serve(t, httpd.Config{}, route("GET", "/hello", hello), route("POST", "/add", add), route("POST", "/echo", echo))
			client, wire := newRawClient(t, srv), []byte(strings.Repeat(c.wire, c.depth))
			n := mallocs(requests/c.depth, func() { client.exchange(wire, c.depth) })
			t.Logf("%d allocations for %d requests", n, requests)
			if n > allowed {
				t.Errorf("%d allocations for %d requests, at most %d allowed", n, requests, allowed)
			}
		})
	}
}

// The same for a message that has to be kept, since it comes in parts. The
// pool has a place per processor: where the runtime moves the loop to another
// one, the pool there may be empty yet.
func TestKeepingAllocatesNothing(t *testing.T) {
	if underRace() {
		t.Skip("under the race detector sync.Pool drops a part of what it is given")
	}
	const requests, allowed = 10_000, 100
	srv := serve(t, httpd.Config{}, route("POST", "/echo", echo))
	client, content := newRawClient(t, srv), []byte(pattern(30_000))
	head := []byte("POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 30000\r\n\r\n")
	n := mallocs(requests, func() {
		client.announce(head)
		client.exchange(content, 1)
	})
	t.Logf("%d allocations for %d requests", n, requests)
	if n > allowed {
		t.Errorf("%d allocations for %d requests, at most %d allowed", n, requests, allowed)
	}
}

// mallocs is how often anything in the process allocated during n runs of f,
// once f is warm. The collector is off: it empties the pools.
func mallocs(n int, f func()) uint64 {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	for range 1000 {
		f()
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range n {
		f()
	}
	runtime.ReadMemStats(&after)
	return after.Mallocs - before.Mallocs
}
