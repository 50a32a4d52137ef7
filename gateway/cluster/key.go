package cluster

import (
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/stagelock/stagelock/store"
)

// KeyBytes is the length of the key that gateways share.
const KeyBytes = 32

const (
	// checkValue is where the store has what tells one key from another, and nothing of the key itself.
	checkValue = "cluster/key-check"
	// keyLease lets one of several gateways that start at once be the first.
	keyLease = "cluster-key"
	keyTTL   = 10 * time.Second
	keyPoll  = 50 * time.Millisecond
)

// ErrOtherKey is returned for a key that is not the one that the gateways of a cluster share.
var ErrOtherKey = errors.New("the gateways of this cluster share another key")

// NewKey returns a new key in the form in which its file holds it.
func NewKey() (string, error) {
	key := make([]byte, KeyBytes)
	if _, err := rand.Read(key); err != nil {
		return "", err
	}
	return hex.EncodeToString(key), nil
}

func check(key []byte) ([]byte, error) {
	if len(key) != KeyBytes {
		return nil, fmt.Errorf("the key that gateways share has %d bytes, not %d", len(key), KeyBytes)
	}
	return hkdf.Key(sha256.New, key, nil, "check", KeyBytes)
}

// KnownKey compares keys with the one that the gateways of the store share: nil if it is one of them,
// ErrOtherKey if not, and store.ErrNotFound if no gateway has started yet.
func KnownKey(ctx context.Context, values store.Values, keys [][]byte) error {
	_, _, err := knownKey(ctx, values, keys)
	return err
}

// knownKey is KnownKey, and returns what the store has and which of the keys that is.
func knownKey(ctx context.Context, values store.Values, keys [][]byte) (known []byte, n int, err error) {
	if len(keys) == 0 {
		return nil, 0, errors.New("there is no key that gateways share")
	}
	checks := make([][]byte, len(keys))
	for i, key := range keys {
		if checks[i], err = check(key); err != nil {
			return nil, 0, err
		}
	}
	if known, err = values.Load(ctx, checkValue); err != nil {
		return nil, 0, err
	}
	for i, own := range checks {
		if subtle.ConstantTimeCompare(own, known) == 1 {
			return known, i, nil
		}
	}
	return nil, 0, ErrOtherKey
}

// AgreeOnKey is KnownKey for a gateway that starts: the first one decides which key it is. One whose second key
// it is has the first one take its place: those that know both go on, and so does who starts with it alone.
func AgreeOnKey(ctx context.Context, db store.Database, owner string, keys [][]byte) error {
	for {
		known, n, err := knownKey(ctx, db.Values(), keys)
		if err == nil && n > 0 {
			err = replace(ctx, db.Values(), known, keys[0])
		}
		if errors.Is(err, store.ErrStale) {
			continue // another gateway just did the same, or the opposite
		}
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		fence, err := db.Leases().Acquire(ctx, keyLease, owner, keyTTL)
		if err == nil {
			return errors.Join(decide(ctx, db.Values(), keys), db.Leases().Release(ctx, keyLease, fence))
		}
		if !errors.Is(err, store.ErrStale) {
			return err
		}
		select {
		case <-time.After(keyPoll):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// decide keeps the key's check value unless somebody has just done so. The caller holds the lease.
func decide(ctx context.Context, values store.Values, keys [][]byte) error {
	err := KnownKey(ctx, values, keys)
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	own, err := check(keys[0])
	if err != nil {
		return err
	}
	return values.Store(ctx, checkValue, own)
}

// replace has key be the one that gateways share, in the place of the one that is known.
func replace(ctx context.Context, values store.Values, known, key []byte) error {
	own, err := check(key)
	if err != nil {
		return err
	}
	return values.Swap(ctx, checkValue, known, own)
}
