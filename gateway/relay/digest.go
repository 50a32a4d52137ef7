package relay

import (
	"crypto/sha256"
	"encoding/hex"
	"io"

	"github.com/zeebo/xxh3"
)

// digest reads a body and sums up what streams by.
type digest struct {
	src io.Reader
	sum xxh3.Hasher
}

// Read reads from the body.
func (d *digest) Read(p []byte) (int, error) {
	n, err := d.src.Read(p)
	_, _ = d.sum.Write(p[:n]) // a hash takes everything
	return n, err
}

// streamed returns the digest of a body that streamed by. It is fast and not made against an
// adversary: a collision could only give a sender his own answer.
func (d *digest) streamed() string {
	s := d.sum.Sum128().Bytes()
	return "xxh3:" + hex.EncodeToString(s[:])
}

// whole returns the digest of a body that was held.
func whole(body []byte) string {
	s := sha256.Sum256(body)
	return "sha256:" + hex.EncodeToString(s[:])
}
