package httpd

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	patient = 10 * time.Second // the time of a head, and of content
	details = "?x=%31"
)

// detailed is a request-line with something to ask for in its query and fields.
func detailed(line string, fields ...string) string {
	return req(line, append([]string{"X: y", "Cookie: c=%32"}, fields...)...)
}

// newErrRig is a rig with the limits of the table, and a time for each request.
func newErrRig(t testing.TB) *rig {
	cfg := tableConfig()
	cfg.HeadTimeout, cfg.ContentTimeout, cfg.MaxOutputBytes = patient, patient, 1<<20
	return newRig(t, cfg)
}

// withErrors is check on a server with error handlers.
func (row row) withErrors(t *testing.T, h ErrHandler) {
	r := newErrRig(t)
	r.onEveryError(h)
	row.through(r)
}

// onError gives the server an error handler.
func (r *rig) onError(code ErrCode, h ErrHandler) {
	r.Helper()
	if err := r.srv.OnError(code, h); err != nil {
		r.Fatal(err)
	}
}

// onEveryError gives the server one for all codes, which asks the request
// everything before it answers.
func (r *rig) onEveryError(h ErrHandler) {
	r.Helper()
	for code := ErrCode(firstErr); code <= lastErr; code++ {
		r.onError(code, func(w *Response, req *Request, is ErrCode) error {
			if is != code {
				r.Errorf("the handler for %d is told %d", int(code), int(is))
			}
			knows(r, req)
			return h(w, req, is)
		})
	}
}

// knows calls every method of Request and returns what it has to say: name and
// result, where that is not empty.
func knows(t testing.TB, r *Request) (all string) {
	t.Helper()
	first := func(v string, _ bool) string { return v }
	asked := map[string]func() string{
		"Content":        func() string { return string(r.Content()) },
		"Context":        func() string { return fmt.Sprint(r.Context().Err())[:0] },
		"Cookie":         func() string { return first(r.Cookie("c")) },
		"CookieValue":    func() string { return first(r.CookieValue("c")) },
		"HandleErr":      func() string { return "" }, // it answers: see TestHandleErr
		"HeadBytes":      func() string { return string(r.HeadBytes()) },
		"Header":         func() string { return first(r.Header("X")) },
		"HeaderBytes":    func() string { v, _ := r.HeaderBytes("X"); return string(v) },
		"Headers":        func() string { return fmt.Sprint(len(maps.Collect(names(r.Headers())))) },
		"Host":           r.Host,
		"Method":         r.Method,
		"Path":           r.Path,
		"PathValue":      func() string { return r.PathValue("x") },
		"PathValueBytes": func() string { return string(r.PathValueBytes("x")) },
		"Query":          func() string { return first(r.Query("x")) },
		"QueryBytes":     func() string { return string(r.QueryBytes()) },
		"QueryValue":     func() string { return first(r.QueryValue("x")) },
		"Read":           func() string { p := make([]byte, 99); n, _ := r.Read(p); return string(p[:n]) },
		"Remaining":      func() string { return fmt.Sprint(r.Remaining()) }, // after Read
		"Target":         r.Target,
		"Trailer":        func() string { return first(r.Trailer("X")) },
		"Trailers":       func() string { return fmt.Sprint(len(maps.Collect(names(r.Trailers())))) },
		"UserCtx":        func() string { return strings.Trim(fmt.Sprint(r.UserCtx()), "<nil>") },
		"Version":        r.Version,
		"OnEnd":          func() string { r.OnEnd(func(error) {}); return "" },
		"SetContext":     func() string { r.SetContext(r.Context()); return "" },
		"Session": func() string {
			if r.Session().Ctx() == nil {
				return ""
			}
			return fmt.Sprint(r.Session().Ctx())
		},
		"Detach": func() string {
			if d, err := r.Detach(); d != nil || err != ErrDetach {
				t.Errorf("Detach: %v, %v", d, err)
			}
			return ""
		},
	}
	is := reflect.TypeOf(r)
	for i := range is.NumMethod() {
		if name := is.Method(i).Name; asked[name] == nil {
			t.Errorf("nobody asks for %s", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(asked)) {
		if v := asked[name](); v != "" && v != "0" {
			all += name + " " + v + "\n"
		}
	}
	return all
}

func names(fields func(func(name, value []byte) bool)) func(func(string, bool) bool) {
	return func(yield func(string, bool) bool) {
		fields(func(name, _ []byte) bool { return yield(string(name), true) })
	}
}

// known is what a handler must know of a request that begins with this head and
// has that content: knows, by other means.
func known(in, content string) (all string) {
	head, _, _ := strings.Cut(in, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	words := strings.Fields(lines[0])
	path, query, has := strings.Cut(words[1], "?")
	add := func(name, value string) {
		if value != "" {
			all += name + " " + value + "\n"
		}
	}
	add("Content", content)
	add("Cookie", "%32")
	add("CookieValue", "2")
	add("HeadBytes", head+"\r\n\r\n")
	add("Header", "y")
	add("HeaderBytes", "y")
	add("Headers", fmt.Sprint(len(lines)-1))
	add("Host", "a")
	add("Method", words[0])
	add("Path", path)
	if has {
		add("Query", "%31")
		add("QueryBytes", query)
		add("QueryValue", "1")
	}
	add("Read", content)
	add("Target", words[1])
	add("Version", words[2])
	return all
}

// A raise is a way to bring about an error response.
type raise struct {
	name   string
	code   ErrCode
	in     string
	rest   string // what comes when the request has had its time; empty: there is no need to wait
	then   string // 408: what the request gets when it had its time once more
	fields []string
	fatal  bool // the session ends, whatever the handler says
	known  bool // the head can be asked for
	body   string
	old    bool // it is HTTP/1.0, or nobody knows what it is
	spent  bool // Config.MaxBufferBytes are
}

func raises() []raise {
	echo := "POST /echo" + details
	sized, chunked := "Content-Length: 3", "Transfer-Encoding: chunked"
	long := strings.Repeat("x", tableContent+1)
	bad := func(r raise) raise { r.fatal, r.old = true, !r.known; return r }
	wrong := func(r raise) raise { r.fatal = true; return r } // its lines are well-formed: its version is known
	return []raise{
		bad(raise{name: "400, a line", code: 400, in: detailed("GET  /hi")}),
		bad(raise{name: "400, a line of HEAD", code: 400, in: detailed("HEAD /hi /hi")}),
		bad(raise{name: "400, a field", code: 400, in: detailed("GET /hi"+details, "X : y")}),
		wrong(raise{name: "400, no Host", code: 400, in: "GET /hi" + details + " HTTP/1.1\r\nX: y\r\n\r\n"}),
		wrong(raise{name: "400, two lengths", code: 400, in: detailed(echo, sized, sized)}),
		wrong(raise{name: "400, a target", code: 400, in: detailed("GET ftp://a/hi" + details)}),
		bad(raise{name: "400, empty lines", code: 400, in: strings.Repeat("\r\n", 9)}),
		bad(raise{name: "400, a chunk", code: 400, in: detailed(echo, chunked) + chunks("abc") + "x", known: true}),
		bad(raise{name: "400, a trailer", code: 400, in: detailed(echo, chunked) + chunks("abc") + "0\r\nX\r\n", known: true}),
		bad(raise{name: "413, by its length", code: 413, in: detailed(echo, "Content-Length: 65"), known: true}),
		wrong(raise{name: "413, by a length beyond 63 bits", code: 413, in: detailed(echo, "Content-Length: 9223372036854775808")}),
		bad(raise{name: "413, by a chunk", code: 413, in: detailed(echo, chunked) + chunks(long), known: true}),
		bad(raise{name: "413, by two chunks", code: 413, in: detailed(echo, chunked) + chunks(long[1:], "x"), known: true}),
		bad(raise{name: "414", code: 414, in: detailed("GET /" + long)}),
		bad(raise{name: "431", code: 431, in: detailed("GET /hi", strings.Split(strings.Repeat("A: b,", 8), ",")[:8]...)}),
		bad(raise{name: "431, trailers", code: 431, in: detailed(echo, chunked) + "0\r\nA: " + long, known: true}),
		wrong(raise{name: "501, a coding", code: 501, in: detailed(echo, "Transfer-Encoding: x, chunked")}),
		bad(raise{name: "501, a method", code: 501, in: detailed(strings.Repeat("M", 33) + " /hi")}),
		bad(raise{name: "505", code: 505, in: "GET /hi HTTP/2.0\r\nHost: a\r\n\r\n"}),
		bad(raise{name: "503", code: 503, in: "GET /hi HTTP/1.1\r\n", spent: true}),
		{name: "404", code: 404, in: detailed("GET /x" + details), known: true},
		{name: "404 for HEAD", code: 404, in: detailed("HEAD /x" + details), known: true},
		{name: "404 with content", code: 404, in: detailed("POST /x"+details, sized) + "abc", known: true},
		{name: "404 with chunks", code: 404, in: detailed("POST /x"+details, chunked) + chunks("abc") + "0\r\nX: z\r\n\r\n", known: true},
		{name: "404 and close", code: 404, in: detailed("POST /x"+details, sized, "Connection: close") + "abc", known: true, fatal: true},
		{name: "404 in HTTP/1.0", code: 404, in: "GET /x HTTP/1.0\r\nHost: a\r\nX: y\r\nCookie: c=%32\r\n\r\n", known: true, fatal: true, old: true},
		{name: "405", code: 405, in: detailed("DELETE /hi" + details), known: true, fields: []string{"Allow: GET, HEAD, OPTIONS"}},
		{name: "405 with content", code: 405, in: detailed("POST /hi"+details, sized) + "abc", known: true, fields: []string{"Allow: GET, HEAD, OPTIONS"}},
		{name: "417", code: 417, in: detailed("GET /hi"+details, "Expect: tea"), known: true},
		{name: "500, no answer", code: 500, in: detailed("GET /mute" + details), known: true, fatal: true},
		{name: "500, no answer to HEAD", code: 500, in: detailed("HEAD /mute" + details), known: true, fatal: true},
		{name: "500, with content", code: 500, in: detailed("PUT /mute"+details, sized) + "abc", known: true, body: "abc", fatal: true},
		{name: "500, an error", code: 500, in: detailed("GET /mutefail" + details), known: true, fatal: true},
		{name: "500, an invalid field", code: 500, in: detailed("GET /split" + details), known: true, fatal: true},
		{name: "408 in a method", code: 408, in: "G", rest: "ET /hi HTTP/1.1\r\nHost: a\r\n\r\n", then: good("hi"), old: true},
		{name: "408 in a head", code: 408, in: detailed("GET /hi")[:40], rest: detailed("GET /hi")[40:], then: good("hi"), old: true},
		{name: "408 in a HEAD", code: 408, in: detailed("HEAD /hi")[:40], rest: detailed("HEAD /hi")[40:], then: bare(good("hi")), old: true},
		{name: "408 before content", code: 408, in: detailed(echo, sized), rest: "abc", then: good("abc"), known: true},
		{name: "408 in content", code: 408, in: detailed(echo, sized) + "a", rest: "bc", then: good("abc"), known: true},
		{name: "408 before chunks", code: 408, in: detailed(echo, chunked), rest: chunks("abc") + last, then: good("abc"), known: true},
		{name: "408 in chunks", code: 408, in: detailed(echo, chunked) + chunks("a") + "2\r\nb", rest: "c\r\n" + last, then: good("abc"), known: true},
		{name: "408 in trailers", code: 408, in: detailed(echo, chunked) + chunks("abc") + "0\r\nX: ", rest: "z\r\n\r\n", then: good("abc"), known: true},
	}
}

// A conduct is what an error handler does, and what comes of it.
type conduct struct {
	name  string
	do    func(w *Response, r *Request, code ErrCode) error
	want  func(p *raise) string // empty: the engine's own answer
	fails bool                  // the session ends over it
	long  bool                  // the content of an answer to HTTP/1.0 ends with the connection
	raw   bool                  // the engine adds nothing
	waits bool                  // 408 begins anew
}

var errConduct = errors.New("the error handler has had enough")

func conducts() []conduct {
	const rawAnswer = "HTTP/1.1 400 Mine\r\nContent-Length: 0\r\n\r\n"
	long := strings.Repeat("x", mostWritten+1)
	own := func(w *Response, _ *Request, code ErrCode) error { return w.SendErr(code, "own") }
	ownWant := func(p *raise) string { return answer(p.code.Error(), "own", p.fields...) }
	okay := func(p *raise) string { return good("own", p.fields...) }
	stream := func(p *raise) string {
		head := "HTTP/1.1 200 OK\r\n" + dateLine + typeLine
		if p.old {
			return head + "\r\n" + long
		}
		head += "Transfer-Encoding: chunked\r\n"
		for _, f := range p.fields {
			head += f + "\r\n"
		}
		return head + "\r\n" + chunks(long)
	}
	cannot := func(w *Response) { w.SetStatus(200); w.SetHeader("A\n", "b") }
	return []conduct{
		{name: "SendErr", do: own, want: ownWant},
		{name: "SendErr, failing", do: func(w *Response, r *Request, code ErrCode) error { own(w, r, code); return errConduct }, want: ownWant, fails: true},
		{name: "nothing", do: func(*Response, *Request, ErrCode) error { return nil }, waits: true},
		{name: "nothing but a field", do: func(w *Response, _ *Request, _ ErrCode) error { w.SetHeader("A", "b"); return nil }, waits: true},
		{name: "nothing, failing", do: func(*Response, *Request, ErrCode) error { return errConduct }, fails: true},
		{name: "SendString", do: func(w *Response, _ *Request, _ ErrCode) error { return w.SendString("own") }, want: okay},
		{name: "a status and a field", do: func(w *Response, _ *Request, _ ErrCode) error {
			w.SetStatusText("499 Own")
			w.SetHeader("Allow", "GET")
			return w.SendString("own")
		}, want: func(*raise) string { return answer("499 Own", "own", "Allow: GET") }},
		{name: "Write", do: func(w *Response, _ *Request, _ ErrCode) error { w.WriteString("o"); w.WriteString("wn"); return nil }, want: okay},
		{name: "Write, failing", do: func(w *Response, _ *Request, _ ErrCode) error { w.WriteString("own"); return errConduct }, want: okay, fails: true},
		{name: "Write much", do: func(w *Response, _ *Request, _ ErrCode) error { w.WriteString(long); return nil }, long: true,
			want: func(p *raise) string {
				if p.old {
					return stream(p)
				}
				return stream(p) + last
			}},
		{name: "Write much, failing", do: func(w *Response, _ *Request, _ ErrCode) error { w.WriteString(long); return errConduct }, long: true, want: stream, fails: true},
		{name: "SendRaw", do: func(w *Response, _ *Request, _ ErrCode) error { return w.SendRaw([]byte(rawAnswer)) }, raw: true,
			want: func(*raise) string { return rawAnswer }},
		{name: "SendRaw, failing", do: func(w *Response, _ *Request, _ ErrCode) error { w.SendRaw([]byte(rawAnswer)); return errConduct }, raw: true, fails: true,
			want: func(*raise) string { return rawAnswer }},
		{name: "what cannot be sent", do: func(w *Response, _ *Request, _ ErrCode) error { cannot(w); return w.SendString("own") }, fails: true},
		{name: "what cannot be written", do: func(w *Response, _ *Request, _ ErrCode) error { w.WriteString("own"); cannot(w); return errConduct }, fails: true},
		{name: "HandleErr", do: func(w *Response, r *Request, code ErrCode) error { return r.HandleErr(w, code) },
			want: func(p *raise) string { return fail(p.code, p.fields...) }},
		{name: "HandleErr of another", do: func(w *Response, r *Request, _ ErrCode) error { return r.HandleErr(w, 403) },
			want: func(p *raise) string { return fail(403, p.fields...) }},
	}
}

// wire is what the peer is told where p is met by c, and whether the session
// ends.
func (c *conduct) wire(p *raise) (out string, ends bool) {
	if c.waits && p.rest != "" {
		return p.then, false
	}
	ends = p.fatal || c.fails || c.long && p.old
	if out = fail(p.code, p.fields...); c.want != nil {
		out = c.want(p)
	}
	if c.raw {
		return out, ends
	}
	if ends {
		out = strings.Replace(out, "\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1)
	}
	if strings.HasPrefix(p.in, "HEAD ") {
		out = bare(out)
	}
	return out, ends
}

// TestOnError: each error response, and all that its handler may do about it,
// with requests in front and behind.
func TestOnError(t *testing.T) {
	for _, p := range raises() {
		for _, c := range conducts() {
			t.Run(p.name+"/"+c.name, func(t *testing.T) {
				for _, front := range []string{"", get("/hi")} {
					for _, pieces := range [][]string{{p.in}, strings.Split(p.in, "")} {
						c.play(t, &p, front, pieces)
					}
				}
			})
		}
	}
}

// play lets a peer say front, then p in these pieces, then one request more.
func (c *conduct) play(t *testing.T, p *raise, front string, pieces []string) {
	t.Helper()
	r := newErrRig(t)
	if p.spent {
		r.srv.budget.most = 0
	}
	r.handle("PUT", "/mute", func(*Response, *Request) error { return nil })
	r.onError(403, func(*Response, *Request, ErrCode) error { t.Error("an error handler leads to another"); return nil })
	calls, told := 0, ""
	r.onError(p.code, func(w *Response, r *Request, code ErrCode) error {
		calls++
		told = knows(t, r)
		if code != p.code {
			t.Errorf("told %d", int(code))
		}
		return c.do(w, r, code)
	})
	want, ends := c.wire(p)
	s := r.connect()
	got := r.ask(s, append([]string{front}, pieces...)...)
	if p.rest != "" {
		r.ask(r.connect(), get("/where")) // the loop has seen another since
		r.k.now += patient
		r.quiet()
		got += s.took()
	}
	if !s.closed {
		got += r.ask(s, p.rest+get("/"))
	}
	if front != "" {
		want = good("hi") + want
	}
	if !ends {
		want += good("root")
	}
	if got != want || calls != 1 {
		short := func(s string) string { return strings.ReplaceAll(s, strings.Repeat("x", mostWritten+1), "x...") }
		t.Fatalf("%d calls, %q\n got %q\nwant %q", calls, pieces, short(got), short(want))
	}
	if gone := s.shut || s.closed; gone != ends {
		t.Errorf("the connection's end is %v, want %v", gone, ends)
	}
	facts := ""
	if p.known {
		facts = known(p.in, p.body)
	}
	if told != facts {
		t.Errorf("the request knows\n%s\nwant\n%s", told, facts)
	}
	r.finish()
}

// TestOnErrorChangesNothing: a handler that sends nothing, or what the engine
// would, makes no difference, however the octets are cut.
func TestOnErrorChangesNothing(t *testing.T) {
	rows := slices.Concat(validRows(), refusedRows(), rejectedRows(), limitRows(), expectRows(),
		chunkedRows(), chunkedRefusedRows(), chunkedRejectedRows(), chunkedLimitRows(), chunkedExpectRows())
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			n := 0
			row.withErrors(t, func(w *Response, _ *Request, code ErrCode) error {
				if n++; n%2 == 0 {
					return nil
				}
				return w.SendErr(code, "")
			})
		})
	}
}

// TestOnErrorRows: error handlers that answer with a page of their own, however
// the octets are cut.
func TestOnErrorRows(t *testing.T) {
	next, page := get("/hi"), strings.Repeat("page ", 20)
	own := func(w *Response, _ *Request, code ErrCode) error {
		w.SetStatus(int(code))
		w.SetHeader("Allow", "GET")
		_, err := w.WriteString(page)
		return err
	}
	kept := func(code ErrCode) string { return answer(code.Error(), page, "Allow: GET") }
	ended := func(code ErrCode) string { return answer(code.Error(), page, "Allow: GET", "close") }
	rows := []row{
		{name: "404", in: get("/x") + next, want: kept(404) + good("hi")},
		{name: "404 with content", in: req("POST /x", "Content-Length: 3") + "abc" + next, want: kept(404) + good("hi")},
		{name: "404 with content that never comes", in: req("POST /x", "Content-Length: 3") + "ab", want: kept(404)},
		{name: "404 with chunks", in: chunkedTo("POST /x", chunks("abc")+"0\r\nX: 1\r\n\r\n") + next, want: kept(404) + good("hi")},
		{name: "404 with chunks that are none", in: chunkedTo("POST /x", chunks("abc")+"x"), want: kept(404), ends: true},
		{name: "404 for HEAD", in: req("HEAD /x") + next, want: bare(kept(404)) + good("hi")},
		{name: "404 and close", in: req("GET /x", "Connection: close") + next, want: ended(404), ends: true},
		{name: "404 between others", in: next + get("/x") + post("abc") + get("/x") + next, want: good("hi") + kept(404) + good("abc") + kept(404) + good("hi")},
		{name: "404 in HTTP/1.0 with keep-alive", in: "GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + next,
			want: answer("404 Not Found", page, "Allow: GET", "Connection: keep-alive") + good("hi")},
		{name: "405", in: req("DELETE /hi") + next, want: kept(405) + good("hi")},
		{name: "OPTIONS", in: req("OPTIONS /hi") + next, want: allows("GET, HEAD, OPTIONS") + good("hi")},
		{name: "417", in: req("GET /hi", "Expect: tea") + next, want: kept(417) + good("hi")},
		{name: "417 with content", in: post("abc", "Expect: tea") + next, want: kept(417) + good("hi"), late: ended(417)},
		{name: "a handler's own 404", in: get("/404") + next, want: answer("404 Not Found", "no such number") + good("hi")},
		{name: "500", in: next + get("/mute") + next, want: good("hi") + ended(500), ends: true},
		{name: "500 for an error", in: get("/mutefail") + next, want: ended(500), ends: true},
		{name: "an error behind an answer", in: get("/fail") + next, want: good("bye", "close"), ends: true},
		{name: "400", in: next + "GET  / HTTP/1.1\r\n" + next, want: good("hi") + ended(400), ends: true},
		{name: "400 for HEAD", in: "HEAD /hi HTTP/1.1\r\n\r\n" + next, want: bare(ended(400)), ends: true},
		{name: "400 in chunks", in: upload("3\r\nabc\r\nx") + next, want: ended(400), ends: true},
		{name: "413", in: post(strings.Repeat("x", tableContent+1)) + next, want: ended(413), ends: true},
		{name: "413 in chunks", in: upload(chunks(strings.Repeat("x", tableContent+1))) + next, want: ended(413), ends: true},
		{name: "414", in: get("/"+strings.Repeat("x", tableTarget)) + next, want: ended(414), ends: true},
		{name: "431", in: req("GET /hi", "X: "+strings.Repeat("x", tableHead)) + next, want: ended(431), ends: true},
		{name: "501", in: req("POST /echo", "Transfer-Encoding: x, chunked") + next, want: ended(501), ends: true},
		{name: "505", in: "GET /hi HTTP/3.0\r\nHost: a\r\n\r\n" + next, want: ended(505), ends: true},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) { row.withErrors(t, own) })
	}
}
