package staging_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stagelock/stagelock/integration/engine/arrivals"
	"github.com/stagelock/stagelock/integration/engine/author"
	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/lar"
	"github.com/stagelock/stagelock/integration/engine/staging"
)

const company = 20097

// env is one environment: what it holds, its archives, and itself as its publishers see it.
type env struct {
	*staging.Live

	t     *testing.T
	dir   string
	store *content.Store
	lars  *lar.Archives
	site  content.Site
}

func openEnv(t *testing.T, dir string) *env {
	t.Helper()
	e := &env{t: t, dir: dir}
	var err error
	now := func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }
	if e.store, err = content.Open(t.Context(), content.Config{Dir: dir, CompanyID: company, Now: now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.store.Close(); err != nil {
			t.Error(err)
		}
	})
	e.lars, err = lar.New(t.Context(), lar.Config{Dir: filepath.Join(dir, "exports"), Build: "7413"}, e.store)
	if err != nil {
		t.Fatal(err)
	}
	e.Live, err = staging.NewLive(t.Context(), staging.Config{Dir: filepath.Join(dir, "parts"),
		URL: "http://live.example.com:8080", Context: "/portal"}, e.store, e.lars)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// newEnv has a site, anna who may publish to it, and eve who may nothing.
func newEnv(t *testing.T) *env {
	t.Helper()
	e := openEnv(t, t.TempDir())
	var err error
	if e.site, err = e.store.CreateSite(t.Context(), content.Site{Name: "Guest"}); err != nil {
		t.Fatal(err)
	}
	for _, u := range []content.User{{ID: 7, Email: "anna@example.com", ScreenName: "anna"}, {ID: 8, Email: "eve@example.com", ScreenName: "eve"}} {
		if err := e.store.AddUser(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.store.Grant(t.Context(), 7, e.site.ID, content.ExportImportLayouts, content.Update); err != nil {
		t.Fatal(err)
	}
	return e
}

// export returns an archive of a site with one page.
func export(t *testing.T) []byte {
	t.Helper()
	e := newEnv(t)
	_, err := author.New(e.store).AddPage(t.Context(), e.site.ID, "Home", "welcome", author.PageOptions{UUID: "p-1"})
	if err != nil {
		t.Fatal(err)
	}
	x, err := e.lars.Export(t.Context(), e.site.ID, lar.ExportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(x.Path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (e *env) create(checksum string) int64 {
	e.t.Helper()
	id, err := e.CreateStagingRequest(e.t.Context(), "anna", e.site.ID, checksum)
	if err != nil {
		e.t.Fatal(err)
	}
	return id
}

// send hands a part in as the servlet does: first taken in, then kept or dropped.
func (e *env) send(login string, id int64, name string, data []byte) error {
	e.t.Helper()
	p, err := e.Spool(bytes.NewReader(data))
	if err != nil {
		e.t.Fatal(err)
	}
	return errors.Join(e.UpdateStagingRequest(e.t.Context(), login, id, name, p), p.Close())
}

// upload sends an archive in parts of that many bytes, in a shuffled order.
func (e *env) upload(archive []byte, part int) int64 {
	e.t.Helper()
	sum := md5.Sum(archive)
	id := e.create(hex.EncodeToString(sum[:]))
	pieces := slices.Collect(slices.Chunk(archive, part))
	for i := len(pieces) - 1; i >= 0; i-- {
		if err := e.send("anna", id, string(rune('a'+i))+".part", pieces[i]); err != nil {
			e.t.Fatal(err)
		}
	}
	return id
}

// files are what lies in the folder of parts.
func (e *env) files() int {
	e.t.Helper()
	all, err := os.ReadDir(filepath.Join(e.dir, "parts"))
	if err != nil {
		e.t.Fatal(err)
	}
	return len(all)
}

func (e *env) last() content.Execution {
	e.t.Helper()
	all, err := e.store.Ledger(e.t.Context())
	if err != nil || len(all) == 0 {
		e.t.Fatalf("ledger %v, %v", all, err)
	}
	return all[len(all)-1]
}

func (e *env) pages() int {
	e.t.Helper()
	all, err := e.store.Items(e.t.Context(), e.site.ID, content.Page)
	if err != nil {
		e.t.Fatal(err)
	}
	return len(all)
}

func TestPublishInParts(t *testing.T) {
	archive := export(t)
	for _, tt := range []struct {
		name    string
		publish func(e *env, id int64) (*lar.MissingReferences, error)
		pages   int
	}{
		{"configuration", func(e *env, id int64) (*lar.MissingReferences, error) {
			return e.PublishStagingRequest(t.Context(), "anna", id, staging.Configuration{
				Settings: map[string]any{"targetGroupId": e.site.ID}})
		}, 1},
		{"map", func(e *env, id int64) (*lar.MissingReferences, error) {
			return e.PublishStagingRequestMap(t.Context(), "anna", id, false, nil)
		}, 1},
		{"validate imports nothing", func(e *env, id int64) (*lar.MissingReferences, error) {
			return e.ValidateStagingRequest(t.Context(), "anna", id, false, nil)
		}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := newEnv(t)
			id := e.upload(archive, len(archive)/5+1)
			refs, err := tt.publish(e, id)
			if err != nil || refs == nil || len(refs.Dependency) != 0 {
				t.Fatalf("%+v, %v", refs, err)
			}
			if n := e.pages(); n != tt.pages {
				t.Errorf("%d pages, want %d", n, tt.pages)
			}
			if x := e.last(); x.Outcome != content.OK || x.Request != id || x.Site != e.site.ID || x.Login != "anna" {
				t.Errorf("ledger has %+v", x)
			}
			if n := e.files(); n != 5 {
				t.Errorf("%d files, want the five parts, for another try", n)
			}
			arrived, err := e.Arrivals(t.Context(), e.site.ID)
			if err != nil || len(arrived) != tt.pages || tt.pages == 1 && arrived[0].State != arrivals.Succeeded {
				t.Errorf("arrivals %+v, %v", arrived, err)
			}
		})
	}
}

// TestPublishRefusals holds: whatever is refused changes nothing, is in the ledger once, leaves no joined
// archive behind, and the parts stay.
func TestPublishRefusals(t *testing.T) {
	archive := export(t)
	to := func(e *env) map[string]any { return map[string]any{"targetGroupId": e.site.ID} }
	for _, tt := range []struct {
		name, login string
		id          func(e *env, id int64) int64
		conf        func(e *env) staging.Configuration
		want        content.Code
	}{
		{"no such request", "anna", func(_ *env, id int64) int64 { return id + 1 }, func(e *env) staging.Configuration {
			return staging.Configuration{Settings: to(e)}
		}, staging.NoRequest},
		{"no permission", "eve", nil, func(e *env) staging.Configuration {
			return staging.Configuration{Settings: to(e)}
		}, content.NoPermission},
		{"nobody", "mallory", nil, func(e *env) staging.Configuration {
			return staging.Configuration{Settings: to(e)}
		}, content.NoUser},
		{"no settings", "anna", nil, func(*env) staging.Configuration { return staging.Configuration{} }, staging.NoConfiguration},
		{"no target", "anna", nil, func(*env) staging.Configuration {
			return staging.Configuration{Settings: map[string]any{}}
		}, content.NoSite},
		{"a target of another type", "anna", nil, func(*env) staging.Configuration {
			return staging.Configuration{Settings: map[string]any{"targetGroupId": "20121"}}
		}, content.NoSite},
		{"an application without its id", "anna", nil, func(e *env) staging.Configuration {
			return staging.Configuration{Type: 9, Settings: to(e)}
		}, staging.NoPortlet},
		{"onto a page that is not there", "anna", nil, func(e *env) staging.Configuration {
			s := to(e)
			s["targetPlid"] = int64(4711)
			return staging.Configuration{Settings: s}
		}, staging.NoPageID},
		{"onto a page without the application", "anna", nil, func(e *env) staging.Configuration {
			s := to(e)
			p, err := author.New(e.store).AddPage(t.Context(), e.site.ID, "Live", "", author.PageOptions{Portlets: []string{"8"}})
			if err != nil {
				t.Error(err)
			}
			s["targetPlid"], s["portletId"] = p.ID, "15"
			return staging.Configuration{Type: 9, Settings: s}
		}, staging.NotOnPage},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := newEnv(t)
			id := e.upload(archive, len(archive))
			conf := tt.conf(e)
			if tt.id != nil {
				id = tt.id(e, id)
			}
			before := e.pages()
			_, err := e.PublishStagingRequest(t.Context(), tt.login, id, conf)
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %s", err, tt.want)
			}
			if n := e.pages(); n != before {
				t.Errorf("%d pages, were %d", n, before)
			}
			if x := e.last(); x.Outcome != string(tt.want) || x.Method != "publishStagingRequest" || x.Login != tt.login {
				t.Errorf("ledger has %+v", x)
			}
			if n := e.files(); n != 1 {
				t.Errorf("%d files, want the part alone", n)
			}
		})
	}
}

// TestWrongArchives holds that what was announced is what is imported.
func TestWrongArchives(t *testing.T) {
	archive := export(t)
	swapped := slices.Clone(archive)
	swapped[len(swapped)/2] ^= 1
	sum := md5.Sum(archive)
	for _, tt := range []struct {
		name     string
		data     []byte
		checksum string
		want     content.Code
	}{
		{"one bit is another", swapped, hex.EncodeToString(sum[:]), staging.WrongChecksum},
		{"cut", archive[:len(archive)-1], hex.EncodeToString(sum[:]), staging.WrongChecksum},
		{"none", nil, hex.EncodeToString(sum[:]), staging.WrongChecksum},
		{"checksum in capitals", archive, strings.ToUpper(hex.EncodeToString(sum[:])), staging.WrongChecksum},
		{"empty, as announced", nil, "d41d8cd98f00b204e9800998ecf8427e", lar.BadArchive},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := newEnv(t)
			id := e.create(tt.checksum)
			if tt.data != nil {
				if err := e.send("anna", id, "1.part", tt.data); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := e.PublishStagingRequestMap(t.Context(), "anna", id, false, nil); !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %s", err, tt.want)
			}
			if e.pages() != 0 {
				t.Error("something was imported")
			}
			all, err := e.Arrivals(t.Context(), e.site.ID)
			if err != nil || len(all) != 1 || all[0].State != arrivals.Failed || all[0].Publish != 0 || all[0].Message == "" {
				t.Errorf("arrivals %+v, %v", all, err)
			}
		})
	}
}

func TestCreateStagingRequestIsOneForAnArchive(t *testing.T) {
	e := newEnv(t)
	id := e.create("aa")
	if again := e.create("aa"); again != id {
		t.Errorf("the same archive got %d and %d", id, again)
	}
	if other := e.create("bb"); other == id {
		t.Error("two archives share a request")
	}
	if err := e.CleanUpStagingRequest(t.Context(), "anna", id); err != nil {
		t.Fatal(err)
	}
	if next := e.create("aa"); next == id {
		t.Error("an id came back: a late part of the first publish would land in the second")
	}
	for _, tt := range []struct {
		name, login string
		site        int64
		want        content.Code
	}{
		{"no permission", "eve", e.site.ID, content.NoPermission},
		{"nobody", "mallory", e.site.ID, content.NoUser},
		{"no site", "anna", 1, content.NoSite},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if id, err := e.CreateStagingRequest(t.Context(), tt.login, tt.site, "cc"); !errors.Is(err, tt.want) || id != 0 {
				t.Errorf("got %d, %v; want %s", id, err, tt.want)
			}
		})
	}
}

// TestPartsAreKeptOnce holds: the first of a name stays, and what is refused leaves no file.
func TestPartsAreKeptOnce(t *testing.T) {
	e := newEnv(t)
	id := e.create("aa")
	if err := e.send("anna", id, "1", []byte("first")); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, login string
		id          int64
		part        string
		want        content.Code
	}{
		{"same name", "anna", id, "1", staging.DuplicatePart},
		{"no permission", "eve", id, "2", content.NoPermission},
		{"nobody", "mallory", id, "2", content.NoUser},
		{"no request", "anna", id + 7, "2", staging.NoRequest},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := e.send(tt.login, tt.id, tt.part, []byte("second")); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			all, err := e.StagingRequests(t.Context())
			if err != nil || len(all) != 1 || len(all[0].Parts) != 1 || all[0].Parts[0].Size != 5 || e.files() != 1 {
				t.Errorf("%+v, %v, %d files", all, err, e.files())
			}
		})
	}
	t.Run("a name that climbs is only a name", func(t *testing.T) {
		if err := e.send("anna", id, "../../etc/passwd", []byte("x")); err != nil {
			t.Fatal(err)
		}
		if n := e.files(); n != 2 {
			t.Errorf("%d files", n)
		}
	})
}

// TestOneOfManyEqualPartsIsKept holds when publishers race.
func TestOneOfManyEqualPartsIsKept(t *testing.T) {
	e := newEnv(t)
	id := e.create("aa")
	var kept, twice atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			switch err := e.send("anna", id, "1", []byte("same")); {
			case err == nil:
				kept.Add(1)
			case errors.Is(err, staging.DuplicatePart):
				twice.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if kept.Load() != 1 || twice.Load() != 7 || e.files() != 1 {
		t.Errorf("kept %d, refused %d, %d files", kept.Load(), twice.Load(), e.files())
	}
}

func TestCleanUp(t *testing.T) {
	e := newEnv(t)
	id := e.create("aa")
	for _, name := range []string{"1", "2"} {
		if err := e.send("anna", id, name, []byte(name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.CleanUpStagingRequest(t.Context(), "eve", id); !errors.Is(err, content.NoPermission) || e.files() != 2 {
		t.Errorf("eve: %v, %d files", err, e.files())
	}
	for range 2 {
		if err := e.CleanUpStagingRequest(t.Context(), "anna", id); err != nil {
			t.Error(err)
		}
	}
	if all, err := e.StagingRequests(t.Context()); err != nil || len(all) != 0 || e.files() != 0 {
		t.Errorf("%v, %v, %d files", all, err, e.files())
	}
}

// TestCleanUpOfAPartThatIsGone holds: a file that somebody removed already does not keep the others.
func TestCleanUpOfAPartThatIsGone(t *testing.T) {
	e := newEnv(t)
	id := e.create("aa")
	for _, name := range []string{"1", "2", "3"} {
		if err := e.send("anna", id, name, []byte(name)); err != nil {
			t.Fatal(err)
		}
	}
	all, err := os.ReadDir(filepath.Join(e.dir, "parts"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(e.dir, "parts", all[0].Name())); err != nil {
		t.Fatal(err)
	}
	if err := e.CleanUpStagingRequest(t.Context(), "anna", id); err != nil {
		t.Errorf("got %v", err)
	}
	if n := e.files(); n != 0 {
		t.Errorf("%d files are left that no row names", n)
	}
}

func TestSpoolOfABodyThatBreaks(t *testing.T) {
	e := newEnv(t)
	cut := io.MultiReader(strings.NewReader("half"), iotest.ErrReader(io.ErrUnexpectedEOF))
	if p, err := e.Spool(cut); !errors.Is(err, io.ErrUnexpectedEOF) || p != nil || e.files() != 0 {
		t.Errorf("%v, %v, %d files", p, err, e.files())
	}
	var none *staging.Part
	if err := none.Close(); err != nil {
		t.Error(err)
	}
}

// TestPartsOfAnEngineThatDied holds: opened alone, what no request names is thrown away and the rest stays.
func TestPartsOfAnEngineThatDied(t *testing.T) {
	e := newEnv(t)
	id := e.create("aa")
	if err := e.send("anna", id, "1", []byte("kept")); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Spool(strings.NewReader("nobody asked for it")); err != nil {
		t.Fatal(err)
	}
	if err := e.store.Close(); err != nil {
		t.Fatal(err)
	}
	again := openEnv(t, e.dir)
	if n := again.files(); n != 1 {
		t.Errorf("%d files, want the one that a request names", n)
	}
}

func TestLookUps(t *testing.T) {
	e := newEnv(t)
	a := author.New(e.store)
	home, err := a.AddPage(t.Context(), e.site.ID, "Home", "", author.PageOptions{UUID: "u", Portlets: []string{"8"}})
	if err != nil {
		t.Fatal(err)
	}
	inner, err := a.AddPage(t.Context(), e.site.ID, "Inner", "", author.PageOptions{UUID: "u", Private: true, Portlets: []string{"15"}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, site := t.Context(), e.site.ID
	for _, tt := range []struct {
		name string
		call func(login string) (any, error)
		want any
	}{
		{"remote layout", func(l string) (any, error) { return e.HasRemoteLayout(ctx, l, "u", site, false) }, true},
		{"no remote layout", func(l string) (any, error) { return e.HasRemoteLayout(ctx, l, "v", site, false) }, false},
		{"layout", func(l string) (any, error) { return e.HasLayout(ctx, l, "u", site, true) }, true},
		{"no layout", func(l string) (any, error) { return e.HasLayout(ctx, l, "v", site, true) }, false},
		{"plid", func(l string) (any, error) { return e.LayoutPlid(ctx, l, "u", site, true) }, inner.ID},
		{"fetched plid", func(l string) (any, error) { return e.FetchLayoutPlid(ctx, l, "u", site, false) }, home.ID},
		{"no fetched plid", func(l string) (any, error) { return e.FetchLayoutPlid(ctx, l, "v", site, false) }, int64(0)},
		{"default plid", func(l string) (any, error) { return e.DefaultPlid(ctx, l, site, true, "") }, inner.ID},
		{"default plid of an application", func(l string) (any, error) { return e.DefaultPlid(ctx, l, site, false, "15") }, int64(0)},
		{"any default plid of an application", func(l string) (any, error) { return e.AnyDefaultPlid(ctx, l, site, "15") }, inner.ID},
		{"application on a page", func(l string) (any, error) { return e.HasPortletID(ctx, l, home.ID, "8") }, true},
		{"no application on a page", func(l string) (any, error) { return e.HasPortletID(ctx, l, home.ID, "15") }, false},
		{"public address", func(l string) (any, error) { return e.GroupDisplayURL(ctx, l, site, false, false) },
			"http://live.example.com:8080/portal/web/guest"},
		{"secure private address", func(l string) (any, error) { return e.GroupDisplayURL(ctx, l, site, true, true) },
			"https://live.example.com:8080/portal/group/guest"},
		{"class", func(l string) (any, error) { return e.ClassName(ctx, l, staging.GroupClassNameID) },
			staging.ClassName{ID: staging.GroupClassNameID, Value: "com.liferay.portal.kernel.model.Group"}},
		{"class of a library", func(l string) (any, error) { return e.ClassName(ctx, l, staging.DepotClassNameID) },
			staging.ClassName{ID: staging.DepotClassNameID, Value: "com.liferay.depot.model.DepotEntry"}},
		{"class of nothing", func(l string) (any, error) { return e.ClassName(ctx, l, 20004) }, staging.ClassName{}},
		{"no class", func(l string) (any, error) { return e.ClassName(ctx, l, 1) }, staging.ClassName{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.call("anna")
			if err != nil || got != tt.want {
				t.Errorf("got %v, %v; want %v", got, err, tt.want)
			}
			if x := e.last(); x.Outcome != content.OK || x.Login != "anna" {
				t.Errorf("ledger has %+v", x)
			}
			if _, err := tt.call("mallory"); !errors.Is(err, content.NoUser) {
				t.Errorf("nobody got %v", err)
			}
			if x := e.last(); x.Outcome != string(content.NoUser) {
				t.Errorf("ledger has %+v", x)
			}
		})
	}
}

func TestLookUpsThatMustFind(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	other, err := e.store.CreateSite(ctx, content.Site{Name: "Other", CompanyID: 5})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		call func() error
		want content.Code
	}{
		{"ping of no site", func() error { return e.CheckRemoteStagingGroup(ctx, "anna", 1) }, content.NoSite},
		{"ping of another company's", func() error { return e.CheckRemoteStagingGroup(ctx, "anna", other.ID) }, content.NoSite},
		{"group of no name", func() error { _, err := e.GroupByName(ctx, "anna", company, "x"); return err }, content.NoSiteNamed},
		{"control panel of another company", func() error { _, err := e.GroupByName(ctx, "anna", 5, "Control Panel"); return err },
			content.NoSiteNamed},
		{"page", func() error { _, err := e.Layout(ctx, "anna", "v", e.site.ID, false); return err }, staging.NoPage},
		{"plid of a page", func() error { _, err := e.LayoutPlid(ctx, "anna", "v", e.site.ID, false); return err }, staging.NoPage},
		{"application on no page", func() error { _, err := e.HasPortletID(ctx, "anna", 1, "8"); return err }, staging.NoPageID},
		{"remote layout without permission", func() error { _, err := e.HasRemoteLayout(ctx, "eve", "u", e.site.ID, false); return err },
			content.NoPermission},
		{"enable without permission", func() error { return e.EnableStaging(ctx, "eve", e.site.ID) }, content.NoPermission},
		{"disable without permission", func() error { return e.DisableStaging(ctx, "eve", e.site.ID) }, content.NoPermission},
		{"applications without permission", func() error {
			return e.UpdateStagedPortlets(ctx, "eve", e.site.ID, map[string]string{"staged-portlet_8": "true"})
		}, content.NoPermission},
		{"unlock of no site", func() error { _, err := e.Unlock(ctx, "root", 1); return err }, content.NoSite},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.call(); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	if s, err := e.Group(ctx, "anna", e.site.ID); err != nil || s.StagingCount != 0 || s.Settings != "" {
		t.Errorf("changed: %+v, %v", s, err)
	}
}

func TestControlPanelIsThereForEveryCompany(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	s, err := e.GroupByName(ctx, "anna", company, "Control Panel")
	if err != nil || s.ID != content.ControlPanel || s.CompanyID != company {
		t.Fatalf("%+v, %v", s, err)
	}
	plid, err := e.ControlPanelPlid(ctx, "anna")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := e.AnyDefaultPlid(ctx, "anna", s.ID, ""); err != nil || got != plid {
		t.Errorf("default page %d, %v; want %d", got, err, plid)
	}
	if has, err := e.HasPortletID(ctx, "anna", plid, "anything"); err != nil || !has {
		t.Errorf("%t, %v", has, err)
	}
}

// TestStagingIsCounted holds the original's weakness: not once, but as often as it is said.
func TestStagingIsCounted(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	count := func(want int) {
		t.Helper()
		if s, err := e.Group(ctx, "anna", e.site.ID); err != nil || s.StagingCount != want {
			t.Errorf("count %d, %v; want %d", s.StagingCount, err, want)
		}
	}
	for i := range 2 {
		if err := e.EnableStaging(ctx, "anna", e.site.ID); err != nil {
			t.Fatal(err)
		}
		count(i + 1)
	}
	held, err := e.Unlock(ctx, "root", e.site.ID)
	if err != nil || len(held) != 2 || held[0].Login != "anna" {
		t.Errorf("held by %+v, %v", held, err)
	}
	if x := e.last(); x.Login != "root" || x.Method != "unlock" || x.Outcome != content.OK {
		t.Errorf("ledger has %+v", x)
	}
	count(0)
	if err := e.DisableStaging(ctx, "anna", e.site.ID); err != nil {
		t.Fatal(err)
	}
	count(0)
}

func TestStagedPortletsAreAddedToTheSettings(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	for _, flags := range []map[string]string{{"a": "1", "b": "2"}, {"b": "3", "c": ""}} {
		if err := e.UpdateStagedPortlets(ctx, "anna", e.site.ID, flags); err != nil {
			t.Fatal(err)
		}
	}
	if s, err := e.Group(ctx, "anna", e.site.ID); err != nil || s.Settings != "a=1\nb=3\nc=\n" {
		t.Errorf("settings %q, %v", s.Settings, err)
	}
}

// TestCallerThatWentAway holds: nothing is carried out for it, and nothing of it is in the ledger.
func TestCallerThatWentAway(t *testing.T) {
	archive := export(t)
	e := newEnv(t)
	id := e.upload(archive, len(archive))
	before := e.last()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := e.PublishStagingRequestMap(ctx, "anna", id, false, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := e.EnableStaging(ctx, "anna", e.site.ID); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if after := e.last(); after.Seq != before.Seq || e.pages() != 0 || e.files() != 1 {
		t.Errorf("ledger ends with %+v, %d pages, %d files", after, e.pages(), e.files())
	}
}
