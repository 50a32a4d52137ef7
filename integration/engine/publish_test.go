package engine_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/archive/parts"
	"github.com/stagelock/stagelock/integration/engine"
)

func TestPublishRealArchives(t *testing.T) {
	for _, buffer := range []int64{1000, parts.DefaultBuffer} {
		e := live(t, "6011")
		for _, path := range larFiles(t) {
			t.Run(fmt.Sprintf("%s by %d", filepath.Base(path), buffer), func(t *testing.T) {
				lar := readFile(t, path)
				id := send(t, e, lar, buffer)
				refs, err := e.PublishStagingRequest(t.Context(), publisher, id, configurationFor(t, lar))
				if err != nil {
					t.Fatal(err)
				}
				if len(refs.Dependency)+len(refs.Weak) > 0 {
					t.Errorf("missing references %+v, want none", refs)
				}
				compareArrived(t, e, lastPublish(t, e).ID, lar)
				must(t, e.CleanUpStagingRequest(t.Context(), publisher, id))
			})
		}
		if requests, err := e.StagingRequests(t.Context()); err != nil || len(requests) > 0 {
			t.Errorf("after all clean-ups %d requests are left, error %v", len(requests), err)
		}
	}
}

func lastPublish(t testing.TB, e *engine.Engine) engine.Publish {
	t.Helper()
	all, err := e.Publishes(t.Context(), site)
	if err != nil || len(all) == 0 {
		t.Fatalf("%d publishes, error %v", len(all), err)
	}
	return all[len(all)-1]
}

func TestPublishSaysWhoWhenAndHowMuch(t *testing.T) {
	e := live(t, "6011")
	lar := readFile(t, larFiles(t)[0])
	id := send(t, e, lar, parts.DefaultBuffer)
	if _, err := e.PublishStagingRequest(t.Context(), "publisher", id, configurationFor(t, lar)); err != nil {
		t.Fatal(err)
	}
	p := lastPublish(t, e)
	if p.Login != "publisher" || p.Request != id || p.Checksum != md5Of(lar) || p.Entries != 7 || p.Bytes != 951 || p.At.IsZero() {
		t.Errorf("publish %+v", p)
	}
	items, err := e.List(t.Context(), site)
	if err != nil || len(items) != 7 {
		t.Fatalf("%d items, error %v", len(items), err)
	}
	if m := items[len(items)-1]; m.Kind != engine.Entry || m.Path != "manifest.xml" || m.Size != 325 || m.Publish != p.ID {
		t.Errorf("last item %+v", m)
	}
}

func TestWrongChecksumTouchesNothing(t *testing.T) {
	e := live(t, "6011")
	lar := readFile(t, larFiles(t)[0])
	id, err := e.CreateStagingRequest(t.Context(), publisher, site, md5Of([]byte("another archive")))
	must(t, err)
	must(t, e.UpdateStagingRequest(t.Context(), publisher, id, "3c0d.zip00", spool(t, e, lar)))
	before := state(t, e)
	_, err = e.PublishStagingRequest(t.Context(), publisher, id, configurationFor(t, lar))
	wantException(t, err, "ExportImportIOException", "checksum")
	if after := state(t, e); after != before {
		t.Errorf("state changed from\n%s\nto\n%s", before, after)
	}
}

func TestRefusedArchivesTouchNothing(t *testing.T) {
	good := map[string]string{"build-number": "7413", "schema-version": "4.0.0", "type": "layout-set", "available-locales": "en_US,de_DE"}
	with := func(pairs ...string) string {
		all := map[string]string{}
		for k, v := range good {
			all[k] = v
		}
		for i := 0; i < len(pairs); i += 2 {
			all[pairs[i]] = pairs[i+1]
		}
		return header(all)
	}
	portlet := `<site-portlets><portlet portlet-id="%s" schema-version="%s" validate-existing-data-handler="%s"/></site-portlets>`
	const journal = "com_liferay_journal_web_portlet_JournalPortlet"
	for _, tt := range []struct{ name, manifest, portletID, class, text string }{
		{"older build", with("build-number", "6210"), "", "LayoutImportException", "6210 does not match portal build number 7413"},
		{"no build", with("build-number", ""), "", "LayoutImportException", "0 does not match"},
		{"newer major schema", with("schema-version", "5.0.0"), "", "LayoutImportException", "5.0.0 does not match"},
		{"newer minor schema", with("schema-version", "4.1.0"), "", "LayoutImportException", "4.1.0"},
		{"no schema means the first", with("schema-version", ""), "", "LayoutImportException", "1.0.0"},
		{"application where pages are due", with("type", "portlet"), "", "LARTypeException", "portlet"},
		{"unknown type", with("type", "sites"), "", "LARTypeException", "sites"},
		{"a template into a site", with("type", "layout-set-prototype"), "", "LARTypeException", "template"},
		{"pages where an application is due", with(), "8", "LARTypeException", "layout-set"},
		{"another application", with("type", "portlet", "root-portlet-id", "9"), "8_INSTANCE_x", "PortletIdException", "9"},
		{"locale that the site lacks", with("available-locales", "en_US,fr_FR"), "", "LocaleException", "fr_FR"},
		{"site template that is not here", with("layout-set-prototype-uuid", "u-1"), "", "LayoutPrototypeException", "u-1"},
		{"application without a handler", with() + fmt.Sprintf(portlet, "foo", "1.0.0", "true"), "", "MissingPortletDataHandlerException", "foo"},
		{"application of a newer schema", with() + fmt.Sprintf(portlet, journal, "2.1.0", "false"), "", "LayoutImportException", journal},
		{"no header", "", "", "LARFileException", "header"},
		{"not XML", "<header", "", "LARFileException", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := live(t, "7413")
			lar := makeLAR(t, file{"manifest.xml", "<root>" + tt.manifest + "</root>"})
			conf := pages(site)
			if tt.portletID != "" {
				conf.Settings["portletId"] = tt.portletID
			}
			id := send(t, e, lar, parts.DefaultBuffer)
			before := state(t, e)
			_, err := e.PublishStagingRequest(t.Context(), publisher, id, conf)
			wantException(t, err, tt.class, tt.text)
			if after := state(t, e); after != before {
				t.Errorf("state changed from\n%s\nto\n%s", before, after)
			}
		})
	}
}

// What the refusals above have in common with this archive is accepted: each of them differs in one thing.
func TestAcceptedTwinOfTheRefused(t *testing.T) {
	e := live(t, "7413")
	lar := makeLAR(t, file{"manifest.xml", "<root>" + header(map[string]string{"build-number": "7000",
		"schema-version": "4.0.9", "type": "layout-set", "available-locales": "de_DE"}) + `<site-portlets>
		<portlet portlet-id="com_liferay_journal_web_portlet_JournalPortlet" schema-version="2.0.1" validate-existing-data-handler="true"/>
		<portlet portlet-id="foo" schema-version="9.0.0" validate-existing-data-handler="false"/></site-portlets></root>`})
	id := send(t, e, lar, parts.DefaultBuffer)
	if _, err := e.PublishStagingRequest(t.Context(), publisher, id, pages(site)); err != nil {
		t.Fatal(err)
	}
	compareArrived(t, e, lastPublish(t, e).ID, lar)
}

// What AnyBuild is for: an archive of another build arrives, and the publish says so.
func TestAnyBuildTakesAnArchiveOfAnotherBuild(t *testing.T) {
	cfg := config(t.TempDir(), "7413")
	cfg.AnyBuild = true
	e := newEngine(t, cfg)
	populate(t, e)
	for _, f := range larFiles(t) {
		lar := readFile(t, f)
		id := send(t, e, lar, parts.DefaultBuffer)
		_, err := e.PublishStagingRequest(t.Context(), publisher, id, configurationFor(t, lar))
		must(t, err)
		p := lastPublish(t, e)
		if len(p.Warnings) == 0 || p.Warnings[0] != "archive of build 6011, the engine is of build 7413" {
			t.Errorf("%s: warnings %q", f, p.Warnings)
		}
		compareArrived(t, e, p.ID, lar)
	}
	own := makeLAR(t, file{"manifest.xml", "<root>" + header(map[string]string{"build-number": "7413",
		"schema-version": "4.0.0", "type": "layout-set", "available-locales": "en_US"}) + "</root>"})
	_, err := e.PublishStagingRequest(t.Context(), publisher, send(t, e, own, parts.DefaultBuffer), pages(site))
	must(t, err)
	if p := lastPublish(t, e); len(p.Warnings) != 0 {
		t.Errorf("an archive of its own build has the warnings %q", p.Warnings)
	}
	lost := makeLAR(t, file{"manifest.xml", "<root>" + header(map[string]string{"build-number": "7413",
		"schema-version": "4.0.0", "type": "layout-set", "available-locales": "fr_FR"}) + "</root>"})
	_, err = e.PublishStagingRequest(t.Context(), publisher, send(t, e, lost, parts.DefaultBuffer), pages(site))
	wantException(t, err, "LocaleException", "fr_FR")
}

func header(attrs map[string]string) string {
	var b strings.Builder
	b.WriteString("<header")
	for k, v := range attrs {
		if v != "" {
			fmt.Fprintf(&b, " %s=%q", k, v)
		}
	}
	b.WriteString("/>")
	return b.String()
}

type file struct{ name, content string }

func makeLAR(t testing.TB, files ...file) []byte {
	t.Helper()
	var b bytes.Buffer
	w := archive.NewWriter(&b)
	for _, f := range files {
		must(t, w.Put(f.name, start, []byte(f.content)))
	}
	must(t, w.Close())
	return b.Bytes()
}

func TestBrokenArchiveIsRefused(t *testing.T) {
	lar := readFile(t, larFiles(t)[0])
	flipped := slices.Clone(lar)
	flipped[bytes.Index(flipped, []byte("categories.xml"))+len("categories.xml")+4] ^= 0x40
	for _, tt := range []struct {
		name string
		lar  []byte
	}{
		{"no zip", []byte("not an archive at all")},
		{"cut short", lar[:len(lar)-1]},
		{"something behind it", append(slices.Clone(lar), 'x')},
		{"content changed", flipped},
		{"no manifest", makeLAR(t, file{"group/1/a.xml", "<a/>"})},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := live(t, "6011")
			id := send(t, e, tt.lar, parts.DefaultBuffer)
			before := state(t, e)
			_, err := e.PublishStagingRequest(t.Context(), publisher, id, configurationFor(t, lar))
			wantException(t, err, "LARFileException", "")
			if after := state(t, e); after != before {
				t.Errorf("state changed")
			}
		})
	}
}

func TestMissingReferences(t *testing.T) {
	const there = `<missing-reference class-name="com.liferay.journal.model.JournalArticle" uuid="%s" display-name="d" type="%s" referrer-class-name="r"/>`
	e := live(t, "7413")
	article, err := e.AddArticle(t.Context(), site, "In live already", "text")
	must(t, err)
	base := header(map[string]string{"build-number": "7413", "schema-version": "4.0.0", "type": "layout-set"})
	inside := `<missing-reference class-name="x" uuid="y" type="dependency" element-path="/group/1/x/y.xml"/>`
	for _, tt := range []struct {
		name, refs       string
		dependency, weak int
		imported         bool
	}{
		{"in live", fmt.Sprintf(there, article.UUID, "dependency"), 0, 0, true},
		{"in the archive", inside, 0, 0, true},
		{"weak", fmt.Sprintf(there, "nowhere", "weak"), 0, 1, true},
		{"dependency", fmt.Sprintf(there, "nowhere", "dependency") + fmt.Sprintf(there, "nowhere", "weak"), 1, 1, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			lar := makeLAR(t, file{"group/1/x/y.xml", "<a/>"},
				file{"manifest.xml", "<root>" + base + "<missing-references>" + tt.refs + "</missing-references></root>"})
			before, err := e.Publishes(t.Context(), site)
			must(t, err)
			refs, err := e.PublishStagingRequest(t.Context(), publisher, send(t, e, lar, 1000), pages(site))
			must(t, err)
			after, err := e.Publishes(t.Context(), site)
			must(t, err)
			if len(refs.Dependency) != tt.dependency || len(refs.Weak) != tt.weak || len(after) > len(before) != tt.imported {
				t.Errorf("got %+v, imported %t", refs, len(after) > len(before))
			}
		})
	}
}

// The vendor asks permission for the request's site and imports into the site of the settings; the gateway is there to compare.
func TestPublishGoesWhereTheSettingsSay(t *testing.T) {
	e := live(t, "6011")
	lar := readFile(t, larFiles(t)[0])
	conf := configurationFor(t, lar)
	conf.Settings["targetGroupId"] = int64(otherSite)
	_, err := e.PublishStagingRequest(t.Context(), publisher, send(t, e, lar, parts.DefaultBuffer), conf)
	must(t, err)
	here, err := e.Publishes(t.Context(), site)
	must(t, err)
	there, err := e.Publishes(t.Context(), otherSite)
	must(t, err)
	if len(here) != 0 || len(there) != 1 {
		t.Errorf("%d publishes in the request's site, %d in the settings' site; want 0 and 1", len(here), len(there))
	}
}

func TestSettings(t *testing.T) {
	lar := readFile(t, larFiles(t)[0])
	for _, tt := range []struct {
		name, class, text string
		change            func(*engine.Configuration)
	}{
		{"no map", "SystemException", "settings map", func(c *engine.Configuration) { c.Settings = nil }},
		{"no target", "NoSuchGroupException", "primary key 0", func(c *engine.Configuration) { delete(c.Settings, "targetGroupId") }},
		{"target unknown", "NoSuchGroupException", "primary key 1", func(c *engine.Configuration) { c.Settings["targetGroupId"] = int64(1) }},
		{"application without its id", "PortletIdException", "", func(c *engine.Configuration) { delete(c.Settings, "portletId") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := live(t, "6011")
			conf := configurationFor(t, lar)
			tt.change(&conf)
			_, err := e.PublishStagingRequest(t.Context(), publisher, send(t, e, lar, 1000), conf)
			wantException(t, err, tt.class, tt.text)
		})
	}
}

func TestMapFormAndValidate(t *testing.T) {
	e := live(t, "6011")
	var lar []byte
	for _, path := range larFiles(t) {
		if strings.Contains(path, "community") {
			lar = readFile(t, path)
		}
	}
	id := send(t, e, lar, 1000)
	if _, err := e.ValidateStagingRequest(t.Context(), publisher, id, true, nil); err != nil {
		t.Fatal(err)
	}
	if all, err := e.Publishes(t.Context(), site); err != nil || len(all) != 0 {
		t.Errorf("validate imported: %d publishes, error %v", len(all), err)
	}
	if _, err := e.PublishStagingRequestMap(t.Context(), publisher, id, true, map[string]any{"DELETIONS": []any{"true"}}); err != nil {
		t.Fatal(err)
	}
	compareArrived(t, e, lastPublish(t, e).ID, lar)
	portlet := readFile(t, larFiles(t)[0])
	_, err := e.PublishStagingRequestMap(t.Context(), publisher, send(t, e, portlet, 1000), true, nil)
	wantException(t, err, "LARTypeException", "portlet")
}

func TestProgressAndPausePoints(t *testing.T) {
	cfg := config(t.TempDir(), "6011")
	var progress []engine.Progress
	var points []string
	cfg.Progress = func(p engine.Progress) { progress = append(progress, p) }
	cfg.Pause = func(point string) {
		if strings.HasPrefix(point, "publish") && !strings.HasSuffix(point, ":entry") {
			points = append(points, strings.TrimPrefix(point, "publishStagingRequest:"))
		}
	}
	e := newEngine(t, cfg)
	populate(t, e)
	lar := readFile(t, larFiles(t)[0])
	_, err := e.PublishStagingRequest(t.Context(), publisher, send(t, e, lar, 1000), configurationFor(t, lar))
	must(t, err)
	last := progress[len(progress)-1]
	if last.Entries != last.OfEntries || last.Bytes != 951 || last.OfBytes != 951 || last.Site != site || len(progress) != last.Entries {
		t.Errorf("%d reports, last %+v", len(progress), last)
	}
	want := "begin checked unpacked kept listed half-applied before-commit committed"
	if got := strings.Join(points, " "); got != want {
		t.Errorf("points %q, want %q", got, want)
	}
}

// Anything that reads a part's order from its name alone depends on the vendor's zero-padded numbers.
func TestPartsAreJoinedByNameNotByArrival(t *testing.T) {
	e := live(t, "6011")
	lar := readFile(t, larFiles(t)[0])
	id, err := e.CreateStagingRequest(t.Context(), publisher, site, md5Of(lar))
	must(t, err)
	for i := 3; i >= 0; i-- {
		from, to := i*len(lar)/4, (i+1)*len(lar)/4
		must(t, e.UpdateStagingRequest(t.Context(), publisher, id, fmt.Sprintf("a.zip%02d", i), spool(t, e, lar[from:to])))
	}
	_, err = e.PublishStagingRequest(t.Context(), publisher, id, configurationFor(t, lar))
	must(t, err)
}

func BenchmarkPublish(b *testing.B) {
	e := live(b, "7413")
	body := make([]byte, 10<<20)
	for i := 0; i+8 <= len(body); i += 8 {
		binary.LittleEndian.PutUint64(body[i:], uint64(i)*0x9e3779b97f4a7c15)
	}
	lar := makeLAR(b, file{"group/1/content", string(body)}, file{"manifest.xml", "<root>" + header(map[string]string{
		"build-number": "7413", "schema-version": "4.0.0", "type": "layout-set"}) + "</root>"})
	id := send(b, e, lar, parts.DefaultBuffer)
	b.SetBytes(int64(len(lar)))
	for b.Loop() {
		if _, err := e.PublishStagingRequest(b.Context(), publisher, id, pages(site)); err != nil {
			b.Fatal(err)
		}
	}
}
