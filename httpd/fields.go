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
	valid    *pairs // nil: the loop has them, and this response is detached
}

// pairs are the fields that AddHeader has found to be valid, and ordinary ones,
// the last time that it was called in their place: most handlers set the same
// ones each time. A name that is empty stands for none.
type pairs [8]struct{ name, value string }

// mostNoted is how long one of pairs may be, in octets: it stays in memory.
const mostNoted = 1 << 10

// repeats reports whether the field to be set next is such a one.
func (s *fieldSet) repeats(name, value string) bool {
	if s.valid == nil || s.count >= len(s.valid) || name == "" {
		return false
	}
	was := &s.valid[s.count]
	return was.name == name && was.value == value
}

// note makes the field that was set last such a one.
func (s *fieldSet) note(name, value string) {
	if at := s.count - 1; s.valid != nil && at < len(s.valid) && len(name)+len(value) <= mostNoted {
		s.valid[at].name, s.valid[at].value = name, value
	}
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
