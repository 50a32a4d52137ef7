package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"sync/atomic"

	//lint:ignore SA1019 old as it is, it is one of the three ciphers of the tunnel
	"golang.org/x/crypto/blowfish" //nolint:staticcheck // see above
)

// KeyConfig is a key as an operator wrote it.
type KeyConfig struct {
	ID        string // names the key in the audit log
	Algorithm string // AES if empty, Blowfish or DESede; the case of letters does not matter
	Secret    []byte // as written: text, or hexadecimal digits if Hex is set
	Hex       bool
	Line      string // the live engine's version line, as in "6.2" or "7.4"; empty counts as the strictest
}

// Format hides the secret, whatever the verb.
func (c KeyConfig) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "key "+c.ID+" ***")
}

// Key makes and opens tokens. It does not change and is safe for concurrent use. The nil Key and
// the zero Key make no token and open none.
type Key struct {
	id    string
	block cipher.Block
	gcm   cipher.AEAD // nil unless the key is an AES key

	last atomic.Pointer[sealed]
}

// sealed is a header that was made. Most are for the login that the last one was for.
type sealed struct {
	login                      string
	percentEncode, upperScheme bool
	header                     string
}

// Format hides the expanded key, whatever the verb.
func (k *Key) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "key "+k.ID()+" ***")
}

// ID returns the name under which the key is known in configuration and audit log.
func (k *Key) ID() string {
	if k == nil {
		return ""
	}
	return k.id
}

// algorithm is one of the ciphers that the tunnel can use.
type algorithm struct {
	name  string
	sizes []int // bytes; two of them with range set are the smallest and the largest
	span  bool
	fresh int // the size of a generated key: one that JVMs with export rules take too
	open  func(key []byte) (cipher.Block, error)
}

var algorithms = map[string]algorithm{
	"aes":      {name: "AES", sizes: []int{16, 24, 32}, fresh: 16, open: aes.NewCipher},
	"blowfish": {name: "Blowfish", sizes: []int{8, 56}, span: true, fresh: 16, open: newBlowfish},
	"desede":   {name: "DESede", sizes: []int{24}, fresh: 24, open: des.NewTripleDESCipher},
}

func newBlowfish(key []byte) (cipher.Block, error) { return blowfish.NewCipher(key) }

// lookup finds an algorithm by the names that Java takes.
func lookup(name string) (algorithm, bool) {
	switch name = strings.ToLower(name); name {
	case "":
		name = "aes"
	case "tripledes":
		name = "desede"
	}
	a, ok := algorithms[name]
	return a, ok
}

// takes reports whether a key of n bytes fits.
func (a algorithm) takes(n int) bool {
	for _, size := range a.sizes {
		if n == size {
			return true
		}
	}
	return a.span && n > a.sizes[0] && n < a.sizes[1]
}

// build makes the key from bytes that passed the rules.
func (a algorithm) build(id string, raw []byte) (*Key, error) {
	block, err := a.open(raw)
	if err != nil {
		return nil, err
	}
	k := &Key{id: id, block: block}
	if block.BlockSize() != aes.BlockSize {
		return k, nil
	}
	k.gcm, err = cipher.NewGCM(block)
	return k, err
}

// Generate makes a new secret for the named algorithm, in hexadecimal digits: 16 bytes for AES and
// Blowfish, 24 for DESede.
func Generate(name string, rand io.Reader) (string, error) {
	a, ok := lookup(name)
	if !ok {
		return "", fmt.Errorf("algorithm %q is none of AES, Blowfish, DESede", name)
	}
	raw := make([]byte, a.fresh)
	if _, err := io.ReadFull(rand, raw); err != nil {
		return "", fmt.Errorf("read randomness: %w", err)
	}
	return hex.EncodeToString(raw), nil
}

// Token returns base64(ECB(login)), as the vendor's client makes it; "" for a Key that is none.
func (k *Key) Token(login string) string {
	if k == nil || k.block == nil {
		return ""
	}
	return base64.StdEncoding.EncodeToString(k.seal(nil, login))
}

// sealedLen is the length of a login's ECB form: there is always padding.
func sealedLen(login string, blockSize int) int {
	return (len(login)/blockSize + 1) * blockSize
}

// seal appends the login, padded and encrypted block by block, to dst.
func (k *Key) seal(dst []byte, login string) []byte {
	size := k.block.BlockSize()
	start := len(dst)
	dst = append(dst, login...)
	pad := sealedLen(login, size) - len(login)
	for range pad {
		dst = append(dst, byte(pad))
	}
	for b := dst[start:]; len(b) > 0; b = b[size:] {
		k.block.Encrypt(b[:size], b[:size])
	}
	return dst
}
