package lar_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/lar"
)

const (
	site    = 20121
	library = 20122
	entryOf = "group/1/com.liferay.journal.model.JournalArticle/"
	fine    = `<root><header type="layout-set" build-number="7413" schema-version="4.0.0" available-locales="en_US"/></root>`
)

// room is a store with a site and an asset library, and its archives.
type room struct {
	testing.TB
	store    *content.Store
	archives *lar.Archives
}

func newRoom(t testing.TB, change func(*lar.Config)) room {
	t.Helper()
	store, err := content.Open(t.Context(), content.Config{Dir: t.TempDir(), CompanyID: 20097, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, s := range []content.Site{{ID: site, Name: "Site"}, {ID: library, Name: "Library", Library: true}} {
		if _, err := store.CreateSite(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	cfg := lar.Config{Dir: t.TempDir(), Build: "7413"}
	if change != nil {
		change(&cfg)
	}
	archives, err := lar.New(t.Context(), cfg, store)
	if err != nil {
		t.Fatal(err)
	}
	return room{t, store, archives}
}

// arrives imports an archive of these entries, names and texts in turn, into a site.
func (r room) arrives(into int64, change func(*lar.Order), entries ...string) (*lar.MissingReferences, error) {
	r.Helper()
	var b bytes.Buffer
	w := archive.NewWriter(&b)
	for i := 0; i < len(entries); i += 2 {
		if err := w.Put(entries[i], time.Time{}, []byte(entries[i+1])); err != nil {
			r.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		r.Fatal(err)
	}
	target, err := r.store.Site(r.Context(), into)
	if err != nil {
		r.Fatal(err)
	}
	o := lar.Order{Target: target, Request: 1, Login: "publisher@example.com"}
	if change != nil {
		change(&o)
	}
	return r.archives.Import(r.Context(), content.Invoke("publisher@example.com", "publishStagingRequest").OnSite(into),
		bytes.NewReader(b.Bytes()), int64(b.Len()), o)
}

// has are the names of what a site has.
func (r room) has(id int64) []string {
	r.Helper()
	all, err := r.store.List(r.Context(), id)
	if err != nil {
		r.Fatal(err)
	}
	var names []string
	for _, it := range all {
		if it.Kind != content.Entry {
			names = append(names, string(it.Kind)+" "+it.Name)
		}
	}
	return names
}

func manifestWith(attributes, more string) string {
	return `<root><header ` + attributes + `/>` + more + `</root>`
}

func itemXML(kind, uuid, name, body string) string {
	more := ""
	if kind == "page" {
		more = ` layout-id="1" friendly-url="/a"`
	}
	return fmt.Sprintf(`<item xmlns="urn:stagelock:item:1" kind="%s" uuid="%s" name="%s" version="1" modified="2026-01-01T00:00:00Z" content="%s"%s/>`,
		kind, uuid, name, body, more)
}

// Each reason for which an archive is not imported has its code and says what it found; the site stays as it
// was.
func TestArchivesThatAreNotImported(t *testing.T) {
	const base = `build-number="7413" schema-version="4.0.0" available-locales="en_US"`
	application := func(o *lar.Order) { o.Portlet = journalApp + "_INSTANCE_x" }
	article := itemXML("article", "u-1", "Sale", "/"+entryOf+"1/content")
	for _, tt := range []struct {
		name    string
		into    int64
		order   func(*lar.Order)
		entries []string
		code    content.Code
		says    string
	}{
		{"no manifest", site, nil, []string{entryOf + "1.xml", article}, lar.BadManifest, "manifest.xml is missing or not complete"},
		{"a manifest without a header", site, nil, []string{"manifest.xml", "<root/>"}, lar.BadManifest, "no header"},
		{"a manifest that is no document", site, nil, []string{"manifest.xml", "<root>"}, lar.BadArchive, ""},
		{"an older build", site, nil, []string{"manifest.xml", manifestWith(`type="layout-set" build-number="6210"`, "")}, lar.WrongBuild,
			"archive of build 6210, the engine is of build 7413"},
		{"another schema", site, nil, []string{"manifest.xml", manifestWith(`type="layout-set" build-number="7413" schema-version="5.0.0"`, "")},
			lar.WrongSchema, "archive of schema version 5.0.0"},
		{"another type", site, nil, []string{"manifest.xml", manifestWith(base+` type="portlet"`, "")}, lar.WrongType, "archive of type portlet"},
		{"a template", site, nil, []string{"manifest.xml", manifestWith(base+` type="layout-prototype"`, "")}, lar.TemplateOnly, "goes into a template only"},
		{"pages for an application", site, application, []string{"manifest.xml", fine}, lar.NotPortlet, "archive of type layout-set"},
		{"another application", site, application, []string{"manifest.xml", manifestWith(base+` type="portlet" root-portlet-id="36"`, "")}, lar.WrongPortlet,
			"archive of application 36, want " + journalApp},
		{"no handler", site, nil, []string{"manifest.xml", manifestWith(base+` type="layout-set"`,
			`<site-portlets><portlet portlet-id="com_acme" validate-existing-data-handler="true"/></site-portlets>`)}, lar.NoDataHandler, "com_acme"},
		{"an application of another schema", site, nil, []string{"manifest.xml", manifestWith(base+` type="layout-set"`,
			`<site-portlets><portlet portlet-id="`+journalApp+`" schema-version="3.0.0"/></site-portlets>`)}, lar.WrongPortletSchema, "schema version 3.0.0 of " + journalApp},
		{"a language", site, nil, []string{"manifest.xml", manifestWith(`type="layout-set" build-number="7413" schema-version="4.0.0" available-locales="en_US,fr_FR"`, "")},
			lar.NoLocale, "no locale fr_FR: the archive has en_US,fr_FR"},
		{"a site template", site, nil, []string{"manifest.xml", manifestWith(base+` type="layout-set" layout-set-prototype-uuid="u-9"`, "")}, lar.NoTemplate, "u-9"},
		{"content that is not there", site, nil, []string{"manifest.xml", fine, entryOf + "1.xml", article}, lar.BadEntry, "is not in the archive"},
		{"a thing twice", site, nil, []string{"manifest.xml", fine, entryOf + "1.xml", article, entryOf + "2.xml", article, entryOf + "1/content", "x"}, lar.BadEntry,
			"article u-1 stands twice in the archive"},
		{"a thing without a uuid", site, nil, []string{"manifest.xml", fine, entryOf + "1.xml", itemXML("article", "", "Sale", "/x")}, lar.BadEntry, entryOf + "1.xml"},
		{"a list of deletions that is none", site, nil, []string{"manifest.xml", fine, "group/1/deletion-system-events.xml", "<x"}, lar.BadEntry, "deletion-system-events.xml"},
		{"a page in a library", library, nil, []string{"manifest.xml", fine, "group/1/com.liferay.portal.kernel.model.Layout/1.xml",
			itemXML("page", "u-2", "Home", "/c"), "c", "x"}, content.NotInLibrary, "an asset library has no page"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRoom(t, nil)
			refs, err := r.arrives(tt.into, tt.order, tt.entries...)
			if !errors.Is(err, tt.code) || !strings.Contains(err.Error(), tt.says) || refs != nil && err == nil {
				t.Errorf("got %+v, %v, want %s with %q", refs, err, tt.code, tt.says)
			}
			if got := r.has(tt.into); got != nil {
				t.Errorf("the site has %q", got)
			}
		})
	}
}

// The checks come in the documentation's order: of an archive with every fault the first is told.
func TestChecksInTheirOrder(t *testing.T) {
	r := newRoom(t, nil)
	all := []struct {
		code           content.Code
		bad, good, tag string
	}{
		{lar.WrongSchema, `schema-version="9.0.0"`, `schema-version="4.0.0"`, ""},
		{lar.WrongType, `type="x"`, `type="layout-set"`, ""},
		{lar.NoDataHandler, "", "", `<site-portlets><portlet portlet-id="com_acme" validate-existing-data-handler="true"/></site-portlets>`},
		{lar.NoLocale, `available-locales="xx"`, `available-locales="en_US"`, ""},
		{lar.NoTemplate, `layout-set-prototype-uuid="u"`, "", ""},
	}
	for mended := range len(all) {
		attributes, more := `build-number="7413"`, ""
		for i, c := range all {
			if i < mended {
				attributes += " " + c.good
				continue
			}
			attributes, more = attributes+" "+c.bad, more+c.tag
		}
		if _, err := r.arrives(site, nil, "manifest.xml", manifestWith(attributes, more)); !errors.Is(err, all[mended].code) {
			t.Errorf("with %d mended: %v, want %s", mended, err, all[mended].code)
		}
	}
}

func TestWhatArrives(t *testing.T) {
	entries := []string{"manifest.xml", fine, entryOf + "1.xml", itemXML("article", "u-1", "Sale", "/"+entryOf+"1/content"), entryOf + "1/content", "Buy.",
		"group/1/x/vendor.xml", "<LayoutImpl/>"}
	r := newRoom(t, nil)
	var progress []int
	applied := 0
	_, err := r.arrives(site, func(o *lar.Order) {
		o.Tell = func(p lar.Progress) { progress = append(progress, p.Entries) }
		o.Apply = func(context.Context) { applied++ }
	}, entries...)
	if err != nil || !cmp.Equal(r.has(site), []string{"article Sale"}) || !cmp.Equal(progress, []int{1, 2, 3, 4}) || applied != 1 {
		t.Errorf("the site has %q, %v; progress %v, applied %d times", r.has(site), err, progress, applied)
	}
	deletion := `<deletion-system-events><deletion-system-event class-name="com.liferay.journal.model.JournalArticle" group-id="1" uuid="u-1"/></deletion-system-events>`
	gone := []string{"manifest.xml", fine, "group/1/deletion-system-events.xml", deletion}
	for _, step := range []struct {
		name   string
		change func(*lar.Order)
		want   []string
	}{
		{"deletions that were not asked for", nil, []string{"article Sale"}},
		{"a dry run", func(o *lar.Order) { o.Deletions, o.DryRun = true, true }, []string{"article Sale"}},
		{"deletions", func(o *lar.Order) { o.Deletions = true }, nil},
		{"deletions of what is gone", func(o *lar.Order) { o.Deletions = true }, nil},
	} {
		if _, err := r.arrives(site, step.change, gone...); err != nil || !cmp.Equal(r.has(site), step.want) {
			t.Errorf("%s: the site has %q, %v", step.name, r.has(site), err)
		}
	}
	old := newRoom(t, func(c *lar.Config) { c.AnyBuild = true })
	if _, err := old.arrives(site, nil, "manifest.xml", manifestWith(`type="layout-set" build-number="6210" available-locales="en_US"`, "")); err != nil {
		t.Errorf("any build: %v", err)
	}
	small := newRoom(t, func(c *lar.Config) { c.MaxArchive = 100 })
	if _, err := small.arrives(site, nil, entries...); !errors.Is(err, lar.BadArchive) || small.has(site) != nil {
		t.Errorf("more than fits: %v", err)
	}
}
