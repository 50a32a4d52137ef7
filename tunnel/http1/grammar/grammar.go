package grammar

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Field is one header field to write.
type Field struct{ Name, Value string }

// LevelField is the field in which an engine that calls says its product, version and patch level.
const LevelField = "X-Stagelock-Level"

// ErrField refuses to write a head field that would not be one field for every reader.
var ErrField = errors.New("field cannot be written")

// Classes of bytes: what may stand in a field name, a field value and a request target.
const (
	InName = 1 << iota
	InValue
	InTarget
	InToken // names in replies: any token of RFC 9110
)

// Classes has the classes of every byte.
var Classes = func() (t [256]byte) {
	for b := range t {
		alnum := b >= '0' && b <= '9' || b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z'
		if alnum || b == '-' {
			t[b] |= InName
		}
		if b >= 0x20 && b <= 0x7e || b == '\t' {
			t[b] |= InValue
		}
		if b >= 0x21 && b <= 0x7e {
			t[b] |= InTarget
		}
		if alnum || strings.IndexByte("!#$%&'*+-.^_`|~", byte(b)) >= 0 {
			t[b] |= InToken
		}
	}
	return t
}()

// All reports whether every byte of s is in the class.
func All(s string, class byte) bool {
	for i := 0; i < len(s); i++ {
		if Classes[s[i]]&class == 0 {
			return false
		}
	}
	return true
}

// Scanner finds the end of a head in a buffer that grows. Lines end with CRLF: it says so at the
// first that does not.
type Scanner struct{ line, next int }

var (
	errBareLF = errors.New("line feed without carriage return")
)

// Find returns the length of the head in b with its empty line, or 0 if it is not complete.
func (s *Scanner) Find(b []byte) (int, error) {
	for {
		i := bytes.IndexByte(b[s.next:], '\n')
		if i < 0 {
			s.next = len(b)
			return 0, nil
		}
		end := s.next + i
		if end == s.line || b[end-1] != '\r' {
			return 0, errBareLF
		}
		empty := end-1 == s.line
		s.line, s.next = end+1, end+1
		if empty {
			return end + 1, nil
		}
	}
}

// CutLine splits s after its first CRLF, which the scanner has seen.
func CutLine(s string) (line, rest string) {
	i := strings.IndexByte(s, '\n')
	return s[:i-1], s[i+1:]
}

// Trim cuts blanks and tabs off both ends.
func Trim(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

// Bits of the fields that may stand once only.
const (
	BitHost = 1 << iota
	BitLength
	BitEncoding
	BitType
	BitAuthorization
	BitConnection
	BitExpect
	BitAgent
	BitLevel
	BitAction
	BitCoding
)

const longestRule = len("transfer-encoding")

// Folded holds a field name in lower case without allocating.
type Folded [longestRule]byte

// Fold returns name in lower case, or nothing if no rule has a name that long.
func Fold[T string | []byte](low *Folded, name T) []byte {
	if len(name) > len(low) {
		return nil
	}
	for i := range len(name) {
		b := name[i]
		if b >= 'A' && b <= 'Z' {
			b += 'a' - 'A'
		}
		low[i] = b
	}
	return low[:len(name)]
}

// ParseLength reads a canonical Content-Length.
func ParseLength(v string) (int64, bool) {
	if v == "" || len(v) > 19 || v[0] == '0' && len(v) > 1 {
		return 0, false
	}
	for i := 0; i < len(v); i++ {
		if v[i] < '0' || v[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(v, 10, 64)
	return n, err == nil
}

// framingFields are written by this package alone.
var framingFields = map[string]bool{
	"content-length": true, "transfer-encoding": true, "connection": true, "host": true,
	"upgrade": true, "te": true,
	"trailer": true, "expect": true,
}

// AppendFields writes fields that are one line each and do not touch the framing.
func AppendFields(b []byte, fields []Field) ([]byte, error) {
	var low Folded
	for _, f := range fields {
		switch {
		case f.Name == "" || !All(f.Name, InName) || framingFields[string(Fold(&low, f.Name))]:
			return nil, fmt.Errorf("%w: name %q", ErrField, f.Name)
		case !All(f.Value, InValue):
			return nil, fmt.Errorf("%w: value of %s", ErrField, f.Name)
		}
		b = append(b, f.Name...)
		b = append(b, ": "...)
		b = append(b, f.Value...)
		b = append(b, "\r\n"...)
	}
	return b, nil
}

// KnownMethod reports whether the method is one of the three of this profile.
func KnownMethod(method string) bool { return method == "POST" || method == "GET" || method == "HEAD" }
