package engine_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stagelock/stagelock/integration/engine"
	"github.com/stagelock/stagelock/integration/engine/arrivals"
	"github.com/stagelock/stagelock/integration/engine/staging"
)

// importPoints are where an import is killed: before it, at entries and at items on its way, around its
// commit, and behind it.
func importPoints() []string {
	points := []string{"publishStagingRequest:begin", "publishStagingRequest:checked"}
	for _, n := range []int{1, 3, 5, 7, 9, 11, 13} {
		points = append(points, fmt.Sprintf("publishStagingRequest:entry#%d", n))
	}
	points = append(points, "publishStagingRequest:unpacked", "publishStagingRequest:kept", "publishStagingRequest:listed",
		"publishStagingRequest:half-applied")
	for n := range 6 {
		points = append(points, fmt.Sprintf("publishStagingRequest:item#%d", n+1))
	}
	return append(points, "publishStagingRequest:before-commit", "publishStagingRequest:committed",
		"enableStaging:before-commit")
}

// A site that has content and is killed while new content is imported has the old or the new one
// afterwards, never something between; the log of arrivals says which; and the publish can be made again.
func TestKillAnImportAtTwentyPoints(t *testing.T) {
	points := importPoints()
	if len(points) < 20 {
		t.Fatalf("only %d points", len(points))
	}
	from := live(t, "7413")
	home, article, document := author(t, from)
	first := exported(t, from)
	_, err := from.UpdatePage(t.Context(), site, false, home.UUID, "<h1>New</h1>")
	must(t, err)
	must(t, from.Delete(t.Context(), site, engine.Article, false, article.UUID))
	must(t, from.Delete(t.Context(), site, engine.Document, false, document.UUID))
	for i := range 3 {
		_, err = from.AddArticle(t.Context(), site, fmt.Sprint("Article ", i), "new")
		must(t, err)
	}
	second := exported(t, from)
	for i, point := range points {
		t.Run(point, func(t *testing.T) {
			dir := t.TempDir()
			must(t, os.WriteFile(filepath.Join(dir, "child.lar"), second, 0o600))
			e, err := engine.New(config(dir, "7413"))
			must(t, err)
			populate(t, e)
			publishAll(t, e, first)
			old := structured(t, e)
			must(t, e.Close())
			killAt(t, dir, point)
			e = newEngine(t, config(dir, "7413"))
			arrived := i >= len(points)-2
			want, state := old, arrivals.Interrupted
			if arrived {
				want, state = structured(t, from), arrivals.Succeeded
			}
			if got := structured(t, e); !slices.Equal(got, want) {
				t.Errorf("neither old nor new:\n%q\nwant\n%q", got, want)
			}
			all, err := e.Arrivals(t.Context(), site)
			must(t, err)
			if point != points[0] && (len(all) != 2 || all[0].State != state || arrived != (all[0].Publish == 2)) {
				t.Errorf("arrivals %+v, want the newest %s", all, state)
			}
			publishAll(t, e, second)
			if got := structured(t, e); !slices.Equal(got, structured(t, from)) {
				t.Errorf("made again it brings %q", got)
			}
		})
	}
}

// exported returns the archive of a site, as a publish takes it.
func exported(t testing.TB, e *engine.Engine) []byte {
	t.Helper()
	lar, err := e.Export(t.Context(), site, engine.ExportOptions{})
	must(t, err)
	return readFile(t, lar.Path)
}

// publishAll publishes an archive from the first call to the last.
func publishAll(t testing.TB, e *engine.Engine, lar []byte) {
	t.Helper()
	id, err := e.CreateStagingRequest(t.Context(), publisher, site, md5Of(lar))
	must(t, err)
	for _, r := range requestsOf(t, e, id) {
		if len(r.Parts) == 0 {
			must(t, e.UpdateStagingRequest(t.Context(), publisher, id, "c.zip00", spool(t, e, lar)))
		}
	}
	_, err = e.PublishStagingRequest(t.Context(), publisher, id, pages(site))
	must(t, err)
	must(t, e.CleanUpStagingRequest(t.Context(), publisher, id))
}

// requestsOf returns the request of that id.
func requestsOf(t testing.TB, e *engine.Engine, id int64) []staging.Request {
	t.Helper()
	all, err := e.StagingRequests(t.Context())
	must(t, err)
	return slices.DeleteFunc(all, func(r staging.Request) bool { return r.ID != id })
}
