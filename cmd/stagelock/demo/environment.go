package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/proof"
	"github.com/stagelock/stagelock/gateway/node"
	"github.com/stagelock/stagelock/integration/engine"
	"github.com/stagelock/stagelock/integration/engine/servlet"
	"github.com/stagelock/stagelock/policy/secret"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/tunnel/publisher"
)

// settle is how long the demo waits for outcomes, which a gateway writes after its answer.
const settle = 3 * time.Second

// Environment is a reference engine behind its own gateway. Its owner closes it.
type Environment struct {
	Engine *engine.Engine
	CA     string // file with the authority that signed the gateway's certificate

	name   string
	site   int64
	dir    string
	server *http.Server
	inner  string // address of the engine
	node   *node.Node
	key    *secret.Key // what those who publish here share with the gateway
	log    *os.File

	stop context.CancelFunc
	done chan error
}

// NewEnvironment starts an engine and its gateway, into whose site peer may publish.
func NewEnvironment(ctx context.Context, sh *term.Shell, dir, name, peer string,
	site int64) (_ *Environment, err error) {
	e := &Environment{name: name, site: site, dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("%s: %w", name, err), e.Close())
		}
	}()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, &term.OutputError{Err: err}
	}
	if err := e.makeKey(sh.Rand); err != nil {
		return nil, err
	}
	if err := e.startEngine(ctx, sh.Now); err != nil {
		return nil, err
	}
	return e, e.startGateway(ctx, sh, peer)
}

// SecretFile is where the shared secret lies.
func (e *Environment) SecretFile() string { return filepath.Join(e.dir, "secret") }

// Data is the gateway's data folder.
func (e *Environment) Data() node.DataDir { return node.DataDir(filepath.Join(e.dir, "data")) }

// EngineURL is the address of the engine.
func (e *Environment) EngineURL() string { return "http://" + e.inner }

// URL is the address of the gateway.
func (e *Environment) URL() string { return "https://" + e.node.Addrs()[0].String() }

func (e *Environment) makeKey(random io.Reader) error {
	s, err := secret.Generate("AES", random)
	if err != nil {
		return err
	}
	e.key, err = keyOf(s)
	return errors.Join(err, flags.WriteNew(e.SecretFile(), s+"\n"))
}

func keyOf(hex string) (*secret.Key, error) {
	k, problems := secret.NewKey(secret.KeyConfig{ID: "demo", Algorithm: "AES", Secret: []byte(hex),
		Hex: true, Line: "7.4"})
	if k == nil {
		return nil, fmt.Errorf("key: %v", problems)
	}
	return k, nil
}

func (e *Environment) startEngine(ctx context.Context, now func() time.Time) (err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	e.inner = l.Addr().String()
	e.Engine, err = engine.New(engine.Config{
		Dir: filepath.Join(e.dir, "engine"), Build: "7413", Line: "7.4", CompanyID: 20097,
		URL: "http://" + e.inner, Now: now,
		Verify: servlet.Tokens("7.4", e.key.Token),
	})
	if err != nil {
		return errors.Join(err, l.Close())
	}
	e.server = &http.Server{Handler: e.Engine.Handler(), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = e.server.Serve(l) }() // ends with the server, which close ends
	_, err = e.Engine.CreateSite(ctx, engine.Site{ID: e.site, Name: "Shop", FriendlyURL: "/shop"})
	return errors.Join(err,
		e.Engine.AddUser(ctx, engine.User{ID: 20199, Email: demoLogin, ScreenName: "publisher"}),
		e.Engine.Grant(ctx, 20199, e.site, engine.ExportImportLayouts, engine.Update))
}

// configuration is the gateway's file. It can be used as it stands, but for the port.
func (e *Environment) configuration(peer string) string {
	return fmt.Sprintf(`listen: ["127.0.0.1:0"]
names: ["127.0.0.1"]
data: %q
drain: 1s
retry_after: 1s
audit: {every: 10}
hosts:
  allow: ["127.0.0.1"]
engine:
  line: "7.4"
  browser_url: https://live.example.com
  upstream: {nodes: ["http://%s"]}
peers:
  - name: %s
    sites: [%d]
    logins: [%s]
    secret: {file: %q, algorithm: AES, hex: true}
`, e.Data(), e.inner, peer, e.site, demoLogin, e.SecretFile())
}

func (e *Environment) startGateway(ctx context.Context, sh *term.Shell, peer string) (err error) {
	file := filepath.Join(e.dir, "stagelock.yaml")
	if err := flags.WriteNew(file, e.configuration(peer)); err != nil {
		return err
	}
	load := func() (*conf.Config, []conf.Problem) { return conf.Load(conf.Options{File: file}) }
	cfg, problems := flags.Examine(load)
	if cfg == nil || conf.Fatal(problems) {
		return fmt.Errorf("configuration: %v", problems)
	}
	if e.log, err = os.Create(filepath.Join(e.dir, "gateway.log")); err != nil {
		return &term.OutputError{Err: err}
	}
	log := logrus.New()
	log.SetOutput(e.log)
	e.node, err = node.New(ctx, node.Config{Conf: cfg, Load: load, Log: logrus.NewEntry(log),
		Version: sh.Version, Now: sh.Now})
	if err != nil {
		return err
	}
	e.CA, _, _, _ = e.node.CA()
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	e.stop, e.done = stop, make(chan error, 1)
	go func() { e.done <- e.node.Run(running) }()
	return nil
}

// Close ends the gateway in order, then the engine.
func (e *Environment) Close() error {
	var errs []error
	if e.done != nil {
		e.stop()
		errs = append(errs, <-e.done)
	}
	if e.server != nil {
		errs = append(errs, e.server.Close())
	}
	if e.Engine != nil {
		errs = append(errs, e.Engine.Close())
	}
	if e.log != nil {
		errs = append(errs, e.log.Close())
	}
	return errors.Join(errs...)
}

// client returns one that publishes here, as the environment's peer does.
func (e *Environment) client(change func(*publisher.Config)) (*publisher.Client, error) {
	u, err := url.Parse(e.URL())
	if err != nil {
		return nil, err
	}
	pool, err := flags.Roots(e.CA)
	if err != nil {
		return nil, err
	}
	cfg := publisher.Config{
		URL: u, Build: "7.4", Login: demoLogin, Site: e.site, Buffer: demoBuffer, Roots: pool,
		Authorize: func(login string) string { return e.key.Authorization(login, false, false) },
	}
	if change != nil {
		change(&cfg)
	}
	return publisher.New(cfg)
}

// mark returns the number of the next event of the audit log.
func (e *Environment) mark(ctx context.Context) (store.Seq, error) {
	events, err := flags.OpenLog(e.Data())
	if err != nil {
		return 0, err
	}
	defer func() { _ = events.Close() }() // it was only read
	last, err := events.Last(ctx)
	if errors.Is(err, store.ErrNotFound) {
		return 1, nil
	}
	return last.Seq + 1, err
}

// list returns the events of the audit log from mark on.
func (e *Environment) list(ctx context.Context, f audit.Filter) (all []audit.Event, err error) {
	events, err := flags.OpenLog(e.Data())
	if err != nil {
		return nil, err
	}
	defer func() { _ = events.Close() }() // it was only read
	return all, audit.List(ctx, events, f, func(ev audit.Event) error {
		all = append(all, ev)
		return nil
	})
}

// calls returns the verdicts since mark and their outcomes, once all of them are written.
func (e *Environment) calls(ctx context.Context, mark store.Seq) ([]audit.Event, error) {
	ctx, cancel := context.WithTimeout(ctx, settle)
	defer cancel()
	for {
		all, err := e.list(ctx, audit.Filter{From: mark, Kinds: []audit.Kind{audit.KindVerdict,
			audit.KindOutcome}})
		if err != nil {
			return nil, err
		}
		if len(eventsOf(all, audit.KindOutcome)) >= len(eventsOf(all, audit.KindVerdict)) {
			return all, nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return all, nil // what is there is shown
		}
	}
}

// denied returns the verdict on the call with that reference.
func (e *Environment) denied(ctx context.Context, mark store.Seq, ref string) (audit.Event, error) {
	all, err := e.list(ctx, audit.Filter{From: mark, Kinds: []audit.Kind{audit.KindVerdict},
		Verdict: audit.Deny})
	if err != nil {
		return audit.Event{}, err
	}
	i := slices.IndexFunc(all, func(ev audit.Event) bool { return ev.Ref == ref && ref != "" })
	if i < 0 {
		return audit.Event{}, fmt.Errorf("the audit log has no verdict on the call %q", ref)
	}
	return all[i], nil
}

// verify holds the audit log against its signatures.
func (e *Environment) verify(ctx context.Context) (proof.Report, error) {
	trust, err := flags.Trust(e.Data(), nil, nil)
	if err != nil {
		return proof.Report{}, err
	}
	events, err := flags.OpenLog(e.Data())
	if err != nil {
		return proof.Report{}, err
	}
	defer func() { _ = events.Close() }() // it was only read
	return proof.Verify(ctx, events, trust)
}
