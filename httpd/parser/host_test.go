package parser_test

import (
	"net/netip"
	"strings"
	"testing"

	"moor.example/httpd/parser"
)

func TestCheckHost(t *testing.T) {
	const (
		ok       = "<nil>"
		bad      = "invalid Host"
		missing  = "missing Host"
		repeated = "repeated Host"
	)
	for _, row := range []struct{ fields, in10, in11 string }{
		{"", ok, missing},
		{"X-Host: a\r\n", ok, missing},
		{"Host: a\r\n", ok, ok},
		{"hOST:a\r\n", ok, ok},
		{"Host: a\r\nHost: a\r\n", repeated, repeated},
		{"Host: a\r\nX: y\r\nhost: b\r\n", repeated, repeated},
		{"Host:\r\nHost:\r\n", repeated, repeated},
		{"Host:\r\n", ok, ok},
		{"Host: \t\r\n", ok, ok},
		{"Host: a:8080\r\n", ok, ok},
		{"Host: a:b\r\n", bad, bad},
		{"Host: u@a\r\n", bad, bad},
		{"Host: a, b\r\n", bad, bad},
	} {
		for version, want := range map[string]string{"HTTP/1.0": row.in10, "HTTP/1.1": row.in11, "HTTP/1.3": row.in11} {
			got := "<nil>"
			if err := parser.CheckHost(parse(t, "GET / "+version+"\r\n"+row.fields+"\r\n")); err != nil {
				got = dump(nil, nil, 0, err)
			}
			if got != want {
				t.Errorf("%s %q: got %s, want %s", version, row.fields, got, want)
			}
		}
	}
}

// checkHost wants ValidHost to say want.
func checkHost(t *testing.T, host string, want bool) {
	t.Helper()
	b := []byte(host)
	if got := parser.ValidHost(b[:len(b):len(b)]); got != want {
		t.Errorf("ValidHost(%q) = %v, want %v", host, got, want)
	}
}

func TestValidHost(t *testing.T) {
	for _, host := range []string{
		"a", "a.b", "a.", "A-b_c~d", "a:80", "a:", "a:0", "a:65535", "a:00080",
		"127.0.0.1", "127.0.0.1:8080", "999.1.1.1", // an invalid IPv4address is a reg-name
		"!$&'()*+,;=", "%41%ff", "a%2Fb",
		"[::1]", "[::1]:80", "[::]:", "[v1.a]", "[vF0.a:b!]:1",
	} {
		checkHost(t, host, true)
	}
	for _, host := range []string{
		"", ":", ":80", "a:b", "a:80:80", "a:-1", "a:+1", "a:65536", "a:99999999999999999999", "a: 80",
		"u@a", "u:p@a", "a/b", "a b", "a?b", "a#b", "a\\b", "a\x00", "\xff", "\"a\"", "<a>", "a|b", "a^", "a`", "{a}",
		"%", "%4", "%4g", "a%", "::1", "[::1", "::1]", "[]", "[]:80", "[a", "[a]", "[::1]a", "[::1]80", "[::1]:x", "[::1]]",
		"[[::1]]", "a[::1]", "[::1%25eth0]", "[::1%eth0]", "[1.2.3.4]", "[v.a]", "[v1]", "[v1.]", "[vg.a]", "[v1.a/b]", "[v1.%41]",
	} {
		checkHost(t, host, false)
	}
}

// TestIPv6 holds the addresses against the standard library's opinion.
func TestIPv6(t *testing.T) {
	agree := func(address string) {
		a, err := netip.ParseAddr(address)
		checkHost(t, "["+address+"]", err == nil && a.Is6() && a.Zone() == "")
	}
	for _, address := range []string{
		"::", "::1", "1::", "1::2", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
		"1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "1:2:3::5:6:7:8", "1:2:3:4::5:6:7:8", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8",
		":::", "::::", ":", "1:", ":1", "1::2::3", "1:::2", "1::2:", ":1::2", "fFfF::AbCd", "12345::", "::12345", "g::", "::g",
		"::1.2.3.4", "1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:1.2.3.4", "1:2:3:4:5:6:7:1.2.3.4", "1:2:3:4:5::1.2.3.4", "::ffff:255.255.255.255",
		"::1.2.3.256", "::1.2.3", "::1.2.3.", "::1.2.3.4.5", "::1.2.3.04", "::1.2.3.4:5", "::1..3.4", "::.2.3.4", "::1.2.3.1234", "1.2.3.4::", "::a.2.3.4",
		"::ffff:0.0.0.0", "::1.2.3.00", "1:2:3:4:5:6::1.2.3.4", "0::0::0", "00000::", "1:2:3:4:5:6:7:", "::1 ", " ::1",
	} {
		agree(address)
	}
	// Every address of up to nine parts out of a few.
	parts := []string{"", "1", "1.2.3.4"}
	for n := range 19683 {
		var s []string
		for m := n; m > 0; m /= 3 {
			s = append(s, parts[m%3])
		}
		agree(strings.Join(s, ":"))
	}
}
