// Package lead is how several gateways of one server share its work: who has the lease works, the others wait for it.
package lead

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/exchange"
)

// leaseName is that of the lease of the one gateway of a server that reads the journal and sends.
const leaseName = "sync"

// Of its lease a gateway trusts that share, by its own clock, from before it asked; and it renews it that often
// before it would run out.
const (
	trusted  = 0.8
	renewals = 5
)

// Config is what a Lead is built from. The zero Config is that of a gateway that is alone.
type Config struct {
	Leases store.Leases
	Owner  string // this gateway, whose next process may go on at once
	TTL    time.Duration
}

// Lead is what a gateway knows of the lease. It is safe for concurrent use, but for Run.
type Lead struct {
	cfg   Config
	log   *logrus.Entry
	fence atomic.Pointer[exchange.Fence] // nil: another gateway has it
}

// New returns a Lead that has no lease yet.
func New(c Config, log *logrus.Entry) *Lead { return &Lead{cfg: c, log: log} }

// Held returns the lease that this gateway has, and false if it has none. A gateway that is alone needs none.
func (l *Lead) Held() (exchange.Fence, bool) {
	if l.cfg.Leases == nil {
		return exchange.Fence{}, true
	}
	if f := l.fence.Load(); f != nil {
		return *f, true
	}
	return exchange.Fence{}, false
}

// Run calls work whenever this gateway has the lease, until ctx ends: the context of work ends with the lease.
func (l *Lead) Run(ctx context.Context, work func(context.Context) error) error {
	if l.cfg.Leases == nil {
		return work(ctx)
	}
	told := false
	for ctx.Err() == nil {
		asked := time.Now()
		number, err := l.cfg.Leases.Acquire(ctx, leaseName, l.cfg.Owner, l.cfg.TTL)
		switch {
		case err == nil:
			told = false
			if err := l.term(ctx, asked, number, work); err != nil {
				return err
			}
		case !errors.Is(err, store.ErrStale) && ctx.Err() == nil && !told:
			told = true
			l.log.WithError(err).Warn("the lease of sync cannot be asked for: nothing is sent from here until it can")
		}
		pause(ctx, l.cfg.TTL/renewals)
	}
	return nil
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// term works as long as the lease is this gateway's.
func (l *Lead) term(ctx context.Context, asked time.Time, number int64, work func(context.Context) error) error {
	l.fence.Store(&exchange.Fence{Lease: leaseName, Number: number})
	l.log.WithField("fence", number).Info("this gateway reads the engine's journal and sends changes now")
	term, end := context.WithCancel(ctx)
	var working errgroup.Group
	working.Go(func() error {
		defer end()
		return work(term)
	})
	over := time.AfterFunc(time.Until(asked.Add(l.share())), end) // a store that is away may keep who renews waiting
	l.renew(term, over, number)
	over.Stop()
	l.fence.Store(nil)
	end()
	err := working.Wait()
	if ctx.Err() == nil {
		l.log.WithField("fence", number).Warn("another gateway may read the engine's journal and send changes now")
	}
	if err := l.cfg.Leases.Release(context.WithoutCancel(ctx), leaseName, number); err != nil {
		l.log.WithError(err).Warn("the lease of sync cannot be given back: another gateway has it when it has run out")
	}
	return err
}

// share is for how long the lease is trusted.
func (l *Lead) share() time.Duration { return time.Duration(trusted * float64(l.cfg.TTL)) }

// renew puts off when the term is over, until it is, or until another gateway has the lease.
func (l *Lead) renew(term context.Context, over *time.Timer, number int64) {
	for {
		pause(term, l.cfg.TTL/renewals)
		if term.Err() != nil {
			return
		}
		asked := time.Now()
		switch err := l.cfg.Leases.Renew(term, leaseName, number, l.cfg.TTL); {
		case err == nil:
			over.Reset(time.Until(asked.Add(l.share())))
		case errors.Is(err, store.ErrStale):
			return
		}
	}
}
