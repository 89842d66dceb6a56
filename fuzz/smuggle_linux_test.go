package fuzz

import (
	"bufio"
	"flag"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// FuzzSmuggle: as far as net/http takes what a peer says for requests, the
// engine answers the same ones, in their order, and no others.
func FuzzSmuggle(f *testing.F) {
	e := startEngine(f)
	for _, stream := range streams {
		f.Add([]byte(stream))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		b = b[:min(len(b), mostOctets)]
		answered(t, responses(t, e.talk(t, b, nil), len(b)), b)
	})
}

var engineFlag = flag.Int("engine.count", 3000, "streams of TestEngine")

// TestEngine does what FuzzEngine and FuzzSmuggle do with streams of requests
// made at random, valid ones and spoilt ones. -differential.seed is their seed.
func TestEngine(t *testing.T) {
	seed, count := *seedFlag, *engineFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	if testing.Short() {
		count = min(count, 300)
	}
	t.Logf("-differential.seed=%d", seed)
	e, g, answers := startEngine(t), newGenerator(seed), 0
	for i := range count {
		b, sizes := g.stream(), []byte(g.from("\x00\x01\x07\x28\xff", 0, 24))
		whole := e.talk(t, b, nil)
		list := responses(t, whole, len(b))
		answered(t, list, b)
		if d := otherwise(whole, e.talk(t, b, sizes), b); d != "" {
			t.Errorf("%s in pieces of %d", d, sizes)
		}
		if answers += len(list); t.Failed() {
			t.Fatalf("stream %d: %q", i, b)
		}
	}
	t.Logf("%d streams, %d responses", count, answers)
	if answers < count {
		t.Errorf("%d responses to %d streams: the generator spoils too much", answers, count)
	}
}

// stream returns some requests, of which one may be spoilt.
func (g generator) stream() []byte {
	var b []byte
	for n := 1 + g.IntN(4); n > 0; n-- {
		r := g.request()
		if g.oneIn(5) {
			r = g.spoil(r, g.request())
		}
		b = append(b, r...)
	}
	return b[:min(len(b), mostOctets)]
}

// A response is a final one.
type response struct {
	status  int
	content string
	bare    bool // it says that it has a content, and comes without: the answer to HEAD
	close   bool
}

// responses reads what the engine said. It must be at most so many final
// responses, each with the interim ones before it, and nothing behind one that
// is said to be the last.
func responses(tb testing.TB, said string, most int) (list []response) {
	tb.Helper()
	r := bufio.NewReader(strings.NewReader(said))
	for len(list) == 0 || !list[len(list)-1].close {
		if _, err := r.Peek(1); err == io.EOF {
			break
		}
		resp, err := readResponse(r)
		if err != nil {
			tb.Fatalf("behind %d responses: %v:\n%q", len(list), err, said)
		}
		if resp.status > 199 {
			list = append(list, resp)
		}
	}
	if rest, _ := io.ReadAll(r); len(rest) > 0 || len(list) > most {
		tb.Fatalf("%d responses of at most %d, and then %q:\n%q", len(list), most, rest, said)
	}
	return list
}

func readResponse(r *bufio.Reader) (resp response, err error) {
	std, err := http.ReadResponse(r, nil)
	if err != nil {
		return resp, err
	}
	resp.status, resp.close = std.StatusCode, std.Close
	begin, err := r.Peek(len("HTTP/1.1 "))
	if std.ContentLength != 0 && (string(begin) == "HTTP/1.1 " || len(begin) == 0 && err == io.EOF) {
		resp.bare = true
		return resp, nil
	}
	content, err := io.ReadAll(std.Body)
	resp.content = string(content)
	return resp, err
}

// answered compares the responses with the requests that net/http reads in b,
// as far as it reads any.
func answered(tb testing.TB, list []response, b []byte) {
	tb.Helper()
	asked, all := allOfTheirs(b)
	for i, resp := range list {
		if i == len(asked) {
			if all {
				tb.Errorf("%d responses to %d requests, the next is %+v", len(list), len(asked), resp)
			}
			return
		}
		want := echoed(asked[i].method, asked[i].target, []byte(asked[i].content))
		if resp.status == 200 && !resp.bare && strings.TrimRight(resp.content, "l") != strings.TrimRight(want, "l") {
			tb.Errorf("request %d: net/http reads %q, we answer %q", i, want, resp.content)
		}
		if resp.status != 204 && resp.bare != (asked[i].method == "HEAD") {
			tb.Errorf("request %d: %s is answered with %+v", i, asked[i].method, resp)
		}
	}
	if len(list) < len(asked) && (len(list) == 0 || !endsAll(list[len(list)-1], asked[len(list)-1])) {
		tb.Errorf("%d responses to %d requests", len(list), len(asked))
	}
}

// endsAll reports whether the connection may end behind a response: if that
// says so, or if there was nobody to read the content, which then came in
// chunks that we do not take.
func endsAll(resp response, asked request) bool {
	return resp.close || resp.status != 200 && asked.chunked
}

// allOfTheirs returns the requests that net/http reads in b, and whether there
// is nothing else in it but the empty line that some send behind a content.
func allOfTheirs(b []byte) (list []request, all bool) {
	for len(b) > 0 && string(b) != "\r\n" {
		r, err := theirs(b)
		if err != nil {
			return list, false
		}
		list, b = append(list, r), b[r.next:]
	}
	return list, true
}
