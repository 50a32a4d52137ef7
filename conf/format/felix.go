package format

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// felixTyped is a value with a type or quotes, as Felix File Install 3.6 knows it.
var felixTyped = regexp.MustCompile(`\A[\s\x0b]*[TILFDXSCBilfdxscb]?(?:\[[\s\S]*\]|\{[\s\S]*\}|"[\s\S]*")[\s\x0b]*\z`)

// strictLine is a line that every reader before 7.3 reads alike.
var strictLine = regexp.MustCompile(`\A[0-9a-zA-Z\-_.]+=[TILFDXSCBilfdxscb]?(?:"(?:[^"\\=]|\\.)*"|\[(?:"(?:[^"\\=]|\\.)*"(?:,"(?:[^"\\=]|\\.)*")*)?\])\z`)

// ParseFelix reads a configuration file, .config or .cfg, as Felix File Install 3.6 does, which came
// with 7.0 to 7.2: a .properties file whose values are typed if all are. Older builds have a reader
// that fails on what strictLine does not know.
func ParseFelix(body string, isCfg bool) *OSGi {
	c := &OSGi{}
	raw, loose, typed, ok := felixRaw(body, c)
	if !ok {
		return c
	}
	for _, v := range raw {
		c.put(v)
	}
	read := ReadValue
	if !typed {
		read = readPlain
	}
	c.convert(read)
	switch {
	case c.Values == nil, isCfg:
	case !typed:
		c.Note(loose, false, "is not quoted: builds of this line with an older Felix File Install fail on the file, later ones read all of it as plain texts, quotes included", quoteIt)
	case loose > 0:
		c.Note(loose, false, "is not in the one form that every build of this line reads: an older Felix File Install reads the file otherwise or fails on it", `write key="value" or key=["a","b"] in one line each, with \= for an equals sign, and no comments`)
	}
	return c
}

const badEscape = `has a \u without four hexadecimal digits: the engine's reader fails on it, and the whole file is not read`

// felixRaw reads keys and values as they stand. loose is the first line that older builds read otherwise, 0 for none;
// typed reports whether all values have a type or quotes, and ok whether the reader takes the keys.
func felixRaw(body string, c *OSGi) (raw []Value, loose int, typed, ok bool) {
	typed = true
	for _, l := range felixLines(body, c) {
		k, v := felixCut(l.text)
		k, okKey := unescape(k, 0)
		if !okKey {
			c.Note(l.line, true, badEscape, "mend the key")
			return nil, 0, false, false
		}
		if !strictLine.MatchString(l.text) && loose == 0 {
			loose = l.line
		}
		typed = typed && felixTyped.MatchString(v)
		raw = append(raw, Value{Key: k, Texts: []string{v}, Line: l.line})
	}
	if strings.ContainsAny(body, "#!") && loose == 0 && len(raw) > 0 && hasComment(body) {
		loose = raw[0].Line
	}
	return raw, loose, typed, true
}

// readPlain takes a value as it stands, but for escapes.
func readPlain(value string) (texts []string, ok bool, wrong string) {
	t, ok := unescape(value, 0)
	if !ok {
		return nil, false, `a \u without four hexadecimal digits`
	}
	return []string{t}, true, ""
}

func hasComment(body string) bool {
	for _, l := range naturalLines(body) {
		if s := Trim(l); s != "" && (s[0] == '#' || s[0] == '!') {
			return true
		}
	}
	return false
}

const felixBlanks = " \t\f"

// felixLines joins natural lines; blanks at their beginning do not count, those at the end do.
func felixLines(body string, c *OSGi) []logical {
	var all []logical
	var open *logical
	for i, line := range naturalLines(body) {
		if s := Trim(line); s == "" || s[0] == '#' || s[0] == '!' {
			continue
		}
		if open == nil {
			open = &logical{line: i + 1}
		}
		goesOn := (len(line)-len(strings.TrimRight(line, `\`)))%2 == 1
		if goesOn {
			line = line[:len(line)-1]
		}
		open.text += strings.TrimLeft(line, felixBlanks)
		if !goesOn {
			all, open = append(all, *open), nil
		}
		if len(all) > maxKeys {
			break
		}
	}
	if open != nil {
		c.Note(open.line, true, "is lost: the file ends behind a backslash", "drop the backslash at the end")
	}
	return all
}

// felixCut splits a line at its separator.
func felixCut(s string) (key, value string) {
	var b strings.Builder
	i := 0
	for i < len(s) {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == '\\' && i+1 < len(s) {
			next, m := utf8.DecodeRuneInString(s[i+1:])
			if !strings.ContainsRune("=:"+felixBlanks, next) {
				b.WriteByte('\\')
			}
			b.WriteRune(next)
			i += 1 + m
			continue
		}
		if strings.ContainsRune("=:"+felixBlanks, r) {
			break
		}
		b.WriteRune(r)
		i += n
	}
	rest := strings.TrimLeft(s[i:], felixBlanks)
	if rest != "" && (rest[0] == '=' || rest[0] == ':') {
		rest = strings.TrimLeft(rest[1:], felixBlanks)
	}
	return b.String(), rest
}
