package exchange

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/tunnel/sync"
)

const (
	holdsLease   = `SELECT 1 FROM @.leases WHERE {name} = $1 AND fence = $2 {share}`
	insertChange = `INSERT INTO @.sync_changes (origin, counter, object, body, via, at, payload)
		VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (origin, counter) DO NOTHING`
	insertObject = `INSERT INTO @.sync_objects (object, rev, first_origin, first_counter, first_milli, first_logic,
		shown_origin, shown_counter, seq, conflict) VALUES ($1, 1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (object) DO NOTHING`
	updateObject = `UPDATE @.sync_objects SET rev = rev + 1, first_origin = $2, first_counter = $3, first_milli = $4,
		first_logic = $5, shown_origin = $6, shown_counter = $7, seq = $8, conflict = $9
		WHERE object = $1 AND rev = $10`
	dropVersions   = `DELETE FROM @.sync_versions WHERE object = $1`
	insertVersion  = `INSERT INTO @.sync_versions (object, origin, counter) VALUES ($1, $2, $3)`
	insertListed   = `INSERT INTO @.sync_processed (origin, counter, server) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`
	insertDelivery = `INSERT INTO @.sync_deliveries (target, origin, counter, object, state, tries, next_at, class,
		reason, bytes, queued_at, ended_at) VALUES ($1, $2, $3, $4, 'pending', 0, 0, '', '', 0, $5, 0)
		ON CONFLICT (target, origin, counter) DO NOTHING`
	dropIntent   = `DELETE FROM @.sync_intents WHERE object = $1 AND tag = $2`
	insertIntent = `INSERT INTO @.sync_intents (object, tag, expect, body, via, listed) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (object) DO NOTHING`
	moveCursor = `INSERT INTO @.sync_cursors AS c (source, seq) VALUES ($1, $2)
		ON CONFLICT (source) DO UPDATE SET seq = excluded.seq WHERE c.seq < excluded.seq`
	// countHave writes the row of an origin: who takes another of its changes at the same time waits, and sees this one.
	countHave = `INSERT INTO @.sync_have AS h (origin, counter) VALUES ($1, 0)
		ON CONFLICT (origin) DO UPDATE SET counter = h.counter RETURNING counter`
	countFrom = `SELECT counter FROM @.sync_changes WHERE origin = $1 AND counter > $2 ORDER BY counter LIMIT 1000`
	putHave   = `UPDATE @.sync_have SET counter = $2 WHERE origin = $1`
)

// Accept implements Changes.
func (b Book) Accept(ctx context.Context, fence Fence, all ...Acceptance) error {
	return b.db.Transact(ctx, "accept changes", func(tx store.Tx) error {
		if err := fence.check(tx); err != nil {
			return err
		}
		now, err := tx.Now()
		if err != nil {
			return err
		}
		origins := map[string]bool{}
		for _, a := range all {
			if err := accept(tx, now, a); err != nil {
				return err
			}
			if a.Outcome != nil && a.Outcome.Change != nil {
				origins[string(a.Outcome.Change.ID.Origin)] = true
			}
		}
		for _, origin := range slices.Sorted(maps.Keys(origins)) { // of two transactions neither waits for the other
			if err := have(tx, origin); err != nil {
				return err
			}
		}
		return nil
	})
}

func (f Fence) check(tx store.Tx) error {
	if f == (Fence{}) {
		return nil
	}
	held, err := some(tx, holdsLease, f.Lease, f.Number)
	if err == nil && !held {
		err = store.ErrStale
	}
	return err
}

func accept(tx store.Tx, now int64, a Acceptance) error {
	if a.Source != "" {
		if _, err := tx.Exec(moveCursor, a.Source, a.Cursor); err != nil {
			return err
		}
	}
	if a.Outcome == nil {
		return nil
	}
	s := a.Outcome.After
	if a.Tag != "" {
		n, err := tx.Exec(dropIntent, string(s.Object), a.Tag)
		if err == nil && n == 0 { // somebody else has settled it, whatever he made of it
			err = fmt.Errorf("no intent %q of %q is open: %w", a.Tag, s.Object, store.ErrStale)
		}
		if err != nil {
			return err
		}
	}
	switch open, err := some(tx, readIntent, string(s.Object)); {
	case err != nil:
		return err
	case open:
		return fmt.Errorf("another intent of %q is open: %w", s.Object, store.ErrStale)
	}
	if c := a.Outcome.Change; c != nil {
		if a.Asked {
			if err := unlessRefused(tx, c.ID); err != nil {
				return err
			}
		}
		if err := keep(tx, now, c, a); err != nil {
			return err
		}
	}
	return write(tx, s)
}

// keep writes a change, who has it, and who is to get it.
func keep(tx store.Tx, now int64, c *sync.Change, a Acceptance) error {
	origin, counter := string(c.ID.Origin), int64(c.ID.Counter)
	n, err := tx.Exec(insertChange, origin, counter, string(c.Object), c.Append(nil), string(a.Via), now, c.Payload.String())
	if err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("change %s is known: %w", c.ID, store.ErrStale)
	}
	has := append([]sync.ServerID{c.ID.Origin}, a.Listed...)
	if a.Via != "" {
		has = append(has, a.Via)
	}
	slices.Sort(has)
	for _, s := range slices.Compact(has) {
		if _, err := tx.Exec(insertListed, origin, counter, string(s)); err != nil {
			return err
		}
	}
	for _, t := range a.Targets {
		if _, err := tx.Exec(insertDelivery, string(t), origin, counter, string(c.Object), now); err != nil {
			return err
		}
	}
	return nil
}

// have moves up to which counter every change of an origin is there.
func have(tx store.Tx, origin string) error {
	at, moved := int64(0), false
	if err := tx.Query(countHave, []any{origin}, func(scan func(...any) error) error { return scan(&at) }); err != nil {
		return err
	}
	for more := true; more; {
		n := 0
		err := tx.Query(countFrom, []any{origin, at}, func(scan func(...any) error) error {
			var next int64
			if err := scan(&next); err != nil {
				return err
			}
			if next == at+1 {
				at, moved = next, true
				n++
			}
			return nil
		})
		if err != nil {
			return err
		}
		more = n == 1000
	}
	if !moved {
		return nil
	}
	_, err := tx.Exec(putHave, origin, at)
	return err
}

// write keeps the state of an object, if it is as the rules saw it.
func write(tx store.Tx, s sync.State) error {
	conflict := int64(0)
	if s.Conflict() {
		conflict = 1
	}
	args := []any{string(s.Object), string(s.First.Origin), int64(s.First.Counter), s.FirstStamp.Milli,
		int64(s.FirstStamp.Logic), string(s.Shown.Origin), int64(s.Shown.Counter), s.Seq, conflict}
	query := insertObject
	if s.Rev > 0 {
		query, args = updateObject, append(args, s.Rev)
	}
	n, err := tx.Exec(query, args...)
	if err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("object %q moved on: %w", s.Object, store.ErrStale)
	}
	if s.Rev > 0 { // else it had none
		if _, err := tx.Exec(dropVersions, string(s.Object)); err != nil {
			return err
		}
	}
	for _, v := range s.Versions {
		if _, err := tx.Exec(insertVersion, string(s.Object), string(v.ID.Origin), int64(v.ID.Counter)); err != nil {
			return err
		}
	}
	return nil
}

// Intend implements Changes.
func (b Book) Intend(ctx context.Context, fence Fence, all ...sync.Intent) error {
	return b.db.Transact(ctx, "keep intents", func(tx store.Tx) error {
		if err := fence.check(tx); err != nil {
			return err
		}
		for _, in := range all {
			if in.Asked {
				if err := unlessRefused(tx, in.Change.ID); err != nil {
					return err
				}
			}
			n, err := tx.Exec(insertIntent, string(in.Object), in.Tag, in.Expect, in.Change.Append(nil), string(in.Via), join(in.Listed))
			if err == nil && n == 0 {
				err = fmt.Errorf("an intent of %q is open: %w", in.Object, store.ErrStale)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Forget implements Changes.
func (b Book) Forget(ctx context.Context, all ...sync.Intent) error {
	return b.db.Transact(ctx, "forget intents", func(tx store.Tx) error {
		for _, in := range all {
			if _, err := tx.Exec(dropIntent, string(in.Object), in.Tag); err != nil {
				return err
			}
		}
		return nil
	})
}
