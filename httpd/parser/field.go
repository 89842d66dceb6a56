package parser

import "bytes"

// The fields that the engine itself asks for. Parse notes where they are, so
// that finding one is one load and not a search.
const (
	host = iota
	expect
	upgrade
	connection
	contentLength
	transferEncoding
	wellKnowns
)

// wellKnownNames has their names.
var wellKnownNames = [wellKnowns]string{
	host:             "Host",
	expect:           "Expect",
	upgrade:          "Upgrade",
	connection:       "Connection",
	contentLength:    "Content-Length",
	transferEncoding: "Transfer-Encoding",
}

// wellKnownLengths has for each length the one whose name is as long.
var wellKnownLengths = func() (t [18]uint8) {
	for n := range t {
		t[n] = wellKnowns
	}
	for k, name := range wellKnownNames {
		t[len(name)] = uint8(k)
	}
	return t
}()

// wellKnown says where the well-known fields of a head are.
type wellKnown struct {
	first [wellKnowns]uint32 // 1 + index of the first one in Fields; 0 if there is none
	again [wellKnowns]bool   // another one follows
}

// note records that the field at index i of Fields has this name.
func (w *wellKnown) note(name []byte, i int) {
	if len(name) >= len(wellKnownLengths) {
		return
	}
	k := wellKnownLengths[len(name)]
	if k == wellKnowns || !equalFold(name, wellKnownNames[k]) {
		return
	}
	if w.first[k] != 0 {
		w.again[k] = true
		return
	}
	w.first[k] = uint32(i) + 1
}

// value returns the value of the first well-known field k.
func (h *Head) value(b []byte, k int) (value []byte, ok bool) {
	i := h.known.first[k]
	if i == 0 {
		return nil, false
	}
	return h.Fields[i-1].Value.Of(b), true
}

// Field returns the value of the first field called name, which may be in any
// case (RFC 9110 5.1). The value aliases b, has no white space around it, and
// may be empty. Host, Expect, Upgrade, Connection, Content-Length and
// Transfer-Encoding are found without a search.
func (h *Head) Field(b []byte, name string) (value []byte, ok bool) {
	for k, known := range wellKnownNames {
		if equalFold(name, known) {
			return h.value(b, k)
		}
	}
	return findField(h.Fields, b, name)
}

// findField searches fields for the first one called name.
func findField(fields []Field, b []byte, name string) (value []byte, ok bool) {
	for _, f := range fields {
		if equalFold(f.Name.Of(b), name) {
			return f.Value.Of(b), true
		}
	}
	return nil, false
}

// nextElement takes the first element off a comma-separated list
// (RFC 9110 5.6.1), without the OWS around it; more says whether a comma
// follows it. Elements may be empty.
func nextElement(list []byte) (element, rest []byte, more bool) {
	element, rest, more = bytes.Cut(list, []byte(","))
	return trimOWS(element), rest, more
}
