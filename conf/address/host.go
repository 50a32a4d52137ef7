package address

import (
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// PlainPath reports whether a path without its outer slashes has one spelling only.
func PlainPath(p string) bool {
	if p == "" {
		return true
	}
	for segment := range strings.SplitSeq(p, "/") {
		if segment == "" || segment == "." || segment == ".." || !OnlyOf(segment, "-._~") {
			return false
		}
	}
	return true
}

// OnlyOf reports whether s has letters, digits and the other characters only.
func OnlyOf(s, others string) bool {
	for i := range len(s) {
		if !isAlphanumeric(s[i]) && strings.IndexByte(others, s[i]) < 0 {
			return false
		}
	}
	return true
}

// SplitHost cuts the port off host:port and the brackets off an IPv6 address; a bare IPv6 address
// stays whole.
func SplitHost(s string) (host, port string) {
	if h, p, err := net.SplitHostPort(s); err == nil {
		return h, p
	}
	return strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"), ""
}

// hostFaults are the ways in which a Host can be misspelt; the first that holds is told.
var hostFaults = []struct {
	msg string
	bad func(h hostParts) bool
}{
	{"it is a URL", func(h hostParts) bool { return strings.Contains(h.text, "://") }},
	{"it has more than a host and a port", func(h hostParts) bool { return strings.ContainsAny(h.text, "/?#@") }},
	{"an address with a zone cannot stand in a Host header", func(h hostParts) bool { return h.address.Zone() != "" }},
	{"an IPv6 address stands in brackets", func(h hostParts) bool { return h.address.Is6() && h.text[0] != '[' }},
	{"brackets stand around an IPv6 address, and around nothing else", func(h hostParts) bool {
		return strings.ContainsAny(h.text, "[]") && !(h.address.Is6() && strings.HasPrefix(h.text, "["+h.host+"]"))
	}},
	{"an IPv4 address is four numbers up to 255, without zeros in front", func(h hostParts) bool {
		return h.name() && h.host != "" && strings.Trim(h.host, ".0123456789") == "" && h.host != "."
	}},
	{"names are written in small letters", func(h hostParts) bool { return h.name() && h.host != strings.ToLower(h.host) }},
	{"a dot stands at its end", func(h hostParts) bool { return h.name() && strings.HasSuffix(h.host, ".") }},
	{"a name has letters, digits, hyphens and dots; others are written as xn--", func(h hostParts) bool {
		return h.name() && (h.host == "" || len(h.host) > 253 || !OnlyOf(h.host, "-._") || strings.Contains(h.host, ".."))
	}},
	{"a port is a number from 1 to 65535", func(h hostParts) bool {
		n, err := strconv.ParseUint(h.port, 10, 16)
		canonical := err == nil && n > 0 && strconv.FormatUint(n, 10) == h.port
		return strings.HasSuffix(h.text, ":") || h.port != "" && !canonical
	}},
}

// hostParts is a Host taken apart; address is only valid where host is one.
type hostParts struct {
	text, host, port string
	address          netip.Addr
}

func (h hostParts) name() bool { return !h.address.IsValid() }

// BadHost says what keeps s from being a host or host:port as it stands in a Host header.
func BadHost(s string) (string, bool) {
	h := hostParts{text: s}
	h.host, h.port = SplitHost(s)
	if a, err := netip.ParseAddr(h.host); err == nil {
		h.address = a
	}
	for _, fault := range hostFaults {
		if fault.bad(h) {
			return fault.msg, true
		}
	}
	return "", false
}

func isAlphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// NodeAddress returns host:port of a node, with the port that its scheme implies.
func NodeAddress(u *url.URL) string {
	return strings.ToLower(u.Hostname()) + ":" + NodePort(u)
}

// NodePort returns the port of a node, the one that its scheme implies if none is written.
func NodePort(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}

// Loopback reports whether a host is this machine by its name or address.
func Loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.Unmap().IsLoopback()
}

// PortOf returns the port of a as text.
func PortOf(a netip.AddrPort) string {
	_, port := SplitHost(a.String())
	return port
}
