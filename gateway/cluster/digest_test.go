package cluster_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/cluster"
)

const shared = `listen: ["127.0.0.1:0"]
names: ["live.example.com"]
data: data
store: postgres
hosts:
  allow: ["10.1.2.0/24"]
engine:
  upstream: { nodes: ["http://127.0.0.1:8080"] }
peers:
  - name: staging
    sites: [20143]
    logins: ["publisher@example.com"]
    secret: { value: "0123456789abcdef" }
cluster:
  node: gate-a
  key_file: KEY
  postgres: { url: { value: "postgres://gate@127.0.0.1:1/gate" } }
`

// digest returns the digest of the shared configuration with one text put in the place of another, under
// a key of that one digit.
func digest(t *testing.T, key, from, to string) string {
	t.Helper()
	if !strings.Contains(shared, from) {
		t.Fatalf("%q is not in the configuration", from)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "key")
	if err := os.WriteFile(file, []byte(strings.Repeat(key, 64)), 0o600); err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(strings.Replace(shared, from, to, 1), "KEY", file)
	c, problems := conf.Load(conf.Options{File: "c.yaml", ReadFile: func(name string) ([]byte, error) {
		if name == "c.yaml" {
			return []byte(text), nil
		}
		return os.ReadFile(name)
	}})
	if conf.Fatal(problems) {
		t.Fatalf("%v", problems)
	}
	return cluster.Digest(c)
}

// TestDigestIsOfWhatMustBeAlike holds: what lets a call pass at one gateway and not at another changes
// the digest, and what each gateway has for itself does not.
func TestDigestIsOfWhatMustBeAlike(t *testing.T) {
	plain := digest(t, "1", "", "")
	for _, tt := range []struct {
		name, from, to string
		alike          bool
	}{
		{"the same", "", "", true},
		{"a comment", "data: data", "data: data # here", true},
		{"a default written out", "value: \"0123456789abcdef\"", "value: \"0123456789abcdef\", algorithm: AES", true},
		{"address", "127.0.0.1:0", "127.0.0.2:0", true},
		{"folder", "data: data", "data: elsewhere", true},
		{"name of the gateway", "gate-a", "gate-b", true},
		{"address of the database", "127.0.0.1:1/gate", "127.0.0.1:2/gate", true},
		{"level of the log", "data: data", "data: data\nlog: { level: debug }", true},
		{"host name", "live.example.com", "www.example.com", false},
		{"allowlist", "10.1.2.0/24", "10.1.3.0/24", false},
		{"site", "20143", "20144", false},
		{"login", "publisher@", "other@", false},
		{"peer", "name: staging", "name: stage", false},
		{"secret", "0123456789abcdef", "0123456789abcdeg", false},
		{"node of the engine", "127.0.0.1:8080", "127.0.0.1:8081", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := digest(t, "1", tt.from, tt.to); (got == plain) != tt.alike {
				t.Errorf("alike %t, want %t", got == plain, tt.alike)
			}
		})
	}
}

// TestDigestHidesTheSecret holds: without the key of the gateways nobody can try secrets against it.
func TestDigestHidesTheSecret(t *testing.T) {
	if digest(t, "1", "", "") == digest(t, "2", "", "") {
		t.Error("the digest of a secret is the same under another key")
	}
}

// TestNameOfAGateway holds: what is written counts where gateways share a database, else the machine's.
func TestNameOfAGateway(t *testing.T) {
	machine, err := os.Hostname()
	if err != nil {
		t.Skip("this machine has no name")
	}
	for _, tt := range []struct {
		name, store, node, want string
	}{
		{"written", "postgres", "gate-a", "gate-a"},
		{"not written", "postgres", "", machine},
		{"alone", "sqlite", "gate-a", machine},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := &conf.Config{}
			c.Store, c.Cluster.Node = tt.store, tt.node
			if got, err := cluster.NodeName(c); err != nil || got != tt.want {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

// TestCheckWarnsOfADatabaseThatIsAway holds: a server that is down now is no reason to refuse a
// configuration; the warning names the line, and never the password.
func TestCheckWarnsOfADatabaseThatIsAway(t *testing.T) {
	load := func(text string) *conf.Config {
		c, problems := conf.Load(conf.Options{File: "c.yaml", ReadFile: func(name string) ([]byte, error) {
			if name == "c.yaml" {
				return []byte(text), nil
			}
			return nil, os.ErrNotExist
		}})
		if c == nil {
			t.Fatalf("%v", problems)
		}
		return c
	}
	away := strings.Replace(shared, "gate@127", "gate:hunter2@127", 1)
	found := cluster.Check(t.Context(), load(away), "life")
	if len(found) != 1 || conf.Fatal(found) || !strings.Contains(found[0].String(), "cluster.postgres.url.value") ||
		!strings.Contains(found[0].String(), "c.yaml:17") || strings.Contains(found[0].String(), "hunter2") {
		t.Errorf("found %v", found)
	}
	alone := strings.Replace(shared, "store: postgres\n", "", 1)
	if found := cluster.Check(t.Context(), load(alone[:strings.Index(alone, "cluster:")]), ""); len(found) != 0 {
		t.Errorf("a gateway alone: %v", found)
	}
}
