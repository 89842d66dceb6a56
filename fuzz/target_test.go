package fuzz

import (
	"net/url"
	"testing"

	"moor.example/httpd/parser"
)

// FuzzTarget: a request-target that we and net/url both take has the same
// path, query and pairs for both.
func FuzzTarget(f *testing.F) {
	for _, target := range []string{
		"/", "/a%20b?c=d+e&f", "http://a/x?y=%31", "https://[::1]:80?a", "http://a", "*", "//x", "/a?b?c&&=d;e", "a:80", "/%2f%00",
	} {
		f.Add([]byte(target))
	}
	f.Fuzz(func(t *testing.T, target []byte) {
		b := []byte("GET " + string(target) + " HTTP/1.1\r\n\r\n")
		h, _, err := parse(b)
		if err != nil || h.Target.Len() != len(target) {
			return
		}
		tg, err := parser.SplitTarget(h, b)
		u, errURL := url.ParseRequestURI(string(target))
		if err != nil || errURL != nil {
			return
		}
		path, err := parser.AppendUnescaped(nil, tg.Path.Of(b))
		if err != nil || string(path) != u.Path || string(tg.Query.Of(b)) != u.RawQuery {
			t.Errorf("got %q %q, %v; net/url has %q %q", path, tg.Query.Of(b), err, u.Path, u.RawQuery)
		}
		if pairs, err := url.ParseQuery(u.RawQuery); err == nil {
			samePairs(t, tg.Query.Of(b), pairs)
		}
	})
}

// samePairs leaves out the pairs without a name, of which net/url drops some.
func samePairs(t *testing.T, q []byte, want url.Values) {
	got := url.Values{}
	for len(q) > 0 {
		var name, value []byte
		name, value, q = parser.NextPair(q)
		name, errName := parser.AppendUnescapedQuery(nil, name)
		value, errValue := parser.AppendUnescapedQuery(nil, value)
		if errName != nil || errValue != nil {
			t.Errorf("%q=%q: %v, %v", name, value, errName, errValue)
		}
		got.Add(string(name), string(value))
	}
	got.Del("")
	want.Del("")
	if got.Encode() != want.Encode() {
		t.Errorf("got the pairs %q, net/url has %q", got, want)
	}
}
