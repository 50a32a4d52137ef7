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
		n.listeners = append(n.listeners, front.Listen(l, senders, n.conf().Limits.HeadTimeout))
	}
	if len(given) > 0 {
		return fmt.Errorf("the service manager hands over a socket at %s, which listen does not name: "+
			"make listen and the socket unit agree", given[0].Addr())
	}
	return nil
}
