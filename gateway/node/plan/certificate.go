package plan

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/certs"
)

var challenges = map[string]certs.Challenge{
	"http-01": certs.ChallengeHTTP, "tls-alpn-01": certs.ChallengeTLS,
}

var tlsVersions = map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

// Certificate says where the certificate of the listeners comes from. What it is kept in is the caller's
// to add.
func Certificate(c *conf.Config) certs.Config {
	cc := certs.Config{
		Source: certs.Source(c.TLS.Source), Certificate: string(c.TLS.Certificate), Key: string(c.TLS.Key),
		ACME: certs.ACMEConfig{
			Email: c.TLS.ACME.Email, Roots: string(c.TLS.ACME.CARoot),
			Challenge: challenges[c.TLS.ACME.Challenge],
		},
		MinVersion: tlsVersions[c.TLS.MinVersion],
	}
	if c.TLS.ACME.Directory != nil {
		cc.ACME.Directory = c.TLS.ACME.Directory.String()
	}
	for _, name := range c.Names {
		if ap, err := netip.ParseAddrPort(name); err == nil {
			cc.IPs = append(cc.IPs, ap.Addr())
			continue
		}
		if a, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
			cc.IPs = append(cc.IPs, a)
			continue
		}
		host, _, _ := strings.Cut(name, ":")
		cc.Names = append(cc.Names, host)
	}
	return cc
}

// dayForm is how the end of a certificate is written.
const dayForm = "2006-01-02 15:04 MST"

// soon is how long before its end a certificate is warned of.
const soon = 21 * 24 * time.Hour

// certificate reports what would keep publishers from the listeners' certificate: what run refuses,
// what it warns of, and what an authority could not do.
func (b *builder) certificate(now time.Time) {
	switch b.cfg.TLS.Source {
	case "files":
		b.certificateFile(now)
	case "acme":
		b.challenge()
	}
}

func (b *builder) certificateFile(now time.Time) {
	c := b.cfg.TLS
	pair, err := tls.LoadX509KeyPair(string(c.Certificate), string(c.Key))
	if err != nil {
		return // conf says so
	}
	const path, renew = "tls.certificate", "put a new certificate there and reload (SIGHUP)"
	leaf := pair.Leaf
	day := func(t time.Time) string { return t.UTC().Format(dayForm) }
	switch {
	case !leaf.NotAfter.After(now):
		b.add(path, "ran out on "+day(leaf.NotAfter), renew, false)
	case leaf.NotBefore.After(now):
		b.add(path, "is valid from "+day(leaf.NotBefore)+" on", "look at this machine's clock", false)
	case leaf.NotAfter.Before(now.Add(soon)):
		b.add(path, "runs out on "+day(leaf.NotAfter), renew, true)
	}
	server := func(u x509.ExtKeyUsage) bool { return u == x509.ExtKeyUsageServerAuth || u == x509.ExtKeyUsageAny }
	if len(leaf.ExtKeyUsage) > 0 && !slices.ContainsFunc(leaf.ExtKeyUsage, server) {
		b.add(path, "is not for servers, by its extended key usage: publishers refuse it",
			"get a certificate for a web server", true)
	}
	for i, name := range b.cfg.Names {
		host := hostOf(name)
		if err := leaf.VerifyHostname(host); host != "" && err != nil {
			b.add(fmt.Sprintf("names[%d]", i),
				"is not a name of the certificate, which is for "+certificateNames(leaf)+": a publisher that uses it fails",
				"get a certificate for it, or drop the name", true)
		}
	}
}

// hostOf cuts the port off a name of the gateway.
func hostOf(name string) string {
	if a, err := netip.ParseAddrPort(name); err == nil {
		return a.Addr().String()
	}
	if h, _, err := net.SplitHostPort(name); err == nil {
		return h
	}
	return strings.Trim(name, "[]")
}

// certificateNames lists the first names of a certificate.
func certificateNames(leaf *x509.Certificate) string {
	names := append([]string{}, leaf.DNSNames...)
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return "no name that clients look at"
	}
	if len(names) > 4 {
		names = append(names[:4], "others")
	}
	return strings.Join(names, ", ")
}

// challenge reports settings with which no authority can see that a name belongs to the gateway.
func (b *builder) challenge() {
	b.publicNames()
	if b.cfg.TLS.ACME.Challenge != "tls-alpn-01" {
		return
	}
	if b.cfg.Hosts.Refuse == "drop" {
		b.add("hosts.refuse",
			"is drop, and the authority's own look-up (tls-alpn-01) comes from a stranger's address: "+
				"there would never be a certificate",
			"write refuse: answer, or tls.acme.challenge: http-01", false)
	}
	reached, local := false, true
	for _, l := range b.cfg.Listen {
		if l.Port() == 443 || l.Port() == 0 {
			reached, local = true, local && l.Addr().IsLoopback()
		}
	}
	switch {
	case reached && !local:
		return
	case reached && b.isPublic():
		b.add("tls.acme.challenge", "is tls-alpn-01, which the authority looks for from outside, and listen has this machine's only",
			"have a balancer pass port 443 on to the gateway as it comes, or add an address to listen", true)
		return
	case reached:
		return
	}
	b.add("tls.acme.challenge", "is tls-alpn-01, which the authority looks for on port 443, where listen has none",
		"let a balancer or the firewall pass port 443 on to the gateway, or add it to listen", true)
}

// isPublic reports whether the authority is not one inside the house.
func (b *builder) isPublic() bool {
	d := b.cfg.TLS.ACME.Directory
	return d != nil && strings.HasSuffix(d.Hostname(), ".letsencrypt.org")
}

// houseNames end names that mean something in one house only.
var houseNames = []string{".local", ".lan", ".internal", ".intranet", ".localhost", ".home.arpa", ".corp", ".test",
	".invalid"}

// publicNames reports names for which a public authority gives no certificate.
func (b *builder) publicNames() {
	for i, name := range b.cfg.Names {
		host := strings.ToLower(strings.TrimSuffix(hostOf(name), "."))
		house := slices.ContainsFunc(houseNames, func(end string) bool { return strings.HasSuffix(host, end) })
		if _, err := netip.ParseAddr(host); err == nil || !b.isPublic() || strings.Contains(host, ".") && !house {
			continue
		}
		b.add(fmt.Sprintf("names[%d]", i),
			"is a name of one house, for which no public authority gives a certificate: there would never be one",
			"name the directory of the house's own authority in tls.acme.directory, or write source: local or files", false)
	}
}

// authorities reports what is wrong with the authority of the engine's certificates: with one that ran
// out no connection to the engine succeeds.
func (b *builder) authorities(now time.Time) {
	const path, renew = "engine.upstream.ca", "put the authority's new certificate into the file and reload (SIGHUP)"
	for _, c := range b.cfg.Engine.Upstream.Authorities() {
		name := strconv.Quote(c.Subject.CommonName)
		switch {
		case !c.NotAfter.After(now):
			b.add(path, "holds "+name+", which ran out on "+c.NotAfter.UTC().Format(dayForm), renew, false)
		case c.NotAfter.Before(now.Add(soon)):
			b.add(path, "holds "+name+", which runs out on "+c.NotAfter.UTC().Format(dayForm), renew, true)
		}
		if c.BasicConstraintsValid && !c.IsCA && len(c.DNSNames)+len(c.IPAddresses) == 0 {
			b.add(path, "holds "+name+", which is no authority and for no name", "name the file of the authority that issued it", true)
		}
	}
}
