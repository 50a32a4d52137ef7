package requests

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/storetest/place"
)

// requestFindBesideCleanUps looks for a request that is cleaned up and lives again all the time: what
// is found is alive as of one moment.
func requestFindBesideCleanUps(t *testing.T, p *place.Place[store.Requests]) {
	ctx, other := context.Background(), p.Another()
	create(t, p.Store, made(1, "a"))
	place.Must(t, p.Store.AddPart(ctx, 1, piece("p00", 1)))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 200 {
			for _, step := range []func() error{
				func() error { return other.CleanUp(ctx, 1) },
				func() error { return other.Create(ctx, made(1, "a")) },
				func() error { return other.AddPart(ctx, 1, piece("p00", 1)) },
			} {
				if err := step(); err != nil {
					t.Error(err)
				}
			}
		}
	}()
	for {
		r, err := p.Store.Find(ctx, 20121, made(1).Checksum)
		if err == nil && !r.CleanedAt.IsZero() || err != nil && !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Find: %+v, %v", r, err)
		}
		select {
		case <-done:
			return
		default:
		}
	}
}

func requestFind(t *testing.T, p *place.Place[store.Requests]) {
	ctx, sum := context.Background(), made(1).Checksum
	_, err := p.Store.Find(ctx, 20121, sum)
	place.WantErr(t, "Find in an empty store", err, store.ErrNotFound)
	other := made(9, "a")
	other.Site = 20999
	create(t, p.Store, other)
	for _, id := range []int64{2, 1, 3} {
		create(t, p.Store, made(id, "a"))
		p.Clock.Move(time.Second)
	}
	for _, want := range []int64{3, 1, 2} {
		got, err := p.Store.Find(ctx, 20121, sum)
		if err != nil || got.ID != want || !slices.Equal(got.Logins, []string{"a"}) {
			t.Fatalf("Find: request %d of %v, %v; want %d", got.ID, got.Logins, err, want)
		}
		place.Must(t, p.Store.CleanUp(ctx, want))
	}
	_, err = p.Store.Find(ctx, 20121, sum)
	place.WantErr(t, "Find when all are cleaned up", err, store.ErrNotFound)
	create(t, p.Store, made(1, "b")) // it lives again
	if got, err := p.Store.Find(ctx, 20121, sum); err != nil || got.ID != 1 {
		t.Errorf("Find: request %d, %v; want 1", got.ID, err)
	}
}
