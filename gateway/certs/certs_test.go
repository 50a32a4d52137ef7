package certs_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/gateway/certs"
	"github.com/stagelock/stagelock/store/sqlite"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// place is a folder with a store, which outlives the managers that use it, and what they logged.
type place struct {
	dir string
	db  *sqlite.Store
	log *bytes.Buffer
}

func newPlace(t testing.TB) *place {
	t.Helper()
	dir := t.TempDir()
	db, err := sqlite.Open(context.Background(), filepath.Join(dir, "stagelock.db"))
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return &place{dir: dir, db: db, log: &bytes.Buffer{}}
}

func (p *place) config(source certs.Source) certs.Config {
	log := logrus.New()
	log.SetOutput(p.log)
	return certs.Config{Source: source, Values: p.db.Values(), Leases: p.db.Leases(), Dir: p.dir, Log: logrus.NewEntry(log),
		Now: time.Now}
}

func newManager(t testing.TB, cfg certs.Config) *certs.Manager {
	t.Helper()
	m, err := certs.New(context.Background(), cfg)
	must(t, err)
	t.Cleanup(m.Close)
	return m
}

// pair is a certificate in files.
type pair struct{ cert, key string }

// selfSigned writes a pair that is valid from from to to.
func selfSigned(t testing.TB, name string, key crypto.Signer, from, to time.Time) pair {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		DNSNames:  []string{name},
		NotBefore: from, NotAfter: to,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	dir := t.TempDir()
	p := pair{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	must(t, os.WriteFile(p.cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		0o600))
	must(t, os.WriteFile(p.key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
		0o600))
	return p
}

func ecKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return key
}

func valid(t testing.TB, name string, key crypto.Signer) pair {
	return selfSigned(t, name, key, time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour))
}

// handshake connects to a server with m's configuration and returns what the client saw.
func handshake(t testing.TB, m *certs.Manager, client *tls.Config) (tls.ConnectionState, error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer ln.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		raw, err := ln.Accept()
		if err != nil {
			return
		}
		conn := tls.Server(raw, m.TLSConfig())
		defer conn.Close()
		_, _ = io.WriteString(conn, "x") // the handshake too, and the session ticket before it
		_, _ = io.Copy(io.Discard, conn)
	}()
	defer func() { <-done }()
	conn, err := tls.Dial("tcp", ln.Addr().String(), client)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer conn.Close()
	if _, err := conn.Read(make([]byte, 1)); err != nil {
		return tls.ConnectionState{}, err
	}
	return conn.ConnectionState(), nil
}

// shown returns the certificate that m shows to a client that asks for name and believes
// everything.
func shown(t testing.TB, m *certs.Manager, name string) *x509.Certificate {
	t.Helper()
	state, err := handshake(t, m, &tls.Config{ServerName: name, InsecureSkipVerify: true})
	must(t, err)
	return state.PeerCertificates[0]
}

func TestFiles(t *testing.T) {
	p := newPlace(t)
	good := valid(t, "gate.example.com", ecKey(t))
	cfg := p.config(certs.Files)
	cfg.Names, cfg.Certificate, cfg.Key = []string{"gate.example.com"}, good.cert, good.key
	m := newManager(t, cfg)
	for _, name := range []string{"gate.example.com", "other.example.com", ""} {
		if got := shown(t, m, name); got.DNSNames[0] != "gate.example.com" {
			t.Errorf("shown to a client of %q: %v", name, got.DNSNames)
		}
	}
	end, err := m.Expiry()
	must(t, err)
	if d := time.Until(end); d < 23*time.Hour || d > 24*time.Hour {
		t.Errorf("runs out in %v", d)
	}
	if _, _, ok := m.CA(); ok || m.KeytoolLine() != "" {
		t.Error("there is no CA, and it has a path")
	}
	if p.log.Len() > 0 {
		t.Errorf("logged: %s", p.log)
	}
}

func TestFilesRefused(t *testing.T) {
	now := time.Now()
	good, other := valid(t, "a.example.com", ecKey(t)), valid(t, "a.example.com", ecKey(t))
	old := selfSigned(t, "a.example.com", ecKey(t), now.Add(-48*time.Hour), now.Add(-24*time.Hour))
	early := selfSigned(t, "a.example.com", ecKey(t), now.Add(24*time.Hour), now.Add(48*time.Hour))
	junk := filepath.Join(t.TempDir(), "junk.pem")
	must(t, os.WriteFile(junk, []byte("junk"), 0o600))
	for _, tt := range []struct {
		name, cert, key, want string
	}{
		{"missing certificate", junk + ".none", good.key, "no such file"},
		{"missing key", good.cert, junk + ".none", "no such file"},
		{"junk certificate", junk, good.key, "junk.pem"},
		{"junk key", good.cert, junk, "junk.pem"},
		{"key of another", good.cert, other.key, "does not match"},
		{"swapped", good.key, good.cert, good.key},
		{"expired", old.cert, old.key, "put a new certificate there"},
		{"not yet valid", early.cert, early.key, "clock"},
		{"nothing", "", "", "needs a certificate and a key"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlace(t)
			cfg := p.config(certs.Files)
			cfg.Certificate, cfg.Key = tt.cert, tt.key
			m, err := certs.New(context.Background(), cfg)
			if err == nil {
				m.Close()
				t.Fatal("it was taken")
			}
			if !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q, want one line with %q", err, tt.want)
			}
			cfg.Certificate, cfg.Key = good.cert, good.key
			m = newManager(t, cfg)
			before := shown(t, m, "a.example.com")
			cfg.Certificate, cfg.Key = tt.cert, tt.key
			if m.Reload(context.Background(), cfg) == nil {
				t.Error("a reload took it")
			}
			if !shown(t, m, "a.example.com").Equal(before) {
				t.Error("a refused reload changed the certificate")
			}
		})
	}
}

func TestFilesReload(t *testing.T) {
	p := newPlace(t)
	first, second := valid(t, "a.example.com", ecKey(t)), valid(t, "b.example.com", ecKey(t))
	cfg := p.config(certs.Files)
	cfg.Certificate, cfg.Key = first.cert, first.key
	m := newManager(t, cfg)
	before := m.TLSConfig()
	cfg.Certificate, cfg.Key = second.cert, second.key
	must(t, m.Reload(context.Background(), cfg))
	if got := shown(t, m, ""); got.DNSNames[0] != "b.example.com" {
		t.Errorf("shown after the reload: %v", got.DNSNames)
	}
	if m.TLSConfig() != before {
		t.Error("a reload changed the listener's configuration: its session tickets are lost")
	}
}

// TestRunsOut has a certificate run out while the gateway runs.
func TestRunsOut(t *testing.T) {
	p := newPlace(t)
	good := valid(t, "a.example.com", ecKey(t))
	cfg := p.config(certs.Files)
	cfg.Certificate, cfg.Key = good.cert, good.key
	now := time.Now()
	cfg.Now = func() time.Time { return now }
	m := newManager(t, cfg)
	now = now.Add(25 * time.Hour)
	_, err := m.Expiry()
	if err == nil || !strings.Contains(err.Error(), "a.example.com ran out on ") ||
		!strings.Contains(err.Error(), good.cert) ||
		strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v", err)
	}
}

func TestWarnings(t *testing.T) {
	p := newPlace(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	slow := valid(t, "a.example.com", key)
	cfg := p.config(certs.Files)
	cfg.Certificate, cfg.Key, cfg.Names = slow.cert, slow.key, []string{"b.example.com"}
	m := newManager(t, cfg)
	for _, want := range []string{"RSA key", "not for a name", "b.example.com"} {
		if !strings.Contains(p.log.String(), want) {
			t.Errorf("nothing about %q in the log: %s", want, p.log)
		}
	}
	if got := shown(t, m, ""); got.PublicKeyAlgorithm != x509.RSA {
		t.Errorf("shown: %v", got.PublicKeyAlgorithm)
	}
}

func TestTLSProfile(t *testing.T) {
	p := newPlace(t)
	m := newManager(t, p.config(certs.Local))
	any := tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}}
	for _, tt := range []struct {
		name   string
		change func(c *tls.Config)
		ok     bool
	}{
		{"TLS 1.3", func(c *tls.Config) { c.MinVersion = tls.VersionTLS13 }, true},
		{"TLS 1.2", func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, true},
		{"TLS 1.1", func(c *tls.Config) {
			c.MinVersion, c.MaxVersion = tls.VersionTLS10,
				tls.VersionTLS11
		}, false},
		{"CBC only", func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12,
				[]uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
		}, false},
		{"no forward secrecy", func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12,
				[]uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}
		}, false},
		{"no protocol asked for", func(c *tls.Config) { c.NextProtos = nil }, true},
		{"unknown protocol", func(c *tls.Config) { c.NextProtos = []string{"spdy/1"} }, false},
		{"challenge protocol", func(c *tls.Config) { c.NextProtos = []string{certs.ACMEProtocol} },
			false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client := any.Clone()
			tt.change(client)
			state, err := handshake(t, m, client)
			if (err == nil) != tt.ok {
				t.Fatalf("error %v", err)
			}
			if tt.ok && len(client.NextProtos) > 0 && state.NegotiatedProtocol != "http/1.1" {
				t.Errorf("protocol %q", state.NegotiatedProtocol)
			}
		})
	}
}

// TestResumption reconnects with a ticket, before and after a reload.
func TestResumption(t *testing.T) {
	p := newPlace(t)
	cfg := p.config(certs.Local)
	m := newManager(t, cfg)
	client := &tls.Config{InsecureSkipVerify: true, ServerName: "localhost",
		ClientSessionCache: tls.NewLRUClientSessionCache(4)}
	for i, want := range []bool{false, true, true} {
		if i == 2 {
			must(t, m.Reload(context.Background(), cfg))
		}
		state, err := handshake(t, m, client)
		must(t, err)
		if state.DidResume != want {
			t.Errorf("connection %d resumed %v, want %v", i, state.DidResume, want)
		}
	}
}

func TestConfigRefused(t *testing.T) {
	p := newPlace(t)
	for name, change := range map[string]func(c *certs.Config){
		"no source":      func(c *certs.Config) { c.Source = "" },
		"unknown source": func(c *certs.Config) { c.Source = "magic" },
		"no store":       func(c *certs.Config) { c.Values = nil },
		"no folder":      func(c *certs.Config) { c.Dir = "" },
		"missing folder": func(c *certs.Config) { c.Dir = filepath.Join(p.dir, "none") },
		"no clock":       func(c *certs.Config) { c.Now = nil },
		"no log":         func(c *certs.Config) { c.Log = nil },
		"bad name":       func(c *certs.Config) { c.Names = []string{"a b"} },
		"empty name":     func(c *certs.Config) { c.Names = []string{""} },
		"IP as a name":   func(c *certs.Config) { c.Names = []string{"192.0.2.1"} },
		"no ACME name":   func(c *certs.Config) { c.Source = certs.ACME },
		"bad challenge": func(c *certs.Config) {
			c.Source, c.Names, c.ACME.Challenge = certs.ACME, []string{"a.example.com"}, "dns"
		},
		"missing roots": func(c *certs.Config) {
			c.Source, c.Names, c.ACME.Roots = certs.ACME, []string{"a.example.com"},
				filepath.Join(p.dir, "none")
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := p.config(certs.Local)
			change(&cfg)
			if m, err := certs.New(context.Background(), cfg); err == nil {
				m.Close()
				t.Error("it was taken")
			}
		})
	}
}

var loopback = netip.MustParseAddr("127.0.0.1")
