package once

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/stagelock/stagelock/store"
)

// trusted is the share of its lease that a life trusts, by its own clock, from before it asked.
const trusted = 0.8

// renewals is how often a lease is renewed before it would run out.
const renewals = 5

// ErrReplaced is returned by Run when another gateway joined under this one's name.
var ErrReplaced = errors.New("another gateway joined under the same name")

// LifeConfig says who lives.
type LifeConfig struct {
	Members store.Members
	Node    string // name of the gateway
	Version string
	Lease   time.Duration // how long others wait for a gateway that died
	Digest  func() string // of the configuration in use
	State   func() store.MemberState
	Calls   func() int      // under way; nil: nobody tells
	Joined  func(id string) // is told the id of each life; may be nil
	// Patience is how long Join asks a store that gives no answer; 0: once.
	Patience time.Duration
}

// Life is the membership of this process. A lease that ran out never comes back: the process then
// joins as another life, and what its former one had begun may be taken for unknown by others. It
// is safe for concurrent use.
type Life struct {
	cfg LifeConfig

	asked string // id of a join that may count though nobody said so; Run's own

	mu     sync.Mutex // guards what follows
	id     string
	until  time.Time // by this process's monotonic clock, as what follows
	doubt  time.Time // until then nobody knows what the store lost
	offset time.Duration
}

// Join returns the Life of this process, which has joined.
func Join(ctx context.Context, c LifeConfig) (*Life, error) {
	if c.Members == nil || c.Node == "" || c.Lease <= 0 || c.Digest == nil || c.State == nil {
		return nil, errors.New("once: a part of the membership is missing")
	}
	l := &Life{cfg: c}
	return l, l.first(ctx)
}

// first joins, and asks a store that gives no answer again for as long as the patience lasts.
func (l *Life) first(ctx context.Context) error {
	for begun := time.Now(); ; {
		err := l.join(ctx)
		if err == nil || ctx.Err() != nil || errors.Is(err, store.ErrClosed) || time.Since(begun) >= l.cfg.Patience {
			return err
		}
		select {
		case <-time.After(l.cfg.Lease / renewals):
		case <-ctx.Done():
			return err
		}
	}
}

// Owner returns the id of the life and the name of its gateway.
func (l *Life) Owner() (id, node string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.id, l.cfg.Node
}

// Holds reports whether the life's lease is surely on.
func (l *Life) Holds() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	return now.Before(l.until) && !now.Before(l.doubt)
}

// Doubt has Holds say no for that long: the store lost what it knew of calls.
func (l *Life) Doubt(keep time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.doubt = time.Now().Add(keep)
}

// Offset returns how far this machine's clock is before the store's, as last measured.
func (l *Life) Offset() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.offset
}

// Run renews the lease until ctx ends, and leaves. It returns an ErrReplaced if another gateway took
// the name over; a store that does not answer is asked again.
func (l *Life) Run(ctx context.Context) error {
	t := time.NewTicker(l.cfg.Lease / renewals)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return l.leave(ctx)
		case <-t.C:
		}
		err := l.renew(ctx)
		if errors.Is(err, store.ErrStale) {
			err = l.again(ctx)
		}
		if errors.Is(err, ErrReplaced) {
			return err
		}
	}
}

func (l *Life) leave(ctx context.Context) error {
	id, _ := l.Owner()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.cfg.Lease)
	defer cancel()
	return l.cfg.Members.Leave(ctx, id)
}

func (l *Life) member(id string) store.Member {
	calls := 0
	if l.cfg.Calls != nil {
		calls = l.cfg.Calls()
	}
	return store.Member{
		Calls: calls, ID: id, Node: l.cfg.Node, Version: l.cfg.Version, ConfigDigest: l.cfg.Digest(), State: l.cfg.State(),
		Offset: l.Offset(),
	}
}

// join begins another life. One whose beginning may have counted is begun once more, unless it is over already.
func (l *Life) join(ctx context.Context) error {
	id, sent := cmp.Or(l.asked, uuid.NewString()), time.Now()
	l.asked = id
	now, err := l.cfg.Members.Join(ctx, l.member(id), l.cfg.Lease)
	if err == nil || errors.Is(err, store.ErrStale) {
		l.asked = ""
	}
	if err != nil {
		return err
	}
	l.held(id, sent, now)
	if l.cfg.Joined != nil {
		l.cfg.Joined(id)
	}
	return nil
}

func (l *Life) renew(ctx context.Context) error {
	id, _ := l.Owner()
	sent := time.Now()
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Lease)
	defer cancel()
	now, err := l.cfg.Members.Renew(ctx, l.member(id), l.cfg.Lease)
	if err == nil {
		l.held(id, sent, now)
	}
	return err
}

// held notes a lease that was asked for at sent and granted at the store's time now.
func (l *Life) held(id string, sent, now time.Time) {
	received := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.id, l.until = id, sent.Add(time.Duration(float64(l.cfg.Lease)*trusted))
	l.offset = sent.Add(received.Sub(sent) / 2).Round(0).Sub(now)
}

// again joins as another life, unless somebody else has the name.
func (l *Life) again(ctx context.Context) error {
	id, _ := l.Owner()
	l.mu.Lock()
	l.until = time.Time{}
	l.mu.Unlock()
	all, err := l.cfg.Members.Members(ctx)
	if err != nil {
		return err
	}
	for _, m := range all {
		if m.Node == l.cfg.Node && m.ID != id && m.ID != l.asked && !m.Over {
			return fmt.Errorf("%w, %q: give each its own cluster.node", ErrReplaced, l.cfg.Node)
		}
	}
	return l.join(ctx)
}
