package integration_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/integration/internal/harness"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/files"
	"github.com/stagelock/stagelock/store/postgres"
	"github.com/stagelock/stagelock/store/postgres/postgrestest"
)

// A whole small call over TLS, with the store embedded and with one that gateways share.
func BenchmarkSharedSmallCall(b *testing.B) {
	db, err := postgrestest.Start(b.Context())
	if errors.Is(err, postgrestest.ErrMissing) {
		b.Skip(err)
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	key := filepath.Join(b.TempDir(), "cluster.key")
	if err := os.WriteFile(key, []byte(strings.Repeat("0f", 32)), 0o600); err != nil {
		b.Fatal(err)
	}
	for _, conns := range []int{1, 16, 64} {
		for _, store := range []string{"embedded", "postgres"} {
			b.Run(fmt.Sprintf("%s/connections=%d", store, conns), func(b *testing.B) {
				s := newStub(b, steadyAnswers(b), nil)
				o := harness.Options{Upstream: s.URL, Context: "/live", Extra: unhurried}
				if store == "postgres" {
					o.Extra = append([]string{"store: postgres", "cluster:", "  node: gate-a", "  key_file: " + key, "  drain_notice: 1ms",
						"  postgres: { url: { value: " + fmt.Sprintf("%q", db.URL()) + " } }"}, unhurried...)
				}
				g := harness.Start(b, o)
				j := newJavaClient(g, g.Key(b))
				request := j.smallCall(b, "hasRemoteLayout", benchUUID, int64(harness.Site), false)
				all := callers(b, conns, g.Addr, g.TLS, request)
				b.ResetTimer()
				if err := times(b.N, all); err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}

// A verdict on disk, where callers wait for it together: in files, and in a database that gateways share.
func BenchmarkSharedVerdict(b *testing.B) {
	db, err := postgrestest.Start(b.Context())
	if errors.Is(err, postgrestest.ErrMissing) {
		b.Skip(err)
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	shared, err := postgres.Open(b.Context(), postgres.Config{URL: db.URL(), Cluster: "live"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = shared.Close() })
	for _, callers := range []int{1, 16, 64} {
		for name, open := range map[string]func(b *testing.B) store.Events{
			"files": func(b *testing.B) store.Events {
				ev, err := files.Open(files.Config{Dir: b.TempDir()})
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(func() { _ = ev.Close() })
				return ev
			},
			"postgres": func(b *testing.B) store.Events { return shared.Logs().Log(b.Name() + fmt.Sprint(b.N)) },
		} {
			b.Run(fmt.Sprintf("%s/callers=%d", name, callers), func(b *testing.B) { appendVerdicts(b, open(b), callers) })
		}
	}
}

func appendVerdicts(b *testing.B, events store.Events, callers int) {
	l, err := audit.Open(b.Context(), audit.Config{Events: events, Node: "gate-a", Now: time.Now, Elsewhere: true,
		Key: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), Checkpoint: filepath.Join(b.TempDir(), "checkpoint")})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	ev := audit.Event{Kind: audit.KindVerdict, Ref: "01a21d37-1b77-74b1-8f27-7bb89c8946eb", Verdict: audit.Allow}
	var left atomic.Int64
	left.Store(int64(b.N))
	var all sync.WaitGroup
	b.ResetTimer()
	for range callers {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				if _, err := l.Append(context.Background(), ev); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}
