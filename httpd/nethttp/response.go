package nethttp

import (
	"fmt"
	"io"
	"net/http"
	"strconv"

	"moor.example/httpd"
)

const (
	// unknown is the length of a content that nobody has announced.
	unknown = -1
	// mostPending is how many octets of content wait for the head, so that they
	// may be all of it: as many as with net/http.
	mostPending = 2048
	// mostSniffed is how many of them tell of what type they are.
	mostSniffed = 512
)

// A response is an http.ResponseWriter. The head is kept until it is known what
// to say in it: the content is complete, or too long to wait, or flushed.
type response struct {
	w        *httpd.Response
	from     *body // of the request
	limits   limits
	header   http.Header // as the handler has it
	sent     http.Header // as it was at WriteHeader
	status   int         // 0: WriteHeader was not called
	length   int64       // that the handler has announced, or unknown
	written  int64
	pending  []byte   // content that waits for the head
	trailers []string // that the head announces
	isHead   bool     // the request is HEAD
	begun    bool     // the head is the engine's
	hijacked bool
}

func (w *response) Header() http.Header {
	if w.header == nil {
		w.header = http.Header{}
	}
	return w.header
}

// WriteHeader sets the status, once. An informational one is sent at once, but
// for 100, which the engine sends when the handler reads.
func (w *response) WriteHeader(status int) {
	if w.hijacked || w.status != 0 {
		return
	}
	if status < 100 || status > 999 {
		panic(fmt.Sprintf("invalid WriteHeader code %v", status)) // as net/http does
	}
	if status < 200 && status != http.StatusSwitchingProtocols {
		w.w.Inform(status, pairs(w.header)...) // whom it does not reach the answer does not, either
		return
	}
	w.commit(status, w.header.Clone())
}

// commit settles the status and the fields.
func (w *response) commit(status int, head http.Header) {
	w.status, w.sent = status, head
	if n, err := strconv.ParseInt(head.Get("Content-Length"), 10, 64); err == nil && n >= 0 && head.Get("Transfer-Encoding") == "" {
		w.length = n
	}
}

// bare reports whether a response with that status ends with its head.
func bare(status int) bool { return status == 204 || status == 205 || status == 304 }

func (w *response) Write(p []byte) (n int, err error) {
	if w.hijacked {
		return 0, http.ErrHijacked
	}
	w.WriteHeader(http.StatusOK)
	switch {
	case len(p) == 0:
		return 0, nil
	case bare(w.status):
		return 0, http.ErrBodyNotAllowed
	}
	w.written += int64(len(p))
	switch {
	case w.length != unknown && w.written > w.length:
		return 0, http.ErrContentLength
	case !w.begun && len(w.pending)+len(p) <= mostPending:
		w.pending = append(w.pending, p...)
		return len(p), nil
	case !w.begun:
		more := min(len(p), max(0, mostSniffed-len(w.pending)))
		w.pending = append(w.pending, p[:more]...)
		if err := w.begin(unknown); err != nil {
			return 0, err
		}
		n, err = w.w.Write(p[more:])
		return more + n, err
	}
	return w.w.Write(p)
}

func (w *response) WriteString(s string) (n int, err error) { return w.Write([]byte(s)) }

func (w *response) ReadFrom(from io.Reader) (n int64, err error) {
	return io.Copy(struct{ io.Writer }{w}, from)
}

// begin writes the head, for a content of length octets unless the handler has
// announced another, and what waits for it.
func (w *response) begin(length int64) error {
	w.begun = true
	w.trailers = trailerNames(w.sent)
	out := w.w
	out.SetStatus(w.status)
	out.SetType(mediaType(w.sent, w.pending))
	set(out, w.sent)
	if has(w.sent["Connection"], "close") {
		out.EndSession()
	}
	switch {
	case bare(w.status):
		length = 0
	case w.length != unknown:
		length = w.length
	case len(w.trailers) > 0, prefixed(w.header), w.sent.Get("Transfer-Encoding") != "", w.isHead && len(w.pending) == 0:
		length = unknown
	}
	out.SetLength(length)
	_, err := out.Write(w.pending)
	w.pending = nil
	return err
}

// finish ends the response when the handler has returned.
func (w *response) finish() error {
	if w.hijacked {
		return nil
	}
	if w.status == 0 {
		w.commit(http.StatusOK, w.header)
	}
	if !w.begun {
		if err := w.begin(int64(len(w.pending))); err != nil {
			return err
		}
	}
	addTrailers(w.w, w.header, w.trailers)
	return nil
}

// abort ends the session without more of an answer than was sent.
func (w *response) abort() error {
	if !w.begun && !w.hijacked {
		w.w.SendRaw(nil)
	}
	return http.ErrAbortHandler
}
