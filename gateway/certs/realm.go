package certs

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// realm is what the local CA may sign for, whoever has its key: it lies in the trust store of every publisher,
// where it must not stand for the rest of the world.
type realm struct {
	domains []string
	ranges  []*net.IPNet
}

// private are the addresses that mean something in one network only.
var private = []string{
	"127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "::1/128", "fc00::/7", "fe80::/10",
}

// realmOf is the domain around each name, each address, and private addresses: so a name more in the same
// domain needs no new CA.
func realmOf(names []string, ips []netip.Addr) realm {
	var r realm
	for _, n := range names {
		labels := strings.Split(strings.TrimPrefix(n, "*."), ".")
		if last := len(labels) - 1; last > 2 || last == 2 && !(len(labels[2]) == 2 && len(labels[1]) < 4) { // no co.uk
			labels = labels[1:]
		}
		r.domains = append(r.domains, strings.Join(labels, "."))
	}
	r.domains = unique(r.domains)
	for _, text := range private {
		_, n, err := net.ParseCIDR(text)
		if err != nil {
			panic("certs: " + text + ": " + err.Error())
		}
		r.ranges = append(r.ranges, n)
	}
	for _, ip := range ips {
		if !slices.ContainsFunc(r.ranges, func(n *net.IPNet) bool { return n.Contains(ip.AsSlice()) }) {
			r.ranges = append(r.ranges, &net.IPNet{IP: ip.AsSlice(), Mask: net.CIDRMask(ip.BitLen(), ip.BitLen())})
		}
	}
	return r
}

// ErrOutside is returned for a name or an address that the local CA may not sign for. Publishers trust that
// one, and it is never made anew.
var ErrOutside = errors.New("outside of what the local CA may sign for")

// within returns what of names and ips the CA of that certificate may not sign for. One without constraints may
// sign for everything.
func within(ca *x509.Certificate, names []string, ips []netip.Addr) error {
	outside := func(what string) error {
		return fmt.Errorf("%s is %w: names in %s, private addresses and those that it was made for", what, ErrOutside,
			strings.Join(ca.PermittedDNSDomains, ", "))
	}
	for _, n := range names {
		n = strings.TrimPrefix(n, "*.")
		inside := func(d string) bool { return n == d || strings.HasSuffix(n, "."+d) }
		if len(ca.PermittedDNSDomains) > 0 && !slices.ContainsFunc(ca.PermittedDNSDomains, inside) {
			return outside(n)
		}
	}
	for _, ip := range ips {
		inside := func(n *net.IPNet) bool { return n.Contains(ip.AsSlice()) }
		if len(ca.PermittedIPRanges) > 0 && !slices.ContainsFunc(ca.PermittedIPRanges, inside) {
			return outside(ip.String())
		}
	}
	return nil
}
