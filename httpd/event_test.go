package httpd

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// A teller is a rig that writes down its events, as text, session by session.
type teller struct {
	*rig
	told map[ID][]string
}

func newTeller(t testing.TB, cfg Config) *teller {
	t.Helper()
	k := &teller{told: map[ID][]string{}}
	cfg.Events = k.hear
	k.rig = newRig(t, cfg)
	return k
}

func (k *teller) hear(e Event) {
	text := e.Kind.String()
	switch e.Kind {
	case EventError:
		text += fmt.Sprint(" ", int(e.Code))
	case EventData, EventSent:
		text += fmt.Sprint(" ", e.Bytes)
	}
	if (e.Code != 0) != (e.Kind == EventError) || (e.Bytes > 0) != (e.Kind == EventData || e.Kind == EventSent) {
		k.Errorf("%s has the code %d and %d octets", text, int(e.Code), e.Bytes)
	}
	k.told[e.Session] = append(k.told[e.Session], text)
	k.k.note("event %s", text)
}

// sent is the event of a socket that takes these answers at once.
func sent(answers ...string) string {
	return fmt.Sprintf("sent %d", len(strings.Join(answers, "")))
}

// eventRows are what a peer does, and all that is told of it between the begin
// and the end of its session.
func eventRows() map[string]struct {
	do   func(r *rig, s *sock)
	want []string
} {
	type row = struct {
		do   func(r *rig, s *sock)
		want []string
	}
	says := func(pieces ...string) func(r *rig, s *sock) {
		return func(r *rig, s *sock) { r.ask(s, pieces...) }
	}
	head, chunked := req("POST /echo", "Content-Length: 3"), upload("")
	cont, drop := req("POST /echo", "Content-Length: 3", "Expect: 100-continue"), req("POST /x", "Content-Length: 3")
	hi, abc := sent(good("hi")), sent(good("abc"))
	const answered = "headers sent"
	much := "HTTP/1.1 200 OK\r\n" + dateLine + "Content-Type: text/plain; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n" +
		chunks(someText(mostWritten+1)) + last
	return map[string]row{
		"nothing":            {says(), nil},
		"an empty line":      {says("\r\n"), nil},
		"a head without end": {says(get("/hi")[:20]), nil},
		"GET":                {says(get("/hi")), []string{"headers", answered, hi}},
		"GET, cut":           {says(strings.Split(get("/hi"), "")...), []string{"headers", answered, hi}},
		"HEAD":               {says(req("HEAD /hi")), []string{"headers", answered, sent(bare(good("hi")))}},
		"OPTIONS":            {says(req("OPTIONS /hi")), []string{"headers", answered, sent(allows("GET, HEAD, OPTIONS"))}},
		"POST":               {says(head + "abc"), []string{"headers", "data 3", answered, abc}},
		"POST of nothing":    {says(post("")), []string{"headers", answered, sent(good(""))}},
		"POST, cut":          {says(head, "abc"), []string{"headers", "data 3", answered, abc}},
		"POST in a head and content": {says(head[:9], head[9:]+"a", "b", "c"),
			[]string{"headers", "data 1", "data 1", "data 1", answered, abc}},
		"POST and more":     {says(head+"ab", "c"+get("/hi")), []string{"headers", "data 2", "data 1", answered, abc, "headers", answered, hi}},
		"half a content":    {says(head + "a"), []string{"headers", "data 1"}},
		"chunks":            {says(chunked + chunks("ab", "c") + last), []string{"headers", "data 3", answered, abc}},
		"chunks, cut":       {says(chunked, "2\r", "\na", "b\r\n1\r\nc", "\r\n0\r\n", "X: y\r\n\r\n"), []string{"headers", "data 1", "data 2", answered, abc}},
		"no chunks":         {says(chunked + last), []string{"headers", answered, sent(good(""))}},
		"content asked for": {says(cont, "abc"), []string{"headers", sent(interim), "data 3", answered, abc}},
		"pipelined": {says(get("/hi") + head + "abc" + get("/x")), []string{"headers", answered, "headers", "data 3", answered,
			"headers", answered, "error 404", sent(good("hi"), good("abc"), fail(404))}},
		"404":                 {says(get("/x")), []string{"headers", answered, "error 404", sent(fail(404))}},
		"404 with content":    {says(drop + "abc"), []string{"headers", "data 3", answered, "error 404", sent(fail(404))}},
		"404, content cut":    {says(drop+"a", "bc"+get("/hi")), []string{"headers", "data 1", answered, "error 404", sent(fail(404)), "data 2", "headers", answered, hi}},
		"404 with chunks":     {says(chunkedTo("POST /x", chunks("abc")+"0\r\n"), "X: y\r\n\r\n"), []string{"headers", answered, "error 404", "data 3", sent(fail(404))}},
		"405":                 {says(req("DELETE /hi")), []string{"headers", answered, "error 405", sent(fail(405, "Allow: GET, HEAD, OPTIONS"))}},
		"417":                 {says(req("GET /hi", "Expect: tea")), []string{"headers", answered, "error 417", sent(fail(417))}},
		"413":                 {says(req("POST /echo", "Content-Length: 65") + "abc"), []string{"headers", answered, "error 413", sent(fail(413, "close"))}},
		"413 in chunks":       {says(upload(chunks("abc") + "41\r\n")), []string{"headers", "data 3", answered, "error 413", sent(fail(413, "close"))}},
		"400":                 {says("\n"), []string{answered, "error 400", sent(fail(400, "close"))}},
		"400 without Host":    {says("GET / HTTP/1.1\r\n\r\n"), []string{answered, "error 400", sent(fail(400, "close"))}},
		"400 behind":          {says(get("/hi") + "\n"), []string{"headers", answered, answered, "error 400", sent(good("hi"), fail(400, "close"))}},
		"408":                 {func(r *rig, s *sock) { r.ask(s, "G"); r.pass(patient) }, []string{answered, "error 408", sent(fail(408, "close"))}},
		"408 in content":      {func(r *rig, s *sock) { r.ask(s, head+"a"); r.pass(patient) }, []string{"headers", "data 1", answered, "error 408", sent(fail(408, "close"))}},
		"500":                 {says(get("/mute")), []string{"headers", answered, "error 500", sent(fail(500, "close"))}},
		"500, an error":       {says(get("/mutefail")), []string{"headers", answered, "error 500", sent(fail(500, "close"))}},
		"an error behind":     {says(get("/fail")), []string{"headers", answered, sent(good("bye", "close"))}},
		"SendErr":             {says(get("/404")), []string{"headers", answered, "error 404", sent(answer("404 Not Found", "no such number"))}},
		"SendErr that fails":  {says(get("/senterr")), []string{"headers", answered, sent(good("x"))}},
		"SendCustomErr":       {says(get("/custom")), []string{"headers", answered, sent(answer("418 Tea", "x"))}},
		"HandleErr":           {says(get("/handle")), []string{"headers", answered, "error 403", sent(fail(403))}},
		"a status of 404":     {says(get("/status")), []string{"headers", answered, sent(answer("404 Not Found", "x"))}},
		"SendRaw":             {says(get("/raw")), []string{"headers", answered, "sent 6"}},
		"an answer in chunks": {says(get("/chunks")), []string{"headers", answered, sent(much)}},
		"an interim response": {says(get("/inform")), []string{"headers", answered, sent("HTTP/1.1 102 Processing\r\n\r\n", good("x"))}},
		"output in pieces": {func(r *rig, s *sock) { s.room = func() int { return 100 }; r.ask(s, get("/hi")) },
			[]string{"headers", answered, "sent 100", fmt.Sprintf("sent %d", len(good("hi"))-100)}},
		"output refused":            {func(r *rig, s *sock) { s.refusing = true; r.ask(s, get("/hi")); s.refusing = false }, []string{"headers", answered, hi}},
		"a reset":                   {func(r *rig, s *sock) { r.ask(s, get("/hi")); s.reset() }, []string{"headers", answered, hi}},
		"a reset before the answer": {func(r *rig, s *sock) { s.says(get("/hi")); s.reset() }, []string{"headers", answered}},
		"TriggerClose":              {func(r *rig, s *sock) { r.srv.TriggerClose(r.id(s)) }, nil},
		"Session.Send": {func(r *rig, s *sock) {
			r.srv.QueueWorkFor(r.id(s), func(s *Session) { s.Send([]byte("push")) })
		}, []string{"sent 4"}},
		"Stop":  {func(r *rig, _ *sock) { r.srv.Stop() }, nil},
		"Close": {func(r *rig, s *sock) { r.ask(s, head+"a"); r.srv.Close() }, []string{"headers", "data 1"}},
	}
}

// TestEvents: each kind, where it comes and what it says.
func TestEvents(t *testing.T) {
	for name, c := range eventRows() {
		t.Run(name, func(t *testing.T) {
			k := newTeller(t, Config{MaxContentBytes: 64, HeadTimeout: patient, ContentTimeout: patient})
			k.handle("GET", "/senterr", func(w *Response, _ *Request) error { w.SendString("x"); w.SendErr(403, ""); return nil })
			k.handle("GET", "/custom", func(w *Response, _ *Request) error { return w.SendCustomErr("418 Tea", "x") })
			k.handle("GET", "/handle", func(w *Response, r *Request) error { return r.HandleErr(w, 403) })
			k.handle("GET", "/status", func(w *Response, _ *Request) error { w.SetStatus(404); return w.SendString("x") })
			k.handle("GET", "/raw", func(w *Response, _ *Request) error { w.SendRaw([]byte("abc")); return w.SendRaw([]byte("def")) })
			k.handle("GET", "/chunks", func(w *Response, _ *Request) error { w.WriteString(someText(mostWritten + 1)); return nil })
			k.handle("GET", "/inform", func(w *Response, _ *Request) error { w.Inform(102); return w.SendString("x") })
			s := k.connect()
			id := k.id(s)
			c.do(k.rig, s)
			k.quiet()
			k.finish()
			want := slices.Concat([]string{"connected"}, c.want, []string{"disconnected"})
			if got := k.told[id]; !slices.Equal(got, want) || len(k.told) != 1 {
				t.Errorf("%d sessions\n got %q\nwant %q", len(k.told), got, want)
			}
		})
	}
}

// TestEventsOnError: an error is told by the answer that was given.
func TestEventsOnError(t *testing.T) {
	next := []string{"headers", "headers sent", sent(good("hi"))}
	for _, c := range []struct {
		name string
		in   string
		h    ErrHandler
		late string // what comes when the request had its time
		want []string
	}{
		{"nothing", get("/x"), func(*Response, *Request, ErrCode) error { return nil }, "",
			[]string{"headers", "headers sent", "error 404", sent(fail(404))}},
		{"another code", get("/x"), func(w *Response, _ *Request, _ ErrCode) error { return w.SendErr(410, "") }, "",
			[]string{"headers", "headers sent", "error 410", sent(fail(410))}},
		{"a page", get("/x"), func(w *Response, _ *Request, _ ErrCode) error { return w.SendString("page") }, "",
			[]string{"headers", "headers sent", sent(good("page"))}},
		{"a head that is kept", "GET", own, get("/hi")[3:],
			[]string{"headers sent", "error 408", sent(answer("408 Request Timeout", "own")), "headers"}},
		{"content that is kept", most, own, rest,
			[]string{"headers", "data 1", "headers sent", "error 408", sent(answer("408 Request Timeout", "own")), "data 2"}},
		{"content behind a head that is kept", "POST", own, post("abc")[4:],
			[]string{"headers sent", "error 408", sent(answer("408 Request Timeout", "own")), "headers", "data 3"}},
		{"chunks behind a head that is kept", "POST", own, upload(chunks("abc") + last)[4:],
			[]string{"headers sent", "error 408", sent(answer("408 Request Timeout", "own")), "headers", "data 3"}},
		{"content that is waited for", most, func(*Response, *Request, ErrCode) error { return nil }, rest,
			[]string{"headers", "data 1", "data 2", "headers sent", sent(good("abc"))}},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newTeller(t, Config{HeadTimeout: patient, ContentTimeout: patient})
			k.onError(404, c.h)
			k.onError(408, c.h)
			s := k.connect()
			id := k.id(s)
			k.ask(s, c.in)
			if c.late != "" {
				k.pass(patient)
				k.ask(s, c.late)
			}
			k.ask(s, get("/hi"))
			k.finish()
			want := slices.Concat([]string{"connected"}, c.want, next, []string{"disconnected"})
			if got := k.told[id]; !slices.Equal(got, want) {
				t.Errorf("\n got %q\nwant %q", got, want)
			}
		})
	}
}

// TestEventsOfRows: of everything that a peer can say, what is told does not
// depend on how the octets are cut, and adds up to what came and went.
func TestEventsOfRows(t *testing.T) {
	rows := slices.Concat(validRows(), refusedRows(), rejectedRows(), limitRows(), chunkedRows(), chunkedRefusedRows(),
		chunkedRejectedRows(), chunkedLimitRows())
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			k := newTeller(t, tableConfig())
			octets, want := k.tell(nil, row.in)
			check := func(room func() int, pieces ...string) {
				t.Helper()
				n, got := k.tell(room, pieces...)
				closed := row.ends && strings.Contains(row.in, "Connection: close") // nobody looks at the rest
				if got != want || n != octets && !closed {
					t.Fatalf("%q: %d octets, %s\nwhole: %d, %s", pieces, n, got, octets, want)
				}
			}
			for at := 1; at < len(row.in); at++ {
				check(nil, row.in[:at], row.in[at:])
			}
			check(func() int { return 7 }, strings.Split(row.in, "")...)
			k.finish()
		})
	}
}

// tell plays a session and sums its events up: octets of content, and others.
func (k *teller) tell(room func() int, pieces ...string) (int, string) {
	k.Helper()
	s := k.connect()
	id := k.id(s)
	s.room = room
	s.says(pieces...)
	k.quiet()
	out := string(s.out)
	s.fin()
	k.quiet()
	told := k.told[id]
	n := len(told) - 1
	if n < 1 || told[0] != "connected" || told[n] != "disconnected" {
		k.Fatalf("%q: %q", pieces, told)
	}
	octets, others := map[string]int{}, []string{}
	for _, text := range told[1:n] {
		var n int
		if kind, number, _ := strings.Cut(text, " "); kind == "data" || kind == "sent" {
			fmt.Sscan(number, &n)
			octets[kind] += n
		} else {
			others = append(others, text)
		}
	}
	responses := strings.Count(out, "HTTP/1.1 ") - strings.Count(out, interim)
	if answers := strings.Count(strings.Join(others, ","), "headers sent"); octets["sent"] != len(out) || answers != responses {
		k.Fatalf("%q: %d octets and %d responses were sent, of %d and %d", pieces, octets["sent"], answers, len(out), responses)
	}
	delete(k.told, id)
	k.k.log = k.k.log[:0]
	return octets["data"], fmt.Sprint(others)
}

// TestEventsAtTheEnd: a session's last event comes when its socket is closed,
// and before its context is freed.
func TestEventsAtTheEnd(t *testing.T) {
	for name, end := range map[string]func(r *rig, s *sock){
		"the peer ends":      func(_ *rig, s *sock) { s.fin() },
		"the peer resets":    func(_ *rig, s *sock) { s.reset() },
		"recv breaks":        func(_ *rig, s *sock) { s.breaks() },
		"send breaks":        func(_ *rig, s *sock) { s.sendFails = broken; s.says(get("/hi")) },
		"close":              func(_ *rig, s *sock) { s.says(req("GET /hi", "Connection: close")) },
		"a refused request":  func(_ *rig, s *sock) { s.says("\n"); s.fin() },
		"a handler's error":  func(_ *rig, s *sock) { s.says(get("/fail")) },
		"a head without end": func(r *rig, s *sock) { r.ask(s, "G"); r.pass(patient); s.fin() },
		"idle for too long":  func(r *rig, _ *sock) { r.pass(time.Minute) },
		"TriggerClose":       func(r *rig, s *sock) { r.srv.TriggerClose(r.id(s)) },
		"Stop":               func(r *rig, _ *sock) { r.srv.Stop() },
		"Close":              func(r *rig, _ *sock) { r.srv.Close() },
		"purged":             func(r *rig, _ *sock) { r.dial() },
	} {
		t.Run(name, func(t *testing.T) {
			k := newTeller(t, Config{MaxSessions: 1, WhenFull: Purge, HeadTimeout: patient, IdleTimeout: time.Minute,
				OnClose: func(s *Session, _ CloseReason) { s.c.l.kernel.(*script).note("told") }})
			s := k.connect()
			id := k.id(s)
			k.ask(s, set("A"))
			k.k.log = nil
			end(k.rig, s)
			k.quiet()
			got := k.k.logOf("told", "close", "free") + ": " + k.told[id][len(k.told[id])-1]
			if want := fmt.Sprintf("told, close %d, free A: disconnected", s.fd); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			if n := strings.Count(strings.Join(k.told[id], ","), "connected"); n != 2 {
				t.Errorf("told %q", k.told[id])
			}
			got = k.k.logOf("close", "event", "free")
			if want := fmt.Sprintf("close %d, event disconnected, free A", s.fd); !strings.Contains(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
			k.finish()
		})
	}
}

// TestEventsOnOpen: OnOpen comes first, and of a session that it refuses nobody
// is told.
func TestEventsOnOpen(t *testing.T) {
	for _, refuse := range []error{nil, errors.New("no")} {
		k := newTeller(t, Config{OnOpen: func(s *Session) error {
			s.c.l.kernel.(*script).note("open")
			s.Send([]byte("welcome"))
			return refuse
		}})
		s := k.dial()
		k.quiet()
		told := strings.Split(k.k.logOf("open", "event"), ", ")
		want := []string{"open", "event connected", "event sent 7"}
		if refuse != nil {
			want = want[:1]
		}
		if !slices.Equal(told, want) || s.took() != "welcome" {
			t.Errorf("refused %v: got %q, want %q", refuse, told, want)
		}
		k.finish()
		if got, want := len(k.told), map[bool]int{true: 1, false: 0}[refuse == nil]; got != want {
			t.Errorf("refused %v: events of %d sessions", refuse, got)
		}
	}
}

// TestEventsOfMany: each session has its own.
func TestEventsOfMany(t *testing.T) {
	k := newTeller(t, Config{})
	var want []ID
	for i := range 5 {
		s := k.connect()
		want = append(want, k.id(s))
		if i%2 == 0 {
			k.ask(s, get("/hi")[:9])
			defer k.ask(s, get("/hi")[9:])
		}
	}
	for i, id := range want {
		if got := k.told[id]; !slices.Equal(got, []string{"connected"}) {
			t.Errorf("session %d: %q", i, got)
		}
	}
	k.srv.Close()
	k.quiet()
	for i, id := range want {
		if got := k.told[id]; !slices.Equal(got, []string{"connected", "disconnected"}) {
			t.Errorf("session %d: %q", i, got)
		}
	}
}

func TestEventNames(t *testing.T) {
	seen := map[string]bool{"": true, "unknown": true}
	for k := range numEvents {
		if name := k.String(); seen[name] {
			t.Errorf("%d is %q, too", k, name)
		}
		seen[k.String()] = true
	}
	for _, k := range []EventKind{numEvents, numEvents + 1, 255} {
		if k.String() != "unknown" {
			t.Errorf("%d is %q", k, k.String())
		}
	}
}
