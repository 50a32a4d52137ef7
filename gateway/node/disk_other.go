//go:build !linux && !darwin

package node

import "github.com/stagelock/stagelock/gateway/status"

// diskOf does not know how much room there is.
func diskOf(dir string) status.Disk { return status.Disk{Path: dir} }

// openFiles does not know how many files may be open.
func openFiles() uint64 { return 0 }
