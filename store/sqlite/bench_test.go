package sqlite_test

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stagelock/stagelock/store"
)

// BenchmarkBegin is what a publish waits for before its tail leaves, by the number of publishers at
// once.
func BenchmarkBegin(b *testing.B) {
	for _, callers := range []int{2, 16, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			s := opened(b, b.TempDir())
			var n atomic.Int64
			b.SetParallelism(max(1, callers/runtime.GOMAXPROCS(0)))
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					rep := store.Repeat{Key: store.RepeatKey{Login: "a", Method: "publish",
						Digest: fmt.Sprint(n.Add(1))}, Scope: "s"}
					if _, _, err := s.Begin(context.Background(), rep); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

func BenchmarkRequest(b *testing.B) {
	ctx := context.Background()
	s := opened(b, b.TempDir())
	must(b, s.Create(ctx, store.Request{ID: 1, Logins: []string{"a"},
		Parts: []store.Part{{Name: "p00"}}}))
	for b.Loop() {
		if _, err := s.Request(ctx, 1); err != nil {
			b.Fatal(err)
		}
	}
}
