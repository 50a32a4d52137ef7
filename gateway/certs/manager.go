package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/gateway/certs/trust"
)

// ACMEProtocol is the protocol that an ACME server asks for when it looks for its challenge. A
// connection that agreed on it has served its purpose when the handshake is done: close it.
const ACMEProtocol = "acme-tls/1"

// source is one way to get certificates.
type source interface {
	// get chooses the certificate of a handshake.
	get(hello *tls.ClientHelloInfo) (*tls.Certificate, error)
	// leaves returns the certificates that are shown now, and what to do when one has run out.
	leaves() (leaves []*x509.Certificate, cure string)
	close()
}

// opener makes a source. It may use ctx as long as it lives.
type opener func(ctx context.Context, cfg Config) (source, error)

// sources are the ways there are; a func gives them because they lead back here.
var sources = map[Source]opener{Files: openFiles, Local: openLocal, ACME: openACME}

// Manager holds the certificates of a gateway and keeps them fresh. It is safe for concurrent use.
type Manager struct {
	tls *tls.Config

	mu     sync.RWMutex // guards the rest
	src    source
	now    func() time.Time
	closed bool
}

// New gets the certificates that cfg asks for. From files or the local CA they are there when it
// returns; from an ACME server they may come later. The caller closes the manager.
func New(ctx context.Context, cfg Config) (*Manager, error) {
	src, err := open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	m := &Manager{src: src, now: cfg.Now}
	m.tls = &tls.Config{
		GetCertificate: m.get,
		MinVersion:     max(cfg.MinVersion, tls.VersionTLS12),
		CipherSuites:   suites,
		NextProtos:     []string{"http/1.1", ACMEProtocol},
	}
	share(m.tls, cfg.Shared, cfg.Now)
	return m, nil
}

// suites are those of TLS 1.2 that have forward secrecy and authenticate what they encrypt; TLS 1.3
// has no others.
var suites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

func open(ctx context.Context, cfg Config) (source, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("certificates: %w", err)
	}
	// Renewal goes on for as long as the source is open, longer than the call that opens it.
	src, err := sources[cfg.Source](context.WithoutCancel(ctx), cfg)
	if err != nil {
		return nil, fmt.Errorf("certificates: %w", err)
	}
	warn(cfg, src)
	return src, nil
}

// warn logs what is legal and slow.
func warn(cfg Config, src source) {
	leaves, _ := src.leaves()
	for _, leaf := range leaves {
		if leaf.PublicKeyAlgorithm == x509.RSA {
			cfg.Log.WithFields(logrus.Fields{"certificate": leaf.Subject.String()}).
				Warn("the certificate has an RSA key: with ECDSA P-256 a connection costs a third")
		}
	}
}

// TLSConfig returns the configuration of the listener, always the same one, so that its session
// tickets stay valid over a reload. Whoever changes it must clone it.
func (m *Manager) TLSConfig() *tls.Config { return m.tls }

func (m *Manager) source() source {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.src
}

var errNoChallenge = errors.New("no challenge is due")

// get refuses the challenge protocol unless ACME is in use: nothing else is spoken on it.
func (m *Manager) get(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	src := m.source()
	if _, ok := src.(*acmeSource); !ok && slices.Equal(hello.SupportedProtos,
		[]string{ACMEProtocol}) {
		return nil, errNoChallenge
	}
	return src.get(hello)
}

// soon is how long before its end an operator wants to know of a certificate that he renews himself.
const soon = 30 * 24 * time.Hour

// Shown is a certificate that clients are shown.
type Shown struct {
	Name     string // the first that it is for
	NotAfter time.Time
	// Soon is how long before its end it should have been renewed: 30 days, less for one of a shorter
	// life that the gateway renews itself.
	Soon time.Duration
	// Problem says what is wrong with it and what to do; empty: nothing.
	Problem string
}

// Shown returns the certificates that clients are shown now, and those that are missing as Problem.
func (m *Manager) Shown() []Shown {
	m.mu.RLock()
	src, now := m.src, m.now()
	m.mu.RUnlock()
	leaves, cure := src.leaves()
	if len(leaves) == 0 {
		return []Shown{{Problem: "no certificate yet: " + cure}}
	}
	var all []Shown
	for _, leaf := range leaves {
		one := Shown{Name: subject(leaf), NotAfter: leaf.NotAfter, Soon: soon}
		if _, own := src.(*fileSource); !own { // which renews when a third of its life is left
			one.Soon = min(soon, leaf.NotAfter.Sub(leaf.NotBefore)/4)
		}
		if !leaf.NotAfter.After(now) {
			one.Problem = fmt.Sprintf("certificate of %s ran out on %s: %s", one.Name, day(leaf.NotAfter), cure)
		}
		all = append(all, one)
	}
	return all
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }

// subject names a certificate by what it is for.
func subject(c *x509.Certificate) string {
	switch {
	case len(c.DNSNames) > 0:
		return c.DNSNames[0]
	case len(c.IPAddresses) > 0:
		return c.IPAddresses[0].String()
	}
	return c.Subject.String()
}

// CA returns the file of the local CA's certificate and its fingerprint, SHA-256 as keytool prints
// it; false if there is no local CA.
func (m *Manager) CA() (pemPath, fingerprint string, ok bool) {
	l, ok := m.source().(*localSource)
	if !ok {
		return "", "", false
	}
	return l.path, l.ca.fingerprint(), true
}

// KeytoolLine returns the command that makes a JVM trust the local CA; empty if there is none. It
// is for the JVM whose keytool runs it, from Java 9 on; trust.Authority has those of older ones.
func (m *Manager) KeytoolLine() string {
	l, ok := m.source().(*localSource)
	if !ok {
		return ""
	}
	return trust.Keytool(l.path, l.ca.fingerprint(), "-cacerts")
}

// Reload changes to cfg. If that fails, nothing changes. Connections go on with what they began
// with.
func (m *Manager) Reload(ctx context.Context, cfg Config) error {
	src, err := open(ctx, cfg)
	if err != nil {
		return err
	}
	m.mu.Lock()
	old := src
	if !m.closed {
		old, m.src, m.now = m.src, src, cfg.Now
	}
	m.mu.Unlock()
	old.close()
	return nil
}

// Close ends renewal. It may be called again.
func (m *Manager) Close() {
	m.mu.Lock()
	closed := m.closed
	m.closed = true
	m.mu.Unlock()
	if !closed {
		m.source().close()
	}
}
