package operate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/sirupsen/logrus"
	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/commands/operate/supervisor"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/certs/trust"
	"github.com/stagelock/stagelock/gateway/node"
	"github.com/stagelock/stagelock/gateway/node/lines"
)

func (sh shell) runCommand() *cli.Command {
	return &cli.Command{
		Name: "run", Usage: "run the gateway",
		Description: "SIGHUP reads the configuration again; a bad one changes nothing. The " +
			"first SIGINT or SIGTERM\n" +
			"lets publishes in progress end, the second one ends at once.",
		Flags: flags.Config(), Action: sh.runGateway,
	}
}

func (sh shell) runGateway(c *cli.Context) error {
	if _, err := flags.Operands(c); err != nil {
		return err
	}
	load, err := flags.Loader(sh.Shell, c)
	if err != nil {
		return err
	}
	cfg, problems := flags.Examine(load)
	if cfg == nil || conf.Fatal(problems) {
		return flags.BadConfig(sh.Shell, problems)
	}
	log, out := newLog(sh.Err, cfg.Log)
	defer func() { _ = out.Close(logFlush) }() // nobody who reads the log is left to be told
	for _, p := range problems {
		log.WithField("setting", p.Path).Warn(p.Msg + "; " + p.Cure)
	}
	if sh.Env("GOMEMLIMIT") == "" { // else the operator said it
		debug.SetMemoryLimit(heapAim(cfg.Quota))
	}
	first := firstStart(cfg)
	given, givenAdmin, err := sockets()
	if err != nil {
		return fmt.Errorf("the sockets of the service manager cannot be used: %w", err)
	}
	n, err := node.New(c.Context, node.Config{Conf: cfg, Load: load, Log: log, Version: sh.Version, Now: sh.Now,
		Listeners: given, AdminListeners: givenAdmin})
	if err != nil {
		return errors.New(oneLine(err))
	}
	if err := sh.greet(n, first); err != nil {
		return errors.Join(err, n.Close())
	}
	s := &service{node: n, log: log, manager: supervisor.New(log)}
	return s.run(c.Context, sh.Hangups)
}

const (
	ownHeap        = 128 << 20 // caches, queues and the store
	connectionHeap = 64 << 10  // buffers of TLS and HTTP
)

// heapAim is how large the heap should stay: what calls may take with some of its garbage, connections, and the
// rest. It is an aim of the collector and refuses nothing.
func heapAim(q conf.Quota) int64 {
	return int64(q.Memory) + int64(q.Memory)/2 + ownHeap + int64(q.Connections+q.Strangers)*connectionHeap
}

// sockets are those that a service manager bound: by their name (FileDescriptorName) for the admin
// listener, or for publishers.
func sockets() (publishers, admin []net.Listener, err error) {
	named, err := activation.ListenersWithNames()
	for name, all := range named {
		if name == "admin" || name == "metrics" {
			admin = append(admin, all...)
			continue
		}
		publishers = append(publishers, all...)
	}
	return publishers, admin, err
}

// service is a gateway that runs.
type service struct {
	node    *node.Node
	log     *logrus.Entry
	manager *supervisor.Manager
}

// run runs the node until it is told to stop, reloads it meanwhile, and tells the service manager.
func (s *service) run(ctx context.Context, hangups <-chan os.Signal) error {
	beside, stop := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	s.manager.Ready(s.status())
	wg.Go(func() { s.manager.Watch(beside, s.node.Alive, s.status) })
	wg.Go(func() { s.reloads(ctx, beside, hangups) })
	err := s.node.Run(ctx)
	stop()
	wg.Wait()
	if err != nil {
		return &term.UncleanError{Err: err}
	}
	s.log.Info("stopped")
	return nil
}

// reloads reads the configuration again at each hangup, until the gateway is asked to stop.
func (s *service) reloads(ctx, beside context.Context, hangups <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			s.manager.Stopping(s.node.Leaving())
			return
		case <-beside.Done():
			return
		case <-hangups:
			s.reload(ctx)
		}
	}
}

func (s *service) reload(ctx context.Context) {
	s.manager.Reloading()
	_, err := s.node.ReloadFor(ctx, node.Asker{Words: "SIGHUP"})
	if err != nil && !errors.Is(err, node.ErrReload) { // which it has said itself
		s.log.WithError(err).Error("reload")
	}
	s.manager.Ready(s.status())
}

// status is what the service manager shows of the gateway, in one line.
func (s *service) status() string {
	now := s.node.Status()
	line := "ready"
	if !now.Ready {
		line = "not ready: " + strings.Join(now.Problems, "; ")
	}
	line += fmt.Sprintf("; %s running; listening on %s", publishes(now.Traffic.Publishes), addresses(s.node))
	if !now.Config.OK {
		line += "; the last reload was refused, see the log"
	}
	return strings.ReplaceAll(line, "\n", " ")
}

func publishes(n int) string {
	if n == 1 {
		return "1 publish"
	}
	return fmt.Sprintf("%d publishes", n)
}

func addresses(n *node.Node) string {
	var all []string
	for _, a := range n.Addrs() {
		all = append(all, a.String())
	}
	return strings.Join(all, " and ")
}

const (
	// logHeld is how many bytes of the log wait for whoever reads it.
	logHeld = 1 << 20
	// logFlush is how long a gateway that stops waits for its last lines to be read.
	logFlush = 2 * time.Second
)

// newLog returns the log of the gateway, which keeps nobody waiting, and what it is written through.
func newLog(w io.Writer, c conf.Log) (*logrus.Entry, *lines.Writer) {
	l := logrus.New()
	out := lines.New(w, logHeld, func(dropped int64) []byte {
		e := logrus.NewEntry(l).WithField("times", dropped)
		e.Time, e.Level = time.Now(), logrus.WarnLevel
		e.Message = "log lines were dropped: whatever reads standard error did not keep up"
		line, _ := l.Formatter.Format(e) // it can be formatted
		return line
	})
	l.SetOutput(out)
	if level, err := logrus.ParseLevel(c.Level); err == nil {
		l.SetLevel(level)
	}
	l.SetFormatter(&logrus.TextFormatter{FullTimestamp: true, DisableColors: true})
	if c.Format == "json" {
		l.SetFormatter(&logrus.JSONFormatter{})
	}
	return logrus.NewEntry(l), out
}

// firstStart reports whether the gateway has no authority of its own yet.
func firstStart(cfg *conf.Config) bool {
	_, err := os.Stat(node.DataDir(cfg.Data).CA())
	return errors.Is(err, os.ErrNotExist)
}

// greeting is what a gateway says when it listens, for a script.
type greeting struct {
	Listen      []netip.AddrPort `json:"listen"`
	CA          string           `json:"ca,omitempty"`
	Fingerprint string           `json:"ca_sha256,omitempty"`
	Keytool     string           `json:"keytool,omitempty"`
}

func (sh shell) greet(n *node.Node, first bool) error {
	g := greeting{Listen: n.Addrs()}
	ca, fingerprint, keytool, ok := n.CA()
	if ok {
		g.CA, g.Fingerprint, g.Keytool = ca, fingerprint, keytool
	}
	if sh.JSON {
		return sh.Print(g)
	}
	if err := sh.Printf("stagelock %s listens on %s\n", sh.Version, addresses(n)); err != nil {
		return err
	}
	if !ok || !first {
		return nil
	}
	a, err := trust.Read(ca)
	if err != nil {
		return err
	}
	err = sh.Printf("An authority of its own was made. Publishers must trust it; stagelock ca prints this again:\n")
	if err != nil {
		return err
	}
	return sh.table("  ", a)
}

// oneLine writes an error that may be several in one line.
func oneLine(err error) string { return strings.ReplaceAll(fmt.Sprint(err), "\n", "; ") }
