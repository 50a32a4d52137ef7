package audit_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/audittest"
	"github.com/stagelock/stagelock/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAppend(t *testing.T) {
	ctx := context.Background()
	m := &audittest.Memory{}
	cfg := audittest.Config(t, m)
	for round := range 3 {
		l := audittest.Open(t, cfg)
		for i := range 5 {
			seq, err := l.Append(ctx, audittest.Verdict(i))
			audittest.Must(t, err)
			if want := store.Seq(round*6 + i + 1); seq != want { // a checkpoint at each Close
				t.Errorf("seq %d, want %d", seq, want)
			}
		}
		audittest.Must(t, l.Close())
		audittest.Must(t, l.Close())
		if _, err := l.Append(ctx, audittest.Verdict(9)); !errors.Is(err, store.ErrClosed) {
			t.Errorf("append after close: %v", err)
		}
	}
	if r := audittest.Verify(t, cfg, m); !r.OK() || r.Records != 18 || r.Checkpoints != 4 {
		t.Errorf("report %+v", r)
	}
	all := audittest.Events(t, m, audit.Filter{Kinds: []audit.Kind{audit.KindVerdict}})
	if len(all) != 15 || all[14].Ref != "ref-4" || all[14].Node != "node\n1" ||
		all[14].Time.IsZero() {
		t.Errorf("%d events, the last %+v", len(all), all[len(all)-1])
	}
}

func TestConcurrentAppendsShareWrites(t *testing.T) {
	gate := make(chan struct{}, 1000)
	m := &audittest.Memory{Gate: gate}
	cfg := audittest.Config(t, m)
	l := audittest.Open(t, cfg)
	const n = 100
	seqs := make([]store.Seq, n)
	synced := make(chan struct{}, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			synced <- struct{}{}
			var err error
			if seqs[i], err = l.Append(context.Background(), audittest.Verdict(i)); err != nil {
				t.Error(err)
			}
		})
	}
	for range n {
		<-synced
	}
	for range 1000 {
		gate <- struct{}{}
	}
	wg.Wait()
	audittest.Must(t, l.Close())
	for i, seq := range seqs {
		got := audittest.Events(t, m, audit.Filter{From: seq, To: seq})
		if len(got) != 1 || got[0].Ref != fmt.Sprintf("ref-%d", i) {
			t.Errorf("event %d was said to be %d, which is %+v", i, seq, got)
		}
	}
	if r := audittest.Verify(t, cfg, m); !r.OK() {
		t.Errorf("report %+v", r)
	}
}

func TestFull(t *testing.T) {
	ctx := context.Background()
	m := &audittest.Memory{}
	cfg := audittest.Config(t, m)
	cfg.CheckpointEvery = 3
	l := audittest.Open(t, cfg)
	_, err := l.Append(ctx, audittest.Verdict(0))
	audittest.Must(t, err)
	m.Fail = fmt.Errorf("disk: %w", store.ErrFull)
	for range 5 {
		if _, err := l.Append(ctx, audittest.Verdict(1)); !errors.Is(err, store.ErrFull) {
			t.Errorf("error %v, want ErrFull", err)
		}
	}
	if !errors.Is(l.Err(), store.ErrFull) {
		t.Errorf("health says %v", l.Err())
	}
	m.Fail = nil
	seq, err := l.Append(ctx, audittest.Verdict(2))
	audittest.Must(t, err)
	if seq != 2 || l.Err() != nil {
		t.Errorf("seq %d, health %v once there is room", seq, l.Err())
	}
	audittest.Must(t, l.Close())
	if r := audittest.Verify(t, cfg, m); !r.OK() || r.Records != 3 {
		t.Errorf("report %+v", r)
	}
}

func TestCheckpointFileCannotBeWritten(t *testing.T) {
	ctx := context.Background()
	m := &audittest.Memory{}
	cfg := audittest.Config(t, m)
	dir := filepath.Join(t.TempDir(), "there")
	audittest.Must(t, os.Mkdir(dir, 0o700))
	cfg.Checkpoint = filepath.Join(dir, "checkpoint")
	cfg.CheckpointEvery = 2
	l := audittest.Open(t, cfg)
	audittest.Must(t, os.Rename(dir, dir+" not"))
	for i := range 3 {
		_, err := l.Append(ctx, audittest.Verdict(i))
		audittest.Must(t, err)
	}
	if l.Err() == nil {
		t.Error("health says nothing")
	}
	audittest.Must(t, os.Rename(dir+" not", dir))
	audittest.Must(t, l.Close())
	if r := audittest.Verify(t, cfg, m); !r.OK() {
		t.Errorf("report %+v", r)
	}
}

// TestCheckpointInterval lets time pass: one checkpoint after events, none while nothing happens.
func TestCheckpointInterval(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		m := &audittest.Memory{}
		l, err := audit.Open(context.Background(), audit.Config{
			Events: m, Now: time.Now, Key: audittest.Key, Checkpoint: filepath.Join(dir, "c"),
			CheckpointInterval: time.Minute,
		})
		audittest.Must(t, err)
		count := func() int {
			return len(audittest.Events(t, m,
				audit.Filter{Kinds: []audit.Kind{audit.KindCheckpoint}}))
		}
		for round := range 3 {
			<-time.After(10 * time.Minute) // the bubble's time
			_, err = l.Append(context.Background(), audittest.Verdict(round))
			audittest.Must(t, err)
			synctest.Wait()
			if n := count(); n != round {
				t.Errorf("round %d: %d checkpoints right after the event", round, n)
			}
			<-time.After(time.Minute)
			synctest.Wait()
			if n := count(); n != round+1 {
				t.Errorf("round %d: %d checkpoints a minute after the event", round, n)
			}
		}
		audittest.Must(t, l.Close())
		if n := count(); n != 3 {
			t.Errorf("%d checkpoints after Close", n)
		}
	})
}

func TestCheckpointEvery(t *testing.T) {
	m := &audittest.Memory{}
	cfg := audittest.Config(t, m)
	cfg.CheckpointEvery = 4
	l := audittest.Open(t, cfg)
	for i := range 8 {
		_, err := l.Append(context.Background(), audittest.Verdict(i))
		audittest.Must(t, err)
	}
	audittest.Must(t, l.Close())
	var at []store.Seq
	for _, ev := range audittest.Events(t, m, audit.Filter{Kinds: []audit.Kind{audit.KindCheckpoint}}) {
		at = append(at, ev.Seq)
	}
	if fmt.Sprint(at) != "[5 10]" {
		t.Errorf("checkpoints at %v", at)
	}
}

func TestCancelled(t *testing.T) {
	gate := make(chan struct{}, 10)
	m := &audittest.Memory{Gate: gate}
	l := audittest.Open(t, audittest.Config(t, m))
	first := make(chan error)
	go func() {
		_, err := l.Append(context.Background(), audittest.Verdict(0))
		first <- err
	}()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := l.Append(ctx, audittest.Verdict(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	gate <- struct{}{}
	gate <- struct{}{}
	audittest.Must(t, <-first)
	audittest.Must(t, l.Close())
	if got := audittest.Events(t, m, audit.Filter{Kinds: []audit.Kind{audit.KindVerdict}}); len(got) != 1 {
		t.Errorf("%d events", len(got))
	}
}

func TestOwnKindsAreRefused(t *testing.T) {
	l := audittest.Open(t, audittest.Config(t, &audittest.Memory{}))
	for _, kind := range []audit.Kind{"", audit.KindCheckpoint, audit.KindAlarm, audit.KindDamaged,
		"other"} {
		if _, err := l.Append(context.Background(), audit.Event{Kind: kind}); err == nil {
			t.Errorf("kind %q was taken", kind)
		}
	}
}

func TestOpenRefused(t *testing.T) {
	ctx := context.Background()
	good := audittest.Config(t, &audittest.Memory{})
	for name, change := range map[string]func(*audit.Config){
		"no store":     func(c *audit.Config) { c.Events = nil },
		"no clock":     func(c *audit.Config) { c.Now = nil },
		"no file":      func(c *audit.Config) { c.Checkpoint = "" },
		"no key":       func(c *audit.Config) { c.Key = nil },
		"short key":    func(c *audit.Config) { c.Key = audittest.Key[:31] },
		"former key":   func(c *audit.Config) { c.Former = []ed25519.PublicKey{nil} },
		"closed store": func(c *audit.Config) { c.Events = &audittest.Memory{Closed: true} },
		"not a log": func(c *audit.Config) {
			c.Events = &audittest.Memory{Lines: [][]byte{[]byte("{}")}}
		},
		"file is a dir": func(c *audit.Config) { c.Checkpoint = t.TempDir() },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := good
			change(&cfg)
			if l, err := audit.Open(ctx, cfg); err == nil {
				_ = l.Close()
				t.Error("it opened")
			}
		})
	}
}

func TestFilter(t *testing.T) {
	m := &audittest.Memory{}
	l := audittest.Open(t, audittest.Config(t, m))
	base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 10 {
		ev := audittest.Verdict(i % 5)
		ev.Time, ev.Site, ev.Peer = base.Add(time.Duration(i)*time.Hour), int64(i%2),
			fmt.Sprint("p", i%3)
		if i == 7 {
			ev.Verdict, ev.Reason = audit.Deny, "method"
		}
		_, err := l.Append(context.Background(), ev)
		audittest.Must(t, err)
	}
	for _, tt := range []struct {
		name string
		f    audit.Filter
		want int
	}{
		{"all", audit.Filter{}, 10},
		{"from", audit.Filter{From: 3}, 8},
		{"to", audit.Filter{From: 3, To: 4}, 2},
		{"since", audit.Filter{Since: base.Add(8 * time.Hour)}, 2},
		{"until", audit.Filter{Until: base.Add(8 * time.Hour)}, 8},
		{"deny", audit.Filter{Verdict: audit.Deny}, 1},
		{"reason", audit.Filter{Reason: "method"}, 1},
		{"ref", audit.Filter{Ref: "ref-2"}, 2},
		{"peer", audit.Filter{Peer: "p0"}, 4},
		{"site", audit.Filter{Site: 1}, 5},
		{"request", audit.Filter{Request: 1}, 2},
		{"both", audit.Filter{Site: 1, Ref: "ref-2"}, 1},
		{"kind", audit.Filter{Kinds: []audit.Kind{audit.KindStart}}, 0},
	} {
		if got := audittest.Events(t, m, tt.f); len(got) != tt.want {
			t.Errorf("%s: %d events, want %d", tt.name, len(got), tt.want)
		}
	}
	audittest.Must(t, l.Close())
	m.Lines[4] = []byte("\x1bjunk")
	if got := audittest.Events(t, m, audit.Filter{Reason: "none"}); len(got) != 1 ||
		got[0].Kind != audit.KindDamaged || got[0].Seq != 5 {
		t.Errorf("damaged line: %+v", got)
	}
}
