package exchange

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

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

// Lead is how several gateways of one server share the work: one of them reads the engine's journal, sends, and
// removes contents; any of them takes what others send. The zero Lead is that of a gateway that is alone.
type Lead struct {
	Leases store.Leases
	Owner  string // this gateway, whose next process may go on at once
	TTL    time.Duration
}

// leader is what this gateway knows of its lease.
type leader struct {
	Lead
	fence atomic.Pointer[exchange.Fence] // nil: another gateway has it
}

// held returns the lease that this gateway has, and false if it has none. A gateway that is alone needs none.
func (l *leader) held() (exchange.Fence, bool) {
	if l.Leases == nil {
		return exchange.Fence{}, true
	}
	if f := l.fence.Load(); f != nil {
		return *f, true
	}
	return exchange.Fence{}, false
}

// lead works whenever this gateway has the lease, until ctx ends.
func (x *Exchange) lead(ctx context.Context) error {
	if x.leader.Leases == nil {
		return x.work(ctx)
	}
	told := false
	for ctx.Err() == nil {
		asked := time.Now()
		number, err := x.leader.Leases.Acquire(ctx, leaseName, x.leader.Owner, x.leader.TTL)
		switch {
		case err == nil:
			told = false
			if err := x.term(ctx, asked, number); err != nil {
				return err
			}
		case !errors.Is(err, store.ErrStale) && ctx.Err() == nil && !told:
			told = true
			x.cfg.Log.WithError(err).Warn("the lease of sync cannot be asked for: nothing is sent from here until it can")
		}
		pause(ctx, x.leader.TTL/renewals)
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
func (x *Exchange) term(ctx context.Context, asked time.Time, number int64) error {
	x.leader.fence.Store(&exchange.Fence{Lease: leaseName, Number: number})
	x.cfg.Log.WithField("fence", number).Info("this gateway reads the engine's journal and sends changes now")
	term, end := context.WithCancel(ctx)
	var working errgroup.Group
	working.Go(func() error {
		defer end()
		return x.work(term)
	})
	over := time.AfterFunc(time.Until(asked.Add(x.share())), end) // a store that is away may keep who renews waiting
	x.renew(term, over, number)
	over.Stop()
	x.leader.fence.Store(nil)
	end()
	err := working.Wait()
	if ctx.Err() == nil {
		x.cfg.Log.WithField("fence", number).Warn("another gateway may read the engine's journal and send changes now")
	}
	return errors.Join(err, x.leader.Leases.Release(context.WithoutCancel(ctx), leaseName, number))
}

// share is for how long the lease is trusted.
func (x *Exchange) share() time.Duration { return time.Duration(trusted * float64(x.leader.TTL)) }

// renew puts off when the term is over, until it is, or until another gateway has the lease.
func (x *Exchange) renew(term context.Context, over *time.Timer, number int64) {
	for {
		pause(term, x.leader.TTL/renewals)
		if term.Err() != nil {
			return
		}
		asked := time.Now()
		switch err := x.leader.Leases.Renew(term, leaseName, number, x.leader.TTL); {
		case err == nil:
			over.Reset(time.Until(asked.Add(x.share())))
		case errors.Is(err, store.ErrStale):
			return
		}
	}
}
