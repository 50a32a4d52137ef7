package gateway

import (
	"sync"

	"github.com/stagelock/stagelock/store"
)

// reserved counts the parts that are under way, so that parts sent at once are held to the limits
// together.
type reserved struct {
	mu    sync.Mutex // held around the judgement of a part too
	parts map[int64]map[*store.Part]struct{}
}

// add counts a part and returns how to take it back. The caller holds mu.
func (r *reserved) add(request int64, p store.Part) (done func()) {
	if r.parts == nil {
		r.parts = map[int64]map[*store.Part]struct{}{}
	}
	if r.parts[request] == nil {
		r.parts[request] = map[*store.Part]struct{}{}
	}
	own := &p
	r.parts[request][own] = struct{}{}
	return sync.OnceFunc(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.parts[request], own)
		if len(r.parts[request]) == 0 {
			delete(r.parts, request)
		}
	})
}
