package vendor

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/magiconair/properties"
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

func TestPropertiesGolden(t *testing.T) {
	eachFile(t, "*.properties", func(t *testing.T, name string, data []byte) {
		var b strings.Builder
		props, wrong := parseProperties(data)
		for _, p := range props {
			fmt.Fprintf(&b, "%d: %q = %q", p.line, p.key, p.value)
			if p.pieces != nil {
				fmt.Fprintf(&b, " %v", p.pieces)
			}
			b.WriteString("\n")
		}
		for _, w := range wrong {
			fmt.Fprintf(&b, "%s\n", w)
		}
		golden(t, name, b.String())
	})
}

func TestOSGiGolden(t *testing.T) {
	eachFile(t, "*.config", func(t *testing.T, name string, data []byte) {
		var b strings.Builder
		values, wrong := parseOSGi(data)
		for _, v := range values {
			fmt.Fprintf(&b, "%d: %s %c array=%t", v.line, v.key, v.kind, v.array)
			for _, x := range v.texts {
				fmt.Fprintf(&b, " %d:%q", x.line, x.text)
			}
			b.WriteString("\n")
		}
		for _, w := range wrong {
			fmt.Fprintf(&b, "%s\n", w)
		}
		golden(t, name, b.String())
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

// FuzzProperties writes what was read by the library and reads it again: the same keys and values
// come out.
func FuzzProperties(f *testing.F) {
	addSeeds(f, "*.properties")
	f.Fuzz(func(t *testing.T, data []byte) {
		props, wrong := parseProperties(data)
		lines := strings.Count(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(data)), "\n") + 1
		if len(props)+len(wrong) > lines {
			t.Fatalf("%d properties in %d lines", len(props)+len(wrong), lines)
		}
		var b strings.Builder
		for _, p := range props {
			if p.line < 1 || p.line > lines {
				t.Fatalf("line %d of %d", p.line, lines)
			}
			for i, line := range p.pieces {
				if line < p.line || line > lines || i > 0 && line < p.pieces[i-1] {
					t.Fatalf("pieces in lines %v of %d", p.pieces, lines)
				}
			}
			b.WriteString(escapeProperty(p.key) + "=" + escapeProperty(p.value) + "\n")
		}
		again, wrong := parseProperties([]byte(b.String()))
		if len(wrong) > 0 || len(again) != len(props) {
			t.Fatalf("%q read again: %d of %d, %v", b.String(), len(again), len(props), wrong)
		}
		for i := range again {
			if again[i].key != props[i].key || again[i].value != props[i].value {
				t.Fatalf("%q = %q, read again %q = %q", props[i].key, props[i].value, again[i].key, again[i].value)
			}
		}
	})
}

// escapeProperty writes every character that could mean something as an escape.
func escapeProperty(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r < 0x80 && !isAlphanumeric(byte(r)) {
			fmt.Fprintf(&b, `\u%04x`, r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// TestPropertiesAsTheLibrary compares the whole file's reading where the library is right: line
// ends of one byte, no surrogates, no empty key.
func TestPropertiesAsTheLibrary(t *testing.T) {
	data, err := os.ReadFile("testdata/forms.properties")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(strings.Replace(string(data), `\uD83D\uDE00`, "", 1), "=nothing\n", "", 1)
	want, err := (&properties.Loader{Encoding: properties.UTF8, DisableExpansion: true}).LoadBytes([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	props, _ := parseProperties([]byte(text))
	for _, p := range props {
		got[p.key] = p.value
	}
	if diff := cmp.Diff(want.Map(), got); diff != "" {
		t.Errorf("library and lines (-want +got):\n%s", diff)
	}
}

// FuzzOSGi writes what was read in the canonical form and reads it again: the same comes out.
func FuzzOSGi(f *testing.F) {
	addSeeds(f, "*.config")
	f.Fuzz(func(t *testing.T, data []byte) {
		values, wrong := parseOSGi(data)
		for _, w := range wrong {
			if w.line < 1 || w.msg == "" {
				t.Fatalf("problem %v", w)
			}
		}
		again, wrong := parseOSGi([]byte(writeOSGi(values)))
		if len(wrong) > 0 || len(again) != len(values) {
			t.Fatalf("%q read again: %d of %d, %v", writeOSGi(values), len(again), len(values), wrong)
		}
		for i, v := range again {
			if writeOSGi(again[i:i+1]) != writeOSGi(values[i:i+1]) || v.kind != values[i].kind || v.array != values[i].array {
				t.Fatalf("%+v read again %+v", values[i], v)
			}
			for j := range v.texts {
				if v.texts[j].text != values[i].texts[j].text {
					t.Fatalf("%q read again %q", values[i].texts[j].text, v.texts[j].text)
				}
			}
		}
	})
}

func writeOSGi(values []osgiValue) string {
	var b strings.Builder
	for _, v := range values {
		var quoted []string
		for _, x := range v.texts {
			text := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "=", `\=`, "\n", `\n`, "\r", `\r`).Replace(x.text)
			quoted = append(quoted, `"`+text+`"`)
		}
		value := strings.Join(quoted, ",")
		if v.array {
			value = "[" + value + "]"
		}
		fmt.Fprintf(&b, "%s=%c%s\n", v.key, v.kind, value)
	}
	return b.String()
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
