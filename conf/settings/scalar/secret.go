package scalar

import (
	"crypto/subtle"
	"fmt"
	"log/slog"
)

// masked is what a Secret prints as, whoever asks.
const masked = "***"

// Secret is a text that nothing prints: fmt with any verb, JSON, YAML, XML and loggers get three
// asterisks. Reveal is the only way to the value. The zero Secret is unset.
type Secret struct {
	text *string // behind a pointer: fmt does not follow it where it cannot call Format
}

// NewSecret returns text as a Secret; an empty text is an unset one.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{text: &text}
}

// Reveal returns the value. Whoever calls it must not print, store or wrap it into an error.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsSet reports whether there is a value.
func (s Secret) IsSet() bool { return s.text != nil }

// Equal compares two secrets in constant time for values of one length.
func (s Secret) Equal(o Secret) bool {
	return s.IsSet() == o.IsSet() && subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(o.Reveal())) == 1
}

// String returns three asterisks.
func (Secret) String() string { return masked }

// GoString returns three asterisks.
func (Secret) GoString() string { return masked }

// Format writes three asterisks for every verb and flag.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(masked)) }

// MarshalText returns three asterisks, which covers XML, map keys and most other encoders.
func (Secret) MarshalText() ([]byte, error) { return []byte(masked), nil }

// MarshalJSON returns three asterisks as a JSON string.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + masked + `"`), nil }

// MarshalYAML returns three asterisks.
func (Secret) MarshalYAML() (any, error) { return masked, nil }

// LogValue returns three asterisks.
func (Secret) LogValue() slog.Value { return slog.StringValue(masked) }
