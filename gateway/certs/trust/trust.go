// Package trust tells publishers whom their JVMs are to trust: a gateway's own authority, and the commands that
// make a JVM do so.
package trust

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/stagelock/stagelock/conf/bounded"
)

// Authority is what a publisher needs to know of a gateway's own authority.
type Authority struct {
	Path        string // of its certificate, absolute
	Name        string
	Fingerprint string // SHA-256 as keytool and browsers print it
	NotAfter    time.Time
}

// Command is one for a POSIX shell that makes a JVM trust an authority.
type Command struct {
	JVM  string // for which it is
	Line string
}

// Read reads the certificate of an authority from the file at path, as a gateway leaves it
// in certs.CAFile.
func Read(path string) (*Authority, error) {
	data, err := bounded.Any(path, bounded.Small)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, fmt.Errorf("there is no certificate in %s", path)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("certificate in %s: %w", path, err)
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	return &Authority{Path: path, Name: cert.Subject.CommonName, Fingerprint: Fingerprint(cert),
		NotAfter: cert.NotAfter}, nil
}

// Commands returns those for the JVMs that publishers run on.
func (a *Authority) Commands() []Command {
	return []Command{
		{"Java 9 and later", Keytool(a.Path, a.Fingerprint, "-cacerts")},
		{"a JDK of Java 7 or 8", Keytool(a.Path, a.Fingerprint, `-keystore "$JAVA_HOME/jre/lib/security/cacerts"`)},
		{"a JRE of Java 7 or 8", Keytool(a.Path, a.Fingerprint, `-keystore "$JAVA_HOME/lib/security/cacerts"`)},
	}
}

// Keytool returns the command that adds the certificate at path to a trust store.
func Keytool(path, fingerprint, trustStore string) string {
	alias := "stagelock-" + strings.ToLower(strings.ReplaceAll(fingerprint, ":", "")[:8])
	return fmt.Sprintf("keytool -importcert -trustcacerts -noprompt -alias %s -file %s %s -storepass changeit",
		alias, quote(path), trustStore)
}

// quote puts s into quotes that a POSIX shell takes as they are.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// Fingerprint is the SHA-256 of a certificate, as keytool and browsers print it.
func Fingerprint(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	parts := make([]string, len(sum))
	for i, b := range sum {
		parts[i] = fmt.Sprintf("%02X", b)
	}
	return strings.Join(parts, ":")
}
