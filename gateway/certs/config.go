package certs

import (
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/store"
)

// Source says where certificates come from.
type Source string

// The sources. The zero one is refused.
const (
	Local Source = "local" // a CA of its own
	Files Source = "files" // a pair of files that somebody else renews
	ACME  Source = "acme"  // an ACME server
)

// Challenge is how an ACME server sees that a name belongs to this gateway.
type Challenge string

// The challenges. The zero one is ChallengeTLS.
const (
	// ChallengeTLS is on the gateway's own port, which the server reaches as 443.
	ChallengeTLS Challenge = "tls-alpn"
	// ChallengeHTTP is on a port of its own, which the server reaches as 80.
	ChallengeHTTP Challenge = "http"
)

// ACMEConfig is what is needed for certificates from an ACME server. Whoever sets it agrees to the
// server's terms.
type ACMEConfig struct {
	Email     string
	Directory string // address of the server's directory; empty means Let's Encrypt
	// Roots is a file with the certificates that the server's own is trusted by; empty means the
	// system's.
	Roots     string
	Challenge Challenge
	Port      int // where the challenge arrives, if that is not 443 or 80
}

// Config says which certificates are wanted and where they are kept.
type Config struct {
	Source      Source
	Names       []string     // host names; the first one is shown to clients that name none
	IPs         []netip.Addr // for Local, beside the loopback addresses
	Certificate string       // for Files: the chain, the server's own first
	Key         string       // for Files
	ACME        ACMEConfig
	Values      store.Values // for Local and ACME
	Leases      store.Leases // of the same store; lets one of several gateways obtain a certificate
	// Dir is a folder for ca.pem, which clients of a Local certificate trust, and for the key that
	// encrypts Values, unless Shared is given.
	Dir string
	// Shared is keys of 32 bytes that all gateways with the same Values have: the first one encrypts them, each
	// opens them, and session tickets of one gateway are understood by the others. What is encrypted with
	// another one than the first is encrypted anew by New. Reload does not change them. None: the gateway has
	// its Values for itself.
	Shared [][]byte
	Log    *logrus.Entry
	Now    func() time.Time
	// MinVersion is the lowest TLS version of the listeners, 1.2 if zero. Reload does not change it.
	MinVersion uint16
}

// rule is one condition of a configuration.
type rule struct {
	msg string
	ok  func(c *Config) bool
}

var rules = []rule{
	{"a clock and a log are needed", func(c *Config) bool { return c.Now != nil && c.Log != nil }},
	{"source must be local, files or acme",
		func(c *Config) bool { return sources[c.Source] != nil }},
	{"files: needs a certificate and a key", func(c *Config) bool {
		return c.Source != Files || c.Certificate != "" && c.Key != ""
	}},
	{"local and acme: need a store and a folder", func(c *Config) bool {
		return c.Source == Files || c.Values != nil && c.Leases != nil && c.Dir != ""
	}},
	{"a shared key must have 32 bytes", func(c *Config) bool {
		return !slices.ContainsFunc(c.Shared, func(key []byte) bool { return len(key) != keyBytes })
	}},
	{"acme: needs at least one name", func(c *Config) bool {
		return c.Source != ACME || len(c.Names) > 0
	}},
	{"acme: challenge must be tls-alpn or http", func(c *Config) bool {
		return c.ACME.Challenge == "" || c.ACME.Challenge == ChallengeTLS ||
			c.ACME.Challenge == ChallengeHTTP
	}},
}

// check returns every rule that c breaks.
func (c *Config) check() error {
	var errs []error
	for _, r := range rules {
		if !r.ok(c) {
			errs = append(errs, errors.New(r.msg))
		}
	}
	return errors.Join(errs...)
}
