// Package retention forgets what calls need not be held against any longer: answers kept for a repeat,
// staging requests, pages, and what was seen of archives.
package retention

import (
	"context"
	"errors"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/gateway/once"
	"github.com/stagelock/stagelock/gateway/relay/memory"
	"github.com/stagelock/stagelock/gateway/relay/sights"
	"github.com/stagelock/stagelock/store"
)

// Interval is how often Prune is due.
const Interval = time.Minute

// How long is kept what nobody cleans up.
const (
	idleKeep = 30 * 24 * time.Hour  // a request that its publisher left behind
	pageKeep = 400 * 24 * time.Hour // a page that a yearly schedule publishes onto
)

// Retention says what of.
type Retention struct {
	Once   *once.Calls
	Memory *memory.Memory
	Sights *sights.Keeper
	Log    *logrus.Entry
}

// Prune forgets what is old, requests keep after they were cleaned up. What a store cannot forget now it
// is told of again.
func (r Retention) Prune(ctx context.Context, keep time.Duration) {
	r.log(r.Once.Prune(ctx), "old answers cannot be forgotten")
	r.log(r.Memory.Prune(ctx, keep, max(keep, idleKeep), pageKeep), "old requests and pages cannot be forgotten")
	r.log(r.Sights.Prune(ctx, r.known), "what was seen of old archives cannot be forgotten")
}

func (r Retention) log(err error, msg string) {
	if err != nil {
		r.Log.WithError(err).Warn(msg)
	}
}

// known reports whether a request may still be published.
func (r Retention) known(ctx context.Context, request int64) (bool, error) {
	found, err := r.Memory.Request(ctx, request)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return found.CleanedAt.IsZero(), err
}
