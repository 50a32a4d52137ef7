package operate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"sync"

	"github.com/sirupsen/logrus"
	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/certs"
	"github.com/stagelock/stagelock/gateway/node"
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
	log := newLog(sh.Err, cfg.Log)
	for _, p := range problems {
		log.WithField("setting", p.Path).Warn(p.Msg + "; " + p.Cure)
	}
	first := firstStart(cfg)
	n, err := node.New(c.Context, node.Config{Conf: cfg, Load: load, Log: log, Version: sh.Version, Now: sh.Now})
	if err != nil {
		return errors.New(oneLine(err))
	}
	if err := sh.greet(n, first); err != nil {
		return errors.Join(err, n.Close())
	}
	return sh.serve(c.Context, n, log)
}

// serve runs the node until it is told to stop, and reloads it meanwhile.
func (sh shell) serve(ctx context.Context, n *node.Node, log *logrus.Entry) error {
	reloading, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-reloading.Done():
				return
			case <-sh.Hangups:
				if err := n.Reload(reloading); err != nil {
					log.WithError(err).Error("reload")
					continue
				}
				log.Info("configuration loaded")
			}
		}
	})
	err := n.Run(ctx)
	stop()
	wg.Wait()
	if err != nil {
		return &term.UncleanError{Err: err}
	}
	log.Info("stopped")
	return nil
}

func newLog(w io.Writer, c conf.Log) *logrus.Entry {
	l := logrus.New()
	l.SetOutput(w)
	if level, err := logrus.ParseLevel(c.Level); err == nil {
		l.SetLevel(level)
	}
	l.SetFormatter(&logrus.TextFormatter{FullTimestamp: true, DisableColors: true})
	if c.Format == "json" {
		l.SetFormatter(&logrus.JSONFormatter{})
	}
	return logrus.NewEntry(l)
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
	var addrs []string
	for _, a := range g.Listen {
		addrs = append(addrs, a.String())
	}
	if err := sh.Printf("stagelock %s listens on %s\n", sh.Version, strings.Join(addrs, " and ")); err != nil {
		return err
	}
	if !ok || !first {
		return nil
	}
	a, err := certs.ReadAuthority(ca)
	if err != nil {
		return err
	}
	if err := sh.Printf("An authority of its own was made. Publishers must trust it (stagelock ca prints this again):\n"); err != nil {
		return err
	}
	return sh.table("  ", a)
}

// oneLine writes an error that may be several in one line.
func oneLine(err error) string { return strings.ReplaceAll(fmt.Sprint(err), "\n", "; ") }
