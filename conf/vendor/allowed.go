package vendor

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/stagelock/stagelock/conf/settings"
	"github.com/stagelock/stagelock/conf/settings/origin"
)

// maxCompared bounds the pairs that the comparison of two lists looks at.
const maxCompared = 1 << 22

// mergeHosts makes hosts.allow of the two lists that Liferay asks one after the other. Who is in
// both passes; where one list is empty or absent Liferay lets everybody pass it, so the other
// decides. Two absent lists admit nobody here.
func (e *engineFiles) mergeHosts(y settings.Layer) {
	filter, verifier := e.defaults(y)
	y.Delete(filterHosts)
	y.Delete(verifierHosts)
	dotted(filter.Items)
	dotted(verifier.Items)
	switch {
	case len(filter.Items) == 0 && len(verifier.Items) == 0:
		return
	case len(filter.Items) == 0:
		y.Set("hosts.allow", verifier)
		return
	case len(verifier.Items) == 0:
		y.Set("hosts.allow", filter)
		return
	case len(filter.Items)*len(verifier.Items) > maxCompared:
		e.Report(origin.At(filter.Origin, "hosts.allow", "is too long to be compared with the verifier's list", "write hosts.allow in the gateway's file"))
		return
	}
	kept, dropped := intersect(filter.Items, verifier.Items)
	y.Set("hosts.allow", settings.Given{Items: kept, Origin: filter.Origin})
	if e.Rank("hosts.allow") >= 0 {
		return // somebody wrote the list himself
	}
	for _, it := range dropped {
		if it.Origin.Source != origin.VendorFile && it.Origin.Source != origin.VendorEnv {
			continue // of a default
		}
		if _, isAddress := prefix(it.Text); !isAddress && it.Text != "SERVER_IP" && e.notAnAddress(it) {
			continue
		}
		e.Report(origin.At(it.Origin, "hosts.allow", it.Text+" is in one of Liferay's two lists only and is refused, as Liferay does",
			"add it to tunnel.servlet.hosts.allowed and to the verifier's hostsAllowed").AsWarning())
	}
}

// notAnAddress tells of what looks as if something should have become an address of it; a name is an entry of
// the lists like any other.
func (e *engineFiles) notAnAddress(it settings.Item) bool {
	switch {
	case strings.Contains(it.Text, "${"):
		e.warn(it.Origin, "hosts.allow", it.Text+" is no address: the engine of this line puts nothing in for it, and takes the text as it stands", "write the address out")
	case strings.ContainsAny(it.Text, "[]\"'{}()\\"):
		e.warn(it.Origin, "hosts.allow", it.Text+" is no address: the engine takes the text as it stands, and nobody has it", "write a list as one text, key=\"a,b\", or as key=[\"a\",\"b\"] in one line")
	default:
		return false
	}
	return true
}

// defaults returns the two lists. Where portal-ext.properties is read and lacks one, it is the
// portal's own: this machine for the filter, and in 6.2 nobody for the verifier.
func (e *engineFiles) defaults(y settings.Layer) (filter, verifier settings.Given) {
	filter, hasFilter := y.Get(filterHosts)
	verifier, hasVerifier := y.Get(verifierHosts)
	g, read := e.Top("engine.liferay.portal_ext")
	if !read || len(g.Items) == 0 {
		return filter, verifier
	}
	if !hasFilter {
		filter = byDefault(g.Origin, "127.0.0.1", "SERVER_IP")
	}
	if e.line == "6.2" && !hasVerifier {
		e.warn(g.Origin, "engine.liferay.portal_ext", "lacks "+verifierKey62+": in 6.2 nobody passes the verifier then, the gateway neither",
			"add it to the portal's file, with the addresses of "+filterKey)
		verifier = byDefault(g.Origin, "255.255.255.255")
	}
	return filter, verifier
}

func byDefault(o settings.Origin, hosts ...string) settings.Given {
	g := settings.Given{Origin: o}
	for _, h := range hosts {
		g.Items = append(g.Items, settings.Item{Text: h, Origin: o})
	}
	return g
}

// intersect returns the entries of a and b that the other list covers, and those that are of no
// use.
func intersect(a, b []settings.Item) (kept, dropped []settings.Item) {
	seen := map[string]bool{}
	useful := make([]bool, len(a)+len(b))
	take := func(i int, it settings.Item, others []settings.Item, first int) {
		for j, other := range others {
			if !covers(other.Text, it.Text) {
				continue
			}
			useful[i], useful[first+j] = true, true
			if !seen[it.Text] {
				seen[it.Text] = true
				kept = append(kept, it)
			}
		}
	}
	for i, it := range a {
		take(i, it, b, len(a))
	}
	for i, it := range b {
		take(len(a)+i, it, a, 0)
	}
	for i, it := range append(a[:len(a):len(a)], b...) {
		if !useful[i] {
			dropped = append(dropped, it)
		}
	}
	return kept, dropped
}

// covers reports whether every address of entry b is one of entry a, as far as the text alone says
// so.
func covers(a, b string) bool {
	if a == b {
		return true
	}
	pb, ok := prefix(b)
	if !ok {
		return false
	}
	if a == "SERVER_IP" {
		return pb.IsSingleIP() && pb.Addr().IsLoopback()
	}
	pa, ok := prefix(a)
	return ok && pa.Bits() <= pb.Bits() && pa.Contains(pb.Addr())
}

func prefix(s string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p, true
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, a.BitLen()), true
}

// dotted rewrites address/255.255.0.0, which Liferay reads from 7.3 on, to address/16.
func dotted(items []settings.Item) {
	for i, it := range items {
		address, mask, found := strings.Cut(it.Text, "/")
		m, err := netip.ParseAddr(mask)
		if !found || err != nil {
			continue
		}
		if bits, whole := maskBits(m); whole {
			items[i].Text = address + "/" + strconv.Itoa(bits)
		}
	}
}

// maskBits counts the ones of a mask and reports whether they all come first.
func maskBits(mask netip.Addr) (int, bool) {
	n, ended := 0, false
	for _, b := range mask.AsSlice() {
		for bit := 7; bit >= 0; bit-- {
			set := b>>bit&1 == 1
			if set && ended {
				return 0, false
			}
			if ended = !set; set {
				n++
			}
		}
	}
	return n, true
}
