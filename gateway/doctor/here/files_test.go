package here_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/gateway/doctor/finding"
	"github.com/stagelock/stagelock/gateway/doctor/here"
	"github.com/stagelock/stagelock/gateway/doctor/portal"
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

// TestAProxyOfTheJVMIsToldOf: the portal goes another way than the doctor, and says so is all that can be done.
func TestAProxyOfTheJVMIsToldOf(t *testing.T) {
	all := look(t, here.Config{Portal: beside(t, goodSecret, "#\nJAVA_OPTS=-Dhttps.proxyHost=proxy.example.com")})
	if l := all["jvm.proxy"]; len(l) != 1 || l[0].Mark != finding.Note || l[0].At != 2 || !strings.Contains(l[0].Words, "proxy.example.com") {
		t.Errorf("got %+v", all)
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
