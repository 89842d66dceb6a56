package moor_test

import (
	"errors"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// packageVars keeps package-level variables constant in all but name: they are
// errors, tables and values made once, and nothing changes them afterwards.
//
// Names are resolved by go/types, so a local variable may share one. Imports
// are not loaded; what a foreign function does to its argument goes unseen.
func packageVars(files []*file) (fixes []string) {
	for _, pkg := range packages(files) {
		fixes = append(fixes, varForms(pkg)...)
		fixes = append(fixes, varChanges(pkg)...)
	}
	return fixes
}

// varForms looks at the declarations.
func varForms(pkg []*file) (fixes []string) {
	for _, f := range pkg {
		for _, d := range f.Decls {
			gen, ok := d.(*ast.GenDecl)
			if !ok || gen.Tok != token.VAR || embeds(gen) {
				continue
			}
			for _, spec := range gen.Specs {
				fixes = append(fixes, varSpec(f, spec.(*ast.ValueSpec))...)
			}
		}
	}
	return fixes
}

// embeds reports whether the variable has its value from a file.
func embeds(gen *ast.GenDecl) bool {
	return gen.Doc != nil && slices.ContainsFunc(gen.Doc.List, func(c *ast.Comment) bool {
		return strings.HasPrefix(c.Text, "//go:embed ")
	})
}

func varSpec(f *file, spec *ast.ValueSpec) (fixes []string) {
	for i, name := range spec.Names {
		switch {
		case name.Name == "_":
			// An assertion that a type has its methods.
		case len(spec.Values) == 0:
			fixes = append(fixes, f.fix(name.Pos(), "package variable %s has no value, so something will change it: put it in a struct", name.Name))
		case !fixedValue(spec.Values[min(i, len(spec.Values)-1)], name.Name):
			fixes = append(fixes, f.fix(name.Pos(), "package variable %s is no error, table or value made once: make it a const or put it in a struct", name.Name))
		}
	}
	return fixes
}

// fixedValue accepts a composite literal, and a call that is not there to make
// something to be changed. Only an error may be a pointer.
func fixedValue(x ast.Expr, name string) bool {
	switch x := x.(type) {
	case *ast.CompositeLit:
		return true
	case *ast.UnaryExpr:
		_, lit := x.X.(*ast.CompositeLit)
		return lit && x.Op == token.AND && strings.HasPrefix(strings.ToLower(name), "err")
	case *ast.CallExpr:
		id, ok := x.Fun.(*ast.Ident)
		return !ok || id.Name != "new" && id.Name != "make"
	}
	return false
}

// A changes collects the places where package-level variables change.
type changes struct {
	info  types.Info
	scope *types.Scope            // the package's
	rows  map[types.Object]string // locals that point into a table, to read it
	reads map[ast.Expr]bool       // the right sides that made them
	fixes []string
}

func varChanges(pkg []*file) []string {
	c := changes{rows: map[types.Object]string{}, reads: map[ast.Expr]bool{}}
	c.info = types.Info{
		Defs:       map[*ast.Ident]types.Object{},
		Uses:       map[*ast.Ident]types.Object{},
		Selections: map[*ast.SelectorExpr]*types.Selection{},
	}
	syntax := make([]*ast.File, len(pkg))
	for i, f := range pkg {
		syntax[i] = f.File
	}
	conf := types.Config{Importer: noImports{}, Error: func(error) {}}
	checked, _ := conf.Check(pkg[0].dir(), pkg[0].fset, syntax, &c.info) // not the compiler: errors are no news
	c.scope = checked.Scope()
	inspect(pkg, c.node)
	return c.fixes
}

type noImports struct{}

func (noImports) Import(string) (*types.Package, error) { return nil, errors.New("not loaded") }

// node looks for the ways to change a variable: assignment, ++, range, &, a
// built-in that writes, a method that takes a pointer.
func (c *changes) node(f *file, n ast.Node) {
	switch n := n.(type) {
	case *ast.AssignStmt:
		if n.Tok == token.DEFINE {
			c.defined(n)
		} else {
			c.changed(f, "assigned to", n.Lhs...)
		}
	case *ast.IncDecStmt:
		c.changed(f, "counted", n.X)
	case *ast.RangeStmt:
		if n.Tok == token.ASSIGN {
			c.changed(f, "assigned to", n.Key, n.Value)
		}
	case *ast.UnaryExpr:
		if n.Op == token.AND && !c.reads[n] {
			c.changed(f, "pointed to", n.X)
		}
	case *ast.CallExpr:
		id, ok := n.Fun.(*ast.Ident)
		if ok && len(n.Args) > 0 && slices.Contains([]string{"append", "clear", "copy", "delete"}, id.Name) {
			c.changed(f, "given to "+id.Name, n.Args[0])
		}
	case *ast.SelectorExpr:
		if c.byPointer(n) {
			c.changed(f, "pointed to by method "+n.Sel.Name, n.X)
		}
	}
}

// defined lets a local point to a row of a table: row := &states[s]. What is
// done to the row is done to the table.
func (c *changes) defined(n *ast.AssignStmt) {
	for i, rhs := range n.Rhs {
		ref, ok := rhs.(*ast.UnaryExpr)
		if !ok || ref.Op != token.AND {
			continue
		}
		if _, ok := ref.X.(*ast.IndexExpr); !ok {
			continue
		}
		if name, ok := c.packageVar(ref.X); ok {
			c.rows[c.info.Defs[n.Lhs[i].(*ast.Ident)]] = name
			c.reads[rhs] = true
		}
	}
}

// byPointer reports whether x.Sel is a method of *T where x is a T.
func (c *changes) byPointer(x *ast.SelectorExpr) bool {
	sel := c.info.Selections[x]
	if sel == nil || sel.Kind() != types.MethodVal {
		return false
	}
	recv := sel.Obj().(*types.Func).Signature().Recv()
	return isPointer(recv.Type()) && !isPointer(sel.Recv())
}

func isPointer(t types.Type) bool {
	_, ok := t.Underlying().(*types.Pointer)
	return ok
}

func (c *changes) changed(f *file, how string, xs ...ast.Expr) {
	for _, x := range xs {
		if name, ok := c.packageVar(x); ok {
			c.fixes = append(c.fixes, f.fix(x.Pos(), "package variable %s is %s: only its declaration gives it a value", name, how))
		}
	}
}

// packageVar finds the variable of which whole is a part, and says whether it is
// at package level, here or in an imported package.
func (c *changes) packageVar(whole ast.Expr) (name string, ok bool) {
	x := whole
	for {
		switch e := x.(type) {
		case *ast.ParenExpr:
			x = e.X
		case *ast.IndexExpr:
			x = e.X
		case *ast.SliceExpr:
			x = e.X
		case *ast.StarExpr:
			x = e.X
		case *ast.SelectorExpr:
			if id, isID := e.X.(*ast.Ident); isID {
				if _, imported := c.info.Uses[id].(*types.PkgName); imported {
					return id.Name + "." + e.Sel.Name, true
				}
			}
			x = e.X
		case *ast.Ident:
			if name, ok := c.rows[c.info.Uses[e]]; ok {
				return name, whole != x
			}
			v, isVar := c.info.Uses[e].(*types.Var)
			return e.Name, isVar && v.Parent() == c.scope
		default:
			return "", false
		}
	}
}
