package doctor

import (
	"context"
	"crypto/x509"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/stagelock/stagelock/gateway/doctor/desk"
	"github.com/stagelock/stagelock/gateway/doctor/finding"
	"github.com/stagelock/stagelock/gateway/doctor/here"
	"github.com/stagelock/stagelock/tunnel/publisher/proxy"
)

// Config says what is looked at. What is zero is not.
type Config struct {
	here.Config // of this machine

	To    *url.URL // of the other gateway, with the path context that publishers enter
	Login string
	Site  int64
	Both  bool   // the other end looks back
	Port  uint16 // of the gateway here, for the other end to look at
	Quick bool   // without the probes that wait

	PortalURL *url.URL       // the portal here itself
	Roots     *x509.CertPool // whom this machine trusts; nil: the system's authorities

	Dial     func(ctx context.Context, network, addr string) (net.Conn, error)
	Resolve  func(ctx context.Context, network, host string) ([]netip.Addr, error)
	Keytool  func(ctx context.Context, file string) ([]*x509.Certificate, error) // reads a trust store
	Silences []time.Duration                                                     // of answers that are waited for; nil: 20, 65 and 125 s
	Patience time.Duration                                                       // for a connection; 0: 5 s
	Reply    time.Duration                                                       // for who may be no gateway to answer; 0: 75 s, when balancers have given up
	Tell     func(finding.Line)                                                  // each line as soon as it is known; nil: nobody
}

// patient is what is looked at, and what was found so far.
type patient struct {
	Config
	addrs  []netip.Addr
	me     *desk.Me
	verify *x509.CertPool // who issued the other end's certificate is among them; nil: the system's
	known  map[fact]bool
	// stranger is the answer that refused this machine's address.
	stranger *answered
}

// fact is what a check found that others need.
type fact string

const (
	named     fact = "an address"   // the name has one
	reached   fact = "a connection" // TCP
	encrypted fact = "TLS"          //
	trusted   fact = "a trusted certificate"
	met       fact = "a stagelock gateway at the other end that answers"
	proved    fact = "a secret that is right"
)

// check is one thing to look at.
type check struct {
	id    string
	asked func(*patient) bool // nil: always
	needs fact                // found by an earlier one
	run   func(context.Context, *patient) []finding.Line
}

func toward(p *patient) bool     { return p.To != nil }
func withSecret(p *patient) bool { return p.To != nil && p.Secret != nil }
func withLogin(p *patient) bool  { return withSecret(p) && p.Login != "" && p.Site != 0 }
func withFiles(p *patient) bool  { return p.Portal != nil }

// checks are those of the way to the other end, in the order in which one needs the other.
var checks = []check{
	{"scheme", toward, "", scheme},
	{"dns", toward, "", names},
	{"jvm.ipv4", both(toward, withFiles), named, onlyIPv4},
	{"tcp", toward, named, connect},
	{"tls", toward, reached, handshake},
	{"tls.jvm", both(toward, func(p *patient) bool { return p.Truststore != "" }), encrypted, truststore},
	{"path", toward, encrypted, path},
	{"address", toward, encrypted, address},
	{"clock", toward, met, clock},
	{"secret", withSecret, met, compare},
	{"login", withLogin, proved, login},
	{"line", both(toward, func(p *patient) bool { return p.PortalURL != nil || p.Build != "" }), met, line},
	{"buffer", both(toward, withFiles), met, buffer},
	{"probe.size", toward, met, size},
	{"probe.reuse", toward, met, reuse},
	{"probe.idle", toward, met, idle},
	{"both", both(toward, func(p *patient) bool { return p.Both }), met, lookBack},
}

func both(a, b func(*patient) bool) func(*patient) bool {
	return func(p *patient) bool { return a(p) && b(p) }
}

// Run makes every check that the configuration asks for. A check that cannot be made says why.
func Run(ctx context.Context, c Config) finding.Report {
	p := &patient{Config: c.withDefaults(), known: map[fact]bool{}}
	var r finding.Report
	tell := func(id string, l finding.Line) {
		r.Add(id, l)
		if c.Tell != nil {
			c.Tell(r.Lines[len(r.Lines)-1])
		}
	}
	here.Look(ctx, p.Config.Config, tell)
	for _, k := range checks {
		if k.asked != nil && !k.asked(p) || ctx.Err() != nil {
			continue
		}
		lines := []finding.Line{finding.Know("not looked at: it needs " + string(k.needs))}
		if k.needs == "" || p.known[k.needs] {
			lines = k.run(ctx, p)
		}
		for _, l := range lines {
			tell(k.id, l)
		}
	}
	r.Unreachable = c.To != nil && !p.known[reached]
	return r
}

func (c Config) withDefaults() Config {
	if c.To != nil {
		to := *c.To
		to.Path = strings.TrimSuffix(to.Path, "/")
		c.To = &to
	}
	if c.Dial == nil {
		c.Dial = new(net.Dialer).DialContext
	}
	c.Dial = proxy.Dialer(c.Dial, c.Proxy, c.Roots, true)
	if c.Resolve == nil {
		c.Resolve = net.DefaultResolver.LookupNetIP
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Silences == nil {
		c.Silences = []time.Duration{20 * time.Second, 65 * time.Second, 125 * time.Second}
	}
	if c.Patience == 0 {
		c.Patience = 5 * time.Second
	}
	if c.Reply == 0 {
		c.Reply = 75 * time.Second
	}
	return c
}

// port is the one that publishers enter.
func (p *patient) port() string {
	if port := p.To.Port(); port != "" {
		return port
	}
	return map[string]string{"http": "80"}[p.To.Scheme] + map[string]string{"https": "443"}[p.To.Scheme]
}
