package parser_test

import (
	"fmt"
	"testing"

	"moor.example/httpd/parser"
)

// parse wants in to begin with a whole head, and returns it with its octets.
func parse(t *testing.T, in string) (*parser.Head, []byte) {
	t.Helper()
	h, b := newHead(), []byte(in)
	n, err := h.Parse(b, new(parser.Guard))
	if err != nil {
		t.Fatalf("%q: %v", in, err)
	}
	return h, b[:n:n]
}

// checkFraming wants the framing of a request with this version and these
// field-lines to be "none", "chunked", "length n" or an error.
func checkFraming(t *testing.T, version, fields, want string) {
	t.Helper()
	body, err := parser.Framing(parse(t, "POST / "+version+"\r\nHost: a\r\n"+fields+"\r\n"))
	got := [...]string{parser.None: "none", parser.Length: "length", parser.Chunked: "chunked"}[body.Kind]
	if body.Kind == parser.Length {
		got += fmt.Sprint(" ", body.Length)
	}
	if err != nil {
		got = dump(nil, nil, 0, err)
		if body != (parser.Body{}) {
			t.Errorf("%s %q: %v beside %v", version, fields, body, err)
		}
	}
	if got != want {
		t.Errorf("%s %q: got %s, want %s", version, fields, got, want)
	}
}

func TestContentLength(t *testing.T) {
	const (
		bad      = "malformed Content-Length"
		repeated = "repeated Content-Length"
		tooLarge = "Content-Length too large"
	)
	for _, row := range []struct{ value, want string }{
		{"5", "length 5"},
		{"0", "length 0"},
		{" 5 \t", "length 5"},
		{"005", "length 5"},
		{"0000000000000000000000000000000000000007", "length 7"},
		{"9223372036854775807", "length 9223372036854775807"},
		{"9223372036854775808", tooLarge},
		{"9223372036854775810", tooLarge},
		{"18446744073709551615", tooLarge},
		{"18446744073709551616", tooLarge},
		{"18446744073709551621", tooLarge},
		{"99999999999999999999999999999", tooLarge},
		{"99999999999999999999999999999x", bad},
		{"5\r\nContent-Length: 6", repeated},
		{"5\r\ncontent-length: 5", repeated},
		{"5\r\nX: y\r\nCONTENT-LENGTH: x", repeated},
		{"5, 5", bad},
		{"5, 6", bad},
		{"5,", bad},
		{",5", bad},
		{"+5", bad},
		{"-1", bad},
		{"-0", bad},
		{"0x5", bad},
		{"5.0", bad},
		{"5e1", bad},
		{"1_0", bad},
		{"5 5", bad},
		{"", bad},
		{"\"5\"", bad},
		{"5;a", bad},
		{"\xb2", bad},
		{"\xa05", bad},
	} {
		checkFraming(t, "HTTP/1.1", "Content-Length: "+row.value+"\r\n", row.want)
		checkFraming(t, "HTTP/1.0", "Content-Length: "+row.value+"\r\n", row.want)
	}
	checkFraming(t, "HTTP/1.1", "Content_Length: 5\r\n", "none")
	checkFraming(t, "HTTP/1.1", "Content-Lengths: 5\r\n", "none")
	checkFraming(t, "HTTP/1.1", "", "none")
}

func TestTransferEncoding(t *testing.T) {
	const (
		bad      = "misplaced or malformed transfer-coding"
		unknown  = "unknown transfer-coding"
		repeated = "repeated Transfer-Encoding"
	)
	for _, row := range []struct{ value, want string }{
		{"chunked", "chunked"},
		{"Chunked", "chunked"},
		{"CHUNKED", "chunked"},
		{"\t chunked \t", "chunked"},
		{"xchunked", bad},
		{"chunkedx", bad},
		{"identity", bad},
		{"gzip", bad},
		{"gzip, chunked", unknown},
		{"gzip,Chunked", unknown},
		{"gzip\t,\tdeflate , chunked", unknown},
		{"identity, chunked", unknown},
		{"chunked, gzip", bad},
		{"chunked, identity", bad},
		{"chunked, chunked", bad},
		{"gzip, chunked, chunked", bad},
		{"chunked, gzip, chunked", bad},
		{"chunked\r\nTransfer-Encoding: chunked", repeated},
		{"chunked\r\nTransfer-Encoding: identity", repeated},
		{"gzip\r\ntransfer-encoding: chunked", repeated},
		{"", bad},
		{",", bad},
		{", chunked", bad},
		{"chunked,", bad},
		{"gzip,, chunked", bad},
		{"\"chunked\"", bad},
		{"chunked;a=b", bad},
		{"gzip;q=1, chunked", bad},
		{"\xa0chunked", bad},
		{"chunked \xa0", bad},
		{"chunk ed", bad},
		{"chun\xe9ed", bad},
		{"\xe3hunked", bad},
	} {
		checkFraming(t, "HTTP/1.1", "Transfer-Encoding: "+row.value+"\r\n", row.want)
		checkFraming(t, "HTTP/1.0", "Transfer-Encoding: "+row.value+"\r\n", "Transfer-Encoding in HTTP/1.0")
	}
	checkFraming(t, "HTTP/1.2", "Transfer-Encoding: chunked\r\n", "chunked")
	checkFraming(t, "HTTP/1.1", "Transfer_Encoding: chunked\r\n", "none")
	checkFraming(t, "HTTP/1.1", "TE: chunked\r\n", "none")
}

func TestFramingConflict(t *testing.T) {
	const conflict = "Transfer-Encoding with Content-Length"
	for _, fields := range []string{
		"Content-Length: 33\r\nTransfer-Encoding: chunked\r\n",
		"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
		"Transfer-Encoding: chunked\r\nContent-Length: x\r\n",
		"Content-Length: 0\r\nX: y\r\nTRANSFER-ENCODING: gzip\r\n",
		"Content-Length:\r\nTransfer-Encoding:\r\n",
	} {
		checkFraming(t, "HTTP/1.1", fields, conflict)
		checkFraming(t, "HTTP/1.0", fields, conflict)
	}
}
