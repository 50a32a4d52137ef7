package format

import (
	"errors"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
)

// Value is one key of an OSGi configuration file. A single value has one text, an array any
// number; nothing at all is what the reader makes of a value that it cannot read.
type Value struct {
	Key   string
	Texts []string
	None  bool
	Line  int
}

// OSGi is a configuration file as its reader reads it.
type OSGi struct {
	Values  []Value
	Notes   []Note
	endless bool // the reader never comes back from it
}

// Note adds what a reader does to a line without a word; fatal means that the line counts for nothing.
func (c *OSGi) Note(line int, fatal bool, msg, cure string) {
	c.Notes = append(c.Notes, Note{Line: line, Msg: msg, Cure: cure, Fatal: fatal})
}

// put records a value; of a key that stands twice the last one counts.
func (c *OSGi) put(v Value) {
	for i := range c.Values {
		if c.Values[i].Key == v.Key {
			c.Note(v.Line, false, v.Key+" stands twice, first in line "+strconv.Itoa(c.Values[i].Line)+": this one counts", "keep one of the two")
			c.Values[i] = v
			return
		}
	}
	if len(c.Values) < maxKeys {
		c.Values = append(c.Values, v)
	}
}

// maxKeys bounds the keys of one file; the verifier's configuration has five.
const maxKeys = 1000

// Lookup gives the value of a variable of a configuration file.
type Lookup func(name string) (string, bool)

const quoteIt = `write key="value", or key=["a","b"] for several, each key in a line of its own; or name the file .cfg and quote nothing`

// typedLine is what 7.3 and later read as a line of a .config file. Java's \s has a vertical tab.
var typedLine = regexp.MustCompile(`\A([\s\x0b]*[0-9a-zA-Z\-_.]+[\s\x0b]*)=([\s\x0b]*[TILFDXSCBilfdxscb]?(?:\[[\s\S]*\]|\{[\s\S]*\}|\([\s\S]*\)|"[\s\S]*")[\s\x0b]*)\z`)

// primitives is an array whose type code is a small letter.
var primitives = regexp.MustCompile(`\A[\s\x0b]*[tilfdxscb]\[`)

// ParseConfig reads a .config file as 7.3 and later do: line by line, a backslash at the end joins
// lines. The reader stops without a word at the first line that it does not know.
func ParseConfig(body string, vars Lookup) *OSGi {
	c := &OSGi{}
	var b strings.Builder
	first := 0
	for i, line := range naturalLines(body) {
		number := i + 1
		switch {
		case line == "":
			continue
		case Trim(line) == "":
			c.Note(number, true, "holds blanks only: the engine's reader fails on it, and the whole file is not read", "empty the line")
			c.Values = nil
			return c
		case Trim(line)[0] == '#':
			continue
		}
		if b.Len() == 0 {
			first = number
		}
		rest, goesOn := strings.CutSuffix(line, `\`)
		b.WriteString(Trim(rest))
		if goesOn {
			continue
		}
		if !c.typed(b.String(), first, vars) {
			c.convert(readBoxed)
			return c
		}
		b.Reset()
	}
	if b.Len() > 0 {
		c.Note(first, true, "is lost: the file ends behind a backslash", "drop the backslash at the end")
	}
	c.convert(readBoxed)
	return c
}

// typed reads one joined line. It reports whether the reader goes on.
func (c *OSGi) typed(s string, line int, vars Lookup) bool {
	m := typedLine.FindStringSubmatch(s)
	if m == nil {
		c.Note(line, true, "is no key with a quoted value: the engine reads nothing of the file from here on", quoteIt)
		return false
	}
	key, value := Trim(m[1]), c.substitute(Trim(m[2]), line, vars)
	if c.endless {
		c.Values = nil
		return false
	}
	c.put(Value{Key: key, Texts: []string{value}, Line: line})
	return true
}

// readBoxed is ReadValue as 7.3 and later have it.
func readBoxed(value string) (texts []string, ok bool, wrong string) {
	texts, ok, wrong = ReadValue(value)
	if wrong == "" && primitives.MatchString(value) {
		wrong = "an array of a primitive type"
	}
	return texts, ok, wrong
}

// convert makes values of the texts that were put. Readers do it when all lines are read: a value that
// a later line replaces is not looked at. One that the reader fails on loses the whole file.
func (c *OSGi) convert(read func(raw string) (texts []string, ok bool, wrong string)) {
	for i := range c.Values {
		v := &c.Values[i]
		texts, ok, wrong := read(v.Texts[0])
		if wrong != "" {
			c.Note(v.Line, true, v.Key+" has "+wrong+": the engine's reader fails on it, and the whole file is not read", "mend the value")
			c.Values = nil
			return
		}
		if !ok {
			c.Note(v.Line, true, v.Key+" has a value that the engine takes for none", quoteIt)
		}
		v.Texts, v.None = texts, !ok
	}
}

// substitute puts in variables as 7.3 and later do: from the JVM's properties and, for names that
// begin with LIFERAY_, from the environment. What is unknown becomes nothing.
func (c *OSGi) substitute(s string, line int, vars Lookup) string {
	for range maxDepth {
		start, stop, found := variable(s)
		if found && stop < 0 {
			break
		}
		if !found {
			return s
		}
		name := s[start+2 : stop]
		value, known := vars(name)
		switch {
		case !known && !strings.HasPrefix(name, "LIFERAY_"):
			c.Note(line, false, "refers to ${"+name+"}, for which the engine puts nothing in unless its JVM has a property of that name: of variables it takes only those that begin with LIFERAY_",
				"name the variable LIFERAY_..., or say what the property is in engine.liferay.variables as "+name+"=...")
		case !known:
			c.Note(line, false, "refers to ${"+name+"}, which is not set here: the engine puts nothing in if it is not set there either",
				"set it for the gateway too, in the environment or in engine.liferay.variables as "+name+"=...")
		case strings.HasPrefix(name, "env:"):
			c.Note(line, false, "refers to ${"+name+"}: the engine of 7.4.3.112 puts nothing in for it, later ones do", "name the variable LIFERAY_..., or write the value out")
		}
		if s = s[:start] + value + s[stop+1:]; len(s) > maxText {
			break
		}
	}
	c.Note(line, true, "holds a ${ that does not end: the engine's reader never comes back from it", `write $\{ for a brace that is none of a reference`)
	c.endless = true
	return ""
}

// variable finds the innermost ${...}; a brace behind a backslash does not close it. If there is no
// other brace, stop is -1: the vendor's reader looks for one for ever.
func variable(s string) (start, stop int, found bool) {
	start, stop = strings.Index(s, "${"), strings.IndexByte(s, '}')
	next := func(from int) int {
		if i := strings.IndexByte(s[from:], '}'); i >= 0 {
			return from + i
		}
		return -1
	}
	for start >= 0 && stop >= 0 {
		for stop > 0 && s[stop-1] == '\\' {
			stop = next(stop + 1)
		}
		for stop >= 0 {
			i := strings.Index(s[start+2:], "${")
			if i < 0 || start+2+i > stop {
				break
			}
			start += 2 + i
		}
		if start < stop {
			break
		}
		if stop < 0 {
			return start, stop, true
		}
		stop = next(stop + 1)
		start = strings.Index(s, "${")
	}
	return start, stop, start >= 0 && stop >= 0
}

// valueReader reads a typed value; what stands behind it is passed over.
type valueReader struct {
	units []uint16 // as Java counts
	i     int
}

func (r *valueReader) read() rune {
	if r.i >= len(r.units) {
		r.i++
		return -1
	}
	r.i++
	return rune(r.units[r.i-1])
}

func (r *valueReader) white() rune {
	for {
		if c := r.read(); c < 0 || !isJavaWhitespace(c) {
			return c
		}
	}
}

func isJavaWhitespace(r rune) bool {
	return r >= '\t' && r <= '\r' || r >= 0x1c && r <= ' ' || r == 0x1680 || r >= 0x2000 && r <= 0x200a && r != 0x2007 ||
		r == 0x2028 || r == 0x2029 || r == 0x205f || r == 0x3000
}

// ReadValue reads a value with its type code. It reports whether there is one, and what the reader
// fails on.
func ReadValue(s string) (texts []string, ok bool, wrong string) {
	r := &valueReader{units: utf16.Encode([]rune(s))}
	kind := r.white()
	code := kind
	if kind >= 0 && strings.ContainsRune("TILFDXSCBtilfdxscb", kind) {
		code = r.read()
	} else {
		kind = 'T'
	}
	switch code {
	case '[':
		return r.list(kind, ']')
	case '(':
		return r.list(kind, ')')
	case '"':
		t, wrong := r.simple(kind)
		if wrong == noCharacter {
			return nil, false, ""
		}
		return []string{t}, wrong == "", wrong
	}
	return nil, false, ""
}

// list reads the quoted texts of an array, with commas between.
func (r *valueReader) list(kind, closing rune) (texts []string, ok bool, wrong string) {
	texts = []string{}
	for {
		token := r.gap()
		if token == '"' {
			t, wrong := r.simple(kind)
			if wrong != "" {
				return nil, false, wrong
			}
			texts = append(texts, t)
			token = r.gap()
		}
		switch token {
		case closing:
			return texts, true, ""
		case ',':
		default:
			return nil, false, ""
		}
	}
}

// gap skips blanks and backslashes before a line's end.
func (r *valueReader) gap() rune {
	c := r.white()
	for c == '\\' {
		next := r.read()
		if next != '\n' && next != '\r' {
			r.i--
			break
		}
		c = r.white()
	}
	return c
}

// noCharacter is said of an empty text where a character is due. The reader takes the value for none.
const noCharacter = "no character"

// simple reads up to the closing quote and holds the text against its type. A number that is none
// makes the engine's reader fail.
func (r *valueReader) simple(kind rune) (text, wrong string) {
	text, ok := r.quoted()
	if !ok {
		return "", `a bad \u`
	}
	switch kind {
	case 'B', 'b':
		return strconv.FormatBool(strings.EqualFold(text, "true")), ""
	case 'C', 'c':
		units := utf16.Encode([]rune(text))
		if len(units) == 0 {
			return "", noCharacter
		}
		return string(utf16.Decode(units[:1])), ""
	}
	bits, isNumber := map[rune]int{'I': 32, 'L': 64, 'S': 16, 'X': 8, 'F': 32, 'D': 64}[unicode.ToUpper(kind)]
	if !isNumber {
		return text, ""
	}
	if strings.Contains(text, ".") && strings.ContainsRune("FfDd", kind) {
		f, err := strconv.ParseFloat(text, bits)
		if errors.Is(err, strconv.ErrSyntax) {
			return "", "no number"
		}
		return javaFloat(f, bits), ""
	}
	n, err := strconv.ParseInt(text, 10, bits)
	switch {
	case err != nil:
		return "", "no number"
	case kind == 'D' || kind == 'd': // written as the number of its bits
		return javaFloat(math.Float64frombits(uint64(n)), 64), ""
	case kind == 'F' || kind == 'f':
		return javaFloat(float64(math.Float32frombits(uint32(n))), 32), ""
	}
	return text, ""
}

// javaFloat is Double.toString, but for the last digit of the smallest numbers.
func javaFloat(f float64, bits int) string {
	form := byte('f')
	switch abs := math.Abs(f); {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 0):
		return strings.TrimPrefix(strconv.FormatFloat(f, 'f', -1, bits), "+") + "inity"
	case f != 0 && (abs < 1e-3 || abs >= 1e7):
		form = 'E'
	}
	digits, exponent, scientific := strings.Cut(strconv.FormatFloat(f, form, -1, bits), "E")
	if !strings.Contains(digits, ".") {
		digits += ".0"
	}
	if !scientific {
		return digits
	}
	sign := strings.TrimRight(exponent[:1], "+")
	return digits + "E" + sign + strings.TrimLeft(exponent[1:], "0")
}

func (r *valueReader) quoted() (string, bool) {
	var units []uint16
	for {
		c := r.read()
		switch c {
		case -1, '"':
			return string(utf16.Decode(units)), true
		case '\\':
		default:
			units = append(units, uint16(c))
			continue
		}
		c = r.read()
		switch {
		case c == 'u':
			digits := make([]uint16, 0, 4)
			for len(digits) < 4 && r.i < len(r.units) {
				digits = append(digits, uint16(r.read()))
			}
			if len(digits) < 4 {
				continue
			}
			n, err := strconv.ParseInt(string(utf16.Decode(digits)), 16, 32)
			if err != nil {
				return "", false
			}
			units = append(units, uint16(n)) // Java's cast
		case c < 0:
			units = append(units, 0xffff) // Java's cast of the end
		case escapes[c] != 0:
			units = append(units, uint16(escapes[c]))
		default:
			units = append(units, uint16(c))
		}
	}
}

// ParseCfg reads a .cfg file as 7.3 and later do: key=value, nothing quoted, nothing escaped.
func ParseCfg(body string, vars Lookup) *OSGi {
	c := &OSGi{}
	var b strings.Builder
	first := 0
	for i, line := range naturalLines(body) {
		if line == "" || line[0] == '#' || line[0] == '!' {
			continue
		}
		if b.Len() == 0 {
			first = i + 1
		}
		if rest, goesOn := strings.CutSuffix(line, `\`); goesOn {
			b.WriteString(Trim(rest))
			continue
		}
		b.WriteString(Trim(line))
		s := b.String()
		b.Reset()
		key, value, found := strings.Cut(s, "=")
		switch {
		case typedLine.MatchString(s):
			c.Note(first, true, "is quoted as in a .config file: the engine's reader fails on it, and the whole file is not read", "take the quotes away, or name the file .config")
		case !found:
			c.Note(first, true, "has no equals sign: the engine's reader fails on it, and the whole file is not read", "write key=value, comments from the first column on, and no line of blanks")
		default:
			c.put(Value{Key: Trim(key), Texts: []string{c.substitute(Trim(value), first, vars)}, Line: first})
			if !c.endless {
				continue
			}
		}
		c.Values = nil
		return c
	}
	if b.Len() > 0 {
		c.Note(first, true, "is lost: the file ends behind a backslash", "drop the backslash at the end")
	}
	return c
}
