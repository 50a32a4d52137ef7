package plan_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/node/plan"
	"github.com/stagelock/stagelock/gateway/tasks"
)

const kentico = `names: [gw.example.com]
hosts: { allow: [10.2.0.5, 10.1.0.2] }
data: /tmp
admin: { listen: [] }
engine: { profile: kentico, path_context: /live, upstream: { nodes: ["https://10.2.0.5:8443"], path_context: /cms, host: www.example.com } }
kentico:
  name: live
  file_max_bytes: 1MiB
  receives: { user: staging, secret: { value: a } }
  sends: { user: own, secret: { value: b }, addresses: [10.2.0.5] }
  peers:
    - name: dev
      deletes: true
      tables: ["pages:Custom_Article", "cms.role:CMS_Role", "Customtableitem.Shop.City:Shop_City"]
      users: [editor=6f9619ff-8b86-d011-b42d-00cf4fc964ff]
      sends: { user: from-dev, addresses: [10.1.0.2], secret: { value: c } }
      target: { url: "https://dev.example.com/in/", path_context: /to-dev, user: from-live, secret: { value: d } }
    - name: test
      run_as: stager=6f9619ff-8b86-d011-b42d-00cf4fc964ff
      sends: { user: from-test, secret: { value: e } }
`

func linksOf(t *testing.T, text string) (*tasks.Policy, []conf.Problem) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "s.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, problems := conf.Load(conf.Options{File: file})
	if conf.Fatal(problems) {
		t.Fatalf("%q", problems)
	}
	p, problems := plan.Policy(plan.Options{Conf: cfg})
	if p.Engine.Pool != nil {
		t.Cleanup(p.Engine.Pool.Close)
	}
	made, more := plan.Tasks(plan.Options{Conf: cfg}, p)
	return made, append(problems, more...)
}

func TestLinks(t *testing.T) {
	p, problems := linksOf(t, kentico)
	if conf.Fatal(problems) || len(p.Links) != 3 {
		t.Fatalf("%q, %d links", problems, len(p.Links))
	}
	in, out, test := p.Links[0], p.Links[1], p.Links[2]
	if in.Context != "/live" || in.Peer.Name != "dev" || in.Peer.User != "from-dev" || in.Peer.Upstream != "live" || in.To.Server != "live" ||
		in.To.Path != "/cms/CMSPages/Staging/SyncServer.asmx" || in.To.To != "https://www.example.com"+in.To.Path || in.To.User != "staging" {
		t.Errorf("in: %+v to %+v", in, in.To)
	}
	if out.Context != "/to-dev" || out.Peer.Name != "live" || out.Peer.User != "own" || out.Peer.Upstream != "dev" || out.To.Server != "dev" ||
		out.To.To != "https://dev.example.com/in/CMSPages/Staging/SyncServer.asmx" || out.To.User != "from-live" {
		t.Errorf("out: %+v to %+v", out, out.To)
	}
	for _, l := range []*tasks.Link{in, out} { // what may travel is the peer's, both ways
		if !l.Peer.Deletes || l.Peer.Sites || len(l.Peer.Users) != 1 || l.Peer.Tables[""][0] != "Custom_Article" ||
			l.Peer.Tables["customtableitem.shop.city"][0] != "Shop_City" || l.Addresses == nil {
			t.Errorf("%s: %+v", l.Peer.Name, l.Peer)
		}
	}
	if test.Peer.Deletes || !test.Peer.RunAs.Set || test.Peer.RunAs.Value != "stager" || test.Peer.RunAsGUID[0] == 0 || test.Addresses != nil {
		t.Errorf("test: %+v", test.Peer)
	}
	if p.Limits.File != 1<<20 || p.AtOnce != 4 || p.Rules == nil || p.Profile.MaxContent != 40_000_000 {
		t.Errorf("%+v", p)
	}
}

// TestAddressesOfASender: one that is none is told with its line, and admits nobody.
func TestAddressesOfASender(t *testing.T) {
	_, problems := linksOf(t, strings.Replace(kentico, "addresses: [10.1.0.2]", "addresses: [10.1.0]", 1))
	found := false
	for _, p := range problems {
		found = found || p.Path == "kentico.peers[0].sends.addresses[0]" && p.Line == 16 && !p.Warning
	}
	if !found {
		t.Errorf("problems %q", problems)
	}
}

func TestCheckLooksAtTasks(t *testing.T) {
	file := filepath.Join(t.TempDir(), "s.yaml")
	for text, bad := range map[string]bool{kentico: false, strings.Replace(kentico, "addresses: [10.2.0.5]", "addresses: [x]", 1): true} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, _ := conf.Load(conf.Options{File: file})
		if got := conf.Fatal(plan.Check(cfg)); got != bad {
			t.Errorf("fatal: %v, want %v", got, bad)
		}
	}
}

// TestTheLinkOfATaskThatIsKept: the Kentico is both the sender and the receiver, in the same bounds.
func TestTheLinkOfATaskThatIsKept(t *testing.T) {
	text := kentico[:strings.Index(kentico, "  peers:")] + `  experimental_store_and_forward:
    path_context: /handed-in
    deletes: true
    tables: ["pages:Custom_Article"]
    users: [editor=6f9619ff-8b86-d011-b42d-00cf4fc964ff]
sync:
  name: live
  peers: [{ key: 7Q4MAAAAAAAAAAAAAAAA, direction: from, kinds: [kentico.document] }]
`
	p, problems := linksOf(t, text)
	if conf.Fatal(problems) || len(p.Links) != 1 || p.Kept() != p.Links[0] {
		t.Fatalf("%q, %d links", problems, len(p.Links))
	}
	l := p.Kept()
	if l.Context != "/handed-in" || l.Peer.Name != "live" || l.Peer.User != "own" || l.Peer.Upstream != "stagelock" || l.Addresses == nil ||
		l.To.Server != "live" || l.To.User != "staging" || l.To.Path != "/cms/CMSPages/Staging/SyncServer.asmx" || l.To.Open == nil {
		t.Errorf("%+v to %+v", l, l.To)
	}
	if !l.Peer.Deletes || l.Peer.Sites || l.Peer.Tables[""][0] != "Custom_Article" || len(l.Peer.Users) != 1 || l.Peer.Limits.File != 1<<20 {
		t.Errorf("bounds %+v", l.Peer)
	}
	if p, _ := linksOf(t, kentico); p.Kept() != nil {
		t.Error("a task that goes through is kept")
	}
}
