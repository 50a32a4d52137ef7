// Package collector removes contents of changes that nothing needs any more.
package collector

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// How contents that nothing needs any more are removed: at first a while after the start, then every few hours,
// none that came within a day, as it may be named soon.
const (
	first    = 10 * time.Minute
	each     = 6 * time.Hour
	leastAge = 24 * time.Hour
	page     = 500
)

// Contents are what is kept of all contents, as they were counted last.
type Contents struct {
	N       int       `json:"n"`
	Bytes   int64     `json:"bytes"`
	Removed int       `json:"removed"` // since the gateway started
	Freed   int64     `json:"freed"`   // bytes of them
	At      time.Time `json:"at,omitzero"`
}

// Config is what a Collector is built from. All fields are needed, but for Blobs: without it nothing is removed.
type Config struct {
	Blobs exchange.Removable
	Named func(ctx context.Context, all ...sync.Digest) ([]bool, error) // which of them something needs
	Pause func(point string)                                            // between that look and the removal
	Now   func() time.Time
	Log   *logrus.Entry
}

// Collector is safe for concurrent use.
type Collector struct {
	cfg  Config
	last atomic.Pointer[Contents] // nil: nobody has counted
}

// New returns a Collector that has counted nothing yet.
func New(c Config) *Collector { return &Collector{cfg: c} }

// Contents returns what was counted last, nil if nothing was.
func (c *Collector) Contents() *Contents { return c.last.Load() }

// Run removes contents again and again, until ctx ends.
func (c *Collector) Run(ctx context.Context) error {
	if c.cfg.Blobs == nil {
		return nil
	}
	wait := first
	for {
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		if err := c.Sweep(ctx, leastAge); err != nil && ctx.Err() == nil {
			c.cfg.Log.WithError(err).Warn("contents that nothing needs any more cannot be removed; it is tried again")
		}
		wait = each
	}
}

// Sweep removes contents that are as old once, page by page, and counts what is left.
func (c *Collector) Sweep(ctx context.Context, age time.Duration) error {
	sum := Contents{}
	if last := c.last.Load(); last != nil {
		sum = *last
	}
	for after, more := (sync.Digest{}), true; more; {
		old, err := c.cfg.Blobs.Old(ctx, age, after, page)
		if err != nil {
			return err
		}
		if more = len(old) == page; len(old) == 0 {
			break
		}
		after = old[len(old)-1].Digest
		digests := make([]sync.Digest, len(old))
		for i, o := range old {
			digests[i] = o.Digest
		}
		named, err := c.cfg.Named(ctx, digests...)
		if err != nil {
			return err
		}
		var free []exchange.Old
		for i, o := range old {
			if !named[i] {
				free = append(free, o)
			}
		}
		c.cfg.Pause("unnamed")
		n, bytes, err := c.cfg.Blobs.Remove(ctx, free...)
		sum.Removed, sum.Freed = sum.Removed+n, sum.Freed+bytes
		if err != nil {
			return err
		}
	}
	n, bytes, err := c.cfg.Blobs.Total(ctx)
	if err == nil {
		sum.N, sum.Bytes, sum.At = n, bytes, c.cfg.Now()
		c.last.Store(&sum)
	}
	return err
}
