package conf_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stagelock/stagelock/conf"
)

const kenticoText = `names: [gw.example.com]
hosts: { allow: [10.2.0.5] }
engine: { profile: kentico, upstream: { nodes: ["https://10.2.0.5"] } }
kentico:
  name: live
  receives: { user: staging, secret: { file: behind } }
  sends: { user: own, secret: { value: b } }
  peers:
    - name: dev
      users: [editor=6f9619ff-8b86-d011-b42d-00cf4fc964ff]
      sends: { user: from-dev, secret: { file: between } }
      target: { url: "https://dev.example.com", path_context: /to-dev, user: from-live, secret: { file: between } }
`

func loadKentico(t *testing.T, text string, env ...string) (*conf.Config, []conf.Problem) {
	t.Helper()
	files := fstest.MapFS{
		"s.yaml": {Data: []byte(text), Mode: 0o600}, "behind": {Data: []byte("pass word\r\n"), Mode: 0o600},
		"between": {Data: []byte("p2"), Mode: 0o600}, "empty": {Data: []byte("\n"), Mode: 0o600}, "no.pem": {Data: []byte("x"), Mode: 0o600},
	}
	return conf.Load(conf.Options{File: "s.yaml", ReadFile: files.ReadFile, Env: env})
}

func TestKenticoIsLoaded(t *testing.T) {
	c, problems := loadKentico(t, kenticoText)
	if len(problems) > 0 || !c.Kenticos() {
		t.Fatalf("problems %q", problems)
	}
	k := c.Kentico
	if k.Receives.Secret.Value.Reveal() != "pass word" || k.Peers[0].Sends.Secret.Value.Reveal() != "p2" ||
		k.Peers[0].Target.Secret.Value.Reveal() != "p2" || k.Sends.Secret.Value.Reveal() != "b" {
		t.Error("a password is not that of its file")
	}
	if k.AtOnce != 4 || k.FileMaxBytes != 20<<20 || !strings.Contains(k.AssemblyName(), "13.0.13.0") {
		t.Errorf("%+v", k)
	}
	for _, s := range c.Effective() {
		if strings.HasPrefix(s.Path, "kentico") && (strings.Contains(s.Value, "pass word") || s.Value == "p2") {
			t.Errorf("%s shows a password", s.Path)
		}
	}
	c, problems = loadKentico(t, kenticoText, "STAGELOCK_KENTICO_NAME=test", "STAGELOCK_KENTICO_PEERS_0_SENDS_SECRET_VALUE=p3")
	if conf.Fatal(problems) || c.Kentico.Name != "test" || c.Kentico.Peers[0].Sends.Secret.Value.Reveal() != "p3" {
		t.Errorf("by variables: %q, %+v", problems, c.Kentico)
	}
}

func TestProblemsOfAKentico(t *testing.T) {
	for _, tt := range []struct{ name, old, with, want string }{
		{"no such file", "file: behind", "file: nowhere", "s.yaml:6: kentico.receives.secret.file"},
		{"an empty file", "file: behind", "file: empty", "s.yaml:6: kentico.receives.secret.file: is empty"},
		{"both", "{ value: b }", "{ value: b, file: between }", "s.yaml:7: kentico.sends.secret.file: stands beside a value"},
		{"an authority that is none", "path_context: /to-dev", "path_context: /to-dev, ca: no.pem", "s.yaml:12: kentico.peers[0].target.ca: cannot be read, or holds"},
		{"an authority that is not there", "path_context: /to-dev", "path_context: /to-dev, ca: nowhere", "s.yaml:12: kentico.peers[0].target.ca"},
		{"a size", "name: live", "name: live\n  file_max_bytes: 1GiB", "s.yaml:6: kentico.file_max_bytes"},
		{"a setting that is none", "name: live", "name: live\n  peer: x", "kentico.peer"},
		{"another product", "profile: kentico", "profile: sitecore", "engine.profile"},
		{"no server behind", `nodes: ["https://10.2.0.5"]`, "nodes: []", "engine.upstream.nodes: is empty"},
		{"peers of another product", "kentico:\n", "peers: [{ name: a }]\nkentico:\n", "warning: peers: are Liferay's"},
		{"nobody may connect", "allow: [10.2.0.5]", "allow: []", "hosts.allow: is empty"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if !strings.Contains(kenticoText, tt.old) {
				t.Fatalf("nothing to replace: %s", tt.old)
			}
			_, problems := loadKentico(t, strings.Replace(kenticoText, tt.old, tt.with, 1))
			found := false
			for _, p := range problems {
				found = found || strings.Contains(p.String(), tt.want)
				if strings.Contains(p.String(), "pass word") {
					t.Errorf("shows a password: %s", p)
				}
			}
			if !found {
				t.Errorf("no %q in %q", tt.want, problems)
			}
		})
	}
}

// TestALiferayNeedsNothingOfAKentico, and the other way round.
func TestALiferayNeedsNothingOfAKentico(t *testing.T) {
	_, problems := loadKentico(t, strings.Replace(kenticoText, "profile: kentico", "profile: liferay", 1))
	for _, p := range problems {
		if strings.Contains(p.Path, "kentico") && !strings.Contains(p.Path, "secret") {
			t.Errorf("%s", p)
		}
	}
	if !conf.Fatal(problems) {
		t.Error("a Liferay without peers can be used")
	}
	_, problems = loadKentico(t, kenticoText)
	for _, p := range problems {
		t.Errorf("%s", p)
	}
}
