package httpd

import "github.com/valyala/bytebufferpool"

const (
	loopBuffer = 64 << 10  // octets of a loop's receive buffer
	mostPooled = 64 << 10  // a buffer that grew beyond this is left to the collector
	leastGrown = 512       // a recv into a session buffer has at least this room, within its limit
	mostKept   = 256 << 10 // octets of a loop's output buffer from one turn to the next
)

// buffers hands out the session buffers of one loop and counts them: what is
// out belongs to exactly one session, and ends with it at the latest.
type buffers struct {
	pool   bytebufferpool.Pool
	live   int    // handed out and not yet returned
	common []byte // the loop's own: what a recv is given where no session has one
}

// keep returns a buffer that holds a copy of b.
func (p *buffers) keep(b []byte) *bytebufferpool.ByteBuffer {
	p.live++
	buf := p.pool.Get()
	buf.B = append(buf.B[:0], b...)
	return buf
}

// release takes back the buffer that *buf holds, if any, and forgets it there.
func (p *buffers) release(buf **bytebufferpool.ByteBuffer) {
	if *buf == nil {
		return
	}
	p.live--
	if cap((*buf).B) <= mostPooled {
		p.pool.Put(*buf)
	}
	*buf = nil
}

// room returns the free part of b, grown if there is too little, so that b
// never has more than limit octets. It doubles: what a peer announces but does
// not send costs nothing.
func room(b *bytebufferpool.ByteBuffer, limit int) []byte {
	if cap(b.B)-len(b.B) < min(limit-len(b.B), leastGrown) {
		grown := make([]byte, len(b.B), min(limit, max(2*cap(b.B), len(b.B)+leastGrown)))
		copy(grown, b.B)
		b.B = grown
	}
	return b.B[len(b.B):max(len(b.B), min(cap(b.B), limit))]
}
