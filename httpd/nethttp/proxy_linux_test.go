package nethttp_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptrace"
	"net/http/httputil"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"testing"

	"moor.example/httpd"
)

// proxied is a moor server that passes everything on to h, behind net/http.
func proxied(t *testing.T, h http.Handler) string {
	t.Helper()
	to, err := url.Parse("http://" + unmoored(t, h))
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	proxy := &httputil.ReverseProxy{Transport: tr, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.SetXForwarded()
	}, ErrorLog: log.New(io.Discard, "", 0)}
	return "http://" + moored(t, httpd.Config{}, proxy).Addr().String()
}

// TestReverseProxy: requests and responses pass through, with their fields and
// contents, with a length and without.
func TestReverseProxy(t *testing.T) {
	const date = "Sun, 06 Nov 1994 08:49:37 GMT"
	at := proxied(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Seen", r.Header.Get("X-Forwarded-For")+" "+r.Header.Get("X-Mine"))
		w.Header().Set("Trailer", "X-Sum")
		w.Header().Set("Date", date)
		w.WriteHeader(201)
		content, err := io.ReadAll(r.Body)
		w.Write(content)
		w.Header().Set("X-Sum", fmt.Sprint(len(content), err, r.ContentLength))
	}))
	c := browser(t)
	for _, n := range []int{1, 2047, 5000, 1 << 20} {
		for _, length := range []int64{int64(n), -1} {
			content := bulk(n)
			req := ask(t, "POST", at+"/x?y=z", strings.NewReader(content), "X-Mine", "1")
			req.ContentLength = length
			resp, got, err := fetch(t, c, req)
			if err != nil {
				t.Fatal(err)
			}
			sum := fmt.Sprint(n, nil, length)
			if resp.StatusCode != 201 || got != content || resp.Trailer.Get("X-Sum") != sum || resp.Header.Get("X-Seen") != "127.0.0.1 1" {
				t.Errorf("%d octets of length %d: %d, %d octets, %v, trailer %v, want %q", n, length, resp.StatusCode, len(got), resp.Header, resp.Trailer, sum)
			}
			if dates := resp.Header["Date"]; !slices.Equal(dates, []string{date}) {
				t.Errorf("the dates are %q, want the origin's", dates)
			}
		}
	}
}

// TestReverseProxyStreams: each piece is through before the next is there, both
// ways at once, and so is what is informational.
func TestReverseProxyStreams(t *testing.T) {
	at := proxied(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).EnableFullDuplex()
		w.Header().Set("Link", "</a>")
		w.WriteHeader(103)
		w.Header().Set("Content-Type", "text/event-stream")
		w.WriteHeader(200)
		w.(http.Flusher).Flush()
		for b := make([]byte, 100); ; {
			n, err := r.Body.Read(b)
			if err != nil {
				return
			}
			fmt.Fprintf(w, "data: %s\n\n", b[:n])
			w.(http.Flusher).Flush()
		}
	}))
	body, in := io.Pipe()
	req := ask(t, "POST", at, body)
	var hints []string
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			hints = append(hints, fmt.Sprint(code, h.Get("Link")))
			return nil
		},
	}))
	resp, err := browser(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if fmt.Sprint(hints) != "[103</a>]" {
		t.Errorf("informed of %v", hints)
	}
	for i := range 20 {
		fmt.Fprintf(in, "%d", i)
		want := fmt.Sprintf("data: %d\n\n", i)
		got := make([]byte, len(want))
		if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != want {
			t.Fatalf("%q, %v, want %q", got, err, want)
		}
	}
	in.Close()
	if rest, err := io.ReadAll(resp.Body); err != nil || len(rest) > 0 {
		t.Errorf("%q, %v behind it", rest, err)
	}
}

// TestReverseProxyLetsGo: a client that leaves takes the request along, through
// the proxy and to the handler behind it. One behind it that breaks off breaks
// off the response.
func TestReverseProxyLetsGo(t *testing.T) {
	began, left := make(chan bool), make(chan error)
	at := proxied(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "begun")
		w.(http.Flusher).Flush()
		if r.URL.Path == "/break" {
			panic(http.ErrAbortHandler)
		}
		began <- true
		<-r.Context().Done()
		left <- r.Context().Err()
	}))
	ctx, cancel := context.WithCancel(t.Context())
	c := browser(t)
	resp, err := c.Do(ask(t, "GET", at, nil).WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	<-began
	cancel()
	resp.Body.Close()
	if err := <-left; err != context.Canceled {
		t.Errorf("the handler behind saw %v", err)
	}
	if _, content, err := fetch(t, c, ask(t, "GET", at+"/break", nil)); content != "begun" || err != io.ErrUnexpectedEOF {
		t.Errorf("%q, %v of a response that breaks off", content, err)
	}
}
