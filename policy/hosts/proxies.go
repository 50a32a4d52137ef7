package hosts

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// ForwardedFor is the one header field that is read from a trusted proxy, in any case of letters.
// X_Forwarded_For, Forwarded, X-Real-IP and their like are never read.
const ForwardedFor = "X-Forwarded-For"

// maxHops bounds how many trusted proxies may stand in a row.
const maxHops = 16

// ErrForwarded is what Client returns if a trusted proxy's X-Forwarded-For cannot be read: the
// client is then not known, and nobody is admitted on its behalf.
var ErrForwarded = errors.New("x-forwarded-for cannot be read")

// Proxies knows which proxies may say on whose behalf they connect. It is safe for concurrent use.
// The nil Proxies and the zero Proxies trust nobody.
type Proxies struct{ set *Set }

// NewProxies reads a list of addresses and prefixes; an empty one trusts nobody. The Proxies is
// nil, and so trusts nobody, if there is any problem that is not a warning. A list can never trust
// everybody: then each peer could choose its own address.
func NewProxies(trusted []string) (*Proxies, []Finding) {
	if len(trusted) == 0 {
		return &Proxies{}, nil
	}
	set, problems := build(Config{Allow: trusted}, "write the proxies' own addresses")
	if set == nil {
		return nil, problems
	}
	return &Proxies{set}, problems
}

// Trusted reports whether the peer at a may name the client, by header or by a PROXY protocol head.
func (p *Proxies) Trusted(a netip.Addr) bool { return p != nil && p.set.Contains(a) }

// Client returns the address on which a request is judged. forwardedFor holds the lines of
// X-Forwarded-For in the order of the head. They are read from the right, and only while each hop
// is trusted: what stands further left was written by the client. The header of an untrusted peer
// is ignored. If all hops are trusted the leftmost counts. The error is ErrForwarded if a hop that
// has to be read is no address; anything further left is never looked at.
func (p *Proxies) Client(socket netip.Addr, forwardedFor []string) (netip.Addr, error) {
	if !socket.IsValid() {
		return netip.Addr{}, fmt.Errorf("%w: the peer's own address is not known", ErrForwarded)
	}
	client := normal(socket)
	for i, hops := len(forwardedFor)-1, 0; i >= 0; i-- {
		for rest, more := forwardedFor[i], true; more; hops++ {
			if !p.Trusted(client) {
				return client, nil
			}
			if hops == maxHops {
				return netip.Addr{}, fmt.Errorf("%w: more than %d proxies in a row", ErrForwarded, maxHops)
			}
			var hop string
			rest, hop, more = lastHop(rest)
			a, err := parseHop(hop)
			if err != nil {
				return netip.Addr{}, fmt.Errorf("%w: hop %d from the right: %w", ErrForwarded, hops+1, err)
			}
			client = a
		}
	}
	return client, nil
}

// normal is a, as IPv4 if it was mapped. A zone stays: it is part of who the peer is.
func normal(a netip.Addr) netip.Addr {
	if a.Zone() != "" {
		return a
	}
	return a.Unmap()
}

// lastHop takes the last element from a line.
func lastHop(line string) (rest, hop string, more bool) {
	rest, hop, more = cutLast(line, ",")
	if !more {
		rest, hop = "", line
	}
	return rest, strings.Trim(hop, " \t"), more
}

var (
	errHopEmpty = errors.New("is empty")
	errHopPort  = errors.New("has a port that is none")
	errHopZone  = errors.New("has a zone, which means nothing on another machine")
)

// parseHop reads one element: an address, bare or in brackets, with or without a port.
func parseHop(s string) (netip.Addr, error) {
	if s == "" {
		return netip.Addr{}, errHopEmpty
	}
	host, port, err := splitHop(s)
	if err != nil {
		return netip.Addr{}, err
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil || port[0] == '0' {
		return netip.Addr{}, errHopPort
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("is no address: %.60q", s)
	}
	if a.Zone() != "" {
		return netip.Addr{}, errHopZone
	}
	if host != s && a.Is4() == (s[0] == '[') {
		return netip.Addr{}, fmt.Errorf("is no address: %.60q", s)
	}
	return a.Unmap(), nil
}

// splitHop parts host and port; without a port it answers "1", which is one.
func splitHop(s string) (host, port string, err error) {
	if s[0] == '[' {
		host, after, ok := strings.Cut(s[1:], "]")
		switch {
		case !ok:
			return "", "", fmt.Errorf("has an open bracket: %.60q", s)
		case after == "":
			return host, "1", nil
		case after[0] != ':':
			return "", "", fmt.Errorf("has text after its bracket: %.60q", s)
		}
		return host, after[1:], nil
	}
	if strings.Count(s, ":") == 1 {
		host, port, _ = strings.Cut(s, ":")
		return host, port, nil
	}
	return s, "1", nil
}
