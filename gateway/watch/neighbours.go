package watch

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/stagelock/stagelock/store"
)

// neighbourly is how often is asked which gateways share the store.
const neighbourly = 10 * time.Second

// Neighbours knows which gateways share the store, as of a moment ago: what tells of it must not wait
// for a database.
type Neighbours struct {
	Members store.Members

	now atomic.Pointer[map[string]int]
}

// Run asks until ctx ends. While the store does not answer nobody is known.
func (n *Neighbours) Run(ctx context.Context) error {
	t := time.NewTicker(neighbourly)
	defer t.Stop()
	for {
		n.ask(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

func (n *Neighbours) ask(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	states := map[string]int{}
	members, err := n.Members.Members(ctx)
	if err == nil {
		for _, m := range members {
			if !m.Over {
				states[string(m.State)]++
			}
		}
	}
	n.now.Store(&states)
}

// States returns how many gateways there are, by state.
func (n *Neighbours) States() map[string]int {
	if now := n.now.Load(); now != nil {
		return *now
	}
	return map[string]int{}
}
