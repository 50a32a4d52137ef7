package storetest

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/storetest/place"
)

// lazily is a log whose Append does not wait for the disk.
type lazily struct{ store.Lazy }

// Append is AppendLazily.
func (l lazily) Append(ctx context.Context, recs []store.Record) error {
	return l.AppendLazily(ctx, recs)
}

// Close closes the log below.
func (l lazily) Close() error {
	if c, ok := l.Lazy.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// TestLazy runs the conformance suite of store.Lazy: that of store.Events for AppendLazily too.
func TestLazy(t *testing.T, open func(t *testing.T, dir string) store.Lazy) {
	t.Run("lazily", func(t *testing.T) {
		TestEvents(t, func(t *testing.T, dir string) store.Events { return lazily{open(t, dir)} })
	})
	place.Run(t, place.Timeless(open), []place.Row[store.Lazy]{
		{Name: "both ways in turn", Run: lazyMixed},
		{Name: "flush of what is there, and of what is not", Run: lazyFlush},
		{Name: "flushes beside appends", Run: lazyConcurrent},
		{Name: "flush, cancelled and closed", Run: lazyClosed},
	})
}

func lazyMixed(t *testing.T, p *place.Place[store.Lazy]) {
	ctx := context.Background()
	place.Must(t, p.Store.AppendLazily(ctx, records(1, 2)))
	place.WantErr(t, "Append behind the end", p.Store.Append(ctx, records(4, 1)), store.ErrStale)
	place.Must(t, p.Store.Append(ctx, records(3, 2)))
	place.WantErr(t, "AppendLazily of the last again", p.Store.AppendLazily(ctx, records(4, 1)), store.ErrStale)
	place.Must(t, p.Store.AppendLazily(ctx, records(5, 3)))
	checkLog(t, p.Store, 1, 7)
	checkLog(t, p.Another(), 1, 7)
	place.Must(t, p.Store.Append(ctx, records(8, 1)))
	checkLog(t, p.Reopen(), 1, 8)
}

func lazyFlush(t *testing.T, p *place.Place[store.Lazy]) {
	ctx := context.Background()
	place.Must(t, p.Store.Flush(ctx, 0))
	place.WantErr(t, "flush of an empty log", p.Store.Flush(ctx, 1), store.ErrStale)
	place.Must(t, p.Store.AppendLazily(ctx, records(1, 3)))
	for seq := range store.Seq(4) {
		place.Must(t, p.Store.Flush(ctx, seq))
	}
	place.WantErr(t, "flush behind the end", p.Store.Flush(ctx, 4), store.ErrStale)
	checkLog(t, p.Store, 1, 3)
	last, err := p.Reopen().Last(ctx)
	if err != nil || last.Seq != 3 {
		t.Errorf("a flush left record %d at the end, %v", last.Seq, err)
	}
}

func lazyConcurrent(t *testing.T, p *place.Place[store.Lazy]) {
	ctx := context.Background()
	var all sync.WaitGroup
	for seq := store.Seq(1); seq <= 40; seq++ {
		place.Must(t, p.Store.AppendLazily(ctx, records(seq, 1)))
		all.Go(func() {
			if err := p.Store.Flush(ctx, seq); err != nil {
				t.Errorf("flush up to %d: %v", seq, err)
			}
		})
	}
	all.Wait()
	checkLog(t, p.Store, 1, 40)
}

func lazyClosed(t *testing.T, p *place.Place[store.Lazy]) {
	ctx := context.Background()
	place.Must(t, p.Store.AppendLazily(ctx, records(1, 1)))
	place.WantErr(t, "Flush", p.Store.Flush(place.Cancelled(), 1), context.Canceled)
	place.WantErr(t, "AppendLazily", p.Store.AppendLazily(place.Cancelled(), records(2, 1)), context.Canceled)
	p.Close()
	for what, err := range map[string]error{
		"AppendLazily": p.Store.AppendLazily(ctx, records(2, 1)), "Flush": p.Store.Flush(ctx, 1),
	} {
		if !errors.Is(err, store.ErrClosed) {
			t.Errorf("%s of a log that is closed: %v", what, err)
		}
	}
	checkLog(t, p.Reopen(), 1, 1)
}
