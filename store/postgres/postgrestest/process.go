package postgrestest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"
)

// process is a child that has said that it is ready.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// lookPath finds a program, also where only administrators look.
func lookPath(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil {
		return path, nil
	}
	return exec.LookPath("/usr/sbin/" + name)
}

// unprivileged returns whom to run as: PostgreSQL and its pooler refuse the administrator.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, err
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, fmt.Errorf("%w: PostgreSQL does not run as root, and there is no user postgres or nobody", ErrMissing)
}

func (s *Server) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.as}
	return cmd
}

// launch starts cmd and returns when it has said ready on its standard error.
func launch(cmd *exec.Cmd, ready string) (*process, error) {
	out, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	up := make(chan error, 1)
	go func() {
		defer close(p.done)
		up <- awaitLine(out, ready)
		_, _ = io.Copy(io.Discard, out) // it must not wait for a reader
		_ = cmd.Wait()                  // ended by a signal
	}()
	if err := <-up; err != nil {
		p.end(syscall.SIGQUIT)
		return nil, fmt.Errorf("%s: %w", cmd.Path, err)
	}
	return p, nil
}

// awaitLine reads until a line holds want.
func awaitLine(r io.Reader, want string) error {
	said := ""
	for sc := bufio.NewScanner(r); sc.Scan(); {
		if strings.Contains(sc.Text(), want) {
			return nil
		}
		said += sc.Text() + "\n"
	}
	return fmt.Errorf("it ended: %s", said)
}

// end sends a signal and waits.
func (p *process) end(sig syscall.Signal) {
	_ = p.cmd.Process.Signal(sig) // it may have ended
	<-p.done
}
