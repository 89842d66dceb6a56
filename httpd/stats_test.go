package httpd

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// TestStats: everything that happens is counted, once, and seen after the turn.
func TestStats(t *testing.T) {
	cfg := timed(-1)
	r := newRig(t, cfg)
	r.handle("GET", "/panic", func(*Response, *Request) error { panic("x") })
	r.handle("GET", "/raw", func(w *Response, _ *Request) error { return w.SendRaw([]byte("HTTP/1.1 299 x\r\n\r\n")) })
	r.handle("GET", "/slow", func(w *Response, _ *Request) error {
		r.k.now += 3 * time.Millisecond
		return w.SendString("slow")
	})
	var d *Detached
	r.handle("GET", "/later", func(_ *Response, q *Request) (err error) {
		d, err = q.Detach()
		return err
	})
	a, b := r.connect(), r.connect()
	said := get("/slow") + get("/hi") + get("/nothing") + get("/raw")
	got := r.ask(a, said)
	r.ask(b, get("/panic"))
	c := r.connect()
	r.ask(c, get("/later"))
	r.pass(5 * time.Millisecond)
	half := r.ask(a, "GET /hi")
	st := r.srv.Stats()
	if st.States["handler"] != 1 || st.States["head"] != 1 || st.Sessions != 2 || st.Detached != 1 || st.Buffered == 0 {
		t.Errorf("%+v", st)
	}
	d.Response().SendString("later")
	d.Complete(nil)
	later := r.ask(c)
	r.pass(headTime)
	late := a.took()
	r.pass(headTime)
	r.turn()
	st = r.srv.Stats()
	want := map[string]uint64{
		"accepted": 3, "requests": 7, "2xx": 3, "4xx": 2, "5xx": 1, "other": 1, "1xx": 0,
		"handler": 1, "expired": 1, "head": 1, "timed": 2, "peer": 0,
	}
	have := map[string]uint64{
		"accepted": st.Accepted, "requests": st.Requests, "1xx": st.Responses["1xx"], "2xx": st.Responses["2xx"],
		"4xx": st.Responses["4xx"], "5xx": st.Responses["5xx"], "other": st.Responses["other"],
		"handler": st.Ended["handler"], "expired": st.Ended["expired"], "head": st.Expired["head"], "timed": st.Times.Count(), "peer": st.Ended["peer"],
	}
	for name, n := range want {
		if have[name] != n {
			t.Errorf("%s: %d, want %d", name, have[name], n)
		}
	}
	if in := len(said) + len(get("/panic")) + len(get("/later")) + len("GET /hi"); st.Received != uint64(in) {
		t.Errorf("%d octets received, want %d", st.Received, in)
	}
	if out := len(got) + len(fail(500)) + len("Connection: close\r\n") + len(half) + len(later) + len(late); st.Sent < uint64(out)-30 || st.Sent > uint64(out)+30 {
		t.Errorf("%d octets sent, want about %d", st.Sent, out)
	}
	if st.Times.Sum != 8*time.Millisecond || st.Times.Counts[12] != 1 || st.Times.Counts[13] != 1 {
		t.Errorf("the times are %v", st.Times)
	}
	if n := st.States["idle"]; n != 1 || st.Sessions != 1 {
		t.Errorf("%d idle of %d", n, st.Sessions)
	}
	r.finish()
	r.turn()
	for state, n := range r.srv.Stats().States {
		if n != 0 {
			t.Errorf("%d sessions are left in the state %s", n, state)
		}
	}
}

// TestHistogramBounds: a time is counted below its bound, and not below the one
// before.
func TestHistogramBounds(t *testing.T) {
	for d := time.Nanosecond; d < time.Hour; d = d*3/2 + 1 {
		var h Histogram
		h.add(d)
		for i, n := range h.Counts {
			below := d < h.Bound(i) || i == len(h.Counts)-1
			above := i == 0 || d >= h.Bound(i-1)
			if (n == 1) != (below && above) {
				t.Errorf("%v is counted %d times at %d, bound %v", d, n, i, h.Bound(i))
			}
		}
	}
}

// TestLogger: a session that ends has one line, and so has a panic, whatever the
// peer has said in it.
func TestLogger(t *testing.T) {
	var out bytes.Buffer
	cfg := timed(-1)
	cfg.Logger = slog.New(slog.NewJSONHandler(&out, nil))
	r := newRig(t, cfg)
	r.handle("GET", "/panic", func(*Response, *Request) error { panic(errors.New("as it was told")) })
	a, b := r.connect(), r.connect()
	r.ask(a, get("/hi"), get("/hi"))
	if out.Len() > 0 {
		t.Errorf("a request is logged: %s", &out)
	}
	r.ask(b, "GET http://h/panic HTTP/1.1\r\nHost: h\r\n\r\n")
	r.finish()
	var lines []map[string]any
	for line := range strings.Lines(out.String()) {
		entry := map[string]any{}
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, entry)
	}
	if len(lines) != 3 {
		t.Fatalf("%d lines: %s", len(lines), &out)
	}
	for i, want := range []map[string]any{
		{"msg": "moor: a handler panicked", "level": "ERROR", "path": `"/panic"`, "method": `"GET"`},
		{"msg": "moor: a session ended", "reason": "handler", "requests": 1.0, "level": "INFO"},
		{"msg": "moor: a session ended", "reason": "peer", "requests": 2.0},
	} {
		for key, v := range want {
			if lines[i][key] != v {
				t.Errorf("line %d: %s is %v, want %v", i, key, lines[i][key], v)
			}
		}
	}
	if stack, _ := lines[0]["stack"].(string); !strings.Contains(stack, "stats_test.go") {
		t.Errorf("the stack is %q", stack)
	}
}
