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

// write makes files in a folder of their own; ${dir} in them is the folder.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.ReplaceAll(text, "${dir}", dir)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestWhatThePortalPutsTogether: includes, references and variables count as in the portal, and each value is
// told with the line where it stands.
func TestWhatThePortalPutsTogether(t *testing.T) {
	const secret = "tunneling.servlet.shared.secret="
	for _, tt := range []struct {
		name   string
		files  map[string]string // p.properties is named, and setenv.sh if it is there
		change func(*portal.Files)
		key    string
		want   string
		place  string // file:line
	}{
		{"an include wins", map[string]string{"p.properties": secret + "a\ninclude-and-override=b.properties\n", "b.properties": "\n" + secret + "b\n"},
			nil, portal.Secret, "b", "b.properties:2"},
		{"a later include wins", map[string]string{"p.properties": "include-and-override=a.properties\ninclude-and-override=b.properties\n",
			"a.properties": secret + "a\n", "b.properties": secret + "b\n"}, nil, portal.Secret, "b", "b.properties:1"},
		{"an include of an include", map[string]string{"p.properties": "include-and-override=a.properties\n",
			"a.properties": "include-and-override=b.properties\n", "b.properties": "portal.ctx=/x\n"}, nil, portal.Context, "/x", "b.properties:1"},
		{"an include that is not there", map[string]string{"p.properties": secret + "a\ninclude-and-override=gone.properties\n"},
			nil, portal.Secret, "a", "p.properties:1"},
		{"an include by liferay.home", map[string]string{"p.properties": "include-and-override=${liferay.home}/b.properties\n", "b.properties": secret + "b\n",
			"setenv.sh": "CATALINA_OPTS=\"$CATALINA_OPTS -Dliferay.home=${dir}\"\n"}, nil, portal.Secret, "b", "b.properties:1"},
		{"the flag's home", map[string]string{"p.properties": "include-and-override=${liferay.home}/b.properties\n", "b.properties": secret + "b\n"},
			func(f *portal.Files) { f.Home = filepath.Dir(f.Properties[0]) }, portal.Secret, "b", "b.properties:1"},
		{"the option of an external file", map[string]string{"p.properties": secret + "a\n", "b.properties": secret + "b\n",
			"setenv.sh": "CATALINA_OPTS=-Dexternal-properties=${dir}/b.properties\n"}, nil, portal.Secret, "b", "b.properties:1"},
		{"a reference to a property of the JVM", map[string]string{"p.properties": secret + "${my.secret}\n",
			"setenv.sh": "X=1\nCATALINA_OPTS=-Dmy.secret=s\n"}, nil, portal.Secret, "s", "p.properties:1"},
		{"a reference to an option that was told", map[string]string{"p.properties": secret + "${my.secret}\n"},
			func(f *portal.Files) { f.Options = []string{"my.secret=s"} }, portal.Secret, "s", "p.properties:1"},
		{"a reference to the environment", map[string]string{"p.properties": secret + "${env:S}\n"},
			func(f *portal.Files) { f.Env = []string{"S=s"} }, portal.Secret, "s", "p.properties:1"},
		{"a variable", map[string]string{"p.properties": secret + "a\n"},
			func(f *portal.Files) {
				f.Env = []string{"LIFERAY_TUNNELING_PERIOD_SERVLET_PERIOD_SHARED_PERIOD_SECRET=v"}
			},
			portal.Secret, "v", "env LIFERAY_TUNNELING_PERIOD_SERVLET_PERIOD_SHARED_PERIOD_SECRET:0"},
		{"a variable of another kind", map[string]string{"p.properties": ""},
			func(f *portal.Files) { f.Env = []string{"LIFERAY_TUNNELING_PERIOD_SERVLET_PERIOD_TIMEOUT=5000"} },
			portal.Timeout, "5000", "env LIFERAY_TUNNELING_PERIOD_SERVLET_PERIOD_TIMEOUT:0"},
		{"a variable that a script exports", map[string]string{"p.properties": secret + "a\n",
			"setenv.sh": "#!/bin/sh\nexport LIFERAY_PORTAL_PERIOD_CTX=\"/y\"\n"}, nil, portal.Context, "/y", "setenv.sh:2"},
		{"a variable that a Windows script sets", map[string]string{"p.properties": secret + "a\n",
			"setenv.sh": "@echo off\r\nset \"LIFERAY_PORTAL_PERIOD_CTX=/y\"\r\n"}, nil, portal.Context, "/y", "setenv.sh:2"},
		{"the script's wins over the shell's", map[string]string{"p.properties": "", "setenv.sh": "LIFERAY_PORTAL_PERIOD_CTX='/y'\n"},
			func(f *portal.Files) { f.Env = []string{"LIFERAY_PORTAL_PERIOD_CTX=/z"} }, portal.Context, "/y", "setenv.sh:1"},
		{"a variable that is commented out", map[string]string{"p.properties": "portal.ctx=/x\n", "setenv.sh": "# export LIFERAY_PORTAL_PERIOD_CTX=/y\n"},
			nil, portal.Context, "/x", "p.properties:1"},
		{"Latin letters of 6.2", map[string]string{"p.properties": "portal.ctx=/\xe4\n"}, func(f *portal.Files) { f.Line = "6.2" },
			portal.Context, "/ä", "p.properties:1"},
		{"a list", map[string]string{"p.properties": "tunnel.servlet.hosts.allowed=127.0.0.1, ${env:NODE} ,\\\n 10.0.0.6\n"},
			func(f *portal.Files) { f.Env = []string{"NODE=10.0.0.5"} }, portal.Hosts, "127.0.0.1,10.0.0.5,10.0.0.6", "p.properties:1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := write(t, tt.files)
			f := portal.Files{Properties: []string{filepath.Join(dir, "p.properties")}}
			if _, found := tt.files["setenv.sh"]; found {
				f.JVM = []string{filepath.Join(dir, "setenv.sh")}
			}
			if tt.change != nil {
				tt.change(&f)
			}
			p, err := portal.Read(f)
			if err != nil {
				t.Fatal(err)
			}
			v := p.Get(tt.key)
			if v.Text != tt.want || !strings.HasSuffix(v.Place(), tt.place) {
				t.Errorf("got %q at %s, want %q at %s", v.Text, v.Place(), tt.want, tt.place)
			}
		})
	}
}

// TestWhatIsOddIsTold: what the portal loses without a word, with the line, and no secret in it.
func TestWhatIsOddIsTold(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		line       int
		says       string
	}{
		{"a misspelt key", "a=b\ntunneling.servlet.shared.secert=k3Xq0mZr9wTbL5vN\n", 2, "tunneling.servlet.shared.secret"},
		{"a key that stands twice", "tunneling.servlet.timeout=1\ntunneling.servlet.timeout=2\n", 2, "stands twice"},
		{"a property that is swallowed", "tunnel.servlet.hosts.allowed=127.0.0.1,\\\n\ntunneling.servlet.shared.secret=k3Xq0mZr9wTbL5vN\n", 3, "backslash"},
		{"an include that is not there", "include-and-override=gone.properties\n", 1, "gone.properties"},
		{"an include in a circle", "include-and-override=p.properties\n", 1, "circle"},
		{"a digit that is none", "a=\\u00zz\n", 1, "whole file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := write(t, map[string]string{"p.properties": tt.text})
			p, err := portal.Read(portal.Files{Properties: []string{filepath.Join(dir, "p.properties")}})
			if err != nil {
				t.Fatal(err)
			}
			said := false
			for _, q := range p.Problems() {
				if strings.Contains(q.String(), "k3Xq0mZr9wTbL5vN") {
					t.Errorf("%v tells the secret", q)
				}
				said = said || q.Line == tt.line && strings.Contains(q.Msg+q.Cure, tt.says)
			}
			if !said {
				t.Errorf("got %v, want line %d with %q", p.Problems(), tt.line, tt.says)
			}
		})
	}
}

// TestWordsForTrue: the portal knows more than one.
func TestWordsForTrue(t *testing.T) {
	for text, want := range map[string]bool{"true": true, "TRUE": true, "t": true, "y": true, "on": true, "1": true, "yes": false, "false": false, "": false} {
		p := read(t, []string{"tunneling.servlet.shared.secret.hex=" + text + "\n"}, "", "")
		if p.Is(portal.Hex) != want {
			t.Errorf("%q is %v", text, p.Is(portal.Hex))
		}
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
