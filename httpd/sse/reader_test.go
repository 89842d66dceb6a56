package sse_test

import (
	"bufio"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

// A dispatch is an event as a page gets it.
type dispatch struct{ name, data, lastID string }

// String is "data", or "name data", and "#id" behind.
func (d dispatch) String() string {
	s := d.data
	if d.name != "message" {
		s = d.name + " " + s
	}
	if d.lastID != "" {
		s += "#" + d.lastID
	}
	return s
}

// A reader reads a stream as the HTML living standard says, 9.2.5 and 9.2.6:
// written from that text, and from nothing of this package.
type reader struct {
	r          *bufio.Reader
	begun      bool
	cr         bool // the octet before was a CR, so a LF is the rest of that line end
	data, name string
	id, lastID string
	retry      string
	comments   []string
}

func newReader(r io.Reader) *reader { return &reader{r: bufio.NewReader(r)} }

// next returns the next event that is dispatched. What is incomplete at the end
// of the stream is discarded.
func (r *reader) next() (dispatch, error) {
	for {
		line, err := r.line()
		if err != nil {
			return dispatch{}, err
		}
		if line != "" {
			r.process(line)
			continue
		}
		r.lastID = r.id
		data, name := r.data, r.name
		r.data, r.name = "", ""
		if data == "" {
			continue
		}
		if name == "" {
			name = "message"
		}
		return dispatch{name, strings.TrimSuffix(data, "\n"), r.lastID}, nil
	}
}

// line returns a line that has ended: by CR LF, by LF, or by CR. It does not wait
// for what follows a CR.
func (r *reader) line() (string, error) {
	var line []byte
	for {
		b, err := r.r.ReadByte()
		if err != nil {
			return "", err
		}
		if b == '\n' && r.cr {
			r.cr = false
			continue
		}
		r.cr = b == '\r'
		if b != '\n' && b != '\r' {
			line = append(line, b)
			continue
		}
		text := strings.ToValidUTF8(string(line), "\ufffd")
		if !r.begun {
			text = strings.TrimPrefix(text, "\ufeff")
			r.begun = true
		}
		return text, nil
	}
}

func (r *reader) process(line string) {
	field, value, _ := strings.Cut(line, ":")
	if field == "" { // it begins with a colon
		r.comments = append(r.comments, value)
		return
	}
	value = strings.TrimPrefix(value, " ")
	switch field {
	case "event":
		r.name = value
	case "data":
		r.data += value + "\n"
	case "id":
		if !strings.Contains(value, "\x00") {
			r.id = value
		}
	case "retry":
		if strings.Trim(value, "0123456789") == "" {
			r.retry = value
		}
	}
}

// all returns what is dispatched up to the end.
func (r *reader) all() (got []dispatch) {
	for {
		d, err := r.next()
		if err != nil {
			return got
		}
		got = append(got, d)
	}
}

// The reader is what the other tests go by. These streams are the standard's own
// examples, and its rules one by one.
func TestReader(t *testing.T) {
	for _, row := range []struct{ stream, want string }{
		{"data: YHOO\ndata: +2\ndata: 10\n\n", `["YHOO\n+2\n10"]`},
		{": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
			`["first event#1" "second event" " third event"]`},
		{"data\n\ndata\ndata\n\ndata:", `["" "\n"]`},
		{"data:test\n\ndata: test\n\n", `["test" "test"]`},
		{"event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\n", `["add 73857293" "remove 2153"]`},
		{"data: a\r\n\r\ndata: b\r\rdata: c\n\n", `["a" "b" "c"]`},
		{"\ufeffdata: a\n\n\ufeffdata: b\n\n", `["a"]`},
		{"event: x\n\ndata: a\n\n", `["a"]`},
		{"id: 1\x00\ndata: a\n\n", `["a"]`},
		{"id: 1\n\nDATA: b\ndata: a\n\n", `["a#1"]`},
		{"data: a", `[]`},
		{"data: a\n", `[]`},
	} {
		for _, in := range []io.Reader{strings.NewReader(row.stream), iotest.OneByteReader(strings.NewReader(row.stream))} {
			got := fmt.Sprintf("%q", newReader(in).all())
			if got != row.want {
				t.Errorf("%q: %s, want %s", row.stream, got, row.want)
			}
		}
	}
	r := newReader(strings.NewReader("retry: 10\nretry: 1x\n: a\n:b\n"))
	r.all()
	if r.retry != "10" || !reflect.DeepEqual(r.comments, []string{" a", "b"}) {
		t.Errorf("retry %q, comments %q", r.retry, r.comments)
	}
}
