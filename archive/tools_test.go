package archive_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/archive/manifest"
	"github.com/stagelock/stagelock/archive/refusal"
)

// packing is one way in which people pack an archive: a line for a shell in the folder of its files,
// which leaves it in $out.
type packing struct {
	name, tool, line string
	// refused is the code with which it is refused, where the portal's readers do not see one thing
	// or would not find the manifest; the cure must name what this says.
	refused refusal.Code
	cure    string
}

// packings are real tools with the options that people use, and those that change the form.
var packings = []packing{
	{name: "zip", tool: "zip", line: "zip -qr $out ."},
	{name: "zip without folders", tool: "zip", line: "zip -qrD $out ."},
	{name: "zip, smallest", tool: "zip", line: "zip -qr9 $out ."},
	{name: "zip, fastest", tool: "zip", line: "zip -qr1 $out ."},
	{name: "zip, stored", tool: "zip", line: "zip -qr0 $out ."},
	{name: "zip without extra fields", tool: "zip", line: "zip -qrX $out ."},
	{name: "zip with a comment", tool: "zip", line: "zip -qr $out . && printf 'packed by hand' | zip -qz $out"},
	{name: "zip of a manifest changed later", tool: "zip", line: "zip -qr $out . && printf ' ' >> manifest.xml && zip -q $out manifest.xml"},
	{name: "zip, updated", tool: "zip", line: "zip -qr $out . && printf ' ' >> manifest.xml && touch -d 2037-01-01 manifest.xml && zip -qu $out manifest.xml"},
	{name: "zip, an entry deleted", tool: "zip", line: "zip -qr $out . && zip -qd $out group/1/empty.txt"},
	{name: "zip with names in UTF-8", tool: "zip", line: "zip -qr -UN=UTF8 $out ."},
	{name: "zip without names in Unicode", tool: "zip", line: "zip -qr -UN=N $out ."},
	{name: "zip to a pipe", tool: "zip", line: "zip -qr - . > $out"},
	{name: "zip with a password", tool: "zip", line: "zip -qr -P secret $out .", refused: refusal.CodeFlags, cure: "password"},
	{name: "zip of the folder", tool: "zip", line: "mkdir ../site && cp -r . ../site && cd .. && zip -qr $out site", refused: refusal.CodeManifest, cure: "repack"},
	{name: "7z", tool: "7z", line: "7z a -bd -tzip $out . >/dev/null"},
	{name: "7z, largest effort", tool: "7z", line: "7z a -bd -tzip -mx=9 $out . >/dev/null"},
	{name: "7z, stored", tool: "7z", line: "7z a -bd -tzip -mx=0 $out . >/dev/null"},
	{name: "7z, names in UTF-8", tool: "7z", line: "7z a -bd -tzip -mcu=on $out . >/dev/null"},
	{name: "7z, an entry changed", tool: "7z", line: "zip -qr $out . && printf ' ' >> manifest.xml && 7z u -bd -tzip $out manifest.xml >/dev/null"},
	{name: "7z, a folder renamed", tool: "7z", line: "7z a -bd -tzip $out . >/dev/null && 7z rn -bd -tzip $out group/1/empty.txt group/1/none.txt >/dev/null"},
	{name: "7z, Deflate64", tool: "7z", line: "7z a -bd -tzip -mm=Deflate64 $out . >/dev/null", refused: refusal.CodeMethod, cure: "Deflate"},
	{name: "7z, LZMA", tool: "7z", line: "7z a -bd -tzip -mm=LZMA $out . >/dev/null", refused: refusal.CodeMethod, cure: "Deflate"},
	{name: "7z, BZip2", tool: "7z", line: "7z a -bd -tzip -mm=BZip2 $out . >/dev/null", refused: refusal.CodeMethod, cure: "Deflate"},
	{name: "7z, AES", tool: "7z", line: "7z a -bd -tzip -psecret -mem=AES256 $out . >/dev/null", refused: refusal.CodeExtra, cure: "password"},
	{name: "7z format", tool: "7z", line: "7z a -bd -t7z ../x.7z . >/dev/null && mv ../x.7z $out", refused: refusal.CodeForeign, cure: "zip"},
	{name: "bsdtar", tool: "bsdtar", line: "bsdtar -cf $out --format zip *"},
	{name: "bsdtar, stored", tool: "bsdtar", line: "bsdtar -cf $out --format zip --options zip:compression=store *", refused: refusal.CodeDescriptor, cure: "repack"},
	{name: "bsdtar of a dot", tool: "bsdtar", line: "bsdtar -cf $out --format zip .", refused: refusal.CodePath, cure: "repack"},
	{name: "bsdtar to a pipe", tool: "bsdtar", line: "bsdtar -cf - --format zip * > $out"},
	{name: "tar", tool: "tar", line: "tar -cf $out .", refused: refusal.CodeForeign, cure: "zip"},
	{name: "tar.gz", tool: "tar", line: "tar -czf $out .", refused: refusal.CodeForeign, cure: "zip"},
	{name: "jar", tool: "jar", line: "jar cf $out ."},
	{name: "jar without its manifest", tool: "jar", line: "jar cfM $out *"},
	{name: "jar, stored", tool: "jar", line: "jar cf0 $out *"},
	{name: "jar, updated", tool: "jar", line: "jar cfM $out * && printf ' ' >> manifest.xml && jar ufM $out manifest.xml"},
	{name: "jar of a zip, updated", tool: "jar", line: "zip -qr $out . && printf ' ' >> manifest.xml && jar ufM $out manifest.xml"},
	{name: "zip of a jar, updated", tool: "jar", line: "jar cfM $out * && printf ' ' >> manifest.xml && zip -q $out manifest.xml"},
	{name: "7z of a jar, updated", tool: "7z", line: "jar cfM $out * && printf ' ' >> manifest.xml && 7z u -bd -tzip $out manifest.xml >/dev/null"},
	{name: "Python", tool: "python3", line: "python3 -m zipfile -c $out *"},
	{name: "Python, appended", tool: "python3", line: `python3 -c 'import sys,zipfile
z=zipfile.ZipFile(sys.argv[1],"w",zipfile.ZIP_DEFLATED)
z.write("group/1/page.xml")
z.close()
z=zipfile.ZipFile(sys.argv[1],"a")
z.writestr("manifest.xml",open("manifest.xml").read())
z.close()' $out`},
	{name: "Python to a pipe", tool: "python3", line: `python3 -c 'import sys,zipfile
class W:
  def write(s,b): return sys.stdout.buffer.write(b)
  def flush(s): pass
z=zipfile.ZipFile(W(),"w",zipfile.ZIP_DEFLATED)
z.write("group/1/page.xml")
z.write("manifest.xml")
z.close()' > $out`},
	{name: "base64", tool: "base64", line: "zip -qr ../x.zip . && base64 ../x.zip > $out", refused: refusal.CodeForeign, cure: "base64 -d"},
	{name: "gzip", tool: "gzip", line: "zip -qr ../x.zip . && gzip -c ../x.zip > $out", refused: refusal.CodeForeign, cure: "gunzip"},
	{name: "cut", tool: "head", line: "zip -qr ../x.zip . && head -c 2000 ../x.zip > $out", refused: refusal.CodeEnd, cure: "again"},
	{name: "zip in a zip", tool: "zip", line: "zip -qr ../x.lar . && cd .. && zip -q $out x.lar", refused: refusal.CodeManifest, cure: "unzip"},
}

// files fills a folder with what an archive of a site has.
func files(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "files")
	noise := make([]byte, 30_000)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	for name, content := range map[string]string{
		"manifest.xml": manifestText, "group/1/page.xml": strings.Repeat("<a/>", 5000),
		"group/1/empty.txt": "", "group/1/small.txt": "x", "group/1/noise.bin": string(noise),
		"group/1/blank name.xml": "<b/>", "group/1/Grüße/\u00e1rv\u00edz.xml": strings.Repeat("<c/>", 100),
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// pack returns what a tool leaves, or skips the test where it is not installed.
func pack(t *testing.T, p packing) []byte {
	t.Helper()
	for _, tool := range []string{p.tool, "sh"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no %s on the PATH: what it packs is not tried", tool)
		}
	}
	dir, out := files(t), filepath.Join(t.TempDir(), "out.zip")
	cmd := exec.CommandContext(t.Context(), "sh", "-ec", p.line)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "out="+out, "LC_ALL=C.UTF-8")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("%s does not do that here: %v\n%s", p.tool, err, text)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What people's own tools pack is read, as Java's two readers read it; where these two differ or the
// portal would not find the manifest, it is refused with what to do.
func TestPackedByRealTools(t *testing.T) {
	for _, p := range packings {
		t.Run(p.name, func(t *testing.T) {
			b := pack(t, p)
			a, err := accept(b)
			if err == nil {
				_, err = manifest.Of(a)
			}
			if p.refused == "" {
				if err != nil {
					t.Fatalf("refused: %v (%s)", err, refusal.CodeOf(err))
				}
				sameAsGo(t, b, a)
				sameAsJava(t, b)
				return
			}
			var r *refusal.Refusal
			if !errors.As(err, &r) || r.Code != p.refused || !strings.Contains(r.Cure(), p.cure) {
				t.Fatalf("got %v (%s), want %s with a cure of %q", err, refusal.CodeOf(err), p.refused, p.cure)
			}
			t.Logf("%v; %s", r, r.Cure())
		})
	}
}

func sameAsJava(t *testing.T, b []byte) {
	t.Helper()
	if _, err := exec.LookPath("java"); err != nil {
		return // said elsewhere
	}
	file, stream := javaViews(t, [][]byte{b})
	if ours := ourView(b); file[0] != ours || stream[0] != ours {
		t.Errorf("we read %.8s, ZipFile %.8s, ZipInputStream %.8s", ours, file[0], stream[0])
	}
}
