package parser_test

import (
	"fmt"
	"strings"
	"testing"

	"moor.example/httpd/parser"
)

// checkTarget wants "form authority path query", or an error, of a
// request-line with this method and target.
func checkTarget(t *testing.T, method, target, want string) {
	t.Helper()
	h, b := parse(t, method+" "+target+" HTTP/1.1\r\n\r\n")
	tg, err := parser.SplitTarget(h, b)
	form := [...]string{
		parser.OriginForm: "origin", parser.AbsoluteForm: "absolute",
		parser.AuthorityForm: "authority", parser.AsteriskForm: "asterisk",
	}[tg.Form]
	got := fmt.Sprintf("%s %s %s %s", form, tg.Authority.Of(b), tg.Path.Of(b), tg.Query.Of(b))
	if err != nil {
		got = dump(nil, nil, 0, err)
	}
	if got = strings.TrimRight(got, " "); got != want {
		t.Errorf("%s %s:\n got %s\nwant %s", method, target, got, want)
	}
}

func TestSplitTarget(t *testing.T) {
	const (
		badForm = "request-target form not allowed"
		badHost = "invalid host in request-target"
	)
	for _, row := range []struct{ method, target, want string }{
		{"GET", "/", "origin  /"},
		{"GET", "/a?b=c?d/e", "origin  /a b=c?d/e"},
		{"GET", "/?", "origin  /"},
		{"GET", "/?x", "origin  / x"},
		{"GET", "//x", "origin  //x"},
		{"GET", "/../x", "origin  /../x"},
		{"GET", "/%00", "origin  /%00"},
		{"GET", "/http://a/", "origin  /http://a/"},
		{"OPTIONS", "/", "origin  /"},
		{"GET", "http://a/x", "absolute a /x"},
		{"GET", "HtTpS://a:443/x/y?z", "absolute a:443 /x/y z"},
		{"GET", "http://a", "absolute a"},
		{"GET", "http://a?b", "absolute a  b"},
		{"GET", "http://a?b/c?d", "absolute a  b/c?d"},
		{"GET", "http://a:/", "absolute a: /"},
		{"GET", "http://[::1]:80/", "absolute [::1]:80 /"},
		{"GET", "http://a/http://b/", "absolute a /http://b/"},
		{"GET", "http://a//b", "absolute a //b"},
		{"OPTIONS", "http://a", "absolute a"},
		{"GET", "http://u:p@a/", badHost},
		{"GET", "http://u@a/", badHost},
		{"GET", "http://@a/", badHost},
		{"GET", "http:///x", badHost},
		{"GET", "http://", badHost},
		{"GET", "http://?a", badHost},
		{"GET", "http://:80/", badHost},
		{"GET", "http://a:b/", badHost},
		{"GET", "http://a:65536/", badHost},
		{"GET", "http://[::1/", badHost},
		{"GET", "http://::1/", badHost},
		{"GET", "ftp://a/x", badForm},
		{"GET", "httpx://a/x", badForm},
		{"GET", "xhttp://a/x", badForm},
		{"GET", "http:/a/x", badForm},
		{"GET", "http:a", badForm},
		{"GET", "://a", badForm},
		{"GET", "x?http://a", badForm},
		{"GET", "a:80", badForm},
		{"GET", "a", badForm},
		{"GET", "x/y", badForm},
		{"GET", "*", badForm},
		{"GET", "?a", badForm},
		{"GET", "%2F", badForm},
		{"options", "*", badForm}, // methods are case-sensitive
		{"OPTIONS", "*", "asterisk"},
		{"OPTIONS", "**", badForm},
		{"OPTIONS", "*?a", badForm},
		{"OPTIONS", "a:80", badForm},
		{"CONNECT", "a:443", "authority a:443"},
		{"CONNECT", "[::1]:443", "authority [::1]:443"},
		{"CONNECT", "a", badHost},
		{"CONNECT", "a:", badHost},
		{"CONNECT", ":443", badHost},
		{"CONNECT", "a:b", badHost},
		{"CONNECT", "a:65536", badHost},
		{"CONNECT", "a:443/", badHost},
		{"CONNECT", "u@a:443", badHost},
		{"CONNECT", "/", badHost},
		{"CONNECT", "*", badHost},
		{"CONNECT", "http://a:443", badHost},
		{"connect", "a:443", badForm},
	} {
		checkTarget(t, row.method, row.target, row.want)
	}
}
