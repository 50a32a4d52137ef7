package audit_test

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/audittest"
	"github.com/stagelock/stagelock/store"
)

// distant is a log at the end of a round trip.
type distant struct {
	audittest.Memory
	trip time.Duration
}

func (d *distant) Append(ctx context.Context, recs []store.Record) error {
	<-time.After(d.trip)
	return d.Memory.Append(ctx, recs)
}

// distantly runs f with a log that a round trip of 4 ms leads to, and verifies it.
func distantly(t *testing.T, f func(t *testing.T, d *distant, l *audit.Log)) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := &distant{trip: 4 * time.Millisecond}
		cfg := audit.Config{Events: d, Now: time.Now, Key: audittest.Key, Checkpoint: filepath.Join(dir, "c"),
			CheckpointInterval: time.Hour, CheckpointEvery: 100_000}
		l, err := audit.Open(t.Context(), cfg)
		audittest.Must(t, err)
		f(t, d, l)
		audittest.Must(t, l.Close())
		if r := audittest.Verify(t, cfg, d); !r.OK() {
			t.Errorf("record %d: %s", r.FirstBad, r.Msg)
		}
	})
}

// together has callers append so often each, one event after the other. The first is being written when the others
// come.
func together(t *testing.T, l *audit.Log, callers, each int) {
	var all sync.WaitGroup
	for i := range callers {
		if i == 1 {
			synctest.Wait()
		}
		all.Go(func() {
			for range each {
				if _, err := l.Append(t.Context(), audittest.Verdict(1)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

// Callers who are told together come again together, and share the next write: one of them was a moment before
// the others, and was written alone while they waited.
func TestCallersWhoComeAgainShareTheNextWrite(t *testing.T) {
	const callers, each = 16, 50
	distantly(t, func(t *testing.T, d *distant, l *audit.Log) {
		together(t, l, callers, each)
		if d.Groups > each+10 {
			t.Errorf("%d writes of %d events by %d callers", d.Groups, callers*each, callers)
		}
	})
}

// Who is alone waits for nobody, and soon not for those who came before either.
func TestWhoIsAloneWaitsForNobody(t *testing.T) {
	distantly(t, func(t *testing.T, d *distant, l *audit.Log) {
		begun := time.Now()
		together(t, l, 1, 20)
		if took := time.Since(begun); took != 20*d.trip {
			t.Errorf("20 events took %v, want %v", took, 20*d.trip)
		}
		together(t, l, 16, 5)
		begun = time.Now()
		together(t, l, 1, 20)
		if late := time.Since(begun) - 20*d.trip; late > 10*time.Millisecond {
			t.Errorf("who was left alone waited %v for those who came before", late)
		}
		begun = time.Now()
		together(t, l, 1, 20)
		if took := time.Since(begun); took != 20*d.trip {
			t.Errorf("20 events later took %v, want %v", took, 20*d.trip)
		}
	})
}

// An outcome, for which nobody waits, is not waited for either.
func TestOutcomesAreNotWaitedFor(t *testing.T) {
	distantly(t, func(t *testing.T, d *distant, l *audit.Log) {
		var all sync.WaitGroup
		for range 30 {
			all.Go(func() {
				if _, err := l.AppendSoon(t.Context(), audittest.Verdict(2)); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		begun := time.Now()
		together(t, l, 1, 3)
		if took := time.Since(begun); took != 3*d.trip {
			t.Errorf("3 events took %v, want %v", took, 3*d.trip)
		}
	})
}
