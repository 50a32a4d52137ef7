package here

import (
	"context"
	"net/url"
	"time"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/doctor/finding"
	"github.com/stagelock/stagelock/gateway/doctor/portal"
	"github.com/stagelock/stagelock/gateway/readiness"
	"github.com/stagelock/stagelock/gateway/status"
)

// Late is how long before its end a certificate is to be renewed now: those who renew by themselves have
// done it long before.
const Late = 7 * 24 * time.Hour

// Config says what is looked at. What is zero is not.
type Config struct {
	Secret *Secret
	Build  string // version line of the portal here; 7.4 if empty

	Portal     *portal.Portal // the files of the portal here
	Truststore string         // whom the JVM of the portal trusts
	Own        *Own           // the gateway here
	Proxy      *url.URL       // forward proxy of this machine's commands; nil: none

	Now func() time.Time // nil: the machine's clock
}

// Secret is a shared secret as its operator wrote it.
type Secret struct {
	Text      string
	Hex       bool
	Algorithm string
	Place     portal.Value // where it stands, if in a file of the portal's
}

// Own is the gateway here.
type Own struct {
	Conf     *conf.Config   // nil: it cannot be read
	Problems []conf.Problem // of its configuration
	// Engine asks the live engine whether a publish would pass.
	Engine func(ctx context.Context) []readiness.Finding
	// Status asks the gateway that runs.
	Status func(ctx context.Context) (*status.Status, error)
}

// usable reports whether the configuration can be used.
func (o *Own) usable() bool { return o.Conf != nil && !conf.Fatal(o.Problems) }

// patient is what is looked at, and what was found so far.
type patient struct {
	Config
	own    *status.Status // of the gateway here
	ownErr error
}

// check is one thing to look at.
type check struct {
	id    string
	asked func(*patient) bool
	run   func(context.Context, *patient) []finding.Line
}

func withFiles(p *patient) bool { return p.Portal != nil }
func withBoth(p *patient) bool  { return withFiles(p) && ofOwn(p) && p.Own.usable() }
func ofOwn(p *patient) bool     { return p.Own != nil }

// checks are all of them.
var checks = []check{
	{"conf", ofOwn, configuration},
	{"ready", ofOwn, running},
	{"engine", ofOwn, engine},
	{"certificate", ofOwn, ownCertificates},
	{"disk", ofOwn, disk},
	{"refused", ofOwn, refusedConnections},
	{"balancer", ofOwn, balancerChecks},

	{"portal", withFiles, oddLines},
	{"secret.lines", withFiles, secretLines},
	{"engine.hosts", withFiles, openHosts},
	{"timeout", withFiles, shortTimeout},
	{"jvm.tls", withFiles, oldProtocols},
	{"jvm.proxy", withFiles, jvmProxy},
	{"jvm.trust", withFiles, otherTruststore},
	{"engine.props", withBoth, properties},
}

// Look makes every check that the configuration asks for and tells each line with the id of its check.
func Look(ctx context.Context, c Config, tell func(id string, l finding.Line)) {
	if c.Now == nil {
		c.Now = time.Now
	}
	p := &patient{Config: c}
	for _, k := range checks {
		if !k.asked(p) || ctx.Err() != nil {
			continue
		}
		for _, l := range k.run(ctx, p) {
			tell(k.id, l)
		}
	}
}
