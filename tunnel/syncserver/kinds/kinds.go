// Package kinds names the types of tasks, of objects and of tables that Kentico's staging call can carry, and
// what opens each.
package kinds

import (
	"maps"
	"path"
	"slices"
	"strings"
)

// The settings of a peer that open further types of tasks.
const (
	Deletes = "deletes"
	Sites   = "sites"
	ACL     = "acl"
)

// Kind is a type of tasks and the setting of a peer that opens it; empty: every peer may send it.
type Kind struct{ Type, Needs string }

var (
	// needs has the types of tasks that can pass at all, with the setting that opens each.
	needs = types(map[string]string{
		"": `UpdateDocument CreateDocument PublishDocument MoveDocument ArchiveDocument RejectDocument
			UpdateObject CreateObject CreateMediaFolder CopyMediaFolder MoveMediaFolder RenameMediaFolder
			ChangePageUrlPathSlug`,
		Deletes: "DeleteDocument DeleteAllCultures DeleteObject DeleteMediaFolder DeleteMediaRootFolder",
		Sites:   "AddToSite RemoveFromSite",
		ACL:     "BreakACLInheritance RestoreACLInheritance",
	})
	// Of these nothing travels unless the operator names it.
	dangerous = []string{
		"cms.user*", "cms.role*", "cms.setting*", "cms.scheduledtask*", "cms.license*", "cms.site*",
		"staging.*", "cms.class*", "cms.documenttype*", "cms.systemtable*", "cms.customtable*",
		"cms.query*", "cms.report*", "reporting.*", "cms.webpart*", "cms.formusercontrol*",
		"cms.*template*", "cms.*layout*", "cms.*transformation*", "cms.macro*", "cms.ui*", "cms.webfarm*",
		"cms.smtp*", "cms.membership*", "cms.permission*", "cms.resource*", "cms.acl*",
	}
	modules = types(map[string]string{"": `analytics badwords board blog chat ci cms com community events export
		forums integration media messaging newsletter notification om ordering personas polls reporting search
		sharepoint sm staging temp`})
	tables = map[string][]string{
		"":              {"cms_tree", "cms_document", "cms_attachment", "objecttranslation"},
		"media.file":    {"media_file", "objecttranslation"},
		"media.library": {"media_library", "objecttranslation"},
		"folder":        {"media_library", "folderdata", "objecttranslation"},
	}
)

// types turns each setting's words around.
func types(bySetting map[string]string) map[string]string {
	m := map[string]string{}
	for setting, words := range bySetting {
		for w := range strings.FieldsSeq(words) {
			m[w] = setting
		}
	}
	return m
}

// Needs returns the setting that opens a type of tasks, empty for none. It is not ok for a type that never
// passes. Names are compared with their case.
func Needs(task string) (setting string, ok bool) {
	setting, ok = needs[task]
	return setting, ok
}

// All returns the types of tasks that can pass at all, those of every peer first.
func All() []Kind {
	var all []Kind
	for _, setting := range []string{"", Deletes, Sites, ACL} {
		for _, name := range slices.Sorted(maps.Keys(needs)) {
			if needs[name] == setting {
				all = append(all, Kind{name, setting})
			}
		}
	}
	return all
}

// Rows are the tables whose rows may come with a type of objects.
type Rows struct {
	Object string // document for pages, folder for those of media libraries, a star for any name
	Tables []string
}

// Objects returns the types of objects that travel to every peer, with their tables.
func Objects() []Rows {
	var all []Rows
	for _, kind := range slices.Sorted(maps.Keys(tables)) {
		name := kind
		if name == "" {
			name = "document"
		}
		all = append(all, Rows{name, slices.Clone(tables[kind])})
	}
	return append(all, Rows{"customtableitem.*", []string{"the table of its class", "objecttranslation"}})
}

// Tables returns the tables of an object type, both in lower case; none of one that does not travel. The
// caller may append to them.
func Tables(object string) []string {
	all := slices.Clone(tables[object])
	if class, ok := strings.CutPrefix(object, "customtableitem."); ok && !system(class) {
		all = append(all, strings.ReplaceAll(class, ".", "_"), "objecttranslation")
	}
	return all
}

// system reports whether a class is one of the engine's own modules.
func system(class string) bool {
	module, name, _ := strings.Cut(class, ".")
	_, own := modules[module]
	return name == "" || own
}

// Dangerous returns the patterns of object types, and of tables as if the first underscore were a dot, that
// travel only where dangerous_types and tables name them.
func Dangerous() []string { return slices.Clone(dangerous) }

// IsDangerous reports whether a type of objects, in lower case, is one of Dangerous.
func IsDangerous(object string) bool {
	return slices.ContainsFunc(dangerous, func(pattern string) bool {
		ok, _ := path.Match(pattern, object)
		return ok
	})
}
