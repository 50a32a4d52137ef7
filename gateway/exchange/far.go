package exchange

import (
	"context"
	"maps"
	"slices"
	stdsync "sync"

	"github.com/stagelock/stagelock/tunnel/sync"
)

// far is what neighbours say of servers that are none, for people to read. It is not kept: every hello
// tells it again.
type far struct {
	mu  stdsync.Mutex // guards all
	all map[sync.ServerID]sync.Server
}

// met learns what another server knows.
func (f *far) met(_ sync.ServerID, h sync.Hello) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all == nil || len(f.all) > sync.MaxKnown {
		f.all = map[sync.ServerID]sync.Server{}
	}
	for _, s := range h.Known[:min(len(h.Known), sync.MaxKnown)] {
		if _, err := sync.ParseServerID(string(s.ID)); err == nil {
			f.all[s.ID] = s.Plain()
		}
	}
}

func (f *far) servers() []sync.Server {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.SortedFunc(maps.Values(f.all), func(a, b sync.Server) int {
		return slices.Compare([]byte(a.ID), []byte(b.ID))
	})
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
