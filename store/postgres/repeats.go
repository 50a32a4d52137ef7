package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/postgres/statements"
)

const (
	// settled is true of a repeat that is answered, or whose owner's life is over.
	settled = `(r.state = 'answered' OR NOT EXISTS
		(SELECT FROM @.members m WHERE m.id = r.owner AND m.ended_at IS NULL))`
	// since is when a repeat was answered or became unknown; it means nothing of a running one.
	since = `coalesce(r.answered_at, (SELECT m.ended_at FROM @.members m WHERE m.id = r.owner), r.started_at)`
	// began is when the call of a Begin began.
	began = `({now} - $12 * interval '1 microsecond')`
	// columns are what is known of a repeat but its key. The last is true of a running one whose
	// owner's lease ran out without anybody having written that down.
	columns = `r.scope, r.reference, r.owner, r.node,
		CASE WHEN r.state = 'running' AND ` + settled + ` THEN 'unknown' ELSE r.state END,
		r.answer, r.started_at, r.answered_at, r.ended,
		r.state = 'running' AND EXISTS (SELECT FROM @.members m
			WHERE m.id = r.owner AND m.ended_at IS NULL AND m.expires_at <= {now})`

	// begin is one statement: it keeps the call if its owner lives, ends the scope if it kept it, and
	// says which of the three came out. No row at all means that another one committed meanwhile.
	begin = `WITH alive AS (SELECT FROM @.members WHERE id = $9 AND ended_at IS NULL AND expires_at > {now}),
	put AS (
		INSERT INTO @.repeats AS r (key, login, key_id, method, digest, scope, scope_key, reference, owner,
			node, state, started_at)
		SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'running', {now} FROM alive
		ON CONFLICT (key) DO UPDATE SET scope = excluded.scope, scope_key = excluded.scope_key,
			reference = excluded.reference, owner = excluded.owner, node = excluded.node, state = 'running',
			answer = NULL, started_at = excluded.started_at, answered_at = NULL, ended = false
		WHERE r.reference <> excluded.reference AND ` + settled + ` AND ` + since + ` < ` + began + `
			AND (r.ended OR $11::bigint > 0 AND ` + since + ` <= {now} - $11 * interval '1 microsecond')
		RETURNING started_at),
	over AS (UPDATE @.repeats r SET ended = true WHERE $6 <> ''::bytea AND r.scope_key = $7
		AND r.key <> $1 AND NOT r.ended AND ` + settled + ` AND ` + since + ` < ` + began + `
		AND EXISTS (SELECT FROM put))
	SELECT 'kept', $6::bytea, $8::bytea, $9::bytea, $10::bytea, 'running', NULL::bytea, started_at,
		NULL::timestamptz, false, false FROM put
	UNION ALL SELECT 'known', ` + columns + ` FROM @.repeats r
		WHERE r.key = $1 AND EXISTS (SELECT FROM alive) AND NOT EXISTS (SELECT FROM put)
	UNION ALL SELECT 'over', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
		WHERE NOT EXISTS (SELECT FROM alive)`
	readRepeat = `SELECT 'known', ` + columns + ` FROM @.repeats r WHERE r.key = $1`
	answer     = `UPDATE @.repeats SET state = 'answered', answer = $3, answered_at = {now}
		WHERE key = $1 AND reference = $2 AND state = 'running'`
	readReference = `SELECT reference FROM @.repeats WHERE key = $1`
	void          = `DELETE FROM @.repeats WHERE key = $1 AND reference = $2 AND state = 'running'`
	endScope      = `UPDATE @.repeats r SET ended = true WHERE r.scope_key = $1 AND r.key <> $2 AND NOT r.ended
		AND ` + settled + ` AND ` + since + ` < {now} - $3 * interval '1 microsecond'`
	prune = `DELETE FROM @.repeats r WHERE ` + settled + ` AND ` + since + ` <= {now} - $1 * interval '1 microsecond'`
)

// errAgain says that another transaction has changed what a statement is about to tell.
var errAgain = errors.New("changed meanwhile")

// repeats implements store.Repeats.
type repeats struct{ *db }

func keyOf(k store.RepeatKey) []byte { return hashed(k.Login, k.KeyID, k.Method, k.Digest) }

func (s repeats) Begin(ctx context.Context, rep store.Repeat, keep time.Duration) (store.Repeat, bool, error) {
	k := rep.Key
	args := []any{keyOf(k), raw(k.Login), raw(k.KeyID), raw(k.Method), raw(k.Digest), raw(rep.Scope),
		hashed(rep.Scope), raw(rep.Reference), raw(rep.Owner), raw(rep.Node), micros(keep),
		micros(rep.Age)}
	known := store.Repeat{Key: k}
	err := s.settle(ctx, "begin "+k.Method, &known, begin, args)
	if err != nil {
		return store.Repeat{}, false, err
	}
	return known, known.Reference == rep.Reference, nil
}

func (s repeats) Repeat(ctx context.Context, key store.RepeatKey) (store.Repeat, error) {
	if err := ctx.Err(); err != nil {
		return store.Repeat{}, fmt.Errorf("repeat of %s: %w", key.Method, err)
	}
	rep := store.Repeat{Key: key}
	if err := s.settle(ctx, "repeat of "+key.Method, &rep, readRepeat, []any{keyOf(key)}); err != nil {
		return store.Repeat{}, err
	}
	return rep, nil
}

// settle fills rep with what query tells, once the life of its owner is surely on or over.
func (s repeats) settle(ctx context.Context, what string, rep *store.Repeat, query string, args []any) error {
	return s.Write(ctx, what, func(ctx context.Context) error {
		err := errAgain
		for n := 0; n < statements.Attempts && errors.Is(err, errAgain); n++ {
			err = s.one(ctx, rep, query, args)
		}
		return err
	})
}

func (s repeats) one(ctx context.Context, rep *store.Repeat, query string, args []any) error {
	rows, err := s.Calls.Query(ctx, s.SQL(query), args...)
	if err != nil {
		return err
	}
	found, expired := "", false
	for rows.Next() {
		if found, expired, err = scanRepeat(rows, rep); err != nil {
			rows.Close()
			return err
		}
	}
	switch err := rows.Err(); {
	case err != nil:
		return err
	case found == "over":
		return fmt.Errorf("the life of its owner is over: %w", store.ErrStale)
	case found == "" && query == begin:
		return errAgain
	case found == "":
		return store.ErrNotFound
	case !expired:
		return nil
	}
	if _, err := s.Calls.Exec(ctx, s.SQL(bury)); err != nil {
		return err
	}
	return errAgain
}

// scanRepeat fills everything but the key of rep.
func scanRepeat(rows pgx.Rows, rep *store.Repeat) (found string, expired bool, err error) {
	var scope, reference, owner, node, answer []byte
	var state *string
	var started, answered *time.Time
	var ended, late *bool
	err = rows.Scan(&found, &scope, &reference, &owner, &node, &state, &answer, &started, &answered, &ended,
		&late)
	if err != nil || state == nil {
		return found, false, err
	}
	rep.Scope, rep.Reference, rep.Owner, rep.Node = string(scope), string(reference), string(owner), string(node)
	rep.State, rep.Answer = store.RepeatState(*state), answer
	rep.StartedAt, rep.AnsweredAt, rep.Ended = utc(started), utc(answered), ended != nil && *ended
	return found, late != nil && *late, nil
}

func (s repeats) Answer(ctx context.Context, key store.RepeatKey, reference string, body []byte) error {
	what := "answer " + key.Method
	n, err := s.Count(ctx, what, answer, keyOf(key), raw(reference), body)
	if err != nil || n == 1 {
		return err
	}
	return s.Write(ctx, what, func(ctx context.Context) error {
		var own []byte
		err := s.Calls.QueryRow(ctx, s.SQL(readReference), keyOf(key)).Scan(&own)
		if err == nil && string(own) != reference {
			return fmt.Errorf("the key belongs to %s: %w", own, store.ErrStale)
		}
		return err // its own: it was answered before
	})
}

func (s repeats) Void(ctx context.Context, key store.RepeatKey, reference string) error {
	_, err := s.Count(ctx, "void "+key.Method, void, keyOf(key), raw(reference))
	return err
}

func (s repeats) EndScope(
	ctx context.Context, scope string, except store.RepeatKey, age time.Duration,
) error {
	if scope == "" {
		return nil
	}
	_, err := s.Count(ctx, "end scope "+scope, endScope, hashed(scope), keyOf(except), micros(age))
	return err
}

func (s repeats) PruneRepeats(ctx context.Context, keep time.Duration) (int, error) {
	if _, err := s.Count(ctx, "prune repeats", bury); err != nil {
		return 0, err
	}
	return s.Count(ctx, "prune repeats", prune, micros(keep))
}
