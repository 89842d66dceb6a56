package httpd

import "moor.example/httpd/parser"

// A Request is one request as its handler sees it: the head is parsed, the
// content is here. (ESP-IDF: httpd_req_t.)
//
// Methods that return a string return a copy. Methods that return a []byte
// return a view into the message, which dies with the handler.
type Request struct {
	head    parser.Head
	target  parser.Target
	body    parser.Body
	message []byte // head and content
	content int    // where in it the content begins
	route   *Route
	session Session
}

// judge applies the rules that take more than one line of the head to see.
func (r *Request) judge(head []byte) (err error) {
	r.message, r.content = head, len(head)
	if r.body, err = parser.Framing(&r.head, head); err != nil {
		return err
	}
	if err = parser.CheckHost(&r.head, head); err != nil {
		return err
	}
	r.target, err = parser.SplitTarget(&r.head, head)
	return err
}

// Method returns the method: "GET". It is case-sensitive.
func (r *Request) Method() string { return r.route.Method }

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

// Content returns the whole content: a view. It is empty if the request has
// none. (ESP-IDF: httpd_req_recv.)
func (r *Request) Content() []byte { return r.message[r.content:] }

// Session returns the session of the request's connection.
func (r *Request) Session() *Session { return &r.session }

// UserCtx returns the Route's UserCtx. (ESP-IDF: req->user_ctx.)
func (r *Request) UserCtx() any { return r.route.UserCtx }
