package plan_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// writePair writes a certificate for name, valid between the two times, and its key.
func writePair(t *testing.T, name string, from, to time.Time) (certificate, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotBefore: from, NotAfter: to}
	der, err := x509.CreateCertificate(rand.Reader, c, c, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	bits, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certificate, key = filepath.Join(dir, "c.pem"), filepath.Join(dir, "k.pem")
	for name, block := range map[string]*pem.Block{certificate: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: bits}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certificate, key
}

// validate said nothing about certificates that run refused or warned of.
func TestValidateKnowsWhatRunKnowsOfCertificates(t *testing.T) {
	day, now := 24*time.Hour, time.Now()
	for _, tt := range []struct {
		name, host string
		from, to   time.Time
		want       string // of the only problem; empty for none
	}{
		{"good", "live.example.com", now.Add(-day), now.Add(90 * day), ""},
		{"wildcard", "*.example.com", now.Add(-day), now.Add(90 * day), ""},
		{"ran out", "live.example.com", now.Add(-2 * day), now.Add(-day), "tls.certificate: ran out on "},
		{"ends soon", "live.example.com", now.Add(-2 * day), now.Add(3 * day), "warning: tls.certificate: runs out on "},
		{"not yet valid", "live.example.com", now.Add(day), now.Add(90 * day), "tls.certificate: is valid from "},
		{"another name", "other.example.org", now.Add(-day), now.Add(90 * day), "warning: names[0]: is not a name of the certificate, which is for other.example.org"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, k := writePair(t, tt.host, tt.from, tt.to)
			got := problems(t, good+"tls: { source: files, certificate: "+c+", key: "+k+" }\n")
			if tt.want == "" && len(got) == 0 {
				return
			}
			if tt.want == "" || len(got) != 1 || !strings.Contains(got[0], tt.want) {
				t.Errorf("problems %q, want %q", got, tt.want)
			}
		})
	}
}

// Two settings that could not work together passed.
func TestValidateKnowsWhatAnAuthorityNeeds(t *testing.T) {
	acme := "tls: { source: acme, acme: { email: ops@example.com } }\n"
	for _, tt := range []struct{ name, listen, refuse, challenge, want string }{
		{"443", "0.0.0.0:443", "answer", "tls-alpn-01", ""},
		{"another port", "0.0.0.0:8443", "answer", "tls-alpn-01", "warning: tls.acme.challenge: is tls-alpn-01"},
		{"drop", "0.0.0.0:443", "drop", "tls-alpn-01", "hosts.refuse: is drop"},
		{"drop and http", "0.0.0.0:443", "drop", "http-01", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.NewReplacer("127.0.0.1:0", tt.listen, "hosts:\n", "hosts:\n  refuse: "+tt.refuse+"\n").Replace(good) +
				strings.Replace(acme, "email", "challenge: "+tt.challenge+", email", 1)
			got := problems(t, text)
			if tt.want == "" && len(got) == 0 {
				return
			}
			if tt.want == "" || len(got) != 1 || !strings.Contains(got[0], tt.want) {
				t.Errorf("problems %q, want %q", got, tt.want)
			}
		})
	}
}
