package httpd

import (
	"github.com/valyala/bytebufferpool"

	"moor.example/httpd/parser"
)

const (
	// maxEmpty is how many octets of empty lines may stand before a
	// request-line: room for the CRLF that some clients send after a request's
	// content (RFC 9112 2.2).
	maxEmpty = 16
	// chunkRoom is what a message may grow by while chunks arrive, however
	// little of it is here: most of that is their data, and what is not goes
	// away when they are decoded. A longer one may double, or else growing
	// would cost the square of its length.
	chunkRoom = 4 << 10
)

// An input is what has been received and not yet served. It begins with the
// begin of a message.
type input struct {
	buf      *bytebufferpool.ByteBuffer // nil: nothing is in hand
	need     int                        // octets of the message once its content is complete; 0: not known
	skip     int                        // octets of content to be dropped
	receiver Receiver                   // takes everything: there are no messages any more
	coding   coding                     // of the message in hand
	drop     bool                       // what comes of it is dropped: the request has been answered
	empty    uint8                      // octets of empty lines before the request-line

	guard  parser.Guard  // of an incomplete head or trailer section
	chunks parser.Chunks // how far its chunks are decoded
	have   int           // its octets that are final: head and decoded content
	past   int           // octets of its chunks that a blocking handler has had: what is dropped does not count them
}

// A coding is how far a chunked body has come.
type coding uint8

const (
	unchunked  coding = iota // there is none
	inChunks                 // behind have there are octets to be decoded
	inTrailers               // the last chunk is in: behind have there are trailers
)

// limit is how long the message in hand can become by one recv. What is
// pipelined behind a content of known length stays in the socket. A head that
// is longer than this is refused by the parser.
func (in *input) limit(cfg *Config) int {
	switch {
	case in.receiver != nil && in.coding == unchunked:
		return cfg.MaxContentBytes
	case in.need > 0:
		return in.need
	case in.coding != unchunked:
		n := len(in.buf.B)
		return n + max(n, in.chunks.Left(), chunkRoom)
	}
	return cfg.MaxHeadBytes + 1
}

// skipEmpty counts n octets of empty lines and reports whether that many are
// allowed.
func (in *input) skipEmpty(n int) bool {
	in.empty += uint8(min(n, maxEmpty+1))
	return in.empty <= maxEmpty
}

// dropRest leaves the rest of the message in hand to be dropped when it comes,
// for it has been answered. It returns what is still needed of what is here.
func (in *input) dropRest() (rest []byte) {
	switch {
	case in.need > 0:
		in.skip, in.need = in.need-len(in.buf.B), 0
		return nil
	case in.coding != unchunked:
		rest, in.have = in.buf.B[in.have:], 0
	default: // where it ends the head will say
		rest = in.buf.B
	}
	in.drop = true
	return rest
}

// message serves the message that b begins with. rest is what is left of b, to
// be served next or kept; more is false if that has to wait for more octets.
func (c *conn) message(b []byte) (rest []byte, more bool) {
	in, x := &c.in, c.l.x
	switch {
	case in.skip > 0:
		n := min(in.skip, len(b))
		in.skip -= n
		c.tell(EventData, n)
		return b[n:], true
	case in.coding != unchunked:
		return c.decode(b, false)
	case in.receiver != nil:
		return c.give(b)
	case in.need > len(b):
		return b, false
	case in.need == 0:
		if n := parser.EmptyLines(b); n > 0 {
			if !in.skipEmpty(n) {
				x.breakOff(c, ErrBadRequest, b)
			}
			return b[n:], true
		}
	}
	n, err := x.parse(b, &in.guard)
	if err == parser.ErrPartial {
		return b, false
	}
	in.empty = 0
	if err != nil {
		x.breakOff(c, codeOf(err), b)
		return b, false
	}
	return x.decide(c, b, n)
}

// decode goes on with a chunked message. The octets of its data move down, to
// the end of what is final; at the end the message is served as one that came
// with a length. parsed says that the exchange knows its head.
func (c *conn) decode(b []byte, parsed bool) (rest []byte, more bool) {
	in, x, cfg := &c.in, c.l.x, &c.l.srv.cfg
	raw := b[in.have:]
	if in.coding == inChunks {
		limits := parser.ChunkLimits{Content: cfg.MaxContentBytes + in.past, Extensions: cfg.MaxExtensionBytes}
		content, n, err := in.chunks.Decode(raw, &limits)
		c.tell(EventData, content)
		if !in.drop {
			in.have += content
		}
		if err == parser.ErrPartial {
			return b[:in.have], false
		}
		if err != nil {
			x.breakOff(c, codeOf(err), b)
			return nil, false
		}
		in.coding, raw = inTrailers, raw[n:]
	}
	n, err := x.r.trailer.Parse(raw, &in.guard)
	if err == parser.ErrPartial {
		return b[:in.have+copy(b[in.have:], raw)], false
	}
	if err != nil {
		x.breakOff(c, codeOf(err), b)
		return nil, false
	}
	message, trailers, served := b[:in.have], raw[:n], in.drop
	in.coding, in.drop, in.have, in.past = unchunked, false, 0, 0
	if !served {
		x.complete(c, message, trailers, parsed)
	}
	return raw[n:], true
}
