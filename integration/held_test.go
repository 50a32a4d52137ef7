package integration_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/stagelock/stagelock/integration/internal/harness"
	"github.com/stagelock/stagelock/integration/ports"
)

// holder is a gateway in a process of its own that tells what it holds in memory.
type holder struct {
	*harness.Gateway
	pid   int
	admin *http.Client
}

// startHolder starts one, and stops it when the test ends.
func startHolder(t testing.TB, o harness.Options) *holder {
	t.Helper()
	socket := filepath.Join(ports.Folder(t), "s")
	o.Extra = append([]string{fmt.Sprintf("admin: { listen: [%q] }", "unix:"+socket)}, o.Extra...)
	dialer := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}
	process, g := startProcess(t, o, errand{})
	h := &holder{Gateway: g, pid: process.Cmd.Process.Pid, admin: &http.Client{Transport: &http.Transport{DialContext: dialer}}}
	t.Cleanup(h.admin.CloseIdleConnections)
	return h
}

var heldFigures = regexp.MustCompile(`(?m)^# (?:HeapAlloc = (\d+)|Stack = (\d+) / \d+)$`)

// held returns how many bytes of memory the gateway holds: what is left of the heap once it was collected, and stacks. Unlike
// what the process has of the machine, it does not depend on when the collector ran.
func (h *holder) held(t testing.TB) (n int64) {
	t.Helper()
	var text []byte
	for range 2 { // what is in a pool outlives one collection
		res, err := h.admin.Get("http://localhost/debug/pprof/heap?gc=1&debug=1")
		if err != nil {
			t.Fatal(err)
		}
		text, err = io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("the memory of the gateway is not told: %d %v %.200s", res.StatusCode, err, text)
		}
	}
	all := heldFigures.FindAllSubmatch(text, -1)
	if len(all) != 2 {
		t.Fatalf("what the gateway tells has %d of two figures: %.200s", len(all), text)
	}
	for _, m := range all {
		figure, err := strconv.ParseInt(string(m[1])+string(m[2]), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		n += figure
	}
	return n
}
