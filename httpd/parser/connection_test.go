package parser_test

import (
	"strings"
	"testing"

	"moor.example/httpd/parser"
)

// checkPersistent wants a request with these field-lines to leave the
// connection open (or not), in HTTP/1.0 and in HTTP/1.1.
func checkPersistent(t *testing.T, fields string, in10, in11 bool) {
	t.Helper()
	for version, want := range map[string]bool{"HTTP/1.0": in10, "HTTP/1.1": in11, "HTTP/1.7": in11} {
		if got := parser.Persistent(parse(t, "GET / "+version+"\r\n"+fields+"\r\n")); got != want {
			t.Errorf("%s %q: persistent is %v, want %v", version, fields, got, want)
		}
	}
}

func TestPersistent(t *testing.T) {
	checkPersistent(t, "", false, true)
	checkPersistent(t, "Connection: close\r\n", false, false)
	checkPersistent(t, "connection: CLOSE\r\n", false, false)
	checkPersistent(t, "Connection: keep-alive\r\n", true, true)
	checkPersistent(t, "Connection: Keep-Alive\r\n", true, true)
	checkPersistent(t, "Connection: foo, CLOSE\r\n", false, false)
	checkPersistent(t, "Connection: foo\t,\tclose\t,bar\r\n", false, false)
	checkPersistent(t, "Connection: keep-alive, close\r\n", false, false)
	checkPersistent(t, "Connection: close, keep-alive\r\n", false, false)
	checkPersistent(t, "Connection: keep-alive\r\nConnection: close\r\n", false, false)
	checkPersistent(t, "Connection: close\r\nX: y\r\nconnectioN: keep-alive\r\n", false, false)
	checkPersistent(t, "Connection: foo\r\nX: y\r\nconnectioN: keep-alive\r\n", true, true)
	checkPersistent(t, "Connection:\r\nConnection: ,,keep-alive\r\n", true, true)
	checkPersistent(t, "Connection:\r\n", false, true)
	checkPersistent(t, "Connection: closed\r\n", false, true)
	checkPersistent(t, "Connection: \"close\"\r\n", false, true)
	checkPersistent(t, "Connection: close;a\r\n", false, true)
	checkPersistent(t, "Connection: keep-alive close\r\n", false, true)
	checkPersistent(t, "Connection: keepalive\r\n", false, true)
	checkPersistent(t, "Connection: host\r\n", false, true)
	checkPersistent(t, "Proxy-Connection: close\r\n", false, true)
	checkPersistent(t, "Proxy-Connection: keep-alive\r\n", false, true)
	checkPersistent(t, "Keep-Alive: timeout=5\r\n", false, true)
}

func TestConnectionOption(t *testing.T) {
	h, b := parse(t, "GET / HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nA: b\r\nConnection: x\r\n\r\n")
	for option, want := range map[string]bool{
		"upgrade": true, "http2-settings": true, "X": true, "a": false, "b": false, "Upgrade, HTTP2-Settings": false,
	} {
		if got := parser.ConnectionOption(h, b, option); got != want {
			t.Errorf("ConnectionOption(%q) = %v, want %v", option, got, want)
		}
	}
	h, b = parse(t, "GET / HTTP/1.1\r\nUpgrade: x\r\n\r\n")
	if parser.ConnectionOption(h, b, "x") || parser.ConnectionOption(h, b, "") {
		t.Error("a head without Connection has connection options")
	}
}

func TestExpect(t *testing.T) {
	for _, row := range []struct {
		fields string
		want   parser.Expectation
	}{
		{"", parser.ExpectNone},
		{"Expect: 100-continue\r\n", parser.ExpectContinue},
		{"eXPECT:100-Continue \r\n", parser.ExpectContinue},
		{"Expect: foo\r\n", parser.ExpectUnknown},
		{"Expect:\r\n", parser.ExpectUnknown},
		{"Expect: x 100-continue\r\n", parser.ExpectUnknown},
		{"Expect: 100-continue, 100-continue\r\n", parser.ExpectUnknown},
		{"Expect: 100-continue;a=b\r\n", parser.ExpectUnknown},
		{"Expect: 100-continue\r\nExpect: 100-continue\r\n", parser.ExpectUnknown},
		{"Expect: 100-continue\r\nExpect: foo\r\n", parser.ExpectUnknown},
	} {
		in := "POST / HTTP/1.1\r\n" + row.fields + "\r\n"
		if got := parser.Expect(parse(t, in)); got != row.want {
			t.Errorf("%q: got %v, want %v", in, got, row.want)
		}
		in = strings.Replace(in, "HTTP/1.1", "HTTP/1.0", 1)
		if got := parser.Expect(parse(t, in)); got != parser.ExpectNone {
			t.Errorf("%q: got %v, want none", in, got)
		}
	}
}
