package fleet

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/gateway/cluster"
	"github.com/stagelock/stagelock/integration/engine"
	"github.com/stagelock/stagelock/integration/engine/servlet"
	"github.com/stagelock/stagelock/integration/ports"
	"github.com/stagelock/stagelock/policy/secret"
	"github.com/stagelock/stagelock/store/postgres"
	"github.com/stagelock/stagelock/store/postgres/postgrestest"
)

const (
	login    = "publisher@example.com"
	site     = 20143
	host     = "live.example.com"
	password = "0123456789abcdef" // the shared secret, which nobody outside meets
)

// fleet is everything that runs.
type fleet struct {
	sh      *term.Shell
	dir     string
	program string // this one
	key     *secret.Key
	server  *postgrestest.Server
	db      *postgres.Store
	engines []*engine.Engine // nodes of one environment, with one folder
	nodes   []string         // their addresses
	gates   []*gate
	front   string
	roots   *x509.CertPool
	closers []func() error
}

// missing returns what this machine lacks, in words.
func missing() (all []string) {
	if _, err := lookPath("haproxy"); err != nil {
		all = append(all, "HAProxy is not installed: apt-get install haproxy")
	}
	return all
}

func lookPath(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return exec.LookPath("/usr/sbin/" + name)
	}
	return path, nil
}

// start brings everything up.
func (f *fleet) start(ctx context.Context) error {
	lacks := missing()
	server, err := postgrestest.Start(ctx)
	if errors.Is(err, postgrestest.ErrMissing) {
		lacks = append(lacks, err.Error())
	} else if err != nil {
		return err
	}
	if server != nil {
		f.server = server
		f.closers = append(f.closers, server.Close)
	}
	if len(lacks) > 0 {
		return &missingError{lacks}
	}
	for _, step := range []func(context.Context) error{f.startEngines, f.startGates, f.startBalancer, f.open} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// missingError is a machine that the demonstration does not run on.
type missingError struct{ lacks []string }

func (e *missingError) Error() string {
	text := "this demonstration needs more than Go"
	for _, l := range e.lacks {
		text += "; " + l
	}
	return text
}

// startEngines starts two nodes of one environment: they share one folder as the nodes of a CMS share their
// database and document store.
func (f *fleet) startEngines(ctx context.Context) error {
	for range 2 {
		e, err := engine.New(
			engine.Config{Dir: filepath.Join(f.dir, "engine"), Build: "7413", Line: "7.4", CompanyID: 20097, AnyBuild: true,
				Now: f.sh.Now, Verify: servlet.Tokens("7.4", f.key.Token)},
		)
		if err != nil {
			return err
		}
		f.closers = append(f.closers, e.Close)
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		s := &http.Server{Handler: e.Handler(), ReadHeaderTimeout: 10 * time.Second}
		go func() { _ = s.Serve(l) }() // ends with the server
		f.closers = append(f.closers, s.Close)
		f.engines, f.nodes = append(f.engines, e), append(f.nodes, l.Addr().String())
	}
	e := f.engines[0]
	_, err := e.CreateSite(ctx, engine.Site{ID: site, Name: "Shop", FriendlyURL: "/shop"})
	return errors.Join(err, e.AddUser(ctx, engine.User{ID: 20199, Email: login, ScreenName: "publisher"}),
		e.Grant(ctx, 20199, site, engine.ExportImportLayouts, engine.Update))
}

func (f *fleet) startGates(ctx context.Context) error {
	key, err := cluster.NewKey()
	if err != nil {
		return err
	}
	if err := flags.WriteNew(filepath.Join(f.dir, "cluster.key"), key+"\n"); err != nil {
		return err
	}
	for _, name := range []string{"gate-a", "gate-b"} {
		addr, release, err := ports.Reserve()
		if err != nil {
			return err
		}
		f.closers = append(f.closers, release)
		g := &gate{fleet: f, name: name, addr: addr}
		if err := g.write(); err != nil {
			return err
		}
		if err := g.launch(); err != nil {
			return err
		}
		f.gates = append(f.gates, g)
		f.closers = append(f.closers, func() error { g.kill(); return nil })
	}
	f.roots, err = flags.Roots(f.gates[0].ca)
	return err
}

//nolint:lll // lines of HAProxy
const balancer = `global
defaults
    mode tcp
    timeout connect 5s
    timeout client  10m
    timeout server  10m
    timeout check   5s
frontend live
    bind fd@3
    default_backend stagelock
backend stagelock
    balance roundrobin
    option redispatch 1
    retries 3
    option httpchk
    http-check send meth GET uri /-/ready ver HTTP/1.1 hdr Host ` + host + `
    http-check expect status 200
    default-server send-proxy-v2 check check-send-proxy check-ssl verify required ca-file %[1]s verifyhost ` + host + ` check-sni ` + host + ` inter 1s fall 2 rise 1
    server %[2]s %[3]s
    server %[4]s %[5]s
    option allbackups
    server %[2]s-waits %[3]s backup no-check
    server %[4]s-waits %[5]s backup no-check
`

func (f *fleet) startBalancer(context.Context) error {
	program, err := lookPath("haproxy")
	if err != nil {
		return err
	}
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }() // HAProxy has it
	socket, err := l.File()
	if err != nil {
		return err
	}
	defer func() { _ = socket.Close() }()
	f.front = l.Addr().String()
	a, b := f.gates[0], f.gates[1]
	file := filepath.Join(f.dir, "haproxy.cfg")
	if err := os.WriteFile(file, fmt.Appendf(nil, balancer, a.ca, a.name, a.addr, b.name, b.addr), 0o600); err != nil {
		return err
	}
	cmd := exec.Command(program, "-db", "-f", file)
	cmd.ExtraFiles = []*os.File{socket}
	if err := cmd.Start(); err != nil {
		return err
	}
	f.closers = append(f.closers, func() error {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed
		return nil
	})
	return nil
}

func (f *fleet) open(ctx context.Context) (err error) {
	f.db, err = postgres.Open(ctx, postgres.Config{URL: f.server.URL(), Cluster: "live", Manual: true, Patience: time.Minute})
	if err == nil {
		f.closers = append(f.closers, f.db.Close)
	}
	return err
}

// close ends everything, last begun first.
func (f *fleet) close() error {
	var errs []error
	for i := len(f.closers) - 1; i >= 0; i-- {
		errs = append(errs, f.closers[i]())
	}
	return errors.Join(errs...)
}
