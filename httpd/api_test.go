package httpd

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestConfigDefaults(t *testing.T) {
	want := Config{
		Backlog: 1024, Loops: 1, MaxSessions: defaultSessions(), MaxWork: 1024, MaxDetached: 1024, MaxTurnRequests: 64,
		MaxTargetBytes: 8 << 10, MaxHeadBytes: 16 << 10, MaxFields: 100, MaxContentBytes: 1 << 20, MaxOutputBytes: 64 << 10,
		MaxExtensionBytes: 4 << 10, MaxTrailerBytes: 4 << 10, MaxRoutes: math.MaxInt32, MaxResponseHeaders: 100,
		MaxSessionsPerIP: 1 << 24, MaxBufferBytes: 256 << 20, MinProgressBytes: 1 << 10,
		HeadTimeout: 10 * time.Second, ContentTimeout: 10 * time.Second, SendTimeout: 10 * time.Second,
		LingerTimeout: time.Second, IdleTimeout: -1, HandshakeTimeout: 10 * time.Second,
		KeepAlive: KeepAlive{Idle: time.Minute, Interval: 20 * time.Second, Count: 3},
	}
	got, err := Config{}.withDefaults()
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v, %v", got, want, err)
	}
	if again, err := got.withDefaults(); err != nil || !reflect.DeepEqual(again, got) {
		t.Errorf("the defaults of the defaults are %+v, %v", again, err)
	}
	if n := defaultSessions(); n < 1 || n > 65536 {
		t.Errorf("%d sessions by default", n)
	}
}

// TestConfigNone: negative octets and durations are no limit.
func TestConfigNone(t *testing.T) {
	got, err := Config{
		MaxTargetBytes: -1, MaxHeadBytes: math.MinInt, MaxContentBytes: -1, MaxOutputBytes: math.MaxInt,
		HeadTimeout: -1, ContentTimeout: math.MinInt64, SendTimeout: -1, LingerTimeout: -1, IdleTimeout: -1, HandshakeTimeout: -1,
	}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{got.MaxTargetBytes, got.MaxHeadBytes, got.MaxContentBytes, got.MaxOutputBytes} {
		if n != mostBytes {
			t.Errorf("no limit is %d", n)
		}
	}
	for class, d := range got.timeouts() {
		if d >= 0 {
			t.Errorf("class %d: no timeout is %v", class, d)
		}
	}
}

func TestConfigErrors(t *testing.T) {
	for _, c := range []struct {
		cfg  Config
		want string
	}{
		{Config{Backlog: -1}, "httpd: Config.Backlog is -1, want 1 to 2147483647, or 0 for the default"},
		{Config{Loops: -1}, "httpd: Config.Loops is -1, want 1 to 1024, or 0 for the default"},
		{Config{Loops: 1025}, "httpd: Config.Loops is 1025, want 1 to 1024, or 0 for the default"},
		{Config{MaxSessions: -1}, "httpd: Config.MaxSessions is -1, want 1 to 16777216, or 0 for the default"},
		{Config{MaxSessions: 1<<24 + 1}, "httpd: Config.MaxSessions is 16777217, want 1 to 16777216, or 0 for the default"},
		{Config{MaxWork: -1}, "httpd: Config.MaxWork is -1, want 1 to 2147483647, or 0 for the default"},
		{Config{MaxTurnRequests: -1}, "httpd: Config.MaxTurnRequests is -1, want 1 to 2147483647, or 0 for the default"},
		{Config{MaxFields: -1}, "httpd: Config.MaxFields is -1, want 1 to 4096, or 0 for the default"},
		{Config{MaxFields: 4097}, "httpd: Config.MaxFields is 4097, want 1 to 4096, or 0 for the default"},
		{Config{Loops: -1, MaxWork: -2}, "httpd: Config.Loops is -1, want 1 to 1024, or 0 for the default\n" +
			"httpd: Config.MaxWork is -2, want 1 to 2147483647, or 0 for the default"},
	} {
		if _, err := c.cfg.withDefaults(); errorText(err) != c.want {
			t.Errorf("%+v: %v", c.cfg, err)
		}
		if _, err := Start(c.cfg); errorText(err) != c.want {
			t.Errorf("Start(%+v): %v", c.cfg, err)
		}
	}
}

func TestRouteErrors(t *testing.T) {
	r := newRig(t, Config{})
	h := func(*Response, *Request) error { return nil }
	for _, c := range []struct {
		route Route
		want  string
	}{
		{Route{Method: "GET ", Pattern: "/x", Handler: h}, `httpd: Route.Method "GET " is no method`},
		{Route{Method: "GET\n", Pattern: "/x", Handler: h}, `httpd: Route.Method "GET\n" is no method`},
		{Route{Method: "GET", Pattern: "", Handler: h}, `httpd: Route.Pattern "" does not begin with a slash`},
		{Route{Method: "GET", Pattern: "x", Handler: h}, `httpd: Route.Pattern "x" does not begin with a slash`},
		{Route{Method: "GET", Pattern: "**", Handler: h}, `httpd: Route.Pattern "**" does not begin with a slash`},
		{Route{Method: "GET", Pattern: "/x", Handler: nil}, `httpd: Route GET /x has no Handler`},
		{Route{Method: "GET", Pattern: "/hi", Handler: h}, `httpd: route exists: GET /hi is never reached behind GET /hi`},
		{Route{Method: "OPTIONS", Pattern: "*", Handler: h}, `httpd: route exists: OPTIONS * is never reached behind OPTIONS *`},
		{Route{Method: "get", Pattern: "/hi", Handler: h}, ""},
		{Route{Method: "PATCH", Pattern: "/hi", Handler: h}, ""},
	} {
		if err := r.srv.Handle(c.route); errorText(err) != c.want {
			t.Errorf("%s %s: %v, want %s", c.route.Method, c.route.Pattern, err, c.want)
		} else if exists := strings.Contains(c.want, "exists"); errors.Is(err, ErrRouteExists) != exists {
			t.Errorf("%v is ErrRouteExists: %v", err, !exists)
		}
	}
	r.finish()
}

// TestRouteWhileServing: a route is there for the next request, and no route
// at all is 404.
func TestRouteWhileServing(t *testing.T) {
	k := newScript(t)
	srv := newScripted(t, Config{Addr: ":80"}, k)
	r := &rig{TB: t, srv: srv, k: k, l: srv.loops[0]}
	s := r.connect()
	if got := r.ask(s, get("/late")); got != fail(404) {
		t.Errorf("got %q", got)
	}
	calls := 0
	err := srv.Handle(Route{Method: "GET", Pattern: "/late", UserCtx: &calls, Handler: func(w *Response, r *Request) error {
		n := r.UserCtx().(*int)
		*n++
		return w.SendString(fmt.Sprint(*n))
	}})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.ask(s, get("/late")+get("/late")); got != good("1")+good("2") {
		t.Errorf("got %q", got)
	}
	r.finish()
}

// TestResponse: what a handler does with its Response, and what comes of it.
func TestResponse(t *testing.T) {
	const typed = "Content-Type: text/plain; charset=utf-8\r\n"
	broken := fail(500, "close")
	for _, c := range []struct {
		name string
		do   func(w *Response) error
		want string
		err  error // of do
	}{
		{"nothing set", func(w *Response) error { return w.SendString("x") }, good("x"), nil},
		{"octets", func(w *Response) error { return w.Send([]byte{0, 255}) }, good("\x00\xff"), nil},
		{"a status", func(w *Response) error { w.SetStatus(201); return w.SendString("x") }, answer("201 Created", "x"), nil},
		{"a status without a phrase", func(w *Response) error { w.SetStatus(299); return w.SendString("x") }, answer("299 ", "x"), nil},
		{"the last status", func(w *Response) error { w.SetStatus(999); return w.SendString("x") }, answer("999 ", "x"), nil},
		{"a status set twice", func(w *Response) error { w.SetStatus(404); w.SetStatus(200); return w.SendString("x") }, good("x"), nil},
		{"an interim status", func(w *Response) error { w.SetStatus(199); return w.SendString("x") }, broken, ErrStatus},
		{"a long status", func(w *Response) error { w.SetStatus(1000); return w.SendString("x") }, broken, ErrStatus},
		{"a negative status", func(w *Response) error { w.SetStatus(-200); return w.SendString("x") }, broken, ErrStatus},
		{"204", func(w *Response) error { w.SetStatus(204); return w.Send(nil) }, "HTTP/1.1 204 No Content\r\n" + dateLine + "\r\n", nil},
		{"204 with content", func(w *Response) error { w.SetStatus(204); return w.SendString("x") }, broken, ErrNoContent},
		{"304", func(w *Response) error { w.SetStatus(304); w.AddHeader("ETag", `"x"`); return w.Send(nil) },
			"HTTP/1.1 304 Not Modified\r\n" + dateLine + "ETag: \"x\"\r\n\r\n", nil},
		{"a type", func(w *Response) error { w.SetType("text/html"); return w.SendString("x") },
			strings.Replace(good("x"), typed, "Content-Type: text/html\r\n", 1), nil},
		{"a type as a field", func(w *Response) error { w.AddHeader("content-TYPE", "text/html"); return w.SendString("x") },
			strings.Replace(good("x"), typed, "Content-Type: text/html\r\n", 1), nil},
		{"no type", func(w *Response) error { w.SetType(""); return w.SendString("x") }, strings.Replace(good("x"), typed, "", 1), nil},
		{"a type with a line end", func(w *Response) error { w.SetType("a\r\nX: y"); return w.SendString("x") }, broken, ErrHeader},
		{"fields in their order", func(w *Response) error {
			w.AddHeader("B", "1")
			w.AddHeader("A", "")
			w.AddHeader("B", "\t2 x"[1:])
			return w.SendString("x")
		}, good("x", "B: 1", "A: ", "B: 2 x"), nil},
		{"a name with a line end", func(w *Response) error { w.AddHeader("A\r\nB", "1"); return w.SendString("x") }, broken, ErrHeader},
		{"a name with a colon", func(w *Response) error { w.AddHeader("A:", "1"); return w.SendString("x") }, broken, ErrHeader},
		{"a name with a space", func(w *Response) error { w.AddHeader("A ", "1"); return w.SendString("x") }, broken, ErrHeader},
		{"no name", func(w *Response) error { w.AddHeader("", "1"); return w.SendString("x") }, broken, ErrHeader},
		{"a value with CR", func(w *Response) error { w.AddHeader("A", "1\r2"); return w.SendString("x") }, broken, ErrHeader},
		{"a value with LF", func(w *Response) error { w.AddHeader("A", "1\n2"); return w.SendString("x") }, broken, ErrHeader},
		{"a value with NUL", func(w *Response) error { w.AddHeader("A", "1\x002"); return w.SendString("x") }, broken, ErrHeader},
		{"a value with a space at its end", func(w *Response) error { w.AddHeader("A", "1 "); return w.SendString("x") }, broken, ErrHeader},
		{"Content-Length", func(w *Response) error { w.AddHeader("content-length", "1"); return w.SendString("x") }, broken, ErrHeader},
		{"Transfer-Encoding", func(w *Response) error { w.AddHeader("Transfer-Encoding", "chunked"); return w.SendString("x") }, broken, ErrHeader},
		{"Connection", func(w *Response) error { w.AddHeader("CONNECTION", "close"); return w.SendString("x") }, broken, ErrHeader},
		{"the first thing that was wrong", func(w *Response) error { w.SetStatus(1); w.AddHeader("", ""); return w.SendString("x") }, broken, ErrStatus},
		{"a wrong field, and an error response", func(w *Response) error { w.AddHeader("", ""); return w.SendErr(404, "") }, broken, ErrHeader},
		{"an error response", func(w *Response) error { return w.SendErr(ErrForbidden, "") }, fail(403), nil},
		{"an error response with a text", func(w *Response) error { return w.SendErr(ErrForbidden, "no") }, answer("403 Forbidden", "no"), nil},
		{"an error response with fields", func(w *Response) error {
			w.SetType("text/html")
			w.AddHeader("WWW-Authenticate", "Basic")
			return w.SendErr(ErrUnauthorized, "who?")
		}, answer("401 Unauthorized", "who?", "WWW-Authenticate: Basic"), nil},
		{"an error response that nobody knows", func(w *Response) error { return w.SendErr(418, "") }, answer("418 ", "418 "), nil},
		{"an error response that is none", func(w *Response) error { return w.SendErr(7, "") }, broken, ErrStatus},
		{"set after Send", func(w *Response) error { err := w.SendString("x"); w.SetStatus(500); w.AddHeader("A", "1"); return err }, good("x"), nil},
		{"an error response after another", func(w *Response) error { w.SendString("x"); return w.SendErr(500, "") }, good("x", "close"), ErrSent},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, Config{})
			var err error
			r.handle("GET", "/do", func(w *Response, _ *Request) error {
				err = c.do(w)
				return err
			})
			s := r.connect()
			got := r.ask(s, get("/do")+get("/hi"))
			want := c.want
			if c.err == nil {
				want += good("hi") // nothing that was set is left
			}
			if got != want || err != c.err {
				t.Errorf("%v\n got %q\nwant %q", err, got, want)
			}
			r.finish()
		})
	}
}

// TestSendCopies: what a handler has passed may change at once.
func TestSendCopies(t *testing.T) {
	r := newRig(t, Config{})
	r.handle("POST", "/mine", func(w *Response, req *Request) error {
		b := req.Content()
		err := w.Send(b)
		clear(b)
		return err
	})
	s := r.connect()
	s.refusing = true
	in := req("POST /mine", "Content-Length: 3") + "abc"
	r.ask(s, in+in)
	s.refusing = false
	if got := r.ask(s); got != good("abc")+good("abc") {
		t.Errorf("got %q", got)
	}
	r.finish()
}

// TestGetters: strings are copies, and a session's name is the same in every
// request.
func TestGetters(t *testing.T) {
	r := newRig(t, Config{})
	var kept []string
	var ids []ID
	r.handle("PUT", "/keep", func(w *Response, req *Request) error {
		x, _ := req.Query("x")
		agent, ok := req.Header("user-agent")
		none, no := req.Header("none")
		_, noBytes := req.HeaderBytes("none")
		if !ok || no || noBytes || none != "" {
			t.Errorf("Header: %q %v, %q %v %v", agent, ok, none, no, noBytes)
		}
		kept = append(kept, req.Method(), req.Target(), req.Path(), x, agent, string(req.QueryBytes()))
		ids = append(ids, req.Session().ID())
		n, is := Ctx[*int](req.Session())
		if !is {
			n = new(int)
			req.Session().SetCtx(n, nil)
		}
		*n++
		return w.SendString(fmt.Sprint(*n, req.Session().Ctx() == any(n)))
	})
	s := r.connect()
	one := req("PUT /keep?x=1&x=2", "User-Agent:  me ")
	if got := r.ask(s, one); got != good("1 true") {
		t.Errorf("got %q", got)
	}
	other := req("PUT /echo?y=3&y=4", "User-Agent:  us ")
	if got := r.ask(s, other); got != good("") {
		t.Errorf("got %q", got)
	}
	want := []string{"PUT", "/keep?x=1&x=2", "/keep", "1", "me", "x=1&x=2"}
	if fmt.Sprint(kept) != fmt.Sprint(want) {
		t.Errorf("kept %q, want %q", kept, want)
	}
	if ids[0] != r.id(s) || ids[0].String() != "0/0/1" {
		t.Errorf("ID %v", ids[0])
	}
	r.finish()
}

func TestErrCode(t *testing.T) {
	for code, body := range bodies {
		if reason(int(code)) == "" || code.Error() != fmt.Sprintf("%d %s", int(code), reason(int(code))) {
			t.Errorf("%d: %s", int(code), code.Error())
		}
		if body == "" || code.body() != body {
			t.Errorf("%v: %q", code, code.body())
		}
	}
	for status := range 1000 {
		want := fmt.Sprintf("HTTP/1.1 %d %s\r\n", status, reason(status))
		if got := string(appendStatusLine(nil, status, "")); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestDate: the field is right in every second, and formatted once in each.
func TestDate(t *testing.T) {
	wall := time.Date(2006, 1, 2, 15, 4, 5, 999_999_999, time.FixedZone("", 3600))
	k := &clock{script: newScript(t), wall: wall}
	d := &date{kernel: k}
	for _, c := range []struct {
		after time.Duration
		want  string
		asked int
	}{
		{0, "Date: Mon, 02 Jan 2006 14:04:05 GMT\r\n", 1},
		{0, "Date: Mon, 02 Jan 2006 14:04:05 GMT\r\n", 1},
		{1, "Date: Mon, 02 Jan 2006 14:04:06 GMT\r\n", 2},
		{time.Second - 1, "Date: Mon, 02 Jan 2006 14:04:06 GMT\r\n", 2},
		{1, "Date: Mon, 02 Jan 2006 14:04:07 GMT\r\n", 3},
		{24 * time.Hour, "Date: Tue, 03 Jan 2006 14:04:07 GMT\r\n", 4},
	} {
		d.now += c.after
		k.wall = k.wall.Add(c.after)
		if got := string(d.line()); got != c.want || k.asked != c.asked {
			t.Errorf("got %q, asked %d times, want %q, %d", got, k.asked, c.want, c.asked)
		}
	}
}

// TestDateOfTheTurn: the responses say when they were made.
func TestDateOfTheTurn(t *testing.T) {
	r := newRig(t, Config{})
	s := r.connect()
	r.ask(s, get("/hi"))
	r.k.wall += 3 * time.Second
	r.pass(3 * time.Second)
	if got := r.ask(s, get("/hi")); got != strings.Replace(good("hi"), "15:04:05", "15:04:08", 1) {
		t.Errorf("got %q", got)
	}
	r.finish()
}

// A clock is a kernel that counts who asks for the time of day.
type clock struct {
	*script
	wall  time.Time
	asked int
}

func (k *clock) Wall() time.Time { k.asked++; return k.wall }

func TestParseAddress(t *testing.T) {
	for _, c := range []struct {
		text string
		want string // ip, port and path; or the error
		any  bool
	}{
		{":8080", "invalid IP 8080 ", true},
		{":0", "invalid IP 0 ", true},
		{"127.0.0.1:80", "127.0.0.1 80 ", false},
		{"0.0.0.0:80", "0.0.0.0 80 ", false},
		{"[::1]:80", "::1 80 ", false},
		{"[::]:80", ":: 80 ", false},
		{"[::ffff:1.2.3.4]:80", "1.2.3.4 80 ", false},
		{"unix:/run/x", "invalid IP 0 /run/x", false},
		{"unix:x", "invalid IP 0 x", false},
		{"unix:@x", "invalid IP 0 @x", false},
		{"unix:", `httpd: Addr "unix:" has no path`, false},
		{"80", "missing port in address", false},
		{"127.0.0.1", "missing port in address", false},
		{"::1:80", "too many colons in address", false},
		{"127.0.0.1:70000", "invalid port", false},
		{"127.0.0.1:-1", "invalid port", false},
		{"[fe80::1%no such]:80", "no such network interface", false},
	} {
		a, err := parseAddress(c.text)
		if err != nil {
			if !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), fmt.Sprintf("httpd: Addr %q", c.text)) {
				t.Errorf("%s: %v", c.text, err)
			}
			continue
		}
		if got := fmt.Sprint(a.ip, a.port, " ", a.path); got != c.want || a.anyIP() != c.any || a.String() != c.text {
			t.Errorf("%s: %q, any address %v", c.text, got, a.anyIP())
		}
		if tcp := a.tcp(); tcp.Port != a.port || a.ip.IsValid() != (tcp.IP != nil) {
			t.Errorf("%s: %v", c.text, tcp)
		}
	}
}

// TestRoom: a session buffer grows to what it needs and no further.
func TestRoom(t *testing.T) {
	p := newBuffers(&budget{most: mostBytes})
	b := p.keep(make([]byte, 100))
	total := 100
	for total < 5000 {
		free := p.room(b, 5000)
		if len(free) < min(leastGrown, 5000-total) || total+len(free) > 5000 {
			t.Fatalf("%d octets of room at %d, for at most 5000", len(free), total)
		}
		if cap(b.B) > max(2*total, total+leastGrown, mostSmall) {
			t.Fatalf("a buffer of %d for %d octets", cap(b.B), total)
		}
		b.B = b.B[:len(b.B)+len(free)]
		total += len(free)
	}
	if free := p.room(b, 5000); len(free) != 0 {
		t.Errorf("%d octets of room beyond the limit", len(free))
	}
	p.release(&b)
	p.release(&b)
	if p.live != 0 || b != nil {
		t.Errorf("%d buffers", p.live)
	}
}
