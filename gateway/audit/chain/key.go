package chain

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/stagelock/stagelock/store/files"
)

// LoadKey returns the key in the file at path, which signs checkpoints. If there is none it makes
// one, for its owner's eyes only, and writes the public key beside it, at path.pub, for those who
// verify.
func LoadKey(path string) (ed25519.PrivateKey, error) {
	key, err := readKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeKey(path); err == nil {
			key, err = readKey(path)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("audit key %q: %w", path, err)
	}
	return key, nil
}

func readKey(path string) (ed25519.PrivateKey, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, rest := pem.Decode(data)
	if block == nil || len(strings.TrimSpace(string(rest))) > 0 {
		return nil, errors.New("not one PEM block")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, errors.New("not an Ed25519 key")
	}
	return key, nil
}

func makeKey(path string) error {
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	text, err := FormatKey(pub)
	if err != nil {
		return err
	}
	data := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if err := files.Create(path, data, 0o600); err != nil {
		if errors.Is(err, fs.ErrExist) { // another process was first
			return nil
		}
		return err
	}
	return files.Replace(path+".pub", []byte(text+"\n"), 0o644)
}

// FormatKey returns pub as the one line that ParseKey reads.
func FormatKey(pub ed25519.PublicKey) (string, error) {
	return note.NewEd25519VerifierKey(keyName, pub)
}

// ParseKey reads a public key as LoadKey writes it beside the private one.
func ParseKey(text string) (ed25519.PublicKey, error) {
	text = strings.TrimSpace(text)
	if _, err := note.NewVerifier(text); err != nil {
		return nil, fmt.Errorf("audit public key: %w", err)
	}
	// Base64 has a plus of its own: the key is all that follows the second one. Its first byte
	// names the algorithm.
	raw, err := base64.StdEncoding.DecodeString(strings.SplitN(text, "+", 3)[2])
	if err != nil || len(raw) != 1+ed25519.PublicKeySize {
		return nil, errors.New("audit public key: not an Ed25519 key")
	}
	return ed25519.PublicKey(raw[1:]), nil
}
