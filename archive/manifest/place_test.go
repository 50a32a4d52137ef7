package manifest_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/archive/manifest"
)

func TestPlaceOf(t *testing.T) {
	const journal = "com_liferay_journal_web_portlet_JournalPortlet"
	model := func(class string) manifest.Place { return manifest.Place{Model: class} }
	data := func(id string) manifest.Place { return manifest.Place{Application: id} }
	var along manifest.Place
	strange := manifest.Place{Strange: true}
	for _, tt := range []struct {
		name string
		want manifest.Place
	}{
		{"manifest.xml", along},
		{"/manifest.xml", along},
		{"group/20121/com.liferay.journal.model.JournalArticle/31001.xml", model("com.liferay.journal.model.JournalArticle")},
		{"/group/20121/com.liferay.journal.model.JournalArticle/31001.xml", model("com.liferay.journal.model.JournalArticle")},
		{"group/20121/com.liferay.document.library.kernel.model.DLFileEntry/31001/a picture.png",
			model("com.liferay.document.library.kernel.model.DLFileEntry")},
		{"group/20121/com.liferay.journal.model.JournalArticle/31001-expando.xml", model("com.liferay.journal.model.JournalArticle")},
		{"company/20097/com.liferay.asset.kernel.model.AssetVocabulary/1.xml", model("com.liferay.asset.kernel.model.AssetVocabulary")},
		{"group/20121/Layout/1.xml", model("Layout")},
		{"group/20121/com.acme.Shop/1/2/3/4", model("com.acme.Shop")},
		{"groups/10/layouts/1/layout.xml", model("Layout")},
		{"group/20121/layout/1.xml", model("Layout")},
		{"group/20121/portlet/" + journal + "/20121/portlet.xml", along},
		{"groups/10/portlets/15/0/portlet.xml", along},
		{"group/20121/portlet/" + journal + "/preferences/group/20121/0/portlet-preferences.xml", along},
		{"group/20121/portlet/" + journal + "_INSTANCE_x1/preferences/layout/0/7/portlet-preferences.xml", along},
		{"group/20121/portlet/" + journal + "/20121/portlet-data.xml", data(journal)},
		{"groups/10/portlets/15/portlet-data.xml", data("15")},
		{"groups/10/portlets/36/pages/1.xml", data("36")},
		{"groups/10/portlets/36/portlet.xml/evil.xml", data("36")},
		{"groups/10/portlets/36/preferences/evil.xml", data("36")},
		{"groups/10/portlets/36/portlet.xml", data("36")},
		{"group/20121/service/com.liferay.x/group/1/portlet-preferences.xml", along},
		{"groups/10/comments/1/2/3.xml", along},
		{"groups/10/ratings/1/2/3.xml", along},
		{"groups/10/tags.xml", along},
		{"groups/10/categories.xml", along},
		{"group/20121/links.xml", along},
		{"group/20121/expando-tables.xml", along},
		{"group/20121/deletion-system-events.xml", manifest.Place{Deletions: true}},
		{"deletion-system-events.xml", strange},
		{"group/20121/x/deletion-system-events.xml", strange},
		{"", strange},
		{"/", strange},
		{"evil.xml", strange},
		{"group", strange},
		{"group/20121", strange},
		{"group/20121/evil.xml", strange},
		{"group/20121/evil/1.xml", strange},
		{"group/x/Layout/1.xml", strange},
		{"group//Layout/1.xml", strange},
		{"groupx/1/Layout/1.xml", strange},
		{"group/20121/portlet/15", strange},
		{"group/20121/portlet/15/", strange},
		{"group/20121/Layout/../com.liferay.journal.model.JournalArticle/1.xml", strange},
		{"group/20121/./com.liferay.journal.model.JournalArticle/1.xml", strange},
		{"group/20121//com.liferay.journal.model.JournalArticle/1.xml", strange},
		{`group\20121\com.liferay.journal.model.JournalArticle\1.xml`, strange},
		{`group/20121/Layout/..\com.liferay.journal.model.JournalArticle\1.xml`, strange},
		{"//group/20121/Layout/1.xml", strange},
		{"GROUP/20121/Layout/1.xml", strange},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := manifest.PlaceOf(tt.name); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

// Nothing in the archives of real portals is strange, and what they hold is where it is expected.
func TestPlacesOfRealArchives(t *testing.T) {
	files, err := filepath.Glob("../testdata/lar/*.lar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no real archives: %v", err)
	}
	for _, file := range files {
		data := false
		for _, e := range entries(t, file) {
			if e.Dir {
				continue
			}
			p := manifest.PlaceOf(e.Name)
			data = data || p.Application != "" || p.Model != ""
			if p.Strange {
				t.Errorf("%s: %s is strange", file, e.Name)
			}
		}
		settings := []string{"breadcrumb", "site-map"} // applications without data
		is := slices.ContainsFunc(settings, func(s string) bool { return strings.Contains(file, s) })
		if data == is && !strings.Contains(file, "asset-publisher") {
			t.Errorf("%s: data %t", file, data)
		}
	}
}

func entries(t *testing.T, file string) []archive.Entry {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	a, err := archive.Open(f, info.Size(), archive.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	return a.Entries()
}

func TestDeleted(t *testing.T) {
	event := func(class string) string {
		return `<deletion-system-event class-name="` + class + `" group-id="1" uuid="u"/>`
	}
	for _, tt := range []struct {
		name, text string
		want       []string
		err        string
	}{
		{"none", `<deletion-system-events/>`, nil, ""},
		{"one", `<deletion-system-events>` + event("a.B") + `</deletion-system-events>`, []string{"a.B"}, ""},
		{"each once, sorted", `<deletion-system-events>` + event("c") + event("a") + event("c") + `</deletion-system-events>`,
			[]string{"a", "c"}, ""},
		{"deeper", `<x><y>` + event("a.B") + `</y></x>`, []string{"a.B"}, ""},
		{"without a class", `<deletion-system-events><deletion-system-event uuid="u"/></deletion-system-events>`, nil,
			"does not say of what class"},
		{"no document", `evil`, nil, "document"},
		{"cut", `<deletion-system-events>` + event("a.B"), nil, "document"},
		{"with an entity", `<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>` + event("a") + `</x>`, nil, "type"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := manifest.Deleted(strings.NewReader(tt.text), archive.DefaultLimits())
			if tt.err != "" {
				if err == nil || got != nil {
					t.Errorf("read %q, %v", got, err)
				}
				return
			}
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("read %q, %v, want %q", got, err, tt.want)
			}
		})
	}
	lim := archive.DefaultLimits()
	lim.Manifest = 40
	if _, err := manifest.Deleted(strings.NewReader(`<deletion-system-events>`+event("a.B")+`</deletion-system-events>`), lim); err == nil ||
		!strings.Contains(err.Error(), "longer than allowed") {
		t.Errorf("a long list: %v", err)
	}
}

// FuzzPlaceOf holds: what is placed has one place, and no name that a reader may take for another one has
// any.
func FuzzPlaceOf(f *testing.F) {
	f.Add("group/1/com.acme.Shop/1.xml")
	f.Add("groups/1/portlets/15/portlet-data.xml")
	f.Add("group/1/deletion-system-events.xml")
	f.Fuzz(func(t *testing.T, name string) {
		p := manifest.PlaceOf(name)
		n := 0
		for _, is := range []bool{p.Strange, p.Deletions, p.Model != "", p.Application != ""} {
			if is {
				n++
			}
		}
		odd := strings.Contains(name, "..\\") || strings.Contains(name, "/../") || strings.Contains(name, "//")
		if n > 1 || odd && !p.Strange {
			t.Errorf("%q: %+v", name, p)
		}
		if !p.Strange && manifest.PlaceOf("/"+strings.TrimPrefix(name, "/")) != p {
			t.Errorf("%q: another place with a slash in front", name)
		}
	})
}
