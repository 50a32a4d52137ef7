package exchange

import (
	"context"
	"time"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// Allowances count what neighbours may do so often only, for all gateways of a server together. They are safe for
// concurrent use, also from several processes; a write is on disk when it returns nil.
type Allowances interface {
	// Spend counts changes by which a neighbour deletes, in their order, and tells of which there were fewer than most
	// before in this hour, by the store's clock. The others are not counted, and one that was counted within the hour
	// counts once.
	Spend(ctx context.Context, via sync.ServerID, most int, ids ...sync.ID) ([]bool, error)
	// Renew forgets what was counted of a neighbour.
	Renew(ctx context.Context, via sync.ServerID) error
}

var _ Allowances = Book{}

// hour is that of an allowance.
const hour = int64(time.Hour / time.Microsecond)

const (
	// countAlone writes one row of the neighbour: who counts at the same time waits, or begins anew.
	countAlone = `INSERT INTO @.sync_deletes (via, origin, counter, at) VALUES ($1, '', 0, $2)
		ON CONFLICT (via, origin, counter) DO UPDATE SET at = excluded.at`
	dropCounted  = `DELETE FROM @.sync_deletes WHERE via = $1 AND origin <> '' AND at <= $2`
	countDeletes = `SELECT count(*) FROM @.sync_deletes WHERE via = $1 AND origin <> ''`
	isCounted    = `SELECT 1 FROM @.sync_deletes WHERE via = $1 AND origin = $2 AND counter = $3`
	countOne     = `INSERT INTO @.sync_deletes (via, origin, counter, at) VALUES ($1, $2, $3, $4)`
)

// Spend implements Allowances.
func (b Book) Spend(ctx context.Context, via sync.ServerID, most int, ids ...sync.ID) (may []bool, err error) {
	err = b.db.Transact(ctx, "count deletions", func(tx store.Tx) error {
		may = make([]bool, len(ids))
		now, err := tx.Now()
		if err != nil {
			return err
		}
		if _, err := tx.Exec(countAlone, string(via), now); err != nil {
			return err
		}
		if _, err := tx.Exec(dropCounted, string(via), now-hour); err != nil {
			return err
		}
		spent := 0
		err = tx.Query(countDeletes, []any{string(via)}, func(scan func(...any) error) error { return scan(&spent) })
		for i, id := range ids {
			if err == nil {
				may[i], err = some(tx, isCounted, string(via), string(id.Origin), int64(id.Counter))
			}
			if err != nil || may[i] || spent >= most {
				continue
			}
			may[i] = true
			spent++
			_, err = tx.Exec(countOne, string(via), string(id.Origin), int64(id.Counter), now)
		}
		return err
	})
	return may, err
}

// Renew implements Allowances.
func (b Book) Renew(ctx context.Context, via sync.ServerID) error {
	return b.db.Transact(ctx, "let delete", func(tx store.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		if _, err := tx.Exec(countAlone, string(via), now); err != nil {
			return err
		}
		_, err = tx.Exec(dropCounted, string(via), now)
		return err
	})
}
