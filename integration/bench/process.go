package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/stagelock/stagelock/integration/bench/proc"
)

// process is a program that was started for the measurement, with its children.
type process struct {
	cmd   *exec.Cmd
	stdin io.Closer     // ends a role; nil for others
	said  *bytes.Buffer // what it printed as errors
	ended chan struct{}
}

// startProgram starts a program.
func startProgram(ctx context.Context, path string, args ...string) (*process, error) {
	p := &process{cmd: exec.CommandContext(ctx, path, args...), said: &bytes.Buffer{}, ended: make(chan struct{})}
	p.cmd.Stderr, p.cmd.Stdout = p.said, p.said
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go p.wait()
	return p, nil
}

func (p *process) wait() {
	_ = p.cmd.Wait() // how it ended is in what it said
	close(p.ended)
}

// startRole starts this program in one of its roles and returns the addresses that it prints.
func startRole(ctx context.Context, role string, env ...string) (*process, []string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	p := &process{cmd: exec.CommandContext(ctx, self), said: &bytes.Buffer{}, ended: make(chan struct{})}
	p.cmd.Env = append(append(os.Environ(), asRole+"="+role), env...)
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	go p.wait()
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("the %s does not start: %w", role, err), p.stop())
	}
	return p, strings.Fields(line), nil
}

// stop ends the program in order, or else by force.
func (p *process) stop() error {
	if p.stdin != nil {
		_ = p.stdin.Close()
	} else {
		_ = p.cmd.Process.Signal(os.Interrupt)
	}
	select {
	case <-p.ended:
		return nil
	case <-time.After(10 * time.Second):
		return errors.Join(fmt.Errorf("%s does not stop", p.cmd.Path), p.cmd.Process.Kill())
	}
}

// answers waits until something listens at addr, of a network of package net.
func (p *process) answers(ctx context.Context, network, addr string) error {
	var d net.Dialer
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		c, err := d.DialContext(ctx, network, addr)
		if err == nil {
			return c.Close()
		}
		select {
		case <-p.ended:
			return fmt.Errorf("%s ended: %s", p.cmd.Path, p.said)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
	return fmt.Errorf("%s does not listen at %s: %s", p.cmd.Path, addr, p.said)
}

// cpu returns the CPU time that the processes have used; nothing where /proc does not tell.
func (p *process) cpu() time.Duration {
	if p == nil {
		return 0
	}
	return proc.CPU(p.cmd.Process.Pid)
}
