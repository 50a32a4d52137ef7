package exchange

import (
	"context"
	"time"

	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// How contents that nothing needs any more are removed: at first a while after the start, then every few hours,
// none that came within a day, as it may be named soon.
const (
	collectFirst = 10 * time.Minute
	collectEach  = 6 * time.Hour
	collectAge   = 24 * time.Hour
	collectPage  = 500
)

// Contents are what is kept of all contents, as they were counted last.
type Contents struct {
	N       int       `json:"n"`
	Bytes   int64     `json:"bytes"`
	Removed int       `json:"removed"` // since the gateway started
	Freed   int64     `json:"freed"`   // bytes of them
	At      time.Time `json:"at,omitzero"`
}

// collect removes contents again and again, until ctx ends.
func (x *Exchange) collect(ctx context.Context) error {
	blobs, able := x.cfg.Blobs.(exchange.Removable)
	if !able {
		return nil
	}
	wait := collectFirst
	for {
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		if err := x.sweep(ctx, blobs, collectAge); err != nil && ctx.Err() == nil {
			x.cfg.Log.WithError(err).Warn("contents that nothing needs any more cannot be removed; it is tried again")
		}
		wait = collectEach
	}
}

// sweep removes contents that are as old once, page by page, and counts what is left.
func (x *Exchange) sweep(ctx context.Context, blobs exchange.Removable, age time.Duration) error {
	sum := Contents{}
	if last := x.contents.Load(); last != nil {
		sum = *last
	}
	for after, more := (sync.Digest{}), true; more; {
		old, err := blobs.Old(ctx, age, after, collectPage)
		if err != nil {
			return err
		}
		if more = len(old) == collectPage; len(old) == 0 {
			break
		}
		after = old[len(old)-1].Digest
		digests := make([]sync.Digest, len(old))
		for i, o := range old {
			digests[i] = o.Digest
		}
		named, err := x.cfg.Book.Named(ctx, digests...)
		if err != nil {
			return err
		}
		var free []exchange.Old
		for i, o := range old {
			if !named[i] {
				free = append(free, o)
			}
		}
		x.pause("unnamed")
		n, bytes, err := blobs.Remove(ctx, free...)
		sum.Removed, sum.Freed = sum.Removed+n, sum.Freed+bytes
		if err != nil {
			return err
		}
	}
	n, bytes, err := blobs.Total(ctx)
	if err == nil {
		sum.N, sum.Bytes, sum.At = n, bytes, x.cfg.Now()
		x.contents.Store(&sum)
	}
	return err
}
