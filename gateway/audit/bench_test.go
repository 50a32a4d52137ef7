package audit_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/store/files"
)

// typical is the verdict of an update call.
func typical() audit.Event {
	return audit.Event{
		Kind: audit.KindVerdict, Time: time.Date(2026, 3, 29, 1, 2, 3, 456789012, time.UTC),
		Ref: "0195e2b1-7c1e-7b3a-9d55-3f6e0c7a1b2c", Node: "live-1",
		Addr:   netip.MustParseAddr("192.0.2.17"),
		Socket: netip.MustParseAddrPort("192.0.2.17:51234"), Peer: "staging",
		Login: "publisher@example.com", KeyID: "2026-03",
		About: audit.About{
			Line: "7.x",
			Method: "com.liferay.exportimport.kernel.service.StagingServiceUtil#updateStagingRequest" +
				"(long,java.lang.String,[B)",
			Site: 20121, Request: 40307, Part: "0b1f9a3e-52a7-4a2c-8f5e-7f6f8b9b7a10.zip03", Size: 10 << 20,
		},
		Verdict: audit.Allow,
	}
}

func BenchmarkEncode(b *testing.B) {
	ev := typical()
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
			must(b, err)
			defer ev.Close()
			l := openLog(b, config(b, ev))
			defer l.Close()
			if callers == 1 {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
			}
			b.ReportAllocs()
			b.SetParallelism(max(1, callers/runtime.GOMAXPROCS(0)))
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := l.Append(context.Background(), typical()); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

// BenchmarkVerify reads a log of 50,000 records from files.
func BenchmarkVerify(b *testing.B) {
	ctx := context.Background()
	m := &memory{}
	cfg := config(b, m)
	l := openLog(b, cfg)
	for range 50_000 {
		_, err := l.Append(ctx, typical())
		must(b, err)
	}
	must(b, l.Close())
	ev, err := files.Open(files.Config{Dir: b.TempDir()})
	must(b, err)
	defer ev.Close()
	must(b, copyLog(ctx, ev, m))
	newest, err := os.ReadFile(cfg.Checkpoint)
	must(b, err)
	for b.Loop() {
		r, err := audit.Verify(ctx, ev, audit.Trust{Keys: []ed25519.PublicKey{public(key)},
			Notes: []audit.Note{{Text: newest}}})
		if err != nil || !r.OK() {
			b.Fatal(r, err)
		}
	}
	b.ReportMetric(float64(len(m.lines))*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
