package integration_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/policy"
)

// TestReasonsAreThoseOfTheCatalogue reads the source: every code that is written anywhere is in the
// catalogue, and every code of the catalogue is written somewhere else.
func TestReasonsAreThoseOfTheCatalogue(t *testing.T) {
	used := map[string]string{}
	for _, root := range []string{"cmd", "conf", "gateway", "policy", "tunnel"} {
		for name, file := range sources(t, filepath.Join("..", root)) {
			if filepath.Dir(name) == filepath.Join("..", "policy") {
				continue // the catalogue itself
			}
			for _, code := range codes(file) {
				used[code] = name
			}
		}
	}
	if len(used) < 90 {
		t.Errorf("only %d codes are used", len(used))
	}
	for _, code := range slices.Sorted(maps.Keys(used)) {
		if _, ok := policy.ReasonOf(code); !ok {
			t.Errorf("%s uses %q, which is not in the catalogue", used[code], code)
		}
	}
	for _, r := range policy.Reasons() {
		if used[r.Code] == "" {
			t.Errorf("%s is in the catalogue and never used", r.Code)
		}
	}
}

// sources parses every Go file below root that is no test.
func sources(t *testing.T, root string) map[string]*ast.File {
	t.Helper()
	files := map[string]*ast.File{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		files[path], err = parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

var codeForm = regexp.MustCompile(`^[a-z]+\.[a-z-]+$`)

// codes returns the texts of a file that have the form of a code: those of a known family, and
// every constant that is a Reason or a Rule by its type or name.
func codes(file *ast.File) []string {
	families := map[string]bool{}
	for _, r := range policy.Reasons() {
		families[r.Family()] = true
	}
	var found []string
	add := func(e ast.Expr, any bool) {
		lit, ok := e.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			return
		}
		code, _ := strconv.Unquote(lit.Value)
		family, _, _ := strings.Cut(code, ".")
		if codeForm.MatchString(code) && (any || families[family]) {
			found = append(found, code)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ValueSpec:
			for i, v := range n.Values {
				add(v, reasonByName(n, i))
			}
		case *ast.Field:
			return n.Tag == nil // settings have dots too
		case *ast.CallExpr:
			for _, arg := range n.Args {
				if makesProblem(n.Fun) {
					add(arg, true)
				}
			}
		case *ast.CompositeLit:
			if kind, ok := n.Type.(*ast.SelectorExpr); ok && kind.Sel.Name == "Problem" {
				for _, e := range n.Elts {
					if kv, ok := e.(*ast.KeyValueExpr); ok {
						add(kv.Value, true)
					}
				}
			}
		}
		return true
	})
	return found
}

// makesProblem reports whether a function that is called is problem, or New of the room problems.
func makesProblem(fun ast.Expr) bool {
	switch f := fun.(type) {
	case *ast.Ident:
		return f.Name == "problem"
	case *ast.SelectorExpr:
		room, ok := f.X.(*ast.Ident)
		return ok && room.Name == "problems" && f.Sel.Name == "New"
	}
	return false
}

// reasonByName reports whether the ith constant of a declaration is a reason by its type or name.
func reasonByName(spec *ast.ValueSpec, i int) bool {
	name := ""
	switch typ := spec.Type.(type) {
	case *ast.SelectorExpr:
		name = typ.Sel.Name
	case *ast.Ident:
		name = typ.Name
	}
	return name == "Reason" || name == "Rule" || strings.HasPrefix(spec.Names[i].Name, "Reason")
}
