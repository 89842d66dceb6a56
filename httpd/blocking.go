package httpd

import (
	"math"
	"time"

	"moor.example/httpd/parser"
)

// A feed is the loop's side of a blocking handler's stream.
type feed struct {
	*stream         // nil: the handler is none
	left    int64   // octets of its content that are to come, if their number is known
	came    int     // octets of its chunks that have come
	fed     bool    // all of its content has come, or no more will
	closes  bool    // its session is to end with it
	refused ErrCode // what was wrong with its content; 0: nothing

	headSent bool // Config.Events knows that its response has begun
}

// spawn runs the blocking handler of the request whose head, of n octets, is at
// the begin of b. Its content follows as it comes. The code is 503 if there are
// too many of them, and then nothing has happened.
func (x *exchange) spawn(c *conn, b []byte, n int) (code ErrCode) {
	r := &x.r
	x.begin(c)
	d, err := r.Detach()
	if err != nil {
		c.requests-- // it is yet to begin
		c.l.requests--
		return ErrServiceUnavailable
	}
	d.stream = newStream(d.l, d.name)
	if len(b) == n && r.expect == parser.ExpectContinue {
		d.invite = uninvited
	}
	d.left = r.body.Length
	if r.body.Kind == parser.Chunked {
		c.in.coding, c.in.have = inChunks, 0
	}
	r.via, x.w.via = d.stream, d.stream
	if t := r.route.Timeout; t > 0 {
		x.life.until = time.Now().Add(t)
		d.limit(limitAll, x.life.until)
	}
	return 0
}

// start lets the handler begin. What is here of its content it finds there.
func (d *Detached) start(c *conn, b []byte) (rest []byte) {
	rest = d.feed.take(c, b)
	go d.run(c)
	return rest
}

// run is the goroutine of a blocking handler.
func (d *Detached) run(c *conn) {
	err := errPanic // also if the handler ends its goroutine
	defer func() { d.Complete(err) }()
	w := &d.x.w
	err = d.x.call(c)
	if len(w.wire.out) > streamBuffer {
		handed(w, 0, true) // or else it would have to wait as a whole
	}
}

// take gives the handler what b holds of its content, as far as there is room,
// and returns what is left of b.
func (f *feed) take(c *conn, b []byte) (rest []byte) {
	for !f.fed {
		if c.in.coding == inTrailers {
			return f.endChunks(c, b)
		}
		room := f.room()
		piece := b[:min(len(b), room)]
		n := len(piece)
		if c.in.coding == unchunked {
			n = int(min(int64(n), f.left))
			f.left -= int64(n)
			f.give(c, piece[:n])
			if f.left == 0 && !f.fed { // or else not all of it was given
				f.fed = true
				f.end(nil)
			}
		} else {
			n = f.decode(c, piece)
		}
		b = b[n:]
		if c.in.coding != inTrailers && (len(b) == 0 || room == 0) {
			break
		}
	}
	return b
}

// decode gives the handler the data of the chunks in piece, and returns how many
// octets of it are done with.
func (f *feed) decode(c *conn, piece []byte) int {
	limits := parser.ChunkLimits{Content: math.MaxInt, Extensions: c.l.srv.cfg.MaxExtensionBytes}
	content, n, err := c.in.chunks.Decode(piece, &limits)
	f.came += content
	f.give(c, piece[:content])
	switch err {
	case nil:
		c.in.coding = inTrailers
		return n
	case parser.ErrPartial:
	default:
		f.refuse(c, codeOf(err))
	}
	return len(piece)
}

func (f *feed) give(c *conn, content []byte) {
	if len(content) == 0 {
		return
	}
	c.tell(EventData, len(content))
	if !f.put(content) {
		f.refuse(c, ErrServiceUnavailable)
	}
}

// endChunks ends a chunked content.
func (f *feed) endChunks(c *conn, b []byte) (rest []byte) {
	trailer := &c.detached.x.r.trailer
	n, err := trailer.Parse(b, &c.in.guard)
	if err == parser.ErrPartial {
		return b
	}
	if err != nil {
		f.refuse(c, codeOf(err))
		return nil
	}
	c.in.coding, f.fed = unchunked, true
	f.end(append([]byte{}, b[:n]...))
	return b[n:]
}

// refuse ends a content that goes wrong. The handler is told when it reads on,
// and its answer is the last one.
func (f *feed) refuse(c *conn, code ErrCode) {
	f.spoil(code)
	f.refused, f.fed = code, true
	c.last, c.unread, c.ended = true, true, ReasonRefused
	if code == ErrRequestTimeout {
		c.ended = ReasonExpired
	}
}

// expired ends a content that does not come.
func (f *feed) expired(c *conn) {
	f.refuse(c, ErrRequestTimeout)
	c.settle()
}

// wants reports whether the peer's octets are for the handler, and can be taken.
func (f *feed) wants(c *conn) bool {
	if f.stream == nil || f.fed || f.uninvited() {
		return false
	}
	return c.in.coding == inTrailers || c.in.buf == nil && f.room() > 0
}

// stir does what the blocking handler of c has woken its loop for.
func (c *conn) stir() {
	if d := c.detached; d != nil && d.stream != nil {
		d.stir(c)
	}
}

func (d *Detached) stir(c *conn) {
	if d.severed || c.out.buf != nil { // flush looks again
		return
	}
	out := &c.l.x.w.wire.out
	var asks bool
	if *out, asks = d.stream.take(*out); asks {
		*out = append(*out, continueLine...)
	}
	if !d.headSent && d.begun() { // ahead of its octets
		d.headSent = true
		c.tell(EventHeadersSent, 0)
	}
	c.send()
	if c.out.buf == nil && d.asksForConn() { // also if the session is ending: it is told so
		d.letGo(c)
		return
	}
	if c.in.buf != nil && !d.fed {
		c.keep(d.feed.take(c, c.in.buf.B))
	}
	c.settle()
}

// leaveRest leaves the content that the handler has not read to be dropped when
// it comes, unless it is too long for that, or may not come at all.
func (f *feed) leaveRest(c *conn) {
	switch most := c.l.srv.cfg.MaxContentBytes; {
	case f.fed:
	case f.uninvited(), f.left > int64(most), c.in.chunks.Left() > most:
		c.last, c.unread = true, true
	case c.in.coding != unchunked:
		c.in.drop, c.in.past = true, f.came
	default:
		c.in.skip = int(f.left)
	}
}

// begun reports whether a part of the response is on its way, from a handler that
// blocks.
func (d *Detached) begun() bool {
	if d == nil || d.stream == nil {
		return false
	}
	d.stream.mu.Lock()
	defer d.stream.mu.Unlock()
	return d.stream.begun
}

// fault is the code of a request that its handler has not answered.
func (d *Detached) fault() ErrCode {
	if d != nil && d.refused != 0 {
		return d.refused
	}
	return ErrInternal
}

// concludeStream is conclude for a request that has a stream: what is left in
// it comes before the rest.
func (d *Detached) concludeStream(c *conn, err error) {
	x, why := d.x, c.ended
	before, _ := d.stream.take(nil)
	d.fail(ErrCompleted) // for whom the handler has left behind
	d.release()
	d.leaveRest(c)
	c.last = c.last || d.closes
	x.conclude(c, err)
	c.unread = c.unread || c.last && (c.in.skip > 0 || c.in.drop) // the rest of it is on its way
	switch {
	case d.refused != 0:
		c.ended = why
	case d.closes && c.ended == ReasonServed:
		c.ended = ReasonTrigger
	}
	if before != nil {
		x.w.wire.out = append(before, x.w.wire.out...)
	}
}
