package harness

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/chain"
	"github.com/stagelock/stagelock/gateway/audit/proof"
	"github.com/stagelock/stagelock/gateway/node"
	"github.com/stagelock/stagelock/gateway/node/plan"
	"github.com/stagelock/stagelock/policy/secret"
	"github.com/stagelock/stagelock/store/files"
	"github.com/stagelock/stagelock/store/postgres"
)

// Secret is the shared secret of every gateway here, unless Options says otherwise.
const Secret = "1234567890123456"

// Login is the publisher that gateways here know.
const Login = "publisher@example.com"

// Options says what a Gateway stands in front of. The zero values of most mean what a test usually
// wants.
type Options struct {
	Upstream  string                   // base URL of the engine
	Names     string                   // YAML list, ["127.0.0.1"] if empty
	Inside    string                   // its path context
	Context   string                   // path context outside
	Line      string                   // 7.4 if empty
	Sites     string                   // YAML list, [any] if empty
	Logins    string                   // YAML list; empty: no list
	Allow     string                   // YAML list, [127.0.0.1] if empty
	Algorithm string                   // AES if empty
	Hex       bool                     // Secret is in hex digits
	Secret    string                   // of the publisher; Secret if empty
	Engine    string                   // secret of the engine; that of the publisher if empty
	Hosts     []string                 // more lines of YAML, of the hosts
	Extra     []string                 // more lines of YAML, at the top level
	Peer      []string                 // more lines of YAML, of the peer
	Health    string                   // YAML map, of the checks of the engine's health
	Behind    []string                 // more lines of YAML, of the engine
	Inner     []string                 // more lines of YAML, of the engine's upstream
	Kentico   []string                 // lines of YAML of its section: the engine is a Kentico
	Whole     func(data string) string // the YAML instead of all this, given the data folder
	Dir       string                   // data folder; a new one if empty
	Pause     func(point string)       // see node.Config
	LogTo     io.Writer
	Now       func() time.Time // see node.Config

	PreviousSecret string // of the publisher; none if empty
}

// YAML returns the configuration that o describes, listening on a free port of the loopback
// interface.
func (o Options) YAML(data string) string {
	if o.Whole != nil {
		return o.Whole(data)
	}
	or := func(s, instead string) string { return cmp.Or(s, instead) }
	key := func(value string) string {
		return fmt.Sprintf("{ value: %q, algorithm: %s, hex: %t }", value, or(o.Algorithm, "AES"), o.Hex)
	}
	lines := []string{
		`listen: ["127.0.0.1:0"]`, "names: " + or(o.Names, `["127.0.0.1"]`),
		"data: " + data,
		"hosts:", "  allow: " + or(o.Allow, `["127.0.0.1"]`),
	}
	for _, l := range o.Hosts {
		lines = append(lines, "  "+l)
	}
	if len(o.Kentico) > 0 {
		return strings.Join(append(lines, o.kentico()...), "\n") + "\n"
	}
	lines = append(lines,
		"engine:", "  line: "+fmt.Sprintf("%q", or(o.Line, "7.4")), "  path_context: "+fmt.Sprintf("%q", o.Context),
		"  upstream:", "    nodes: ["+fmt.Sprintf("%q", o.Upstream)+"]", "    path_context: "+fmt.Sprintf("%q", o.Inside),
		"    secret: "+key(or(o.Engine, or(o.Secret, Secret))),
		"peers:", "  - name: staging", "    sites: "+or(o.Sites, "[any]"),
		"    secret: "+o.keys(key(or(o.Secret, Secret)), key),
	)
	health := or(o.Health, "{}")
	if !strings.Contains(health, "call:") { // most tests count what comes to the engine
		health = strings.Replace(health, "{", "{ call: 0s, ", 1)
	}
	lines = slices.Insert(lines, slices.Index(lines, "  upstream:")+1, "    health: "+health)
	for _, l := range o.Behind {
		lines = slices.Insert(lines, slices.Index(lines, "  upstream:"), "  "+l)
	}
	for _, l := range o.Inner {
		lines = slices.Insert(lines, slices.Index(lines, "  upstream:")+1, "    "+l)
	}
	if o.Logins != "" {
		lines = append(lines, "    logins: "+o.Logins)
	}
	for _, l := range o.Peer {
		lines = append(lines, "    "+l)
	}
	return strings.Join(append(lines, o.rest()...), "\n") + "\n"
}

// kentico is what follows of a gateway whose engine is a Kentico.
func (o Options) kentico() []string {
	lines := []string{
		"engine:", "  profile: kentico", "  path_context: " + fmt.Sprintf("%q", o.Context),
		"  upstream:", "    nodes: [" + fmt.Sprintf("%q", o.Upstream) + "]", "    path_context: " + fmt.Sprintf("%q", o.Inside),
	}
	for _, l := range o.Inner {
		lines = append(lines, "    "+l)
	}
	lines = append(lines, "kentico:")
	for _, l := range o.Kentico {
		lines = append(lines, "  "+l)
	}
	return append(lines, o.rest()...)
}

// rest is Extra and what tests need that do not say it there.
func (o Options) rest() (lines []string) {
	if !slices.ContainsFunc(o.Extra, func(l string) bool { return strings.HasPrefix(l, "drain:") }) {
		lines = append(lines, "drain: 100ms") // tests leave publishes unfinished
	}
	if !slices.ContainsFunc(o.Extra, func(l string) bool { return strings.HasPrefix(l, "audit:") }) {
		lines = append(lines, "audit: { strangers: 1000000 }") // tests look for each refusal
	}
	if !slices.ContainsFunc(o.Extra, func(l string) bool { return strings.HasPrefix(l, "admin:") }) {
		lines = append(lines, `admin: { listen: ["127.0.0.1:0"] }`) // a socket has no place in the folders that tests have
	}
	return append(lines, o.Extra...)
}

// Gateway is a running gateway.
type Gateway struct {
	Node *node.Node
	URL  string // https, with the outside path context
	Addr string
	Dir  string // data folder
	File string // configuration
	TLS  *tls.Config

	opts     Options
	stop     context.CancelFunc
	done     chan error
	database *postgres.Store // that it shares with others, once it was asked for
}

// Start starts a gateway and stops it when the test ends.
func Start(t testing.TB, o Options) *Gateway {
	t.Helper()
	g := &Gateway{opts: o, Dir: o.Dir}
	if g.Dir == "" {
		g.Dir = t.TempDir()
	}
	g.File = filepath.Join(t.TempDir(), "stagelock.yaml")
	g.Write(t, o)
	cfg, problems := g.load()
	if cfg == nil || conf.Fatal(append(problems, plan.Check(cfg)...)) {
		t.Fatalf("configuration: %v %v", problems, plan.Check(cfg))
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	if o.LogTo != nil {
		log.SetOutput(o.LogTo)
		log.SetLevel(logrus.DebugLevel)
	}
	n, err := node.New(t.Context(), node.Config{Conf: cfg, Load: g.load, Log: logrus.NewEntry(log), Version: "test",
		Pause: o.Pause, Now: o.Now})
	if err != nil {
		t.Fatal(err)
	}
	g.Node, g.Addr = n, n.Addrs()[0].String()
	g.URL = "https://" + g.Addr + o.Context
	g.trust(t)
	ctx, cancel := context.WithCancel(context.Background())
	g.stop, g.done = cancel, make(chan error, 1)
	go func() { g.done <- n.Run(ctx) }()
	t.Cleanup(func() {
		if err := g.Stop(); err != nil {
			t.Errorf("gateway: %v", err)
		}
	})
	return g
}

// Write writes the configuration file anew, for a reload.
func (g *Gateway) Write(t testing.TB, o Options) {
	t.Helper()
	if err := os.WriteFile(g.File, []byte(o.YAML(g.Dir)), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (g *Gateway) load() (*conf.Config, []conf.Problem) { return conf.Load(conf.Options{File: g.File}) }

func (g *Gateway) trust(t testing.TB) {
	t.Helper()
	path, _, _, ok := g.Node.CA()
	if !ok {
		t.Fatal("the gateway has no authority of its own")
	}
	pem, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		t.Fatalf("%s holds no certificate", path)
	}
	g.TLS = &tls.Config{RootCAs: roots, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}
}

// Stop drains and stops the gateway, once; it returns what Run returned.
func (g *Gateway) Stop() error {
	g.stop()
	err, running := <-g.done
	if running {
		close(g.done)
	}
	return err
}

// Ended waits until the gateway has ended by itself, and returns why.
func (g *Gateway) Ended() error {
	err := <-g.done
	close(g.done)
	return err
}

// Dial opens a TLS connection to the gateway.
func (g *Gateway) Dial(ctx context.Context) (net.Conn, error) {
	d := tls.Dialer{Config: g.TLS}
	return d.DialContext(ctx, "tcp", g.Addr)
}

// Key returns the shared secret as a publisher has it.
func (g *Gateway) Key(t testing.TB) *secret.Key {
	t.Helper()
	s := g.opts.Secret
	if s == "" {
		s = Secret
	}
	k, problems := secret.NewKey(secret.KeyConfig{
		ID: "test", Algorithm: g.opts.Algorithm, Secret: []byte(s), Hex: g.opts.Hex, Line: "6.2",
	})
	if k == nil {
		t.Fatalf("key: %v", problems)
	}
	return k
}

// Events returns the audit log so far, without checkpoints.
func (g *Gateway) Events(t testing.TB) []audit.Event {
	t.Helper()
	log, done := g.log(t)
	defer done()
	var all []audit.Event
	err := audit.List(context.Background(), log, audit.Filter{}, func(ev audit.Event) error {
		if ev.Kind != audit.KindCheckpoint {
			all = append(all, ev)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Verdicts returns the verdicts on the call of that reference.
func (g *Gateway) Verdicts(t testing.TB, ref string) []audit.Event {
	t.Helper()
	var found []audit.Event
	for _, ev := range g.Events(t) {
		if ev.Kind == audit.KindVerdict && ev.Ref == ref {
			found = append(found, ev)
		}
	}
	return found
}

// Verify checks the audit log as an auditor would.
func (g *Gateway) Verify(t testing.TB) proof.Report {
	t.Helper()
	if cfg, _ := g.load(); cfg.Store == "postgres" {
		return g.verifyShared(t)
	}
	r, err := VerifyLog(g.Dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// VerifyLog checks the audit log in a data folder.
func VerifyLog(dir string) (proof.Report, error) {
	log, err := files.Open(files.Config{Dir: filepath.Join(dir, "audit"), ReadOnly: true})
	if err != nil {
		return proof.Report{}, err
	}
	defer log.Close()
	text, err := os.ReadFile(filepath.Join(dir, "audit.key.pub"))
	if err != nil {
		return proof.Report{}, err
	}
	pub, err := chain.ParseKey(string(text))
	if err != nil {
		return proof.Report{}, err
	}
	newest, err := os.ReadFile(filepath.Join(dir, "audit.checkpoint"))
	if err != nil {
		return proof.Report{}, err
	}
	return proof.Verify(context.Background(), log, proof.Trust{Keys: []ed25519.PublicKey{pub},
		Notes: []proof.Note{{Text: newest, From: "audit.checkpoint"}}})
}

// keys are the publisher's secrets as YAML.
func (o Options) keys(current string, key func(string) string) string {
	if o.PreviousSecret == "" {
		return current
	}
	return strings.TrimSuffix(current, "}") + ", previous: " + key(o.PreviousSecret) + " }"
}
