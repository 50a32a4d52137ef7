package conf

import (
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/stagelock/stagelock/conf/settings/origin"
)

var update = flag.Bool("update", false, "write the golden files")

func TestReferenceGolden(t *testing.T) {
	const name = "testdata/reference.yaml.golden"
	if *update {
		if err := os.WriteFile(name, []byte(Reference()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), Reference()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// The reference is a working file without even a warning.
func TestReferenceLoads(t *testing.T) {
	files := fstest.MapFS{
		"r.yaml":                       {Data: []byte(Reference()), Mode: 0o600},
		"etc/stagelock/staging.secret": {Data: []byte("0123456789abcdef"), Mode: 0o600},
	}
	read := func(name string) ([]byte, error) { return files.ReadFile(strings.TrimPrefix(name, "/")) }
	_, ps := Load(Options{File: "r.yaml", ReadFile: read})
	if len(ps) > 0 {
		t.Errorf("problems: %q", texts(ps))
	}
}

// secretLeaf names leaves whose empty text says nothing.
var secretLeaf = regexp.MustCompile(`(secret|url)\.(previous\.)?(value|file)$`)

// Every line that is commented out is right too, and shows the default: with all of them the Config
// stays the same.
func TestReferenceShowsDefaults(t *testing.T) {
	full := regexp.MustCompile(`(?m)^( *)#(\w)`).ReplaceAllString(Reference(), "$1$2")
	load := func(text string) (map[string]string, []Problem) {
		files := fstest.MapFS{"r.yaml": {Data: []byte(text), Mode: 0o600}}
		c, ps := Load(Options{File: "r.yaml", ReadFile: files.ReadFile})
		all := map[string]string{}
		for _, s := range c.Effective() {
			if full == text && s.Origin.Source != origin.File && !secretLeaf.MatchString(s.Path) {
				t.Errorf("%s does not stand in the reference", s.Path)
			}
			all[s.Path] = s.Value
		}
		return all, ps
	}
	want, _ := load(Reference())
	got, ps := load(full)
	for _, all := range []map[string]string{want, got} {
		delete(all, "engine.upstream.secret.file") // the peer's, unless the section is written
	}
	for _, p := range ps {
		if strings.Contains(p.Msg, "not known") || strings.Contains(p.Msg, "out of bounds") || strings.Contains(p.Msg, "is none of") {
			t.Error(p)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("effective (-commented +written):\n%s", diff)
	}
}
