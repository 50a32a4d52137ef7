package audit_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/audittest"
	"github.com/stagelock/stagelock/store"
)

var errBroken = errors.New("connection reset")

// The store kept a group and could not say so: what follows goes behind it, and nothing is there twice.
func TestRecordsThatCountThoughNobodyWasToldSo(t *testing.T) {
	m := &audittest.Memory{}
	cfg := audittest.Config(t, m)
	l := audittest.Open(t, cfg)
	append1 := func(n int) error {
		_, err := l.Append(t.Context(), audittest.Verdict(n))
		return err
	}
	audittest.Must(t, append1(1))
	for n := range 3 {
		m.Lost = errBroken
		if err := append1(10 + n); !errors.Is(err, errBroken) {
			t.Errorf("appended with %v", err)
		}
		audittest.Must(t, append1(20+n))
	}
	audittest.Must(t, l.Close())
	if found := l.Alarm(); found != "" {
		t.Errorf("alarm: %s", found)
	}
	r := audittest.Verify(t, cfg, m)
	if !r.OK() || r.Records != 8 { // the checkpoint too
		t.Errorf("%d records: %s", r.Records, r.Msg)
	}
	seen := map[string]int{}
	for _, ev := range audittest.Events(t, m, audit.Filter{Kinds: []audit.Kind{audit.KindVerdict}}) {
		seen[ev.Ref]++
	}
	for ref, n := range seen {
		if n != 1 {
			t.Errorf("%s is there %d times", ref, n)
		}
	}
}

// The store kept a group, could not say so, and was away while others came: none of those counts, and what
// follows goes behind the one that does.
func TestARecordThatCountsThoughOthersFailedSince(t *testing.T) {
	for _, tt := range []struct {
		name          string
		before, after int // groups that fail before the one that counts, and behind it
	}{{"the first one counts", 0, 3}, {"the last one counts", 3, 0}, {"one in between counts", 2, 2}} {
		t.Run(tt.name, func(t *testing.T) {
			m := &audittest.Memory{}
			cfg := audittest.Config(t, m)
			l := audittest.Open(t, cfg)
			fails := func(n int) {
				t.Helper()
				if _, err := l.Append(t.Context(), audittest.Verdict(n)); !errors.Is(err, errBroken) {
					t.Errorf("appended with %v", err)
				}
			}
			_, err := l.Append(t.Context(), audittest.Verdict(1))
			audittest.Must(t, err)
			m.Fail = errBroken
			for n := range tt.before {
				fails(10 + n)
			}
			m.Fail, m.Lost = nil, errBroken
			fails(20)
			m.Fail = errBroken
			for n := range tt.after {
				fails(30 + n)
			}
			m.Fail = nil
			seq, err := l.Append(t.Context(), audittest.Verdict(40))
			if err != nil || seq != 3 {
				t.Errorf("when the store is back: record %d, %v", seq, err)
			}
			audittest.Must(t, l.Close())
			if r := audittest.Verify(t, cfg, m); !r.OK() || r.Records != 4 || l.Alarm() != "" {
				t.Errorf("%d records: %s; alarm %q", r.Records, r.Msg, l.Alarm())
			}
		})
	}
}

// A store that lost the last records of the log is told in the log, with the checkpoint as evidence; the
// gateway hears of it and goes on.
func TestALogThatWasSetBack(t *testing.T) {
	for _, tt := range []struct {
		name string
		left int // lines
	}{{"to an older end", 3}, {"to its beginning", 0}} {
		t.Run(tt.name, func(t *testing.T) {
			m := &audittest.Memory{}
			cfg := audittest.Config(t, m)
			cfg.CheckpointEvery = 2
			told := 0
			cfg.SetBack = func() { told++ }
			l := audittest.Open(t, cfg)
			for n := range 6 {
				_, err := l.Append(t.Context(), audittest.Verdict(n))
				audittest.Must(t, err)
			}
			m.Lines = m.Lines[:tt.left]
			for n := range 2 {
				seq, err := l.Append(t.Context(), audittest.Verdict(100+n))
				audittest.Must(t, err)
				if int(seq) != tt.left+2+n {
					t.Errorf("appended as record %d, behind the alarm it is %d", seq, tt.left+2+n)
				}
			}
			audittest.Must(t, l.Close())
			alarms := audittest.Events(t, m, audit.Filter{Kinds: []audit.Kind{audit.KindAlarm}})
			if len(alarms) != 1 || !strings.Contains(alarms[0].Detail, "set back") ||
				!strings.Contains(alarms[0].Fields[audit.NoteField], "\n9\n") {
				t.Errorf("alarms %+v", alarms)
			}
			if told != 1 || !strings.Contains(l.Alarm(), "set back") {
				t.Errorf("told %d times, alarm %q", told, l.Alarm())
			}
			if r := audittest.Verify(t, cfg, m); r.OK() {
				t.Error("the log verifies")
			}
		})
	}
}

// Of two processes that write one log the first one stops: it must not overwrite the other's records.
func TestAnotherWriterOfTheLog(t *testing.T) {
	m := &audittest.Memory{}
	first := audittest.Open(t, audittest.Config(t, m))
	_, err := first.Append(t.Context(), audittest.Verdict(1))
	audittest.Must(t, err)
	cfg := audittest.Config(t, m)
	cfg.Elsewhere = true
	second := audittest.Open(t, cfg)
	_, err = second.Append(t.Context(), audittest.Verdict(2))
	audittest.Must(t, err)
	for range 2 {
		if _, err := first.Append(t.Context(), audittest.Verdict(3)); !errors.Is(err, store.ErrStale) ||
			!strings.Contains(err.Error(), "another process writes this log") {
			t.Errorf("the first one appends: %v", err)
		}
	}
	if second.Alarm() != "" || first.Alarm() != "" {
		t.Errorf("alarms %q and %q", first.Alarm(), second.Alarm())
	}
	_, err = second.Append(t.Context(), audittest.Verdict(4))
	audittest.Must(t, err)
}

// A folder that does not outlive the process says nothing about the log.
func TestACheckpointElsewhere(t *testing.T) {
	for elsewhere, want := range map[bool]string{true: "", false: "the file of the newest checkpoint is not there"} {
		m := &audittest.Memory{}
		audittest.AppendAll(t, audittest.Config(t, m), 3)
		cfg := audittest.Config(t, m)
		cfg.Elsewhere = elsewhere
		if got := audittest.Open(t, cfg).Alarm(); got != want {
			t.Errorf("elsewhere %v: alarm %q, want %q", elsewhere, got, want)
		}
	}
}
