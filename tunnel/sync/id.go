package sync

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// ServerID names a server by its key: the first 20 characters of the base32 text of the SHA-256 of its
// public key.
type ServerID string

const serverIDLen = 20

// IDOf returns the ServerID of a key.
func IDOf(key ed25519.PublicKey) ServerID {
	sum := sha256.Sum256(key)
	return ServerID(base32.StdEncoding.EncodeToString(sum[:])[:serverIDLen])
}

var serverID = regexp.MustCompile(`^[A-Z2-7]{20}$`)

// ParseServerID returns what names a server.
func ParseServerID(s string) (ServerID, error) {
	if !serverID.MatchString(s) {
		return "", fmt.Errorf("%q names no server: a key is 20 letters and digits, as stagelock sync id prints it", s)
	}
	return ServerID(s), nil
}

// ID names a change for ever. The zero ID names none.
type ID struct {
	Origin  ServerID // the server on which it was made
	Counter uint64   // from 1, without gaps
}

// maxCounter is the largest number that every JSON reader keeps.
const maxCounter = 1<<53 - 1

// String writes the ID as ORIGIN-COUNTER.
func (id ID) String() string { return string(id.Origin) + "-" + strconv.FormatUint(id.Counter, 10) }

// IsZero reports whether id names nothing.
func (id ID) IsZero() bool { return id == ID{} }

// ParseID reads what String wrote, and nothing else.
func ParseID(s string) (ID, error) {
	origin, counter, _ := strings.Cut(s, "-")
	server, err := ParseServerID(origin)
	if err != nil {
		return ID{}, err
	}
	n, err := strconv.ParseUint(counter, 10, 64)
	if err != nil || n == 0 || n > maxCounter || strconv.FormatUint(n, 10) != counter {
		return ID{}, fmt.Errorf("%q is no id of a change: the number of %q is from 1 on", s, counter)
	}
	return ID{server, n}, nil
}

// MarshalText writes the ID as String does.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (id *ID) UnmarshalText(b []byte) (err error) {
	*id, err = ParseID(string(b))
	return err
}

// compare orders IDs by origin and counter.
func (id ID) compare(o ID) int {
	if c := strings.Compare(string(id.Origin), string(o.Origin)); c != 0 {
		return c
	}
	switch {
	case id.Counter < o.Counter:
		return -1
	case id.Counter > o.Counter:
		return 1
	}
	return 0
}

// Digest is the SHA-256 of a content. The zero Digest is that of no content: a deletion.
type Digest [sha256.Size]byte

// DigestOf returns the digest of b.
func DigestOf(b []byte) Digest { return sha256.Sum256(b) }

// String writes the digest in hexadecimal digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// IsZero reports whether d is that of no content.
func (d Digest) IsZero() bool { return d == Digest{} }

// ParseDigest reads what String wrote.
func ParseDigest(s string) (d Digest, err error) {
	if b, err := hex.DecodeString(s); err == nil && len(b) == len(d) && hex.EncodeToString(b) == s {
		return Digest(b), nil
	}
	return d, fmt.Errorf("%q is no SHA-256 in small hexadecimal digits", s)
}

// MarshalText writes the digest as String does.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (d *Digest) UnmarshalText(b []byte) (err error) {
	*d, err = ParseDigest(string(b))
	return err
}

// Object names one thing that is edited as a whole: <site>/<kind>/<id>.
type Object string

const maxObject = 512

var objectForm = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[^/\x00-\x1f\x7f]{1,200}/[a-z][a-z0-9.-]{0,99}/[^\x00-\x1f\x7f]{1,300}$`)
})

// ErrObject is returned for what names no object.
var ErrObject = errors.New("no name of an object, which is site/kind/id")

// ParseObject returns what names an object.
func ParseObject(s string) (Object, error) {
	if len(s) > maxObject || !plain(s) || !objectForm().MatchString(s) {
		return "", fmt.Errorf("%.60q is %w", s, ErrObject)
	}
	return Object(s), nil
}

// Parts returns the site, the kind and the id.
func (o Object) Parts() (site, kind, id string) {
	site, rest, _ := strings.Cut(string(o), "/")
	kind, id, _ = strings.Cut(rest, "/")
	return site, kind, id
}

// Kind returns the kind of the object.
func (o Object) Kind() string {
	_, kind, _ := o.Parts()
	return kind
}
