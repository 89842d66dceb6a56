package parser

import "math"

// A Span is a piece of the parsed buffer: the octets from Start up to End.
// It outlives a move of the buffer, which a slice would not.
type Span struct{ Start, End uint32 }

// Of returns the octets of s in b, the buffer that was parsed or its copy.
// They alias b, and appending to them copies.
func (s Span) Of(b []byte) []byte { return b[s.Start:s.End:s.End] }

// Len returns the number of octets in s.
func (s Span) Len() int { return int(s.End - s.Start) }

// A Field is one field-line; Value has no white space around it.
type Field struct{ Name, Value Span }

// A Head is a parsed request-line and its field section. The caller sets the
// limits and gives Fields its capacity; Parse sets the rest. One Head serves
// many connections, one head after the other.
type Head struct {
	MaxTarget int // octets of the request-target; a longer one is ErrTargetTooLong
	MaxHead   int // octets of the head with its empty line; a longer one is ErrHeadTooLong

	Method Span
	Target Span    // the request-target as it came; SplitTarget takes it apart
	Minor  uint8   // the y of HTTP/1.y; 2 to 9 mean what 1 means (RFC 9110 2.5)
	Fields []Field // in the order they came, as many as there was capacity for

	known wellKnown
	bare  bool // it has no request-line: it is a trailer section
}

// maxMethod is the longest method looked for, in octets; the longest one that
// IANA has is UPDATEREDIRECTREF with 17.
const maxMethod = 32

// maxOffset bounds MaxHead, so that an offset fits a Span and an int anywhere.
const maxOffset = math.MaxInt32

// Parse parses the head that b begins with and returns its length in octets,
// the empty line included. What follows the head is not looked at.
//
// If the head is not all there, Parse returns ErrPartial and h is undefined;
// call it again when b has more, with all the octets of the head from its first
// and the same g, which must be zero for a new head. After any other outcome g
// is zero again. Any further error is final and means 4xx or 5xx and close.
//
// Parse wants the request-line first: see [EmptyLines].
func (h *Head) Parse(b []byte, g *Guard) (n int, err error) {
	limit := max(0, min(h.MaxHead, maxOffset))
	b = b[:min(len(b), limit)]
	if 0 < g.seen && int(g.seen) <= len(b) {
		err = h.resume(b, g)
	}
	if err == nil {
		n, err = h.head(b, g)
	}
	if err == ErrPartial && len(b) < limit {
		return 0, ErrPartial
	}
	*g = Guard{}
	if err == ErrPartial {
		return 0, ErrHeadTooLong
	}
	return n, err
}

// Forget leaves h without a head: every span is empty, and there is no field.
func (h *Head) Forget() {
	h.Method, h.Target, h.Minor = Span{}, Span{}, 0
	h.Fields, h.known = h.Fields[:0], wellKnown{}
}

// head = request-line CRLF *( field-line CRLF ) CRLF (RFC 9112 2.1)
func (h *Head) head(b []byte, g *Guard) (n int, err error) {
	h.Fields, h.known = h.Fields[:0], wellKnown{}
	if !h.bare {
		n, err = h.requestLine(b)
	}
	for err == nil {
		if hasScan {
			n = h.scan(b, n)
		}
		if n+1 < len(b) && b[n] == '\r' && b[n+1] == '\n' {
			return n + 2, nil
		}
		n, err = h.fieldLine(b, n)
	}
	// The line at n is at fault, but that counts only if it is all there, and
	// after its octets.
	seen, octetErr := h.lineEnd(b, n, n)
	if octetErr == nil {
		return 0, err
	}
	*g = Guard{line: uint32(n), seen: uint32(seen), fields: uint32(len(h.Fields))}
	return 0, octetErr
}

// scan appends the ordinary fields from offset at on, and returns the offset of
// the first line that is left to fieldLine.
func (h *Head) scan(b []byte, at int) (next int) {
	had := len(h.Fields)
	count, next := scanFields(b, at, h.Fields[had:cap(h.Fields)])
	h.Fields = h.Fields[:had+count]
	for i, f := range h.Fields[had:] {
		h.known.note(f.Name.Of(b), had+i)
	}
	return next
}

// requestLine = method SP request-target SP HTTP-version CRLF (RFC 9112 3)
//
// It returns the offset of the next line, or 0 and what is wrong, which may be
// no more than that b ends too soon: see lineEnd.
func (h *Head) requestLine(b []byte) (next int, err error) {
	b = b[:min(len(b), h.maxRequestLine())]
	m := span(b, tchar)
	switch {
	case m > maxMethod:
		return 0, ErrMethodTooLong
	case m == 0 || m == len(b) || b[m] != ' ':
		return 0, ErrMethod
	}
	start := m + 1
	t := spanPct(b[start:], uri)
	end := start + t
	switch {
	case t > h.MaxTarget:
		return 0, ErrTargetTooLong
	case t > 0 && end < len(b) && b[end] == '\r':
		return 0, ErrVersion // only two parts: HTTP/0.9, or no target
	case t == 0 || end == len(b) || b[end] != ' ':
		return 0, ErrTarget
	}
	h.Method = Span{0, uint32(m)}
	h.Target = Span{uint32(start), uint32(end)}
	next = end + 1 + len(versionLine)
	if next > len(b) {
		return 0, ErrVersion
	}
	h.Minor, err = version(b[end+1 : next])
	if err != nil {
		return 0, err
	}
	return next, nil
}

// versionLine is what ends a request-line, but for its digits.
const versionLine = "HTTP/1.1\r\n"

// version = "HTTP" "/" DIGIT "." DIGIT CRLF (RFC 9112 2.3), case-sensitive;
// b is as long as that.
func version(b []byte) (minor uint8, err error) {
	switch {
	case string(b[:5]) != versionLine[:5] || b[6] != '.' || string(b[8:]) != "\r\n",
		!is(b[5], digit) || !is(b[7], digit):
		return 0, ErrVersion
	case b[5] != '1':
		return 0, ErrVersionUnsupported
	}
	return b[7] - '0', nil
}

// maxRequestLine returns the octets of the longest request-line that can pass.
func (h *Head) maxRequestLine() int {
	target := max(0, min(h.MaxTarget, maxOffset/2))
	return maxMethod + 1 + target + 1 + len(versionLine)
}

// field-line = field-name ":" OWS field-value OWS (RFC 9112 5), with its CRLF
//
// fieldLine appends the field at offset at, and returns the offset of the next
// line, or at and what is wrong, which may be no more than that b ends too
// soon: see lineEnd.
func (h *Head) fieldLine(b []byte, at int) (next int, err error) {
	if len(h.Fields) == cap(h.Fields) {
		return at, ErrTooManyFields
	}
	colon := at + span(b[at:], tchar)
	if colon == at || colon == len(b) || b[colon] != ':' {
		return at, nameError(b[at:])
	}
	start := colon + 1
	start += span(b[start:], ows)
	cr := start + spanText(b[start:])
	if cr+1 >= len(b) || b[cr] != '\r' || b[cr+1] != '\n' {
		return at, ErrLineEnd
	}
	end := cr
	for end > start && is(b[end-1], ows) {
		end--
	}
	h.known.note(b[at:colon], len(h.Fields))
	h.Fields = append(h.Fields, Field{
		Name:  Span{uint32(at), uint32(colon)},
		Value: Span{uint32(start), uint32(end)},
	})
	return cr + 2, nil
}

// nameError tells white space where a field-name should begin, which other
// parsers take for the rest of the line before, from other malformed names.
func nameError(b []byte) error {
	if len(b) > 0 && is(b[0], ows) {
		return ErrFold
	}
	return ErrFieldName
}

// EmptyLines returns the length of the CRLFs that b begins with. A server
// SHOULD skip at least one before a request-line (RFC 9112 2.2), and should
// bound how many. A lone CR at the end of b is not counted; Parse then says
// ErrPartial and leaves its Guard zero, so that the caller can skip again.
func EmptyLines(b []byte) (n int) {
	for n+1 < len(b) && b[n] == '\r' && b[n+1] == '\n' {
		n += 2
	}
	return n
}
