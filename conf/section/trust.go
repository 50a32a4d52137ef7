package section

import (
	"crypto/x509"
	"encoding/pem"
)

// Trust sets the content of the file of CA.
func (u *Upstream) Trust(text []byte) { u.authorities = text }

// Authorities returns the certificates in the file of CA.
func (u *Upstream) Authorities() []*x509.Certificate { return Certificates(u.authorities) }

// Certificates returns those that a PEM file holds.
func Certificates(text []byte) []*x509.Certificate {
	var all []*x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if c, err := x509.ParseCertificate(block.Bytes); err == nil && block.Type == "CERTIFICATE" {
			all = append(all, c)
		}
	}
	return all
}

// Roots returns whom to trust for the certificates of https nodes: nil for the system's authorities.
func (u *Upstream) Roots() *x509.CertPool { return Roots(u.authorities) }

// Roots returns whom to trust beside the system's authorities: nil if the PEM file holds none.
func Roots(text []byte) *x509.CertPool {
	if len(text) == 0 {
		return nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	pool.AppendCertsFromPEM(text)
	return pool
}
