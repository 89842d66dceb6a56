package parser

// IsToken reports whether s is a token: a method or a field-name
// (RFC 9110 5.6.2).
func IsToken(s string) bool {
	for i := range len(s) {
		if !is(s[i], tchar) {
			return false
		}
	}
	return s != ""
}

// IsFieldValue reports whether s can be sent as a field-value: it has no
// control octet but HTAB, and no white space at its ends (RFC 9110 5.5).
func IsFieldValue(s string) bool {
	for i := range len(s) {
		if !is(s[i], text) {
			return false
		}
	}
	return s == "" || !is(s[0], ows) && !is(s[len(s)-1], ows)
}

// EqualFold reports whether a and b are the same but for the case of their
// ASCII letters, as field-names are compared (RFC 9110 5.1).
func EqualFold(a, b string) bool { return equalFold(a, b) }

// ForbiddenTrailer reports whether a field of that name is refused in a trailer
// section (RFC 9110 6.5.1).
func ForbiddenTrailer(name string) bool { return headOnly([]byte(name)) }
