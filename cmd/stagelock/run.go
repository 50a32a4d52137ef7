package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/sirupsen/logrus"
	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/node"
)

func (sh *shell) runCommand() *cli.Command {
	return &cli.Command{
		Name: "run", Usage: "run the gateway",
		Description: "SIGHUP reads the configuration again; a bad one changes nothing. The " +
			"first SIGINT or SIGTERM\n" +
			"lets publishes in progress end, the second one ends at once.",
		Flags: configFlags(), Action: sh.runGateway,
	}
}

func (sh *shell) runGateway(c *cli.Context) error {
	if _, err := operands(c); err != nil {
		return err
	}
	load, err := sh.loader(c)
	if err != nil {
		return err
	}
	cfg, problems := examine(load)
	if cfg == nil || conf.Fatal(problems) {
		return sh.badConfig(problems)
	}
	log := newLog(sh.err, cfg.Log)
	for _, p := range problems {
		log.WithField("setting", p.Path).Warn(p.Msg + "; " + p.Cure)
	}
	first := firstStart(cfg)
	n, err := node.New(c.Context, node.Config{Conf: cfg, Load: load, Log: log, Version: version, Now: sh.now})
	if err != nil {
		return errors.New(oneLine(err))
	}
	if err := sh.greet(n, first); err != nil {
		return errors.Join(err, n.Close())
	}
	return sh.serve(c.Context, n, log)
}

// serve runs the node until it is told to stop, and reloads it meanwhile.
func (sh *shell) serve(ctx context.Context, n *node.Node, log *logrus.Entry) error {
	reloading, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-reloading.Done():
				return
			case <-sh.hangups:
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
		return &uncleanError{err}
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

// firstStart says whether the gateway has no authority of its own yet.
func firstStart(cfg *conf.Config) bool {
	_, err := os.Stat(filepath.Join(string(cfg.Data), "tls", "ca.pem"))
	return errors.Is(err, os.ErrNotExist)
}

// greeting is what a gateway says when it listens, for a script.
type greeting struct {
	Listen      []netip.AddrPort `json:"listen"`
	CA          string           `json:"ca,omitempty"`
	Fingerprint string           `json:"ca_sha256,omitempty"`
	Keytool     string           `json:"keytool,omitempty"`
}

func (sh *shell) greet(n *node.Node, first bool) error {
	g := greeting{Listen: n.Addrs()}
	ca, fingerprint, keytool, ok := n.CA()
	if ok {
		g.CA, g.Fingerprint, g.Keytool = ca, fingerprint, keytool
	}
	if sh.json {
		return sh.print(g)
	}
	var addrs []string
	for _, a := range g.Listen {
		addrs = append(addrs, a.String())
	}
	if err := sh.printf("stagelock %s listens on %s\n", version, strings.Join(addrs, " and ")); err != nil {
		return err
	}
	if !ok || !first {
		return nil
	}
	return sh.printf("An authority of its own was made. Publishers must trust it:\n  file       "+
		"  %s\n  fingerprint  %s\n  in a JVM     %s\n",
		ca, fingerprint, keytool)
}

// oneLine writes an error that may be several in one line.
func oneLine(err error) string { return strings.ReplaceAll(fmt.Sprint(err), "\n", "; ") }
