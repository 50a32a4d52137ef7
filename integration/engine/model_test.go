package engine_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/stagelock/stagelock/archive/parts"
	"github.com/stagelock/stagelock/integration/engine"
)

// Whatever is written on staging, and however often it is published in between: after a publish of what was changed since the
// last one, live has what staging has.
func TestPublishedSiteIsTheSameSite(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := &world{T: t, from: newModelEngine(t), to: newModelEngine(t)}
		for range rapid.IntRange(1, 4).Draw(rt, "publishes") {
			for range rapid.IntRange(0, 6).Draw(rt, "edits") {
				w.edit(rt)
			}
			w.publish()
			if a, b := structured(t, w.from), structured(t, w.to); !sameButVersions(a, b) {
				rt.Fatalf("live differs from staging:\n%s\n\n%s", strings.Join(a, "\n"), strings.Join(b, "\n"))
			}
		}
	})
}

// world is a staging site, the live site, and what is known to be on staging.
type world struct {
	*testing.T
	from, to *engine.Engine
	items    []engine.Item
	n        int
}

func newModelEngine(t *testing.T) *engine.Engine {
	dir, err := os.MkdirTemp(t.TempDir(), "engine-*")
	must(t, err)
	e := newEngine(t, config(dir, "7413"))
	populate(t, e)
	return e
}

func (w *world) edit(rt *rapid.T) {
	w.n++
	text := fmt.Sprintf("text %d", w.n)
	ctx := w.Context()
	switch op := rapid.IntRange(0, 4).Draw(rt, "edit"); {
	case op == 0:
		it, err := w.from.AddPage(ctx, site, fmt.Sprintf("Page %d", w.n), text, engine.PageOptions{})
		w.keep(it, err)
	case op == 1:
		it, err := w.from.AddArticle(ctx, site, fmt.Sprintf("Article %d", w.n), text)
		w.keep(it, err)
	case op == 2:
		it, err := w.from.AddDocument(ctx, site, fmt.Sprintf("d%d.bin", w.n), "application/octet-stream", strings.NewReader(text))
		w.keep(it, err)
	case len(w.items) == 0:
	case op == 3:
		it := rapid.SampledFrom(w.items).Draw(rt, "updated")
		_, err := w.from.Update(ctx, site, it.Kind, it.UUID, strings.NewReader(text))
		must(w, err)
	default:
		i := rapid.IntRange(0, len(w.items)-1).Draw(rt, "deleted")
		must(w, w.from.Delete(ctx, site, w.items[i].Kind, false, w.items[i].UUID))
		w.items = slices.Delete(w.items, i, i+1)
	}
}

func (w *world) keep(it engine.Item, err error) {
	must(w, err)
	w.items = append(w.items, it)
}

func (w *world) publish() {
	lar, _ := transfer(w, w.from, w.to, engine.ExportOptions{SinceLastPublish: true})
	must(w, w.from.Published(w.Context(), lar.Summary))
}

// sameButVersions compares items as sets: live may have been given a page in another order.
func sameButVersions(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}

func TestReopenedEngineHasEverything(t *testing.T) {
	dir := t.TempDir()
	first, err := engine.New(config(dir, "6011"))
	must(t, err)
	populate(t, first)
	author(t, first)
	lar := readFile(t, larFiles(t)[0])
	id := send(t, first, lar, 1000)
	before := state(t, first)
	ledger := methods(t, first)
	must(t, first.Close())
	must(t, first.Close())
	for _, stray := range []string{"parts/part-1", "content/pack-1"} {
		must(t, os.WriteFile(filepath.Join(dir, stray), []byte("left behind"), 0o600))
	}
	second := newEngine(t, config(dir, "6011"))
	if after := state(t, second); after != before || !slices.Equal(methods(t, second), ledger) {
		t.Errorf("state changed from\n%s\nto\n%s", before, after)
	}
	for _, stray := range []string{"parts/part-1", "content/pack-1"} {
		if _, err := os.Stat(filepath.Join(dir, stray)); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", stray, err)
		}
	}
	_, err = second.PublishStagingRequest(t.Context(), publisher, id, configurationFor(t, lar))
	must(t, err)
	compareArrived(t, second, lastPublish(t, second).ID, lar)
	if len(structured(t, second)) != 5 {
		t.Error("items cannot be read")
	}
}

// A disk that takes nothing is an error that is no exception: the caller may try again.
func TestDiskTrouble(t *testing.T) {
	dir := t.TempDir()
	e := newEngine(t, config(dir, "6011"))
	populate(t, e)
	lar := readFile(t, larFiles(t)[0])
	id := send(t, e, lar, parts.DefaultBuffer)
	before := state(t, e)
	must(t, os.Rename(filepath.Join(dir, "content"), filepath.Join(dir, "away")))
	if _, err := e.PublishStagingRequest(t.Context(), publisher, id, configurationFor(t, lar)); err == nil || thrown(err) {
		t.Errorf("publish without a place for content: %v", err)
	}
	if _, err := e.AddArticle(t.Context(), site, "a", "b"); err == nil {
		t.Error("an article without a place for content")
	}
	must(t, os.Rename(filepath.Join(dir, "parts"), filepath.Join(dir, "gone")))
	if _, err := e.Spool(bytes.NewReader(lar)); err == nil {
		t.Error("a part without a place for parts")
	}
	if after := state(t, e); after != before {
		t.Errorf("state changed from\n%s\nto\n%s", before, after)
	}
	if _, err := engine.New(config("/dev/null/x", "6011")); err == nil {
		t.Error("an engine in a directory that cannot be made")
	}
}
