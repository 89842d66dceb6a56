package httpd

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// TestLingerReset: with a negative LingerTimeout every session ends with a reset,
// right before its socket is closed: nothing is shut down first, and nothing
// lingers. By default only those do whose output is cut short.
func TestLingerReset(t *testing.T) {
	for _, f := range fates() {
		t.Run(f.name, func(t *testing.T) {
			cfg := fateConfig()
			cfg.LingerTimeout = -1
			r := telling(t, cfg)
			f.meets(r)
			want := strings.Replace(f.only("close", "free"), "close", "reset 10, close 10", 1)
			if got := r.k.logOf("reset", "shutdown", "close", "free"); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			r.finish()
		})
		t.Run(f.name+", by default", func(t *testing.T) {
			r := telling(t, fateConfig())
			s := f.meets(r)
			failed := strings.ReplaceAll(r.k.logOf("send"), "send 10: again", "")
			want := ""
			if s.refusing || strings.Contains(failed, ":") {
				want = "reset 10"
			}
			if got := r.k.logOf("reset"); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			r.finish()
		})
	}
}

// TestLingerResetMore: the same for the ends that only a server with its own
// configuration has, and the last response is sent before.
func TestLingerResetMore(t *testing.T) {
	for name, c := range map[string]struct {
		cfg  Config
		do   func(r *rig, s *sock)
		want string
	}{
		"purged":  {Config{MaxSessions: 1, WhenFull: Purge}, func(r *rig, _ *sock) { r.connect() }, "reset 10, close 10"},
		"refused": {Config{OnOpen: func(*Session) error { return errors.New("no") }}, func(*rig, *sock) {}, "reset 10, close 10"},
		"no greeting": {Config{Transport: &puppet{open: func(*Session) error { return errors.New("no") }}}, func(*rig, *sock) {},
			"reset 10, close 10"},
		"no greeting in time": {Config{Transport: &puppet{open: func(*Session) error { return ErrWantRead }}}, func(r *rig, _ *sock) {
			r.pass(10 * time.Second)
		}, "reset 10, close 10"},
		"fresh too long": {Config{}, func(r *rig, _ *sock) { r.pass(10 * time.Second) }, "reset 10, close 10"},
		"served": {Config{}, func(r *rig, s *sock) { s.says(req("GET /hi", "Connection: close") + get("/hi")) },
			"send 10, reset 10, close 10"},
		"served, and the rest refused": {Config{}, func(r *rig, s *sock) {
			turn := 0
			s.room = func() int { turn++; return 7 * (turn % 2) }
			s.says(req("GET /hi", "Connection: close"))
		}, strings.Repeat("send 10, send 10: again, ", (len(good("hi", "close"))-1)/7) + "send 10, reset 10, close 10"},
		"refused with its content": {Config{MaxContentBytes: 2}, func(r *rig, s *sock) { s.says(post("abc")) },
			"send 10, reset 10, close 10"},
		"through a Transport": {Config{Transport: PlainSocket{}}, func(r *rig, s *sock) { s.says("\n") },
			"send 10, reset 10, close 10"},
		"detached": {Config{}, func(r *rig, s *sock) { // it is reset when it is completed
			var d *Detached
			r.handle("GET", "/away", func(_ *Response, req *Request) (err error) {
				d, err = req.Detach()
				return err
			})
			r.ask(s, get("/away"))
			r.srv.Close()
			r.turn()
			d.Complete(nil)
		}, "sever 10, reset 10, close 10"},
	} {
		t.Run(name, func(t *testing.T) {
			c.cfg.LingerTimeout = -1
			r := newRig(t, c.cfg)
			s := r.dial()
			r.quiet()
			c.do(r, s)
			r.quiet()
			r.ended(s)
			if got := r.k.logOf("send", "sever", "reset", "shutdown", "close"); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			r.k.log = nil
			r.finish()
		})
	}
}
