package parser_test

import (
	"fmt"
	"strings"
	"testing"

	"moor.example/httpd/parser"
)

// feedTrailer gives in to a Trailer with room for 3 fields up to each of the
// ends in turn, until the outcome is not partial, which it returns:
// "name=value ... n", or an error. Every buffer is new and exactly as long as
// what is in it, and another section is parsed between any two calls.
func feedTrailer(in string, most int, ends ...int) (outcome string) {
	t := parser.Trailer{Max: most, Fields: make([]parser.Field, 0, 3)}
	var guard parser.Guard
	for _, at := range ends {
		b := []byte(in[:at])
		n, err := t.Parse(b[:len(b):len(b)], &guard)
		outcome = dumpTrailer(&t, b, n, err)
		if err != parser.ErrPartial {
			if guard != (parser.Guard{}) {
				outcome += " and a guard that is not zero"
			}
			break
		}
		t.Parse([]byte("Y: z\r\n\r\n"), new(parser.Guard))
	}
	return outcome
}

func dumpTrailer(t *parser.Trailer, b []byte, n int, err error) string {
	if err != nil {
		if n != 0 {
			return fmt.Sprintf("%d octets and %v", n, err)
		}
		return strings.TrimPrefix(err.Error(), "parser: ")
	}
	var s strings.Builder
	for _, f := range t.Fields {
		fmt.Fprintf(&s, "%s=%s ", f.Name.Of(b), f.Value.Of(b))
	}
	fmt.Fprintf(&s, "%d", n)
	return s.String()
}

// checkTrailer wants the outcome for in however it is cut, as checkHead does.
func checkTrailer(t *testing.T, most int, in, want string) {
	t.Helper()
	whole := feedTrailer(in, most, len(in))
	if whole != want {
		t.Errorf("%.80q:\n got %s\nwant %s", in, whole, want)
	}
	for i := range in {
		for _, ends := range [][]int{{i, len(in)}, someCuts(len(in))} {
			if got := feedTrailer(in, most, ends...); got != whole {
				t.Errorf("%.80q cut at %d:\n got %s\nwant %s", in, ends, got, whole)
			}
		}
		if got := feedTrailer(in, most, i); got != partial && got != whole {
			t.Errorf("%.80q up to %d:\n got %s\nwant %s or %s", in, i, got, whole, partial)
		}
	}
	if got := feedTrailer(in, most, every(len(in))...); in != "" && got != whole {
		t.Errorf("%.80q octet by octet:\n got %s\nwant %s", in, got, whole)
	}
	if whole == partial {
		return
	}
	for _, tail := range []string{"\x00", "\r", "\n", "GET / HTTP/1.1\r\n", "\r\n\r\n", " x", strings.Repeat("a", 600)} {
		if got := feedTrailer(in+tail, most, len(in)+len(tail)); got != whole {
			t.Errorf("%.80q before %.10q:\n got %s\nwant %s", in, tail, got, whole)
		}
	}
}

const (
	badField    = "field not allowed in trailer section"
	longTrailer = "trailer section too long"
	manyFields  = "too many fields"
)

func TestTrailer(t *testing.T) {
	for _, row := range []struct{ in, want string }{
		{"\r\n", "2"},
		{"X-T: v\r\n\r\n", "X-T=v 10"},
		{"a:\r\n\r\n", "a= 6"},
		{"a: \t b c\xe9 \t\r\nB:c\r\n\r\n", "a=b c\xe9 B=c 20"},
		{"a: 1\r\na: 2\r\na: 3\r\n\r\n", "a=1 a=2 a=3 20"},
		{"Content-Digest: x\r\nETag: \"y\"\r\nIf: z\r\n\r\n", "Content-Digest=x ETag=\"y\" If=z 39"},
		{strings.Repeat("a", 60) + ": b\r\n\r\n", strings.Repeat("a", 60) + "=b 67"},
		{"GET / HTTP/1.1\r\n", badName}, // a request-line is no field

		{"", partial},
		{"\r", partial},
		{"X", partial},
		{"X: y\r", partial},
		{"X: y\r\n", partial},
		{"X: y\r\n\r", partial},

		{"\n", badEnd},
		{"\rX", badEnd},
		{"XX\n", badEnd},
		{"X: y\n", badEnd},
		{"X: y\r\n\n", badEnd},
		{"X: y\r\n\rX", badEnd},
		{"X: a\rb", badEnd},
		{"X: a\x00", badOctet},
		{"\x00", badOctet},
		{"foo\r\n", badName},
		{"foo : x\r\n", badName},
		{": x\r\n", badName},
		{"f\xe9: x\r\n", badName},
		{"X: y\r\n z\r\n", badFold},
		{" X: y\r\n", badFold},
		{" \r\n", badFold},
		{"a:\r\nb:\r\nc:\r\nd:\r\n", manyFields},
		{"Host: b\r\nfoo\r\n", badName}, // a line that is malformed comes first

		{"Content-Length: 50\r\n\r\n", badField},
		{"Transfer-Encoding: chunked\r\n\r\n", badField},
		{"Host: b\r\n\r\n", badField},
		{"X: y\r\nhOST: b\r\n\r\n", badField},
		{"X: y\r\nY: z\r\nConnection: close\r\n\r\n", badField},
	} {
		checkTrailer(t, 512, row.in, row.want)
	}
}

// TestTrailerNames wants these names refused in any case and place, and names
// that are like them not.
func TestTrailerNames(t *testing.T) {
	for name := range strings.FieldsSeq("Content-Length Transfer-Encoding Trailer Connection Keep-Alive " +
		"Proxy-Connection TE Upgrade Host Forwarded Max-Forwards Authorization Proxy-Authorization Cookie " +
		"Cache-Control Expect Pragma Prefer Range Content-Encoding Content-Range Content-Type " +
		"If-Match If-None-Match If-Modified-Since If-Unmodified-Since If-Range") {
		for _, refused := range []string{name, strings.ToLower(name), strings.ToUpper(name)} {
			checkTrailer(t, 512, refused+":\r\n\r\n", badField)
			checkTrailer(t, 512, "a: b\r\n"+refused+": x\r\n\r\n", badField)
		}
		for _, taken := range []string{name + "s", "X" + name, name[1:]} {
			checkTrailer(t, 512, taken+": x\r\n\r\n", fmt.Sprintf("%s=x %d", taken, len(taken)+7))
		}
	}
}

func TestTrailerLimits(t *testing.T) {
	const in = "X-T: v\r\n\r\n"
	for most := -1; most < len(in); most++ {
		checkTrailer(t, most, in[:max(0, most)], longTrailer)
		checkTrailer(t, most, in, longTrailer)
	}
	checkTrailer(t, len(in), in, "X-T=v 10")
	checkTrailer(t, len(in), in[:9], partial)
	checkTrailer(t, len(in), "X-T: vv\r\n\r\n", longTrailer)
	checkTrailer(t, len(in), "X-T vv\r\n\r", badName)
	checkTrailer(t, 2, "\r\n", "2")
	checkTrailer(t, 1, "\r\n", longTrailer)
	checkTrailer(t, 512, "A: b\r\n"+strings.Repeat("c", 506), longTrailer)
	checkTrailer(t, 512, "A: b\r\nC: "+strings.Repeat("d", 499)+"\r\n\r\n", fmt.Sprintf("A=b C=%s 512", strings.Repeat("d", 499)))
}

func TestTrailerField(t *testing.T) {
	b := []byte("A: 1\r\nb:\r\na: 2\r\n\r\n")
	tr := parser.Trailer{Max: 64, Fields: make([]parser.Field, 0, 3)}
	if _, err := tr.Parse(b, new(parser.Guard)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a": "1 true", "B": " true", "c": " false", "": " false"} {
		if value, ok := tr.Field(b, name); fmt.Sprintf("%s %v", value, ok) != want {
			t.Errorf("%s: %q, %v, want %s", name, value, ok, want)
		}
	}
}
