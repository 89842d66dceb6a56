package main

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"moor.example/httpd"
)

// A row is a conversation on one connection, which comes twice: turn by turn,
// and with all requests back to back in one write. Behind it the connection is
// open and serves another request, or it has ended.
type row struct {
	name  string
	turns []turn
	ends  bool

	inTurn bool // a later turn needs the answer of an earlier one
	change func(*httpd.Config)
}

// A turn is what is sent, what ESP-IDF's test wants or its server is known to
// answer, and what moor answers: a status, and after a space the content, if it
// matters. If the two differ, why says it.
type turn struct {
	send     string
	theirs   string
	want     string
	why      string
	has, not string // fields that the answer has, "Name: value", and has not
}

// as is a turn whose answer is ESP-IDF's.
func as(send, want string) turn { return turn{send: send, theirs: want, want: want} }

const (
	notBad  = "a method is a name, and the routes say which of them there are"
	strict  = "a line ends in CRLF: RFC 9112 2.2 allows more, but then two readers can disagree about where a head ends"
	trimmed = "the white space behind a value is no part of it (RFC 9112 5.1)"
	nothing = "200 " // with no content
)

// basic are the functions of test.py that talk on one connection. Those that
// test.py sends with Python's client are in its form: a Content-Length where
// there is content.
var basic = []row{
	{name: "get_hello", turns: []turn{{send: request("GET", "/hello", ""),
		theirs: "200 Hello World!", want: "200 Hello World!", has: "Content-Type: text/html", not: "Connection"}}},
	{name: "put_hello", turns: []turn{{send: request("PUT", "/hello", "Hello"), theirs: "405", want: "405", has: "Allow: GET, HEAD, OPTIONS"}}},
	{name: "post_hello", turns: []turn{{send: request("POST", "/hello", "Hello"), theirs: "405", want: "405", has: "Allow: GET, HEAD, OPTIONS"}}},
	{name: "post_echo", turns: []turn{as(request("POST", "/echo", "Hello"), "200 Hello")}},
	{name: "put_echo", turns: []turn{as(request("PUT", "/echo", "Hello"), "200 Hello")}},
	{name: "get_echo", turns: []turn{as(request("GET", "/echo", ""), "405")}},
	{name: "get_test_headers", turns: []turn{
		testHeaders("", "", ""),
		testHeaders("  ", "", ""),
		testHeaders("Value2", "Value2", ""),
		testHeaders("   Value2", "Value2", ""),
		testHeaders("Value2  ", "Value2  ", trimmed),
		testHeaders("  Value2  ", "Value2  ", trimmed),
	}},
	{name: "get_hello_type", turns: []turn{{send: request("GET", "/hello/type_html", ""),
		theirs: "200 Hello World!", want: "200 Hello World!", has: "Content-Type: text/html"}}},
	{name: "get_hello_status", turns: []turn{as(request("GET", "/hello/status_500", ""), "500 Hello World!")}},
	{name: "get_false_uri", turns: []turn{as(request("GET", "/false_uri", ""), "404")}},

	// The second answer comes when all is answered that came with the request:
	// back to back the order is another one, see httpd's TestAsyncData.
	{name: "async_response_test", inTurn: true, turns: []turn{
		as(request("GET", "/async_data", ""), "200 Hello World!"),
		{theirs: "200 Hello Double World!", want: "200 Hello Double World!", has: "Content-Type: text/html"},
	}},
	// There the third answer is the last one of its connection; here it need not
	// be, because it is known where the next request begins.
	{name: "leftover_data_test", turns: []turn{
		as(request("POST", "/leftover_data", leftover), "200 abcdefghij"),
		as(request("GET", "/hello", ""), "200 Hello World!"),
		as(request("POST", "/false_uri", leftover), "404"),
		as(request("GET", "/hello", ""), "200 Hello World!"),
	}},
	{name: "packet_size_limit_test", turns: []turn{as(request("POST", "/echo", printable(50<<10)), "200 "+printable(50<<10))}},
	{name: "code_500_server_error_test", ends: true, turns: []turn{{
		send:   request("POST", "/echo", "", "Content-Length: 1073741824") + "ABCD",
		theirs: "500", want: "413", why: "1 GiB is refused by its length; there it cannot be allocated",
	}}},
	{name: "code_501_method_not_impl", turns: []turn{{send: request("ABC", "/hello", ""), theirs: "400", want: "405", why: notBad}}},
	{name: "code_505_version_not_supported", ends: true, turns: []turn{as("GET /hello HTTP/2.0\r\nHost: moor\r\n\r\n", "505")}},
	{name: "code_400_bad_request", turns: []turn{{send: request("XYZ", "/hello", ""), theirs: "400", want: "405", why: notBad}}},
	{name: "code_404_not_found", turns: []turn{as(request("GET", "/dummy", ""), "404")}},
	{name: "code_405_method_not_allowed", turns: []turn{as(request("POST", "/hello", ""), "405")}},
	{name: "test_upgrade_not_supported", turns: []turn{{
		send:   request("OPTIONS", "*", "", "Upgrade: TLS/1.0", "Connection: Upgrade"),
		theirs: "400", want: "204", why: "an Upgrade may be ignored (RFC 9110 7.8), and this is the answer to OPTIONS *",
		has: "Allow: GET, HEAD, POST, PUT, OPTIONS", not: "Content-Type",
	}}},
}

const leftover = "abcdefghijklmnopqrstuvwxyz\r\nabcdefghijklmnopqrstuvwxyz"

// limits are those that wait for a deadline, or are at a limit. There a line is
// 512 octets at most, and the fields 1024; here it is the target alone, and the
// whole head.
var limits = []row{
	{name: "recv_timeout_test", ends: true, change: brief, turns: []turn{{send: "GE",
		theirs: "408 Server closed this connection", want: "408 Server closed this connection", has: "Connection: close"}}},
	{name: "code_408_req_timeout", ends: true, change: brief, turns: []turn{as(request("POST", "/echo", "", "Content-Length: 10")+"ABCD", "408")}},
	{name: "code_411_length_required", ends: true, change: brief, turns: []turn{{
		send:   request("POST", "/echo", "", "Transfer-Encoding: chunked"),
		theirs: "400", want: "408", why: "the chunks are waited for; see TestFidelity for some that come",
	}}},
	{name: "code_414_uri_too_long", ends: true, turns: []turn{
		as(request("GET", longPath(8<<10), ""), "404"),
		as(request("GET", longPath(8<<10+1), ""), "414"),
	}},
	{name: "code_431_hdr_too_long", ends: true, turns: []turn{
		{send: longHead(16 << 10), theirs: nothing, want: nothing, has: "Custom: SomeValue"},
		as(longHead(16<<10+1), "431"),
	}},
}

// brief shortens the deadlines for those who are to see one pass. HeadTimeout
// is what this process has from its connect to its first octet.
func brief(cfg *httpd.Config) {
	cfg.HeadTimeout, cfg.ContentTimeout = 500*time.Millisecond, 100*time.Millisecond
}

// termination are the requests of arbitrary_termination_test. Neither 14 nor 15
// sends the end of its head: it is the CR that is refused.
var termination = []row{
	{name: "termination 1", turns: []turn{{send: post + "\r\nHost: moor\r\nCustom: SomeValue\r\n\r\n",
		theirs: nothing, want: nothing, has: "Custom: SomeValue"}}},
	bad("termination 2", nothing, post+"\nHost: moor\r\nCustom: SomeValue\r\n\r\n", strict),
	bad("termination 3", nothing, post+"\r\nHost: moor\nCustom: SomeValue\r\n\r\n", strict),
	bad("termination 4", nothing, post+"\r\nHost: moor\r\nCustom: SomeValue\n\r\n", strict),
	bad("termination 5", nothing, post+"\r\nHost: moor\r\nCustom: SomeValue\r\n\n", strict),
	bad("termination 6", nothing, post+"\nHost: moor\nCustom: SomeValue\n\n", strict),
	bad("termination 7", "200 ABCDE", post+"\r\nHost: moor\r\nContent-Length: 5\n\r\nABCDE", strict),
	bad("termination 8", "200 ABCDE", post+"\r\nHost: moor\r\nContent-Length: 5\r\n\nABCDE", strict),
	bad("termination 9", "200 ABCDE", post+"\r\nHost: moor\r\nContent-Length: 5\n\nABCDE", strict),
	bad("termination 10", "200 \rABCD", post+"\r\nHost: moor\r\nContent-Length: 5\n\n\rABCD", strict),
	bad("termination 11", "400", post+"\r\nHost: moor\r\r\nCustom: SomeValue\r\r\n\r\r\n", ""),
	bad("termination 12", "400", post+"\r\r\nHost: moor\r\n\r\n", ""),
	bad("termination 13", "400", post+"\r\n\rHost: moor\r\n\r\n", ""),
	bad("termination 14", "400", post+"\r\nHost: moor\rCustom: SomeValue\r\n", ""),
	bad("termination 15", "400", post+"\r\nHost: moor\r\nCustom: Some\rValue\r\n", ""),
	bad("termination 16", "400", post+"\r\nHost: moor\r\nCustom- SomeValue\r\n\r\n", ""),
}

const post = "POST /echo HTTP/1.1"

// bad is a row that moor refuses.
func bad(name, theirs, send, why string) row {
	return row{name: name, ends: true, turns: []turn{{send: send, theirs: theirs, want: "400", why: why, not: "Custom"}}}
}

// fidelity are requests of which it is known what ESP-IDF's server makes of
// them, beyond its own tests. It closes a connection for errors alone.
var fidelity = []row{
	// There a rest of this request is left over, and spoils the next one.
	{name: "HTTP/1.0 without a field", ends: true, turns: []turn{as("GET /hello HTTP/1.0\r\n\r\n", "200 Hello World!")}},
	{name: "Connection: close", ends: true, turns: []turn{{send: request("GET", "/hello", "", "Connection: close"),
		theirs: "200 Hello World!", want: "200 Hello World!", has: "Connection: close"}}},
	{name: "HTTP/1.1 without a field", ends: true, turns: []turn{{send: "GET /hello HTTP/1.1\r\n\r\n",
		theirs: "200 Hello World!", want: "400", why: "a request of HTTP/1.1 has a Host (RFC 9112 3.2)"}}},
	{name: "chunks", turns: []turn{{send: request("POST", "/echo", "", "Transfer-Encoding: chunked") + "5\r\nHello\r\n0\r\n\r\n",
		theirs: "200 ", want: "200 Hello", why: "chunks are decoded; there they are the next request"}}},
	{name: "chunks and a length", ends: true, turns: []turn{as(
		request("POST", "/echo", "Hello", "Transfer-Encoding: chunked"), "400")}},
	{name: "two lengths", ends: true, turns: []turn{as(request("POST", "/echo", "Hello", "Content-Length: 4"), "400")}},
	{name: "gzip", ends: true, turns: []turn{{send: request("POST", "/echo", "", "Transfer-Encoding: gzip"),
		theirs: nothing, want: "400", why: "without chunks nobody knows where such a content ends (RFC 9112 6.3)"}}},
	{name: "Expect", inTurn: true, turns: []turn{
		{send: request("POST", "/echo", "", "Expect: 100-continue", "Content-Length: 5"),
			theirs: "408", want: "100", why: "the client waits for it; there it waits in vain"},
		{send: "Hello", theirs: "", want: "200 Hello", why: "the connection has ended there"},
	}},
	{name: "no number to add", turns: []turn{
		as(request("POST", "/adder", "-2"), "200 -2"),
		{send: request("POST", "/adder", "two"), theirs: "200 -2", want: "400", why: "nothing is added that nobody sent"},
		as(request("POST", "/adder", "5"), "200 3"),
	}},
	{name: "nothing to leave over", turns: []turn{{send: request("POST", "/leftover_data", ""),
		theirs: "", want: nothing, why: "what its handler makes of no content is not known"}}},
	{name: "a wrong field ends the connection", ends: true, turns: []turn{{send: request("GET", "/test_header", "", "Header1: Value1"),
		theirs: "400", want: "400", has: "Connection: close"}}},
}

// testHeaders is a request with this Header2, and the value that test.py wants.
// Where it wants white space at the end, there is none, and this is why.
func testHeaders(sent, theirs, why string) turn {
	return turn{
		send:   request("GET", "/test_header", "", "Header1: Value1", "Header3: Value3", "Header2: "+sent),
		theirs: "200 " + theirs, want: "200 " + strings.TrimSpace(theirs), why: why,
	}
}

// printable is n octets of text that does not repeat soon.
func printable(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(' ' + i*i%89)
	}
	return string(b)
}

func longPath(n int) string { return "/" + strings.Repeat("a", n-1) }

// longHead is a request whose head is n octets.
func longHead(n int) string {
	fill := n - len(request("POST", "/echo", "", "Custom: SomeValue", "Fill: "))
	return request("POST", "/echo", "", "Custom: SomeValue", "Fill: "+strings.Repeat("a", fill))
}

// TestAdvanced is ESP-IDF's test.py, function by function.
func TestAdvanced(t *testing.T) {
	playAll(t, basic)
	playAll(t, limits)
	playAll(t, termination)
	t.Run("parallel_sessions_adder", parallelSessionsAdder)
	t.Run("spillover_session", spilloverSession)
}

// TestFidelity is what else is known of ESP-IDF's server.
func TestFidelity(t *testing.T) { playAll(t, fidelity) }

func playAll(t *testing.T, rows []row) {
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			srv := serve(t, r.change)
			r.play(dial(t, srv), false)
			if len(r.turns) > 1 && !r.inTurn {
				r.play(dial(t, srv), true)
			}
			another := dial(t, srv)
			another.send(request("GET", "/hello", ""))
			another.wants("200 Hello World!")
		})
	}
}

func (r *row) play(c *client, backToBack bool) {
	c.t.Helper()
	defer c.Close() // it may be one of two that are allowed
	if backToBack {
		var all strings.Builder
		for _, turn := range r.turns {
			all.WriteString(turn.send)
		}
		c.send(all.String())
	}
	for i, turn := range r.turns {
		if !backToBack {
			c.send(turn.send)
		}
		turn.check(c.t, c.wants(turn.want))
		if same := turn.theirs == turn.want; same != (turn.why == "") {
			c.t.Errorf("turn %d: is it the same as ESP-IDF's: %v, why not: %q", i, same, turn.why)
		}
	}
	if r.ends {
		c.ended()
		return
	}
	c.send(request("GET", "/hello", ""))
	c.wants("200 Hello World!")
}

// check looks at the fields of the answer.
func (turn *turn) check(t *testing.T, a answer) {
	t.Helper()
	name, value, _ := strings.Cut(turn.has, ": ")
	if got := fieldOf(a, name); got != value {
		t.Errorf("%s is %q, want %q", name, got, value)
	}
	if got := fieldOf(a, turn.not); got != "" {
		t.Errorf("%s is %q, and should not be there", turn.not, got)
	}
}

// fieldOf knows that net/http takes this one out of the fields.
func fieldOf(a answer, name string) string {
	if name == "Connection" && a.Close {
		return "close"
	}
	return a.Header.Get(name)
}

// parallelSessionsAdder: as many sessions as there may be, each with a sum of
// its own. The requests of each come back to back, without test.py's pauses.
func parallelSessionsAdder(t *testing.T) {
	srv := serve(t, nil)
	var clients []*client
	for range 7 {
		clients = append(clients, dial(t, srv))
	}
	var group sync.WaitGroup
	for i, c := range clients {
		group.Go(func() {
			if _, err := c.Write([]byte(strings.Repeat(request("POST", "/adder", fmt.Sprint(i)), 3))); err != nil {
				t.Error(err)
			}
			for n := 1; n <= 3; n++ {
				if a, err := c.answer(); err != nil || a.content != fmt.Sprint(n*i) {
					t.Errorf("session %d: %q, %v, want %d", i, a.content, err, n*i)
				}
			}
		})
	}
	group.Wait()
}

// spilloverSession: exactly as many sessions are served as there may be. One
// more has to wait for an end, or the least recently used one ends.
func spilloverSession(t *testing.T) {
	t.Run("wait", func(t *testing.T) {
		connected := make(chan httpd.ID, 16)
		srv := serve(t, func(cfg *httpd.Config) { cfg.Events = connections(connected) })
		clients := spill(t, srv, 7)
		more := dial(t, srv)
		more.send(request("GET", "/hello", ""))
		if settled(t, srv); len(connected) != 7 || len(srv.Sessions()) != 7 {
			t.Errorf("%d connections were taken, %d sessions are open", len(connected), len(srv.Sessions()))
		}
		clients[3].Close()
		more.wants("200 Hello World!")
	})
	t.Run("purge", func(t *testing.T) {
		srv := serve(t, nil, "-lru")
		clients := spill(t, srv, 8)
		clients[0].ended()
		if n := len(srv.Sessions()); n != 7 {
			t.Errorf("%d sessions are open", n)
		}
		for _, c := range clients[1:] {
			c.send(request("GET", "/hello", ""))
			c.wants("200 Hello World!")
		}
	})
}

// spill opens n connections, each with a request that is answered.
func spill(t *testing.T, srv *httpd.Server, n int) (clients []*client) {
	t.Helper()
	for range n {
		c := dial(t, srv)
		c.send(request("GET", "/hello", ""))
		c.wants("200 Hello World!")
		clients = append(clients, c)
	}
	return clients
}

// connections tells of each session that begins.
func connections(to chan<- httpd.ID) func(httpd.Event) {
	return func(e httpd.Event) {
		if e.Kind == httpd.EventConnected {
			to <- e.Session
		}
	}
}

// TestSplit: the requests of as many sessions as there may be, cut at every
// octet: all of them send the octets before the cut, then all the others. A
// server that reads on when it has something in hand, and not before, has a
// stall in here; one that mixes up its sessions has a wrong sum.
func TestSplit(t *testing.T) {
	srv := serve(t, nil)
	var clients []*client
	for range 7 {
		clients = append(clients, dial(t, srv))
	}
	numbered := func(i int) string { return strings.Repeat(request("POST", "/adder", fmt.Sprint(i)), 3) }
	for cut := range len(numbered(0)) {
		for i, c := range clients {
			c.send(numbered(i)[:cut])
		}
		settled(t, srv) // so that it is a cut
		for i, c := range clients {
			c.send(numbered(i)[cut:])
		}
		for i, c := range clients {
			for n := 3*cut + 1; n <= 3*cut+3; n++ {
				c.wants(fmt.Sprintf("200 %d", n*i))
			}
		}
	}
}
