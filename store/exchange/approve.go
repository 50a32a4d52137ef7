package exchange

import (
	"context"
	"errors"
	"fmt"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/tunnel/sync"
)

var _ Approvals = Book{}

const (
	approvalColumns = `body, via, state, login, reason, at, CASE WHEN EXISTS (SELECT 1 FROM @.sync_changes c
		WHERE c.origin = a.origin AND c.counter = a.counter) THEN 1 ELSE 0 END FROM @.sync_approvals a`
	ask = `INSERT INTO @.sync_approvals (origin, counter, body, via, state, login, reason, at)
		VALUES ($1, $2, $3, $4, 'asked', '', '', $5) ON CONFLICT (origin, counter) DO NOTHING`
	readApproval  = `SELECT ` + approvalColumns + ` WHERE origin = $1 AND counter = $2`
	readApprovals = `SELECT ` + approvalColumns + ` WHERE ($1 = '' OR state = $1)
		ORDER BY at, origin, counter LIMIT $2`
	decide = `UPDATE @.sync_approvals SET state = $4, login = $5, reason = $6, at = $7
		WHERE origin = $1 AND counter = $2 AND state = $3`
	// unless writes the row that a refusal writes too: of the two, one comes second, and sees the other.
	unless   = `UPDATE @.sync_approvals SET state = state WHERE origin = $1 AND counter = $2 AND state <> 'refused'`
	onItsWay = `SELECT 1 FROM @.sync_intents WHERE tag = $1`
	release  = `DELETE FROM @.sync_approvals WHERE origin = $1 AND counter = $2`
)

// Ask implements Approvals.
func (b Book) Ask(ctx context.Context, via sync.ServerID, all ...*sync.Change) error {
	return b.db.Transact(ctx, "hold changes", func(tx store.Tx) error {
		now, err := tx.Now()
		for _, c := range all {
			if err == nil {
				_, err = tx.Exec(ask, string(c.ID.Origin), int64(c.ID.Counter), c.Append(nil), string(via), now)
			}
		}
		return err
	})
}

// Approval implements Approvals.
func (b Book) Approval(ctx context.Context, ids ...sync.ID) (all []Approval, err error) {
	err = b.db.View(ctx, "held changes", func(tx store.Tx) error {
		all = make([]Approval, len(ids))
		for i, id := range ids {
			held, err := approvals(tx, readApproval, string(id.Origin), int64(id.Counter))
			if err != nil {
				return err
			}
			if len(held) > 0 {
				all[i] = held[0]
			}
		}
		return nil
	})
	return all, err
}

// Approvals implements Approvals.
func (b Book) Approvals(ctx context.Context, state ApprovalState, limit int) (all []Approval, err error) {
	err = b.db.View(ctx, "all held changes", func(tx store.Tx) error {
		all, err = approvals(tx, readApprovals, string(state), limit)
		return err
	})
	return all, err
}

func approvals(tx store.Tx, query string, args ...any) (all []Approval, err error) {
	err = tx.Query(query, args, func(scan func(...any) error) error {
		var a Approval
		var body []byte
		var via, state string
		var at, known int64
		if err := scan(&body, &via, &state, &a.Login, &a.Reason, &at, &known); err != nil {
			return err
		}
		a.Via, a.State, a.At, a.Known = sync.ServerID(via), ApprovalState(state), micros(at), known == 1
		a.Change, err = sync.ParseChange(body)
		all = append(all, a)
		return err
	})
	return all, err
}

// Decide implements Approvals.
func (b Book) Decide(ctx context.Context, id sync.ID, from, to ApprovalState, login, reason string) error {
	return b.db.Transact(ctx, "decide about "+id.String(), func(tx store.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		origin, counter := string(id.Origin), int64(id.Counter)
		n, err := tx.Exec(decide, origin, counter, string(from), string(to), text(login), text(reason), now)
		if err != nil {
			return err
		}
		if n == 0 {
			held, err := some(tx, readApproval, origin, counter)
			if err == nil && !held {
				return store.ErrNotFound
			}
			return errors.Join(err, store.ErrStale)
		}
		if to != Refused {
			return nil
		}
		known, err := some(tx, isKnown, origin, counter)
		if err == nil && !known {
			known, err = some(tx, onItsWay, id.String())
		}
		if err == nil && known {
			err = store.ErrStale
		}
		return err
	})
}

// unlessRefused returns ErrRefused of a change that somebody refused.
func unlessRefused(tx store.Tx, id sync.ID) error {
	origin, counter := string(id.Origin), int64(id.Counter)
	n, err := tx.Exec(unless, origin, counter)
	if err != nil || n > 0 {
		return err
	}
	held, err := some(tx, readApproval, origin, counter)
	if err == nil && held {
		err = fmt.Errorf("change %s: %w", id, ErrRefused)
	}
	return err
}

// Release implements Approvals.
func (b Book) Release(ctx context.Context, ids ...sync.ID) error {
	return b.db.Transact(ctx, "release changes", func(tx store.Tx) error {
		for _, id := range ids {
			if _, err := tx.Exec(release, string(id.Origin), int64(id.Counter)); err != nil {
				return err
			}
		}
		return nil
	})
}
