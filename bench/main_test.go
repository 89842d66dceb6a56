package main

import (
	"slices"
	"strings"
	"testing"
)

func TestPick(t *testing.T) {
	all := []string{"a", "b", "c"}
	self := func(s string) string { return s }
	for _, row := range []struct {
		list string
		want []string // nil: an error
	}{
		{"", all}, {"b", []string{"b"}}, {"c,a", []string{"a", "c"}}, {"d", nil}, {"a,d", nil}, {"a,", nil}, {"a,a", nil},
	} {
		got, err := pick(all, row.list, self)
		if !slices.Equal(got, row.want) || (err == nil) != (row.want != nil) {
			t.Errorf("%q: %q, %v, want %q", row.list, got, err, row.want)
		}
	}
}

func TestPlan(t *testing.T) {
	for _, row := range []struct {
		o       options
		ok      bool
		partial bool
	}{
		{options{rounds: 1, seconds: 1}, true, false},
		{options{rounds: 1, seconds: 1, servers: "moor"}, true, true},
		{options{rounds: 1, seconds: 1, scenarios: "64"}, true, true},
		{options{rounds: 0, seconds: 1}, false, false},
		{options{rounds: 1, seconds: 0}, false, false},
		{options{rounds: 1, seconds: 1, servers: "apache"}, false, false},
		{options{rounds: 1, seconds: 1, scenarios: "65"}, false, false},
	} {
		row.o.out = t.TempDir()
		j, err := row.o.plan()
		if (err == nil) != row.ok || err == nil && j.partial() != row.partial {
			t.Errorf("%+v: %+v, %v", row.o, j, err)
		}
	}
}

// A partial run does not write over the results of a whole one.
func TestPartialGoesElsewhere(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	part, err := (&options{rounds: 1, seconds: 1, servers: "moor"}).plan()
	if err != nil || part.out == "." || part.out == "" {
		t.Errorf("%+v, %v", part, err)
	}
	whole, err := (&options{rounds: 1, seconds: 1}).plan()
	if err != nil || whole.out != "." {
		t.Errorf("%+v, %v", whole, err)
	}
}

func TestMissing(t *testing.T) {
	if got := missing([]string{"sh", "no-such-program-at-all"}); strings.Join(got, " ") != "no-such-program-at-all" {
		t.Errorf("%q", got)
	}
}
