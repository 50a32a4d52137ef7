package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/stagelock/stagelock/store"
)

const (
	byKey = `login = ?1 AND key_id = ?2 AND method = ?3 AND digest = ?4`
	// over is true of a repeat whose owner's life is over.
	over = `NOT EXISTS (SELECT 1 FROM members m WHERE m.id = repeats.owner AND m.ended_at IS NULL)`
	// since is when a repeat was answered or became unknown; it means nothing of a running one.
	since = `coalesce(answered_at, (SELECT ended_at FROM members m WHERE m.id = repeats.owner),
		started_at)`
	settled = `(state <> 'running' OR ` + over + `)`

	lives       = `SELECT 1 FROM members WHERE id = ?1 AND ended_at IS NULL`
	insertFirst = `INSERT INTO repeats
		(login, key_id, method, digest, scope, reference, owner, node, state, started_at)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'running', ?9) ON CONFLICT DO NOTHING`
	// replaceOld forgets one that is no answer to a call which began at ?5 any more.
	replaceOld = `DELETE FROM repeats WHERE ` + byKey + ` AND reference <> ?6 AND ` + settled + `
		AND ` + since + ` < ?5 AND (ended = 1 OR ` + since + ` <= ?7)`
	readOne = `SELECT scope, reference, owner, node,
		CASE WHEN ` + over + ` AND state = 'running' THEN 'unknown' ELSE state END,
		answer, started_at, answered_at, ended,
		EXISTS (SELECT 1 FROM members m WHERE m.id = repeats.owner AND m.ended_at IS NULL
			AND m.expires_at <= ?5)
		FROM repeats WHERE ` + byKey
	answerOne = `UPDATE repeats SET state = 'answered', answer = ?6, answered_at = ?7
		WHERE state <> 'answered' AND reference = ?5 AND ` + byKey
	voidOne = `DELETE FROM repeats WHERE state <> 'answered' AND reference = ?5 AND ` + byKey
	endOne  = `UPDATE repeats SET ended = 1 WHERE scope = ?5 AND ended = 0 AND ` + settled + `
		AND ` + since + ` < ?6 AND NOT (` + byKey + `)`
	// openScope finds whether endOne could end anything.
	openScope = `SELECT 1 FROM repeats WHERE scope = ?1 AND ended = 0 LIMIT 1`
	// pruneSettled looks at the few that are settled only.
	pruneSettled = `DELETE FROM repeats WHERE ` + settled + ` AND ` + since + ` <= ?1`
)

// repeats implements store.Repeats.
type repeats struct{ *file }

// keyArgs are the first four arguments of every statement on one key.
func keyArgs(key store.RepeatKey, more ...any) []any {
	return append([]any{key.Login, key.KeyID, key.Method, key.Digest}, more...)
}

func (s repeats) Begin(
	ctx context.Context, rep store.Repeat, keep time.Duration,
) (store.Repeat, bool, error) {
	first := false
	err := s.write(ctx, "begin "+rep.Key.Method, func(tx *txn) (err error) {
		first, err = begin(tx, &rep, keep)
		return err
	})
	if err != nil {
		return store.Repeat{}, false, err
	}
	return rep, first, nil
}

// begin makes rep the repeat of its key and reports whether it is the caller's own.
func begin(tx *txn, rep *store.Repeat, keep time.Duration) (bool, error) {
	now, mine := tx.now(), rep.Reference
	if _, err := tx.exec(bury, now); err != nil {
		return false, err
	}
	var one int
	if err := tx.query(lives, []any{rep.Owner}, &one); errors.Is(err, sql.ErrNoRows) {
		return false, fmt.Errorf("the life of its owner is over: %w", store.ErrStale)
	} else if err != nil {
		return false, err
	}
	began, old := now-int64(rep.Age), int64(math.MinInt64)
	if keep > 0 {
		old = now - int64(keep)
	}
	if _, err := tx.exec(replaceOld, keyArgs(rep.Key, began, mine, old)...); err != nil {
		return false, err
	}
	n, err := tx.exec(insertFirst, keyArgs(rep.Key, rep.Scope, mine, rep.Owner, rep.Node, now)...)
	if err != nil {
		return false, err
	}
	if n == 1 && rep.Scope != "" { // a twin shows nothing about what its client has of other calls
		if _, err := tx.exec(endOne, keyArgs(rep.Key, rep.Scope, began)...); err != nil {
			return false, err
		}
	}
	rep.Age = 0
	_, err = scanOne(rep, func(dest ...any) error {
		return tx.query(readOne, keyArgs(rep.Key, now), dest...)
	})
	return rep.Reference == mine, err
}

// scanOne fills everything but the key of rep, and reports whether its owner's lease ran out without
// anybody having written that down.
func scanOne(rep *store.Repeat, scan func(dest ...any) error) (expired bool, err error) {
	var started, answered sql.NullInt64
	err = scan(&rep.Scope, &rep.Reference, &rep.Owner, &rep.Node, &rep.State, &rep.Answer, &started,
		&answered, &rep.Ended, &expired)
	rep.StartedAt, rep.AnsweredAt = fromNanos(started), fromNanos(answered)
	return expired, err
}

func (s repeats) Repeat(ctx context.Context, key store.RepeatKey) (store.Repeat, error) {
	rep, expired, err := s.look(ctx, key)
	if err != nil || !expired || rep.State != store.RepeatRunning {
		return rep, err
	}
	if _, err := s.countAt(ctx, "end what ran out", func(now int64) (string, []any) {
		return bury, []any{now}
	}); err != nil {
		return store.Repeat{}, err
	}
	rep, _, err = s.look(ctx, key)
	return rep, err
}

func (s repeats) look(ctx context.Context, key store.RepeatKey) (store.Repeat, bool, error) {
	rep, expired := store.Repeat{Key: key}, false
	err := s.read(ctx, "repeat of "+key.Method, readOne, func(st *sql.Stmt) (err error) {
		args := keyArgs(key, s.now().UnixNano())
		expired, err = scanOne(&rep, st.QueryRowContext(ctx, args...).Scan)
		return err
	})
	if err != nil {
		return store.Repeat{}, false, err
	}
	return rep, expired, nil
}

func (s repeats) Answer(
	ctx context.Context, key store.RepeatKey, reference string, body []byte,
) error {
	return s.write(ctx, "answer "+key.Method, func(tx *txn) error {
		n, err := tx.exec(answerOne, keyArgs(key, reference, body, tx.now())...)
		if err != nil || n == 1 {
			return err
		}
		var rep store.Repeat
		_, err = scanOne(&rep, func(dest ...any) error {
			return tx.query(readOne, keyArgs(key, tx.now()), dest...)
		})
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return store.ErrNotFound
		case err == nil && rep.Reference != reference:
			return fmt.Errorf("the key belongs to %s: %w", rep.Reference, store.ErrStale)
		}
		return err
	})
}

func (s repeats) Void(ctx context.Context, key store.RepeatKey, reference string) error {
	_, err := s.count(ctx, "void "+key.Method, voidOne, keyArgs(key, reference)...)
	return err
}

func (s repeats) EndScope(
	ctx context.Context, scope string, except store.RepeatKey, age time.Duration,
) error {
	if scope == "" {
		return nil
	}
	var one int
	err := s.read(ctx, "look at scope "+scope, openScope, func(st *sql.Stmt) error {
		return st.QueryRowContext(brief(ctx), scope).Scan(&one)
	})
	if errors.Is(err, store.ErrNotFound) { // mostly: it costs no commit
		return nil
	}
	if err != nil {
		return err
	}
	return s.write(ctx, "end scope "+scope, func(tx *txn) error {
		now := tx.now()
		if _, err := tx.exec(bury, now); err != nil {
			return err
		}
		_, err := tx.exec(endOne, keyArgs(except, scope, now-int64(age))...)
		return err
	})
}

func (s repeats) PruneRepeats(ctx context.Context, keep time.Duration) (int, error) {
	var n int64
	err := s.write(ctx, "prune repeats", func(tx *txn) (err error) {
		if _, err := tx.exec(bury, tx.now()); err != nil {
			return err
		}
		n, err = tx.exec(pruneSettled, tx.now()-int64(keep))
		return err
	})
	return int(n), err
}
