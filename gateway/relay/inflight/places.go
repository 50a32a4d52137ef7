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

// Place is one place of a peer; the zero Place is none.
type Place struct{ of chan struct{} }

// Leave gives a place back, once.
func (p *Place) Leave() {
	if p.of != nil {
		<-p.of
		p.of = nil
	}
}

// Enter takes a place of the peer, waiting up to wait for one.
func (b *Places) Enter(ctx context.Context, peer string, most int, wait time.Duration) (p Place, ok bool) {
	places := b.of(peer, most)
	p.of = places
	select {
	case places <- struct{}{}:
		return p, true
	default:
	}
	if wait <= 0 {
		return Place{}, false
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case places <- struct{}{}:
		return p, true
	case <-t.C:
	case <-ctx.Done():
	}
	return Place{}, false
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
