package httpd_test

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"moor.example/httpd"
	"moor.example/httpd/internal/rig"
)

// A response is not held back until the one before it is acknowledged.
func TestNoDelay(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", ":0"} {
		srv := start(t, httpd.Config{Addr: addr}, route("GET", "/", func(w *httpd.Response, r *httpd.Request) error {
			on, err := unix.GetsockoptInt(r.Session().FD(), unix.IPPROTO_TCP, unix.TCP_NODELAY)
			if err != nil {
				return err
			}
			return w.SendString(fmt.Sprint(on))
		}))
		dial(t, srv).do(get("/"), 200, "1")
	}
}

// The system is told how many connections may wait, within its own bound.
func TestBacklog(t *testing.T) {
	for _, most := range []int{1, 7, 40} {
		before := map[string]bool{}
		for _, d := range rig.Descriptors() {
			before[d] = true
		}
		start(t, httpd.Config{Backlog: most})
		told := -1
		for _, d := range rig.Descriptors() {
			var fd int
			fmt.Sscan(d, &fd)
			if listens, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); before[d] || err != nil || listens == 0 {
				continue
			}
			info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
			if err != nil {
				t.Fatal(err)
			}
			told = int(info.Sacked) // of a listening socket: the backlog (tcp_get_info)
		}
		if told != most {
			t.Errorf("the backlog is %d, want %d", told, most)
		}
	}
}
