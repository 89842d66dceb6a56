package httpd

import (
	"bytes"
	"strconv"
)

// A simAnswer reads what a client is sent, and fails the world at the first
// octet that is not the client's due.
type simAnswer struct {
	c     *simClient
	head  []byte // as far as it is here
	at    simPart
	q     simRequest // which is being answered
	code  int
	want  []byte // what the content begins with
	fill  int    // octets of the request's own that follow it
	got   int    // octets of the content
	left  int    // octets of it, or of its chunk, that are to come
	other []byte // the content of an error response
	any   bool   // the content may be anything
	last  bool   // nothing comes behind it

	sum int // of the session, as the client knows it
}

// A simPart is a part of a response.
type simPart uint8

const (
	partHead simPart = iota
	partContent
	partSize // of a chunk
	partData
	partDataEnd
	partTrailer
	partTalk // another protocol
)

func (a *simAnswer) begin(c *simClient) {
	*a = simAnswer{c: c, head: a.head[:0], want: a.want[:0], other: a.other[:0]}
}

func (a *simAnswer) fail(format string, args ...any) {
	w := a.c.w
	w.note(simReads, a.c.sock.no, -1, len(a.c.awaits))
	w.fail("client %d on #%d, request %d (%s), status %d: "+format,
		append([]any{a.c.no, a.c.sock.no, a.q.no, simKinds[a.q.kind].name, a.code}, args...)...)
}

// take reads b, all of it.
func (a *simAnswer) take(b []byte) {
	for len(b) > 0 {
		switch a.at {
		case partHead:
			b = a.takeHead(b)
		case partContent:
			b = a.takeContent(b)
		case partData:
			b = a.takeContent(b)
		case partTalk:
			if a.got+len(b) > a.c.talk.made && !a.c.ended {
				a.fail("%d octets are said again, of %d", a.got+len(b), a.c.talk.made)
			}
			a.compare(b)
			a.got += len(b)
			return
		default:
			b = a.takeLine(b)
		}
	}
}

var simHeadEnd = []byte("\r\n\r\n")

func (a *simAnswer) takeHead(b []byte) []byte {
	if a.last {
		a.fail("more comes behind the last answer: %.60q", b)
	}
	from := max(0, len(a.head)-3)
	a.head = append(a.head, b...)
	if n := min(len(a.head), 9); string(a.head[:n]) != "HTTP/1.1 "[:n] {
		a.fail("no response: %.60q", a.head)
	}
	i := bytes.Index(a.head[from:], simHeadEnd)
	if i < 0 {
		if len(a.head) > 4<<10 {
			a.fail("a head without an end")
		}
		return nil
	}
	n := from + i + 4
	rest := b[len(b)-(len(a.head)-n):]
	a.head = a.head[:n]
	a.judge()
	a.head = a.head[:0]
	return rest
}

// A simFields is what a client looks for in a head.
type simFields struct {
	length   int // -1: none
	chunked  bool
	close    bool
	keep     bool
	tag      []byte
	kind     []byte
	allow    bool
	dated    bool
	trailers bool
	retry    bool
	upgrade  bool
}

// fields takes a head apart.
func (a *simAnswer) fields() (f simFields) {
	f.length = -1
	b := a.head[bytes.IndexByte(a.head, '\n')+1:]
	for len(b) > 2 {
		i := bytes.IndexByte(b, '\n')
		line := b[:i-1]
		b = b[i+1:]
		colon := bytes.IndexByte(line, ':')
		if colon < 0 || len(line) < colon+2 {
			a.fail("no field: %q", line)
		}
		name, value := line[:colon], line[colon+2:]
		switch string(name) {
		case "Content-Length":
			f.length = digits(value)
		case "Transfer-Encoding":
			f.chunked = string(value) == "chunked"
		case "Connection":
			f.close, f.keep = string(value) == "close", string(value) == "keep-alive"
		case "Date":
			f.dated = len(value) == len("Mon, 02 Jan 2006 15:04:05 GMT")
		case "X-Tag":
			f.tag = value
		case "Content-Type":
			f.kind = value
		case "Allow":
			f.allow = true
		case "Trailer":
			f.trailers = true
		case "Retry-After":
			f.retry = true
		case "Upgrade":
			f.upgrade = string(value) == "lines"
		default:
			a.fail("a field that nobody sets: %q", line)
		}
	}
	return f
}

// judge looks at a complete head.
func (a *simAnswer) judge() {
	c := a.c
	a.code = digits(a.head[9:12])
	f := a.fields()
	if a.code < 200 && a.code != 101 {
		a.interim(&f)
		return
	}
	switch {
	case len(c.awaits) > 0:
		a.q = c.awaits[0]
		c.awaits = append(c.awaits[:0], c.awaits[1:]...)
	case c.free: // there was more in it than one request
		a.q = simRequest{kind: kindHostile}
	default:
		a.fail("an answer to nothing: %.200q", a.head)
	}
	c.w.count.answers++
	if a.q.kind == kindUpgrade && a.code != 101 {
		c.talk = simTalk{}
	}
	if !f.dated && a.q.kind != kindRaw && !c.free {
		a.fail("no Date")
	}
	a.any, a.got, a.fill, a.want, a.other = c.free, 0, 0, a.want[:0], a.other[:0]
	a.last = f.close
	if f.tag != nil && !a.mine(f.tag) {
		a.fail("the tag is %q", f.tag)
	}
	if !a.any {
		a.expect(&f)
	}
	if a.code == 101 {
		a.at, a.fill, a.want = partTalk, 1<<30, a.want[:0]
		return
	}
	a.frame(&f)
}

// mine reports whether the tag is the request's, or at least the client's.
func (a *simAnswer) mine(tag []byte) bool {
	var own [simTagLen]byte
	appendTag(own[:0], a.c.no, a.q.no)
	if a.c.free {
		return len(tag) == simTagLen && string(tag[:5]) == string(own[:5])
	}
	return string(tag) == string(own[:])
}

// interim is an informational response: an invitation, one that the handler
// has sent ahead, or one that was pushed.
func (a *simAnswer) interim(f *simFields) {
	c := a.c
	switch a.code {
	case 100:
		if !c.free && (len(c.awaits) == 0 || !c.awaits[0].expects) {
			a.fail("an invitation to nothing")
		}
		c.heldTo = 0
	case 103:
		if c.free {
			return
		}
		if len(c.awaits) == 0 || c.awaits[0].kind != kindPush && c.awaits[0].kind != kindAwait {
			a.fail("something comes ahead of nothing")
		}
		a.q = c.awaits[0]
		if !a.mine(f.tag) {
			a.fail("the tag ahead is %q", f.tag)
		}
	case 104:
		if n := digits(f.tag); n != c.sock.no {
			a.fail("what was pushed to #%q", f.tag)
		}
	default:
		a.fail("what is that")
	}
}

// frame sets out to read the content.
func (a *simAnswer) frame(f *simFields) {
	bare := a.q.kind == kindHead || a.code == 204 || a.code == 304
	switch {
	case a.q.kind == kindHead && (a.code == 408 || a.code == 503) && a.last: // perhaps that was not known
		a.any, a.left = true, f.length
	case bare || a.c.free && a.code >= 400 && f.length < 0:
		a.left = 0
	case f.chunked:
		a.at = partSize
		return
	case f.length >= 0:
		a.left = f.length
	case a.any:
		a.left = 1 << 30 // up to the end
	default:
		a.fail("no length: %q", a.head)
	}
	if !a.any && !f.chunked && !bare && a.code < 400 && a.left != len(a.want)+a.fill {
		a.fail("the content has %d octets, want %d", a.left, len(a.want)+a.fill)
	}
	a.at = partContent
	if a.left == 0 {
		a.done(bare)
	}
}

// takeContent compares what comes with what has to come.
func (a *simAnswer) takeContent(b []byte) []byte {
	n := min(len(b), a.left)
	switch {
	case a.any:
	case a.code >= 400:
		if a.other = append(a.other, b[:n]...); len(a.other) > 1<<10 {
			a.fail("so long an error response: %.100q", a.other)
		}
	default:
		a.compare(b[:n])
	}
	a.got += n
	if a.left -= n; a.left > 0 {
		return b[n:]
	}
	if a.at == partData {
		a.at = partDataEnd
	} else {
		a.done(false)
	}
	return b[n:]
}

func (a *simAnswer) compare(b []byte) {
	got, at := b, a.got
	if at < len(a.want) {
		n := min(len(got), len(a.want)-at)
		if string(got[:n]) != string(a.want[at:at+n]) {
			a.fail("the content is %q, want %q from %d on", got[:n], a.want, at)
		}
		got, at = got[n:], at+n
	}
	var line [simTagLen + 1]byte
	appendTag(line[:0], a.c.no, a.q.no)
	line[simTagLen] = '\n'
	for at -= len(a.want); len(got) > 0; {
		from := at % len(line)
		n := min(len(got), len(line)-from)
		if at+n > a.fill || string(got[:n]) != string(line[from:from+n]) {
			a.fail("at %d of the content, which has %d: %.40q, want %q", at, a.fill, got, line)
		}
		got, at = got[n:], at+n
	}
}

// takeLine takes an octet of what is between the chunks, which is little.
func (a *simAnswer) takeLine(b []byte) []byte {
	a.head = append(a.head, b[0])
	if b[0] != '\n' {
		if len(a.head) > 64 {
			a.fail("a long line amid the chunks: %q", a.head)
		}
		return b[1:]
	}
	line := a.head
	a.head = a.head[:0]
	if len(line) < 2 || line[len(line)-2] != '\r' {
		a.fail("a bad line amid the chunks: %q", line)
	}
	line = line[:len(line)-2]
	switch a.at {
	case partSize:
		n, err := strconv.ParseUint(string(line), 16, 31)
		if err != nil {
			a.fail("a chunk-size: %q", line)
		}
		a.left, a.at = int(n), partData
		if n == 0 {
			a.at = partTrailer
		}
	case partDataEnd:
		if len(line) > 0 {
			a.fail("behind a chunk: %q", line)
		}
		a.at = partSize
	case partTrailer:
		if len(line) > 0 {
			a.trailer(line)
		} else {
			a.done(false)
		}
	}
	return b[1:]
}

// trailer is the only one that anybody sets.
func (a *simAnswer) trailer(line []byte) {
	if tag, is := bytes.CutPrefix(line, []byte("X-End: ")); !is || !a.mine(tag) {
		a.fail("a trailer: %q", line)
	}
	a.q.param = -1 // it was there
}
