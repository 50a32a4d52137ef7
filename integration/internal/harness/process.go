package harness

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/node"
	"github.com/stagelock/stagelock/gateway/node/plan"
)

// Ready is what a process of StartProcess prints once it listens.
type Ready struct {
	Addr, CA string
}

// Serve is a gateway's way in a process of its own: it runs one of the configuration in file, says when it
// listens, and drains when standard input ends. The first byte there is a word to heard, if that is not nil.
func Serve(file string, pause func(point string), heard func()) error {
	cfg, problems := conf.Load(conf.Options{File: file})
	if cfg == nil || conf.Fatal(append(problems, plan.Check(cfg)...)) {
		return fmt.Errorf("configuration: %v", problems)
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	n, err := node.New(ctx, node.Config{Conf: cfg, Log: logrus.NewEntry(log), Version: "test", Pause: pause})
	if err != nil {
		return err
	}
	ca, _, _, _ := n.CA()
	go func() {
		if _, err := os.Stdin.Read(make([]byte, 1)); err == nil && heard != nil {
			heard()
		}
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	if err := json.NewEncoder(os.Stdout).Encode(Ready{Addr: n.Addrs()[0].String(), CA: ca}); err != nil {
		return err
	}
	return n.Run(ctx)
}

// Errand is what a gateway in a process of its own does.
type Errand struct {
	File  string // configuration
	Point string // at which it kills itself, if it is not empty
	Hit   int64  // when the point is reached so many times
	Later bool   // hits count once the process was told, not from its start
}

// RunErrand is for a TestMain: it does the errand that variable holds and ends the process; without one it
// does nothing.
func RunErrand(variable string) {
	text := os.Getenv(variable)
	if text == "" {
		return
	}
	if err := serveErrand(text); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func serveErrand(text string) error {
	var e Errand
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		return err
	}
	var armed atomic.Bool
	armed.Store(!e.Later)
	return Serve(e.File, e.pause(&armed), func() { armed.Store(true) })
}

// pause kills the process when the point was reached often enough: nothing of Go runs after that.
func (e Errand) pause(armed *atomic.Bool) func(string) {
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

// Start sends a process of its own on the errand, and waits until it listens. The TestMain of this test binary
// calls RunErrand with the same variable.
func (e Errand) Start(variable string) (*Process, error) {
	text, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	return StartProcess(variable + "=" + string(text))
}

// Process is this test binary again, as something that listens.
type Process struct {
	Ready
	Cmd   *exec.Cmd
	Ended chan struct{} // closed when the process is gone
	Start time.Time

	stdin io.WriteCloser
}

// StartProcess starts this test binary with one more variable, which tells its TestMain what to be, and waits
// until it listens.
func StartProcess(variable string) (*Process, error) {
	c := &Process{Cmd: exec.Command(os.Args[0]), Ended: make(chan struct{}), Start: time.Now()} //nolint:gosec // this binary itself
	c.Cmd.Env, c.Cmd.Stderr = append(os.Environ(), variable), os.Stderr
	out, err := c.Cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if c.stdin, err = c.Cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := c.Cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &c.Ready)
	}
	go func() {
		_ = c.Cmd.Wait() // killed is how most of them end
		close(c.Ended)
	}()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("gateway process: %w", err), c.Stop())
	}
	return c, nil
}

// Tell says a word to the process, see Serve.
func (c *Process) Tell() error {
	_, err := c.stdin.Write([]byte{'\n'})
	return err
}

// Stop ends the process in order and waits for it.
func (c *Process) Stop() error {
	_ = c.stdin.Close()
	select {
	case <-c.Ended:
		return nil
	case <-time.After(time.Minute):
		return errors.Join(errors.New("a gateway process does not stop"), c.Cmd.Process.Kill())
	}
}

// Kill ends the process as kill -9 does and returns when it is gone.
func (c *Process) Kill() {
	_ = c.Cmd.Process.Kill()
	<-c.Ended
}
