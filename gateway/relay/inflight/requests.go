package inflight

import (
	"maps"
	"slices"
	"sync"
)

// Requests counts the calls under way by the staging request that they name, and knows which requests
// are being cleaned up by the gateway itself.
type Requests struct {
	mu    sync.Mutex
	n     map[int64]int
	going map[int64]chan struct{} // closed when the clean-up has ended
}

// Enter counts a call until leave is called. Leave is never nil; ok is false, and nothing counted,
// while the request is being cleaned up.
func (u *Requests) Enter(request int64) (leave func(), ok bool) {
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

// Alone keeps all others from a request until leave is called. Leave is nil if calls are under way,
// and if another one has it alone: other is closed then when that has left.
func (u *Requests) Alone(request int64) (leave func(), other <-chan struct{}) {
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

// All returns the requests that have calls under way.
func (u *Requests) All() []int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Collect(maps.Keys(u.n))
}

// Has reports whether a call of request is under way.
func (u *Requests) Has(request int64) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.n[request] > 0
}
