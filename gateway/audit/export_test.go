package audit

import (
	"crypto/sha256"

	"github.com/stagelock/stagelock/store"
)

// MaxText bounds each text.
const MaxText = maxText

// Encode returns ev as a whole line that follows nothing.
func Encode(ev Event) []byte {
	b, _ := newChain().appendLine(nil, max(ev.Seq, 1), appendEvent(nil, &ev), digest{})
	return b
}

// AppendMembers appends what the caller of Append encodes.
func AppendMembers(b []byte, ev *Event) []byte { return appendEvent(b, ev) }

// Relink returns a line with the members of old that is whole again at seq after prev, and its
// hash: what somebody does who edits a log and knows how it is made.
func Relink(old []byte, seq store.Seq, prev [sha256.Size]byte) ([]byte, [sha256.Size]byte) {
	i := len(seqHead)
	for old[i] != ',' {
		i++
	}
	return newChain().appendLine(nil, seq, old[i:len(old)-tailLen], prev)
}

// HashOf returns the hash that a line claims.
func HashOf(line []byte) [sha256.Size]byte {
	l, err := splitLine(line)
	if err != nil {
		panic("audit: " + err.Error())
	}
	return l.hash
}

// SplitLine reports whether b has the form of a record, and its number.
func SplitLine(b []byte) (store.Seq, bool) {
	l, err := splitLine(b)
	return l.seq, err == nil
}

// ParseCheckpoint reads the text of a note and writes its first three lines again.
func ParseCheckpoint(text string) (size store.Seq, head [sha256.Size]byte, ok bool) {
	c, err := parseCheckpoint(text, keyName)
	return c.size, c.head, err == nil
}
