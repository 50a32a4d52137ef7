package outbox

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// nameTaken says who has a name already.
func nameTaken(name string, holder sync.ServerID, err error) error {
	if !errors.Is(err, store.ErrStale) {
		return err
	}
	return &Refusal{Class: sync.ClassOperator,
		Text: fmt.Sprintf("the name %s is taken by the key %s; give one of the two servers another sync.name", name, holder)}
}

// round offers what is due, sends what is wanted, and keeps what became of it. Its error is that of the
// whole round: the target could not be reached.
func (s *sender) round(ctx context.Context, due []exchange.Delivery) error {
	offer, err := s.offer(ctx, due)
	if err != nil {
		return err
	}
	r := results{due: due, bytes: map[sync.ID]int64{}, engine: s.engine}
	wanted := offer.Changes
	if !s.unasked(due, wanted) {
		if wanted, err = s.wanted(ctx, offer, &r); err != nil {
			return err
		}
	}
	s.cfg.Pause("offered")
	for len(wanted) > 0 {
		n, err := s.load(ctx, wanted, &r)
		if err == nil {
			err = s.deliver(ctx, wanted[:n], &r)
		}
		if err != nil {
			return errors.Join(err, s.settle(ctx, r))
		}
		wanted = wanted[n:]
	}
	return s.settle(ctx, r)
}

// unasked reports whether changes are sent without asking whether they are wanted: nobody else can have brought
// them to the target, as they were made here and go nowhere else, and no answer of the target was lost. One that the
// target did not take the last time is offered first: it may still wait for somebody.
func (s *sender) unasked(due []exchange.Delivery, all []sync.Offered) bool {
	own := sync.IDOf(s.client.Key.Public().(ed25519.PublicKey))
	again := slices.ContainsFunc(due, func(d exchange.Delivery) bool { return d.Tries > 0 })
	return s.client.Sole && s.failures == 0 && !again && !slices.ContainsFunc(all, func(o sync.Offered) bool {
		return o.Change.ID.Origin != own || o.Change.Size > sync.MaxInline
	})
}

// wanted asks which changes the target wants.
func (s *sender) wanted(ctx context.Context, offer sync.Offer, r *results) (wanted []sync.Offered, err error) {
	first, err := s.client.Offer(ctx, offer)
	if err != nil {
		return nil, err
	}
	for i, a := range first.Answers {
		if a.Status == sync.StatusWant {
			wanted = append(wanted, offer.Changes[i])
			continue
		}
		r.add(a)
	}
	return wanted, nil
}

// offer is of as many changes as one message carries, with all contents that a Deliver may have.
func (s *sender) offer(ctx context.Context, due []exchange.Delivery) (o sync.Offer, err error) {
	size := 0
	for _, d := range due {
		e, err := s.cfg.Changes.Change(ctx, d.ID)
		if err != nil {
			return o, err
		}
		if size += len(e.Change.Append(nil)); size > sync.MaxMessage/4 {
			break
		}
		o.Changes = append(o.Changes, sync.Offered{Change: e.Change, Processed: e.Listed})
	}
	return o, nil
}

// load puts contents into as many of the changes as one message carries, and sends the large ones before
// them. It returns how many changes are ready.
func (s *sender) load(ctx context.Context, wanted []sync.Offered, r *results) (int, error) {
	total := int64(0)
	for i := range wanted {
		c := wanted[i].Change
		if c.Op == sync.Delete || sync.Contained(wanted, i) {
			continue
		}
		if c.Size <= sync.MaxInline && i > 0 && total+c.Size > sync.MaxDeliver {
			return i, nil
		}
		content, size, err := s.cfg.Blobs.Open(ctx, c.Payload)
		if errors.Is(err, store.ErrNotFound) {
			continue // what contains it comes first: then nobody needs it
		}
		if err != nil {
			return 0, err
		}
		if size <= sync.MaxInline {
			wanted[i].Content, err = io.ReadAll(content)
			total += size
			r.bytes[c.ID] = size
		} else {
			r.bytes[c.ID], err = s.client.Blob(ctx, c.Payload, size, content)
		}
		if err = errors.Join(err, content.Close()); err != nil {
			return 0, err
		}
	}
	return len(wanted), nil
}

func (s *sender) deliver(ctx context.Context, all []sync.Offered, r *results) error {
	got, err := s.client.Deliver(ctx, sync.Offer{Changes: all})
	if err != nil {
		return err
	}
	s.cfg.Pause("delivered")
	for _, a := range got.Answers {
		r.add(a)
	}
	return nil
}

// results are what became of the changes of one round.
type results struct {
	due    []exchange.Delivery
	bytes  map[sync.ID]int64
	engine map[sync.ID]int // the sender's
	all    []exchange.Result
	stop   string // why nothing more is to be sent
}

// hopeless counts how often the target's engine failed in a row with a change, and reports whether that
// was often enough. Times at which nobody reached the engine say nothing about the change.
func (r *results) hopeless(a sync.Answer) bool {
	if a.Status != sync.StatusLater || a.Reason != engineFailed {
		delete(r.engine, a.ID)
		return false
	}
	if r.engine[a.ID]++; r.engine[a.ID] < giveUp {
		return false
	}
	delete(r.engine, a.ID)
	return true
}

func (r *results) add(a sync.Answer) {
	i := slices.IndexFunc(r.due, func(d exchange.Delivery) bool { return d.ID == a.ID })
	if i < 0 {
		return
	}
	tries := r.due[i].Tries + 1
	hopeless := r.hopeless(a)
	out := exchange.Result{ID: a.ID, Class: string(a.Class), Reason: a.Text, Bytes: r.bytes[a.ID]}
	switch {
	case a.Status == sync.StatusDone || a.Status == sync.StatusHeld:
		out.State, out.Class, out.Reason = exchange.Done, "", ""
	case a.Class == sync.ClassNever, hopeless:
		out.State = exchange.Dead
	case a.Class == sync.ClassOperator:
		out.State, out.After, r.stop = exchange.Pending, time.Second, a.Text
	case a.Class == sync.ClassWaiting && a.Reason == forApproval: // nobody waits behind it
		out.State, out.Class = exchange.Waiting, exchange.ForApproval
		out.After = sync.BackOff(sync.ClassLater, tries, rand.Float64()) //nolint:gosec // it spreads tries
	case a.Class == sync.ClassWaiting:
		out.State = exchange.Waiting
		out.After = sync.BackOff(sync.ClassWaiting, tries, rand.Float64()) //nolint:gosec // it spreads tries
	case a.Status == sync.StatusBusy: // somebody else brings it: it is no failure, however often it is asked for
		out.State, out.After = exchange.Pending, sync.BackOff(sync.ClassLater, 1, rand.Float64()) //nolint:gosec // it spreads tries
	default:
		out.State, out.After = exchange.Pending, sync.BackOff(sync.ClassLater, tries, rand.Float64()) //nolint:gosec // it spreads tries
	}
	r.all = append(r.all, out)
}

// engineFailed is the reason of a failure of the target's engine, which is no failure of the way there.
const engineFailed = "exchange.engine"

// forApproval is the reason of a change that a person must approve at the target.
const forApproval = "exchange.approval"

func (s *sender) settle(ctx context.Context, r results) error {
	if len(r.all) > 0 {
		if err := s.cfg.Deliveries.Settle(context.WithoutCancel(ctx), s.target(), r.all...); err != nil {
			return err
		}
		s.cfg.Pause("settled")
	}
	if r.stop != "" {
		return &Refusal{Class: sync.ClassOperator, Text: r.stop}
	}
	return nil
}
