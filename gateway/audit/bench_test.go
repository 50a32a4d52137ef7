package audit_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/audittest"
	"github.com/stagelock/stagelock/store/files"
)

func BenchmarkEncode(b *testing.B) {
	ev := audittest.Typical()
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = audit.AppendMembers(buf[:0], &ev)
	}
	b.ReportMetric(float64(len(buf)), "bytes")
}

// BenchmarkAppend writes to files, with an fsync for each group.
func BenchmarkAppend(b *testing.B) {
	for _, callers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			ev, err := files.Open(files.Config{Dir: b.TempDir()})
			audittest.Must(b, err)
			defer ev.Close()
			l := audittest.Open(b, audittest.Config(b, ev))
			defer l.Close()
			if callers == 1 {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
			}
			b.ReportAllocs()
			b.SetParallelism(max(1, callers/runtime.GOMAXPROCS(0)))
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := l.Append(context.Background(), audittest.Typical()); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
