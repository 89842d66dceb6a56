package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"moor.example/httpd"
)

// A record is what the program has logged. Its loops write, the test reads.
type record struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (r *record) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(b)
}

// take returns the lines that were logged since the last take.
func (r *record) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.text.Reset()
	return strings.Split(strings.TrimSuffix(r.text.String(), "\n"), "\n")
}

func (r *record) has(line string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Contains(r.text.String(), line+"\n")
}

// A demo is the running program and one client.
type demo struct {
	*client
	srv *httpd.Server
	log *record
}

func newDemo(t *testing.T, loops int) *demo {
	t.Helper()
	d := &demo{log: new(record)}
	flags, out := log.Flags(), log.Writer()
	log.SetFlags(0)
	log.SetOutput(d.log)
	srv, err := start(httpd.Config{Addr: "127.0.0.1:0", Loops: loops})
	if err != nil {
		t.Fatal(err)
	}
	d.srv, d.client = srv, connect(t, srv.Addr().String())
	t.Cleanup(func() {
		srv.Close()
		srv.Wait()
		log.SetFlags(flags)
		log.SetOutput(out)
	})
	return d
}

// A client is one connection. Go's own client could open a second one.
type client struct {
	net.Conn
	t *testing.T
	r *bufio.Reader
}

func connect(t *testing.T, addr string) *client {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	return &client{conn, t, bufio.NewReader(conn)}
}

// do makes a request and wants this answer. It is for the test's goroutine.
func (c *client) do(method, path, content string, status int, want string) {
	c.t.Helper()
	code, got, err := c.ask(method, path, content)
	if err != nil || code != status || got != want {
		c.t.Fatalf("%s %s %q: %d %q, %v, want %d %q", method, path, content, code, got, err, status, want)
	}
}

func (c *client) ask(method, path, content string) (status int, got string, err error) {
	req, err := http.NewRequest(method, "http://moor"+path, strings.NewReader(content))
	if err != nil {
		return 0, "", err
	}
	if err := req.Write(c); err != nil {
		return 0, "", err
	}
	resp, err := http.ReadResponse(c.r, req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

// logged wants exactly these lines since the last look.
func (d *demo) logged(want ...string) {
	d.t.Helper()
	got := d.log.take()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		d.t.Fatalf("logged:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// freed waits for the free function.
func (d *demo) freed() {
	d.t.Helper()
	d.await("/adder Free Context function called")
}

// await waits for a line of the log.
func (d *demo) await(line string) {
	d.t.Helper()
	deadline, tick := time.After(10*time.Second), time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !d.log.has(line) {
		select {
		case <-tick.C:
		case <-deadline:
			d.t.Fatalf("%q was not logged, but:\n%s", line, strings.Join(d.log.take(), "\n"))
		}
	}
}

func (d *demo) port() string {
	_, port, _ := strings.Cut(d.srv.Addr().String(), ":")
	return port
}

// The log of ESP-IDF's client for N = 10, line by line.
func TestGoldenLog(t *testing.T) {
	d := newDemo(t, 1)
	d.do("PUT", "/adder", "0", 200, "0")
	sum := 0
	for n := 1; n <= 10; n++ {
		sum += n
		d.do("POST", "/adder", strconv.Itoa(n), 200, strconv.Itoa(sum))
	}
	d.do("GET", "/adder", "", 200, "55")
	d.Close()
	d.freed()

	want := []string{
		"Starting server on port: '" + d.port() + "'",
		"Registering URI handlers",
		"/adder visitor count = 1",
		"/adder PUT handler read 0",
		"/adder PUT allocating new session",
	}
	for n := 1; n <= 10; n++ {
		want = append(want, fmt.Sprintf("/adder visitor count = %d", n+1), fmt.Sprintf("/adder handler read %d", n))
	}
	d.logged(append(want, "/adder visitor count = 12", "/adder GET handler send 55", "/adder Free Context function called")...)
}

// ESP-IDF's persistence test: everything on one connection, then a second.
func TestPersistence(t *testing.T) {
	d := newDemo(t, 2)
	rnd := rand.New(rand.NewPCG(1, 2))
	d.logged("Starting server on port: '"+d.port()+"'", "Registering URI handlers")

	d.do("GET", "/login", "", 200, "1")
	d.logged("/login visitor count = 1", "/login GET allocating new session", "/login GET handler send 1")
	d.do("GET", "/logout", "", 200, "1")
	d.logged("Logging out")

	sum := rnd.IntN(100)
	d.do("PUT", "/adder", strconv.Itoa(sum), 200, strconv.Itoa(sum))
	d.logged("/adder visitor count = 2", fmt.Sprintf("/adder PUT handler read %d", sum), "/adder PUT allocating new session")
	sum = rnd.IntN(100)
	d.do("PUT", "/adder", strconv.Itoa(sum), 200, strconv.Itoa(sum))
	d.logged("/adder visitor count = 3", fmt.Sprintf("/adder PUT handler read %d", sum)) // the context is still there

	for i := range 100 {
		n := rnd.IntN(201) - 100
		sum += n
		d.do("POST", "/adder", strconv.Itoa(n), 200, strconv.Itoa(sum))
		d.logged(fmt.Sprintf("/adder visitor count = %d", 4+i), fmt.Sprintf("/adder handler read %d", n))
	}
	d.do("GET", "/adder", "", 200, strconv.Itoa(sum))
	d.logged("/adder visitor count = 104", fmt.Sprintf("/adder GET handler send %d", sum))
	d.Close()
	d.freed()
	d.logged("/adder Free Context function called")

	// The sum ends with its connection, the visitor count does not.
	second := connect(t, d.srv.Addr().String())
	second.do("PUT", "/adder", "7", 200, "7")
	d.logged("/adder visitor count = 105", "/adder PUT handler read 7", "/adder PUT allocating new session")
	second.Close()
	d.freed()
}

// logout frees what /adder has set, and the next request begins anew.
func TestLogoutFrees(t *testing.T) {
	d := newDemo(t, 1)
	d.do("POST", "/adder", "5", 200, "5")
	d.do("GET", "/login", "", 200, "5") // it finds a context, so it makes none
	d.log.take()
	d.do("GET", "/logout", "", 200, "1")
	d.freed()
	d.logged("Logging out", "/adder Free Context function called")
	d.do("GET", "/adder", "", 200, "0")
	d.logged("/adder visitor count = 3", "/adder GET allocating new session", "/adder GET handler send 0")
}

// What cannot be added is refused. The session keeps its sum.
func TestRefused(t *testing.T) {
	const number, large = "The content must be a whole number.\n", "The sum would be too large.\n"
	most, least := strconv.Itoa(math.MaxInt), strconv.Itoa(math.MinInt)
	d := newDemo(t, 1)
	d.do("POST", "/adder", "5", 200, "5")
	for _, content := range []string{"", "five", "1.5", " 1", "1 ", "1\n", "0x1", most + "0", "--1"} {
		d.do("POST", "/adder", content, 400, number)
		d.do("PUT", "/adder", content, 400, number)
	}
	d.do("GET", "/adder", "", 200, "5")
	d.do("POST", "/adder", most, 400, large)
	d.do("GET", "/adder", "", 200, "5")
	d.do("POST", "/adder", "+1", 200, "6")

	d.do("PUT", "/adder", most, 200, most)
	d.do("POST", "/adder", "1", 400, large)
	d.do("POST", "/adder", "0", 200, most)
	d.do("POST", "/adder", least, 200, "-1")
	d.do("POST", "/adder", least, 400, large)
	d.do("PUT", "/adder", least, 200, least)
	d.do("POST", "/adder", "-1", 400, large)
	d.do("GET", "/adder", "", 200, least)
}

// Clients that run at the same time do not see each other's sums.
func TestManyClients(t *testing.T) {
	d := newDemo(t, 3)
	var group sync.WaitGroup
	for id := 1; id <= 20; id++ {
		c := connect(t, d.srv.Addr().String())
		group.Go(func() {
			for n := 1; n <= 20; n++ {
				_, got, err := c.ask("POST", "/adder", strconv.Itoa(id))
				if err != nil || got != strconv.Itoa(n*id) {
					t.Errorf("client %d: %s, %v, want %d", id, got, err, n*id)
				}
			}
		})
	}
	group.Wait()
	if !d.log.has("/adder visitor count = 400") {
		t.Error("the visitors were miscounted")
	}
}

func TestStartFails(t *testing.T) {
	d := newDemo(t, 1)
	if _, err := start(httpd.Config{Addr: d.srv.Addr().String()}); err == nil {
		t.Error("two servers on one port")
	}
	if err := run(httpd.Config{Addr: "nowhere"}); err == nil || !strings.Contains(err.Error(), "error starting server") {
		t.Errorf("run: %v", err)
	}
}

// Told to end, the program closes its connections, frees their contexts and
// returns.
func TestRun(t *testing.T) {
	d := newDemo(t, 1) // for its log
	d.log.take()
	done := make(chan error, 1)
	go func() { done <- run(httpd.Config{Addr: "127.0.0.1:0"}) }()
	d.await("Registering URI handlers")
	_, port, _ := strings.Cut(strings.Join(d.log.take(), " "), "port: '")
	port, _, _ = strings.Cut(port, "'")
	connect(t, "127.0.0.1:"+port).do("POST", "/adder", "1", 200, "1")
	d.log.take()

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
	case <-time.After(10 * time.Second):
		t.Fatal("it does not end")
	}
	d.logged("Stopping server", "/adder Free Context function called")
}
