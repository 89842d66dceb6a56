package nethttp_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"moor.example/httpd"
	"moor.example/httpd/httpdtest"
)

// seen answers with what the handler sees, in an order that does not depend on the
// order or the case of the fields' names.
func seen(w *httpd.Response, r *httpd.Request) error {
	fmt.Fprintf(w, "%s %s %s, for %s\n", r.Method(), r.Target(), r.Version(), r.Host())
	for _, list := range []func(func(name, value []byte) bool){r.Headers(), r.Trailers()} {
		values := map[string][]string{}
		for name, value := range list {
			key := http.CanonicalHeaderKey(string(name))
			values[key] = append(values[key], string(value))
		}
		for _, name := range slices.Sorted(maps.Keys(values)) {
			fmt.Fprintf(w, "%s: %q\n", name, values[name])
		}
	}
	_, err := w.Write(r.Content())
	return err
}

// sameRoutes are handlers that do what handlers can do to a response.
var sameRoutes = []httpd.Route{
	route("GET", "/text", func(w *httpd.Response, r *httpd.Request) error { return w.SendString("text") }),
	route("GET", "/html", func(w *httpd.Response, r *httpd.Request) error {
		w.SetType("text/html")
		return w.SendString("<p>")
	}),
	route("GET", "/untyped", func(w *httpd.Response, r *httpd.Request) error {
		w.SetType("")
		return w.SendString("<html>net/http would say text/html")
	}),
	route("GET", "/hinted", func(w *httpd.Response, r *httpd.Request) error {
		w.SetType("")
		return errors.Join(w.Inform(103, "Link", "</a>", "Link", "</b>"), w.Inform(102), w.SendString("<html>done"))
	}),
	route("GET", "/fields", func(w *httpd.Response, r *httpd.Request) error {
		for _, field := range [][2]string{
			{"Set-Cookie", "a=1"}, {"Set-Cookie", "b=2"}, {"Vary", ""}, {"X", "  y  z"}, {"Server", "moor"},
			{"Keep-Alive", "timeout=5"}, {"Proxy-Authenticate", "Basic"}, {"Upgrade", "x"}, {"Te", "trailers"}, {"Location", "/../a"},
		} {
			w.AddHeader(field[0], field[1])
		}
		w.SetStatus(302)
		return w.Send(nil)
	}),
	route("GET", "/none", func(w *httpd.Response, r *httpd.Request) error { w.SetStatus(204); return w.Send(nil) }),
	route("GET", "/reset", func(w *httpd.Response, r *httpd.Request) error { w.SetStatus(205); return w.Send(nil) }),
	route("GET", "/unchanged", func(w *httpd.Response, r *httpd.Request) error {
		w.SetStatus(304)
		w.AddHeader("Etag", `"x"`)
		return w.Send(nil)
	}),
	route("GET", "/odd", func(w *httpd.Response, r *httpd.Request) error { w.SetStatus(799); return w.SendString("odd") }),
	route("GET", "/error", func(w *httpd.Response, r *httpd.Request) error { return errors.New("nothing is sent") }),
	route("GET", "/end", func(w *httpd.Response, r *httpd.Request) error {
		return errors.Join(w.SendString("the last"), errors.New("end"))
	}),
	route("GET", "/written", func(w *httpd.Response, r *httpd.Request) error {
		_, err := io.WriteString(w, "short")
		return err
	}),
	route("GET", "/long", func(w *httpd.Response, r *httpd.Request) error {
		_, err := io.WriteString(w, strings.Repeat("0123456789", 50_000))
		return err
	}),
	route("GET", "/trailers", func(w *httpd.Response, r *httpd.Request) error {
		io.WriteString(w, "short")
		w.AddTrailer("Sum", "1")
		w.AddTrailer("Sum", "2")
		w.AddTrailer("Other", "")
		return nil
	}),
	route("GET", "/announced", func(w *httpd.Response, r *httpd.Request) error {
		w.AddHeader("Trailer", "Sum")
		io.WriteString(w, "short")
		w.AddTrailer("Sum", "1")
		return nil
	}),
	route("", "/seen/*", seen),
	route("", "//slashes/*", seen),
	route("GET", "/raw", func(w *httpd.Response, r *httpd.Request) error {
		w.SetStatusText("299 All Is Well")
		w.AddHeader("x-lower", "1")
		return w.Send(r.HeadBytes())
	}),
}

// A said is what a client can tell of a response.
type said struct {
	Status  int
	Fields  map[string][]string
	Content string
	Trailer map[string][]string
	Length  int64
	Coding  []string
	Close   bool
}

// answer reads responses until one is not informational.
func answer(r *bufio.Reader, method string) (all []said, err error) {
	for {
		resp, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			return all, err
		}
		content, err := io.ReadAll(resp.Body)
		resp.Header.Del("Date")
		all = append(all, said{resp.StatusCode, resp.Header, string(content), resp.Trailer, resp.ContentLength, resp.TransferEncoding, resp.Close})
		if err != nil || resp.StatusCode >= 200 {
			return all, err
		}
	}
}

// sameRows are requests that moor itself, and moor behind net/http, answer alike.
var sameRows = []string{
	"GET /text\n", "HEAD /text\n", "GET /html\n", "GET /untyped\n", "HEAD /untyped\n", "GET /hinted\n", "GET /fields\n",
	"GET /none\n", "GET /reset\n", "GET /unchanged\n", "HEAD /unchanged\n", "GET /odd\n", "GET /error\n", "GET /end\n",
	"GET /written\n", "HEAD /written\n", "GET /long\n", "GET /trailers\n", "GET /announced\n",
	"GET /nowhere\n", "POST /text\nContent-Length: 3\n\nabc", "DELETE /text\n", "OPTIONS /text\n", "OPTIONS *\n", "BREW /text\n",
	"GET /text\nConnection: close\n",

	"GET /seen/\n", "GET /seen/a/../b//c?d=%20&e;f&%zz'\n", "GET /seen/%2f%41?\n", "GET http://moor/seen/x?y\n", "GET //slashes/x?y\n",
	"GET /seen/\nUser-Agent: me\n", "GET /seen/\nX-Forwarded-For: 1.2.3.4\nForwarded: for=x\nX-Forwarded-Host: h\n",
	"GET /seen/\nA: 1\nB: 2\nA: 3\nc: gr\xc3\xbcn \xff\nEmpty:\nAccept-Encoding: br\nCookie: a=1; b\n",
	"GET /seen/\nConnection: keep-alive, X-Own\nX-Own: 1\nKeep-Alive: timeout=5\nTe: trailers\nProxy-Authorization: x\n",
	"GET /seen/\nConnection: Upgrade\nUpgrade: h3c\n",
	"POST /seen/\nContent-Length: 0\n", "PUT /seen/\nContent-Length: 3\n\nabc", "GET /seen/\nContent-Length: 2\n\n\x00\xff",
	"POST /seen/\nTransfer-Encoding: chunked\n\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
	"POST /seen/\nTransfer-Encoding: chunked\nTrailer: Sum\n\n3\r\nabc\r\n0\r\nSum: 1\r\nSum: 2\r\nOther: x\r\n\r\n",
	"POST /seen/\nTransfer-Encoding: chunked\n\n3\r\nabc\r\n0\r\nSum: unannounced\r\n\r\n",
	"POST /nowhere\nTransfer-Encoding: chunked\n\n3\r\nabc\r\n0\r\n\r\n",
}

// octets writes a row out: HTTP/1.1, a Host that comes first, CRLF in the head.
func octets(row string) (method, request string) {
	head, content, _ := strings.Cut(row, "\n\n")
	first, fields, _ := strings.Cut(strings.TrimSuffix(head, "\n")+"\n", "\n")
	method, _, _ = strings.Cut(first, " ")
	request = first + " HTTP/1.1\nHost: moor\n" + fields + "\n"
	return method, strings.ReplaceAll(request, "\n", "\r\n") + content
}

// same says what differs between the answers of moor, and of moor behind net/http.
func same(t *testing.T, direct *httpdtest.Session, front net.Conn, row string) {
	t.Helper()
	method, request := octets(row)
	for _, w := range []io.Writer{direct, front} {
		if _, err := io.WriteString(w, request); err != nil {
			t.Fatal(err)
		}
	}
	want, err := answer(bufio.NewReader(direct), method)
	if err != nil {
		t.Fatalf("%.60q: moor: %v", row, err)
	}
	got, err := answer(bufio.NewReader(front), method)
	if err != nil {
		t.Fatalf("%.60q: net/http: %v", row, err)
	}
	if got, want := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); got != want { // maps are sorted
		t.Errorf("%.60q:\nnet/http %.600q\nmoor     %.600q", row, got, want)
	}
}

// A response is the same from moor and from moor behind net/http, to each request,
// on a connection of its own and on one that has had others.
func TestSame(t *testing.T) {
	srv := httpdtest.New(t, httpd.Config{Match: httpd.MatchWildcard}, sameRoutes...)
	hs := front(t, srv.Server, hooked)
	for _, others := range []bool{false, true} {
		for _, row := range sameRows {
			direct, err := srv.Open()
			if err != nil {
				t.Fatal(err)
			}
			front, err := net.Dial("tcp", listener(hs))
			if err != nil {
				t.Fatal(err)
			}
			front.SetDeadline(time.Now().Add(patience))
			if others {
				same(t, direct, front, "POST /seen/\nContent-Length: 5\n\nfirst")
			}
			same(t, direct, front, row)
			front.Close()
			if err := direct.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// What differs: net/http understands the request, and writes the response.
func TestDiffers(t *testing.T) {
	srv := httpdtest.New(t, httpd.Config{Match: httpd.MatchWildcard}, sameRoutes...)
	hs := front(t, srv.Server, hooked)
	for _, row := range []struct{ request, moor, nethttp string }{
		// The names of fields, and their order. Some of it is the client's of the bridge.
		{"GET /raw HTTP/1.1\nzeta: 1\nhost: moor\nConnection: close\n", "GET /raw HTTP/1.1\nzeta: 1\nhost: moor\nConnection: close\n", "GET /raw HTTP/1.1\nHost: moor\nConnection: close\nZeta: 1\n"},
		{"GET /raw HTTP/1.1\nHost: moor\nConnection: close\n", "\nx-lower: 1\n", "\nX-Lower: 1\n"},
		// The reason phrase is the registered one, or none.
		{"GET /raw HTTP/1.1\nHost: moor\nConnection: close\n", "HTTP/1.1 299 All Is Well\n", "HTTP/1.1 299 status code 299\n"},
		// A handler sees HTTP/1.1, and Host always, which is that of the request-target if it has one.
		{"GET /raw HTTP/1.0\n", "GET /raw HTTP/1.0\n\n", "GET /raw HTTP/1.1\nHost: \n\n"},
		{"GET http://other/raw HTTP/1.1\nHost: moor\nConnection: close\n", "\nHost: moor\n", "\nHost: other\n"},
		// What the head says of trailers is sorted.
		{"POST /seen/ HTTP/1.1\nHost: moor\nConnection: close\nTransfer-Encoding: chunked\nTrailer: Sum, Other\n\n0\n", `Trailer: ["Sum, Other"]`, `Trailer: ["Other,Sum"]`},
		// What net/http refuses, it answers.
		{"GET /raw HTTP/1.1\nConnection: close\n", "\n\nThe request is malformed.", "\n\n400 Bad Request: missing required Host header"},
		{"GET /raw HTTP/1.1\nHost: moor\nConnection: close\nExpect: more\n", "\n\nThis server meets no expectation but 100-continue.", "HTTP/1.1 417 Expectation Failed\n"},
		{"GET /raw HTTP/2.0\nHost: moor\n", "\n\nThis server speaks HTTP/1.1.", "HTTP/1.1 505 HTTP Version Not Supported: unsupported protocol version"},
	} {
		request := strings.ReplaceAll(row.request+"\n", "\n", "\r\n")
		direct, err := srv.Raw(request)
		if err != nil {
			t.Fatalf("%.60q: moor: %v", row.request, err)
		}
		c := dial(t, hs)
		c.send(request)
		front, err := io.ReadAll(c.r)
		if err != nil {
			t.Fatalf("%.60q: net/http: %v", row.request, err)
		}
		for _, is := range []struct{ who, got, want string }{{"moor", direct, row.moor}, {"net/http", string(front), row.nethttp}} {
			if got := strings.ReplaceAll(is.got, "\r\n", "\n"); !strings.Contains(got, is.want) {
				t.Errorf("%.60q: %s: %.400q lacks %q", row.request, is.who, got, is.want)
			}
		}
		if strings.Contains(strings.ReplaceAll(string(front), "\r\n", "\n"), row.moor) {
			t.Errorf("%.60q: there is no difference", row.request)
		}
	}
}

// A client that speaks HTTP/1.0 gets nothing informational, and is not asked for
// its content.
func TestOldClient(t *testing.T) {
	srv := httpdtest.New(t, httpd.Config{Match: httpd.MatchWildcard}, sameRoutes...)
	hs := front(t, srv.Server, hooked)
	for request, want := range map[string]string{
		"GET /hinted HTTP/1.0\r\n\r\n": "<html>done",
		"PUT /seen/ HTTP/1.0\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc": "PUT /seen/ HTTP/1.1, for \nContent-Length: [\"3\"]\nHost: [\"\"]\nabc",
	} {
		c := dial(t, hs)
		c.send(request)
		c.wants(200, want)
		c.ended()
	}
}
