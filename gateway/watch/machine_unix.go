//go:build linux || darwin

package watch

import (
	"math"
	"syscall"

	"github.com/stagelock/stagelock/gateway/status"
)

// Disk returns how much room there is where dir lies.
func Disk(dir string) status.Disk {
	var fs syscall.Statfs_t
	if syscall.Statfs(dir, &fs) != nil {
		return status.Disk{Path: dir}
	}
	block := uint64(max(0, fs.Bsize))
	size := func(blocks uint64) int64 { return int64(min(blocks*block, math.MaxInt64)) }
	return status.Disk{Path: dir, Free: size(fs.Bavail), Size: size(fs.Blocks)}
}

// OpenFiles returns how many files the process may have open; 0: not known.
func OpenFiles() uint64 {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return 0
	}
	return uint64(limit.Cur) //nolint:unconvert // other systems have a sign there
}
