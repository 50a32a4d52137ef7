package proof_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/audittest"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/files"
)

// mortal is a store whose writer can die: what comes after that is not kept.
type mortal struct {
	store.Events
	dead atomic.Bool
}

func (m *mortal) Append(ctx context.Context, recs []store.Record) error {
	if m.dead.Load() {
		return store.ErrClosed
	}
	return m.Events.Append(ctx, recs)
}

// TestAGatewayThatDiesAgainAndAgain: of a gateway that never lives for as long as it takes to sign nothing was signed, its log
// grew and counted as changed.
func TestAGatewayThatDiesAgainAndAgain(t *testing.T) {
	const lives, each = 60, 50 // more records than may be without a checkpoint
	dir, memory := t.TempDir(), &audittest.Memory{}
	for name, open := range map[string]func(t *testing.T) (events store.Events, die func()){
		"callers write": func(t *testing.T) (store.Events, func()) {
			ev, err := files.Open(files.Config{Dir: dir})
			audittest.Must(t, err)
			return ev, func() { audittest.Must(t, ev.Close()) }
		},
		"the log writes": func(*testing.T) (store.Events, func()) {
			m := &mortal{Events: memory}
			return m, func() { m.dead.Store(true) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := audittest.Config(t, nil)
			cfg.CheckpointInterval = time.Hour
			for range lives {
				events, die := open(t)
				cfg.Events = events
				l := audittest.Open(t, cfg)
				for i := range each {
					_, err := l.Write(t.Context(), audittest.Verdict(i))
					audittest.Must(t, err)
				}
				die()
				_ = l.Close() // the dead sign nothing
			}
			ev, die := open(t)
			t.Cleanup(die)
			r := audittest.Verify(t, cfg, ev)
			if !r.OK() || r.Unsigned >= 2*each {
				t.Errorf("%d records, the last %d are not signed: %s", r.Records, r.Unsigned, r.Msg)
			}
			if want := fmt.Sprintf("(the newest %d wait for the next one)", r.Unsigned); strings.Contains(r.Msg, want) != (r.Unsigned > 0) {
				t.Errorf("%q of a log whose last %d are not signed", r.Msg, r.Unsigned)
			}
			if n := len(audittest.Events(t, ev, audit.Filter{Kinds: []audit.Kind{audit.KindVerdict}})); n != lives*each {
				t.Errorf("%d events, want %d", n, lives*each)
			}
		})
	}
}
