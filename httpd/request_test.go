package httpd

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// facts is what the API says of a request, a line each.
func facts(r *Request) string {
	x, is := r.Query("x")
	host, hosted := r.Header("HOST")
	view, viewed := r.HeaderBytes("x-a")
	trailer, trailed := r.Trailer("x-A")
	return fmt.Sprintf("%s|%s|%s|%s|%s %t|%s|%s %t|%s %t|%s %t|%s",
		r.Method(), r.Target(), r.Path(), r.QueryBytes(), x, is, r.Version(), host, hosted, view, viewed, trailer, trailed, r.Content())
}

// TestRequest: each way in which a request can be made, and what the handler
// is told of it: method, target, path, query, x in it, version, Host, X-A, the
// trailer X-A, content.
func TestRequest(t *testing.T) {
	const host = "HTTP/1.1\r\nHost: a\r\n"
	everything := func(string, []byte) bool { return true }
	r := routed(t, Config{Match: everything})
	for _, method := range []string{"", "CONNECT"} {
		r.handle(method, "/", func(w *Response, r *Request) error { return w.SendString(facts(r)) })
	}
	for in, want := range map[string]string{
		"GET / " + host + "\r\n":                                    "GET|/|/|| false|HTTP/1.1|a true| false| false|",
		"GET /? " + host + "\r\n":                                   "GET|/?|/|| false|HTTP/1.1|a true| false| false|",
		"GET /p%2F?x=1&x=2?/ " + host + "\r\n":                      "GET|/p%2F?x=1&x=2?/|/p%2F|x=1&x=2?/|1 true|HTTP/1.1|a true| false| false|",
		"GET /?x " + host + "\r\n":                                  "GET|/?x|/|x| true|HTTP/1.1|a true| false| false|",
		"GET /?X=1&y=x " + host + "\r\n":                            "GET|/?X=1&y=x|/|X=1&y=x| false|HTTP/1.1|a true| false| false|",
		"GET http://b:1/p?x=%31 " + host + "\r\n":                   "GET|http://b:1/p?x=%31|/p|x=%31|%31 true|HTTP/1.1|a true| false| false|",
		"GET http://b " + host + "\r\n":                             "GET|http://b|/|| false|HTTP/1.1|a true| false| false|",
		"GET HTTPS://b?x=/ " + host + "\r\n":                        "GET|HTTPS://b?x=/|/|x=/|/ true|HTTP/1.1|a true| false| false|",
		"OPTIONS * " + host + "\r\n":                                "OPTIONS|*|*|| false|HTTP/1.1|a true| false| false|",
		"OPTIONS http://b " + host + "\r\n":                         "OPTIONS|http://b|/|| false|HTTP/1.1|a true| false| false|",
		"CONNECT b:1 " + host + "\r\n":                              "CONNECT|b:1|b:1|| false|HTTP/1.1|a true| false| false|",
		"BREW / " + host + "\r\n":                                   "BREW|/|/|| false|HTTP/1.1|a true| false| false|",
		"get / " + host + "\r\n":                                    "get|/|/|| false|HTTP/1.1|a true| false| false|",
		"GET / HTTP/1.7\r\nHost: a\r\n\r\n":                         "GET|/|/|| false|HTTP/1.7|a true| false| false|",
		"GET / HTTP/1.9\r\nHost: a\r\n\r\n":                         "GET|/|/|| false|HTTP/1.9|a true| false| false|",
		"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n":          "GET|/|/|| false|HTTP/1.0| false| false| false|",
		"GET / " + host + "X-A: 1\r\nx-a: 2\r\n\r\n":                "GET|/|/|| false|HTTP/1.1|a true|1 true| false|",
		"GET / " + host + "X-A:\r\n\r\n":                            "GET|/|/|| false|HTTP/1.1|a true| true| false|",
		"GET / " + host + "X-A: \t \xe9 b\t\r\n\r\n":                "GET|/|/|| false|HTTP/1.1|a true|\xe9 b true| false|",
		"PUT / " + host + "Content-Length: 3\r\n\r\nabc":            "PUT|/|/|| false|HTTP/1.1|a true| false| false|abc",
		chunkedTo("PUT /", chunks("ab", "c")+last):                  "PUT|/|/|| false|HTTP/1.1|a true| false| false|abc",
		chunkedTo("PUT /", chunks("ab")+"0\r\nX-a: 1\r\n\r\n"):      "PUT|/|/|| false|HTTP/1.1|a true| false|1 true|ab",
		chunkedTo("PUT /", "0\r\nX-A: 1\r\nX-A: 2\r\n\r\n", "X-A:"): "PUT|/|/|| false|HTTP/1.1|a true| true|1 true|",
	} {
		for _, pieces := range [][]string{{in}, strings.Split(in, ""), {in, in}, {in + in}} {
			s := r.connect()
			got := strings.ReplaceAll(r.ask(s, pieces...), "Connection: keep-alive\r\n", "")
			if told := strings.Repeat(good(want), strings.Count(strings.Join(pieces, ""), in)); got != told {
				t.Errorf("%q\n got %q\nwant %q", pieces, got, told)
			}
			r.empty()
		}
	}
	r.finish()
}

// TestRanges: fields come in their order, and a loop over them may end early,
// begin again, and be one of two.
func TestRanges(t *testing.T) {
	r := newRig(t, Config{})
	calls := 0
	r.handle("POST", "/do", func(w *Response, r *Request) error {
		calls++
		var got []string
		for name, value := range r.Headers() {
			if got = append(got, string(name)+"="+string(value)); string(name) == "B" {
				break
			}
		}
		headers, trailers := r.Headers(), r.Trailers()
		for range 2 {
			for outer := range headers {
				for inner := range trailers {
					got = append(got, string(outer)+string(inner))
				}
			}
		}
		for name := range r.Trailers() {
			got = append(got, string(name))
			break
		}
		return w.SendString(strings.Join(got, " "))
	})
	s := r.connect()
	want := "Host=a B=1 HostX HostY BX BY bX bY Transfer-EncodingX Transfer-EncodingY " +
		"HostX HostY BX BY bX bY Transfer-EncodingX Transfer-EncodingY X"
	in := chunkedTo("POST /do", "0\r\nX: 1\r\nY: 2\r\n\r\n", "B: 1", "b: 2")
	if got := r.ask(s, in+req("POST /do")); got != good(want)+good("Host=a") {
		t.Errorf("got %q", got)
	}
	if calls != 2 {
		t.Errorf("%d calls", calls)
	}
	r.finish()
}

// TestViews: a view is of the message itself, and adding to it copies it: what
// is pipelined behind stays as it is.
func TestViews(t *testing.T) {
	r := newRig(t, Config{})
	r.handle("PUT", "/do", func(w *Response, r *Request) error {
		views := [][]byte{r.Content(), r.QueryBytes()}
		for name, value := range r.Headers() {
			views = append(views, name, value)
		}
		for name, value := range r.Trailers() {
			views = append(views, name, value)
		}
		a, _ := r.HeaderBytes("A")
		before := facts(r)
		for i, v := range append(views, a) {
			_ = append(v, strings.Repeat("~", 40)...)
			if got := facts(r); got != before {
				t.Errorf("view %d, %q: %q became %q", i, v, before, got)
			}
		}
		return w.SendString(string(slices.Concat(views...)))
	})
	s := r.connect()
	in := req("PUT /do?q", "A: 1", "Content-Length: 3") + "abc" +
		chunkedTo("PUT /do?q", chunks("ab", "c")+"0\r\nX-A: y\r\n\r\n", "A: 1") + get("/hi")
	want := good("abcqHostaA1Content-Length3") + good("abcqHostaA1Transfer-EncodingchunkedX-Ay") + good("hi")
	for _, pieces := range [][]string{{in}, {in[:20], in[20:]}} {
		if got := r.ask(s, pieces...); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
	r.finish()
}

// TestCopies: strings are copies, of a chunked request's parts, too.
func TestCopies(t *testing.T) {
	r := newRig(t, Config{})
	var kept []string
	r.handle("PUT", "/do", func(w *Response, r *Request) error {
		a, _ := r.Header("A")
		x, _ := r.Trailer("X")
		q, _ := r.Query("q")
		kept = append(kept, r.Method(), r.Target(), r.Path(), q, a, x)
		return w.Send(nil)
	})
	s := r.connect()
	r.ask(s, chunkedTo("PUT /do?q=1", chunks("abc")+"0\r\nX: 2\r\n\r\n", "A: 3"))
	r.ask(s, chunkedTo("PUT /xx?x=y", chunks("xyz")+"0\r\nY: z\r\n\r\n", "B: 4"))
	if want := []string{"PUT", "/do?q=1", "/do", "1", "3", "2"}; !slices.Equal(kept, want) {
		t.Errorf("kept %q, want %q", kept, want)
	}
	r.finish()
}

// TestHost: the host in the request-target counts, and not the field then.
func TestHost(t *testing.T) {
	for in, want := range map[string]string{
		"GET /x HTTP/1.1\r\nHost: a\r\n\r\n":                "a",
		"GET /x HTTP/1.1\r\nHost: a:80\r\n\r\n":             "a:80",
		"GET /x HTTP/1.1\r\nHost:\r\n\r\n":                  "",
		"GET http://b:8080/x HTTP/1.1\r\nHost: a\r\n\r\n":   "b:8080",
		"GET https://b/x HTTP/1.1\r\nHost: a\r\n\r\n":       "b",
		"GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n": "",
		"GET http://[::1]/x HTTP/1.1\r\nHost: a\r\n\r\n":    "[::1]",
		"OPTIONS /x HTTP/1.1\r\nHost: a\r\n\r\n":            "a",
		"CONNECT b:443 HTTP/1.1\r\nHost: a\r\n\r\n":         "b:443",
	} {
		r := newRig(t, Config{Match: func(pattern string, path []byte) bool {
			return pattern == "/host" || pattern == string(path)
		}})
		host := "none asked"
		ask := func(w *Response, r *Request) error { host = r.Host(); return w.Send(nil) }
		r.handle("CONNECT", "/host", ask)
		r.handle("", "/host", ask)
		r.ask(r.connect(), in)
		if host != want {
			t.Errorf("%q: %q, want %q", in, host, want)
		}
		r.finish()
	}
}
