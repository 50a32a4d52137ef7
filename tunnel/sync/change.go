package sync

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"
	"unicode"
	"unicode/utf8"
)

// Op is what a change does to its object.
type Op string

// The operations. A put of an object that is not there makes it.
const (
	Put    Op = "put"
	Delete Op = "delete"
)

// Bounds of a change.
const (
	MaxChange  = 16 << 10 // bytes of its canonical form
	maxVector  = 64
	maxNeeds   = 32
	maxTitle   = 200 // characters, also of an author
	maxResolve = 64
)

// Change is what one edit made of one object. It is immutable and signed by the server on which it was
// made: whoever passes it on cannot alter it.
type Change struct {
	ID        ID
	Key       ed25519.PublicKey // of ID.Origin
	Object    Object
	Vector    Vector // after it: holds ID itself
	Stamp     Stamp
	Op        Op
	Payload   Digest // of the content; zero for Delete
	Size      int64  // of the content, bytes
	Needs     []Object
	Author    string
	Title     string
	Resolves  []ID // the versions that a person decided between
	Signature []byte
}

// Content is what tells versions apart: two changes that made the same of an object are no conflict.
type Content struct {
	Op      Op
	Payload Digest
}

// Content returns what the change makes of its object.
func (c *Change) Content() Content { return Content{c.Op, c.Payload} }

// contains reports whether o is among what the author of c had before him.
func (c *Change) contains(o *Change) bool { return c.Vector.Contains(o.ID) }

// After reports whether the author of c had o before him: c makes it history.
func (c *Change) After(o *Change) bool { return c.ID != o.ID && c.contains(o) }

// What is wrong with a change.
var (
	ErrMalformed = errors.New("malformed change")
	ErrForged    = errors.New("the signature of the change is not its origin's")
	ErrClock     = errors.New("the change is from the future")
)

// MaxAhead is how far a stamp may be ahead of the receiver's clock: one wrong clock would else win for
// years where the newest version wins.
const MaxAhead = 5 * time.Minute

// Check returns what is wrong with c whoever made it: an ErrMalformed.
func (c *Change) Check() error {
	for _, rule := range changeRules {
		if !rule.holds(c) {
			return fmt.Errorf("%w: %s", ErrMalformed, rule.text)
		}
	}
	for _, o := range append([]Object{c.Object}, c.Needs...) {
		if _, err := ParseObject(string(o)); err != nil {
			return fmt.Errorf("%w: %w", ErrMalformed, err)
		}
	}
	for s, n := range c.Vector {
		if !serverID.MatchString(string(s)) || n == 0 || n > maxCounter {
			return fmt.Errorf("%w: the vector has no counter of a server in %q: %d", ErrMalformed, string(s), n)
		}
	}
	return nil
}

var changeRules = []struct {
	text  string
	holds func(c *Change) bool
}{
	{"its id is none", func(c *Change) bool {
		return serverID.MatchString(string(c.ID.Origin)) && c.ID.Counter > 0 && c.ID.Counter <= maxCounter
	}},
	{"its key is not its origin's", func(c *Change) bool {
		return len(c.Key) == ed25519.PublicKeySize && IDOf(c.Key) == c.ID.Origin
	}},
	{"its vector lacks itself", func(c *Change) bool { return c.Vector[c.ID.Origin] == c.ID.Counter }},
	{"its vector has too many servers", func(c *Change) bool { return len(c.Vector) <= maxVector }},
	{"it neither puts nor deletes", func(c *Change) bool {
		return c.Op == Put && !c.Payload.IsZero() || c.Op == Delete && c.Payload.IsZero() && c.Size == 0
	}},
	{"its size is none", func(c *Change) bool { return c.Size >= 0 && c.Size <= maxCounter }},
	{"its stamp is none", func(c *Change) bool { return c.Stamp.Milli > 0 && c.Stamp.Milli <= maxCounter }},
	{"it needs too much", func(c *Change) bool { return len(c.Needs) <= maxNeeds }},
	{"it decides too much", func(c *Change) bool { return len(c.Resolves) <= maxResolve }},
	{"its author is no line of text", func(c *Change) bool { return line(c.Author) }},
	{"its title is no line of text", func(c *Change) bool { return line(c.Title) }},
}

// line reports whether s is one short line of text.
func line(s string) bool { return plain(s) && utf8.RuneCountInString(s) <= maxTitle }

// plain reports whether s is text without control characters.
func plain(s string) bool {
	for _, r := range s {
		if unicode.IsControl(r) {
			return false
		}
	}
	return utf8.ValidString(s)
}

// Line makes a short line of any text.
func Line(s string) string {
	var out []rune
	for _, r := range s {
		if unicode.IsControl(r) || r == utf8.RuneError {
			r = ' '
		}
		if out = append(out, r); len(out) == maxTitle {
			break
		}
	}
	return string(out)
}

// signing begins what a signature covers, so that no signature serves elsewhere.
const signing = "stagelock-change-1\n"

// Sign signs c with the key of its origin, which it also writes into c.
func (c *Change) Sign(key ed25519.PrivateKey) {
	c.Key = key.Public().(ed25519.PublicKey)
	c.Signature = ed25519.Sign(key, append([]byte(signing), c.unsigned()...))
}

// Verify returns what is wrong with c: ErrMalformed, ErrForged, or ErrClock if its stamp is more than
// MaxAhead after now. Whether its origin is one to listen to is the caller's to know.
func (c *Change) Verify(now time.Time) error {
	if err := c.Check(); err != nil {
		return err
	}
	if !ed25519.Verify(c.Key, append([]byte(signing), c.unsigned()...), c.Signature) {
		return fmt.Errorf("%s: %w", c.ID, ErrForged)
	}
	if ahead := c.Stamp.Time().Sub(now); ahead > MaxAhead {
		return fmt.Errorf("%s: %w: by %v", c.ID, ErrClock, ahead.Round(time.Second))
	}
	return nil
}
