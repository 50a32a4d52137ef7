package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/stagelock/stagelock/store"
)

const (
	byKey       = `login = ?1 AND key_id = ?2 AND method = ?3 AND digest = ?4`
	beginRepeat = `INSERT INTO repeats
		(login, key_id, method, digest, scope, reference, state, started_at)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'running', ?7) ON CONFLICT DO NOTHING`
	readRepeat = `SELECT scope, reference, state, answer, started_at, answered_at
		FROM repeats WHERE ` + byKey
	answer = `UPDATE repeats SET state = 'answered', answer = ?5, answered_at = ?6
		WHERE state = 'running' AND ` + byKey
	endRepeat = `DELETE FROM repeats WHERE ` + byKey
	endScope  = `DELETE FROM repeats WHERE scope = ?5 AND state <> 'running' AND NOT (` + byKey +
		`)`
	interrupt = `UPDATE repeats SET state = 'unknown' WHERE state = 'running'`
	pruneOld  = `DELETE FROM repeats WHERE (state = 'answered' AND answered_at < ?1)
		OR (state = 'unknown' AND started_at < ?1)`
)

// keyArgs are the first four arguments of every statement on one key.
func keyArgs(key store.RepeatKey, more ...any) []any {
	return append([]any{key.Login, key.KeyID, key.Method, key.Digest}, more...)
}

// Begin implements store.Repeats.
func (s *Store) Begin(ctx context.Context, rep store.Repeat) (store.Repeat, bool, error) {
	first := false
	rep.State, rep.Answer, rep.AnsweredAt = store.RepeatRunning, nil, time.Time{}
	err := s.write(ctx, "begin "+rep.Key.Method, func(tx *txn) error {
		n, err := tx.exec(beginRepeat, keyArgs(rep.Key, rep.Scope, rep.Reference,
			nanos(rep.StartedAt))...)
		if first = n == 1; err != nil || first {
			return err
		}
		return scanRepeat(&rep, func(dest ...any) error {
			return tx.query(readRepeat,
				keyArgs(rep.Key), dest...)
		})
	})
	if err != nil {
		return store.Repeat{}, false, err
	}
	return rep, first, nil
}

// scanRepeat fills everything but the key of rep.
func scanRepeat(rep *store.Repeat, scan func(dest ...any) error) error {
	var started, answered sql.NullInt64
	err := scan(&rep.Scope, &rep.Reference, &rep.State, &rep.Answer, &started, &answered)
	rep.StartedAt, rep.AnsweredAt = fromNanos(started), fromNanos(answered)
	return err
}

// Answer implements store.Repeats.
func (s *Store) Answer(ctx context.Context, key store.RepeatKey, body []byte, at time.Time) error {
	return s.write(ctx, "answer "+key.Method, func(tx *txn) error {
		if n, err := tx.exec(answer, keyArgs(key, body, nanos(at))...); err != nil || n == 1 {
			return err
		}
		var rep store.Repeat
		err := scanRepeat(&rep, func(dest ...any) error {
			return tx.query(readRepeat, keyArgs(key),
				dest...)
		})
		if errors.Is(err, sql.ErrNoRows) {
			return store.ErrNotFound
		}
		if err != nil {
			return err
		}
		return fmt.Errorf("it is %s: %w", rep.State, store.ErrStale)
	})
}

// Repeat implements store.Repeats.
func (s *Store) Repeat(ctx context.Context, key store.RepeatKey) (store.Repeat, error) {
	rep := store.Repeat{Key: key}
	err := s.read(ctx, "repeat of "+key.Method, readRepeat, func(st *sql.Stmt) error {
		return scanRepeat(&rep, st.QueryRowContext(ctx, keyArgs(key)...).Scan)
	})
	if err != nil {
		return store.Repeat{}, err
	}
	return rep, nil
}

// End implements store.Repeats.
func (s *Store) End(ctx context.Context, key store.RepeatKey) error {
	_, err := s.count(ctx, "end "+key.Method, endRepeat, keyArgs(key)...)
	return err
}

// EndScope implements store.Repeats.
func (s *Store) EndScope(ctx context.Context, scope string, except store.RepeatKey) error {
	_, err := s.count(ctx, "end scope "+scope, endScope, keyArgs(except, scope)...)
	return err
}

// Interrupt implements store.Repeats.
func (s *Store) Interrupt(ctx context.Context) (int, error) {
	return s.count(ctx, "interrupt repeats", interrupt)
}

// PruneRepeats implements store.Repeats.
func (s *Store) PruneRepeats(ctx context.Context, before time.Time) (int, error) {
	return s.count(ctx, "prune repeats", pruneOld, nanos(before))
}
