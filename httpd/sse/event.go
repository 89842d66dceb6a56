package sse

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// An Event is what one dispatch of an EventSource is made of (HTML living
// standard, 9.2). It is dispatched even if all of it is empty.
type Event struct {
	// ID is what a client says in Last-Event-ID when it comes back. Empty: the
	// event leaves that as it is.
	ID string
	// Name is the event's type, for which a page has a listener. Empty: it is
	// "message". A browser fires "open" and "error" by itself: avoid these.
	Name string
	// Data is any text. The peer reads each of its line ends, CR LF, CR or LF, as
	// LF.
	Data string
	// Retry tells the client how long to wait before it connects again, in whole
	// milliseconds, rounded up. Zero: it is not told.
	Retry time.Duration
}

// ErrEvent says that a peer would not read an event back as it is: ID, Name or
// Data is not UTF-8, ID or Name has a control character, ID begins or ends with
// a space, or Retry is negative. It comes wrapped: the text says which.
var ErrEvent = errors.New("sse: no valid event")

// Append appends the event to dst as it is on the wire. It returns ErrEvent, and
// dst as it was, if it cannot be sent.
func (e Event) Append(dst []byte) ([]byte, error) {
	if wrong := e.wrong(); wrong != "" {
		return dst, fmt.Errorf("%w: %s", ErrEvent, wrong)
	}
	if e.ID != "" {
		dst = appendField(dst, "id", e.ID)
	}
	if e.Name != "" {
		dst = appendField(dst, "event", e.Name)
	}
	if e.Retry > 0 {
		dst = appendRetry(dst, e.Retry)
	}
	for rest, more := e.Data, true; more; {
		var line string
		line, rest, more = cutLine(rest)
		dst = appendField(dst, "data", line)
	}
	return append(dst, '\n'), nil
}

func (e Event) wrong() string {
	switch {
	case !utf8.ValidString(e.ID), !utf8.ValidString(e.Name), !utf8.ValidString(e.Data):
		return "it is not UTF-8"
	case hasControl(e.ID):
		return "its ID has a control character" // NUL: it would be ignored; others: a server could refuse the field that it comes back in
	case e.ID != strings.Trim(e.ID, " "):
		return "its ID begins or ends with a space" // which a field does not keep
	case hasControl(e.Name):
		return "its Name has a control character"
	case e.Retry < 0:
		return "its Retry is negative"
	}
	return ""
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// cutLine is strings.Cut at the first line end, whichever of the three it is.
func cutLine(s string) (line, rest string, more bool) {
	i := strings.IndexAny(s, "\r\n")
	if i < 0 {
		return s, "", false
	}
	line, rest = s[:i], s[i+1:]
	if s[i] == '\r' {
		rest = strings.TrimPrefix(rest, "\n")
	}
	return line, rest, true
}

// appendField writes the space behind the colon always: the peer takes one away.
func appendField(dst []byte, name, value string) []byte {
	dst = append(append(dst, name...), ": "...)
	return append(append(dst, value...), '\n')
}

func appendRetry(dst []byte, d time.Duration) []byte {
	ms := int64(d / time.Millisecond)
	if d%time.Millisecond > 0 {
		ms++
	}
	return appendField(dst, "retry", strconv.FormatInt(ms, 10))
}

// keepAlive is a comment, which the peer reads over.
const keepAlive = ":\n"

// Lost is the name of the event by which a hub tells a peer that it has lost
// events, for it was too slow. Its data is how many, as a decimal number.
const Lost = "lost"

func lost(n uint64) []byte {
	b := appendField(nil, "event", Lost)
	return append(appendField(b, "data", strconv.FormatUint(n, 10)), '\n')
}
