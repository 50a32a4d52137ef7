package wire

import (
	"errors"
	"net"
	"time"
)

// Sizes of buffers, in bytes.
const (
	BufferSize = 16 << 10  // of a connection: a head and a small call fit
	WideSize   = 64 << 10  // read at once below TLS while many big bodies flow
	WidestSize = 128 << 10 // the same while few do
	BigSize    = 256 << 10 // of one write of a big body
)

// DefaultWriteTimeout is how long one write may take.
const DefaultWriteTimeout = 30 * time.Second

// LongAgo is a deadline that has passed.
var LongAgo = time.Unix(1, 0)

// IsTimeout reports whether err is a deadline that passed.
func IsTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}
