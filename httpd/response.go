package httpd

import (
	"errors"
	"slices"
	"strconv"

	"moor.example/httpd/parser"
)

// The media type of a response for which none was set.
const defaultType = "text/plain; charset=utf-8"

// Errors of Send and its kin.
var (
	// ErrSent says that the request was answered before.
	ErrSent = errors.New("httpd: the request has been answered")
	// ErrHeader says that a field set for the response cannot be sent: its
	// name is no token, its value has a control character, or it is one of
	// those that the engine writes.
	ErrHeader = errors.New("httpd: no valid response field")
	// ErrStatus says that the status is not in 200 to 999.
	ErrStatus = errors.New("httpd: no valid response status")
)

// A Response is the answer to one request. What is set is kept until Send,
// which writes the head and the content together.
// (ESP-IDF: the httpd_resp_* functions.)
//
// Strings are copied or immutable, and []byte arguments are copied: nothing
// that the handler passes needs to live on.
type Response struct {
	out     []byte // all output of the turn: earlier responses, then this one
	connAt  int    // where in out the Connection field of this one's head is, or can be
	headEnd int    // where in out the empty line is that follows it
	date    *date
	status  int
	ctype   string
	fields  []byte // field-lines, ready to be sent
	err     error  // of what was set
	sent    bool
	close   bool // this is the last response of its connection
	persist bool // an HTTP/1.0 peer is told that the connection persists
	bare    bool // the content is only counted: the request was HEAD
}

// reset makes w ready for the answer to the next request.
func (w *Response) reset() {
	w.status, w.ctype = 200, defaultType
	w.fields = w.fields[:0]
	w.err = nil
	w.sent, w.close, w.persist, w.bare = false, false, false, false
}

// SetStatus sets the status, 200 to 999. It is 200 unless set.
// (ESP-IDF: httpd_resp_set_status.)
func (w *Response) SetStatus(status int) {
	if status < 200 || status > 999 {
		w.fail(ErrStatus)
		return
	}
	w.status = status
}

// SetType sets the Content-Type, which is "text/plain; charset=utf-8" unless
// set. An empty one sends none. (ESP-IDF: httpd_resp_set_type.)
func (w *Response) SetType(mediaType string) {
	if !parser.IsFieldValue(mediaType) {
		w.fail(ErrHeader)
		return
	}
	w.ctype = mediaType
}

// AddHeader adds a field to the response's head. What makes it invalid is
// reported by Send. The fields that decide how the response is framed and
// what becomes of the connection are the engine's: Content-Length,
// Transfer-Encoding, Connection and Date. (ESP-IDF: httpd_resp_set_hdr.)
func (w *Response) AddHeader(name, value string) {
	switch {
	case !parser.IsToken(name), !parser.IsFieldValue(value), reserved(name):
		w.fail(ErrHeader)
	case parser.EqualFold(name, "Content-Type"):
		w.ctype = value
	default:
		w.fields = append(w.fields, name...)
		w.fields = append(w.fields, ": "...)
		w.fields = append(w.fields, value...)
		w.fields = append(w.fields, "\r\n"...)
	}
}

func reserved(name string) bool {
	return parser.EqualFold(name, "Content-Length") || parser.EqualFold(name, "Transfer-Encoding") ||
		parser.EqualFold(name, "Connection") || parser.EqualFold(name, "Date")
}

// fail keeps the first thing that was wrong: Send reports it.
func (w *Response) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// Send answers the request with content, which it copies.
// (ESP-IDF: httpd_resp_send.)
//
// It returns an error, and writes nothing, if the request was answered before
// or something that was set is not valid.
func (w *Response) Send(content []byte) error {
	if err := w.begin(len(content)); err != nil {
		return err
	}
	if w.carries() {
		w.out = append(w.out, content...)
	}
	return nil
}

// SendString is Send for a string. (ESP-IDF: httpd_resp_sendstr.)
func (w *Response) SendString(content string) error {
	if err := w.begin(len(content)); err != nil {
		return err
	}
	if w.carries() {
		w.out = append(w.out, content...)
	}
	return nil
}

// SendErr answers the request with an error response: the status, and
// message as text, or the engine's sentence for code if message is empty. It
// returns nil if that was written, so that `return w.SendErr(...)` keeps the
// connection. (ESP-IDF: httpd_resp_send_err.)
func (w *Response) SendErr(code ErrCode, message string) error {
	w.SetStatus(int(code))
	w.ctype = defaultType
	if message == "" {
		message = code.body()
	}
	return w.SendString(message)
}

// instead answers with an error response where the handler's own could not be
// sent. What was set for that is forgotten.
func (w *Response) instead(code ErrCode) {
	closes, bare := w.close, w.bare
	w.reset()
	w.close, w.bare = closes, bare
	w.SendErr(code, "")
}

// begin writes the head of a response whose content has length octets. Send
// and SendString append the content themselves: in a function they share, its
// type would be a parameter, and a buffer on the handler's stack would escape.
func (w *Response) begin(length int) error {
	switch {
	case w.sent:
		return ErrSent
	case w.err != nil:
		return w.err
	}
	w.sent = true
	w.head(length)
	return nil
}

// carries reports whether the content follows the head.
func (w *Response) carries() bool { return !w.bare && w.hasContent() }

// hasContent: a 204 or 304 response ends with its head (RFC 9112 6.3).
func (w *Response) hasContent() bool { return w.status != 204 && w.status != 304 }

// head appends the status-line and the field section.
func (w *Response) head(length int) {
	b := appendStatusLine(w.out, w.status)
	b = append(b, w.date.line()...)
	if w.hasContent() {
		if w.ctype != "" {
			b = append(append(append(b, "Content-Type: "...), w.ctype...), "\r\n"...)
		}
		b = append(b, "Content-Length: "...)
		b = append(strconv.AppendInt(b, int64(length), 10), "\r\n"...)
	}
	b = append(b, w.fields...)
	w.connAt = len(b)
	switch {
	case w.close:
		b = append(b, closeLine...)
	case w.persist:
		b = append(b, "Connection: keep-alive\r\n"...)
	}
	w.headEnd = len(b)
	w.out = append(b, "\r\n"...)
}

const closeLine = "Connection: close\r\n"

// announceClose says in a response which is written already that it is the
// last one of its connection.
func (w *Response) announceClose() {
	if !w.close {
		w.close = true
		w.out = slices.Replace(w.out, w.connAt, w.headEnd, []byte(closeLine)...)
	}
}
