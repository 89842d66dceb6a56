package fuzz

import (
	"bufio"
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"

	"moor.example/httpd/parser"
)

// FuzzStdlib: what we and net/http both take, we read alike.
func FuzzStdlib(f *testing.F) {
	addHeads(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		h, n, err := parse(b)
		if err != nil {
			return
		}
		target, errTarget := parser.SplitTarget(h, b)
		body, errBody := parser.Framing(h, b)
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(b)))
		if err != nil || errTarget != nil || errBody != nil || parser.CheckHost(h, b) != nil {
			return
		}
		sameLine(t, r, h, b[:n])
		sameHost(t, r, target.Authority.Of(b), values(h, b)["Host"])
		sameFields(t, r, values(h, b))
		sameBody(t, r, body)
		if h.Minor > 0 && r.Close == parser.Persistent(h, b) {
			t.Errorf("net/http closes: %v", r.Close)
		}
	})
}

func sameLine(t *testing.T, r *http.Request, h *parser.Head, b []byte) {
	if r.Method != string(h.Method.Of(b)) || r.RequestURI != string(h.Target.Of(b)) ||
		r.ProtoMajor != 1 || r.ProtoMinor != int(h.Minor) {
		t.Errorf("net/http has the request-line %s %s %s", r.Method, r.RequestURI, r.Proto)
	}
}

// sameHost leaves out percent-encodings, which net/http decodes.
func sameHost(t *testing.T, r *http.Request, authority []byte, hosts []string) {
	want := string(authority)
	if want == "" && len(hosts) == 1 {
		want = hosts[0]
	}
	if r.Host != want && !strings.Contains(want, "%") {
		t.Errorf("net/http has the host %q, we %q", r.Host, want)
	}
}

func sameFields(t *testing.T, r *http.Request, ours map[string][]string) {
	if !sameValues(ours, r.Header) {
		t.Errorf("net/http has the fields %q, we %q", r.Header, ours)
	}
}

func sameBody(t *testing.T, r *http.Request, body parser.Body) {
	want := body.Length
	if body.Kind == parser.Chunked {
		want = -1
	}
	if r.ContentLength != want || (want < 0) != slices.Equal(r.TransferEncoding, []string{"chunked"}) {
		t.Errorf("net/http has a body of %d %q, we %v", r.ContentLength, r.TransferEncoding, body)
	}
}
