package parser

import "bytes"

// CheckHost refuses a head that does not name exactly one host: HTTP/1.1 needs
// one Host field, HTTP/1.0 may do without (RFC 9112 3.2). The value must be
// uri-host [ ":" port ], or empty, which the RFC has a client send whose target
// has no authority.
func CheckHost(h *Head, b []byte) error {
	value, ok := h.value(b, host)
	switch {
	case !ok && h.Minor > 0:
		return ErrHostMissing
	case h.known.again[host]:
		return ErrHostRepeated
	case len(value) > 0 && !ValidHost(value):
		return ErrHost
	}
	return nil
}

// Host = uri-host [ ":" port ] (RFC 9110 7.2)
//
// ValidHost tells whether b is that. Beyond the grammar it wants a host that
// is not empty (RFC 9110 4.2.1) and a port up to 65535. The port may be empty
// (RFC 3986 3.2.3).
func ValidHost(b []byte) bool {
	_, _, ok := cutPort(b)
	return ok
}

// cutPort takes a host and port apart; port is what follows the colon, and ok
// is what ValidHost says.
func cutPort(b []byte) (hostname, port []byte, ok bool) {
	n := uriHost(b)
	hostname, port = b[:n], b[n:]
	if len(port) > 0 {
		if port[0] != ':' {
			return nil, nil, false
		}
		port = port[1:]
	}
	return hostname, port, n > 0 && validPort(port)
}

// port = *DIGIT (RFC 3986 3.2.3); TCP has no port above 65535.
func validPort(b []byte) bool {
	n := 0
	for _, c := range b {
		if !is(c, digit) {
			return false
		}
		n = n*10 + int(c-'0')
		if n > 65535 {
			return false
		}
	}
	return true
}

// uri-host = IP-literal / IPv4address / reg-name (RFC 3986 3.2.2)
//
// uriHost returns the length of the one that b starts with, or 0. To the
// grammar an IPv4address is a reg-name too.
func uriHost(b []byte) (n int) {
	if len(b) == 0 || b[0] != '[' {
		return spanPct(b, regname)
	}
	end := bytes.IndexByte(b, ']')
	if end < 0 || !ipv6(b[1:end]) && !ipvFuture(b[1:end]) {
		return 0
	}
	return end + 1
}

// IPvFuture = "v" 1*HEXDIG "." 1*( unreserved / sub-delims / ":" )
func ipvFuture(b []byte) bool {
	if len(b) == 0 || lower(b[0]) != 'v' {
		return false
	}
	version, address, _ := bytes.Cut(b[1:], []byte("."))
	if len(version) == 0 || span(version, hexdig) < len(version) || len(address) == 0 {
		return false
	}
	for _, c := range address {
		if c != ':' && !is(c, regname) {
			return false
		}
	}
	return true
}

// IPv6address (RFC 3986 3.2.2) = eight h16 with ":" between them, of which the
// last two may be an IPv4address; once, one or more that are zero may be "::".
// h16 = 1*4HEXDIG
func ipv6(b []byte) bool {
	groups, elided := 0, bytes.HasPrefix(b, []byte("::"))
	if elided {
		b = b[2:]
	}
	for len(b) > 0 {
		n := span(b, hexdig)
		if n < len(b) && b[n] == '.' {
			return ipv4(b) && addsUp(groups+2, elided)
		}
		if n == 0 || n > 4 {
			return false
		}
		groups++
		b = b[n:]
		switch {
		case len(b) == 0:
		case len(b) == 1 || b[0] != ':':
			return false
		case b[1] != ':':
			b = b[1:]
		case elided:
			return false
		default:
			b, elided = b[2:], true
		}
	}
	return addsUp(groups, elided)
}

// addsUp tells whether that many groups, or fewer with "::", are an address.
func addsUp(groups int, elided bool) bool {
	if elided {
		return groups < 8
	}
	return groups == 8
}

// IPv4address = dec-octet "." dec-octet "." dec-octet "." dec-octet, where
// dec-octet is 0 to 255 without leading zeros (RFC 3986 3.2.2)
func ipv4(b []byte) bool {
	for i := range 4 {
		n := span(b, digit)
		if n == 0 || n > 3 || n > 1 && b[0] == '0' || n == 3 && string(b[:3]) > "255" {
			return false
		}
		b = b[n:]
		if i < 3 {
			if len(b) == 0 || b[0] != '.' {
				return false
			}
			b = b[1:]
		}
	}
	return len(b) == 0
}
