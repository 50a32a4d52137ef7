package trial_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/node/trial"
	"github.com/stagelock/stagelock/policy/secret"
)

const text = `names: ["live.example.com"]
hosts:
  allow: ["10.1.2.0/24"]
  trusted_proxies: ["10.9.0.1"]
engine:
  browser_url: https://www.example.com
  upstream: { nodes: ["http://127.0.0.1:8080"] }
peers:
  - name: staging
    sites: [20143]
    logins: ["publisher@example.com"]
    addresses: ["10.1.2.3"]
    part_max_bytes: 1MiB
    secret: { value: "0123456789abcdef" }
`

func load(t *testing.T, text string) *conf.Config {
	t.Helper()
	cfg, problems := conf.Load(conf.Options{File: "c.yaml", ReadFile: func(string) ([]byte, error) { return []byte(text), nil }})
	if conf.Fatal(problems) {
		t.Fatalf("configuration: %v", problems)
	}
	return cfg
}

func authorization(t *testing.T, text string) string {
	t.Helper()
	k, problems := secret.NewKey(secret.KeyConfig{ID: "k", Secret: []byte(text), Line: "7.4"})
	if k == nil {
		t.Fatalf("key: %v", problems)
	}
	return k.Authorization("publisher@example.com", true, false)
}

func TestTheStepThatRefuses(t *testing.T) {
	cfg := load(t, text)
	good := trial.Call{From: netip.MustParseAddr("10.1.2.3"), Login: "publisher@example.com", Site: 20143}
	with := func(change func(*trial.Call)) trial.Call {
		c := good
		change(&c)
		return c
	}
	for _, tt := range []struct {
		name              string
		call              trial.Call
		step, reason, set string // of the last step; no reason: it passes
		line              int
	}{
		{"as it should be", good, "judge", "", "peers[0].sites[0]", 10},
		{"with its secret", with(func(c *trial.Call) { c.Authorization = authorization(t, "0123456789abcdef") }), "judge", "", "peers[0].sites[0]", 10},
		{"with another secret", with(func(c *trial.Call) { c.Authorization = authorization(t, "fedcba9876543210") }), "verify", "secret.wrong", "peers[0].secret", 14},
		{"a stranger", with(func(c *trial.Call) { c.From = netip.MustParseAddr("192.0.2.1") }), "admit", "host.denied", "hosts.allow", 3},
		{"another's address", with(func(c *trial.Call) { c.From = netip.MustParseAddr("10.1.2.4") }), "verify", "secret.wrong", "peers[0].addresses", 12},
		{"through a trusted proxy", with(func(c *trial.Call) { c.Via = netip.MustParseAddr("10.9.0.1") }), "judge", "", "peers[0].sites[0]", 10},
		{"through somebody else", with(func(c *trial.Call) {
			c.Via = netip.MustParseAddr("10.1.2.3")
			c.From = netip.MustParseAddr("192.0.2.1")
		}), "judge", "", "peers[0].sites[0]", 10},
		{"another site", with(func(c *trial.Call) { c.Site = 7 }), "judge", "site.denied", "peers[0].sites", 10},
		{"another login", with(func(c *trial.Call) { c.Login = "other@example.com" }), "judge", "login.unlisted", "peers[0].logins", 11},
		{"a part too large", with(func(c *trial.Call) { c.PartSize, c.Method = 2<<20, "updateStagingRequest" }), "judge", "part.size", "peers[0].part_max_bytes", 13},
		{"an unknown call", with(func(c *trial.Call) { c.Method = "deleteGroup" }), "judge", "call.unknown", "engine.line", 5},
		{"an event", with(func(c *trial.Call) { c.Method = "propagateExportImportLifecycleEvent" }), "judge", "", "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			steps, problems := trial.Run(cfg, tt.call)
			if conf.Fatal(problems) || len(steps) == 0 {
				t.Fatalf("%v", problems)
			}
			last := steps[len(steps)-1]
			if last.Step != tt.step || last.Pass != (tt.reason == "") || last.Reason != tt.reason || last.Setting != tt.set || last.Line != tt.line {
				t.Errorf("got %+v", last)
			}
			if !last.Pass && (last.Msg == "" || last.Cure == "") {
				t.Errorf("a refusal without words: %+v", last)
			}
		})
	}
}

func TestATrialOfNobody(t *testing.T) {
	cfg := load(t, text)
	cfg.Peers = nil
	steps, _ := trial.Run(cfg, trial.Call{From: netip.MustParseAddr("10.1.2.3")})
	if last := steps[len(steps)-1]; last.Pass || last.Setting != "peers" {
		t.Errorf("got %+v", steps)
	}
}

func TestATrialOfABrokenConfiguration(t *testing.T) {
	cfg := load(t, text)
	cfg.Hosts.Allow = []string{"nonsense"}
	steps, problems := trial.Run(cfg, trial.Call{From: netip.MustParseAddr("10.1.2.3")})
	if steps != nil || !conf.Fatal(problems) || !strings.Contains(problems[len(problems)-1].String(), "hosts.allow[0]") {
		t.Errorf("got %+v, %v", steps, problems)
	}
}
