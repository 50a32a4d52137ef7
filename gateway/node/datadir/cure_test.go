package datadir_test

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"github.com/stagelock/stagelock/gateway/node/datadir"
	"github.com/stagelock/stagelock/store"
)

// TestAFullDiskIsNoMatterOfPermissions: whatever kept a gateway from its folder, it was told to mend permissions.
func TestAFullDiskIsNoMatterOfPermissions(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{store.ErrFull, "/data has no room, or files that may not be written"},
		{&fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, "/data has no room: make some"},
		{syscall.EROFS, "/data is mounted read-only"},
		{syscall.ENOTDIR, "a file or a broken link"},
		{syscall.EEXIST, "a file or a broken link"},
		{syscall.EACCES, "mend the permissions of /data"},
		{errors.New("something else"), "mend the permissions of /data"},
	} {
		if got := datadir.Cure("/data", fmt.Errorf("open: %w", tt.err)); !strings.Contains(got, tt.want) {
			t.Errorf("%v: %q, want %q", tt.err, got, tt.want)
		}
	}
}
