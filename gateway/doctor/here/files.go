package here

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/doctor/challenge"
	"github.com/stagelock/stagelock/gateway/doctor/finding"
	"github.com/stagelock/stagelock/gateway/doctor/portal"
	"github.com/stagelock/stagelock/policy/secret"
)

// secretLines holds the portal's lines of the secret against the secret that was named.
func secretLines(_ context.Context, p *patient) []finding.Line {
	v := p.Portal.Get(portal.Secret)
	missing := portal.Value{File: p.Portal.File()}
	if !v.Set() {
		if missing.File == "" {
			return nil
		}
		return []finding.Line{finding.Mend("the portal has no shared secret", portal.Secret+"=…").In(missing)}
	}
	hexLine, cipherLine := p.Portal.Get(portal.Hex), p.Portal.Get(portal.Algorithm)
	asHex, cipher := p.Portal.Is(portal.Hex), cmp.Or(cipherLine.Text, "AES")
	if s := p.Secret; s != nil && !s.Place.Set() {
		switch {
		case s.Text != v.Text:
			return []finding.Line{finding.Mend("the portal's secret is another one than that of the file", "copy the file's content there").In(v)}
		case s.Hex != asHex:
			read := map[bool]string{true: "hexadecimal digits", false: "text"}
			return []finding.Line{finding.Mend("the portal reads its line as "+read[asHex], portal.Hex+"="+strconv.FormatBool(s.Hex)).In(or(hexLine, v))}
		case !strings.EqualFold(cmp.Or(s.Algorithm, "AES"), cipher):
			return []finding.Line{finding.Mend("the portal uses it with "+cipher, portal.Algorithm+"="+cmp.Or(s.Algorithm, "AES")).In(or(cipherLine, v))}
		}
	}
	if _, readable := challenge.Bytes(v.Text, asHex); !readable {
		return []finding.Line{
			finding.Mend("the portal reads it as hexadecimal digits, and it is none", portal.Hex+"=false, or write digits").In(or(hexLine, v)),
		}
	}
	_, findings := secret.NewKey(
		secret.KeyConfig{ID: "portal", Algorithm: cipher, Secret: []byte(v.Text), Hex: asHex, Line: p.Build},
	)
	for _, f := range findings {
		return []finding.Line{finding.Mend("the portal has it wrong: "+f.Msg, f.Cure).In(v)}
	}
	return []finding.Line{finding.Well("the portal's lines make a key")}
}

func or(a, b portal.Value) portal.Value {
	if a.Set() {
		return a
	}
	return b
}

// openHosts looks whether the portal lets more than the gateway in: its filter of addresses asks first, and
// from 7.0 on the verifier of the tunnel after it.
func openHosts(_ context.Context, p *patient) []finding.Line {
	var lines []finding.Line
	v := p.Portal.Get(portal.Hosts)
	for host := range strings.SplitSeq(v.Text, ",") {
		if host = strings.TrimSpace(host); everybody(host) {
			lines = append(lines, finding.Mend("the portal also lets "+host+" in: everybody who reaches its port passes the gateway by",
				portal.Hosts+"=127.0.0.1,SERVER_IP").In(v))
			break
		}
	}
	for _, v := range p.Portal.Verified() {
		const cure = `hostsAllowed=["127.0.0.1","SERVER_IP"]`
		switch {
		case v.Text == "":
			return append(lines, finding.Mend("the portal's verifier names no hosts, so it takes everybody's calls: "+
				"who reaches the portal's port and has the secret passes the gateway by", cure).In(v))
		case everybody(v.Text):
			return append(lines, finding.Mend("the portal's verifier also takes the calls of "+v.Text+
				": who reaches the portal's port and has the secret passes the gateway by", cure).In(v))
		}
	}
	return lines
}

// everybody reports whether an entry of Liferay's lists of hosts is meant for every address. 255.255.255.255 is
// the one that nobody has.
func everybody(host string) bool {
	return host == "0.0.0.0" || strings.HasSuffix(host, "/0") || strings.HasSuffix(host, "/0.0.0.0")
}

// shortTimeout looks whether the portal waits for a sign of life.
func shortTimeout(_ context.Context, p *patient) []finding.Line {
	const beat = 15_000 // ms, of a gateway where nobody says otherwise
	v := p.Portal.Get(portal.Timeout)
	ms, err := strconv.Atoi(v.Text)
	if !v.Set() || err != nil || ms == 0 || ms > beat {
		return nil
	}
	return []finding.Line{finding.Mend(fmt.Sprintf("the portal gives up after %d ms without a byte, and a sign of life comes every %d ms", ms, beat),
		portal.Timeout+"=30000").In(v)}
}

// oldProtocols looks whether the JVM is kept from TLS 1.2.
func oldProtocols(_ context.Context, p *patient) []finding.Line {
	for _, name := range []string{"https.protocols", "jdk.tls.client.protocols"} {
		o := p.Portal.Option(name)
		if o.Set() && !strings.Contains(o.Text, "TLSv1.2") && !strings.Contains(o.Text, "TLSv1.3") {
			return []finding.Line{finding.Mend(fmt.Sprintf("the portal's JVM is told to use %s only", o.Text), "-D"+name+"=TLSv1.2").In(o)}
		}
	}
	return nil
}

// jvmProxy tells where the portal goes another way than the commands of this machine.
func jvmProxy(_ context.Context, p *patient) []finding.Line {
	o := p.Portal.Option("https.proxyHost")
	switch {
	case o.Set() && p.Proxy == nil:
		return []finding.Line{finding.Know(fmt.Sprintf("the portal's JVM goes through the proxy %s, and what follows was looked at without it",
			o.Text)).CuredBy("look with --proxy, or take the other end out with -Dhttp.nonProxyHosts").In(o)}
	case o.Set() && !strings.EqualFold(o.Text, p.Proxy.Hostname()):
		return []finding.Line{finding.Know(fmt.Sprintf("the portal's JVM goes through the proxy %s, and %s was looked through",
			o.Text, p.Proxy.Hostname())).CuredBy("look with the proxy of the JVM in --proxy").In(o)}
	case !o.Set() && p.Proxy != nil && p.Portal.HasOptions():
		return []finding.Line{finding.Know(fmt.Sprintf("the way was looked at through the proxy %s, and the portal's JVM has none: it does not read HTTPS_PROXY",
			p.Proxy.Hostname())).CuredBy("start it with -Dhttps.proxyHost=" + p.Proxy.Hostname() + ", or look with --proxy none")}
	}
	return nil
}

// oddLines tells what the portal loses or takes otherwise than it is meant, unless the configuration of the
// gateway here reads the same files and tells it.
func oddLines(_ context.Context, p *patient) []finding.Line {
	var lines []finding.Line
	for _, c := range p.Portal.Problems() {
		told := func(o conf.Problem) bool {
			return o.File == c.File && o.Line == c.Line || o.Msg == c.Msg && o.Cure == c.Cure
		}
		if p.Own != nil && slices.ContainsFunc(p.Own.Problems, told) {
			continue
		}
		lines = append(lines, problem(c))
	}
	return lines
}

// properties holds what the portal beside is told against what the gateway here does.
func properties(_ context.Context, p *patient) []finding.Line {
	var lines []finding.Line
	up := p.Own.Conf.Engine.Upstream
	plain := func(u *url.URL) bool { return u.Scheme == "http" }
	if v := p.Portal.Get(portal.HTTPS); p.Portal.Is(portal.HTTPS) && slices.ContainsFunc(up.Nodes, plain) {
		lines = append(lines, finding.Mend("the portal takes calls over https only, and the gateway here calls it over http",
			portal.HTTPS+"=false, or https in engine.upstream.nodes").In(v))
	}
	if v := p.Portal.Get(portal.Context); v.Set() && strings.Trim(v.Text, "/") != strings.Trim(up.PathContext, "/") {
		lines = append(lines, finding.Mend(fmt.Sprintf("the portal has the path context %q, and the gateway here calls it under %q", v.Text, up.PathContext),
			"engine.upstream.path_context: "+strconv.Quote(v.Text)).In(v))
	}
	return lines
}

// otherTruststore looks whether the trust store that was named is the JVM's.
func otherTruststore(_ context.Context, p *patient) []finding.Line {
	o := p.Portal.Option("javax.net.ssl.trustStore")
	if !o.Set() || p.Truststore == "" || filepath.Clean(o.Text) == filepath.Clean(p.Truststore) {
		return nil
	}
	return []finding.Line{finding.Mend(fmt.Sprintf("the portal's JVM trusts those in %s, not those in %s", o.Text, p.Truststore),
		"import the authority there, and look with --truststore "+o.Text).In(o)}
}
