package integration_test

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A full disk refuses calls, says so in health, and keeps nothing half-written; room makes them pass
// again.
func TestFullDisk(t *testing.T) {
	o := listed
	o.Dir = smallDisk(t)
	a := arrange(t, o)
	allowed(t, a.Gateway, once(t, a.Gateway, checkSite(site).message(t)))
	ballast := filepath.Join(o.Dir, "ballast")
	fill(t, ballast)
	refused := 0
	for range 50 { // what is left of a block may still take a line
		got := once(t, a.Gateway, checkSite(site).message(t))
		if got.status == http.StatusOK {
			continue
		}
		refused++
		if got.status != http.StatusServiceUnavailable || got.head.Get("Retry-After") == "" ||
			!strings.Contains(string(got.body), "nothing was carried out") {
			t.Fatalf("answered %d %v %q", got.status, got.head, got.body)
		}
	}
	if refused == 0 {
		t.Fatal("no call was refused")
	}
	arrived := len(a.sink.Whole())
	if status, body := a.Node.Ready(); status != http.StatusServiceUnavailable || !bytes.Contains(body, []byte("log cannot be written")) {
		t.Errorf("health: %d %s", status, body)
	}
	if n := len(a.sink.Whole()); n != arrived || n+refused != 51 {
		t.Errorf("%d of 51 calls arrived, %d were refused", n, refused)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	allowed(t, a.Gateway, once(t, a.Gateway, checkSite(site).message(t)))
	if h := a.Node.Health(); !h.Ready {
		t.Errorf("health with room: %v", h.Problems)
	}
	if r := a.Verify(t); !r.OK() {
		t.Errorf("audit log, record %d: %s", r.FirstBad, r.Msg)
	}
}

// fill writes a file until the disk takes no more.
func fill(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 64 << 10; size > 0; size /= 2 {
		for block := make([]byte, size); err == nil; {
			_, err = f.Write(block)
		}
		err = nil
	}
}
