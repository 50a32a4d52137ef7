package settings_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stagelock/stagelock/conf/settings"
)

// /dev/zero filled the memory and a pipe was waited for: what is no file is not read, and a large
// one no further than its bound.
func TestOnlyRegularFilesAreRead(t *testing.T) {
	dir := t.TempDir()
	pipe, large := filepath.Join(dir, "pipe"), filepath.Join(dir, "large")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(large)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(1 << 40); err != nil { // sparse
		t.Skipf("no sparse files here: %v", err)
	}
	f.Close()
	schema := settings.SchemaOf[struct {
		A string `yaml:"a" doc:"It."`
	}]("X_")
	for name, want := range map[string]string{
		"/dev/zero": "is a device, a pipe or a socket", pipe: "is a device, a pipe or a socket", large: "is larger than 1 MiB", dir: "is a folder", dir + "/none": "does not exist",
	} {
		l, ok := schema.Read(settings.Sources{File: name})
		if ps := l.Problems(); ok || len(ps) != 1 || !strings.Contains(ps[0].String(), want) {
			t.Errorf("%s: %v, want %s", name, ps, want)
		}
	}
}
