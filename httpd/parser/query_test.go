package parser_test

import (
	"fmt"
	"testing"

	"moor.example/httpd/parser"
)

func TestQueryValue(t *testing.T) {
	for _, row := range []struct{ query, key, want string }{
		{"a=1&b=2", "a", "1 true"},
		{"a=1&b=2", "b", "2 true"},
		{"a=1&b=2", "c", " false"},
		{"a=1&a=2", "a", "1 true"},
		{"A=1&a=2", "a", "2 true"},
		{"ab=1&a=2", "a", "2 true"},
		{"a=1&ab=2", "ab", "2 true"},
		{"a=b=c&d", "a", "b=c true"},
		{"a=%31+2", "a", "%31+2 true"},
		{"%61=1", "a", " false"},
		{"a", "a", " true"},
		{"a&b", "b", " true"},
		{"a=", "a", " true"},
		{"a=1;b=2", "b", " false"}, // ";" separates nothing
		{"&&a=1&", "a", "1 true"},
		{"=1", "", "1 true"},
		{"a&&b", "", " true"},
		{"", "a", " false"},
		{"", "", " false"},
	} {
		value, ok := parser.QueryValue([]byte(row.query), row.key)
		if got := fmt.Sprintf("%s %v", value, ok); got != row.want {
			t.Errorf("QueryValue(%q, %q) = %s, want %s", row.query, row.key, got, row.want)
		}
	}
}

func TestNextPair(t *testing.T) {
	for query, want := range map[string]string{
		"":          "",
		"a=1":       "[a 1]",
		"a=1&b&c=":  "[a 1][b ][c ]",
		"a==&=&b=1": "[a =][ ][b 1]",
		"&a":        "[ ][a ]",
		"a&":        "[a ]",
		"a&&b":      "[a ][ ][b ]",
	} {
		var got []byte
		for q := []byte(query); len(q) > 0; {
			var name, value []byte
			name, value, q = parser.NextPair(q)
			got = fmt.Appendf(got, "[%s %s]", name, value)
		}
		if string(got) != want {
			t.Errorf("the pairs of %q are %s, want %s", query, got, want)
		}
	}
}

func TestAppendUnescaped(t *testing.T) {
	const bad = "malformed percent-encoding"
	for _, row := range []struct{ src, path, query string }{
		{"", "", ""},
		{"a/b?c", "a/b?c", "a/b?c"},
		{"a+b", "a+b", "a b"},
		{"%2B+", "++", "+ "},
		{"%41%4a%4A%6f", "AJJo", "AJJo"},
		{"%00%fF%25%2f", "\x00\xff%/", "\x00\xff%/"},
		{"%2541", "%41", "%41"},
		{"\xff\x00", "\xff\x00", "\xff\x00"},
		{"%", bad, bad},
		{"a%4", bad, bad},
		{"%zz", bad, bad},
		{"%4g", bad, bad},
		{"%g4", bad, bad},
		{"%%41", bad, bad},
		{"% 41", bad, bad},
		{"ok%41%", bad, bad},
	} {
		for i, f := range []func(dst, src []byte) ([]byte, error){parser.AppendUnescaped, parser.AppendUnescapedQuery} {
			want := []string{row.path, row.query}[i]
			out, err := f([]byte("dst:"), []byte(row.src))
			got := string(out)
			if err != nil {
				got = got + dump(nil, nil, 0, err)
			}
			if got != "dst:"+want {
				t.Errorf("%q: got %q, want %q behind dst:", row.src, got, want)
			}
			src := []byte(row.src)
			if out, err := f(src[:0], src); err == nil && string(out) != want {
				t.Errorf("%q in place: got %q, want %q", row.src, out, want)
			}
		}
	}
}
