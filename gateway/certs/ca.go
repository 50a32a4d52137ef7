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
	"strings"
	"time"

	"github.com/caddyserver/certmagic"
)

const (
	caYears  = 10
	leafDays = 90
	// skew is how far a client's clock may be behind ours.
	skew = time.Hour
	// caKey is where the CA lies in the store: certificate and key in one value, so that no two of
	// them mix.
	caKey  = "local/ca.pem"
	caLock = "local_ca"
)

// authority is a CA that knows for which names it issues. It implements certmagic.Issuer.
type authority struct {
	cert  *x509.Certificate
	key   *ecdsa.PrivateKey
	names []string
	ips   []net.IP
	now   func() time.Time
}

var _ certmagic.Issuer = (*authority)(nil)

// loadCA returns the CA in s, or makes one if there is none. Of several gateways that start at
// once, one makes it.
func loadCA(ctx context.Context, s *storage, now func() time.Time) (*authority, error) {
	data, err := s.Load(ctx, caKey)
	if errors.Is(err, fs.ErrNotExist) {
		data, err = makeCAOnce(ctx, s, now)
	}
	if err != nil {
		return nil, err
	}
	return parseCA(data, now)
}

func makeCAOnce(ctx context.Context, s *storage, now func() time.Time) (data []byte, err error) {
	if err := s.Lock(ctx, caLock); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Unlock(ctx, caLock)) }()
	data, err = s.Load(ctx, caKey)
	if !errors.Is(err, fs.ErrNotExist) {
		return data, err
	}
	if data, err = makeCA(now()); err != nil {
		return nil, err
	}
	return data, s.Store(ctx, caKey, data)
}

func makeCA(now time.Time) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "stagelock local CA " +
			now.UTC().Format("2006-01-02")},
		NotBefore:             now.Add(-skew),
		NotAfter:              now.AddDate(caYears, 0, 0),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true,
	}
	cert, err := create(template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return append(encodeCert(cert), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY",
		Bytes: der})...), nil
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
	keyBlock, _ := pem.Decode(rest)
	if certBlock == nil || keyBlock == nil {
		return nil, errCA
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
	if !ok || !key.PublicKey.Equal(cert.PublicKey) || !cert.IsCA {
		return nil, errCA
	}
	return &authority{cert: cert, key: key, now: now}, nil
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
	return &certmagic.IssuedCertificate{Certificate: append(encodeCert(der), a.pem()...)}, nil
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

func (a *authority) pem() []byte { return encodeCert(a.cert.Raw) }

func (a *authority) fingerprint() string { return fingerprint(a.cert) }

// fingerprint is the SHA-256 of the certificate as keytool and browsers print it.
func fingerprint(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	parts := make([]string, len(sum))
	for i, b := range sum {
		parts[i] = fmt.Sprintf("%02X", b)
	}
	return strings.Join(parts, ":")
}
