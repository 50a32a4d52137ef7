//go:build !race

package wire_test

import (
	"errors"
	"io"
	"testing"
)

// The race detector allocates for itself.
func TestWireAllocatesNothing(t *testing.T) {
	w, far := wrapped(t)
	b, c := make([]byte, 500), make([]byte, 500)
	var failed error
	n := testing.AllocsPerRun(100, func() {
		_, err := far.Write(b)
		_, err2 := io.ReadFull(w, b)
		_, err3 := w.Write(b)
		_, err4 := io.ReadFull(far, c)
		if failed == nil && (err != nil || err2 != nil || err3 != nil || err4 != nil) {
			failed = errors.Join(err, err2, err3, err4)
		}
	})
	if n != 0 || failed != nil {
		t.Errorf("%v allocations for a read and a write, %v", n, failed)
	}
}
