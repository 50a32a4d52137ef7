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

// anchorName begins the text of an anchor, so that no checkpoint can be taken for one.
const anchorName = "stagelock-audit-anchor"

// checkpoint says that a log had so many records and which hash the last one had.
type checkpoint struct {
	size store.Seq
	head digest
	node string    // who signed it
	at   time.Time // when
}

// text returns the body of the note: what it is, size and hash as in other transparency logs, then
// the time.
func (c checkpoint) text(name string) string {
	return fmt.Sprintf("%s %s\n%d\n%s\ntime %s\n", name, strconv.QuoteToASCII(c.node), c.size,
		base64.StdEncoding.EncodeToString(c.head[:]), c.at.UTC().Format(time.RFC3339Nano))
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

// sign returns the note of c, a checkpoint or an anchor by name.
func (s signer) sign(c checkpoint, name string) ([]byte, error) {
	return note.Sign(&note.Note{Text: c.text(name)}, s)
}

// openCheckpoint returns what a note says if one of keys signed it and it is what name says.
func openCheckpoint(msg []byte, keys note.Verifiers, name string) (checkpoint, error) {
	n, err := note.Open(msg, keys)
	if err != nil {
		return checkpoint{}, fmt.Errorf("checkpoint: %w", err)
	}
	c, err := parseCheckpoint(n.Text, name)
	if err != nil {
		return checkpoint{}, fmt.Errorf("checkpoint %q: %w", n.Text, err)
	}
	return c, nil
}

var errCheckpoint = errors.New("not what this program writes")

func parseCheckpoint(text, name string) (c checkpoint, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 5 {
		return c, errCheckpoint
	}
	node, ok := strings.CutPrefix(lines[0], name+" ")
	if c.node, err = strconv.Unquote(node); err != nil || !ok {
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
	at, ok := strings.CutPrefix(lines[3], "time ")
	if c.at, err = time.Parse(time.RFC3339Nano, at); err != nil || !ok {
		return c, errCheckpoint
	}
	c.size, c.head = store.Seq(size), digest(head)
	return c, nil
}
