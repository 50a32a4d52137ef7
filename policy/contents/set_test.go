package contents_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/policy/contents"
)

const (
	journal   = "com_liferay_journal_web_portlet_JournalPortlet"
	documents = "com_liferay_document_library_web_portlet_DLAdminPortlet"
	strange   = "com_acme_shop_ShopPortlet"
)

func models(all ...string) contents.Carried { return contents.Carried{Models: all} }

func portlets(all ...string) contents.Carried { return contents.Carried{Applications: all} }

func TestRefused(t *testing.T) {
	for _, tt := range []struct {
		name    string
		types   []string
		carried contents.Carried
		want    []string
	}{
		{"nothing carried", []string{"pages"}, contents.Carried{}, nil},
		{"by the name of its type", []string{"web-content"}, portlets(journal), nil},
		{"of another type", []string{"pages"}, portlets(journal), []string{"web-content"}},
		{"an instance", []string{"web-content"}, portlets(journal + "_INSTANCE_abc"), nil},
		{"by its id", []string{journal}, portlets(journal), nil},
		{"an application of 6.2", []string{"wiki"}, portlets("36", "20"), []string{"documents"}},
		{"an unknown application", []string{"pages"}, portlets(strange), []string{strange}},
		{"an unknown application that is named", []string{strange}, portlets(strange), nil},
		{"a model", []string{"documents"}, models("com.liferay.document.library.kernel.model.DLFileEntry"), nil},
		{"a model of another type", []string{"documents"}, models("com.liferay.journal.model.JournalArticle"), []string{"web-content"}},
		{"a simple class", []string{"pages"}, models("Layout", "AssetTag"), []string{"tags"}},
		{"an unknown model", []string{"pages"}, models("com.acme.Shop"), []string{"com.acme.Shop"}},
		{"an unknown model that is named", []string{"com.acme.Shop"}, models("com.acme.Shop"), nil},
		{"an unknown model that is named simply", []string{"Shop"}, models("com.acme.Shop"), nil},
		{"with what refers to it", []string{"tags"}, models("com.liferay.asset.kernel.model.AssetTag#com.liferay.x.Y"), nil},
		{"what several types have, by the first", []string{"web-content"}, models("DDMStructure"), nil},
		{"what several types have, by another", []string{"forms"}, models("DDMStructure"), nil},
		{"what several types have, by none", []string{"tags"}, models("DDMStructure"), []string{"web-content"}},
		{"what goes along with everything", []string{"tags"}, models("com.liferay.portal.kernel.model.Group", "RatingsEntry"), nil},
		{"each once, sorted", []string{"tags"}, models("WikiPage", "WikiNode", "Layout"), []string{"pages", "wiki"}},
		{"an empty list allows nothing", []string{}, models("AssetTag"), []string{"tags"}},
		{"both", []string{"pages"}, contents.Carried{Applications: []string{documents}, Models: []string{"BlogsEntry"}}, []string{"blogs", "documents"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := contents.New(tt.types).Refused(tt.carried); !slices.Equal(got, tt.want) {
				t.Errorf("refused %q, want %q", got, tt.want)
			}
		})
	}
	var all *contents.Set
	if got := all.Refused(portlets(strange)); got != nil {
		t.Errorf("no list refuses %q", got)
	}
	if got := new(contents.Set).Refused(portlets(strange)); len(got) != 1 {
		t.Errorf("the zero Set lets %q pass", strange)
	}
}

func TestCheckSaysWhatIsNoType(t *testing.T) {
	for entry, fine := range map[string]bool{
		"pages": true, "web-content": true, journal: true, "36": true, "com.acme.Shop": true, "Shop": true,
		"page": false, "webcontent": false, "": false, "Shop Portlet": false, "größe.x": false,
	} {
		f := contents.Check(entry)
		if (f == nil) != fine || f != nil && (f.Warning || !strings.Contains(f.Cure, "message-boards")) {
			t.Errorf("%q: %+v", entry, f)
		}
	}
}

// Every name stands for something, and no application for two.
func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range contents.Names() {
		if seen[name] || strings.ToLower(name) != name {
			t.Errorf("the name %q", name)
		}
		seen[name] = true
		if f := contents.Check(name); f != nil {
			t.Errorf("%s: %v", name, f)
		}
	}
	if len(seen) < 13 {
		t.Errorf("only %d names", len(seen))
	}
}

// What is allowed alone is allowed together, and more types never refuse more.
func FuzzMoreTypesRefuseLess(f *testing.F) {
	f.Add("pages", "JournalArticle", journal)
	f.Add("Shop", "com.acme.Shop#x", "36")
	f.Fuzz(func(t *testing.T, name, model, portlet string) {
		c := contents.Carried{Applications: []string{portlet}, Models: []string{model}}
		few := contents.New([]string{name})
		more := contents.New([]string{name, "pages", model, portlet})
		for _, r := range more.Refused(c) {
			if !slices.Contains(few.Refused(c), r) {
				t.Fatalf("%q is refused with more types than %q", r, name)
			}
		}
	})
}
