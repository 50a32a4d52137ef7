package graph

import (
	"errors"
	"unicode/utf8"
)

var errText = errors.New("not modified UTF-8 as Java writes it, or half a surrogate pair")

// DecodeText returns the text of modified UTF-8 in the only form that Java writes: no overlong form
// but that of U+0000, supplementary characters as two surrogates, no lone surrogate.
func DecodeText(b []byte) (string, error) {
	for _, c := range b {
		if c == 0 || c >= 0x80 {
			return decodeWide(b)
		}
	}
	return string(b), nil
}

func decodeWide(b []byte) (string, error) {
	out := make([]byte, 0, len(b))
	for len(b) > 0 {
		r, n := unit(b)
		if n == 0 {
			return "", errText
		}
		b = b[n:]
		if r >= 0xd800 && r <= 0xdfff {
			low, m := unit(b)
			if r >= 0xdc00 || m == 0 || low < 0xdc00 || low > 0xdfff {
				return "", errText
			}
			b = b[m:]
			r = 0x10000 + (r-0xd800)<<10 + (low - 0xdc00)
		}
		out = utf8.AppendRune(out, r)
	}
	return string(out), nil
}

// unit reads one UTF-16 unit; n is 0 if b does not begin with one in its only form.
func unit(b []byte) (r rune, n int) {
	if len(b) == 0 || b[0] == 0 {
		return 0, 0
	}
	if b[0] < 0x80 {
		return rune(b[0]), 1
	}
	if b[0]&0xe0 == 0xc0 && len(b) > 1 && b[1]&0xc0 == 0x80 {
		r = rune(b[0]&0x1f)<<6 | rune(b[1]&0x3f)
		if r >= 0x80 || r == 0 {
			return r, 2
		}
	}
	if b[0]&0xf0 == 0xe0 && len(b) > 2 && b[1]&0xc0 == 0x80 && b[2]&0xc0 == 0x80 {
		r = rune(b[0]&0x0f)<<12 | rune(b[1]&0x3f)<<6 | rune(b[2]&0x3f)
		if r >= 0x800 {
			return r, 3
		}
	}
	return 0, 0
}

// textLen returns how many bytes s has in modified UTF-8.
func textLen(s string) int {
	n := 0
	for _, r := range s {
		n += unitLen(r)
	}
	return n
}

func unitLen(r rune) int {
	switch {
	case r > 0 && r < 0x80:
		return 1
	case r < 0x800:
		return 2
	case r < 0x10000:
		return 3
	}
	return 6
}

// appendText appends s in modified UTF-8.
func appendText(dst []byte, s string) []byte {
	for _, r := range s {
		if r >= 0x10000 {
			r -= 0x10000
			dst = appendUnit(dst, 0xd800+r>>10)
			dst = appendUnit(dst, 0xdc00+r&0x3ff)
			continue
		}
		dst = appendUnit(dst, r)
	}
	return dst
}

func appendUnit(dst []byte, r rune) []byte {
	switch {
	case r > 0 && r < 0x80:
		return append(dst, byte(r))
	case r < 0x800:
		return append(dst, 0xc0|byte(r>>6), 0x80|byte(r&0x3f))
	}
	return append(dst, 0xe0|byte(r>>12), 0x80|byte(r>>6&0x3f), 0x80|byte(r&0x3f))
}
