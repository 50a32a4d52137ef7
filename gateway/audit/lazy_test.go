package audit_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/audittest"
	"github.com/stagelock/stagelock/store"
)

// lazyLog runs f with a log over a store.Lazy in a bubble of synctest, closes the log and verifies it.
func lazyLog(t *testing.T, f func(t *testing.T, m *audittest.Lazy, l *audit.Log)) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		m := &audittest.Lazy{}
		cfg := audit.Config{Events: m, Now: time.Now, Key: audittest.Key, Checkpoint: filepath.Join(dir, "c"),
			CheckpointInterval: time.Hour, CheckpointEvery: 100}
		l, err := audit.Open(context.Background(), cfg)
		audittest.Must(t, err)
		f(t, m, l)
		audittest.Must(t, l.Close())
		if l.Alarm() != "" {
			t.Errorf("alarm: %s", l.Alarm())
		}
		if lost := m.Crash(); lost != 0 {
			t.Errorf("%d records of a log that was closed are not on disk", lost)
		}
		if r := audittest.Verify(t, cfg, m); !r.OK() {
			t.Errorf("record %d: %s", r.FirstBad, r.Msg)
		}
		synctest.Wait()
	})
}

func write(t *testing.T, l *audit.Log, n int) store.Seq {
	t.Helper()
	seq, err := l.Write(t.Context(), audittest.Verdict(n))
	audittest.Must(t, err)
	return seq
}

func appendOne(t *testing.T, l *audit.Log, n int) store.Seq {
	t.Helper()
	seq, err := l.Append(t.Context(), audittest.Verdict(n))
	audittest.Must(t, err)
	return seq
}

// What only reads does not wait for the disk, and is on it within 10 ms; what has an effect waits, and has
// everything before it on disk.
func TestOnlyReadsDoNotWaitForTheDisk(t *testing.T) {
	lazyLog(t, func(t *testing.T, m *audittest.Lazy, l *audit.Log) {
		begun := time.Now()
		for n := range 3 {
			write(t, l, n)
		}
		if d := time.Since(begun); d != 0 || m.Now().Lazily != 3 || m.Now().Disk != 0 {
			t.Errorf("after %v %d groups were lazy and %d records on disk", d, m.Now().Lazily, m.Now().Disk)
		}
		<-time.After(10 * time.Millisecond)
		synctest.Wait()
		if m.Now().Disk != 3 || m.Now().Flushes != 1 {
			t.Errorf("after 10 ms %d records were on disk, with %d flushes", m.Now().Disk, m.Now().Flushes)
		}
		write(t, l, 4)
		appendOne(t, l, 5)
		if m.Now().Disk != 5 || m.Now().Lazily != 4 {
			t.Errorf("behind a call with an effect %d records were on disk", m.Now().Disk)
		}
		<-time.After(time.Minute)
		if m.Now().Flushes != 1 {
			t.Errorf("%d flushes, though everything was on disk", m.Now().Flushes)
		}
	})
}

// An outcome lets others come whose write it can share, and does not wait for the disk either.
func TestOutcomesDoNotWaitForTheDisk(t *testing.T) {
	lazyLog(t, func(t *testing.T, m *audittest.Lazy, l *audit.Log) {
		var all sync.WaitGroup
		for n := range 5 {
			all.Go(func() {
				if _, err := l.AppendSoon(t.Context(), outcome(fmt.Sprint(n))); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if m.Now().Groups != 1 || m.Now().Lazily != 1 || m.Now().Disk != 0 {
			t.Errorf("%d groups, %d of them lazy, %d records on disk", m.Now().Groups, m.Now().Lazily, m.Now().Disk)
		}
	})
}

// One that waits for the disk has its whole group on disk.
func TestAGroupWaitsForTheDiskIfOneDoes(t *testing.T) {
	lazyLog(t, func(t *testing.T, m *audittest.Lazy, l *audit.Log) {
		gate := make(chan struct{})
		m.Gate = gate
		var all sync.WaitGroup
		all.Go(func() { write(t, l, 1) })
		synctest.Wait() // it is being appended: the others are one group
		for n := range 4 {
			all.Go(func() { write(t, l, 10+n) })
		}
		all.Go(func() { appendOne(t, l, 20) })
		synctest.Wait()
		close(gate)
		all.Wait()
		if m.Now().Disk != 6 || m.Now().Lazily != 1 || m.Now().Groups != 2 {
			t.Errorf("%d groups were lazy, %d records are on disk", m.Now().Lazily, m.Now().Disk)
		}
	})
}

// A checkpoint covers no record that could be lost.
func TestACheckpointIsOnDisk(t *testing.T) {
	lazyLog(t, func(t *testing.T, m *audittest.Lazy, l *audit.Log) {
		for n := range 100 {
			write(t, l, n)
		}
		if m.Now().Lines != 101 || m.Now().Disk != 101 {
			t.Errorf("%d of %d records are on disk", m.Now().Disk, m.Now().Lines)
		}
	})
}

// What a store lost that was not on its disk is written again, as it was: nothing is lost, nobody is alarmed.
func TestWhatAStoreLostIsWrittenAgain(t *testing.T) {
	crash := func(t *testing.T, m *audittest.Lazy, want int) {
		t.Helper()
		if lost := m.Crash(); lost != want {
			t.Errorf("%d records were lost, want %d", lost, want)
		}
	}
	for _, tt := range []struct {
		name string
		then func(t *testing.T, m *audittest.Lazy, l *audit.Log) // after 3 lazy records
		want int
	}{
		{"a call with an effect follows", func(t *testing.T, m *audittest.Lazy, l *audit.Log) {
			crash(t, m, 3)
			if seq := appendOne(t, l, 10); seq != 4 {
				t.Errorf("record %d", seq)
			}
		}, 4},
		{"a read follows", func(t *testing.T, m *audittest.Lazy, l *audit.Log) {
			crash(t, m, 3)
			write(t, l, 10)
		}, 4},
		{"nothing follows", func(t *testing.T, m *audittest.Lazy, _ *audit.Log) {
			crash(t, m, 3)
			<-time.After(10 * time.Millisecond)
			synctest.Wait()
			if m.Now().Disk != 3 {
				t.Errorf("%d records are on disk", m.Now().Disk)
			}
		}, 3},
		{"some were on disk", func(t *testing.T, m *audittest.Lazy, l *audit.Log) {
			<-time.After(10 * time.Millisecond)
			write(t, l, 10)
			write(t, l, 11)
			crash(t, m, 2)
			appendOne(t, l, 12)
		}, 6},
		{"it lost some of those that were not", func(t *testing.T, m *audittest.Lazy, l *audit.Log) {
			m.Set(func(l *audittest.Lazy) { l.Disk = 2 })
			crash(t, m, 1)
			appendOne(t, l, 10)
		}, 4},
		{"twice", func(t *testing.T, m *audittest.Lazy, l *audit.Log) {
			crash(t, m, 3)
			write(t, l, 10)
			crash(t, m, 1)
			write(t, l, 11)
		}, 5},
		{"and was away before it was back", func(t *testing.T, m *audittest.Lazy, l *audit.Log) {
			crash(t, m, 3)
			m.Fail = errBroken
			if _, err := l.Write(t.Context(), audittest.Verdict(10)); !errors.Is(err, errBroken) {
				t.Errorf("written with %v", err)
			}
			m.Fail = nil
			appendOne(t, l, 11)
		}, 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			lazyLog(t, func(t *testing.T, m *audittest.Lazy, l *audit.Log) {
				for n := range 3 {
					write(t, l, n)
				}
				tt.then(t, m, l)
				if got := len(audittest.Events(t, m, audit.Filter{Kinds: []audit.Kind{audit.KindVerdict}})); got != tt.want {
					t.Errorf("%d verdicts are there, want %d", got, tt.want)
				}
			})
		})
	}
}

// A lazy group of which nobody knew whether it counts does, and is on disk before anything follows it.
func TestALazyGroupThatCountsThoughNobodyWasToldSo(t *testing.T) {
	lazyLog(t, func(t *testing.T, m *audittest.Lazy, l *audit.Log) {
		write(t, l, 1)
		m.Lost = errBroken
		if _, err := l.Write(t.Context(), audittest.Verdict(2)); !errors.Is(err, errBroken) {
			t.Errorf("written with %v", err)
		}
		if seq := write(t, l, 3); seq != 3 || m.Now().Disk != 2 {
			t.Errorf("record %d follows, %d are on disk", seq, m.Now().Disk)
		}
		if lost := m.Crash(); lost != 1 {
			t.Errorf("%d records were lost", lost)
		}
		if seq := write(t, l, 4); seq != 4 {
			t.Errorf("record %d follows", seq)
		}
	})
}

// Err says that what was written is not on disk, until it is.
func TestAFlushThatFails(t *testing.T) {
	lazyLog(t, func(t *testing.T, m *audittest.Lazy, l *audit.Log) {
		m.Set(func(l *audittest.Lazy) { l.Unsynced = errBroken })
		write(t, l, 1)
		<-time.After(10 * time.Millisecond)
		synctest.Wait()
		if err := l.Err(); !errors.Is(err, errBroken) {
			t.Errorf("after 10 ms: %v", err)
		}
		write(t, l, 2) // which the store takes
		if err := l.Err(); !errors.Is(err, errBroken) {
			t.Errorf("while neither is on disk: %v", err)
		}
		m.Set(func(l *audittest.Lazy) { l.Unsynced = nil })
		<-time.After(2 * time.Second)
		synctest.Wait()
		if err := l.Err(); err != nil || m.Now().Disk != 2 {
			t.Errorf("when the disk is back: %v, %d records on it", err, m.Now().Disk)
		}
	})
}

// A call with an effect has all on disk that a flush failed for: nothing is left to say.
func TestAFlushThatFailedBeforeACallWithAnEffect(t *testing.T) {
	lazyLog(t, func(t *testing.T, m *audittest.Lazy, l *audit.Log) {
		m.Set(func(l *audittest.Lazy) { l.Unsynced = errBroken })
		write(t, l, 1)
		<-time.After(10 * time.Millisecond)
		synctest.Wait()
		appendOne(t, l, 2)
		if err := l.Err(); err != nil || m.Now().Disk != 2 {
			t.Errorf("%v, %d records on disk", err, m.Now().Disk)
		}
		m.Set(func(l *audittest.Lazy) { l.Unsynced = nil })
		write(t, l, 3)
		<-time.After(10 * time.Millisecond)
		synctest.Wait()
		if m.Now().Disk != 3 {
			t.Errorf("%d records on disk within 10 ms", m.Now().Disk)
		}
	})
}

// Groups go on while a flush takes its time, but no more of them than are worth losing.
func TestASlowFlush(t *testing.T) {
	lazyLog(t, func(t *testing.T, m *audittest.Lazy, l *audit.Log) {
		slow := make(chan struct{})
		m.Set(func(l *audittest.Lazy) { l.Slow = slow })
		write(t, l, 0)
		<-time.After(10 * time.Millisecond)
		synctest.Wait()
		for n := range 50 {
			write(t, l, n)
		}
		if m.Now().Disk != 0 || m.Now().Lazily != 51 {
			t.Errorf("%d lazy groups, %d records on disk", m.Now().Lazily, m.Now().Disk)
		}
		close(slow)
		synctest.Wait()
		if m.Now().Disk != 51 {
			t.Errorf("%d records on disk", m.Now().Disk)
		}
		m.Set(func(l *audittest.Lazy) { l.Slow = nil })
	})
}

// The log of a store that was set back farther than to its disk says so, lazy records or not.
func TestALazyLogThatWasSetBack(t *testing.T) {
	for _, tt := range []struct {
		name string
		left int
	}{{"to before the last one on disk", 1}, {"to its beginning", 0}} {
		t.Run(tt.name, func(t *testing.T) {
			m := &audittest.Lazy{}
			cfg := audittest.Config(t, m)
			cfg.CheckpointInterval = time.Hour
			told := 0
			cfg.SetBack = func() { told++ }
			synctest.Test(t, func(t *testing.T) { // or a flush comes in between
				l := audittest.Open(t, cfg)
				appendOne(t, l, 1)
				appendOne(t, l, 2)
				write(t, l, 3)
				m.Set(func(l *audittest.Lazy) { l.Disk = tt.left })
				m.Crash()
				if seq := write(t, l, 4); int(seq) != tt.left+2 {
					t.Errorf("record %d, behind the alarm it is %d", seq, tt.left+2)
				}
				if told != 1 || l.Alarm() == "" {
					t.Errorf("told %d times, alarm %q", told, l.Alarm())
				}
			})
		})
	}
}

// A record of the tail that is another one than was written is no loss that can be mended.
func TestALazyLogThatAnotherOneWentOnWith(t *testing.T) {
	m := &audittest.Lazy{}
	cfg := audittest.Config(t, m)
	cfg.CheckpointInterval = time.Hour
	synctest.Test(t, func(t *testing.T) { // or a flush comes in between
		l := audittest.Open(t, cfg)
		appendOne(t, l, 1)
		write(t, l, 2)
		write(t, l, 3)
		m.Crash()
		audittest.Must(t, m.Append(t.Context(), []store.Record{{Seq: 2, Body: m.Lines[0]}}))
		if _, err := l.Write(t.Context(), audittest.Verdict(4)); err == nil && l.Alarm() == "" {
			t.Error("nobody is told")
		}
	})
}

// Callers of all kinds at once, over a store that crashes again and again: everything acknowledged is there,
// once, in a chain.
func TestLazyLogUnderCrashes(t *testing.T) {
	m := &audittest.Lazy{}
	cfg := audittest.Config(t, m)
	cfg.CheckpointEvery = 50
	l := audittest.Open(t, cfg)
	var all sync.WaitGroup
	var mu sync.Mutex
	acknowledged := map[string]bool{}
	for w := range 8 {
		all.Go(func() {
			for n := range 100 {
				ev := audittest.Verdict(w*1000 + n)
				add := l.Write
				if n%10 == 0 {
					add = l.Append
				}
				if _, err := add(t.Context(), ev); err != nil {
					t.Error(err)
				}
				if n%9 == 0 {
					m.Crash()
				}
				mu.Lock()
				acknowledged[ev.Ref] = true
				mu.Unlock()
			}
		})
	}
	all.Wait()
	audittest.Must(t, l.Close())
	m.Crash()
	seen := map[string]int{}
	for _, ev := range audittest.Events(t, m, audit.Filter{Kinds: []audit.Kind{audit.KindVerdict}}) {
		seen[ev.Ref]++
	}
	for ref := range acknowledged {
		if seen[ref] != 1 {
			t.Errorf("%s is there %d times", ref, seen[ref])
		}
	}
	if r := audittest.Verify(t, cfg, m); !r.OK() || l.Alarm() != "" {
		t.Errorf("record %d: %s; alarm %q", r.FirstBad, r.Msg, l.Alarm())
	}
}
