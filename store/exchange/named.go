package exchange

import (
	"context"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/tunnel/sync"
)

const (
	isNamed = `SELECT 1 FROM @.sync_changes c WHERE c.payload = $1 AND (
			EXISTS (SELECT 1 FROM @.sync_versions v WHERE v.object = c.object AND v.origin = c.origin AND v.counter = c.counter)
			OR EXISTS (SELECT 1 FROM @.sync_deliveries d WHERE d.origin = c.origin AND d.counter = c.counter
				AND d.state IN ('pending', 'waiting', 'dead')))
		LIMIT 1`
	underWay = `SELECT body FROM @.sync_intents UNION ALL SELECT body FROM @.sync_approvals WHERE state <> 'refused'`
)

// Named implements Changes.
func (b Book) Named(ctx context.Context, all ...sync.Digest) (named []bool, err error) {
	err = b.db.View(ctx, "contents that are named", func(tx store.Tx) error {
		under := map[sync.Digest]bool{} // read first: what is accepted meanwhile is a version then
		err := tx.Query(underWay, nil, func(scan func(...any) error) error {
			var body []byte
			if err := scan(&body); err != nil {
				return err
			}
			c, err := sync.ParseChange(body)
			if err == nil {
				under[c.Payload] = true
			}
			return err
		})
		named = make([]bool, len(all))
		for i, d := range all {
			if named[i] = under[d]; err == nil && !named[i] {
				named[i], err = some(tx, isNamed, d.String())
			}
		}
		return err
	})
	return named, err
}
