package node

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/admin"
	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/chain"
	"github.com/stagelock/stagelock/gateway/audit/witness"
	"github.com/stagelock/stagelock/gateway/certs"
	"github.com/stagelock/stagelock/gateway/cluster"
	"github.com/stagelock/stagelock/gateway/exchange"
	"github.com/stagelock/stagelock/gateway/front"
	"github.com/stagelock/stagelock/gateway/native"
	"github.com/stagelock/stagelock/gateway/node/datadir"
	"github.com/stagelock/stagelock/gateway/node/plan"
	"github.com/stagelock/stagelock/gateway/node/reloads"
	"github.com/stagelock/stagelock/gateway/once"
	"github.com/stagelock/stagelock/gateway/readiness"
	"github.com/stagelock/stagelock/gateway/relay"
	"github.com/stagelock/stagelock/gateway/relay/memory"
	"github.com/stagelock/stagelock/gateway/relay/rules"
	"github.com/stagelock/stagelock/gateway/relay/sights"
	"github.com/stagelock/stagelock/gateway/tasks"
	"github.com/stagelock/stagelock/gateway/visit"
	"github.com/stagelock/stagelock/gateway/watch"
	"github.com/stagelock/stagelock/store"
)

// Config is what a Node is built from.
type Config struct {
	Conf    *conf.Config
	Load    func() (*conf.Config, []conf.Problem) // reads the configuration anew; nil: Reload is refused
	Log     *logrus.Entry
	Version string
	// Listeners are those that a service manager bound: each takes the place of the one in
	// Conf.Listen with its address. New owns them.
	Listeners []net.Listener
	// AdminListeners are those of admin.listen.
	AdminListeners []net.Listener
	Now            func() time.Time   // nil means time.Now
	Pause          func(point string) // see relay.Config; nil outside tests
}

// DataDir is the folder in which a gateway keeps what it must not lose.
type DataDir = datadir.Dir

// Node is one running gateway.
type Node struct {
	cfg Config
	desk
	database store.Database
	witness  *witness.Witness   // nil: the store is the gateway's own
	key      ed25519.PrivateKey // signs the checkpoints of the audit log
	audit    *audit.Log
	rooms
	listeners []net.Listener
	bells     []*front.Doorbell // of the listeners, in their order
	closers   []func() error    // in the order of opening

	used    atomic.Pointer[conf.Config]
	probing atomic.Pointer[readiness.Prober] // nil: nobody asks whether a publish would pass
	reloads sync.Mutex                       // held by the one reload that goes on; it may write and wait
	current                                  // read by who holds reloads or mu, written by who holds both

	mu      sync.Mutex         // guards what follows; nothing waits under it
	stop    context.CancelFunc // ends the pool's health checks
	pools   sync.WaitGroup
	started bool
}

// rooms are what serves connections.
type rooms struct {
	certs  *certs.Manager
	visits *visit.Visits
	once   *once.Calls
	life   *once.Life
	relay  *relay.Relay
	tasks  *tasks.Service // nil: no Kentico is behind the gateway
	native *native.Server
	front  *front.Front

	exchange *exchange.Exchange // nil: no servers are kept alike
	keeper   tasks.Keeper       // nil: no tasks are kept
}

// current is what a configuration was made into, as far as the next one may use it on.
type current struct {
	policy *rules.Policy
	links  *tasks.Policy // nil: no Kentico is behind the gateway
	prober *readiness.Prober
}

// New binds the listeners, opens the stores and builds the policy. What it opened is closed again
// if it fails. The configuration must have no fatal problem.
func New(ctx context.Context, c Config) (*Node, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	n := &Node{cfg: c}
	n.since = c.Now()
	n.used.Store(c.Conf)
	n.loaded.Taken(n.since, reloads.Digest(c.Conf), nil)
	for _, open := range []func(context.Context) error{
		n.openData, n.openStores, n.openAudit, n.listen, n.openCerts, n.openRooms,
	} {
		if err := open(ctx); err != nil {
			return nil, errors.Join(err, n.Close())
		}
	}
	return n, nil
}

// conf is the configuration in use.
func (n *Node) conf() *conf.Config { return n.used.Load() }

// data is the folder of what the node must not lose.
func (n *Node) data() DataDir { return DataDir(n.cfg.Conf.Data) } // read at start only

func (n *Node) openData(context.Context) error {
	for _, folder := range []string{n.data().Audit(), n.data().TLS()} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return fmt.Errorf("the data folder cannot be made: %w; %s", err, datadir.Cure(n.data(), err))
		}
	}
	return nil
}

// openStores opens the database, and beside it reads the key of the audit log: a first start makes both, and waits for
// the disk with each.
func (n *Node) openStores(ctx context.Context) error {
	var beside errgroup.Group
	beside.Go(n.readKey)
	db, err := n.openDatabase(ctx)
	if err == nil {
		n.database = db
		n.closers = append(n.closers, db.Close)
	}
	return errors.Join(err, beside.Wait())
}

func (n *Node) readKey() (err error) {
	if n.key, err = chain.LoadKey(AuditKey(n.conf())); err != nil {
		return fmt.Errorf("the key of the audit log cannot be read: %w", err)
	}
	return nil
}

func (n *Node) openAudit(ctx context.Context) error {
	name, err := cluster.NodeName(n.conf())
	if err != nil {
		return err
	}
	n.named = name
	cfg := audit.Config{
		Node: name, Now: n.cfg.Now, Key: n.key, Checkpoint: n.data().Checkpoint(),
		CheckpointEvery: n.conf().Audit.Every, CheckpointInterval: n.conf().Audit.Checkpoint,
	}
	if err := n.placeLog(&cfg); err != nil {
		return err
	}
	log, err := audit.Open(ctx, cfg)
	if err != nil {
		return fmt.Errorf("the audit log cannot be continued: %w; see stagelock audit verify", err)
	}
	n.audit = log
	n.closers = append(n.closers, log.Close)
	if err := n.openWitness(ctx, name, n.key); err != nil {
		return fmt.Errorf("the logs of the other gateways cannot be watched: %w; see stagelock store check", err)
	}
	if found := log.Alarm(); found != "" {
		n.cfg.Log.WithField("found", found).Error("the audit log is not what its newest checkpoint says, or another key " +
			"signed it; see stagelock audit verify")
	}
	return nil
}

func (n *Node) openCerts(ctx context.Context) error {
	m, err := certs.New(ctx, n.certConfig(n.conf()))
	if err != nil {
		path, cure := certCure(err)
		return fmt.Errorf("%s: %w; %s", path, err, cure)
	}
	n.certs = m
	n.closers = append(n.closers, func() error { m.Close(); return nil })
	return nil
}

// openRooms builds what serves connections, from the bottom up.
func (n *Node) openRooms(ctx context.Context) error {
	next, problems := n.build(n.conf())
	if conf.Fatal(problems) {
		return fmt.Errorf("configuration: %s", reloads.Lines(problems))
	}
	n.use(ctx, next)
	n.probes = admin.NewProbes(n.facts)
	for _, open := range []func(context.Context, *rules.Policy) error{
		n.openWatch, n.openVisits, n.openRelay, n.openExchange, n.openTasks, n.openNative, n.openFront, n.openAdmin,
	} {
		if err := open(ctx, next.policy); err != nil {
			return err
		}
	}
	return nil
}

func (n *Node) openVisits(ctx context.Context, _ *rules.Policy) (err error) {
	n.visits, err = visit.New(visit.Config{
		Audit: n.recorder, Prompt: n.audit.Prompt(),
		Log: n.cfg.Log, Now: n.cfg.Now, Away: n.away, Strangers: func() int { return n.relay.Policy().Strangers },
	})
	if err != nil {
		return err
	}
	if n.life, err = n.join(ctx); err != nil {
		return fmt.Errorf("the store cannot be joined: %w", err)
	}
	keep := func() time.Duration { return n.relay.Policy().RepeatKeep }
	n.once, err = once.New(once.Config{
		Repeats: watch.TimedRepeats(n.database.Repeats(), n.meter), Owner: n.life, Now: n.cfg.Now, Keep: keep, Patience: n.patience(),
	})
	return err
}

func (n *Node) openRelay(_ context.Context, p *rules.Policy) (err error) {
	known, err := memory.New(memory.Config{
		Requests: watch.TimedRequests(n.database.Requests(), n.meter), Pages: n.database.Pages(), Values: n.database.Values(),
		Leases: n.database.Leases(), Nonces: n.database.Nonces(),
	})
	if err != nil {
		return err
	}
	n.relay, err = relay.New(relay.Config{
		Visits: n.visits, Once: n.once, Memory: known, Meter: n.meter, Sights: sights.New(n.database.Values()),
		Log: n.cfg.Log, Health: n.probes.Answer, Pause: n.cfg.Pause,
	}, p)
	return err
}

func (n *Node) openNative(context.Context, *rules.Policy) (err error) {
	n.native, err = native.New(native.Config{Visits: n.visits, Rules: n.rules, Meter: n.meter, Health: n.probes.Answer,
		Log: n.cfg.Log, Routes: n.routes()})
	return err
}

func (n *Node) openFront(context.Context, *rules.Policy) (err error) {
	n.front, err = front.New(front.Config{
		Visits: n.visits, Rules: n.rules, TLS: n.certs.TLSConfig(), Log: n.cfg.Log, Pause: n.cfg.Pause,
		HeadTimeout: func() time.Duration { return n.relay.Policy().Profile.HeadTimeout },
		Patience:    func() time.Duration { return n.conf().Limits.StrangerTimeout },
		Services:    map[string]front.Service{front.HTTP1: n.tunnel(), front.HTTP2: n.native},
	})
	return err
}

// tunnel is what serves the wire of the engine.
func (n *Node) tunnel() front.Service {
	if n.tasks != nil {
		return n.tasks
	}
	return n.relay
}

// rules returns who may visit now.
func (n *Node) rules() *visit.Rules { return &n.relay.Policy().Rules }

// build makes of a configuration what it can be used with. It changes nothing; the caller holds reloads.
func (n *Node) build(next *conf.Config) (current, []conf.Problem) {
	o := plan.Options{Conf: next, Log: n.cfg.Log, Ports: []uint16{}}
	for _, a := range n.Addrs() {
		o.Ports = append(o.Ports, a.Port())
	}
	if now := n.policy; now != nil && next.Quota == n.conf().Quota {
		o.Limiter = now.Quota
	}
	if now := n.policy; now != nil && sameEngine(next, n.conf()) {
		o.Pool = now.Engine.Pool
	}
	policy, problems := plan.Policy(o)
	if conf.Fatal(problems) {
		return current{}, problems
	}
	made := current{policy: policy, prober: n.prober}
	if next.Kenticos() {
		made.links, problems = plan.Tasks(o, policy)
		if conf.Fatal(problems) {
			return current{}, problems
		}
	}
	if o.Pool == nil {
		made.prober = n.newProber(next, policy, n.prober)
	}
	return made, problems
}

// use puts to use what build made. The caller holds reloads.
func (n *Node) use(ctx context.Context, next current) {
	n.mu.Lock()
	defer n.mu.Unlock()
	replaced := n.policy != nil && n.policy.Engine.Pool != next.policy.Engine.Pool
	n.current = next
	n.probing.Store(next.prober)
	if n.started && replaced {
		n.stop()
		n.watch(context.WithoutCancel(ctx))
	}
}

// Addrs returns the addresses that are listened on.
func (n *Node) Addrs() []netip.AddrPort {
	var all []netip.AddrPort
	for _, l := range n.listeners {
		if a, ok := l.Addr().(*net.TCPAddr); ok {
			all = append(all, a.AddrPort())
		}
	}
	return all
}

// CA returns where the gateway's own authority lies, its fingerprint and the line that makes a JVM
// trust it; ok is false if the certificate comes from elsewhere.
func (n *Node) CA() (path, fingerprint, keytool string, ok bool) {
	path, fingerprint, ok = n.certs.CA()
	if !ok {
		return "", "", "", false
	}
	return path, fingerprint, n.certs.KeytoolLine(), true
}

// Run serves until ctx ends, then drains: publishes in progress go on until they end or the
// configured time is over. It closes the node.
func (n *Node) Run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, n.Close()) }()
	err = n.note(context.WithoutCancel(ctx), audit.KindStart, "version "+n.cfg.Version, n.conf())
	switch {
	case errors.Is(err, audit.ErrWriter):
		return fmt.Errorf("%w: give each gateway its own cluster.node", err)
	case err != nil && n.conf().Store == "postgres":
		return fmt.Errorf("the audit log cannot be written: %w; see stagelock store check", err)
	case err != nil:
		return fmt.Errorf("the audit log cannot be written: %w; make room on its disk", err)
	}
	work, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	n.mu.Lock()
	n.started = true
	n.watch(work)
	n.mu.Unlock()
	defer n.unwatch()
	var serving errgroup.Group
	for _, run := range n.runs() {
		serving.Go(func() error {
			err := run(work)
			if err != nil {
				stop(err) // what cannot go on takes the rest along
			}
			return err
		})
	}
	failed := make(chan error, 1)
	go func() { failed <- serving.Wait() }()
	select {
	case err = <-failed:
	case <-ctx.Done():
		n.end(work)
		stop(errStopped)
		err = <-failed
	}
	n.visits.Wait()
	return errors.Join(err, n.note(context.WithoutCancel(ctx), audit.KindStop, failure(err), nil))
}

// failure is why a gateway stopped by itself; empty if it was told to.
func failure(err error) string {
	if err == nil {
		return ""
	}
	return "it could not go on: " + err.Error()
}

// runs are what goes on as long as the node serves.
func (n *Node) runs() []func(context.Context) error {
	expiry := watch.Expiry{Shown: n.certificates, Log: n.cfg.Log, Now: n.cfg.Now}
	runs := []func(context.Context) error{
		n.life.Run, n.visits.Run, n.relay.Run, n.native.Run, n.watchLogs, n.admin.Run, n.recorder.Run, expiry.Run,
		n.runExchange,
	}
	if n.conf().Store == "postgres" {
		runs = append(runs, n.neighbours.Run)
	}
	for _, l := range n.listeners {
		runs = append(runs, func(ctx context.Context) error { return n.front.Serve(ctx, l) })
	}
	return runs
}

var errStopped = errors.New("the gateway stopped")

// watch runs the health checks of the pool in use until it is replaced. The caller holds mu.
func (n *Node) watch(ctx context.Context) {
	ctx, n.stop = context.WithCancel(ctx)
	pool, prober := n.policy.Engine.Pool, n.prober
	if prober != nil {
		n.pools.Go(func() { _ = prober.Run(ctx) })
	}
	n.pools.Add(1)
	go func() {
		defer n.pools.Done()
		defer pool.Close()
		if err := pool.Run(ctx); err != nil {
			n.cfg.Log.WithError(err).Error("health checks ended")
		}
	}()
}

// unwatch ends the health checks, also those of a pool that came with a reload.
func (n *Node) unwatch() {
	n.mu.Lock()
	n.started = false
	n.stop()
	n.mu.Unlock()
	n.pools.Wait()
}

// note writes an event of the node's own life.
func (n *Node) note(ctx context.Context, kind audit.Kind, detail string, c *conf.Config) error {
	ev := audit.Event{Kind: kind, Detail: detail}
	if c != nil {
		ev.ConfigDigest = reloads.Digest(c)
	}
	_, err := n.recorder.Append(ctx, ev)
	return err
}

// Close closes what New opened. It may be called again.
func (n *Node) Close() error {
	var errs []error
	for i := len(n.closers) - 1; i >= 0; i-- {
		errs = append(errs, n.closers[i]())
	}
	n.closers = nil
	return errors.Join(errs...)
}
