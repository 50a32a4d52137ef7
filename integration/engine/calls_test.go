package engine_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stagelock/stagelock/archive/parts"
	"github.com/stagelock/stagelock/integration/engine"
	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/servlet"
	"github.com/stagelock/stagelock/integration/engine/staging"
)

func TestLogins(t *testing.T) {
	e := live(t, "7413")
	must(t, e.AddUser(t.Context(), engine.User{ID: 42, Email: "number@example.com", ScreenName: "20199"}))
	for _, tt := range []struct {
		name, login string
		known       bool
	}{
		{"id", "20199", true},
		{"e-mail address", publisher, true},
		{"screen name", "publisher", true},
		{"nobody", "nobody@example.com", false},
		{"another company's", "stranger@example.com", false},
		{"empty", "", false},
		{"zero", "0", false},
		{"another spelling", "Publisher@example.com", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := e.CheckRemoteStagingGroup(t.Context(), tt.login, site)
			if tt.known {
				must(t, err)
				return
			}
			wantException(t, err, "RemoteAuthException", "Unable to find user "+tt.login)
		})
	}
	// A number that is an id is an id, whoever has it as a screen name.
	must(t, e.EnableStaging(t.Context(), "20199", site))
}

func TestUnknownUserIsRefusedEverywhere(t *testing.T) {
	e := live(t, "7413")
	before := state(t, e)
	for name, err := range everyCall(t, e, "nobody@example.com", 1) {
		x, known := servlet.Translate("7.4", err)
		if !known || x.Class != "com.liferay.portal.kernel.security.auth.RemoteAuthException" || x.Type != 1 {
			t.Errorf("%s: got %v, want a RemoteAuthException of type 1", name, err)
		}
	}
	if state(t, e) != before {
		t.Error("a refused call changed something")
	}
}

func TestPermissions(t *testing.T) {
	e := live(t, "7413")
	id, err := e.CreateStagingRequest(t.Context(), publisher, site, md5Of(nil))
	must(t, err)
	before := state(t, e)
	free := []string{"checkRemoteStagingGroup", "getGroup", "getGroup by name", "getGroupDisplayURL", "hasLayout",
		"getDefaultPlid", "any default plid", "getControlPanelLayoutPlid", "propagate"}
	for name, err := range everyCall(t, e, nobody, id) {
		x, known := servlet.Translate("7.4", err)
		refused := known && x.Class == "com.liferay.portal.kernel.security.auth.PrincipalException"
		absent := err != nil && (errors.Is(err, staging.NoPage) || errors.Is(err, staging.NoPageID))
		if slices.Contains(free, name) != (err == nil) && !absent && !refused {
			t.Errorf("%s: %v", name, err)
		}
		if !slices.Contains(free, name) && !refused && !absent {
			t.Errorf("%s was not refused: %v", name, err)
		}
	}
	if state(t, e) != before {
		t.Error("a refused call changed something")
	}
	for name, err := range everyCall(t, e, "admin", id) {
		if err != nil && errors.Is(err, content.NoPermission) {
			t.Errorf("%s: the administrator was refused: %v", name, err)
		}
	}
}

// everyCall makes each call once and returns what it threw.
func everyCall(t *testing.T, e *engine.Engine, login string, id int64) map[string]error {
	ctx := t.Context()
	first := func(_ any, err error) error { return err }
	return map[string]error{
		"checkRemoteStagingGroup":   e.CheckRemoteStagingGroup(ctx, login, site),
		"getGroup":                  first(e.Group(ctx, login, site)),
		"getGroup by name":          first(e.GroupByName(ctx, login, company, "Guest")),
		"getGroupDisplayURL":        first(e.GroupDisplayURL(ctx, login, site, false, false)),
		"enableStaging":             e.EnableStaging(ctx, login, site),
		"disableStaging":            e.DisableStaging(ctx, login, site),
		"updateStagedPortlets":      e.UpdateStagedPortlets(ctx, login, site, map[string]string{"staged-portlet_8": "true"}),
		"createStagingRequest":      first(e.CreateStagingRequest(ctx, login, site, md5Of([]byte("x")))),
		"updateStagingRequest":      e.UpdateStagingRequest(ctx, login, id, "x.zip00", spool(t, e, []byte("x"))),
		"validateStagingRequest":    first(e.ValidateStagingRequest(ctx, login, id, false, nil)),
		"publishStagingRequest":     first(e.PublishStagingRequest(ctx, login, id, pages(site))),
		"publishStagingRequest map": first(e.PublishStagingRequestMap(ctx, login, id, false, nil)),
		"cleanUpStagingRequest":     e.CleanUpStagingRequest(ctx, login, id),
		"hasRemoteLayout":           first(e.HasRemoteLayout(ctx, login, "u", site, false)),
		"hasLayout":                 first(e.HasLayout(ctx, login, "u", site, false)),
		"getLayout":                 first(e.Layout(ctx, login, "u", site, false)),
		"getLayoutPlid":             first(e.LayoutPlid(ctx, login, "u", site, false)),
		"getDefaultPlid":            first(e.DefaultPlid(ctx, login, site, false, "")),
		"any default plid":          first(e.AnyDefaultPlid(ctx, login, site, "8")),
		"hasPortletId":              first(e.HasPortletID(ctx, login, 1, "8")),
		"getControlPanelLayoutPlid": first(e.ControlPanelPlid(ctx, login)),
		"propagate":                 e.PropagateExportImportLifecycleEvent(ctx, login, 1, 2, "p"),
	}
}

func TestSitesOfAnotherCompanyDoNotExist(t *testing.T) {
	e := live(t, "7413")
	for name, err := range map[string]error{
		"unknown": e.CheckRemoteStagingGroup(t.Context(), publisher, 404),
		"foreign": e.CheckRemoteStagingGroup(t.Context(), publisher, foreign),
		"enable":  e.EnableStaging(t.Context(), "admin", foreign),
	} {
		wantException(t, err, "NoSuchGroupException", "No Group exists with the primary key ")
		t.Log(name)
	}
	_, err := e.GroupByName(t.Context(), publisher, 7, "Foreign")
	wantException(t, err, "NoSuchGroupException", "groupKey=Foreign")
}

func TestCreateIsIdempotentWhileTheRequestLives(t *testing.T) {
	e := live(t, "7413")
	create := func(login string, site int64, sum string) int64 {
		id, err := e.CreateStagingRequest(t.Context(), login, site, sum)
		must(t, err)
		return id
	}
	first := create(publisher, site, md5Of(nil))
	for name, id := range map[string]int64{
		"again":            create(publisher, site, md5Of(nil)),
		"by somebody else": create("admin", site, md5Of(nil)),
	} {
		if id != first {
			t.Errorf("%s: id %d, want %d", name, id, first)
		}
	}
	others := []int64{create(publisher, site, md5Of([]byte("x"))), create("admin", otherSite, md5Of(nil))}
	must(t, e.CleanUpStagingRequest(t.Context(), publisher, first))
	others = append(others, create(publisher, site, md5Of(nil)))
	if slices.Contains(others, first) || len(slices.Compact(slices.Sorted(slices.Values(others)))) != 3 {
		t.Errorf("other requests %v share an id or have %d", others, first)
	}
}

func TestConcurrentCreatesShareOneRequest(t *testing.T) {
	e := live(t, "7413")
	ids := make([]int64, 8)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			id, err := e.CreateStagingRequest(t.Context(), publisher, site, md5Of(nil))
			if err != nil {
				t.Error(err)
			}
			ids[i] = id
		})
	}
	wg.Wait()
	if len(slices.Compact(ids)) != 1 {
		t.Errorf("ids %v", ids)
	}
}

func TestParts(t *testing.T) {
	e := live(t, "7413")
	id, err := e.CreateStagingRequest(t.Context(), publisher, site, md5Of([]byte("ab")))
	must(t, err)
	must(t, e.UpdateStagingRequest(t.Context(), publisher, id, "l.zip00", spool(t, e, []byte("a"))))
	err = e.UpdateStagingRequest(t.Context(), publisher, id, "l.zip00", spool(t, e, []byte("b")))
	wantException(t, err, "DuplicateFileEntryException", "title l.zip00")
	err = e.UpdateStagingRequest(t.Context(), publisher, 404, "l.zip00", spool(t, e, []byte("b")))
	wantException(t, err, "NoSuchFolderException", "404")
	must(t, e.UpdateStagingRequest(t.Context(), publisher, id, "../l.zip01", spool(t, e, []byte("b"))))
	requests, err := e.StagingRequests(t.Context())
	must(t, err)
	if len(requests) != 1 || len(requests[0].Parts) != 2 || requests[0].Parts[1].Name != "l.zip00" || requests[0].Parts[1].Size != 1 {
		t.Errorf("requests %+v", requests)
	}
	must(t, e.CleanUpStagingRequest(t.Context(), publisher, id))
	must(t, e.CleanUpStagingRequest(t.Context(), publisher, id))
	must(t, e.CleanUpStagingRequest(t.Context(), publisher, 404))
}

func TestPublishingTwiceImportsTwice(t *testing.T) {
	e := live(t, "6011")
	lar := readFile(t, larFiles(t)[0])
	id := send(t, e, lar, parts.DefaultBuffer)
	for range 2 {
		_, err := e.PublishStagingRequest(t.Context(), publisher, id, configurationFor(t, lar))
		must(t, err)
	}
	all, err := e.Publishes(t.Context(), site)
	if err != nil || len(all) != 2 {
		t.Errorf("%d publishes, error %v; want 2", len(all), err)
	}
}

func TestStagingCounter(t *testing.T) {
	e := live(t, "7413")
	for i, step := range []struct {
		call func() error
		want int
	}{
		{func() error { return e.DisableStaging(t.Context(), publisher, site) }, 0},
		{func() error { return e.EnableStaging(t.Context(), publisher, site) }, 1},
		{func() error { return e.EnableStaging(t.Context(), publisher, site) }, 2},
		{func() error { return e.DisableStaging(t.Context(), publisher, site) }, 1},
	} {
		must(t, step.call())
		if s, err := e.Site(t.Context(), site); err != nil || s.StagingCount != step.want {
			t.Errorf("step %d: count %d, error %v; want %d", i, s.StagingCount, err, step.want)
		}
	}
}

func TestUpdateStagedPortlets(t *testing.T) {
	e := newEngine(t, config(t.TempDir(), "7413"))
	populateWith(t, e, engine.Site{ID: site, Name: "Guest", Settings: "staged=true\n#comment\nmergeGuestPublicPages=true\n"})
	for _, tt := range []struct {
		name  string
		flags map[string]string
		want  string
	}{
		{"new", map[string]string{"staged-portlet_8": "true", "staged-portlet_33": "false"},
			"mergeGuestPublicPages=true\nstaged=true\nstaged-portlet_33=false\nstaged-portlet_8=true\n"},
		{"changed", map[string]string{"staged-portlet_8": "false"},
			"mergeGuestPublicPages=true\nstaged=true\nstaged-portlet_33=false\nstaged-portlet_8=false\n"},
		{"line break in a value is kept inside", map[string]string{"staged-portlet_8": "a\nb=c"},
			"mergeGuestPublicPages=true\nstaged=true\nstaged-portlet_33=false\nstaged-portlet_8=a_SAFE_NEWLINE_CHARACTER_b=c\n"},
		{"line break in a key writes another setting, as in the original", map[string]string{"x=1\nstagedRemotely": "true"},
			"mergeGuestPublicPages=true\nstaged=true\nstaged-portlet_33=false\nstaged-portlet_8=a_SAFE_NEWLINE_CHARACTER_b=c\nx=1\nstagedRemotely=true\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			must(t, e.UpdateStagedPortlets(t.Context(), "admin", site, tt.flags))
			if s, err := e.Site(t.Context(), site); err != nil || s.Settings != tt.want {
				t.Errorf("settings %q, error %v; want %q", s.Settings, err, tt.want)
			}
		})
	}
}

func populateWith(t *testing.T, e *engine.Engine, s engine.Site) {
	t.Helper()
	_, err := e.CreateSite(t.Context(), s)
	must(t, err)
	must(t, e.AddUser(t.Context(), engine.User{ID: 1, Email: "admin@example.com", ScreenName: "admin", Admin: true}))
}

func TestGroupDisplayURL(t *testing.T) {
	cfg := config(t.TempDir(), "7413")
	cfg.URL, cfg.Context = "http://127.0.0.1:8080", "/portal"
	e := newEngine(t, cfg)
	populate(t, e)
	for _, tt := range []struct {
		private, secure bool
		want            string
	}{
		{false, false, "http://127.0.0.1:8080/portal/web/guest"},
		{true, false, "http://127.0.0.1:8080/portal/group/guest"},
		{false, true, "https://127.0.0.1:8080/portal/web/guest"},
	} {
		if got, err := e.GroupDisplayURL(t.Context(), publisher, site, tt.private, tt.secure); got != tt.want {
			t.Errorf("private %t, secure %t: got %q, error %v; want %q", tt.private, tt.secure, got, err, tt.want)
		}
	}
}

func TestPageLookUps(t *testing.T) {
	e := live(t, "7413")
	ctx := t.Context()
	home, err := e.AddPage(ctx, site, "Home", "welcome", engine.PageOptions{})
	must(t, err)
	news, err := e.AddPage(ctx, site, "News", "today", engine.PageOptions{Parent: home.UUID, Portlets: []string{"8", "33"}})
	must(t, err)
	if news.ParentLayoutID != home.LayoutID || news.LayoutID != 2 || news.Path != "/web/news" {
		t.Errorf("page %+v", news)
	}
	got := map[string]any{}
	put := func(name string) func(any, error) {
		return func(v any, err error) {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			got[name] = v
		}
	}
	b := func(v bool, err error) (any, error) { return v, err }
	n := func(v int64, err error) (any, error) { return v, err }
	put("hasRemoteLayout")(b(e.HasRemoteLayout(ctx, publisher, home.UUID, site, false)))
	put("hasRemoteLayout private")(b(e.HasRemoteLayout(ctx, publisher, home.UUID, site, true)))
	put("hasLayout")(b(e.HasLayout(ctx, publisher, home.UUID, site, false)))
	put("hasLayout unknown")(b(e.HasLayout(ctx, publisher, "u", site, false)))
	put("plid")(n(e.LayoutPlid(ctx, publisher, news.UUID, site, false)))
	put("default")(n(e.DefaultPlid(ctx, publisher, site, false, "")))
	put("default private")(n(e.DefaultPlid(ctx, publisher, site, true, "")))
	put("default with portlet")(n(e.DefaultPlid(ctx, publisher, site, false, "33")))
	put("any with portlet")(n(e.AnyDefaultPlid(ctx, publisher, site, "8")))
	put("hasPortletId")(b(e.HasPortletID(ctx, publisher, news.ID, "8")))
	put("hasPortletId not")(b(e.HasPortletID(ctx, publisher, home.ID, "8")))
	put("control panel")(n(e.ControlPanelPlid(ctx, publisher)))
	for name, want := range map[string]any{
		"hasRemoteLayout": true, "hasRemoteLayout private": false, "hasLayout": true, "hasLayout unknown": false,
		"plid": news.ID, "default": home.ID, "default private": int64(0), "default with portlet": news.ID,
		"any with portlet": news.ID, "hasPortletId": true, "hasPortletId not": false, "control panel": int64(20007),
	} {
		if got[name] != want {
			t.Errorf("%s: got %v, want %v", name, got[name], want)
		}
	}
	it, err := e.Layout(ctx, publisher, news.UUID, site, false)
	if err != nil || it.ID != news.ID || it.Name != "News" {
		t.Errorf("layout %+v, error %v", it, err)
	}
	_, err = e.Layout(ctx, publisher, "u", site, true)
	wantException(t, err, "NoSuchLayoutException", "{uuid=u, groupId=20121, privateLayout=true}")
	_, err = e.HasPortletID(ctx, publisher, 1, "8")
	wantException(t, err, "NoSuchLayoutException", "primary key 1")
}

// 7.1 GA1 publishes single content by way of the control panel's group and page.
func TestControlPanel(t *testing.T) {
	e, ctx := live(t, "7413"), t.Context()
	g, err := e.GroupByName(ctx, publisher, company, "Control Panel")
	must(t, err)
	same, err := e.Group(ctx, publisher, g.ID)
	must(t, err)
	plid, err := e.DefaultPlid(ctx, publisher, g.ID, true, "")
	must(t, err)
	want, err := e.ControlPanelPlid(ctx, publisher)
	must(t, err)
	has, err := e.HasPortletID(ctx, publisher, plid, "com_liferay_journal_web_portlet_JournalPortlet")
	if err != nil || !has || plid != want || g.CompanyID != company || same.UUID != g.UUID {
		t.Errorf("group %+v, page %d, want %d, has %t, error %v", g, plid, want, has, err)
	}
	_, err = e.GroupByName(ctx, publisher, 7, "Control Panel")
	wantException(t, err, "NoSuchGroupException", "groupKey=Control Panel")
	if _, err := e.CreateSite(ctx, engine.Site{ID: g.ID, Name: "Taken"}); err == nil {
		t.Error("a site with the control panel's id")
	}
}

func TestLedger(t *testing.T) {
	e := live(t, "6011")
	lar := readFile(t, larFiles(t)[0])
	must(t, e.CheckRemoteStagingGroup(t.Context(), publisher, site))
	id := send(t, e, lar, parts.DefaultBuffer)
	part := spool(t, e, lar)
	wantException(t, e.UpdateStagingRequest(t.Context(), publisher, id, "3c0d.zip00", part), "DuplicateFileEntryException", "")
	_, err := e.PublishStagingRequest(t.Context(), publisher, id, configurationFor(t, lar))
	must(t, err)
	must(t, e.CleanUpStagingRequest(t.Context(), publisher, id))
	want := []string{"checkRemoteStagingGroup ok", "createStagingRequest ok", "updateStagingRequest ok",
		"updateStagingRequest DuplicateFileEntryException", "publishStagingRequest ok", "cleanUpStagingRequest ok"}
	if got := methods(t, e); !slices.Equal(got, want) {
		t.Errorf("ledger %q, want %q", got, want)
	}
	rows, err := e.Ledger(t.Context())
	must(t, err)
	if rows[2].Digest != rows[3].Digest || rows[2].Digest == rows[1].Digest || len(rows[2].Digest) != 64 {
		t.Errorf("digests of equal calls differ or of different ones are equal: %+v", rows)
	}
	for _, r := range rows {
		if r.Login != publisher || r.Site != site || r.At.IsZero() || r.Request != id && r.Method != "checkRemoteStagingGroup" {
			t.Errorf("row %+v", r)
		}
	}
}

func TestClassNamesOfTheLine(t *testing.T) {
	cfg := config(t.TempDir(), "6210")
	cfg.Line = "6.2"
	e := newEngine(t, cfg)
	populate(t, e)
	id, err := e.CreateStagingRequest(t.Context(), publisher, site, md5Of([]byte("other")))
	must(t, err)
	must(t, e.UpdateStagingRequest(t.Context(), publisher, id, "l.lar00", spool(t, e, []byte("x"))))
	_, wrong := e.PublishStagingRequestMap(t.Context(), publisher, id, false, nil)
	for _, tt := range []struct {
		err   error
		class string
	}{
		{e.CheckRemoteStagingGroup(t.Context(), publisher, 404), "com.liferay.portal.NoSuchGroupException: No Group exists with the primary key 404"},
		{e.CheckRemoteStagingGroup(t.Context(), "x", site), "com.liferay.portal.security.auth.RemoteAuthException"},
		{e.EnableStaging(t.Context(), nobody, site), "com.liferay.portal.security.auth.PrincipalException: User 20200 must have UPDATE permission for com.liferay.portal.kernel.model.Group 20121"},
		{wrong, "com.liferay.portal.kernel.exception.SystemException: Invalid checksum for LAR file"},
	} {
		if x, known := servlet.Translate("6.2", tt.err); !known || x.Error() != tt.class {
			t.Errorf("got %v of %v, want %s", x, tt.err, tt.class)
		}
	}
}

func TestNewSaysAllThatIsWrong(t *testing.T) {
	_, err := engine.New(engine.Config{Build: "seven", Line: "5.0", Context: "portal/"})
	for _, want := range []string{"Dir is empty", "Build is not a number", "Line is none", "CompanyID", "Now is nil", "Context does not"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that says %q", err, want)
		}
	}
}

func TestAllowedAndRemovedUsers(t *testing.T) {
	e := live(t, "7413")
	allowed := func(login string) bool {
		ok, err := e.Allowed(t.Context(), login, engine.ExportImportLayouts, site)
		must(t, err)
		return ok
	}
	if !allowed(publisher) || !allowed("admin") || allowed(nobody) || allowed("unknown") {
		t.Error("permissions are not what was granted")
	}
	must(t, e.RemoveUser(t.Context(), 20199))
	if allowed(publisher) {
		t.Error("a removed user is allowed")
	}
}
