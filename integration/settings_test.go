package integration_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// usedInConf are the settings that only conf itself acts on, and what it does with them.
var usedInConf = map[string]string{
	"engine.profile":        "there is one choice, which conf checks",
	"engine.upstream.ca":    "conf reads the file: Upstream.Authorities and Roots",
	"engine.upstream.hosts": "conf finds the one of a site: Upstream.HostOf",
	"engine.liferay":        "conf/vendor reads the files; conf holds what stands in them against its rules",

	"kentico.assembly":                 "conf/kentico knows the one of a line: Section.AssemblyName",
	"kentico.receives.secret.file":     "conf reads the file",
	"kentico.sends.secret.file":        "conf reads the file",
	"kentico.peers.sends.secret.file":  "conf reads the file",
	"kentico.peers.target.secret.file": "conf reads the file",
	"kentico.peers.target.ca":          "conf reads the file: Target.Authorities",
}

// sections are the packages whose structs are sections of the configuration.
var sections = []string{module + "conf/section", module + "conf/kentico"}

// goPackage is what `go list -export -json` says of a package.
type goPackage struct {
	ImportPath, Dir, Export string
	GoFiles, Imports        []string
}

// A setting that nothing outside conf uses is accepted, shown as effective and does nothing.
func TestEverySettingIsUsed(t *testing.T) {
	packages := listPackages(t)
	used := map[types.Object]bool{}
	fset := token.NewFileSet()
	imports := importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(packages[path].Export)
	})
	for path, p := range packages {
		if !strings.HasPrefix(path, module) || strings.HasPrefix(path, module+"conf") || strings.HasPrefix(path, module+"integration") {
			continue
		}
		if importsAny(p, module+"conf") {
			addUses(t, fset, imports, p, used)
		}
	}
	conf, err := imports.Import(module + "conf")
	if err != nil {
		t.Fatal(err)
	}
	leaves := 0
	eachLeaf(conf.Scope().Lookup("Config").Type(), "", func(path string, field *types.Var) {
		leaves++
		_, excused := onlyInConf(path)
		if !used[field] && !excused {
			t.Errorf("%s is accepted and does nothing: nothing outside conf uses it", path)
		}
	})
	if leaves < 70 {
		t.Errorf("only %d settings were looked at", leaves)
	}
}

// onlyInConf reports whether conf alone acts on the setting at path.
func onlyInConf(path string) (string, bool) {
	for p, why := range usedInConf {
		if path == p || strings.HasPrefix(path, p+".") {
			return why, true
		}
	}
	return "", false
}

func listPackages(t *testing.T) map[string]goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles,Imports", module+"cmd/...", module+"gateway/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]goPackage{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all[p.ImportPath] = p
	}
}

func importsAny(p goPackage, path string) bool {
	for _, i := range p.Imports {
		if i == path {
			return true
		}
	}
	return false
}

// addUses adds the fields that the package selects.
func addUses(t *testing.T, fset *token.FileSet, imports types.Importer, p goPackage, used map[types.Object]bool) {
	t.Helper()
	var files []*ast.File
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	info := &types.Info{Selections: map[*ast.SelectorExpr]*types.Selection{}}
	cfg := types.Config{Importer: imports}
	if _, err := cfg.Check(p.ImportPath, fset, files, info); err != nil {
		t.Fatalf("%s: %v", p.ImportPath, err)
	}
	for _, s := range info.Selections {
		used[s.Obj()] = true
	}
}

// eachLeaf calls f for every setting below a section.
func eachLeaf(section types.Type, path string, f func(path string, field *types.Var)) {
	s := section.Underlying().(*types.Struct)
	for i := range s.NumFields() {
		field := s.Field(i)
		if field.Embedded() {
			eachLeaf(field.Type(), path, f)
			continue
		}
		name := reflect.StructTag(s.Tag(i)).Get("yaml")
		if name == "" {
			continue
		}
		at := strings.TrimPrefix(path+"."+name, ".")
		typ := field.Type()
		if list, ok := typ.(*types.Slice); ok {
			typ = list.Elem()
		}
		if named, ok := types.Unalias(typ).(*types.Named); ok && slices.Contains(sections, named.Obj().Pkg().Path()) && isStruct(named) {
			eachLeaf(typ, at, f)
			continue
		}
		f(at, field)
	}
}

func isStruct(t types.Type) bool {
	_, ok := t.Underlying().(*types.Struct)
	return ok
}
