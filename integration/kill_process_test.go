package integration_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stagelock/stagelock/integration/internal/harness"
)

// asGateway is the variable that makes this test binary a gateway; it holds an errand.
const asGateway = "TEST_GATEWAY"

// errand is what such a process does.
type errand struct {
	File  string // configuration
	Point string // at which it kills itself, if it is not empty
	Hit   int64  // when the point is reached so many times
	Later bool   // hits count once the process was told, not from its start
}

func TestMain(m *testing.M) {
	if text := os.Getenv(asGateway); text != "" {
		if err := serveErrand(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// serveErrand runs a gateway until standard input ends.
func serveErrand(text string) error {
	var e errand
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		return err
	}
	var armed atomic.Bool
	armed.Store(!e.Later)
	return harness.Serve(e.File, e.pause(&armed), func() { armed.Store(true) })
}

// pause kills the process when the point was reached often enough: nothing of Go runs after that.
func (e errand) pause(armed *atomic.Bool) func(string) {
	if e.Point == "" {
		return nil
	}
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		return nil
	}
	var hits atomic.Int64
	return func(point string) {
		if point == e.Point && armed.Load() && hits.Add(1) == e.Hit {
			_ = self.Kill()
			select {}
		}
	}
}

// startChild starts a gateway in a process of its own and waits until it listens.
func startChild(e errand) (*harness.Process, error) {
	text, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	return harness.StartProcess(asGateway + "=" + string(text))
}

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
