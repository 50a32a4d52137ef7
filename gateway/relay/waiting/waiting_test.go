package waiting_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stagelock/stagelock/gateway/relay/problems"
	"github.com/stagelock/stagelock/gateway/relay/waiting"
	"github.com/stagelock/stagelock/tunnel"
)

var errStop, errGone = errors.New("told to stop"), errors.New("broken pipe")

// reasonOf is the reason of the problem in err, empty for nil.
func reasonOf(err error) tunnel.Reason {
	if err == nil {
		return ""
	}
	return problems.Of(err).Reason
}

func TestForLastsAsLongAsItSays(t *testing.T) {
	for _, tt := range []struct {
		name string
		d    time.Duration
		want time.Duration
	}{
		{"nothing", 0, 0}, {"less than nothing", -time.Hour, 0}, {"a moment", 25 * time.Millisecond, 25 * time.Millisecond},
		{"a day", 24 * time.Hour, 24 * time.Hour},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				if err := waiting.For(t.Context(), tt.d); err != nil {
					t.Fatal(err)
				}
				if got := time.Since(begun); got != tt.want {
					t.Errorf("it lasted %s, want %s", got, tt.want)
				}
			})
		})
	}
}

func TestForEndsWithTheGateway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancelCause(t.Context())
		begun := time.Now()
		time.AfterFunc(3*time.Second, func() { stop(errStop) })
		err := waiting.For(ctx, time.Hour)
		if reasonOf(err) != problems.ReasonDraining || !errors.Is(err, errStop) {
			t.Errorf("%v, want a gateway that stops, with its cause", err)
		}
		if got := time.Since(begun); got != 3*time.Second {
			t.Errorf("it lasted %s", got)
		}
	})
}

// A pace of nothing does not look at the gateway: the call may go on to be answered.
func TestForOfNothingIsNoQuestion(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := waiting.For(ctx, 0); err != nil {
		t.Error(err)
	}
}

func TestUntilEnds(t *testing.T) {
	const every = 10 * time.Second
	for _, tt := range []struct {
		name    string
		done    time.Duration // 0: never
		stop    time.Duration
		gone    int // the beat that fails, 0 for none
		want    tunnel.Reason
		after   time.Duration
		heard   int
		carries error
	}{
		{name: "at once", done: time.Nanosecond, after: time.Nanosecond},
		{name: "before the first beat", done: 9 * time.Second, after: 9 * time.Second},
		{name: "after some beats", done: 35 * time.Second, after: 35 * time.Second, heard: 3},
		{name: "with the gateway", stop: 25 * time.Second, want: problems.ReasonDraining, after: 25 * time.Second, heard: 2, carries: errStop},
		{name: "with its publisher", gone: 2, want: problems.ReasonCut, after: 20 * time.Second, heard: 2, carries: errGone},
		{name: "with its publisher at the first beat", gone: 1, want: problems.ReasonCut, after: 10 * time.Second, heard: 1, carries: errGone},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, stop := context.WithCancelCause(t.Context())
				defer stop(nil)
				done := make(chan struct{})
				if tt.done > 0 {
					time.AfterFunc(tt.done, func() { close(done) })
				}
				if tt.stop > 0 {
					time.AfterFunc(tt.stop, func() { stop(errStop) })
				}
				begun, heard := time.Now(), 0
				err := waiting.Until(ctx, done, every, func() error {
					if heard++; heard == tt.gone {
						return errGone
					}
					return nil
				})
				if reasonOf(err) != tt.want || tt.carries != nil && !errors.Is(err, tt.carries) {
					t.Errorf("%v, want %q with %v", err, tt.want, tt.carries)
				}
				if got := time.Since(begun); got != tt.after || heard != tt.heard {
					t.Errorf("it lasted %s with %d beats, want %s with %d", got, heard, tt.after, tt.heard)
				}
			})
		})
	}
}

// What was done before the wait began does not wait for a beat.
func TestUntilOfWhatIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		done := make(chan struct{})
		close(done)
		beat := func() error { t.Error("a sign of life of nothing"); return nil }
		begun := time.Now()
		if err := waiting.Until(t.Context(), done, time.Second, beat); err != nil || time.Since(begun) != 0 {
			t.Errorf("%v after %s", err, time.Since(begun))
		}
	})
}

func TestPatientlyBeatsWhileItLasts(t *testing.T) {
	for _, tt := range []struct {
		name  string
		lasts time.Duration
		want  []time.Duration
	}{
		{"shorter than a beat", 14 * time.Second, nil},
		{"longer", 50 * time.Second, []time.Duration{15 * time.Second, 30 * time.Second, 45 * time.Second}},
		{"nothing", 0, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var heard []time.Duration
				begun := time.Now()
				beat := func() { heard = append(heard, time.Since(begun)) }
				err := new(waiting.Patience).With(15*time.Second, beat, func() error { return errors.Join(pass(t, tt.lasts), errStop) })
				if !errors.Is(err, errStop) {
					t.Errorf("%v, want what the work returned", err)
				}
				if !slices.Equal(heard, tt.want) {
					t.Errorf("beats at %s, want %s", heard, tt.want)
				}
				if err := pass(t, time.Hour); err != nil || len(heard) != len(tt.want) {
					t.Errorf("%d beats after the end", len(heard)-len(tt.want))
				}
			})
		})
	}
}

func pass(t *testing.T, d time.Duration) error { return waiting.For(t.Context(), d) }

// Nothing may be written while a sign of life is: the end waits for it.
func TestPatientlyEndsBehindItsBeat(t *testing.T) {
	begun, returned := make(chan struct{}), make(chan struct{})
	ended := false
	err := new(waiting.Patience).With(time.Millisecond, func() {
		if ended {
			return
		}
		close(begun)
		select { // a client that takes nothing for a while
		case <-returned:
			t.Error("it returned while a sign of life was written")
		case <-time.After(100 * time.Millisecond):
		}
		ended = true
	}, func() error { <-begun; return nil })
	close(returned)
	if err != nil || !ended {
		t.Errorf("%v; the beat had ended: %t", err, ended)
	}
}

// A fault in a sign of life is the call's own: it is not lost, and does not end the process.
func TestPatientlyHandsAFaultOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer func() {
			if got := recover(); got != "fault of a beat" {
				t.Errorf("recovered %v", got)
			}
		}()
		err := new(waiting.Patience).With(time.Second, func() { panic("fault of a beat") }, func() error { return pass(t, time.Minute) })
		t.Errorf("it returned %v", err)
	})
}

// A fault of the work passes through, and no beat is left behind.
func TestPatientlyOfWorkThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		beats := 0
		func() {
			defer func() {
				if got := recover(); got != "fault of the work" {
					t.Errorf("recovered %v", got)
				}
			}()
			_ = new(waiting.Patience).With(time.Second, func() { beats++ }, func() error { panic("fault of the work") })
		}()
		if err := pass(t, time.Hour); err != nil || beats > 0 {
			t.Errorf("%d beats of work that is over", beats)
		}
	})
}
