package vendor

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/magiconair/properties"
)

// property is one key of a .properties file with its value.
type property struct {
	key, value string
	line       int
	pieces     []int // the line of each piece between settings.Commas, for values that run over several lines
}

// logical is what Java takes for one line: natural lines whose ends were escaped, joined.
type logical struct {
	text  string
	line  int
	parts []part
}

// part says from which offset on the text of a logical line stands in which natural line.
type part struct{ offset, line int }

// lineError is an error in a line of a file.
type lineError struct {
	line int
	msg  string
}

func (e lineError) Error() string { return fmt.Sprintf("line %d: %s", e.line, e.msg) }

// parseProperties reads a .properties file as Java does, in file order with repeated keys. Bytes
// that are not UTF-8 are ISO-8859-1.
func parseProperties(data []byte) ([]property, []lineError) {
	var all []property
	var wrong []lineError
	for _, l := range logicalLines(decodeText(data)) {
		if l.text == "" { // nothing but escaped line ends
			continue
		}
		p, err := l.property()
		if err != nil {
			wrong = append(wrong, lineError{l.line, "is not a property as Java writes it"})
			continue
		}
		all = append(all, p)
	}
	return all, wrong
}

// decodeText returns data as UTF-8 without a byte order mark.
func decodeText(data []byte) string {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if utf8.Valid(data) {
		return string(data)
	}
	runes := make([]rune, len(data))
	for i, b := range data {
		runes[i] = rune(b)
	}
	return string(runes)
}

const propertyBlanks = " \t\f"

// logicalLines joins natural lines and drops blank ones and comments.
func logicalLines(text string) []logical {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	var all []logical
	var open *logical
	for i, natural := range strings.Split(text, "\n") {
		natural = strings.TrimLeft(natural, propertyBlanks)
		if open == nil && (natural == "" || natural[0] == '#' || natural[0] == '!') {
			continue
		}
		if open == nil {
			open = &logical{line: i + 1}
		}
		slashes := len(natural) - len(strings.TrimRight(natural, `\`))
		goesOn := slashes%2 == 1
		if goesOn {
			natural = natural[:len(natural)-1]
		}
		open.parts = append(open.parts, part{len(open.text), i + 1})
		open.text += natural
		if !goesOn {
			all, open = append(all, *open), nil
		}
	}
	if open != nil { // the file ends within a line
		all = append(all, *open)
	}
	return all
}

// property has the key, separator and escapes read by the library, one line at a time: it gives no
// line numbers of its own, ends a value at an escaped CR LF, and makes two marks of a pair of
// surrogates.
func (l logical) property() (property, error) {
	loader := properties.Loader{Encoding: properties.UTF8, DisableExpansion: true}
	text := l.text
	if text[0] == ':' || text[0] == '=' {
		return property{line: l.line}, nil // Java reads an empty key, which nothing asks for
	}
	p, err := loader.LoadBytes([]byte(pairSurrogates(text)))
	if err != nil {
		return property{}, err
	}
	keys := p.Keys()
	if len(keys) != 1 {
		return property{}, fmt.Errorf("%d keys", len(keys))
	}
	value, _ := p.Get(keys[0])
	return property{key: keys[0], value: value, line: l.line, pieces: l.pieces(value)}, nil
}

// pieces finds the natural line of each comma-separated piece of value; nothing if some settings.Commas are
// written otherwise.
func (l logical) pieces(value string) []int {
	offset := strings.IndexAny(l.text, "=:") + 1
	pieces := strings.Split(l.text[offset:], ",")
	if len(l.parts) < 2 || offset == 0 || len(pieces) != strings.Count(value, ",")+1 {
		return nil
	}
	lines := make([]int, len(pieces))
	for i, piece := range pieces {
		lines[i] = l.lineAt(offset + len(piece) - len(strings.TrimLeft(piece, propertyBlanks)))
		offset += len(piece) + 1
	}
	return lines
}

func (l logical) lineAt(offset int) int {
	line := l.line
	for _, p := range l.parts {
		if p.offset <= offset {
			line = p.line
		}
	}
	return line
}

// pairSurrogates replaces two escapes that make up one character beyond the basic plane by that
// character.
func pairSurrogates(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		high, low := escapedUnit(s[i:]), rune(-1)
		if high >= 0 {
			low = escapedUnit(s[i+6:])
		}
		if r := utf16.DecodeRune(high, low); low >= 0 && r != utf8.RuneError {
			b.WriteRune(r)
			i += 11
			continue
		}
		b.WriteString(s[i : i+2]) // the escaped character may be a backslash
		i++
	}
	return b.String()
}

// escapedUnit returns the UTF-16 unit of an escape at the beginning of s, or -1.
func escapedUnit(s string) rune {
	if len(s) < 6 || s[:2] != `\u` {
		return -1
	}
	unit := rune(0)
	for _, c := range []byte(s[2:6]) {
		digit := strings.IndexByte("0123456789abcdef", c|0x20)
		if digit < 0 {
			return -1
		}
		unit = unit<<4 | rune(digit)
	}
	return unit
}
