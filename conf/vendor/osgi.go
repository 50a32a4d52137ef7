package vendor

import (
	"strconv"
	"strings"
)

// osgiValue is one key of an OSGi .config file. A single value has one text, an array any number.
type osgiValue struct {
	key   string
	kind  byte // type code as written: B or b for a boolean, I or i for an int; T, also where none is written, for a text
	array bool
	texts []osgiText
	line  int
}

// osgiText is one quoted text and its line.
type osgiText struct {
	text string
	line int
}

// osgiKinds are the type codes: objects in capitals, primitives in small letters.
const osgiKinds = "TILFDXSCBilfdxscb"

// osgiReader reads the syntax of Felix' configuration files: key=value lines, where a value is an
// optional type code and a quoted text or an array of quoted texts in brackets or parentheses.
type osgiReader struct {
	text string
	at   int
	line int
}

// parseOSGi reads a .config file. After an error it goes on with the next line.
func parseOSGi(data []byte) ([]osgiValue, []lineError) {
	r := &osgiReader{text: strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(decodeText(data)), line: 1}
	var all []osgiValue
	var wrong []lineError
	for r.nextLine() {
		v, msg := r.value()
		if msg != "" {
			wrong = append(wrong, lineError{r.line, msg})
			r.skipLine()
			continue
		}
		all = append(all, v)
	}
	return all, wrong
}

// nextLine goes to the next line that is neither blank nor a comment.
func (r *osgiReader) nextLine() bool {
	for {
		r.blanks(" \t\f\n")
		if r.peek() != '#' {
			return r.at < len(r.text)
		}
		r.skipLine()
	}
}

func (r *osgiReader) skipLine() {
	for r.at < len(r.text) && r.text[r.at] != '\n' {
		r.at++
	}
}

// peek returns the next byte; 0 at the end.
func (r *osgiReader) peek() byte {
	if r.at == len(r.text) {
		return 0
	}
	return r.text[r.at]
}

func (r *osgiReader) next() byte {
	c := r.peek()
	if c == '\n' {
		r.line++
	}
	if r.at < len(r.text) {
		r.at++
	}
	return c
}

func (r *osgiReader) blanks(set string) {
	for r.at < len(r.text) && strings.IndexByte(set, r.text[r.at]) >= 0 {
		r.next()
	}
}

// value reads one key with its value and says what is wrong with it.
func (r *osgiReader) value() (osgiValue, string) {
	v := osgiValue{line: r.line, kind: 'T'}
	start := r.at
	for c := r.peek(); strings.IndexByte(".-_:", c) >= 0 && c != 0 || isAlphanumeric(c); c = r.peek() {
		r.next()
	}
	v.key = r.text[start:r.at]
	r.blanks(" \t")
	if v.key == "" || r.peek() != '=' {
		return v, "does not begin with a key and an equals sign"
	}
	r.next()
	r.blanks(" \t")
	if c := r.peek(); c != 0 && strings.IndexByte(osgiKinds, c) >= 0 {
		v.kind = r.next()
	}
	msg := r.texts(&v)
	if msg != "" {
		return v, msg
	}
	if r.blanks(" \t\f"); r.peek() != '\n' && r.peek() != 0 {
		return v, "has something behind its value"
	}
	return v, ""
}

func isAlphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// texts reads a quoted text or an array of them.
func (r *osgiReader) texts(v *osgiValue) string {
	closing := map[byte]byte{'[': ']', '(': ')'}[r.peek()]
	if closing == 0 {
		return r.quoted(v)
	}
	r.next()
	v.array = true
	for {
		r.gap()
		if r.peek() == '"' {
			if msg := r.quoted(v); msg != "" {
				return msg
			}
			r.gap()
		}
		switch c := r.peek(); c {
		case closing:
			r.next()
			return ""
		case ',':
			r.next()
		default:
			return "has an array without its end"
		}
	}
}

// gap skips blanks, line ends and the backslashes before them.
func (r *osgiReader) gap() {
	for {
		r.blanks(" \t\f\n")
		if !strings.HasPrefix(r.text[r.at:], "\\\n") {
			return
		}
		r.next()
	}
}

// osgiEscapes are the escapes that are not the character itself.
var osgiEscapes = map[byte]byte{'b': '\b', 't': '\t', 'n': '\n', 'f': '\f', 'r': '\r'}

// quoted reads one text in double quotes and appends it.
func (r *osgiReader) quoted(v *osgiValue) string {
	if r.peek() != '"' {
		return "has a value without double quotes"
	}
	line := r.line
	r.next()
	var b strings.Builder
	for {
		if r.at == len(r.text) || r.peek() == '\n' {
			return "has a text without its closing quote"
		}
		c := r.next()
		switch {
		case c == '"':
			v.texts = append(v.texts, osgiText{b.String(), line})
			return ""
		case c == '=':
			return "has an equals sign without a backslash, where Felix ends the text"
		case c == '\\':
			if !r.escape(&b) {
				return "has a bad escape"
			}
		default:
			b.WriteByte(c)
		}
	}
}

// escape reads what follows a backslash.
func (r *osgiReader) escape(b *strings.Builder) bool {
	if r.at == len(r.text) {
		return false
	}
	c := r.next()
	if c == '\n' { // a continued line within a text
		return true
	}
	if c != 'u' {
		if mapped, special := osgiEscapes[c]; special {
			c = mapped
		}
		b.WriteByte(c)
		return true
	}
	if len(r.text)-r.at < 4 {
		return false
	}
	n, err := strconv.ParseUint(r.text[r.at:r.at+4], 16, 16)
	if err != nil {
		return false
	}
	r.at += 4
	b.WriteRune(rune(n))
	return true
}
