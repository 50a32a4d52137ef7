package certs_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"
	"go.uber.org/zap"

	"github.com/stagelock/stagelock/gateway/certs"
	"github.com/stagelock/stagelock/store"
)

func newStorage(t testing.TB, p *place) certs.Storage {
	t.Helper()
	s, end, err := certs.NewStorage(p.config(certs.Local))
	must(t, err)
	t.Cleanup(end)
	return s
}

func TestStorage(t *testing.T) {
	ctx := context.Background()
	s := newStorage(t, newPlace(t))
	must(t, s.Store(ctx, "a/b", []byte("12345")))
	must(t, s.Store(ctx, "a/c/d", nil))
	got, err := s.Load(ctx, "a/b")
	must(t, err)
	if string(got) != "12345" {
		t.Errorf("value %q", got)
	}
	info, err := s.Stat(ctx, "a/b")
	must(t, err)
	if info.Size != 5 || !info.IsTerminal || info.Modified.IsZero() {
		t.Errorf("info %+v", info)
	}
	if info, err = s.Stat(ctx, "a/c"); err != nil || info.IsTerminal || info.Size != 0 {
		t.Errorf("info of a folder %+v, %v", info, err)
	}
	keys, err := s.List(ctx, "a", true)
	must(t, err)
	if d := cmp.Diff([]string{"a/b", "a/c", "a/c/d"}, keys); d != "" {
		t.Error(d)
	}
	if !s.Exists(ctx, "a/c") || s.Exists(ctx, "a/x") {
		t.Error("what exists is not what was stored")
	}
	must(t, s.Delete(ctx, "a"))
	must(t, s.Delete(ctx, "a"))
	_, loadErr := s.Load(ctx, "a/b")
	_, statErr := s.Stat(ctx, "a/b")
	_, listErr := s.List(ctx, "a", true)
	for name, err := range map[string]error{"Load": loadErr, "Stat": statErr, "List": listErr} {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s of what is not there: %v", name, err)
		}
	}
}

// TestLocks has two gateways and two goroutines of each want the same lock.
func TestLocks(t *testing.T) {
	ctx := context.Background()
	p := newPlace(t)
	one, two := newStorage(t, p), newStorage(t, p)
	inside := 0
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, s := range []certs.Storage{one, two, one, two} {
		wg.Go(func() {
			if err := s.Lock(ctx, "name"); err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			if inside++; inside != 1 {
				t.Errorf("%d hold the lock", inside)
			}
			inside--
			mu.Unlock()
			if err := s.Unlock(ctx, "name"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	must(t, one.Lock(ctx, "name"))
	if ok, err := two.TryLock(ctx, "name"); ok || err != nil {
		t.Errorf("TryLock of a held lock: %v, %v", ok, err)
	}
	if two.Unlock(ctx, "name") == nil {
		t.Error("a lock was given back by who does not hold it")
	}
	gone, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	if err := two.Lock(gone, "name"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting for a lock: %v", err)
	}
	must(t, one.Unlock(ctx, "name"))
	if ok, err := two.TryLock(ctx, "name"); !ok || err != nil {
		t.Errorf("TryLock of a free lock: %v, %v", ok, err)
	}
}

// leases keeps leases in memory, for tests in which time stands still between events.
type leases struct {
	mu     sync.Mutex // guards the rest
	fence  int64
	until  time.Time
	renews int
}

func (l *leases) Acquire(_ context.Context, _, _ string, ttl time.Duration) (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if now.Before(l.until) {
		return 0, store.ErrStale
	}
	l.fence++
	l.until = now.Add(ttl)
	return l.fence, nil
}

func (l *leases) Renew(_ context.Context, _ string, fence int64, ttl time.Duration) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if fence != l.fence {
		return store.ErrStale
	}
	l.until = time.Now().Add(ttl)
	l.renews++
	return nil
}

func (l *leases) Release(_ context.Context, _ string, fence int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if fence == l.fence {
		l.until = time.Time{}
	}
	return nil
}

// TestLeases holds a lock for long, then lets its owner die.
func TestLeases(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		l := &leases{}
		log := logrus.New()
		var out bytes.Buffer
		log.SetOutput(&out)
		cfg := certs.Config{Leases: l, Dir: dir, Log: logrus.NewEntry(log), Now: time.Now}
		one, end, err := certs.NewStorage(cfg)
		must(t, err)
		two, endTwo, err := certs.NewStorage(cfg)
		must(t, err)
		defer endTwo()
		must(t, one.Lock(ctx, "name"))
		<-time.After(10 * certs.LeaseTTL) // the bubble's time
		if ok, err := two.TryLock(ctx, "name"); ok || err != nil {
			t.Errorf("a lease that is renewed was taken over: %v", err)
		}
		end() // the process is gone, the lock was not given back
		start := time.Now()
		must(t, two.Lock(ctx, "name"))
		if d := time.Since(start); d < certs.LeaseTTL/2 || d > 2*certs.LeaseTTL {
			t.Errorf("waited %v for the lease of a dead process", d)
		}
		l.mu.Lock()
		l.fence++ // somebody takes it over although it is renewed
		l.mu.Unlock()
		<-time.After(certs.LeaseTTL)
		must(t, two.Unlock(ctx, "name"))
		synctest.Wait() // for what writes the log
		if !strings.Contains(out.String(), "another gateway may do the same") {
			t.Errorf("nothing about the lost lease in the log: %s", &out)
		}
	})
}

func TestLog(t *testing.T) {
	var out bytes.Buffer
	log := logrus.New()
	log.SetOutput(&out)
	log.SetLevel(logrus.TraceLevel)
	log.SetFormatter(&logrus.TextFormatter{DisableTimestamp: true, DisableColors: true})
	z := certs.NewZap(logrus.NewEntry(log)).Named("obtain").With(zap.String("a", "1"))
	for _, tt := range []struct {
		say  func(msg string, fields ...zap.Field)
		want string
	}{
		{z.Debug, "level=trace"}, {z.Info, "level=debug"}, {z.Warn, "level=warning"},
		{z.Error, "level=error"},
		{z.DPanic, "level=error"},
	} {
		out.Reset()
		tt.say("message", zap.Int("b", 2), zap.Error(errors.New("why")))
		for _, want := range []string{tt.want, "msg=message", "a=1", "b=2", "error=why",
			"certmagic obtain"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%q is not in %q", want, out.String())
			}
		}
	}
	log.SetLevel(logrus.InfoLevel)
	out.Reset()
	z.Info("not shown")
	must(t, certs.Event(logrus.NewEntry(log), "other", nil))
	if out.Len() > 0 {
		t.Errorf("shown: %s", &out)
	}
	must(t, certs.Event(logrus.NewEntry(log), "cert_obtained",
		map[string]any{"identifier": "x.example.com"}))
	must(t, certs.Event(logrus.NewEntry(log), "cert_failed",
		map[string]any{"error": errors.New("refused")}))
	for _, want := range []string{"level=info", "x.example.com", "level=error", "error=refused"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in %s", want, &out)
		}
	}
}

func FuzzSeal(f *testing.F) {
	dir := f.TempDir()
	f.Add("key", []byte("value"), 3)
	f.Add("", []byte{}, 0)
	f.Fuzz(func(t *testing.T, key string, value []byte, flip int) {
		sealed, err := certs.Seal(dir, key, value)
		must(t, err)
		got, err := certs.Open(dir, key, sealed)
		if err != nil || !bytes.Equal(got, value) {
			t.Fatalf("%q came back as %q, %v", value, got, err)
		}
		if _, err := certs.Open(dir, key+"x", sealed); err == nil {
			t.Error("it opened under another key")
		}
		sealed[uint(flip)%uint(len(sealed))] ^= 1
		if _, err := certs.Open(dir, key, sealed); err == nil {
			t.Error("it opened after a change")
		}
		if _, err := certs.Open(dir, key, value); err == nil {
			t.Error("something open was taken for sealed")
		}
	})
}

func FuzzParseCA(f *testing.F) {
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if certs.ParseCA(data) == nil {
			t.Errorf("%q was taken for a CA", data)
		}
	})
}
