package kinds_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/tunnel/syncserver/kinds"
)

func TestNeeds(t *testing.T) {
	for _, tt := range []struct {
		task, setting string
		ok            bool
	}{
		{"UpdateDocument", "", true},
		{"ChangePageUrlPathSlug", "", true},
		{"DeleteObject", kinds.Deletes, true},
		{"DeleteMediaRootFolder", kinds.Deletes, true},
		{"AddToSite", kinds.Sites, true},
		{"RestoreACLInheritance", kinds.ACL, true},
		{"updatedocument", "", false}, // the engine compares with case
		{"All", "", false},
		{"", "", false},
		{"UpdateDocument ", "", false},
	} {
		setting, ok := kinds.Needs(tt.task)
		if setting != tt.setting || ok != tt.ok {
			t.Errorf("%q: %q, %t; want %q, %t", tt.task, setting, ok, tt.setting, tt.ok)
		}
	}
}

// TestAll: each type stands once, with what opens it, and those of every peer come first.
func TestAll(t *testing.T) {
	all := kinds.All()
	seen := map[string]bool{}
	for _, k := range all {
		if setting, ok := kinds.Needs(k.Type); !ok || setting != k.Needs || seen[k.Type] {
			t.Errorf("%+v stands twice, or needs %q, %t", k, setting, ok)
		}
		seen[k.Type] = true
	}
	if len(all) != 22 || !slices.IsSortedFunc(all, func(a, b kinds.Kind) int {
		order := []string{"", kinds.Deletes, kinds.Sites, kinds.ACL}
		if d := slices.Index(order, a.Needs) - slices.Index(order, b.Needs); d != 0 {
			return d
		}
		return strings.Compare(a.Type, b.Type)
	}) {
		t.Errorf("%d types: %v", len(all), all)
	}
}

func TestTables(t *testing.T) {
	for _, tt := range []struct{ object, tables string }{
		{"", "cms_tree cms_document cms_attachment objecttranslation"},
		{"media.file", "media_file objecttranslation"},
		{"folder", "media_library folderdata objecttranslation"},
		{"customtableitem.shop.city", "shop_city objecttranslation"},
		{"customtableitem.shop.city.part", "shop_city_part objecttranslation"},
		{"customtableitem.cms.user", ""}, // the engine's own
		{"customtableitem.shop", ""},
		{"customtableitem.", ""},
		{"customtableitem.shop.", ""},
		{"cms.user", ""},
		{"Media.File", ""},
	} {
		if got := strings.Join(kinds.Tables(tt.object), " "); got != tt.tables {
			t.Errorf("%q: %q, want %q", tt.object, got, tt.tables)
		}
	}
	first := kinds.Tables("media.file")
	first[0] = "changed"
	if got := kinds.Tables("media.file")[0]; got != "media_file" {
		t.Errorf("the table was changed from outside to %s", got)
	}
	for _, o := range kinds.Objects() {
		if len(o.Tables) == 0 {
			t.Errorf("%s has no tables", o.Object)
		}
		o.Tables[0] = "changed"
	}
	if got := kinds.Tables("")[0]; got != "cms_tree" {
		t.Errorf("the table was changed from outside to %s", got)
	}
}

func TestIsDangerous(t *testing.T) {
	for object, want := range map[string]bool{
		"cms.user": true, "cms.userrole": true, "cms.settingskey": true, "staging.task": true,
		"cms.pagetemplate": true, "cms.scheduledtask": true, "reporting.report": true, "cms.acl": true,
		"media.file": false, "cms.document": false, "cms.tree": false, "": false, "cmsxuser": false, "shop.user": false,
	} {
		if got := kinds.IsDangerous(object); got != want {
			t.Errorf("%q: %t", object, got)
		}
	}
	kinds.Dangerous()[0] = "changed"
	if kinds.Dangerous()[0] == "changed" {
		t.Error("the list was changed from outside")
	}
}
