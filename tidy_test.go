// Package moor_test keeps the project tidy: the shape of its code, its
// comments, its layers and its tests. It needs no tool; every finding names
// the line and what to do about it. CONTRIBUTING.md has the budget.
package moor_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"
	"testing"
)

// A rule looks at the files of the module and says what to fix, a line each.
type rule func([]*file) []string

var shapeRules = map[string]rule{
	"function lines":    funcLines,
	"long functions":    longFuncs,
	"nesting":           nesting,
	"complexity":        complexity,
	"parameters":        parameters,
	"file lines":        fileLines,
	"methods":           methods,
	"struct fields":     structFields,
	"goto and init":     gotoAndInit,
	"package variables": packageVars,
	"build tags":        buildTags,
	"dead code":         deadCode,
	"open work":         openWork,
}

var docRules = map[string]rule{
	"exported names": exportedDocs,
	"packages":       packageDocs,
	"Config fields":  configDocs,
}

var layerRules = map[string]rule{
	"rooms":       rooms,
	"pure":        pureImports,
	"system":      systemImports,
	"no net/http": noNetHTTP,
}

var testRules = map[string]rule{
	"skip":  skipReasons,
	"sleep": sleeps,
	"lines": testLines,
}

func TestShape(t *testing.T) { apply(t, shapeRules) }
func TestDocs(t *testing.T)  { apply(t, docRules) }

func TestLayers(t *testing.T) {
	apply(t, layerRules)
	text, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for _, fix := range requires(string(text)) {
		t.Error(fix)
	}
}

func TestTests(t *testing.T) {
	apply(t, testRules)
	code, tests := countLines(load(t))
	t.Logf("%d test lines / %d code lines = %.2f", tests, code, float64(tests)/float64(max(code, 1)))
}

func apply(t *testing.T, rules map[string]rule) {
	files := load(t)
	for name, rule := range rules {
		t.Run(name, func(t *testing.T) {
			for _, fix := range rule(files) {
				t.Error(fix)
			}
		})
	}
}

// A file is a parsed Go file. Its path is relative to the module's root, with
// slashes.
type file struct {
	*ast.File
	fset *token.FileSet
	path string
}

func parse(fset *token.FileSet, path string, text any) (*file, error) {
	f, err := parser.ParseFile(fset, path, text, parser.ParseComments|parser.SkipObjectResolution)
	return &file{f, fset, path}, err
}

// load parses the root module: testdata, nested modules and hidden
// directories are not part of it.
func load(t *testing.T) []*file {
	t.Helper()
	var files []*file
	fset := token.NewFileSet()
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && p != "." && foreign(p):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(p, ".go"):
			return nil
		}
		f, err := parse(fset, filepath.ToSlash(p), nil)
		files = append(files, f)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func foreign(dir string) bool {
	base := filepath.Base(dir)
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil || base == "testdata" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_")
}

func (f *file) dir() string  { return path.Dir(f.path) }
func (f *file) isTest() bool { return strings.HasSuffix(f.path, "_test.go") }

func (f *file) line(p token.Pos) int { return f.fset.Position(p).Line }

// fix is a finding: where, what is wrong, what to do.
func (f *file) fix(p token.Pos, format string, args ...any) string {
	return fmt.Sprintf("%s:%d: %s", f.path, f.line(p), fmt.Sprintf(format, args...))
}

// code leaves out the tests.
func code(files []*file) (kept []*file) {
	for _, f := range files {
		if !f.isTest() {
			kept = append(kept, f)
		}
	}
	return kept
}

// packages sorts code files by directory.
func packages(files []*file) map[string][]*file {
	pkgs := map[string][]*file{}
	for _, f := range code(files) {
		pkgs[f.dir()] = append(pkgs[f.dir()], f)
	}
	return pkgs
}

func (f *file) imports(pkg string) (*ast.ImportSpec, bool) {
	for _, spec := range f.Imports {
		if p := importPath(spec); p == pkg || strings.HasPrefix(p, pkg+"/") {
			return spec, true
		}
	}
	return nil, false
}

func importPath(spec *ast.ImportSpec) string { return strings.Trim(spec.Path.Value, "`\"") }

// comments calls f for every line of every comment, without what
// makes it one.
func (f *file) comments(do func(p token.Pos, line string)) {
	for _, group := range f.Comments {
		for _, c := range group.List {
			p := c.Pos()
			for line := range strings.Lines(c.Text) {
				text := strings.TrimPrefix(strings.TrimPrefix(line, "/*"), "//")
				do(p, strings.TrimRight(strings.TrimSuffix(text, "*/"), "\r\n"))
				p += token.Pos(len(line))
			}
		}
	}
}

// requires checks that a go.mod has the two packages moor is built on, and no
// others.
func requires(mod string) (fixes []string) {
	want := map[string]bool{"github.com/valyala/bytebufferpool": true, "golang.org/x/sys": true}
	in := ""
	for line := range strings.Lines(mod) {
		body, comment, _ := strings.Cut(line, "//")
		words := strings.Fields(body)
		switch {
		case len(words) == 2 && words[1] == "(":
			in = words[0]
			continue
		case len(words) == 1 && words[0] == ")":
			in = ""
			continue
		case len(words) > 1 && words[0] == "require":
			words = words[1:]
		case in != "require" || len(words) == 0:
			continue
		}
		switch {
		case !want[words[0]]:
			fixes = append(fixes, fmt.Sprintf("go.mod: requires %s: the root module has bytebufferpool and x/sys alone", words[0]))
		case strings.TrimSpace(comment) == "indirect":
			fixes = append(fixes, fmt.Sprintf("go.mod: %s is indirect: import it or drop it", words[0]))
		}
		delete(want, words[0])
	}
	for pkg := range want {
		fixes = append(fixes, fmt.Sprintf("go.mod: does not require %s", pkg))
	}
	sort.Strings(fixes)
	return fixes
}
