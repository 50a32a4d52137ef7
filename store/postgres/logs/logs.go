// Package logs keeps the audit logs of several gateways, and the notes over all of them, in PostgreSQL.
package logs

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/postgres/sqlstate"
	"github.com/stagelock/stagelock/store/postgres/statements"
)

const (
	// follows says whether record $2 comes next: a log has no holes, and of two that are the next one the primary key
	// refuses the second. Looking for the one before costs half of what looking for the last one does.
	follows = `CASE WHEN $2::bigint = 1 THEN NOT EXISTS (SELECT FROM @.events WHERE log = $1)
		ELSE EXISTS (SELECT FROM @.events WHERE log = $1 AND seq = $2::bigint - 1) END`
	// keepOne and keepGroup keep one record, and several, in one round trip and one flush.
	keepOne   = `INSERT INTO @.events (log, seq, body) SELECT $1, $2::bigint, $3`
	keepGroup = `INSERT INTO @.events (log, seq, body) SELECT $1, s, b`
	group     = `unnest($3::bigint[], $4::bytea[]) u (s, b)`
	// unflushed has the transaction of a statement end without the flush.
	unflushed = `WITH off AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true) AS set) `
	isSet     = `off.set = 'off' AND `
	// flushEvents writes a message that nobody reads: its commit has all on disk that was committed before.
	flushEvents = `SELECT coalesce(max(seq), 0), pg_logical_emit_message(true, 'stagelock', ''::text)::text
		FROM @.events WHERE log = $1`
	lastEvent  = `SELECT seq, body FROM @.events WHERE log = $1 ORDER BY seq DESC LIMIT 1`
	readEvents = `SELECT seq, body FROM @.events WHERE log = $1 AND seq >= $2 ORDER BY seq LIMIT $3`
	// readHeads steps from log to log through the index, past all records but the last.
	readHeads = `WITH RECURSIVE names AS (
		(SELECT log FROM @.events ORDER BY log LIMIT 1)
		UNION ALL SELECT (SELECT e.log FROM @.events e WHERE e.log > n.log ORDER BY e.log LIMIT 1)
		FROM names n WHERE n.log IS NOT NULL)
	SELECT n.log, last.seq, last.body FROM names n CROSS JOIN LATERAL
		(SELECT seq, body FROM @.events e WHERE e.log = n.log ORDER BY seq DESC LIMIT 1) last ORDER BY n.log`
	appendCheckpoint = `INSERT INTO @.checkpoints (n, note)
		SELECT $1, $2 WHERE $1::bigint = (SELECT coalesce(max(n), 0) + 1 FROM @.checkpoints)`
	signCheckpoint = `INSERT INTO @.checkpoint_signatures (n, signature)
		SELECT n, $2 FROM @.checkpoints WHERE n = $1
		ON CONFLICT (n, signature) DO UPDATE SET n = excluded.n`
	readCheckpoints  = wholeNotes + `WHERE n >= $1 ORDER BY n LIMIT $2`
	newestCheckpoint = wholeNotes + `ORDER BY n DESC LIMIT 1`
	wholeNotes       = `SELECT n, note || coalesce((SELECT string_agg(signature, ''::bytea ORDER BY signature)
			FROM @.checkpoint_signatures s WHERE s.n = c.n), ''::bytea)
		FROM @.checkpoints c `
)

// kept is how a group is kept, whose first record is the next one.
type kept struct{ one, group string }

var (
	durably = kept{keepOne + ` WHERE ` + follows, keepGroup + ` FROM ` + group + ` WHERE ` + follows}
	lazily  = kept{
		unflushed + keepOne + ` FROM off WHERE ` + isSet + follows,
		unflushed + keepGroup + ` FROM off, ` + group + ` WHERE ` + isSet + follows,
	}
)

// firstPage and logPage are how many records are read at a time, at first and at most: who looks at one
// does not wait for many.
const firstPage, logPage = 8, 512

var errBody = errors.New("a record is empty or holds a line break")

// Logs implements store.Logs.
type Logs struct{ *statements.Runner }

var _ store.Logs = Logs{}

// New returns the logs in the database that r reaches.
func New(r *statements.Runner) Logs { return Logs{r} }

var _ store.Lazy = events{}

// events is the log of one name.
type events struct {
	*statements.Runner
	name []byte
}

// Log implements store.Logs.
func (s Logs) Log(name string) store.Events { return events{s.Runner, []byte(name)} }

// next makes ErrStale of what was not the next one.
func next(n int64, err error) error {
	if sqlstate.Code(err) == sqlstate.UniqueViolation {
		return fmt.Errorf("somebody else wrote it: %w", store.ErrStale)
	}
	return statements.Stale(int(n), err)
}

func (s events) Append(ctx context.Context, recs []store.Record) error {
	return s.add(ctx, recs, durably)
}

func (s events) AppendLazily(ctx context.Context, recs []store.Record) error {
	return s.add(ctx, recs, lazily)
}

func (s events) Flush(ctx context.Context, seq store.Seq) error {
	return s.Write(ctx, fmt.Sprintf("flush log %q", s.name), func(ctx context.Context) error {
		var end store.Seq
		var message string
		err := s.Audit.QueryRow(ctx, s.SQL(flushEvents), s.name).Scan(&end, &message)
		if err == nil && end < seq {
			err = store.ErrStale
		}
		return err
	})
}

// add keeps a group in that way.
func (s events) add(ctx context.Context, recs []store.Record, how kept) error {
	if len(recs) == 0 {
		return ctx.Err()
	}
	seqs, bodies := make([]int64, len(recs)), make([][]byte, len(recs))
	for i, r := range recs {
		if len(r.Body) == 0 || bytes.IndexByte(r.Body, '\n') >= 0 {
			return fmt.Errorf("append to log %q: %w", s.name, errBody)
		}
		if r.Seq == 0 || r.Seq != recs[0].Seq+store.Seq(i) {
			return fmt.Errorf("append to log %q: record %d: %w", s.name, r.Seq, store.ErrStale)
		}
		seqs[i], bodies[i] = int64(r.Seq), r.Body
	}
	last := recs[len(recs)-1]
	if len(recs) == 1 {
		return s.append(ctx, last, how.one, s.name, seqs[0], bodies[0])
	}
	return s.append(ctx, last, how.group, s.name, seqs[0], seqs, bodies)
}

// append keeps a group that was checked. Of a group whose answer was lost nobody knows whether it
// counts: then the log's end tells.
func (s events) append(ctx context.Context, last store.Record, query string, args ...any) error {
	tries := 0
	return s.Write(ctx, fmt.Sprintf("append to log %q", s.name), func(ctx context.Context) error {
		tries++
		tag, err := s.Audit.Exec(ctx, s.SQL(query), args...)
		if err = next(tag.RowsAffected(), err); tries == 1 || !errors.Is(err, store.ErrStale) {
			return err
		}
		var end store.Record
		if lost := s.Audit.QueryRow(ctx, s.SQL(lastEvent), s.name).Scan(&end.Seq, &end.Body); lost != nil &&
			!errors.Is(lost, pgx.ErrNoRows) {
			return lost // which the next attempt finds out
		}
		if end.Seq == last.Seq && bytes.Equal(end.Body, last.Body) {
			return nil // it was this one's own
		}
		return err
	})
}

func (s events) Last(ctx context.Context) (store.Record, error) {
	var r store.Record
	err := s.Runner.Read(ctx, fmt.Sprintf("end of log %q", s.name), func(ctx context.Context) error {
		return s.Calls.QueryRow(ctx, s.SQL(lastEvent), s.name).Scan(&r.Seq, &r.Body)
	})
	return r, err
}

func (s events) Read(ctx context.Context, from store.Seq, fn func(store.Record) error) error {
	what := fmt.Sprintf("read log %q", s.name)
	for size := firstPage; ; size = min(8*size, logPage) {
		var page []store.Record
		err := s.Runner.Read(ctx, what, func(ctx context.Context) error {
			rows, err := s.Calls.Query(ctx, s.SQL(readEvents), s.name, int64(from), size)
			if err != nil {
				return err
			}
			page, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (r store.Record, err error) {
				err = row.Scan(&r.Seq, &r.Body)
				return r, err
			})
			return err
		})
		if err != nil {
			return err
		}
		for _, r := range page {
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("%s: %w", what, err)
			}
			if err := fn(r); err != nil {
				return err
			}
			from = r.Seq + 1
		}
		if len(page) < size {
			return ctx.Err()
		}
	}
}

// Heads implements store.Logs.
func (s Logs) Heads(ctx context.Context) ([]store.Head, error) {
	var all []store.Head
	err := s.Read(ctx, "ends of the logs", func(ctx context.Context) error {
		rows, err := s.Calls.Query(ctx, s.SQL(readHeads))
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (h store.Head, err error) {
			var name []byte
			err = row.Scan(&name, &h.Record.Seq, &h.Record.Body)
			h.Log = string(name)
			return h, err
		})
		return err
	})
	return all, err
}

// AppendCheckpoint implements store.Logs.
func (s Logs) AppendCheckpoint(ctx context.Context, n uint64, note []byte) error {
	return s.Write(ctx, fmt.Sprintf("append checkpoint %d", n), func(ctx context.Context) error {
		tag, err := s.Audit.Exec(ctx, s.SQL(appendCheckpoint), int64(n), note)
		return next(tag.RowsAffected(), err)
	})
}

// Sign implements store.Logs.
func (s Logs) Sign(ctx context.Context, n uint64, signature []byte) error {
	what := fmt.Sprintf("sign checkpoint %d", n)
	changed, err := s.Count(ctx, what, signCheckpoint, int64(n), signature)
	if err == nil && changed == 0 {
		err = fmt.Errorf("%s: %w", what, store.ErrNotFound)
	}
	return err
}

// Newest implements store.Logs.
func (s Logs) Newest(ctx context.Context) (n uint64, note []byte, err error) {
	err = s.Read(ctx, "newest checkpoint", func(ctx context.Context) error {
		return s.Calls.QueryRow(ctx, s.SQL(newestCheckpoint)).Scan(&n, &note)
	})
	return n, note, err
}

// Checkpoints implements store.Logs.
func (s Logs) Checkpoints(ctx context.Context, from uint64, fn func(n uint64, note []byte) error) error {
	type checkpoint struct {
		n    uint64
		note []byte
	}
	for {
		var page []checkpoint
		err := s.Read(ctx, "checkpoints", func(ctx context.Context) error {
			rows, err := s.Calls.Query(ctx, s.SQL(readCheckpoints), int64(from), logPage)
			if err != nil {
				return err
			}
			page, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (c checkpoint, err error) {
				err = row.Scan(&c.n, &c.note)
				return c, err
			})
			return err
		})
		if err != nil {
			return err
		}
		for _, c := range page {
			if err := fn(c.n, c.note); err != nil {
				return err
			}
			from = c.n + 1
		}
		if len(page) < logPage {
			return nil
		}
	}
}
