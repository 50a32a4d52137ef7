package archive_test

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/archive/manifest"
	"github.com/stagelock/stagelock/archive/refusal"
	"github.com/stagelock/stagelock/archive/repack"
	"github.com/stagelock/stagelock/integration/blind"
)

func openSeeds(f blind.Seeds) {
	for _, b := range realArchives(f) {
		f.Add(b)
	}
	f.Add(plain().bytes())
	f.Add(craft().bytes())
	for _, c := range append(differing(), malformed()...) {
		if len(c.data) < 1<<14 {
			f.Add(c.data)
		}
	}
}

// opens: what is accepted is read the same by archive/zip, and survives being written again.
func opens(t testing.TB, b []byte) {
	if len(b) > 1<<16 {
		return
	}
	a, err := accept(b)
	if err != nil {
		if refusal.CodeOf(err) == "" {
			t.Fatalf("refused without a code: %v", err)
		}
		return
	}
	sameAsGo(t, b, a)
	again, err := accept(rewrite(t, a))
	if err != nil {
		t.Fatalf("written again, it is refused: %v", err)
	}
	sameContent(t, a, again)
}

func FuzzOpen(f *testing.F) {
	openSeeds(f)
	f.Fuzz(func(t *testing.T, b []byte) { opens(t, b) })
}

func TestBlind(t *testing.T) {
	blind.Run(t, "FuzzOpen", openSeeds, func(t testing.TB, in *blind.Input) { opens(t, in.Bytes(0)) })
	blind.Run(t, "FuzzManifest", manifestSeeds, func(t testing.TB, in *blind.Input) { readsManifest(t, in.String(0)) })
}

func rewrite(t testing.TB, a *archive.Archive) []byte {
	t.Helper()
	var b bytes.Buffer
	w := archive.NewWriter(&b)
	for _, e := range a.Entries() {
		var err error
		if e.Dir {
			err = w.Mkdir(e.Name, e.Modified)
		} else {
			err = w.Put(e.Name, e.Modified, readEntry(t, a, e))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func sameContent(t testing.TB, a, b *archive.Archive) {
	t.Helper()
	if a.Len() != b.Len() {
		t.Fatalf("%d entries became %d", a.Len(), b.Len())
	}
	for i, e := range a.Entries() {
		f := b.Entries()[i]
		if e.Name != f.Name || e.Size != f.Size || e.CRC != f.CRC {
			t.Fatalf("entry %q of %d bytes became %q of %d", e.Name, e.Size, f.Name, f.Size)
		}
		if !e.Dir && !bytes.Equal(readEntry(t, a, e), readEntry(t, b, f)) {
			t.Fatalf("entry %q changed its content", e.Name)
		}
	}
}

func TestRealArchivesSurviveRewriting(t *testing.T) {
	for name, b := range realArchives(t) {
		a, err := open(b)
		if err != nil {
			t.Fatal(err)
		}
		again, err := accept(rewrite(t, a))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		sameContent(t, a, again)
	}
}

func manifestSeeds(f blind.Seeds) {
	b, err := os.ReadFile("testdata/manifest-7.xml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(b))
	for _, real := range realArchives(f) {
		a, err := open(real)
		if err != nil {
			f.Fatal(err)
		}
		e, _ := a.Lookup(manifest.Name)
		f.Add(string(readEntry(f, a, e)))
	}
}

// readsManifest: a refusal has a code, and what is accepted stays within its limits and says the
// same with a comment in front.
func readsManifest(t testing.TB, s string) {
	lim := archive.DefaultLimits()
	lim.Manifest, lim.Token, lim.Depth = 1<<16, 1<<12, 8
	m, err := manifest.Read(strings.NewReader(s), lim)
	if err != nil {
		if refusal.CodeOf(err) == "" {
			t.Fatalf("refused without a code: %v", err)
		}
		return
	}
	if len(s) > 1<<16 || strings.Contains(s, "<!DOCTYPE") && !strings.Contains(s, "<!--") && !strings.Contains(s, "CDATA") {
		t.Fatalf("accepted beyond the rules: %q", s)
	}
	if strings.HasPrefix(s, "<?") {
		return
	}
	again, err := manifest.Read(strings.NewReader("<!-- c -->"+s), lim)
	if err == nil && len(again.Portlets) != len(m.Portlets) {
		t.Fatalf("%d portlets became %d", len(m.Portlets), len(again.Portlets))
	}
}

func FuzzManifest(f *testing.F) {
	manifestSeeds(f)
	f.Fuzz(func(t *testing.T, s string) { readsManifest(t, s) })
}

// FuzzRepack: what is written anew is accepted and reads the same everywhere, whatever was read; an
// archive that was accepted keeps its content.
func FuzzRepack(f *testing.F) {
	f.Add(plain().bytes())
	f.Add(craft().bytes())
	for _, c := range append(differing(), malformed()...) {
		if len(c.data) < 1<<14 {
			f.Add(c.data)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<16 {
			return
		}
		var out bytes.Buffer
		_, err := repack.Write(t.Context(), &out, bytes.NewReader(b), int64(len(b)), archive.DefaultLimits())
		before, refused := accept(b)
		if err != nil {
			if refused == nil && before.Len() > 0 && refusal.CodeOf(err) == "" {
				t.Fatalf("an accepted archive cannot be written anew: %v", err)
			}
			return
		}
		after, err := accept(out.Bytes())
		if err != nil {
			t.Fatalf("written anew, it is refused: %v", err)
		}
		sameAsGo(t, out.Bytes(), after)
	})
}

// FuzzForeign: a file that is no archive is refused with a code and a cure, whatever it is.
func FuzzForeign(f *testing.F) {
	for _, s := range []string{"", "<html>", "PK\x03\x04", "data:;base64,UEsDBBQ", "\x1f\x8b", "version https://git-lfs.github.com/spec/v1\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := open(b)
		var r *refusal.Refusal
		if err != nil && (!errors.As(err, &r) || r.Cure() == "") {
			t.Fatalf("%v has no cure", err)
		}
	})
}
