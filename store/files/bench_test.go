package files_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/files"
)

// BenchmarkAppend appends batches of records of 500 bytes, each batch with one fsync.
func BenchmarkAppend(b *testing.B) {
	for _, n := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("records=%d", n), func(b *testing.B) {
			e := opened(b, files.Config{Dir: b.TempDir()})
			recs := make([]store.Record, n)
			seq := store.Seq(0)
			for i := range recs {
				recs[i].Body = bytes.Repeat([]byte("x"), 500)
			}
			for b.Loop() {
				for i := range recs {
					seq++
					recs[i].Seq = seq
				}
				must(b, e.Append(context.Background(), recs))
			}
		})
	}
}

// BenchmarkRead reads records of 500 bytes.
func BenchmarkRead(b *testing.B) {
	e := opened(b, files.Config{Dir: b.TempDir()})
	recs := make([]store.Record, 20_000)
	for i := range recs {
		recs[i] = store.Record{Seq: store.Seq(i + 1), Body: bytes.Repeat([]byte("x"), 500)}
	}
	must(b, e.Append(context.Background(), recs))
	b.SetBytes(501 * int64(len(recs)))
	for b.Loop() {
		must(b, e.Read(context.Background(), 1, func(store.Record) error { return nil }))
	}
}

// BenchmarkOpen continues a log whose last segment has 64 MiB.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	e, err := files.Open(files.Config{Dir: dir})
	must(b, err)
	recs := make([]store.Record, 145_000)
	for i := range recs {
		recs[i] = store.Record{Seq: store.Seq(i + 1), Body: bytes.Repeat([]byte("x"), 460)}
	}
	must(b, e.Append(context.Background(), recs))
	must(b, e.Close())
	for b.Loop() {
		e, err := files.Open(files.Config{Dir: dir})
		must(b, err)
		must(b, e.Close())
	}
}
