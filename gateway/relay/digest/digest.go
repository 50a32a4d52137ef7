// Package digest sums up the body of a call, by which duplicates of it are known.
package digest

import (
	"crypto/sha256"
	"encoding/hex"
	"io"

	"github.com/zeebo/xxh3"
)

// Body reads a body and sums up what streams by.
type Body struct {
	Source io.Reader

	sum xxh3.Hasher
}

// Read reads from the body.
func (d *Body) Read(p []byte) (int, error) {
	n, err := d.Source.Read(p)
	_, _ = d.sum.Write(p[:n]) // a hash takes everything
	return n, err
}

// Streamed returns the digest of a body that streamed by. It is fast and not made against an
// adversary: a collision could only give a sender his own answer.
func (d *Body) Streamed() string {
	s := d.sum.Sum128().Bytes()
	return "xxh3:" + hex.EncodeToString(s[:])
}

// Whole returns the digest of a body that was held.
func Whole(body []byte) string {
	s := sha256.Sum256(body)
	return "sha256:" + hex.EncodeToString(s[:])
}
