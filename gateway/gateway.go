package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/tunnel"
)

// Recorder is the audit log as the gateway writes it.
type Recorder interface {
	// Append returns when the event is on disk.
	Append(ctx context.Context, ev audit.Event) (store.Seq, error)
	// AppendSoon is Append for what nobody waits for: it may take longer, to share its write.
	AppendSoon(ctx context.Context, ev audit.Event) (store.Seq, error)
}

// Config is what a Gateway is built from and keeps for its life; what a reload changes is in
// Policy.
type Config struct {
	Audit    Recorder
	Requests store.Requests
	Repeats  store.Repeats
	TLS      *tls.Config // of the listeners; it must offer http/1.1
	Log      *logrus.Entry
	Now      func() time.Time
	NewID    func() string // nil: UUIDs of version 7
	// Pause, if it is set, is called at the Points of every call. Tests hold or kill the process
	// there.
	Pause func(point string)
}

// Points returns the points on the way of a call at which a process may die, in order.
func Points() []string {
	return []string{
		"accepted", "head read", "envelope validated", "record committed", "content forwarded",
		"tail released", "answer received", "answer recorded", "answer sent", "outcome appended",
	}
}

// Gateway serves calls. Its methods are safe for concurrent use.
type Gateway struct {
	audit    Recorder
	requests store.Requests
	repeats  store.Repeats
	tls      *tls.Config
	entry    *logrus.Entry
	now      func() time.Time
	newID    func() string
	pause    func(string)

	policy   atomic.Pointer[Policy]
	buffers  sync.Pool
	flights  *flights
	drain    drain
	peers    gate
	reserved reserved
	floods   floods
	counts   counters
	broken   atomic.Pointer[error] // why the last write to the log failed; nil if it did not
	conns    sync.WaitGroup
	open     connections
	behind   later
}

// New returns a Gateway that has a policy and serves nothing yet. It marks calls that were under
// way when the last process ended as unknown.
func New(ctx context.Context, c Config, p *Policy) (*Gateway, error) {
	if c.Audit == nil || c.Requests == nil || c.Repeats == nil || c.Log == nil || c.Now == nil || p == nil {
		return nil, errors.New("gateway: a part of its configuration is missing")
	}
	g := &Gateway{
		audit: c.Audit, requests: c.Requests, repeats: c.Repeats, tls: split(c.TLS), entry: c.Log, now: c.Now,
		newID: c.NewID, pause: c.Pause,
	}
	if g.pause == nil {
		g.pause = func(string) {}
	}
	if g.newID == nil {
		g.newID = func() string { return uuid.Must(uuid.NewV7()).String() }
	}
	g.flights = newFlights(c.Repeats, c.Now())
	n, err := c.Repeats.Interrupt(ctx)
	if err != nil {
		return nil, fmt.Errorf("mark interrupted calls: %w", err)
	}
	if n > 0 {
		g.entry.WithField("calls", n).Warn("calls were under way when the gateway stopped last")
	}
	g.policy.Store(p)
	return g, nil
}

// Use replaces the policy. Calls under way keep theirs.
func (g *Gateway) Use(p *Policy) { g.policy.Store(p) }

// enterPolicy returns the policy in use, with its pool kept open until the call leaves it.
func (g *Gateway) enterPolicy() *Policy {
	for {
		p := g.policy.Load()
		p.Engine.Pool.enter()
		if g.policy.Load() == p {
			return p
		}
		p.Engine.Pool.leave()
	}
}

// Policy returns the policy in use.
func (g *Gateway) Policy() *Policy { return g.policy.Load() }

// Run forgets what need not be remembered any longer, until ctx ends.
func (g *Gateway) Run(ctx context.Context) error {
	t := time.NewTicker(time.Minute)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			g.prune(ctx)
		}
	}
}

func (g *Gateway) prune(ctx context.Context) {
	p, now := g.Policy(), g.now()
	g.flights.prune(ctx, now.Add(-p.RepeatKeep))
	g.drain.expire(now)
	if now.Sub(g.flights.since) < p.RepeatKeep {
		return // what the process before left is still waited for
	}
	if _, err := g.repeats.PruneRepeats(ctx, now.Add(-p.RepeatKeep)); err != nil {
		g.entry.WithError(err).Warn("old answers cannot be forgotten")
	}
	if _, err := g.requests.PruneRequests(ctx, now.Add(-p.RequestKeep)); err != nil {
		g.entry.WithError(err).Warn("old requests cannot be forgotten")
	}
}

// buffer returns a small buffer for what is held of a call.
func (g *Gateway) buffer() []byte {
	if b, ok := g.buffers.Get().(*[]byte); ok {
		return *b
	}
	return make([]byte, 0, 4<<10)
}

// release takes a buffer back, unless a large call has grown it.
func (g *Gateway) release(b []byte) {
	if cap(b) <= 64<<10 {
		b = b[:0]
		g.buffers.Put(&b)
	}
}

// unwritten remembers that log or store cannot be written, for health and for the calls to come.
func (g *Gateway) unwritten(err error) error {
	g.broken.Store(&err)
	g.entry.WithError(err).Error("nothing can be written: calls are refused until it can")
	return unwritable(err)
}

// writable returns nil if the log can be written. After a failure it tries with an event of its
// own.
func (g *Gateway) writable() error {
	if g.broken.Load() == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if _, err := g.audit.Append(ctx, audit.Event{Kind: audit.KindConfig, Detail: "the log can be written again"}); err != nil {
		return err
	}
	g.broken.Store(nil)
	return nil
}

// later does what follows an answer without the next call waiting for it, most of it writes that
// share an fsync.
type later struct {
	once   sync.Once
	places chan struct{}
	all    sync.WaitGroup
}

// maxBehind bounds what is left to do behind answers; beyond it the connection waits.
const maxBehind = 512

func (l *later) do(f func()) {
	l.once.Do(func() { l.places = make(chan struct{}, maxBehind) })
	l.places <- struct{}{}
	l.all.Go(func() {
		defer func() { <-l.places }()
		f()
	})
}

// gate bounds the calls of each peer that are under way at once.
type gate struct {
	mu     sync.Mutex
	places map[string]chan struct{}
}

// of returns the places of a peer; a reload that changes their number begins anew.
func (b *gate) of(peer string, most int) chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.places == nil {
		b.places = map[string]chan struct{}{}
	}
	if c := b.places[peer]; c != nil && cap(c) == most {
		return c
	}
	b.places[peer] = make(chan struct{}, most)
	return b.places[peer]
}

// enter takes a place of the peer, waiting up to wait for one, and returns how to give it back.
func (g *Gateway) enter(
	ctx context.Context, peer string, most int, wait time.Duration,
) (leave func(), ok bool) {
	places := g.peers.of(peer, most)
	leave = func() { <-places }
	select {
	case places <- struct{}{}:
		return leave, true
	default:
	}
	if wait <= 0 {
		return nil, false
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case places <- struct{}{}:
		return leave, true
	case <-t.C:
	case <-ctx.Done():
	}
	return nil, false
}

// counters count refusals by reason.
type counters struct {
	mu sync.Mutex
	n  map[tunnel.Reason]int64
}

func (g *Gateway) count(r tunnel.Reason) {
	g.counts.mu.Lock()
	defer g.counts.mu.Unlock()
	if g.counts.n == nil {
		g.counts.n = map[tunnel.Reason]int64{}
	}
	g.counts.n[r]++
}

// Refusals returns how many calls were refused since the start, by reason.
func (g *Gateway) Refusals() map[tunnel.Reason]int64 {
	g.counts.mu.Lock()
	defer g.counts.mu.Unlock()
	out := make(map[tunnel.Reason]int64, len(g.counts.n))
	for r, n := range g.counts.n {
		out[r] = n
	}
	return out
}
