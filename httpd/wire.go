package httpd

import (
	"slices"
	"strconv"
)

// A wire is the output of a turn, and what is known of the peer that the
// response at its end is for.
type wire struct {
	out     []byte // earlier responses, then this one
	begun   int    // where in out this one begins
	connAt  int    // where in out the Connection field of this one's head is, or can be
	headEnd int    // where in out the empty line is that follows it
	date    *date
	close   bool // this is the last response of its connection
	persist bool // an HTTP/1.0 peer is told that the connection persists
	old     bool // the peer speaks HTTP/1.0: no chunks, nothing informational
	bare    bool // the content is only counted: the request was HEAD
	sized   bool // it follows as it comes, behind its length
	dated   bool // a Date is among the fields that were set: the engine gives none
}

const closeLine = "Connection: close\r\n"

// Lengths of a content that is sent as it comes.
const (
	unknown = -1
	untold  = -2 // and there is no content, only its head
)

// head appends the head of w, for a content of length octets.
func (o *wire) head(w *Response, length int) {
	b := o.out
	switch {
	case w.status == 200 && w.phrase == "" && !o.dated:
		b = append(b, o.date.lines()...)
	case o.dated:
		b = appendStatusLine(b, w.status, w.phrase)
	default:
		b = appendStatusLine(b, w.status, w.phrase)
		b = append(b, o.date.line()...)
	}
	if takesContent(w.status) {
		b = o.appendFraming(b, w.ctype, length)
	} else if w.status == 205 { // RFC 9110 15.3.6
		b = append(b, "Content-Length: 0\r\n"...)
	}
	b = append(b, w.set.head...)
	o.connAt = len(b)
	switch {
	case o.close:
		b = append(b, closeLine...)
	case o.persist:
		b = append(b, "Connection: keep-alive\r\n"...)
	}
	o.headEnd = len(b)
	o.out = append(b, "\r\n"...)
}

// appendFraming appends what is said of the content (RFC 9112 6, RFC 9110 8.6).
func (o *wire) appendFraming(b []byte, mediaType string, length int) []byte {
	if mediaType != "" {
		b = append(append(append(b, "Content-Type: "...), mediaType...), "\r\n"...)
	}
	switch {
	case length >= 0:
		b = append(b, "Content-Length: "...)
		b = append(strconv.AppendInt(b, int64(length), 10), "\r\n"...)
	case length == unknown && !o.old:
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	}
	return b
}

// takesContent: a 204, 205 or 304 response ends with its head (RFC 9110 15).
func takesContent(status int) bool { return status != 204 && status != 205 && status != 304 }

// chunk appends a piece of a content of unknown length.
//
//	chunk = chunk-size CRLF chunk-data CRLF (RFC 9112 7.1)
func (o *wire) chunk(data []byte) {
	o.beginChunk(len(data))
	if !o.bare {
		o.out = append(o.out, data...)
	}
	o.endChunk(len(data))
}

func (o *wire) beginChunk(length int) {
	if o.framed(length) {
		o.out = append(strconv.AppendUint(o.out, uint64(length), 16), "\r\n"...)
	}
}

func (o *wire) endChunk(length int) {
	if o.framed(length) {
		o.out = append(o.out, "\r\n"...)
	}
}

// framed reports whether a piece of the content becomes a chunk. An empty one
// would be the last.
func (o *wire) framed(length int) bool { return length > 0 && !o.bare && !o.old && !o.sized }

// lastChunk = 1*"0" CRLF trailer-section CRLF (RFC 9112 7.1)
func (o *wire) lastChunk(trailers []byte) {
	if !o.bare && !o.old && !o.sized {
		o.out = append(append(append(o.out, "0\r\n"...), trailers...), "\r\n"...)
	}
}

// announceClose says in a response whose head is written already that it is
// the last one of its connection. One that SendRaw wrote has no such place.
func (o *wire) announceClose() {
	if !o.close && o.headEnd > o.begun {
		o.out = slices.Replace(o.out, o.connAt, o.headEnd, []byte(closeLine)...)
	}
	o.close = true
}
