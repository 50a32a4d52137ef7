package archive_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/archive/manifest"
	"github.com/stagelock/stagelock/archive/refusal"
	"github.com/stagelock/stagelock/archive/repack"
)

func anew(t *testing.T, b []byte) ([]byte, repack.Repacked, error) {
	t.Helper()
	var out bytes.Buffer
	done, err := repack.Write(t.Context(), &out, bytes.NewReader(b), int64(len(b)), archive.DefaultLimits())
	return out.Bytes(), done, err
}

// handmade is an archive with these names, as archive/zip writes them, each with its name as content.
func handmade(t *testing.T, names ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, n := range names {
		f, err := w.CreateHeader(&zip.FileHeader{Name: n, Method: zip.Deflate, Flags: 0x800})
		if err != nil {
			t.Fatal(err)
		}
		content := n
		if strings.HasSuffix(strings.ReplaceAll(n, `\`, "/"), "manifest.xml") {
			content = manifestText
		}
		if strings.HasSuffix(n, "/") {
			continue
		}
		if _, err := f.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRepackNames(t *testing.T) {
	for _, tt := range []struct {
		name     string
		in, want []string
	}{
		{"as they are", []string{"manifest.xml", "a/b.xml"}, []string{"a/b.xml", "manifest.xml"}},
		{"folder around everything", []string{"site/", "site/manifest.xml", "site/a/b.xml"}, []string{"a/b.xml", "manifest.xml"}},
		{"dot in front", []string{"./", "./manifest.xml", "./a/b.xml"}, []string{"a/b.xml", "manifest.xml"}},
		{"backslashes", []string{`a\b.xml`, "manifest.xml"}, []string{"a/b.xml", "manifest.xml"}},
		{"names of a Mac", []string{"a\u0301.xml", "manifest.xml", "__MACOSX/._manifest.xml", ".DS_Store", "a/._b"}, []string{"á.xml", "manifest.xml"}},
		{"folder around everything on a Mac", []string{"site/manifest.xml", "__MACOSX/site/._manifest.xml"}, []string{"manifest.xml"}},
		{"folder without a manifest", []string{"site/a.xml"}, []string{"site/a.xml"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, _, err := anew(t, handmade(t, tt.in...))
			if err != nil {
				t.Fatal(err)
			}
			a, err := accept(b)
			if err != nil {
				t.Fatalf("written anew, it is refused: %v", err)
			}
			var got []string
			for _, e := range a.Entries() {
				got = append(got, e.Name)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// Writing anew is no way past a rule: what is dangerous stays refused.
func TestRepackRefusesWhatIsDangerous(t *testing.T) {
	for _, tt := range []struct {
		name string
		data []byte
		code refusal.Code
	}{
		{"path leaves", handmade(t, "manifest.xml", "../a"), refusal.CodePath},
		{"path leaves by backslashes", handmade(t, "manifest.xml", `a\..\..\b`), refusal.CodePath},
		{"absolute", handmade(t, "manifest.xml", "/etc/passwd"), refusal.CodePath},
		{"one name twice", handmade(t, "manifest.xml", "a", "a"), refusal.CodeDuplicate},
		{"one name twice, once repaired", handmade(t, "manifest.xml", "a/b", `a\b`), refusal.CodeDuplicate},
		{"symbolic link", with(func(c *crafted) {
			c.items[2].inCentral(func(r *rec) { r.madeBy, r.external = 3<<8|20, 0xa1ff<<16 })
		}), refusal.CodeMode},
		{"encrypted", with(func(c *crafted) { c.items[2].both(func(r *rec) { r.flags |= 1 }) }), refusal.CodeFlags},
		{"method 12", with(func(c *crafted) { c.items[1].both(func(r *rec) { r.method = 12 }) }), refusal.CodeMethod},
		{"wrong checksum", with(func(c *crafted) { c.items[2].both(func(r *rec) { r.crc++ }) }), refusal.CodeData},
		{"not an archive", []byte("<html></html>"), refusal.CodeForeign},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := anew(t, tt.data)
			if refusal.CodeOf(err) != tt.code {
				t.Errorf("got %v (%s), want %s", err, refusal.CodeOf(err), tt.code)
			}
		})
	}
}

func TestRepackKeepsToLimits(t *testing.T) {
	b, lim := plain().bytes(), archive.DefaultLimits()
	lim.Total = 100
	var out bytes.Buffer
	if _, err := repack.Write(t.Context(), &out, bytes.NewReader(b), int64(len(b)), lim); refusal.CodeOf(err) != refusal.CodeTotalSize {
		t.Errorf("got %v, want %s", err, refusal.CodeTotalSize)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errDisk)
	if _, err := repack.Write(ctx, &out, bytes.NewReader(b), int64(len(b)), archive.DefaultLimits()); !errors.Is(err, errDisk) {
		t.Errorf("got %v, want the context's cause", err)
	}
}

// What is refused with the cure "repack" is accepted once that was done.
func TestRepackIsACure(t *testing.T) {
	for _, p := range packings {
		if p.cure != "repack" {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			b, _, err := anew(t, pack(t, p))
			if err != nil {
				t.Fatal(err)
			}
			a, err := accept(b)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := manifest.Of(a); err != nil {
				t.Error(err)
			}
			sameAsJava(t, b)
		})
	}
}

// A large file streams: what Repack holds is bounded, and the content is the same.
func TestRepackStreamsLargeFiles(t *testing.T) {
	raw := make([]byte, 17<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(raw) // never fails
	big := hex.EncodeToString(raw)
	b := craft(packed("big.txt", big), streamed("manifest.xml", manifestText)).bytes()
	out, _, err := anew(t, b)
	if err != nil {
		t.Fatal(err)
	}
	a, err := archive.Open(bytes.NewReader(out), int64(len(out)), archive.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	e, ok := a.Lookup("big.txt")
	if !ok || e.Size != int64(len(big)) {
		t.Errorf("got %+v", e)
	}
}

// Real kinds of files that are no archives are called by their names.
func TestForeignFilesAreNamed(t *testing.T) {
	lar := plain().bytes()
	for _, tt := range []struct{ name, data, says string }{
		{"page", "<!DOCTYPE html>\n<html><body>Sign in</body></html>", "HTML"},
		{"page behind a mark and blanks", "\ufeff\r\n  <HTML>", "HTML"},
		{"page with a comment first", "<!-- saved --><html lang=de>", "HTML"},
		{"LFS", "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "Git LFS"},
		{"gzip", "\x1f\x8b\x08\x00abcdefghijklmnopqrstuvwxyz", "gzip"},
		{"base64", "UEsDBBQACAgIAAAAIQAAAAAAAAAAAAAAAAAAAAAA\n", "base64"},
		{"data URL", "data:application/zip;base64,UEsDBBQACAgIAAAAIQ", "base64"},
		{"XML", `<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>`, "XML"},
		{"JSON", `{"error": "not found", "status": 404}`, "JSON"},
		{"zeros", strings.Repeat("\x00", 5000), "zeros"},
		{"empty", "", "empty"},
		{"cut", string(lar[:len(lar)-30]), "cut off"},
		{"cut in the first entry", string(lar[:40]), "cut off"},
		{"UTF-16", "\xff\xfeP\x00K\x00\x03\x00\x04\x00" + strings.Repeat("x", 40), "PowerShell"},
		{"tar around it", "site.lar" + strings.Repeat("\x00", 249) + "ustar" + strings.Repeat("\x00", 250) + string(lar) + strings.Repeat("\x00", 512), "tar format"},
		{"an answer with its head", "HTTP/1.1 200 OK\r\n\r\n" + string(lar), "answer of a web server"},
		{"a form", "--b\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\n" + string(lar) + "\r\n--b--\r\n", "form that was sent"},
		{"PDF", "%PDF-1.7" + strings.Repeat("\n", 50), "document of PDF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := open([]byte(tt.data))
			var r *refusal.Refusal
			if !errors.As(err, &r) || !strings.Contains(r.Error(), tt.says) || r.Cure() == "" {
				t.Errorf("got %v, want words about %q and a cure", err, tt.says)
			}
		})
	}
	_, err := archive.OpenFile(t.TempDir(), archive.DefaultLimits())
	if refusal.CodeOf(err) != refusal.CodeForeign {
		t.Errorf("a folder: %v", err)
	}
}

func TestEveryRefusalHasACure(t *testing.T) {
	for _, c := range append(differing(), malformed()...) {
		_, err := accept(c.data)
		var r *refusal.Refusal
		if !errors.As(err, &r) || r.Cure() == "" {
			t.Errorf("%s: %v has no cure", c.name, err)
		}
	}
}

// The inputs that were seen in public: what p7zip, a Mac, jar and bsdtar leave.
func TestRepackedByHandOpens(t *testing.T) {
	ux := []byte{0x55, 0x58, 8, 0, 0x80, 0x6b, 0x59, 0x62, 0x80, 0x6b, 0x59, 0x62}
	for _, tt := range []struct {
		name string
		data []byte
	}{
		{"p7zip 9.20", with(func(c *crafted) { c.items[1].both(func(r *rec) { r.version = 20 | 3<<8 }) })},
		{"macOS", with(func(c *crafted) { c.items[1].both(func(r *rec) { r.extra = ux }) })},
		{"jar", with(func(c *crafted) { c.items[1].both(func(r *rec) { r.extra = []byte{0xfe, 0xca, 0, 0} }) })},
		{"bsdtar", with(func(c *crafted) {
			c.items[3].local.crc, c.items[3].local.size, c.items[3].local.packed = c.items[3].central.crc, c.items[3].central.size, c.items[3].central.packed
		})},
		{"bsdtar, the size alone", with(func(c *crafted) { c.items[3].local.size = c.items[3].central.size })},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, err := accept(tt.data)
			if err != nil {
				t.Fatal(err)
			}
			sameAsGo(t, tt.data, a)
			sameAsJava(t, tt.data)
		})
	}
}

// unzip is what most people look with: it finds no fault with an archive written anew.
func TestUnzipTakesWhatIsRepacked(t *testing.T) {
	unzip, err := exec.LookPath("unzip")
	if err != nil {
		t.Skip("no unzip on the PATH")
	}
	b, _, err := anew(t, handmade(t, "site/manifest.xml", "site/a/ä.xml"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "a.lar")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), unzip, "-t", path).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
