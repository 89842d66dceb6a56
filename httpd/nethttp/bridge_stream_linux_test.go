package nethttp_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"moor.example/httpd"
	"moor.example/httpd/httpdtest"
	"moor.example/httpd/internal/rig"
	"moor.example/httpd/nethttp"
)

func secure(t *testing.T, srv *httpd.Server) *httptest.Server {
	t.Helper()
	bridge := nethttp.NewBridge(srv)
	hs := httptest.NewUnstartedServer(bridge)
	hs.EnableHTTP2 = true
	bridge.Wrap(hs.Config)
	hs.StartTLS()
	t.Cleanup(hs.Close)
	return hs
}

// post posts with HTTP/2, and returns the number that comes back.
func post(c *http.Client, url, content string) (n int, err error) {
	resp, err := c.Post(url, "", strings.NewReader(content))
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.ProtoMajor != 2 {
		err = fmt.Errorf("it was %s", resp.Proto)
	}
	if err == nil {
		n, err = strconv.Atoi(string(b))
	}
	return n, err
}

// upper answers each piece of the content as it comes.
func upper(w *httpd.Response, r *httpd.Request) error {
	if _, err := w.Write(nil); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	p := make([]byte, 100)
	for {
		n, err := r.Read(p)
		if n > 0 {
			w.Write([]byte(strings.ToUpper(string(p[:n]))))
			if err := w.Flush(); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// Content streams in both directions at once, whether its length is known or not.
func TestStreams(t *testing.T) {
	srv := httpdtest.New(t, httpd.Config{}, httpd.Route{Pattern: "/", Blocking: true, Handler: upper})
	c := dial(t, front(t, srv.Server, hooked))
	for _, row := range []struct {
		head          string
		before, after string // of each piece
		last          string
	}{
		{"Transfer-Encoding: chunked", "3\r\n", "\r\n", "0\r\n\r\n"},
		{"Content-Length: 9", "", "", ""},
	} {
		c.send("POST / HTTP/1.1\r\nHost: moor\r\n" + row.head + "\r\n\r\n")
		resp, err := http.ReadResponse(c.r, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, piece := range []string{"abc", "def", "ghi"} {
			c.send(row.before + piece + row.after)
			got := make([]byte, 3)
			if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != strings.ToUpper(piece) {
				t.Fatalf("%s: %q, %v for %q", row.head, got, err, piece)
			}
		}
		c.send(row.last)
		if rest, err := io.ReadAll(resp.Body); err != nil || len(rest) > 0 {
			t.Fatalf("%s: %q, %v at the end", row.head, rest, err)
		}
	}
	if n := len(srv.Sessions()); n != 1 {
		t.Errorf("there are %d sessions", n)
	}
}

// A client that leaves amid a response is no more news to the handler than moor's
// own would be.
func TestLeave(t *testing.T) {
	done := make(chan bool)
	srv := httpdtest.New(t, httpd.Config{}, httpd.Route{Pattern: "/", Blocking: true, Handler: func(w *httpd.Response, r *httpd.Request) error {
		defer close(done)
		w.Write([]byte("begin"))
		if err := w.Flush(); err != nil {
			return err
		}
		<-r.Context().Done()
		return nil
	}})
	c := dial(t, front(t, srv.Server, hooked))
	c.send("GET / HTTP/1.1\r\nHost: moor\r\n\r\n")
	if _, err := c.r.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	c.Close()
	<-done
	rig.Eventually(t, "the session has ended", func() bool { return len(srv.Sessions()) == 0 })
}

// Behind a 101 both sides talk freely, and the session's context lives until they
// are done.
func TestUpgrade(t *testing.T) {
	freed := make(chan bool, 1)
	srv := httpdtest.New(t, httpd.Config{}, route("GET", "/", func(w *httpd.Response, r *httpd.Request) error {
		if up, _ := r.Header("Upgrade"); up != "loud" {
			w.SetStatus(426)
			w.AddHeader("Upgrade", "loud")
			return w.SendString("loud only")
		}
		r.Session().SetCtx(1, func(any) { freed <- true })
		return w.Upgrade("loud", func(s *httpd.Session, b []byte) (int, error) {
			return len(b), s.Send([]byte(strings.ToUpper(string(b))))
		})
	}))
	c := dial(t, front(t, srv.Server, hooked))
	resp := c.ask("GET", "/", "", 426, "loud only")
	if resp.Header.Get("Upgrade") != "loud" {
		t.Errorf("the fields of the 426 are %v", resp.Header)
	}
	c.send("GET / HTTP/1.1\r\nHost: moor\r\nConnection: Upgrade\r\nUpgrade: loud\r\n\r\n")
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil || resp.StatusCode != 101 || resp.Header.Get("Upgrade") != "loud" {
		t.Fatalf("%v, %v", resp, err)
	}
	for _, word := range []string{"hello", "again"} {
		c.send(word)
		got := make([]byte, len(word))
		if _, err := io.ReadFull(c.r, got); err != nil || string(got) != strings.ToUpper(word) {
			t.Fatalf("%q, %v for %q", got, err, word)
		}
	}
	if len(freed) > 0 {
		t.Error("the context is freed early")
	}
	c.Close()
	<-freed
}

// Content is not asked for that moor does not want.
func TestExpect(t *testing.T) {
	srv := httpdtest.New(t, httpd.Config{MaxContentBytes: 10}, route("POST", "/", func(w *httpd.Response, r *httpd.Request) error { return w.Send(r.Content()) }))
	hs := front(t, srv.Server, hooked)
	c := dial(t, hs)
	const head = "POST / HTTP/1.1\r\nHost: moor\r\nExpect: 100-continue\r\nContent-Length: "
	for range 3 {
		c.send(head + "3\r\n\r\n")
		if resp, err := http.ReadResponse(c.r, nil); err != nil || resp.StatusCode != 100 {
			t.Fatalf("%v, %v", resp, err)
		}
		c.send("abc")
		if resp := c.wants(200, "abc"); resp.Close {
			t.Error("the connection ends")
		}
	}
	c.send(head + "11\r\n\r\n")
	c.wants(413, "The content is longer than this server takes.")
	c.send("11 octets..") // net/http waits for them, or for the client's end
	c.ended()
}

// Where no net/http server is there to end the connection, the handler does not
// panic.
func TestRecorder(t *testing.T) {
	srv := httpdtest.New(t, httpd.Config{},
		route("GET", "/", func(w *httpd.Response, r *httpd.Request) error { return w.SendString("recorded") }),
		route("GET", "/mute", func(w *httpd.Response, r *httpd.Request) error {
			w.SendRaw(nil)
			return io.EOF
		}))
	for path, want := range map[string]string{"/": "200 recorded", "/mute": "502 The session has ended without a response.\n"} {
		rec := httptest.NewRecorder()
		nethttp.NewBridge(srv.Server).ServeHTTP(rec, httptest.NewRequest("GET", path, nil))
		if got := fmt.Sprint(rec.Code, " ", rec.Body); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	rig.Eventually(t, "no session is left", func() bool { return len(srv.Sessions()) == 0 })
}

// Content that comes when its session has answered, and ended without a word, is
// dropped: the connection goes on, with another session.
func TestDropped(t *testing.T) {
	srv := httpdtest.New(t, httpd.Config{LingerTimeout: 50 * time.Millisecond}, httpd.Route{Pattern: "/", Blocking: true, Handler: func(w *httpd.Response, r *httpd.Request) error {
		w.SendRaw([]byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly"))
		return io.EOF
	}})
	c := dial(t, front(t, srv.Server, hooked))
	for range 10 {
		c.send("POST / HTTP/1.1\r\nHost: moor\r\nContent-Length: 100000\r\n\r\n")
		c.wants(200, "early")
		rig.Eventually(t, "the session has ended", func() bool { return len(srv.Sessions()) == 0 })
		c.send(strings.Repeat("0123456789", 10_000))
	}
}
