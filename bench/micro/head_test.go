package micro

import (
	"bufio"
	"bytes"
	"net/http"
	"testing"

	"github.com/valyala/fasthttp"

	"moor.example/httpd/parser"
)

// parsers are functions that parse so many heads in b, each with its own way of
// getting at the octets: moor has them in memory, the others read them.
func parsers() map[string]func(b []byte, count int) error {
	return map[string]func([]byte, int) error{"moor": moorHeads(), "fasthttp": fastHeads(), "nethttp": netHeads()}
}

func moorHeads() func([]byte, int) error {
	h := newHead()
	return func(b []byte, count int) error {
		for range count {
			n, err := h.Parse(b, &parser.Guard{})
			if err != nil {
				return err
			}
			b = b[n:]
		}
		return nil
	}
}

func fastHeads() func([]byte, int) error {
	var h fasthttp.RequestHeader
	src := bytes.NewReader(nil)
	buffered := bufio.NewReaderSize(src, 32<<10)
	return func(b []byte, count int) error {
		src.Reset(b)
		buffered.Reset(src)
		for range count {
			if err := h.Read(buffered); err != nil {
				return err
			}
		}
		return nil
	}
}

func netHeads() func([]byte, int) error {
	src := bytes.NewReader(nil)
	buffered := bufio.NewReaderSize(src, 32<<10)
	return func(b []byte, count int) error {
		src.Reset(b)
		buffered.Reset(src)
		for range count {
			if _, err := http.ReadRequest(buffered); err != nil {
				return err
			}
		}
		return nil
	}
}

// Parsing alone. What the engine does with a head besides is BenchmarkFraming.
func BenchmarkHead(b *testing.B) {
	for _, head := range heads {
		for _, name := range []string{"moor", "fasthttp", "nethttp"} {
			b.Run("request="+head.name+"/parser="+name, func(b *testing.B) {
				parse, text := parsers()[name], []byte(head.text)
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					if err := parse(text, head.count); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// What the engine asks of a head that is parsed: the body's length, the host,
// the parts of the target, whether the connection persists.
func BenchmarkFraming(b *testing.B) {
	for _, row := range []struct{ name, text string }{
		{"none", browser},
		{"length", "POST /adder HTTP/1.1\r\nHost: moor\r\nContent-Length: 3\r\n\r\n"},
		{"chunked", "POST /adder HTTP/1.1\r\nHost: moor\r\nTransfer-Encoding: chunked\r\n\r\n"},
	} {
		b.Run("body="+row.name, func(b *testing.B) {
			h, text := newHead(), []byte(row.text)
			if _, err := h.Parse(text, &parser.Guard{}); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if err := framing(h, text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func framing(h *parser.Head, text []byte) error {
	if _, err := parser.Framing(h, text); err != nil {
		return err
	}
	if err := parser.CheckHost(h, text); err != nil {
		return err
	}
	if _, err := parser.SplitTarget(h, text); err != nil {
		return err
	}
	parser.Expect(h, text)
	parser.Persistent(h, text)
	return nil
}
