package moor_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strings"
)

// deadCode refuses comment lines that are code. Examples in a doc comment are
// indented by a tab, as gofmt has it, and stay.
func deadCode(files []*file) (fixes []string) {
	for _, f := range files {
		f.comments(func(p token.Pos, line string) {
			if !strings.HasPrefix(line, "\t") && isCode(strings.TrimSpace(line)) {
				fixes = append(fixes, f.fix(p, "commented-out code: delete it, git remembers"))
			}
		})
	}
	return fixes
}

var (
	opensBlock = regexp.MustCompile(`^(func|if|for|switch|select|go|defer|\} else)\b.*[{}]$`)
	statement  = regexp.MustCompile(`^(return|go|defer|var)\b.*([(){}\[\],="]|\b(nil|true|false|err)\b)`)
)

// isCode tells a line of Go from a line of prose that begins with the same
// word.
func isCode(line string) bool {
	if opensBlock.MatchString(line) {
		return true
	}
	if !statement.MatchString(line) {
		return false
	}
	_, err := parser.ParseFile(token.NewFileSet(), "", "package p; func _() { "+line+"\n}", parser.SkipObjectResolution)
	return err == nil
}

// The words are in two parts, or this file would be its own first finding.
var openWords = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|X` + `XX)\b`)

func openWork(files []*file) (fixes []string) {
	for _, f := range files {
		f.comments(func(p token.Pos, line string) {
			if word := openWords.FindString(line); word != "" {
				fixes = append(fixes, f.fix(p, "%s: do it now, or open an issue and leave the code alone", word))
			}
		})
	}
	return fixes
}

func exportedDocs(files []*file) (fixes []string) {
	for _, f := range code(files) {
		for _, d := range f.Decls {
			for _, name := range undocumented(d) {
				fixes = append(fixes, f.fix(name.Pos(), "exported %s has no doc comment: say what it promises", name.Name))
			}
		}
	}
	return fixes
}

// undocumented returns the exported names of a declaration that neither they
// nor their group say anything about.
func undocumented(d ast.Decl) (names []*ast.Ident) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Doc == nil && (d.Recv == nil || ast.IsExported(receiver(d))) {
			names = append(names, d.Name)
		}
	case *ast.GenDecl:
		if d.Doc != nil && d.Tok != token.TYPE {
			return nil
		}
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				if spec.Doc == nil && (d.Doc == nil || d.Lparen.IsValid()) {
					names = append(names, spec.Name)
				}
			case *ast.ValueSpec:
				if spec.Doc == nil && spec.Comment == nil {
					names = append(names, spec.Names...)
				}
			}
		}
	}
	return exported(names)
}

func exported(names []*ast.Ident) (kept []*ast.Ident) {
	for _, name := range names {
		if name.IsExported() {
			kept = append(kept, name)
		}
	}
	return kept
}

func packageDocs(files []*file) (fixes []string) {
	for dir, pkg := range packages(files) {
		said := false
		for _, f := range pkg {
			said = said || f.Doc != nil
		}
		if !said {
			fixes = append(fixes, fmt.Sprintf("%s: the package has no package comment: say what it is for", dir))
		}
	}
	return fixes
}

// configDocs wants a word on every setting: its unit, its default, what zero
// and negative mean.
func configDocs(files []*file) (fixes []string) {
	inspect(code(files), func(f *file, n ast.Node) {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || spec.Name.Name != "Config" {
			return
		}
		ast.Inspect(spec, func(n ast.Node) bool {
			if field, ok := n.(*ast.Field); ok && field.Doc == nil && field.Comment == nil {
				for _, name := range exported(field.Names) {
					fixes = append(fixes, f.fix(name.Pos(), "Config.%s has no comment: say its unit and its default", name.Name))
				}
			}
			return true
		})
	})
	return fixes
}

// rooms makes sure that the other layer rules have something to look at.
func rooms(files []*file) (fixes []string) {
	pkgs := packages(files)
	for _, dir := range []string{"httpd", "httpd/parser", "httpd/sess", "examples/adder"} {
		if len(pkgs[dir]) == 0 {
			fixes = append(fixes, dir+": no code here; if it moved, mend the layer rules")
		}
	}
	return fixes
}

// impure is what neither the parser nor the session table may know: I/O,
// other goroutines, a clock, or how to format a message.
const impure = " bufio context fmt io log net os runtime sync syscall time unsafe "

func pureImports(files []*file) (fixes []string) {
	for _, f := range code(files) {
		if f.dir() != "httpd/parser" && f.dir() != "httpd/sess" {
			continue
		}
		for _, spec := range f.Imports {
			pkg := importPath(spec)
			top, _, _ := strings.Cut(pkg, "/")
			switch {
			case pkg == "time" && f.dir() == "httpd/sess":
				// Deadlines: the table is told the time, it does not ask.
			case asksProcessor(f, pkg):
				// What a processor can do never changes.
			case strings.Contains(top, "."), strings.Contains(impure, " "+top+" "):
				fixes = append(fixes, f.fix(spec.Pos(), "imports %s: %s is pure, what it needs is an argument", pkg, f.dir()))
			}
		}
	}
	return fixes
}

// asksProcessor allows the parser's assembly to be chosen.
func asksProcessor(f *file, pkg string) bool {
	return f.path == "httpd/parser/scan_amd64.go" && pkg == "golang.org/x/sys/cpu"
}

// systemImports keeps the engine's system calls in one file. A program in
// examples may name a signal, and httpd/internal/pair makes a pair of sockets.
func systemImports(files []*file) (fixes []string) {
	for _, f := range code(files) {
		if f.path == "httpd/kernel_linux.go" {
			continue
		}
		may := strings.HasPrefix(f.path, "examples/") || f.path == "httpd/internal/pair/pair_linux.go"
		for _, pkg := range []string{"golang.org/x/sys", "syscall", "unsafe"} {
			spec, ok := f.imports(pkg)
			if ok && asksProcessor(f, importPath(spec)) {
				continue
			}
			if ok && (pkg != "syscall" || !may) {
				fixes = append(fixes, f.fix(spec.Pos(), "imports %s: only httpd/kernel_linux.go does, go through the kernel interface", pkg))
			}
		}
	}
	return fixes
}

// noNetHTTP keeps net/http out of the engine. The packages on top of it may be
// about net/http.
func noNetHTTP(files []*file) (fixes []string) {
	for _, f := range code(files) {
		if spec, ok := f.imports("net/http"); ok && strings.Contains(" httpd httpd/parser httpd/sess ", " "+f.dir()+" ") {
			fixes = append(fixes, f.fix(spec.Pos(), "imports net/http: the engine has its own words"))
		}
	}
	return fixes
}

func skipReasons(files []*file) (fixes []string) {
	inspect(files, func(f *file, n ast.Node) {
		call, ok := n.(*ast.CallExpr)
		if !ok || !f.isTest() {
			return
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || !isTesting(sel.X) {
			return
		}
		switch sel.Sel.Name {
		case "Skip", "Skipf":
			if len(call.Args) > 0 && hasString(call.Args[0]) {
				return
			}
		case "SkipNow":
		default:
			return
		}
		fixes = append(fixes, f.fix(call.Pos(), "a skip without a reason: say in a string what is missing"))
	})
	return fixes
}

// isTesting goes by the names that tests give a *testing.T, B, F or TB.
func isTesting(x ast.Expr) bool {
	id, ok := x.(*ast.Ident)
	return ok && strings.Contains(" t b f tb ", " "+id.Name+" ")
}

// hasString reports whether an expression has words of its own in it.
func hasString(x ast.Expr) (found bool) {
	ast.Inspect(x, func(n ast.Node) bool {
		lit, ok := n.(*ast.BasicLit)
		found = found || ok && lit.Kind == token.STRING && len(strings.Trim(lit.Value, "`\" ")) > 0
		return true
	})
	return found
}

// sleeps allows time.Sleep where the same line says why waiting for an event
// would not do.
func sleeps(files []*file) (fixes []string) {
	for _, f := range files {
		reasons := map[int]bool{}
		f.comments(func(p token.Pos, line string) {
			if reason, ok := strings.CutPrefix(strings.TrimSpace(line), "sleep:"); ok && strings.TrimSpace(reason) != "" {
				reasons[f.line(p)] = true
			}
		})
		inspect([]*file{f}, func(f *file, n ast.Node) {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok || sel.Sel.Name != "Sleep" || reasons[f.line(n.Pos())] {
				return
			}
			if id, ok := sel.X.(*ast.Ident); ok && id.Name == "time" {
				fixes = append(fixes, f.fix(n.Pos(), "time.Sleep: wait for the event, or say `// sleep: why` on the line"))
			}
		})
	}
	return fixes
}

// testLines wants a line of test for every line of code.
func testLines(files []*file) (fixes []string) {
	code, tests := countLines(files)
	if tests < code {
		fixes = append(fixes, fmt.Sprintf("%d lines of tests for %d lines of code: at least as many", tests, code))
	}
	return fixes
}

// countLines leaves out the root: these rules test no behaviour.
func countLines(files []*file) (code, tests int) {
	for _, f := range files {
		switch {
		case f.dir() == ".":
		case f.isTest():
			tests += f.lineCount()
		default:
			code += f.lineCount()
		}
	}
	return code, tests
}
