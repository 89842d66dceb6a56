package fuzz

import (
	"bufio"
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"moor.example/httpd/parser"
)

// A request is what a reader makes of the octets that one begins with.
type request struct {
	method, target, host string
	minor                int
	fields, trailers     map[string][]string // by canonical name
	content              string
	chunked              bool
	next                 int // where the next request begins
}

// limits of a body, and room for the fields behind it.
const (
	maxContent    = 1 << 20
	maxExtensions = 16 << 10
	maxTrailer    = 4 << 10
)

// ours reads the request that b begins with as the engine does.
func ours(b []byte) (r request, err error) {
	skipped := parser.EmptyLines(b)
	b = b[skipped:]
	h, n, err := parse(b)
	if err != nil {
		return r, err
	}
	body, err := parser.Framing(h, b)
	if err == nil {
		err = parser.CheckHost(h, b)
	}
	target, targetErr := parser.SplitTarget(h, b)
	if err == nil {
		err = targetErr
	}
	if err != nil {
		return r, err
	}
	r = request{
		method: string(h.Method.Of(b)),
		target: string(h.Target.Of(b)),
		minor:  int(h.Minor),
		fields: fieldValues(h.Fields, b),
	}
	value, _ := h.Field(b, "Host")
	r.host = string(value)
	if target.Authority.Len() > 0 {
		r.host = string(target.Authority.Of(b))
	}
	r.next, err = r.body(body, bytes.Clone(b[n:]))
	r.next += skipped + n
	return r, err
}

// body reads a body, b, which it spoils, and returns its length.
func (r *request) body(body parser.Body, b []byte) (n int, err error) {
	switch body.Kind {
	case parser.None:
		return 0, nil
	case parser.Length:
		if body.Length > maxContent {
			return 0, parser.ErrContentTooLong
		}
		if body.Length > int64(len(b)) {
			return 0, parser.ErrPartial
		}
		r.content = string(b[:body.Length])
		return int(body.Length), nil
	}
	var c parser.Chunks
	content, n, err := c.Decode(b, &parser.ChunkLimits{Content: maxContent, Extensions: maxExtensions})
	if err != nil {
		return 0, err
	}
	r.content = string(b[:content])
	t := parser.Trailer{Max: maxTrailer, Fields: make([]parser.Field, 0, 100)}
	k, err := t.Parse(b[n:], new(parser.Guard))
	r.trailers = fieldValues(t.Fields, b[n:])
	return n + k, err
}

// theirs reads the request that b begins with as net/http does.
func theirs(b []byte) (r request, err error) {
	source := bytes.NewReader(b)
	buffer := bufio.NewReader(source)
	std, err := http.ReadRequest(buffer)
	if err != nil {
		return r, err
	}
	content, err := io.ReadAll(std.Body)
	if err != nil {
		return r, err
	}
	return request{
		method:   std.Method,
		target:   std.RequestURI,
		host:     std.Host,
		minor:    std.ProtoMinor,
		fields:   std.Header,
		trailers: std.Trailer,
		content:  string(content),
		chunked:  std.ContentLength < 0,
		next:     len(b) - source.Len() - buffer.Buffered(),
	}, nil
}

// difference names what net/http reads otherwise; nothing, if that is "".
func difference(our, their request) string {
	host, err := url.PathUnescape(our.host)
	switch {
	case our.method != their.method:
		return "method"
	case our.target != their.target:
		return "target"
	case our.minor != their.minor:
		return "version"
	case our.host != their.host && (err != nil || host != their.host): // net/http decodes the one of an absolute-form
		return "host"
	case our.content != their.content:
		return "content"
	case our.next != their.next:
		return "boundary"
	case !sameValues(our.fields, their.fields):
		return "fields"
	case !sameValues(our.trailers, their.trailers):
		return "trailers"
	}
	return ""
}

// takenAway are the fields that net/http takes away or makes up.
var takenAway = []string{"Host", "Content-Length", "Transfer-Encoding", "Trailer", "Pragma", "Cache-Control"}

// sameValues compares but for those. A trailer field that was announced and
// did not come has no value in net/http.
func sameValues(our, their map[string][]string) bool {
	our, their = maps.Clone(our), maps.Clone(their)
	for _, name := range takenAway {
		delete(our, name)
		delete(their, name)
	}
	maps.DeleteFunc(their, func(_ string, values []string) bool { return values == nil })
	return maps.EqualFunc(our, their, slices.Equal)
}
