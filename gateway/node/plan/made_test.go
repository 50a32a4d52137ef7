package plan_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/node/plan"
	"github.com/stagelock/stagelock/gateway/relay/rules"
	"github.com/stagelock/stagelock/integration/ports"
)

// load reads a configuration that must be usable.
func load(t *testing.T, text string) *conf.Config {
	t.Helper()
	file := filepath.Join(ports.Folder(t), "s.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, problems := conf.Load(conf.Options{File: file})
	if conf.Fatal(problems) {
		t.Fatalf("%q", problems)
	}
	return cfg
}

// policyOf makes the policy of a configuration.
func policyOf(t *testing.T, text string, ports ...uint16) *rules.Policy {
	t.Helper()
	p, problems := plan.Policy(plan.Options{Conf: load(t, text), Ports: ports})
	if p.Engine.Pool != nil {
		t.Cleanup(p.Engine.Pool.Close)
	}
	if conf.Fatal(problems) {
		t.Fatalf("%q", problems)
	}
	return p
}

// TestNamesStandForThePortsThatAreListenedOn: a Host is one of them or none.
func TestNamesStandForThePortsThatAreListenedOn(t *testing.T) {
	for _, tt := range []struct {
		name, names string
		ports       []uint16
		want        []string
	}{
		{"a name", `["live.example.com"]`, []uint16{8443}, []string{"live.example.com", "live.example.com:8443"}},
		{"two ports", `["live.example.com"]`, []uint16{443, 8443}, []string{"live.example.com", "live.example.com:443", "live.example.com:8443"}},
		{"a port of its own", `["live.example.com:444"]`, []uint16{8443}, []string{"live.example.com:444"}},
		{"IPv4", `["192.0.2.1"]`, []uint16{1}, []string{"192.0.2.1", "192.0.2.1:1"}},
		{"IPv6", `["[2001:db8::1]"]`, []uint16{1}, []string{"[2001:db8::1]", "[2001:db8::1]:1"}},
		{"both", `["a.example", "b.example:9"]`, []uint16{7}, []string{"a.example", "a.example:7", "b.example:9"}},
		{"the ports of listen", `["a.example"]`, nil, []string{"a.example", "a.example:0"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := policyOf(t, strings.Replace(good, `["live.example.com"]`, tt.names, 1), tt.ports...)
			if !slices.Equal(p.Profile.Hosts, tt.want) {
				t.Errorf("hosts %q, want %q", p.Profile.Hosts, tt.want)
			}
		})
	}
}

// TestWhatAPolicySays of a configuration, field by field.
func TestWhatAPolicySays(t *testing.T) {
	for _, tt := range []struct {
		name, old, new string
		got            func(p *rules.Policy) any
		want           any
	}{
		{"browser URL", "https://www.example.com", "https://www.example.com/", func(p *rules.Policy) any { return p.BrowserURL }, "https://www.example.com"},
		{"no browser URL", "  browser_url: https://www.example.com\n", "", func(p *rules.Policy) any { return p.BrowserURL }, ""},
		{"path context", "engine:\n", "engine:\n  path_context: /live\n", func(p *rules.Policy) any { return p.PathContext }, "/live"},
		{"the zero path context", "", "", func(p *rules.Policy) any { return p.PathContext }, ""},
		{"drop", "hosts:\n", "hosts:\n  refuse: drop\n", func(p *rules.Policy) any { return p.Drop }, true},
		{"answer", "hosts:\n", "hosts:\n  refuse: answer\n", func(p *rules.Policy) any { return p.Drop }, false},
		{"a site", "", "", func(p *rules.Policy) any { return fmt.Sprint(p.Peers[0].AnySite, len(p.Peers)) }, "false 1"},
		{"any site", "[20143]", "[any]", func(p *rules.Policy) any { return p.Peers[0].AnySite }, true},
		{"logins", "", "", func(p *rules.Policy) any { return fmt.Sprint(p.Peers[0].Logins) }, "[publisher@example.com]"},
		{"no addresses of its own", "", "", func(p *rules.Policy) any { return p.Peers[0].Addresses == nil }, true},
		{"addresses", "    sites: [20143]", "    sites: [20143]\n    addresses: [\"10.1.2.3\"]",
			func(p *rules.Policy) any { return p.Peers[0].Addresses != nil }, true},
		{"heartbeat", "", "", func(p *rules.Policy) any { return p.Heartbeat > 0 && p.Heartbeat < time.Hour }, true},
		{"the pool is there", "", "", func(p *rules.Policy) any { return p.Engine.Pool != nil && p.Desk != nil }, true},
		{"the body has room for a part and its envelope", "", "", func(p *rules.Policy) any {
			return p.Profile.MaxContent > p.Peers[0].PartMax && p.Peers[0].PartMax > 0
		}, true},
		{"an older line spells references otherwise", "engine:\n", "engine:\n  line: \"6.2\"\n", func(p *rules.Policy) any { return p.Engine.Encoded }, false},
		{"this line", "", "", func(p *rules.Policy) any { return p.Engine.Encoded }, true},
		{"host of the engine", "nodes: [", "host: www.example.com, nodes: [", func(p *rules.Policy) any { return p.Engine.Host }, "www.example.com"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if !strings.Contains(good, tt.old) {
				t.Fatalf("%q is not in the configuration", tt.old)
			}
			p := policyOf(t, strings.Replace(good, tt.old, tt.new, 1))
			if got := tt.got(p); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// TestWhatIsKeptAcrossAReload: limits and nodes in use are not forgotten.
func TestWhatIsKeptAcrossAReload(t *testing.T) {
	first := policyOf(t, good)
	second, problems := plan.Policy(plan.Options{Conf: load(t, good), Limiter: first.Quota, Pool: first.Engine.Pool})
	if len(problems) != 0 || second.Quota != first.Quota || second.Engine.Pool != first.Engine.Pool {
		t.Errorf("%q, another limiter %t, another pool %t", problems, second.Quota != first.Quota, second.Engine.Pool != first.Engine.Pool)
	}
	third, _ := plan.Policy(plan.Options{Conf: load(t, good)})
	defer third.Engine.Pool.Close()
	if third.Quota == first.Quota || third.Engine.Pool == first.Engine.Pool {
		t.Error("two policies share what neither was given")
	}
}

// TestCertificateNames: what the listeners' certificate is to be for, without ports, addresses apart.
func TestCertificateNames(t *testing.T) {
	for _, tt := range []struct{ name, names, hosts, ips string }{
		{"a name", `["a.example"]`, "[a.example]", "[]"},
		{"a name with a port", `["a.example:444"]`, "[a.example]", "[]"},
		{"IPv4", `["192.0.2.1"]`, "[]", "[192.0.2.1]"},
		{"IPv4 with a port", `["192.0.2.1:444"]`, "[]", "[192.0.2.1]"},
		{"IPv6", `["[2001:db8::1]"]`, "[]", "[2001:db8::1]"},
		{"IPv6 with a port", `["[2001:db8::1]:444"]`, "[]", "[2001:db8::1]"},
		{"all", `["a.example", "192.0.2.1", "b.example:1"]`, "[a.example b.example]", "[192.0.2.1]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := plan.Certificate(load(t, strings.Replace(good, `["live.example.com"]`, tt.names, 1)))
			if fmt.Sprint(c.Names) != tt.hosts || fmt.Sprint(c.IPs) != tt.ips {
				t.Errorf("names %v, addresses %v; want %s, %s", c.Names, c.IPs, tt.hosts, tt.ips)
			}
		})
	}
}

func TestSecretPath(t *testing.T) {
	for want, key := range map[string]conf.Key{"peers[0].secret.value": {}, "peers[0].secret.file": {File: "f"}} {
		if got := plan.SecretPath("peers[0].secret", key); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestProblemsAreSaidOnce: one fault of one line is one problem, and two faults are two.
func TestProblemsAreSaidOnce(t *testing.T) {
	for entries, want := range map[string]int{`"10.1.2.3/24"`: 1, `"10.1.2.3/24", "10.1.2.3/24"`: 1, `"10.1.2.3/24", "10.1.3.3/24"`: 2} {
		got := problems(t, strings.Replace(good, `"10.1.2.0/24"`, entries, 1))
		if len(got) != want || !strings.Contains(got[0], "hosts.allow[0]") {
			t.Errorf("%s: problems %q, want %d", entries, got, want)
		}
	}
}
