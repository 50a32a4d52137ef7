package certs

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"

	"github.com/stagelock/stagelock/conf/bounded"
	"github.com/stagelock/stagelock/store/files"
)

const (
	// sealHead begins every sealed value and says how it is made: AES-256-GCM with a random nonce.
	sealHead = "stagelock-sealed-1\n"
	keyFile  = "certificates.key"
	keyBytes = 32
)

// sealer encrypts values for a store that others may read, such as a backup of it.
type sealer struct {
	aead cipher.AEAD
	from string    // where its key lies
	also []*sealer // of keys that open too
}

// newSealer makes its key of the shared one; without one it reads the key file in dir, or makes one.
func newSealer(dir string, shared [][]byte) (*sealer, error) {
	if len(shared) > 0 {
		return sharedSealer(shared)
	}
	path := filepath.Join(dir, keyFile)
	key, err := readSealKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		// another process may have been first
		if err = makeSealKey(path); err == nil || errors.Is(err, fs.ErrExist) {
			key, err = readSealKey(path)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("key file of certificates: %w", err)
	}
	return sealWith(key, strconv.Quote(path))
}

func sealWith(key []byte, from string) (*sealer, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return &sealer{aead: aead, from: from}, err
}

func sharedSealer(shared [][]byte) (*sealer, error) {
	all := make([]*sealer, len(shared))
	for i, one := range shared {
		key, err := derive(one, "certificates")
		if err != nil {
			return nil, err
		}
		if all[i], err = sealWith(key, "cluster.key_file"); err != nil {
			return nil, err
		}
	}
	all[0].also = all[1:]
	return all[0], nil
}

func makeSealKey(path string) error {
	key := make([]byte, keyBytes)
	if _, err := rand.Read(key); err != nil {
		return err
	}
	return files.Create(path, append(hex.AppendEncode(nil, key), '\n'), 0o600)
}

func readSealKey(path string) ([]byte, error) {
	text, err := bounded.File(path, bounded.Small)
	if err != nil {
		return nil, err
	}
	key, err := hex.DecodeString(string(bytes.TrimSpace(text)))
	if err != nil || len(key) != keyBytes {
		return nil, fmt.Errorf("%q does not hold %d bytes in hex", path, keyBytes)
	}
	return key, nil
}

// seal encrypts value for that key of the store: under another key it does not open.
func (s *sealer) seal(key string, value []byte) []byte {
	return s.aead.Seal([]byte(sealHead), nil, value, []byte(key))
}

func (s *sealer) open(key string, sealed []byte) ([]byte, error) {
	body, ok := bytes.CutPrefix(sealed, []byte(sealHead))
	if !ok {
		return nil, fmt.Errorf("value %q is not sealed", key)
	}
	value, err := s.aead.Open(nil, nil, body, []byte(key))
	for _, other := range s.also {
		if err == nil {
			break
		}
		value, err = other.aead.Open(nil, nil, body, []byte(key))
	}
	if err != nil {
		return nil, fmt.Errorf("value %q does not open with the key in %s: bring that file back",
			key, s.from)
	}
	return value, nil
}

// anew returns the value sealed with the first key; nil if it is already, or does not open at all.
func (s *sealer) anew(key string, sealed []byte) []byte {
	body, ok := bytes.CutPrefix(sealed, []byte(sealHead))
	if !ok {
		return nil
	}
	if _, err := s.aead.Open(nil, nil, body, []byte(key)); err == nil {
		return nil
	}
	value, err := s.open(key, sealed)
	if err != nil {
		return nil
	}
	return s.seal(key, value)
}

// overhead is how much longer a sealed value is.
func (s *sealer) overhead() int64 { return int64(len(sealHead) + s.aead.Overhead()) }
