package parser

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// checkScan compares scanFields with fieldLine: the lines that it takes must be
// such, and it must take those that are ordinary.
func checkScan(t *testing.T, b []byte, at, room int) (count, next int) {
	t.Helper()
	fields := make([]Field, room+1)
	count, next = scanFields(b, at, fields[:room])
	h, want := Head{Fields: make([]Field, 0, room)}, at
	for range count {
		var err error
		want, err = h.fieldLine(b, want)
		if err != nil {
			t.Fatalf("%q from %d: took %d lines, but at %d there is none: %v", b, at, count, want, err)
		}
	}
	if want != next || !slices.Equal(h.Fields, fields[:count]) {
		t.Fatalf("%q from %d: %v up to %d, want %v up to %d", b, at, fields[:count], next, h.Fields, want)
	}
	for _, f := range fields[count:] {
		if f != (Field{}) {
			t.Fatalf("%q from %d: wrote %v behind %d fields", b, at, f, count)
		}
	}
	if hasScan && ordinary(&h, b, next) {
		t.Fatalf("%q from %d: the line at %d was left", b, at, next)
	}
	return count, next
}

// ordinary says whether scanFields must take the line at offset at.
func ordinary(h *Head, b []byte, at int) bool {
	next, err := h.fieldLine(b, at)
	if err != nil || len(b)-next < 32 {
		return false
	}
	f := h.Fields[len(h.Fields)-1]
	before, value := string(b[f.Name.End:f.Value.Start]), string(f.Value.Of(b))
	return f.Name.Len() <= 29 && (before == ":" || before == ": ") &&
		value != "" && !strings.Contains(value, "\t") && int(f.Value.End)+2 == next
}

// needScan leaves out what is about scanFields alone.
func needScan(t *testing.T) {
	if !hasScan {
		t.Skip("this processor has no scanFields")
	}
}

// TestScan says how many lines are taken, with enough behind them and without.
func TestScan(t *testing.T) {
	needScan(t)
	long, name := strings.Repeat("v", 100), strings.Repeat("n", 29)
	for _, row := range []struct {
		in   string
		want int
	}{
		{"", 0},
		{"\r\n", 0},
		{"A: b\r\n", 1},
		{"A:b\r\n", 1},
		{"A: b\r\nC: d\r\n\r\n", 2},
		{"A: b\r\nC: d\r\n e\r\nF: g\r\n", 2},
		{"A: " + long + "\r\n" + name + ": " + long + "\r\n", 2},
		{name + "n: b\r\n", 0},
		{"A: b c  d\r\n", 1},
		{"A: \x80\xff\r\n", 1},
		{"A:\r\n", 0},
		{"A: \r\n", 0},
		{"A:  b\r\n", 0},
		{"A:\tb\r\n", 0},
		{"A: b\tc\r\n", 0},
		{"A: b \r\n", 0},
		{"A: b\t\r\n", 0},
		{"A: b\x7f\r\n", 0},
		{"A: b\rc\r\n", 0},
		{"A: b\nC: d\r\n", 0},
		{"A : b\r\n", 0},
		{": b\r\n", 0},
		{"A\r\n", 0},
		{"A: b\r", 0},
		{"A: b", 0},
		{"A: b\r\nC:", 1},
	} {
		// It lies where a page of memory begins, so that none ends near its end. The
		// octets behind it would end any line.
		b, end := make([]byte, 8192), 2+len(row.in)
		copy(b, "\r\n"+row.in+"\r\n\nB: c\r\n\r\nD: e\r\n")
		if got, _ := checkScan(t, b[:end], 2, 9); got != row.want {
			t.Errorf("%q: %d lines, want %d", row.in, got, row.want)
		}
		if got, _ := checkScan(t, append([]byte(row.in), "\x00\r\n"+long...), 0, 9); got != row.want {
			t.Errorf("%q with octets behind: %d lines, want %d", row.in, got, row.want)
		}
		if got, _ := checkScan(t, b[:end], 2, 0); got != 0 {
			t.Errorf("%q without room: %d lines", row.in, got)
		}
	}
}

// TestScanOctets puts each octet into each place of lines of many lengths.
func TestScanOctets(t *testing.T) {
	needScan(t)
	for _, name := range []int{1, 15, 28, 29, 30, 31, 32, 40} {
		for _, value := range []int{0, 1, 30, 33, 64} {
			line := strings.Repeat("n", name) + ": " + strings.Repeat("v", value) + "\r\n"
			in := []byte(line + line + strings.Repeat("w", 40))
			for at := range line {
				for c := range 256 {
					was := in[at]
					in[at] = byte(c)
					checkScan(t, in, 0, 4)
					checkScan(t, in[:len(line)+at], 0, 4)
					in[at] = was
				}
			}
		}
	}
}

// TestScanNames: each octet is of a token for both, or for neither.
func TestScanNames(t *testing.T) {
	needScan(t)
	for c := range 256 {
		b := append([]byte("A: b\r\nX"), byte(c))
		b = append(b, ": d\r\n"+strings.Repeat(" ", 32)...)
		got, _ := checkScan(t, b, 0, 9)
		if want := is(byte(c), tchar); (got == 2) != want && c != ':' {
			t.Errorf("%#x: %d lines, want the second: %v", c, got, want)
		}
	}
}

func TestScanAtRandom(t *testing.T) {
	needScan(t)
	rnd, taken := rand.New(rand.NewPCG(2, 2)), 0
	odd := []string{"", ":", " ", "  ", "\t", "\x7f", "\x80", "\r", "\n", "\r\n", "@", strings.Repeat("y", 30)}
	for range 50_000 {
		var b []byte
		for range rnd.IntN(6) {
			name, value := strings.Repeat("n", 1+rnd.IntN(31)), strings.Repeat("v w", rnd.IntN(30))
			for _, piece := range []string{name, ": ", value, "x", "\r\n"} {
				if rnd.IntN(20) == 0 {
					piece = odd[rnd.IntN(len(odd))]
				}
				b = append(b, piece...)
			}
		}
		at := rnd.IntN(1 + len(b)*rnd.IntN(2))
		count, _ := checkScan(t, b, at, rnd.IntN(7))
		taken += count
	}
	if taken < 10_000 {
		t.Errorf("%d lines were taken: too few to say anything", taken)
	}
}

// FuzzScan: whatever scanFields takes is what fieldLine makes of it, wherever it
// lies in memory and whatever is behind it.
func FuzzScan(f *testing.F) {
	f.Add([]byte("Host: a\r\nAccept: */*\r\n\r\n"), byte(0), byte(9), []byte("\r\n"))
	f.Add([]byte("A:b\r"), byte(31), byte(1), []byte("\nC: d\r\n"))
	f.Add([]byte("X: "+strings.Repeat("v", 90)+"\r\nY:\tz \r\n"), byte(7), byte(2), []byte(nil))
	f.Fuzz(func(t *testing.T, b []byte, before, room byte, behind []byte) {
		all := slices.Concat(bytes.Repeat([]byte("\r\n"), int(before)), b, behind)
		at := 2 * int(before)
		checkScan(t, all[at:at+len(b)], 0, int(room))
		checkScan(t, all[:at+len(b)], at, int(room))
	})
}

// TestPortable runs the other tests without scanFields, which the variable
// GODEBUG of the environment takes away.
func TestPortable(t *testing.T) {
	if os.Getenv("PARSER_TEST_PORTABLE") != "" {
		if hasScan {
			t.Error("GODEBUG did not take scanFields away")
		}
		return
	}
	needScan(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.short")
	cmd.Env = append(os.Environ(), "PARSER_TEST_PORTABLE=1", "GODEBUG=cpu.avx2=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("without scanFields: %v\n%s", err, out)
	}
}
