package certs_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/gateway/certs"
)

func TestRealm(t *testing.T) {
	for _, tt := range []struct {
		name    string
		names   []string
		ips     string
		domains []string
		ranges  int // beside private ones
	}{
		{"nothing", []string{"localhost"}, "", []string{"localhost"}, 0},
		{"a name and its neighbours", []string{"live.example.com", "edit.example.com"}, "", []string{"example.com"}, 0},
		{"a domain", []string{"example.com"}, "", []string{"example.com"}, 0},
		{"a domain of a country", []string{"example.co.uk"}, "", []string{"example.co.uk"}, 0},
		{"a name in one", []string{"live.example.co.uk"}, "", []string{"example.co.uk"}, 0},
		{"a machine", []string{"gate"}, "", []string{"gate"}, 0},
		{"a private address", []string{"gate"}, "10.1.2.3", []string{"gate"}, 0},
		{"a public address", []string{"gate"}, "192.0.2.7", []string{"gate"}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var ips []netip.Addr
			if tt.ips != "" {
				ips = append(ips, netip.MustParseAddr(tt.ips))
			}
			domains, ranges := certs.Realm(tt.names, ips)
			if !slices.Equal(domains, tt.domains) || ranges != tt.ranges {
				t.Errorf("got %v and %d addresses, want %v and %d", domains, ranges, tt.domains, tt.ranges)
			}
		})
	}
}

// TestTheLocalAuthorityMaySignForItsNamesOnly: its certificate lies in the trust store of the staging JVM, and could
// have signed for every name there is.
func TestTheLocalAuthorityMaySignForItsNamesOnly(t *testing.T) {
	p := newPlace(t)
	cfg := p.config(certs.Local)
	cfg.Names = []string{"live.example.com"}
	m := newManager(t, cfg)
	pool := roots(t, m)
	for name, trusted := range map[string]bool{
		"live.example.com": true, "edit.example.com": true, "localhost": true, "www.example.org": false, "example.com.evil.example.net": false,
	} {
		forged, err := certs.Forge(cfg, name)
		must(t, err)
		leaf, err := x509.ParseCertificate(forged.Certificate[0])
		must(t, err)
		between := x509.NewCertPool()
		signer, err := x509.ParseCertificate(forged.Certificate[1])
		must(t, err)
		between.AddCert(signer)
		_, err = leaf.Verify(x509.VerifyOptions{Roots: pool, Intermediates: between, DNSName: name})
		var invalid x509.CertificateInvalidError
		if trusted != (err == nil) || !trusted && (!errors.As(err, &invalid) || invalid.Reason != x509.CANotAuthorizedForThisName) {
			t.Errorf("%s: %v, want trusted %t", name, err, trusted)
		}
	}

	cfg.Names = []string{"live.example.com", "www.example.org"}
	if err := m.Reload(context.Background(), cfg); !errors.Is(err, certs.ErrOutside) || !strings.Contains(err.Error(), "www.example.org") {
		t.Errorf("reload with a name outside: %v", err)
	}
	if _, err := handshake(t, m, &tls.Config{RootCAs: pool, ServerName: "live.example.com"}); err != nil {
		t.Errorf("the old names after that: %v", err)
	}
}

// TestJavaHonoursTheConstraint lets a JVM that trusts the CA connect to a host of another name under a certificate of it.
func TestJavaHonoursTheConstraint(t *testing.T) {
	tool(t, "keytool")
	tool(t, "java")
	tool(t, "javac")
	p := newPlace(t)
	cfg := p.config(certs.Local)
	cfg.Names = []string{"live.example.com"}
	m := newManager(t, cfg)
	path, _, _ := m.CA()
	trust := filepath.Join(t.TempDir(), "cacerts")
	if out, err := exec.Command("keytool", "-importcert", "-noprompt", "-alias", "ca", "-file", path, "-keystore", trust,
		"-storepass", "changeit").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for name, trusted := range map[string]bool{"localhost": true, "localhost.localdomain": false} {
		forged, err := certs.Forge(cfg, name)
		must(t, err)
		l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{forged}})
		must(t, err)
		s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) })}
		go func() { _ = s.Serve(l) }()
		_, port, err := net.SplitHostPort(l.Addr().String())
		must(t, err)
		out, err := exec.Command("java", "-Djdk.net.hosts.file=testdata/hosts", "-Djavax.net.ssl.trustStore="+trust,
			"-Djavax.net.ssl.trustStorePassword=changeit", "testdata/Client.java", "https://"+name+":"+port+"/").CombinedOutput()
		if trusted != (err == nil) || !trusted && !bytes.Contains(out, []byte("SSLHandshakeException")) {
			t.Errorf("JVM at %s: %v, want trusted %t\n%s", name, err, trusted, out)
		}
		must(t, s.Close())
	}
}
