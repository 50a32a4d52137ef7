package chain

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

// Purpose says what a signed note is; it begins the note's text, so that none can be taken for another.
type Purpose string

// The purposes of notes.
const (
	Newest   Purpose = keyName                  // a checkpoint: so far the log goes
	Archived Purpose = "stagelock-audit-anchor" // an anchor: so far the log was moved elsewhere
)

// Checkpoint says that a log had so many records and which hash the last one had.
type Checkpoint struct {
	Size store.Seq
	Head Digest
	Node string    // who signed it
	At   time.Time // when
}

// text returns the body of the note: what it is, size and hash as in other transparency logs, then
// the time.
func (c Checkpoint) text(what Purpose) string {
	return fmt.Sprintf("%s %s\n%d\n%s\ntime %s\n", what, strconv.QuoteToASCII(c.Node), c.Size,
		base64.StdEncoding.EncodeToString(c.Head[:]), c.At.UTC().Format(time.RFC3339Nano))
}

// Signer signs notes with a key.
type Signer struct {
	note.Verifier
	key ed25519.PrivateKey
}

// Sign returns the signature of msg.
func (s Signer) Sign(msg []byte) ([]byte, error) { return ed25519.Sign(s.key, msg), nil }

// NewSigner returns what signs with key.
func NewSigner(key ed25519.PrivateKey) (Signer, error) {
	if len(key) != ed25519.PrivateKeySize {
		return Signer{}, errors.New("the key for checkpoints is not an Ed25519 key")
	}
	pub := ed25519.PublicKey(key[ed25519.PrivateKeySize-ed25519.PublicKeySize:])
	v, err := verifier(pub)
	return Signer{v, key}, err
}

func verifier(pub ed25519.PublicKey) (note.Verifier, error) {
	text, err := note.NewEd25519VerifierKey(keyName, pub)
	if err != nil {
		return nil, err
	}
	return note.NewVerifier(text)
}

// Verifiers returns what knows the signatures of all of keys, and of more.
func Verifiers(keys []ed25519.PublicKey, more ...note.Verifier) (note.Verifiers, error) {
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

// Note returns c, signed for a purpose.
func (s Signer) Note(c Checkpoint, what Purpose) ([]byte, error) {
	return note.Sign(&note.Note{Text: c.text(what)}, s)
}

// OpenNote returns what a note says if one of keys signed it and was made for that purpose.
func OpenNote(msg []byte, keys note.Verifiers, what Purpose) (Checkpoint, error) {
	n, err := note.Open(msg, keys)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint: %w", err)
	}
	c, err := ParseCheckpoint(n.Text, what)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint %q: %w", n.Text, err)
	}
	return c, nil
}

var errCheckpoint = errors.New("not what this program writes")

// ParseCheckpoint reads the text of a note that was made for a purpose. It accepts only the very form that
// Note writes.
func ParseCheckpoint(text string, what Purpose) (c Checkpoint, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 5 {
		return c, errCheckpoint
	}
	node, ok := strings.CutPrefix(lines[0], string(what)+" ")
	if c.Node, err = strconv.Unquote(node); err != nil || !ok {
		return c, errCheckpoint
	}
	size, err := strconv.ParseUint(lines[1], 10, 64)
	if err != nil || lines[1] != strconv.FormatUint(size, 10) {
		return c, errCheckpoint
	}
	head, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(head) != len(c.Head) {
		return c, errCheckpoint
	}
	at, ok := strings.CutPrefix(lines[3], "time ")
	if c.At, err = time.Parse(time.RFC3339Nano, at); err != nil || !ok {
		return c, errCheckpoint
	}
	c.Size, c.Head = store.Seq(size), Digest(head)
	return c, nil
}
