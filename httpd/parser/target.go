package parser

import "bytes"

// A Form is one of the four forms of a request-target (RFC 9112 3.2).
type Form uint8

const (
	OriginForm    Form = iota // "/path?query"
	AbsoluteForm              // "http://authority/path?query"
	AuthorityForm             // "host:port", of CONNECT
	AsteriskForm              // "*", of OPTIONS
)

// A Target is a request-target taken apart, nothing decoded or normalised:
// dot-segments and percent-encodings are as they came. Its spans are offsets
// into the parsed buffer, like those of the Head.
type Target struct {
	Form Form

	// Authority is empty in OriginForm and AsteriskForm, where Host has it.
	// In AbsoluteForm it replaces Host, even if they differ (RFC 9112 3.2.2).
	Authority Span

	// Path begins with "/". It is empty in AuthorityForm and AsteriskForm, and
	// in AbsoluteForm where it means "/" (RFC 9110 4.2.3).
	Path Span

	// Query is what follows the first "?", or empty.
	Query Span
}

// SplitTarget finds the form of the request-target and takes it apart, or
// says why it is refused (RFC 9112 3.2). OPTIONS alone may have the
// asterisk-form; CONNECT must have the authority-form, others must not. An
// absolute-form is http or https, without userinfo (RFC 9110 4.2.4).
func SplitTarget(h *Head, b []byte) (Target, error) {
	target := h.Target.Of(b)
	switch method := h.Method.Of(b); {
	case string(method) == "CONNECT":
		return authorityForm(target, h.Target)
	case target[0] == '/':
		t := Target{Form: OriginForm}
		t.Path, t.Query = pathAndQuery(target, h.Target)
		return t, nil
	case string(target) == "*" && string(method) == "OPTIONS":
		return Target{Form: AsteriskForm}, nil
	}
	return absoluteForm(target, h.Target)
}

// origin-form = absolute-path [ "?" query ] (RFC 9112 3.2.1)
//
// pathAndQuery splits b, which may have no path; at is where b lies.
func pathAndQuery(b []byte, at Span) (path, query Span) {
	i := bytes.IndexByte(b, '?')
	if i < 0 {
		return at, Span{at.End, at.End}
	}
	mark := at.Start + uint32(i)
	return Span{at.Start, mark}, Span{mark + 1, at.End}
}

// absolute-form = ( "http" / "https" ) "://" authority path-abempty [ "?" query ]
// (RFC 9112 3.2.2, RFC 9110 4.2)
func absoluteForm(b []byte, at Span) (Target, error) {
	scheme, rest, _ := bytes.Cut(b, []byte("://"))
	if !equalFold(scheme, "http") && !equalFold(scheme, "https") {
		return Target{}, ErrTargetForm
	}
	n := bytes.IndexAny(rest, "/?")
	if n < 0 {
		n = len(rest)
	}
	if !ValidHost(rest[:n]) {
		return Target{}, ErrTargetHost
	}
	start := at.End - uint32(len(rest))
	t := Target{Form: AbsoluteForm, Authority: Span{start, start + uint32(n)}}
	t.Path, t.Query = pathAndQuery(rest[n:], Span{t.Authority.End, at.End})
	return t, nil
}

// authority-form = uri-host ":" port (RFC 9112 3.2.3), neither of them empty
func authorityForm(b []byte, at Span) (Target, error) {
	_, port, ok := cutPort(b)
	if !ok || len(port) == 0 {
		return Target{}, ErrTargetHost
	}
	return Target{Form: AuthorityForm, Authority: at}, nil
}
