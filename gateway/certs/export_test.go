package certs

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net/netip"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/sirupsen/logrus"
	"go.uber.org/zap"
)

// LeaseTTL is how long a lease lasts without renewal.
const LeaseTTL = leaseTTL

// Storage is what certmagic gets.
type Storage interface {
	certmagic.Storage
	certmagic.TryLocker
}

// NewStorage returns it with its end.
func NewStorage(cfg Config) (s Storage, end func(), err error) {
	st, err := newStorage(context.Background(), cfg)
	if err != nil {
		return nil, nil, err
	}
	return st, st.close, nil
}

// NewZap returns a zap logger that writes to log.
func NewZap(log *logrus.Entry) *zap.Logger { return zap.New(&core{log: log}) }

// Event logs an event of certmagic.
func Event(log *logrus.Entry, name string, data map[string]any) error {
	return (&events{log: log}).on(context.Background(), name, data)
}

// ParseCA reads a stored CA.
func ParseCA(data []byte) error {
	_, err := parseCA(data, time.Now)
	return err
}

// Open opens a sealed value with the key in dir.
func Open(dir, key string, sealed []byte) ([]byte, error) {
	s, err := newSealer(dir, nil)
	if err != nil {
		return nil, err
	}
	return s.open(key, sealed)
}

// Seal seals a value with the key in dir.
func Seal(dir, key string, value []byte) ([]byte, error) {
	s, err := newSealer(dir, nil)
	if err != nil {
		return nil, err
	}
	return s.seal(key, value), nil
}

// Realm is what a CA of those names and addresses may sign for.
func Realm(names []string, ips []netip.Addr) (domains []string, ranges int) {
	r := realmOf(names, ips)
	return r.domains, len(r.ranges) - len(private)
}

// Forge signs a certificate for a name with the CA of cfg, as whoever stole its key would.
func Forge(cfg Config, name string) (cert tls.Certificate, err error) {
	s, err := newStorage(context.Background(), cfg)
	if err != nil {
		return cert, err
	}
	defer s.close()
	ca, err := loadCA(context.Background(), s, nil, nil, time.Now)
	if err != nil {
		return cert, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return cert, err
	}
	der, err := create(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotBefore: time.Now().Add(-skew), NotAfter: time.Now().Add(skew),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, ca.cert, &key.PublicKey, ca.key)
	return tls.Certificate{Certificate: [][]byte{der, ca.cert.Raw}, PrivateKey: key}, err
}

// Expiry returns when the first of the certificates that are shown runs out, and what is wrong with one.
func (m *Manager) Expiry() (first time.Time, err error) {
	for _, one := range m.Shown() {
		if one.Problem != "" {
			return one.NotAfter, errors.New(one.Problem)
		}
		if first.IsZero() || one.NotAfter.Before(first) {
			first = one.NotAfter
		}
	}
	return first, nil
}
