package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
)

// fileSource shows one certificate to everybody.
type fileSource struct {
	pair *tls.Certificate
	cure string
}

// openFiles reads a pair and refuses one that no client would accept today.
func openFiles(_ context.Context, cfg Config) (source, error) {
	pair, err := tls.LoadX509KeyPair(cfg.Certificate, cfg.Key)
	if err != nil {
		return nil, fmt.Errorf("%q with key %q: %w", cfg.Certificate, cfg.Key, err)
	}
	now, leaf := cfg.Now(), pair.Leaf
	if !leaf.NotAfter.After(now) {
		return nil, fmt.Errorf("%q ran out on %s: put a new certificate there", cfg.Certificate,
			day(leaf.NotAfter))
	}
	if leaf.NotBefore.After(now) {
		return nil, fmt.Errorf("%q is valid from %s on: look at this machine's clock",
			cfg.Certificate, day(leaf.NotBefore))
	}
	for _, name := range cfg.Names {
		if err := leaf.VerifyHostname(name); err != nil {
			cfg.Log.WithError(err).Warn("the certificate is not for a name of this gateway")
		}
	}
	cure := fmt.Sprintf("put a new one at %q and reload", cfg.Certificate)
	return &fileSource{pair: &pair, cure: cure}, nil
}

func (s *fileSource) get(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.pair, nil }

func (s *fileSource) leaves() ([]*x509.Certificate, string) {
	return []*x509.Certificate{s.pair.Leaf}, s.cure
}

func (s *fileSource) close() {}
