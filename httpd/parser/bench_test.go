package parser_test

import (
	"fmt"
	"strings"
	"testing"

	"moor.example/httpd/parser"
)

const (
	wrk     = "GET /moorings HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n"
	browser = "GET /catalogue/harbour/berths?season=summer&sort=depth HTTP/1.1\r\n" +
		"Host: www.harbourmaster.example\r\n" +
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n" +
		"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n" +
		"Accept-Language: de-CH,de;q=0.8,en-GB;q=0.5,en;q=0.3\r\n" +
		"Accept-Encoding: gzip, deflate, br\r\n" +
		"Referer: https://www.harbourmaster.example/catalogue/harbour\r\n" +
		"DNT: 1\r\n" +
		"Connection: keep-alive\r\n" +
		"Cookie: session=6d6f6f72696e6720617420612071756179; theme=dark; seen=boats%2Cbuoys%2Cbollards; " +
		"consent=necessary; ab=variant-2; last=2026-01-31T09%3A15%3A00Z; tide=high; wind=nne-4; boat=dinghy-numb-7\r\n" +
		"Upgrade-Insecure-Requests: 1\r\n" +
		"If-None-Match: \"5f3a-61c0d2\"\r\n" +
		"\r\n"
)

// longest returns a head of size octets in 100 fields, as many as an engine may allow.
func longest(size int) string {
	const fields = 100
	head := "GET / HTTP/1.1\r\n"
	for i := range fields {
		left := (size - len(head) - 2) / (fields - i)
		name := fmt.Sprintf("X-Field-%d: ", i)
		head += name + strings.Repeat("v", left-len(name)-2) + "\r\n"
	}
	return head + "\r\n"
}

func benchHead() *parser.Head {
	return &parser.Head{MaxTarget: 8192, MaxHead: 16384, Fields: make([]parser.Field, 0, 100)}
}

func BenchmarkHead(b *testing.B) {
	for _, bench := range []struct{ name, in string }{
		{"wrk48", wrk},
		{"browser703", browser},
		{"16pipelined", strings.Repeat(wrk, 16)},
		{"max", longest(16384)},
	} {
		b.Run(bench.name, func(b *testing.B) {
			in, h := []byte(bench.in), benchHead()
			var g parser.Guard
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				for rest := in; len(rest) > 0; {
					n, err := h.Parse(rest, &g)
					if err != nil {
						b.Fatal(err)
					}
					rest = rest[n:]
				}
			}
		})
	}
}

// BenchmarkDrip receives a head octet by octet. Its time for each octet must
// not grow with the head.
func BenchmarkDrip(b *testing.B) {
	for _, size := range []int{1 << 11, 1 << 12, 1 << 14} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			in := []byte(longest(size))
			h := benchHead()
			var g parser.Guard
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				for end := range in {
					h.Parse(in[:end], &g)
				}
				if n, err := h.Parse(in, &g); n != len(in) || err != nil {
					b.Fatal(n, err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(in)), "ns/octet")
		})
	}
}

// BenchmarkAfter is what an engine asks about every head.
func BenchmarkAfter(b *testing.B) {
	in, h := []byte(browser), benchHead()
	if _, err := h.Parse(in, new(parser.Guard)); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		_, errFraming := parser.Framing(h, in)
		_, errTarget := parser.SplitTarget(h, in)
		if errFraming != nil || errTarget != nil || parser.CheckHost(h, in) != nil ||
			!parser.Persistent(h, in) || parser.Expect(h, in) != parser.ExpectNone {
			b.Fatal("the request should pass")
		}
	}
}

func TestBenchmarkSizes(t *testing.T) {
	for name, row := range map[string]struct {
		in   string
		want int
	}{"wrk": {wrk, 48}, "browser": {browser, 703}, "max": {longest(16384), 16384}} {
		if len(row.in) != row.want {
			t.Errorf("%s has %d octets, want %d", name, len(row.in), row.want)
		}
	}
}
