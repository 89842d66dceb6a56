package parser

// Persistent tells whether the peer lets another request follow this one
// (RFC 9112 9.3). The connection option close wins over keep-alive; without
// either HTTP/1.1 goes on and HTTP/1.0 does not.
func Persistent(h *Head, b []byte) bool {
	if h.known.first[connection] == 0 {
		return h.Minor > 0
	}
	if ConnectionOption(h, b, "close") {
		return false
	}
	return h.Minor > 0 || ConnectionOption(h, b, "keep-alive")
}

// Connection = #connection-option, connection-option = token (RFC 9110 7.6.1)
//
// ConnectionOption tells whether a Connection field lists the option, which
// may be in any case.
func ConnectionOption(h *Head, b []byte, option string) bool {
	first := h.known.first[connection]
	if first == 0 {
		return false
	}
	if !h.known.again[connection] {
		return lists(h.Fields[first-1].Value.Of(b), option)
	}
	for _, f := range h.Fields[first-1:] {
		if equalFold(f.Name.Of(b), wellKnownNames[connection]) && lists(f.Value.Of(b), option) {
			return true
		}
	}
	return false
}

// lists tells whether a comma-separated list has the element.
func lists(list []byte, element string) bool {
	for more := true; more; {
		var e []byte
		e, list, more = nextElement(list)
		if equalFold(e, element) {
			return true
		}
	}
	return false
}

// An Expectation is what the peer expects of the server (RFC 9110 10.1.1).
type Expectation uint8

const (
	ExpectNone     Expectation = iota // nothing, or the request is HTTP/1.0
	ExpectContinue                    // 100 (Continue), before it sends the body
	ExpectUnknown                     // something that calls for 417 (Expectation Failed)
)

// Expect returns the expectation of the request. Only "100-continue" as the
// one expectation, in any case, is known; an HTTP/1.0 request cannot have one.
func Expect(h *Head, b []byte) Expectation {
	value, ok := h.value(b, expect)
	switch {
	case !ok || h.Minor == 0:
		return ExpectNone
	case equalFold(value, "100-continue") && !h.known.again[expect]:
		return ExpectContinue
	}
	return ExpectUnknown
}
