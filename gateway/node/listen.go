package node

import (
	"context"
	"fmt"
	"slices"

	"github.com/stagelock/stagelock/gateway/front"
	"github.com/stagelock/stagelock/gateway/node/sockets"
	"github.com/stagelock/stagelock/policy/hosts"
)

// listen takes the listeners that were handed over and binds the others, so that a port in use is
// known before anything runs.
func (n *Node) listen(ctx context.Context) error {
	for _, l := range n.cfg.Listeners {
		n.closers = append(n.closers, func() error { return sockets.Closed(l.Close()) })
	}
	given := slices.Clone(n.cfg.Listeners)
	senders, _ := hosts.NewProxies(n.conf().Hosts.ProxyProtocol)
	for _, a := range n.conf().Listen {
		l, rest := sockets.Take(given, a)
		given = rest
		if l == nil {
			var err error
			if l, err = sockets.Bind(ctx, a, n.conf().Listen); err != nil {
				return err
			}
			n.closers = append(n.closers, func() error { return sockets.Closed(l.Close()) })
		}
		bell := front.NewDoorbell(l)
		n.bells = append(n.bells, bell)
		n.listeners = append(n.listeners, front.Listen(bell, senders, n.conf().Limits.HeadTimeout))
	}
	if len(given) > 0 {
		return fmt.Errorf("the service manager hands over a socket at %s, which listen does not name: "+
			"make listen and the socket unit agree", given[0].Addr())
	}
	return nil
}

// Alive returns why this gateway hangs, if it does: nobody accepts what comes to a listener, or the embedded store
// does not answer, until ctx ends. What answers with a failure does not hang: health tells of it, and no restart
// mends it.
func (n *Node) Alive(ctx context.Context) error {
	for _, b := range n.bells {
		if err := b.Ring(ctx); err != nil {
			return fmt.Errorf("nobody accepts at %s: %w", b.Addr(), err)
		}
	}
	if _, shared := n.logs(); shared { // what is away then is no fault of this process
		return nil
	}
	if _, err := n.database.Values().Load(ctx, "alive"); err != nil && ctx.Err() != nil { // it need not be there
		return fmt.Errorf("the store does not answer: %w", err)
	}
	return nil
}
