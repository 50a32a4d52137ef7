package relay

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/gateway/once"
	"github.com/stagelock/stagelock/gateway/visit"
	"github.com/stagelock/stagelock/store"
)

// Config is what a Relay is built from and keeps for its life; what a reload changes is in Policy.
type Config struct {
	Visits   *visit.Visits
	Once     *once.Calls
	Requests store.Requests
	Pages    store.Pages  // pages and the site that they were looked up for
	Values   store.Values // groups of the control panel
	Log      *logrus.Entry
	// Health answers the health paths; ok is false for any other path.
	Health func(path string) (status int, body []byte, ok bool)
	// Pause, if it is set, is called at the Points of every call. Tests hold or kill the process
	// there.
	Pause func(point string)
}

// whole reports whether everything is set that a Relay cannot do without.
func (c *Config) whole() bool {
	return c.Visits != nil && c.Once != nil && c.Requests != nil && c.Pages != nil && c.Values != nil &&
		c.Log != nil && c.Health != nil
}

// Points returns the points on the way of a call at which a process may die, in order. The first is
// that of the connection.
func Points() []string {
	return []string{
		"accepted", "head read", "envelope validated", "record committed", "content forwarded",
		"tail released", "answer received", "answer recorded", "answer sent", "outcome appended",
	}
}

// Relay serves the calls of the tunnel. Its methods are safe for concurrent use.
type Relay struct {
	cfg       Config
	policy    atomic.Pointer[Policy]
	buffers   sync.Pool
	publishes publishes
	peers     gate
	parts     partsInFlight
	requests  underWay
}

// New returns a Relay that has a policy and serves nothing yet.
func New(c Config, p *Policy) (*Relay, error) {
	if !c.whole() || p == nil {
		return nil, errors.New("relay: a part of its configuration is missing")
	}
	if c.Pause == nil {
		c.Pause = func(string) {}
	}
	r := &Relay{cfg: c}
	r.policy.Store(p)
	return r, nil
}

// Use replaces the policy. Calls under way keep theirs.
func (r *Relay) Use(p *Policy) { r.policy.Store(p) }

// Policy returns the policy in use.
func (r *Relay) Policy() *Policy { return r.policy.Load() }

// enterPolicy returns the policy in use, with its pool kept open until the call leaves it.
func (r *Relay) enterPolicy() *Policy {
	for {
		p := r.policy.Load()
		p.Engine.Pool.Enter()
		if r.policy.Load() == p {
			return p
		}
		p.Engine.Pool.Leave()
	}
}

// How long is kept what nobody cleans up.
const (
	idleKeep = 30 * 24 * time.Hour  // a request that its publisher left behind
	pageKeep = 400 * 24 * time.Hour // a page that a yearly schedule publishes onto
)

// Run forgets what need not be remembered any longer, until ctx ends.
func (r *Relay) Run(ctx context.Context) error {
	prune, touch := time.NewTicker(time.Minute), time.NewTicker(touchInterval)
	defer prune.Stop()
	defer touch.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-prune.C:
			r.prune(ctx)
		case <-touch.C:
			r.touch(ctx)
		}
	}
}

func (r *Relay) prune(ctx context.Context) {
	now := r.cfg.Visits.Now()
	r.publishes.expire(now, r.busy)
	if err := r.cfg.Once.Prune(ctx); err != nil {
		r.cfg.Log.WithError(err).Warn("old answers cannot be forgotten")
	}
	keep := r.Policy().RequestKeep
	if _, err := r.cfg.Requests.PruneRequests(ctx, keep, max(keep, idleKeep)); err != nil {
		r.cfg.Log.WithError(err).Warn("old requests cannot be forgotten")
	}
	if _, err := r.cfg.Pages.PrunePages(ctx, pageKeep); err != nil {
		r.cfg.Log.WithError(err).Warn("old pages cannot be forgotten")
	}
}

// buffer returns a small buffer for what is held of a call.
func (r *Relay) buffer() []byte {
	if b, ok := r.buffers.Get().(*[]byte); ok {
		return *b
	}
	return make([]byte, 0, 4<<10)
}

// release takes a buffer back, unless a large call has grown it.
func (r *Relay) release(b []byte) {
	if cap(b) <= 64<<10 {
		b = b[:0]
		r.buffers.Put(&b)
	}
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
func (b *gate) enter(
	ctx context.Context, peer string, most int, wait time.Duration,
) (leave func(), ok bool) {
	places := b.of(peer, most)
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

// candidates returns the peers that may come from addr.
func (p *Policy) candidates(addr netip.Addr) []*Peer {
	var found []*Peer
	for i := range p.Peers {
		if a := p.Peers[i].Addresses; a == nil || a.Contains(addr) {
			found = append(found, &p.Peers[i])
		}
	}
	return found
}
