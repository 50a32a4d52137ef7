// Package challenge compares a shared secret over the wire without sending it, or anything that it could
// be guessed from by who does not have it. The client proves first: a stranger gets nothing to guess on.
package challenge

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// NonceSize is the length of a nonce, in bytes.
const NonceSize = 16

// Algorithms are the ciphers that a secret may be the key of.
var Algorithms = []string{"AES", "Blowfish", "DESede"}

// Key is what proofs are made with. It does not change.
type Key []byte

// NewKey makes the key of a secret that is used with a cipher.
func NewKey(secret []byte, algorithm string) (Key, error) {
	return hkdf.Key(sha256.New, secret, []byte("stagelock-doctor-1"), algorithm, sha256.Size)
}

// Bytes returns the bytes of a secret that was written as text or as hexadecimal digits; ok is false
// if it cannot be read so, or is empty.
func Bytes(text string, asHex bool) (b []byte, ok bool) {
	if !asHex {
		return []byte(text), text != ""
	}
	b, err := hex.DecodeString(text)
	return b, err == nil && len(b) > 0
}

// Transcript is what both ends have seen; a proof is worth something for one transcript only.
type Transcript struct {
	Server, Client []byte // nonces
	Host, Context  string // that the client calls
}

// The two ends, so that neither can send the other's proof back.
const (
	clientEnd = "c"
	serverEnd = "s"
)

// Client returns the proof of the end that calls.
func (k Key) Client(t Transcript) []byte { return k.proof(clientEnd, t) }

// Server returns the proof of the end that is called.
func (k Key) Server(t Transcript) []byte { return k.proof(serverEnd, t) }

// Equal compares proofs in constant time.
func Equal(a, b []byte) bool { return len(a) > 0 && hmac.Equal(a, b) }

func (k Key) proof(end string, t Transcript) []byte {
	h := hmac.New(sha256.New, k)
	for _, part := range [][]byte{[]byte(end), t.Server, t.Client, []byte(t.Host), []byte(t.Context)} {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(part)))
		h.Write(n[:])
		h.Write(part)
	}
	return h.Sum(nil)
}
