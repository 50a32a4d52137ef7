package inflight

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Why there is no room for a call.
var (
	ErrFull = errors.New("no memory is left for calls")           // others have it
	ErrHuge = errors.New("no call of this size may be in memory") // nobody has it
)

// small is what of each call comes out of the quarter that calls have to themselves.
const small = 128 << 10

// Room bounds the memory that all calls under way take together. A quarter of it is for the first 128 KiB of
// each, so that large calls never shut out small ones; of the rest one peer has half at most.
type Room struct {
	mu      sync.Mutex       // guards what follows
	begins  int64            // taken by the first 128 KiB of calls
	rest    int64            // taken by what is above
	peers   map[string]int64 // of rest
	changed chan struct{}    // closed when something was given back; nil: nobody waits
}

// Share is what one call, or its answer, has of a Room. It belongs to the goroutine of the call.
type Share struct {
	room *Room
	peer string
	most int64         // of all calls together
	wait time.Duration // that is left

	begin, rest int64
}

// Enter returns the share of a call of the peer, in which nothing is taken yet. All calls together may take
// most bytes, and a call that finds no room waits for others to end: that long in all, however often it takes.
func (r *Room) Enter(peer string, most int64, wait time.Duration) *Share {
	s := &Share{}
	r.Begin(s, peer, most, wait)
	return s
}

// Begin is Enter in a place of the caller's. What a share there had must have been given back.
func (r *Room) Begin(s *Share, peer string, most int64, wait time.Duration) {
	*s = Share{room: r, peer: peer, most: most, wait: wait}
}

// Taken returns how many bytes all calls have.
func (r *Room) Taken() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.begins + r.rest
}

// Take takes n bytes more. It returns ErrFull if they do not become free in time, and at once if the call
// could have them never: ErrHuge.
func (s *Share) Take(ctx context.Context, n int64) error {
	ok, freed := s.try(n)
	if ok {
		return nil
	}
	if s.rest+n-min(n, small-s.begin) > s.ofPeer() {
		return ErrHuge
	}
	t, begun := time.NewTimer(s.wait), time.Now()
	defer t.Stop()
	defer func() { s.wait = max(0, s.wait-time.Since(begun)) }()
	for {
		select {
		case <-freed:
		case <-t.C:
			return ErrFull
		case <-ctx.Done():
			return ErrFull
		}
		if ok, freed = s.try(n); ok {
			return nil
		}
	}
}

// ofPeer is how much of the rest one peer may have.
func (s *Share) ofPeer() int64 { return (s.most - s.most/4) / 2 }

// try takes n bytes if there is room; if not, it returns what is closed when some was given back.
func (s *Share) try(n int64) (ok bool, freed <-chan struct{}) {
	r := s.room
	r.mu.Lock()
	defer r.mu.Unlock()
	begin := min(n, small-s.begin)
	if r.begins+begin > s.most/4 {
		begin = 0
	}
	if rest := n - begin; rest == 0 || r.rest+rest <= s.most-s.most/4 && r.peers[s.peer]+rest <= s.ofPeer() {
		s.keep(begin, rest)
		return true, nil
	}
	if r.changed == nil {
		r.changed = make(chan struct{})
	}
	return false, r.changed
}

// keep notes what was taken. The caller holds the room.
func (s *Share) keep(begin, rest int64) {
	s.begin, s.rest = s.begin+begin, s.rest+rest
	s.room.begins += begin
	if rest > 0 {
		if s.room.peers == nil {
			s.room.peers = map[string]int64{}
		}
		s.room.rest += rest
		s.room.peers[s.peer] += rest
	}
}

// Leave gives everything back. A second call does nothing.
func (s *Share) Leave() {
	if s.begin+s.rest == 0 {
		return
	}
	r := s.room
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begins -= s.begin
	r.rest -= s.rest
	if s.rest > 0 {
		if r.peers[s.peer] -= s.rest; r.peers[s.peer] == 0 {
			delete(r.peers, s.peer)
		}
	}
	s.begin, s.rest = 0, 0
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
}
