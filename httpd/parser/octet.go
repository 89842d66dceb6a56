package parser

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
// Every long scan of the package goes through here.
func span(b []byte, of class) (n int) {
	for n < len(b) && octets[b[n]]&of != 0 {
		n++
	}
	return n
}

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
