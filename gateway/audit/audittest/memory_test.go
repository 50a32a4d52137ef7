package audittest_test

import (
	"testing"

	"github.com/stagelock/stagelock/gateway/audit/audittest"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/storetest"
)

// TestMemory holds the fake to the contract that the real ones keep.
func TestMemory(t *testing.T) {
	places := map[string]*audittest.Memory{}
	storetest.TestEvents(t, func(t *testing.T, dir string) store.Events {
		m := &audittest.Memory{}
		if old := places[dir]; old != nil {
			m.Lines = old.Lines
		}
		places[dir] = m
		return m
	})
}

// TestLazy holds the fake that can lose records to the contract of the real one.
func TestLazy(t *testing.T) {
	places := map[string]*audittest.Lazy{}
	storetest.TestLazy(t, func(t *testing.T, dir string) store.Lazy {
		if old := places[dir]; old != nil && !old.Closed {
			return old // a second process
		}
		m := &audittest.Lazy{}
		if old := places[dir]; old != nil {
			m.Lines, m.Disk = old.Lines, old.Disk
		}
		places[dir] = m
		return m
	})
}

// TestLazyLosesWhatIsNotOnItsDisk holds the fake's crashes to what they stand for.
func TestLazyLosesWhatIsNotOnItsDisk(t *testing.T) {
	rec := func(seq store.Seq) []store.Record { return []store.Record{{Seq: seq, Body: []byte("{}")}} }
	for _, tt := range []struct {
		name string
		do   func(l *audittest.Lazy) error
		lost int
	}{
		{"nothing since", func(*audittest.Lazy) error { return nil }, 2},
		{"a flush", func(l *audittest.Lazy) error { return l.Flush(t.Context(), 2) }, 0},
		{"an append", func(l *audittest.Lazy) error { return l.Append(t.Context(), rec(3)) }, 0},
		{"another lazy one", func(l *audittest.Lazy) error { return l.AppendLazily(t.Context(), rec(3)) }, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := &audittest.Lazy{}
			for seq := range store.Seq(2) {
				audittest.Must(t, l.AppendLazily(t.Context(), rec(seq+1)))
			}
			audittest.Must(t, tt.do(l))
			if lost := l.Crash(); lost != tt.lost {
				t.Errorf("%d records were lost, want %d", lost, tt.lost)
			}
		})
	}
}
