package postgres_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/postgres"
)

// BenchmarkLog appends groups of records to a log, which wait for the disk or do not.
func BenchmarkLog(b *testing.B) {
	s := openIn(b, postgres.Config{URL: shared.URL(b)}, b.TempDir())
	b.Cleanup(func() { must(b, s.Close()) })
	body := fmt.Appendf(nil, `{"seq":1,"kind":"verdict","detail":%q}`, make([]byte, 100))
	for _, n := range []int{1, 16} {
		for name, appends := range map[string]func(l store.Lazy, recs []store.Record) error{
			"durably": func(l store.Lazy, recs []store.Record) error { return l.Append(context.Background(), recs) },
			"lazily":  func(l store.Lazy, recs []store.Record) error { return l.AppendLazily(context.Background(), recs) },
		} {
			b.Run(fmt.Sprintf("%s/records=%d", name, n), func(b *testing.B) {
				log, seq := s.Logs().Log(fmt.Sprint(b.Name(), time.Now())).(store.Lazy), store.Seq(0)
				recs := make([]store.Record, n)
				b.ReportAllocs()
				for b.Loop() {
					for i := range recs {
						seq++
						recs[i] = store.Record{Seq: seq, Body: body}
					}
					must(b, appends(log, recs))
				}
			})
		}
	}
}
