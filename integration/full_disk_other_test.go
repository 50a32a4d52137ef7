//go:build !linux

package integration_test

import "testing"

func smallDisk(t *testing.T) string {
	t.Helper()
	t.Skip("a small disk is mounted on Linux only")
	return ""
}
