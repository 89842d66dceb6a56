package httpd

// mostWritten is how many octets Write gathers to send them with their length.
// Beyond that they are sent in chunks.
const mostWritten = 64 << 10

// Write adds p, which it copies, to the content of the response. A content
// that stays within 64 KiB is sent with its length when the handler returns; a
// longer one is sent in chunks, or, to an HTTP/1.0 peer, up to the end of the
// connection. (ESP-IDF: httpd_resp_send_chunk; the end needs no call.)
//
// If the handler returns an error after its content became a long one, the
// end of the content is not sent: the peer sees that it is incomplete.
func (w *Response) Write(p []byte) (n int, err error) {
	switch {
	case w.progress >= raw:
		return 0, ErrSent
	case w.err != nil:
		return 0, w.err
	case len(p) > 0 && !takesContent(w.status):
		return 0, ErrNoContent
	}
	if w.progress == streaming {
		w.wire.chunk(p)
		return len(p), nil
	}
	w.progress = written
	w.content = append(w.content, p...)
	if len(w.content) > mostWritten {
		w.stream()
		w.wire.chunk(w.content)
		w.content = emptied(w.content)
	}
	return len(p), nil
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
	w.stream()
	w.wire.beginChunk(length)
}

// end writes what comes behind a content of known length.
func (w *Response) end(length int) {
	if w.progress == streaming {
		w.wire.endChunk(length)
		w.endStream()
	}
}

// stream begins a response whose length is not known.
func (w *Response) stream() {
	w.progress = streaming
	w.wire.close = w.wire.close || w.wire.old // the end of the connection is the end of the content
	w.wire.head(w, unknown)
}

func (w *Response) endStream() {
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
		w.end(len(w.content))
	case w.progress == streaming && err == nil && w.err == nil:
		w.endStream()
	}
	return true
}

// whole reports whether the response has come to its end.
func (p progress) whole() bool { return p >= raw }
