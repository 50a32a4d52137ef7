package proof_test

import (
	"context"
	"crypto/ed25519"
	"os"
	"testing"

	"github.com/stagelock/stagelock/gateway/audit/audittest"
	"github.com/stagelock/stagelock/gateway/audit/proof"
	"github.com/stagelock/stagelock/store/files"
)

// BenchmarkVerify reads a log of 50,000 records from files.
func BenchmarkVerify(b *testing.B) {
	ctx := context.Background()
	m := &audittest.Memory{}
	cfg := audittest.Config(b, m)
	l := audittest.Open(b, cfg)
	for range 50_000 {
		_, err := l.Append(ctx, audittest.Typical())
		audittest.Must(b, err)
	}
	audittest.Must(b, l.Close())
	ev, err := files.Open(files.Config{Dir: b.TempDir()})
	audittest.Must(b, err)
	defer ev.Close()
	audittest.Must(b, audittest.Copy(ctx, ev, m))
	newest, err := os.ReadFile(cfg.Checkpoint)
	audittest.Must(b, err)
	for b.Loop() {
		r, err := proof.Verify(ctx, ev, proof.Trust{Keys: []ed25519.PublicKey{audittest.Public(audittest.Key)},
			Notes: []proof.Note{{Text: newest}}})
		if err != nil || !r.OK() {
			b.Fatal(r, err)
		}
	}
	b.ReportMetric(float64(len(m.Lines))*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
