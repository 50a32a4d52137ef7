package star

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/admin"
	"github.com/stagelock/stagelock/gateway/audit/chain"
	"github.com/stagelock/stagelock/gateway/exchange"
	"github.com/stagelock/stagelock/gateway/node"
	"github.com/stagelock/stagelock/integration/engine"
	"github.com/stagelock/stagelock/integration/ports"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// server is one environment: an engine, and a gateway before it that can be switched off and on.
type server struct {
	sh      *term.Shell
	name    string
	dir     string
	site    int64
	id      sync.ServerID
	ca      string
	addr    string
	engine  *engine.Engine
	release func() error // gives the address back
	orders  *admin.Client
	log     *os.File

	commands     *http.Server
	commandsAddr string
	stop         context.CancelFunc // nil: switched off
	done         chan error
}

const (
	siteName = "Shop"
	token    = "0123456789abcdef" // of commands of the engine, on the loopback interface
)

// newServer makes an engine with a site, and a gateway's key, authority and address.
func newServer(ctx context.Context, sh *term.Shell, dir, name string, site int64) (s *server, err error) {
	s = &server{sh: sh, name: name, dir: dir, site: site}
	for _, step := range []func(context.Context) error{s.makeEngine, s.makeIdentity, s.reserve} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", name, err), s.close())
		}
	}
	s.orders = admin.NewClient(admin.Address{Network: "unix", Name: s.socket()})
	return s, nil
}

func (s *server) path(name string) string { return filepath.Join(s.dir, name) }

// socket is short: the name of one may have a hundred letters.
func (s *server) socket() string { return s.path("a") }

func (s *server) makeEngine(ctx context.Context) (err error) {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return &term.OutputError{Err: err}
	}
	if err := flags.WriteNew(s.path("token"), token+"\n"); err != nil {
		return err
	}
	s.engine, err = engine.New(engine.Config{Dir: s.path("engine"), Build: "7413", Line: "7.4", CompanyID: 20097, Now: s.sh.Now})
	if err != nil {
		return err
	}
	if _, err = s.engine.CreateSite(ctx, engine.Site{ID: s.site, Name: siteName, FriendlyURL: "/shop"}); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.commandsAddr = l.Addr().String()
	s.commands = &http.Server{Handler: s.engine.Commands(token), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.commands.Serve(l) }() // ends with the server
	return nil
}

// makeIdentity starts the gateway as it is before it knows of others: it makes its authority then.
func (s *server) makeIdentity(ctx context.Context) error {
	n, err := s.node(ctx, s.configuration("127.0.0.1:0", ""))
	if err != nil {
		return err
	}
	s.ca, _, _, _ = n.CA()
	key, err := chain.LoadKey(node.DataDir(s.path("data")).SyncKey())
	if err == nil {
		s.id = sync.IDOf(key.Public().(ed25519.PublicKey))
	}
	return errors.Join(err, n.Close())
}

func (s *server) reserve(context.Context) (err error) {
	s.addr, s.release, err = ports.Reserve()
	return err
}

// configuration is the gateway's file; more is what it says of other servers.
func (s *server) configuration(listen, more string) string {
	return fmt.Sprintf(`listen: [%q]
names: ["127.0.0.1"]
data: %q
drain: 100ms
hosts: { allow: ["127.0.0.1"] }
admin: { listen: ["unix:%s"] }
engine: { browser_url: https://www.example.com, upstream: { nodes: ["http://%s"], health: { call: 0s } } }
peers: [{ name: nobody, sites: [%d], logins: [nobody@example.com], secret: { value: %q } }]
%s`, listen, s.path("data"), s.socket(), s.commandsAddr, s.site, token, more)
}

// alike is the part of the configuration about other servers, of which peers are neighbours; more is said of each.
func (s *server) alike(all, peers []*server, more string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "sync:\n  name: %s\n  interval: 100ms\n  engine: { url: \"http://%s\", token_file: %q }\n  origins: [",
		s.name, s.commandsAddr, s.path("token"))
	for i, o := range all {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(o.id))
	}
	b.WriteString("]\n  peers:\n")
	for _, p := range peers {
		fmt.Fprintf(&b, "    - { key: %s, url: \"https://%s\", ca: %q, kinds: [page, article, document, tag]%s } # %s\n",
			p.id, p.addr, p.ca, more, p.name)
	}
	return b.String()
}

// node builds a gateway from a configuration.
func (s *server) node(ctx context.Context, text string) (*node.Node, error) {
	file := s.path("stagelock.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, &term.OutputError{Err: err}
	}
	cfg, problems := flags.Examine(func() (*conf.Config, []conf.Problem) { return conf.Load(conf.Options{File: file}) })
	if cfg == nil || conf.Fatal(problems) {
		return nil, fmt.Errorf("configuration: %v", problems)
	}
	if s.log == nil {
		var err error
		if s.log, err = os.Create(s.path("gateway.log")); err != nil {
			return nil, &term.OutputError{Err: err}
		}
	}
	log := logrus.New()
	log.SetOutput(s.log)
	c := node.Config{Conf: cfg, Log: logrus.NewEntry(log), Version: s.sh.Version, Now: s.sh.Now}
	return node.New(ctx, c)
}

// on starts the gateway with what it is to know of others.
func (s *server) on(ctx context.Context, more string) error {
	n, err := s.node(ctx, s.configuration(s.addr, more))
	if err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop, s.done = stop, make(chan error, 1)
	go func() { s.done <- n.Run(running) }()
	return nil
}

// off ends the gateway in order; its engine goes on.
func (s *server) off() error {
	if s.stop == nil {
		return nil
	}
	s.stop()
	s.stop = nil
	return <-s.done
}

func (s *server) close() error {
	errs := []error{s.off()}
	if s.release != nil {
		errs = append(errs, s.release())
	}
	if s.commands != nil {
		errs = append(errs, s.commands.Close())
	}
	if s.engine != nil {
		errs = append(errs, s.engine.Close())
	}
	if s.log != nil {
		errs = append(errs, s.log.Close())
	}
	return errors.Join(errs...)
}

// order has the running gateway carry something out.
func order[T any](ctx context.Context, s *server, name string, o exchange.Order) (out T, err error) {
	var refusal exchange.Failure
	return out, s.orders.Order(ctx, exchange.Path+name, o, &out, &refusal)
}
