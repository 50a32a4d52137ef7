package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/stagelock/stagelock/store"
)

const (
	storeValue = `INSERT INTO stored_values (key, value, modified_at) VALUES (?1, ?2, ?3)
		ON CONFLICT (key) DO UPDATE SET value = excluded.value, modified_at = excluded.modified_at`
	swapValue = `UPDATE stored_values SET value = ?3, modified_at = ?4 WHERE key = ?1 AND value = ?2`
	loadValue = `SELECT value FROM stored_values WHERE key = ?1`
	// deleteValue and below use that '0' follows '/': the keys below k are those from k/ up to k0.
	deleteValue = `DELETE FROM stored_values
		WHERE key = ?1 OR (key > ?1 || '/' AND key < ?1 || '0')`
	below = `SELECT key FROM stored_values
		WHERE ?1 = '' OR (key > ?1 || '/' AND key < ?1 || '0') ORDER BY key`
	statValue = `SELECT length(value), modified_at FROM stored_values WHERE key = ?1
		UNION ALL SELECT 0, NULL FROM stored_values
		WHERE key > ?1 || '/' AND key < ?1 || '0' LIMIT 1`
)

// values implements store.Values.
type values struct{ *file }

func (s values) Store(ctx context.Context, key string, value []byte) error {
	if value == nil {
		value = []byte{}
	}
	return s.write(ctx, fmt.Sprintf("store value %q", key), func(tx *txn) error {
		if err := store.CheckKey(key); err != nil {
			return err
		}
		_, err := tx.exec(storeValue, key, value, tx.now())
		return err
	})
}

func (s values) Swap(ctx context.Context, key string, old, value []byte) error {
	return s.write(ctx, fmt.Sprintf("swap value %q", key), func(tx *txn) error {
		if err := store.CheckKey(key); err != nil {
			return err
		}
		n, err := tx.exec(swapValue, key, append([]byte{}, old...), append([]byte{}, value...), tx.now())
		if err == nil && n == 0 {
			err = store.ErrStale
		}
		return err
	})
}

func (s values) Load(ctx context.Context, key string) ([]byte, error) {
	var value []byte
	err := s.read(ctx, fmt.Sprintf("value %q", key), loadValue, func(st *sql.Stmt) error {
		return st.QueryRowContext(ctx, key).Scan(&value)
	})
	return value, err
}

func (s values) Delete(ctx context.Context, key string) error {
	return s.write(ctx, fmt.Sprintf("delete value %q", key), func(tx *txn) error {
		if err := store.CheckKey(key); err != nil {
			return err
		}
		return found(tx.exec(deleteValue, key))
	})
}

func (s values) List(ctx context.Context, prefix string, recursive bool) ([]string, error) {
	var keys []string
	err := s.rows(ctx, fmt.Sprintf("values below %q", prefix), below, []any{prefix},
		func(row scanner) error {
			var key string
			err := row.Scan(&key)
			keys = append(keys, key)
			return err
		})
	if err != nil {
		return nil, err
	}
	return store.KeysBelow(keys, prefix, recursive), nil
}

func (s values) Stat(ctx context.Context, key string) (store.Value, error) {
	v := store.Value{Key: key}
	err := s.read(ctx, fmt.Sprintf("value %q", key), statValue, func(st *sql.Stmt) error {
		if err := store.CheckKey(key); err != nil {
			return err
		}
		var modified sql.NullInt64
		err := st.QueryRowContext(ctx, key).Scan(&v.Size, &modified)
		v.ModifiedAt = fromNanos(modified)
		return err
	})
	if err != nil {
		return store.Value{}, err
	}
	return v, nil
}
