package httpd

import (
	"slices"
	"sync/atomic"

	"github.com/valyala/bytebufferpool"
)

const (
	loopBuffer = 64 << 10  // octets of a loop's receive buffer
	mostSmall  = 4 << 10   // a buffer of up to this capacity is a small one
	mostPooled = 64 << 10  // a buffer that grew beyond this is left to the collector
	leastGrown = 512       // a recv into a session buffer has at least this room, within its limit
	mostKept   = 256 << 10 // octets of a loop's output buffer from one turn to the next
)

// A budget bounds what all session buffers of a server hold together: their
// capacity, for that is what they take.
type budget struct {
	used atomic.Int64
	most int64
}

// take takes n octets off the budget, if it has them. It never counts what it
// does not give: another loop could find the budget spent for it.
func (b *budget) take(n int) bool {
	for used := b.used.Load(); used+int64(n) <= b.most; used = b.used.Load() {
		if b.used.CompareAndSwap(used, used+int64(n)) {
			return true
		}
	}
	return false
}

// give gives them back.
func (b *budget) give(n int) { b.used.Add(int64(-n)) }

// has reports whether take would do.
func (b *budget) has(n int) bool { return b.used.Load()+int64(n) <= b.most }

// buffers hands out the session buffers of one loop and counts them: what is
// out belongs to exactly one session, and ends with it at the latest.
type buffers struct {
	small, large *bytebufferpool.Pool // apart, or else a few octets would hold a large one
	budget       *budget
	live         int    // handed out and not yet returned
	common       []byte // the loop's own: what a recv is given where no session has one
}

// newBuffers has the pools in memory of their own. The runtime knows every pool
// until the second collection after its use: within a loop it would hold that
// loop, and all of its server. And their counters are 64 bits wide, which only the
// start of an allocation is aligned for where an int has 32.
func newBuffers(b *budget) buffers {
	return buffers{small: new(bytebufferpool.Pool), large: new(bytebufferpool.Pool), budget: b}
}

// keep returns a buffer that holds a copy of b, nil if the budget is spent.
func (p *buffers) keep(b []byte) *bytebufferpool.ByteBuffer {
	buf := p.get(len(b), max(len(b), leastGrown))
	if buf == nil {
		return nil
	}
	p.live++
	buf.B = append(buf.B[:0], b...)
	return buf
}

// get returns a buffer for least octets, and for best of them if there is none in
// the pool; nil if the budget does not have them.
func (p *buffers) get(least, best int) *bytebufferpool.ByteBuffer {
	buf := p.of(least).Get()
	if cap(buf.B) < least && p.budget.has(best) {
		buf.B = slices.Grow([]byte(nil), best) // unlike make it tells to what the allocator rounds it up
	}
	if cap(buf.B) < least || !p.budget.take(cap(buf.B)) {
		p.put(buf)
		return nil
	}
	return buf
}

// put leaves buf to another session, or to the collector.
func (p *buffers) put(buf *bytebufferpool.ByteBuffer) {
	if n := cap(buf.B); n <= mostPooled {
		p.of(n).Put(buf)
	}
}

// of returns the pool for buffers of n octets.
func (p *buffers) of(n int) *bytebufferpool.Pool {
	if n <= mostSmall {
		return p.small
	}
	return p.large
}

// release takes back the buffer that *buf holds, if any, and forgets it there.
func (p *buffers) release(buf **bytebufferpool.ByteBuffer) {
	if *buf == nil {
		return
	}
	p.live--
	p.budget.give(cap((*buf).B))
	p.put(*buf)
	*buf = nil
}

// grow gives buf capacity for n octets more, and reports false if the budget
// does not have them: for a moment both the old array and the new one are there.
func (p *buffers) grow(buf *bytebufferpool.ByteBuffer, n, limit int) bool {
	need := len(buf.B) + n
	if need <= cap(buf.B) {
		return true
	}
	other := p.get(need, max(need, min(limit, 2*cap(buf.B))))
	if other == nil {
		return false
	}
	other.B = append(other.B[:0], buf.B...)
	buf.B, other.B = other.B, buf.B
	p.budget.give(cap(other.B))
	p.put(other)
	return true
}

// append appends b to buf, and reports false if the budget is spent.
func (p *buffers) append(buf *bytebufferpool.ByteBuffer, b []byte) bool {
	if !p.grow(buf, len(b), mostBytes) {
		return false
	}
	buf.B = append(buf.B, b...)
	return true
}

// room returns the free part of buf, grown if there is too little, so that buf
// never has more than limit octets. It doubles: what a peer announces but does
// not send costs nothing. It is empty if the budget is spent.
func (p *buffers) room(buf *bytebufferpool.ByteBuffer, limit int) []byte {
	least := min(limit-len(buf.B), leastGrown)
	if cap(buf.B)-len(buf.B) < least && !p.grow(buf, least, limit) {
		return nil
	}
	return buf.B[len(buf.B):max(len(buf.B), min(cap(buf.B), limit))]
}
