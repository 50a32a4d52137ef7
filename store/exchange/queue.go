package exchange

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/tunnel/sync"
)

const (
	columns = `position, target, origin, counter, object, state, tries, class, reason, bytes, next_at, queued_at, ended_at`
	due     = `SELECT ` + columns + ` FROM @.sync_deliveries d
		WHERE target = $1 AND state IN ('pending', 'waiting') AND next_at <= $2 AND NOT EXISTS (
			SELECT 1 FROM @.sync_deliveries e WHERE e.target = d.target AND e.object = d.object
			AND e.position < d.position AND e.state IN ('pending', 'waiting') AND e.next_at > $2 AND e.class <> 'approval')
		ORDER BY position LIMIT $3`
	settle = `UPDATE @.sync_deliveries SET state = $4, tries = tries + 1, class = $5, reason = $6, bytes = bytes + $7,
		next_at = $8, ended_at = $9
		WHERE target = $1 AND origin = $2 AND counter = $3 AND state IN ('pending', 'waiting')`
	wake        = `UPDATE @.sync_deliveries SET next_at = 0 WHERE target = $1 AND state = 'waiting' AND class <> 'approval'`
	acknowledge = `UPDATE @.sync_deliveries SET state = 'done', ended_at = $4, class = '', reason = ''
		WHERE target = $1 AND origin = $2 AND counter <= $3 AND state IN ('pending', 'waiting')`
	processed = `INSERT INTO @.sync_processed (origin, counter, server)
		SELECT origin, counter, CAST($1 AS text) FROM @.sync_deliveries
		WHERE target = $1 AND origin = $2 AND counter <= $3 AND state IN ('pending', 'waiting') ON CONFLICT DO NOTHING`
	baseline = `SELECT c.origin, c.counter, c.object
		FROM @.sync_versions v JOIN @.sync_changes c ON c.origin = v.origin AND c.counter = v.counter
		WHERE NOT EXISTS (SELECT 1 FROM @.sync_processed p
			WHERE p.origin = c.origin AND p.counter = c.counter AND p.server = $1)
		AND NOT EXISTS (SELECT 1 FROM @.sync_deliveries d
			WHERE d.target = $1 AND d.origin = c.origin AND d.counter = c.counter)
		AND {strpos}($2, ' ' || substr(` + behindSite + `, 1, {strpos}(` + behindSite + `, '/') - 1) || ' ') > 0
		ORDER BY c.position`
	behindSite = `substr(c.object, {strpos}(c.object, '/') + 1)` // kind/id
	readTarget = `SELECT state, reason, until FROM @.sync_targets WHERE target = $1`
	backlog    = `SELECT count(*), coalesce(sum(CASE WHEN state = 'waiting' THEN 1 ELSE 0 END), 0), coalesce(min(queued_at), 0)
		FROM @.sync_deliveries WHERE target = $1 AND state IN ('pending', 'waiting')`
	countDead = `SELECT count(*) FROM @.sync_deliveries WHERE target = $1 AND state = 'dead'`
	lastDone  = `SELECT coalesce(max(ended_at), 0) FROM @.sync_deliveries WHERE target = $1 AND state = 'done'`
	nextOpen  = `SELECT next_at, tries, reason FROM @.sync_deliveries
		WHERE target = $1 AND state IN ('pending', 'waiting') ORDER BY next_at, position LIMIT 1`
	putTarget = `INSERT INTO @.sync_targets (target, state, reason, until) VALUES ($1, $2, $3, $4)
		ON CONFLICT (target) DO UPDATE SET state = excluded.state, reason = excluded.reason, until = excluded.until`
	chosen = ` ($1 = '' OR target = $1) AND ($2 = '' OR origin = $2) AND ($3 = CAST(0 AS bigint) OR counter = $3)
		AND ($4 = '' OR object = $4) AND ($5 = '' OR state = $5) `
	readDeliveries = `SELECT ` + columns + ` FROM @.sync_deliveries WHERE` + chosen + `ORDER BY position DESC LIMIT $6`
	retry          = `UPDATE @.sync_deliveries SET next_at = 0, ended_at = 0, tries = 0,
		state = CASE WHEN state = 'dead' THEN 'pending' ELSE state END
		WHERE` + chosen + `AND state IN ('pending', 'waiting', 'dead')`
	drop = `UPDATE @.sync_deliveries SET state = 'dropped', reason = $6, ended_at = $7
		WHERE` + chosen + `AND state IN ('pending', 'waiting', 'dead')`
	prune      = `DELETE FROM @.sync_deliveries WHERE state IN ('done', 'dropped') AND ended_at <= $1`
	nameHolder = `SELECT server FROM @.sync_servers WHERE lower(name) = lower($1) AND server <> $2`
	putServer  = `INSERT INTO @.sync_servers (server, name, links, seen_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (server) DO UPDATE SET name = excluded.name, links = excluded.links, seen_at = excluded.seen_at`
	readServers = `SELECT server, name, links, seen_at FROM @.sync_servers ORDER BY name, server`
)

func scanDelivery(all *[]Delivery) func(scan func(...any) error) error {
	return func(scan func(...any) error) error {
		var d Delivery
		var target, origin, object, state string
		var counter, next, queued, ended int64
		err := scan(&d.Position, &target, &origin, &counter, &object, &state, &d.Tries, &d.Class, &d.Reason, &d.Bytes,
			&next, &queued, &ended)
		d.Target, d.Object, d.State = sync.ServerID(target), sync.Object(object), DeliveryState(state)
		d.ID = sync.ID{Origin: sync.ServerID(origin), Counter: uint64(counter)}
		d.NextAt, d.QueuedAt, d.EndedAt = micros(next), micros(queued), micros(ended)
		*all = append(*all, d)
		return err
	}
}

// Due implements Deliveries.
func (b Book) Due(ctx context.Context, target sync.ServerID, limit int) (all []Delivery, err error) {
	err = b.db.View(ctx, "due for "+string(target), func(tx store.Tx) error {
		all = nil
		now, err := tx.Now()
		if err != nil {
			return err
		}
		return tx.Query(due, []any{string(target), now, limit}, scanDelivery(&all))
	})
	return all, err
}

// Settle implements Deliveries.
func (b Book) Settle(ctx context.Context, target sync.ServerID, all ...Result) error {
	return b.db.Transact(ctx, "settle deliveries to "+string(target), func(tx store.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		done := false
		for _, r := range all {
			if err := settleOne(tx, now, target, r); err != nil {
				return err
			}
			done = done || r.State == Done
		}
		if done {
			_, err = tx.Exec(wake, string(target))
		}
		return err
	})
}

func settleOne(tx store.Tx, now int64, target sync.ServerID, r Result) error {
	next, ended := int64(0), now
	if r.State == Pending || r.State == Waiting {
		next, ended = now+r.After.Microseconds(), 0
	}
	origin, counter := string(r.ID.Origin), int64(r.ID.Counter)
	if r.State == Done {
		if _, err := tx.Exec(insertListed, origin, counter, string(target)); err != nil {
			return err
		}
	}
	_, err := tx.Exec(settle, string(target), origin, counter, string(r.State), r.Class, text(r.Reason), r.Bytes, next, ended)
	return err
}

// text is what a peer said as a column takes it.
func text(s string) string {
	if len(s) > 2000 {
		s = s[:2000]
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "?"), "\x00", " ")
}

// Acknowledge implements Deliveries.
func (b Book) Acknowledge(ctx context.Context, target sync.ServerID, have map[sync.ServerID]uint64) (n int, err error) {
	err = b.db.Transact(ctx, "what "+string(target)+" has", func(tx store.Tx) error {
		n = 0
		now, err := tx.Now()
		if err != nil {
			return err
		}
		for origin, counter := range have {
			if _, err := tx.Exec(processed, string(target), string(origin), int64(counter)); err != nil {
				return err
			}
			rows, err := tx.Exec(acknowledge, string(target), string(origin), int64(counter), now)
			if err != nil {
				return err
			}
			n += int(rows)
		}
		return nil
	})
	return n, err
}

// Baseline implements Deliveries.
func (b Book) Baseline(
	ctx context.Context, target sync.ServerID, kinds []string, covers func(o sync.Object) bool,
) (int, error) {
	all, err := b.missing(ctx, target, kinds, covers)
	if err != nil || len(all) == 0 {
		return 0, err
	}
	return b.count(ctx, "baseline of "+string(target), func(tx store.Tx, now int64) (n int64, err error) {
		for _, d := range all {
			rows, err := tx.Exec(insertDelivery, string(target), string(d.ID.Origin), int64(d.ID.Counter), string(d.Object), now)
			if err != nil {
				return n, err
			}
			n += rows
		}
		return n, nil
	})
}

// missing are the current versions that a target never got, in the order of the log.
func (b Book) missing(
	ctx context.Context, target sync.ServerID, kinds []string, covers func(o sync.Object) bool,
) (all []Delivery, err error) {
	err = b.db.View(ctx, "what "+string(target)+" lacks", func(tx store.Tx) error {
		all = nil
		args := []any{string(target), " " + strings.Join(kinds, " ") + " "}
		return tx.Query(baseline, args, func(scan func(...any) error) error {
			var origin, object string
			var counter int64
			err := scan(&origin, &counter, &object)
			if covers(sync.Object(object)) {
				all = append(all, Delivery{ID: sync.ID{Origin: sync.ServerID(origin), Counter: uint64(counter)}, Object: sync.Object(object)})
			}
			return err
		})
	})
	return all, err
}

// Targets implements Deliveries.
func (b Book) Targets(ctx context.Context, ids ...sync.ServerID) (all []Target, err error) {
	err = b.db.View(ctx, "targets", func(tx store.Tx) error {
		all = nil
		now, err := tx.Now()
		if err != nil {
			return err
		}
		for _, id := range ids {
			t, err := targetOf(tx, id, now)
			if err != nil {
				return err
			}
			all = append(all, t)
		}
		return nil
	})
	return all, err
}

func targetOf(tx store.Tx, id sync.ServerID, now int64) (Target, error) {
	t := Target{ID: id}
	var state string
	var until, oldest, last, next int64
	for _, q := range []struct {
		query string
		dest  []any
	}{
		{readTarget, []any{&state, &t.Reason, &until}},
		{backlog, []any{&t.Open, &t.Waiting, &oldest}},
		{countDead, []any{&t.Dead}},
		{lastDone, []any{&last}},
		{nextOpen, []any{&next, &t.Tries, &t.Failure}},
	} {
		err := tx.Query(q.query, []any{string(id)}, func(scan func(...any) error) error { return scan(q.dest...) })
		if err != nil {
			return t, err
		}
	}
	t.State, t.Until, t.Oldest, t.Last, t.Next = TargetState(state), micros(until), micros(oldest), micros(last), micros(next)
	if until > 0 && until <= now {
		t.State, t.Reason, t.Until = Open, "", time.Time{}
	}
	return t, nil
}

// SetTarget implements Deliveries.
func (b Book) SetTarget(
	ctx context.Context, id sync.ServerID, state TargetState, reason string, until time.Duration,
) error {
	return b.db.Transact(ctx, "target "+string(id), func(tx store.Tx) error {
		end := int64(0)
		if until > 0 {
			now, err := tx.Now()
			if err != nil {
				return err
			}
			end = now + until.Microseconds()
		}
		_, err := tx.Exec(putTarget, string(id), string(state), text(reason), end)
		return err
	})
}

// args are those of chosen.
func (f Filter) args(more ...any) []any {
	return append([]any{string(f.Target), string(f.ID.Origin), int64(f.ID.Counter), string(f.Object), string(f.State)}, more...)
}

// Deliveries implements Deliveries.
func (b Book) Deliveries(ctx context.Context, f Filter) (all []Delivery, err error) {
	if f.Limit <= 0 {
		f.Limit = 1000
	}
	err = b.db.View(ctx, "deliveries", func(tx store.Tx) error {
		all = nil
		return tx.Query(readDeliveries, f.args(f.Limit), scanDelivery(&all))
	})
	return all, err
}

// Retry implements Deliveries.
func (b Book) Retry(ctx context.Context, f Filter) (int, error) {
	return b.count(ctx, "retry deliveries", func(tx store.Tx, _ int64) (int64, error) {
		return tx.Exec(retry, f.args()...)
	})
}

// Drop implements Deliveries.
func (b Book) Drop(ctx context.Context, f Filter, reason string) (int, error) {
	return b.count(ctx, "drop deliveries", func(tx store.Tx, now int64) (int64, error) {
		return tx.Exec(drop, f.args(text(reason), now)...)
	})
}

// Prune implements Deliveries.
func (b Book) Prune(ctx context.Context, keep time.Duration) (int, error) {
	return b.count(ctx, "prune deliveries", func(tx store.Tx, now int64) (int64, error) {
		return tx.Exec(prune, now-keep.Microseconds())
	})
}

func (b Book) count(ctx context.Context, what string, fn func(tx store.Tx, now int64) (int64, error)) (int, error) {
	var n int64
	err := b.db.Transact(ctx, what, func(tx store.Tx) error {
		now, err := tx.Now()
		if err == nil {
			n, err = fn(tx, now)
		}
		return err
	})
	return int(n), err
}

// Greet implements Deliveries.
func (b Book) Greet(ctx context.Context, s Server) (holder sync.ServerID, err error) {
	err = b.db.Transact(ctx, "hello of "+string(s.ID), func(tx store.Tx) error {
		all, err := servers(tx, nameHolder, s.Name, string(s.ID))
		if err != nil {
			return err
		}
		if len(all) > 0 {
			holder = all[0]
			return store.ErrStale
		}
		now, err := tx.Now()
		if err == nil {
			_, err = tx.Exec(putServer, string(s.ID), text(s.Name), links(s.Links), now)
		}
		return err
	})
	return holder, err
}

// Servers implements Deliveries.
func (b Book) Servers(ctx context.Context) (all []Server, err error) {
	err = b.db.View(ctx, "servers", func(tx store.Tx) error {
		all = nil
		return tx.Query(readServers, nil, func(scan func(...any) error) error {
			var s Server
			var id, links string
			var seen int64
			if err := scan(&id, &s.Name, &links, &seen); err != nil {
				return err
			}
			s.ID, s.SeenAt = sync.ServerID(id), micros(seen)
			all = append(all, s)
			return json.Unmarshal([]byte(links), &all[len(all)-1].Links)
		})
	})
	return all, err
}
