package relay

import (
	"maps"
	"slices"
	"sync"

	"github.com/stagelock/stagelock/policy/calls"
)

// partsInFlight knows the parts that are under way, so that parts sent at once are held to the
// limits together. Requests do not wait for each other.
type partsInFlight struct {
	mu   sync.Mutex // guards open and the users in it
	open map[int64]*inFlight
}

// inFlight has the parts of one request that are under way.
type inFlight struct {
	mu    sync.Mutex // held while a part is judged
	users int        // who holds this, or is about to
	parts map[*piece]struct{}
}

// piece is a part that is under way.
type piece struct {
	name string
	size int64
}

// beside sums up the parts under way but those of that name: a part that is sent again counts once.
func (f *inFlight) beside(name string) calls.Parts {
	var sum calls.Parts
	for p := range f.parts {
		if p.name == name {
			continue
		}
		sum.Width, sum.Bytes = calls.WidthOf(p.name), sum.Bytes+p.size
	}
	return sum
}

// with calls judge with what of request is under way, which stays the same until it returns.
func (p *partsInFlight) with(request int64, judge func(*inFlight) error) error {
	f := p.take(request)
	defer p.drop(request, f)
	f.mu.Lock()
	defer f.mu.Unlock()
	return judge(f)
}

// reserve is with, and counts a part among them if judge has no objection, until release is called.
func (p *partsInFlight) reserve(
	request int64, judge func(*inFlight) (piece, error),
) (release func(), err error) {
	f, kept := p.take(request), false
	defer func() {
		if !kept {
			p.drop(request, f)
		}
	}()
	f.mu.Lock()
	defer f.mu.Unlock()
	own, err := judge(f)
	if err != nil {
		return nil, err
	}
	f.parts[&own], kept = struct{}{}, true
	return sync.OnceFunc(func() {
		f.mu.Lock()
		delete(f.parts, &own)
		f.mu.Unlock()
		p.drop(request, f)
	}), nil
}

func (p *partsInFlight) take(request int64) *inFlight {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open == nil {
		p.open = map[int64]*inFlight{}
	}
	f := p.open[request]
	if f == nil {
		f = &inFlight{parts: map[*piece]struct{}{}}
		p.open[request] = f
	}
	f.users++
	return f
}

func (p *partsInFlight) drop(request int64, f *inFlight) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f.users--; f.users == 0 {
		delete(p.open, request)
	}
}

// has reports whether a part of request is under way.
func (p *partsInFlight) has(request int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.open[request] != nil
}

// underWay counts the calls under way by the staging request that they name, and knows which requests
// are being cleaned up by the gateway itself.
type underWay struct {
	mu    sync.Mutex
	n     map[int64]int
	going map[int64]chan struct{} // closed when the clean-up has ended
}

// enter counts a call until leave is called. Leave is never nil; ok is false, and nothing counted,
// while the request is being cleaned up.
func (u *underWay) enter(request int64) (leave func(), ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.going[request] != nil {
		return func() {}, false
	}
	if u.n == nil {
		u.n = map[int64]int{}
	}
	u.n[request]++
	return func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		if u.n[request]--; u.n[request] == 0 {
			delete(u.n, request)
		}
	}, true
}

// alone keeps all others from a request until leave is called. Leave is nil if calls are under way,
// and if another one has it alone: other is closed then when that has left.
func (u *underWay) alone(request int64) (leave func(), other <-chan struct{}) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if done := u.going[request]; done != nil {
		return nil, done
	}
	if u.n[request] > 0 {
		return nil, nil
	}
	if u.going == nil {
		u.going = map[int64]chan struct{}{}
	}
	done := make(chan struct{})
	u.going[request] = done
	return func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		delete(u.going, request)
		close(done)
	}, nil
}

func (u *underWay) all() []int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Collect(maps.Keys(u.n))
}

func (u *underWay) has(request int64) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.n[request] > 0
}
