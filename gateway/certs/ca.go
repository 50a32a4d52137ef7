package certs

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"net/netip"
	"time"

	"github.com/caddyserver/certmagic"

	"github.com/stagelock/stagelock/gateway/certs/trust"
)

const (
	caYears  = 10
	leafDays = 90
	// skew is how far a client's clock may be behind ours.
	skew = time.Hour
	// caKey is where the CA lies in the store: certificate, key and root in one value, so that no two of
	// them mix.
	caKey  = "local/ca.pem"
	caLock = "local_ca"
)

// authority is a CA that knows for which names it issues. It implements certmagic.Issuer.
type authority struct {
	root  *x509.Certificate // what publishers trust; nobody has its key any more
	cert  *x509.Certificate // what signs: the one certificate that the root ever signed
	key   *ecdsa.PrivateKey // of cert
	names []string
	ips   []net.IP
	now   func() time.Time
}

var _ certmagic.Issuer = (*authority)(nil)

// loadCA returns the CA in s, or makes one if there is none. Of several gateways that start at
// once, one makes it.
func loadCA(ctx context.Context, s *storage, names []string, ips []netip.Addr, now func() time.Time) (*authority, error) {
	data, err := s.Load(ctx, caKey)
	if errors.Is(err, fs.ErrNotExist) {
		data, err = makeCAOnce(ctx, s, realmOf(names, ips), now)
	}
	if err != nil {
		return nil, err
	}
	return parseCA(data, now)
}

func makeCAOnce(ctx context.Context, s *storage, r realm, now func() time.Time) (data []byte, err error) {
	if err := s.Lock(ctx, caLock); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Unlock(ctx, caLock)) }()
	data, err = s.Load(ctx, caKey)
	if !errors.Is(err, fs.ErrNotExist) {
		return data, err
	}
	if data, err = makeCA(r, now()); err != nil {
		return nil, err
	}
	return data, s.Store(ctx, caKey, data)
}

// makeCA makes a root and the one CA below it that may sign for the realm only, and forgets the root's key: readers
// hold name constraints against what stands below a trusted certificate, and Java not against that itself.
func makeCA(r realm, now time.Time) ([]byte, error) {
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	day := now.UTC().Format("2006-01-02")
	of := func(name string, below int) *x509.Certificate {
		return &x509.Certificate{
			Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-skew), NotAfter: now.AddDate(caYears, 0, 0),
			KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, BasicConstraintsValid: true, IsCA: true,
			MaxPathLen: below, MaxPathLenZero: below == 0,
		}
	}
	root, signer := of("stagelock local CA "+day, 1), of("stagelock local CA "+day+", for its names", 0)
	signer.PermittedDNSDomainsCritical = true
	signer.PermittedDNSDomains, signer.PermittedIPRanges = r.domains, r.ranges
	rootDER, err := create(root, root, &rootKey.PublicKey, rootKey)
	if err != nil {
		return nil, err
	}
	if root, err = x509.ParseCertificate(rootDER); err != nil {
		return nil, err
	}
	cert, err := create(signer, root, &key.PublicKey, rootKey)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	made := append(encodeCert(cert), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...)
	return append(made, encodeCert(rootDER)...), nil
}

// create signs template with a serial number of its own and returns it as DER.
func create(template, parent *x509.Certificate, pub *ecdsa.PublicKey,
	key *ecdsa.PrivateKey) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	return x509.CreateCertificate(rand.Reader, template, parent, pub, key)
}

func encodeCert(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

var errCA = errors.New("the stored local CA is damaged")

func parseCA(data []byte, now func() time.Time) (*authority, error) {
	certBlock, rest := pem.Decode(data)
	keyBlock, rest := pem.Decode(rest)
	rootBlock, _ := pem.Decode(rest)
	if certBlock == nil || keyBlock == nil || rootBlock == nil {
		return nil, errCA
	}
	root, err := x509.ParseCertificate(rootBlock.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errCA, err)
	}
	cert, err := x509.ParseCertificate(certBlock.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errCA, err)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(keyBlock.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errCA, err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || !key.PublicKey.Equal(cert.PublicKey) || !cert.IsCA || cert.CheckSignatureFrom(root) != nil {
		return nil, errCA
	}
	return &authority{root: root, cert: cert, key: key, now: now}, nil
}

// serve sets for which names and addresses a issues.
func (a *authority) serve(names []string, ips []netip.Addr) {
	a.names = names
	for _, ip := range ips {
		a.ips = append(a.ips, ip.AsSlice())
	}
}

// Issue signs a certificate for the key of csr. It is for all names and addresses of the gateway,
// whichever csr asks for: one certificate then fits every client.
func (a *authority) Issue(_ context.Context,
	csr *x509.CertificateRequest) (*certmagic.IssuedCertificate, error) {
	pub, ok := csr.PublicKey.(*ecdsa.PublicKey)
	if !ok {
		return nil, errors.New("the local CA issues for ECDSA keys only")
	}
	if err := csr.CheckSignature(); err != nil {
		return nil, err
	}
	now := a.now()
	end := now.AddDate(0, 0, leafDays)
	if end.After(a.cert.NotAfter) {
		end = a.cert.NotAfter
	}
	if !end.After(now) {
		return nil, fmt.Errorf("the local CA ran out on %s", day(a.cert.NotAfter))
	}
	template := &x509.Certificate{
		Subject:  pkix.Name{CommonName: a.primary()},
		DNSNames: a.names, IPAddresses: a.ips,
		NotBefore: now.Add(-skew), NotAfter: end,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	der, err := create(template, a.cert, pub, a.key)
	if err != nil {
		return nil, err
	}
	return &certmagic.IssuedCertificate{Certificate: append(encodeCert(der), encodeCert(a.cert.Raw)...)}, nil
}

// IssuerKey differs by CA and by the set of names, so that a change of either leads to a new
// certificate.
func (a *authority) IssuerKey() string {
	sum := sha256.New()
	sum.Write(a.cert.Raw)
	for _, n := range a.names {
		fmt.Fprintf(sum, "\nname %s", n)
	}
	for _, ip := range a.ips {
		fmt.Fprintf(sum, "\nip %s", ip)
	}
	return "local-" + hex.EncodeToString(sum.Sum(nil)[:8])
}

// primary is the name that the certificate is managed by.
func (a *authority) primary() string {
	if len(a.names) > 0 {
		return a.names[0]
	}
	return a.ips[0].String()
}

func (a *authority) pem() []byte { return encodeCert(a.root.Raw) }

func (a *authority) fingerprint() string { return trust.Fingerprint(a.root) }
