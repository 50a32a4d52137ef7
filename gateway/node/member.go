package node

import (
	"context"

	"github.com/stagelock/stagelock/gateway/cluster"
	"github.com/stagelock/stagelock/gateway/once"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/files"
)

// join makes this process the one of its name: what a former one had begun becomes unknown.
func (n *Node) join(ctx context.Context) (*once.Life, error) {
	name, err := cluster.NodeName(n.conf())
	if err != nil {
		return nil, err
	}
	return once.Join(ctx, once.LifeConfig{
		Members: n.database.Members(), Node: name, Version: n.cfg.Version, Lease: n.lease(),
		Digest: n.digest, State: n.memberState, Calls: n.underWay, Joined: n.joined, Patience: n.patience(),
	})
}

// digest does not wait for a reload, which may ask a certificate authority: the lease is renewed
// with it meanwhile.
func (n *Node) digest() string { return cluster.Digest(n.conf()) }

// underWay is how many calls other gateways are told that this one has.
func (n *Node) underWay() int {
	if n.once == nil {
		return 0
	}
	return n.once.UnderWay()
}

// joined notes the id of the gateway's membership, so that validate knows its own from another's. A store of its own
// has no others in it.
func (n *Node) joined(id string) {
	if _, shared := n.logs(); !shared {
		return
	}
	if err := files.Replace(n.data().Life(), []byte(id+"\n"), 0o644); err != nil {
		n.cfg.Log.WithError(err).Warn("the id of the membership cannot be noted")
	}
}

// memberState is what other gateways are told of this one.
func (n *Node) memberState() store.MemberState {
	if n.relay != nil && n.relay.Draining() {
		return store.MemberDraining
	}
	return store.MemberUp
}
