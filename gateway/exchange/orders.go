package exchange

import (
	"context"
	"errors"
	"fmt"

	"github.com/stagelock/stagelock/gateway/replica"
	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/tunnel/sync"
)

func (x *Exchange) resolve(ctx context.Context, o Order) (any, error) {
	n, err := x.names(ctx)
	if err != nil {
		return nil, err
	}
	object, err := sync.ParseObject(o.Object)
	if err != nil {
		return nil, err
	}
	d := replica.Decision{Both: o.Both, Content: o.Content, Here: o.Here, Author: o.Author}
	if o.Take != "" {
		if d.Take, err = n.find(o.Take); err != nil {
			return nil, err
		}
	}
	if ways := one(o.Take != "") + one(o.Both) + one(o.Content != nil); ways != 1 {
		return nil, &Failure{Code: "input", Message: "say one of: the server whose version is taken, both, a content"}
	}
	c, err := x.replica.Decide(ctx, object, d)
	if errors.Is(err, replica.ErrElsewhere) {
		return nil, &Failure{Code: "elsewhere", Message: n.named(err.Error())}
	}
	if err != nil {
		return nil, err
	}
	x.Look()
	return Done{N: 1, ID: c.ID}, nil
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// filter is what an order chooses.
func (x *Exchange) filter(ctx context.Context, o Order) (f exchange.Filter, err error) {
	n, err := x.names(ctx)
	if err == nil && o.Target != "" {
		f.Target, err = n.find(o.Target)
	}
	if err == nil && o.ID != "" {
		if f.ID, err = sync.ParseID(o.ID); err != nil {
			err = &Failure{Code: "input", Message: err.Error()}
		}
	}
	f.State, f.Object = exchange.DeliveryState(o.State), sync.Object(o.Object)
	return f, err
}

// retry makes deliveries due. For a target, what an operator had to mend counts as mended.
func (x *Exchange) retry(ctx context.Context, o Order) (any, error) {
	f, err := x.filter(ctx, o)
	if err != nil {
		return nil, err
	}
	n, err := x.cfg.Book.Retry(ctx, f)
	if err == nil && f.Target != "" {
		err = x.cfg.Book.SetTarget(ctx, f.Target, exchange.Open, "", 0)
	}
	x.outbox.Wake()
	return Done{N: n}, err
}

func (x *Exchange) drop(ctx context.Context, o Order) (any, error) {
	f, err := x.filter(ctx, o)
	if err != nil {
		return nil, err
	}
	if f.ID.IsZero() || o.Reason == "" {
		return nil, &Failure{Code: "input", Message: "say which change, and why"}
	}
	n, err := x.cfg.Book.Drop(ctx, f, o.Reason)
	return Done{N: n}, err
}

// target is the peer that an order names, to which changes go.
func (x *Exchange) target(ctx context.Context, o Order) (Peer, error) {
	f, err := x.filter(ctx, o)
	if err != nil {
		return Peer{}, err
	}
	for _, p := range x.now() {
		if p.Takes && p.ID == f.Target {
			return p, nil
		}
	}
	return Peer{}, &Failure{Code: "unknown", Message: fmt.Sprintf("no changes go from here to %q", o.Target)}
}

func (x *Exchange) hold(ctx context.Context, o Order) (any, error) {
	p, err := x.target(ctx, o)
	if err != nil {
		return nil, err
	}
	if o.Reason == "" {
		return nil, &Failure{Code: "input", Message: "say why"}
	}
	return Done{N: 1}, x.cfg.Book.SetTarget(ctx, p.ID, exchange.Held, o.Reason, o.For)
}

func (x *Exchange) release(ctx context.Context, o Order) (any, error) {
	p, err := x.target(ctx, o)
	if err != nil {
		return nil, err
	}
	err = x.cfg.Book.SetTarget(ctx, p.ID, exchange.Open, "", 0)
	x.outbox.Wake()
	return Done{N: 1}, err
}

func (x *Exchange) baseline(ctx context.Context, o Order) (any, error) {
	p, err := x.target(ctx, o)
	if err != nil {
		return nil, err
	}
	n, err := x.cfg.Book.Baseline(ctx, p.ID, p.Kinds, p.Covers)
	x.outbox.Wake()
	return Done{N: n}, err
}
