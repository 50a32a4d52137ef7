package format

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// IncludeKey names further files of the portal's.
const IncludeKey = "include-and-override"

// Property is one key of a .properties file with all that the portal makes of its value.
type Property struct {
	Key   string
	Texts []Text // one for a single value; the pieces between commas, of all lines with this key
	Lines []int  // where the key stands
}

// Text is one piece of a value and the natural line in which it begins.
type Text struct {
	Text string
	Line int
}

// Note is something that the portal does to a line without a word.
type Note struct {
	Line  int
	Key   string // of the property that it is about; empty for the file
	Msg   string
	Cure  string
	Fatal bool
}

// Properties is a .properties file as the portal reads it.
type Properties struct {
	Entries []Property
	Notes   []Note
	lost    bool // the portal passes over the whole file
	index   map[string]int
	odd     int                   // lines that are no property
	known   func(key string) bool // the keys that a reader wants
}

// maxOdd bounds how many lines of a file are told of that are no property.
const maxOdd = 5

// Find returns the property of that key.
func (p *Properties) Find(key string) (Property, bool) {
	i, found := p.index[key]
	if !found || p.lost {
		return Property{}, false
	}
	return p.Entries[i], true
}

// ParseProperties reads a .properties file as the portal's reader does (Commons Configuration, in
// UTF-8 from 7.0 on and in ISO-8859-1 before), which is not java.util.Properties: blanks around a
// value do not count, comments and empty lines within a continued value are passed over, a key that
// stands twice has both values, and one bad escape loses the whole file. known are the keys that a
// continued line is suspected to swallow.
func ParseProperties(data []byte, line62 bool, known func(key string) bool) *Properties {
	p := &Properties{index: map[string]int{}, known: known}
	body := decode(data, line62)
	if strings.HasPrefix(body, "\ufeff") || strings.HasPrefix(body, "ï»¿") {
		p.note(1, "", "begins with a byte order mark, which the portal takes for a part of the first key", "save the file without it (in UTF-8, not UTF-8 with BOM)")
	}
	for _, l := range logicalLines(body, p) {
		if !p.add(l) {
			p.Entries, p.lost = nil, true
			return p
		}
	}
	for _, q := range p.Entries {
		if len(q.Lines) > 1 && q.Key != IncludeKey && q.Key != "" {
			p.note(q.Lines[1], q.Key, "stands twice, first in line "+strconv.Itoa(q.Lines[0])+": the portal joins the values with a comma", "keep one of the two")
		}
	}
	return p
}

func (p *Properties) note(line int, key, msg, cure string) {
	p.Notes = append(p.Notes, Note{Line: line, Key: key, Msg: msg, Cure: cure})
}

// decode makes text of bytes as Java does.
func decode(data []byte, latin1 bool) string {
	if !latin1 {
		return string(DecodeUTF8(data))
	}
	runes := make([]rune, len(data))
	for i, b := range data {
		runes[i] = rune(b)
	}
	return string(runes)
}

// DecodeUTF8 puts U+FFFD in for what is no UTF-8, one for as many bytes as Java does.
func DecodeUTF8(data []byte) []rune {
	runes := make([]rune, 0, len(data))
	for len(data) > 0 {
		r, n := utf8.DecodeRune(data)
		if r == utf8.RuneError && n == 1 {
			n = broken(data)
		}
		runes, data = append(runes, r), data[n:]
	}
	return runes
}

// leads are the bytes that begin a character of several: its size in bytes, and what its second byte is between.
var leads = []struct {
	first, last byte
	size        int
	low, high   byte
}{
	{0xc2, 0xdf, 2, 0x80, 0xbf},
	{0xe0, 0xe0, 3, 0xa0, 0xbf}, {0xe1, 0xef, 3, 0x80, 0xbf},
	{0xf0, 0xf0, 4, 0x90, 0xbf}, {0xf1, 0xf3, 4, 0x80, 0xbf}, {0xf4, 0xf4, 4, 0x80, 0x8f},
}

// broken returns how many bytes at the beginning Java takes for one broken character.
func broken(data []byte) int {
	for _, l := range leads {
		if data[0] < l.first || data[0] > l.last {
			continue
		}
		n, low, high := 1, l.low, l.high
		for n < min(l.size, len(data)) && data[n] >= low && data[n] <= high {
			n, low, high = n+1, 0x80, 0xbf
		}
		return n
	}
	return 1
}

// IsUTF16 reports whether a file begins as editors begin one in UTF-16, with a byte order mark or without.
func IsUTF16(data []byte) bool {
	if len(data) < 2 {
		return false
	}
	mark := data[0] == 0xff && data[1] == 0xfe || data[0] == 0xfe && data[1] == 0xff
	return mark || len(data) >= 4 && (data[0] == 0 && data[2] == 0 || data[1] == 0 && data[3] == 0)
}

// logical is what the reader takes for one line: natural lines whose ends were escaped, joined.
type logical struct {
	text  string
	line  int
	parts []part
}

// part says from which offset on the text of a logical line stands in which natural line.
type part struct{ offset, line int }

// Trim is String.trim: everything up to a blank counts.
func Trim(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return r <= ' ' })
}

// naturalLines splits as java.io.BufferedReader does.
func naturalLines(body string) []string {
	body = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(body)
	return strings.Split(strings.TrimSuffix(body, "\n"), "\n")
}

// logicalLines joins natural lines, and passes over blank ones and comments wherever they stand.
func logicalLines(body string, p *Properties) []logical {
	var all []logical
	var open *logical
	var b strings.Builder
	for i, natural := range naturalLines(body) {
		s := Trim(natural)
		if s == "" || s[0] == '#' || s[0] == '!' {
			continue
		}
		if open == nil {
			open = &logical{line: i + 1}
		} else if p.looksLikeKey(s) {
			p.note(i+1, key(s), "is taken for a part of the value that begins in line "+strconv.Itoa(open.line)+", whose last line ends with a backslash",
				"drop the backslash at the end of the line before")
			p.Notes[len(p.Notes)-1].Fatal = true
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
func (p *Properties) looksLikeKey(s string) bool {
	k := key(s)
	return p.known(k) && len(k) < len(s)
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
func (p *Properties) add(l logical) bool {
	rawKey, rawValue, ok := cutSeparator(l.text)
	if !ok {
		if p.odd++; p.odd <= maxOdd {
			p.note(l.line, "", "has neither = nor : and is passed over", "write key=value, or drop the line")
		}
		p.put("", []Text{{"", l.line}}, l.line) // so the reader does; ${} refers to it
		return true
	}
	name, ok := unescape(rawKey, 0)
	value, okValue := unescape(rawValue, ',')
	if !ok || !okValue {
		p.Notes = append(p.Notes, Note{l.line, name, `has a \u without four hexadecimal digits: the portal passes over the whole file`, `write a backslash as \\ and a character as \u and four hexadecimal digits`, true})
		return false
	}
	if strings.ContainsRune(value, '\ufffd') {
		p.note(l.line, name, "is not written in UTF-8: the portal reads other characters", "save the file in UTF-8")
	}
	pieces := Split(value)
	p.put(name, WithLines(pieces, l.pieceLines(len(l.text)-len(rawValue), pieces)), l.line)
	return true
}

// put adds texts to what a key has.
func (p *Properties) put(name string, texts []Text, line int) {
	if i, found := p.index[name]; found {
		p.Entries[i].Texts = append(p.Entries[i].Texts, texts...)
		p.Entries[i].Lines = append(p.Entries[i].Lines, line)
		return
	}
	p.index[name] = len(p.Entries)
	p.Entries = append(p.Entries, Property{name, texts, []int{line}})
}

// WithLines puts each piece together with the natural line in which it begins.
func WithLines(pieces []string, lines []int) []Text {
	all := make([]Text, len(pieces))
	for i, s := range pieces {
		all[i] = Text{s, lines[i]}
	}
	return all
}

// isSpace is \s of java.util.regex.
func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// afterSpace returns where the blanks at i end.
func afterSpace(s string, i int) int {
	for i < len(s) && isSpace(s[i]) {
		i++
	}
	return i
}

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
	i = afterSpace(s, i)
	if i < len(s) && (s[i] == '=' || s[i] == ':') {
		i++
	} else if i == end {
		return "", "", false
	}
	i = afterSpace(s, i)
	if strings.ContainsAny(s[i:], "\u0085\u2028\u2029") { // line ends for the reader's pattern
		return "", "", false
	}
	return Trim(s[:end]), Trim(s[i:]), true
}

// escapes are those that are not the character itself.
var escapes = map[rune]rune{'b': '\b', 't': '\t', 'n': '\n', 'f': '\f', 'r': '\r'}

// unescape takes backslashes out; one before the delimiter stays for split. It reports whether all
// \u have their digits; fewer at the end are dropped.
func unescape(s string, delimiter rune) (string, bool) {
	var units []uint16
	all := utf16.Encode([]rune(s)) // as Java counts
	for i := 0; i < len(all); i++ {
		if all[i] != '\\' {
			units = append(units, all[i])
			continue
		}
		if i++; i == len(all) {
			units = append(units, '\\')
			break
		}
		switch r := rune(all[i]); {
		case r == 'u' && len(all)-i <= 4:
			i = len(all)
		case r == 'u':
			n, err := strconv.ParseInt(string(utf16.Decode(all[i+1:i+5])), 16, 32)
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
			units = append(units, uint16(r))
		}
	}
	return string(utf16.Decode(units)), true
}

// Split cuts a value at its commas, but for those behind a backslash. A value whose only comma
// comes first is whole.
func Split(s string) []string {
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
			all = append(all, Trim(b.String()))
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
	return append(all, Trim(b.String()))
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

// Merge is how the portal makes one text of several. From 7.0 on blanks around each are lost.
func Merge(texts []Text, line62 bool) string {
	all := make([]string, len(texts))
	for i, t := range texts {
		if all[i] = t.Text; !line62 {
			all[i] = Trim(t.Text)
		}
	}
	return strings.Join(all, ",")
}
