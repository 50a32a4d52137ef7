package secret

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"
)

// The reasons for which a header is refused, besides ErrLogin.
var (
	ErrNoCredentials  = errors.New("no credentials")
	ErrScheme         = errors.New("the authorization scheme is not Basic")
	ErrMalformed      = errors.New("the credentials are malformed")
	ErrWrongSecret    = errors.New("the token was not made with the shared secret")
	ErrLoginNotListed = errors.New("the login is not on the peer's list")
)

const (
	scheme = "Basic "
	// maxDecoded holds the longest login, a colon, and its token in the longer of the two forms.
	maxDecoded = maxLogin + 1 + (nonceSize+maxLogin+tagSize+2)/3*4
	maxHeader  = len(scheme) + (maxDecoded+2)/3*4
	nonceSize  = 12
	tagSize    = 16
	// defaultCache is enough for every publisher of a large site.
	defaultCache = 256
)

// Identity is who a header proved to be, and by which key.
type Identity struct {
	Login   string
	KeyID   string
	Current bool // false: a previous key, which a rotation has yet to drop
}

// VerifierConfig says what one peer may show.
type VerifierConfig struct {
	// Keys holds the current key first, then previous ones. Nil keys are skipped.
	Keys []*Key
	// Logins lists who may come; nil means any, and an empty list nobody.
	Logins []string
	// CacheSize is how many genuine headers are remembered: 0 means 256, less than 0 none.
	CacheSize int
}

// Verifier judges the headers of one peer. It is safe for concurrent use. Dropping it drops what it
// remembers: after any change of keys or logins a new one is made. The nil Verifier, the zero one,
// and one without keys refuse everything.
type Verifier struct {
	keys   []verifying
	logins map[string]struct{}
	known  *lru.Cache[digest, Identity]
	pool   sync.Pool // of *[maxHeader]byte: a slice handed to a hash would be allocated for each call
}

// digest stands for a header in the cache: the time of a look-up tells nothing about the headers
// that are stored.
type digest [sha256.Size]byte

// verifying is a key with its place.
type verifying struct {
	*Key
	current bool
}

// NewVerifier makes the verifier of one peer.
func NewVerifier(c VerifierConfig) *Verifier {
	v := &Verifier{}
	for i, k := range c.Keys {
		if k != nil && k.block != nil {
			v.keys = append(v.keys, verifying{k, i == 0})
		}
	}
	if c.Logins != nil {
		v.logins = make(map[string]struct{}, len(c.Logins))
		for _, l := range c.Logins {
			v.logins[l] = struct{}{}
		}
	}
	if c.CacheSize == 0 {
		c.CacheSize = defaultCache
	}
	if c.CacheSize > 0 {
		v.known, _ = lru.New[digest, Identity](c.CacheSize) // fails for sizes below 1 only
		v.pool.New = func() any { return new([maxHeader]byte) }
	}
	return v
}

// Known returns who a header proved to be before, if it is remembered. It costs a look-up and tells
// nothing of a header that is not.
func (v *Verifier) Known(header string) (Identity, bool) {
	if v == nil || v.known == nil || checkShape(header) != nil {
		return Identity{}, false
	}
	return v.known.Get(v.digest(header))
}

// Verify judges the value of an Authorization header. The login is taken as it stands: nothing in
// it is percent-decoded. The error wraps one of ErrNoCredentials, ErrScheme, ErrMalformed,
// ErrLogin, ErrWrongSecret and ErrLoginNotListed; its text contains neither login nor token. With
// ErrLoginNotListed the header is genuine, and the Identity says whose.
func (v *Verifier) Verify(header string) (Identity, error) {
	if v == nil || len(v.keys) == 0 {
		return Identity{}, fmt.Errorf("%w: no key is known for this peer", ErrWrongSecret)
	}
	if err := checkShape(header); err != nil {
		return Identity{}, err
	}
	if v.known == nil {
		return v.judge(header)
	}
	d := v.digest(header)
	if id, ok := v.known.Get(d); ok {
		return id, nil
	}
	id, err := v.judge(header)
	if err == nil {
		v.known.Add(d, id)
	}
	return id, err
}

// digest hashes a header that checkShape has bounded.
func (v *Verifier) digest(header string) digest {
	buf := v.pool.Get().(*[maxHeader]byte)
	d := sha256.Sum256(buf[:copy(buf[:], header)])
	v.pool.Put(buf)
	return d
}

// checkShape bounds the work of all that follows.
func checkShape(header string) error {
	switch {
	case header == "":
		return ErrNoCredentials
	case len(header) < len(scheme) || !strings.EqualFold(header[:len(scheme)], scheme):
		return ErrScheme
	case len(header) > maxHeader:
		return fmt.Errorf("%w: longer than any that is genuine", ErrMalformed)
	}
	return nil
}

// judge does the work that the cache saves.
func (v *Verifier) judge(header string) (Identity, error) {
	login, token, err := split(header[len(scheme):])
	if err != nil {
		return Identity{}, err
	}
	if err := CheckLogin(login); err != nil {
		return Identity{}, err
	}
	id, ok := v.prove(login, token)
	if !ok {
		return Identity{}, ErrWrongSecret
	}
	if _, listed := v.logins[login]; v.logins != nil && !listed {
		return id, ErrLoginNotListed
	}
	return id, nil
}

// split decodes a header's blob and parts it at the first colon.
func split(blob string) (login string, token []byte, err error) {
	decoded, err := decode(blob)
	if err != nil {
		return "", nil, err
	}
	login, text, ok := strings.Cut(string(decoded), ":")
	if !ok {
		return "", nil, fmt.Errorf("%w: no colon", ErrMalformed)
	}
	token, err = decode(text)
	return login, token, err
}

// decode reads base64 in its one canonical spelling. The standard decoder skips line breaks: the
// length gives them away.
func decode(s string) ([]byte, error) {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || base64.StdEncoding.EncodedLen(len(b)) != len(s) {
		return nil, fmt.Errorf("%w: not canonical base64", ErrMalformed)
	}
	return b, nil
}

// prove tries every key, whether or not an earlier one fits: the time tells nothing about which
// did.
func (v *Verifier) prove(login string, token []byte) (id Identity, ok bool) {
	found := -1
	scratch := make([]byte, 0, maxLogin+2*tagSize)
	for i, k := range v.keys {
		match := k.matches(scratch, login, token)
		first := match & subtle.ConstantTimeEq(int32(found), -1)
		found = subtle.ConstantTimeSelect(first, i, found)
	}
	if found < 0 {
		return Identity{}, false
	}
	// The login is a part of the decoded header: a copy lets go of the token.
	return Identity{Login: strings.Clone(login), KeyID: v.keys[found].id, Current: v.keys[found].current}, true
}

// matches is 1 if the token is the login's in one of the two forms. Which one it can be follows
// from its length: a GCM token is 28 bytes longer than its login, an ECB token at most 16.
func (k *Key) matches(scratch []byte, login string, token []byte) int {
	if k.gcm != nil && len(token) == nonceSize+len(login)+tagSize {
		plain, err := k.gcm.Open(scratch, token[:nonceSize], token[nonceSize:], nil)
		if err != nil {
			return 0
		}
		return subtle.ConstantTimeCompare(plain, []byte(login))
	}
	return subtle.ConstantTimeCompare(k.seal(scratch, login), token)
}

// Open decrypts a token of the FIPS form and returns the login in it; it wants an AES key. The
// error wraps ErrMalformed, ErrWrongSecret or ErrLogin.
func (k *Key) Open(token string) (login string, err error) {
	if k == nil || k.gcm == nil {
		return "", fmt.Errorf("%w: the key is no AES key", ErrWrongSecret)
	}
	raw, err := decode(token)
	if err != nil {
		return "", err
	}
	if len(raw) < nonceSize+tagSize {
		return "", fmt.Errorf("%w: shorter than iv and tag", ErrMalformed)
	}
	plain, err := k.gcm.Open(nil, raw[:nonceSize], raw[nonceSize:], nil)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrWrongSecret, err)
	}
	if err := CheckLogin(string(plain)); err != nil {
		return "", err
	}
	return string(plain), nil
}
