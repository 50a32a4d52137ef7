// Package pools has the connections of one gateway to its database: those of its calls, two for the log and
// one for the lease, which a flood of look-ups does not starve.
package pools

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// defaultConnections is how many connections a gateway has for its calls.
	defaultConnections = 16
	// minConnections is what a migration takes: one holds its lock while others work.
	minConnections = 4
	// maxConnections bounds what nobody means.
	maxConnections = 1000
)

// Config says where the database is.
type Config struct {
	URL         string
	Connections int           // for calls, default 16, at least 4
	Pooler      bool          // a pooler in transaction mode is in front: no prepared statements
	Dial        time.Duration // to reach a server
	Connect     time.Duration // for one connection with all that is said at its beginning
}

// Pools of connections. They are safe for concurrent use.
type Pools struct {
	Calls *pgxpool.Pool
	Audit *pgxpool.Pool // two connections: one writes while the other waits for the disk
	Lives *pgxpool.Pool // one connection
}

// Open makes the pools; it reaches no server yet. The caller closes them.
func Open(ctx context.Context, cfg Config) (*Pools, error) {
	if cfg.Connections <= 0 {
		cfg.Connections = defaultConnections
	}
	p := &Pools{}
	for _, one := range []struct {
		pool  **pgxpool.Pool
		conns int
	}{{&p.Calls, max(cfg.Connections, minConnections)}, {&p.Audit, 2}, {&p.Lives, 1}} {
		pool, err := open(ctx, cfg, one.conns)
		if err != nil {
			return nil, errors.Join(err, p.Close())
		}
		*one.pool = pool
	}
	return p, nil
}

func open(ctx context.Context, cfg Config, conns int) (*pgxpool.Pool, error) {
	pc, err := pgxpool.ParseConfig(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("the database URL cannot be read: %s", faultOf(err))
	}
	pc.MaxConns = int32(min(conns, maxConnections))
	pc.ConnConfig.RuntimeParams["application_name"] = "stagelock"
	pc.ConnConfig.ConnectTimeout = cfg.Connect
	pc.ConnConfig.DialFunc = (&net.Dialer{Timeout: cfg.Dial}).DialContext // a machine that is gone is left soon
	if cfg.Pooler {
		pc.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
		pc.ConnConfig.StatementCacheCapacity = 0
		pc.ConnConfig.DescriptionCacheCapacity = 0
	}
	return pgxpool.NewWithConfig(ctx, pc)
}

// faultOf is what pgx finds wrong with a URL, without the URL: it masks a password only where it recognizes
// one, and what it could not split may be a part of one.
func faultOf(err error) string {
	text := err.Error()
	fault := text[strings.LastIndex(text, "`: ")+len("`: "):]
	if strings.HasPrefix(fault, "failed to parse") {
		fault, _, _ = strings.Cut(fault, " (")
	}
	return fault
}

func (p *Pools) each(f func(*pgxpool.Pool)) {
	for _, pool := range []*pgxpool.Pool{p.Calls, p.Audit, p.Lives} {
		if pool != nil {
			f(pool)
		}
	}
}

// Reset has every connection closed once it is given back: they lead to a server that was replaced.
func (p *Pools) Reset() { p.each((*pgxpool.Pool).Reset) }

// Close waits for the statements under way and closes the connections.
func (p *Pools) Close() error {
	p.each((*pgxpool.Pool).Close)
	return nil
}
