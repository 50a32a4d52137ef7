package readiness

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"

	"github.com/stagelock/stagelock/gateway/upstream"
)

// Kind is what is wrong with a node.
type Kind string

// The kinds.
const (
	Down      Kind = "down"      // no connection
	Silent    Kind = "silent"    // no answer in time
	Plain     Kind = "plain"     // https is configured and http is spoken
	Authority Kind = "authority" // its certificate comes from an unknown authority
	Name      Kind = "name"      // its certificate is for another name
	Expired   Kind = "expired"   // its certificate ran out
	Path      Kind = "path"      // nothing is at the path
	Redirect  Kind = "redirect"  // it sends callers elsewhere
	Address   Kind = "address"   // it does not take calls of this machine
	Host      Kind = "host"      // it does not know the Host
	Failing   Kind = "failing"   // it cannot take calls now
	Page      Kind = "page"      // something else than the tunnel answers
	Empty     Kind = "empty"     // it could not read the call
	Secret    Kind = "secret"    // it does not accept the engine's secret
	Unable    Kind = "unable"    // it could not be asked
)

// words are what is said of a kind, with the detail for %s; the cure; and the setting that decides.
var words = map[Kind]struct{ msg, cure, setting string }{
	Down: {"cannot be reached: %s", "start it, or mend the address", "engine.upstream.nodes"},
	Silent: {"takes connections and does not answer calls",
		"look into its log and at its threads; restart it if it hangs", "engine.upstream.nodes"},
	Plain: {"speaks no TLS on that port", "write http, or the port of its https connector", "engine.upstream.nodes"},
	Authority: {"has a certificate of an authority that is not trusted: %s",
		"name the file of that authority", "engine.upstream.ca"},
	Name:    {"has a certificate for another name: %s", "write the name that it is for", "engine.upstream.server_name"},
	Expired: {"has a certificate that is not valid now: %s", "renew it on the engine's side", "engine.upstream.nodes"},
	Path: {"has no tunnel at %s",
		"write the path context of the portal itself: portal.ctx in its portal-ext.properties, empty for ROOT",
		"engine.upstream.path_context"},
	Redirect: {"sends the call to %s",
		"if that is https: write https and its port, or set tunnel.servlet.https.required=false there; else write a Host that it knows",
		"engine.upstream.nodes"},
	Address: {"turns this machine away: %s",
		"add this machine's address to tunnel.servlet.hosts.allowed in its portal-ext.properties, and on 7.x to the hosts of its" +
			" Tunnel Authentication Verifier, which must be switched on", "engine.upstream.nodes"},
	Host: {"does not take the Host %s", "write one of its virtual.hosts.valid.hosts", "engine.upstream.host"},
	Failing: {"cannot take calls: %s", "look into its log, and at what stands between",
		"engine.upstream.nodes"},
	Page: {"answers with something else than the tunnel at %s: a page, as of a proxy or a log-in before it",
		"write the portal's own address and path context, behind every proxy", "engine.upstream.nodes"},
	Empty: {"could not read the call at %s", "write the version line of the live engine", "engine.line"},
	Secret: {"does not accept the engine's secret",
		"make it the engine's tunneling.servlet.shared.secret, with its hex and algorithm; or restart the portal if its file was changed",
		"engine.upstream.secret"},
	Unable: {"gives no answer that tells: %s", "write the version line of the live engine", "engine.line"},
}

// Finding is why a publish would not pass at a node.
type Finding struct {
	Node    string // as log and audit events name it
	Kind    Kind
	Msg     string // what was found; it begins with the node
	Cure    string
	Setting string // of the configuration, that decides
}

func found(m *upstream.Member, k Kind, detail string) *Finding {
	w := words[k]
	return &Finding{m.Name(), k, "the live engine " + m.Name() + " " + strings.ReplaceAll(w.msg, "%s", detail), w.cure, w.setting}
}

// causes are the failures of connections that have a cure of their own, in the order in which they are
// looked for.
var causes = []struct {
	kind Kind
	is   func(error) bool
}{
	{Authority, as[x509.UnknownAuthorityError]},
	{Name, as[x509.HostnameError]},
	{Expired, as[x509.CertificateInvalidError]},
	{Plain, as[tls.RecordHeaderError]},
}

func as[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}

// root is the innermost cause of an error that says something.
func root(err error) string {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			break
		}
		err = next
	}
	return strings.TrimPrefix(err.Error(), "x509: ")
}
