package harness

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Find returns the path of a program, which lies where only root looks on some systems.
func Find(program string) (string, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return exec.LookPath("/usr/sbin/" + program)
	}
	return path, nil
}

// HAProxy is a running one, in front of several gateways.
type HAProxy struct {
	Addr  string
	stats string
	cmd   *exec.Cmd
}

// StartHAProxy runs the program with the configuration of a file in which each first text of change is
// replaced by the one behind it; "bind :443" becomes a free port. It is killed when the test ends, and what
// it said is shown if that failed.
func StartHAProxy(t testing.TB, program, config string, change ...string) *HAProxy {
	t.Helper()
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	socket, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	dir := t.TempDir()
	h := &HAProxy{Addr: l.Addr().String(), stats: filepath.Join(dir, "stats")}
	changed := strings.NewReplacer(append([]string{
		"defaults\n", "global\n    stats socket " + h.stats + "\ndefaults\n", "bind :443", "bind fd@3",
		"    mode tcp\n", "    mode tcp\n    log stdout format raw daemon\n    option tcplog\n",
	}, change...)...).Replace(string(text))
	file := filepath.Join(dir, "haproxy.cfg")
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil { //nolint:gosec // in a folder of the test's
		t.Fatal(err)
	}
	h.cmd = exec.Command(program, "-db", "-f", file)
	h.cmd.ExtraFiles = []*os.File{socket}
	h.run(t)
	return h
}

func (h *HAProxy) run(t testing.TB) {
	t.Helper()
	out := &strings.Builder{}
	h.cmd.Stdout, h.cmd.Stderr = out, out
	if err := h.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = h.cmd.Process.Kill()
		_ = h.cmd.Wait()
		if t.Failed() {
			t.Logf("HAProxy: %s", out)
		}
	})
}

// While has HAProxy stand still while do runs. The system closes the connections of a process that is killed
// before the sockets on which it listens, and accepts for it in between: who comes back at once over HAProxy
// on the same machine is lost a second time. To one that stands still a gateway is gone as a whole.
func (h *HAProxy) While(do func()) error {
	if err := h.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	do()
	return h.cmd.Process.Signal(syscall.SIGCONT)
}

// Await waits until HAProxy sends calls to so many servers, or more. Until then one that was started again is none to
// it, and with the other one goes every way to the engine.
func (h *HAProxy) Await(t testing.TB, want int) {
	t.Helper()
	h.await(t, func(text string) bool { return strings.Count(text, ",UP,") >= want })
}

// AwaitNone waits until HAProxy has taken every server out that it checks.
func (h *HAProxy) AwaitNone(t testing.TB) {
	t.Helper()
	h.await(t, func(text string) bool { return !strings.Contains(text, ",UP") })
}

func (h *HAProxy) await(t testing.TB, enough func(servers string) bool) {
	t.Helper()
	look, late := time.NewTicker(50*time.Millisecond), time.After(time.Minute)
	defer look.Stop()
	for {
		text, err := h.servers()
		if err == nil && enough(text) {
			return
		}
		select {
		case <-look.C:
		case <-late:
			t.Fatalf("HAProxy does not have as many servers as it should: %v\n%s", err, text)
		}
	}
}

// servers is what HAProxy says of its servers, a line each; a server that is up and was just down has no
// plain UP.
func (h *HAProxy) servers() (string, error) {
	c, err := net.Dial("unix", h.stats)
	if err != nil {
		return "", err
	}
	defer c.Close()
	if _, err := fmt.Fprint(c, "show stat stagelock 4 -1\n"); err != nil {
		return "", err
	}
	text, err := io.ReadAll(c)
	return string(text), err
}
