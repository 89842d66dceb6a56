package fuzz

import (
	"bytes"
	"fmt"
	"iter"
	"testing"

	"moor.example/httpd/parser"
)

// bodies are chunked ones that reach all of the decoder, whole, broken and partial.
var bodies = []string{
	"5\r\nhello\r\n0\r\n\r\n",
	"5\r\nhello\r\nA;a=b;c\r\n0123456789\r\n0\r\nX-T: v\r\nY: \r\n\r\n",
	"1 ; a = \"\\\"\t\xe9;\" ; b\r\nx\r\n000;c\r\n\r\nGET",
	"ffffffffffffffff\r\nhello",
	"00000000000000001\r\n",
	"5 \r\nhello\r\n0\r\n\r\n",
	"5\nhello\n0\n\n",
	"5;a\rb\r\nhello\r\n0\r\n\r\n",
	"5\r\nhelloXX0\r\n\r\n",
	"0\r\nfoo : x\r\n\r\n",
	"0\r\nHost: b\r\n\r\n",
	"0\r\nA:\r\nB:\r\nC:\r\nD:\r\nE:\r\n\r\n",
	"0\r\n\n",
}

// FuzzChunked: content that is put into chunks comes out again; any octets, as
// a chunked body, are read alike however they are cut; and net/http reads what
// is taken alike. sizes are those of the chunks and of the cuts.
func FuzzChunked(f *testing.F) {
	for i, body := range bodies {
		f.Add([]byte(body), []byte{byte(i), 0, 7, 255}, byte(i*20))
		f.Add([]byte(body), []byte{}, byte(255))
	}
	f.Fuzz(func(t *testing.T, b, sizes []byte, limit byte) {
		roundTrip(t, b, sizes)
		splitBody(t, b, sizes, int(limit))
		stdlibBody(t, b)
	})
}

func roundTrip(t *testing.T, content, sizes []byte) {
	lim := parser.ChunkLimits{Content: len(content), Extensions: maxExtensions}
	var c parser.Chunks
	var got []byte
	body := encode(content, sizes)
	for rest := body; ; {
		piece := rest[:min(len(rest), 100+len(sizes))]
		k, n, err := c.Decode(piece, &lim)
		got, rest = append(got, piece[:k]...), rest[n:]
		if err == parser.ErrPartial && len(rest) > 0 {
			continue
		}
		if err != nil || len(rest) > 0 || !bytes.Equal(got, content) {
			t.Fatalf("%q in chunks of %d is %q, with %d octets left, %v", content, sizes, got, len(rest), err)
		}
		return
	}
}

// encode puts content into chunks of these sizes plus one, and the rest into
// one. The sizes say what else is in their lines.
func encode(content, sizes []byte) []byte {
	var b bytes.Buffer
	for len(content) > 0 {
		n, form := len(content), 0
		if len(sizes) > 0 {
			n, form, sizes = min(int(sizes[0])+1, n), int(sizes[0]), sizes[1:]
		}
		size := []string{"%x", "%X", "%08x", "%04X"}[form%4]
		extension := []string{"", "", ";a", " ;\ta = b", `;a="b\";\` + "\t\xff" + `";c`}[form%5]
		fmt.Fprintf(&b, size+"%s\r\n%s\r\n", n, extension, content[:n])
		content = content[n:]
	}
	b.WriteString("00;last\r\n")
	return b.Bytes()
}

func splitBody(t *testing.T, b, sizes []byte, limit int) {
	whole := readBody(b, nil, limit)
	if got := readBody(b, sizes, limit); got != whole {
		t.Errorf("in pieces of %d: %s; whole: %s", sizes, got, whole)
	}
	if got := readBody(b, make([]byte, len(b)), limit); got != whole {
		t.Errorf("octet by octet: %s; whole: %s", got, whole)
	}
}

// readBody decodes b, which it leaves as it is, at first in pieces of these
// sizes plus one, and writes down the outcome.
func readBody(b, sizes []byte, limit int) (outcome string) {
	var c parser.Chunks
	var guard parser.Guard
	var content []byte
	lim := parser.ChunkLimits{Content: limit, Extensions: limit / 2}
	tr := parser.Trailer{Max: limit, Fields: make([]parser.Field, 0, limit%5)}
	begin, chunked := 0, false // the next chunk, or the trailer section
	for end := range ends(len(b), sizes) {
		var k, n int
		var err error
		if !chunked {
			piece := bytes.Clone(b[begin:end])
			k, n, err = c.Decode(piece[:len(piece):len(piece)], &lim)
			content, begin, chunked = append(content, piece[:k]...), begin+n, err == nil
		}
		if err == nil {
			n, err = tr.Parse(b[begin:end:end], &guard)
		}
		outcome = fmt.Sprintf("%q %d %v", content, begin, err)
		if err == nil {
			return outcome + fmt.Sprint(n, tr.Fields)
		}
		if err != parser.ErrPartial {
			return outcome
		}
	}
	return outcome
}

// ends yields where pieces of these sizes plus one end, and n.
func ends(n int, sizes []byte) iter.Seq[int] {
	return func(yield func(int) bool) {
		end := 0
		for _, size := range sizes {
			end = min(end+int(size)+1, n)
			if !yield(end) {
				return
			}
		}
		yield(n)
	}
}

func stdlibBody(t *testing.T, body []byte) {
	b := append([]byte("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"), body...)
	our, err := ours(b)
	if err != nil {
		return
	}
	their, err := theirs(b)
	if d := difference(our, their); err == nil && d != "" {
		t.Errorf("another %s: net/http has %+v, we %+v", d, their, our)
	}
}
