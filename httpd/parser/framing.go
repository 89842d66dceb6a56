package parser

import "math"

// A BodyKind is the way in which the end of a body is found (RFC 9112 6.3).
type BodyKind uint8

const (
	None    BodyKind = iota // there is no body
	Length                  // Body.Length octets, possibly 0
	Chunked                 // the chunked transfer-coding tells
)

// A Body says how long the body behind a head is.
type Body struct {
	Kind   BodyKind
	Length int64 // octets, not negative; 0 unless Kind is Length
}

// Framing returns how the body of the request is delimited, or why the request
// is refused (RFC 9112 6.3). After a refusal nothing behind the head may be
// taken for a request. The method has no say: any request may have a body.
//
// It is stricter than it must be: one Content-Length or one Transfer-Encoding,
// never both, no list in the former, nothing but "chunked" in the latter.
func Framing(h *Head, b []byte) (Body, error) {
	coding, coded := h.value(b, transferEncoding)
	length, sized := h.value(b, contentLength)
	switch {
	case coded && sized:
		return Body{}, ErrFramingConflict
	case coded:
		return h.chunked(coding)
	case !sized:
		return Body{}, nil
	case h.known.again[contentLength]:
		return Body{}, ErrContentLengthRepeated
	}
	n, err := contentLengthValue(length)
	if err != nil {
		return Body{}, err
	}
	return Body{Kind: Length, Length: n}, nil
}

// chunked decides about a Transfer-Encoding with this value.
func (h *Head) chunked(coding []byte) (Body, error) {
	switch {
	case h.Minor == 0:
		return Body{}, ErrTransferEncodingVersion // RFC 9112 6.1: its framing is faulty
	case h.known.again[transferEncoding]:
		return Body{}, ErrTransferEncodingRepeated
	case !equalFold(coding, "chunked"):
		return Body{}, codingError(coding)
	}
	return Body{Kind: Chunked}, nil
}

// codingError tells why a list of transfer-codings other than "chunked" is
// refused. That chunked comes last, and once, is needed to find the end of the
// body at all (RFC 9112 6.3); given that, the others are merely unknown here.
// A parameter is not looked into: chunked has none (RFC 9112 7.1).
func codingError(list []byte) error {
	for more := true; more; {
		var coding []byte
		coding, list, more = nextElement(list)
		isToken := len(coding) > 0 && span(coding, tchar) == len(coding)
		if !isToken || equalFold(coding, "chunked") == more {
			return ErrTransferEncoding
		}
	}
	return ErrTransferCoding
}

// Content-Length = 1*DIGIT (RFC 9110 8.6)
//
// Leading zeros are in the grammar, so digits are not counted but summed up.
func contentLengthValue(b []byte) (n int64, err error) {
	if len(b) == 0 || span(b, digit) != len(b) {
		return 0, ErrContentLength
	}
	for _, c := range b {
		d := int64(c - '0')
		if n > (math.MaxInt64-d)/10 {
			return 0, ErrContentLengthOverflow
		}
		n = n*10 + d
	}
	return n, nil
}
