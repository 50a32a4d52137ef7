package visit

import (
	"sync"
	"sync/atomic"
	"testing"
)

// While the store is away nobody waits for a place: outcomes are queued, and counted when they are lost.
func TestOutcomesOfAStoreThatIsAway(t *testing.T) {
	var b background
	hold := make(chan struct{})
	var done atomic.Int64
	f := func() {
		<-hold
		done.Add(1)
	}
	for i := range maxBackground + maxQueue {
		if !b.do(true, f) {
			t.Fatalf("outcome %d was not taken", i)
		}
	}
	for range 7 {
		if b.do(true, f) {
			t.Fatal("an outcome beyond the queue was taken")
		}
	}
	if n := b.lost.Load(); n != 7 {
		t.Errorf("%d were counted as lost, want 7", n)
	}
	close(hold)
	b.all.Wait()
	if n := done.Load(); n != maxBackground+maxQueue {
		t.Errorf("%d were written, want %d", n, maxBackground+maxQueue)
	}
	if !b.do(true, f) {
		t.Error("the queue is still full")
	}
	b.all.Wait()
}

// A store that is only slow is waited for: nothing is lost.
func TestOutcomesOfASlowStore(t *testing.T) {
	var b background
	hold := make(chan struct{})
	var done atomic.Int64
	f := func() {
		<-hold
		done.Add(1)
	}
	const more = 100
	var callers sync.WaitGroup
	for range maxBackground + more {
		callers.Go(func() {
			if !b.do(false, f) {
				t.Error("an outcome was lost")
			}
		})
	}
	close(hold)
	callers.Wait()
	b.all.Wait()
	if n := done.Load(); n != maxBackground+more || b.lost.Load() != 0 {
		t.Errorf("%d were written, %d lost", n, b.lost.Load())
	}
}
