package relay

import (
	"sync"

	"github.com/stagelock/stagelock/store"
)

// partsInFlight knows the parts that are under way, so that parts sent at once are held to the
// limits together.
type partsInFlight struct {
	mu    sync.Mutex
	parts map[int64]map[*store.Part]struct{}
}

// with calls judge with the parts of request that are under way, which stay the same until it
// returns. It must not keep them.
func (p *partsInFlight) with(request int64, judge func([]store.Part) error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return judge(p.of(request))
}

// reserve is with, and counts a part among them if judge has no objection, until release is called.
func (p *partsInFlight) reserve(
	request int64, judge func([]store.Part) (store.Part, error),
) (release func(), err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	own, err := judge(p.of(request))
	if err != nil {
		return nil, err
	}
	if p.parts == nil {
		p.parts = map[int64]map[*store.Part]struct{}{}
	}
	if p.parts[request] == nil {
		p.parts[request] = map[*store.Part]struct{}{}
	}
	p.parts[request][&own] = struct{}{}
	return sync.OnceFunc(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.parts[request], &own)
		if len(p.parts[request]) == 0 {
			delete(p.parts, request)
		}
	}), nil
}

// of copies the parts of a request. The caller holds mu.
func (p *partsInFlight) of(request int64) []store.Part {
	var all []store.Part
	for part := range p.parts[request] {
		all = append(all, *part)
	}
	return all
}
