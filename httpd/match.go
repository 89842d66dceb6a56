package httpd

import (
	"bytes"
	"slices"
	"strings"
	"unicode"
)

// MatchWildcard is a matcher for Config.Match. A pattern may end in "*":
// anything may follow, or nothing. It may end in "?": the octet before that may
// be missing, so that /path/? is /path and /path/. It may end in both, either
// first: /path/?* is /path, /path/ and whatever begins with /path/.
//
// Anywhere else these two are octets like all others. A question mark that has
// no octet before it matches nothing. (ESP-IDF: httpd_uri_match_wildcard.)
func MatchWildcard(pattern string, path []byte) bool {
	more := strings.HasSuffix(pattern, "*") || strings.HasSuffix(pattern, "*?")
	optional := strings.HasSuffix(pattern, "?") || strings.HasSuffix(pattern, "?*")
	n := len(pattern) // what must be there
	if more {
		n--
	}
	if optional {
		n -= len("x?")
	}
	if n < 0 || len(path) < n || string(path[:n]) != pattern[:n] {
		return false
	}
	rest := path[n:]
	switch {
	case len(rest) == 0:
		return true
	case optional && rest[0] != pattern[n]:
		return false
	}
	return more || optional && len(rest) == 1
}

// MatchPattern is a matcher for Config.Match: a segment of the pattern, which
// is what stands between two slashes, may be
//
//	{name}    one segment of the path, not empty
//	{name...} all that is left of the path, slashes included, or nothing;
//	          this can only be the last segment
//
// and everything else is matched octet for octet: /a/ is not /a, and %61 is not
// a. Request.PathValue has what stands in the place of a name. A name consists
// of letters, digits and "_", and comes once in a pattern. There is no {$},
// because a pattern that ends in a slash matches no more than such a path.
//
// A pattern that breaks these rules does not match its own text, and is refused
// by Server.Handle. No request-target has a brace, so a path that has one is
// another pattern: what matches it matches all that it matches. Hence {name}
// does not match {name...}.
func MatchPattern(pattern string, path []byte) bool {
	if string(path) == pattern {
		return malformed(pattern) == ""
	}
	for {
		literal, rest, found := strings.Cut(pattern, "{")
		if !found {
			return string(path) == literal
		}
		if len(path) < len(literal) || string(path[:len(literal)]) != literal {
			return false
		}
		path = path[len(literal):]
		place, rest, _ := strings.Cut(rest, "}")
		n := fit(place, path)
		if n < 0 {
			return false
		}
		pattern, path = rest, path[n:]
	}
}

// pathValue returns what stands in path, which matches the pattern, in the
// place of a name; nil if the pattern does not have it.
func pathValue(pattern, name string, path []byte) []byte {
	for {
		literal, rest, found := strings.Cut(pattern, "{")
		if !found || len(path) < len(literal) {
			return nil
		}
		path = path[len(literal):]
		place, rest, _ := strings.Cut(rest, "}")
		n := fit(place, path)
		if n < 0 {
			return nil
		}
		if strings.TrimSuffix(place, remainder) == name {
			return path[:n:n]
		}
		pattern, path = rest, path[n:]
	}
}

const remainder = "..." // ends the name of a place that takes what is left of the path

// fit returns how many octets at the begin of path fit into a place, which is
// the text between its braces. It is negative if none do.
func fit(place string, path []byte) int {
	if strings.HasSuffix(place, remainder) {
		return len(path)
	}
	n := bytes.IndexByte(path, '/')
	if n < 0 {
		n = len(path)
	}
	if n == 0 || path[0] == '{' && bytes.HasSuffix(path[:n], []byte(remainder+"}")) {
		return -1
	}
	return n
}

// malformed says which rule of MatchPattern's a pattern breaks; empty: none.
func malformed(pattern string) string {
	if !strings.ContainsAny(pattern, "{}") {
		return ""
	}
	segments := strings.Split(pattern, "/")
	for i, segment := range segments {
		if !strings.ContainsAny(segment, "{}") {
			continue
		}
		place, opened := strings.CutPrefix(segment, "{")
		place, closed := strings.CutSuffix(place, "}")
		name, rest := strings.CutSuffix(place, remainder)
		switch {
		case !opened, !closed, strings.ContainsAny(place, "{}"):
			return "a segment with a brace is not {name} or {name...}"
		case name == "" || strings.ContainsFunc(name, notInName):
			return "a name in braces is not of letters, digits and _"
		case slices.Contains(segments[:i], "{"+name+"}"):
			return "a name comes twice"
		case rest && i < len(segments)-1:
			return "something follows {name...}"
		}
	}
	return ""
}

func notInName(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }
