package audit

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/stagelock/stagelock/store"
)

// keyName is the name that signs checkpoints; a key is told from others by its hash.
const keyName = "stagelock-audit"

// checkpoint says that a log had so many records and which hash the last one had.
type checkpoint struct {
	size store.Seq
	head digest
}

// text returns the body of the note: origin, size and hash as in other transparency logs, then the
// time.
func (c checkpoint) text(node string, at time.Time) string {
	return fmt.Sprintf("%s %s\n%d\n%s\ntime %s\n", keyName, strconv.QuoteToASCII(node), c.size,
		base64.StdEncoding.EncodeToString(c.head[:]), at.UTC().Format(time.RFC3339Nano))
}

// signer signs notes with a key.
type signer struct {
	note.Verifier
	key ed25519.PrivateKey
}

func (s signer) Sign(msg []byte) ([]byte, error) { return ed25519.Sign(s.key, msg), nil }

func newSigner(key ed25519.PrivateKey) (signer, error) {
	if len(key) != ed25519.PrivateKeySize {
		return signer{}, errors.New("the key for checkpoints is not an Ed25519 key")
	}
	pub := ed25519.PublicKey(key[ed25519.PrivateKeySize-ed25519.PublicKeySize:])
	v, err := verifier(pub)
	return signer{v, key}, err
}

func verifier(pub ed25519.PublicKey) (note.Verifier, error) {
	text, err := note.NewEd25519VerifierKey(keyName, pub)
	if err != nil {
		return nil, err
	}
	return note.NewVerifier(text)
}

// verifiers returns what knows the signatures of all of keys, and of more.
func verifiers(keys []ed25519.PublicKey, more ...note.Verifier) (note.Verifiers, error) {
	for _, pub := range keys {
		v, err := verifier(pub)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(more,
			func(o note.Verifier) bool { return o.KeyHash() == v.KeyHash() }) {
			more = append(more, v)
		}
	}
	return note.VerifierList(more...), nil
}

// sign returns the note of c.
func (s signer) sign(c checkpoint, node string, at time.Time) ([]byte, error) {
	return note.Sign(&note.Note{Text: c.text(node, at)}, s)
}

// openCheckpoint returns what a note says if one of keys signed it.
func openCheckpoint(msg []byte, keys note.Verifiers) (checkpoint, error) {
	n, err := note.Open(msg, keys)
	if err != nil {
		return checkpoint{}, fmt.Errorf("checkpoint: %w", err)
	}
	c, err := parseCheckpoint(n.Text)
	if err != nil {
		return checkpoint{}, fmt.Errorf("checkpoint %q: %w", n.Text, err)
	}
	return c, nil
}

var errCheckpoint = errors.New("not what this program writes")

func parseCheckpoint(text string) (c checkpoint, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 5 || !strings.HasPrefix(lines[0], keyName+" ") {
		return c, errCheckpoint
	}
	size, err := strconv.ParseUint(lines[1], 10, 64)
	if err != nil || lines[1] != strconv.FormatUint(size, 10) {
		return c, errCheckpoint
	}
	head, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(head) != len(c.head) {
		return c, errCheckpoint
	}
	c.size, c.head = store.Seq(size), digest(head)
	return c, nil
}
