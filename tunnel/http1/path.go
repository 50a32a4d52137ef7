package http1

import "strings"

// Canonical undoes what servers undo in the path of a request, to name an attempt for what it is. Nothing
// may be decided by it.
func Canonical(target string) string {
	target, _, _ = strings.Cut(target, "?")
	var kept []string
	for _, seg := range strings.Split(target, "/") {
		seg, _, _ = strings.Cut(seg, ";")
		switch seg = unescape(seg); seg {
		case "", ".":
		case "..":
			kept = kept[:max(0, len(kept)-1)]
		default:
			kept = append(kept, seg)
		}
	}
	return "/" + strings.Join(kept, "/")
}

func unescape(s string) string {
	const digits = "0123456789abcdef"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			hi, lo := strings.IndexByte(digits, s[i+1]|0x20), strings.IndexByte(digits, s[i+2]|0x20)
			if hi >= 0 && lo >= 0 {
				b.WriteByte(byte(hi<<4 | lo))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
