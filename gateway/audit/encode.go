package audit

import (
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	// maxText bounds each text of an event; what is longer ends with an ellipsis.
	maxText  = 2048
	ellipsis = "…"
	// maxFields bounds the fields of an event.
	maxFields = 64

	hexDigits = "0123456789abcdef"
)

// appendEvent appends the members of ev after seq and before prev. It is written by hand because
// encoding/json takes several times as long, and a call waits for two events.
func appendEvent(b []byte, ev *Event) []byte {
	b = appendText(b, "kind", string(ev.Kind))
	b = append(b, `,"time":"`...)
	b = ev.Time.UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, '"')
	b = appendText(b, "ref", ev.Ref)
	b = appendText(b, "node", ev.Node)
	if ev.Addr.IsValid() {
		b = appendAddr(b, ev.Addr)
	}
	if ev.Socket.IsValid() {
		b = appendSocket(b, ev.Socket)
	}
	b = appendText(b, "peer", ev.Peer)
	b = appendText(b, "login", ev.Login)
	b = appendText(b, "key", ev.KeyID)
	b = appendText(b, "line", ev.Line)
	b = appendText(b, "method", ev.Method)
	b = appendNumber(b, "site", ev.Site)
	b = appendNumber(b, "request", ev.Request)
	b = appendText(b, "part", ev.Part)
	b = appendText(b, "checksum", ev.Checksum)
	b = appendNumber(b, "size", ev.Size)
	b = appendText(b, "verdict", string(ev.Verdict))
	b = appendText(b, "reason", string(ev.Reason))
	b = appendText(b, "detail", ev.Detail)
	b = appendText(b, "rule", ev.Rule)
	b = appendText(b, "class_path", ev.ClassPath)
	b = appendNumber(b, "offset", ev.Offset)
	b = appendText(b, "upstream", ev.Upstream)
	b = appendNumber(b, "status", int64(ev.Status))
	b = appendNumber(b, "bytes_in", ev.BytesIn)
	b = appendNumber(b, "bytes_out", ev.BytesOut)
	b = appendNumber(b, "latency_us", ev.LatencyMicros)
	b = appendText(b, "end", ev.End)
	b = appendText(b, "config", ev.ConfigDigest)
	return appendFields(b, ev.Fields)
}

func appendFields(b []byte, fields map[string]string) []byte {
	if len(fields) == 0 {
		return b
	}
	b = append(b, `,"fields":{`...)
	for i, key := range slices.Sorted(maps.Keys(fields)) {
		if i == maxFields {
			break
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, key)
		b = append(b, ':')
		b = appendString(b, fields[key])
	}
	return append(b, '}')
}

func appendText(b []byte, key, value string) []byte {
	if value == "" {
		return b
	}
	return appendString(appendKey(b, key), value)
}

// appendAddr appends an address. Only a zone can hold what must be escaped.
func appendAddr(b []byte, a netip.Addr) []byte {
	if a.Zone() != "" {
		return appendText(b, "addr", a.String())
	}
	b = append(appendKey(b, "addr"), '"')
	return append(a.AppendTo(b), '"')
}

func appendSocket(b []byte, s netip.AddrPort) []byte {
	if s.Addr().Zone() != "" {
		return appendText(b, "socket", s.String())
	}
	b = append(appendKey(b, "socket"), '"')
	return append(s.AppendTo(b), '"')
}

func appendNumber(b []byte, key string, value int64) []byte {
	if value == 0 {
		return b
	}
	return strconv.AppendInt(appendKey(b, key), value, 10)
}

func appendKey(b []byte, key string) []byte {
	b = append(b, ',', '"')
	b = append(b, key...)
	return append(b, '"', ':')
}

// appendString appends s in quotes. Whatever a terminal, a log viewer or a line-based tool may act
// on is escaped: control characters, line separators, and marks that turn the direction of text
// around.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	s, cut := shorten(s)
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			b = appendASCII(b, c)
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if hidden(r, n) {
			b = appendEscaped(b, r)
		} else {
			b = append(b, s[i:i+n]...)
		}
		i += n
	}
	if cut {
		b = append(b, ellipsis...)
	}
	return append(b, '"')
}

// shorten cuts s to maxText bytes, between two characters.
func shorten(s string) (string, bool) {
	if len(s) <= maxText {
		return s, false
	}
	n := maxText - len(ellipsis)
	for n > maxText-len(ellipsis)-utf8.UTFMax && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n], true
}

func appendASCII(b []byte, c byte) []byte {
	switch {
	case c == '"' || c == '\\':
		return append(b, '\\', c)
	case c < 0x20 || c == 0x7f:
		return appendEscaped(b, rune(c))
	}
	return append(b, c)
}

// hidden reports whether r, read from n bytes, does not show as itself.
func hidden(r rune, n int) bool {
	return r == utf8.RuneError && n == 1 || !unicode.IsPrint(r)
}

// appendEscaped appends r as \u and four digits, two of them if it needs a surrogate pair.
func appendEscaped(b []byte, r rune) []byte {
	if r > 0xffff {
		r -= 0x10000
		b = appendEscaped(b, 0xd800+r>>10)
		r = 0xdc00 + r&0x3ff
	}
	return append(b, '\\', 'u', hexDigits[r>>12&0xf], hexDigits[r>>8&0xf], hexDigits[r>>4&0xf],
		hexDigits[r&0xf])
}
