package nethttp

import (
	"iter"
	"maps"
	"net/http"
	"slices"
	"strings"

	"moor.example/httpd"
	"moor.example/httpd/parser"
)

// engines are the fields that the engine writes, in their canonical form.
const engines = " Connection Content-Length Transfer-Encoding "

// own reports whether the field is the engine's, or cannot be sent.
func own(name string) bool {
	return !parser.IsToken(name) || strings.Contains(engines, " "+http.CanonicalHeaderKey(name)+" ")
}

// fields are those of a head that can be sent, in the order of their names. Of
// dates that is the first.
func fields(h http.Header) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		dated := false
		for _, name := range slices.Sorted(maps.Keys(h)) {
			date := parser.EqualFold(name, "Date")
			for _, value := range h[name] {
				if own(name) || date && dated {
					break
				}
				dated = dated || date
				if !yield(name, clean(value)) {
					return
				}
			}
		}
	}
}

// set sets the fields of a head.
func set(w *httpd.Response, h http.Header) {
	for name, value := range fields(h) {
		w.AddHeader(name, value)
	}
}

// pairs is a head as httpd.Response.Inform takes it.
func pairs(h http.Header) (list []string) {
	for name, value := range fields(h) {
		list = append(list, name, value)
	}
	return list
}

// clean is a value that can be sent: net/http does not refuse others either.
func clean(value string) string {
	if parser.IsFieldValue(value) {
		return value
	}
	return strings.Trim(strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f {
			return ' '
		}
		return r
	}, value), " \t")
}

// mediaType is the type of a response whose head is h, if nobody has set one.
func mediaType(h http.Header, content []byte) string {
	if _, set := h["Content-Type"]; set || len(content) == 0 || h.Get("Content-Encoding") != "" || h.Get("Transfer-Encoding") != "" {
		return ""
	}
	return http.DetectContentType(content)
}

// trailerNames are the fields of head that it announces as trailers.
func trailerNames(head http.Header) (names []string) {
	for name := range elements(head["Trailer"]) {
		names = append(names, http.CanonicalHeaderKey(name))
	}
	return names
}

// prefixed reports whether h has trailers that were not announced.
func prefixed(h http.Header) bool {
	for name := range h {
		if strings.HasPrefix(name, http.TrailerPrefix) {
			return true
		}
	}
	return false
}

// addTrailers sets the trailers that h has: the named ones, and the prefixed.
func addTrailers(w *httpd.Response, h http.Header, named []string) {
	add := func(name string, values []string) {
		if !parser.IsToken(name) || parser.ForbiddenTrailer(name) {
			return
		}
		for _, value := range values {
			w.AddTrailer(name, clean(value))
		}
	}
	for _, name := range named {
		add(name, h[name])
	}
	for _, key := range slices.Sorted(maps.Keys(h)) {
		if name, is := strings.CutPrefix(key, http.TrailerPrefix); is {
			add(name, h[key])
		}
	}
}
