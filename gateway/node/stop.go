package node

import (
	"context"
	"fmt"
	"time"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/node/sockets"
)

// Leaving returns for how long a gateway that is told to stop now goes on serving, at most.
func (n *Node) Leaving() time.Duration {
	if _, shared := n.logs(); shared && len(n.cfg.Listeners) == 0 {
		return n.conf().Cluster.Notice + n.drainLimit()
	}
	return n.drainLimit()
}

// end lets what is in progress end, in the way that leaves nobody without a gateway.
func (n *Node) end(work context.Context) {
	_, shared := n.logs()
	switch {
	case len(n.cfg.Listeners) > 0:
		n.handOver(work)
	case shared:
		n.makeWay(work)
	default:
		n.drain(work)
	}
}

// drain serves what is in progress.
func (n *Node) drain(work context.Context) {
	limit := n.conf().Drain
	if err := n.note(work, audit.KindDrain, "at most "+limit.String(), nil); err != nil {
		n.cfg.Log.WithError(err).Error("drain cannot be recorded")
	}
	ctx, cancel := context.WithTimeout(work, limit)
	defer cancel()
	if err := n.relay.Drain(ctx, n.front.CloseIdle); err != nil {
		n.cfg.Log.WithError(err).Warn("drain ended before every publish did")
	}
	if n.tasks != nil {
		if err := n.tasks.Drain(ctx, n.front.CloseIdle); err != nil {
			n.cfg.Log.WithError(err).Warn("drain ended before every task had its answer")
		}
	}
	n.drainNative(work)
}

// handOver lets the calls in progress end. The service manager keeps the sockets: what comes from now
// on waits for the next gateway, which also goes on with the publishes in progress.
func (n *Node) handOver(work context.Context) {
	limit := n.drainLimit()
	if err := n.note(work, audit.KindDrain, "the sockets are handed over, at most "+limit.String(), nil); err != nil {
		n.cfg.Log.WithError(err).Error("drain cannot be recorded")
	}
	n.endCalls(work, limit)
}

// makeWay is handOver to the other gateways that share the store: for a while everything is served as
// before, until the balancer in front has seen that this one stops.
func (n *Node) makeWay(work context.Context) {
	limit, notice := n.drainLimit(), n.conf().Cluster.Notice
	if err := n.note(work, audit.KindDrain,
		fmt.Sprintf("for %s all calls are served, then those under way, at most %s", notice, limit),
		nil); err != nil {
		n.cfg.Log.WithError(err).Error("drain cannot be recorded")
	}
	n.relay.Announce()
	select {
	case <-time.After(notice):
	case <-work.Done():
		return
	}
	n.endCalls(work, limit)
}

func (n *Node) drainLimit() time.Duration {
	return n.conf().Drain
}

// endCalls accepts nothing more and lets the calls under way end.
func (n *Node) endCalls(work context.Context, limit time.Duration) {
	for _, l := range n.listeners {
		if err := sockets.Closed(l.Close()); err != nil {
			n.cfg.Log.WithError(err).Warn("a listener cannot be closed")
		}
	}
	ctx, cancel := context.WithTimeout(work, limit)
	defer cancel()
	if err := n.front.HandOver(ctx); err != nil {
		n.cfg.Log.WithError(err).Warn("calls were in progress when the sockets were handed over")
	}
	n.drainNative(work)
}

// goAway is how long clients of HTTP/2 have to take note that their connections end.
const goAway = 3 * time.Second

// drainNative ends the connections of HTTP/2 without cutting a request.
func (n *Node) drainNative(work context.Context) {
	ctx, cancel := context.WithTimeout(work, goAway)
	defer cancel()
	if err := n.native.Drain(ctx); err != nil {
		n.cfg.Log.WithError(err).Warn("requests over HTTP/2 were in progress")
	}
}
