package moor_test

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The budget. Tests are exempt from all of it but the shape of comments.
const (
	maxFuncLines        = 60
	longFuncLines       = 35 // at most one function in ten is longer
	maxNesting          = 3
	maxComplexity       = 15
	maxParserComplexity = 20
	maxParameters       = 4
	maxFileLines        = 400
	maxMethods          = 30
	maxFields           = 15
	maxAssemblyLines    = 140
)

// A function is a declared one, or a literal in a package-level variable.
// Literals inside a function count as part of it.
type function struct {
	*file
	node ast.Node
	name string
	body *ast.BlockStmt
}

func functions(files []*file) (fns []function) {
	for _, f := range code(files) {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				if fn.Body != nil {
					fns = append(fns, function{f, fn, fn.Name.Name, fn.Body})
				}
				continue
			}
			ast.Inspect(d, func(n ast.Node) bool {
				lit, ok := n.(*ast.FuncLit)
				if ok {
					fns = append(fns, function{f, lit, "a function literal", lit.Body})
				}
				return !ok
			})
		}
	}
	return fns
}

func (fn function) lines() int { return fn.line(fn.node.End()) - fn.line(fn.node.Pos()) + 1 }

func funcLines(files []*file) (fixes []string) {
	for _, fn := range functions(files) {
		if n := fn.lines(); n > maxFuncLines {
			fixes = append(fixes, fn.fix(fn.node.Pos(), "%s has %d lines, at most %d: split it", fn.name, n, maxFuncLines))
		}
	}
	return fixes
}

func longFuncs(files []*file) (fixes []string) {
	fns := functions(files)
	long := slices.DeleteFunc(slices.Clone(fns), func(fn function) bool { return fn.lines() <= longFuncLines })
	if len(long)*10 <= len(fns) {
		return nil
	}
	slices.SortFunc(long, func(a, b function) int { return cmp.Compare(b.lines(), a.lines()) })
	fixes = append(fixes, fmt.Sprintf("%d of %d functions have more than %d lines, at most one in ten: shorten some of these:", len(long), len(fns), longFuncLines))
	for _, fn := range long {
		fixes = append(fixes, fn.fix(fn.node.Pos(), "%s has %d lines", fn.name, fn.lines()))
	}
	return fixes
}

// A nest is a visitor that knows how deep it is. Every if, for, switch and
// select is a level. The arms of an if/else-if chain are on one level, and the
// clauses of a switch add none.
type nest struct {
	depth   int
	chained map[ast.Node]bool // the else arms
	reached func(depth int, at token.Pos)
}

// Visit is called by ast.Walk, with a copy of v for each branch of the tree.
func (v nest) Visit(n ast.Node) ast.Visitor {
	switch n := n.(type) {
	case *ast.IfStmt:
		if !v.chained[n] {
			v.depth++
		}
		v.chained[n.Else] = true
	case *ast.ForStmt, *ast.RangeStmt, *ast.SwitchStmt, *ast.TypeSwitchStmt, *ast.SelectStmt:
		v.depth++
	default:
		return v
	}
	v.reached(v.depth, n.Pos())
	return v
}

func nesting(files []*file) (fixes []string) {
	for _, fn := range functions(files) {
		deepest, where := 0, fn.node.Pos()
		reached := func(depth int, at token.Pos) {
			if depth > deepest {
				deepest, where = depth, at
			}
		}
		ast.Walk(nest{0, map[ast.Node]bool{}, reached}, fn.body)
		if deepest > maxNesting {
			fixes = append(fixes, fn.fix(where, "%s is nested %d deep, at most %d: return early or split it", fn.name, deepest, maxNesting))
		}
	}
	return fixes
}

// complexity counts the ways through a function: one, and one more for every
// if, loop, case, && and ||.
func complexity(files []*file) (fixes []string) {
	for _, fn := range functions(files) {
		n, most := 1, maxComplexity
		if fn.dir() == "httpd/parser" {
			most = maxParserComplexity
		}
		ast.Inspect(fn.body, func(node ast.Node) bool {
			if branches(node) {
				n++
			}
			return true
		})
		if n > most {
			fixes = append(fixes, fn.fix(fn.node.Pos(), "%s has complexity %d, at most %d: split it or make it a table", fn.name, n, most))
		}
	}
	return fixes
}

func branches(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.IfStmt, *ast.ForStmt, *ast.RangeStmt:
		return true
	case *ast.CaseClause:
		return n.List != nil
	case *ast.CommClause:
		return n.Comm != nil
	case *ast.BinaryExpr:
		return n.Op == token.LAND || n.Op == token.LOR
	}
	return false
}

func parameters(files []*file) (fixes []string) {
	inspect(code(files), func(f *file, n ast.Node) {
		if typ, ok := n.(*ast.FuncType); ok {
			if n := typ.Params.NumFields(); n > maxParameters {
				fixes = append(fixes, f.fix(typ.Pos(), "%d parameters, at most %d: make them a struct", n, maxParameters))
			}
		}
	})
	return fixes
}

func fileLines(files []*file) (fixes []string) {
	for _, f := range code(files) {
		if n := f.lineCount(); n > maxFileLines {
			fixes = append(fixes, f.fix(f.Package, "%d lines, at most %d: split the file by its question", n, maxFileLines))
		}
	}
	return fixes
}

func (f *file) lineCount() int { return f.fset.File(f.FileStart).LineCount() }

func methods(files []*file) (fixes []string) {
	for dir, pkg := range packages(files) {
		names := map[string]map[string]bool{} // type -> methods; one file per system may repeat them
		for _, f := range pkg {
			for _, d := range f.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv != nil {
					typ := receiver(fn)
					if names[typ] == nil {
						names[typ] = map[string]bool{}
					}
					names[typ][fn.Name.Name] = true
				}
			}
		}
		for typ, set := range names {
			if len(set) > maxMethods {
				fixes = append(fixes, fmt.Sprintf("%s: %s has %d methods, at most %d: it is two types, or some are functions", dir, typ, len(set), maxMethods))
			}
		}
	}
	return fixes
}

// receiver names the type a method belongs to.
func receiver(fn *ast.FuncDecl) string {
	typ := fn.Recv.List[0].Type
	for {
		switch t := typ.(type) {
		case *ast.StarExpr:
			typ = t.X
		case *ast.ParenExpr:
			typ = t.X
		case *ast.IndexExpr:
			typ = t.X
		case *ast.IndexListExpr:
			typ = t.X
		case *ast.Ident:
			return t.Name
		default:
			return ""
		}
	}
}

func structFields(files []*file) (fixes []string) {
	exempt := map[*ast.StructType]bool{}
	inspect(code(files), func(f *file, n ast.Node) {
		switch n := n.(type) {
		case *ast.TypeSpec:
			if s, ok := n.Type.(*ast.StructType); ok && n.Name.Name == "Config" {
				exempt[s] = true
			}
		case *ast.StructType:
			if fields := n.Fields.NumFields(); fields > maxFields && !exempt[n] {
				fixes = append(fixes, f.fix(n.Pos(), "a struct of %d fields, at most %d: group what belongs together", fields, maxFields))
			}
		}
	})
	return fixes
}

func gotoAndInit(files []*file) (fixes []string) {
	inspect(code(files), func(f *file, n ast.Node) {
		switch n := n.(type) {
		case *ast.BranchStmt:
			if n.Tok == token.GOTO {
				fixes = append(fixes, f.fix(n.Pos(), "goto: use a loop or a function"))
			}
		case *ast.FuncDecl:
			if n.Name.Name == "init" && n.Recv == nil {
				fixes = append(fixes, f.fix(n.Pos(), "init(): use a table or a constructor"))
			}
		}
	})
	return fixes
}

// buildTags allows file-name suffixes, one file for everything that is not Linux
// and one for every processor that has no assembly. No tag may give the race detector other code than the user gets.
func buildTags(files []*file) (fixes []string) {
	free := map[string]bool{"go:build !linux": true, "go:build !amd64": true}
	for _, f := range code(files) {
		f.comments(func(p token.Pos, line string) {
			switch {
			case free[line]:
				free[line] = false
			case strings.HasPrefix(line, "go:build"), strings.HasPrefix(strings.TrimSpace(line), "+build "):
				fixes = append(fixes, f.fix(p, "a build tag: use a file-name suffix; one file of the module is for !linux, one for !amd64"))
			case strings.HasPrefix(line, "go:norace"):
				fixes = append(fixes, f.fix(p, "go:norace: the race detector runs the code that ships"))
			}
		})
	}
	return fixes
}

// TestAssembly keeps assembly the exception: one short file, of the parser.
func TestAssembly(t *testing.T) {
	found := map[string]string{}
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.EqualFold(filepath.Ext(p), ".s") {
			text, err := os.ReadFile(p)
			found[filepath.ToSlash(p)] = string(text)
			return err
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, fix := range assembly(found) {
		t.Error(fix)
	}
	const here = "httpd/parser/scan_amd64.s"
	long := strings.Repeat("RET\n", maxAssemblyLines)
	for _, row := range []struct {
		path, text string
		want       int
	}{{here, long, 0}, {here, long + "RET\n", 1}, {"httpd/parser/scan_arm64.s", "RET\n", 1}, {"httpd/a_amd64.s", "RET\n", 1}} {
		if got := assembly(map[string]string{row.path: row.text}); len(got) != row.want {
			t.Errorf("%s of %d octets: %q, want %d findings", row.path, len(row.text), got, row.want)
		}
	}
}

// assembly looks at the files of that kind, by their path.
func assembly(files map[string]string) (fixes []string) {
	for path, text := range files {
		n := strings.Count(text, "\n")
		switch {
		case path != "httpd/parser/scan_amd64.s":
			fixes = append(fixes, path+": assembly: only the parser's scan is worth it; write it in Go")
		case n > maxAssemblyLines:
			fixes = append(fixes, fmt.Sprintf("%s: %d lines of assembly, at most %d: leave more to the Go code", path, n, maxAssemblyLines))
		}
	}
	return fixes
}

// inspect calls do for every node of every file.
func inspect(files []*file, do func(*file, ast.Node)) {
	for _, f := range files {
		ast.Inspect(f.File, func(n ast.Node) bool {
			do(f, n)
			return true
		})
	}
}
