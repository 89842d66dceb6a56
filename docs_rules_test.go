package moor_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// A page is a document, and what is to be fixed in it; nothing, if want is
// empty.
type page struct{ text, want string }

const (
	rules = "## RFC 9112\n| section | rule | held | test |\n|---|---|---|---|\n"
	bound = "## Limits\n| field | default | beyond it |\n|---|---|---|\n"
)

// The code of the pages.
const (
	pagesTest   = "-- httpd/a_test.go --\nfunc TestA() { row(\"a row\") }\n-- httpd/parser/a_test.go --\nfunc TestB() {}\nfunc FuzzB() {}\nfunc (t T) TestC() {}"
	pagesConfig = `-- httpd/a.go --
type Config struct {
	// A is some octets; more is answered 431. Default: 8 KiB. See net.core.
	A int
	// B is a time. It is
	// answered 408. Default: 1,000 s, or 2.
	B time.Duration
	// C is a count. Default: none, for why.
	C int
	// D is a function. Default: 5.
	D func() int
	// Loops is no limit. Default: 1.
	Loops int
}`
)

func TestDocRules(t *testing.T) {
	set := testSet{}
	for _, f := range sources(t, pagesTest) {
		set.add(f, pagesTest)
	}
	limits := configLimits(sources(t, pagesConfig))
	if names := slices.Sorted(maps.Keys(limits)); !slices.Equal(names, []string{"A", "B", "C"}) {
		t.Fatalf("limits %v", limits)
	}
	for _, p := range pages {
		d := document{"a.md", tables(p.text)}
		got := strings.Join(slices.Concat(d.tests(set), d.limits(limits)), "\n")
		if p.want == "" && got != "" || !strings.Contains(got, p.want) {
			t.Errorf("%q, want %q:\n%s", got, p.want, p.text)
		}
	}
}

var pages = []page{
	{"", ""},
	{rules + "| 2 | a | yes | `httpd TestA` |", ""},
	{rules + "| 2 | a \\| b | yes: how | `httpd TestA/a row`, `parser FuzzB` |", ""},
	{rules + "| 2 | a | yes; and | `parser TestB` |", ""},
	{rules + "| 2 | a | no: why | |", ""},
	{rules + "| 2 | a | none: why | `parser TestB` |", ""},
	{rules + "| 2 | a | yes | `httpd TestNone` |", "a.md:4: there is no TestNone in httpd"},
	{rules + "| 2 | a | yes | `httpd TestA` |\n| 2 | a | yes | `httpd TestB` |", "a.md:5: there is no TestB in httpd"},
	{rules + "| 2 | a | yes | `parser TestC` |", "there is no TestC in parser"},
	{rules + "| 2 | a | yes | `none TestA` |", "there is no package none with tests"},
	{rules + "| 2 | a | yes | `httpd TestA/another row` |", `no test of httpd has a row "another row"`},
	{rules + "| 2 | a `httpd TestNone` | yes | `httpd TestA` |", "there is no TestNone"},
	{rules + "| 2 | a | yes | |", "held, and no test is named"},
	{rules + "| 2 | a | yes | TestA |", "held, and no test is named"},
	{rules + "| 2 | a | no | |", `held is "no"`},
	{rules + "| 2 | a | no: | |", `held is "no:"`},
	{rules + "| 2 | a | yesterday | `httpd TestA` |", `held is "yesterday"`},
	{rules + "| 2 | a | | `httpd TestA` |", `held is ""`},
	{rules + "| 2 | a | yes |", "3 cells under 4 columns"},
	{rules + "| 2 | a | b | yes | `httpd TestA` |", "5 cells under 4 columns"},

	{bound + "| `A` | 8 KiB | 431, close |\n| `B` | 1,000 s, or 2 | 408 |\n| `C` | none | so |", ""},
	{strings.Replace(bound, "Limits", "Others", 1) + "| `A` | 9 KiB | 431, close |", ""},
	{bound + "| `A` | 9 KiB | 431, close |", `a.md:4: the default of A is "9 KiB", by its comment "8 KiB"`},
	{bound + "| `A` | 8 MiB | 431, close |", `the default of A is "8 MiB"`},
	{bound + "| `A` | none | 431, close |", `the default of A is ""`},
	{bound + "| `C` | 3 | so |", `the default of C is "3", by its comment ""`},
	{bound + "| `A` | 8 KiB | 413, close |", `beyond A comes "413, close", by its comment 431`},
	{bound + "| `D` | 5 | so |", "Config has no limit D"},
	{bound + "| `Loops` | 1 | so |", "Config has no limit Loops"},
	{bound + "| `A` | 8 KiB | 431 |\n| `C` | none | so |", "no row for Config.B under the heading Limits"},
}

// TestDocSections: a page that lacks a section, or has it under another RFC,
// is told so.
func TestDocSections(t *testing.T) {
	var text strings.Builder
	for heading, sections := range map[string]string{"RFC 9112": rfc9112, "RFC 9110": rfc9110} {
		text.WriteString("## " + heading + "\n| section |\n|---|\n")
		for section := range strings.FieldsSeq(sections) {
			text.WriteString("| " + section + " |\n")
		}
	}
	whole := text.String()
	for _, p := range []page{
		{whole, ""},
		{strings.Replace(whole, "| 3.2.4 |\n", "", 1), "a.md: no row for section 3.2.4 under the heading RFC 9112"},
		{strings.Replace(whole, "| 15.3.6 |\n", "", 1), "a.md: no row for section 15.3.6 under the heading RFC 9110"},
		{strings.Replace(whole, "RFC 9112", "RFC 7230", 1), "no row for section 9.8 under the heading RFC 9112"},
	} {
		d := document{"a.md", tables(p.text)}
		if got := strings.Join(d.sections(), "\n"); p.want == "" && got != "" || !strings.Contains(got, p.want) {
			t.Errorf("%q, want %q", got, p.want)
		}
	}
}
