//go:build !linux && !darwin

package watch

import "github.com/stagelock/stagelock/gateway/status"

// Disk does not know how much room there is.
func Disk(dir string) status.Disk { return status.Disk{Path: dir} }

// OpenFiles does not know how many files may be open.
func OpenFiles() uint64 { return 0 }
