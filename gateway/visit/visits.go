package visit

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/policy/hosts"
	"github.com/stagelock/stagelock/policy/quota"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/tunnel"
)

// Recorder is the audit log as visits write it.
type Recorder interface {
	// Append returns when the event is on disk.
	Append(ctx context.Context, ev audit.Event) (store.Seq, error)
	// AppendSoon is Append for what nobody waits for: it may take longer, to share its write.
	AppendSoon(ctx context.Context, ev audit.Event) (store.Seq, error)
	// Write is Append for what a power cut may take: it returns when the event outlives the process.
	Write(ctx context.Context, ev audit.Event) (store.Seq, error)
}

// Rules says who may visit. A reload replaces them as a whole. The zero Rules admit nobody.
type Rules struct {
	Hosts   *hosts.Set
	Proxies *hosts.Proxies // whose X-Forwarded-For is read
	Senders *hosts.Proxies // who send a PROXY protocol header
	Own     *hosts.Set     // this machine's addresses
	Quota   *quota.Limiter
	Drop    bool // close strangers' connections at accept
}

// Local reports whether health may be told to addr: this machine, a balancer, or who may call
// anyway.
func (r *Rules) Local(addr netip.Addr) bool {
	return addr.Unmap().IsLoopback() || r.Own.Contains(addr) || r.Proxies.Trusted(addr) || r.Senders.Trusted(addr) ||
		r.Hosts.Contains(addr)
}

// Stranger reports whether nobody named addr: it is no allowed host and no balancer.
func (r *Rules) Stranger(addr netip.Addr) bool {
	return !r.Hosts.Contains(addr) && !r.Proxies.Trusted(addr) && !r.Senders.Trusted(addr)
}

// Connect takes a place among the connections; release gives it back. A balancer's are not counted as
// those of one address, and strangers have few places, which are nobody else's. The error is one of
// quota's.
func (r *Rules) Connect(addr netip.Addr) (release func(), err error) {
	switch {
	case r.Proxies.Trusted(addr) || r.Senders.Trusted(addr):
		return r.Quota.ConnectBalancer()
	case r.Stranger(addr):
		return r.Quota.ConnectStranger(addr)
	}
	return r.Quota.Connect(addr)
}

// Config is what Visits are built from.
type Config struct {
	Audit Recorder
	Log   *logrus.Entry
	Now   func() time.Time
	NewID func() string // nil: UUIDs of version 7
	// Prompt says that AppendSoon of the log waits for nobody: whoever ends a visit writes its outcome.
	Prompt bool
	// Away returns why the store cannot be reached now, or nil; nil: it is never away.
	Away func() error
	// Strangers returns how many refusals of addresses that are not allowed get a record of their own
	// a second; as many may come at once.
	Strangers func() int
}

// Visits opens visits and counts them. It is safe for concurrent use.
type Visits struct {
	cfg        Config
	floods     floods
	unrecorded budget
	refusals   counters
	checks     atomic.Int64          // of balancers, that were refused
	unwritten  atomic.Pointer[error] // why the last write to log or store failed; nil if it did not
	background background
	events     sync.Pool // of *audit.Event: subjects describe themselves to them
}

// New returns Visits that nobody made yet.
func New(c Config) (*Visits, error) {
	if c.Audit == nil || c.Log == nil || c.Now == nil || c.Strangers == nil {
		return nil, errors.New("visit: a part of its configuration is missing")
	}
	if c.NewID == nil {
		c.NewID = func() string { return uuid.Must(uuid.NewV7()).String() }
	}
	return &Visits{cfg: c}, nil
}

// Intervals of what Run does.
const (
	retryInterval   = time.Second
	summaryInterval = time.Minute
)

// Run tries the log again while it cannot be written, and sums up what was not recorded one by one,
// until ctx ends.
func (v *Visits) Run(ctx context.Context) error {
	retry, summary := time.NewTicker(retryInterval), time.NewTicker(summaryInterval)
	defer retry.Stop()
	defer summary.Stop()
	for {
		select {
		case <-ctx.Done():
			v.summarize(context.WithoutCancel(ctx))
			return nil
		case <-retry.C:
			_ = v.Writable(ctx) // health tells
		case <-summary.C:
			v.summarize(ctx)
		}
	}
}

// summarize records how many refusals were not recorded one by one, by reason.
func (v *Visits) summarize(ctx context.Context) {
	for reason, n := range v.unrecorded.take() {
		ev := audit.Event{
			Kind: audit.KindSummary, Verdict: audit.Deny, Reason: reason,
			Detail: fmt.Sprintf("%d more refusals without a record of their own", n),
		}
		if _, err := v.cfg.Audit.AppendSoon(ctx, ev); err != nil {
			_ = v.Unwritten(err)
			v.unrecorded.count(reason, n) // for the next summary
		}
	}
}

// Open begins a visit by socket, to be held against rules.
func (v *Visits) Open(socket netip.AddrPort, rules *Rules) *Visit {
	one := &Visit{}
	v.Begin(one, socket, rules)
	return one
}

// Begin is Open in a place of the caller's.
func (v *Visits) Begin(one *Visit, socket netip.AddrPort, rules *Rules) {
	*one = Visit{
		Ref: v.cfg.NewID(), Begun: v.cfg.Now(), Socket: socket, Addr: socket.Addr(), visits: v, rules: rules,
	}
}

// Now returns the time by the clock of the gateway.
func (v *Visits) Now() time.Time { return v.cfg.Now() }

// Unwritten remembers that log or store cannot be written, for health and for the calls to come,
// and returns the Problem that a publisher is told.
//
// A write that was given up because the gateway stops says nothing about log or store.
func (v *Visits) Unwritten(err error) error {
	if errors.Is(err, context.Canceled) {
		return tunnel.NotBegun(ReasonDraining, "the gateway is stopping", err)
	}
	v.unwritten.Store(&err)
	v.cfg.Log.WithError(err).Error("nothing can be written: calls are refused until it can")
	if errors.Is(err, store.ErrFull) {
		return tunnel.NotBegun(ReasonStore, "the gateway's disk is full", err)
	}
	return tunnel.NotBegun(ReasonStore, "the gateway cannot write its store", err)
}

// Broken returns why log or store could not be written when it was last tried, or nil.
func (v *Visits) Broken() error {
	if err := v.unwritten.Load(); err != nil {
		return *err
	}
	return nil
}

// Writable returns nil if the log can be written. After a failure it tries with an event of its
// own.
func (v *Visits) Writable(ctx context.Context) error {
	if v.unwritten.Load() == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	ev := audit.Event{Kind: audit.KindConfig, Detail: "the log can be written again"}
	if _, err := v.cfg.Audit.Append(ctx, ev); err != nil {
		return err
	}
	v.unwritten.Store(nil)
	return nil
}

// readyPoll is how often Ready looks again.
const readyPoll = 50 * time.Millisecond

// Ready waits up to wait for log and store to be there for a visit that begins, and returns why they are
// not.
func (v *Visits) Ready(ctx context.Context, wait time.Duration) error {
	away, err := v.missing(ctx)
	if !away {
		return err
	}
	over, poll := time.NewTimer(wait), time.NewTicker(readyPoll)
	defer over.Stop()
	defer poll.Stop()
	for away {
		select {
		case <-poll.C:
			away, err = v.missing(ctx)
		case <-over.C:
			return err
		case <-ctx.Done():
			return err
		}
	}
	return err
}

// missing returns why log or store cannot be used now. Away is a store that may be back in a moment: a
// full disk is not waited for.
func (v *Visits) missing(ctx context.Context) (away bool, err error) {
	if v.cfg.Away != nil {
		if err := v.cfg.Away(); err != nil {
			return true, err
		}
	}
	return false, v.Writable(ctx)
}

// Lost returns how many outcomes were not recorded since the start, as the store was away for too long.
func (v *Visits) Lost() int64 { return v.background.lost.Load() }

// Count counts a refusal that has no visit, as of a connection that was closed at accept.
func (v *Visits) Count(r tunnel.Reason) { v.refusals.add(r) }

// Refusals returns how many were refused since the start, by reason.
func (v *Visits) Refusals() map[tunnel.Reason]int64 { return v.refusals.all() }

// Checks returns how many checks of balancers, made on their own behalf, were refused since the start.
func (v *Visits) Checks() int64 { return v.checks.Load() }

// Wait returns when what is written behind answers is written.
func (v *Visits) Wait() { v.background.all.Wait() }
