package parser_test

import (
	"bytes"
	"fmt"
	"testing"

	"moor.example/httpd/parser"
)

// chunks returns a body of size octets in chunks of at most chunk octets.
func chunks(size, chunk int) []byte {
	var b bytes.Buffer
	for size > 0 {
		n := min(size, chunk)
		fmt.Fprintf(&b, "%x\r\n%s\r\n", n, bytes.Repeat([]byte("x"), n))
		size -= n
	}
	b.WriteString("0\r\n")
	return b.Bytes()
}

// BenchmarkChunked decodes 64 KiB of content; its MB/s are of content. Since
// decoding spoils the body, each time has a copy in it: copy is that alone.
func BenchmarkChunked(b *testing.B) {
	const size = 64 << 10
	lim := parser.ChunkLimits{Content: size}
	for _, bench := range []struct {
		name         string
		chunk, piece int // octets of a chunk, and those that arrive at once
	}{
		{"copy", size, 0},
		{"64KiB", size, 1 << 20},
		{"1KiB", 1 << 10, 1 << 20},
		{"1KiB,16KiB-recv", 1 << 10, 16 << 10},
		{"16octets", 16, 1 << 20},
		{"1octet", 1, 1 << 20},
		{"1KiB,drip", 1 << 10, 1},
	} {
		b.Run(bench.name, func(b *testing.B) {
			raw := chunks(size, bench.chunk)
			body := bytes.Clone(raw)
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				copy(body, raw)
				if bench.piece > 0 {
					decodeAll(b, body, bench.piece, &lim)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(raw)), "ns/octet")
		})
	}
}

// decodeAll decodes a body that arrives in pieces.
func decodeAll(b *testing.B, body []byte, piece int, lim *parser.ChunkLimits) {
	var c parser.Chunks
	total := 0
	for len(body) > 0 {
		content, n, err := c.Decode(body[:min(piece, len(body))], lim)
		total += content
		body = body[n:]
		if err == nil && len(body) == 0 && total == lim.Content {
			return
		}
		if err != parser.ErrPartial {
			b.Fatal(total, len(body), err)
		}
	}
	b.Fatal("no end")
}

func BenchmarkTrailer(b *testing.B) {
	in := []byte("Content-Digest: sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:\r\nServer-Timing: total;dur=12\r\n\r\n")
	t := parser.Trailer{Max: 4096, Fields: make([]parser.Field, 0, 16)}
	var g parser.Guard
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if n, err := t.Parse(in, &g); n != len(in) || err != nil {
			b.Fatal(n, err)
		}
	}
}
