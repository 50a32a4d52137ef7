package visit

import (
	"sync"
	"sync/atomic"
)

const (
	// maxBackground bounds what is left to do behind answers; beyond it the connection waits.
	maxBackground = 512
	// maxQueue bounds it while the store is away: nobody waits for that, and what is beyond is lost.
	maxQueue = 10000
)

// background does what follows an answer without the next call waiting for it, most of it writes
// that share an fsync.
type background struct {
	once   sync.Once
	places chan struct{}
	queued atomic.Int64 // without a place, while the store is away
	lost   atomic.Int64
	all    sync.WaitGroup
}

// do has f done behind the caller. If there is no place it waits for one, but not for a store that is
// away: then f is queued, and false is returned if the queue is full.
func (b *background) do(away bool, f func()) bool {
	b.once.Do(func() { b.places = make(chan struct{}, maxBackground) })
	select {
	case b.places <- struct{}{}:
	default:
		if away {
			return b.queue(f)
		}
		b.places <- struct{}{}
	}
	b.all.Go(func() {
		defer func() { <-b.places }()
		f()
	})
	return true
}

func (b *background) queue(f func()) bool {
	if b.queued.Add(1) > maxQueue {
		b.queued.Add(-1)
		b.lost.Add(1)
		return false
	}
	b.all.Go(func() {
		defer b.queued.Add(-1)
		f()
	})
	return true
}
