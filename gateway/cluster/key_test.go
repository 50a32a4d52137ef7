package cluster_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stagelock/stagelock/gateway/cluster"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/sqlite"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, dir string) *sqlite.Store {
	t.Helper()
	db, err := sqlite.Open(context.Background(), filepath.Join(dir, "db"))
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	return db
}

func TestNewKey(t *testing.T) {
	a, err := cluster.NewKey()
	must(t, err)
	b, err := cluster.NewKey()
	must(t, err)
	raw, err := hex.DecodeString(a)
	if err != nil || len(raw) != cluster.KeyBytes || a == b {
		t.Errorf("keys %q and %q: %v", a, b, err)
	}
}

func TestGatewaysAgreeOnAKey(t *testing.T) {
	db := open(t, t.TempDir())
	key, other := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	ctx := t.Context()
	if err := cluster.KnownKey(ctx, db.Values(), [][]byte{key}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("before the first gateway: %v", err)
	}
	for _, tt := range []struct {
		name string
		key  []byte
		want error
	}{
		{"the first gateway", key, nil}, {"its next start", key, nil}, {"one with another key", other, cluster.ErrOtherKey},
		{"the first one again", key, nil},
	} {
		if err := cluster.AgreeOnKey(ctx, db, "life", [][]byte{tt.key}); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
	for _, short := range [][]byte{nil, key[:31], append(key, 1)} {
		if err := cluster.AgreeOnKey(ctx, db, "life", [][]byte{key, short}); err == nil {
			t.Errorf("a key of %d bytes was taken", len(short))
		}
	}
	keys, err := db.Values().List(ctx, "", true)
	must(t, err)
	for _, k := range keys {
		if v, err := db.Values().Load(ctx, k); err == nil && bytes.Contains(v, key[:8]) {
			t.Errorf("the key lies open in %s", k)
		}
	}
}

// Of gateways that start at once with two keys, those with one of them start.
func TestGatewaysThatStartAtOnce(t *testing.T) {
	dir := t.TempDir()
	dbs := []*sqlite.Store{open(t, dir), open(t, dir)}
	var started [2]int
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			key := bytes.Repeat([]byte{byte(i % 2)}, 32)
			err := cluster.AgreeOnKey(t.Context(), dbs[i/4], fmt.Sprint("life ", i), [][]byte{key})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				started[i%2]++
			case !errors.Is(err, cluster.ErrOtherKey):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if started != [2]int{4, 0} && started != [2]int{0, 4} {
		t.Errorf("started by key: %v", started)
	}
}

func TestKeyNeedsAStore(t *testing.T) {
	db := open(t, t.TempDir())
	must(t, db.Close())
	if err := cluster.AgreeOnKey(t.Context(), db, "life", [][]byte{make([]byte, 32)}); !errors.Is(err, store.ErrClosed) {
		t.Errorf("with a closed store: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := cluster.AgreeOnKey(ctx, open(t, t.TempDir()), "life", [][]byte{make([]byte, 32)}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// The key turns: gateways that know both start in any order, and the one that seals is the key of the cluster
// once every gateway has it first.
func TestTheKeyOfGatewaysTurns(t *testing.T) {
	db := open(t, t.TempDir())
	old, next, third := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32), bytes.Repeat([]byte{3}, 32)
	for i, tt := range []struct {
		keys [][]byte
		want error
	}{
		{[][]byte{old}, nil}, {[][]byte{next, third}, cluster.ErrOtherKey}, {[][]byte{old, next}, nil}, {[][]byte{next, old}, nil},
		{[][]byte{old, next}, nil}, {[][]byte{next, old}, nil}, {[][]byte{old}, cluster.ErrOtherKey}, {[][]byte{next}, nil},
		{[][]byte{third, next}, nil}, {[][]byte{old, next}, cluster.ErrOtherKey}, {nil, errNone},
	} {
		known := cluster.KnownKey(t.Context(), db.Values(), tt.keys)
		err := cluster.AgreeOnKey(t.Context(), db, "life", tt.keys)
		switch {
		case errors.Is(tt.want, errNone) && err != nil:
		case !errors.Is(err, tt.want):
			t.Errorf("start %d: %v, want %v", i, err, tt.want)
		case i > 0 && !errors.Is(known, tt.want):
			t.Errorf("start %d: known %v, want %v", i, known, tt.want)
		}
	}
}

var errNone = errors.New("there is none")

// Gateways that know both keys, in either order, start at once.
func TestTheKeyTurnsForManyAtOnce(t *testing.T) {
	db := open(t, t.TempDir())
	old, next := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	must(t, cluster.AgreeOnKey(t.Context(), db, "life", [][]byte{old}))
	var all sync.WaitGroup
	for i := range 12 {
		keys := [][]byte{next, old}
		if i%3 == 0 {
			keys = [][]byte{old, next}
		}
		all.Go(func() {
			if err := cluster.AgreeOnKey(t.Context(), db, fmt.Sprint("life ", i), keys); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	must(t, cluster.AgreeOnKey(t.Context(), db, "life", [][]byte{next, old}))
	must(t, cluster.KnownKey(t.Context(), db.Values(), [][]byte{next}))
}
