package outbox

import (
	"context"
	"errors"
	"math/rand/v2"
	stdsync "sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// Config is what an Outbox is built from. All fields but Pause are needed.
type Config struct {
	Changes    exchange.Changes
	Deliveries exchange.Deliveries
	Blobs      exchange.Blobs
	Hello      func(ctx context.Context, target sync.ServerID) (sync.Hello, error) // what this server says of itself
	Met        func(other sync.ServerID, h sync.Hello)                             // told of every hello of another
	Log        *logrus.Entry
	Now        func() time.Time
	Pause      func(point string) // called between two writes; tests crash there
}

// look is how often a target is looked at that nothing is due for: somebody may have retried.
const look = 2 * time.Second

// giveUp is after how many failures of its engine in a row a change is a dead letter.
const giveUp = 10

// blocked is after how many failures in a row a target is worth a line in the log.
const blocked = 4

// Outbox brings changes to targets. It is safe for concurrent use.
type Outbox struct {
	cfg     Config
	senders []*sender
}

// New returns an Outbox for targets, each with its client.
func New(c Config, targets []*Client) (*Outbox, error) {
	if c.Changes == nil || c.Deliveries == nil || c.Blobs == nil || c.Hello == nil || c.Met == nil || c.Log == nil || c.Now == nil {
		return nil, errors.New("outbox: a part of its configuration is missing")
	}
	if c.Pause == nil {
		c.Pause = func(string) {}
	}
	o := &Outbox{cfg: c}
	for _, t := range targets {
		o.senders = append(o.senders, &sender{cfg: c, client: t, wake: make(chan struct{}, 1),
			engine: map[sync.ID]int{}, log: c.Log.WithField("target", string(t.Peer))})
	}
	return o, nil
}

// Wake has every target looked at now: there is something new.
func (o *Outbox) Wake() {
	for _, s := range o.senders {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
}

// Greet has every target greeted anew: what may be sent to it has changed.
func (o *Outbox) Greet() {
	for _, s := range o.senders {
		s.again.Store(true)
	}
	o.Wake()
}

// Run delivers until ctx ends. It may be called again then.
func (o *Outbox) Run(ctx context.Context) error {
	var all stdsync.WaitGroup
	for _, s := range o.senders {
		all.Go(func() { s.run(ctx) })
	}
	all.Wait()
	return nil
}

// sender is the queue of one target. It belongs to one goroutine.
type sender struct {
	cfg      Config
	client   *Client
	log      *logrus.Entry
	wake     chan struct{}
	greeted  bool
	told     []sync.Server   // of which the target was told in the last hello
	again    atomic.Bool     // what may be sent has changed: it is greeted again
	failures int             // in a row
	engine   map[sync.ID]int // failures in a row of the target's engine, by change
	until    time.Time       // after a failure nothing is tried before
}

func (s *sender) target() sync.ServerID { return s.client.Peer }

func (s *sender) run(ctx context.Context) {
	s.greeted = false // another gateway may have sent meanwhile
	for ctx.Err() == nil {
		wait, err := s.turn(ctx)
		if err != nil && ctx.Err() == nil {
			s.log.WithError(err).Warn("the queue of a target cannot be read")
			wait = look
		}
		if wait <= 0 {
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-s.wake:
		}
		timer.Stop()
	}
}

// turn does what is due and returns how long to wait for more.
func (s *sender) turn(ctx context.Context) (time.Duration, error) {
	if rest := s.until.Sub(s.cfg.Now()); rest > 0 {
		retried, err := s.retried(ctx)
		if !retried || err != nil {
			return min(rest, look), err
		}
		s.until = time.Time{}
	}
	all, err := s.cfg.Deliveries.Targets(ctx, s.target())
	if err != nil {
		return 0, err
	}
	may := s.client.Rights()
	if all[0].State != exchange.Open || !may.Open {
		s.greeted = false
		return look, nil
	}
	if err := s.meet(ctx); err != nil {
		return s.failed(ctx, err)
	}
	due, gone, err := s.due(ctx, may)
	if err != nil || gone > 0 {
		return 0, err
	}
	var wait time.Duration
	if len(due) == 0 {
		wait, err = s.rest(all[0].Next), s.news(ctx)
	} else if err = s.round(ctx, due); err == nil {
		s.failures = 0
	}
	if err != nil {
		return s.failed(ctx, err)
	}
	return wait, nil
}

// due are the deliveries whose time has come and that the rules of now allow. Others are dead letters: if the rules
// are changed back, they are sent when somebody retries them; gone says how many.
func (s *sender) due(ctx context.Context, may Rights) (due []exchange.Delivery, gone int, err error) {
	all, err := s.cfg.Deliveries.Due(ctx, s.target(), sync.MaxOffer)
	var dead []exchange.Result
	for _, d := range all {
		if may.Covers(d.Object) {
			due = append(due, d)
			continue
		}
		text := string(d.Object) + " is not sent there any more: see kinds and paths in sync.peers"
		if may.Where != nil {
			text += ", " + may.Where("kinds")
		}
		dead = append(dead, exchange.Result{ID: d.ID, State: exchange.Dead, Class: string(sync.ClassNever), Reason: text})
	}
	if err != nil || len(dead) == 0 {
		return due, 0, err
	}
	return due, len(dead), s.cfg.Deliveries.Settle(ctx, s.target(), dead...)
}

// rest is how long to wait for the next delivery that is due then, if one is.
func (s *sender) rest(next time.Time) time.Duration {
	if left := next.Sub(s.cfg.Now()); left > 0 {
		return min(left, look)
	}
	return look
}

// retried reports whether somebody asked for a retry, which ends the wait behind a failure.
func (s *sender) retried(ctx context.Context) (bool, error) {
	due, err := s.cfg.Deliveries.Due(ctx, s.target(), 1)
	return err == nil && len(due) > 0 && due[0].Tries == 0 && due[0].NextAt.IsZero() && due[0].Class != "", err
}

// meet greets a target that was not greeted, or is to be again.
func (s *sender) meet(ctx context.Context) error {
	if !s.again.Swap(false) && s.greeted {
		return nil
	}
	return s.greet(ctx)
}

// greet says hello, learns what the target has already, and queues what it never got.
func (s *sender) greet(ctx context.Context) error {
	own, err := s.cfg.Hello(ctx, s.target())
	if err != nil {
		return err
	}
	other, err := s.client.Hello(ctx, own)
	if err != nil {
		return err
	}
	if !other.Speaks() {
		return &Refusal{Class: sync.ClassOperator, Text: "it speaks another version of sync: bring both gateways to one release"}
	}
	met := other.Server(s.target())
	if holder, err := s.cfg.Deliveries.Greet(ctx, exchange.Server{ID: met.ID, Name: met.Name, Links: met.Links}); err != nil {
		return nameTaken(met.Name, holder, err)
	}
	if _, err := s.cfg.Deliveries.Acknowledge(ctx, s.target(), other.Have); err != nil {
		return err
	}
	may := s.client.Rights()
	if _, err := s.cfg.Deliveries.Baseline(ctx, s.target(), may.Kinds, may.Covers); err != nil {
		return err
	}
	s.cfg.Met(s.target(), other)
	s.greeted, s.told = true, own.Known
	return nil
}

// news says hello again when this server knows of others, or otherwise of them, than the target was told.
func (s *sender) news(ctx context.Context) error {
	own, err := s.cfg.Hello(ctx, s.target())
	if err != nil || sync.SameServers(own.Known, s.told) {
		return err
	}
	return s.greet(ctx)
}

// failed keeps why the target could not be reached, with everything that was due, and returns how long
// to wait.
func (s *sender) failed(ctx context.Context, cause error) (time.Duration, error) {
	if ctx.Err() != nil {
		return 0, nil
	}
	s.failures++
	s.greeted = false
	clear(s.engine)
	var refusal *Refusal
	if errors.As(cause, &refusal) && refusal.Class == sync.ClassOperator {
		s.log.WithError(cause).Error("nothing is sent to a target until somebody mends it; then: stagelock sync retry --target")
		return look, s.cfg.Deliveries.SetTarget(ctx, s.target(), exchange.Stopped, cause.Error(), 0)
	}
	if s.failures == blocked {
		s.log.WithError(cause).Warn("a target could not be reached four times in a row; it is tried on")
	}
	wait := sync.BackOff(sync.ClassLater, s.failures, rand.Float64()) //nolint:gosec // it spreads tries
	s.until = s.cfg.Now().Add(wait)
	due, err := s.cfg.Deliveries.Due(ctx, s.target(), sync.MaxOffer)
	if err != nil {
		return 0, err
	}
	var all []exchange.Result
	for _, d := range due {
		all = append(
			all,
			exchange.Result{ID: d.ID, State: exchange.Pending, Class: string(sync.ClassLater), Reason: cause.Error(), After: wait},
		)
	}
	return min(wait, look), s.cfg.Deliveries.Settle(ctx, s.target(), all...)
}
