package integration_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/proof"
	notes "github.com/stagelock/stagelock/gateway/audit/witness"
	"github.com/stagelock/stagelock/integration/internal/harness"
	"github.com/stagelock/stagelock/integration/ports"
	"github.com/stagelock/stagelock/store/postgres"
	"github.com/stagelock/stagelock/store/postgres/postgrestest"
)

// fleetHost is the name under which publishers know the gateways of a fleet.
const fleetHost = "live.example.com"

// fleet is gateways in processes of their own that share a database, HAProxy in front of them, and one
// engine behind.
type fleet struct {
	crash                       // what publishers do, through HAProxy
	server *postgrestest.Server // the database
	db     *postgres.Store      // as the test sees it
	gates  []*gate

	haproxy  *harness.HAProxy
	upstream string // URL of the engine
}

// gate is one gateway of a fleet.
type gate struct {
	name, file, addr string
	child            *harness.Process
}

// newFleet starts a database, HAProxy and gateways of these names; more are lines of their configuration.
func newFleet(t *testing.T, names []string, more ...string) *fleet {
	t.Helper()
	f := withDatabase(t)
	f.serve(t, f.server.URL(), names, more)
	return f
}

// withDatabase returns a fleet without any gateway yet.
func withDatabase(t *testing.T) *fleet {
	t.Helper()
	if testing.Short() {
		t.Skip("gateways in processes of their own take a while")
	}
	t.Parallel() // it waits more than it works
	server, err := postgrestest.Start(t.Context())
	if errors.Is(err, postgrestest.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return &fleet{server: server, crash: crash{key: harness.NewKey(t, harness.Secret), dir: t.TempDir(), lars: map[string][]byte{}}}
}

// serve starts an engine, gateways that reach the database at url, and HAProxy in front of them.
func (f *fleet) serve(t *testing.T, url string, names, more []string) {
	t.Helper()
	haproxy, err := harness.Find("haproxy")
	if err != nil {
		t.Skip("HAProxy is not installed: apt-get install haproxy")
	}
	f.engine = harness.StartEngine(t, harness.EngineOptions{Documents: "4.0.0", Before: f.before})
	f.upstream = f.engine.URL
	for _, name := range names {
		f.add(t, name, url, more)
	}
	f.front(t, haproxy)
	f.open(t)
}

// add makes a gateway known, whose port stays the same over its starts.
func (f *fleet) add(t *testing.T, name, url string, more []string) {
	t.Helper()
	key := filepath.Join(f.dir, "cluster.key")
	if err := os.WriteFile(key, []byte(strings.Repeat("0f", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	o := harness.Options{
		Upstream: f.upstream, Context: "/live", Allow: `["127.0.0.0/8"]`, Hosts: []string{`proxy_protocol: ["127.0.0.1"]`},
		Names: `["` + fleetHost + `", "127.0.0.1"]`,
		Extra: append(append([]string{"drain: 30s", "store: postgres", "cluster:", "  node: " + name, "  key_file: " + key,
			"  drain_notice: 5s", "  postgres: { url: { value: " + fmt.Sprintf("%q", url) + " } }"}, more...), unhurried...),
	}
	if !slices.ContainsFunc(more, func(l string) bool { return strings.HasPrefix(l, "  lease:") }) {
		o.Extra = slices.Insert(o.Extra, slices.Index(o.Extra, "cluster:")+1, "  lease: "+fleeting.String())
	}
	data := filepath.Join(f.dir, name)
	addr := ports.Free(t)
	file := writeConfig(t, o, data, addr)
	first, err := startChild(errand{File: file})
	if err != nil {
		t.Fatal(err)
	}
	if f.roots == nil {
		pem, err := os.ReadFile(first.CA)
		if err != nil {
			t.Fatal(err)
		}
		f.roots = x509.NewCertPool()
		f.roots.AppendCertsFromPEM(pem)
	}
	g := &gate{name: name, addr: addr, file: file, child: first}
	f.gates = append(f.gates, g)
	t.Cleanup(func() { _ = g.child.Cmd.Process.Kill(); <-g.child.Ended })
}

// front runs HAProxy with the configuration that the page of balancers shows, but for names and addresses.
func (f *fleet) front(t *testing.T, program string) {
	t.Helper()
	f.haproxy = harness.StartHAProxy(t, program, "balancers/haproxy-cluster.cfg",
		"/etc/haproxy/stagelock-ca.pem", filepath.Join(f.dir, f.gates[0].name, "tls", "ca.pem"),
		"timeout client  60s", "timeout client 10m", "timeout server  60s", "timeout server 10m", // a database may be away
		"    server gate-a 10.0.0.1:8443\n    server gate-b 10.0.0.2:8443\n", f.servers("", ""),
		"    server gate-a-waits 10.0.0.1:8443 backup no-check\n    server gate-b-waits 10.0.0.2:8443 backup no-check\n",
		f.servers("-waits", " backup no-check"))
	f.addr = f.haproxy.Addr
	f.awaitFront(t)
}

func (f *fleet) servers(suffix, options string) string {
	all := ""
	for _, g := range f.gates {
		all += fmt.Sprintf("    server %s%s %s%s\n", g.name, suffix, g.addr, options)
	}
	return all
}

func (f *fleet) tls() *tls.Config {
	return &tls.Config{RootCAs: f.roots, ServerName: fleetHost, MinVersion: tls.VersionTLS12}
}

// awaitFront waits until a gateway answers through HAProxy.
func (f *fleet) awaitFront(t *testing.T) {
	t.Helper()
	c := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: f.tls(),
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, f.addr)
		}}}
	look, late := time.NewTicker(50*time.Millisecond), time.After(time.Minute)
	defer look.Stop()
	for {
		res, err := c.Get("https://" + fleetHost + "/-/ready")
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-look.C:
		case <-late:
			t.Fatalf("no gateway answers through HAProxy: %v, %v", res, err)
		}
	}
}

// open opens the database for the test.
func (f *fleet) open(t *testing.T) {
	t.Helper()
	db, err := postgres.Open(t.Context(), postgres.Config{URL: f.server.URL(), Cluster: "live", Manual: true, Patience: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	f.db = db
}

// relaunch starts the process of a gateway that has ended; point and hit say where it dies once it is
// armed.
func (g *gate) relaunch(point string, hit int64) error {
	<-g.child.Ended
	p, err := startChild(errand{File: g.file, Point: point, Hit: hit, Later: true})
	if err == nil {
		g.child = p
	}
	return err
}

// client is a publisher that comes through HAProxy, each call on a connection of its own, so that the
// gateways take turns.
func (f *fleet) client() *javaClient {
	j := f.crash.client(true)
	j.host, j.tls = fleetHost, f.tls()
	return j
}

// logs returns the verdicts of all gateways by reference, and fails unless the logs are whole.
func (f *fleet) logs(t *testing.T) map[string]audit.Verdict {
	t.Helper()
	verdicts := map[string]audit.Verdict{}
	for _, g := range f.gates {
		err := audit.List(t.Context(), f.db.Logs().Log(g.name), audit.Filter{Kinds: []audit.Kind{audit.KindVerdict}},
			func(ev audit.Event) error {
				verdicts[ev.Ref] = ev.Verdict
				return nil
			})
		if err != nil {
			t.Fatal(err)
		}
	}
	keys, err := notes.StoredKeys(t.Context(), f.db.Values())
	if err != nil {
		t.Fatal(err)
	}
	trust := notes.Trust{Now: time.Now, Newest: map[string][]proof.Note{}}
	for _, k := range keys {
		trust.Keys = append(trust.Keys, k.Key)
	}
	r, err := notes.Verify(t.Context(), f.db.Logs(), trust)
	if err != nil || r.Bad != "" {
		t.Errorf("notes over the logs: %s, %v", r.Bad, err)
	}
	for _, l := range r.Logs {
		if !l.OK() {
			t.Errorf("log %s, record %d: %s", l.Log, l.FirstBad, l.Msg)
		}
	}
	return verdicts
}
