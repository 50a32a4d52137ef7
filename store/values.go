package store

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"
)

// Value is what is known of one stored value without reading it.
type Value struct {
	Key        string
	Size       int64
	ModifiedAt time.Time // by the store's clock
}

// Values keeps values under slash-separated keys: certificates, keys, and the accounts that obtain
// them. It is safe for concurrent use, also from several processes.
//
// A key is one or more segments joined by slashes; a segment is any text but an empty one. "a" is
// above "a/b" and not above "ab". A malformed key is refused.
type Values interface {
	// Store writes key; it is on disk when it returns nil. It keeps no value after it returned.
	Store(ctx context.Context, key string, value []byte) error
	// Swap is Store if the value of key is old, bytewise. ErrStale if it is another one, or there is none.
	Swap(ctx context.Context, key string, old, value []byte) error
	// Load returns the value of key, or ErrNotFound.
	Load(ctx context.Context, key string) ([]byte, error)
	// Delete removes key and every key below it; ErrNotFound if there is none.
	Delete(ctx context.Context, key string) error
	// List returns the keys below prefix, sorted by their bytes, those that only have keys below
	// them too; only direct children unless recursive. An empty prefix is above every key. It
	// returns none, without an error, if there is nothing below prefix.
	List(ctx context.Context, prefix string, recursive bool) ([]string, error)
	// Stat returns what is known of key, or ErrNotFound. A key that only has keys below it has Size
	// 0 and a zero time.
	Stat(ctx context.Context, key string) (Value, error)
}

// CheckKey returns an error for what is no key of Values.
func CheckKey(key string) error {
	if slices.Contains(strings.Split(key, "/"), "") {
		return errors.New("an empty segment in the key")
	}
	return nil
}

// KeysBelow returns what Values.List does, from the stored keys below prefix: these and the keys
// above them up to prefix, or of these only the direct children of prefix.
func KeysBelow(stored []string, prefix string, recursive bool) []string {
	if prefix != "" {
		prefix += "/"
	}
	seen := map[string]bool{}
	for _, key := range stored {
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
	return slices.Sorted(maps.Keys(seen))
}
