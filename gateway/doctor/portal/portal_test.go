package portal_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/gateway/doctor/portal"
)

// read writes files and reads them as those of a portal.
func read(t testing.TB, properties []string, jvm, line string) *portal.Portal {
	t.Helper()
	dir := t.TempDir()
	f := portal.Files{Line: line}
	for i, text := range properties {
		f.Properties = append(f.Properties, filepath.Join(dir, string(rune('a'+i))+".properties"))
		if err := os.WriteFile(f.Properties[i], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f.JVM = []string{filepath.Join(dir, "setenv.sh")}
	if err := os.WriteFile(f.JVM[0], []byte(jvm), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := portal.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestProperties(t *testing.T) {
	p := read(t, []string{
		"# one\ntunneling.servlet.shared.secret=first\ntunnel.servlet.hosts.allowed=127.0.0.1,\\\n  10.0.0.5\n",
		"\n\ntunneling.servlet.shared.secret = second \nportal.ctx:/portal\n",
	}, "", "")
	for _, tt := range []struct {
		key, text, file string
		line            int
	}{
		{portal.Secret, "second", "b.properties", 3},
		{portal.Hosts, "127.0.0.1,10.0.0.5", "a.properties", 3},
		{portal.Context, "/portal", "b.properties", 4},
		{portal.Hex, "", "", 0},
	} {
		v := p.Get(tt.key)
		if v.Text != tt.text || v.Line != tt.line || !strings.HasSuffix(v.File, tt.file) || v.Set() != (tt.file != "") {
			t.Errorf("%s: %+v", tt.key, v)
		}
	}
	if !strings.HasSuffix(p.File(), "b.properties") {
		t.Errorf("a missing line belongs into %s", p.File())
	}
}

func TestOptions(t *testing.T) {
	p := read(t, nil, strings.Join([]string{
		`# -Dignored=true`, `rem -Dignored=true`, `REM -Dignored=true`,
		`CATALINA_OPTS="$CATALINA_OPTS -Dfile.encoding=UTF-8 -Djava.net.preferIPv4Stack=true -Xmx4g"`,
		`set "JAVA_OPTS=%JAVA_OPTS% -Dhttps.protocols=TLSv1.2,TLSv1.3"`,
		`JAVA_OPTS=-Da=1`, `JAVA_OPTS="-Da=2 -Dflag"`, `export X='-Dpath=/opt/a b'`,
	}, "\n"), "")
	for name, want := range map[string]string{
		"file.encoding": "UTF-8", "java.net.preferIPv4Stack": "true", "https.protocols": "TLSv1.2,TLSv1.3", "a": "2", "flag": "", "ignored": "",
	} {
		if v := p.Option(name); v.Text != want {
			t.Errorf("%s: %+v, want %q", name, v, want)
		}
	}
	if v := p.Option("java.net.preferIPv4Stack"); v.Line != 4 || !strings.HasSuffix(v.Place(), "setenv.sh:4") {
		t.Errorf("%+v", v)
	}
	if !p.Option("flag").Set() || p.Option("ignored").Set() || p.Option("b").Set() {
		t.Error("what stands there is not what is set")
	}
}

// Without files nothing is set, and nothing fails.
func TestNoPortal(t *testing.T) {
	var p *portal.Portal
	if p.Get(portal.Secret).Set() || p.Option("a").Set() || p.File() != "" {
		t.Error("no portal says something")
	}
	for _, f := range []portal.Files{{Properties: []string{"/nowhere"}}, {JVM: []string{"/nowhere"}}} {
		if _, err := portal.Read(f); err == nil || !strings.Contains(err.Error(), "/nowhere") {
			t.Errorf("%v", err)
		}
	}
}

// Whatever the files hold, each value stands in a line that there is.
func FuzzRead(f *testing.F) {
	f.Add("tunneling.servlet.shared.secret=a\\\n b\n", "JAVA_OPTS=\"-Da=b\"\n")
	f.Add("\ufeffa=b\r\n!c\n=\n", "-D\n-D=\n'-Dx")
	f.Fuzz(func(t *testing.T, properties, jvm string) {
		p := read(t, []string{properties}, jvm, "")
		for _, key := range []string{portal.Secret, portal.Hex, portal.Hosts, portal.Buffer} {
			if v := p.Get(key); v.Set() && (v.Line < 1 || v.Line > strings.Count(properties, "\n")+strings.Count(properties, "\r")+1) {
				t.Errorf("%s stands at %+v", key, v)
			}
		}
		if v := p.Option("a"); v.Set() && (v.Line < 1 || v.Line > strings.Count(jvm, "\n")+1 || !strings.Contains(jvm, "-Da")) {
			t.Errorf("an option stands at %+v", v)
		}
	})
}
