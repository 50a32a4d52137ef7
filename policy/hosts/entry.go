package hosts

import (
	"fmt"
	"net/netip"
	"strings"
)

// ServerIP is the entry that stands for every address of this machine, as Liferay spells it.
const ServerIP = "SERVER_IP"

// fault says why an entry cannot stand, and what to write instead.
type fault struct{ msg, cure string }

// pattern is a parsed entry: either a prefix, or one address with its zone.
type pattern struct {
	prefix netip.Prefix
	zoned  netip.Addr
}

// parse reads one entry that is not SERVER_IP.
func parse(text string) (pattern, *fault) {
	if host, length, ok := cutLast(text, "/"); ok {
		return parsePrefix(text, host, length)
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return pattern{}, diagnose(text)
	}
	if a.Zone() != "" {
		return parseZoned(a)
	}
	return single(a), nil
}

// single is the pattern of one address.
func single(a netip.Addr) pattern {
	if a.Zone() != "" {
		return pattern{zoned: a}
	}
	a = a.Unmap()
	return pattern{prefix: netip.PrefixFrom(a, a.BitLen())}
}

func parseZoned(a netip.Addr) (pattern, *fault) {
	if a.Is4In6() {
		return pattern{}, &fault{"an IPv4 address has no zone", "write " + a.Unmap().String()}
	}
	if strings.ContainsFunc(a.Zone(), notInZone) {
		return pattern{}, &fault{"the zone is no name of a network interface", "write it as fe80::1%eth0"}
	}
	return pattern{zoned: a}, nil
}

// notInZone is true for what no name of an interface contains: netip takes anything after the
// percent sign.
func notInZone(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`%,/[]`, r) }

func parsePrefix(text, host, length string) (pattern, *fault) {
	if strings.Contains(host, "%") {
		return pattern{}, &fault{"a prefix has no zone", "write each link-local address as fe80::1%eth0"}
	}
	if strings.ContainsAny(length, ".:") {
		return parseMasked(host, length)
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return pattern{}, diagnosePrefix(host, length)
	}
	return checkPrefix(p)
}

// parseMasked reads a prefix with a mask in place of a length, as Liferay 7.3 and later do.
func parseMasked(host, mask string) (pattern, *fault) {
	a, err := netip.ParseAddr(host)
	if err != nil {
		return pattern{}, diagnose(host)
	}
	m, err := netip.ParseAddr(mask)
	if err != nil || m.Zone() != "" {
		return pattern{}, &fault{"the mask after the slash is no mask", "write the length of the prefix, as in 10.0.0.0/8"}
	}
	if m.BitLen() != a.BitLen() || m.Is4In6() || a.Is4In6() {
		return pattern{}, &fault{"address and mask are not of one family", "write the length of the prefix, as in 10.0.0.0/8"}
	}
	bits, ok := maskLength(m)
	if !ok {
		return pattern{}, &fault{"the mask has ones after zeros", "write one prefix for each range, as in 10.0.0.0/8"}
	}
	return checkPrefix(netip.PrefixFrom(a, bits))
}

// maskLength counts the leading ones of a mask; ok is false if a one follows a zero.
func maskLength(m netip.Addr) (bits int, ok bool) {
	ended := false
	for _, b := range m.AsSlice() {
		for bit := 7; bit >= 0; bit-- {
			one := b>>bit&1 == 1
			if one && ended {
				return 0, false
			}
			if one {
				bits++
			}
			ended = ended || !one
		}
	}
	return bits, true
}

// checkPrefix turns a mapped prefix into the IPv4 one that it means and refuses bits behind the
// mask.
func checkPrefix(p netip.Prefix) (pattern, *fault) {
	if p.Addr().Is4In6() {
		if p.Bits() <= 96 {
			return pattern{}, mappedTooWide(p)
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	if masked := p.Masked(); masked != p {
		return pattern{}, &fault{
			fmt.Sprintf("has bits set behind its first %d", p.Bits()),
			fmt.Sprintf("write %s for the range, or %s for the one address", masked, p.Addr()),
		}
	}
	return pattern{prefix: p}, nil
}

// mappedTooWide explains a mapped prefix of up to 96 bits: masked, it holds all mapped addresses,
// that is all of IPv4.
func mappedTooWide(p netip.Prefix) *fault {
	f := &fault{msg: fmt.Sprintf("an IPv4-mapped prefix of %d bits would match all of IPv4", p.Bits())}
	a := p.Addr().Unmap()
	meant := netip.PrefixFrom(a, p.Bits()).Masked()
	switch {
	case p.Bits() > 0 && meant.IsValid():
		f.cure = fmt.Sprintf("write %s, without the ::ffff:", meant)
	case a.IsUnspecified():
		f.cure = "write 0.0.0.0/0 and set allow_any, if everybody is meant"
	default:
		f.cure = fmt.Sprintf("write %s, or an IPv4 prefix that holds it", a)
	}
	return f
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
