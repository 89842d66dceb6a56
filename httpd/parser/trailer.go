package parser

// A Trailer is a parsed trailer section (RFC 9112 7.1.2): the fields behind
// the last-chunk of a chunked body. The caller sets the limit and gives Fields
// its capacity; Parse sets the rest. They are not the fields of the head, and
// must not be merged with them (RFC 9110 6.5.1).
type Trailer struct {
	Max    int     // octets of the section with its empty line; a longer one is ErrTrailerTooLong
	Fields []Field // in the order they came, as many as there was capacity for
}

// trailer-section = *( field-line CRLF ) (RFC 9112 7.1.2)
//
// Parse parses the trailer section that b begins with and returns its length
// in octets, the empty line behind it included; that is where the body ends.
// It has the outcomes of [Head.Parse] and the same rules: to a line it is a
// head, but for the request-line. A section that could pass is refused all the
// same if it has a field that only a head may have.
func (t *Trailer) Parse(b []byte, g *Guard) (n int, err error) {
	h := Head{MaxHead: t.Max, Fields: t.Fields, bare: true}
	n, err = h.Parse(b, g)
	t.Fields = h.Fields
	if err == ErrHeadTooLong {
		return 0, ErrTrailerTooLong
	}
	if err != nil {
		return 0, err
	}
	for _, f := range t.Fields {
		if headOnly(f.Name.Of(b)) {
			return 0, ErrTrailerField
		}
	}
	return n, nil
}

// Field returns the value of the first field called name, as [Head.Field] does.
func (t *Trailer) Field(b []byte, name string) (value []byte, ok bool) {
	return findField(t.Fields, b, name)
}

// headOnlyNames are fields that have a meaning in the head of a request and
// none, or a dangerous one, behind its content (RFC 9110 6.5.1). Unknown
// fields are no danger: nothing but their reader asks for them.
var headOnlyNames = [...]string{
	"Content-Length", "Transfer-Encoding", "Trailer", // framing
	"Connection", "Keep-Alive", "Proxy-Connection", "TE", "Upgrade", // the connection
	"Host", "Forwarded", "Max-Forwards", // routing
	"Authorization", "Proxy-Authorization", "Cookie", // authentication
	"Cache-Control", "Expect", "Pragma", "Prefer", "Range", // request modifiers
	"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range",
	"Content-Encoding", "Content-Range", "Content-Type", // what the content is
}

// headOnly tells whether a field with this name is refused in a trailer section.
func headOnly(name []byte) bool {
	for _, only := range headOnlyNames {
		if equalFold(name, only) {
			return true
		}
	}
	return false
}
