package nethttp

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	"moor.example/httpd"
	"moor.example/httpd/parser"
)

// request is r as net/http's server would have it. The error is that of a
// request-target that net/url does not take.
func (x *exchange) request(r *httpd.Request, server *http.Server) (*http.Request, error) {
	method, target := r.Method(), r.Target()
	u, err := parseTarget(method, target)
	if err != nil {
		return nil, err
	}
	req := &http.Request{
		Method: method, URL: u, RequestURI: target, Proto: r.Version(),
		Header: fieldsOf(r), Host: r.Host(),
		Body: http.NoBody, ContentLength: r.Remaining(),
		RemoteAddr: text(r.Session().PeerAddr()),
	}
	req.ProtoMajor, req.ProtoMinor, _ = http.ParseHTTPVersion(req.Proto)
	req.Close = !persistent(req)
	delete(req.Header, "Host")
	if _, chunked := req.Header["Transfer-Encoding"]; chunked { // there is no other coding here
		delete(req.Header, "Transfer-Encoding")
		req.TransferEncoding, req.ContentLength = []string{"chunked"}, unknown
		req.Trailer = announced(req.Header)
	}
	req = req.WithContext(&lifetime{r.Context(), r.Session(), r.Session().LocalAddr(), server})
	if req.ContentLength != 0 {
		x.body.req, req.Body = req, &x.body
	}
	return req, nil
}

// parseTarget is the URL of a request-target. That of CONNECT is an authority.
func parseTarget(method, target string) (*url.URL, error) {
	if method != http.MethodConnect || strings.HasPrefix(target, "/") {
		return url.ParseRequestURI(target)
	}
	u, err := url.ParseRequestURI("http://" + target)
	if err == nil {
		u.Scheme = ""
	}
	return u, err
}

func fieldsOf(r *httpd.Request) http.Header {
	h := http.Header{}
	for name, value := range r.Headers() {
		h.Add(string(name), string(value))
	}
	if h.Get("Pragma") == "no-cache" && h["Cache-Control"] == nil { // RFC 7234 5.4, as net/http has it
		h["Cache-Control"] = []string{"no-cache"}
	}
	return h
}

func text(a net.Addr) string {
	if a == nil {
		return ""
	}
	return a.String()
}

// persistent reports whether another request may follow on the connection.
func persistent(r *http.Request) bool {
	if r.ProtoAtLeast(1, 1) {
		return !has(r.Header["Connection"], "close")
	}
	return has(r.Header["Connection"], "keep-alive") && !has(r.Header["Connection"], "close")
}

// has reports whether one of the lists has that element, in any case.
func has(lists []string, element string) bool {
	for e := range elements(lists) {
		if strings.EqualFold(e, element) {
			return true
		}
	}
	return false
}

// elements ranges over the elements of lists (RFC 9110 5.6.1).
func elements(lists []string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for _, list := range lists {
			for e := range strings.SplitSeq(list, ",") {
				if e = strings.Trim(e, " \t"); e != "" && !yield(e) {
					return
				}
			}
		}
	}
}

// announced takes the Trailer fields out of h, and returns what they announce.
func announced(h http.Header) http.Header {
	var trailer http.Header
	for name := range elements(h["Trailer"]) {
		if parser.ForbiddenTrailer(name) {
			continue
		}
		if trailer == nil {
			trailer = http.Header{}
		}
		trailer[http.CanonicalHeaderKey(name)] = nil
	}
	delete(h, "Trailer")
	return trailer
}

// A body is the content of a request, as it comes. Read and Close may be called
// by different goroutines, also by those that outlive the handler, as
// http.Transport's do.
type body struct {
	r      *httpd.Request
	req    *http.Request // gets the trailers
	limits *limits
	mu     sync.Mutex // held by Read, which uses r
	closed atomic.Bool
	ended  bool // all of it was read
}

// Read returns http.ErrBodyReadAfterClose if the body is closed, or the handler
// has returned. Otherwise its errors are those of httpd.Request.Read.
func (b *body) Read(p []byte) (n int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed.Load() {
		return 0, http.ErrBodyReadAfterClose
	}
	n, err = b.r.Read(p)
	switch {
	case err == nil:
	case b.closed.Load(): // Close has ended the waiting
		err = http.ErrBodyReadAfterClose
	case err == io.EOF && !b.ended:
		b.ended = true
		b.trailers()
	}
	return n, err
}

// trailers gives the request its trailer fields.
func (b *body) trailers() {
	for name, value := range b.r.Trailers() {
		if b.req.Trailer == nil {
			b.req.Trailer = http.Header{}
		}
		b.req.Trailer.Add(string(name), string(value))
	}
}

// Close ends reading. What was not read is dropped when it comes. A Read that
// waits returns.
func (b *body) Close() error {
	b.end()
	return nil
}

// end is Close. When it returns nobody uses r.
func (b *body) end() {
	b.closed.Store(true)
	if !b.mu.TryLock() {
		b.limits.stopReading()
		b.mu.Lock()
	}
	b.mu.Unlock()
}

// atEnd reports whether none of the content is left, if that can be told without
// reading what is.
func (b *body) atEnd() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.r.Remaining() == 0 {
		_, err := b.r.Read(make([]byte, 1)) // the loop says so, too
		return err == io.EOF
	}
	return b.ended
}
