package integration_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/integration/internal/harness"
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
