package archive_test

import (
	"archive/zip"
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stagelock/stagelock/archive/manifest"
	"github.com/stagelock/stagelock/archive/refusal"
)

// java runs a single-file program, or skips the test on machines without Java.
func java(t *testing.T, in io.Reader, program string, args ...string) []byte {
	t.Helper()
	path, err := exec.LookPath("java")
	if err != nil {
		t.Skip("no java on the PATH: the comparison with the JDK's readers is skipped")
	}
	var out, complaints bytes.Buffer
	cmd := exec.CommandContext(t.Context(), path, append([]string{"-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
		filepath.Join("testdata", program)}, args...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, &out, &complaints
	if err := cmd.Run(); err != nil {
		t.Fatalf("java %s: %v\n%s", program, err, complaints.Bytes())
	}
	return out.Bytes()
}

// view is what one reader sees in an archive: a digest over names and contents, or "error".
type view string

const unreadable view = "error"

// javaViews returns what ZipFile and ZipInputStream see in each archive.
func javaViews(t *testing.T, archives [][]byte) (file, stream []view) {
	t.Helper()
	var in bytes.Buffer
	for _, b := range archives {
		in.Write(binary.BigEndian.AppendUint32(nil, uint32(len(b))))
		in.Write(b)
	}
	lines := bufio.NewScanner(bytes.NewReader(java(t, &in, "ReadZip.java")))
	for lines.Scan() {
		if len(file) > len(stream) {
			stream = append(stream, view(lines.Text()))
			continue
		}
		file = append(file, view(lines.Text()))
	}
	if len(stream) != len(archives) {
		t.Fatalf("java answered for %d archives of %d", len(stream), len(archives))
	}
	return file, stream
}

func digest(seen []string) view {
	slices.Sort(seen)
	h := sha256.New()
	for _, s := range seen {
		fmt.Fprintln(h, s)
	}
	return view(hex.EncodeToString(h.Sum(nil)))
}

func describe(name string, r io.Reader) (string, error) {
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(r, 64<<20))
	return fmt.Sprintf("%x %d %x", name, n, h.Sum(nil)), err
}

// goView is what archive/zip sees.
func goView(b []byte) view {
	zr, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return unreadable
	}
	var seen []string
	for _, f := range zr.File {
		r, err := f.Open()
		if err != nil {
			return unreadable
		}
		s, err := describe(f.Name, r)
		if err != nil {
			return unreadable
		}
		seen = append(seen, s)
	}
	return digest(seen)
}

// ourView is what this package sees.
func ourView(b []byte) view {
	a, err := accept(b)
	if err != nil {
		return unreadable
	}
	var seen []string
	for _, e := range a.Entries() {
		var r io.Reader = bytes.NewReader(nil)
		if !e.Dir {
			if r, err = a.Open(e); err != nil {
				return unreadable
			}
		}
		s, err := describe(e.Name, r)
		if err != nil {
			return unreadable
		}
		seen = append(seen, s)
	}
	return digest(seen)
}

// TestJavaWritersAreAccepted has the JDK write archives in each way that a portal can.
func TestJavaWritersAreAccepted(t *testing.T) {
	dir := t.TempDir()
	java(t, nil, "WriteZip.java", dir)
	for _, name := range []string{"stream.lar", "times.lar", "filesystem.lar"} {
		t.Run(name, func(t *testing.T) {
			b, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			a, err := accept(b)
			if err != nil {
				t.Fatal(err)
			}
			sameAsGo(t, b, a)
			if m, err := manifest.Of(a); err != nil || m.Header.BuildNumber != 7413 {
				t.Errorf("manifest: got %+v, %v", m, err)
			}
			if refusal.CodeOf(a.Verify(t.Context(), nil)) != "" {
				t.Error("a second pass refuses")
			}
		})
	}
}
