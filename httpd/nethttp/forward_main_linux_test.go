package nethttp_test

import (
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"moor.example/httpd"
	"moor.example/httpd/internal/rig"
	"moor.example/httpd/nethttp"
)

// moored serves h with moor, below every path.
func moored(t testing.TB, cfg httpd.Config, h http.Handler) *httpd.Server {
	t.Helper()
	cfg.Addr, cfg.Match = "127.0.0.1:0", httpd.MatchWildcard
	return rig.Serve(t, cfg, nethttp.Route("", "/*", h))
}

// unmoored serves h with net/http, and returns the address.
func unmoored(t testing.TB, h http.Handler) string {
	t.Helper()
	hs := httptest.NewUnstartedServer(h)
	hs.Config.ErrorLog = log.New(io.Discard, "", 0) // what a handler does wrong it is meant to
	hs.Start()
	t.Cleanup(hs.Close)
	return hs.Listener.Addr().String()
}

// onBoth runs a test with h under net/http, and under the adapter.
func onBoth(t *testing.T, h http.Handler, test func(t *testing.T, addr string)) {
	t.Helper()
	t.Run("net/http", func(t *testing.T) { test(t, unmoored(t, h)) })
	t.Run("moor", func(t *testing.T) { test(t, moored(t, httpd.Config{}, h).Addr().String()) })
}

// connect is a connection whose every wait is bounded.
func connect(t testing.TB, addr string) net.Conn {
	t.Helper()
	return rig.Dial(t, "tcp", addr)
}

// browser is Go's client, with connections of its own.
func browser(t testing.TB) *http.Client {
	tr := &http.Transport{ExpectContinueTimeout: patience, DisableCompression: true}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// fetch is what a request is told; err is that of reading it.
func fetch(t testing.TB, c *http.Client, req *http.Request) (resp *http.Response, content string, err error) {
	t.Helper()
	resp, err = c.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	return resp, string(all), err
}

// ask is a request with these fields: name, value, name, value.
func ask(t testing.TB, method, url string, body io.Reader, fields ...string) *http.Request {
	t.Helper()
	req, err := http.NewRequest(method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(fields); i += 2 {
		req.Header.Add(fields[i], fields[i+1])
	}
	return req
}
