package main

import (
	"bytes"
	"errors"
	"flag"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const root = "../.."

// hygiene has the tests run that .ci/run has steps of its own for.
var hygiene = flag.Bool("hygiene", false, "look at what go vet and the sums of modules say")

// goFiles calls each for every file of Go in the tree.
func goFiles(t *testing.T, each func(name string, text []byte)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && path != root):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go"):
			return nil
		}
		text, err := os.ReadFile(path)
		if err == nil {
			each(path, text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestFilesAreFormatted(t *testing.T) {
	files, bad := 0, 0
	goFiles(t, func(name string, text []byte) {
		files++
		if want, err := format.Source(text); err != nil || !bytes.Equal(text, want) {
			bad++
			t.Errorf("%s is not formatted: %v", name, err)
		}
	})
	t.Logf("prove: %d files of Go, %d not formatted", files, bad)
}

// tool runs the go tool in the tree and returns what it prints.
func tool(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Skipf("go %s: %v", strings.Join(args, " "), err)
	}
	return string(out), err
}

func TestVetFindsNothing(t *testing.T) {
	if !*hygiene {
		t.Skip("the whole tree takes a while: -args -hygiene")
	}
	out, err := tool(t, "vet", "./...")
	found := 0
	for line := range strings.Lines(out) {
		if !strings.HasPrefix(line, "#") {
			found++
		}
	}
	t.Logf("prove: go vet of all packages, %d lines of findings", found)
	if err != nil || found > 0 {
		t.Errorf("go vet: %v\n%s", err, out)
	}
}

func TestModulesAreWhatTheyWere(t *testing.T) {
	if !*hygiene {
		t.Skip("the sums of all modules take a while: -args -hygiene")
	}
	list, err := tool(t, "list", "-m", "all")
	if err != nil {
		t.Skipf("the modules are not known here: %s", list)
	}
	out, err := tool(t, "mod", "verify")
	changed := strings.Count(out, "has been modified")
	t.Logf("prove: %d modules by their sums, %d changed since they were fetched", strings.Count(list, "\n")-1, changed)
	if err != nil {
		t.Errorf("go mod verify: %v\n%s", err, out)
	}
}

// idle are the calls in a test file by which a test sleeps, or is skipped always or without a reason.
func idle(f *ast.File) (found []ast.Node) {
	for _, d := range f.Decls {
		fn, isFunc := d.(*ast.FuncDecl)
		if !isFunc || fn.Body == nil {
			continue
		}
		test := strings.HasPrefix(fn.Name.Name, "Test")
		for _, s := range fn.Body.List {
			if e, alone := s.(*ast.ExprStmt); alone && test && strings.HasPrefix(called(e.X), "t.Skip") {
				found = append(found, e)
			}
		}
		ast.Inspect(fn.Body, func(n ast.Node) bool {
			call, isCall := n.(*ast.CallExpr)
			if isCall && (called(call) == "time.Sleep" || called(call) == "t.SkipNow" || called(call) == "t.Skip" && len(call.Args) == 0) {
				found = append(found, n)
			}
			return true
		})
	}
	return found
}

// called is the name of what is called, as package.Function; empty if it is no such call.
func called(e ast.Expr) string {
	call, isCall := e.(*ast.CallExpr)
	if !isCall {
		return ""
	}
	of, isOf := call.Fun.(*ast.SelectorExpr)
	if !isOf {
		return ""
	}
	x, isName := of.X.(*ast.Ident)
	if !isName {
		return ""
	}
	return x.Name + "." + of.Sel.Name
}

func TestNoTestSleepsOrIsSkipped(t *testing.T) {
	files, bad := 0, 0
	goFiles(t, func(name string, text []byte) {
		if !strings.HasSuffix(name, "_test.go") {
			return
		}
		files++
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, name, text, 0)
		if err != nil {
			t.Error(err)
			return
		}
		for _, n := range idle(f) {
			bad++
			t.Errorf("%s: a test sleeps, or is skipped always or without a reason", set.Position(n.Pos()))
		}
	})
	t.Logf("prove: %d files of tests, %d places where one sleeps or is skipped always", files, bad)
}

func TestIdleIsSeen(t *testing.T) {
	for body, want := range map[string]int{
		`t.Skip("later")`:                        1,
		`t.Skipf("later %d", 1)`:                 1,
		`if true { t.Skip() }`:                   1,
		`for { time.Sleep(1) }`:                  1,
		`if x { t.Skip("no java here") }`:        0,
		`t.Run("a", func(t *testing.T) { f() })`: 0,
	} {
		f, err := parser.ParseFile(token.NewFileSet(), "x_test.go", "package x\nfunc TestX(t *testing.T) { "+body+" }", 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(idle(f)); got != want {
			t.Errorf("%s: %d found, want %d", body, got, want)
		}
	}
}
