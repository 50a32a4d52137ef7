package token

import (
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // the wire asks for it
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"time"
	"unicode/utf16"

	"github.com/stagelock/stagelock/tunnel/syncserver/refusal"
)

const (
	// TimeForm is the one form of a time on this wire.
	TimeForm = "2006-01-02T15:04:05Z"
	fresh    = 300 * time.Second
	// Remember is how long a nonce must be known: for as long as any gateway takes its token, fresh before
	// and fresh after it was made, and fresh more, by which the clocks of gateways and of their store may
	// differ.
	Remember = 3 * fresh
)

// Token is a UsernameToken with a password digest. It does not cover the body of the call.
type Token struct {
	User    string
	Digest  [20]byte
	Nonce   [16]byte
	Created time.Time // whole seconds, UTC
}

// Secret is what a password becomes on both ends; who knows it needs no password. Its zero value fits
// nothing.
type Secret struct{ key string }

// NewSecret returns the secret of a password. An empty password is an error.
func NewSecret(password string) (Secret, error) {
	if password == "" {
		return Secret{}, errors.New("the staging password is empty: set one on both servers")
	}
	return Secret{key: keyOf(password)}, nil
}

func keyOf(password string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(password)) {
		b = append(b, byte(u), byte(u>>8))
	}
	sum := sha1.Sum(b)
	return base64.StdEncoding.EncodeToString(sum[:])
}

func digest(nonce [16]byte, created time.Time, key string) [20]byte {
	b := append(nonce[:], created.UTC().Format(TimeForm)...)
	return sha1.Sum(append(b, key...))
}

// Sign returns a token for user. The nonce must be random and new.
func (s Secret) Sign(user string, nonce [16]byte, created time.Time) (Token, error) {
	if s.key == "" || user == "" {
		return Token{}, errors.New("a token needs a user and a secret")
	}
	created = created.UTC().Truncate(time.Second)
	return Token{User: user, Nonce: nonce, Created: created, Digest: digest(nonce, created, s.key)}, nil
}

// First records that a nonce was used and reports whether it was new. All gateways of one environment
// must share what it knows, for Remember.
type First func(nonce [16]byte) (bool, error)

// Authenticate says whether the token is user's, fresh, and used for the first time. Its work is the
// same for a user that nobody knows. The nonce is recorded only if everything else holds. An error of
// first is returned as it is.
func (s Secret) Authenticate(t Token, user string, now time.Time, first First) error {
	key, known := s.key, s.key != "" && user != "" && user == t.User
	if !known {
		key = rand.Text()
	}
	want := digest(t.Nonce, t.Created, key)
	fits := subtle.ConstantTimeCompare(want[:], t.Digest[:]) == 1
	for _, empty := range []string{"", keyOf("")} {
		if d := digest(t.Nonce, t.Created, empty); subtle.ConstantTimeCompare(d[:], t.Digest[:]) == 1 {
			return refusal.Outside(400, refusal.Bypass2746, "the digest of an empty secret")
		}
	}
	if !known || !fits {
		return refusal.Outside(400, refusal.Credentials, "user or secret")
	}
	if age := now.Sub(t.Created); age > fresh || age < -fresh {
		return refusal.Outside(400, refusal.Stale, "the token is %s old: are the clocks alike?", age)
	}
	isNew, err := first(t.Nonce)
	if err != nil {
		return err
	}
	if !isNew {
		return refusal.Outside(400, refusal.Replay, "the nonce was used before")
	}
	return nil
}

// ParseTime takes the one form of the wire.
func ParseTime(s string) (time.Time, error) {
	t, err := time.Parse(TimeForm, s)
	if err != nil || t.Format(TimeForm) != s {
		return time.Time{}, refusal.Outside(400, refusal.Credentials, "a time other than %s", TimeForm)
	}
	return t, nil
}

// Exactly decodes canonical Base64 of len(into) bytes.
func Exactly(into []byte, s string) bool {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != len(into) || base64.StdEncoding.EncodeToString(b) != s {
		return false
	}
	copy(into, b)
	return true
}
