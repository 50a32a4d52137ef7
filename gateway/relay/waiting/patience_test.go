package waiting_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stagelock/stagelock/gateway/relay/waiting"
)

var errAway = errors.New("the store is away")

// Signs of life come every interval while something lasts, none before and none behind it, and what was waited
// with is used again.
func TestPatienceIsUsedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p waiting.Patience
		beats := 0
		for i, tt := range []struct {
			lasts time.Duration
			want  int
			err   error
		}{
			{0, 0, nil}, {14 * time.Second, 0, nil}, {16 * time.Second, 1, nil}, {time.Minute + time.Second, 4, errAway},
			{0, 0, errAway}, {31 * time.Second, 2, nil}, {29 * time.Second, 1, nil},
		} {
			beats = 0
			err := p.With(15*time.Second, func() { beats++ }, func() error {
				<-time.After(tt.lasts)
				return tt.err
			})
			<-time.After(time.Hour)
			if !errors.Is(err, tt.err) || beats != tt.want {
				t.Errorf("%d: %d signs of life in %v, want %d; %v", i, beats, tt.lasts, tt.want, err)
			}
		}
	})
}

// A sign of life that fails ends the call it belongs to, not the process, and the next wait is none of its.
func TestASignOfLifeThatPanicsDoesSoInTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p waiting.Patience
		caught := func() (fault any) {
			defer func() { fault = recover() }()
			_ = p.With(time.Second, func() { panic("broken") }, func() error { <-time.After(time.Minute); return nil })
			return nil
		}()
		if caught != "broken" {
			t.Errorf("the call caught %v", caught)
		}
		if err := p.With(time.Second, func() {}, func() error { <-time.After(time.Minute); return nil }); err != nil {
			t.Error(err)
		}
	})
}

// Waits that do not last cost nothing but the timer of the first.
func TestPatienceDoesNotAllocate(t *testing.T) {
	var p waiting.Patience
	beat, f := func() {}, func() error { return nil }
	if n := testing.AllocsPerRun(100, func() { _ = p.With(time.Hour, beat, f) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
