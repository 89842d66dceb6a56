package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func serve(t *testing.T) (addr string) {
	t.Helper()
	srv, err := start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		srv.Close()
		srv.Wait()
	})
	return srv.Addr().String()
}

// A list is fields, or trailers: names and values, octet for octet.
type list [][2]string

// text is the list as JSON can carry it: what is no UTF-8 is replaced.
func (l list) text() [][2]string {
	kept := [][2]string{}
	for _, pair := range l {
		kept = append(kept, [2]string{pair[0], string([]rune(pair[1]))})
	}
	return kept
}

// said is what echo says to a request: m has its method, target and version,
// and what follows from the rest is added.
func said(m message, fields, trailers list, content string) message {
	m.Headers, m.Trailers = fields.text(), trailers.text()
	m.TargetB64, m.BodyB64, m.HeadersB64 = []byte(m.Target), []byte(content), [][2]any{}
	if utf8.ValidString(content) {
		m.Content = content
	}
	for _, pair := range fields {
		m.HeadersB64 = append(m.HeadersB64, [2]any{pair[0], base64.StdEncoding.EncodeToString([]byte(pair[1]))})
	}
	return m
}

// read takes an answer apart. It has no other member than a message has.
func read(t *testing.T, answer []byte) (m message) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(answer))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		t.Fatalf("%v in %.300q", err, answer)
	}
	return m
}

// same says which member differs, cut: some are long.
func same(t *testing.T, got, want message) {
	t.Helper()
	g, w := reflect.ValueOf(got), reflect.ValueOf(want)
	for i := range g.NumField() {
		if has, wants := g.Field(i).Interface(), w.Field(i).Interface(); !reflect.DeepEqual(has, wants) {
			t.Errorf("%s %s: %s is %.300s, want %.300s", want.Method, want.Target, g.Type().Field(i).Name,
				fmt.Sprintf("%q", has), fmt.Sprintf("%q", wants))
		}
	}
}

// A peer is one connection, on which the test writes octets.
type peer struct {
	net.Conn
	t *testing.T
	r *bufio.Reader
}

func dial(t *testing.T, addr string) *peer {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	return &peer{conn, t, bufio.NewReader(conn)}
}

func (p *peer) send(octets string) {
	p.t.Helper()
	if _, err := io.WriteString(p, octets); err != nil {
		p.t.Fatal(err)
	}
}

// answer reads one answer to its end, and wants this status.
func (p *peer) answer(method string, status int) (*http.Response, []byte) {
	p.t.Helper()
	resp, err := http.ReadResponse(p.r, &http.Request{Method: method})
	if err != nil {
		p.t.Fatal(err)
	}
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	if resp.StatusCode != status {
		p.t.Fatalf("%s: %s %q, want %d", method, resp.Status, content, status)
	}
	return resp, content
}

// closed wants the connection to end here.
func (p *peer) closed() {
	p.t.Helper()
	if b, err := p.r.ReadByte(); err != io.EOF {
		p.t.Errorf("read %q, %v, want the end", b, err)
	}
}

// echoRows are requests that all go over one connection.
var echoRows = []struct {
	send             string
	method, target   string
	fields, trailers list
	content          string
}{
	{
		send:   "GET /a/../b?c=%20&d HTTP/1.1\r\nHost: moor\r\n\r\n",
		method: "GET", target: "/a/../b?c=%20&d", fields: list{{"Host", "moor"}},
	},
	{ // the fields as they came: their order, their case, one twice, one empty
		send:   "GET http://moor/x?'y'&z HTTP/1.1\r\nzeta: 1\r\nHost: moor\r\nALPHA:  b  c \r\nzeta: 2\r\nempty:\r\n\r\n",
		method: "GET", target: "http://moor/x?'y'&z",
		fields: list{{"zeta", "1"}, {"Host", "moor"}, {"ALPHA", "b  c"}, {"zeta", "2"}, {"empty", ""}},
	},
	{ // octets that are no UTF-8
		send:   "PATCH / HTTP/1.1\r\nHost: moor\r\nX: gr\xc3\xbcn\r\nY: \xff\xe9.\r\nContent-Length: 3\r\n\r\n\x00\xff\n",
		method: "PATCH", target: "/",
		fields:  list{{"Host", "moor"}, {"X", "grün"}, {"Y", "\xff\xe9."}, {"Content-Length", "3"}},
		content: "\x00\xff\n",
	},
	{
		send:   "PUT / HTTP/1.1\r\nHost: moor\r\nContent-Length: 7\r\n\r\ngrüße",
		method: "PUT", target: "/", fields: list{{"Host", "moor"}, {"Content-Length", "7"}}, content: "grüße",
	},
	{
		send: "POST /c HTTP/1.1\r\nHost: moor\r\nTransfer-Encoding: chunked\r\n\r\n" +
			"3;a=b\r\nabc\r\n0a\r\n0123456789\r\n0\r\nt: 1\r\nU: \xe9\r\nt: 2\r\n\r\n",
		method: "POST", target: "/c",
		fields:   list{{"Host", "moor"}, {"Transfer-Encoding", "chunked"}},
		trailers: list{{"t", "1"}, {"U", "\xe9"}, {"t", "2"}},
		content:  "abc0123456789",
	},
	{
		send:   "OPTIONS * HTTP/1.1\r\nHost: moor\r\n\r\n",
		method: "OPTIONS", target: "*", fields: list{{"Host", "moor"}},
	},
	{
		send:   "BREW /pot HTTP/1.1\r\nHost: moor\r\n\r\n",
		method: "BREW", target: "/pot", fields: list{{"Host", "moor"}},
	},
}

func TestEcho(t *testing.T) {
	p := dial(t, serve(t))
	for _, row := range echoRows {
		p.send(row.send)
		resp, answer := p.answer(row.method, 200)
		if resp.Header.Get("Content-Type") != "application/json" {
			t.Errorf("the fields of the answer are %v", resp.Header)
		}
		m := message{Method: row.method, Target: row.target, Version: "HTTP/1.1"}
		same(t, read(t, answer), said(m, row.fields, row.trailers, row.content))
	}
}

// The same, written at once: the answers come in the order of the requests.
func TestPipelined(t *testing.T) {
	p := dial(t, serve(t))
	var all strings.Builder
	for _, row := range echoRows {
		all.WriteString(row.send)
	}
	p.send(all.String())
	for _, row := range echoRows {
		_, answer := p.answer(row.method, 200)
		m := message{Method: row.method, Target: row.target, Version: "HTTP/1.1"}
		same(t, read(t, answer), said(m, row.fields, row.trailers, row.content))
	}
}

// HTTP/1.0 keeps the connection if it is asked to, and needs no Host.
func TestVersion10(t *testing.T) {
	p := dial(t, serve(t))
	kept := list{{"Connection", "keep-alive"}}
	for _, target := range []string{"/1", "/2"} {
		p.send("GET " + target + " HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
		resp, answer := p.answer("GET", 200)
		if resp.Header.Get("Connection") != "keep-alive" {
			t.Errorf("the fields of the answer are %v", resp.Header)
		}
		same(t, read(t, answer), said(message{Method: "GET", Target: target, Version: "HTTP/1.0"}, kept, nil, ""))
	}
	p.send("GET /3 HTTP/1.0\r\n\r\n")
	_, answer := p.answer("GET", 200)
	same(t, read(t, answer), said(message{Method: "GET", Target: "/3", Version: "HTTP/1.0"}, nil, nil, ""))
	p.closed()
}

// Echo takes every method but the one that would make a tunnel.
func TestConnect(t *testing.T) {
	p := dial(t, serve(t))
	p.send("CONNECT moor:80 HTTP/1.1\r\nHost: moor:80\r\n\r\n")
	p.answer("CONNECT", http.StatusMethodNotAllowed)
	p.send("GET / HTTP/1.1\r\nHost: moor\r\nConnection: close\r\n\r\n")
	p.answer("GET", 200)
	p.closed()
}

// The content is not asked for when it is there already, or not wanted.
func TestExpect(t *testing.T) {
	const head = "POST /e HTTP/1.1\r\nHost: moor\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
	fields := list{{"Host", "moor"}, {"Expect", "100-continue"}, {"Content-Length", "5"}}
	want := said(message{Method: "POST", Target: "/e", Version: "HTTP/1.1"}, fields, nil, "hello")

	p := dial(t, serve(t))
	p.send(head)
	p.answer("POST", http.StatusContinue)
	p.send("hello")
	_, answer := p.answer("POST", 200)
	same(t, read(t, answer), want)

	p.send(head + "hello")
	_, answer = p.answer("POST", 200)
	same(t, read(t, answer), want)

	p.send("POST /e HTTP/1.1\r\nHost: moor\r\nExpect: 100-continue\r\nContent-Length: 1048577\r\n\r\n")
	p.answer("POST", http.StatusRequestEntityTooLarge)
	p.closed()
}

// A client is Go's own. It counts what its connections do.
type client struct {
	http.Client
	t                         *testing.T
	addr                      string
	opened, reused, continued int
}

func newClient(t *testing.T) *client {
	// It waits for the 100 as long as for anything, so without one it fails.
	transport := &http.Transport{ExpectContinueTimeout: time.Minute}
	t.Cleanup(transport.CloseIdleConnections)
	return &client{Client: http.Client{Transport: transport, Timeout: 20 * time.Second}, t: t, addr: serve(t)}
}

// ask makes a request, which edit may change before it goes out.
func (c *client) ask(method, target string, content io.Reader, edit func(*http.Request)) (*http.Response, []byte) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(c.t.Context(), &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) {
			if info.Reused {
				c.reused++
			} else {
				c.opened++
			}
		},
		Got100Continue: func() { c.continued++ },
	}), method, "http://"+c.addr+target, content)
	if err != nil {
		c.t.Fatal(err)
	}
	if edit != nil {
		edit(req)
	}
	resp, err := c.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		c.t.Fatalf("%s %s: %s, %v", method, target, resp.Status, err)
	}
	return resp, answer
}

// says wants an answer to a request with this content and these trailers. Its
// fields are the client's own affair, but for the one that is given.
func (c *client) says(answer []byte, m message, field [2]string, trailers list, content string) {
	c.t.Helper()
	got := read(c.t, answer)
	var fields list
	found := false
	for _, pair := range got.Headers {
		fields = append(fields, pair)
		found = found || pair == field
	}
	if !found {
		c.t.Errorf("%v is not in %v", field, fields)
	}
	m.Version = "HTTP/1.1"
	same(c.t, got, said(m, fields, trailers, content))
}

// Go's client, everything on one connection.
func TestGoClient(t *testing.T) {
	c := newClient(t)
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	octets := strings.Repeat(string(every), 1000)
	host := [2]string{"Host", c.addr}

	_, answer := c.ask("GET", "/get?q=1", nil, nil)
	c.says(answer, message{Method: "GET", Target: "/get?q=1"}, host, nil, "")

	_, answer = c.ask("PUT", "/octets", strings.NewReader(octets), nil)
	c.says(answer, message{Method: "PUT", Target: "/octets"}, [2]string{"Content-Length", "256000"}, nil, octets)

	// A reader that is nothing but a reader has no length that Go knows.
	_, answer = c.ask("POST", "/chunked", struct{ io.Reader }{strings.NewReader(octets)}, nil)
	c.says(answer, message{Method: "POST", Target: "/chunked"}, [2]string{"Transfer-Encoding", "chunked"}, nil, octets)

	_, answer = c.ask("POST", "/trailers", struct{ io.Reader }{strings.NewReader("grüße")}, func(r *http.Request) {
		r.Trailer = http.Header{"Sum": {"x y"}}
	})
	c.says(answer, message{Method: "POST", Target: "/trailers"}, [2]string{"Trailer", "Sum"}, list{{"Sum", "x y"}}, "grüße")

	expect := [2]string{"Expect", "100-continue"}
	_, answer = c.ask("POST", "/expect", strings.NewReader(octets), func(r *http.Request) { r.Header.Set(expect[0], expect[1]) })
	c.says(answer, message{Method: "POST", Target: "/expect"}, expect, nil, octets)

	resp, answer := c.ask("HEAD", "/head", nil, nil)
	if len(answer) != 0 || resp.ContentLength <= 0 {
		t.Errorf("HEAD: content %q, length %d", answer, resp.ContentLength)
	}

	_, answer = c.ask("DELETE", "/last", nil, nil)
	c.says(answer, message{Method: "DELETE", Target: "/last"}, host, nil, "")
	if c.opened != 1 || c.reused != 6 || c.continued != 1 {
		t.Errorf("%d connections opened, %d times reused, %d answers of 100; want 1, 6, 1", c.opened, c.reused, c.continued)
	}
}

func TestStartFails(t *testing.T) {
	if _, err := start(serve(t)); err == nil {
		t.Error("two servers on one port")
	}
}
