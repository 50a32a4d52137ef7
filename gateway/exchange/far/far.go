package far

import (
	"maps"
	"slices"
	stdsync "sync"

	"github.com/stagelock/stagelock/tunnel/sync"
)

// Servers are those that are no neighbours, for people to read. They are not kept: every hello tells of them again. The
// zero Servers are none. It is safe for concurrent use.
type Servers struct {
	mu  stdsync.Mutex // guards all
	all map[sync.ServerID]sync.Server
}

// Met learns what another server knows.
func (f *Servers) Met(_ sync.ServerID, h sync.Hello) {
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

// All returns them, by key.
func (f *Servers) All() []sync.Server {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.SortedFunc(maps.Values(f.all), func(a, b sync.Server) int {
		return slices.Compare([]byte(a.ID), []byte(b.ID))
	})
}
