package format

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stagelock/stagelock/integration/blind"
)

// secretKey is the key whose value must get into no text.
const secretKey = "tunneling.servlet.shared.secret"

// known reports whether key is one of the keys that the test's files are about.
func known(key string) bool {
	return slices.Contains([]string{secretKey, "tunneling.servlet.shared.secret.hex",
		"tunneling.servlet.encryption.algorithm", "tunnel.servlet.hosts.allowed", "tunnel.servlet.https.required",
		"staging.remote.transfer.buffer.size", "auth.verifier.TunnelingServletAuthVerifier.hosts.allowed",
		"auth.verifier.TunnelingServletAuthVerifier.urls.includes", "auth.verifier.TunnelingServletAuthVerifier.urls.excludes"}, key)
}

var update = flag.Bool("update", false, "write the golden files")

// golden compares got with the file beside name that ends in .golden.
func golden(t *testing.T, name, got string) {
	t.Helper()
	name += ".golden"
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func eachFile(t *testing.T, pattern string, f func(t *testing.T, name string, data []byte)) {
	t.Helper()
	all, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(all) == 0 {
		t.Fatalf("no file %s: %v", pattern, err)
	}
	for _, name := range all {
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			f(t, name, data)
		})
	}
}

// printed shows what was read, for golden files.
func (p *Properties) printed() string {
	var b strings.Builder
	for _, q := range p.Entries {
		fmt.Fprintf(&b, "%v: %q =", q.Lines, q.Key)
		for _, t := range q.Texts {
			fmt.Fprintf(&b, " %d:%q", t.Line, t.Text)
		}
		b.WriteString("\n")
	}
	return b.String() + printedNotes(p.Notes)
}

func printedNotes(notes []Note) string {
	var b strings.Builder
	for _, n := range notes {
		fmt.Fprintf(&b, "line %d: fatal=%t %s: %s (%s)\n", n.Line, n.Fatal, n.Key, n.Msg, n.Cure)
	}
	return b.String()
}

func (c *OSGi) printed() string {
	var b strings.Builder
	for _, v := range c.Values {
		fmt.Fprintf(&b, "%d: %s = %q none=%t\n", v.Line, v.Key, v.Texts, v.None)
	}
	return b.String() + printedNotes(c.Notes)
}

func TestPropertiesGolden(t *testing.T) {
	eachFile(t, "*.properties", func(t *testing.T, name string, data []byte) {
		golden(t, name, ParseProperties(data, false, known).printed())
	})
}

func noVariable(string) (string, bool) { return "", false }

func TestConfigGolden(t *testing.T) {
	eachFile(t, "*.config", func(t *testing.T, name string, data []byte) {
		golden(t, name, "7.3 and later\n"+ParseConfig(string(data), noVariable).printed()+
			"7.0 to 7.2\n"+ParseFelix(string(data), false).printed())
	})
}

func addSeeds(f blind.Seeds, pattern string) {
	f.Helper()
	all, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(all) == 0 {
		f.Fatalf("no file %s: %v", pattern, err)
	}
	for _, name := range all {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
}

func propertySeeds(f blind.Seeds) { addSeeds(f, "*.properties") }

// readsProperties writes what was read in escapes and reads it again: the same comes out. Every line
// that is told of is one of the file's.
func readsProperties(t testing.TB, data []byte) {
	p := ParseProperties(data, false, known)
	lines := len(naturalLines(string(DecodeUTF8(data))))
	for _, n := range p.Notes {
		if n.Line < 1 || n.Line > lines || n.Msg == "" || n.Cure == "" {
			t.Fatalf("note %+v of %d lines", n, lines)
		}
	}
	var b strings.Builder
	for _, q := range p.Entries {
		for _, x := range q.Texts {
			if x.Line < q.Lines[0] || x.Line > lines {
				t.Fatalf("%q stands in line %d of %d", x.Text, x.Line, lines)
			}
			if strings.ContainsAny(x.Text, "\\,\ufffd") || Trim(x.Text) != x.Text {
				return // two readings of backslashes and commas do not meet
			}
		}
		if len(q.Texts) > 1 && slices.Contains(texts(q), "") {
			return // a key given twice, once with nothing, is no line that can be written
		}
		b.WriteString(escapeProperty(q.Key) + "=" + escapeProperty(strings.Join(texts(q), ",")) + "\n")
	}
	again := ParseProperties([]byte(b.String()), false, known)
	if len(again.Entries) != len(p.Entries) {
		t.Fatalf("%q read again: %d of %d", b.String(), len(again.Entries), len(p.Entries))
	}
	for i, q := range again.Entries {
		if q.Key != p.Entries[i].Key || !slices.Equal(texts(q), texts(p.Entries[i])) {
			t.Fatalf("%q = %q, read again %q = %q", p.Entries[i].Key, texts(p.Entries[i]), q.Key, texts(q))
		}
	}
}

func FuzzProperties(f *testing.F) {
	propertySeeds(f)
	f.Fuzz(func(t *testing.T, data []byte) { readsProperties(t, data) })
}

func texts(p Property) []string {
	var all []string
	for _, t := range p.Texts {
		all = append(all, t.Text)
	}
	return all
}

// escapeProperty writes every character that could mean something as an escape.
func escapeProperty(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r < 0x80 && r != ',' && !(r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z') {
			fmt.Fprintf(&b, `\u%04x`, r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

func configSeeds(f blind.Seeds) {
	addSeeds(f, "*.config")
	f.Add([]byte("a=\"${${LIFERAY_${x}}}${\\}\"\n"))
}

// readsConfig: no reader of configuration files panics, takes long or names a line that is not there.
func readsConfig(t testing.TB, data []byte) {
	body := string(DecodeUTF8(data))
	vars := func(name string) (string, bool) { return "${" + name + "}", len(name)%2 == 0 }
	lines := len(naturalLines(body))
	for _, c := range []*OSGi{ParseConfig(body, vars), ParseCfg(body, vars), ParseFelix(body, false), ParseFelix(body, true)} {
		for _, n := range c.Notes {
			if n.Line < 1 || n.Line > lines || n.Msg == "" || n.Cure == "" {
				t.Fatalf("note %+v of %d lines", n, lines)
			}
		}
	}
}

func FuzzConfig(f *testing.F) {
	configSeeds(f)
	f.Fuzz(func(t *testing.T, data []byte) { readsConfig(t, data) })
}

func TestBlind(t *testing.T) {
	blind.Run(t, "FuzzProperties", propertySeeds, func(t testing.TB, in *blind.Input) { readsProperties(t, in.Bytes(0)) })
	blind.Run(t, "FuzzConfig", configSeeds, func(t testing.TB, in *blind.Input) { readsConfig(t, in.Bytes(0)) })
}

// Three forms that were read otherwise than by the portal.
func TestPropertiesAsThePortalReadsThem(t *testing.T) {
	expand := func(file string) string {
		p := ParseProperties([]byte(file), false, known)
		q, found := p.Find("a")
		if !found {
			return "nothing"
		}
		x := Resolver{JVM: func(string) (string, bool) { return "", false }, Env: func(string) (string, bool) { return "", false },
			Property: func(name string) (string, bool) {
				q, found := p.Find(name)
				if !found {
					return "", false
				}
				return q.Texts[0].Text, true
			}}.Expand(q.Texts[0].Text)
		if x.Err != nil {
			return x.Err.Error()
		}
		return x.Text
	}
	for _, tt := range []struct{ name, file, want string }{
		{"no name in a reference", "a=x${}\n", "has a ${} without a name in it"},
		{"behind a line that is no property", "odd\na=x${}y\n", "xy"},
		{"a dollar that a reference brings makes an escape", "b=#$\nc=z\na=${b}${c}\n", "#${c}"},
		{"a character of two units behind a \\u", "b=\\u12\U0001f600\na=x\n", "nothing"},
		{"three bytes of four are one character", "a=\xf0\x9f\x98\n", "\ufffd"},
		{"an overlong one is two", "a=\xc0\xaf\n", "\ufffd\ufffd"},
		{"half a pair is one", "a=\xed\xa0\x80\n", "\ufffd"},
	} {
		if got := expand(tt.file); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
