package httpd

import (
	"bytes"

	"moor.example/httpd/parser"
)

// A fieldSet is the fields that were set for a response.
type fieldSet struct {
	head     []byte // field-lines, ready to be sent
	trailers []byte // likewise
	count    int    // of both
	most     int    // of both: Config.MaxResponseHeaders
}

// add adds a field to one of the two, and reports false if there is no room.
func (s *fieldSet) add(to *[]byte, name, value string) bool {
	if s.count >= s.most {
		return false
	}
	s.count++
	*to = appendField(*to, name, value)
	return true
}

// del removes the fields of the head with that name. No value has a line end in
// it.
func (s *fieldSet) del(name string) {
	lines := s.head
	s.head = lines[:0]
	for len(lines) > 0 {
		end := bytes.IndexByte(lines, '\n') + 1
		line := lines[:end]
		lines = lines[end:]
		is, _, _ := bytes.Cut(line, []byte(":"))
		if parser.EqualFold(string(is), name) {
			s.count--
		} else {
			s.head = append(s.head, line...)
		}
	}
}

func appendField(dst []byte, name, value string) []byte {
	return append(append(append(append(dst, name...), ": "...), value...), "\r\n"...)
}

// reserved reports whether the field is the engine's own.
func reserved(name string) bool {
	switch len(name) {
	case len("Connection"):
		return parser.EqualFold(name, "Connection")
	case len("Content-Length"):
		return parser.EqualFold(name, "Content-Length")
	case len("Transfer-Encoding"):
		return parser.EqualFold(name, "Transfer-Encoding")
	}
	return false
}
