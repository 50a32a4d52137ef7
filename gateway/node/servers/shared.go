package servers

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"github.com/stagelock/stagelock/gateway/exchange/lead"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/blobs"
	stored "github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// place returns where large contents lie, and how gateways that share a database share the work.
func place(ctx context.Context, c Config, db store.Transactor) (stored.Removable, lead.Config, error) {
	if c.Conf().Store != "postgres" {
		folder, err := blobs.Open(c.Contents)
		return folder, lead.Config{}, err
	}
	if err := agree(ctx, c.Database, c.Owner, sync.IDOf(c.Key.Public().(ed25519.PublicKey))); err != nil {
		return nil, lead.Config{}, err
	}
	large, err := blobs.NewPieces(db, c.Contents)
	return large, lead.Config{Leases: c.Database.Leases(), Owner: c.Owner, TTL: c.Conf().Cluster.Lease}, err
}

// sharedID is the value with the server that the gateways of a database are.
const sharedID = "sync/server"

// Deciding which server that is takes no longer, and others look again so often.
const (
	agreeLease = "sync/server"
	agreeTTL   = 10 * time.Second
	agreePoll  = 100 * time.Millisecond
)

// agree refuses a gateway that is another server than those that share its database: changes of one server are
// signed with one key. The first gateway says which.
func agree(ctx context.Context, db store.Database, owner string, own sync.ServerID) error {
	for {
		known, err := db.Values().Load(ctx, sharedID)
		switch {
		case err == nil && string(known) == string(own):
			return nil
		case err == nil:
			return fmt.Errorf("the gateways that share a database are one server, whose key is %s, and sync.key in the data "+
				"folder here is %s: copy sync.key of one of them here, readable by the gateway's user only", known, own)
		case !errors.Is(err, store.ErrNotFound):
			return err
		}
		fence, err := db.Leases().Acquire(ctx, agreeLease, owner, agreeTTL)
		if err == nil {
			if _, err = db.Values().Load(ctx, sharedID); errors.Is(err, store.ErrNotFound) {
				err = db.Values().Store(ctx, sharedID, []byte(own))
			}
			if err = errors.Join(err, db.Leases().Release(ctx, agreeLease, fence)); err != nil {
				return err
			}
			continue
		}
		if !errors.Is(err, store.ErrStale) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(agreePoll):
		}
	}
}
