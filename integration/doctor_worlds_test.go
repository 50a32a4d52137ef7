package integration_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/doctor"
	"github.com/stagelock/stagelock/gateway/doctor/finding"
	"github.com/stagelock/stagelock/gateway/doctor/here"
	"github.com/stagelock/stagelock/gateway/doctor/portal"
	"github.com/stagelock/stagelock/integration/internal/harness"
	"github.com/stagelock/stagelock/policy/secret"
)

// change breaks something between a doctor and the gateway that it looks at.
type change func(t *testing.T, g *harness.Gateway, c *doctor.Config)

// world is a staging server and a live one, of which everything is right unless a test breaks it.
type world struct {
	engine harness.EngineOptions
	denied string // the call for which the engine says that the user lacks a permission
	live   harness.Options
	props  string // portal-ext.properties of the staging server
	setenv string
	look   change
}

const goodProps = `# staging
tunneling.servlet.shared.secret=` + ownSecret + `
tunnel.servlet.hosts.allowed=127.0.0.1,SERVER_IP
`

// ownSecret is that of these worlds: the one of the other tests is published.
const ownSecret, otherSecret = "kX7vQz2mNp4rTs9w", "qW8eRt5yUi3oPa1s"

// report is what a doctor finds on the staging server.
func (w world) report(t *testing.T) finding.Report {
	t.Helper()
	w.engine.Context, w.live.Secret = "/portal", or(w.live.Secret, ownSecret)
	if w.denied != "" {
		w.engine.Before = denies(t, w.denied)
	}
	if w.engine.Key == nil {
		w.engine.Key = harness.NewKey(t, ownSecret)
	}
	e := harness.StartEngine(t, w.engine)
	w.live.Upstream = or(w.live.Upstream, e.URL)
	w.live.Inside, w.live.Context, w.live.Names = "/portal", "/live", `["127.0.0.1", "live.example.com"]`
	w.live.Logins = or(w.live.Logins, "["+harness.Login+"]")
	w.live.Sites = or(w.live.Sites, fmt.Sprintf("[%d, 99]", harness.Site))
	w.live.Extra = append(w.live.Extra, "heartbeat: 1s")
	g := harness.Start(t, w.live)
	to, err := url.Parse(g.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := doctor.Config{To: to, Roots: g.TLS.RootCAs, Login: harness.Login, Site: harness.Site,
		Silences: []time.Duration{10 * time.Millisecond}, Patience: 3 * time.Second, Quick: true,
		Config:  here.Config{Build: "7.4", Secret: &here.Secret{Text: ownSecret, Algorithm: "AES"}, Portal: w.portal(t)},
		Keytool: pemStore}
	if w.look != nil {
		w.look(t, g, &c)
	}
	return but8080(doctor.Run(t.Context(), c))
}

// but8080 leaves out what is found at the port 8080 of this machine: the other end looks there, and whatever
// runs on this machine beside the tests may have it.
func but8080(r finding.Report) finding.Report {
	of8080 := func(l finding.Line) bool { return l.ID == "engine.open" && strings.Contains(l.Words, ":8080") }
	before := len(r.Lines)
	r.Lines = slices.DeleteFunc(r.Lines, of8080)
	r.ToMend -= before - len(r.Lines)
	return r
}

// portal writes the files of the staging server's portal, and reads them.
func (w world) portal(t *testing.T) *portal.Portal {
	t.Helper()
	dir := t.TempDir()
	f := portal.Files{Properties: []string{filepath.Join(dir, "portal-ext.properties")}, JVM: []string{filepath.Join(dir, "setenv.sh")}}
	for name, text := range map[string]string{f.Properties[0]: or(w.props, goodProps), f.JVM[0]: w.setenv} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p, err := portal.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func pemStore(_ context.Context, file string) ([]*x509.Certificate, error) {
	text, err := os.ReadFile(file)
	return conf.Certificates(text), err
}

// set changes what the doctor is told.
func set(f func(c *doctor.Config)) change {
	return func(_ *testing.T, _ *harness.Gateway, c *doctor.Config) { f(c) }
}

// byName calls the gateway by a name that has these addresses.
func byName(name string, addrs ...string) change {
	return func(_ *testing.T, g *harness.Gateway, c *doctor.Config) {
		c.To.Host = name + ":8443"
		c.Resolve = func(_ context.Context, network, _ string) (found []netip.Addr, err error) {
			for _, text := range addrs {
				if a := netip.MustParseAddr(text); a.Is4() == (network == "ip4") {
					found = append(found, a)
				}
			}
			return found, nil
		}
		c.Dial = dialing(g.Addr)
	}
}

// dialing connects to one address, whatever is asked for.
func dialing(addr string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", addr)
	}
}

func undialable(err error) change {
	return set(func(c *doctor.Config) {
		c.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, err }
	})
}

// listener serves each connection with f.
func listener(t *testing.T, f func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go f(c)
		}
	}()
	t.Cleanup(func() { l.Close(); <-ended })
	return l.Addr().String()
}

// inPlace puts what serves connections with f in the gateway's place.
func inPlace(f func(net.Conn)) change {
	return func(t *testing.T, _ *harness.Gateway, c *doctor.Config) { c.To.Host = listener(t, f) }
}

func hangUp(c net.Conn) { c.Close() }

// issued is a certificate with its key, and who issued it.
type issued struct {
	tls.Certificate
	authority *x509.Certificate
}

// sign makes a certificate. Without an issuer it is its own.
func sign(t *testing.T, c, issuer *x509.Certificate, by *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if issuer == nil {
		issuer, by = c, k
	}
	der, err := x509.CreateCertificate(rand.Reader, c, issuer, k.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return made, k
}

// issue makes a certificate for a name, of an authority of its own; elsewhere is where that says it can
// be found.
func issue(t *testing.T, name string, left time.Duration, elsewhere ...string) issued {
	t.Helper()
	now := time.Now()
	root, rootKey := sign(t, &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "house"}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, NotBefore: now.Add(-9999 * time.Hour), NotAfter: now.Add(9999 * time.Hour)}, nil, nil)
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: now.Add(-999 * time.Hour), NotAfter: now.Add(left), IssuingCertificateURL: elsewhere}
	if ip := net.ParseIP(name); ip != nil {
		leaf.IPAddresses = []net.IP{ip}
	} else {
		leaf.DNSNames = []string{name}
	}
	made, k := sign(t, leaf, root, rootKey)
	return issued{tls.Certificate{Certificate: [][]byte{made.Raw}, PrivateKey: k}, root}
}

// ender ends TLS with a certificate in front of the gateway, as a balancer does that works for TCP, and
// returns its address.
func ender(t *testing.T, g *harness.Gateway, cert tls.Certificate) string {
	t.Helper()
	return listener(t, func(raw net.Conn) {
		defer raw.Close()
		in := tls.Server(raw, &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}})
		if in.Handshake() != nil {
			return
		}
		out, err := tls.Dial("tcp", g.Addr, &tls.Config{RootCAs: g.TLS.RootCAs, ServerName: "127.0.0.1", NextProtos: []string{"http/1.1"}})
		if err != nil {
			return
		}
		defer out.Close()
		go func() { _, _ = io.Copy(out, in) }()
		_, _ = io.Copy(in, out)
	})
}

// shows has a balancer in front of the gateway show a certificate, whose authority is trusted or not.
func shows(trusted bool, name string, left time.Duration, elsewhere ...string) change {
	return func(t *testing.T, g *harness.Gateway, c *doctor.Config) {
		cert := issue(t, name, left, elsewhere...)
		c.To.Host, c.Roots = ender(t, g, cert.Certificate), x509.NewCertPool()
		if trusted {
			c.Roots.AddCert(cert.authority)
		}
	}
}

// unnamed calls the gateway by a name that it does not know, through a balancer that has a certificate
// for it.
func unnamed(t *testing.T, g *harness.Gateway, c *doctor.Config) {
	cert := issue(t, "unknown.example.com", time.Hour*999)
	byName("unknown.example.com", "192.0.2.7")(t, g, c)
	c.Dial, c.Roots = dialing(ender(t, g, cert.Certificate)), x509.NewCertPool()
	c.Roots.AddCert(cert.authority)
}

// serving puts a web server in the gateway's place.
func serving(h http.HandlerFunc) change {
	return func(t *testing.T, _ *harness.Gateway, c *doctor.Config) {
		s := httptest.NewTLSServer(h)
		t.Cleanup(s.Close)
		c.Roots = x509.NewCertPool()
		c.Roots.AddCert(s.Certificate())
		c.To.Host = s.Listener.Addr().String()
	}
}

// speaking puts what speaks one version of TLS in the gateway's place.
func speaking(version uint16) change {
	return func(t *testing.T, _ *harness.Gateway, c *doctor.Config) {
		cert := issue(t, "127.0.0.1", time.Hour)
		c.To.Host = listener(t, func(raw net.Conn) {
			defer raw.Close()
			_ = tls.Server(raw, &tls.Config{Certificates: []tls.Certificate{cert.Certificate}, MinVersion: version, MaxVersion: version}).Handshake()
		})
	}
}

// shifted moves the clock of the staging server.
func shifted(d time.Duration) change {
	return set(func(c *doctor.Config) { c.Now = func() time.Time { return time.Now().Add(d) } })
}

func withSecret(s here.Secret) change {
	return set(func(c *doctor.Config) { c.Secret, c.Portal = &s, nil })
}

// portalSays has the portal here tell its version.
func portalSays(version string) change {
	return func(t *testing.T, _ *harness.Gateway, c *doctor.Config) {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Liferay-Portal", version) }))
		t.Cleanup(s.Close)
		u, err := url.Parse(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		c.PortalURL, c.Build = u, ""
	}
}

// through has the doctor go through a forward proxy, which passes connections on to the gateway or answers so.
func through(answer string) change {
	return func(t *testing.T, g *harness.Gateway, c *doctor.Config) {
		at := listener(t, func(raw net.Conn) {
			defer raw.Close()
			r := bufio.NewReader(raw)
			req, err := http.ReadRequest(r)
			if err != nil || req.Method != http.MethodConnect || req.Host != c.To.Host {
				return
			}
			if _, err := io.WriteString(raw, answer); err != nil || !strings.Contains(answer, " 200 ") {
				return
			}
			out, err := net.Dial("tcp", g.Addr)
			if err != nil {
				return
			}
			defer out.Close()
			go func() { _, _ = io.Copy(raw, out) }() // ends with the connections
			_, _ = io.Copy(out, r)
		})
		c.Proxy = &url.URL{Scheme: "http", Host: at}
	}
}

// byProxy calls the gateway by a name that the proxy alone knows.
func byProxy(answer string) change {
	return func(t *testing.T, g *harness.Gateway, c *doctor.Config) {
		c.To.Host = "live.example.com:8443"
		c.Resolve = func(context.Context, string, string) ([]netip.Addr, error) { return nil, errors.New("no name server") }
		through(answer)(t, g, c)
	}
}

const opened = "HTTP/1.1 200 Connection established\r\n\r\n"

// denies has the engine answer one call as the vendor's did whose user lacked a permission.
func denies(t *testing.T, method string) func(http.Handler) http.Handler {
	t.Helper()
	all, err := filepath.Glob("../tunnel/liferay/testdata/real/7.4.3.112/*.rep.ser")
	if err != nil {
		t.Fatal(err)
	}
	var denial []byte
	for _, name := range all {
		if b, err := os.ReadFile(name); err == nil && bytes.Contains(b, []byte("auth.PrincipalException")) {
			denial = b
		}
	}
	if denial == nil {
		t.Fatal("no recorded answer is of a user without permission")
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err == nil && bytes.Contains(body, []byte(method)) {
				_, _ = w.Write(denial)
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			next.ServeHTTP(w, r)
		})
	}
}

// portOf is the port of an address.
func portOf(addr string) uint16 { return netip.MustParseAddrPort(addr).Port() }

func writeAuthority(t *testing.T, c *x509.Certificate) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "cacerts.pem")
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

const digits = "00112233445566778899aabbccddeeff"

// digitKey is the key of a secret in digits.
func digitKey() *secret.Key {
	k, _ := secret.NewKey(secret.KeyConfig{ID: "digits", Algorithm: "AES", Secret: []byte(digits), Hex: true, Line: "7.4"})
	return k
}
