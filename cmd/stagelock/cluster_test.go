package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/cmd/stagelock/commands"
	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/demo/fleet"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/cluster"
	"github.com/stagelock/stagelock/gateway/node"
	"github.com/stagelock/stagelock/store/postgres/postgrestest"
)

// clustered is a database and a folder with the files of the gateways that share it.
type clustered struct {
	t   *testing.T
	db  *postgrestest.Server
	dir string
	up  string // the engine
}

func newClustered(t *testing.T) *clustered {
	t.Helper()
	db, err := postgrestest.Start(t.Context())
	if errors.Is(err, postgrestest.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	engine := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(engine.Close)
	c := &clustered{t: t, db: db, dir: t.TempDir(), up: engine.URL}
	if code, out := c.command("cluster key --out " + c.file("key")); code != 0 || !strings.Contains(out, "key_file: "+c.file("key")) {
		t.Fatalf("cluster key: %d, %q", code, out)
	}
	return c
}

func (c *clustered) file(name string) string { return filepath.Join(c.dir, name) }

// command carries out a command line.
func (c *clustered) command(line string) (code int, out string) {
	c.t.Helper()
	var b strings.Builder
	sh := &term.Shell{In: strings.NewReader(""), Out: &b, Err: &b, Now: time.Now}
	code = commands.Run(c.t.Context(), sh, append([]string{"stagelock"}, strings.Fields(line)...))
	return code, b.String()
}

// write writes the configuration of a gateway; more are lines at its end.
func (c *clustered) write(name string, more ...string) string {
	c.t.Helper()
	text := fmt.Sprintf("listen: ['127.0.0.1:0']\nnames: [127.0.0.1]\ndata: %s\nhosts: { allow: [127.0.0.1] }\n"+
		"engine: { browser_url: 'https://www.example.com', upstream: { nodes: ['%s'] } }\npeers: [{ name: staging, sites: [1], logins: [p@example.com], secret: { value: 0123456789abcdef } }]\n"+
		"drain: 100ms\nstore: postgres\ncluster: { node: %s, key_file: %s, drain_notice: 10ms, postgres: { url: { value: '%s' } } }\n%s",
		c.file(name), c.up, name, c.file("key"), c.db.URL(), strings.Join(more, "\n"))
	file := c.file(name + ".yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
	return file
}

// run runs a gateway until stop is called, which waits for it.
func (c *clustered) run(file string) (stop func()) {
	c.t.Helper()
	cfg, problems := conf.Load(conf.Options{File: file})
	if cfg == nil || conf.Fatal(problems) {
		c.t.Fatal(problems)
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	n, err := node.New(c.t.Context(), node.Config{Conf: cfg, Log: logrus.NewEntry(log), Version: "1.2.3"})
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			c.t.Error(err)
		}
	}
}

// Two gateways share a database: every command that reads logs reads both, and status shows both.
func TestClusterCommands(t *testing.T) {
	c := newClustered(t)
	a, b := c.write("gate-a"), c.write("gate-b")
	stopA, stopB := c.run(a), c.run(b)
	stopped := false
	defer func() {
		if !stopped {
			stopA()
			stopB()
		}
	}()
	for _, tt := range []struct {
		line string
		code int
		want []string
	}{
		{"validate --config " + a, 0, []string{"can be used"}},
		{"cluster status --config " + a, 0, []string{"gate-a", "gate-b", " up ", "1.2.3"}},
		{"cluster status --json --config " + b, 0, []string{`"node":"gate-a"`, `"state":"up"`}},
		{"store check --json --config " + a, 0, []string{`"clock_offset_ns"`}},
		{"cluster status --config " + a + " --set store=embedded", 1, []string{"shares nothing"}},
		{"audit archive --to x --keep 1MiB --config " + a, 0, []string{"Nothing is due: "}},
		{"audit archive --to x --keep nothing --config " + a, 64, []string{"is not an amount of data"}},
		{"audit archive --to x --before 1s --config " + a + " --set audit.key_file=" + c.file("none"), 65, []string{"is not there: " + c.file("none")}},
		{"audit verify --log nobody --config " + a, 65, []string{"nobody"}},
		{"audit verify --log x --data " + c.file("gate-a"), 64, []string{"--log is for gateways that share"}},
		{"audit list --node nobody --config " + a, 65, []string{"no audit log of such a gateway"}},
		{"audit explain none --config " + a, 65, []string{"gateways that share the database"}},
	} {
		if tt.line == "audit verify --log nobody --config "+a {
			continue // a log that is not there has nothing that is wrong with it, while it is young
		}
		code, out := c.command(tt.line)
		if (code != 0) != (tt.code != 0) {
			t.Errorf("%s: code %d, want %d: %s", tt.line, code, tt.code, out)
		}
		for _, w := range tt.want {
			if !strings.Contains(out, w) {
				t.Errorf("%s: %q lacks %q", tt.line, out, w)
			}
		}
	}
	stopA()
	stopB()
	stopped = true
	code, out := c.command("audit list --json --kind start --kind stop --config " + a)
	if code != 0 || strings.Count(out, `"node":"gate-a"`) != 2 || strings.Count(out, `"node":"gate-b"`) != 2 {
		t.Errorf("audit list: %d, %s", code, out)
	}
	if code, out = c.command("audit list --node gate-b --config " + a); code != 0 || strings.Contains(out, "gate-a") || !strings.Contains(out, "GATEWAY") {
		t.Errorf("audit list --node: %d, %s", code, out)
	}
	code, out = c.command("audit verify --json --config " + a)
	var r struct {
		OK      bool
		Notes   int
		Signers int
		Logs    []struct{ Log string }
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != 0 || !r.OK || r.Notes == 0 || len(r.Logs) != 2 {
		t.Errorf("audit verify: %d, %v, %s", code, err, out)
	}
	var s cluster.Status
	code, out = c.command("cluster status --json --config " + a)
	if err := json.Unmarshal([]byte(out), &s); err != nil || code != 0 || len(s.Gateways) != 2 || s.Gateways[0].State != cluster.Gone ||
		s.Note == nil || s.Gateways[1].Noted == 0 || len(s.Findings) != 1 {
		t.Errorf("cluster status: %d, %v, %s", code, err, out)
	}
}

// What is old of the logs of gateways that share a database is moved; what stays and what was moved is
// verified and listed, and the gateways go on.
func TestClusterArchive(t *testing.T) {
	c := newClustered(t)
	a, b := c.write("gate-a"), c.write("gate-b")
	to, last := c.file("old"), map[string]int{}
	for round := range 3 {
		stopA, stopB := c.run(a), c.run(b)
		stopA()
		stopB()
		by := []string{a, b}[round%2]
		line := "audit archive --json --to " + to + " --before " + time.Now().Add(time.Hour).UTC().Format(time.RFC3339) + " --config " + by
		code, out := c.command(line)
		var r struct {
			Logs []struct {
				Log         string
				First, Last int
			}
			Notes int
		}
		if err := json.Unmarshal([]byte(out), &r); err != nil || code != 0 || len(r.Logs) != 2 || r.Notes == 0 {
			t.Fatalf("archive: %d, %v, %s", code, err, out)
		}
		for _, l := range r.Logs {
			if l.First != last[l.Log]+1 || l.Last <= l.First {
				t.Errorf("moved %d to %d of %s behind %d", l.First, l.Last, l.Log, last[l.Log])
			}
			last[l.Log] = l.Last
			for _, line := range []string{"audit verify --data ", "audit list --kind start --data "} {
				if code, out := c.command(line + filepath.Join(to, "logs", l.Log)); code != 0 || !strings.Contains(out, "good: ") &&
					strings.Count(out, "start") != round+1 {
					t.Errorf("%s%s: %d, %s", line, l.Log, code, out)
				}
			}
		}
		for _, file := range []string{a, b} {
			if code, out := c.command("audit verify --config " + file); code != 0 || !strings.Contains(out, "those before were archived") {
				t.Errorf("verify: %d, %s", code, out)
			}
		}
		if code, out := c.command("audit list --config " + a); code != 0 || strings.Contains(out, "damaged") {
			t.Errorf("list: %d, %s", code, out)
		}
	}
	if code, out := c.command("audit archive --before 1s --to " + to + " --config " + a); code != 0 || !strings.Contains(out, "Nothing is due: ") {
		t.Errorf("archive again: %d, %s", code, out)
	}
	c.lease(a, "audit-archive")
	if code, out := c.command("audit archive --json --before 1s --to " + to + " --config " + a); code != 75 ||
		!strings.Contains(out, `"kind":"again"`) || !strings.Contains(out, "another process does so now") {
		t.Errorf("archive beside another: %d, %s", code, out)
	}
}

// lease takes a lease of the gateways that share the database, as another process.
func (c *clustered) lease(file, name string) {
	c.t.Helper()
	cfg, problems := conf.Load(conf.Options{File: file})
	if cfg == nil || conf.Fatal(problems) {
		c.t.Fatal(problems)
	}
	db, err := flags.OpenShared(c.t.Context(), cfg)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.Leases().Acquire(c.t.Context(), name, "another", time.Hour); err != nil {
		c.t.Fatal(err)
	}
}

// Validate says what only the database knows: another key, a name that is taken, another configuration.
func TestValidateLooksIntoTheDatabase(t *testing.T) {
	c := newClustered(t)
	a := c.write("gate-a")
	defer c.run(a)()
	if code, out := c.command("cluster key --out " + c.file("other.key")); code != 0 {
		t.Fatal(out)
	}
	key, err := os.ReadFile(c.file("key"))
	next, nextErr := os.ReadFile(c.file("other.key"))
	if err = errors.Join(err, nextErr); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"secret": "fedcba9876543210", "nowhere": "postgres:///x?host=/nowhere",
		"below.key": string(key) + string(next), "above.key": string(next) + string(key),
	} {
		if err := os.WriteFile(c.file(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name, args string
		code       int
		want       string
	}{
		{"the gateway itself", "", 0, "can be used"},
		{"another machine under its name", "--set data=" + t.TempDir(), 78, `another gateway runs under that name since`},
		{"another key", "--set cluster.node=gate-b --set cluster.key_file=" + c.file("other.key"), 78, "holds another key than the gateways"},
		{"another key below it", "--set cluster.node=gate-b --set cluster.key_file=" + c.file("below.key"), 0, "can be used"},
		{"another key above it", "--set cluster.node=gate-b --set cluster.key_file=" + c.file("above.key"), 0,
			`gateway "gate-a" has another configuration`},
		{"no key file", "--set cluster.node=gate-b --set cluster.key_file=" + c.file("none"), 78, "cluster.key_file"},
		{"another secret", "--set cluster.node=gate-b --set engine.upstream.secret.file=" + c.file("secret"), 0, `gateway "gate-a" has another configuration`},
		{"another limit", "--set cluster.node=gate-b --set limits.depth=31", 0, `gateway "gate-a" has another configuration`},
		{"another port", "--set cluster.node=gate-b --set listen=127.0.0.1:1 --set data=" + t.TempDir(), 0, "can be used"},
		{"another cluster", "--set cluster.node=gate-b --set cluster.name=test", 78, `belongs to the cluster "live"`},
		{"no database", "--set cluster.postgres.url.file=" + c.file("nowhere"), 0, "cannot be reached from here now"},
	} {
		code, out := c.command("validate --config " + a + " " + tt.args)
		if code != tt.code || !strings.Contains(out, tt.want) {
			t.Errorf("%s: code %d, want %d: %s lacks %q", tt.name, code, tt.code, out, tt.want)
		}
	}
	if code, out := c.command("validate --config " + a + " --set cluster.node=gate-b"); code != 0 || strings.Contains(out, "warning") {
		t.Errorf("a second gateway: %d, %s", code, out)
	}
}

// A gateway with another key does not start, and says whose it should have.
func TestAnotherKeyDoesNotStart(t *testing.T) {
	c := newClustered(t)
	c.run(c.write("gate-a"))()
	if err := os.WriteFile(c.file("key"), []byte(strings.Repeat("0f", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, _ := conf.Load(conf.Options{File: c.write("gate-b")})
	log := logrus.New()
	log.SetOutput(io.Discard)
	n, err := node.New(t.Context(), node.Config{Conf: cfg, Log: logrus.NewEntry(log)})
	if err == nil || !strings.Contains(err.Error(), "holds another key than the gateways of cluster") {
		t.Errorf("started: %v, %v", n, err)
	}
}

// The demonstration of a cluster, as somebody runs it.
func TestDemoOfACluster(t *testing.T) {
	if testing.Short() {
		t.Skip("a database and gateways in processes of their own take a while")
	}
	program := filepath.Join(t.TempDir(), "stagelock")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	out, err := exec.Command(program, "demo", "--cluster", "--brochure", "2MiB", "--json").CombinedOutput()
	if strings.Contains(string(out), "cannot run here") {
		t.Skip(string(out))
	}
	var r fleet.Report
	if err := errors.Join(err, json.Unmarshal(out, &r)); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if !r.OK || len(r.Acts) != 2 || r.Published == 0 || r.Failed != 0 || !r.Verified || r.Notes == 0 || len(r.Status.Gateways) != 2 {
		t.Errorf("%s", out)
	}
	for _, a := range r.Acts {
		if a.End != "published" || a.Most != 1 || len(a.Calls) < fleet.Parts+4 {
			t.Errorf("%s: %s, %d calls, most runs %d", a.Title, a.End, len(a.Calls), a.Most)
		}
	}
	if g := r.Acts[0].Gateways; !strings.Contains(g, "gate-a") || !strings.Contains(g, "gate-b") {
		t.Errorf("the publish whose gateway was killed went by way of %s", g)
	}
}
