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
	// name is no token, its value has a control character, it is one of those
	// that the engine writes, or a second Date.
	ErrHeader = errors.New("httpd: no valid response field")
	// ErrHeadersFull says that the response has Config.MaxResponseHeaders fields
	// already. (ESP-IDF: ESP_ERR_HTTPD_RESP_HDR.)
	ErrHeadersFull = errors.New("httpd: too many response fields")
	// ErrStatus says that the status is out of range, or its text not valid.
	ErrStatus = errors.New("httpd: no valid response status")
	// ErrNotBlocking says that only a blocking handler can do this: see
	// Route.Blocking.
	ErrNotBlocking = errors.New("httpd: not a blocking handler")
	// ErrLength says that the content is longer than SetLength has it.
	ErrLength = errors.New("httpd: more content than was announced")
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
	phrase   string // instead of the registered reason phrase; empty: that
	ctype    string
	set      fieldSet
	via      *stream // of a blocking handler; nil: what is written stays until that returns
	given    int64   // octets of content
	length   int64   // of the content, as SetLength has it
	content  []byte  // what Write has been given, until it is known how to frame it
	err      error   // of what was set
	code     ErrCode // of SendErr, for Config.Events; 0: it was not used
	progress progress
	upgrade  Receiver // the session's, once the response is sent
}

// A progress is how far a response has come.
type progress uint8

const (
	unanswered progress = iota
	written             // there is content, but no head yet
	streaming           // the head is written: content follows as it comes
	raw                 // SendRaw has written something: nothing is added
	answered
)

// reset forgets what was set.
func (w *Response) reset() {
	w.status, w.phrase, w.ctype = 200, "", defaultType
	w.set.head, w.set.trailers, w.set.count = emptied(w.set.head), emptied(w.set.trailers), 0
	w.content = emptied(w.content)
	w.err, w.code, w.progress, w.via, w.given, w.upgrade = nil, 0, unanswered, nil, 0, nil
	w.length, w.wire.sized, w.wire.dated = gathered, false, false
}

// hand leaves the memory that w does not use, or need not, to next.
func hand(w, next *Response) {
	next.set.valid, w.set.valid = w.set.valid, nil
	if w.progress == unanswered {
		next.content, w.content = w.content, nil
	}
	if w.set.count == 0 {
		next.set.head, next.set.trailers = w.set.head, w.set.trailers
		w.set.head, w.set.trailers = nil, nil
	}
}

// SetStatus sets the status, 200 to 999. It is 200 unless set.
// (ESP-IDF: httpd_resp_set_status.)
func (w *Response) SetStatus(status int) {
	if status < 200 || status > 999 {
		w.fail(ErrStatus)
		return
	}
	if w.open() {
		w.status, w.phrase = status, ""
	}
}

// SetStatusText sets the status and its reason phrase: "299 All Is Well".
// (ESP-IDF: httpd_resp_set_status.)
func (w *Response) SetStatusText(text string) {
	status, phrase, ok := splitStatus(text)
	if !ok {
		w.fail(ErrStatus)
		return
	}
	if w.open() {
		w.status, w.phrase = status, phrase
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
// Content-Length, Transfer-Encoding and Connection. A Date takes the place of
// the engine's; a second one is invalid. What makes a field invalid is reported
// by Send or Write. (ESP-IDF: httpd_resp_set_hdr.)
func (w *Response) AddHeader(name, value string) {
	date, again := false, w.set.repeats(name, value)
	if !again {
		date = parser.EqualFold(name, "Date")
		if !parser.IsToken(name) || !parser.IsFieldValue(value) || reserved(name) || date && w.wire.dated {
			w.fail(ErrHeader)
			return
		}
	}
	switch {
	case !w.open():
	case !again && parser.EqualFold(name, "Content-Type"):
		w.ctype = value
	case !w.set.add(&w.set.head, name, value):
		w.fail(ErrHeadersFull)
	case date:
		w.wire.dated = true
	case !again:
		w.set.note(name, value)
	}
}

// SetHeader is AddHeader, but the field takes the place of all that were set
// with that name.
func (w *Response) SetHeader(name, value string) {
	w.DelHeader(name)
	w.AddHeader(name, value)
}

// DelHeader takes back the fields that were set with that name, in any case.
// Without its Content-Type a response has none, without a Date of its own the
// engine's. The fields that AddHeader does not take cannot be taken back.
func (w *Response) DelHeader(name string) {
	switch {
	case !parser.IsToken(name), reserved(name):
		w.fail(ErrHeader)
	case !w.open():
	case parser.EqualFold(name, "Content-Type"):
		w.ctype = ""
	default:
		w.set.del(name)
		w.wire.dated = w.wire.dated && !parser.EqualFold(name, "Date")
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
	case w.progress >= raw:
		w.fail(ErrSent)
	case !w.set.add(&w.set.trailers, name, value):
		w.fail(ErrHeadersFull)
	}
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
	endContent(w, len(content))
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
	endContent(w, len(content))
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
	err := w.SendString(message)
	if err == nil {
		w.code = code
	}
	return err
}

// SendCustomErr is SendErr with a status of any text: "418 I'm a teapot".
// (ESP-IDF: httpd_resp_send_custom_err.)
func (w *Response) SendCustomErr(status, message string) error {
	if w.progress == unanswered {
		w.SetStatusText(status)
		w.ctype = defaultType
	}
	return w.SendString(message)
}

// SendRaw answers with octets as they are, which it copies: the whole response
// is the caller's, head and all, and the engine adds nothing to it. It may be
// called again, for more of it. What it says of the connection binds only the
// handler, which has to return an error to end it. (ESP-IDF: httpd_send.)
func (w *Response) SendRaw(p []byte) error {
	if w.progress != unanswered && w.progress != raw {
		return ErrSent
	}
	w.progress = raw
	w.given += int64(len(p))
	w.wire.out = append(w.wire.out, p...)
	return nil
}

// Inform sends an informational response, with fields given as name, value,
// name, value, ahead of the answer: 103 with Link fields, for instance. The
// status is 102 to 199. An HTTP/1.0 peer does not get it.
// In a blocking handler it is sent at once. (RFC 9110 15.2, RFC 8297.)
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
	b := appendStatusLine(w.wire.out, status, "")
	for i := 0; i < len(fields); i += 2 {
		if !parser.IsToken(fields[i]) || !parser.IsFieldValue(fields[i+1]) || reserved(fields[i]) {
			return ErrHeader
		}
		b = appendField(b, fields[i], fields[i+1])
	}
	w.wire.out = append(b, "\r\n"...)
	_, err := handed(w, 0, true)
	return err
}
