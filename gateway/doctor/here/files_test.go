package here_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/doctor/finding"
	"github.com/stagelock/stagelock/gateway/doctor/here"
	"github.com/stagelock/stagelock/gateway/doctor/portal"
	"github.com/stagelock/stagelock/gateway/readiness"
)

// beside are the files of a portal with these properties and this setenv.sh.
func beside(t *testing.T, properties, setenv string) *portal.Portal {
	t.Helper()
	dir := t.TempDir()
	f := portal.Files{Properties: []string{filepath.Join(dir, "portal-ext.properties")}, JVM: []string{filepath.Join(dir, "setenv.sh")}}
	for name, text := range map[string]string{f.Properties[0]: properties, f.JVM[0]: setenv} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p, err := portal.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const goodSecret = "tunneling.servlet.shared.secret=k3Xq0mZr9wTbL5vN\n"

// TestFilesBesideAPortal: each line that keeps a publish from passing is named, with its file, its number and
// what to write there; a line that does no harm is not.
func TestFilesBesideAPortal(t *testing.T) {
	for _, tt := range []struct {
		name, properties, setenv string
		secret                   *here.Secret
		truststore, id           string
		at                       int    // line of the finding; 0 with an empty want: nothing is to be mended
		want                     string // in its words or its cure
	}{
		{name: "all is well", properties: goodSecret},
		{name: "no secret", properties: "a=b\n", id: "secret.lines", want: "has no shared secret"},
		{name: "another secret", properties: "\n" + goodSecret, secret: &here.Secret{Text: "other"}, id: "secret.lines", at: 2,
			want: "is another one"},
		{name: "read as text", properties: "tunneling.servlet.shared.secret=6b3358713036\n",
			secret: &here.Secret{Text: "6b3358713036", Hex: true}, id: "secret.lines", at: 1, want: "secret.hex=true"},
		{name: "read as digits", properties: goodSecret + "tunneling.servlet.shared.secret.hex=true\n",
			secret: &here.Secret{Text: "k3Xq0mZr9wTbL5vN"}, id: "secret.lines", at: 2, want: "secret.hex=false"},
		{name: "digits that are none", properties: goodSecret + "tunneling.servlet.shared.secret.hex=true\n", id: "secret.lines", at: 2,
			want: "it is none"},
		{name: "another cipher", properties: goodSecret + "tunneling.servlet.encryption.algorithm=Blowfish\n",
			secret: &here.Secret{Text: "k3Xq0mZr9wTbL5vN"}, id: "secret.lines", at: 2, want: "encryption.algorithm=AES"},
		{name: "the cipher in small letters", properties: goodSecret + "tunneling.servlet.encryption.algorithm=aes\n",
			secret: &here.Secret{Text: "k3Xq0mZr9wTbL5vN", Algorithm: "AES"}},
		{name: "too short for its cipher", properties: "tunneling.servlet.shared.secret=short\n", id: "secret.lines", at: 1,
			want: "has it wrong"},
		{name: "everybody", properties: goodSecret + "tunnel.servlet.hosts.allowed=127.0.0.1, 0.0.0.0\n", id: "engine.hosts", at: 2,
			want: "lets 0.0.0.0 in"},
		{name: "everybody, as a network", properties: goodSecret + "tunnel.servlet.hosts.allowed=10.0.0.0/0\n", id: "engine.hosts", at: 2,
			want: "10.0.0.0/0"},
		{name: "nobody", properties: goodSecret + "tunnel.servlet.hosts.allowed=255.255.255.255\n"},
		{name: "a few", properties: goodSecret + "tunnel.servlet.hosts.allowed=127.0.0.1,SERVER_IP,10.0.0.0/8\n"},
		{name: "a short time-out", properties: goodSecret + "tunneling.servlet.timeout=15000\n", id: "timeout", at: 2, want: "15000 ms"},
		{name: "a long time-out", properties: goodSecret + "tunneling.servlet.timeout=15001\n"},
		{name: "no time-out", properties: goodSecret + "tunneling.servlet.timeout=0\n"},
		{name: "an old TLS", properties: goodSecret, setenv: "JAVA_OPTS=-Dhttps.protocols=TLSv1,TLSv1.1", id: "jvm.tls", at: 1,
			want: "-Dhttps.protocols=TLSv1.2"},
		{name: "a new TLS", properties: goodSecret, setenv: "JAVA_OPTS=-Dhttps.protocols=TLSv1.3"},
		{name: "another trust store", properties: goodSecret, setenv: "\nJAVA_OPTS=-Djavax.net.ssl.trustStore=/opt/own", truststore: "/opt/jdk/cacerts",
			id: "jvm.trust", at: 2, want: "--truststore /opt/own"},
		{name: "that trust store", properties: goodSecret, setenv: "JAVA_OPTS=-Djavax.net.ssl.trustStore=/opt/./own", truststore: "/opt/own"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			all := look(t, here.Config{Portal: beside(t, tt.properties, tt.setenv), Secret: tt.secret, Truststore: tt.truststore})
			for id, lines := range all {
				for _, l := range lines {
					if l.Mark == finding.Bad && id != tt.id {
						t.Errorf("%s is found too: %+v", id, l)
					}
				}
			}
			if tt.id == "" {
				return
			}
			if len(all[tt.id]) != 1 {
				t.Fatalf("got %+v", all)
			}
			if l := all[tt.id][0]; l.Mark != finding.Bad || l.At != tt.at || l.File == "" || !strings.Contains(l.Words+" "+l.Cure, tt.want) {
				t.Errorf("got %+v, want line %d with %q", l, tt.at, tt.want)
			}
		})
	}
}

// TestTheWayOfTheJVMIsHeldAgainstTheDoctors: the portal goes another way than the doctor, and then what the doctor
// found says nothing of the portal.
func TestTheWayOfTheJVMIsHeldAgainstTheDoctors(t *testing.T) {
	other := &url.URL{Scheme: "http", Host: "other.example.com:3128"}
	same := &url.URL{Scheme: "http", Host: "Proxy.example.com:3128"}
	const through, straight = "#\nJAVA_OPTS=-Dhttps.proxyHost=proxy.example.com", "#\nJAVA_OPTS=-Xmx1g -Da=b"
	for _, tt := range []struct {
		name, setenv string
		proxy        *url.URL
		at           int
		says         string // empty: nothing
	}{
		{"the JVM alone", through, nil, 2, "looked at without it"},
		{"both", through, same, 0, ""},
		{"another one", through, other, 2, "other.example.com was looked through"},
		{"the doctor alone", straight, other, 0, "does not read HTTPS_PROXY"},
		{"neither", straight, nil, 0, ""},
		{"no options are known", "", other, 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := look(t, here.Config{Portal: beside(t, goodSecret, tt.setenv), Proxy: tt.proxy})["jvm.proxy"]
			if tt.says == "" {
				if len(l) > 0 {
					t.Errorf("got %+v", l)
				}
				return
			}
			if len(l) != 1 || l[0].Mark != finding.Note || l[0].At != tt.at || !strings.Contains(l[0].Words, tt.says) || l[0].Cure == "" {
				t.Errorf("got %+v", l)
			}
		})
	}
}

// own is the gateway of a configuration.
func own(t *testing.T, upstream string, problems ...conf.Problem) *here.Own {
	t.Helper()
	dir := t.TempDir()
	name := filepath.Join(dir, "stagelock.yaml")
	text := "names: [live.example.com]\ndata: " + dir + "\nhosts: {allow: [\"127.0.0.1\"]}\nengine:\n  upstream: " + upstream + "\n" +
		"peers: [{name: a, sites: [1], logins: [b@example.com], secret: {value: k3Xq0mZr9wTbL5vN}}]\n"
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, found := conf.Load(conf.Options{File: name})
	if conf.Fatal(found) {
		t.Fatal(found)
	}
	return &here.Own{Conf: c, Problems: problems}
}

// TestThePortalBesideIsHeldAgainstTheGateway: what each is right by itself, and wrong together.
func TestThePortalBesideIsHeldAgainstTheGateway(t *testing.T) {
	for _, tt := range []struct {
		name, properties, upstream string
		at                         int
		want                       string // empty: nothing is to be mended
	}{
		{"https is required", "tunnel.servlet.https.required=on\n", `{nodes: ["http://127.0.0.1:8080"]}`, 2, "over https only"},
		{"https is required and spoken", "tunnel.servlet.https.required=true\n", `{nodes: ["https://127.0.0.1:9443"]}`, 0, ""},
		{"another path context", "portal.ctx=/portal\n", `{nodes: ["http://127.0.0.1:8080"]}`, 2, `path_context: "/portal"`},
		{"the same path context", "portal.ctx=/portal\n", `{nodes: ["http://127.0.0.1:8080"], path_context: /portal}`, 0, ""},
		{"none, as the portal writes it", "portal.ctx=/\n", `{nodes: ["http://127.0.0.1:8080"]}`, 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := look(t, here.Config{Portal: beside(t, goodSecret+tt.properties, ""), Own: own(t, tt.upstream)})["engine.props"]
			if tt.want == "" {
				if len(l) > 0 {
					t.Errorf("got %+v", l)
				}
				return
			}
			if len(l) != 1 || l[0].Mark != finding.Bad || l[0].At != tt.at || !strings.Contains(l[0].Words+l[0].Cure, tt.want) {
				t.Errorf("got %+v", l)
			}
		})
	}
}

// TestOddLinesAreToldOnce: by the configuration, if it reads the same file.
func TestOddLinesAreToldOnce(t *testing.T) {
	p := beside(t, goodSecret+"tunneling.servlet.shared.secert=x\n", "")
	alone := look(t, here.Config{Portal: p})["portal"]
	if len(alone) != 1 || alone[0].Mark != finding.Note || alone[0].At != 2 || !strings.Contains(alone[0].Cure, "tunneling.servlet.shared.secret") {
		t.Fatalf("got %+v", alone)
	}
	gateway := own(t, `{nodes: ["http://127.0.0.1:8080"]}`, conf.Problem{File: alone[0].File, Line: 2, Msg: "is no property", Warning: true})
	all := look(t, here.Config{Portal: p, Own: gateway})
	if len(all["portal"]) != 0 || len(all["conf"]) != 1 {
		t.Errorf("got %+v", all)
	}
}

// TestTheHostThatTheEngineHears: users and sites of another virtual instance are not found under it.
func TestTheHostThatTheEngineHears(t *testing.T) {
	for _, tt := range []struct{ name, upstream, want string }{
		{"the node's", `{nodes: ["http://127.0.0.1:8080", "http://127.0.0.1:8081"]}`, "hears the Host 127.0.0.1:8080, 127.0.0.1:8081;"},
		{"its own", `{nodes: ["http://127.0.0.1:8080", "http://127.0.0.1:8081"], host: www.example.com}`, "hears the Host www.example.com;"},
		{"of further instances", `{nodes: ["http://127.0.0.1:8080"], hosts: [{host: b.example.com, sites: [7, 8]}]}`,
			"127.0.0.1:8080; b.example.com for the sites 7 8;"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := own(t, tt.upstream)
			o.Engine = func(context.Context) []readiness.Finding { return nil }
			l := look(t, here.Config{Own: o})["engine.host"]
			if len(l) != 1 || l[0].Mark != finding.OK || !strings.Contains(l[0].Words, tt.want) {
				t.Errorf("got %+v", l)
			}
		})
	}
}

// TestASecretOfTheFilesIsNotHeldAgainstItself: it stands where the doctor took it from.
func TestASecretOfTheFilesIsNotHeldAgainstItself(t *testing.T) {
	p := beside(t, goodSecret, "")
	all := look(t, here.Config{Portal: p, Secret: &here.Secret{Text: "whatever", Place: p.Get(portal.Secret)}})
	if l := all["secret.lines"]; len(l) != 1 || l[0].Mark != finding.OK {
		t.Errorf("got %+v", all)
	}
}

// TestWhomTheVerifierLetsIn: the portal has a second list of hosts, in a file of its own.
func TestWhomTheVerifierLetsIn(t *testing.T) {
	const name = "com.liferay.portal.security.auth.verifier.internal.tunnel.configuration.TunnelAuthVerifierConfiguration-default.config"
	for _, tt := range []struct {
		name, text string
		at         int    // line of the finding; 0: nothing is to be mended
		want       string // in its words
	}{
		{"the gateway alone", `hostsAllowed=["127.0.0.1","SERVER_IP"]` + "\n", 0, ""},
		{"everybody by name", "enabled=B\"true\"\nhostsAllowed=[\"127.0.0.1\",\"0.0.0.0\"]\n", 2, "takes the calls of 0.0.0.0"},
		{"everybody as a network", "hostsAllowed=[\"0.0.0.0/0\"]\n", 1, "takes the calls of 0.0.0.0/0"},
		{"no list", "enabled=B\"true\"\n", 1, "names no hosts"},
		{"switched off", "enabled=B\"false\"\nhostsAllowed=[\"0.0.0.0\"]\n", 0, ""},
		{"switched off, without a list", "enabled=B\"false\"\n", 0, ""},
		{"nobody", "hostsAllowed=[\"255.255.255.255\"]\n", 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), name)
			if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			p, err := portal.Read(portal.Files{OSGi: []string{file}, Line: "7.4"})
			if err != nil {
				t.Fatal(err)
			}
			var found []finding.Line
			here.Look(t.Context(), here.Config{Portal: p}, func(id string, l finding.Line) {
				if id == "engine.hosts" {
					found = append(found, l)
				}
			})
			switch {
			case tt.at == 0:
				if len(found) > 0 {
					t.Errorf("found %+v", found)
				}
			case len(found) != 1 || found[0].At != tt.at || found[0].File != file || !strings.Contains(found[0].Words, tt.want) ||
				!strings.Contains(found[0].Cure, `hostsAllowed=["127.0.0.1","SERVER_IP"]`):
				t.Errorf("found %+v, want line %d with %q", found, tt.at, tt.want)
			}
		})
	}
	if _, err := portal.Read(portal.Files{OSGi: []string{filepath.Join(t.TempDir(), name)}}); err == nil || !strings.Contains(err.Error(), name) {
		t.Errorf("a file that is not there: %v", err)
	}
}

// TestWhatOverridesTheVerifiersFile: the portal's properties, and the variables over these, win over the file.
func TestWhatOverridesTheVerifiersFile(t *testing.T) {
	const (
		pid  = "com.liferay.portal.security.auth.verifier.internal.tunnel.configuration.TunnelAuthVerifierConfiguration"
		file = pid + "-default.config"
		over = "configuration.override." + pid + "~default_"
	)
	for _, tt := range []struct {
		name, file, properties, line string
		want                         string // in words, file and line; empty: nothing is to be mended
	}{
		{"closed by the properties", "enabled=B\"true\"\n", over + "hostsAllowed=\"127.0.0.1\"\n", "7.4", ""},
		{"switched off by the properties", "enabled=B\"true\"\n", over + "enabled=B\"false\"\n", "7.4", ""},
		{"opened by the properties", "hostsAllowed=[\"127.0.0.1\"]\n", "a=b\n" + over + "hostsAllowed=\"0.0.0.0\"\n", "7.4",
			"takes the calls of 0.0.0.0: portal-ext.properties:2"},
		{"before lines that override", "hostsAllowed=[\"0.0.0.0\"]\n", over + "hostsAllowed=\"127.0.0.1\"\n", "7.1",
			"takes the calls of 0.0.0.0: " + file + ":1"},
		{"of a file that was not named", "", over + "enabled=B\"true\"\n", "7.4", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			f := portal.Files{Properties: []string{filepath.Join(dir, "portal-ext.properties")}, Line: tt.line}
			texts := map[string]string{f.Properties[0]: tt.properties}
			if tt.file != "" {
				f.OSGi = []string{filepath.Join(dir, file)}
				texts[f.OSGi[0]] = tt.file
			}
			for name, text := range texts {
				if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			p, err := portal.Read(f)
			if err != nil {
				t.Fatal(err)
			}
			var got string
			for _, l := range look(t, here.Config{Portal: p, Build: tt.line})["engine.hosts"] {
				words, _, _ := strings.Cut(l.Words, ": ")
				got += fmt.Sprintf("%s: %s:%d", strings.TrimPrefix(words, "the portal's verifier also "), filepath.Base(l.File), l.At)
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestAVerifiersFileThatThePortalPassesOver is told with its name, once.
func TestAVerifiersFileThatThePortalPassesOver(t *testing.T) {
	file := filepath.Join(t.TempDir(), "TunnelAuthVerifierConfiguration.txt")
	if err := os.WriteFile(file, []byte("hostsAllowed=[\"127.0.0.1\"]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := portal.Read(portal.Files{OSGi: []string{file}, Line: "7.4"})
	if err != nil {
		t.Fatal(err)
	}
	l := look(t, here.Config{Portal: p})["portal"]
	if len(l) != 1 || l[0].File != file || !strings.Contains(l[0].Words, "passes over") {
		t.Fatalf("got %+v", l)
	}
	named := conf.Problem{File: "stagelock.yaml", Line: 7, Path: "engine.liferay.osgi[0]", Msg: p.Problems()[0].Msg, Cure: l[0].Cure, Warning: true}
	l = look(t, here.Config{Portal: p, Own: &here.Own{Problems: []conf.Problem{named}}})["portal"]
	if len(l) > 0 {
		t.Errorf("the configuration tells it, and it is told again: %+v", l)
	}
}
