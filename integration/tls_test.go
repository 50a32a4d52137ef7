package integration_test

import (
	"crypto/tls"
	"testing"

	"github.com/stagelock/stagelock/integration/internal/harness"
)

// The setting was accepted, shown as effective, and not passed to the listener.
func TestTLSMinVersionIsTheListeners(t *testing.T) {
	for _, tt := range []struct {
		name     string
		settings []string
		version  uint16
		passes   bool
	}{
		{"1.2 by default", nil, tls.VersionTLS12, true},
		{"1.2 where 1.3 is needed", []string{`tls: { min_version: "1.3" }`}, tls.VersionTLS12, false},
		{"1.3 where it is needed", []string{`tls: { min_version: "1.3" }`}, tls.VersionTLS13, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := harness.Start(t, harness.Options{Upstream: "http://127.0.0.1:1", Extra: tt.settings})
			g.TLS.MinVersion, g.TLS.MaxVersion = tt.version, tt.version
			conn, err := g.Dial(t.Context())
			if err == nil {
				conn.Close()
			}
			if passes := err == nil; passes != tt.passes {
				t.Errorf("handshake: %v, want it to pass: %t", err, tt.passes)
			}
		})
	}
}
