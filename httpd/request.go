package httpd

import (
	"io"
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
	message  []byte  // head and content; nil: the head was refused
	content  int     // where in it the content begins
	read     int     // octets of the content that Read has given
	got      int64   // the same, of a blocking handler
	via      *stream // of a blocking handler: where its content comes from; nil: it is all here
	trailer  parser.Trailer
	trailers []byte // what trailer refers to; nil: there is none
	route    *Route
	session  Session
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
func (r *Request) Version() string {
	if r.message == nil {
		return ""
	}
	return versions[r.head.Minor]
}

var versions = [...]string{
	"HTTP/1.0", "HTTP/1.1", "HTTP/1.2", "HTTP/1.3", "HTTP/1.4",
	"HTTP/1.5", "HTTP/1.6", "HTTP/1.7", "HTTP/1.8", "HTTP/1.9",
}

// Target returns the request-target as it came, undecoded
// (RFC 9112 3.2). (ESP-IDF: req->uri.)
func (r *Request) Target() string { return string(r.head.Target.Of(r.message)) }

// HeadBytes returns the head as it came, from the request-line to the empty
// line: a view. (ESP-IDF: httpd_get_raw_req_data.)
func (r *Request) HeadBytes() []byte { return r.message[:r.content:r.content] }

// Path returns the path of the request-target, undecoded.
func (r *Request) Path() string { return string(pathOf(r)) }

// pathOf is "/" for a request-target such as http://host, which has no path, and
// the request-target itself for "*" and for the host:port of CONNECT.
func pathOf(r *Request) []byte {
	if r.message == nil {
		return nil
	}
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
	if r.route == nil {
		return nil
	}
	return pathValue(r.route.Pattern, name, pathOf(r))
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

// QueryValue is Query decoded: %XX is the octet that it stands for, and + is a
// space.
func (r *Request) QueryValue(name string) (value string, ok bool) {
	v, ok := parser.QueryValue(r.QueryBytes(), name)
	b, _ := parser.AppendUnescapedQuery(nil, v) // it is well-formed, or the request were refused
	return string(b), ok
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

// Cookie returns the value of the first cookie of that name, as it came but
// without the quotation marks that may be around it, and whether there is one
// (RFC 6265 4.2). (ESP-IDF: httpd_req_get_cookie_val.)
func (r *Request) Cookie(name string) (value string, ok bool) {
	for _, f := range r.head.Fields { // a peer may send more than one (RFC 9113 8.2.3)
		if !parser.EqualFold(string(f.Name.Of(r.message)), "Cookie") {
			continue
		}
		if v, ok := parser.CookieValue(f.Value.Of(r.message), name); ok {
			return string(v), true
		}
	}
	return "", false
}

// CookieValue is Cookie with each %XX decoded, by custom and not by rule: a
// value whose escapes are malformed counts as none.
func (r *Request) CookieValue(name string) (value string, ok bool) {
	v, ok := r.Cookie(name)
	b, err := parser.AppendUnescaped(nil, []byte(v))
	if err != nil {
		return "", false
	}
	return string(b), ok
}

// Trailer returns the value of the first trailer field of that name, in any
// case, and whether there is one. Trailer fields come behind a chunked content.
// In a blocking handler they are there when Read has come to the end.
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
// none. Read does not change it. (ESP-IDF: content_len and httpd_req_recv.)
// A blocking handler reads its content with Read: for it, this is empty.
func (r *Request) Content() []byte { return r.message[r.content:len(r.message):len(r.message)] }

// Read reads the content, piece by piece, to io.EOF. (ESP-IDF: httpd_req_recv.)
//
// For a handler on the loop all of the content is here, and Read does not wait.
// In a blocking handler it waits for more of it, however much there is in all;
// while nobody reads, the peer cannot send much. It returns
// io.ErrUnexpectedEOF if the peer ends in its midst, an ErrCode if it breaks the
// protocol or comes too slowly, and ErrSessionEnding if the server ends it.
func (r *Request) Read(p []byte) (n int, err error) {
	if r.via != nil {
		n, err = r.via.read(p)
		r.got += int64(n)
		if err == io.EOF {
			r.trailers = r.via.trailers
		}
		return n, err
	}
	n = copy(p, r.Content()[r.read:])
	if r.read += n; n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// Remaining is how many octets of the content Read has yet to give; -1 if that
// is not known, of a chunked content that a blocking handler reads. What Read is
// never asked for does not disturb the next request.
func (r *Request) Remaining() int64 {
	switch {
	case r.via == nil:
		return int64(len(r.message) - r.content - r.read)
	case r.body.Kind == parser.Chunked:
		return -1
	}
	return r.body.Length - r.got
}

// Session returns the session of the request's connection.
func (r *Request) Session() *Session { return &r.session }

// UserCtx returns the Route's UserCtx, nil where no route was found.
// (ESP-IDF: req->user_ctx.)
func (r *Request) UserCtx() any {
	if r.route == nil {
		return nil
	}
	return r.route.UserCtx
}
