package parser_test

import (
	"fmt"
	"strings"
	"testing"

	"moor.example/httpd/parser"
)

// newHead returns a Head with small limits, so that tests meet them.
func newHead() *parser.Head {
	return &parser.Head{MaxTarget: 64, MaxHead: 512, Fields: make([]parser.Field, 0, 8)}
}

// dump writes down an outcome: "METHOD target minor n name=value ...", where n
// is the head's length, or an error.
func dump(h *parser.Head, b []byte, n int, err error) string {
	if err != nil {
		return strings.TrimPrefix(err.Error(), "parser: ")
	}
	var s strings.Builder
	fmt.Fprintf(&s, "%s %s %d", h.Method.Of(b), h.Target.Of(b), h.Minor)
	for _, f := range h.Fields {
		fmt.Fprintf(&s, " %s=%s", f.Name.Of(b), f.Value.Of(b))
	}
	fmt.Fprintf(&s, " %d", n)
	return s.String()
}

// feed gives in to h up to each of the ends in turn, as an engine would, until
// the outcome is not partial. It returns the outcome and where that was.
// Every buffer is new and exactly as long as what is in it, and another head
// is parsed with h between any two calls.
func feed(h *parser.Head, in string, ends ...int) (outcome string) {
	var guard parser.Guard
	skipped := 0
	for _, at := range ends {
		b := []byte(in[skipped:at])
		if guard == (parser.Guard{}) {
			n := parser.EmptyLines(b)
			skipped, b = skipped+n, b[n:]
		}
		n, err := h.Parse(b[:len(b):len(b)], &guard)
		outcome = dump(h, b, n, err)
		if err != parser.ErrPartial {
			if guard != (parser.Guard{}) {
				outcome += " and a guard that is not zero"
			}
			break
		}
		h.Parse([]byte("X /y HTTP/1.0\r\nConnection: z\r\n\r\n"), new(parser.Guard))
	}
	return outcome
}

// checkHead wants the outcome for in, however it is cut: whole, in two at
// every offset, octet by octet; and with anything behind it, unless it is
// incomplete. An outcome before the end must be the outcome of the whole.
func checkHead(t *testing.T, h *parser.Head, in, want string) {
	t.Helper()
	whole := feed(h, in, len(in))
	if whole != want {
		t.Errorf("%.80q:\n got %s\nwant %s", in, whole, want)
	}
	each := make([]int, len(in))
	for i := range in {
		each[i] = i + 1
		if got := feed(h, in, i, len(in)); got != whole {
			t.Errorf("%.80q cut at %d:\n got %s\nwant %s", in, i, got, whole)
		}
		if got := feed(h, in, i); got != partial && got != whole {
			t.Errorf("%.80q up to %d:\n got %s\nwant %s or %s", in, i, got, whole, partial)
		}
	}
	if got := feed(h, in, each...); len(in) > 0 && got != whole {
		t.Errorf("%.80q octet by octet:\n got %s\nwant %s", in, got, whole)
	}
	if whole == partial {
		return
	}
	for _, tail := range []string{"\x00", "\r", "\n", "GET ", "\r\n\r\n", " x", strings.Repeat("a", 600)} {
		if got := feed(h, in+tail, len(in)+len(tail)); got != whole {
			t.Errorf("%.80q before %.10q:\n got %s\nwant %s", in, tail, got, whole)
		}
	}
}

const (
	badMethod  = "malformed method"
	badTarget  = "malformed request-target"
	badVersion = "malformed HTTP-version"
	badMajor   = "unsupported HTTP-version"
	badName    = "malformed field-name"
	badFold    = "white space at start of field-line"
	badEnd     = "line end is not CRLF"
	badOctet   = "control octet"
	partial    = "incomplete message"
)

func TestRequestLine(t *testing.T) {
	for _, row := range []struct{ line, want string }{
		{"GET / HTTP/1.1\r\n", "GET / 1 18"},
		{"GET / HTTP/1.0\r\n", "GET / 0 18"},
		{"GET / HTTP/1.2\r\n", "GET / 2 18"},
		{"GET / HTTP/1.9\r\n", "GET / 9 18"},
		{" GET / HTTP/1.1\r\n", badMethod},
		{"GET  / HTTP/1.1\r\n", badTarget},
		{"GET /  HTTP/1.1\r\n", badVersion},
		{"GET\t/ HTTP/1.1\r\n", badMethod},
		{"GET /\tHTTP/1.1\r\n", badTarget},
		{"GET / HTTP/1.1 \r\n", badVersion},
		{"GET / HTTP/1.1\t\r\n", badVersion},
		{"GET /a b HTTP/1.1\r\n", badVersion},
		{"GET HTTP/1.1\r\n", badVersion},
		{"GET  HTTP/1.1\r\n", badTarget},
		{"GET\r\n", badMethod},
		{"GET \r\n", badTarget},
		{"GET /\r\n", badVersion},
		{"GET / \r\n", badVersion},
		{"/ HTTP/1.1\r\n", badMethod},
		{" / HTTP/1.1\r\n", badMethod},
		{"GET / HTTP/0.9\r\n", badMajor},
		{"GET / HTTP/2.0\r\n", badMajor},
		{"PRI * HTTP/2.0\r\n", badMajor},
		{"GET / HTTP/3.1\r\n", badMajor},
		{"GET / HTTP/1.10\r\n", badVersion},
		{"GET / HTTP/01.1\r\n", badVersion},
		{"GET / HTTP/1.\r\n", badVersion},
		{"GET / HTTP/1\r\n", badVersion},
		{"GET / HTTP/1,1\r\n", badVersion},
		{"GET / HTTP/a.1\r\n", badVersion},
		{"GET / HTTP/1.a\r\n", badVersion},
		{"GET / http/1.1\r\n", badVersion},
		{"GET / HTTP 1.1\r\n", badVersion},
		{"GET / RTSP/1.0\r\n", badVersion},
		{"GET / HTTPS/1.1\r\n", badVersion},
		{"HTTP/1.1 200 OK\r\n", badMethod},
		{"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n", badOctet},
		{"GET / HTTP/1.1\xff\r\n", badVersion},
	} {
		checkHead(t, newHead(), row.line+"\r\n", row.want)
	}
}

func TestMethod(t *testing.T) {
	for _, row := range []struct{ method, want string }{
		{"get", "get / 1 18"},
		{"FROB", "FROB / 1 19"},
		{"GET!", "GET! / 1 19"},
		{"!#$%&'*+-.^_`|~09azAZ", "!#$%&'*+-.^_`|~09azAZ / 1 36"},
		{"GE(T", badMethod},
		{"GE/T", badMethod},
		{"GE:T", badMethod},
		{"G\"T", badMethod},
		{"GE\x00T", badOctet},
		{"GE\x7fT", badOctet},
		{"G\xcbT", badMethod},
		{strings.Repeat("M", 32), strings.Repeat("M", 32) + " / 1 47"},
		{strings.Repeat("M", 33), "method too long"},
		{strings.Repeat("M", 400), "method too long"},
		{strings.Repeat("M", 33) + "(", "method too long"},
		{strings.Repeat("M", 32) + "(", badMethod},
		{strings.Repeat("M", 60) + "\x00", badOctet},
		{strings.Repeat("M", 400) + "\x00", "method too long"}, // beyond what any request-line has
	} {
		checkHead(t, newHead(), row.method+" / HTTP/1.1\r\n\r\n", row.want)
	}
}

func TestTargetOctets(t *testing.T) {
	for c := range 256 {
		want := badTarget
		switch {
		case c == ' ':
			want = badVersion
		case c == '\r' || c == '\n':
			want = badEnd
		case c < ' ' && c != '\t' || c == 0x7f:
			want = badOctet
		case c < 0x7f && !strings.ContainsRune("\t\"#%<>\\^`{|}", rune(c)):
			want = fmt.Sprintf("GET /%c 1 19", c)
		}
		checkHead(t, newHead(), "GET /"+string([]byte{byte(c)})+" HTTP/1.1\r\n\r\n", want)
	}
	for _, row := range []struct{ target, want string }{
		{"/a?b=c?d/e", "GET /a?b=c?d/e 1 27"},
		{"http://a/x", "GET http://a/x 1 27"},
		{"*", "GET * 1 18"},
		{"//x", "GET //x 1 20"},
		{"/../x", "GET /../x 1 22"},
		{"/%00", "GET /%00 1 21"},
		{"/%aF%Fa", "GET /%aF%Fa 1 24"},
		{"%41", "GET %41 1 20"},
		{"/%", badTarget},
		{"/%4", badTarget},
		{"/%zz", badTarget},
		{"/%4g", badTarget},
		{"/%%41", badTarget},
		{"/x#y", badTarget},
	} {
		checkHead(t, newHead(), "GET "+row.target+" HTTP/1.1\r\n\r\n", row.want)
	}
}

func TestLineEnd(t *testing.T) {
	for _, row := range []struct{ in, want string }{
		{"GET / HTTP/1.1\nHost: a\r\n\r\n", badEnd},
		{"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", badEnd},
		{"GET / HTTP/1.1\nHost: a\n\n", badEnd},
		{"GET / HTTP/1.1\r\nHost: a\r\n\n", badEnd},
		{"GET /\r HTTP/1.1\r\n\r\n", badEnd},
		{"G\rET / HTTP/1.1\r\n\r\n", badEnd},
		{"GET / HTTP/1.1\rHost: a\r\n\r\n", badEnd},
		{"GET / HTTP/1.1\r\r\n\r\n", badEnd},
		{"GET / HTTP/1.1\r\nX: a\rb\r\n\r\n", badEnd},
		{"GET / HTTP/1.1\r\nX: a\r\r\n\r\n", badEnd},
		{"GET / HTTP/1.1\r\nX\r: a\r\n\r\n", badEnd},
		{"GET / HTTP/1.1\r\nX:\ra\r\n\r\n", badEnd},
		{"GET / HTTP/1.1\r\nHost: a\r\n\rXGET / HTTP/1.1\r\n\r\n", badEnd},
		{"GET / HTTP/1.1\r\nHost: a\r\n\r\r\n", badEnd},
		{"GET / HTTP/1.1\r\nX: a\n\n\r\n", badEnd},
		{"GET / HTTP/1.1\n\n\r\n", badEnd},
		{"GET / HTTP/1.1\r\nX: a\x00\n\r\n", badOctet}, // before the LF that is alone
		{"GET / HTTP/1.1\x7f\n\r\n", badOctet},
		{"GET / HTTP/1.1\r\n \r\nHost: a\r\n\r\n", badFold},
		{"GET / HTTP/1.1\r\n Host: a\r\n\r\n", badFold},
		{"GET / HTTP/1.1\r\n\tHost: a\r\n\r\n", badFold},
		// The octets of a line come before its grammar, earlier lines before later ones.
		{"GET  / HTTP/1.1\x00\r\n\r\n", badOctet},
		{"GET  / HTTP/1.1\r\n\x00", badTarget},
		{"GET / HTTP/1.1\r\nX y: z\x01\r\n\r\n", badOctet},
		{"GET / HTTP/1.1\r\nX y: z\r\nA: \x01\r\n\r\n", badName},
		{"GET / HTTP/1.1\r\nX y: z\n", badEnd},
		{"GET / HTTP/1.1\r\nX y: \x01\n", badOctet},
		{"GET / HTTP/1.1\r\nX y: \n\x01", badEnd},
	} {
		checkHead(t, newHead(), row.in, row.want)
	}
}

func TestEmptyLinesFirst(t *testing.T) {
	for _, row := range []struct{ in, want string }{
		{"\r\nGET / HTTP/1.1\r\n\r\n", "GET / 1 18"},
		{"\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n", "GET / 1 18"},
		{"\r\n", partial},
		{"\r\n\r", partial},
		{"\nGET / HTTP/1.1\r\n\r\n", badEnd},
		{"\r\n\nGET / HTTP/1.1\r\n\r\n", badEnd},
		{"\r\rGET / HTTP/1.1\r\n\r\n", badEnd},
		{"\rGET / HTTP/1.1\r\n\r\n", badEnd},
		{" \r\nGET / HTTP/1.1\r\n\r\n", badMethod},
	} {
		checkHead(t, newHead(), row.in, row.want)
	}
	for in, want := range map[string]int{"": 0, "\r": 0, "\n": 0, "\r\n": 2, "\r\n\r": 2, "\r\n\r\nG": 4, "G\r\n": 0, "\r\n\n": 2} {
		if got := parser.EmptyLines([]byte(in)); got != want {
			t.Errorf("EmptyLines(%q) = %d, want %d", in, got, want)
		}
	}
	if _, err := newHead().Parse([]byte("\r\nGET"), new(parser.Guard)); err != parser.ErrMethod {
		t.Errorf("an empty line is no request-line, but Parse says %v", err)
	}
}

func TestFieldLine(t *testing.T) {
	for _, row := range []struct{ fields, want string }{
		{"Host: a\r\n", "GET / 1 Host=a 27"},
		{"Host: \t a \t\r\n", "GET / 1 Host=a 31"},
		{"Host:a\r\n", "GET / 1 Host=a 26"},
		{"hOsT: a\r\n", "GET / 1 hOsT=a 27"},
		{"X:\r\n", "GET / 1 X= 22"},
		{"X: \t \r\n", "GET / 1 X= 25"},
		{"X: a \t b\r\n", "GET / 1 X=a \t b 28"},
		{"X::\r\n", "GET / 1 X=: 23"},
		{"X: \xe9\xff\x80\r\n", "GET / 1 X=\xe9\xff\x80 26"},
		{"a!#$%&'*+-.^_`|~9: x\r\n", "GET / 1 a!#$%&'*+-.^_`|~9=x 40"},
		{"X: a\r\nX: b\r\n", "GET / 1 X=a X=b 30"},
		{"X : y\r\n", badName},
		{"X\t: y\r\n", badName},
		{"X y: z\r\n", badName},
		{"Xyz\r\n", badName},
		{": y\r\n", badName},
		{":\r\n", badName},
		{"X\xe9: y\r\n", badName},
		{"X[]: y\r\n", badName},
		{"X(: y\r\n", badName},
		{"X/y: z\r\n", badName},
		{"\"X\": y\r\n", badName},
		{"X\x00: y\r\n", badOctet},
		{"X: a\x00b\r\n", badOctet},
		{"X: a\x01b\r\n", badOctet},
		{"X: a\x0bb\r\n", badOctet},
		{"X: a\x1fb\r\n", badOctet},
		{"X: a\x7fb\r\n", badOctet},
		{"X: \x00\r\n", badOctet},
		{"X: a\r\n b\r\n", badFold},
		{"X: a\r\n\tb\r\n", badFold},
		{"X:\r\n b\r\n", badFold},
		{"X: a\r\n \r\n", badFold},
		{"Xyz\r\nX: a\x00\r\n", badName},
	} {
		checkHead(t, newHead(), "GET / HTTP/1.1\r\n"+row.fields+"\r\n", row.want)
	}
}

func TestPartial(t *testing.T) {
	const whole = "GET /x HTTP/1.1\r\nHost: a\r\nX y\r\n"
	for i := range len(whole) - 1 {
		checkHead(t, newHead(), whole[:i], partial)
	}
	checkHead(t, newHead(), "GET / HTTP/1.1\r\nHost: a\r\n\r", partial)
	checkHead(t, newHead(), "GET ((((", partial) // the line is not judged yet
	checkHead(t, newHead(), "GET / HTTP/1.1\r\n\t b", partial)
	checkHead(t, newHead(), whole, badName)
}

func TestMaxTarget(t *testing.T) {
	const tooLong = "request-target too long"
	target := func(n int) string { return "/" + strings.Repeat("a", n-1) }
	h := newHead()
	checkHead(t, h, "GET "+target(64)+" HTTP/1.1\r\n\r\n", "GET "+target(64)+" 1 81")
	checkHead(t, h, "GET "+target(65)+" HTTP/1.1\r\n\r\n", tooLong)
	checkHead(t, h, "GET "+target(65)+"\r\n", tooLong)
	checkHead(t, h, "GET "+target(400), tooLong)
	checkHead(t, h, "GET "+target(64), partial)
	checkHead(t, h, "GET "+target(65), partial) // the line may still turn out to have a worse defect
	checkHead(t, h, "GET "+target(65)+"\x00", badOctet)
	checkHead(t, h, "GET "+target(62)+"%41 HTTP/1.1\r\n\r\n", tooLong)
	checkHead(t, h, "GET "+target(61)+"%41 HTTP/1.1\r\n\r\n", "GET "+target(61)+"%41 1 81")
	checkHead(t, h, "GET "+target(64)+"# HTTP/1.1\r\n\r\n", badTarget)
	checkHead(t, h, "GET "+target(64)+" HTTP/1.1"+strings.Repeat(" ", 40), badVersion)
	checkHead(t, h, strings.Repeat("M", 32)+" "+target(64)+" HTTP/1.1\r\n\r\n",
		strings.Repeat("M", 32)+" "+target(64)+" 1 110")
	checkHead(t, h, strings.Repeat("M", 32)+" "+target(64)+" HTTP/1.1 ", partial)
	checkHead(t, h, strings.Repeat("M", 32)+" "+target(64)+" HTTP/1.1  ", badVersion)
	checkHead(t, h, strings.Repeat("M", 32)+" "+target(64)+" HTTP/1.1 \r", badVersion) // what follows is beyond the limit
	checkHead(t, h, strings.Repeat("M", 32)+" "+target(64)+" HTTP/1.1\r ", badEnd)
	checkHead(t, h, strings.Repeat("M", 32)+" "+target(64)+" HTTP/1.1\r", partial)
	h.MaxTarget = 0
	checkHead(t, h, "GET / HTTP/1.1\r\n\r\n", tooLong)
	h.MaxTarget = -1
	checkHead(t, h, "GET / HTTP/1.1\r\n\r\n", tooLong)
}

func TestMaxHead(t *testing.T) {
	const tooLong = "head too long"
	field := func(n int) string { return "X: " + strings.Repeat("a", n-5) + "\r\n" }
	line := "GET / HTTP/1.1\r\n"
	h := newHead()
	value := strings.Repeat("a", 512-len(line)-2-5)
	checkHead(t, h, line+field(512-len(line)-2)+"\r\n", "GET / 1 X="+value+" 512")
	checkHead(t, h, line+field(512-len(line)-1)+"\r\n", tooLong)
	checkHead(t, h, line+field(512-len(line))+"\r\n", tooLong)
	checkHead(t, h, line+field(512-len(line))+"\x00", tooLong) // beyond the limit
	checkHead(t, h, line+field(512-len(line)-1)+"\x00", badOctet)
	checkHead(t, h, line+field(512-len(line)-1), partial)
	checkHead(t, h, line+field(600), tooLong)
	checkHead(t, h, line+field(600)[:512-len(line)-1], partial)
	checkHead(t, h, line+"(: "+strings.Repeat("a", 600), tooLong)
	checkHead(t, h, line+"(: "+strings.Repeat("a", 300)+"\x01", badOctet)
	h.MaxHead = len(line) + 2
	checkHead(t, h, line+"\r\n", "GET / 1 18")
	h.MaxHead--
	checkHead(t, h, line+"\r\n", tooLong)
	h.MaxHead = 8
	checkHead(t, h, line+"\r\n", tooLong)
	checkHead(t, h, "GET  / HTTP/1.1\r\n\r\n", tooLong)
	checkHead(t, h, "G\x00", badOctet)
	for _, h.MaxHead = range []int{0, -1} {
		checkHead(t, h, line+"\r\n", tooLong)
	}
	h.MaxHead = int(^uint(0) >> 1)
	h.MaxTarget = h.MaxHead
	checkHead(t, h, line+"\r\n", "GET / 1 18")
}

func TestMaxFields(t *testing.T) {
	const tooMany = "too many fields"
	h := newHead()
	line := "GET / HTTP/1.1\r\n"
	checkHead(t, h, line+strings.Repeat("X:\r\n", 8)+"\r\n", "GET / 1"+strings.Repeat(" X=", 8)+" 50")
	checkHead(t, h, line+strings.Repeat("X:\r\n", 9)+"\r\n", tooMany)
	checkHead(t, h, line+strings.Repeat("X:\r\n", 30)+"\r\n", tooMany)
	checkHead(t, h, line+strings.Repeat("X:\r\n", 8)+"(", partial)
	checkHead(t, h, line+strings.Repeat("X:\r\n", 8)+"(\r\n", tooMany) // before its grammar
	checkHead(t, h, line+strings.Repeat("X:\r\n", 8)+"X\x00", badOctet)
	h.Fields = nil
	checkHead(t, h, line+"\r\n", "GET / 1 18")
	checkHead(t, h, line+"X:\r\n", tooMany)
}

func TestField(t *testing.T) {
	b := []byte("GET / HTTP/1.1\r\nX-a: 1\r\nx-A: 2\r\nHOST: h\r\nUpgrade:\r\nX-b: 3\r\nupgrade: u\r\nContent-Length: 5\r\n\r\n")
	h := newHead()
	if _, err := h.Parse(b, new(parser.Guard)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"x-a": "1 true", "X-A": "1 true", "X-b": "3 true", "host": "h true", "Host": "h true",
		"Upgrade": " true", "UPGRADE": " true", "Expect": " false", "connection": " false", "Content-Length": "5 true",
		"": " false", "X-": " false", "X-bb": " false",
	} {
		value, ok := h.Field(b, name)
		if got := fmt.Sprintf("%s %v", value, ok); got != want {
			t.Errorf("Field(%q) = %s, want %s", name, got, want)
		}
	}
	// The fields of one head must not show in the next.
	b = []byte("GET / HTTP/1.1\r\n\r\n")
	if _, err := h.Parse(b, new(parser.Guard)); err != nil {
		t.Fatal(err)
	}
	if value, ok := h.Field(b, "Host"); ok {
		t.Errorf("Host of a head without fields is %q", value)
	}
}

func TestErrorTexts(t *testing.T) {
	seen := map[string]bool{}
	for e := parser.ErrPartial; e <= parser.ErrPercent; e++ {
		text := e.Error()
		if !strings.HasPrefix(text, "parser: ") || seen[text] {
			t.Errorf("Error(%d) has the text %q", e, text)
		}
		seen[text] = true
	}
	for _, e := range []parser.Error{0, parser.ErrPercent + 1, 255} {
		if e.Error() != "parser: unknown error" {
			t.Errorf("Error(%d) has the text %q", e, e.Error())
		}
	}
}
