package archive_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/archive/manifest"
	"github.com/stagelock/stagelock/archive/refusal"
)

var update = flag.Bool("update", false, "write golden files")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", "summary", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestSummary(t *testing.T) {
	modern, err := os.ReadFile("testdata/manifest-7.xml")
	if err != nil {
		t.Fatal(err)
	}
	all := realArchives(t)
	for name, b := range map[string][]byte{
		"community.json":        all["community-a5fc79.lar"],
		"document-library.json": all["document-library-e54f54.lar"],
		"recent-line.json": with(func(c *crafted) {
			c.items = []*item{
				stored("group/20143/com.liferay.journal.model.JournalArticle/1.xml", "<a/>"),
				stored("group/20143/com.liferay.journal.model.JournalArticle/2.xml", "<a/>"),
				stored("group/20143/com.liferay.document.library.kernel.model.DLFileEntry/7/1.0", "bytes"),
				stored("group/20143/portlet/journal/0/portlet.xml", "<p/>"),
				stored("company/20097/com.liferay.portal.kernel.model.User/4.xml", "<u/>"),
				stored("other/place/readme", "-"),
				stored("manifest.xml", string(modern)),
			}
		}),
	} {
		t.Run(name, func(t *testing.T) {
			a, err := open(b)
			if err != nil {
				t.Fatal(err)
			}
			s, err := manifest.Summarize(context.Background(), a)
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.MarshalIndent(s, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name, append(got, '\n'))
		})
	}
}

func TestSummaryCountsListedDeletions(t *testing.T) {
	events := `<deletion-system-events><deletion-system-event class-name="a"/><deletion-system-event/></deletion-system-events>`
	a, err := open(with(func(c *crafted) { c.items[1] = packed("group/1/deletion-system-events.xml", events) }))
	if err != nil {
		t.Fatal(err)
	}
	s, err := manifest.Summarize(context.Background(), a)
	if err != nil || s.Deletions != 2 {
		t.Errorf("got %+v, %v, want 2 deletions", s, err)
	}
}

func TestSummaryRefusesBadDeletions(t *testing.T) {
	a, err := open(with(func(c *crafted) { c.items[1] = packed("group/1/deletion-system-events.xml", "<!DOCTYPE a><a/>") }))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := manifest.Summarize(context.Background(), a); refusal.CodeOf(err) != refusal.CodeXML {
		t.Errorf("got %v, want %s", err, refusal.CodeXML)
	}
}

func TestSummaryStopsWithItsContext(t *testing.T) {
	a, err := open(plain().bytes())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errDisk)
	if _, err := manifest.Summarize(ctx, a); !errors.Is(err, errDisk) {
		t.Errorf("got %v, want %v", err, errDisk)
	}
}

func TestOpenFile(t *testing.T) {
	f, err := archive.OpenFile("testdata/lar/site-map-d211fe.lar", archive.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Verify(context.Background(), nil), f.Close()); err != nil {
		t.Error(err)
	}
}

func TestOpenFileNamesTheFileAndTheRule(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.lar")
	if err := os.WriteFile(path, named("../a"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := archive.OpenFile(path, archive.DefaultLimits())
	want := `open lar "` + path + `": entry 4: path leaves the archive`
	if err == nil || err.Error() != want || refusal.CodeOf(err) != refusal.CodePath {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, err := archive.OpenFile(dir, archive.DefaultLimits()); err == nil {
		t.Error("a directory opens")
	}
	if _, err := archive.OpenFile(filepath.Join(dir, "none"), archive.DefaultLimits()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want %v", err, os.ErrNotExist)
	}
}

func TestSizes(t *testing.T) {
	b := craft(stored("a", "12345"), stored("b", "123")).bytes()
	a, err := archive.Open(bytes.NewReader(b), int64(len(b)), archive.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	if a.Total() != 8 || a.Size() != int64(len(b)) || a.Len() != 2 {
		t.Errorf("got %d of content in %d entries in %d bytes", a.Total(), a.Len(), a.Size())
	}
}
