package vendor

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// liferayPrefix begins the names of variables in which Liferay looks for its properties.
const liferayPrefix = "LIFERAY_"

// characters are Liferay's names of characters, without the underlines within them. Letters are in
// decodeCharacter.
var characters = map[string]rune{
	"AMPERSAND": '&', "APOSTROPHE": '\'', "AT": '@', "BACKSLASH": '\\', "CARET": '^', "CLOSEBRACKET": ']',
	"CLOSECURLYBRACE": '}', "CLOSEPARENTHESIS": ')', "COLON": ':', "COMMA": ',', "DASH": '-', "DOLLAR": '$',
	"EQUAL": '=', "EXCLAMATION": '!', "FORWARDSLASH": '/', "GRAVEACCENT": '`', "GREATERTHAN": '>', "LESSTHAN": '<',
	"MINUS": '-', "NEWLINE": '\n', "NUMBER0": '0', "NUMBER1": '1', "NUMBER2": '2', "NUMBER3": '3', "NUMBER4": '4',
	"NUMBER5": '5', "NUMBER6": '6', "NUMBER7": '7', "NUMBER8": '8', "NUMBER9": '9', "OPENBRACKET": '[',
	"OPENCURLYBRACE": '{', "OPENPARENTHESIS": '(', "PERCENT": '%', "PERIOD": '.', "PIPE": '|', "PLUS": '+',
	"POUND": '#', "QUESTION": '?', "QUOTE": '"', "RETURN": '\r', "SEMICOLON": ';', "SLASH": '/', "SPACE": ' ',
	"STAR": '*', "TAB": '\t', "TILDE": '~', "UNDERLINE": '_',
}

// decodeLiferayName returns the property that a variable stands for, as Liferay decodes it: the
// rest of the name in lower case, where the name or the decimal number of a character stands
// between two underlines. What cannot be decoded is kept as it is.
func decodeLiferayName(variable string) (string, bool) {
	rest, found := strings.CutPrefix(variable, liferayPrefix)
	if !found {
		return "", false
	}
	rest = strings.ToLower(rest)
	var b strings.Builder
	for {
		before, after, opened := strings.Cut(rest, "_")
		b.WriteString(before)
		if !opened {
			return b.String(), true
		}
		name, behind, closed := strings.Cut(after, "_")
		if !closed {
			b.WriteString("_" + after)
			return b.String(), true
		}
		if r, known := decodeCharacter(strings.ToUpper(name)); known {
			b.WriteRune(r)
		} else {
			b.WriteString("_" + name + "_")
		}
		rest = behind
	}
}

func decodeCharacter(name string) (rune, bool) {
	if r, known := characters[name]; known {
		return r, true
	}
	if letter, found := strings.CutPrefix(name, "LOWERCASE"); found && isLetter(letter) {
		return rune(letter[0] | 0x20), true
	}
	if letter, found := strings.CutPrefix(name, "UPPERCASE"); found && isLetter(letter) {
		return rune(letter[0]), true
	}
	if n, err := strconv.ParseUint(name, 10, 21); err == nil && utf8.ValidRune(rune(n)) {
		return rune(n), true
	}
	return 0, false
}

func isLetter(s string) bool { return len(s) == 1 && s[0] >= 'A' && s[0] <= 'Z' }

// encodeLiferayName returns the variable for a property, for cures.
func encodeLiferayName(property string) string {
	var b strings.Builder
	b.WriteString(liferayPrefix)
	for _, r := range property {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteString(strings.ToUpper(string(r)))
		case r >= 'A' && r <= 'Z':
			b.WriteString("_UPPERCASE" + string(r) + "_")
		case r == '.':
			b.WriteString("_PERIOD_")
		case r == '_':
			b.WriteString("_UNDERLINE_")
		case r == '-':
			b.WriteString("_DASH_")
		default:
			b.WriteString("_" + strconv.Itoa(int(r)) + "_")
		}
	}
	return b.String()
}
