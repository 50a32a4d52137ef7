package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// hears returns what a process says to its service manager, message by message.
func hears(t *testing.T) (socket string, messages <-chan string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "sl") // the name of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	socket = filepath.Join(dir, "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	all := make(chan string, 100)
	var wg sync.WaitGroup
	wg.Go(func() {
		buf := make([]byte, 4096)
		for {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			all <- string(buf[:n])
		}
	})
	t.Cleanup(func() {
		_ = c.Close()
		wg.Wait()
		_ = os.RemoveAll(dir)
	})
	return socket, all
}

// waitFor reads messages until one begins with head.
func waitFor(t *testing.T, messages <-chan string, head string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		select {
		case m := <-messages:
			if strings.HasPrefix(m, head) {
				return m
			}
		case <-ctx.Done():
			t.Fatalf("the service manager is not told %s", head)
		}
	}
}

func TestServiceManagerIsTold(t *testing.T) {
	socket, messages := hears(t)
	t.Setenv("NOTIFY_SOCKET", socket)
	t.Setenv("WATCHDOG_USEC", "300000")
	file, _ := configFile(t, upstream(t))
	p := start(t, file)
	if m := waitFor(t, messages, "READY=1"); !strings.Contains(m, "STATUS=ready; 0 publishes running; listening on 127.0.0.1:") {
		t.Errorf("ready: %q", m)
	}
	waitFor(t, messages, "WATCHDOG=1")
	waitFor(t, messages, "WATCHDOG=1")
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for text, status := range map[string]string{"nonsense: 1\n": "refused", string(good): "listening on"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := p.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		if m := waitFor(t, messages, "RELOADING=1"); !strings.Contains(m, "MONOTONIC_USEC=") {
			t.Errorf("reload: %q", m)
		}
		if m := waitFor(t, messages, "READY=1"); !strings.Contains(m, status) {
			t.Errorf("after a reload: %q, want %s", m, status)
		}
	}
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if m := waitFor(t, messages, "STOPPING=1"); !strings.Contains(m, "EXTEND_TIMEOUT_USEC=16000000") {
		t.Errorf("stop: %q", m)
	}
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d: %s", code, p.log)
	}
}

// TestServiceManagerWaitsForAllOfADrain: it was told how long the drain was when the gateway started, and nothing of
// the time that balancers have to notice, and killed the gateway over calls that had time left.
func TestServiceManagerWaitsForAllOfADrain(t *testing.T) {
	c := newClustered(t)
	socket, messages := hears(t)
	t.Setenv("NOTIFY_SOCKET", socket)
	file := c.write("gate-a")
	rewrite := func(old, with string) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(strings.Replace(string(text), old, with, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rewrite("drain_notice: 10ms", "drain_notice: 1s")
	p := start(t, file)
	waitFor(t, messages, "READY=1")
	rewrite("drain: 100ms", "drain: 2s")
	if err := p.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	waitFor(t, messages, "RELOADING=1")
	waitFor(t, messages, "READY=1")
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if m := waitFor(t, messages, "STOPPING=1"); !strings.Contains(m, "EXTEND_TIMEOUT_USEC=18000000") {
		t.Errorf("stop: %q", m)
	}
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d: %s", code, p.log)
	}
}

// bound is a socket of a service manager, which stays open until the test ends.
func bound(t *testing.T) (address string, socket *os.File) {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	if socket, err = l.File(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() })
	return l.Addr().String(), socket
}

// handed starts a gateway that gets its socket from who starts it, as systemd does.
func handed(t *testing.T, file string, socket *os.File) *process {
	t.Helper()
	cmd := exec.Command("sh", "-c", `LISTEN_PID=$$ LISTEN_FDS=1 exec stagelock run --json --config "$0"`, file)
	cmd.ExtraFiles = []*os.File{socket}
	return startCommand(t, cmd)
}

// The socket is the service manager's: while no gateway runs calls wait, and the next one answers
// them.
func TestSocketActivation(t *testing.T) {
	at, socket := bound(t)
	file, _ := configFile(t, void(t))
	setListen(t, file, at)
	p := handed(t, file, socket)
	if got := p.greeting.Listen[0].String(); got != at {
		t.Fatalf("listens on %s, not on %s", got, at)
	}
	client := p.client(t)
	if err := client.CheckRemoteStagingGroup(t.Context(), liveSite); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := p.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if code := p.exit(); code != 0 {
			t.Fatalf("exit code %d: %s", code, p.log)
		}
		waiting := make(chan error, 8)
		for range cap(waiting) {
			client := p.client(t)
			go func() { waiting <- client.CheckRemoteStagingGroup(context.Background(), liveSite) }()
		}
		next := handed(t, file, socket)
		p.Cmd, p.log = next.Cmd, next.log
		for range cap(waiting) {
			if err := <-waiting; err != nil {
				t.Errorf("a call that waited: %v", err)
			}
		}
	}
}

// A socket that the configuration does not name is a mistake, and not left open.
func TestSocketThatNobodyListensOn(t *testing.T) {
	at, socket := bound(t)
	file, _ := configFile(t, upstream(t))
	setListen(t, file, "127.0.0.2:0")
	var errs bytes.Buffer
	cmd := exec.Command("sh", "-c", `LISTEN_PID=$$ LISTEN_FDS=1 exec stagelock run --config "$0"`, file)
	cmd.ExtraFiles, cmd.Stderr = []*os.File{socket}, &errs
	if err := cmd.Run(); err == nil || !strings.Contains(errs.String(), "hands over a socket at "+at) {
		t.Errorf("%v: %s", err, errs.String())
	}
}

// The service manager's sockets have names: one is the admin listener's, which a swap does not lose
// either; one that admin.listen does not name is a mistake.
func TestNamedSockets(t *testing.T) {
	var files []*os.File
	var addresses []string
	for range 2 {
		at, f := bound(t)
		files, addresses = append(files, f), append(addresses, at)
	}
	file, _ := configFile(t, void(t), `admin: {listen: ["`+addresses[1]+`"]}`, "")
	setListen(t, file, addresses[0])
	run := func(names string, more ...string) *exec.Cmd {
		cmd := exec.Command("sh", "-c", `f=$0; LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=`+names+` exec stagelock run --json --config "$f" "$@"`)
		cmd.Args = append(cmd.Args, append([]string{file}, more...)...)
		cmd.ExtraFiles = files
		return cmd
	}
	for _, name := range []string{"admin", "metrics"} {
		p := startCommand(t, run("tunnel:"+name))
		res, err := http.Get("http://" + addresses[1] + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if err := p.client(t).CheckRemoteStagingGroup(t.Context(), liveSite); err != nil || res.StatusCode != http.StatusOK {
			t.Errorf("%s: %v, %s", name, err, res.Status)
		}
		if err := p.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if code := p.exit(); code != 0 {
			t.Errorf("%s: exit code %d: %s", name, code, p.log)
		}
	}
	var errs bytes.Buffer
	cmd := run("tunnel:admin", "--set", "admin.listen=127.0.0.1:0")
	cmd.Stdout, cmd.Stderr = &errs, &errs
	if err := cmd.Run(); err == nil || !strings.Contains(errs.String(), "a socket at "+addresses[1]+" for the admin listener") {
		t.Errorf("%v: %s", err, errs.String())
	}
}

func setListen(t *testing.T, file, listen string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), `listen: ["127.0.0.1:0"]`, fmt.Sprintf("listen: [%q]", listen), 1)
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
}
