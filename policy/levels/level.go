// Package levels compares what two engines say they are: product, version and patch level. Two of one
// version with different patches pass every check that an archive knows, and may still not read each
// other's content. It is pure.
package levels

import (
	"strings"
	"unicode"
)

// Level is what an engine says it is. The zero Level is one that says nothing.
type Level struct {
	Product string // such as Liferay Digital Experience Platform
	Version string // such as 7.4.13 or 2024.Q1.5
	Patch   string // what follows, such as Update 92
}

// longest is how much of what an engine says is read.
const longest = 200

// Parse reads what an engine says: its product, a version that begins with a digit, and whatever
// follows. Text that has no version is the product alone.
func Parse(s string) Level {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, s[:min(len(s), longest)])
	words := strings.Fields(s)
	for i, w := range words {
		if unicode.IsDigit(rune(w[0])) {
			return Level{strings.Join(words[:i], " "), w, strings.Join(words[i+1:], " ")}
		}
	}
	return Level{Product: strings.Join(words, " ")}
}

// String returns the level in words; unknown for one that says nothing.
func (l Level) String() string {
	if l == (Level{}) {
		return "unknown"
	}
	return strings.Join(strings.Fields(l.Product+" "+l.Version+" "+l.Patch), " ")
}

// Relation is what is known of two levels.
type Relation uint8

// The relations. The zero Relation is that nothing is known.
const (
	Unknown Relation = iota // at least one does not say enough
	Equal
	Unequal
)

// Compare returns the relation of two levels. What one of them leaves off is not known.
func Compare(a, b Level) Relation {
	switch {
	case differ(a.Product, b.Product, " "), differ(a.Version, b.Version, "."):
		return Unequal
	case a.Product != b.Product || a.Version != b.Version || a.Version == "":
		return Unknown
	case a.Patch == b.Patch && (a.Patch != "" || strings.Count(a.Version, ".") >= 2):
		return Equal
	case a.Patch != "" && b.Patch != "":
		return Unequal
	}
	return Unknown
}

// Farthest returns which of the levels that texts say is the farthest from a, and its relation: one that is
// unequal, else one of which nothing is known. Of no text nothing is known.
func Farthest(a Level, texts []string) (Relation, Level) {
	found := map[Relation]Level{}
	for _, text := range texts {
		b := Parse(text)
		found[Compare(a, b)] = b
	}
	for _, r := range []Relation{Unequal, Unknown, Equal} {
		if b, ok := found[r]; ok {
			return r, b
		}
	}
	return Unknown, Level{}
}

// differ reports whether neither text is the begin of the other, up to a separator: 7.4 may be 7.4.13.
func differ(a, b, separator string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	return a != "" && a != b && !strings.HasPrefix(b, a+separator)
}
