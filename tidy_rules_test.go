package moor_test

import (
	"fmt"
	"go/token"
	"maps"
	"strings"
	"testing"
)

// A row is a rule, a source, and what the rule says about it; nothing, if want
// is empty. A source of several files begins each with "-- path --"; one
// without is httpd/a.go.
type row struct{ rule, src, want string }

func TestRules(t *testing.T) {
	rules := map[string]rule{}
	for _, set := range []map[string]rule{shapeRules, docRules, layerRules, testRules} {
		maps.Copy(rules, set)
	}
	bad, good := map[string]bool{}, map[string]bool{}
	for _, r := range rows() {
		if r.want == "" {
			good[r.rule] = true
		} else {
			bad[r.rule] = true
		}
		check, ok := rules[r.rule]
		if !ok {
			t.Fatalf("no rule %q", r.rule)
		}
		fixes := check(sources(t, r.src))
		switch {
		case r.want == "" && len(fixes) > 0:
			t.Errorf("%s: refused:\n%.300s\n%s", r.rule, r.src, strings.Join(fixes, "\n"))
		case r.want != "" && len(fixes) == 0:
			t.Errorf("%s: accepted, want %q:\n%.300s", r.rule, r.want, r.src)
		case r.want != "" && !strings.Contains(fixes[0], r.want):
			t.Errorf("%s: %q, want %q", r.rule, fixes[0], r.want)
		}
	}
	for name := range rules {
		if !bad[name] || !good[name] {
			t.Errorf("rule %q: rows that it refuses: %v, that it accepts: %v; want both", name, bad[name], good[name])
		}
	}
}

func sources(t *testing.T, src string) (files []*file) {
	t.Helper()
	if !strings.HasPrefix(src, "-- ") {
		src = "-- httpd/a.go --\n" + src
	}
	fset := token.NewFileSet()
	for part := range strings.SplitSeq(src[len("-- "):], "\n-- ") {
		path, text, _ := strings.Cut(part, " --\n")
		if !strings.Contains(text, "package ") {
			text = "package p\n" + text
		}
		f, err := parse(fset, strings.TrimSuffix(path, " --"), text)
		if err != nil {
			t.Fatalf("%v in:\n%s", err, text)
		}
		files = append(files, f)
	}
	return files
}

// lines is n lines of s.
func lines(n int, s string) string { return strings.Repeat(s+"\n", n) }

// numbered is n lines of a format with one number in it.
func numbered(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format+"\n", i)
	}
	return b.String()
}

func rows() []row {
	var all []row
	for _, some := range [][]row{sizeRows(), nestRows, branchRows, varRows, tagRows, textRows, docRows, layerRows, testRows} {
		all = append(all, some...)
	}
	return all
}

func sizeRows() []row {
	return []row{
		{"function lines", "func f() {\n" + lines(58, "g()") + "}", ""},
		{"function lines", "func f() {\n" + lines(59, "g()") + "}", "httpd/a.go:2: f has 61 lines, at most 60"},
		{"function lines", "var t = []func(){func() {\n" + lines(59, "g()") + "}}", "a function literal has 61 lines"},
		{"function lines", "-- httpd/a_test.go --\nfunc f() {\n" + lines(99, "g()") + "}", ""},

		{"long functions", "func f() {\n" + lines(33, "g()") + "}", ""},
		{"long functions", "func f() {\n" + lines(34, "g()") + "}", "1 of 1 functions have more than 35 lines"},
		{"long functions", numbered(9, "func f%d() {}") + "func f() {\n" + lines(34, "g()") + "}", ""},
		{"long functions", numbered(8, "func f%d() {}") + "func f() {\n" + lines(34, "g()") + "}", "1 of 9"},

		{"file lines", lines(399, "//"), ""},
		{"file lines", lines(400, "//"), "httpd/a.go:1: 401 lines, at most 400"},
		{"file lines", "-- httpd/a_test.go --\n" + lines(500, "//"), ""},

		{"parameters", "func (r T) f(a, b int, c, d string) (int, int, int, int, int) {}", ""},
		{"parameters", "func f(a, b int, c, d string, e bool) {}", "httpd/a.go:2: 5 parameters, at most 4"},
		{"parameters", "type f func(int, int, int, int, int)", "5 parameters"},
		{"parameters", "type i interface { f(a, b, c, d, e int) }", "5 parameters"},
		{"parameters", "func f() { g(func(a, b, c, d, e int) {}) }", "5 parameters"},

		{"methods", numbered(25, "func (t *T) f%d() {}"), ""},
		{"methods", numbered(31, "func (t *T) f%d() {}"), "httpd: T has 31 methods, at most 30"},
		{"methods", numbered(15, "func (t *T[K]) f%d() {}") + numbered(16, "func (t T[K]) g%d() {}"), "T has 31 methods"},
		{"methods", "-- httpd/a.go --\n" + numbered(20, "func (t *T) f%d() {}") + "-- httpd/b.go --\n" + numbered(20, "func (t *T) g%d() {}"), "T has 40 methods"},
		{"methods", "-- httpd/k_linux.go --\n" + numbered(20, "func (t *T) f%d() {}") + "-- httpd/k_other.go --\n" + numbered(20, "func (t *T) f%d() {}"), ""},
		{"methods", "-- a/a.go --\n" + numbered(20, "func (t *T) f%d() {}") + "-- b/b.go --\n" + numbered(20, "func (t *T) g%d() {}"), ""},

		{"struct fields", "type T struct {\n" + numbered(15, "f%d int") + "}", ""},
		{"struct fields", "type T struct {\n" + numbered(15, "f%d int") + "Embedded\n}", "httpd/a.go:2: a struct of 16 fields, at most 15"},
		{"struct fields", "type T struct { a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p int }", "16 fields"},
		{"struct fields", "type Config struct {\n" + numbered(30, "f%d int") + "}", ""},
		{"struct fields", "type Config struct { s struct {\n" + numbered(16, "f%d int") + "} }", "16 fields"},

		{"lines", "-- a/a.go --\n//\n//\n-- a/a_test.go --\n//\n//", ""},
		{"lines", "-- a/a.go --\n//\n//\n-- a/a_test.go --\n//", "2 lines of tests for 3 lines of code"},
		{"lines", "-- a/a.go --\n//\n-- tidy_test.go --\n//\n//\n//", "0 lines of tests"},
	}
}

var nestRows = []row{
	{"nesting", "func f() { for { if a { switch { case b: g() } } } }", ""},
	{"nesting", "func f() { for { if a { switch { case b:\nif c {} } } } }", "httpd/a.go:3: f is nested 4 deep, at most 3"},
	{"nesting", "func f() { for range a { select { case <-b: switch c.(type) { case int: for {} } } } }", "4 deep"},
	{"nesting", "func f() { if a {} else if b {} else if c {} else if d {} else if e {} else {} }", ""},
	{"nesting", "func f() { if a {} else if b {} else if c {} else { for { for { for {} } } } }", "4 deep"},
	{"nesting", "func f() { if a { if b { if c {} else if d { } else { if e {} } } } }", "4 deep"},
	{"nesting", "func f() { for { for { g(func() { for { for {} } }) } } }", "4 deep"},
	{"nesting", "func f() { {{{{ g() }}}} }", ""},
	{"nesting", "func f() { l: for { for { for {} } } }", ""},
	{"nesting", "var f = func() { for { for { for { for {} } } } }", "4 deep"},
}

var branchRows = []row{
	{"complexity", "func f() {\n" + lines(14, "if a {}") + "}", ""},
	{"complexity", "func f() {\n" + lines(15, "if a {}") + "}", "f has complexity 16, at most 15"},
	{"complexity", "func f() { _ = a" + strings.Repeat(" && b || c", 8) + "}", "complexity 17"},
	{"complexity", "func f() { switch {\n" + lines(15, "case a:") + "default: } }", "complexity 16"},
	{"complexity", "func f() { switch {\n" + lines(14, "case a, b, c:") + "default: } }", ""},
	{"complexity", "func f() { select {\n" + lines(15, "case <-a:") + "default: } }", "complexity 16"},
	{"complexity", "func f() { for { for range a { g(func() {\n" + lines(13, "if a {}") + "}) } } }", "complexity 16"},
	{"complexity", "-- httpd/parser/a.go --\nfunc f() {\n" + lines(19, "if a {}") + "}", ""},
	{"complexity", "-- httpd/parser/a.go --\nfunc f() {\n" + lines(20, "if a {}") + "}", "complexity 21, at most 20"},

	{"goto and init", "func f() { l: for { break l } }\nfunc (t T) init() {}", ""},
	{"goto and init", "func f() { l: goto l }", "httpd/a.go:2: goto"},
	{"goto and init", "func init() {}", "init(): use a table"},
}

var varRows = []row{
	{"package variables", `var ErrA, errB = errors.New("a"), fmt.Errorf("b")`, ""},
	{"package variables", `var errA = &Error{1}`, ""},
	{"package variables", `var _ error = (*Error)(nil)`, ""},
	{"package variables", `var t = [256]uint8{1, 2}; var u = [...]string{2: "a"}; var m = map[int]int{}`, ""},
	{"package variables", `var t = func() (t [256]bool) { t[1] = true; return }()`, ""},
	{"package variables", `var t = set("abc"); var b = []byte("abc"); var d = netip.MustParseAddr("::1")`, ""},
	{"package variables", "//go:embed page.html\nvar page []byte", ""},
	{"package variables", "//go:embed page.html\nvar page []byte\nfunc f() { page[0] = 1 }", "page is assigned to"},
	{"package variables", "// embed\nvar page []byte", "page has no value"},
	{"package variables", "var n int", "httpd/a.go:2: package variable n has no value"},
	{"package variables", "var mu sync.Mutex", "mu has no value"},
	{"package variables", "var n = 1", "n is no error, table or value made once"},
	{"package variables", "var now = time.Now", "now is no error"},
	{"package variables", "var p = &T{}", "p is no error"},
	{"package variables", "var p = new(int)", "p is no error"},
	{"package variables", "var m = make(map[int]int)", "m is no error"},
	{"package variables", "var c, d = T{}, 2", "d is no error"},

	{"package variables", "var t = T{}\nfunc f() { t = T{} }", "httpd/a.go:3: package variable t is assigned to"},
	{"package variables", "var t = T{}\nfunc f() { a, t.b = 1, 2 }", "t is assigned to"},
	{"package variables", "var t = [2]int{}\nfunc f() { t[1] |= 2 }", "t is assigned to"},
	{"package variables", "var t = [2]int{}\nfunc f() { (t[1])++ }", "t is counted"},
	{"package variables", "var t = [2]int{}\nfunc f() { for t[0] = range 3 {} }", "t is assigned to"},
	{"package variables", "var t = [2]int{}\nfunc f() { g(&t) }", "t is pointed to"},
	{"package variables", "var t = [2]int{}\nfunc f() { g(&t[1]) }", "t is pointed to"},
	{"package variables", "var t = [2]T{}\nfunc f() { a, b := &t[1], &t[0]; g(a.x, b.y); a = b }", ""},
	{"package variables", "var t = [2]T{}\nfunc f() { a, b := &t[1], &t[0]; b.x, a.x = 1, 2 }", "t is assigned to"},
	{"package variables", "var t = [2]int{}\nfunc f() { a := &t[1]; *a++ }", "t is counted"},
	{"package variables", "var t = T{}\nfunc f() { a := &t; g(a) }", "t is pointed to"},
	{"package variables", "var t = [2]T{}\nfunc f(a *T) { a = &t[1] }", "t is pointed to"},
	{"package variables", "var t = []int{}\nfunc f() { copy(t[1:], u) }", "t is given to copy"},
	{"package variables", "var t = map[int]int{}\nfunc f() { delete(t, 1) }", "t is given to delete"},
	{"package variables", "type T struct{}\nfunc (*T) set() {}\nvar t = T{}\nfunc f() { t.set() }", "t is pointed to by method set"},
	{"package variables", "type T struct{}\nfunc (T) get() {}\nvar t = T{}\nfunc f() { t.get() }", ""},
	{"package variables", "type T struct{ n int }\nfunc (*T) Error() string\nvar errT = &T{}\nvar t = T{}\nfunc f() { g(errT.Error(), t.n) }", ""},
	{"package variables", "var t = T{}\nfunc f() { t := T{}; t.a = 1; g(&t) }", ""},
	{"package variables", "var t = T{}\nfunc f(t []int) { t[1]++ }", ""},
	{"package variables", "var t = T{}\nfunc f() { x.t = 1; x := t; x.a = t.b }", ""},
	{"package variables", "-- a/a.go --\nvar t = T{}\n-- a/b.go --\nfunc f() { t.a = 1 }", "a/b.go:2: package variable t is assigned to"},
	{"package variables", "-- a/a.go --\nvar t = T{}\n-- b/b.go --\nfunc f() { t.a = 1 }", ""},
	{"package variables", "-- a/a.go --\nimport \"net/http\"\nfunc f() { http.DefaultClient = nil }", "http.DefaultClient is assigned to"},
	{"package variables", "-- a/a_test.go --\nvar update bool", ""},
}

var tagRows = []row{
	{"build tags", "-- httpd/a.go --\n//go:build !linux\n\npackage p", ""},
	{"build tags", "-- httpd/a.go --\n//go:build linux\n\npackage p", "httpd/a.go:1: a build tag"},
	{"build tags", "-- httpd/a.go --\n//go:build race\n\npackage p", "a build tag"},
	{"build tags", "-- httpd/a.go --\n// +build race\n\npackage p", "a build tag"},
	{"build tags", "-- a/a.go --\n//go:build !linux\n\npackage p\n-- a/b.go --\n//go:build !linux\n\npackage p", "a/b.go:1: a build tag"},
	{"build tags", "-- a/a.go --\n//go:build !linux\n\npackage p\n-- a/b.go --\n//go:build !amd64\n\npackage p", ""},
	{"build tags", "-- a/a.go --\n//go:build !amd64\n\npackage p\n-- a/b.go --\n//go:build !amd64\n\npackage p", "a/b.go:1: a build tag"},
	{"build tags", "-- a/a.go --\n//go:build amd64\n\npackage p", "a/a.go:1: a build tag"},
	{"build tags", "//go:norace\nfunc f() {}", "httpd/a.go:2: go:norace"},
	{"build tags", "//go:noinline\nfunc f() {}", ""},
}

var textRows = []row{
	{"dead code", "// if the table is full, f\n// returns an error (EAGAIN), or for\n// {a, b} returns nil.\nfunc f() {}", ""},
	{"dead code", "// f is used so:\n//\n//\tif f() {\n//\t\treturn nil\n//\t}\nfunc f() {}", ""},
	{"dead code", "// func f(b []byte) {", "httpd/a.go:2: commented-out code"},
	{"dead code", "//if err != nil {", "commented-out code"},
	{"dead code", "// } else if a {", "commented-out code"},
	{"dead code", "// for i := range n { f(i) }", "commented-out code"},
	{"dead code", "func f() {\n\t//return nil, err\n}", "httpd/a.go:3: commented-out code"},
	{"dead code", "/*\ncode:\n\nreturn f(1)\n*/", "httpd/a.go:5: commented-out code"},
	{"dead code", "-- httpd/a_test.go --\n// defer f()", "commented-out code"},

	{"open work", "// Everything todo with methods: X-XXX-Y is a field.", "XXX"},
	{"open work", "// What to do with it; a todo list; XXXL.\nconst s = `TO" + "DO`", ""},
	{"open work", "//\n// TO" + "DO(me): more", "httpd/a.go:3: TO" + "DO"},
	{"open work", "/* FIX" + "ME */", "FIX" + "ME"},
	{"open work", "-- a/a_test.go --\nfunc f() {} // X" + "XX", "a/a_test.go:2: X" + "XX"},
}

var docRows = []row{
	{"exported names", "// F f.\nfunc F() {}\nfunc g() {}", ""},
	{"exported names", "func F() {}", "httpd/a.go:2: exported F has no doc comment"},
	{"exported names", "type T int", "exported T"},
	{"exported names", "type t int\nfunc (t) M() {}", ""},
	{"exported names", "// T t.\ntype T int\nfunc (*T) M() {}", "exported M"},
	{"exported names", "// T t.\ntype T[K any] int\nfunc (T[K]) M() {}", "exported M"},
	{"exported names", "// Types of things.\ntype (\nT int\n)", "exported T"},
	{"exported names", "type (\n// T t.\nT int\n)", ""},
	{"exported names", "// Errors.\nconst (\nA = 1\nB = 2\n)", ""},
	{"exported names", "const (\n// A a.\nA = 1\nB = 2 // b\nc = 3\n)", ""},
	{"exported names", "const (\n// A a.\nA = 1\nB = 2\n)", "httpd/a.go:5: exported B"},
	{"exported names", "var a, B = 1, 2", "exported B"},
	{"exported names", "-- httpd/a_test.go --\nfunc F() {}", ""},

	{"packages", "-- a/a.go --\npackage a\n-- a/doc.go --\n// Package a is.\npackage a", ""},
	{"packages", "-- a/a.go --\n// Copyright.\n\npackage a", "a: the package has no package comment"},
	{"packages", "-- a/a_test.go --\npackage a", ""},

	{"Config fields", "type Config struct {\n// A is in bytes.\nA int\nB int // bytes\nc int\n}\ntype T struct { A int }", ""},
	{"Config fields", "type Config struct {\n// A is in bytes.\nA int\nB int\n}", "httpd/a.go:5: Config.B has no comment"},
	{"Config fields", "type Config struct {\n// A is for TCP.\nA struct { Idle int }\n}", "Config.Idle"},
}

var layerRows = []row{
	{"rooms", "-- httpd/a.go --\n-- httpd/parser/a.go --\n-- httpd/sess/a.go --\n-- examples/adder/main.go --\n", ""},
	{"rooms", "-- httpd/a.go --\n-- httpd/parser/a.go --\n-- httpd/sess/a_test.go --\n-- examples/adder/main.go --\n", "httpd/sess: no code here"},

	{"pure", "-- httpd/parser/a.go --\nimport (\"bytes\"; \"math/bits\"; \"strconv\")", ""},
	{"pure", "-- httpd/parser/a.go --\nimport \"fmt\"", "httpd/parser/a.go:2: imports fmt: httpd/parser is pure"},
	{"pure", "-- httpd/parser/a.go --\nimport \"time\"", "imports time"},
	{"pure", "-- httpd/sess/a.go --\nimport \"time\"", ""},
	{"pure", "-- httpd/sess/a.go --\nimport \"sync/atomic\"", "imports sync/atomic"},
	{"pure", "-- httpd/sess/a.go --\nimport \"moor.example/httpd/parser\"", "imports moor.example/httpd/parser"},
	{"pure", "-- httpd/sess/a.go --\nimport b \"github.com/valyala/bytebufferpool\"", "imports github.com"},
	{"pure", "-- httpd/sess/a_test.go --\nimport \"fmt\"", ""},
	{"pure", "-- httpd/a.go --\nimport \"fmt\"", ""},
	{"pure", "-- httpd/parser/scan_amd64.go --\nimport \"golang.org/x/sys/cpu\"", ""},
	{"pure", "-- httpd/parser/scan_amd64.go --\nimport \"golang.org/x/sys/unix\"", "imports golang.org/x/sys/unix"},
	{"pure", "-- httpd/parser/octet.go --\nimport \"golang.org/x/sys/cpu\"", "imports golang.org/x/sys/cpu"},

	{"system", "-- httpd/kernel_linux.go --\nimport (\"golang.org/x/sys/unix\"; \"unsafe\"; \"syscall\")", ""},
	{"system", "-- httpd/kernel_other.go --\nimport \"syscall\"", "httpd/kernel_other.go:2: imports syscall"},
	{"system", "-- httpd/loop.go --\nimport \"golang.org/x/sys/unix\"", "imports golang.org/x/sys"},
	{"system", "-- httpd/parser/octet.go --\nimport \"unsafe\"", "imports unsafe"},
	{"system", "-- httpd/parser/scan_amd64.go --\nimport \"golang.org/x/sys/cpu\"", ""},
	{"system", "-- httpd/parser/scan_amd64.go --\nimport (\"golang.org/x/sys/cpu\"; \"unsafe\")", "imports unsafe"},
	{"system", "-- httpd/loop.go --\nimport \"golang.org/x/sys/cpu\"", "imports golang.org/x/sys"},
	{"system", "-- examples/adder/main.go --\nimport \"syscall\"", ""},
	{"system", "-- examples/adder/main.go --\nimport \"unsafe\"", "imports unsafe"},
	{"system", "-- httpd/loop_test.go --\nimport \"syscall\"", ""},
	{"system", "-- httpd/internal/pair/pair_linux.go --\nimport \"syscall\"", ""},
	{"system", "-- httpd/internal/pair/pair_linux.go --\nimport \"golang.org/x/sys/unix\"", "imports golang.org/x/sys"},
	{"system", "-- httpd/internal/pair/pair.go --\nimport \"syscall\"", "imports syscall"},

	{"no net/http", "-- httpd/a.go --\nimport \"net\"\n-- examples/adder/client/main.go --\nimport \"net/http\"", ""},
	{"no net/http", "-- httpd/a.go --\nimport \"net/http\"", "httpd/a.go:2: imports net/http"},
	{"no net/http", "-- httpd/sess/a.go --\nimport \"net/http/httptrace\"", "imports net/http"},
	{"no net/http", "-- httpd/a_test.go --\nimport \"net/http\"", ""},
	{"no net/http", "-- httpd/httpdtest/a.go --\nimport \"net/http\"", ""},
}

var testRows = []row{
	{"skip", "-- a/a_test.go --\nfunc f() { t.Skip(\"no IPv6 here\"); b.Skipf(\"no %s\", x); t.Skip(\"no IPv6: \" + err.Error()); p.Skip(3) }", ""},
	{"skip", "-- a/a_test.go --\nfunc f() { t.Skip() }", "a/a_test.go:2: a skip without a reason"},
	{"skip", "-- a/a_test.go --\nfunc f() { tb.Skip(err) }", "a skip without a reason"},
	{"skip", "-- a/a_test.go --\nfunc f() { b.Skip(\" \") }", "a skip without a reason"},
	{"skip", "-- a/a_test.go --\nfunc f() { f.SkipNow() }", "a skip without a reason"},

	{"sleep", "func f() { time.Sleep(d) } // sleep: the kernel has no event for this", ""},
	{"sleep", "func f() { time.Sleep(d) }", "httpd/a.go:2: time.Sleep"},
	{"sleep", "func f() { time.Sleep(d) } // sleep:", "time.Sleep"},
	{"sleep", "func f() { go g(time.Sleep) } // wait a bit", "time.Sleep"},
	{"sleep", "-- a/a_test.go --\n// sleep: because\nfunc f() { time.Sleep(d) }", "a/a_test.go:3: time.Sleep"},
	{"sleep", "func f() { clock.Sleep(d) }", ""},
}

func TestRequires(t *testing.T) {
	const pool, sys = "github.com/valyala/bytebufferpool v1.0.0\n", "golang.org/x/sys v0.49.0\n"
	for _, r := range []struct{ mod, want string }{
		{"module m\n\ngo 1.26.0\n\nrequire (\n" + pool + sys + ")\n", ""},
		{"require " + pool + "require " + sys, ""},
		{"require (\n" + pool + ")\n", "go.mod: does not require golang.org/x/sys"},
		{"", "go.mod: does not require github.com/valyala/bytebufferpool; go.mod: does not require golang.org/x/sys"},
		{"require (\n" + pool + sys + "golang.org/x/net v0.1.0\n)\n", "go.mod: requires golang.org/x/net: the root module has bytebufferpool and x/sys alone"},
		{"require (\n" + pool + "golang.org/x/sys v0.49.0 // indirect\n)\n", "go.mod: golang.org/x/sys is indirect: import it or drop it"},
		{"// require golang.org/x/net v0.1.0\nrequire (\n" + pool + sys + ")\nexclude (\ngolang.org/x/net v0.1.0\n)\n", ""},
	} {
		if got := strings.Join(requires(r.mod), "; "); got != r.want {
			t.Errorf("%s: %q, want %q", r.mod, got, r.want)
		}
	}
}
