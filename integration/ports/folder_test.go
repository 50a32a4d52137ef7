package ports_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/integration/ports"
)

// TestSocketsHaveShortNames: however long the name of the folder for temporary files is.
func TestSocketsHaveShortNames(t *testing.T) {
	for _, n := range []int{0, 70, 110} {
		in := filepath.Join(t.TempDir(), strings.Repeat("d", n))
		check(t, os.MkdirAll(in, 0o700))
		t.Setenv("TMPDIR", in)
		var dir string
		t.Run("one", func(t *testing.T) {
			dir = ports.Folder(t)
			l, err := net.Listen("unix", filepath.Join(dir, "admin.sock"))
			check(t, err)
			check(t, l.Close())
		})
		if _, err := os.Stat(dir); !os.IsNotExist(err) {
			t.Errorf("%s is left: %v", dir, err)
		}
	}
}
