package httpd

import (
	"strconv"
	"time"
)

// A simKind is a kind of request: what a client asks for, and what becomes of
// it. Each names its answer so far that it can be told octet by octet.
type simKind int8

const (
	kindGet        simKind = iota // its tag
	kindHead                      // the same with HEAD
	kindAdd                       // a number is added to the session's sum: the tag and the sum
	kindAddIn                     // the same in chunks, with a trailer
	kindEcho                      // its content
	kindEchoIn                    // the same in chunks
	kindExpect                    // the same, 100 Continue first
	kindBig                       // more than a socket takes
	kindWrite                     // through Write, with a length
	kindStream                    // through Write, in chunks
	kindTrailer                   // with trailer fields
	kindRaw                       // through SendRaw
	kindPush                      // Session.Send and Inform ahead of it
	kindCtx                       // the context is replaced, or taken away
	kindAsync                     // detached
	kindTouch                     // Touch and TriggerClose of another
	kindOld                       // HTTP/1.0
	kindKeep                      // HTTP/1.0 with keep-alive
	kindClose                     // Connection: close
	kindNone                      // 404
	kindOther                     // 405
	kindAllow                     // OPTIONS
	kindTea                       // 417
	kindVary                      // a route that comes and goes
	kindRefuse                    // HandleErr
	kindFail                      // an error after the answer
	kindMute                      // no answer
	kindCut                       // an error amid the answer
	kindEnd                       // TriggerClose of its own session
	kindStop                      // Stop
	kindUpgrade                   // another protocol
	kindPipe                      // a blocking handler answers with the content, as it comes
	kindPipeIn                    // the same in chunks
	kindPipeExpect                // the same, 100 Continue first
	kindLeave                     // one that does not read all of it
	kindAwait                     // one that waits for its context
	kindLate                      // one that has little time
	kindDown                      // one that sends more than lies between it and the loop
	kindBreak                     // one that fails, in some way
	kindHijack                    // one that takes the connection
	kindHostile                   // what is no request
	numSimKinds
)

// simKinds say how a request of each kind begins, and which share it has of all.
var simKinds = [numSimKinds]struct {
	name   string
	weight int
	line   string // up to the query
}{
	kindGet:     {"get", 90, "GET /get?"},
	kindHead:    {"head", 6, "HEAD /get?"},
	kindAdd:     {"add", 70, "POST /add?"},
	kindAddIn:   {"add in chunks", 8, "POST /add?"},
	kindEcho:    {"echo", 30, "POST /echo?"},
	kindEchoIn:  {"echo in chunks", 10, "POST /echo?"},
	kindExpect:  {"expect", 6, "POST /echo?"},
	kindBig:     {"big", 8, "GET /big?"},
	kindWrite:   {"write", 8, "GET /write?"},
	kindStream:  {"stream", 1, "GET /write?"},
	kindTrailer: {"trailer", 8, "GET /trailer?"},
	kindRaw:     {"raw", 6, "GET /raw?"},
	kindPush:    {"push", 8, "GET /push?"},
	kindCtx:     {"context", 16, "GET /ctx?"},
	kindAsync:   {"async", 20, "POST /async?"},
	kindTouch:   {"touch", 6, "GET /touch?"},
	kindOld:     {"HTTP/1.0", 4, "GET /get?"},
	kindKeep:    {"keep-alive", 4, "GET /get?"},
	kindClose:   {"close", 4, "GET /get?"},
	kindNone:    {"404", 6, "POST /none?"},
	kindOther:   {"405", 6, "PUT /get?"},
	kindAllow:   {"options", 3, "OPTIONS /get?"},
	kindTea:     {"417", 3, "GET /get?"},
	kindVary:    {"vary", 10, "POST /vary?"},
	kindRefuse:  {"HandleErr", 4, "GET /refuse?"},
	kindFail:    {"fail", 3, "GET /fail?"},
	kindMute:    {"mute", 3, "GET /mute?"},
	kindCut:     {"cut", 1, "GET /cut?"},
	kindEnd:     {"end", 2, "GET /end?"},
	kindStop:    {"stop", 0, "GET /stop?"},

	kindUpgrade:    {"upgrade", 2, "GET /upgrade?"},
	kindPipe:       {"pipe", 4, "POST /pipe?"},
	kindPipeIn:     {"pipe in chunks", 3, "POST /pipe?"},
	kindPipeExpect: {"pipe, expect", 2, "POST /pipe?"},
	kindLeave:      {"leave", 3, "POST /leave?"},
	kindAwait:      {"await", 3, "GET /await?"},
	kindLate:       {"late", 2, "POST /late?"},
	kindDown:       {"down", 1, "GET /down?"},
	kindBreak:      {"break", 1, "GET /break?"},
	kindHijack:     {"hijack", 1, "GET /hijack?"},
	kindHostile:    {"hostile", 0, ""},
}

// A simRequest is what a client has asked and what is to come of it.
type simRequest struct {
	kind    simKind
	no      int // of its client's
	param   int // a length, a number, a variant
	start   int // where in the connection's octets it begins,
	headEnd int // its head ends,
	end     int // and it ends
	status  int // of a hostile one; 0: any
	close   bool
	chunked bool
	expects bool // it waits to be asked for its content
}

// blocking reports whether a blocking handler answers.
func (k simKind) blocking() bool { return kindPipe <= k && k <= kindHijack }

// filled reports whether the request has a content that is its own.
func (k simKind) filled() bool {
	switch k {
	case kindEcho, kindEchoIn, kindExpect, kindPipe, kindPipeIn, kindPipeExpect, kindLeave, kindLate:
		return true
	}
	return false
}

const (
	simTagLen   = len("0000.0000")
	simQueryLen = len("0000.0000.000000")
)

// appendTag appends client.request, four digits each.
func appendTag(b []byte, client, no int) []byte {
	return appendDigits(append(appendDigits(b, client, 4), '.'), no, 4)
}

func appendDigits(b []byte, n, width int) []byte {
	var d [8]byte
	for i := width - 1; i >= 0; i-- {
		d[i] = byte('0' + n%10)
		n /= 10
	}
	return append(b, d[:width]...)
}

// digits is the number that b is, -1 if it is none.
func digits(b []byte) (n int) {
	for _, d := range b {
		if d < '0' || d > '9' {
			return -1
		}
		n = 10*n + int(d-'0')
	}
	return n
}

// appendFill appends n octets that only this request has: its tag, line by line.
func appendFill(b []byte, client, no, n int) []byte {
	var line [simTagLen + 1]byte
	appendTag(line[:0], client, no)
	line[simTagLen] = '\n'
	for ; n >= len(line); n -= len(line) {
		b = append(b, line[:]...)
	}
	return append(b, line[:n]...)
}

// draw chooses the next request.
func (c *simClient) draw() simRequest {
	w := c.w
	q := simRequest{no: c.no2}
	n := w.n(w.plan.weight)
	for q.kind = 0; n >= w.plan.weights[q.kind]; q.kind++ {
		n -= w.plan.weights[q.kind]
	}
	switch q.kind {
	case kindAdd, kindAddIn, kindAsync, kindVary, kindNone:
		q.param = 1 + w.n(99)
	case kindEcho, kindEchoIn, kindExpect:
		q.param = w.n(1 + min(w.cfg.MaxContentBytes, 1<<w.n(13)))
	case kindPipe, kindPipeIn, kindPipeExpect:
		q.param = w.n(1 << w.n(15))
		if w.plan.big > 12 && w.one(60) { // more than lies between a handler and its loop
			q.param = w.n(1 << 18)
		}
	case kindLeave, kindLate:
		if q.param = w.n(1 << w.n(15)); w.one(3) {
			q.chunked, q.param = true, min(q.param, w.cfg.MaxContentBytes)
		}
		q.expects = w.one(4)
	case kindDown:
		q.param = w.n(1 << (6 + w.n(13)))
	case kindBig:
		q.param = w.n(1 << (6 + w.n(w.plan.big-5)))
	case kindWrite, kindTrailer, kindRaw:
		q.param = w.n(1 << w.n(11))
	case kindStream, kindCut:
		q.param = mostWritten + 1 + w.n(1<<10)
	default:
		q.param = w.n(100)
	}
	q.chunked = q.chunked || q.kind == kindAddIn || q.kind == kindEchoIn || q.kind == kindPipeIn
	q.expects = q.expects || q.kind == kindExpect || q.kind == kindPipeExpect
	q.close = q.kind == kindOld || q.kind == kindClose
	return q
}

// ask appends the next request to what is to be said.
func (c *simClient) ask() {
	w, q := c.w, c.draw()
	c.no2++
	c.left--
	w.count.requests++
	w.count.kinds[q.kind]++
	q.start = c.said + len(c.out) - c.gone
	if q.kind == kindHostile {
		c.attack(&q)
	} else {
		c.write(&q)
	}
	q.end = c.said + len(c.out) - c.gone + len(c.held)
	if q.kind == kindUpgrade {
		if c.talk = (simTalk{no: q.no, total: (1 + q.param/4) * (simTagLen + 1)}); c.hurries() && w.one(2) {
			c.talkMore()
		}
	}
	c.awaits = append(c.awaits, q)
}

// write appends a request that is one.
func (c *simClient) write(q *simRequest) {
	w, b := c.w, c.out
	b = append(b, simKinds[q.kind].line...)
	b = appendDigits(append(appendTag(b, c.no, q.no), '.'), q.param, 6)
	switch q.kind {
	case kindOld:
		b = append(b, " HTTP/1.0\r\n"...)
	case kindKeep:
		b = append(b, " HTTP/1.0\r\nConnection: keep-alive\r\n"...)
	case kindClose:
		b = append(b, " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"...)
	case kindTea:
		b = append(b, " HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n"...)
	default:
		b = append(b, " HTTP/1.1\r\nHost: a\r\n"...)
	}
	content := w.buf[:0]
	switch q.kind {
	case kindAdd, kindAddIn, kindAsync, kindVary, kindNone:
		content = strconv.AppendInt(content, int64(q.param), 10)
	}
	if q.kind.filled() {
		content = appendFill(content, c.no, q.no, q.param)
	}
	w.buf = content[:0]
	if q.expects {
		b = append(b, "Expect: 100-continue\r\n"...)
	}
	if q.kind.blocking() && len(content) > w.cfg.MaxContentBytes {
		c.sock.excess = true
	}
	if q.chunked {
		b = append(b, "Transfer-Encoding: chunked\r\n\r\n"...)
		q.headEnd = c.said + len(b) - c.gone
		c.out = c.chunks(b, content)
		c.hold(q)
		return
	}
	if len(content) > 0 || w.one(8) {
		b = append(strconv.AppendInt(append(b, "Content-Length: "...), int64(len(content)), 10), "\r\n"...)
	}
	b = append(b, "\r\n"...)
	q.headEnd = c.said + len(b) - c.gone
	c.out = append(b, content...)
	c.hold(q)
}

// hold keeps back a content that a blocking handler is to ask for, or that comes
// after a while.
func (c *simClient) hold(q *simRequest) {
	w := c.w
	if !q.expects || !q.kind.blocking() || w.one(3) {
		return
	}
	head := len(c.out) - (c.said + len(c.out) - c.gone - q.headEnd)
	c.held = append(c.held, c.out[head:]...)
	c.out = c.out[:head]
	c.heldTo = w.now + w.between(time.Millisecond, 2*time.Second)
}

// chunks appends content in chunks of any length.
func (c *simClient) chunks(b, content []byte) []byte {
	w := c.w
	for len(content) > 0 {
		n := 1 + w.n(min(len(content), 1<<w.n(11)))
		b = strconv.AppendInt(b, int64(n), 16)
		if w.one(16) {
			b = append(b, ";x=1"...)
		}
		b = append(append(append(b, "\r\n"...), content[:n]...), "\r\n"...)
		content = content[n:]
	}
	b = append(b, "0\r\n"...)
	if w.one(2) {
		b = append(b, "X-Sum: 1\r\n"...)
	}
	return append(b, "\r\n"...)
}
