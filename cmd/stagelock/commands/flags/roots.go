package flags

import (
	"crypto/x509"
	"fmt"

	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/conf/bounded"
)

// Roots returns the system's authorities and those of the file; nil, which means the system's,
// without a file.
func Roots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	b, err := bounded.Any(file, bounded.Large)
	if err != nil {
		return nil, fmt.Errorf("certificate of the authority: %w", err)
	}
	if !pool.AppendCertsFromPEM(b) {
		return nil, &term.DataError{Msg: "there is no certificate in " + file,
			Cure: "a PEM file begins with -----BEGIN CERTIFICATE-----"}
	}
	return pool, nil
}
