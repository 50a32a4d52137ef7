package exchange

import (
	"context"
	"crypto/ed25519"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"

	"github.com/stagelock/stagelock/gateway/approval"
	"github.com/stagelock/stagelock/gateway/exchange/collector"
	"github.com/stagelock/stagelock/gateway/exchange/far"
	"github.com/stagelock/stagelock/gateway/exchange/lead"
	"github.com/stagelock/stagelock/gateway/inbox"
	"github.com/stagelock/stagelock/gateway/outbox"
	"github.com/stagelock/stagelock/gateway/replica"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/tunnel/source"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// Peer is a neighbour.
type Peer struct {
	inbox.Peer
	Takes bool   // changes go to it
	URL   string // of its gateway, if they do
	HTTP  *http.Client
}

// Book is where everything is kept.
type Book interface {
	exchange.Changes
	exchange.Deliveries
	exchange.Approvals
	exchange.Allowances
}

// Config is what an Exchange is built from. All fields but Lead, Noted, Refused, Decided and Pause are needed.
type Config struct {
	Name     string // of this server, for people
	Key      ed25519.PrivateKey
	Source   source.Source
	Book     Book
	Blobs    exchange.Blobs
	Nonces   store.Nonces
	Lead     lead.Config
	Policy   sync.Policy
	Peers    []Peer
	Origins  []sync.ServerID
	Interval time.Duration // between two looks into the engine's journal
	Log      *logrus.Entry
	Now      func() time.Time
	Noted    func(n replica.Note)                                   // told of everything that was accepted; safe for concurrent use
	Refused  func(via sync.ServerID, c *sync.Change, a sync.Answer) // and refused for good
	Decided  func(a exchange.Approval)                              // of what people say of changes that are held
	Pause    func(point string)                                     // at Points; tests kill the process there
}

// Points returns the points of the way of a change at which a process may die: where it was made, on its way
// out, and where it arrives.
func Points() []string {
	return []string{
		"sync pulled", "sync pull accepted", "sync offered", "sync delivered", "sync settled",
		"sync contents kept", "sync intended", "sync applied", "sync accepted", "sync received",
	}
}

// keep is how long deliveries that have ended are kept, as history.
const keep = 400 * 24 * time.Hour

// workers is how many changes of one batch are taken at once: their writes share the disk's round trips.
const workers = 16

// Exchange is safe for concurrent use.
type Exchange struct {
	cfg       Config
	peers     atomic.Pointer[[]Peer] // as the rules of now are
	replica   *replica.Replica
	gate      *approval.Gate
	inbox     *inbox.Inbox
	outbox    *outbox.Outbox
	clients   map[sync.ServerID]*outbox.Client // of those that changes go to
	pull      chan struct{}                    // somebody asks for a look into the journal
	ripe      chan struct{}                    // and at what was approved
	far       far.Servers
	figures   atomic.Pointer[Status] // as they were a while ago
	decisions decisions
	pause     func(point string)

	collector *collector.Collector
	lead      *lead.Lead
}

// New returns an Exchange. It opens nothing.
func New(c Config) (*Exchange, error) {
	if c.Name == "" || c.Interval <= 0 || c.Log == nil || c.Nonces == nil || c.Book == nil {
		return nil, errors.New("exchange: a part of its configuration is missing")
	}
	c.silent()
	pause := func(string) {}
	if c.Pause != nil {
		pause = func(point string) { c.Pause("sync " + point) }
	}
	x := &Exchange{cfg: c, pull: make(chan struct{}, 1), ripe: make(chan struct{}, 1),
		clients: map[sync.ServerID]*outbox.Client{}, pause: pause,
		lead: lead.New(c.Lead, c.Log)}
	removable, _ := c.Blobs.(exchange.Removable)
	x.collector = collector.New(collector.Config{Blobs: removable, Named: c.Book.Named, Pause: pause, Now: c.Now, Log: c.Log})
	x.peers.Store(&c.Peers)
	var err error
	x.replica, err = replica.New(replica.Config{
		Key: c.Key, Source: c.Source, Journal: x.journal, Changes: c.Book, Blobs: c.Blobs,
		Policy: func() sync.Policy { return c.Policy }, Targets: x.targets, Now: c.Now, Fence: x.lead.Held, Held: c.Book.Approval,
		Noted: x.noted, Workers: workers, Pause: pause,
	})
	if err != nil {
		return nil, err
	}
	if x.gate, err = x.newGate(); err != nil {
		return nil, err
	}
	x.inbox, err = inbox.New(inbox.Config{
		Key: c.Key, Peers: x.senders, Origins: c.Origins, Receiver: x.gate, Blobs: c.Blobs,
		Deliveries: c.Book, Allowances: c.Book,
		Nonces: c.Nonces, Hello: x.hello, Met: x.far.Met, Refused: c.Refused, Now: c.Now, Pause: pause,
		Shown: x.page,
	})
	if err != nil {
		return nil, err
	}
	x.outbox, err = outbox.New(outbox.Config{Changes: c.Book, Deliveries: c.Book, Blobs: c.Blobs, Hello: x.hello,
		Met: x.far.Met, Log: c.Log, Now: c.Now, Pause: pause}, x.reached())
	return x, err
}

// silent has nobody told where nobody is.
func (c *Config) silent() {
	if c.Noted == nil {
		c.Noted = func(replica.Note) {}
	}
	if c.Decided == nil {
		c.Decided = func(exchange.Approval) {}
	}
	if c.Refused == nil {
		c.Refused = func(sync.ServerID, *sync.Change, sync.Answer) {}
	}
}

// reached makes the clients of those that changes go to.
func (x *Exchange) reached() (all []*outbox.Client) {
	for _, p := range x.cfg.Peers {
		if p.Takes {
			one := &outbox.Client{URL: p.URL, Peer: p.ID, Rights: x.rights(p.ID), Key: x.cfg.Key, HTTP: p.HTTP, Now: x.cfg.Now}
			all, x.clients[p.ID] = append(all, one), one
		}
	}
	for _, one := range all {
		one.Sole = len(all) == 1
	}
	return all
}

// journal names how far the engine's journal was read, by the kinds that travel: rows of others are
// passed over, so with another kind all of it is read anew.
func (x *Exchange) journal() (name string, travels func(kind string) bool) {
	var kinds []string
	for _, p := range x.now() {
		kinds = append(kinds, p.Kinds...)
	}
	slices.Sort(kinds)
	return "engine " + strings.Join(slices.Compact(kinds), " "), func(kind string) bool { return slices.Contains(kinds, kind) }
}

// Self returns the server that this gateway is.
func (x *Exchange) Self() sync.ServerID { return x.replica.Self() }

// Serve answers a request of another gateway; see inbox.Inbox.Serve.
func (x *Exchange) Serve(w http.ResponseWriter, r *http.Request, sentBy func(name string)) error {
	return x.inbox.Serve(w, r, sentBy)
}

// targets are the servers to which changes of an object go.
func (x *Exchange) targets(o sync.Object) []sync.ServerID {
	var all []sync.ServerID
	for _, p := range x.now() {
		if p.Takes && p.Covers(o) {
			all = append(all, p.ID)
		}
	}
	return all
}

// noted tells of what was accepted together at once: whoever writes it down shares the way to the disk, or to the
// database.
func (x *Exchange) noted(all ...replica.Note) {
	x.outbox.Wake()
	var told errgroup.Group
	for _, n := range all[1:] {
		told.Go(func() error {
			x.cfg.Noted(n)
			return nil
		})
	}
	x.cfg.Noted(all[0])
	_ = told.Wait() // nobody fails
}

// hello is what this server says of itself to another.
func (x *Exchange) hello(ctx context.Context, to sync.ServerID) (sync.Hello, error) {
	have, err := x.cfg.Book.Have(ctx)
	h := sync.Hello{Name: x.cfg.Name, Versions: []int{sync.Version}, Have: have, Clock: x.cfg.Now().UnixMilli(),
		Kinds: []string{}, Links: []sync.ServerID{}}
	for _, p := range x.now() {
		if p.Takes {
			h.Links = append(h.Links, p.ID)
		}
		if p.ID == to && p.Sends {
			h.Kinds = p.Kinds
		}
	}
	if err == nil {
		h.Known, err = x.known(ctx)
	}
	return h, err
}

// Run reads the journal, delivers, and removes what nothing needs, as far as that is this gateway's to do, and counts,
// until ctx ends.
func (x *Exchange) Run(ctx context.Context) error {
	var all errgroup.Group
	all.Go(func() error { return x.lead.Run(ctx, x.work) })
	all.Go(func() error { return x.count(ctx) })
	return all.Wait()
}

// work is what one gateway of a server does.
func (x *Exchange) work(ctx context.Context) error {
	var all errgroup.Group
	all.Go(func() error { return x.read(ctx) })
	all.Go(func() error { return x.outbox.Run(ctx) })
	all.Go(func() error { return x.collector.Run(ctx) })
	all.Go(func() error { return x.approve(ctx) })
	return all.Wait()
}

// countEach is how often figures are counted for those who only look on.
const countEach = 5 * time.Second

// count keeps figures that are read without waiting, whatever the engine does. Old ones are none.
func (x *Exchange) count(ctx context.Context) error {
	each := time.NewTicker(countEach)
	defer each.Stop()
	for ctx.Err() == nil {
		var last *Status
		if s, err := x.status(ctx, Order{}); err == nil {
			now := s.(Status)
			last = &now
		}
		x.figures.Store(last)
		select {
		case <-ctx.Done():
		case <-each.C:
		}
	}
	return nil
}

// Figures are how the exchange was a few seconds ago; false before it has looked, and while it cannot.
func (x *Exchange) Figures() (Status, bool) {
	if s := x.figures.Load(); s != nil {
		return *s, true
	}
	return Status{}, false
}

// Look has the journal read now.
func (x *Exchange) Look() {
	select {
	case x.pull <- struct{}{}:
	default:
	}
}

// read looks into the journal again and again. An engine that is away is looked for more and more
// seldom.
func (x *Exchange) read(ctx context.Context) error {
	failures := 0
	pruned := time.Time{}
	for ctx.Err() == nil {
		wait := x.cfg.Interval
		switch _, err := x.replica.Pull(ctx); {
		case err == nil:
			failures = 0
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, store.ErrStale): // somebody was faster
			wait = time.Millisecond
		default:
			failures++
			if failures == 1 || failures%100 == 0 {
				x.cfg.Log.WithError(err).Warn("the engine's journal cannot be read: what people edit stays here until it can")
			}
			wait = min(30*time.Second, x.cfg.Interval<<min(failures, 6))
		}
		if now := x.cfg.Now(); now.Sub(pruned) > time.Hour {
			pruned = now
			if _, err := x.cfg.Book.Prune(ctx, keep); err != nil && ctx.Err() == nil {
				x.cfg.Log.WithError(err).Warn("old deliveries cannot be forgotten")
			}
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-x.pull:
		case <-timer.C:
		}
		timer.Stop()
	}
	return nil
}
