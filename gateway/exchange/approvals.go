package exchange

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/stagelock/stagelock/gateway/approval"
	"github.com/stagelock/stagelock/gateway/inbox"
	"github.com/stagelock/stagelock/gateway/replica"
	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// Held is a change that somebody must approve, or decided about.
type Held struct {
	Version
	Object  sync.Object `json:"object"`
	Title   string      `json:"title"`
	Via     string      `json:"via"`
	State   string      `json:"state"` // asked, approved, refused
	Login   string      `json:"login,omitempty"`
	Reason  string      `json:"reason,omitempty"`
	Since   time.Time   `json:"since"`
	Newer   sync.ID     `json:"newer,omitzero"`    // a change that is held too, and makes this one history
	Current string      `json:"current,omitempty"` // digest of what is shown here now; empty: nothing
}

// newGate returns the gate before the replica, by the rules of now.
func (x *Exchange) newGate() (*approval.Gate, error) {
	c := x.cfg
	return approval.New(approval.Config{
		Name: c.Name, Receiver: x.replica, Changes: c.Book, Approvals: c.Book, Blobs: c.Blobs, Now: c.Now,
		Asks: func(via sync.ServerID, o sync.Object) bool {
			p, _ := x.peer(via)
			return slices.Contains(p.Approve, o.Kind())
		},
		Refuses: x.refuses,
		Held: func(via sync.ServerID, ch *sync.Change) {
			c.Noted(replica.Note{What: "asked", Change: ch, Via: via})
		},
		Decided: func(a exchange.Approval) {
			x.decisions.add(a)
			c.Decided(a)
		},
	})
}

// Decided counts what people decided on this gateway since it started.
type Decided struct {
	Approved int64 `json:"approved"`
	Refused  int64 `json:"refused"`
}

// decisions is the count as it goes on.
type decisions struct{ approved, refused atomic.Int64 }

func (d *decisions) add(a exchange.Approval) {
	if a.State == exchange.Refused {
		d.refused.Add(1)
	} else {
		d.approved.Add(1)
	}
}

// waiting writes what waits for approval, and what was decided.
func (x *Exchange) waiting(ctx context.Context, s *Status) error {
	all, err := x.gate.List(ctx, exchange.Asked)
	if s.Approvals = len(all); len(all) > 0 {
		s.Asked = all[0].At
	}
	s.Decided = Decided{Approved: x.decisions.approved.Load(), Refused: x.decisions.refused.Load()}
	return err
}

// refuses holds a change that came earlier against what its peer may do now.
func (x *Exchange) refuses(via sync.ServerID, c *sync.Change) (sync.Answer, bool) {
	p, there := x.peer(via)
	a, refused := sync.Answer{ID: c.ID, Status: sync.StatusRefused, Class: sync.ClassNever, Reason: string(inbox.ReasonPeer),
		Text: string(via) + ", from which it came, is no peer any more"}, true
	if there {
		a, refused = x.inbox.Refuses(p.Peer, c)
	}
	if refused {
		x.cfg.Refused(via, c, a)
	}
	return a, refused
}

// approveEach is how often what was approved and could not be applied is tried again.
const approveEach = 30 * time.Second

// approve carries out what was decided before and could not be then.
func (x *Exchange) approve(ctx context.Context) error {
	each := time.NewTicker(approveEach)
	defer each.Stop()
	for ctx.Err() == nil {
		if err := x.gate.Release(ctx, ""); err != nil && ctx.Err() == nil {
			x.cfg.Log.WithError(err).Warn("what was approved cannot be looked at; it is tried again")
		}
		select {
		case <-ctx.Done():
		case <-x.ripe:
		case <-each.C:
		}
	}
	return nil
}

// decided has what is approved looked at now.
func (x *Exchange) decided() {
	select {
	case x.ripe <- struct{}{}:
	default:
	}
}

// approvals lists what waits for a person, or what is in another state.
func (x *Exchange) approvals(ctx context.Context, o Order) (any, error) {
	n, err := x.names(ctx)
	if err != nil {
		return nil, err
	}
	state := exchange.ApprovalState(o.State)
	if state == "" {
		state = exchange.Asked
	}
	all, err := x.gate.List(ctx, state)
	out := []Held{}
	for _, a := range all {
		if err != nil {
			break
		}
		if o.ID != "" && o.ID != a.Change.ID.String() {
			continue
		}
		var h Held
		h, err = x.held(ctx, a, n)
		newer := func(b exchange.Approval) bool { return b.Change.Object == a.Change.Object && b.Change.After(a.Change) }
		if i := slices.IndexFunc(all, newer); i >= 0 {
			h.Newer = all[i].Change.ID
		}
		out = append(out, h)
	}
	return out, err
}

func (x *Exchange) held(ctx context.Context, a exchange.Approval, n names) (Held, error) {
	s, err := x.cfg.Book.Object(ctx, a.Change.Object)
	h := Held{Version: version(a.Change, n), Object: a.Change.Object, Title: a.Change.Title, Via: n.of(a.Via),
		State: string(a.State), Login: a.Login, Reason: a.Reason, Since: a.At}
	if v := s.Show(); v != nil && v.Op == sync.Put {
		h.Current = v.Payload.String()
	}
	return h, err
}

// approveOrder approves a change, or has a peer begin anew with the deletions that it may send in an hour.
func (x *Exchange) approveOrder(ctx context.Context, o Order) (any, error) {
	if o.Deletes {
		return x.letDelete(ctx, o)
	}
	return x.decide(ctx, o, false)
}

func (x *Exchange) refuseOrder(ctx context.Context, o Order) (any, error) {
	if o.Reason == "" {
		return nil, &Failure{Code: "input", Message: "say why"}
	}
	return x.decide(ctx, o, true)
}

func (x *Exchange) decide(ctx context.Context, o Order, refuse bool) (any, error) {
	id, err := sync.ParseID(o.ID)
	if err != nil {
		return nil, &Failure{Code: "input", Message: err.Error()}
	}
	d := approval.Decision{ID: id, Digest: o.Digest, Refuse: refuse, Login: sync.Line(o.Author), Reason: o.Reason,
		Overrule: o.Overrule}
	a, err := x.gate.Decide(ctx, d)
	var denied *approval.Denial
	switch {
	case errors.As(err, &denied):
		return nil, &Failure{Code: "denied", Message: denied.Error()}
	case errors.Is(err, approval.ErrNotHeld):
		return nil, &Failure{Code: "unknown", Message: err.Error()}
	case errors.Is(err, approval.ErrDecided):
		return nil, &Failure{Code: "decided", Message: err.Error()}
	case errors.Is(err, approval.ErrDigest), errors.Is(err, approval.ErrAtOnce):
		return nil, &Failure{Code: "moved", Message: err.Error()}
	case err != nil:
		return nil, err
	}
	return Done{N: 1, ID: id, State: became(a, refuse), Text: a.Text}, nil
}

// became says what an approval led to.
func became(a sync.Answer, refused bool) string {
	switch {
	case refused:
		return "refused"
	case a.Status == sync.StatusDone:
		return "applied"
	case a.Status == sync.StatusHeld:
		return "conflict"
	}
	return "approved"
}

func (x *Exchange) letDelete(ctx context.Context, o Order) (any, error) {
	n, err := x.names(ctx)
	if err != nil {
		return nil, err
	}
	id, err := n.find(o.Target)
	if err != nil {
		return nil, err
	}
	p, there := x.peer(id)
	if !there || !p.Deletes {
		return nil, &Failure{Code: "denied", Message: fmt.Sprintf("%q may delete nothing here: see deletes in sync.peers", o.Target)}
	}
	if err := x.cfg.Book.Renew(ctx, id); err != nil {
		return nil, err
	}
	x.cfg.Log.WithField("peer", string(id)).WithField("by", sync.Line(o.Author)).
		Warn("a peer may delete as much again in the hour to come")
	return Done{N: p.PerHour}, nil
}
