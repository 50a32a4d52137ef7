package integration_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stagelock/stagelock/integration/internal/harness"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

// asGateway is the variable that makes this test binary a gateway; it holds an errand.
const asGateway = "TEST_GATEWAY"

// errand is what such a process does.
type errand struct {
	File  string // configuration
	Point string // at which it kills itself, if it is not empty
	Hit   int64  // when the point is reached so many times
	Later bool   // hits count once the process was told, not from its start
	CPU   string // file to write a CPU profile to, if it is not empty
	Stub  bool   // be a stub of an engine instead, which knows one page and one request
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
	if e.Stub {
		return serveStub()
	}
	if e.CPU != "" {
		f, err := os.Create(e.CPU)
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	var armed atomic.Bool
	armed.Store(!e.Later)
	return harness.Serve(e.File, e.pause(&armed), func() { armed.Store(true) })
}

// serveStub runs a stub until standard input ends.
func serveStub() error {
	yes, err := liferay.AppendValue(nil, build, true)
	if err != nil {
		return err
	}
	id, err := liferay.AppendValue(nil, build, int64(benchID))
	if err != nil {
		return err
	}
	s, err := startStub(func(tail []byte) []byte {
		switch {
		case bytes.Contains(tail, []byte("hasRemoteLayout")):
			return yes
		case bytes.Contains(tail, []byte("createStagingRequest")):
			return id
		}
		return nil
	}, nil)
	if err != nil {
		return err
	}
	defer s.close()
	if err := json.NewEncoder(os.Stdout).Encode(harness.Ready{Addr: s.l.Addr().String()}); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
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
