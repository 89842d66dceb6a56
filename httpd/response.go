package httpd

import (
	"errors"

	"moor.example/httpd/parser"
)

// The media type of a response for which none was set.
const defaultType = "text/plain; charset=utf-8"

// Errors of Send, Write and their kin.
var (
	// ErrSent says that the request was answered before, or that the head of
	// the response is on its way already.
	ErrSent = errors.New("httpd: the request has been answered")
	// ErrHeader says that a field set for the response cannot be sent: its
	// name is no token, its value has a control character, or it is one of
	// those that the engine writes.
	ErrHeader = errors.New("httpd: no valid response field")
	// ErrStatus says that the status is out of range.
	ErrStatus = errors.New("httpd: no valid response status")
	// ErrNoContent says that a response of this status has no content.
	ErrNoContent = errors.New("httpd: no content with this status")
)

// A Response is the answer to one request. What is set is kept until Send,
// which writes the head and the content together, or until the handler
// returns, if it uses Write. (ESP-IDF: the httpd_resp_* functions.)
//
// Strings are copied or immutable, and []byte arguments are copied: nothing
// that the handler passes needs to live on.
type Response struct {
	wire     wire
	status   int
	ctype    string
	fields   []byte // field-lines, ready to be sent
	trailers []byte // likewise
	content  []byte // what Write has been given, until it is known how to frame it
	err      error  // of what was set
	progress progress
}

// A progress is how far a response has come.
type progress uint8

const (
	unanswered progress = iota
	written             // there is content, but no head yet
	streaming           // the head is written: content follows as it comes
	answered
)

// reset forgets what was set.
func (w *Response) reset() {
	w.status, w.ctype = 200, defaultType
	w.fields, w.trailers, w.content = w.fields[:0], w.trailers[:0], emptied(w.content)
	w.err, w.progress = nil, unanswered
}

// SetStatus sets the status, 200 to 999. It is 200 unless set.
// (ESP-IDF: httpd_resp_set_status.)
func (w *Response) SetStatus(status int) {
	if status < 200 || status > 999 {
		w.fail(ErrStatus)
		return
	}
	if w.open() {
		w.status = status
	}
}

// SetType sets the Content-Type, which is "text/plain; charset=utf-8" unless
// set. An empty one sends none. (ESP-IDF: httpd_resp_set_type.)
func (w *Response) SetType(mediaType string) {
	if !parser.IsFieldValue(mediaType) {
		w.fail(ErrHeader)
		return
	}
	if w.open() {
		w.ctype = mediaType
	}
}

// AddHeader adds a field to the response's head. The fields that decide how
// the response is framed and what becomes of the connection are the engine's:
// Content-Length, Transfer-Encoding, Connection and Date. What makes a field
// invalid is reported by Send or Write. (ESP-IDF: httpd_resp_set_hdr.)
func (w *Response) AddHeader(name, value string) {
	switch {
	case !parser.IsToken(name), !parser.IsFieldValue(value), reserved(name):
		w.fail(ErrHeader)
	case !w.open():
	case parser.EqualFold(name, "Content-Type"):
		w.ctype = value
	default:
		w.fields = appendField(w.fields, name, value)
	}
}

// AddTrailer adds a field that is sent behind the content, which is then
// chunked, and may be set until the content is complete. A peer may drop it,
// and an HTTP/1.0 peer does not get it; so does nobody who asked with HEAD.
// It must not be one that is needed before the content (RFC 9110 6.5.1).
func (w *Response) AddTrailer(name, value string) {
	switch {
	case !parser.IsToken(name), !parser.IsFieldValue(value), parser.ForbiddenTrailer(name):
		w.fail(ErrHeader)
	case w.progress == answered:
		w.fail(ErrSent)
	default:
		w.trailers = appendField(w.trailers, name, value)
	}
}

func appendField(dst []byte, name, value string) []byte {
	return append(append(append(append(dst, name...), ": "...), value...), "\r\n"...)
}

func reserved(name string) bool {
	return parser.EqualFold(name, "Content-Length") || parser.EqualFold(name, "Transfer-Encoding") ||
		parser.EqualFold(name, "Connection") || parser.EqualFold(name, "Date")
}

// open reports whether the head can still be changed.
func (w *Response) open() bool {
	if w.progress >= streaming {
		w.fail(ErrSent)
		return false
	}
	return true
}

// fail keeps the first thing that was wrong: Send and Write report it.
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
	if !w.wire.bare {
		w.wire.out = append(w.wire.out, content...)
	}
	w.end(len(content))
	return nil
}

// SendString is Send for a string. (ESP-IDF: httpd_resp_sendstr.)
func (w *Response) SendString(content string) error {
	if err := w.begin(len(content)); err != nil {
		return err
	}
	if !w.wire.bare {
		w.wire.out = append(w.wire.out, content...)
	}
	w.end(len(content))
	return nil
}

// SendErr answers the request with an error response: the status, and
// message as text, or the engine's sentence for code if message is empty. It
// returns nil if that was written, so that `return w.SendErr(...)` keeps the
// connection. (ESP-IDF: httpd_resp_send_err.)
func (w *Response) SendErr(code ErrCode, message string) error {
	if w.progress == unanswered {
		w.SetStatus(int(code))
		w.ctype = defaultType
	}
	if message == "" {
		message = code.body()
	}
	return w.SendString(message)
}

// Inform sends an informational response, with fields given as name, value,
// name, value, ahead of the answer: 103 with Link fields, for instance. The
// status is 102 to 199. An HTTP/1.0 peer does not get it.
// (RFC 9110 15.2, RFC 8297.)
func (w *Response) Inform(status int, fields ...string) error {
	switch {
	case status < 102 || status > 199:
		return ErrStatus
	case len(fields)%2 != 0:
		return ErrHeader
	case w.progress >= streaming:
		return ErrSent
	case w.wire.old:
		return nil
	}
	b := appendStatusLine(w.wire.out, status)
	for i := 0; i < len(fields); i += 2 {
		if !parser.IsToken(fields[i]) || !parser.IsFieldValue(fields[i+1]) || reserved(fields[i]) {
			return ErrHeader
		}
		b = appendField(b, fields[i], fields[i+1])
	}
	w.wire.out = append(b, "\r\n"...)
	return nil
}
