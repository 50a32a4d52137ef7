package lar

import (
	"cmp"
	"slices"
	"strings"

	"github.com/stagelock/stagelock/integration/engine/content"
)

// applications are the types of content by the application whose data they are.
var applications = []struct {
	portlet string
	schema  string
	of      content.Type // empty for one that shows content of others
	shows   content.Type // of one that has none of its own
}{
	{"com_liferay_layout_admin_web_portlet_GroupPagesPortlet", "1.0.0", content.Pages, ""},
	{"com_liferay_journal_web_portlet_JournalPortlet", "2.0.0", content.WebContent, ""},
	{"com_liferay_document_library_web_portlet_DLAdminPortlet", "1.0.0", content.Documents, ""},
	{"com_liferay_asset_tags_admin_web_portlet_AssetTagsAdminPortlet", "1.0.0", content.Tags, ""},
	{"com_liferay_asset_categories_admin_web_portlet_AssetCategoriesAdminPortlet", "1.0.0", content.Categories, ""},
	{"com_liferay_journal_content_web_portlet_JournalContentPortlet", "1.0.0", "", content.WebContent},
}

// OwnPortlets returns the applications that this engine has data handlers for, with their schema
// versions.
func OwnPortlets() map[string]string {
	all := map[string]string{}
	for _, a := range applications {
		all[a.portlet] = a.schema
	}
	return all
}

// stagedPrefix begins the setting that says whether an application is staged.
const stagedPrefix = "staged-portlet_"

// StagedTypes returns the types that flags turn on, as updateStagedPortlets is told them.
func StagedTypes(flags map[string]string) []content.Type {
	var all []content.Type
	for _, a := range applications {
		on := flags[a.portlet] == "true" || flags[stagedPrefix+a.portlet] == "true"
		if on && a.of != "" {
			all = append(all, a.of)
		}
	}
	return all
}

// StagedFlags returns the flags that tell live which types are staged.
func StagedFlags(types []content.Type) map[string]string {
	flags := map[string]string{}
	for _, a := range applications {
		if a.of == "" {
			continue
		}
		flags[stagedPrefix+a.portlet] = "false"
		if slices.Contains(types, a.of) {
			flags[stagedPrefix+a.portlet] = "true"
		}
	}
	return flags
}

// TypeOfPortlet returns the type of content of an application, empty if it has none of its own.
func TypeOfPortlet(id string) content.Type {
	for _, a := range applications {
		if a.portlet == rootPortlet(id) || strings.TrimPrefix(id, stagedPrefix) == a.portlet {
			return a.of
		}
	}
	return ""
}

// CarriedBy returns the type of content that a publish of an application carries, empty if there is no
// such application.
func CarriedBy(id string) content.Type {
	for _, a := range applications {
		if a.portlet == rootPortlet(id) {
			return cmp.Or(a.of, a.shows)
		}
	}
	return ""
}
