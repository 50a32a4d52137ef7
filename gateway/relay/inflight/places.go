package inflight

import (
	"context"
	"sync"
	"time"
)

// Places bounds the calls of each peer that are under way at once.
type Places struct {
	mu     sync.Mutex
	places map[string]chan struct{}
}

// of returns the places of a peer; a reload that changes their number begins anew.
func (b *Places) of(peer string, most int) chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.places == nil {
		b.places = map[string]chan struct{}{}
	}
	if c := b.places[peer]; c != nil && cap(c) == most {
		return c
	}
	b.places[peer] = make(chan struct{}, most)
	return b.places[peer]
}

// Enter takes a place of the peer, waiting up to wait for one, and returns how to give it back.
func (b *Places) Enter(
	ctx context.Context, peer string, most int, wait time.Duration,
) (leave func(), ok bool) {
	places := b.of(peer, most)
	leave = func() { <-places }
	select {
	case places <- struct{}{}:
		return leave, true
	default:
	}
	if wait <= 0 {
		return nil, false
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case places <- struct{}{}:
		return leave, true
	case <-t.C:
	case <-ctx.Done():
	}
	return nil, false
}

// Taken returns how many places each peer has taken.
func (b *Places) Taken() map[string]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make(map[string]int, len(b.places))
	for peer, places := range b.places {
		all[peer] = len(places)
	}
	return all
}
