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
)

func outcome(ref string) audit.Event { return audit.Event{Kind: audit.KindOutcome, Ref: ref} }

// inBubble runs f with a log over m in a bubble of synctest, and closes the log.
func inBubble(t *testing.T, f func(t *testing.T, m *audittest.Memory, l *audit.Log)) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		m := &audittest.Memory{}
		l, err := audit.Open(context.Background(), audit.Config{
			Events: m, Now: time.Now, Key: audittest.Key, Checkpoint: filepath.Join(dir, "c"), CheckpointInterval: time.Hour,
		})
		audittest.Must(t, err)
		f(t, m, l)
		audittest.Must(t, l.Close())
		if len(audittest.Events(t, m, audit.Filter{})) == 0 {
			t.Error("nothing was kept")
		}
	})
}

func TestAppendSoonAlone(t *testing.T) {
	inBubble(t, func(t *testing.T, m *audittest.Memory, l *audit.Log) {
		begun := time.Now()
		_, err := l.AppendSoon(t.Context(), outcome("a"))
		audittest.Must(t, err)
		if d := time.Since(begun); d <= 0 || d > 50*time.Millisecond {
			t.Errorf("an event by itself took %v", d)
		}
	})
}

func TestAppendSoonSharesTheWriteOfTheNext(t *testing.T) {
	inBubble(t, func(t *testing.T, m *audittest.Memory, l *audit.Log) {
		var all sync.WaitGroup
		for _, ref := range []string{"a", "b"} {
			all.Go(func() {
				if _, err := l.AppendSoon(t.Context(), outcome(ref)); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if m.Groups != 0 {
			t.Errorf("%d writes before anybody waited", m.Groups)
		}
		begun := time.Now()
		_, err := l.Append(t.Context(), audittest.Verdict(1))
		audittest.Must(t, err)
		all.Wait()
		if d := time.Since(begun); d != 0 || m.Groups != 1 {
			t.Errorf("the next event took %v, and there were %d writes", d, m.Groups)
		}
	})
}

func TestAppendSoonOfMany(t *testing.T) {
	inBubble(t, func(t *testing.T, m *audittest.Memory, l *audit.Log) {
		var all sync.WaitGroup
		for range 1000 {
			all.Go(func() {
				if _, err := l.AppendSoon(t.Context(), outcome("a")); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if m.Groups > 20 {
			t.Errorf("%d writes of 1000 events", m.Groups)
		}
	})
}

func TestCloseKeepsWhatWaits(t *testing.T) {
	inBubble(t, func(t *testing.T, m *audittest.Memory, l *audit.Log) {
		done := make(chan error, 1)
		go func() {
			_, err := l.AppendSoon(t.Context(), outcome("a"))
			done <- err
		}()
		synctest.Wait()
		audittest.Must(t, l.Close())
		audittest.Must(t, <-done)
	})
}
