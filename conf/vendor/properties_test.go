package vendor

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

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
func (p *properties) printed() string {
	var b strings.Builder
	for _, q := range p.all {
		fmt.Fprintf(&b, "%v: %q =", q.lines, q.key)
		for _, t := range q.texts {
			fmt.Fprintf(&b, " %d:%q", t.line, t.text)
		}
		b.WriteString("\n")
	}
	return b.String() + printedNotes(p.notes)
}

func printedNotes(notes []note) string {
	var b strings.Builder
	for _, n := range notes {
		fmt.Fprintf(&b, "line %d: fatal=%t %s: %s (%s)\n", n.line, n.fatal, n.key, n.msg, n.cure)
	}
	return b.String()
}

func (c *configFile) printed() string {
	var b strings.Builder
	for _, v := range c.values {
		fmt.Fprintf(&b, "%d: %s = %q none=%t\n", v.line, v.key, v.texts, v.none)
	}
	return b.String() + printedNotes(c.notes)
}

func TestPropertiesGolden(t *testing.T) {
	eachFile(t, "*.properties", func(t *testing.T, name string, data []byte) {
		golden(t, name, parseProperties(data, false).printed())
	})
}

func noVariable(string) (string, bool) { return "", false }

func TestConfigGolden(t *testing.T) {
	eachFile(t, "*.config", func(t *testing.T, name string, data []byte) {
		golden(t, name, "7.3 and later\n"+parseConfig(string(data), noVariable).printed()+
			"7.0 to 7.2\n"+parseFelix(string(data), false).printed())
	})
}

// The names and results are those of the vendor's own test of its decoder.
func TestDecodeLiferayName(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"nothing to decode", "LIFERAY_ABCDEF", "abcdef"},
		{"not closed", "LIFERAY_ABC_DEF", "abc_def"},
		{"names", "LIFERAY_ABC_COLON_D_COMMA__CARET_E_OPENBRACKET_F_CLOSEBRACKET__LOWERCASEG__UNDERLINE__UPPERCASEH_", "abc:d,^e[f]g_H"},
		{"numbers", "LIFERAY_ABC_58_D_44__94_E_91_F_93_", "abc:d,^e[f]"},
		{"unknown", "LIFERAY_ABC_XYZ_D_-1__DEF__GH", "abc_xyz_d_-1__def__gh"},
		{"the secret", "LIFERAY_TUNNELING_PERIOD_SERVLET_PERIOD_SHARED_PERIOD_SECRET", "tunneling.servlet.shared.secret"},
		{"the verifier's hosts", "LIFERAY_AUTH_PERIOD_VERIFIER_PERIOD__UPPERCASET_UNNELING_UPPERCASES_ERVLET_UPPERCASEA_UTH_UPPERCASEV_ERIFIER_PERIOD_HOSTS_PERIOD_ALLOWED",
			"auth.verifier.TunnelingServletAuthVerifier.hosts.allowed"},
		{"small letters in the name", "LIFERAY_a_period_b", "a.b"},
		{"no character", "LIFERAY_A_55296_B", "a_55296_b"},
		{"nothing", "LIFERAY_", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, ok := decodeLiferayName(tt.in); got != tt.want || !ok {
				t.Errorf("decodeLiferayName(%q) = %q, %t, want %q", tt.in, got, ok, tt.want)
			}
		})
	}
	if _, ok := decodeLiferayName("HOME"); ok {
		t.Error("a foreign variable was decoded")
	}
}

func TestEncodeLiferayName(t *testing.T) {
	for _, k := range portalKeys {
		name := encodeLiferayName(k.name)
		if got, _ := decodeLiferayName(name); got != k.name {
			t.Errorf("%s → %s → %s", k.name, name, got)
		}
	}
	if got, want := encodeLiferayName(portalKeys[0].name), "LIFERAY_TUNNELING_PERIOD_SERVLET_PERIOD_SHARED_PERIOD_SECRET"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestLine(t *testing.T) {
	for in, want := range map[string]string{
		"7.4": "7.4", "2024.Q4": "7.4", "2025.q1.3": "7.4", "7.4.3.112": "7.4", "7.4-u92": "7.4", "7.4 u92": "7.4", "7.4.13": "7.4",
		"7.0.10": "7.0", "7.2 FP14": "7.2", "DXP 7.3": "7.3", "6.2 EE": "6.2", "6.2.5": "6.2", "Liferay DXP 2023.Q3": "7.4",
		"7.5": "7.5", "7": "7", "7.40": "7.40", "6.1.2": "6.1.2", "": "", "1999.Q1": "1999.Q1", "latest": "latest",
	} {
		if got := Line(in); got != want {
			t.Errorf("Line(%q) = %q, want %q", in, got, want)
		}
	}
}

func addSeeds(f *testing.F, pattern string) {
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

// FuzzProperties writes what was read in escapes and reads it again: the same comes out. Every line
// that is told of is one of the file's.
func FuzzProperties(f *testing.F) {
	addSeeds(f, "*.properties")
	f.Fuzz(func(t *testing.T, data []byte) {
		p := parseProperties(data, false)
		lines := len(naturalLines(string(decodeUTF8(data))))
		for _, n := range p.notes {
			if n.line < 1 || n.line > lines || n.msg == "" || n.cure == "" {
				t.Fatalf("note %+v of %d lines", n, lines)
			}
		}
		var b strings.Builder
		for _, q := range p.all {
			for _, x := range q.texts {
				if x.line < q.lines[0] || x.line > lines {
					t.Fatalf("%q stands in line %d of %d", x.text, x.line, lines)
				}
				if strings.ContainsAny(x.text, "\\,\ufffd") || trim(x.text) != x.text {
					return // two readings of backslashes and commas do not meet
				}
			}
			if len(q.texts) > 1 && slices.Contains(texts(q), "") {
				return // a key given twice, once with nothing, is no line that can be written
			}
			b.WriteString(escapeProperty(q.key) + "=" + escapeProperty(strings.Join(texts(q), ",")) + "\n")
		}
		again := parseProperties([]byte(b.String()), false)
		if len(again.all) != len(p.all) {
			t.Fatalf("%q read again: %d of %d", b.String(), len(again.all), len(p.all))
		}
		for i, q := range again.all {
			if q.key != p.all[i].key || !slices.Equal(texts(q), texts(p.all[i])) {
				t.Fatalf("%q = %q, read again %q = %q", p.all[i].key, texts(p.all[i]), q.key, texts(q))
			}
		}
	})
}

func texts(p property) []string {
	var all []string
	for _, t := range p.texts {
		all = append(all, t.text)
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

// FuzzConfig: no reader of configuration files panics, takes long or names a line that is not there.
func FuzzConfig(f *testing.F) {
	addSeeds(f, "*.config")
	f.Add([]byte("a=\"${${LIFERAY_${x}}}${\\}\"\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		body := string(decodeUTF8(data))
		vars := func(name string) (string, bool) { return "${" + name + "}", len(name)%2 == 0 }
		lines := len(naturalLines(body))
		for _, c := range []*configFile{parseConfig(body, vars), parseCfg(body, vars), parseFelix(body, false), parseFelix(body, true)} {
			for _, n := range c.notes {
				if n.line < 1 || n.line > lines || n.msg == "" || n.cure == "" {
					t.Fatalf("note %+v of %d lines", n, lines)
				}
			}
		}
	})
}

// FuzzLiferayName: the name made for a property that was decoded decodes to it again.
func FuzzLiferayName(f *testing.F) {
	f.Add("TUNNELING_PERIOD_SERVLET_PERIOD_SHARED_PERIOD_SECRET")
	f.Add("A__UPPERCASEH__58__XYZ_-1_")
	f.Fuzz(func(t *testing.T, s string) {
		key, ok := decodeLiferayName(liferayPrefix + s)
		if !ok {
			t.Fatal("not decoded")
		}
		for _, r := range key {
			if r == '\ufffd' {
				return // no text to begin with
			}
		}
		if again, _ := decodeLiferayName(encodeLiferayName(key)); again != key {
			t.Fatalf("%q → %q → %q", key, encodeLiferayName(key), again)
		}
	})
}
