package audit_test

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stagelock/stagelock/gateway/audit"
)

func outcome(ref string) audit.Event { return audit.Event{Kind: audit.KindOutcome, Ref: ref} }

// inBubble runs f with a log over m in a bubble of synctest, and closes the log.
func inBubble(t *testing.T, f func(t *testing.T, m *memory, l *audit.Log)) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		l, err := audit.Open(context.Background(), audit.Config{
			Events: m, Now: time.Now, Key: key, Checkpoint: filepath.Join(dir, "c"), CheckpointInterval: time.Hour,
		})
		must(t, err)
		f(t, m, l)
		must(t, l.Close())
		if len(events(t, m, audit.Filter{})) == 0 {
			t.Error("nothing was kept")
		}
	})
}

func TestAppendSoonAlone(t *testing.T) {
	inBubble(t, func(t *testing.T, m *memory, l *audit.Log) {
		begun := time.Now()
		_, err := l.AppendSoon(t.Context(), outcome("a"))
		must(t, err)
		if d := time.Since(begun); d <= 0 || d > 50*time.Millisecond {
			t.Errorf("an event by itself took %v", d)
		}
	})
}

func TestAppendSoonSharesTheWriteOfTheNext(t *testing.T) {
	inBubble(t, func(t *testing.T, m *memory, l *audit.Log) {
		var all sync.WaitGroup
		for _, ref := range []string{"a", "b"} {
			all.Go(func() {
				if _, err := l.AppendSoon(t.Context(), outcome(ref)); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if m.groups != 0 {
			t.Errorf("%d writes before anybody waited", m.groups)
		}
		begun := time.Now()
		_, err := l.Append(t.Context(), verdict(1))
		must(t, err)
		all.Wait()
		if d := time.Since(begun); d != 0 || m.groups != 1 {
			t.Errorf("the next event took %v, and there were %d writes", d, m.groups)
		}
	})
}

func TestAppendSoonOfMany(t *testing.T) {
	inBubble(t, func(t *testing.T, m *memory, l *audit.Log) {
		var all sync.WaitGroup
		for range 1000 {
			all.Go(func() {
				if _, err := l.AppendSoon(t.Context(), outcome("a")); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if m.groups > 20 {
			t.Errorf("%d writes of 1000 events", m.groups)
		}
	})
}

func TestCloseKeepsWhatWaits(t *testing.T) {
	inBubble(t, func(t *testing.T, m *memory, l *audit.Log) {
		done := make(chan error, 1)
		go func() {
			_, err := l.AppendSoon(t.Context(), outcome("a"))
			done <- err
		}()
		synctest.Wait()
		must(t, l.Close())
		must(t, <-done)
	})
}
