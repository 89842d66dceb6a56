package middleware

import (
	"context"
	"strconv"

	"moor.example/httpd"
)

// IDs says how requests are named. The zero value is good to use.
type IDs struct {
	// Header is the field that tells the client its request's ID.
	// Default: "X-Request-Id".
	Header string
	// Prefix begins every ID that is made here: the name of the machine, and
	// when it was started, where IDs of several servers, or of several runs of
	// one, come together. It should have letters, digits and "-", ".", "_", "~"
	// alone.
	Prefix string
	// Trust takes the ID that the request has in the field Header, if it has one,
	// and that is well-formed: 1 to 128 letters, digits, or octets of
	// "-._~+/=@:". It is for a server behind a proxy: a client can give two
	// requests the same ID.
	Trust bool
}

// mostID is how many octets of a client's ID are taken.
const mostID = 128

type idKey struct{}

// RequestID gives each request an ID, which is in the response, and which [ID]
// returns. It is made of the session's ID and the number of the request in its
// session: no other request of this server has had it, or will. A 500 that the
// engine gives for a handler which fails does not have it.
func RequestID(ids IDs) httpd.Middleware {
	if ids.Header == "" {
		ids.Header = "X-Request-Id"
	}
	return func(next httpd.Handler) httpd.Handler {
		return func(w *httpd.Response, r *httpd.Request) error {
			id := ids.of(r)
			w.SetHeader(ids.Header, id)
			r.SetContext(context.WithValue(r.Context(), idKey{}, id))
			return next(w, r)
		}
	}
}

// ID returns the ID that RequestID has given to the request, and an empty string
// if it has not. The string may be kept.
func ID(r *httpd.Request) string {
	id, _ := r.Context().Value(idKey{}).(string)
	return id
}

func (ids *IDs) of(r *httpd.Request) string {
	if ids.Trust {
		if id, ok := r.Header(ids.Header); ok && wellFormed(id) {
			return id
		}
	}
	s := r.Session()
	return ids.Prefix + s.ID().String() + "/" + strconv.Itoa(s.Requests())
}

// wellFormed reports whether a client's ID is taken: it goes into a field, and
// into logs.
func wellFormed(id string) bool {
	for i := range len(id) {
		switch c := id[i]; {
		case c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z':
		case c >= '+' && c != ',' && c <= '/', c == ':', c == '=', c == '@', c == '_', c == '~':
		default:
			return false
		}
	}
	return id != "" && len(id) <= mostID
}
