package secret

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxLogin is the greatest length of an e-mail address, the longest of the vendor's logins.
const maxLogin = 254

// ErrLogin is a login that no portal has: empty, longer than 254 bytes, not UTF-8, with a colon, a
// control character, a space at an end, or more than one @.
var ErrLogin = errors.New("the login is not one that a portal has")

// loginRules hold for every login, whoever vouches for it.
var loginRules = []struct {
	broken func(login string) bool
	what   string
}{
	{func(s string) bool { return s == "" }, "is empty"},
	{func(s string) bool { return len(s) > maxLogin }, "is longer than 254 bytes"},
	{func(s string) bool { return !utf8.ValidString(s) }, "is not UTF-8"},
	{func(s string) bool { return strings.IndexByte(s, ':') >= 0 }, "contains a colon"},
	{func(s string) bool { return strings.ContainsFunc(s, breaksLine) }, "contains a control character"},
	{func(s string) bool { return s[0] == ' ' || s[len(s)-1] == ' ' }, "begins or ends with a space"},
	{func(s string) bool { return strings.Count(s, "@") > 1 }, "contains more than one @"},
}

// breaksLine is true for control characters and for the two separators that some readers take for
// line ends.
func breaksLine(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }

// CheckLogin returns an error that wraps ErrLogin if no portal has such a login.
func CheckLogin(login string) error {
	for _, r := range loginRules {
		if r.broken(login) {
			return fmt.Errorf("%w: it %s", ErrLogin, r.what)
		}
	}
	return nil
}

// Authorization returns the header's value for a login, with the token of the login as it is. With
// percentEncode the login itself is written percent-encoded: 7.x decodes it before it makes the
// token again, 6.2 does not. With upperScheme the scheme is BASIC, as 6.2 writes it. The answer is
// "" for a Key that is none and for a login that CheckLogin refuses.
func (k *Key) Authorization(login string, percentEncode, upperScheme bool) string {
	if k == nil || k.block == nil || CheckLogin(login) != nil {
		return ""
	}
	last := k.last.Load()
	if last == nil || last.login != login || last.percentEncode != percentEncode || last.upperScheme != upperScheme {
		last = &sealed{login, percentEncode, upperScheme, k.authorization(login, percentEncode, upperScheme)}
		k.last.Store(last)
	}
	return last.header
}

func (k *Key) authorization(login string, percentEncode, upperScheme bool) string {
	text := make([]byte, 0, maxDecoded)
	if percentEncode {
		text = appendEncoded(text, login)
	} else {
		text = append(text, login...)
	}
	text = append(text, ':')
	text = base64.StdEncoding.AppendEncode(text, k.seal(nil, login))
	header := make([]byte, 0, maxHeader)
	if upperScheme {
		header = append(header, "BASIC "...)
	} else {
		header = append(header, scheme...)
	}
	return string(base64.StdEncoding.AppendEncode(header, text))
}

// appendEncoded percent-encodes all but the characters that no decoder touches. Non-ASCII is
// encoded too: the server decodes that as UTF-8, whatever its default charset.
func appendEncoded(dst []byte, login string) []byte {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._@"
	const digits = "0123456789ABCDEF"
	for i := range len(login) {
		c := login[i]
		if strings.IndexByte(plain, c) >= 0 {
			dst = append(dst, c)
			continue
		}
		dst = append(dst, '%', digits[c>>4], digits[c&15])
	}
	return dst
}
