// Package members appends the members of a JSON object to a text, as the audit log writes them: what is empty is left
// out, long texts are cut, and what a terminal, a log viewer or a line-based tool may act on is escaped. Safe for
// concurrent use; a buffer belongs to who passes it, and what is returned may share its memory.
package members

import (
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxText bounds each text, in bytes; what is longer ends with an ellipsis.
	MaxText  = 2048
	ellipsis = "…"
	// MaxFields bounds what Fields appends.
	MaxFields = 64

	hexDigits = "0123456789abcdef"
)

// Fields appends an object of texts, in the order of their keys.
func Fields(b []byte, fields map[string]string) []byte {
	if len(fields) == 0 {
		return b
	}
	b = append(b, `,"fields":{`...)
	for i, key := range slices.Sorted(maps.Keys(fields)) {
		if i == MaxFields {
			break
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, key)
		b = append(b, ':')
		b = appendString(b, fields[key])
	}
	return append(b, '}')
}

// Text appends a text.
func Text(b []byte, key, value string) []byte {
	if value == "" {
		return b
	}
	return appendString(appendKey(b, key), value)
}

// Addr appends an address as "addr". Only a zone can hold what must be escaped.
func Addr(b []byte, a netip.Addr) []byte {
	if a.Zone() != "" {
		return Text(b, "addr", a.String())
	}
	b = append(appendKey(b, "addr"), '"')
	return append(a.AppendTo(b), '"')
}

// Socket appends an address and a port as "socket".
func Socket(b []byte, s netip.AddrPort) []byte {
	if s.Addr().Zone() != "" {
		return Text(b, "socket", s.String())
	}
	b = append(appendKey(b, "socket"), '"')
	return append(s.AppendTo(b), '"')
}

// Number appends a number; zero is empty.
func Number(b []byte, key string, value int64) []byte {
	if value == 0 {
		return b
	}
	return strconv.AppendInt(appendKey(b, key), value, 10)
}

func appendKey(b []byte, key string) []byte {
	b = append(b, ',', '"')
	b = append(b, key...)
	return append(b, '"', ':')
}

// appendString appends s in quotes. Whatever a terminal, a log viewer or a line-based tool may act
// on is escaped: control characters, line separators, and marks that turn the direction of text
// around.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	s, cut := shorten(s)
	for i := 0; i < len(s); {
		if n := plain(s[i:]); n > 0 {
			b = append(b, s[i:i+n]...)
			i += n
			continue
		}
		if s[i] < utf8.RuneSelf {
			b = appendASCII(b, s[i])
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if hidden(r, n) {
			b = appendEscaped(b, r)
		} else {
			b = append(b, s[i:i+n]...)
		}
		i += n
	}
	if cut {
		b = append(b, ellipsis...)
	}
	return append(b, '"')
}

// shorten cuts s to MaxText bytes, between two characters.
func shorten(s string) (string, bool) {
	if len(s) <= MaxText {
		return s, false
	}
	n := MaxText - len(ellipsis)
	for n > MaxText-len(ellipsis)-utf8.UTFMax && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n], true
}

// plain is how many bytes s begins with that are written as they are: most texts are nothing else.
func plain(s string) int {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c > 0x7e || c == '"' || c == '\\' {
			return i
		}
	}
	return len(s)
}

// appendASCII appends a character that plain stops at.
func appendASCII(b []byte, c byte) []byte {
	if c == '"' || c == '\\' {
		return append(b, '\\', c)
	}
	return appendEscaped(b, rune(c))
}

// hidden reports whether r, read from n bytes, does not show as itself.
func hidden(r rune, n int) bool {
	return r == utf8.RuneError && n == 1 || !unicode.IsPrint(r)
}

// appendEscaped appends r as \u and four digits, two of them if it needs a surrogate pair.
func appendEscaped(b []byte, r rune) []byte {
	if r > 0xffff {
		r -= 0x10000
		b = appendEscaped(b, 0xd800+r>>10)
		r = 0xdc00 + r&0x3ff
	}
	return append(b, '\\', 'u', hexDigits[r>>12&0xf], hexDigits[r>>8&0xf], hexDigits[r>>4&0xf],
		hexDigits[r&0xf])
}
