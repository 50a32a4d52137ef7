//go:build race

package wire

import "sync/atomic"

// sum is written before each write and read behind each read: what was done before bytes were sent was done before
// they came, as package syscall tells the detector too. It also keeps reads from being optimized away.
var sum atomic.Int32

// wasRead tells the race detector, which does not see the kernel, that p was filled.
func wasRead(p []byte) {
	_ = sum.Load()
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
	sum.Add(int32(all))
}
