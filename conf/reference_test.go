package conf

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestReferenceGolden(t *testing.T) { golden(t, "testdata/reference.yaml", Reference()) }

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
var secretLeaf = regexp.MustCompile(`secret\.(previous\.)?(value|file)$`)

// Every line that is commented out is right too, and shows the default: with all of them the Config
// stays the same.
func TestReferenceShowsDefaults(t *testing.T) {
	full := regexp.MustCompile(`(?m)^( *)#(\w)`).ReplaceAllString(Reference(), "$1$2")
	load := func(text string) (map[string]string, []Problem) {
		files := fstest.MapFS{"r.yaml": {Data: []byte(text), Mode: 0o600}}
		c, ps := Load(Options{File: "r.yaml", ReadFile: files.ReadFile})
		all := map[string]string{}
		for _, s := range c.Effective() {
			if full == text && s.Origin.Source != File && !secretLeaf.MatchString(s.Path) {
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

// Every setting is documented, has a sound default, bounds and choices, and a variable that leads
// back to it.
func TestSettings(t *testing.T) {
	word := regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	var visit func(kids []*setting, path string)
	visit = func(kids []*setting, path string) {
		for _, s := range kids {
			at := join(path, s.name)
			if s.sections() {
				at = entry(at, 0)
			}
			if doc := s.tag.Get("doc"); !strings.HasSuffix(doc, ".") || !word.MatchString(s.name) {
				t.Errorf("%s: doc %q", at, doc)
			}
			if !s.leaf() {
				visit(s.kids, at)
				continue
			}
			checkDefaults(t, s, at)
			if got, found := byVariable(schema, "", strings.TrimPrefix(variable(at), envPrefix)); found != s || got != at {
				t.Errorf("%s → %s → %s", at, variable(at), got)
			}
			if byPath(schema, at) != s {
				t.Errorf("%s is not found by its path", at)
			}
		}
	}
	visit(schema, "")
	if len(paths()) < 70 {
		t.Errorf("%d settings were visited", len(paths()))
	}
}

func checkDefaults(t *testing.T, s *setting, path string) {
	t.Helper()
	for _, bound := range []string{s.tag.Get("min"), s.tag.Get("max")} {
		if bound != "" {
			s.bound(bound)
		}
	}
	for _, d := range s.defaults() {
		v, err := parsers[s.typ](d)
		if err != nil {
			t.Errorf("%s: default %s: %v", path, d, err)
			continue
		}
		if msg := s.outOfBounds(reflect.ValueOf(v)); msg != "" {
			t.Errorf("%s: default %s %s", path, d, msg)
		}
		if choices := s.choices(); len(choices) > 0 {
			if _, known := choose(choices, d); !known {
				t.Errorf("%s: default %s is no choice", path, d)
			}
		}
	}
}

// The table in the package's documentation names every key that is read.
func TestDocNamesEveryKey(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range portalKeys {
		target := strings.NewReplacer(filterHosts, "hosts.allow", verifierHosts, "hosts.allow").Replace(k.path)
		if !regexp.MustCompile(regexp.QuoteMeta("\t"+k.name) + ` +` + regexp.QuoteMeta(target)).Match(doc) {
			t.Errorf("doc.go lacks %s → %s", k.name, target)
		}
	}
	for _, k := range osgiKeys {
		if !strings.Contains(string(doc), "\tOSGi "+k.name+" ") {
			t.Errorf("doc.go lacks OSGi %s", k.name)
		}
	}
}

func TestParsers(t *testing.T) {
	for _, tt := range []struct {
		parse func(string) (any, error)
		in    string
		want  string // as shown; empty for refused
	}{
		{parseSize, "0", "0"}, {parseSize, "1000", "1000"}, {parseSize, "1024", "1KiB"}, {parseSize, "128MiB", "128MiB"}, {parseSize, "10MB", "10000000"},
		{parseSize, "1 GiB", "1GiB"}, {parseSize, "1500B", "1500"}, {parseSize, "2TiB", "2TiB"}, {parseSize, "1536KiB", "1536KiB"},
		{parseSize, "-1", ""}, {parseSize, "1.5MiB", ""}, {parseSize, "MiB", ""}, {parseSize, "1 XB", ""}, {parseSize, "9223372036854775807", "9223372036854775807"},
		{parseSize, "9223372036854775808", ""}, {parseSize, "8388608TiB", ""}, {parseSize, "", ""}, {parseSize, "+1", ""}, {parseSize, "0x10", ""},
		{parseRate, "20/s", "20/s"}, {parseRate, "600/m", "10/s"}, {parseRate, "30/m", "30/m"}, {parseRate, "100/h", "100/h"}, {parseRate, "0", "0/s"}, {parseRate, "20", ""}, {parseRate, "-1/s", ""}, {parseRate, "1/d", ""}, {parseRate, "/s", ""},
		{parseDuration, "15s", "15s"}, {parseDuration, "90m", "1h30m"}, {parseDuration, "60m", "1h"}, {parseDuration, "7d", "168h"}, {parseDuration, "0s", "0s"}, {parseDuration, "500ms", "500ms"}, {parseDuration, "10m5s", "10m5s"},
		{parseDuration, "15", ""}, {parseDuration, "-1s", ""}, {parseDuration, "d", ""}, {parseDuration, "1.5d", ""}, {parseDuration, "99999d", ""},
		{parseSite, "20143", "20143"}, {parseSite, "any", "any"}, {parseSite, "0", ""}, {parseSite, "-1", ""}, {parseSite, "ANY", ""}, {parseSite, "9223372036854775808", ""},
		{parseBool, "true", "true"}, {parseBool, "false", "false"}, {parseBool, "yes", ""}, {parseBool, "True", ""},
		{parseInt, "12", "12"}, {parseInt, "012", "12"}, {parseInt, "1e3", ""}, {parseInt, "99999999999", ""},
		{parseAddrPort, ":8443", "[::]:8443"}, {parseAddrPort, "10.0.0.1:0", "10.0.0.1:0"}, {parseAddrPort, "[fe80::1%eth0]:1", "[fe80::1%eth0]:1"}, {parseAddrPort, "localhost:1", ""}, {parseAddrPort, "8443", ""}, {parseAddrPort, "010.0.0.1:1", ""},
		{parseURL, "https://a:1", "https://a:1"}, {parseURL, "ftp://a", ""}, {parseURL, "a:8080", ""}, {parseURL, "http:///x", ""}, {parseURL, "http://a b", ""},
	} {
		got, err := tt.parse(tt.in)
		switch {
		case tt.want == "" && err == nil:
			t.Errorf("%q = %v, want it refused", tt.in, show(got))
		case tt.want == "" && len(tt.in) > 4 && strings.Contains(err.Error(), tt.in):
			t.Errorf("%q: the error repeats the text: %v", tt.in, err)
		case tt.want != "" && (err != nil || show(got) != tt.want):
			t.Errorf("%q = %v, %v, want %s", tt.in, got, err, tt.want)
		}
	}
}

func TestDidYouMean(t *testing.T) {
	for _, tt := range []struct{ word, want string }{
		{"alow", "did you mean allow?"}, {"Allow", "did you mean allow?"}, {"refsue", "did you mean refuse?"},
		{"allow-any", "did you mean allow_any?"}, {"zzzzzz", "known here: allow, allow_any, refuse"}, {strings.Repeat("a", 100), "known here: allow, allow_any, refuse"},
	} {
		if got := didYouMean(tt.word, []string{"allow", "allow_any", "refuse"}); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.word, got, tt.want)
		}
	}
	for _, tt := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"ab", "ba", 1}, {"kitten", "sitting", 3}, {"abc", "abc", 0}, {"ca", "abc", 3}} {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}
