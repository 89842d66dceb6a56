// Package rig is what the socket tests of several packages stand on: a server and
// connections for the length of a test, a wait for what another goroutine does in
// its own time, and a TestMain that fails when something is left behind.
package rig

import (
	"net"
	"testing"
	"time"

	"moor.example/httpd"
)

// Patience bounds every wait of these tests. It is never waited for unless
// something is wrong.
const Patience = 10 * time.Second

// Serve runs a server for the length of the test, which fails if the server does
// not start, does not take a route, or ends with an error.
func Serve(t testing.TB, cfg httpd.Config, routes ...httpd.Route) *httpd.Server {
	t.Helper()
	srv, err := httpd.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		srv.Close()
		if err := srv.Wait(); err != nil {
			t.Error(err)
		}
	})
	for _, r := range routes {
		if err := srv.Handle(r); err != nil {
			t.Fatal(err)
		}
	}
	return srv
}

// Dial connects for the length of the test. No Read or Write waits for longer
// than three times Patience after it.
func Dial(t testing.TB, network, addr string) net.Conn {
	t.Helper()
	c, err := net.DialTimeout(network, addr, Patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(3 * Patience)); err != nil {
		t.Fatal(err)
	}
	return c
}

// Eventually waits until is reports true, and fails the test if it does not within
// Patience: what says what was waited for.
func Eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	if !Await(is) {
		t.Fatalf("not within %v: %s", Patience, what)
	}
}

// Await waits until is reports true, and reports whether it did within Patience.
func Await(is func() bool) bool { return await(Patience, is) }

func await(most time.Duration, is func() bool) bool {
	deadline, tick := time.NewTimer(most), time.NewTicker(time.Millisecond)
	defer deadline.Stop()
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-deadline.C:
			return is()
		}
	}
	return true
}
