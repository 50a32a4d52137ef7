package archive_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/archive/archivetest"
	"github.com/stagelock/stagelock/archive/manifest"
	"github.com/stagelock/stagelock/archive/parts"
)

func generate(b *testing.B, opt archivetest.Options) []byte {
	b.Helper()
	var buf bytes.Buffer
	if err := archivetest.Generate(&buf, opt); err != nil {
		b.Fatal(err)
	}
	return buf.Bytes()
}

func BenchmarkVerify(b *testing.B) {
	text := bytes.Buffer{}
	w := archive.NewWriter(&text)
	for i := range 100 {
		if err := w.Put("group/"+itoa(i), noon, bytes.Repeat(noise(64), 4000)); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	mixed := bytes.Buffer{}
	w = archive.NewWriter(&mixed)
	for i := range 16 {
		f, err := w.Create("group/"+itoa(i), noon)
		if err != nil {
			b.Fatal(err)
		}
		for j := range 1 << 14 {
			if _, err := f.Write(noise(40 + j%7)[j%7:]); err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	for _, bb := range []struct {
		name string
		data []byte
	}{
		{"stored 25 MiB", generate(b, archivetest.Options{Bytes: 25 << 20, Entries: 10})},
		{"deflated 25 MB", text.Bytes()},
		{"deflated stream", mixed.Bytes()},
	} {
		b.Run(bb.name, func(b *testing.B) {
			a, err := open(bb.data)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(a.Total())
			b.ReportAllocs()
			for b.Loop() {
				if err := a.Verify(context.Background(), nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	data := generate(b, archivetest.Options{Bytes: 1 << 20, Entries: 10_000})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := open(data); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*20_001/b.Elapsed().Seconds(), "entries/s")
}

func BenchmarkManifest(b *testing.B) {
	a, err := open(generate(b, archivetest.Options{Bytes: 1 << 10, Entries: 10_000}))
	if err != nil {
		b.Fatal(err)
	}
	e, _ := a.Lookup(manifest.Name)
	b.SetBytes(e.Size)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := manifest.Of(a); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDigest(b *testing.B) {
	data := noise(10 << 20)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := parts.Digest(context.Background(), bytes.NewReader(data)); err != nil {
			b.Fatal(err)
		}
	}
}
