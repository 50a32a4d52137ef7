package exchange

import (
	"context"
	"slices"

	"github.com/stagelock/stagelock/gateway/inbox"
	"github.com/stagelock/stagelock/gateway/outbox"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// now returns the peers with what they may do now.
func (x *Exchange) now() []Peer { return *x.peers.Load() }

// senders are the peers as who takes changes sees them.
func (x *Exchange) senders() []inbox.Peer {
	all := make([]inbox.Peer, 0, len(x.now()))
	for _, p := range x.now() {
		all = append(all, p.Peer)
	}
	return all
}

func (x *Exchange) peer(id sync.ServerID) (Peer, bool) {
	all := x.now()
	if i := slices.IndexFunc(all, func(p Peer) bool { return p.ID == id }); i >= 0 {
		return all[i], true
	}
	return Peer{}, false
}

// rights are what may be sent to a peer now.
func (x *Exchange) rights(id sync.ServerID) func() outbox.Rights {
	return func() outbox.Rights {
		p, there := x.peer(id)
		return outbox.Rights{Open: there, Kinds: p.Kinds, Covers: p.Covers, Where: p.Where}
	}
}

// Use has other rights of the peers count from now on, also for what waits. One that is not among them any more may
// do nothing. A peer that was not there at the start, an address and a direction count after a restart only.
func (x *Exchange) Use(peers []Peer) {
	var next []Peer
	for _, p := range x.cfg.Peers {
		i := slices.IndexFunc(peers, func(o Peer) bool { return o.ID == p.ID })
		if i < 0 {
			continue
		}
		o := peers[i]
		p.Kinds, p.Paths, p.Approve, p.Deletes, p.PerHour, p.Where = o.Kinds, o.Paths, o.Approve, o.Deletes, o.PerHour, o.Where
		next = append(next, p)
	}
	x.peers.Store(&next)
	x.outbox.Greet()
	x.Look()
	x.decided()
}

// known is what this server knows of others, its neighbours first.
func (x *Exchange) known(ctx context.Context) ([]sync.Server, error) {
	all, err := x.servers(ctx)
	var out []sync.Server
	for _, s := range all[:min(len(all), sync.MaxKnown)] {
		out = append(out, sync.Server{ID: s.ID, Name: s.Name, Links: s.Links})
	}
	return out, err
}
