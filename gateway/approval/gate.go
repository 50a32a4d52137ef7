package approval

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	stdsync "sync"
	"sync/atomic"
	"time"

	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// Receiver takes changes, as a replica does.
type Receiver interface {
	// Wanted returns what becomes of changes that are offered, without taking any.
	Wanted(ctx context.Context, offered []sync.Offered) ([]sync.Answer, error)
	// Receive takes changes whose contents are there.
	Receive(ctx context.Context, via sync.ServerID, offered []sync.Offered) []sync.Answer
}

// Config is what a Gate is built from. All fields but Held and Decided are needed.
type Config struct {
	Name      string   // of this server, for people
	Receiver  Receiver // of what is approved, or needs no approval
	Changes   exchange.Changes
	Approvals exchange.Approvals
	Blobs     exchange.Blobs
	Now       func() time.Time
	// Asks reports whether a change of that object must be approved if it comes from there. It is asked each
	// time: what counts are the rules of now.
	Asks func(via sync.ServerID, o sync.Object) bool
	// Refuses returns why a change that is held may not be applied by the rules of now, and false if it may.
	Refuses func(via sync.ServerID, c *sync.Change) (sync.Answer, bool)
	Held    func(via sync.ServerID, c *sync.Change) // told of each that is held from now on
	Decided func(a exchange.Approval)               // told of each decision
}

// Reasons of an answer.
const (
	ReasonApproval = "exchange.approval"
	ReasonDeclined = "exchange.declined"
	reasonForged   = "exchange.forged"
	reasonAway     = "exchange.away"
)

// maxHeld is how many changes may wait for a person at once; more are asked for again later.
const maxHeld = 5000

// Gate is safe for concurrent use.
type Gate struct {
	cfg Config
	// mu is held for reading by whoever carries out what was decided, and for writing by who decides: a change is
	// not applied on a decision that was taken back.
	mu      stdsync.RWMutex
	waiting atomic.Int64 // as far as is known
}

// New returns a Gate.
func New(c Config) (*Gate, error) {
	if c.Receiver == nil || c.Changes == nil || c.Approvals == nil || c.Blobs == nil || c.Now == nil ||
		c.Asks == nil || c.Refuses == nil {
		return nil, errors.New("approval: a part of its configuration is missing")
	}
	if c.Held == nil {
		c.Held = func(sync.ServerID, *sync.Change) {}
	}
	if c.Decided == nil {
		c.Decided = func(exchange.Approval) {}
	}
	return &Gate{cfg: c}, nil
}

// fate is what becomes of a change at the gate.
type fate int

const (
	passes fate = iota
	asks        // it is to be held from now on
	waits       // it is held
	behind      // another change of the same message contains it: that one is asked for
	declined
	forged // another change of the same id is held
)

// fates says what becomes of each of the changes. Where none needs an approval it asks nobody.
func (g *Gate) fates(ctx context.Context, via sync.ServerID, offered []sync.Offered) ([]fate, []exchange.Approval, error) {
	all := make([]fate, len(offered))
	var ids []sync.ID
	var at []int
	for i, o := range offered {
		if g.cfg.Asks(via, o.Change.Object) {
			ids, at = append(ids, o.Change.ID), append(at, i)
		}
	}
	held := make([]exchange.Approval, len(offered))
	if len(ids) == 0 {
		return all, held, nil
	}
	known, err := g.cfg.Changes.Known(ctx, ids)
	if err != nil {
		return nil, nil, err
	}
	found, err := g.cfg.Approvals.Approval(ctx, ids...)
	if err != nil {
		return nil, nil, err
	}
	for k, i := range at {
		held[i] = found[k]
		if known[k] {
			continue
		}
		if all[i], err = g.fate(ctx, offered, i, found[k]); err != nil {
			return nil, nil, err
		}
	}
	return all, held, nil
}

// fate is that of a change which is not known, and which somebody must approve.
func (g *Gate) fate(ctx context.Context, offered []sync.Offered, i int, a exchange.Approval) (fate, error) {
	c := offered[i].Change
	switch {
	case a.Change != nil && !bytes.Equal(a.Change.Append(nil), c.Append(nil)):
		return forged, nil
	case a.State == exchange.Approved:
		return passes, nil
	}
	s, err := g.cfg.Changes.Object(ctx, c.Object)
	switch {
	case err != nil:
		return waits, err
	case s.Supersedes(c): // it is history, and is never shown
		return passes, nil
	case a.State == exchange.Refused:
		return declined, nil
	case a.State == exchange.Asked:
		return waits, nil
	case sync.Contained(offered, i):
		return behind, nil
	}
	return asks, nil
}

// answer says what becomes of a change that does not pass.
func (g *Gate) answer(f fate, c *sync.Change, a exchange.Approval) sync.Answer {
	switch f {
	case declined:
		text := "it was refused on " + g.cfg.Name
		if a.Login != "" {
			text += " by " + a.Login
		}
		if a.Reason != "" {
			text += ": " + a.Reason
		}
		return sync.Answer{ID: c.ID, Status: sync.StatusRefused, Class: sync.ClassNever, Reason: ReasonDeclined, Text: text}
	case forged:
		return sync.Answer{ID: c.ID, Status: sync.StatusRefused, Class: sync.ClassNever, Reason: reasonForged,
			Text: "another change with the id " + c.ID.String() + " waits for approval"}
	}
	return sync.Answer{ID: c.ID, Status: sync.StatusWait, Class: sync.ClassWaiting, Reason: ReasonApproval,
		Text: fmt.Sprintf("somebody must approve it on %s: stagelock sync approve %s", g.cfg.Name, c.ID)}
}

// Wanted returns what becomes of changes that a neighbour offers, without taking any. The content of one that is
// to be held is wanted, so that people see it.
func (g *Gate) Wanted(ctx context.Context, via sync.ServerID, offered []sync.Offered) ([]sync.Answer, error) {
	all, err := g.cfg.Receiver.Wanted(ctx, offered)
	if err != nil {
		return nil, err
	}
	fates, held, err := g.fates(ctx, via, offered)
	if err != nil {
		return nil, err
	}
	for i, f := range fates {
		c := offered[i].Change
		if f == passes || f == asks || f == behind || all[i].Status != sync.StatusWant {
			continue
		}
		if f == waits {
			if here, err := g.has(ctx, c); err != nil || !here {
				continue // it is sent again, if that can be
			}
		}
		all[i] = g.answer(f, c, held[i])
	}
	return all, nil
}

func (g *Gate) has(ctx context.Context, c *sync.Change) (bool, error) {
	if c.Op == sync.Delete {
		return true, nil
	}
	n, err := g.cfg.Blobs.Part(ctx, c.Payload)
	return n == c.Size, err
}

// Receive holds those of the changes that somebody must approve, and passes the others on.
func (g *Gate) Receive(ctx context.Context, via sync.ServerID, offered []sync.Offered) []sync.Answer {
	free := !slices.ContainsFunc(offered, func(o sync.Offered) bool { return g.cfg.Asks(via, o.Change.Object) })
	if free {
		return g.cfg.Receiver.Receive(ctx, via, offered)
	}
	g.mu.RLock()
	defer g.mu.RUnlock()
	all := make([]sync.Answer, len(offered))
	fates, held, err := g.fates(ctx, via, offered)
	if err == nil {
		err = g.hold(ctx, via, offered, fates)
	}
	if err != nil {
		for i, o := range offered {
			all[i] = away(o.Change, err.Error())
		}
		return all
	}
	var pass []sync.Offered
	var at []int
	for i, f := range fates {
		if f == passes {
			o := offered[i]
			o.Asked = held[i].State == exchange.Approved
			pass, at = append(pass, o), append(at, i)
			continue
		}
		all[i] = g.answer(f, offered[i].Change, held[i])
	}
	if len(pass) == 0 {
		return all
	}
	var ended []sync.ID
	for k, a := range g.cfg.Receiver.Receive(ctx, via, pass) {
		i := at[k]
		if a.Reason == ReasonDeclined {
			a = g.declined(ctx, offered[i].Change)
		}
		if all[i] = a; taken(a) && held[i].Change != nil {
			ended = append(ended, a.ID)
		}
	}
	_ = g.release(ctx, ended) // what is known is forgotten with the next look
	return all
}

// taken reports whether a change is known from now on.
func taken(a sync.Answer) bool { return a.Status == sync.StatusDone || a.Status == sync.StatusHeld }

func away(c *sync.Change, text string) sync.Answer {
	return sync.Answer{ID: c.ID, Status: sync.StatusLater, Class: sync.ClassLater, Reason: reasonAway, Text: text}
}

// errFull is returned where too many changes wait for a person.
var errFull = fmt.Errorf("%d changes wait for approval: approve or refuse some", maxHeld)

// hold keeps what is to be asked for.
func (g *Gate) hold(ctx context.Context, via sync.ServerID, offered []sync.Offered, fates []fate) error {
	var all []*sync.Change
	for i, f := range fates {
		if f == asks {
			all = append(all, offered[i].Change)
		}
	}
	if len(all) == 0 {
		return nil
	}
	if g.waiting.Load()+int64(len(all)) > maxHeld {
		switch held, err := g.open(ctx); {
		case err != nil:
			return err
		case len(held)+len(all) > maxHeld:
			return errFull
		}
	}
	if err := g.cfg.Approvals.Ask(ctx, via, all...); err != nil {
		return err
	}
	g.waiting.Add(int64(len(all)))
	for _, c := range all {
		g.cfg.Held(via, c)
	}
	return nil
}

// release forgets what was applied.
func (g *Gate) release(ctx context.Context, ids []sync.ID) error {
	if len(ids) == 0 {
		return nil
	}
	g.waiting.Add(-int64(len(ids)))
	return g.cfg.Approvals.Release(context.WithoutCancel(ctx), ids...)
}
