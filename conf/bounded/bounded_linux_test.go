package bounded_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/stagelock/stagelock/conf/bounded"
)

// TestEndlessFiles: a device without end, a pipe that nobody fills and a file that grows are told of at once, for
// next to no memory.
func TestEndlessFiles(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	sparse := filepath.Join(t.TempDir(), "sparse")
	if err := os.WriteFile(sparse, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(sparse, 1<<40); err != nil {
		t.Skip(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, tt := range []struct {
		name string
		read func(string, int64) ([]byte, error)
		file string
		want string
	}{
		{"a device", bounded.File, "/dev/zero", "read /dev/zero: is a device, a pipe or a socket and no file"},
		{"a pipe that nobody fills", bounded.File, pipe, "is a device, a pipe or a socket and no file"},
		{"a file of a TiB", bounded.File, sparse, "is larger than 1 MiB"},
		{"a device on a command line", bounded.Any, "/dev/zero", "read /dev/zero: is larger than 1 MiB"},
		{"a file of a TiB on a command line", bounded.Any, sparse, "is larger than 1 MiB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			data, err := tt.read(tt.file, bounded.Small)
			if err == nil || !strings.Contains(err.Error(), tt.want) || data != nil {
				t.Errorf("%d bytes, %v; want %q", len(data), err, tt.want)
			}
		})
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 64<<20 {
		t.Errorf("%d MiB were allocated", got>>20)
	}
}

// TestFilledPipe: what another command writes is read, as with --secret-file <(pass show secret).
func TestFilledPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	wrote := make(chan error, 1)
	go func() { wrote <- os.WriteFile(pipe, []byte("secret\n"), 0o600) }()
	data, err := bounded.Any(pipe, bounded.Small)
	if err != nil || string(data) != "secret\n" {
		t.Errorf("%q, %v", data, err)
	}
	if err := <-wrote; err != nil {
		t.Error(err)
	}
}
