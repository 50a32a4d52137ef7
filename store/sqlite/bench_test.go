package sqlite_test

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stagelock/stagelock/store"
)

// BenchmarkBegin is what a publish waits for before its tail leaves, by the number of publishers at
// once.
func BenchmarkBegin(b *testing.B) {
	for _, callers := range []int{2, 16, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			s := opened(b, b.TempDir())
			_, err := s.Members().Join(context.Background(), store.Member{ID: "a", Node: "a"}, time.Hour)
			must(b, err)
			var n atomic.Int64
			b.SetParallelism(max(1, callers/runtime.GOMAXPROCS(0)))
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					i := n.Add(1)
					rep := store.Repeat{Key: store.RepeatKey{Login: "a", Method: "publish",
						Digest: fmt.Sprint(i)}, Scope: fmt.Sprint(i / 4), Owner: "a"}
					if _, _, err := s.Repeats().Begin(context.Background(), rep, time.Minute); err != nil {
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
