package nethttp_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"moor.example/httpd"
)

// general are the differences between what the two servers say that are there in
// any response, and why. TestDiffers has those of single handlers.
var general = []struct {
	why    string
	forget func(m *message, old bool)
}{
	{"the server's own Date is the time, and that may pass", func(m *message, _ bool) {
		if at, err := http.ParseTime(m.header.Get("Date")); err == nil && time.Since(at).Abs() < time.Hour && len(m.header["Date"]) == 1 && m.status >= 200 {
			m.header.Set("Date", "now")
		}
	}},
	{"moor tells an HTTP/1.0 peer, too, that the connection ends", func(m *message, old bool) {
		if old && m.header.Get("Connection") == "close" {
			m.header.Del("Connection")
		}
		m.closes = m.closes && !old
	}},
	{"moor's own version is HTTP/1.1, whatever the peer's is (RFC 9110 2.5)", func(m *message, _ bool) { m.version = "" }},
	{"a reason phrase may be any: moor's are those of RFC 9110", func(m *message, _ bool) { m.phrase = "" }},
}

// special are the others: calls, as method, target and way, with what differs
// there, and why. It must: a difference that is gone has to go from here, too.
var special = []struct{ why, calls string }{
	{"net/http sends what is no length, as it came", `\w+ /badsize .*|\w+ /badsize2 HTTP/1.0.*|HEAD /badsize2 .*`},
	{"net/http sends an empty Content-Type, moor none", `\w+ /emptytype .*`},
	{"what was announced is complete: that there was to be more ends the session with net/http alone", `(GET|POST) /long (keep-alive|pipelined|HTTP/1.0 keep-alive)`},
	{"too little content: moor says Connection: close if the head is not on its way", `(GET|POST) /(short|toolong) (keep-alive|pipelined|HTTP/1.0 keep-alive)`},
	{"net/http says keep-alive of a connection that it ends", `(GET|POST) /bothte HTTP/1.0 keep-alive`},
	{"without chunks and length only a reset tells that the content is incomplete", `(GET|POST) /abortedamid HTTP/1.0.*`},
	{"an HTTP/1.0 peer gets no informational response (RFC 9110 15.2)", `\w+ /informed HTTP/1.0.*`},
	{"after full duplex net/http does not drop what was not read, and ends the session", `POST /controlled (keep-alive|pipelined)`},
	{"a handler that panics is answered 500, if nothing was sent", `\w+ /panics .*`},
	{"a 205 has no content (RFC 9110 15.3.6), and says so", `\w+ /205 .*`},
	{"a 204 has nothing that describes content", `\w+ /204typed .*`},
	{"Transfer-Encoding is the engine's: it does not send up to the end of the connection if it can send chunks", `(GET|POST) /identity (keep-alive|pipelined|close)`},
	{"Connection is the engine's: no other option gets into it", `\w+ /hop (keep-alive|pipelined|HTTP/1.0 keep-alive)`},
	{"there is one Date: the engine's, or the first of the handler's", `\w+ /(undated|manydated) .*`},
	{"trailers that are not announced are sent though nothing was flushed", `(GET|POST) /prefixedlate .*|HEAD /prefixedlate .*`},
	{"only net/http's own writer can be told by MaxBytesReader to end the connection", `POST /toomuchclose (keep-alive|pipelined|HTTP/1.0 keep-alive)`},
	{"moor drops a content that was not read up to Config.MaxContentBytes, net/http up to 256 KiB", `POST /ok[?]long (keep-alive|pipelined|HTTP/1.0 keep-alive)`},
	{"a fragment is no part of a request-target (RFC 9112 3.2)", `GET /tree/#y .*`},
}

func differs(c call, way string) string {
	for _, d := range special {
		if regexp.MustCompile("^(" + d.calls + ")$").MatchString(c.method + " " + c.target + " " + way) {
			return d.why
		}
	}
	return ""
}

// A message is a response, or how the connection ended in the place of one.
type message struct {
	version, phrase string
	status          int
	header, trailer http.Header
	framing         string
	closes          bool // it says that it is the last one
	content         string
	err             error
}

func (m message) String() string {
	if m.status == 0 {
		return fmt.Sprintf("nothing: %v", m.err)
	}
	s := fmt.Sprintf("%s%d %s[%s] closes: %v\n", m.version, m.status, m.phrase, m.framing, m.closes)
	for _, k := range slices.Sorted(maps.Keys(m.header)) {
		s += fmt.Sprintf("  %s: %q\n", k, m.header[k])
	}
	for _, k := range slices.Sorted(maps.Keys(m.trailer)) {
		s += fmt.Sprintf("  behind it %s: %q\n", k, m.trailer[k])
	}
	return s + fmt.Sprintf("  %d octets %.300q %v\n", len(m.content), m.content, m.err)
}

// hear reads the answer to a request with that method, and what is ahead of it.
func hear(r *bufio.Reader, method string, old bool) (all []message) {
	for {
		resp, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			return append(all, message{err: err})
		}
		m := message{version: resp.Proto + " ", phrase: resp.Status + " ", status: resp.StatusCode, header: resp.Header}
		m.framing = fmt.Sprint(resp.ContentLength, resp.TransferEncoding)
		m.closes = resp.Close
		content, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		m.content, m.trailer, m.err = string(content), resp.Trailer, err
		for _, d := range general {
			d.forget(&m, old)
		}
		if m.status != 100 { // who sends the content unasked may get one, or not
			all = append(all, m)
		}
		if m.status >= 200 {
			return all
		}
	}
}

// A call is a request. Its fields are whole lines; its content has its length,
// unless they say otherwise.
type call struct{ method, target, fields, content string }

func (c call) wire(version, fields string) string {
	if c.content != "" && !strings.Contains(c.fields, "Transfer-Encoding") {
		fields += fmt.Sprintf("Content-Length: %d\r\n", len(c.content))
	}
	return fmt.Sprintf("%s %s %s\r\nHost: moor\r\n%s%s\r\n%s", c.method, c.target, version, c.fields, fields, c.content)
}

var (
	probe   = call{method: "GET", target: "/ok"}
	goodbye = probe.wire("HTTP/1.1", "Connection: close\r\n")
)

// ways are the ways in which a call is made, each on a connection of its own.
var ways = map[string]func(t testing.TB, conn net.Conn, c call) []message{
	"keep-alive": func(_ testing.TB, conn net.Conn, c call) []message {
		r := bufio.NewReader(conn)
		io.WriteString(conn, c.wire("HTTP/1.1", ""))
		all := hear(r, c.method, false)
		io.WriteString(conn, goodbye)
		return append(all, hear(r, "GET", false)...)
	},
	"pipelined": func(_ testing.TB, conn net.Conn, c call) []message {
		r := bufio.NewReader(conn)
		go io.WriteString(conn, probe.wire("HTTP/1.1", "")+c.wire("HTTP/1.1", "")+probe.wire("HTTP/1.1", "")+goodbye)
		all := append(hear(r, "GET", false), hear(r, c.method, false)...)
		return append(append(all, hear(r, "GET", false)...), hear(r, "GET", false)...)
	},
	"close": func(_ testing.TB, conn net.Conn, c call) []message {
		r := bufio.NewReader(conn)
		io.WriteString(conn, c.wire("HTTP/1.1", "Connection: close\r\n"))
		return append(hear(r, c.method, false), hear(r, "GET", false)...)
	},
	"HTTP/1.0": func(_ testing.TB, conn net.Conn, c call) []message {
		r := bufio.NewReader(conn)
		io.WriteString(conn, c.wire("HTTP/1.0", ""))
		return append(hear(r, c.method, true), hear(r, "GET", true)...)
	},
	"HTTP/1.0 keep-alive": func(_ testing.TB, conn net.Conn, c call) []message {
		r := bufio.NewReader(conn)
		io.WriteString(conn, c.wire("HTTP/1.0", "Connection: keep-alive\r\n"))
		all := hear(r, c.method, true)
		io.WriteString(conn, goodbye)
		return append(all, hear(r, "GET", true)...)
	},
}

// ended: an end in the place of a response is an end, however it comes about.
func ended(m *message) {
	if m.status == 0 && (errors.Is(m.err, io.ErrUnexpectedEOF) || errors.Is(m.err, syscall.ECONNRESET)) {
		m.err = io.EOF
	}
}

func script(all []message) string {
	var b strings.Builder
	for _, m := range all {
		ended(&m)
		fmt.Fprintln(&b, m)
	}
	return b.String()
}

// TestSameAsNetHTTP: what a handler does has the same effect under net/http's own
// server and under the adapter, in every way to ask for it.
func TestSameAsNetHTTP(t *testing.T) {
	var theirs, ours notes
	addr := unmoored(t, subjects(&theirs))
	srv := moored(t, httpd.Config{}, subjects(&ours))
	for _, c := range calls() {
		for way, do := range ways {
			if strings.HasPrefix(way, "HTTP/1.0") && strings.Contains(c.fields, "Transfer-Encoding") {
				continue // it is not of HTTP/1.0: moor refuses it
			}
			want := script(do(t, connect(t, addr), c)) + theirs.take(t)
			got := script(do(t, connect(t, srv.Addr().String()), c)) + ours.take(t)
			if why := differs(c, way); (got == want) != (why == "") {
				t.Errorf("%s %s %q, %s (different: %q)\nmoor:\n%.3000s\nnet/http:\n%.3000s", c.method, c.target, c.fields, way, why, got, want)
			}
		}
	}
}

// TestOneDate: of the dates that a handler sets, in any case, the first is sent.
// Where it sets none it is the engine's.
func TestOneDate(t *testing.T) {
	srv := moored(t, httpd.Config{}, subjects(new(notes)))
	conn := connect(t, srv.Addr().String())
	r := bufio.NewReader(conn)
	for _, c := range []struct{ name, want string }{{"manydated", "1"}, {"undated", "now"}} {
		io.WriteString(conn, call{method: "GET", target: "/" + c.name}.wire("HTTP/1.1", ""))
		if all := hear(r, "GET", false); all[0].status != 200 || !slices.Equal(all[0].header["Date"], []string{c.want}) {
			t.Errorf("%s: %v, want the date %q alone", c.name, all, c.want)
		}
	}
}

// TestSameInTurn: all that leaves the connection open, on one connection, as one
// piece.
func TestSameInTurn(t *testing.T) {
	var mine notes
	srv := moored(t, httpd.Config{}, subjects(&mine))
	addr := unmoored(t, subjects(&mine))
	var told []string
	for _, addr := range []string{addr, srv.Addr().String()} {
		conn := connect(t, addr)
		r := bufio.NewReader(conn)
		var all strings.Builder
		var list []call
		for _, c := range calls() {
			if !c.ends() && differs(c, "pipelined") == "" {
				list = append(list, c)
				all.WriteString(c.wire("HTTP/1.1", ""))
			}
		}
		go io.WriteString(conn, all.String())
		said := ""
		for _, c := range list {
			said += c.method + " " + c.target + "\n" + script(hear(r, c.method, false))
		}
		told = append(told, said)
	}
	if told[0] != told[1] || strings.Contains(told[0], "nothing: ") {
		t.Errorf("moor:\n%s\nnet/http:\n%s", told[1], told[0])
	}
}
