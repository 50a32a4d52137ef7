package inflight_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stagelock/stagelock/gateway/relay/inflight"
)

const (
	kib   = int64(1) << 10
	mib   = int64(1) << 20
	most  = 16 * mib // 4 for the first 128 KiB of calls, 12 for the rest, 6 of these for a peer
	begin = 128 * kib
)

// TestRoom: what is taken, by whom, and what the next one gets.
func TestRoom(t *testing.T) {
	type take struct {
		peer string
		n    int64
	}
	many := func(n int, one take) (all []take) {
		for range n {
			all = append(all, one)
		}
		return all
	}
	for _, tt := range []struct {
		name  string
		taken []take
		next  take
		want  error
	}{
		{"nothing is taken", nil, take{"a", begin}, nil},
		{"as much as a peer may have", nil, take{"a", 6*mib + begin}, nil},
		{"more than a peer may have", nil, take{"a", 6*mib + begin + 1}, inflight.ErrHuge},
		{"more than there is", nil, take{"a", 1 << 40}, inflight.ErrHuge},
		{"the peer has its half", []take{{"a", 6*mib + begin}}, take{"a", begin + kib}, inflight.ErrFull},
		{"the peer has its half and comes with a small call", []take{{"a", 6*mib + begin}}, take{"a", begin}, nil},
		{"another peer has its half", []take{{"a", 6*mib + begin}}, take{"b", 6*mib + begin}, nil},
		{"two peers have all", []take{{"a", 6*mib + begin}, {"b", 6*mib + begin}}, take{"c", begin + kib}, inflight.ErrFull},
		{"two peers have all and a third comes with a small call", []take{{"a", 6*mib + begin}, {"b", 6*mib + begin}}, take{"c", begin}, nil},
		{"small calls without end take from the rest", many(32, take{"a", begin}), take{"b", begin}, nil},
		{"small calls of one peer have its half too", many(32+48, take{"a", begin}), take{"a", 1}, inflight.ErrFull},
		{"small calls of one peer leave room for another", many(32+48, take{"a", begin}), take{"b", begin}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var r inflight.Room
				var sum int64
				var all []*inflight.Share
				for i, one := range tt.taken {
					s := r.Enter(one.peer, most, time.Minute)
					if err := s.Take(t.Context(), one.n); err != nil {
						t.Fatalf("take %d: %v", i, err)
					}
					sum += one.n
					all = append(all, s)
				}
				begun := time.Now()
				s := r.Enter(tt.next.peer, most, 15*time.Second)
				if err := s.Take(t.Context(), tt.next.n); !errors.Is(err, tt.want) {
					t.Errorf("got %v, want %v", err, tt.want)
				}
				if waited := time.Since(begun); (waited == 15*time.Second) != errors.Is(tt.want, inflight.ErrFull) {
					t.Errorf("waited %v", waited)
				}
				if tt.want == nil {
					sum += tt.next.n
				}
				if got := r.Taken(); got != sum {
					t.Errorf("%d taken, want %d", got, sum)
				}
				s.Leave()
				s.Leave() // nothing more
				for _, s := range all {
					s.Leave()
				}
				if got := r.Taken(); got != 0 {
					t.Errorf("%d taken when all have left", got)
				}
				if err := r.Enter("a", most, 0).Take(t.Context(), 6*mib); err != nil {
					t.Errorf("after all have left: %v", err)
				}
			})
		})
	}
}

// TestRoomIsWaitedFor: who finds no room gets it as soon as another call ends, or hears of it in time.
func TestRoomIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r inflight.Room
		first := r.Enter("a", most, 0)
		if err := first.Take(t.Context(), 6*mib); err != nil {
			t.Fatal(err)
		}
		got := make(chan error)
		waits := func(ctx context.Context) {
			go func() { got <- r.Enter("a", most, time.Minute).Take(ctx, mib) }()
			synctest.Wait()
			select {
			case err := <-got:
				t.Fatalf("did not wait: %v", err)
			default:
			}
		}
		waits(t.Context())
		first.Leave()
		if err := <-got; err != nil {
			t.Error(err)
		}
		second := r.Enter("a", most, 0)
		if err := second.Take(t.Context(), 5*mib); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		waits(ctx)
		stop()
		if err := <-got; !errors.Is(err, inflight.ErrFull) {
			t.Errorf("a gateway that stops: %v", err)
		}
	})
}

// TestRoomIsWaitedForOnce: a call that takes piece by piece waits no longer than one that takes all at once, for its
// publisher hears nothing meanwhile.
func TestRoomIsWaitedForOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r inflight.Room
		all := []*inflight.Share{r.Enter("a", most, 0), r.Enter("a", most, 0)}
		for _, s := range all {
			if err := s.Take(t.Context(), 3*mib+begin); err != nil {
				t.Fatal(err)
			}
		}
		time.AfterFunc(10*time.Second, all[0].Leave)
		begun, slow := time.Now(), r.Enter("a", most, 15*time.Second)
		if err := slow.Take(t.Context(), 3*mib+begin); err != nil || time.Since(begun) != 10*time.Second {
			t.Errorf("%v after %s", err, time.Since(begun))
		}
		for range 2 {
			if err := slow.Take(t.Context(), kib); !errors.Is(err, inflight.ErrFull) || time.Since(begun) != 15*time.Second {
				t.Errorf("%v after %s, of 15 in all", err, time.Since(begun))
			}
		}
		all[1].Leave()
		if err := slow.Take(t.Context(), kib); err != nil {
			t.Errorf("of what is free: %v", err)
		}
	})
}

// TestZeroRoom: a room of nothing lets nothing in.
func TestZeroRoom(t *testing.T) {
	var r inflight.Room
	if err := r.Enter("a", 0, 0).Take(t.Context(), 1); !errors.Is(err, inflight.ErrFull) && !errors.Is(err, inflight.ErrHuge) {
		t.Errorf("got %v", err)
	}
}

// TestRoomUnderManyCalls takes and gives back from many goroutines: never more than there is, and nothing is left.
func TestRoomUnderManyCalls(t *testing.T) {
	var r inflight.Room
	var calls sync.WaitGroup
	for i := range 16 {
		calls.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 1))
			for range 300 {
				s := r.Enter(string(rune('a'+random.IntN(4))), most, time.Millisecond)
				for range 5 {
					_ = s.Take(t.Context(), random.Int64N(2*mib))
					if got := r.Taken(); got < 0 || got > most {
						t.Errorf("%d taken", got)
					}
				}
				s.Leave()
			}
		})
	}
	calls.Wait()
	if got := r.Taken(); got != 0 {
		t.Errorf("%d are left", got)
	}
}
