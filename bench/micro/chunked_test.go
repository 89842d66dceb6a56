package micro

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"moor.example/httpd/parser"
)

const chunkedHead = "POST /adder HTTP/1.1\r\nHost: moor\r\nTransfer-Encoding: chunked\r\n\r\n"

// chunkedRequest has so many octets of content in chunks of that size.
func chunkedRequest(content, size int) []byte {
	var b strings.Builder
	b.WriteString(chunkedHead)
	for ; content > 0; content -= size {
		n := min(size, content)
		fmt.Fprintf(&b, "%x\r\n%s\r\n", n, strings.Repeat("c", n))
	}
	b.WriteString("0\r\n\r\n")
	return []byte(b.String())
}

// readers are functions that read a chunked request and return the length of
// its content.
var readers = map[string]func() func([]byte) (int, error){
	"moor": moorChunks, "fasthttp": fastChunks, "nethttp": netChunks,
}

func moorChunks() func([]byte) (int, error) {
	h := newHead()
	t := parser.Trailer{Max: 4 << 10, Fields: make([]parser.Field, 0, 100)}
	lim := parser.ChunkLimits{Content: 1 << 20, Extensions: 4 << 10}
	var room []byte
	return func(text []byte) (int, error) {
		room = append(room[:0], text...) // Decode works where the octets lie
		n, err := h.Parse(room, &parser.Guard{})
		if err != nil {
			return 0, err
		}
		if _, err := parser.Framing(h, room); err != nil {
			return 0, err
		}
		var c parser.Chunks
		content, used, err := c.Decode(room[n:], &lim)
		if err != nil {
			return 0, err
		}
		_, err = t.Parse(room[n+used:], &parser.Guard{})
		return content, err
	}
}

func fastChunks() func([]byte) (int, error) {
	var req fasthttp.Request
	src := bytes.NewReader(nil)
	buffered := bufio.NewReaderSize(src, 32<<10)
	return func(text []byte) (int, error) {
		src.Reset(text)
		buffered.Reset(src)
		err := req.Read(buffered)
		return len(req.Body()), err
	}
}

func netChunks() func([]byte) (int, error) {
	src := bytes.NewReader(nil)
	buffered := bufio.NewReaderSize(src, 32<<10)
	var content bytes.Buffer
	return func(text []byte) (int, error) {
		src.Reset(text)
		buffered.Reset(src)
		req, err := http.ReadRequest(buffered)
		if err != nil {
			return 0, err
		}
		content.Reset()
		n, err := io.Copy(&content, req.Body)
		return int(n), err
	}
}

func TestReaders(t *testing.T) {
	for name, reader := range readers {
		if n, err := reader()(chunkedRequest(5000, 16)); n != 5000 || err != nil {
			t.Errorf("%s: %d octets, %v, want 5000", name, n, err)
		}
	}
}

// A whole request, its head too, since not all of them can do without.
func BenchmarkChunked(b *testing.B) {
	for _, row := range []struct{ content, size int }{{3, 3}, {4096, 16}, {4096, 4096}, {65536, 4096}} {
		for _, name := range []string{"moor", "fasthttp", "nethttp"} {
			b.Run(fmt.Sprintf("content=%d/chunk=%d/parser=%s", row.content, row.size, name), func(b *testing.B) {
				read, text := readers[name](), chunkedRequest(row.content, row.size)
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					if n, err := read(text); n != row.content || err != nil {
						b.Fatal(n, err)
					}
				}
			})
		}
	}
}
