package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/stagelock/stagelock/gateway/cluster"
	"github.com/stagelock/stagelock/gateway/node/datadir"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/postgres"
	"github.com/stagelock/stagelock/store/sqlite"
)

// embeddedLease is long: nobody waits for a gateway that has its store for itself, as its next start
// ends its former life.
const embeddedLease = 10 * time.Minute

// errNoLease is a gateway that others may take for dead.
var errNoLease = errors.New("the gateway could not renew its lease of the store")

// openDatabase opens what store says.
func (n *Node) openDatabase(ctx context.Context) (store.Database, error) {
	if n.conf().Store == "postgres" {
		db, err := postgres.Open(ctx, cluster.PostgresConfig(n.conf()))
		if err != nil {
			where := cmp.Or(string(n.conf().Cluster.Postgres.URL.File), "cluster.postgres.url.value")
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
		return nil, fmt.Errorf("the store cannot be opened: %w; %s", err, datadir.Cure(n.data(), err))
	}
	return db, nil
}

// agreeOnKey refuses a key that is not the one of the other gateways: they could read neither each
// other's certificates nor their TLS sessions.
func (n *Node) agreeOnKey(ctx context.Context, db store.Database) error {
	err := cluster.AgreeOnKey(ctx, db, uuid.NewString(), n.conf().ClusterKeys())
	if errors.Is(err, cluster.ErrOtherKey) {
		return fmt.Errorf("%s holds another key than the gateways of cluster %q share: copy the file of one of them here",
			n.conf().Cluster.KeyFile, n.conf().Cluster.Name)
	}
	if err != nil {
		return fmt.Errorf("the key that gateways share (cluster.key_file): %w", err)
	}
	return nil
}

// lease is how long others wait for this gateway if it dies.
func (n *Node) lease() time.Duration {
	if n.cfg.Conf.Store == "postgres" {
		return n.cfg.Conf.Cluster.Lease
	}
	return embeddedLease
}

// patience is how long a call waits for the store, and for the gateway to be a member again.
func (n *Node) patience() time.Duration {
	if n.conf().Store == "postgres" {
		return n.conf().Cluster.Patience
	}
	return 0
}

// away returns why the store that gateways share cannot be reached now, or nil.
func (n *Node) away() error {
	if db, ok := n.database.(interface{ Away() error }); ok {
		return db.Away()
	}
	return nil
}

// unwritable returns why nothing can be carried out now, or nil: of several reasons the one that the others
// come of.
func (n *Node) unwritable() error {
	for _, why := range []func() error{n.away, n.visits.Broken, n.leaseless} {
		if err := why(); err != nil {
			return err
		}
	}
	return nil
}

// leaseless returns why others may take this gateway for dead, or nil.
func (n *Node) leaseless() error {
	if !n.life.Holds() {
		return errNoLease
	}
	return nil
}

// sharedProblems returns what keeps a gateway that shares its store from serving, in words.
func (n *Node) sharedProblems() (all []string) {
	if err := n.unwritable(); err != nil {
		all = append(all, "the database that the gateways share cannot be used, so every publish is refused: "+err.Error()+
			"; it is tried again and again; see stagelock store check")
	}
	if off := n.life.Offset(); off.Abs() > cluster.MaxOffset {
		all = append(all, fmt.Sprintf("this machine's clock is %s off the database's; set it by NTP", off.Round(time.Millisecond)))
	}
	return all
}
