//go:build race

package wire

import "sync/atomic"

var sum atomic.Int32 // so that no read is optimized away

// wasRead tells the race detector, which does not see the kernel, that p was filled.
func wasRead(p []byte) {
	for i := range p {
		p[i] ^= 0
	}
}

// spoil overwrites a buffer that was given back, so that whoever still reads it sees that.
func spoil(p []byte) {
	for i := range p {
		p[i] = 0xdb
	}
}

// wasWritten tells it that p was looked at.
func wasWritten(p []byte) {
	var all byte
	for _, b := range p {
		all ^= b
	}
	sum.Store(int32(all))
}
