package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/admin"
)

// A gateway that runs out of open files says so, once and not two hundred times a second, counts it,
// and goes on when connections end.
func TestOutOfOpenFilesIsSaid(t *testing.T) {
	const limit = 64
	file, _, socket := adminConfig(t, void(t), "quota: {connections: 5000, connections_per_address: 5000}")
	p := startCommand(t, exec.Command("sh", "-c", fmt.Sprintf("ulimit -n %d", limit)+` && exec stagelock run --json --config "$0"`, file))
	client := admin.NewClient(admin.Address{Network: "unix", Name: socket})
	if _, err := client.Status(t.Context()); err != nil {
		t.Fatal(err)
	}
	at := p.greeting.Listen[0].String()
	var held []net.Conn
	for range 100 {
		c, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, c)
	}
	const enough = 20
	deadline := time.Now().Add(20 * time.Second)
	for open := 0; open < limit-1 && time.Now().Before(deadline); { // the admin listener waits for a file too
		open = openFilesOf(t, p.Process.Pid)
	}
	for _, c := range held {
		_ = c.Close()
	}
	var turned int64
	for time.Now().Before(deadline) {
		now, err := client.Status(t.Context())
		if err != nil {
			continue
		}
		if turned = now.Traffic.Turned["files"]; turned > 0 && now.Traffic.Connections < enough {
			break
		}
	}
	if turned == 0 {
		t.Error("no connection was counted that could not be accepted")
	}
	if err := p.client(t).CheckRemoteStagingGroup(t.Context(), liveSite); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.exit()
	text := p.log.String()
	if n := strings.Count(text, "connections cannot be accepted, publishers wait"); n != 1 {
		t.Errorf("said %d times: %s", n, text)
	}
	if want := fmt.Sprintf("open files are allowed, and %d connections may need", 5000); !strings.Contains(text, want) {
		t.Errorf("%q was not said at the start: %s", want, text)
	}
}

// openFilesOf returns how many files a process has open.
func openFilesOf(t *testing.T, pid int) int {
	t.Helper()
	all, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Skipf("this system does not tell what a process has open: %v", err)
	}
	return len(all)
}
