package moor_test

import (
	"fmt"
	"go/ast"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDocTables holds the tables of the documents against the code: the tests
// that they name exist, no section of the RFC is missing, and the limits are
// those that config.go documents.
func TestDocTables(t *testing.T) {
	paths, err := filepath.Glob("docs/*.md")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no documents: %v", err)
	}
	files := load(t)
	tests, limits := testsOf(t, files), configLimits(files)
	for _, path := range append(paths, "README.md") {
		d := document{path, tables(readText(t, path))}
		for _, fix := range slices.Concat(d.tests(tests), d.limits(limits)) {
			t.Error(fix)
		}
		if path == "docs/http1.md" {
			for _, fix := range d.sections() {
				t.Error(fix)
			}
		}
	}
}

func readText(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A document is a page with tables. Its methods say what is to be fixed.
type document struct {
	path   string
	tables []table
}

// A table is one of a page, under a heading.
type table struct {
	heading string
	columns []string
	rows    []tableRow
}

type tableRow struct {
	line  int
	cells []string
}

// tables returns the tables of a page in Markdown.
func tables(text string) (all []table) {
	heading, open := "", false
	for i, line := range strings.Split(text, "\n") {
		switch {
		case strings.HasPrefix(line, "#"):
			heading = strings.TrimLeft(line, "# ")
			open = false
		case !strings.HasPrefix(line, "|"):
			open = false
		case !open:
			all = append(all, table{heading: heading, columns: cells(line)})
			open = true
		case !strings.HasPrefix(line, "|---"):
			last := &all[len(all)-1]
			last.rows = append(last.rows, tableRow{i + 1, cells(line)})
		}
	}
	return all
}

// cells takes a line of a table apart. A bar in a cell has a backslash.
func cells(line string) (list []string) {
	line = strings.ReplaceAll(line, `\|`, "\x00")
	for c := range strings.SplitSeq(strings.Trim(line, "|"), "|") {
		list = append(list, strings.TrimSpace(strings.ReplaceAll(c, "\x00", "|")))
	}
	return list
}

func (d *document) fix(row tableRow, format string, args ...any) string {
	return fmt.Sprintf("%s:%d: %s", d.path, row.line, fmt.Sprintf(format, args...))
}

// A testSet has the tests of the packages, by the name of the package's
// directory: what their files say, and the functions in them.
type testSet map[string]struct {
	text  string
	funcs map[string]bool
}

func testsOf(t *testing.T, files []*file) testSet {
	t.Helper()
	set := testSet{}
	for _, f := range files {
		if f.isTest() && f.dir() != "." {
			set.add(f, readText(t, f.path))
		}
	}
	return set
}

func (set testSet) add(f *file, text string) {
	pkg := set[filepath.Base(f.dir())]
	if pkg.funcs == nil {
		pkg.funcs = map[string]bool{}
	}
	for _, decl := range f.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil {
			pkg.funcs[fn.Name.Name] = true
		}
	}
	pkg.text += text
	set[filepath.Base(f.dir())] = pkg
}

// A name of a test is `package TestName` or `package TestName/row`.
var testName = regexp.MustCompile("`([a-z0-9]+) ((?:Test|Fuzz|Example|Benchmark)\\w*)(?:/([^`]+))?`")

// tests wants the tests that are named to exist, and a rule that is held to
// have one: where a table has the columns "held" and "test", held begins with
// yes, or else it says why it does not.
func (d *document) tests(set testSet) (fixes []string) {
	for _, table := range d.tables {
		held, test := slices.Index(table.columns, "held"), slices.Index(table.columns, "test")
		for _, row := range table.rows {
			if len(row.cells) != len(table.columns) {
				fixes = append(fixes, d.fix(row, "%d cells under %d columns", len(row.cells), len(table.columns)))
				continue
			}
			for _, name := range testName.FindAllStringSubmatch(strings.Join(row.cells, " "), -1) {
				fixes = append(fixes, d.missing(row, set, name)...)
			}
			if held >= 0 && test >= 0 {
				fixes = append(fixes, d.held(row, row.cells[held], row.cells[test])...)
			}
		}
	}
	return fixes
}

func (d *document) missing(row tableRow, set testSet, name []string) []string {
	pkg, test, sub := name[1], name[2], name[3]
	switch {
	case set[pkg].funcs == nil:
		return []string{d.fix(row, "there is no package %s with tests", pkg)}
	case !set[pkg].funcs[test]:
		return []string{d.fix(row, "there is no %s in %s", test, pkg)}
	case !strings.Contains(set[pkg].text, sub):
		return []string{d.fix(row, "no test of %s has a row %q", pkg, sub)}
	}
	return nil
}

var reasonWhy = regexp.MustCompile(`^(no|none): \w`)

func (d *document) held(row tableRow, held, test string) []string {
	yes := held == "yes" || strings.HasPrefix(held, "yes: ") || strings.HasPrefix(held, "yes; ")
	switch {
	case !yes && !reasonWhy.MatchString(held):
		return []string{d.fix(row, "held is %q: say yes, or `no: why`, or `none: why`", held)}
	case yes && !testName.MatchString(test):
		return []string{d.fix(row, "held, and no test is named that holds it")}
	}
	return nil
}

// rfc9112 are its sections that have rules for messages and connections.
const rfc9112 = "2.1 2.2 2.3 3 3.1 3.2 3.2.1 3.2.2 3.2.3 3.2.4 3.3 4 5 5.1 5.2 6 6.1 6.2 6.3 7 7.1 7.1.1 7.1.2 7.1.3 7.2 7.3 7.4 " +
	"8 9.1 9.2 9.3 9.3.1 9.3.2 9.4 9.5 9.6 9.7 9.8 11"

// rfc9110 are its sections that bind the engine of an origin server.
const rfc9110 = "2.5 4.2.1 5.1 5.3 5.4 5.5 5.6.1 5.6.3 6.5.1 6.6.1 7.4 7.8 8.6 9.1 9.3.2 9.3.6 10.1.1 10.2.1 15.2 15.3.5 15.3.6 15.4.5"

// sections wants each of them to have a row under its RFC.
func (d *document) sections() (fixes []string) {
	for rfc, want := range map[string]string{"RFC 9112": rfc9112, "RFC 9110": rfc9110} {
		have := map[string]bool{}
		for _, table := range d.tables {
			for _, row := range table.rows {
				have[row.cells[0]] = have[row.cells[0]] || table.heading == rfc
			}
		}
		for section := range strings.FieldsSeq(want) {
			if !have[section] {
				fixes = append(fixes, fmt.Sprintf("%s: no row for section %s under the heading %s", d.path, section, rfc))
			}
		}
	}
	return fixes
}

// A limit is a field of Config, as its comment has it.
type limit struct {
	numbers string // of the default: "8 KiB"; empty if there is none
	status  string // the one that answers what is beyond it; empty if none does
}

var (
	number   = regexp.MustCompile(`\d[\d,]*( [KM]iB| s\b)?`)
	answers  = regexp.MustCompile(`\banswered (\d{3})`)
	preset   = regexp.MustCompile(`Default: ([^.]*)`)
	unlisted = []string{"Loops"} // it is no limit
)

// configLimits returns the limits that Config has: its numbers and durations.
func configLimits(files []*file) map[string]limit {
	limits := map[string]limit{}
	inspect(code(files), func(f *file, n ast.Node) {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || f.dir() != "httpd" || spec.Name.Name != "Config" {
			return
		}
		for _, field := range spec.Type.(*ast.StructType).Fields.List {
			name, text := field.Names[0].Name, strings.Join(strings.Fields(field.Doc.Text()), " ")
			if !isNumber(field.Type) || slices.Contains(unlisted, name) {
				continue
			}
			var l limit
			if m := preset.FindStringSubmatch(text); m != nil {
				l.numbers = strings.Join(number.FindAllString(m[1], -1), " ")
			}
			if m := answers.FindStringSubmatch(text); m != nil {
				l.status = m[1]
			}
			limits[name] = l
		}
	})
	return limits
}

// isNumber takes int and time.Duration.
func isNumber(typ ast.Expr) bool {
	switch typ := typ.(type) {
	case *ast.Ident:
		return typ.Name == "int"
	case *ast.SelectorExpr:
		return typ.Sel.Name == "Duration"
	}
	return false
}

// limits wants the tables under "Limits" to have every limit, with the numbers
// of its default and the status of what is beyond it.
func (d *document) limits(want map[string]limit) (fixes []string) {
	for _, table := range d.tables {
		if table.heading != "Limits" {
			continue
		}
		missing := maps.Clone(want)
		for _, row := range table.rows {
			name := strings.Trim(row.cells[0], "`")
			l, ok := want[name]
			numbers := strings.Join(number.FindAllString(row.cells[1], -1), " ")
			switch {
			case !ok:
				fixes = append(fixes, d.fix(row, "Config has no limit %s", name))
			case numbers != l.numbers:
				fixes = append(fixes, d.fix(row, "the default of %s is %q, by its comment %q", name, numbers, l.numbers))
			case l.status != "" && !strings.HasPrefix(row.cells[2], l.status):
				fixes = append(fixes, d.fix(row, "beyond %s comes %q, by its comment %s", name, row.cells[2], l.status))
			}
			delete(missing, name)
		}
		for name := range missing {
			fixes = append(fixes, fmt.Sprintf("%s: no row for Config.%s under the heading Limits", d.path, name))
		}
	}
	return fixes
}
