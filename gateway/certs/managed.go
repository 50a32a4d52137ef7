package certs

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"

	"github.com/stagelock/stagelock/conf/bounded"
	"github.com/stagelock/stagelock/store/files"
)

// renewAt is the share of a lifetime that is left when a certificate is renewed.
const renewAt = 1.0 / 3

// managed is what certmagic keeps for both sources that renew.
type managed struct {
	cache   *certmagic.Cache
	cfg     *certmagic.Config
	storage *storage
	names   []string // that certificates are managed by
	cure    string
	cancel  context.CancelFunc
}

// newManaged sets certmagic up; issuers says who issues.
func newManaged(cfg Config, s *storage, names []string, change func(c *certmagic.Config)) *managed {
	log := zap.New(&core{log: cfg.Log})
	m := &managed{storage: s, names: names}
	m.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) {
			return m.cfg, nil
		},
		Logger: log,
	})
	template := certmagic.Config{
		RenewalWindowRatio: renewAt,
		DefaultServerName:  names[0], // for clients that name no host
		// for those that name one we do not have: their own check tells them which
		FallbackServerName: names[0],
		KeySource:          certmagic.StandardKeyGenerator{KeyType: certmagic.P256},
		Storage:            s,
		Logger:             log,
		OnEvent:            (&events{log: cfg.Log}).on,
		Issuers:            []certmagic.Issuer{}, // not nil: that would mean a public CA
	}
	change(&template)
	m.cfg = certmagic.New(m.cache, template)
	return m
}

func (m *managed) get(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	return m.cfg.GetCertificate(hello)
}

func (m *managed) leaves() ([]*x509.Certificate, string) {
	var leaves []*x509.Certificate
	for _, name := range m.names {
		certs := m.cache.AllMatchingCertificates(name)
		if len(certs) == 0 {
			return nil, m.cure
		}
		for _, c := range certs {
			leaves = append(leaves, c.Leaf)
		}
	}
	return leaves, m.cure
}

// close ends renewal, and what is under way.
func (m *managed) close() {
	m.cancel()
	m.cache.Stop()
	m.storage.close()
}

// localSource has certificates from a CA of its own.
type localSource struct {
	*managed
	ca   *authority
	path string // of ca.pem
}

// openLocal gets the CA and a certificate for every name and address, and writes ca.pem.
func openLocal(ctx context.Context, cfg Config) (source, error) {
	s, err := newStorage(ctx, cfg)
	if err != nil {
		return nil, err
	}
	l, err := newLocal(ctx, cfg, s)
	if err != nil {
		s.close()
		return nil, err
	}
	ctx, l.cancel = context.WithCancel(ctx)
	if err := l.cfg.ManageSync(ctx, l.names); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func newLocal(ctx context.Context, cfg Config, s *storage) (*localSource, error) {
	names, err := localNames(cfg.Names)
	if err != nil {
		return nil, err
	}
	ca, err := loadCA(ctx, s, names, localIPs(cfg.IPs), cfg.Now)
	if err != nil {
		return nil, err
	}
	if !ca.cert.NotAfter.After(cfg.Now()) {
		return nil, fmt.Errorf("the local CA ran out on %s",
			day(ca.cert.NotAfter))
	}
	if err := within(ca.cert, names, localIPs(cfg.IPs)); err != nil {
		return nil, err
	}
	ca.serve(names, localIPs(cfg.IPs))
	path, err := exportCA(cfg.Dir, ca.pem())
	if err != nil {
		return nil, err
	}
	m := newManaged(cfg, s, []string{ca.primary()}, func(c *certmagic.Config) {
		c.Issuers = []certmagic.Issuer{ca}
		c.DisableARI = true
		c.OCSP.DisableStapling = true
	})
	m.cure = "the local CA could not renew it, see the log"
	return &localSource{managed: m, ca: ca, path: path}, nil
}

// localNames returns the names of the certificate, localhost among them.
func localNames(names []string) ([]string, error) {
	for _, n := range names {
		if !certmagic.SubjectQualifiesForCert(n) || certmagic.SubjectIsIP(n) {
			return nil, fmt.Errorf("%q is not a host name", n)
		}
	}
	return unique(append(lower(names), "localhost")), nil
}

func lower(names []string) []string {
	all := make([]string, len(names))
	for i, n := range names {
		all[i] = strings.ToLower(n)
	}
	return all
}

func localIPs(ips []netip.Addr) []netip.Addr {
	all := make([]netip.Addr, 0, len(ips)+2)
	for _, ip := range append(slices.Clone(ips), netip.IPv6Loopback(),
		netip.AddrFrom4([4]byte{127, 0, 0, 1})) {
		all = append(all, ip.Unmap().WithZone(""))
	}
	return unique(all)
}

// unique drops what stands in all before.
func unique[T comparable](all []T) []T {
	var out []T
	for _, v := range all {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// CAFile is the file in Config.Dir with the certificate of the gateway's own authority.
const CAFile = "ca.pem"

// exportCA writes CAFile, for everybody's eyes, unless it is there already.
func exportCA(dir string, pem []byte) (string, error) {
	path, err := filepath.Abs(filepath.Join(dir, CAFile))
	if err != nil {
		return "", err
	}
	old, err := bounded.File(path, bounded.Small)
	if err == nil && bytes.Equal(old, pem) {
		return path, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return path, files.Replace(path, pem, 0o644)
}

// acmeSource has certificates from an ACME server.
type acmeSource struct{ *managed }

// openACME shows the certificates that are stored and gets the others in the background, so that a
// gateway starts while the ACME server is down.
func openACME(ctx context.Context, cfg Config) (source, error) {
	roots, err := readRoots(cfg.ACME.Roots)
	if err != nil {
		return nil, err
	}
	s, err := newStorage(ctx, cfg)
	if err != nil {
		return nil, err
	}
	names := lower(cfg.Names)
	m := newManaged(cfg, s, names, func(*certmagic.Config) {})
	m.cfg.Issuers = []certmagic.Issuer{certmagic.NewACMEIssuer(m.cfg,
		acmeTemplate(cfg, roots, m.cfg.Logger))}
	m.cure = fmt.Sprintf("the ACME server must reach this gateway as %s, see the log",
		strings.Join(names, ", "))
	ctx, m.cancel = context.WithCancel(ctx)
	if err := m.cfg.ManageAsync(ctx, names); err != nil {
		m.close()
		return nil, err
	}
	return &acmeSource{m}, nil
}

func acmeTemplate(cfg Config, roots *x509.CertPool, log *zap.Logger) certmagic.ACMEIssuer {
	t := certmagic.ACMEIssuer{
		CA: cfg.ACME.Directory, Email: cfg.ACME.Email, Agreed: true, TrustedRoots: roots,
		Logger:               log,
		DisableHTTPChallenge: true, AltTLSALPNPort: cfg.ACME.Port,
	}
	if t.CA != "" {
		t.TestCA = t.CA // else a retry asks the staging server of Let's Encrypt
	}
	if cfg.ACME.Challenge == ChallengeHTTP {
		t.DisableHTTPChallenge, t.DisableTLSALPNChallenge = false, true
		t.AltTLSALPNPort, t.AltHTTPPort = 0, cfg.ACME.Port
	}
	return t
}

func readRoots(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	data, err := bounded.File(path, bounded.Large)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("no certificate in %q", path)
	}
	return pool, nil
}
