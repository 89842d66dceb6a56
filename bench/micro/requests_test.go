package micro

import (
	"fmt"
	"strings"
	"testing"

	"moor.example/httpd/parser"
)

// browser is the request of picohttpparser's bench.c, of 703 octets, by which
// parsers of HTTP are compared.
const browser = "GET /wp-content/uploads/2010/03/hello-kitty-darth-vader-pink.jpg HTTP/1.1\r\n" +
	"Host: www.kittyhell.com\r\n" +
	"User-Agent: Mozilla/5.0 (Macintosh; U; Intel Mac OS X 10.6; ja-JP-mac; rv:1.9.2.3) Gecko/20100401 Firefox/3.6.3 Pathtraq/0.9\r\n" +
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n" +
	"Accept-Language: ja,en-us;q=0.7,en;q=0.3\r\n" +
	"Accept-Encoding: gzip,deflate\r\n" +
	"Accept-Charset: Shift_JIS,utf-8;q=0.7,*;q=0.7\r\n" +
	"Keep-Alive: 115\r\n" +
	"Connection: keep-alive\r\n" +
	"Cookie: wp_ozh_wsa_visits=2; wp_ozh_wsa_visit_lasttime=xxxxxxxxxx; " +
	"__utma=xxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.x; " +
	"__utmz=xxxxxxxxx.xxxxxxxxxx.x.x.utmccn=(referral)|utmcsr=reader.livedoor.com|utmcct=/reader/|utmcmd=referral\r\n\r\n"

// small is what wrk sends to a host with a short name.
const small = "GET /plaintext HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n"

// largest is a head of 16 KiB, which is the most that moor takes by default,
// with 100 fields, which is the most as well.
var largest = func() string {
	var b strings.Builder
	b.WriteString("GET / HTTP/1.1\r\nHost: x\r\n")
	const fields = 99 // beside Host
	room := 16<<10 - b.Len() - len("\r\n")
	for i := range fields {
		name := fmt.Sprintf("X-Field-%02d: ", i)
		left := room / (fields - i)
		fmt.Fprintf(&b, "%s%s\r\n", name, strings.Repeat("v", left-len(name)-len("\r\n")))
		room -= left
	}
	return b.String() + "\r\n"
}()

// heads are the requests of BenchmarkHead.
var heads = []struct {
	name  string
	text  string
	count int // requests in text
}{
	{"browser", browser, 1},
	{"small", small, 1},
	{"pipelined", strings.Repeat(small, 16), 16},
	{"largest", largest, 1},
}

func TestRequests(t *testing.T) {
	if len(browser) != 703 || len(largest) != 16<<10 {
		t.Errorf("%d and %d octets, want 703 and 16,384", len(browser), len(largest))
	}
	for _, head := range heads {
		for name, parse := range parsers() {
			if err := parse([]byte(head.text), head.count); err != nil {
				t.Errorf("%s, %s: %v", head.name, name, err)
			}
		}
	}
}

// newHead is a Head with the engine's default limits.
func newHead() *parser.Head {
	return &parser.Head{MaxTarget: 8 << 10, MaxHead: 16 << 10, Fields: make([]parser.Field, 0, 100)}
}
