package parser_test

import (
	"testing"

	"moor.example/httpd/parser"
)

func TestIsToken(t *testing.T) {
	for s, want := range map[string]bool{
		"GET": true, "!#$%&'*+-.^_`|~09azAZ": true, "": false, " ": false, "a b": false, "a:": false, "a\x00": false, "\xe9": false,
	} {
		if parser.IsToken(s) != want {
			t.Errorf("IsToken(%q) = %v", s, !want)
		}
	}
}

func TestIsFieldValue(t *testing.T) {
	for s, want := range map[string]bool{
		"": true, "a": true, "a b\tc": true, "\xe9": true, " a": false, "a\t": false, " ": false,
		"a\r\nb": false, "a\nb": false, "a\rb": false, "a\x00b": false, "a\x7fb": false,
	} {
		if parser.IsFieldValue(s) != want {
			t.Errorf("IsFieldValue(%q) = %v", s, !want)
		}
	}
}

func TestEqualFold(t *testing.T) {
	for _, row := range []struct {
		a, b string
		want bool
	}{
		{"", "", true}, {"Host", "hOST", true}, {"a", "ab", false}, {"a", "b", false},
		{"@", "`", false}, {"[", "{", false}, {"-", "\r", false}, {"K", "\u212a", false},
	} {
		if parser.EqualFold(row.a, row.b) != row.want {
			t.Errorf("EqualFold(%q, %q) = %v", row.a, row.b, !row.want)
		}
	}
}
