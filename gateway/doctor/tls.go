package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/stagelock/stagelock/gateway/doctor/finding"
	"github.com/stagelock/stagelock/gateway/doctor/here"
)

// lateFor is the time at which it is late to renew: less for a certificate of a short life, of which a third is left when it is renewed.
func lateFor(leaf *x509.Certificate) time.Duration {
	return min(here.Late, leaf.NotAfter.Sub(leaf.NotBefore)/4)
}

// handshake makes TLS as Java does, and looks at the certificate.
func handshake(ctx context.Context, p *patient) []finding.Line {
	state, err := p.greet(ctx)
	if err != nil {
		return []finding.Line{ungreeted(err)}
	}
	p.known[encrypted] = true
	lines := p.certificate(state)
	if len(lines) == 0 {
		p.known[trusted], p.verify = p.Truststore == "", p.Roots
		leaf := state.PeerCertificates[0]
		lines = append(
			lines,
			finding.Well(
				fmt.Sprintf("issued by %q, valid %d days", leaf.Issuer.CommonName, int(leaf.NotAfter.Sub(p.Now()).Hours()/24)),
			).As("tls.chain"),
		)
	}
	return lines
}

// greet returns what the other end shows.
func (p *patient) greet(ctx context.Context) (*tls.ConnectionState, error) {
	ctx, cancel := context.WithTimeout(ctx, p.Patience)
	defer cancel()
	var err error
	for _, to := range p.targets(p.port()) {
		var conn net.Conn
		if conn, err = p.dial(ctx, to); err != nil {
			continue
		}
		secure := tls.Client(conn, &tls.Config{ServerName: p.To.Hostname(), MinVersion: tls.VersionTLS12,
			InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}}) //nolint:gosec // what is shown is judged below
		if err = secure.HandshakeContext(ctx); err == nil {
			state := secure.ConnectionState()
			secure.Close()
			return &state, nil
		}
		conn.Close()
	}
	return nil, err
}

// ungreeted says why there is no TLS.
func ungreeted(err error) finding.Line {
	var record tls.RecordHeaderError
	says := err.Error()
	switch {
	case errors.As(err, &record):
		return finding.Mend("the port answers, but not with TLS", "enter the port of https, or have what stands there end TLS")
	case strings.Contains(says, "protocol version"),
		strings.Contains(says, "unsupported versions"),
		strings.Contains(says, "unsupported protocol"):
		return finding.Mend(
			"the other end speaks no TLS 1.2 or newer",
			"update what ends TLS there: publishers' JVMs take nothing older",
		).As("tls.version")
	case strings.Contains(says, "handshake failure"), strings.Contains(says, "cipher"):
		return finding.Mend("there is no cipher in common", "allow ECDHE with AES-GCM on what ends TLS there").As("tls.cipher")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return finding.Mend(
			"the connection is closed before TLS begins: this machine's address is not admitted there, or a balancer has nothing behind it",
			"add this machine's address to hosts.allow there; look at the balancer's own checks",
		)
	case errors.Is(err, context.DeadlineExceeded):
		return finding.Mend("the port takes connections and says nothing", "look whether the gateway there hangs, or what listens in its place")
	}
	return finding.Mend("TLS fails: "+says, "look at what ends TLS there")
}

// certificate says what is wrong with what was shown.
func (p *patient) certificate(state *tls.ConnectionState) []finding.Line {
	leaf, host, now := state.PeerCertificates[0], p.To.Hostname(), p.Now()
	var lines []finding.Line
	day := func(t time.Time) string { return t.UTC().Format("2006-01-02") }
	switch {
	case !leaf.NotAfter.After(now):
		lines = append(lines, finding.Mend("the certificate ran out on "+day(leaf.NotAfter), "renew it there and reload").As("tls.expiry"))
	case leaf.NotBefore.After(now):
		lines = append(
			lines,
			finding.Mend("the certificate is valid from "+day(leaf.NotBefore)+" on", "look at the clocks of both machines").As("tls.expiry"),
		)
	case leaf.NotAfter.Before(now.Add(lateFor(leaf))):
		lines = append(
			lines,
			finding.Mend(
				"the certificate ends on "+day(leaf.NotAfter),
				"renew it there and reload: it should have happened by itself",
			).As("tls.expiry"),
		)
	}
	if err := leaf.VerifyHostname(host); err != nil {
		lines = append(lines, finding.Mend("the certificate is not for "+host+": "+strings.TrimPrefix(err.Error(), "x509: "),
			"enter a name that it is for as Remote Host, or add this one to names there").As("tls.name"))
	}
	if l, broken := p.chain(state.PeerCertificates, p.Roots); broken && p.Truststore == "" {
		lines = append(lines, l.As("tls.chain"))
	}
	return lines
}

// chain looks who issued a certificate. When it is valid is another matter.
func (p *patient) chain(shown []*x509.Certificate, roots *x509.CertPool) (finding.Line, bool) {
	leaf, between := shown[0], x509.NewCertPool()
	for _, c := range shown[1:] {
		between.AddCert(c)
	}
	_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: middle(leaf, p.Now())})
	var unknown x509.UnknownAuthorityError
	switch {
	case err == nil || !errors.As(err, &unknown):
		return finding.Line{}, false
	case len(shown) == 1 && len(leaf.IssuingCertificateURL) > 0:
		return finding.Mend("the server sends no intermediate certificate: browsers mend that, Java does not",
			"put the whole chain into the certificate file there"), true
	}
	return finding.Mend(fmt.Sprintf("issued by %q, whom this machine does not trust", leaf.Issuer.CommonName),
		"name the authority's file with --ca, and have the portal's JVM trust it: stagelock ca prints the commands there"), true
}

// middle is now, or a time at which the certificate was valid.
func middle(leaf *x509.Certificate, now time.Time) time.Time {
	if now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) {
		return leaf.NotBefore.Add(leaf.NotAfter.Sub(leaf.NotBefore) / 2)
	}
	return now
}

// truststore looks whether the portal's JVM trusts the other end.
func truststore(ctx context.Context, p *patient) []finding.Line {
	all, err := p.Keytool(ctx, p.Truststore)
	if err != nil {
		return []finding.Line{finding.Know("not looked at: the trust store cannot be read: " + err.Error())}
	}
	state, err := p.greet(ctx)
	if err != nil {
		return []finding.Line{finding.Know("not looked at: " + err.Error())}
	}
	roots := x509.NewCertPool()
	for _, c := range all {
		roots.AddCert(c)
	}
	l, broken := p.chain(state.PeerCertificates, roots)
	if !broken {
		p.known[trusted], p.verify = true, roots
		return []finding.Line{
			finding.Well(fmt.Sprintf("the portal's JVM trusts it: %s has %d certificates, one is its authority", p.Truststore, len(all))),
		}
	}
	if strings.Contains(l.Words, "intermediate") {
		return []finding.Line{l.As("tls.chain")}
	}
	last := state.PeerCertificates[len(state.PeerCertificates)-1]
	l = finding.Mend(
		fmt.Sprintf(
			"the portal's JVM does not trust it: %s has %d certificates, none is %q",
			p.Truststore,
			len(all),
			last.Issuer.CommonName,
		),
		fmt.Sprintf(
			"keytool -importcert -alias stagelock -file ca.pem -keystore %s, with the file that stagelock ca names there",
			p.Truststore,
		),
	)
	l.File = p.Truststore
	return []finding.Line{l}
}
