package section

import (
	"errors"
	"slices"
	"strconv"
)

// AnySite reports whether the peer may publish into every site.
func (p Peer) AnySite() bool { return p.MayPublish(AnySite) }

// MayPublish reports whether the peer may publish into site.
func (p Peer) MayPublish(site Site) bool {
	for _, s := range p.Sites {
		if s == AnySite || s == site {
			return true
		}
	}
	return false
}

// Site is the group id of a site, or AnySite.
type Site int64

// AnySite stands for every site and is written any.
const AnySite Site = -1

// String returns the id, or any.
func (s Site) String() string {
	if s == AnySite {
		return "any"
	}
	return strconv.FormatInt(int64(s), 10)
}

// UnmarshalText reads an id, or any.
func (s *Site) UnmarshalText(text []byte) error {
	if string(text) == "any" {
		*s = AnySite
		return nil
	}
	n, err := strconv.ParseUint(string(text), 10, 63)
	if err != nil || n == 0 {
		return errors.New("is neither the group id of a site nor the word any")
	}
	*s = Site(n)
	return nil
}

// HostOf returns the Host header for a call of that site, 0 for none; empty: the node's own.
func (u *Upstream) HostOf(site int64) string {
	for _, v := range u.Hosts {
		if slices.Contains(v.Sites, Site(site)) {
			return v.Host
		}
	}
	return u.Host
}
