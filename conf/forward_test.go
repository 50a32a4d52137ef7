package conf_test

import (
	"strings"
	"testing"

	"github.com/stagelock/stagelock/conf"
)

// forwardText is a Kentico whose tasks are kept, and carried by sync.
const forwardText = `names: [gw.example.com]
hosts: { allow: [10.2.0.5] }
engine: { profile: kentico, upstream: { nodes: ["https://10.2.0.5"] } }
kentico:
  name: live
  receives: { user: staging, secret: { file: behind } }
  sends: { user: own, secret: { value: b } }
  experimental_store_and_forward:
    path_context: /handed-in
    users: [editor=6f9619ff-8b86-d011-b42d-00cf4fc964ff]
sync:
  name: live
  conflicts: hold
  peers:
    - { key: 7Q4MAAAAAAAAAAAAAAAA, url: "https://gw-dev.example.com:8443", kinds: [kentico.document] }
`

func TestAKenticoThatForwards(t *testing.T) {
	c, problems := loadKentico(t, forwardText)
	if len(problems) > 0 || !c.Forwards() {
		t.Errorf("problems %q, forwards %t", problems, c.Forwards())
	}
	c, _ = loadKentico(t, strings.Replace(forwardText, "profile: kentico", "profile: liferay", 1))
	if c.Forwards() {
		t.Error("a Liferay forwards")
	}
	if c, _ := loadKentico(t, kenticoText); c.Forwards() {
		t.Error("a Kentico with peers forwards")
	}
}

func TestProblemsOfAKenticoThatForwards(t *testing.T) {
	for _, tt := range []struct {
		name, old, with, want string
		fatal                 bool
	}{
		{"without sync", forwardText[strings.Index(forwardText, "sync:"):], "",
			"s.yaml:9: kentico.experimental_store_and_forward.path_context: needs sync", true},
		{"beside an engine", "  conflicts: hold\n", "  engine: { url: \"http://127.0.0.1:9000\", token_file: behind }\n",
			"s.yaml:13: sync.engine.url: stands beside kentico.experimental_store_and_forward", true},
		{"with a rule for conflicts", "conflicts: hold", "conflicts: newest", "s.yaml:13: sync.conflicts: is newest: a Kentico cannot compare", true},
		{"beside peers of its own", "  experimental_store", "  peers: [{ name: dev, users: [], sends: { user: dev, secret: { value: d } } }]\n  experimental_store",
			"s.yaml:8: kentico.peers: stand beside experimental_store_and_forward", true},
		{"with other kinds only", "kinds: [kentico.document]", "kinds: [page]", "kinds: name nothing of a Kentico's", false},
		{"under no path", "path_context: /handed-in", "path_context: handed in/", "s.yaml:9: kentico.experimental_store_and_forward.path_context: is not a path", true},
		{"a setting that is none", "    path_context", "    path: x\n    path_context", "experimental_store_and_forward.path", true},
		{"an engine that is no Kentico", "profile: kentico", "profile: liferay", "sync.engine.url: is needed where sync.name is set", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if !strings.Contains(forwardText, tt.old) {
				t.Fatalf("nothing to replace: %s", tt.old)
			}
			_, problems := loadKentico(t, strings.Replace(forwardText, tt.old, tt.with, 1))
			found := false
			for _, p := range problems {
				if strings.Contains(p.String(), tt.want) {
					found = p.Cure != "" && p.Warning != tt.fatal
				}
			}
			if !found || conf.Fatal(problems) != tt.fatal {
				t.Errorf("no %q in %q", tt.want, problems)
			}
		})
	}
}
