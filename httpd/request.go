package httpd

import (
	"iter"

	"moor.example/httpd/parser"
)

// A Request is one request as its handler sees it: the head is parsed, the
// content is here, decoded if it came in chunks. (ESP-IDF: httpd_req_t.)
//
// Methods that return a string return a copy. Methods that return a []byte
// return a view into the message, which dies with the handler.
type Request struct {
	head     parser.Head
	target   parser.Target
	body     parser.Body
	expect   parser.Expectation
	message  []byte // head and content
	content  int    // where in it the content begins
	trailer  parser.Trailer
	trailers []byte // what trailer refers to; nil: there is none
	route    *Route
	session  Session
}

// parse parses the head that b begins with and applies the rules that take
// more than one of its lines to see. Its outcomes are parser.Head.Parse's.
func (r *Request) parse(b []byte, g *parser.Guard) (n int, err error) {
	if n, err = r.head.Parse(b, g); err != nil {
		return 0, err
	}
	head := b[:n]
	r.message, r.content, r.trailers = head, n, nil
	if r.body, err = parser.Framing(&r.head, head); err != nil {
		return 0, err
	}
	if err = parser.CheckHost(&r.head, head); err != nil {
		return 0, err
	}
	r.target, err = parser.SplitTarget(&r.head, head)
	return n, err
}

// Method returns the method: "GET". It is case-sensitive.
func (r *Request) Method() string {
	m := r.head.Method.Of(r.message)
	for _, known := range methods {
		if string(m) == known {
			return known // without a copy
		}
	}
	return string(m)
}

var methods = [...]string{"GET", "POST", "PUT", "HEAD", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"}

// Version returns the HTTP version of the request: "HTTP/1.1".
func (r *Request) Version() string { return versions[r.head.Minor] }

var versions = [...]string{
	"HTTP/1.0", "HTTP/1.1", "HTTP/1.2", "HTTP/1.3", "HTTP/1.4",
	"HTTP/1.5", "HTTP/1.6", "HTTP/1.7", "HTTP/1.8", "HTTP/1.9",
}

// Target returns the request-target as it came, undecoded
// (RFC 9112 3.2). (ESP-IDF: req->uri.)
func (r *Request) Target() string { return string(r.head.Target.Of(r.message)) }

// Path returns the path of the request-target, undecoded.
func (r *Request) Path() string { return string(r.path()) }

// path is "/" for a request-target such as http://host, which has no path, and
// the request-target itself for "*" and for the host:port of CONNECT.
func (r *Request) path() []byte {
	if r.target.Form == parser.AsteriskForm || r.target.Form == parser.AuthorityForm {
		return r.head.Target.Of(r.message)
	}
	if p := r.target.Path.Of(r.message); len(p) > 0 {
		return p
	}
	return root
}

var root = []byte("/")

// PathValue returns what the path has in the place of {name} or {name...} in
// the pattern of the request's route, decoded; empty if it has no such place.
// See MatchPattern. Decoded it may have any octet in it, slashes and NUL too.
func (r *Request) PathValue(name string) string {
	var buf [64]byte                                                // what is longer goes to the heap
	b, _ := parser.AppendUnescaped(buf[:0], r.PathValueBytes(name)) // it is well-formed, or the request were refused
	return string(b)
}

// PathValueBytes is PathValue undecoded and without the copy: it returns a view.
func (r *Request) PathValueBytes(name string) []byte {
	return pathValue(r.route.Pattern, name, r.path())
}

// Host returns the host that the request is for, with the port if one is named:
// the one in an absolute-form request-target, or else that of Host. It is empty
// if an HTTP/1.0 client names none (RFC 9112 3.2.2 and 3.3).
func (r *Request) Host() string {
	if r.target.Form == parser.AbsoluteForm || r.target.Form == parser.AuthorityForm {
		return string(r.target.Authority.Of(r.message))
	}
	host, _ := r.Header("Host")
	return host
}

// Query returns the value of the first parameter of that name in the query,
// undecoded, and whether there is one. (ESP-IDF: httpd_query_key_value.)
func (r *Request) Query(name string) (value string, ok bool) {
	v, ok := parser.QueryValue(r.QueryBytes(), name)
	return string(v), ok
}

// QueryBytes returns the query without its question mark, undecoded: a view.
func (r *Request) QueryBytes() []byte { return r.target.Query.Of(r.message) }

// Header returns the value of the first header field of that name, in any
// case, and whether there is one. White space around it is not part of it.
// (ESP-IDF: httpd_req_get_hdr_value_str.)
func (r *Request) Header(name string) (value string, ok bool) {
	v, ok := r.HeaderBytes(name)
	return string(v), ok
}

// HeaderBytes is Header without the copy: it returns a view.
func (r *Request) HeaderBytes(name string) (value []byte, ok bool) {
	return r.head.Field(r.message, name)
}

// Headers ranges over the header fields, name and value, in the order in which
// they came: views.
func (r *Request) Headers() iter.Seq2[[]byte, []byte] {
	return fields(r.head.Fields, r.message)
}

// Trailer returns the value of the first trailer field of that name, in any
// case, and whether there is one. Trailer fields come behind a chunked content.
// Those that would change what the head says are refused (RFC 9110 6.5.1).
func (r *Request) Trailer(name string) (value string, ok bool) {
	if r.trailers == nil {
		return "", false
	}
	v, ok := r.trailer.Field(r.trailers, name)
	return string(v), ok
}

// Trailers ranges over the trailer fields as Headers does over the others.
func (r *Request) Trailers() iter.Seq2[[]byte, []byte] {
	var list []parser.Field // what trailer has may be another request's
	if r.trailers != nil {
		list = r.trailer.Fields
	}
	return fields(list, r.trailers)
}

func fields(list []parser.Field, b []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		for _, f := range list {
			if !yield(f.Name.Of(b), f.Value.Of(b)) {
				return
			}
		}
	}
}

// Content returns the whole content: a view. It is empty if the request has
// none. (ESP-IDF: httpd_req_recv.)
func (r *Request) Content() []byte { return r.message[r.content:len(r.message):len(r.message)] }

// Session returns the session of the request's connection.
func (r *Request) Session() *Session { return &r.session }

// UserCtx returns the Route's UserCtx. (ESP-IDF: req->user_ctx.)
func (r *Request) UserCtx() any { return r.route.UserCtx }
