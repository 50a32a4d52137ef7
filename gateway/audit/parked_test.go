package audit_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/audittest"
	"github.com/stagelock/stagelock/store"
)

// refs returns the references of the verdicts and outcomes in the log, in its order.
func refs(t *testing.T, w *written) (all []string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, ev := range audittest.Events(t, w, audit.Filter{Kinds: []audit.Kind{audit.KindVerdict, audit.KindOutcome}}) {
		all = append(all, ev.Ref)
	}
	return all
}

// groups returns how many writes there were.
func groups(w *written) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.Groups
}

func verdictOf(ref string) audit.Event {
	return audit.Event{Kind: audit.KindVerdict, Ref: ref, Verdict: audit.Allow}
}

func leave(t *testing.T, l *audit.Log, all ...string) {
	t.Helper()
	for _, ref := range all {
		_, err := l.AppendSoon(t.Context(), outcome(ref))
		audittest.Must(t, err)
	}
}

func TestOutcomesLeaveWithTheNextEvent(t *testing.T) {
	for name, write := range map[string]func(*audit.Log, context.Context, audit.Event) (store.Seq, error){
		"a verdict that is written": (*audit.Log).Write, "a verdict that is on disk": (*audit.Log).Append,
	} {
		t.Run(name, func(t *testing.T) {
			directly(t, func(t *testing.T, w *written, l *audit.Log) {
				leave(t, l, "a", "b")
				if got := refs(t, w); len(got) != 0 {
					t.Errorf("%v written before anything followed", got)
				}
				seq, err := write(l, t.Context(), verdictOf("c"))
				audittest.Must(t, err)
				if got := refs(t, w); !slices.Equal(got, []string{"a", "b", "c"}) || seq != 3 || groups(w) != 1 {
					t.Errorf("%v in %d writes, the verdict is number %d", got, groups(w), seq)
				}
			})
		})
	}
}

func TestAnOutcomeThatNothingFollows(t *testing.T) {
	directly(t, func(t *testing.T, w *written, l *audit.Log) {
		for i := range 3 {
			begun := time.Now()
			leave(t, l, fmt.Sprint(i))
			<-time.After(time.Second)
			if disk, at := w.onDisk(); disk != store.Seq(i+1) || at.Sub(begun) > 10*time.Millisecond {
				t.Errorf("%d of %d on disk, after %v", disk, i+1, at.Sub(begun))
			}
		}
	})
}

func TestOutcomesThatNobodyFollowsForLong(t *testing.T) {
	directly(t, func(t *testing.T, w *written, l *audit.Log) {
		var want []string
		for i := range 1000 {
			want = append(want, fmt.Sprint(i))
		}
		leave(t, l, want...)
		if n := groups(w); n == 0 || n > 10 {
			t.Errorf("%d writes of 1000 outcomes in one moment", n)
		}
		<-time.After(time.Second)
		if got := refs(t, w); !slices.Equal(got, want) {
			t.Errorf("%d outcomes, or in another order", len(got))
		}
	})
}

func TestCloseWritesWhatIsParked(t *testing.T) {
	directly(t, func(t *testing.T, w *written, l *audit.Log) {
		leave(t, l, "a", "b")
		audittest.Must(t, l.Close())
		if got := refs(t, w); !slices.Equal(got, []string{"a", "b"}) {
			t.Errorf("%v", got)
		}
		if _, err := l.AppendSoon(t.Context(), outcome("c")); !errors.Is(err, store.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	})
}

// A store that cannot be written keeps outcomes waiting, says so, and has each of them once when it can again.
func TestOutcomesOutliveAFullDisk(t *testing.T) {
	directly(t, func(t *testing.T, w *written, l *audit.Log) {
		leave(t, l, "a")
		w.breaks(store.ErrFull)
		if _, err := l.Write(t.Context(), verdictOf("refused")); !errors.Is(err, store.ErrFull) {
			t.Errorf("a verdict on a full disk: %v", err)
		}
		leave(t, l, "b")
		<-time.After(time.Second)
		if err := l.Err(); !errors.Is(err, store.ErrFull) {
			t.Errorf("health says %v", err)
		}
		var err error
		for i := 0; err == nil && i < 1000; i++ {
			_, err = l.AppendSoon(t.Context(), outcome("more"))
		}
		if !errors.Is(err, store.ErrFull) {
			t.Errorf("1000 outcomes on a full disk: %v", err)
		}
		w.breaks(nil)
		_, err = l.Write(t.Context(), verdictOf("c"))
		audittest.Must(t, err)
		got := refs(t, w)
		if len(got) < 3 || !slices.Equal(got[:2], []string{"a", "b"}) || got[len(got)-1] != "c" || slices.Contains(got, "refused") {
			t.Errorf("%d events, %.5v", len(got), got)
		}
		if l.Err() != nil {
			t.Errorf("health still says %v", l.Err())
		}
	})
}

// Each verdict stands before its outcome, and what is parked is nobody else's meanwhile: the texts would mix.
func TestParkedOutcomesAreTheirOwn(t *testing.T) {
	directly(t, func(t *testing.T, w *written, l *audit.Log) {
		var all sync.WaitGroup
		for c := range 8 {
			all.Go(func() {
				for i := range 200 {
					ref := fmt.Sprintf("%d-%d", c, i)
					if _, err := l.Write(t.Context(), verdictOf(ref)); err != nil {
						t.Error(err)
					}
					if _, err := l.AppendSoon(t.Context(), outcome(ref)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		<-time.After(time.Second)
		begun, ended := map[string]bool{}, map[string]bool{}
		for _, ev := range audittest.Events(t, w, audit.Filter{}) {
			switch ev.Kind {
			case audit.KindVerdict:
				begun[ev.Ref] = true
			case audit.KindOutcome:
				if !begun[ev.Ref] || ended[ev.Ref] {
					t.Errorf("outcome %d of %s stands before its verdict, or twice", ev.Seq, ev.Ref)
				}
				ended[ev.Ref] = true
			}
		}
		if len(begun) != 1600 || len(ended) != 1600 {
			t.Errorf("%d verdicts, %d outcomes", len(begun), len(ended))
		}
	})
}
