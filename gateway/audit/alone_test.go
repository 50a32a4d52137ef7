package audit_test

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/audittest"
	"github.com/stagelock/stagelock/store"
)

// seen is a log that a round trip leads to, and that sees who writes it.
type seen struct {
	distant
	mu     sync.Mutex // guards what follows
	own    []bool     // for each write, whether it is made by a caller of Append
	signed []bool     // and whether it has a checkpoint
}

func (s *seen) Append(ctx context.Context, recs []store.Record) error {
	callers := make([]uintptr, 64)
	frames := runtime.CallersFrames(callers[:runtime.Callers(1, callers)])
	own := false
	for more := true; more && !own; {
		var f runtime.Frame
		f, more = frames.Next()
		own = strings.HasSuffix(f.Function, "audit.(*Log).Append")
	}
	s.mu.Lock()
	s.own = append(s.own, own)
	s.signed = append(s.signed, bytes.Contains(recs[len(recs)-1].Body, []byte(`"checkpoint"`)))
	s.mu.Unlock()
	return s.distant.Append(ctx, recs)
}

// take returns how many writes were made by callers since it was asked last, and by the log itself.
func (s *seen) take() (own, other int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.own {
		if o {
			own++
		} else {
			other++
		}
	}
	s.own, s.signed = nil, nil
	return own, other
}

func watched(t *testing.T, every int, f func(t *testing.T, s *seen, l *audit.Log)) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := &seen{distant: distant{trip: 4 * time.Millisecond}}
		cfg := audit.Config{Events: s, Now: time.Now, Key: audittest.Key, Checkpoint: filepath.Join(dir, "c"), CheckpointEvery: every}
		l, err := audit.Open(t.Context(), cfg)
		audittest.Must(t, err)
		f(t, s, l)
		audittest.Must(t, l.Close())
		if r := audittest.Verify(t, cfg, s); !r.OK() || r.Unsigned != 0 {
			t.Errorf("record %d: %s; %d unsigned", r.FirstBad, r.Msg, r.Unsigned)
		}
	})
}

// Who is alone writes what it appends, and hands it to nobody; many have it written for all of them.
func TestWhoIsAloneWritesItself(t *testing.T) {
	watched(t, 100_000, func(t *testing.T, s *seen, l *audit.Log) {
		together(t, l, 1, 20)
		if own, other := s.take(); own != 20 || other != 0 {
			t.Errorf("alone: %d writes by the caller, %d by the log", own, other)
		}
		together(t, l, 16, 20)
		if own, other := s.take(); own > 2 || other < 20 {
			t.Errorf("16 at once: %d writes by callers, %d by the log", own, other)
		}
		together(t, l, 1, 20)
		if own, other := s.take(); own < 5 || own+other != 20 {
			t.Errorf("alone again: %d writes by the caller, %d by the log", own, other)
		}
	})
}

// Of two who come again, the first waits for the second, who is a little late: alone it would have that one wait for
// a whole write.
func TestTwoAreNotAlone(t *testing.T) {
	watched(t, 100_000, func(t *testing.T, s *seen, l *audit.Log) {
		together(t, l, 16, 5) // so that the first of the two is waited for, too
		s.take()
		var all sync.WaitGroup
		for _, pause := range []time.Duration{0, 500 * time.Microsecond} {
			all.Go(func() {
				for range 20 {
					<-time.After(pause)
					if _, err := l.Append(t.Context(), audittest.Verdict(1)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		if own, other := s.take(); own+other > 22 {
			t.Errorf("%d writes by callers, %d by the log, of 40 events", own, other)
		}
	})
}

// What is parked leaves with the event of who is alone, and whoever left it is told.
func TestWhoIsAloneTakesWhatIsParked(t *testing.T) {
	watched(t, 100_000, func(t *testing.T, s *seen, l *audit.Log) {
		parked := make(chan error, 1)
		go func() {
			_, err := l.AppendSoon(t.Context(), outcome("a"))
			parked <- err
		}()
		synctest.Wait()
		together(t, l, 1, 1)
		audittest.Must(t, <-parked)
		if own, other := s.take(); own != 1 || other != 0 {
			t.Errorf("%d writes by the caller, %d by the log", own, other)
		}
	})
}

// A checkpoint is the log's, and none is left out when callers write themselves.
func TestCheckpointsOfWhoIsAlone(t *testing.T) {
	watched(t, 10, func(t *testing.T, s *seen, l *audit.Log) {
		together(t, l, 1, 100)
		for i, signed := range s.signed { // nobody writes any more
			if signed && s.own[i] {
				t.Errorf("write %d: a caller made a checkpoint", i)
			}
		}
		for n := 10; n < 13; n++ {
			if signed := audittest.Events(t, s, audit.Filter{Kinds: []audit.Kind{audit.KindCheckpoint}}); len(signed) != n {
				t.Errorf("%d checkpoints, want %d", len(signed), n)
			}
			together(t, l, 1, 1)
			<-time.After(audit.DefaultInterval + time.Second)
		}
	})
}

// What who is alone wrote lazily is on disk in a moment.
func TestWhoIsAloneIsFlushed(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		m := &audittest.Lazy{}
		l, err := audit.Open(t.Context(), audit.Config{Events: m, Now: time.Now, Key: audittest.Key, Checkpoint: filepath.Join(dir, "c")})
		audittest.Must(t, err)
		for n := 1; n <= 3; n++ {
			_, err := l.Write(t.Context(), audittest.Verdict(n))
			audittest.Must(t, err)
			<-time.After(10 * time.Millisecond)
			if got := m.Now(); got.Disk != n || got.Lazily != n {
				t.Errorf("%+v after %d verdicts", got, n)
			}
		}
		audittest.Must(t, l.Close())
	})
}

// Callers come one by one, together, and leave outcomes: each event is kept once, in one chain.
func TestCallersByThemselvesAndTogether(t *testing.T) {
	m := &audittest.Lazy{}
	cfg := audit.Config{Events: m, Now: time.Now, Key: audittest.Key, Checkpoint: filepath.Join(t.TempDir(), "c"), CheckpointEvery: 50}
	l, err := audit.Open(t.Context(), cfg)
	audittest.Must(t, err)
	const rounds = 60
	want := 0
	for i := range rounds {
		callers := 1 + i%4
		var all sync.WaitGroup
		for c := range callers {
			want += 2
			all.Go(func() {
				write := []func(context.Context, audit.Event) (store.Seq, error){l.Append, l.Write}[(i+c)%2]
				if _, err := write(t.Context(), audittest.Verdict(i)); err != nil {
					t.Error(err)
				}
				if _, err := l.AppendSoon(t.Context(), outcome("a")); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	audittest.Must(t, l.Close())
	kept := audittest.Events(t, m, audit.Filter{Kinds: []audit.Kind{audit.KindVerdict, audit.KindOutcome}})
	if r := audittest.Verify(t, cfg, m); !r.OK() || r.Unsigned != 0 || len(kept) != want {
		t.Errorf("%d events, want %d; record %d: %s", len(kept), want, r.FirstBad, r.Msg)
	}
}

// Who is alone when the log closes is refused, or is covered by the last checkpoint.
func TestWhoIsAloneMeetsClose(t *testing.T) {
	for range 20 {
		m := &audittest.Memory{}
		cfg := audit.Config{Events: m, Now: time.Now, Key: audittest.Key, Checkpoint: filepath.Join(t.TempDir(), "c")}
		l, err := audit.Open(t.Context(), cfg)
		audittest.Must(t, err)
		begun, told := make(chan struct{}), make(chan int, 1)
		go func() {
			for n := 0; ; n++ {
				if n == 3 {
					close(begun)
				}
				if _, err := l.Append(context.Background(), audittest.Verdict(n)); errors.Is(err, store.ErrClosed) {
					told <- n
					return
				}
			}
		}()
		<-begun
		audittest.Must(t, l.Close())
		n := <-told
		if _, err := l.Append(t.Context(), audittest.Verdict(n)); !errors.Is(err, store.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
		kept := audittest.Events(t, m, audit.Filter{Kinds: []audit.Kind{audit.KindVerdict}})
		if r := audittest.Verify(t, cfg, m); !r.OK() || r.Unsigned != 0 || len(kept) != n {
			t.Errorf("%d verdicts, %d callers were told so; %d unsigned", len(kept), n, r.Unsigned)
		}
	}
}
