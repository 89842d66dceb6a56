// Client adds up numbers on one persistent connection, the way ESP-IDF's
// adder.py does: PUT 0, POST 1 to N, GET the result.
//
//	client [-clients K] IP PORT N
//
// The server keeps the sum with the connection, so K clients at once must each
// see a sum of their own. To tell them apart, client k begins with k. Every
// answer is checked; the exit status is 0 only if all of them were right.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	maxN       = 1_000_000_000 // keeps every sum far inside an int64
	maxClients = 50_000        // about the ports one address has to offer
	timeout    = 15 * time.Second
)

func main() {
	job, err := parseArgs(os.Args[1:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "client: %v\nusage: client [-clients K] IP PORT N\n", err)
		os.Exit(2)
	}
	if !job.run(os.Stdout, os.Stderr) {
		os.Exit(1)
	}
}

// A job is what the command line asks for.
type job struct {
	addr    string
	n       int64
	clients int
}

// parseArgs takes flags before, between and after the three arguments.
func parseArgs(args []string) (job, error) {
	flags := flag.NewFlagSet("client", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	clients := flags.Int("clients", 1, "how many clients run at once")
	var pos []string
	for len(args) > 0 {
		if err := flags.Parse(args); err != nil {
			return job{}, err
		}
		if args = flags.Args(); len(args) > 0 {
			pos, args = append(pos, args[0]), args[1:]
		}
	}
	if len(pos) != 3 {
		return job{}, fmt.Errorf("want 3 arguments, not %d", len(pos))
	}
	if port, err := strconv.ParseUint(pos[1], 10, 16); err != nil || port == 0 {
		return job{}, fmt.Errorf("%q is not a port", pos[1])
	}
	n, err := strconv.ParseInt(pos[2], 10, 64)
	if err != nil || n < 0 || n > maxN {
		return job{}, fmt.Errorf("%q is not an N from 0 to %d", pos[2], maxN)
	}
	if *clients < 1 || *clients > maxClients {
		return job{}, fmt.Errorf("%d is not a K from 1 to %d", *clients, maxClients)
	}
	return job{net.JoinHostPort(pos[0], pos[1]), n, *clients}, nil
}

// run runs all the clients and reports whether every answer was right.
func (j job) run(out, errs io.Writer) bool {
	fmt.Fprintf(out, "Connecting to => %s\n", j.addr)
	if j.clients == 1 {
		return j.runOne(out, errs)
	}
	failures := make([]error, j.clients)
	var wg sync.WaitGroup
	for k := range failures {
		wg.Go(func() { _, failures[k] = newClient(j.addr).sum(int64(k), j.n) })
	}
	wg.Wait()
	right := 0
	for k, err := range failures {
		if err != nil {
			fmt.Fprintf(errs, "client %d: %v\n", k, err)
			continue
		}
		right++
	}
	fmt.Fprintf(out, "%d clients, %d right\n", j.clients, right)
	return right == j.clients
}

// runOne is the script, with its lines.
func (j job) runOne(out, errs io.Writer) bool {
	fmt.Fprintln(out, "Reset the accumulator to 0")
	fmt.Fprintf(out, "Summing numbers from 1 to %d\n", j.n)
	result, err := newClient(j.addr).sum(0, j.n)
	if err != nil {
		fmt.Fprintf(errs, "client: %v\n", err)
		return false
	}
	fmt.Fprintf(out, "Result : %d\n", result)
	return true
}

// A client talks to /adder over a connection of its own.
type client struct {
	http http.Client
	url  string
	conn net.Conn // the connection of the first request
}

func newClient(addr string) *client {
	return &client{
		http: http.Client{Transport: &http.Transport{}, Timeout: timeout},
		url:  "http://" + addr + "/adder",
	}
}

// sum has the server add 1 to n to first, and returns the result. It ends at
// the first answer that is not the sum so far.
func (c *client) sum(first, n int64) (int64, error) {
	defer c.http.CloseIdleConnections()
	if err := c.want(first, "PUT", first); err != nil {
		return 0, err
	}
	sum := first
	for i := int64(1); i <= n; i++ {
		sum += i
		if err := c.want(sum, "POST", i); err != nil {
			return 0, err
		}
	}
	return sum, c.want(sum, "GET", 0)
}

// want makes one request and checks the number that comes back.
func (c *client) want(want int64, method string, n int64) error {
	var body io.Reader
	name := method
	if method != "GET" {
		body = strings.NewReader(strconv.FormatInt(n, 10))
		name = fmt.Sprintf("%s %d", method, n)
	}
	got, err := c.do(method, body)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if got != strconv.FormatInt(want, 10) {
		return fmt.Errorf("%s: the answer is %q, want %d", name, got, want)
	}
	return nil
}

// do makes one request and insists on the connection of the first.
func (c *client) do(method string, body io.Reader) (string, error) {
	req, err := http.NewRequest(method, c.url, body)
	if err != nil {
		return "", err
	}
	var conn net.Conn
	trace := &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { conn = i.Conn }}
	resp, err := c.http.Do(req.WithContext(httptrace.WithClientTrace(req.Context(), trace)))
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if c.conn == nil {
		c.conn = conn
	}
	if conn != c.conn {
		return "", errors.New("sent over a second connection: the server had closed the first")
	}
	// Read to the end, or the connection cannot serve the next request.
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %q", resp.Status, answer)
	}
	return string(answer), nil
}
