package parser

import (
	"encoding/binary"
	"math/bits"
)

// A class is a set of octets that the grammar names; classes are or-ed.
type class uint8

const (
	tchar   class = 1 << iota // RFC 9110 5.6.2: the octets of a token
	text                      // RFC 9110 5.5: field-vchar / SP / HTAB, hence all but controls
	uri                       // RFC 3986 2.2, 2.3: unreserved / sub-delims / ":/?[]@", hence all but "%" and "#"
	regname                   // RFC 3986 3.2.2: unreserved / sub-delims
	ows                       // RFC 9110 5.6.3: SP / HTAB
	digit                     // RFC 5234 B.1: DIGIT
	hexdig                    // RFC 5234 B.1: HEXDIG, in either case
)

const (
	alnum      = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	unreserved = alnum + "-._~"
	subDelims  = "!$&'()*+,;="
)

// octets says to which classes an octet belongs.
var octets = func() (t [256]class) {
	for c := range t {
		if c == '\t' || c >= ' ' && c != 0x7f {
			t[c] |= text
		}
	}
	for _, set := range []struct {
		class class
		chars string
	}{
		{tchar, alnum + "!#$%&'*+-.^_`|~"},
		{uri, unreserved + subDelims + ":/?[]@"},
		{regname, unreserved + subDelims},
		{ows, " \t"},
		{digit, "0123456789"},
		{hexdig, "0123456789ABCDEFabcdef"},
	} {
		for _, c := range []byte(set.chars) {
			t[c] |= set.class
		}
	}
	return t
}()

// is tells whether c belongs to the class.
func is(c byte, of class) bool { return octets[c]&of != 0 }

// span returns how many octets at the start of b belong to the class.
// Every long scan of the package goes through here, or through spanText.
func span(b []byte, of class) (n int) {
	for n < len(b) && octets[b[n]]&of != 0 {
		n++
	}
	return n
}

// spanText is span for text, eight octets at a time: those that are not text, and
// HTAB, are the ones below SP, and DEL. The lowest bit that is set is exact; what
// borrows from it is not looked at.
func spanText(b []byte) (n int) {
	for n+8 <= len(b) {
		x := binary.LittleEndian.Uint64(b[n:])
		del := x ^ 0x7f*each
		stop := ((x-' '*each)&^x | (del-each)&^del) & (0x80 * each)
		if stop == 0 {
			n += 8
			continue
		}
		n += bits.TrailingZeros64(stop) / 8
		if b[n] != '\t' {
			return n
		}
		n++
	}
	return n + span(b[n:], text)
}

const each = 0x0101010101010101 // times an octet: that octet eight times

// pctEncoded tells whether b starts with "%" HEXDIG HEXDIG (RFC 3986 2.1).
func pctEncoded(b []byte) bool {
	return len(b) >= 3 && b[0] == '%' && is(b[1], hexdig) && is(b[2], hexdig)
}

// spanPct is span for a class that takes percent-encoded octets as well.
func spanPct(b []byte, of class) (n int) {
	n = span(b, of)
	for pctEncoded(b[n:]) {
		n += 3
		n += span(b[n:], of)
	}
	return n
}

// trimOWS returns b without the OWS around it.
func trimOWS(b []byte) []byte {
	b = b[span(b, ows):]
	for len(b) > 0 && is(b[len(b)-1], ows) {
		b = b[:len(b)-1]
	}
	return b
}

// lower returns c in lower case, if it is an ASCII letter.
func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// equalFold compares without regard to ASCII case.
func equalFold[T []byte | string](s T, t string) bool {
	if len(s) != len(t) {
		return false
	}
	for i := range len(s) {
		if s[i] != t[i] && lower(s[i]) != lower(t[i]) {
			return false
		}
	}
	return true
}
