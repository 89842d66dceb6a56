package parser_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"unsafe"

	"moor.example/httpd/parser"
)

// decode gives in to a Chunks, cut at the ends, as an engine would: each piece
// once, in a buffer exactly as long. It writes down the outcome: the content,
// the octets taken, and the error if there is one.
func decode(in string, lim parser.ChunkLimits, ends ...int) string {
	var (
		c       parser.Chunks
		all     strings.Builder
		taken   int
		outcome error
	)
	for _, end := range ends {
		b := []byte(in[taken:end])
		content, n, err := c.Decode(b[:len(b):len(b)], &lim)
		all.Write(b[:content])
		taken, outcome = taken+n, err
		switch {
		case err == parser.ErrPartial && n < len(b):
			return fmt.Sprintf("partial, but %d of %d taken", n, len(b))
		case err == parser.ErrPartial:
			continue
		case c != (parser.Chunks{}):
			return "Chunks that is not zero"
		}
		break
	}
	s := fmt.Sprintf("%s %d", all.String(), taken)
	if outcome != nil {
		s += " " + strings.TrimPrefix(outcome.Error(), "parser: ")
	}
	return s
}

// every is the ends that cut n octets one by one.
func every(n int) (ends []int) {
	for i := range n {
		ends = append(ends, i+1)
	}
	return ends
}

// someCuts is up to 8 ends at random, and n.
func someCuts(n int) (ends []int) {
	for at := 0; len(ends) < 8; {
		at += rand.IntN(n/4 + 2)
		if at >= n {
			break
		}
		ends = append(ends, at)
	}
	return append(ends, n)
}

// checkChunked wants the outcome for in, however it is cut: whole, in two at
// every offset, octet by octet, at random; and with anything behind it, unless
// it is incomplete. All of in must be needed for an outcome.
func checkChunked(t *testing.T, lim parser.ChunkLimits, in, want string) {
	t.Helper()
	whole := decode(in, lim, len(in))
	if whole != want {
		t.Errorf("%.80q:\n got %q\nwant %q", in, whole, want)
	}
	cuts := [][]int{every(len(in))}
	for i := range in {
		cuts = append(cuts, []int{i, len(in)}, someCuts(len(in)))
	}
	for _, ends := range cuts {
		if got := decode(in, lim, ends...); len(in) > 0 && got != whole {
			t.Errorf("%.80q cut at %d:\n got %q\nwant %q", in, ends, got, whole)
		}
	}
	if strings.HasSuffix(whole, partial) {
		return
	}
	for _, tail := range []string{"\x00", "\r", "\n", "0", "GET ", "\r\n\r\n", " x", ";"} {
		if got := decode(in+tail, lim, len(in)+len(tail)); got != whole {
			t.Errorf("%.80q before %q:\n got %q\nwant %q", in, tail, got, whole)
		}
	}
	if got := decode(in, lim, len(in)-1); in != "" && !strings.HasSuffix(got, partial) {
		t.Errorf("%.80q without its last octet: %q", in, got)
	}
}

const (
	badSize      = "malformed chunk-size"
	badExtension = "malformed chunk-ext"
	badData      = "chunk-data does not end in CRLF"
	longContent  = "content too long"
	longExts     = "chunk extensions too long"
)

func TestChunked(t *testing.T) {
	for _, row := range []struct{ in, want string }{
		{"0\r\n", " 3"},
		{"5\r\nhello\r\n0\r\n", "hello 13"},
		{"5\r\nhello\r\n6\r\n world\r\n0\r\n", "hello world 24"},
		{"1\r\na\r\n1\r\nb\r\n2\r\ncd\r\n1\r\ne\r\n0\r\n", "abcde 28"},
		{"A\r\n0123456789\r\n0\r\n", "0123456789 18"},
		{"a\r\n0123456789\r\n0\r\n", "0123456789 18"},
		{"1F\r\n0123456789abcdef0123456789abcde\r\n0\r\n", "0123456789abcdef0123456789abcde 40"},
		{"0005\r\nhello\r\n000\r\n", "hello 18"},
		{"0000000000000005\r\nhello\r\n0000000000000000\r\n", "hello 43"},
		{"6\r\n\r\n0\r\n\x00\r\n0\r\n", "\r\n0\r\n\x00 14"}, // chunk-data is any octets
		{"1\r\n\r\r\n1\r\n\n\r\n0\r\n", "\r\n 15"},

		// Incomplete.
		{"", " 0 " + partial},
		{"0", " 1 " + partial},
		{"0\r", " 2 " + partial},
		{"5", " 1 " + partial},
		{"5\r\nhell", "hell 7 " + partial},
		{"5\r\nhello", "hello 8 " + partial},
		{"5\r\nhello\r", "hello 9 " + partial},
		{"5\r\nhello\r\n", "hello 10 " + partial},
		{"5\r\nhello\r\n0", "hello 11 " + partial},
		{"5;a=\"b\\", " 7 " + partial},

		// What is not a chunk-size.
		{"+", " 0 " + badSize},
		{"-", " 0 " + badSize},
		{"0x", " 1 " + badSize},
		{"0_", " 1 " + badSize},
		{"5h", " 1 " + badSize},
		{"\r", " 0 " + badSize},
		{" ", " 0 " + badSize},
		{"\t", " 0 " + badSize},
		{";", " 0 " + badSize},
		{"g", " 0 " + badSize},
		{"G", " 0 " + badSize},
		{"/", " 0 " + badSize},
		{":", " 0 " + badSize},
		{"@", " 0 " + badSize},
		{"`", " 0 " + badSize},
		{"5,", " 1 " + badSize},
		{"5.", " 1 " + badSize},
		{"5\"", " 1 " + badSize},
		{"\xb2", " 0 " + badSize},
		{"1\r\na\r\n\r", "a 6 " + badSize},
		{"00000000000000000", " 16 " + badSize},
		{"00000000000000005", " 16 " + badSize},
		{"10000000000000000", " 16 " + badSize},

		// What does not end a line.
		{"\n", " 0 " + badEnd},
		{"5\n", " 1 " + badEnd},
		{"5\rX", " 2 " + badEnd},
		{"5\r\r", " 2 " + badEnd},
		{"5;a\n", " 3 " + badEnd},
		{"5;a\rb", " 4 " + badEnd},
		{"5;a=\"\n", " 5 " + badEnd},
		{"0\n", " 1 " + badEnd},
		{"5\x00", " 1 " + badOctet},
		{"5\x7f", " 1 " + badOctet},
		{"\x16", " 0 " + badOctet},

		// What does not end chunk-data.
		{"5\r\nhello\n", "hello 8 " + badData},
		{"5\r\nhello0", "hello 8 " + badData},
		{"5\r\nhelloX", "hello 8 " + badData},
		{"3\r\nhello"[:7], "hel 6 " + badData},
		{"5\r\nhello\r\r", "hello 9 " + badData},
		{"5\r\nhello\rX", "hello 9 " + badData},
		{"5\r\nhello\x00", "hello 8 " + badData},
		{"5\r\nhello;", "hello 8 " + badData},
	} {
		checkChunked(t, parser.ChunkLimits{Content: 64, Extensions: 64}, row.in, row.want)
	}
}

func TestChunkExtensions(t *testing.T) {
	lim := parser.ChunkLimits{Content: 8, Extensions: 64}
	for _, row := range []struct{ ext, want string }{
		{";a", ""},
		{";a=b", ""},
		{";a=b;c", ""},
		{";a;b;c=d", ""},
		{";a=\"b\"", ""},
		{";a=\"\"", ""},
		{";a=\"b;\\\"c\"", ""},
		{";a=\"\\\\\"", ""},
		{";a=\"=;,\t \xe9()<>[]{}\"", ""},
		{";a=\"\\\t\\ \\\xe9\"", ""},
		{";a=\"b\";c", ""},
		{";a=\"b\" ;c", ""},
		{";!#$%&'*+-.^_`|~=!#$%&'*+-.^_`|~", ""},
		{" ; a = b", ""},
		{" ;\ta\t=\tb\t;\tc \t= \t\"d\"", ""},
		{"  ;  a  ;  b", ""},
		{"\t;a", ""},
		{";ffff", ""},

		{" ", "\r" + badExtension},
		{"\t", "\r" + badExtension},
		{" 5", "5" + badExtension},
		{" a", "a" + badExtension},
		{";", "\r" + badExtension},
		{"; ", "\r" + badExtension},
		{";;", ";" + badExtension},
		{";a;", "\r" + badExtension},
		{";a ", "\r" + badExtension},
		{";a b", "b" + badExtension},
		{";=b", "=" + badExtension},
		{";a=", "\r" + badExtension},
		{";a= ", "\r" + badExtension},
		{";a==", "=" + badExtension},
		{";a=;", ";" + badExtension},
		{";a=b=c", "=" + badExtension},
		{";a=b ", "\r" + badExtension},
		{";a=b c", "c" + badExtension},
		{";a=b\"", "\"" + badExtension},
		{";\"", "\"" + badExtension},
		{";a=\"b", "\r" + badExtension},
		{";a=\"b\\", "\r" + badExtension},
		{";a=\"b\"c", "c" + badExtension},
		{";a=\"b\" ", "\r" + badExtension},
		{";a=\"b\"=", "=" + badExtension},
		{";a,b", "," + badExtension},
		{";a=b@", "@" + badExtension},
		{";\xe9", "\xe9" + badExtension},
		{";a=\xe9", "\xe9" + badExtension},
		{";a/", "/" + badExtension},
		{";a\x00", "\x00" + badOctet},
		{";a=\x01", "\x01" + badOctet},
		{";a=\"\x00\"", "\x00" + badOctet},
		{";a=\"\\\x7f\"", "\x7f" + badOctet},
		{" \x0b", "\x0b" + badOctet},
	} {
		// Each may stand on a chunk and on the last-chunk.
		for _, before := range []string{"1", "1\r\na\r\n0"} {
			line, content := before+row.ext+"\r\n", strings.TrimLeft(before[1:], "\r\n")
			content, _, _ = strings.Cut(content, "\r")
			if row.want != "" {
				// The octet at fault is the last one that there is of it.
				at := len(before) + strings.LastIndex(row.ext+"\r", row.want[:1])
				checkChunked(t, lim, line[:at+1], fmt.Sprintf("%s %d %s", content, at, row.want[1:]))
				continue
			}
			if before == "1" {
				line, content = line+"a\r\n0\r\n", "a"
			}
			checkChunked(t, lim, line, fmt.Sprintf("%s %d", content, len(line)))
		}
	}
}

func TestChunkLimits(t *testing.T) {
	for _, row := range []struct {
		content, extensions int
		in, want            string
	}{
		{5, 0, "5\r\nhello\r\n0\r\n", "hello 13"},
		{4, 0, "5\r\n", " 2 " + longContent},
		{4, 0, "5", " 1 " + partial},
		{5, 0, "4\r\nhell\r\n1\r\no\r\n0\r\n", "hello 18"},
		{4, 0, "4\r\nhell\r\n1\r\n", "hell 11 " + longContent},
		{0, 0, "0\r\n", " 3"},
		{0, 0, "1\r\n", " 2 " + longContent},
		{-1, -1, "0\r\n", " 3"},
		{-1, 0, "1\r\n", " 2 " + longContent},
		{5, 0, "100000005\r\n", " 10 " + longContent},
		{5, 0, "ffffffffffffffff\r\n", " 17 " + longContent},
		{5, 0, "8000000000000000\r\n", " 17 " + longContent},
		{5, 0, "7fffffffffffffff\r\n", " 17 " + longContent},
		{9, 0, "1\r\na\r\nffffffffffffffff\r\n", "a 23 " + longContent},
		{math.MaxInt, 0, "8000000000000000\r\n", " 17 " + longContent},
		{math.MaxInt, 0, "1\r\na\r\n7fffffffffffffff\r\n", "a 23 " + longContent},
		{math.MaxInt, 0, "7fffffffffffffff\r\nab", "ab 20 " + partial},

		{9, 0, "0;", " 1 " + longExts},
		{9, -1, "0;", " 1 " + longExts},
		{9, 0, "0 ", " 1 " + longExts},
		{9, 1, "0;a", " 2 " + longExts},
		{9, 2, "0;a\r\n", " 5"},
		{9, 2, "0;ab", " 3 " + longExts},
		{9, 7, "0 ;\ta = b", " 8 " + longExts},
		{9, 8, "0 ;\ta = b\r\n", " 11"},
		{9, 4, "1;a\r\nx\r\n1;b\r\ny\r\n0\r\n", "xy 19"},
		{9, 4, "1;a\r\nx\r\n1;b\r\ny\r\n0;", "xy 17 " + longExts},
		{9, 3, "1;a\r\nx\r\n1;b", "x 10 " + longExts},
		{9, 7, "1;a=\"\\\"\"\r\nx\r\n0\r\n", "x 16"},
		{9, 6, "1;a=\"\\\"\"", " 7 " + longExts},
		{9, 3, "0;a\x00", " 3 " + badOctet}, // what is wrong comes before what is too long
		{9, 2, "0;a\x00", " 3 " + badOctet},
		{9, math.MaxInt, "0;a\r\n", " 5"},
		{9, 256, "5;" + strings.Repeat("a", 256), " 257 " + longExts},
	} {
		checkChunked(t, parser.ChunkLimits{Content: row.content, Extensions: row.extensions}, row.in, row.want)
	}
}

// TestLimitsLowered lowers a limit in the middle of a body, below what is there.
func TestLimitsLowered(t *testing.T) {
	var c parser.Chunks
	c.Decode([]byte("5\r\nhello\r\n"), &parser.ChunkLimits{Content: 5})
	if _, n, err := c.Decode([]byte("1\r\n"), &parser.ChunkLimits{Content: 4}); n != 2 || err != parser.ErrContentTooLong {
		t.Errorf("got %d, %v", n, err)
	}
}

// TestLeft wants to know after each octet what the current chunk's data lacks.
func TestLeft(t *testing.T) {
	const body = "12\r\nabcdefghijklmnopqr\r\n3\r\nstu\r\n0\r\n"
	want := append([]int{0, 0, 0}, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
	want = append(want, 0, 0, 0, 0, 3, 2, 1, 0, 0, 0, 0, 0, 0)
	var c parser.Chunks
	for i, o := range []byte(body) {
		c.Decode([]byte{o}, &parser.ChunkLimits{Content: 99})
		if got := c.Left(); got != want[i] {
			t.Errorf("behind %q: %d, want %d", body[:i+1], got, want[i])
		}
	}
	c.Decode([]byte("7fffffffffffffff\r\nx"), &parser.ChunkLimits{Content: math.MaxInt})
	if got := c.Left(); got != math.MaxInt-1 {
		t.Errorf("of a huge chunk: %d", got)
	}
}

// TestLongContent decodes more content than fits the pieces that it comes in.
func TestLongContent(t *testing.T) {
	content := make([]byte, 100_000)
	for i := range content {
		content[i] = byte(i * i >> 3)
	}
	var body bytes.Buffer
	for rest := content; len(rest) > 0; {
		n := min(1+rand.IntN(5000), len(rest))
		fmt.Fprintf(&body, "%X;x=\"%d\"\r\n%s\r\n", n, n, rest[:n])
		rest = rest[n:]
	}
	body.WriteString("0\r\n")
	lim := parser.ChunkLimits{Content: len(content), Extensions: body.Len()}
	want := fmt.Sprintf("%s %d", content, body.Len())
	for _, piece := range []int{1, 2, 3, 7, 64, 4096, 65536, body.Len()} {
		var ends []int
		for at := piece; at < body.Len(); at += piece {
			ends = append(ends, at)
		}
		if decode(body.String(), lim, append(ends, body.Len())...) != want {
			t.Errorf("in pieces of %d it is another content", piece)
		}
	}
}

func TestChunksIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(parser.Chunks{}); n > 24 {
		t.Errorf("%d octets for each connection", n)
	}
}
