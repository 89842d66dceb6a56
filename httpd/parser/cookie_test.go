package parser_test

import (
	"fmt"
	"strings"
	"testing"

	"moor.example/httpd/parser"
)

func TestCookieValue(t *testing.T) {
	for _, row := range []struct{ list, key, want string }{
		{"a=1; b=2", "a", "1 true"},
		{"a=1; b=2", "b", "2 true"},
		{"a=1; b=2", "c", " false"},
		{"a=1;b=2", "b", "2 true"},
		{"a=1 ;\t b=2\t", "b", "2 true"},
		{"a=1 ; b=2", "a", "1 true"},
		{"a=1; a=2", "a", "1 true"},
		{"A=1; a=2", "a", "2 true"},
		{"ab=1; a=2", "a", "2 true"},
		{"a=1; ab=2", "ab", "2 true"},
		{"xa=1; a=2", "a", "2 true"},
		{"b=a=1; a=2", "a", "2 true"},
		{"a=b=c", "a", "b=c true"},
		{"a", "a", " false"},
		{"a; a=1", "a", "1 true"},
		{"a=", "a", " true"},
		{"a= 1", "a", " 1 true"},
		{"a =1", "a", " false"},
		{"=1", "", "1 true"},
		{"1", "", " false"},
		{";;", "", " false"},
		{";a=1;", "a", "1 true"},
		{"", "a", " false"},
		{"", "", " false"},
		{`a="1"`, "a", "1 true"},
		{`a=""`, "a", " true"},
		{`a="`, "a", `" true`},
		{`a="1`, "a", `"1 true`},
		{`a=1"`, "a", `1" true`},
		{`a="1"2"`, "a", `1"2 true`},
		{`a="1;2"`, "a", `"1 true`}, // ";" is no octet of a value, not in quotation marks either
		{`"a"=1`, "a", " false"},
		{"a=%31+", "a", "%31+ true"},
		{"%61=1", "a", " false"},
		{"a=1&b=2", "b", " false"}, // "&" separates nothing
		{"a=1, b=2", "a", "1, b=2 true"},
	} {
		list := []byte(row.list)
		value, ok := parser.CookieValue(list, row.key)
		if got := fmt.Sprintf("%s %v", value, ok); got != row.want {
			t.Errorf("CookieValue(%q, %q) = %s, want %s", row.list, row.key, got, row.want)
		}
		if len(value) > 0 && !within(value, list) {
			t.Errorf("CookieValue(%q, %q) is no part of it", row.list, row.key)
		}
	}
}

// within reports whether a part shares its octets with the whole.
func within(part, whole []byte) bool {
	old := string(whole)
	part[0]++
	changed := string(whole) != old
	part[0]--
	return changed
}

// TestCookieValueOfMany: in a list of many each is found, wherever it is.
func TestCookieValueOfMany(t *testing.T) {
	var pairs []string
	for i := range 200 {
		pairs = append(pairs, fmt.Sprintf("name%d=%d", i, i))
	}
	for _, separator := range []string{"; ", ";", " ; "} {
		list := []byte(strings.Join(pairs, separator))
		for i := range 200 {
			if v, ok := parser.CookieValue(list, fmt.Sprint("name", i)); !ok || string(v) != fmt.Sprint(i) {
				t.Fatalf("name%d is %q, %v", i, v, ok)
			}
		}
	}
	list := []byte("a=1; b=2; c=\"3\"")
	if n := testing.AllocsPerRun(100, func() { parser.CookieValue(list, "c") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
