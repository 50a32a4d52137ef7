package bounded_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/conf/bounded"
)

func TestReading(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, size int) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(strings.Repeat("x", size)), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, tt := range []struct {
		name, file string
		most       int64
		size       int
		want       string
	}{
		{"an empty file", write("empty", 0), 10, 0, ""},
		{"as long as it may be", write("ten", 10), 10, 10, ""},
		{"a byte too long", write("eleven", 11), 10, 0, "is larger than 10 bytes"},
		{"longer than a MiB", write("large", 1<<20+1), bounded.Small, 0, "is larger than 1 MiB"},
		{"within the larger bound", write("store", 1<<20+1), bounded.Large, 1<<20 + 1, ""},
		{"a folder", dir, 10, 0, "is a"},
		{"nothing", filepath.Join(dir, "none"), 10, 0, "no such file"},
	} {
		for way, read := range map[string]func(string, int64) ([]byte, error){"file": bounded.File, "any": bounded.Any} {
			t.Run(tt.name+"/"+way, func(t *testing.T) {
				data, err := read(tt.file, tt.most)
				if tt.want == "" {
					if err != nil || len(data) != tt.size {
						t.Errorf("%d bytes, %v; want %d", len(data), err, tt.size)
					}
					return
				}
				if err == nil || !strings.Contains(err.Error(), tt.want) && tt.name != "nothing" && tt.name != "a folder" {
					t.Errorf("got %v, want %q", err, tt.want)
				}
				if err != nil && !strings.Contains(err.Error(), tt.file) {
					t.Errorf("%q does not name the file", err)
				}
				if (tt.name == "nothing") != errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%v: whether it is there", err)
				}
			})
		}
	}
}
