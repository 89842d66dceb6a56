package metrics_test

import (
	"encoding/json"
	"expvar"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"moor.example/httpd"
	"moor.example/httpd/httpdtest"
	"moor.example/httpd/internal/rig"
	"moor.example/httpd/metrics"
)

// routes are those of a server that answers in every way, and shows itself.
func routes() []httpd.Route {
	hi := func(w *httpd.Response, _ *httpd.Request) error { return w.SendString("hi") }
	return []httpd.Route{
		{Method: "GET", Pattern: "/hi", Handler: hi},
		{Method: "GET", Pattern: "/blocking", Handler: hi, Blocking: true},
		{Method: "GET", Pattern: "/fail", Handler: func(*httpd.Response, *httpd.Request) error { return io.ErrNoProgress }},
		{Method: "GET", Pattern: "/raw", Handler: func(w *httpd.Response, _ *httpd.Request) error {
			return w.SendRaw([]byte("HTTP/1.1 204 No Content\r\n\r\n"))
		}},
		{Method: "GET", Pattern: "/wait", Blocking: true, Handler: func(_ *httpd.Response, r *httpd.Request) error {
			<-r.Context().Done()
			return r.Context().Err()
		}},
	}
}

// show is a server with these routes, and the page at /metrics.
func show(t *testing.T) *httpdtest.Server {
	t.Helper()
	srv := httpdtest.New(t, httpd.Config{}, routes()...)
	if err := srv.Handle(httpd.Route{Method: "GET", Pattern: "/metrics", Handler: metrics.Handler(srv.Server)}); err != nil {
		t.Fatal(err)
	}
	return srv
}

// scrape reads the page on a session, as Prometheus would.
func scrape(t *testing.T, s *httpdtest.Session) map[string]float64 {
	t.Helper()
	resp, err := s.Do(httptest.NewRequest("GET", "/metrics", nil))
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/plain; version=0.0.4; charset=utf-8" {
		t.Fatalf("%d %v, %v", resp.StatusCode, resp.Header, err)
	}
	p, err := parse(string(content))
	if err != nil {
		t.Fatal(err)
	}
	return p.values
}

func open(t *testing.T, srv *httpdtest.Server) *httpdtest.Session {
	t.Helper()
	s, err := srv.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// rises makes the requests between two scrapes of one session, and wants each
// counter to rise by so much; those that are not named must stay. The first
// scrape is counted by the second.
func rises(t *testing.T, srv *httpdtest.Server, do func(s *httpdtest.Session), want map[string]float64) {
	t.Helper()
	s := open(t, srv)
	before := scrape(t, s)
	do(s)
	after := scrape(t, s)
	got := map[string]float64{}
	for series, n := range after {
		counts := strings.Contains(series, "_total") || strings.HasSuffix(series, "_count")
		if was, ok := before[series]; !ok {
			t.Errorf("%s was not there before", series)
		} else if counts && n != was && !strings.Contains(series, "_bytes_") {
			got[series] = n - was
		}
	}
	if len(before) != len(after) {
		t.Errorf("%d series, were %d", len(after), len(before))
	}
	if !maps.Equal(got, want) {
		t.Errorf("these rose: %v\nwant %v", got, want)
	}
}

// TestRises: the page tells what was asked for, and nothing else.
func TestRises(t *testing.T) {
	get := func(t *testing.T, do func(*http.Request) (*http.Response, error), path string, status int) {
		t.Helper()
		resp, err := do(httptest.NewRequest("GET", path, nil))
		if err != nil || resp.StatusCode != status {
			t.Fatalf("%s: %v, %v, want %d", path, resp, err, status)
		}
	}
	const requests, accepted, timed = "moor_requests_total", "moor_connections_accepted_total", "moor_handler_duration_seconds_count"
	const ok = `moor_responses_total{class="2xx"}`
	for _, row := range []struct {
		name string
		do   func(t *testing.T, srv *httpdtest.Server, s *httpdtest.Session)
		want map[string]float64
	}{
		{"nothing", func(*testing.T, *httpdtest.Server, *httpdtest.Session) {}, map[string]float64{requests: 1, ok: 1, timed: 1}},
		{"192 on the loop", func(t *testing.T, _ *httpdtest.Server, s *httpdtest.Session) {
			for range 3 * 64 {
				get(t, s.Do, "/hi", 200)
			}
		}, map[string]float64{requests: 193, ok: 193, timed: 4}},
		{"5 that block", func(t *testing.T, _ *httpdtest.Server, s *httpdtest.Session) {
			for range 5 {
				get(t, s.Do, "/blocking", 200)
			}
		}, map[string]float64{requests: 6, ok: 6, timed: 6}},
		{"2 not found", func(t *testing.T, _ *httpdtest.Server, s *httpdtest.Session) {
			get(t, s.Do, "/nowhere", 404)
			get(t, s.Do, "/nowhere", 404)
		}, map[string]float64{requests: 3, ok: 1, timed: 1, `moor_responses_total{class="4xx"}`: 2}},
		{"raw", func(t *testing.T, _ *httpdtest.Server, s *httpdtest.Session) {
			get(t, s.Do, "/raw", 204)
		}, map[string]float64{requests: 2, ok: 1, timed: 1, `moor_responses_total{class="other"}`: 1}},
		{"a session that fails", func(t *testing.T, srv *httpdtest.Server, _ *httpdtest.Session) {
			get(t, srv.Do, "/fail", 500)
		}, map[string]float64{requests: 2, ok: 1, timed: 1, accepted: 1,
			`moor_responses_total{class="5xx"}`: 1, `moor_sessions_ended_total{reason="handler"}`: 1}},
		{"3 sessions that leave", func(t *testing.T, srv *httpdtest.Server, _ *httpdtest.Session) {
			for range 3 {
				get(t, srv.Do, "/hi", 200)
			}
		}, map[string]float64{requests: 4, ok: 4, timed: 1, accepted: 3, `moor_sessions_ended_total{reason="peer"}`: 3}},
		{"octets that are no request", func(t *testing.T, srv *httpdtest.Server, _ *httpdtest.Session) {
			if _, err := srv.Raw("GET\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
		}, map[string]float64{requests: 2, ok: 1, timed: 1, accepted: 1,
			`moor_responses_total{class="4xx"}`: 1, `moor_sessions_ended_total{reason="refused"}`: 1}},
	} {
		t.Run(row.name, func(t *testing.T) {
			srv := show(t)
			rises(t, srv, func(s *httpdtest.Session) { row.do(t, srv, s) }, row.want)
		})
	}
}

// TestOctets: what goes through the sessions is counted to the octet. The page
// is the last turn's: its own request is not on it.
func TestOctets(t *testing.T) {
	const ask = "GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n"
	s := open(t, show(t))
	var sent, received float64
	for range 3 {
		answer, err := s.Raw(ask)
		if err != nil {
			t.Fatal(err)
		}
		_, content, _ := strings.Cut(answer, "\r\n\r\n")
		p, err := parse(content)
		if err != nil {
			t.Fatal(err)
		}
		if p.values["moor_received_bytes_total"] != received || p.values["moor_sent_bytes_total"] != sent {
			t.Errorf("received %v and sent %v, want %v and %v",
				p.values["moor_received_bytes_total"], p.values["moor_sent_bytes_total"], received, sent)
		}
		received, sent = received+float64(len(ask)), sent+float64(len(answer))
	}
}

// TestGauges: sessions are there while they are, on the page of another server.
func TestGauges(t *testing.T) {
	srv := httpdtest.New(t, httpd.Config{Loops: 2}, routes()...)
	page := httpdtest.New(t, httpd.Config{}, httpd.Route{Method: "GET", Pattern: "/metrics", Handler: metrics.Handler(srv.Server)})
	about := open(t, page)
	is := func(sessions, idle, handler float64) {
		t.Helper()
		var now map[string]float64
		if !rig.Await(func() bool {
			now = scrape(t, about)
			return now["moor_sessions"] == sessions && now["moor_detached_requests"] == handler &&
				now[`moor_session_states{state="idle"}`] == idle && now[`moor_session_states{state="handler"}`] == handler
		}) {
			t.Fatalf("%v, want %v sessions: %v idle, %v in a handler", now, sessions, idle, handler)
		}
	}
	is(0, 0, 0)
	quiet, busy := open(t, srv), open(t, srv)
	if _, err := quiet.Do(httptest.NewRequest("GET", "/hi", nil)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(busy, "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	is(2, 1, 1)
	if now := scrape(t, about); now["moor_loops"] != 2 || now["moor_connections_accepted_total"] != 2 || now["moor_responses_total{class=\"2xx\"}"] != 1 {
		t.Errorf("%v", now)
	}
	busy.Abort()
	is(1, 1, 0)
	srv.Close()
	is(0, 0, 0) // the figures stay when their server has ended
	if now := scrape(t, about); now["moor_connections_accepted_total"] != 2 || now[`moor_sessions_ended_total{reason="stop"}`] != 1 {
		t.Errorf("%v", now)
	}
}

// TestWords: each label has all its words before anything has happened, and each
// is a Stats' key.
func TestWords(t *testing.T) {
	srv := show(t)
	now := scrape(t, open(t, srv))
	st := srv.Stats()
	want := map[string][]string{
		`moor_session_states{state="`:             slices.Collect(maps.Keys(st.States)),
		`moor_connections_refused_total{reason="`: slices.Collect(maps.Keys(st.Refused)),
		`moor_sessions_ended_total{reason="`:      slices.Collect(maps.Keys(st.Ended)),
		`moor_deadlines_expired_total{class="`:    slices.Collect(maps.Keys(st.Expired)),
		`moor_responses_total{class="`:            slices.Collect(maps.Keys(st.Responses)),
	}
	for series, words := range want {
		if len(words) < 2 {
			t.Errorf("%s: only %q", series, words)
		}
		for _, word := range words {
			if _, ok := now[series+word+`"}`]; !ok {
				t.Errorf("%s%s\"} is not there", series, word)
			}
		}
	}
}

// TestHandlerMethods: HEAD has the fields and no content.
func TestHandlerMethods(t *testing.T) {
	srv := httpdtest.New(t, httpd.Config{})
	if err := srv.Handle(httpd.Route{Pattern: "/metrics", Handler: metrics.Handler(srv.Server)}); err != nil {
		t.Fatal(err)
	}
	resp, err := srv.Do(httptest.NewRequest("HEAD", "/metrics", nil))
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(resp.Body)
	if err != nil || len(content) > 0 || resp.ContentLength < 1000 || resp.Header.Get("Content-Type") != metrics.ContentType {
		t.Errorf("%d octets, %v %v", len(content), resp.Header, err)
	}
}

// TestExpvar: what expvar would publish is JSON, and is of now.
func TestExpvar(t *testing.T) {
	srv := show(t)
	var v expvar.Var = metrics.Expvar(srv.Server)
	for n := range uint64(3) {
		var st httpd.Stats
		read := func() bool {
			if err := json.Unmarshal([]byte(v.String()), &st); err != nil {
				t.Fatalf("%v in %s", err, v)
			}
			return st.Requests == n && st.Responses["2xx"] == n && st.Ended["peer"] == n && st.Times.Count() == min(n, 1)
		}
		if !rig.Await(read) {
			t.Errorf("%+v after %d requests", st, n)
		}
		if _, err := srv.Do(httptest.NewRequest("GET", "/hi", nil)); err != nil {
			t.Fatal(err)
		}
	}
}
