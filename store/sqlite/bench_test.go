package sqlite_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
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

// BenchmarkPart is what a part waits for in all, of a request that has many already.
func BenchmarkPart(b *testing.B) {
	for _, parts := range []int{1, 10_000} {
		b.Run(fmt.Sprintf("parts=%d", parts), func(b *testing.B) {
			ctx := context.Background()
			s := opened(b, b.TempDir())
			r := s.Requests()
			must(b, r.Create(ctx, store.Request{ID: 1, Logins: []string{"a"}}))
			var all sync.WaitGroup
			for w := range 50 { // they share commits
				all.Go(func() {
					for i := w; i < parts; i += 50 {
						if err := r.AddPart(ctx, 1, store.Part{Name: fmt.Sprint(i), Size: 1, Width: 2}); err != nil {
							b.Error(err)
						}
					}
				})
			}
			all.Wait()
			for n := 0; b.Loop(); n++ {
				if _, err := r.Request(ctx, 1); err != nil {
					b.Fatal(err)
				}
				must(b, r.AddPart(ctx, 1, store.Part{Name: fmt.Sprint("p", n), Size: 1, Width: 2}))
			}
		})
	}
}

// What a create asks before it is forwarded and behind its answer, by a caller who may go away.
func BenchmarkCreateAsks(b *testing.B) {
	s := opened(b, b.TempDir())
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if err := s.Requests().Create(ctx, store.Request{ID: 1, Site: 2, Checksum: "sum", Logins: []string{"me"}}); err != nil {
		b.Fatal(err)
	}
	for name, ask := range map[string]func() error{
		"the archive": func() error { _, err := s.Requests().Find(ctx, 2, "sum"); return err },
		"the scope":   func() error { return s.Repeats().EndScope(ctx, "none", store.RepeatKey{}, 0) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := ask(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
