package parser

import (
	"fmt"
	"strings"
	"testing"
)

// TestDripIsLinear feeds a long head octet by octet and adds up what each call
// looks at: the octets behind the guard's seen, the lines that they complete,
// and at the end the whole head once.
func TestDripIsLinear(t *testing.T) {
	for _, in := range []string{
		"GET /" + strings.Repeat("a", 8000) + " HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET / HTTP/1.1\r\n" + strings.Repeat("Name: value\r\n", 1000) + "\r\n",
		"GET / HTTP/1.1\r\nCookie: " + strings.Repeat("c", 10000) + "\r\n\r\n",
		"GET / HTTP/1.1\r\n" + strings.Repeat("A:\r\n", 3000) + "\r\n",
	} {
		h := Head{MaxTarget: 8192, MaxHead: 16384, Fields: make([]Field, 0, 3000)}
		scanned, err := drip(&h, []byte(in))
		if err != nil {
			t.Fatalf("%.20q: %v", in, err)
		}
		ratio := float64(scanned) / float64(len(in))
		t.Logf("%.20q: %.2f octets looked at for each one received", in, ratio)
		if ratio > 4 {
			t.Errorf("%.20q: %.2f octets looked at for each one received", in, ratio)
		}
	}
}

// drip gives h a head octet by octet and counts how many Parse looks at.
func drip(h *Head, b []byte) (scanned int, err error) {
	var g Guard
	for end := range len(b) {
		before := g
		if _, err := h.Parse(b[:end], &g); err != ErrPartial {
			return 0, fmt.Errorf("up to %d: %v", end, err)
		}
		if lag := end - int(g.seen); lag > 1 {
			return 0, fmt.Errorf("%d octets of %d will be looked at again", lag, end)
		}
		scanned += end - int(before.seen)
		scanned += int(g.line - before.line) // to judge the lines that are in now
	}
	scanned += len(b) - int(g.seen)
	n, err := h.Parse(b, &g)
	if err != nil || n != len(b) {
		return 0, fmt.Errorf("%d of %d: %v", n, len(b), err)
	}
	return scanned + n, nil // the whole head, once
}

// BenchmarkScanned shows how many octets are looked at for each one received
// of a head that drips in: a constant, whatever its size.
func BenchmarkScanned(b *testing.B) {
	for _, size := range []int{1 << 10, 1 << 12, 1 << 14, 1 << 16} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			line := "Name: " + strings.Repeat("v", 150) + "\r\n"
			in := []byte("GET / HTTP/1.1\r\n" + strings.Repeat(line, size/len(line)) + "\r\n")
			h := Head{MaxTarget: 8192, MaxHead: len(in), Fields: make([]Field, 0, 1000)}
			scanned := 0
			for b.Loop() {
				var err error
				if scanned, err = drip(&h, in); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(scanned)/float64(len(in)), "scanned/octet")
		})
	}
}

// TestDripOfTrailerIsLinear does so for a trailer section, which has no line
// that is different.
func TestDripOfTrailerIsLinear(t *testing.T) {
	in := []byte(strings.Repeat("a", 900) + ":\r\n" + strings.Repeat("Name: value\r\n", 90) + "\r\n")
	tr := Trailer{Max: len(in), Fields: make([]Field, 0, 100)}
	var g Guard
	for end := range in {
		_, err := tr.Parse(in[:end], &g)
		if lag := end - int(g.seen); err != ErrPartial || lag > 1 {
			t.Fatalf("%v, and %d octets of %d will be looked at again", err, lag, end)
		}
	}
	if n, err := tr.Parse(in, &g); n != len(in) || err != nil || len(tr.Fields) != 91 {
		t.Fatalf("%d, %v and %d fields", n, err, len(tr.Fields))
	}
}

// TestGuardOfAnotherBuffer hands Parse a guard that has seen more than there
// is, against its contract: it must start afresh and not panic.
func TestGuardOfAnotherBuffer(t *testing.T) {
	h := Head{MaxTarget: 64, MaxHead: 512, Fields: make([]Field, 0, 8)}
	g := Guard{line: 40, seen: 50, fields: 20}
	if n, err := h.Parse([]byte("GET / HTTP/1.1\r\n\r\n"), &g); n != 18 || err != nil || g != (Guard{}) {
		t.Errorf("got %d, %v and %v", n, err, g)
	}
}

// TestOctets spells out the classes of every octet once more, by their ABNF.
func TestOctets(t *testing.T) {
	for i := range 256 {
		c := byte(i)
		alpha := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		num := '0' <= c && c <= '9'
		delims := c != 0 && strings.IndexByte("!$&'()*+,;=", c) >= 0
		for class, want := range map[class]bool{
			tchar:   alpha || num || c > ' ' && c < 0x7f && strings.IndexByte("\"(),/:;<=>?@[\\]{}", c) < 0,
			text:    c == 0x09 || 0x20 <= c && c <= 0x7e || c >= 0x80,
			uri:     alpha || num || delims || c != 0 && strings.IndexByte("-._~:/?[]@", c) >= 0,
			regname: alpha || num || delims || c != 0 && strings.IndexByte("-._~", c) >= 0,
			ows:     c == 0x20 || c == 0x09,
			digit:   num,
			hexdig:  num || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F',
		} {
			if is(c, class) != want {
				t.Errorf("octet %#02x is in class %#x: %v", c, class, !want)
			}
		}
	}
}
