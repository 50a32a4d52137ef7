package tasks

import (
	"context"
	"net/netip"
	"time"

	"github.com/stagelock/stagelock/gateway/upstream"
	"github.com/stagelock/stagelock/gateway/visit"
	"github.com/stagelock/stagelock/policy/hosts"
	"github.com/stagelock/stagelock/tunnel/http1"
	"github.com/stagelock/stagelock/tunnel/http1/forward"
	"github.com/stagelock/stagelock/tunnel/syncserver"
	"github.com/stagelock/stagelock/tunnel/syncserver/token"
)

// Policy is what a configuration says of tasks. A reload replaces it as a whole. The zero Policy takes
// none.
type Policy struct {
	Rules    *visit.Rules
	Profile  *http1.Profile
	Limits   syncserver.Limits
	Links    []*Link
	AtOnce   int           // tasks that are held in memory at once
	Patience time.Duration // how long one waits for its place, and for a store that is away
}

// Link is one direction between two servers: who sends, what may be sent, where it goes.
type Link struct {
	Context   string // path context under which the sender hands its tasks in
	Peer      syncserver.Peer
	Addresses *hosts.Set // that the sender comes from; nil: every allowed one
	To        *Target
	// Kept says that tasks are not sent on but kept, for others to have them from here: see Config.Keeper. To is
	// the sender itself then, to whom others' are carried.
	Kept bool
}

// receiver names who gets the tasks of the link.
func (l *Link) receiver() string {
	if l.Kept {
		return syncserver.Gateway
	}
	return l.To.Server
}

// Kept returns the link whose tasks are kept, nil if there is none.
func (p *Policy) Kept() *Link {
	for _, l := range p.Links {
		if l.Kept {
			return l
		}
	}
	return nil
}

// from reports whether the sender may come from addr.
func (l *Link) from(addr netip.Addr) bool { return l.Addresses == nil || l.Addresses.Contains(addr) }

// Target is a server that tasks go to, or the gateway before it.
type Target struct {
	Server   string // its code name
	Open     Opener
	Path     string // of its service
	To       string // URL that a task is addressed to
	User     string
	Secret   token.Secret
	Assembly string
}

// Opener opens a connection to a server. Nothing is sent over it yet.
type Opener func(ctx context.Context) (*Line, error)

// Line is a connection to a server, for one task.
type Line struct {
	Exchange *forward.Exchange
	Node     string // for the audit log
	Host     string
	Ended    func(answered bool, err error) // called once, whatever became of it
}

// Engine opens connections to the nodes of the engine behind the gateway.
func Engine(pool *upstream.Pool, host string) Opener {
	return func(ctx context.Context) (*Line, error) {
		m := pool.Pick(0, "", nil)
		if m == nil {
			return nil, errNoNode
		}
		x, err := m.Open(ctx, true) // a kept one may just have been closed: a task is sent once
		if err != nil {
			m.Failed(err)
			return nil, err
		}
		l := &Line{Exchange: x, Node: m.Name(), Host: host, Ended: func(answered bool, err error) {
			m.Ended()
			switch {
			case err != nil:
				m.Failed(err)
			case answered:
				m.Answered()
			}
		}}
		if host == "" {
			l.Host = m.Host()
		}
		return l, nil
	}
}

// Gateway opens connections to one other server, or to the gateway before it.
func Gateway(up *forward.Upstream, host string) Opener {
	return func(ctx context.Context) (*Line, error) {
		x, err := up.Open(ctx, true)
		if err != nil {
			return nil, err
		}
		return &Line{Exchange: x, Node: host, Host: host, Ended: func(bool, error) {}}, nil
	}
}
