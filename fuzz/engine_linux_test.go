package fuzz

import (
	"bytes"
	"context"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"moor.example/httpd"
)

// FuzzEngine: whatever a peer says, and however it is cut, the engine answers
// with well-formed responses, ends the connection, and frees its context. b is
// what the peer says before it ends its side; sizes are those of the pieces.
func FuzzEngine(f *testing.F) {
	e := startEngine(f)
	for i, stream := range streams {
		f.Add([]byte(stream), []byte{byte(i), 0, 30, 2})
	}
	f.Fuzz(func(t *testing.T, b, sizes []byte) {
		b = b[:min(len(b), mostOctets)]
		whole := e.talk(t, b, nil)
		responses(t, whole, bytes.Count(b, []byte("\r\n\r\n"))+1)
		cut := e.talk(t, b, sizes)
		if d := otherwise(whole, cut, b); d != "" {
			t.Errorf("%s in pieces of %d:\n%q\nwhole:\n%q", d, sizes, cut, whole)
		}
	})
}

// An engine is a server without a listener and without time limits: what does
// not end by itself does not end. Its other limits are small, so that the
// inputs meet them.
type engine struct {
	*httpd.Server
	set, freed atomic.Int64 // contexts
	twice      atomic.Int64 // of them freed twice
	talks      int
	open       int // descriptors, after the first talk
}

const (
	mostOctets = 2 << 10 // of an input
	mostPieces = 24
	patience   = 10 * time.Second // for what must come at once
	longAnswer = 70 << 10         // more than a response holds back to count it
)

func startEngine(tb testing.TB) *engine {
	srv, err := httpd.Start(httpd.Config{
		MaxTargetBytes: 128, MaxHeadBytes: 512, MaxFields: 8, MaxContentBytes: 128,
		MaxExtensionBytes: 32, MaxTrailerBytes: 64, MaxOutputBytes: 1 << 10, MaxTurnRequests: 3,
		HeadTimeout: -1, ContentTimeout: -1, SendTimeout: -1, LingerTimeout: -1,
		Match: match,
	})
	if err != nil {
		tb.Fatal(err)
	}
	e := &engine{Server: srv}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			tb.Error(err)
		}
	})
	for _, r := range []httpd.Route{{Pattern: "/", Handler: e.echo}, {Method: "GET", Pattern: "/~get", Handler: e.echo}} {
		if err := srv.Handle(r); err != nil {
			tb.Fatal(err)
		}
	}
	return e
}

// match gives every path to the route "/", but for those that begin with "/~":
// of them it gives some to "/~get", and nobody has the rest.
func match(pattern string, path []byte) bool {
	if bytes.HasPrefix(path, []byte("/~")) {
		return pattern != "/" && bytes.HasPrefix(path, []byte(pattern))
	}
	return pattern == "/"
}

// echo answers with what the engine understood. The path says how.
func (e *engine) echo(w *httpd.Response, r *httpd.Request) error {
	how := strings.TrimPrefix(r.Path(), "/")
	if r.Session().Ctx() == nil || strings.HasPrefix(how, "c") {
		e.set.Add(1)
		r.Session().SetCtx(new(int), e.free)
	}
	text := echoed(r.Method(), r.Target(), r.Content())
	switch how[:min(len(how), 1)] {
	case "w":
		w.WriteString(text[:1])
		w.WriteString(text[1:])
		return nil
	case "l":
		w.WriteString(text)
		w.WriteString(strings.Repeat("l", longAnswer))
		return nil
	case "t":
		w.AddTrailer("X-Trailer", "t")
	case "i":
		w.Inform(103, "X-Early", "i")
	case "e":
		w.SendString(text)
		return httpd.ErrInternal
	case "n":
		return nil
	case "m":
		w.SetStatus(204)
		return w.Send(nil)
	}
	return w.SendString(text)
}

// echoed is what the content of a response begins with. It never begins like a
// response.
func echoed(method, target string, content []byte) string {
	return method + " " + target + "\n" + string(content)
}

// free counts in the context itself how often it was freed.
func (e *engine) free(ctx any) {
	n := ctx.(*int)
	if *n++; *n > 1 {
		e.twice.Add(1)
	}
	e.freed.Add(1)
}

// talk says b on a connection of its own, in pieces of these sizes plus one,
// ends its side, and returns what the engine said until it ended the other.
func (e *engine) talk(tb testing.TB, b, sizes []byte) string {
	tb.Helper()
	fd := e.connect(tb)
	begin := 0
	for end := range ends(len(b), sizes[:min(len(sizes), mostPieces)]) {
		if _, err := unix.Write(fd, b[begin:end]); err != nil {
			break // the engine does not listen any more
		}
		begin = end
		e.turn(tb) // now it has the octets, or has ended, or waits for the peer to read
		e.turn(tb)
	}
	unix.Shutdown(fd, unix.SHUT_WR)
	out := readAll(tb, fd)
	unix.Close(fd)
	e.balance(tb)
	if e.talks++; e.talks%1000 == 1 {
		e.level(tb)
	}
	return out
}

// balance wants every context to be freed, once. The end that the peer has
// seen may be that of the engine's side alone: the rest takes it a few turns.
func (e *engine) balance(tb testing.TB) {
	tb.Helper()
	for turns := 0; e.set.Load() != e.freed.Load() && turns < 10; turns++ {
		e.turn(tb)
	}
	if set, freed, twice := e.set.Load(), e.freed.Load(), e.twice.Load(); set != freed || twice != 0 {
		tb.Fatalf("%d contexts were set, %d freed, %d of them twice", set, freed, twice)
	}
}

// connect opens a session and returns the peer's end of it. The other end
// takes little output at once.
func (e *engine) connect(tb testing.TB) int {
	tb.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		tb.Fatal(err)
	}
	unix.SetsockoptInt(fds[1], unix.SOL_SOCKET, unix.SO_SNDBUF, 1)
	wait := unix.NsecToTimeval(patience.Nanoseconds())
	if err := unix.SetsockoptTimeval(fds[0], unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait); err != nil {
		tb.Fatal(err)
	}
	if err := e.Adopt(fds[1]); err != nil {
		tb.Fatal(err)
	}
	return fds[0]
}

// turn waits until the loop has done its work. What was there before the work
// was given to it is served at the latest in the next turn.
func (e *engine) turn(tb testing.TB) {
	tb.Helper()
	done := make(chan struct{})
	if err := e.QueueWork(func() { close(done) }); err != nil {
		tb.Fatal(err)
	}
	select {
	case <-done:
	case <-time.After(patience):
		tb.Fatal("the loop does not turn")
	}
}

// readAll reads until the end. A reset is one, too: of what comes behind the
// last request the engine drops no more than MaxContentBytes.
func readAll(tb testing.TB, fd int) string {
	tb.Helper()
	var out []byte
	buf := make([]byte, 32<<10)
	for {
		n, err := unix.Read(fd, buf)
		switch {
		case n > 0:
			out = append(out, buf[:n]...)
		case err == nil, err == unix.ECONNRESET:
			return string(out)
		case err != unix.EINTR:
			tb.Fatalf("the connection does not end: %v, after %q", err, out)
		}
	}
}

// level wants as many descriptors to be open as there were at first.
func (e *engine) level(tb testing.TB) {
	tb.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		tb.Fatal(err)
	}
	if e.open == 0 {
		e.open = len(open)
	}
	if len(open) > e.open+8 { // the fuzzer has some of its own
		tb.Fatalf("%d descriptors are open, and were %d after the first talk", len(open), e.open)
	}
}

var (
	dates    = regexp.MustCompile(`Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n`)
	expects  = regexp.MustCompile(`(?i)\nexpect:`)
	invited  = "HTTP/1.1 100 Continue\r\n\r\n"
	lastOnes = "Connection: close\r\n"
)

// otherwise says how what the engine said depends on the pieces in which b
// came. It may in this: a peer that expects 100 is told to continue only if
// its content has not come yet; and if nobody wants the content then, nobody
// knows either whether it will come, so that response is the last one.
func otherwise(whole, cut string, b []byte) string {
	whole, cut = dates.ReplaceAllString(whole, ""), dates.ReplaceAllString(cut, "")
	if expects.Match(b) {
		without := strings.NewReplacer(invited, "", lastOnes, "")
		whole, cut = without.Replace(whole), without.Replace(cut)
		whole = whole[:min(len(whole), len(cut))]
	}
	if whole != cut {
		return "something else"
	}
	return ""
}
