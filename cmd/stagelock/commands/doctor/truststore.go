package doctor

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/conf/bounded"
)

// trusted returns the certificates of a trust store: a PEM file, or what keytool lists.
func trusted(ctx context.Context, file string) ([]*x509.Certificate, error) {
	text, err := bounded.Any(file, bounded.Large)
	if err != nil {
		return nil, err
	}
	if bytes.Contains(text, []byte("-----BEGIN CERTIFICATE-----")) {
		return conf.Certificates(text), nil
	}
	keytool, err := findKeytool()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, keytool, "-list", "-rfc", "-keystore", file, "-storepass", "changeit")
	var says bytes.Buffer
	cmd.Stderr = &says
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %.200s", keytool, err, bytes.TrimSpace(append(out, says.Bytes()...)))
	}
	return conf.Certificates(out), nil
}

// findKeytool looks where a JVM is.
func findKeytool() (string, error) {
	if home := os.Getenv("JAVA_HOME"); home != "" {
		name := filepath.Join(home, "bin", "keytool")
		if _, err := os.Stat(name); err == nil { //nolint:gosec // JAVA_HOME is the operator's
			return name, nil
		}
	}
	name, err := exec.LookPath("keytool")
	if err != nil {
		return "", errors.New("keytool is not found: set JAVA_HOME, or name a PEM file")
	}
	return name, nil
}
