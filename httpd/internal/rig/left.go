package rig

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/pprof"
	"time"
)

// Main is a TestMain. It runs the tests, and fails when they leave more goroutines
// or descriptors than there were before, for longer than Patience.
func Main(m interface{ Run() int }) { os.Exit(run(m, os.Stderr, Patience)) }

func run(m interface{ Run() int }, to io.Writer, most time.Duration) (code int) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // the runtime opens its own descriptors now: they stay
	if err != nil {
		fmt.Fprintln(to, err)
		return 1
	}
	l.Close()
	goroutines, fds := runtime.NumGoroutine(), Descriptors()
	code = m.Run()
	http.DefaultClient.CloseIdleConnections()
	clean := func() bool { return runtime.NumGoroutine() <= goroutines && len(Descriptors()) <= len(fds) }
	if code == 0 && !await(most, clean) {
		code = 1
		fmt.Fprintf(to, "left over: descriptors %v, were %v; %d goroutines, were %d\n", Descriptors(), fds, runtime.NumGoroutine(), goroutines)
		pprof.Lookup("goroutine").WriteTo(to, 1)
	}
	return code
}

// Descriptors are what the process has open, as "number=what", without the
// directory that is read to find out.
func Descriptors() (open []string) {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		panic(err)
	}
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			open = append(open, e.Name()+"="+to)
		}
	}
	return open
}
