package flags

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/audit/merge"
	"github.com/stagelock/stagelock/gateway/cluster"
	"github.com/stagelock/stagelock/gateway/node"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/postgres"
)

// Logs are the audit logs that a command reads: that of one gateway in its data folder, or those of all
// gateways that share a database. Their user closes them.
type Logs struct {
	Data   node.DataDir    // of the gateway whose configuration was named
	Shared *postgres.Store // nil if the log lies in the data folder
	own    store.Events    // if it does
	close  func() error
}

// OpenLogs opens the logs that --data or the configuration names. A data folder that is named has one log.
func OpenLogs(sh *term.Shell, c *cli.Context) (*Logs, error) {
	if c.String("data") != "" {
		return openOwn(node.DataDir(c.String("data")))
	}
	load, err := Loader(sh, c)
	if err != nil {
		return nil, err
	}
	cfg, problems := load()
	if cfg == nil {
		return nil, BadConfig(sh, problems)
	}
	if cfg.Store != "postgres" {
		return openOwn(node.DataDir(cfg.Data))
	}
	return openShared(c.Context, cfg)
}

func openOwn(data node.DataDir) (*Logs, error) {
	events, err := OpenLog(data)
	if err != nil {
		return nil, err
	}
	return &Logs{Data: data, own: events, close: events.Close}, nil
}

func openShared(ctx context.Context, cfg *conf.Config) (*Logs, error) {
	db, err := OpenShared(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return &Logs{Data: node.DataDir(cfg.Data), Shared: db, close: db.Close}, nil
}

// OpenShared opens the database that gateways share, and changes nothing in it.
func OpenShared(ctx context.Context, cfg *conf.Config) (*postgres.Store, error) {
	pc := cluster.PostgresConfig(cfg)
	pc.Manual, pc.Patience = true, 0
	db, err := postgres.Open(ctx, pc)
	if err != nil {
		return nil, Database(err, "the database that the gateways share cannot be read: "+err.Error(), "see stagelock store check")
	}
	return db, nil
}

// Database is the error of a command that needs the database: a server that cannot be reached is told apart from one
// whose data, schema or rights are wrong, for which cure is what to do.
func Database(err error, msg, cure string) error {
	if postgres.Unreachable(err) {
		return &term.UnavailableError{Msg: msg, Cure: "start the database server, or correct cluster.postgres.url"}
	}
	return &term.DataError{Msg: msg, Cure: cure}
}

// Close closes what OpenLogs opened.
func (l *Logs) Close() error { return l.close() }

// Named returns the logs there are now, or only that of node if it is not empty.
func (l *Logs) Named(ctx context.Context, only string) ([]merge.Named, error) {
	if l.Shared == nil {
		return []merge.Named{{Events: l.own}}, nil
	}
	heads, err := l.Shared.Logs().Heads(ctx)
	if err != nil {
		return nil, err
	}
	var all []merge.Named
	for _, h := range heads {
		if only == "" || only == h.Log {
			all = append(all, merge.Named{Name: h.Log, Events: l.Shared.Logs().Log(h.Log)})
		}
	}
	if len(all) == 0 {
		return nil, &term.DataError{Msg: "there is no audit log of such a gateway in the database",
			Cure: "stagelock cluster status lists the gateways"}
	}
	return all, nil
}

// Events returns the logs there are now.
func (l *Logs) Events(ctx context.Context) ([]store.Events, error) {
	named, err := l.Named(ctx, "")
	var all []store.Events
	for _, n := range named {
		all = append(all, n.Events)
	}
	return all, err
}
