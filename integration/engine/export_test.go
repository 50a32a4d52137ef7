package engine_test

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/archive/manifest"
	"github.com/stagelock/stagelock/archive/parts"
	"github.com/stagelock/stagelock/integration/engine"
)

// transfer exports from one engine and publishes to another, as a publisher does.
func transfer(t testing.TB, from, to *engine.Engine, opt engine.ExportOptions) (*engine.LAR, *engine.MissingReferences) {
	t.Helper()
	lar, err := from.Export(t.Context(), site, opt)
	must(t, err)
	defer os.Remove(lar.Path)
	b := readFile(t, lar.Path)
	if int64(len(b)) != lar.Size || md5Of(b) != lar.MD5 {
		t.Errorf("file of %d bytes, MD5 %s; the export said %d and %s", len(b), md5Of(b), lar.Size, lar.MD5)
	}
	id := send(t, to, b, 64<<10)
	conf := pages(site)
	conf.Settings["privateLayout"] = opt.Private
	refs, err := to.PublishStagingRequest(t.Context(), publisher, id, conf)
	must(t, err)
	must(t, to.CleanUpStagingRequest(t.Context(), publisher, id))
	return lar, refs
}

// pair returns two engines with the same sites.
func pair(t testing.TB) (from, to *engine.Engine) { return live(t, "7413"), live(t, "7413") }

// structured returns what a site is made of, without what differs between environments.
func structured(t testing.TB, e *engine.Engine) []string {
	t.Helper()
	items, err := e.List(t.Context(), site)
	must(t, err)
	var all []string
	for _, it := range items {
		if it.Kind == engine.Entry {
			continue
		}
		b := bytesOf(t, func() (io.ReadCloser, error) { return e.Open(t.Context(), it) })
		it.ID, it.Publish = 0, 0
		all = append(all, fmt.Sprintf("%+v %s", it, md5Of(b)))
	}
	return all
}

func author(t testing.TB, e *engine.Engine) (home, article, document engine.Item) {
	t.Helper()
	ctx := t.Context()
	document, err := e.AddDocument(ctx, site, "Prices & Größen <2024>.pdf", "application/pdf", bytes.NewReader(bytes.Repeat([]byte{0, 1, 255}, 5000)))
	must(t, err)
	home, err = e.AddPage(ctx, site, "Home", "<h1>Welcome</h1>", engine.PageOptions{Portlets: []string{"a,b", "c"}})
	must(t, err)
	_, err = e.AddPage(ctx, site, "News", "<h1>\x01 binary is fine</h1>", engine.PageOptions{Parent: home.UUID})
	must(t, err)
	article, err = e.AddArticle(ctx, site, "Prices \"2024\"", "text", engine.Ref{Kind: engine.Document, UUID: document.UUID, Name: document.Name})
	must(t, err)
	_, err = e.AddArticle(ctx, site, "Zeros", strings.Repeat("\x00", 100_000))
	must(t, err)
	return home, article, document
}

func TestRoundTrip(t *testing.T) {
	from, to := pair(t)
	author(t, from)
	lar, refs := transfer(t, from, to, engine.ExportOptions{})
	if len(refs.Dependency)+len(refs.Weak) > 0 {
		t.Errorf("missing references %+v", refs)
	}
	if diff := cmp.Diff(structured(t, from), structured(t, to)); diff != "" {
		t.Errorf("live differs from staging:\n%s", diff)
	}
	want := map[engine.Kind]int{engine.Page: 2, engine.Article: 2, engine.Document: 1}
	if !maps.Equal(lar.Items, want) {
		t.Errorf("summary %v, want %v", lar.Items, want)
	}
	p := lastPublish(t, to)
	if p.Added != 5 || p.Updated != 0 || p.Deleted != 0 || p.Entries != 12 {
		t.Errorf("publish %+v", p)
	}
	// Once more changes nothing but the list of what arrived.
	transfer(t, from, to, engine.ExportOptions{})
	if p := lastPublish(t, to); p.Added+p.Updated+p.Deleted != 0 {
		t.Errorf("second publish %+v", p)
	}
	if diff := cmp.Diff(structured(t, from), structured(t, to)); diff != "" {
		t.Errorf("live differs from staging:\n%s", diff)
	}
}

func TestManifestOfAnExport(t *testing.T) {
	e := live(t, "7413")
	author(t, e)
	lar, err := e.Export(t.Context(), site, engine.ExportOptions{})
	must(t, err)
	a, err := archive.OpenFile(lar.Path, archive.DefaultLimits())
	must(t, err)
	defer a.Close()
	must(t, a.Verify(t.Context(), nil))
	m, err := manifest.Of(a.Archive)
	must(t, err)
	h := m.Header
	got := fmt.Sprintln(h.BuildNumber, h.SchemaVersion, h.Type, h.GroupID, h.CompanyID, h.Locales, h.PrivateLayout, h.ExportDate.Unix() > 0)
	if want := "7413 4.0.0 layout-set 20121 20097 [en_US de_DE] false true\n"; got != want {
		t.Errorf("header %s, want %s", got, want)
	}
	if len(m.Layouts) != 2 || m.Models["JournalArticle"] != 2 || m.Models["DLFileEntry"] != 1 || m.Additions != 5 || len(m.Portlets) != 2 {
		t.Errorf("manifest %+v", m)
	}
	if len(m.Missing) != 1 || m.Missing[0].ElementPath == "" {
		t.Errorf("references %+v: the document is in the archive", m.Missing)
	}
	entries := a.Entries()
	if last := entries[len(entries)-1]; last.Name != manifest.Name {
		t.Errorf("last entry %s", last.Name)
	}
}

func TestSinceLastPublish(t *testing.T) {
	from, to := pair(t)
	home, article, document := author(t, from)
	since := engine.ExportOptions{SinceLastPublish: true}
	first, _ := transfer(t, from, to, since)
	if len(first.Items) != 3 {
		t.Errorf("before any publish everything is new, got %v", first.Items)
	}
	again, _ := transfer(t, from, to, since)
	if !maps.Equal(first.Items, again.Items) {
		t.Errorf("without Published the next export has %v, want %v", again.Items, first.Items)
	}
	must(t, from.Published(t.Context(), first.Summary))
	if none, _ := transfer(t, from, to, since); len(none.Items) != 0 || none.Deletions != 0 {
		t.Errorf("nothing was changed, the export has %+v", none.Summary)
	}
	_, err := from.UpdatePage(t.Context(), site, false, home.UUID, "<h1>Changed</h1>")
	must(t, err)
	must(t, from.Delete(t.Context(), site, engine.Article, false, article.UUID))
	next, _ := transfer(t, from, to, since)
	if !maps.Equal(next.Items, map[engine.Kind]int{engine.Page: 1}) || next.Deletions != 1 {
		t.Errorf("one page and one deletion are due, got %+v", next.Summary)
	}
	if diff := cmp.Diff(structured(t, from), structured(t, to)); diff != "" {
		t.Errorf("live differs from staging:\n%s", diff)
	}
	if p := lastPublish(t, to); p.Updated != 1 || p.Deleted != 1 {
		t.Errorf("publish %+v", p)
	}
	must(t, from.Published(t.Context(), next.Summary))
	must(t, from.Published(t.Context(), first.Summary)) // an older one does not move it back
	if none, _ := transfer(t, from, to, since); len(none.Items) != 0 {
		t.Errorf("the watermark moved back: %v", none.Items)
	}
	_, err = from.Update(t.Context(), site, engine.Document, document.UUID, strings.NewReader("new"))
	must(t, err)
	if one, _ := transfer(t, from, to, since); !maps.Equal(one.Items, map[engine.Kind]int{engine.Document: 1}) {
		t.Errorf("one document is due, got %v", one.Items)
	}
}

func TestPublishBack(t *testing.T) {
	staging, live := pair(t)
	home, _, _ := author(t, staging)
	transfer(t, staging, live, engine.ExportOptions{})
	_, err := live.UpdatePage(t.Context(), site, false, home.UUID, "written on live")
	must(t, err)
	lar, _ := transfer(t, live, staging, engine.ExportOptions{SinceLastPublish: true})
	if !maps.Equal(lar.Items, map[engine.Kind]int{engine.Page: 1}) {
		t.Errorf("what came by publishing is no change of live: %v", lar.Items)
	}
	if diff := cmp.Diff(structured(t, live), structured(t, staging)); diff != "" {
		t.Errorf("staging differs from live:\n%s", diff)
	}
	items, err := staging.List(t.Context(), site)
	must(t, err)
	versions, err := staging.Versions(t.Context(), items[0].ID)
	must(t, err)
	if len(versions) != 2 || versions[0].Publish != 0 || versions[1].Publish == 0 || versions[1].Version != 2 {
		t.Errorf("versions %+v", versions)
	}
	old := bytesOf(t, func() (io.ReadCloser, error) { return staging.Open(t.Context(), versions[0]) })
	if string(old) != "<h1>Welcome</h1>" {
		t.Errorf("old version %q", old)
	}
}

func TestPageSetsGoSeparately(t *testing.T) {
	from, to := pair(t)
	home, _, _ := author(t, from)
	private, err := from.AddPage(t.Context(), site, "Intranet", "x", engine.PageOptions{Private: true})
	must(t, err)
	if private.LayoutID != 1 || private.Path != "/group/intranet" {
		t.Errorf("private page %+v", private)
	}
	lar, _ := transfer(t, from, to, engine.ExportOptions{Private: true})
	if lar.Items[engine.Page] != 1 {
		t.Errorf("private export has %v", lar.Items)
	}
	for _, tt := range []struct {
		uuid    string
		private bool
		want    bool
	}{{private.UUID, true, true}, {private.UUID, false, false}, {home.UUID, false, false}} {
		if got, err := to.HasLayout(t.Context(), publisher, tt.uuid, site, tt.private); got != tt.want {
			t.Errorf("page %s private %t: got %t, error %v", tt.uuid, tt.private, got, err)
		}
	}
	must(t, from.Published(t.Context(), lar.Summary))
	if public, _ := transfer(t, from, to, engine.ExportOptions{SinceLastPublish: true}); public.Items[engine.Page] != 2 {
		t.Errorf("publishing the private pages moved the public ones' watermark: %v", public.Items)
	}
}

// Content that deflates better than an archive may is stored, so that the strict reader on the other side takes it.
func TestContentThatDeflatesTooWell(t *testing.T) {
	from, to := pair(t)
	_, err := from.AddDocument(t.Context(), site, "zeros.bin", "application/octet-stream", bytes.NewReader(make([]byte, 3<<20)))
	must(t, err)
	lar, err := from.Export(t.Context(), site, engine.ExportOptions{})
	must(t, err)
	_, err = to.PublishStagingRequest(t.Context(), publisher, send(t, to, readFile(t, lar.Path), parts.DefaultBuffer), pages(site))
	must(t, err)
	if diff := cmp.Diff(structured(t, from), structured(t, to)); diff != "" {
		t.Errorf("live differs from staging:\n%s", diff)
	}
}

// Deletions wait until the archive was found good, and until somebody asked for them.
func TestDeletionsOnlyWhenAsked(t *testing.T) {
	from, to := pair(t)
	_, article, _ := author(t, from)
	transfer(t, from, to, engine.ExportOptions{})
	must(t, from.Delete(t.Context(), site, engine.Article, false, article.UUID))
	lar, err := from.Export(t.Context(), site, engine.ExportOptions{SinceLastPublish: true})
	must(t, err)
	b := readFile(t, lar.Path)
	conf := pages(site)
	conf.Settings["parameterMap"] = map[string]any{"DELETIONS": []any{"false"}}
	id := send(t, to, b, parts.DefaultBuffer)
	_, err = to.PublishStagingRequest(t.Context(), publisher, id, conf)
	must(t, err)
	if p := lastPublish(t, to); p.Deleted != 0 {
		t.Errorf("publish %+v", p)
	}
	_, err = to.PublishStagingRequest(t.Context(), publisher, id, pages(site))
	must(t, err)
	if p := lastPublish(t, to); p.Deleted != 1 {
		t.Errorf("publish %+v", p)
	}
}

func TestReferenceThatLiveLacks(t *testing.T) {
	from, to := pair(t)
	_, article, document := author(t, from)
	first, err := from.Export(t.Context(), site, engine.ExportOptions{})
	must(t, err)
	must(t, from.Published(t.Context(), first.Summary))
	_, err = from.Update(t.Context(), site, engine.Article, article.UUID, strings.NewReader("changed"))
	must(t, err)
	_, refs := transfer(t, from, to, engine.ExportOptions{SinceLastPublish: true})
	if len(refs.Dependency) != 1 || refs.Dependency[0].UUID != document.UUID {
		t.Errorf("references %+v, want the document", refs)
	}
	if got := structured(t, to); len(got) != 0 {
		t.Errorf("something was imported: %v", got)
	}
}

func TestAuthoringErrors(t *testing.T) {
	e := live(t, "7413")
	for name, call := range map[string]func() (engine.Item, error){
		"page of an unknown site": func() (engine.Item, error) { return e.AddPage(t.Context(), 404, "x", "y", engine.PageOptions{}) },
		"below an unknown page": func() (engine.Item, error) {
			return e.AddPage(t.Context(), site, "x", "y", engine.PageOptions{Parent: "u"})
		},
		"update of an unknown page": func() (engine.Item, error) { return e.UpdatePage(t.Context(), site, false, "u", "y") },
		"content that cannot be read": func() (engine.Item, error) {
			return e.AddDocument(t.Context(), site, "x", "text/plain", io.MultiReader(strings.NewReader("a"), broken{}))
		},
	} {
		before := state(t, e)
		if _, err := call(); err == nil {
			t.Errorf("%s: no error", name)
		}
		if state(t, e) != before {
			t.Errorf("%s: something changed", name)
		}
	}
	if err := e.Delete(t.Context(), site, engine.Page, false, "u"); err == nil {
		t.Error("an unknown page was deleted")
	}
	if _, err := e.Export(t.Context(), 404, engine.ExportOptions{}); err == nil {
		t.Error("an unknown site was exported")
	}
	if _, err := e.ReadEntry(t.Context(), site, "manifest.xml"); err == nil {
		t.Error("an entry that never came was read")
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
