package audit_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// key is the same in every test.
var key = ed25519.NewKeyFromSeed([]byte(strings.Repeat("k", ed25519.SeedSize)))

func public(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }

func config(t testing.TB, events store.Events) audit.Config {
	return audit.Config{
		Events: events, Node: "node\n1", Now: time.Now, Key: key,
		Checkpoint: filepath.Join(t.TempDir(), "checkpoint"),
	}
}

func openLog(t testing.TB, cfg audit.Config) *audit.Log {
	t.Helper()
	l, err := audit.Open(context.Background(), cfg)
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func verdict(n int) audit.Event {
	return audit.Event{Kind: audit.KindVerdict, Ref: fmt.Sprintf("ref-%d", n), Verdict: audit.Allow,
		About: audit.About{Request: int64(n + 1)}}
}

// verify holds the log against the file that cfg names.
func verify(t testing.TB, cfg audit.Config, events store.Events) audit.Report {
	t.Helper()
	newest, err := os.ReadFile(cfg.Checkpoint)
	must(t, err)
	r, err := audit.Verify(context.Background(), events,
		audit.Trust{Keys: []ed25519.PublicKey{public(key)}, Notes: []audit.Note{{Text: newest, From: cfg.Checkpoint}}})
	must(t, err)
	return r
}

func events(t testing.TB, ev store.Events, f audit.Filter) []audit.Event {
	t.Helper()
	var all []audit.Event
	must(t, audit.List(context.Background(), ev, f, func(e audit.Event) error {
		all = append(all, e)
		return nil
	}))
	return all
}

func TestAppend(t *testing.T) {
	ctx := context.Background()
	m := &memory{}
	cfg := config(t, m)
	for round := range 3 {
		l := openLog(t, cfg)
		for i := range 5 {
			seq, err := l.Append(ctx, verdict(i))
			must(t, err)
			if want := store.Seq(round*6 + i + 1); seq != want { // a checkpoint at each Close
				t.Errorf("seq %d, want %d", seq, want)
			}
		}
		must(t, l.Close())
		must(t, l.Close())
		if _, err := l.Append(ctx, verdict(9)); !errors.Is(err, store.ErrClosed) {
			t.Errorf("append after close: %v", err)
		}
	}
	if r := verify(t, cfg, m); !r.OK() || r.Records != 18 || r.Checkpoints != 4 {
		t.Errorf("report %+v", r)
	}
	all := events(t, m, audit.Filter{Kinds: []audit.Kind{audit.KindVerdict}})
	if len(all) != 15 || all[14].Ref != "ref-4" || all[14].Node != "node\n1" ||
		all[14].Time.IsZero() {
		t.Errorf("%d events, the last %+v", len(all), all[len(all)-1])
	}
}

func TestConcurrentAppendsShareWrites(t *testing.T) {
	gate := make(chan struct{}, 1000)
	m := &memory{gate: gate}
	cfg := config(t, m)
	l := openLog(t, cfg)
	const n = 100
	seqs := make([]store.Seq, n)
	synced := make(chan struct{}, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			synced <- struct{}{}
			var err error
			if seqs[i], err = l.Append(context.Background(), verdict(i)); err != nil {
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
	must(t, l.Close())
	for i, seq := range seqs {
		got := events(t, m, audit.Filter{From: seq, To: seq})
		if len(got) != 1 || got[0].Ref != fmt.Sprintf("ref-%d", i) {
			t.Errorf("event %d was said to be %d, which is %+v", i, seq, got)
		}
	}
	if r := verify(t, cfg, m); !r.OK() {
		t.Errorf("report %+v", r)
	}
}

func TestMaxWait(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		l, err := audit.Open(context.Background(), audit.Config{
			Events: m, Now: time.Now, Key: key, Checkpoint: filepath.Join(dir, "c"),
			MaxWait: 5 * time.Millisecond,
		})
		must(t, err)
		var wg sync.WaitGroup
		for i := range 10 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 100 * time.Microsecond) // the bubble's time
				_, err := l.Append(context.Background(), verdict(i))
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if m.groups != 1 {
			t.Errorf("%d writes for events within a millisecond", m.groups)
		}
		must(t, l.Close())
	})
}

func TestFull(t *testing.T) {
	ctx := context.Background()
	m := &memory{}
	cfg := config(t, m)
	cfg.CheckpointEvery = 3
	l := openLog(t, cfg)
	_, err := l.Append(ctx, verdict(0))
	must(t, err)
	m.fail = fmt.Errorf("disk: %w", store.ErrFull)
	for range 5 {
		if _, err := l.Append(ctx, verdict(1)); !errors.Is(err, store.ErrFull) {
			t.Errorf("error %v, want ErrFull", err)
		}
	}
	if !errors.Is(l.Err(), store.ErrFull) {
		t.Errorf("health says %v", l.Err())
	}
	m.fail = nil
	seq, err := l.Append(ctx, verdict(2))
	must(t, err)
	if seq != 2 || l.Err() != nil {
		t.Errorf("seq %d, health %v once there is room", seq, l.Err())
	}
	must(t, l.Close())
	if r := verify(t, cfg, m); !r.OK() || r.Records != 3 {
		t.Errorf("report %+v", r)
	}
}

func TestCheckpointFileCannotBeWritten(t *testing.T) {
	ctx := context.Background()
	m := &memory{}
	cfg := config(t, m)
	dir := filepath.Join(t.TempDir(), "there")
	must(t, os.Mkdir(dir, 0o700))
	cfg.Checkpoint = filepath.Join(dir, "checkpoint")
	cfg.CheckpointEvery = 2
	l := openLog(t, cfg)
	must(t, os.Rename(dir, dir+" not"))
	for i := range 3 {
		_, err := l.Append(ctx, verdict(i))
		must(t, err)
	}
	if l.Err() == nil {
		t.Error("health says nothing")
	}
	must(t, os.Rename(dir+" not", dir))
	must(t, l.Close())
	if r := verify(t, cfg, m); !r.OK() {
		t.Errorf("report %+v", r)
	}
}

// TestCheckpointInterval lets time pass: one checkpoint after events, none while nothing happens.
func TestCheckpointInterval(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		l, err := audit.Open(context.Background(), audit.Config{
			Events: m, Now: time.Now, Key: key, Checkpoint: filepath.Join(dir, "c"),
			CheckpointInterval: time.Minute,
		})
		must(t, err)
		count := func() int {
			return len(events(t, m,
				audit.Filter{Kinds: []audit.Kind{audit.KindCheckpoint}}))
		}
		for round := range 3 {
			time.Sleep(10 * time.Minute) // the bubble's time
			_, err = l.Append(context.Background(), verdict(round))
			must(t, err)
			synctest.Wait()
			if n := count(); n != round {
				t.Errorf("round %d: %d checkpoints right after the event", round, n)
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			if n := count(); n != round+1 {
				t.Errorf("round %d: %d checkpoints a minute after the event", round, n)
			}
		}
		must(t, l.Close())
		if n := count(); n != 3 {
			t.Errorf("%d checkpoints after Close", n)
		}
	})
}

func TestCheckpointEvery(t *testing.T) {
	m := &memory{}
	cfg := config(t, m)
	cfg.CheckpointEvery = 4
	l := openLog(t, cfg)
	for i := range 8 {
		_, err := l.Append(context.Background(), verdict(i))
		must(t, err)
	}
	must(t, l.Close())
	var at []store.Seq
	for _, ev := range events(t, m, audit.Filter{Kinds: []audit.Kind{audit.KindCheckpoint}}) {
		at = append(at, ev.Seq)
	}
	if fmt.Sprint(at) != "[5 10]" {
		t.Errorf("checkpoints at %v", at)
	}
}

func TestCancelled(t *testing.T) {
	gate := make(chan struct{}, 10)
	m := &memory{gate: gate}
	l := openLog(t, config(t, m))
	first := make(chan error)
	go func() {
		_, err := l.Append(context.Background(), verdict(0))
		first <- err
	}()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := l.Append(ctx, verdict(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	gate <- struct{}{}
	gate <- struct{}{}
	must(t, <-first)
	must(t, l.Close())
	if got := events(t, m, audit.Filter{Kinds: []audit.Kind{audit.KindVerdict}}); len(got) != 1 {
		t.Errorf("%d events", len(got))
	}
}

func TestOwnKindsAreRefused(t *testing.T) {
	l := openLog(t, config(t, &memory{}))
	for _, kind := range []audit.Kind{"", audit.KindCheckpoint, audit.KindAlarm, audit.KindDamaged,
		"other"} {
		if _, err := l.Append(context.Background(), audit.Event{Kind: kind}); err == nil {
			t.Errorf("kind %q was taken", kind)
		}
	}
}

func TestOpenRefused(t *testing.T) {
	ctx := context.Background()
	good := config(t, &memory{})
	for name, change := range map[string]func(*audit.Config){
		"no store":     func(c *audit.Config) { c.Events = nil },
		"no clock":     func(c *audit.Config) { c.Now = nil },
		"no file":      func(c *audit.Config) { c.Checkpoint = "" },
		"no key":       func(c *audit.Config) { c.Key = nil },
		"short key":    func(c *audit.Config) { c.Key = key[:31] },
		"former key":   func(c *audit.Config) { c.Former = []ed25519.PublicKey{nil} },
		"closed store": func(c *audit.Config) { c.Events = &memory{closed: true} },
		"not a log": func(c *audit.Config) {
			c.Events = &memory{lines: [][]byte{[]byte("{}")}}
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
	m := &memory{}
	l := openLog(t, config(t, m))
	base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 10 {
		ev := verdict(i % 5)
		ev.Time, ev.Site, ev.Peer = base.Add(time.Duration(i)*time.Hour), int64(i%2),
			fmt.Sprint("p", i%3)
		if i == 7 {
			ev.Verdict, ev.Reason = audit.Deny, "method"
		}
		_, err := l.Append(context.Background(), ev)
		must(t, err)
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
		if got := events(t, m, tt.f); len(got) != tt.want {
			t.Errorf("%s: %d events, want %d", tt.name, len(got), tt.want)
		}
	}
	must(t, l.Close())
	m.lines[4] = []byte("\x1bjunk")
	if got := events(t, m, audit.Filter{Reason: "none"}); len(got) != 1 ||
		got[0].Kind != audit.KindDamaged || got[0].Seq != 5 {
		t.Errorf("damaged line: %+v", got)
	}
}

func TestKeys(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "audit.key")
	var keys [8]ed25519.PrivateKey
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() {
			var err error
			if keys[i], err = audit.LoadKey(path); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, k := range keys {
		if !k.Equal(keys[0]) {
			t.Fatal("two keys were made")
		}
	}
	fi, err := os.Stat(path)
	must(t, err)
	if fi.Mode().Perm() != 0o600 {
		t.Errorf("key has mode %v", fi.Mode())
	}
	text, err := os.ReadFile(path + ".pub")
	must(t, err)
	pub, err := audit.ParseKey(string(text))
	must(t, err)
	if !pub.Equal(keys[0].Public()) {
		t.Error("public key is another one")
	}
	for _, bad := range []string{"", "x", "a+b", "a+b+c",
		"stagelock-audit+00000000+" + strings.SplitN(string(text), "+", 3)[2]} {
		if _, err := audit.ParseKey(bad); err == nil {
			t.Errorf("public key %q was taken", bad)
		}
	}
	must(t, os.WriteFile(path, []byte("no pem"), 0o600))
	if _, err := audit.LoadKey(path); err == nil {
		t.Error("a damaged key file was taken")
	}
	if _, err := audit.LoadKey(filepath.Join(dir, "none", "key")); err == nil {
		t.Error("a key was made in no folder")
	}
}
