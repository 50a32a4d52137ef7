package integration_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/integration/internal/harness"
)

// asGateway is the variable that makes this test binary a gateway; it holds an errand.
const asGateway = "TEST_GATEWAY"

// errand is what such a process does.
type errand = harness.Errand

func TestMain(m *testing.M) {
	harness.RunErrand(asGateway)
	os.Exit(m.Run())
}

// startChild starts a gateway in a process of its own and waits until it listens.
func startChild(e errand) (*harness.Process, error) { return e.Start(asGateway) }

// writeConfig writes a configuration and returns its path.
func writeConfig(t testing.TB, o harness.Options, data, listen string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stagelock.yaml")
	text := strings.Replace(o.YAML(data), "127.0.0.1:0", listen, 1)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
