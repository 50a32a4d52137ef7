package archivetest_test

import (
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/archive/archivetest"
	"github.com/stagelock/stagelock/archive/manifest"
)

func generate(t *testing.T, opt archivetest.Options) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := archivetest.Generate(&b, opt); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestGeneratedArchivesAreLegal(t *testing.T) {
	for _, opt := range []archivetest.Options{
		{}, {Bytes: 1}, {Bytes: 10, Entries: 100}, {Bytes: 25 << 20, Entries: 7, Seed: 3, Site: 42, Build: 7210},
	} {
		data := generate(t, opt)
		a, err := archive.Open(bytes.NewReader(data), int64(len(data)), archive.DefaultLimits())
		if err != nil {
			t.Fatalf("%+v: %v", opt, err)
		}
		if err := a.Verify(context.Background(), nil); err != nil {
			t.Fatalf("%+v: %v", opt, err)
		}
		m, err := manifest.Of(a)
		if err != nil {
			t.Fatalf("%+v: %v", opt, err)
		}
		if n := m.Models["FileEntry"]; n != max(1, opt.Entries) || m.Additions != int64(n) {
			t.Errorf("%+v: manifest lists %d and counts %d", opt, n, m.Additions)
		}
		if opt.Site != 0 && (m.Header.GroupID != opt.Site || m.Header.BuildNumber != opt.Build) {
			t.Errorf("%+v: header says %+v", opt, m.Header)
		}
		if int64(len(data)) < opt.Bytes || a.Total() < opt.Bytes {
			t.Errorf("%+v: only %d bytes with %d of content", opt, len(data), a.Total())
		}
	}
}

func TestGenerateIsRepeatable(t *testing.T) {
	opt := archivetest.Options{Bytes: 10_000, Entries: 3, Seed: 1}
	first := generate(t, opt)
	if !bytes.Equal(first, generate(t, opt)) {
		t.Error("equal options make different archives")
	}
	opt.Seed = 2
	if bytes.Equal(first, generate(t, opt)) {
		t.Error("another seed makes the same archive")
	}
}

type failing struct{ after int }

func (f *failing) Write(p []byte) (int, error) {
	if f.after -= len(p); f.after < 0 {
		return 0, io.ErrShortWrite
	}
	return len(p), nil
}

func TestGenerateReportsWriteErrors(t *testing.T) {
	for _, after := range []int{0, 400, 5000, 10_500} {
		if err := archivetest.Generate(&failing{after}, archivetest.Options{Bytes: 10_000, Entries: 2}); err == nil {
			t.Errorf("no error though writing broke after %d bytes", after)
		}
	}
}
