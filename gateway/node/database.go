package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/google/uuid"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/cluster"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/postgres"
	"github.com/stagelock/stagelock/store/sqlite"
)

// embeddedLease is long: nobody waits for a gateway that has its store for itself, as its next start
// ends its former life.
const embeddedLease = 10 * time.Minute

// errNoLease is a gateway that others may take for dead.
var errNoLease = errors.New("the gateway could not renew its lease of the store")

// PostgresConfig is how the database of a cluster is reached.
func PostgresConfig(c *conf.Config) postgres.Config {
	p := c.Cluster.Postgres
	return postgres.Config{
		URL: p.URL.Value.Reveal(), Schema: p.Schema, Cluster: c.Cluster.Name, Connections: p.Connections, Pooler: p.Pooler,
		Manual: c.Cluster.Migrate == "manual",
	}
}

// openDatabase opens what store says.
func (n *Node) openDatabase(ctx context.Context) (store.Database, error) {
	if n.conf.Store == "postgres" {
		db, err := postgres.Open(ctx, PostgresConfig(n.conf))
		if err != nil {
			where := cmp.Or(string(n.conf.Cluster.Postgres.URL.File), "cluster.postgres.url.value")
			return nil, fmt.Errorf("the database that %s names cannot be used: %w; see stagelock store check", where, err)
		}
		for _, w := range db.Warnings() {
			n.cfg.Log.Warn(w)
		}
		if err := n.agreeOnKey(ctx, db); err != nil {
			return nil, errors.Join(err, db.Close())
		}
		return db, nil
	}
	db, err := sqlite.Open(ctx, n.data().Database())
	if err != nil {
		return nil, fmt.Errorf("the store cannot be opened: %w; mend the permissions of %s", err, n.conf.Data)
	}
	return db, nil
}

// agreeOnKey refuses a key that is not the one of the other gateways: they could read neither each
// other's certificates nor their TLS sessions.
func (n *Node) agreeOnKey(ctx context.Context, db store.Database) error {
	err := cluster.AgreeOnKey(ctx, db, uuid.NewString(), n.conf.ClusterKey())
	if errors.Is(err, cluster.ErrOtherKey) {
		return fmt.Errorf("%s holds another key than the gateways of cluster %q share: copy the file of one of them here",
			n.conf.Cluster.KeyFile, n.conf.Cluster.Name)
	}
	if err != nil {
		return fmt.Errorf("the key that gateways share (cluster.key_file): %w", err)
	}
	return nil
}

// name is what other gateways and the log know this one by.
func (n *Node) name() (string, error) {
	if n.conf.Store == "postgres" && n.conf.Cluster.Node != "" {
		return n.conf.Cluster.Node, nil
	}
	name, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("name of this machine: %w", err)
	}
	return name, nil
}

// lease is how long others wait for this gateway if it dies.
func (n *Node) lease() time.Duration {
	if n.conf.Store == "postgres" {
		return n.conf.Cluster.Lease
	}
	return embeddedLease
}

// unwritable returns why nothing can be carried out now, or nil.
func (n *Node) unwritable() error {
	if err := n.visits.Broken(); err != nil {
		return err
	}
	if !n.life.Holds() {
		return errNoLease
	}
	return nil
}
