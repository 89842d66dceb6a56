package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const patience = 20 * time.Second // for what must come

// A record is what the program has logged. Its loop writes, the test reads.
type record struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (r *record) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(b)
}

func (r *record) lines() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Split(strings.TrimSuffix(r.text.String(), "\n"), "\n")
}

func logged(t *testing.T) *record {
	r, flags, out := new(record), log.Flags(), log.Writer()
	log.SetFlags(0)
	log.SetOutput(r)
	t.Cleanup(func() {
		log.SetFlags(flags)
		log.SetOutput(out)
	})
	return r
}

// await waits until the program has logged this many lines.
func (r *record) await(t *testing.T, lines int) {
	t.Helper()
	deadline, tick := time.After(patience), time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for len(r.lines()) < lines {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("logged %q, want %d lines", r.lines(), lines)
		}
	}
}

// serve starts the program in this process.
func serve(t *testing.T) (addr string, said *record) {
	t.Helper()
	said = logged(t)
	srv, err := start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		srv.Close()
		srv.Wait()
	})
	return srv.Addr().String(), said
}

// A client is one connection, on which the test writes octets.
type client struct {
	net.Conn
	t *testing.T
	r *bufio.Reader
}

func dial(t *testing.T, addr string) *client {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return &client{conn, t, bufio.NewReader(conn)}
}

// ask sends these requests in one write.
func (c *client) ask(requests ...string) {
	c.t.Helper()
	if _, err := io.WriteString(c, strings.Join(requests, "")); err != nil {
		c.t.Fatal(err)
	}
}

// wants reads an answer and wants this one, of a connection that goes on as far
// as the answer says.
func (c *client) wants(status int, content string) *http.Response {
	c.t.Helper()
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		c.t.Fatalf("%v, want %d %q", err, status, content)
	}
	got, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != status || string(got) != content || resp.Close {
		c.t.Fatalf("%d %.300q, %v, close %v, want %d %.300q", resp.StatusCode, got, err, resp.Close, status, content)
	}
	return resp
}

// ended wants the connection to end, and nothing before that.
func (c *client) ended() {
	c.t.Helper()
	if rest, err := io.ReadAll(c.r); err != nil || len(rest) > 0 {
		c.t.Fatalf("%.300q, then %v, want the end", rest, err)
	}
}

func request(method, target, content string, fields ...string) string {
	head := append([]string{method + " " + target + " HTTP/1.1", "Host: moor"}, fields...)
	return fmt.Sprintf("%s\r\nContent-Length: %d\r\n\r\n%s", strings.Join(head, "\r\n"), len(content), content)
}

// long is more than echo reads at once.
var long = strings.Repeat("0123456789", 25) + "."

// TestSimple is what ESP-IDF's client.py does: everything on one connection, but
// for what follows a 404 that ends it.
func TestSimple(t *testing.T) {
	addr, said := serve(t)
	c := dial(t, addr)

	// The request's fields are still there behind the answer.
	c.ask(request("GET", "/hello?query1=a%20b&query3=c+d", "", "Test-Header-2: Test\tValue-2"))
	resp := c.wants(200, "Hello World!")
	for name, want := range map[string]string{
		"Custom-Header-1": "Custom-Value-1", "Custom-Header-2": "Custom-Value-2", "Content-Type": "text/html",
	} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if got, want := said.lines()[2:], []string{
		`Found header => Host: "moor"`,
		`Found header => Test-Header-2: "Test\tValue-2"`,
		`Found URL query parameter => query1="a b"`,
		`Found URL query parameter => query3="c d"`,
	}; !slices.Equal(got, want) {
		t.Errorf("logged %q, want %q", got, want)
	}

	for _, content := range []string{"", "x", long[:100], long} {
		c.ask(request("POST", "/echo", content))
		c.wants(200, content)
	}
	for _, method := range []string{"GET", "POST", "PUT", "DELETE", "ANY"} { // one answer each
		c.ask(request(method, "/any", "content"))
		c.wants(200, "Hello World!")
	}

	c.ask(request("PUT", "/ctrl", "0"))
	c.wants(200, "")
	c.ask(request("GET", "/hello", ""))
	c.wants(404, "/hello URI is not available")
	c.ask(request("POST", "/echo", "some"))
	c.wants(404, "/echo URI is not available")
	c.ended()

	c = dial(t, addr)
	c.ask(request("PUT", "/ctrl", "1"))
	c.wants(200, "")
	c.ask(request("GET", "/hello", ""))
	c.wants(200, "Hello World!")
	c.ask(request("POST", "/echo", long))
	c.wants(200, long)
	c.ask(request("GET", "/nowhere", "")) // the engine's 404 keeps the connection
	c.wants(404, "Nothing is registered at this path.")
	c.ask(request("GET", "/any", ""))
	c.wants(200, "Hello World!")
	if got, want := said.lines()[6:], []string{"Unregistering /hello and /echo URIs", "Registering /hello and /echo URIs",
		`Found header => Host: "moor"`}; !slices.Equal(got, want) {
		t.Errorf("logged %q, want %q", got, want)
	}
}

// The same back to back, in one write. What came with the request whose answer
// ends the connection is answered, too.
func TestBackToBack(t *testing.T) {
	addr, _ := serve(t)
	c := dial(t, addr)
	c.ask(request("GET", "/hello", ""), request("PUT", "/ctrl", "0"), request("GET", "/hello", ""),
		request("PUT", "/ctrl", "0"), request("GET", "/hello", ""), // it is 0 already
		request("PUT", "/ctrl", "1"), request("POST", "/echo", long),
		request("PUT", "/ctrl", "1"), request("GET", "/hello", ""),
		request("PUT", "/ctrl", "2"), request("PUT", "/ctrl", ""),
		request("PUT", "/ctrl", "0"), request("GET", "/nowhere", ""), request("POST", "/echo", long), request("GET", "/any", ""))
	for _, want := range []struct {
		status  int
		content string
	}{
		{200, "Hello World!"}, {200, ""}, {404, "/hello URI is not available"},
		{200, ""}, {404, "/hello URI is not available"},
		{200, ""}, {200, long},
		{200, ""}, {200, "Hello World!"},
		{400, "The content must be 0 or 1.\n"}, {400, "The content must be 0 or 1.\n"},
		{200, ""}, {404, "Some 404 error message"}, {404, "/echo URI is not available"}, {200, "Hello World!"},
	} {
		c.wants(want.status, want.content)
	}
	c.ended()
}

// Of a 404 without the content that belongs to it the connection ends, too: the
// client that sends it later, as Python's does, gets the answer.
func TestNotFoundBeforeContent(t *testing.T) {
	addr, _ := serve(t)
	c := dial(t, addr)
	c.ask(request("PUT", "/ctrl", "0"))
	c.wants(200, "")
	whole := request("POST", "/echo", "some")
	c.ask(whole[:len(whole)-4])
	c.wants(404, "/echo URI is not available")
	c.ask("some")
	c.ended()
}

// An eighth connection is served, in the place of the first.
func TestPurge(t *testing.T) {
	addr, _ := serve(t)
	var clients []*client
	for range 8 {
		c := dial(t, addr)
		c.ask(request("GET", "/any", ""))
		c.wants(200, "Hello World!")
		clients = append(clients, c)
	}
	clients[0].ended()
	for _, c := range clients[1:] {
		c.ask(request("GET", "/any", ""))
		c.wants(200, "Hello World!")
	}
}

// Told to end, the program closes its connections and returns.
func TestRun(t *testing.T) {
	said, done := logged(t), make(chan error, 1)
	go func() { done <- run("127.0.0.1:0") }()
	said.await(t, 2)
	_, port, _ := strings.Cut(said.lines()[0], ": '")
	port = strings.TrimSuffix(port, "'")
	addr := "127.0.0.1:" + port
	c := dial(t, addr)
	c.ask(request("GET", "/any", ""))
	c.wants(200, "Hello World!")
	if _, err := start(addr); err == nil {
		t.Error("two servers on one port")
	}
	if err := run("nowhere"); err == nil {
		t.Error("it listens nowhere")
	}

	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if err := self.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("run: %v", err)
		}
	case <-time.After(patience):
		t.Fatal("it does not end")
	}
	c.ended()
	want := []string{"Starting server on port: '" + port + "'", "Registering URI handlers", "Stopping webserver"}
	if got := said.lines(); !slices.Equal(got, want) {
		t.Errorf("logged %q, want %q", got, want)
	}
}
