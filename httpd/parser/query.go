package parser

import "bytes"

// A query is name=value pairs with "&" between them, by the custom of HTML
// forms (application/x-www-form-urlencoded); RFC 3986 3.4 leaves it open.

// NextPair takes the first pair off a query. Nothing is decoded. A pair
// without "=" is a name with an empty value, and "&&" has an empty pair
// between. All pairs of a query q:
//
//	for len(q) > 0 {
//		name, value, q = parser.NextPair(q)
//	}
func NextPair(query []byte) (name, value, rest []byte) {
	pair, rest, _ := bytes.Cut(query, []byte("&"))
	name, value, _ = bytes.Cut(pair, []byte("="))
	return name, value, rest
}

// QueryValue returns the value of the first pair of the query whose name is
// key. Names are compared octet by octet, undecoded; the value is undecoded
// too, aliases query, and may be empty.
func QueryValue(query []byte, key string) (value []byte, ok bool) {
	for len(query) > 0 {
		var name []byte
		name, value, query = NextPair(query)
		if string(name) == key {
			return value, true
		}
	}
	return nil, false
}

// CookieValue returns the value of the first pair of a Cookie field-value whose
// name is key, without the quotation marks that may be around it (RFC 6265 4.2.1
// and 4.1.1). Names are compared octet by octet. The value aliases list.
//
//	cookie-string = cookie-pair *( ";" SP cookie-pair )
func CookieValue(list []byte, key string) (value []byte, ok bool) {
	for pair := range bytes.SplitSeq(list, []byte(";")) {
		name, value, is := bytes.Cut(bytes.Trim(pair, " \t"), []byte("="))
		if !is || string(name) != key {
			continue
		}
		if n := len(value); n >= 2 && value[0] == '"' && value[n-1] == '"' {
			value = value[1 : n-1]
		}
		return value, true
	}
	return nil, false
}

// AppendUnescaped appends src to dst with every "%" HEXDIG HEXDIG replaced by
// the octet it stands for (RFC 3986 2.1), which may be any, NUL and "/"
// included: check after decoding, not before. "+" stays as it is; that is for
// paths. It returns dst as it was and ErrPercent if src is malformed. dst may
// be src[:0].
func AppendUnescaped(dst, src []byte) ([]byte, error) { return unescape(dst, src, '+') }

// AppendUnescapedQuery is AppendUnescaped for the names and values of a query,
// where "+" means SP.
func AppendUnescapedQuery(dst, src []byte) ([]byte, error) { return unescape(dst, src, ' ') }

// unescape does the work of both; plus is what "+" stands for.
func unescape(dst, src []byte, plus byte) ([]byte, error) {
	out := dst
	for len(src) > 0 {
		c, n := src[0], 1
		switch {
		case pctEncoded(src):
			c, n = unhex(src[1])<<4|unhex(src[2]), 3
		case c == '%':
			return dst, ErrPercent
		case c == '+':
			c = plus
		}
		out = append(out, c)
		src = src[n:]
	}
	return out, nil
}

// unhex returns the value of a HEXDIG.
func unhex(c byte) byte {
	if is(c, digit) {
		return c - '0'
	}
	return lower(c) - 'a' + 10
}
