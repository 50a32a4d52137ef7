package archive_test

import (
	"archive/zip"
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/archive/manifest"
)

// realArchives returns the vendor's own exports by name.
func realArchives(t testing.TB) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob("testdata/lar/*.lar")
	if err != nil || len(paths) != 12 {
		t.Fatalf("found %d real archives, want 12 (%v)", len(paths), err)
	}
	all := map[string][]byte{}
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(p)] = b
	}
	return all
}

func open(b []byte) (*archive.Archive, error) {
	return archive.Open(bytes.NewReader(b), int64(len(b)), archive.DefaultLimits())
}

// accept opens and verifies, as a gateway does.
func accept(b []byte) (*archive.Archive, error) {
	a, err := open(b)
	if err != nil {
		return nil, err
	}
	return a, a.Verify(context.Background(), nil)
}

func readEntry(t testing.TB, a *archive.Archive, e archive.Entry) []byte {
	t.Helper()
	r, err := a.Open(e)
	if err != nil {
		t.Fatalf("open %q: %v", e.Name, err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("read %q: %v", e.Name, err)
	}
	return b
}

// sameAsGo compares everything with the standard library's reader.
func sameAsGo(t testing.TB, b []byte, a *archive.Archive) {
	t.Helper()
	zr, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatalf("archive/zip refuses what we accept: %v", err)
	}
	entries := a.Entries()
	if len(zr.File) != len(entries) {
		t.Fatalf("archive/zip sees %d entries, we see %d", len(zr.File), len(entries))
	}
	for i, f := range zr.File {
		e := entries[i]
		if f.Name != e.Name || f.FileInfo().IsDir() != e.Dir {
			t.Fatalf("entry %d: archive/zip sees %q, we see %q", i, f.Name, e.Name)
		}
		if e.Dir {
			continue
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		want, err := io.ReadAll(r)
		if err != nil {
			t.Fatalf("archive/zip cannot read %q: %v", f.Name, err)
		}
		if got := readEntry(t, a, e); !bytes.Equal(got, want) {
			t.Fatalf("entry %q: content differs from archive/zip's", e.Name)
		}
	}
}

func TestRealArchivesAreAccepted(t *testing.T) {
	for name, b := range realArchives(t) {
		t.Run(name, func(t *testing.T) {
			a, err := accept(b)
			if err != nil {
				t.Fatal(err)
			}
			sameAsGo(t, b, a)
			m, err := manifest.Of(a)
			if err != nil {
				t.Fatal(err)
			}
			h := m.Header
			if h.BuildNumber != 6011 || h.GroupID == 0 || h.ExportDate.IsZero() || len(m.Portlets) == 0 {
				t.Errorf("manifest lacks what every real one has: %+v", m)
			}
		})
	}
}

func TestManifestOfARealSite(t *testing.T) {
	a, err := open(realArchives(t)["community-a5fc79.lar"])
	if err != nil {
		t.Fatal(err)
	}
	m, err := manifest.Of(a)
	if err != nil {
		t.Fatal(err)
	}
	want := &manifest.Manifest{
		Header: manifest.Header{
			Type: "layout-set", BuildNumber: 6011, GroupID: 10202,
			ExportDate: time.Date(2009, 6, 11, 20, 22, 20, 0, time.UTC),
		},
		Portlets: []manifest.Portlet{
			{ID: "25", LayoutID: "1", Path: "/groups/10202/portlets/25/10206/portlet.xml"},
			{ID: "15", LayoutID: "1", Path: "/groups/10202/portlets/15/10206/portlet.xml"},
			{ID: "19", LayoutID: "2", Path: "/groups/10202/portlets/19/10207/portlet.xml"},
		},
		Layouts: []manifest.Layout{
			{ID: "1", Path: "/groups/10202/layouts/1/layout.xml"},
			{ID: "2", Path: "/groups/10202/layouts/2/layout.xml"},
		},
		Models:  map[string]int{},
		Summary: map[string]manifest.ModelCounts{},
		Attributes: map[string]string{
			"build-number": "6011", "export-date": "Thu, 11 Jun 2009 20:22:20 +0000", "type": "layout-set",
			"group-id": "10202", "private-layout": "false", "theme-id": "classic", "color-scheme-id": "01",
		},
	}
	if diff := cmp.Diff(want, m); diff != "" {
		t.Errorf("manifest (-want +got):\n%s", diff)
	}
}
