package blobs_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	stdsync "sync"
	"testing"
	"time"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/blobs"
	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/store/postgres"
	"github.com/stagelock/stagelock/store/postgres/postgrestest"
	"github.com/stagelock/stagelock/tunnel/sync"
)

var shared postgrestest.Shared

func TestMain(m *testing.M) { os.Exit(shared.Main(m)) }

// pieces are two gateways' on one database, whose clock moves by what ahead says.
func pieces(t *testing.T, ahead *time.Duration) (a, b *blobs.Pieces, spool string) {
	t.Helper()
	url := shared.URL(t)
	spool = t.TempDir()
	open := func() *blobs.Pieces {
		db, err := postgres.Open(context.Background(), postgres.Config{URL: url, Schema: "test_pieces", Cluster: "test", Connections: 4,
			Offset: func() time.Duration { return *ahead }})
		must(t, err)
		t.Cleanup(func() { must(t, db.Close()) })
		p, err := blobs.NewPieces(db, spool)
		must(t, err)
		return p
	}
	return open(), open(), spool
}

// TestPiecesAreSharedByGateways: what one keeps another has; what broke off at one goes on at another; and what nobody
// touched for long is removed, by whomever.
func TestPiecesAreSharedByGateways(t *testing.T) {
	ahead := time.Duration(0)
	a, b, spool := pieces(t, &ahead)
	ctx := t.Context()
	t.Run("put", func(t *testing.T) {
		for _, text := range []string{"", "x", strings.Repeat("0123456789", 300_000)} { // three pieces
			d, n, err := a.Put(ctx, strings.NewReader(text))
			must(t, err)
			if d != sync.DigestOf([]byte(text)) || n != int64(len(text)) || taken(t, b, d) != text {
				t.Errorf("%s, %d bytes of %d", d, n, len(text))
			}
			if _, _, err := b.Put(ctx, strings.NewReader(text)); err != nil {
				t.Errorf("once more: %v", err)
			}
		}
		if _, _, err := a.Open(ctx, sync.DigestOf([]byte("y"))); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("error %v", err)
		}
		if _, _, err := a.Put(ctx, io.MultiReader(strings.NewReader("x"), broken{})); err == nil {
			t.Error("half a content was kept")
		}
		if left, err := os.ReadDir(spool); err != nil || len(left) > 0 {
			t.Errorf("left: %v, %v", left, err)
		}
	})
	content := bytes.Repeat([]byte("0123456789"), 250_000)
	d, size := sync.DigestOf(content), int64(len(content))
	t.Run("continue", func(t *testing.T) {
		if whole, err := a.Continue(ctx, d, 0, size, bytes.NewReader(content[:1_500_000])); whole || err != nil {
			t.Errorf("whole %t, %v", whole, err)
		}
		n, err := b.Part(ctx, d)
		must(t, err)
		if n != 1_500_000 {
			t.Errorf("%d bytes have come", n)
		}
		if _, err := b.Continue(ctx, d, 7, size, bytes.NewReader(content)); !errors.Is(err, store.ErrStale) {
			t.Errorf("elsewhere: %v", err)
		}
		if _, err := b.Continue(ctx, d, n, size+1, bytes.NewReader(content)); !errors.Is(err, store.ErrStale) {
			t.Errorf("of another size: %v", err)
		}
		if _, _, err := b.Open(ctx, d); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("half of it opens: %v", err)
		}
		whole, err := b.Continue(ctx, d, n, size, bytes.NewReader(append(content[n:], "more"...)))
		must(t, err)
		if !whole || taken(t, a, d) != string(content) {
			t.Errorf("whole %t", whole)
		}
		if whole, err := a.Continue(ctx, d, 0, size, broken{}); !whole || err != nil {
			t.Errorf("again: %t, %v", whole, err)
		}
	})
	t.Run("another than its digest says", func(t *testing.T) {
		good := sync.DigestOf([]byte("good"))
		if _, err := a.Continue(ctx, good, 0, 4, strings.NewReader("evil")); !errors.Is(err, exchange.ErrDigest) {
			t.Errorf("error %v", err)
		}
		for _, begun := range []struct {
			text string
			size int64
		}{{"evi", 4}, {"something lon", 100}} { // who has the content itself need not wait for who began it
			if whole, err := a.Continue(ctx, good, 0, begun.size, strings.NewReader(begun.text)); whole || err != nil {
				t.Errorf("%t, %v", whole, err)
			}
			_, _, err := b.Put(ctx, strings.NewReader("good"))
			must(t, err)
			if taken(t, a, good) != "good" {
				t.Error("it is not what was put")
			}
			ahead += 2 * day
			_, _ = removed(t, b, nothing)
		}
	})
	t.Run("several at once", func(t *testing.T) {
		var all stdsync.WaitGroup
		text := strings.Repeat("at once ", 400_000)
		for i := range 6 {
			all.Go(func() {
				if _, _, err := []*blobs.Pieces{a, b}[i%2].Put(ctx, strings.NewReader(text)); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if taken(t, a, sync.DigestOf([]byte(text))) != text {
			t.Error("it is not what was put")
		}
	})
	t.Run("remove", func(t *testing.T) {
		ahead += 2 * day
		if _, _ = removed(t, a, nothing); len(olds(t, b, sync.Digest{}, 100)) > 0 {
			t.Error("something old is left")
		}
		kept, _, err := a.Put(ctx, strings.NewReader("kept"))
		must(t, err)
		_, err = a.Continue(ctx, d, 0, size, bytes.NewReader(content[:2_000_000]))
		must(t, err)
		ahead += 2 * day
		hold := func() error { _, err := b.Hold(ctx, kept); return err }
		if n, bytes := removed(t, a, hold); n != 1 || bytes != 2_000_000 || taken(t, a, kept) != "kept" {
			t.Errorf("%d were removed, %d bytes", n, bytes)
		}
		if n, bytes, err := b.Total(ctx); err != nil || n != 1 || bytes != 4 {
			t.Errorf("%d contents of %d bytes, %v", n, bytes, err)
		}
		if n, err := a.Part(ctx, d); err != nil || n != 0 {
			t.Errorf("%d bytes of what was removed, %v", n, err)
		}
	})
}

// meddled is a database in which something happens before a transaction.
type meddled struct {
	store.Transactor
	before func(what string) error
}

func (m *meddled) Transact(ctx context.Context, what string, fn func(store.Tx) error) error {
	if err := m.before(what); err != nil {
		return err
	}
	return m.Transactor.Transact(ctx, what, fn)
}

// TestWhatIsRemovedAsItIsCompleted is not said to be there: a process died when all of it had come, and days later
// somebody puts it again while it is removed.
func TestWhatIsRemovedAsItIsCompleted(t *testing.T) {
	ahead := time.Duration(0)
	db, err := postgres.Open(t.Context(), postgres.Config{URL: shared.URL(t), Schema: "test_completed", Cluster: "test", Connections: 4,
		Offset: func() time.Duration { return ahead }})
	must(t, err)
	defer func() { must(t, db.Close()) }()
	died := errors.New("died")
	m := &meddled{db, nil}
	p, err := blobs.NewPieces(m, t.TempDir())
	must(t, err)
	complete := func(do func() error) func(what string) error {
		return func(what string) error {
			if !strings.HasPrefix(what, "complete") {
				return nil
			}
			m.before = func(string) error { return nil }
			return do()
		}
	}
	m.before = complete(func() error { return died })
	if _, _, err := p.Put(t.Context(), strings.NewReader("text")); !errors.Is(err, died) {
		t.Fatalf("error %v", err)
	}
	ahead += 2 * day
	m.before = complete(func() error {
		if n, _ := removed(t, p, nothing); n != 1 {
			t.Errorf("%d were removed", n)
		}
		return nil
	})
	d, _, err := p.Put(t.Context(), strings.NewReader("text"))
	must(t, err)
	if got := taken(t, p, d); got != "text" {
		t.Errorf("%q is there", got)
	}
}
