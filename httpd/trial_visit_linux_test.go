package httpd_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"time"
)

// A visitor is a client with one connection, from its begin to its end. What it
// does is random; what it must get follows from that.
type visitor struct {
	*caller
	rnd  *rand.Rand
	seen *tally
	done []string
	sum  int // of the session's account
}

// visit makes some requests, in some way, and departs in another.
func (v *visitor) visit(a *arena) error {
	depart := choose(v, departures)
	var err error
	if v.rnd.IntN(3) == 0 {
		v.caller, err = a.call(narrow)
	} else {
		v.caller, err = a.call()
	}
	if err != nil {
		return err
	}
	defer v.Close()
	for range v.rnd.IntN(3) {
		if err := v.batch(v.some()); err != nil {
			return err
		}
	}
	return depart(v)
}

func (v *visitor) did(name string) {
	v.done = append(v.done, name)
	v.seen.add(name)
}

// story is what the visitor has done so far.
func (v *visitor) story() string { return strings.Join(v.done, ", ") }

// An owed is a request, and the response that must come. What an error response
// says is not for here.
type owed struct {
	octets  string
	method  string
	status  int
	content string
}

// some are a few requests.
func (v *visitor) some() (all []owed) {
	for range 1 + v.rnd.IntN(4) {
		all = append(all, choose(v, asks)(v))
	}
	return all
}

// batch sends requests in some way, and wants their responses.
func (v *visitor) batch(all []owed) error { return v.send(all, nil).read(v, all) }

// A sending goes on while answers are read: neither waits for the other.
type sending chan error

// send begins to send requests, and then does what after says.
func (v *visitor) send(all []owed, after func() error) sending {
	way, octets := choose(v, ways), joined(all)
	rnd := rand.New(rand.NewPCG(v.rnd.Uint64(), 0)) // one goroutine, one source
	sent := make(sending, 1)
	go func() {
		err := way(v.TCPConn, rnd, octets)
		if err == nil && after != nil {
			err = after()
		}
		sent <- err
	}()
	return sent
}

// read wants the responses, and all requests to have been sent by then.
func (s sending) read(v *visitor, all []owed) error {
	err := v.answers(all)
	if err != nil {
		v.Close() // or else the sending may never end
		<-s
		return err
	}
	return <-s
}

func joined(all []owed) string {
	var b strings.Builder
	for _, one := range all {
		b.WriteString(one.octets)
	}
	return b.String()
}

func (v *visitor) answers(all []owed) error {
	for _, one := range all {
		if err := v.want(one.method, one.status, one.content); err != nil {
			return fmt.Errorf("to %.60q: %w", one.octets, err)
		}
		v.seen.answers.Add(1)
	}
	return nil
}

// asks are requests after which the session goes on.
var asks = []thing[func(v *visitor) owed]{
	{"sum", 4, func(v *visitor) owed { return v.adds("/sum") }},
	{"later", 3, func(v *visitor) owed { return v.adds(fmt.Sprintf("/later?ms=%d", v.rnd.IntN(20))) }},
	{"big", 2, func(v *visitor) owed {
		at, n := v.piece(300 << 10)
		return owed{bigAt(at, n, ""), "GET", 200, big[at : at+n]}
	}},
	{"stream", 2, func(v *visitor) owed {
		at, n := v.piece(100 << 10)
		return owed{strings.Replace(bigAt(at, n, ""), "/big", "/stream", 1), "GET", 200, big[at : at+n]}
	}},
	{"head", 1, func(v *visitor) owed {
		at, n := v.piece(1 << 20)
		return owed{strings.Replace(bigAt(at, n, ""), "GET", "HEAD", 1), "HEAD", 200, ""}
	}},
	{"content", 2, func(v *visitor) owed {
		at, n := v.piece(40 << 10)
		return owed{request("POST", "/echo", big[at:at+n]), "POST", 200, big[at : at+n]}
	}},
	{"chunked", 2, func(v *visitor) owed {
		at, n := v.piece(40 << 10)
		return owed{v.chunked(big[at : at+n]), "POST", 200, big[at : at+n]}
	}},
	{"expecting", 1, func(v *visitor) owed {
		at, n := v.piece(1 << 10)
		return owed{strings.Replace(request("POST", "/echo", big[at:at+n]), "Host", "Expect: 100-continue\r\nHost", 1), "POST", 200, big[at : at+n]}
	}},
	{"replaced", 1, func(v *visitor) owed { return v.forgets("/replace", "replaced") }},
	{"cleared", 1, func(v *visitor) owed { return v.forgets("/clear", "cleared") }},
	{"nowhere", 1, func(v *visitor) owed {
		return owed{request("POST", "/nowhere", pattern(v.rnd.IntN(2000))), "POST", 404, ""}
	}},
	{"not so", 1, func(v *visitor) owed {
		return owed{request("DELETE", "/sum", ""), "DELETE", 405, ""}
	}},
}

// adds is a request that adds a number to the session's account.
func (v *visitor) adds(path string) owed {
	n := v.rnd.IntN(1000)
	v.sum += n
	return owed{request("POST", path, fmt.Sprint(n)), "POST", 200, fmt.Sprint(v.sum)}
}

// forgets is a request that begins a new account.
func (v *visitor) forgets(path, content string) owed {
	v.sum = 0
	return owed{get(path), "GET", 200, content}
}

// piece is where a piece of big is, of at most so many octets.
func (v *visitor) piece(most int) (at, n int) {
	n = 1 + v.rnd.IntN(most)
	return v.rnd.IntN(len(big) - n), n
}

// chunked is a POST with content in chunks of random lengths.
func (v *visitor) chunked(content string) string {
	var b strings.Builder
	for content != "" {
		n := min(1+v.rnd.IntN(8<<10), len(content))
		fmt.Fprintf(&b, "%x;x=y\r\n%s\r\n", n, content[:n])
		content = content[n:]
	}
	return flooded(b.String() + "0\r\nX: t\r\n\r\n")
}

// lastAsks are requests after which the server ends the session. Behind one that
// breaks the protocol the client goes on: the server is ready for that.
var lastAsks = []thing[func(v *visitor) owed]{
	{"closing", 3, func(v *visitor) owed {
		at, n := v.piece(1 << 20)
		return owed{bigAt(at, n, "Connection: close\r\n"), "GET", 200, big[at : at+n]}
	}},
	{"HTTP/1.0", 1, func(v *visitor) owed {
		at, n := v.piece(100 << 10)
		return owed{fmt.Sprintf("GET /stream?at=%d&n=%d HTTP/1.0\r\n\r\n", at, n), "GET", 200, big[at : at+n]}
	}},
	{"failing", 1, func(v *visitor) owed { return owed{get("/fail"), "GET", 200, "failed"} }},
	{"triggering", 1, func(v *visitor) owed { return owed{get("/trigger"), "GET", 200, "triggered"} }},
	{"no Host", 1, func(v *visitor) owed {
		return owed{"GET /sum HTTP/1.1\r\n\r\n" + v.more(), "GET", 400, ""}
	}},
	{"bad field", 1, func(v *visitor) owed {
		return owed{"GET /sum HTTP/1.1\r\nHost: h\r\na b: c\r\n\r\n" + v.more(), "GET", 400, ""}
	}},
	{"bad chunk", 1, func(v *visitor) owed { return owed{flooded("x\r\n" + v.more()), "POST", 400, ""} }},
	{"too much", 1, func(v *visitor) owed {
		return owed{"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9999999\r\n\r\n" + v.more(), "POST", 413, ""}
	}},
	{"too long", 1, func(v *visitor) owed {
		return owed{"GET /" + strings.Repeat("a", 10<<10) + " HTTP/1.1\r\n" + v.more(), "GET", 414, ""}
	}},
	{"flooding", 1, func(v *visitor) owed {
		return owed{"GET / HTTP/1.1\r\nX: " + strings.Repeat("a", 20<<10) + v.more(), "GET", 431, ""}
	}},
	{"unknown coding", 1, func(v *visitor) owed {
		return owed{"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n" + v.more(), "POST", 501, ""}
	}},
	{"HTTP/2.0", 1, func(v *visitor) owed { return owed{"GET / HTTP/2.0\r\n\r\n" + v.more(), "GET", 505, ""} }},
}

// more is what somebody sends who has not heard yet that the server will not
// listen.
func (v *visitor) more() string { return strings.Repeat(get("/sum"), v.rnd.IntN(100)) }

// ways are ways to send some octets.
var ways = []thing[func(c *net.TCPConn, rnd *rand.Rand, octets string) error]{
	{"whole", 3, func(c *net.TCPConn, _ *rand.Rand, octets string) error {
		_, err := io.WriteString(c, octets)
		return err
	}},
	{"cut", 3, func(c *net.TCPConn, rnd *rand.Rand, octets string) error { return cut(c, rnd, octets, 0) }},
	{"slow", 2, func(c *net.TCPConn, rnd *rand.Rand, octets string) error {
		return cut(c, rnd, octets, soakTime/100)
	}},
}

// cut sends in a few pieces, with pauses.
func cut(c *net.TCPConn, rnd *rand.Rand, octets string, pause time.Duration) error {
	for range 2 + rnd.IntN(6) {
		n := rnd.IntN(len(octets) + 1)
		if _, err := io.WriteString(c, octets[:n]); err != nil {
			return err
		}
		octets = octets[n:]
		time.Sleep(pause) // sleep: it is slow
	}
	_, err := io.WriteString(c, octets)
	return err
}

// departures are the ways in which a visit ends, after its last requests.
var departures = []thing[func(v *visitor) error]{
	{"leaves", 6, func(v *visitor) error { return v.batch(v.some()) }},
	{"half-closes", 4, func(v *visitor) error {
		return inTurn(func() error { return v.batch(v.some()) }, v.CloseWrite, v.end)
	}},
	{"half-closes at once", 4, (*visitor).halfCloses},
	{"half-closes too early", 2, func(v *visitor) error {
		begin := get("/sum")[:1+v.rnd.IntN(10)]
		return inTurn(func() error { return v.write(begin) }, v.CloseWrite, v.end)
	}},
	{"is told to leave", 8, (*visitor).isTold},
	{"resets", 4, (*visitor).resets},
	{"resets within an answer", 2, func(v *visitor) error {
		defer v.reset()
		peek := func() error {
			_, err := v.r.Peek(1 + v.rnd.IntN(4000))
			return err
		}
		return inTurn(func() error { return v.write(strings.Repeat(bigAt(0, 2<<20, ""), 2)) }, peek)
	}},
	{"resets within a request", 2, func(v *visitor) error {
		defer v.reset()
		octets := choose(v, asks)(v).octets
		return v.write(octets[:v.rnd.IntN(len(octets))])
	}},
	{"is silent", 2, func(v *visitor) error { return v.end() }},
	{"sends half a head", 1, func(v *visitor) error { return v.late("GET /sum HTTP/1.1\r\nHo") }},
	{"sends half a content", 1, func(v *visitor) error {
		return v.late("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n12345")
	}},
	{"sends half a chunk", 1, func(v *visitor) error { return v.late(flooded("a\r\n12345")) }},
	{"reads slowly", 2, func(v *visitor) error {
		v.r.Reset(&sips{v.TCPConn, 32 << 10, time.Millisecond})
		return v.batch(v.some())
	}},
	{"does not read", 1, func(v *visitor) error {
		since := time.Now()
		return inTurn(
			func() error { return v.batch(v.some()) },         // it is no longer in the backlog
			func() error { return v.SetReadBuffer(16 << 10) }, // its system takes in no more for it
			func() error { return v.stalls(since, strings.Repeat(bigAt(0, 4<<20-1, ""), 3), soakTime) })
	}},
}

// halfCloses says that nothing more comes, and is answered what came all the
// same.
func (v *visitor) halfCloses() error {
	all := v.some()
	sent := v.send(all, v.CloseWrite)
	return inTurn(func() error { return sent.read(v, all) }, v.end)
}

// isTold makes the server end the session, behind some requests.
func (v *visitor) isTold() error {
	all := append(v.some(), choose(v, lastAsks)(v))
	return inTurn(func() error { return v.batch(all) }, v.end)
}

// resets leaves without a word, when some answers have come.
func (v *visitor) resets() error {
	all := v.some()
	sent := v.send(all, nil)
	err := v.answers(all[:v.rnd.IntN(len(all))])
	v.reset()
	<-sent // what could not be sent does not matter
	return err
}

// late does not come to the end of a request.
func (v *visitor) late(part string) error {
	return inTurn(func() error { return v.write(part) }, func() error { return v.refused(408) })
}

// inTurn takes steps until one fails.
func inTurn(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}
