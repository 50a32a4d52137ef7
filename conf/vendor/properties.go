package vendor

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// property is one key of a .properties file with all that the portal makes of its value.
type property struct {
	key   string
	texts []text // one for a single value; the pieces between commas, of all lines with this key
	lines []int  // where the key stands
}

// text is one piece of a value and the natural line in which it begins.
type text struct {
	text string
	line int
}

// note is something that the portal does to a line without a word.
type note struct {
	line  int
	key   string // of the property that it is about; empty for the file
	msg   string
	cure  string
	fatal bool
}

// properties is a .properties file as the portal reads it.
type properties struct {
	all   []property
	notes []note
	lost  bool // the portal passes over the whole file
	index map[string]int
	odd   int // lines that are no property
}

// maxOdd bounds how many lines of a file are told of that are no property.
const maxOdd = 5

// get returns the property of that key.
func (p *properties) get(key string) (property, bool) {
	i, found := p.index[key]
	if !found || p.lost {
		return property{}, false
	}
	return p.all[i], true
}

// parseProperties reads a .properties file as the portal's reader does (Commons Configuration, in
// UTF-8 from 7.0 on and in ISO-8859-1 before), which is not java.util.Properties: blanks around a
// value do not count, comments and empty lines within a continued value are passed over, a key that
// stands twice has both values, and one bad escape loses the whole file.
func parseProperties(data []byte, line62 bool) *properties {
	p := &properties{index: map[string]int{}}
	body := decode(data, line62)
	if strings.HasPrefix(body, "\ufeff") || strings.HasPrefix(body, "ï»¿") {
		p.note(1, "", "begins with a byte order mark, which the portal takes for a part of the first key", "save the file without it (in UTF-8, not UTF-8 with BOM)")
	}
	for _, l := range logicalLines(body, p) {
		if !p.add(l) {
			p.all, p.lost = nil, true
			return p
		}
	}
	for _, q := range p.all {
		if len(q.lines) > 1 && q.key != includeKey {
			p.note(q.lines[1], q.key, "stands twice, first in line "+strconv.Itoa(q.lines[0])+": the portal joins the values with a comma", "keep one of the two")
		}
	}
	return p
}

func (p *properties) note(line int, key, msg, cure string) {
	p.notes = append(p.notes, note{line: line, key: key, msg: msg, cure: cure})
}

// decode makes text of bytes as Java does.
func decode(data []byte, latin1 bool) string {
	if !latin1 {
		return string(decodeUTF8(data))
	}
	runes := make([]rune, len(data))
	for i, b := range data {
		runes[i] = rune(b)
	}
	return string(runes)
}

// decodeUTF8 puts U+FFFD in for what is no UTF-8.
func decodeUTF8(data []byte) []rune {
	runes := make([]rune, 0, len(data))
	for len(data) > 0 {
		r, n := utf8.DecodeRune(data)
		runes, data = append(runes, r), data[n:]
	}
	return runes
}

// logical is what the reader takes for one line: natural lines whose ends were escaped, joined.
type logical struct {
	text  string
	line  int
	parts []part
}

// part says from which offset on the text of a logical line stands in which natural line.
type part struct{ offset, line int }

// trim is String.trim: everything up to a blank counts.
func trim(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return r <= ' ' })
}

// naturalLines splits as java.io.BufferedReader does.
func naturalLines(body string) []string {
	body = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(body)
	return strings.Split(strings.TrimSuffix(body, "\n"), "\n")
}

// logicalLines joins natural lines, and passes over blank ones and comments wherever they stand.
func logicalLines(body string, p *properties) []logical {
	var all []logical
	var open *logical
	var b strings.Builder
	for i, natural := range naturalLines(body) {
		s := trim(natural)
		if s == "" || s[0] == '#' || s[0] == '!' {
			continue
		}
		if open == nil {
			open = &logical{line: i + 1}
		} else if looksLikeKey(s) {
			p.note(i+1, key(s), "is taken for a part of the value that begins in line "+strconv.Itoa(open.line)+", whose last line ends with a backslash",
				"drop the backslash at the end of the line before")
			p.notes[len(p.notes)-1].fatal = true
		}
		goesOn := (len(s)-len(strings.TrimRight(s, `\`)))%2 == 1
		if goesOn {
			s = s[:len(s)-1]
		}
		open.parts = append(open.parts, part{b.Len(), i + 1})
		b.WriteString(s)
		if !goesOn {
			open.text = b.String()
			all, open = append(all, *open), nil
			b.Reset()
		}
	}
	if open != nil {
		p.note(open.line, key(b.String()), "is lost: the file ends behind a backslash, and the portal drops what it holds so far", "drop the backslash at the end")
	}
	return all
}

// looksLikeKey reports whether a continued line was meant to be a property of its own.
func looksLikeKey(s string) bool {
	k := key(s)
	return isPortalKey(k) && len(k) < len(s)
}

// key returns what stands before the separator of a line.
func key(s string) string {
	if k, _, ok := cutSeparator(s); ok {
		s = k
	}
	k, _ := unescape(s, 0)
	return k
}

// add reads one logical line. It reports whether the reader goes on.
func (p *properties) add(l logical) bool {
	rawKey, rawValue, ok := cutSeparator(l.text)
	if !ok {
		if p.odd++; p.odd <= maxOdd {
			p.note(l.line, "", "has neither = nor : and is passed over", "write key=value, or drop the line")
		}
		return true
	}
	name, ok := unescape(rawKey, 0)
	value, okValue := unescape(rawValue, ',')
	if !ok || !okValue {
		p.notes = append(p.notes, note{l.line, name, `has a \u without four hexadecimal digits: the portal passes over the whole file`, `write a backslash as \\ and a character as \u and four hexadecimal digits`, true})
		return false
	}
	if strings.ContainsRune(value, '\ufffd') {
		p.note(l.line, name, "is not written in UTF-8: the portal reads other characters", "save the file in UTF-8")
	}
	pieces := split(value)
	lines := l.pieceLines(len(l.text)-len(rawValue), pieces)
	if i, found := p.index[name]; found {
		p.all[i].texts = append(p.all[i].texts, withLines(pieces, lines)...)
		p.all[i].lines = append(p.all[i].lines, l.line)
		return true
	}
	p.index[name] = len(p.all)
	p.all = append(p.all, property{name, withLines(pieces, lines), []int{l.line}})
	return true
}

func withLines(pieces []string, lines []int) []text {
	all := make([]text, len(pieces))
	for i, s := range pieces {
		all[i] = text{s, lines[i]}
	}
	return all
}

// isSpace is \s of java.util.regex.
func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// cutSeparator splits a line at the first blank, = or : that is not escaped. Blanks around the
// separator belong to it.
func cutSeparator(s string) (name, value string, ok bool) {
	i := 0
	for i < len(s) && !isSpace(s[i]) && s[i] != '=' && s[i] != ':' {
		if s[i] == '\\' {
			if i+1 == len(s) {
				return "", "", false
			}
			_, n := utf8.DecodeRuneInString(s[i+1:])
			i += n
		}
		i++
	}
	end := i
	for i < len(s) && isSpace(s[i]) {
		i++
	}
	if i < len(s) && (s[i] == '=' || s[i] == ':') {
		i++
	} else if i == end {
		return "", "", false
	}
	for i < len(s) && isSpace(s[i]) {
		i++
	}
	if strings.ContainsAny(s[i:], "\u0085\u2028\u2029") { // line ends for the reader's pattern
		return "", "", false
	}
	return trim(s[:end]), trim(s[i:]), true
}

// escapes are those that are not the character itself.
var escapes = map[rune]rune{'b': '\b', 't': '\t', 'n': '\n', 'f': '\f', 'r': '\r'}

// unescape takes backslashes out; one before the delimiter stays for split. It reports whether all
// \u have their digits; fewer at the end are dropped.
func unescape(s string, delimiter rune) (string, bool) {
	var units []uint16
	runes := []rune(s)
	for i := 0; i < len(runes); i++ {
		if runes[i] != '\\' {
			units = utf16.AppendRune(units, runes[i])
			continue
		}
		if i++; i == len(runes) {
			units = append(units, '\\')
			break
		}
		switch r := runes[i]; {
		case r == 'u' && len(runes)-i <= 4:
			i = len(runes)
		case r == 'u':
			n, err := strconv.ParseInt(string(runes[i+1:i+5]), 16, 32)
			if err != nil {
				return "", false
			}
			units = append(units, uint16(n)) // Java's cast
			i += 4
		case escapes[r] != 0:
			units = append(units, uint16(escapes[r]))
		case r == delimiter && delimiter != 0:
			units = append(units, '\\', uint16(r))
		default:
			units = utf16.AppendRune(units, r)
		}
	}
	return string(utf16.Decode(units)), true
}

// split cuts a value at its commas, but for those behind a backslash. A value whose only comma
// comes first is whole.
func split(s string) []string {
	if strings.IndexByte(s, ',') <= 0 {
		return []string{s}
	}
	var all []string
	var b strings.Builder
	escaped := false
	for _, r := range s {
		switch {
		case escaped && r != ',' && r != '\\':
			b.WriteString(`\` + string(r))
			escaped = false
		case escaped:
			b.WriteRune(r)
			escaped = false
		case r == ',':
			all = append(all, trim(b.String()))
			b.Reset()
		case r == '\\':
			escaped = true
		default:
			b.WriteRune(r)
		}
	}
	if escaped {
		b.WriteByte('\\')
	}
	return append(all, trim(b.String()))
}

// pieceLines returns the natural line in which each piece of the value that begins at offset
// stands; the first line where commas are written in another way.
func (l logical) pieceLines(offset int, pieces []string) []int {
	lines := make([]int, len(pieces))
	raw := strings.Split(l.text[offset:], ",")
	for i := range lines {
		lines[i] = l.line
		if len(raw) == len(pieces) && len(l.parts) > 1 {
			blanks := len(raw[i]) - len(strings.TrimLeft(raw[i], " \t\f"))
			lines[i] = l.lineAt(offset + blanks)
			offset += len(raw[i]) + 1
		}
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
