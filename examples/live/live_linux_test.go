package main

import (
	"bufio"
	"bytes"
	"io"
	"log"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"moor.example/httpd"
)

const patience = 10 * time.Second

// A record is what the program has logged. Its loops write, the test reads.
type record struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (r *record) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(b)
}

// await waits for a line that matches, and returns what its group does.
func (r *record) await(t *testing.T, line string) string {
	t.Helper()
	want := regexp.MustCompile("(?m)^" + line + "$")
	deadline, tick := time.After(patience), time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		r.mu.Lock()
		text := r.text.String()
		r.mu.Unlock()
		if found := want.FindStringSubmatch(text); found != nil {
			return found[len(found)-1]
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%q was not logged, but:\n%s", line, text)
		}
	}
}

// logged makes the program's log the test's.
func logged(t *testing.T) *record {
	r := new(record)
	flags, out := log.Flags(), log.Writer()
	log.SetFlags(0)
	log.SetOutput(r)
	t.Cleanup(func() {
		log.SetFlags(flags)
		log.SetOutput(out)
	})
	return r
}

// A demo is the program without its ticker.
type demo struct {
	*live
	t   *testing.T
	log *record
	url string
}

func newDemo(t *testing.T) *demo {
	t.Helper()
	d := &demo{live: newLive(), t: t, log: logged(t)}
	srv, err := start(httpd.Config{Addr: "127.0.0.1:0", Loops: 2}, d.live)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		srv.Close()
		srv.Wait()
	})
	d.url = "http://" + srv.Addr().String()
	return d
}

// A stream is what a page hears: its latest session, count and pages.
type stream struct {
	t     *testing.T
	body  io.ReadCloser
	lines *bufio.Scanner
	said  map[string]string
}

func (d *demo) open() *stream {
	d.t.Helper()
	client := &http.Client{Transport: &http.Transport{}, Timeout: patience} // a connection of its own
	resp, err := client.Get(d.url + "/events")
	if err != nil {
		d.t.Fatal(err)
	}
	s := &stream{d.t, resp.Body, bufio.NewScanner(resp.Body), map[string]string{}}
	d.t.Cleanup(func() { s.body.Close() })
	return s
}

// wants reads until the page has been told name=value. A count that it is told
// is its own: it rises.
func (s *stream) wants(name, value string) {
	s.t.Helper()
	for event := ""; s.said[name] != value; {
		if !s.lines.Scan() {
			s.t.Fatalf("%v, %v, want %s=%s", s.lines.Err(), s.said, name, value)
		}
		field, text, _ := strings.Cut(s.lines.Text(), ": ")
		switch field {
		case "event":
			event = text
		case "data":
			before, _ := strconv.Atoi(s.said[event])
			if n, err := strconv.Atoi(text); event == "count" && s.said[event] != "" && (err != nil || n <= before) {
				s.t.Fatalf("it was told to count %s behind %d", text, before)
			}
			s.said[event] = text
		}
	}
}

func (d *demo) post(query string, status int) {
	d.t.Helper()
	resp, err := http.Post(d.url+"/add"+query, "", nil)
	if err != nil {
		d.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != status {
		d.t.Errorf("POST /add%s: %s, want %d", query, resp.Status, status)
	}
}

// Each page has a number of its own, and hears of the others only how many there
// are.
func TestLive(t *testing.T) {
	d := newDemo(t)
	a := d.open()
	a.wants("count", "0")
	a.wants("pages", "1")
	d.addAll(1)
	d.addAll(1)
	b := d.open()
	b.wants("pages", "2")
	a.wants("pages", "2")
	if a.said["session"] == b.said["session"] || b.said["count"] != "0" {
		t.Fatalf("%v, %v", a.said, b.said)
	}
	d.post("", 204)
	a.wants("count", "3")
	b.wants("count", "1")
	d.post("?session="+strings.ReplaceAll(b.said["session"], "/", "%2F"), 204)
	d.post("", 204)
	b.wants("count", "3")
	a.wants("count", "4")

	b.body.Close()
	a.wants("pages", "1")
	d.log.await(t, "session "+b.said["session"]+" has ended, its count of 3 is freed")
	d.post("?session="+b.said["session"], 404)
	d.post("?session=", 404)
	a.body.Close()
	d.log.await(t, "session "+a.said["session"]+" has ended, its count of 4 is freed")
}

func TestPage(t *testing.T) {
	d := newDemo(t)
	resp, err := http.Get(d.url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || !bytes.Equal(b, page) || resp.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("%d octets, %v, %v", len(b), err, resp.Header)
	}
}

func TestStartFails(t *testing.T) {
	if err := run(httpd.Config{Addr: "nowhere"}, time.Hour); err == nil {
		t.Error("a server without an address")
	}
}

// The program counts by itself. Told to end, it ends its streams properly, frees
// their contexts and returns.
func TestRun(t *testing.T) {
	d := &demo{t: t, log: logged(t)}
	done := make(chan error, 1)
	go func() { done <- run(httpd.Config{Addr: "127.0.0.1:0"}, time.Millisecond) }()
	d.url = "http://" + d.log.await(t, "live listens on (.*)")
	s := d.open()
	s.wants("count", "3")
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for s.lines.Scan() {
	}
	if err := s.lines.Err(); err != nil {
		t.Errorf("the stream ends with %v", err)
	}
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("run: %v", err)
		}
	case <-time.After(patience):
		t.Fatal("it does not end")
	}
	d.log.await(t, "live ends")
	d.log.await(t, "session "+s.said["session"]+" has ended, its count of [0-9]+ is freed")
}
