package inflight_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stagelock/stagelock/gateway/relay/inflight"
	"github.com/stagelock/stagelock/policy/calls"
)

var errDrained = errors.New("the time to drain is over")

// How long a gateway that stops waits: for publishes in progress, until they are cleaned up or given up.
func TestDrain(t *testing.T) {
	for _, tt := range []struct {
		name  string
		begun bool          // a publish is in progress
		busy  time.Duration // for how long it has calls under way
		ends  time.Duration // when it is cleaned up, 0 for never
		limit time.Duration
		want  time.Duration
		most  time.Duration
		err   error
	}{
		{name: "nothing in progress", limit: time.Hour},
		{name: "a publish that ends", begun: true, busy: time.Minute, ends: time.Minute, limit: time.Hour, want: time.Minute, most: time.Minute},
		{name: "a publish that does not", begun: true, busy: time.Hour, limit: 30 * time.Second, want: 30 * time.Second, most: 30 * time.Second, err: errDrained},
		{name: "a publish that nobody goes on with", begun: true, limit: 10 * time.Hour, want: time.Second, most: time.Hour},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var d inflight.Publishes
				begun, stops := time.Now(), 0
				if tt.begun {
					d.Begun(7, begun)
				}
				if tt.ends > 0 {
					time.AfterFunc(tt.ends, func() { d.Ended(7) })
				}
				ctx, cancel := context.WithTimeoutCause(t.Context(), tt.limit, errDrained)
				defer cancel()
				busy := func(int64) bool { return time.Since(begun) < tt.busy }
				err := d.Drain(ctx, time.Now, busy, func() {
					if stops++; !d.Stopped() {
						t.Error("what rests is closed before new publishes are refused")
					}
				})
				if lasted := time.Since(begun); !errors.Is(err, tt.err) || lasted < tt.want || lasted > tt.most || stops != 1 {
					t.Errorf("%v after %s with %d stops, want %v after %s to %s", err, lasted, stops, tt.err, tt.want, tt.most)
				}
				if d.Allows(calls.Create, 0, time.Now()) {
					t.Error("a new publish begins while the gateway stops")
				}
			})
		})
	}
}
