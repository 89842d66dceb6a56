package httpd

import (
	"strings"
	"testing"
)

func (*void) Send(_ int, p []byte) (int, outcome, error) { return len(p), ok, nil }

// TestDetachedTakesNothingAlong: what earlier responses have left in the loop's
// memory stays there when a request is detached, and a long head is not paid for
// ever after.
func TestDetachedTakesNothingAlong(t *testing.T) {
	const n = 100
	cfg := Config{MaxSessions: n, MaxBufferBytes: 1 << 20, MaxDetached: n, MaxWork: 1}
	bound, err := cfg.MemoryBound()
	if err != nil {
		t.Fatal(err)
	}
	l, asked, detached := newVoid(t, cfg), 0, 0
	text := make([]byte, 200<<10)
	if err := l.srv.Handle(Route{Method: "GET", Pattern: "/later", Handler: func(w *Response, q *Request) error {
		if asked++; asked%2 == 0 {
			detached++
			_, err := q.Detach()
			return err
		}
		w.AddHeader("X", strings.Repeat("y", 1<<20))
		_, err := w.Write(text)
		return err
	}}); err != nil {
		t.Fatal(err)
	}
	before := liveHeap()
	for s := range l.table.All() {
		l.connOf(s).receive()
		l.connOf(s).receive()
	}
	if took := liveHeap() - before; took > bound || took > 4<<20 || detached != n {
		t.Errorf("%d detached requests take %d octets; the bound is %d", detached, took, bound)
	}
	for s := range l.table.All() {
		l.connOf(s).detached.Complete(nil)
	}
	l.runWork()
	l.abort()
}

// TestOldPeerSeesTheCut: where the end of the connection is the end of the
// content, a content that was given up ends with a reset.
func TestOldPeerSeesTheCut(t *testing.T) {
	for version, want := range map[string]string{"HTTP/1.0": "reset 10, close 10", "HTTP/1.1": "close 10"} {
		r := newRig(t, Config{})
		r.handle("GET", "/stream", func(w *Response, _ *Request) error {
			w.WriteString(strings.Repeat("x", mostWritten+1))
			return ErrInternal
		})
		s := r.connect()
		r.ask(s, "GET /stream "+version+"\r\nHost: a\r\n\r\n")
		r.ended(s)
		if got := r.k.logOf("reset", "shutdown", "close"); got != want {
			t.Errorf("%s: got %q, want %q", version, got, want)
		}
		r.finish()
	}
}
