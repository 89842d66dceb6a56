package moduletest

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/pprof"
	"testing"
	"time"

	"moor.example/httpd"
	"moor.example/httpd/nethttp"
)

const patience = 10 * time.Second

// TestMain fails when the tests leave goroutines or descriptors behind.
func TestMain(m *testing.M) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // opens the runtime's own descriptors
	if err != nil {
		panic(err)
	}
	l.Close()
	goroutines, fds := runtime.NumGoroutine(), descriptors()
	code := m.Run()
	if code == 0 && !await(func() bool { return runtime.NumGoroutine() <= goroutines && descriptors() <= fds }) {
		code = 1
		fmt.Fprintf(os.Stderr, "left over: %d descriptors, were %d\n", descriptors(), fds)
		pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
	}
	os.Exit(code)
}

func descriptors() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		panic(err)
	}
	return len(entries)
}

func await(is func() bool) bool {
	deadline, tick := time.After(patience), time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			return false
		}
	}
	return true
}

// serve serves h below every path, and returns the server and its address.
func serve(t *testing.T, cfg httpd.Config, h http.Handler) (*httpd.Server, string) {
	t.Helper()
	cfg.Addr, cfg.Match = "127.0.0.1:0", httpd.MatchWildcard
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
	if err := srv.Handle(nethttp.Route("", "/*", h)); err != nil {
		t.Fatal(err)
	}
	return srv, srv.Addr().String()
}
