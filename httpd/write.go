package httpd

import "time"

// mostWritten is how many octets Write gathers to send them with their length.
// Beyond that they are sent in chunks.
const mostWritten = 64 << 10

// Write adds p, which it copies, to the content of the response. A content
// that stays within 64 KiB is sent with its length when the handler returns; a
// longer one is sent in chunks, or, to an HTTP/1.0 peer, up to the end of the
// connection. (ESP-IDF: httpd_resp_send_chunk; the end needs no call.)
//
// If the handler returns an error after its content became a long one, or was
// flushed, the end of the content is not sent: the peer sees that it is
// incomplete. Before, what was written is the whole response.
func (w *Response) Write(p []byte) (n int, err error) {
	switch {
	case w.progress >= raw:
		return 0, ErrSent
	case w.err != nil:
		return 0, w.err
	case len(p) > 0 && !takesContent(w.status):
		return 0, ErrNoContent
	}
	if w.progress == unanswered && w.length != gathered {
		w.stream()
	}
	if w.progress == streaming {
		return pieces(w, p)
	}
	w.progress = written
	w.given += int64(len(p))
	w.content = append(w.content, p...)
	if len(w.content) > mostWritten {
		w.stream()
		w.wire.chunk(w.content)
		w.content = emptied(w.content)
	}
	return handed(w, len(p), false)
}

// SetDeadlines sets when a blocking handler has waited long enough: from then on
// Read, or Write and Flush, return os.ErrDeadlineExceeded if they would have to
// wait. The zero time is never. Config.ContentTimeout and SendTimeout, which ask
// for progress, hold all the same. A handler on the loop does not wait: it gets
// ErrNotBlocking.
func (w *Response) SetDeadlines(read, write time.Time) error {
	if w.via == nil {
		return ErrNotBlocking
	}
	w.via.limit(limitRead, read)
	w.via.limit(limitWrite, write)
	return nil
}

// gathered is the length of a content that Write gathers.
const gathered = -2

// SetLength says how long the content will be, before the first of it is
// written: n octets, or negative if nobody knows. From its first Write, which
// may be empty, the content is then sent as it comes: behind its length, or else
// in chunks. Write returns ErrLength for more than that; with less the session
// ends, so that the peer sees that the content is incomplete. In the answer to a
// HEAD it is the length that the content would have, and if nobody knows it nothing
// is said. Send does not need it, and has its own. Trailers cannot follow a
// content whose length is set.
func (w *Response) SetLength(n int64) {
	if w.progress == unanswered {
		w.length = max(n, unknown)
	} else {
		w.fail(ErrSent)
	}
}

// EndSession makes this the last response of its session: its head says so,
// unless it is on its way already, and the session ends behind it, for
// ReasonServed.
func (w *Response) EndSession() { w.wire.announceClose() }

// Status returns the status that is set, or was sent: 200 at first.
func (w *Response) Status() int { return w.status }

// Written is how many octets of content the response has been given, whether
// they are sent or not. What SendRaw writes counts whole.
func (w *Response) Written() int64 { return w.given }

// Flush sends what was written so far, before the content is complete: it is
// sent in chunks from then on. In a blocking handler it waits for room, and
// returns io.ErrUnexpectedEOF or ErrSessionEnding if the peer or the session is
// gone. On the loop nothing is sent before the handler returns.
func (w *Response) Flush() error {
	switch {
	case w.progress >= raw:
		return ErrSent
	case w.err != nil:
		return w.err
	case w.progress < streaming:
		if len(w.content) > 0 && !takesContent(w.status) {
			return ErrNoContent
		}
		w.stream()
		w.wire.chunk(w.content)
		w.content = w.content[:0]
	}
	_, err := handed(w, 0, true)
	return err
}

// pieces adds p to the content of a response whose head is written. What a
// blocking handler writes goes to the loop piece by piece.
func pieces(w *Response, p []byte) (n int, err error) {
	if w.wire.sized && w.given+int64(len(p)) > w.length {
		return 0, ErrLength
	}
	w.given += int64(len(p))
	for w.via != nil && len(p)-n > streamBuffer/2 {
		w.wire.chunk(p[n : n+streamBuffer/2])
		if _, err := handed(w, 0, false); err != nil {
			return n, err
		}
		n += streamBuffer / 2
	}
	w.wire.chunk(p[n:])
	if _, err := handed(w, 0, false); err != nil {
		return n, err
	}
	return len(p), nil
}

// handed hands the output over to the loop, if it is that of a blocking handler
// and enough of it, or all of it is wanted. n is what Write returns.
func handed(w *Response, n int, all bool) (int, error) {
	if w.via == nil || !all && len(w.wire.out) < streamBuffer/2 {
		return n, nil
	}
	if w.progress >= streaming {
		w.via.waive()
	}
	o := &w.wire
	gone, err := w.via.write(o.out)
	if gone > 0 { // so is the head, out of reach
		o.out, o.begun, o.headEnd = append(o.out[:0], o.out[gone:]...), 0, 0
	}
	if err != nil {
		w.fail(err)
		return 0, err
	}
	return n, nil
}

// WriteString is Write for a string.
func (w *Response) WriteString(s string) (n int, err error) { return w.Write([]byte(s)) }

// begin writes what comes before a content of known length. Send and SendString
// append the content themselves: in a function they share, its type would be a
// parameter, and a buffer on the handler's stack would escape.
func (w *Response) begin(length int) error {
	switch {
	case w.progress != unanswered:
		return ErrSent
	case w.err != nil:
		return w.err
	case length > 0 && !takesContent(w.status):
		return ErrNoContent
	}
	w.given = int64(length)
	w.frame(length)
	return nil
}

// frame writes the head of a response whose whole content is known. Trailers
// can only follow chunks: then the content becomes one.
func (w *Response) frame(length int) {
	if len(w.set.trailers) == 0 || w.wire.old || !takesContent(w.status) {
		w.progress = answered
		w.wire.head(w, length)
		return
	}
	w.length = gathered
	w.stream()
	w.wire.beginChunk(length)
}

// end writes what comes behind a content of known length.
func endContent(w *Response, length int) {
	if w.progress == streaming {
		w.wire.endChunk(length)
		endStream(w)
	}
}

// stream begins a response whose content follows as it comes.
func (w *Response) stream() {
	w.progress = streaming
	o, length := &w.wire, w.length
	o.bare = o.bare || !takesContent(w.status)
	switch {
	case length == unknown && o.bare, !takesContent(w.status):
		length = untold
	case length == gathered:
		length = unknown
	}
	o.sized = length >= 0
	o.close = o.close || o.old && length == unknown // the end of the connection is the end of the content
	o.head(w, int(length))
}

func endStream(w *Response) {
	w.progress = answered
	w.wire.lastChunk(w.set.trailers)
}

// finish ends the response when its handler is done with it. It reports false
// if there is none: nothing was sent, or what was set cannot be.
func (w *Response) finish(err error) bool {
	if w.progress == written && len(w.content) > 0 && !takesContent(w.status) {
		w.fail(ErrNoContent) // the status came after the content
	}
	switch {
	case w.progress == unanswered, w.progress == written && w.err != nil:
		return false
	case w.progress == written:
		w.frame(len(w.content))
		if !w.wire.bare {
			w.wire.out = append(w.wire.out, w.content...)
		}
		endContent(w, len(w.content))
	case w.wire.sized && !w.wire.bare && w.given != w.length: // it is incomplete
	case w.progress == streaming && err == nil && w.err == nil:
		endStream(w)
	}
	return true
}

// whole reports whether the response has come to its end.
func (p progress) whole() bool { return p >= raw }
