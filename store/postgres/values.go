package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/postgres/statements"
)

const (
	storeValue = `INSERT INTO @.stored_values (key, value, modified_at) VALUES ($1, $2, {now})
		ON CONFLICT (key) DO UPDATE SET value = excluded.value, modified_at = excluded.modified_at`
	swapValue = `UPDATE @.stored_values SET value = $3, modified_at = {now} WHERE key = $1 AND value = $2`
	loadValue = `SELECT value FROM @.stored_values WHERE key = $1`
	// isBelow uses that '0' follows '/': the keys below k are those from k/ up to k0.
	isBelow     = `(key > $1::bytea || '\x2f'::bytea AND key < $1::bytea || '\x30'::bytea)`
	deleteValue = `DELETE FROM @.stored_values WHERE key = $1 OR ` + isBelow
	below       = `SELECT key FROM @.stored_values WHERE $1 = ''::bytea OR ` + isBelow
	statValue   = `SELECT length(value), modified_at FROM @.stored_values WHERE key = $1
		UNION ALL SELECT 0, NULL WHERE EXISTS (SELECT FROM @.stored_values WHERE ` + isBelow + `)`
)

// values implements store.Values.
type values struct{ *db }

func (s values) Store(ctx context.Context, key string, value []byte) error {
	if err := store.CheckKey(key); err != nil {
		return fmt.Errorf("store value %q: %w", key, err)
	}
	if value == nil {
		value = []byte{}
	}
	_, err := s.Count(ctx, fmt.Sprintf("store value %q", key), storeValue, raw(key), value)
	return err
}

// Swap of which the answer was lost finds its own value when it is tried again.
func (s values) Swap(ctx context.Context, key string, old, value []byte) error {
	what := fmt.Sprintf("swap value %q", key)
	if err := store.CheckKey(key); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	tries := 0
	return s.Write(ctx, what, func(ctx context.Context) error {
		tries++
		tag, err := s.Calls.Exec(ctx, s.SQL(swapValue), raw(key), append([]byte{}, old...), append([]byte{}, value...))
		if err = statements.Stale(int(tag.RowsAffected()), err); tries == 1 || !errors.Is(err, store.ErrStale) {
			return err
		}
		var now []byte
		lost := s.Calls.QueryRow(ctx, s.SQL(loadValue), raw(key)).Scan(&now)
		if lost == nil && bytes.Equal(now, value) {
			return nil
		}
		return err
	})
}

func (s values) Load(ctx context.Context, key string) ([]byte, error) {
	var value []byte
	err := s.Read(ctx, fmt.Sprintf("value %q", key), func(ctx context.Context) error {
		return s.Calls.QueryRow(ctx, s.SQL(loadValue), raw(key)).Scan(&value)
	})
	return value, err
}

func (s values) Delete(ctx context.Context, key string) error {
	err := store.CheckKey(key)
	n := 0
	if err == nil {
		n, err = s.Count(ctx, fmt.Sprintf("delete value %q", key), deleteValue, raw(key))
	}
	if err == nil && n == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("delete value %q: %w", key, err)
	}
	return nil
}

func (s values) List(ctx context.Context, prefix string, recursive bool) ([]string, error) {
	var keys []string
	err := s.Read(ctx, fmt.Sprintf("values below %q", prefix), func(ctx context.Context) error {
		rows, err := s.Calls.Query(ctx, s.SQL(below), raw(prefix))
		if err != nil {
			return err
		}
		defer rows.Close()
		keys = nil
		for rows.Next() {
			var key []byte
			if err := rows.Scan(&key); err != nil {
				return err
			}
			keys = append(keys, string(key))
		}
		return rows.Err()
	})
	if err != nil {
		return nil, err
	}
	return store.KeysBelow(keys, prefix, recursive), nil
}

func (s values) Stat(ctx context.Context, key string) (store.Value, error) {
	v := store.Value{Key: key}
	if err := store.CheckKey(key); err != nil {
		return store.Value{}, fmt.Errorf("value %q: %w", key, err)
	}
	err := s.Read(ctx, fmt.Sprintf("value %q", key), func(ctx context.Context) error {
		var modified *time.Time
		err := s.Calls.QueryRow(ctx, s.SQL(statValue), raw(key)).Scan(&v.Size, &modified)
		v.ModifiedAt = utc(modified)
		return err
	})
	if err != nil {
		return store.Value{}, err
	}
	return v, nil
}
