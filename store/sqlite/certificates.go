package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stagelock/stagelock/store"
)

const (
	storeValue = `INSERT INTO certificate_values (key, value, modified_at)
		VALUES (?1, ?2, CAST(unixepoch('subsec') * 1000 AS INTEGER) * 1000000)
		ON CONFLICT (key) DO UPDATE SET value = excluded.value, modified_at = excluded.modified_at`
	loadValue = `SELECT value FROM certificate_values WHERE key = ?1`
	// deleteValue and below use that '0' follows '/': the keys below k are those from k/ up to k0.
	deleteValue = `DELETE FROM certificate_values
		WHERE key = ?1 OR (key > ?1 || '/' AND key < ?1 || '0')`
	below = `SELECT key FROM certificate_values
		WHERE ?1 = '' OR (key > ?1 || '/' AND key < ?1 || '0') ORDER BY key`
	statValue = `SELECT length(value), modified_at FROM certificate_values WHERE key = ?1
		UNION ALL SELECT 0, NULL FROM certificate_values
		WHERE key > ?1 || '/' AND key < ?1 || '0' LIMIT 1`
	acquire = `INSERT INTO certificate_leases (name, owner, fence, expires_at)
		VALUES (?1, ?2, 1, ?3) ON CONFLICT (name) DO UPDATE
		SET owner = excluded.owner, fence = fence + 1, expires_at = excluded.expires_at
		WHERE owner = excluded.owner OR expires_at <= ?4 RETURNING fence`
	renew = `UPDATE certificate_leases SET expires_at = ?3
		WHERE name = ?1 AND fence = ?2 AND expires_at <> 0`
	release = `UPDATE certificate_leases SET expires_at = 0 WHERE name = ?1 AND fence = ?2`
)

var errKey = errors.New("an empty segment in the key")

// checkKey refuses what is no key.
func checkKey(key string) error {
	if slices.Contains(strings.Split(key, "/"), "") {
		return errKey
	}
	return nil
}

// StoreValue implements store.Certificates.
func (s *Store) StoreValue(ctx context.Context, key string, value []byte) error {
	if value == nil {
		value = []byte{}
	}
	return s.write(ctx, fmt.Sprintf("store value %q", key), func(tx *txn) error {
		if err := checkKey(key); err != nil {
			return err
		}
		_, err := tx.exec(storeValue, key, value)
		return err
	})
}

// LoadValue implements store.Certificates.
func (s *Store) LoadValue(ctx context.Context, key string) ([]byte, error) {
	var value []byte
	err := s.read(ctx, fmt.Sprintf("value %q", key), loadValue, func(st *sql.Stmt) error {
		return st.QueryRowContext(ctx, key).Scan(&value)
	})
	return value, err
}

// DeleteValue implements store.Certificates.
func (s *Store) DeleteValue(ctx context.Context, key string) error {
	return s.write(ctx, fmt.Sprintf("delete value %q", key), func(tx *txn) error {
		if err := checkKey(key); err != nil {
			return err
		}
		return found(tx.exec(deleteValue, key))
	})
}

// ListValues implements store.Certificates.
func (s *Store) ListValues(ctx context.Context, prefix string, recursive bool) ([]string, error) {
	var keys []string
	err := s.read(ctx, fmt.Sprintf("values below %q", prefix), below, func(st *sql.Stmt) error {
		rows, err := st.QueryContext(ctx, prefix)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var key string
			if err := rows.Scan(&key); err != nil {
				return err
			}
			keys = append(keys, key)
		}
		return rows.Err()
	})
	return withParents(keys, prefix, recursive), err
}

// withParents returns keys and the keys above them up to prefix, or of these only the direct
// children of prefix.
func withParents(keys []string, prefix string, recursive bool) []string {
	if prefix != "" {
		prefix += "/"
	}
	seen := map[string]bool{}
	for _, key := range keys {
		for end := len(prefix); end < len(key); {
			i := strings.IndexByte(key[end:], '/')
			if i < 0 {
				i = len(key) - end
			}
			seen[key[:end+i]] = true
			if end += i + 1; !recursive {
				break
			}
		}
	}
	all := make([]string, 0, len(seen))
	for key := range seen {
		all = append(all, key)
	}
	slices.Sort(all)
	return all
}

// StatValue implements store.Certificates.
func (s *Store) StatValue(ctx context.Context, key string) (store.Value, error) {
	v := store.Value{Key: key}
	err := s.read(ctx, fmt.Sprintf("value %q", key), statValue, func(st *sql.Stmt) error {
		if err := checkKey(key); err != nil {
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

// Acquire implements store.Certificates.
func (s *Store) Acquire(
	ctx context.Context, name, owner string, ttl time.Duration, now time.Time,
) (int64, error) {
	var fence int64
	err := s.write(ctx, fmt.Sprintf("acquire lease %q", name), func(tx *txn) error {
		err := tx.query(acquire, []any{name, owner, now.Add(ttl).UnixNano(), now.UnixNano()},
			&fence)
		if errors.Is(err, sql.ErrNoRows) {
			return store.ErrStale
		}
		return err
	})
	return fence, err
}

// Renew implements store.Certificates.
func (s *Store) Renew(ctx context.Context, name string, fence int64, ttl time.Duration,
	now time.Time) error {
	return s.write(ctx, fmt.Sprintf("renew lease %q", name), func(tx *txn) error {
		n, err := tx.exec(renew, name, fence, now.Add(ttl).UnixNano())
		if err == nil && n == 0 {
			return store.ErrStale
		}
		return err
	})
}

// Release implements store.Certificates.
func (s *Store) Release(ctx context.Context, name string, fence int64) error {
	_, err := s.count(ctx, fmt.Sprintf("release lease %q", name), release, name, fence)
	return err
}
