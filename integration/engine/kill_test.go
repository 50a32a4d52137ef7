package engine_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/integration/engine"
)

// The child of the kill tests: it makes one call and stops at a point, where its parent kills it.
const (
	childDir   = "STAGELOCK_ENGINE_TEST_DIR"
	childPoint = "TEST_ENGINE_POINT"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		child(dir, os.Getenv(childPoint))
		return
	}
	if err := flag.Set("rapid.checks", "25"); err != nil { // each check publishes several times
		panic(err)
	}
	os.Exit(m.Run())
}

// child runs the calls of a publish in dir and holds still when point comes by.
func child(dir, point string) {
	cfg := config(dir, "7413")
	nth, seen := 1, 0
	if name, n, found := strings.Cut(point, "#"); found {
		point = name
		_, _ = fmt.Sscan(n, &nth)
	}
	cfg.Pause = func(p string) {
		if p == point {
			seen++
		}
		if p == point && seen == nth {
			fmt.Println("held")
			select {}
		}
	}
	if err := publishIn(cfg, filepath.Join(dir, "child.lar")); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("done")
}

func publishIn(cfg engine.Config, path string) error {
	ctx := context.Background()
	e, err := engine.New(cfg)
	if err != nil {
		return err
	}
	lar, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	id, err := e.CreateStagingRequest(ctx, publisher, site, md5Of(lar))
	if err != nil {
		return err
	}
	part, err := e.Spool(strings.NewReader(string(lar)))
	if err != nil {
		return err
	}
	if err := e.UpdateStagingRequest(ctx, publisher, id, "c.zip00", part); err != nil {
		return err
	}
	if _, err := e.PublishStagingRequest(ctx, publisher, id, pages(site)); err != nil {
		return err
	}
	if err := e.EnableStaging(ctx, publisher, site); err != nil {
		return err
	}
	return e.CleanUpStagingRequest(ctx, publisher, id)
}

func TestKill(t *testing.T) {
	from := live(t, "7413")
	author(t, from)
	exported, err := from.Export(t.Context(), site, engine.ExportOptions{})
	must(t, err)
	lar := readFile(t, exported.Path)
	all := []string{"create", "update", "publish", "enable", "cleanUp"}
	for _, tt := range []struct {
		point string
		ran   int // how many of all must be in the ledger afterwards
	}{
		{"createStagingRequest:before-commit", 0},
		{"createStagingRequest:committed", 1},
		{"updateStagingRequest:before-commit", 1},
		{"updateStagingRequest:committed", 2},
		{"publishStagingRequest:begin", 2},
		{"publishStagingRequest:checked", 2},
		{"publishStagingRequest:entry", 2},
		{"publishStagingRequest:unpacked", 2},
		{"publishStagingRequest:half-applied", 2},
		{"publishStagingRequest:before-commit", 2},
		{"publishStagingRequest:committed", 3},
		{"enableStaging:before-commit", 3},
		{"enableStaging:committed", 4},
		{"cleanUpStagingRequest:before-commit", 4},
		{"cleanUpStagingRequest:committed", 5},
	} {
		t.Run(tt.point, func(t *testing.T) {
			dir := t.TempDir()
			must(t, os.WriteFile(filepath.Join(dir, "child.lar"), lar, 0o600))
			e, err := engine.New(config(dir, "7413"))
			must(t, err)
			populate(t, e)
			must(t, e.Close())
			killAt(t, dir, tt.point)
			e = newEngine(t, config(dir, "7413"))
			wantEffects(t, e, from, all[:tt.ran])
			wantNoLeftovers(t, e, dir)
			finish(t, e, from, lar, tt.ran)
		})
	}
}

// killAt runs the child until it holds at point and kills it there.
func killAt(t *testing.T, dir, point string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir, childPoint+"="+point)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "held\n" {
		t.Errorf("the child said %q, error %v", line, err)
	}
	must(t, cmd.Process.Kill())
	_ = cmd.Wait() // killed, as it should be
}

// wantEffects fails unless exactly the calls in ran left their effects and their rows.
func wantEffects(t *testing.T, e, from *engine.Engine, ran []string) {
	t.Helper()
	has := func(call string) bool { return slices.Contains(ran, call) }
	var got []string
	for _, m := range methods(t, e) {
		got = append(got, strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(m, " ok"), "StagingRequest"), "Staging"))
	}
	if !slices.Equal(got, ran) {
		t.Errorf("ledger %q, want %q", got, ran)
	}
	var want []string
	if has("publish") {
		want = structured(t, from)
	}
	if got := structured(t, e); !slices.Equal(got, want) {
		t.Errorf("%d items, want %d: neither nothing nor all", len(got), len(want))
	}
	publishes, err := e.Publishes(t.Context(), site)
	must(t, err)
	items, err := e.List(t.Context(), site)
	must(t, err)
	s, err := e.Site(t.Context(), site)
	must(t, err)
	requests, err := e.StagingRequests(t.Context())
	must(t, err)
	parts := 0
	for _, r := range requests {
		parts += len(r.Parts)
	}
	count := map[bool]int{true: 1}
	if len(publishes) != count[has("publish")] || len(items) > 0 != has("publish") || s.StagingCount != count[has("enable")] ||
		len(requests) != count[has("create") && !has("cleanUp")] || parts != count[has("update") && !has("cleanUp")] {
		t.Errorf("after %q: %d publishes, %d items, count %d, %d requests, %d parts",
			ran, len(publishes), len(items), s.StagingCount, len(requests), parts)
	}
}

// wantNoLeftovers fails if files lie about that nothing points at.
func wantNoLeftovers(t *testing.T, e *engine.Engine, dir string) {
	t.Helper()
	requests, err := e.StagingRequests(t.Context())
	must(t, err)
	parts := 0
	for _, r := range requests {
		parts += len(r.Parts)
	}
	publishes, err := e.Publishes(t.Context(), site)
	must(t, err)
	for name, want := range map[string]int{"parts": parts, "content": len(publishes)} {
		files, err := os.ReadDir(filepath.Join(dir, name))
		if err != nil || len(files) != want {
			t.Errorf("%d files in %s, want %d; error %v", len(files), name, want, err)
		}
	}
}

// finish does what the killed child did not, as a client that tries again would.
func finish(t *testing.T, e, from *engine.Engine, lar []byte, ran int) {
	t.Helper()
	if ran > 2 {
		return
	}
	id, err := e.CreateStagingRequest(t.Context(), publisher, site, md5Of(lar))
	must(t, err)
	if ran < 2 {
		must(t, e.UpdateStagingRequest(t.Context(), publisher, id, "c.zip00", spool(t, e, lar)))
	}
	_, err = e.PublishStagingRequest(t.Context(), publisher, id, pages(site))
	must(t, err)
	if !slices.Equal(structured(t, e), structured(t, from)) {
		t.Error("the second try did not bring everything")
	}
	compareArrived(t, e, lastPublish(t, e).ID, lar)
}
