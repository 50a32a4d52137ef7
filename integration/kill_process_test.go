package integration_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/node"
	"github.com/stagelock/stagelock/gateway/node/plan"
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
	Later bool   // hits count from arm on, not from the start
	CPU   string // file to write a CPU profile to, if it is not empty
	Stub  bool   // be a stub of an engine instead, which knows one page and one request
}

// ready is what it prints once it listens.
type ready struct {
	Addr, CA string
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
	cfg, problems := conf.Load(conf.Options{File: e.File})
	if cfg == nil || conf.Fatal(append(problems, plan.Check(cfg)...)) {
		return fmt.Errorf("configuration: %v", problems)
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var armed atomic.Bool
	armed.Store(!e.Later)
	n, err := node.New(ctx, node.Config{Conf: cfg, Log: logrus.NewEntry(log), Version: "test", Pause: e.pause(&armed)})
	if err != nil {
		return err
	}
	ca, _, _, _ := n.CA()
	go func() {
		if _, err := os.Stdin.Read(make([]byte, 1)); err == nil {
			armed.Store(true)
		}
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	if err := json.NewEncoder(os.Stdout).Encode(ready{Addr: n.Addrs()[0].String(), CA: ca}); err != nil {
		return err
	}
	return n.Run(ctx)
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
	if err := json.NewEncoder(os.Stdout).Encode(ready{Addr: s.l.Addr().String()}); err != nil {
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

// child is a gateway in a process of its own.
type child struct {
	ready
	cmd   *exec.Cmd
	stdin io.WriteCloser
	ended chan struct{} // closed when the process is gone
	start time.Time
}

// startChild starts a gateway and waits until it listens.
func startChild(e errand) (*child, error) {
	text, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	c := &child{cmd: exec.Command(os.Args[0]), ended: make(chan struct{}), start: time.Now()}
	c.cmd.Env = append(os.Environ(), asGateway+"="+string(text))
	c.cmd.Stderr = os.Stderr
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &c.ready)
	}
	go func() {
		_ = c.cmd.Wait() // killed is how most of them end
		close(c.ended)
	}()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("gateway process: %w", err), c.stop())
	}
	return c, nil
}

// arm has the hits of a process that waits for it count from now on.
func (c *child) arm() error {
	_, err := c.stdin.Write([]byte{'\n'})
	return err
}

// stop ends the process in order and waits for it.
func (c *child) stop() error {
	_ = c.stdin.Close()
	select {
	case <-c.ended:
		return nil
	case <-time.After(time.Minute):
		return errors.Join(errors.New("a gateway process does not stop"), c.cmd.Process.Kill())
	}
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
