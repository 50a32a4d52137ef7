package certs

import (
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

// Trust is a command for a POSIX shell that makes a JVM trust an authority.
type Trust struct {
	JVM  string // for which it is
	Line string
}

// ReadAuthority reads the certificate of an authority from the file at path, as a gateway leaves it
// in CAFile.
func ReadAuthority(path string) (*Authority, error) {
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
	return &Authority{Path: path, Name: cert.Subject.CommonName, Fingerprint: fingerprint(cert),
		NotAfter: cert.NotAfter}, nil
}

// Trusts returns the commands for the JVMs that publishers run on.
func (a *Authority) Trusts() []Trust {
	return []Trust{
		{"Java 9 and later", keytoolLine(a.Path, a.Fingerprint, "-cacerts")},
		{"a JDK of Java 7 or 8", keytoolLine(a.Path, a.Fingerprint, `-keystore "$JAVA_HOME/jre/lib/security/cacerts"`)},
		{"a JRE of Java 7 or 8", keytoolLine(a.Path, a.Fingerprint, `-keystore "$JAVA_HOME/lib/security/cacerts"`)},
	}
}

// keytoolLine returns the command that adds the certificate at path to a trust store.
func keytoolLine(path, fingerprint, trustStore string) string {
	alias := "stagelock-" + strings.ToLower(strings.ReplaceAll(fingerprint, ":", "")[:8])
	return fmt.Sprintf("keytool -importcert -trustcacerts -noprompt -alias %s -file %s %s -storepass changeit",
		alias, quote(path), trustStore)
}

// quote puts s into quotes that a POSIX shell takes as they are.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
