package flags_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/gateway/node"
)

// TestALogThatMayNotBeReadIsThere: another user was told that there is none, and to name another folder.
func TestALogThatMayNotBeReadIsThere(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o000); err != nil {
		t.Fatal(err)
	}
	_, err := flags.OpenLog(node.DataDir(dir))
	var none *term.DataError
	if !errors.Is(err, fs.ErrPermission) || errors.As(err, &none) || term.ExitCode(err) != term.ExitData {
		t.Errorf("got %v", err)
	}
}
