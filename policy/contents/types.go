package contents

// kind is one type of content: its name, the applications whose data it is, and its models by their
// simple class names.
type kind struct {
	name         string
	applications []string // root portlet ids, those of 6.2 as numbers
	models       []string
}

// kinds are the types that have a name.
var kinds = []kind{
	{"pages", []string{"com_liferay_layout_admin_web_portlet_GroupPagesPortlet", "88", "156"},
		[]string{"Layout", "LayoutSet", "LayoutRevision", "LayoutFriendlyURL", "LayoutPageTemplateStructure",
			"LayoutPageTemplateEntry", "LayoutPageTemplateCollection", "LayoutUtilityPageEntry", "LayoutClassedModelUsage",
			"FragmentEntryLink", "FragmentEntry", "FragmentCollection", "SegmentsExperience", "SegmentsEntry",
			"SiteNavigationMenu", "SiteNavigationMenuItem", "StagedLayoutSet", "StagedTheme", "Image"}},
	{"web-content", []string{"com_liferay_journal_web_portlet_JournalPortlet",
		"com_liferay_journal_content_web_portlet_JournalContentPortlet", "15", "56"},
		[]string{"JournalArticle", "JournalArticleResource", "JournalFolder", "JournalFeed", "DDMStructure", "DDMTemplate"}},
	{"documents", []string{"com_liferay_document_library_web_portlet_DLAdminPortlet",
		"com_liferay_document_library_web_portlet_DLPortlet", "com_liferay_document_library_web_portlet_IGDisplayPortlet",
		"20", "31", "110", "199"},
		[]string{"DLFileEntry", "DLFolder", "DLFileShortcut", "DLFileEntryType", "DLFileVersion", "FileEntry", "Folder",
			"FileShortcut", "Repository", "RepositoryEntry", "DDMStructure"}},
	{"tags", []string{"com_liferay_asset_tags_admin_web_portlet_AssetTagsAdminPortlet", "99"}, []string{"AssetTag"}},
	{"categories", []string{"com_liferay_asset_categories_admin_web_portlet_AssetCategoriesAdminPortlet", "147"},
		[]string{"AssetVocabulary", "AssetCategory"}},
	{"blogs", []string{"com_liferay_blogs_web_portlet_BlogsPortlet", "com_liferay_blogs_web_portlet_BlogsAdminPortlet",
		"33", "161"}, []string{"BlogsEntry", "BlogsStatsUser"}},
	{"wiki", []string{"com_liferay_wiki_web_portlet_WikiPortlet", "com_liferay_wiki_web_portlet_WikiAdminPortlet",
		"36", "154"}, []string{"WikiNode", "WikiPage", "WikiPageResource"}},
	{"message-boards", []string{"com_liferay_message_boards_web_portlet_MBPortlet",
		"com_liferay_message_boards_web_portlet_MBAdminPortlet", "19", "162"},
		[]string{"MBCategory", "MBMessage", "MBThread", "MBThreadFlag", "MBBan"}},
	{"bookmarks", []string{"com_liferay_bookmarks_web_portlet_BookmarksPortlet",
		"com_liferay_bookmarks_web_portlet_BookmarksAdminPortlet", "28", "198"},
		[]string{"BookmarksEntry", "BookmarksFolder"}},
	{"calendars", []string{"com_liferay_calendar_web_portlet_CalendarPortlet", "8", "1_WAR_calendarportlet"},
		[]string{"Calendar", "CalendarBooking", "CalendarResource", "CalendarNotificationTemplate", "CalEvent"}},
	{"lists", []string{"com_liferay_dynamic_data_lists_web_portlet_DDLPortlet",
		"com_liferay_dynamic_data_lists_web_portlet_DDLDisplayPortlet", "167", "169"},
		[]string{"DDLRecord", "DDLRecordSet", "DDMStructure", "DDMTemplate"}},
	{"forms", []string{"com_liferay_dynamic_data_mapping_form_web_portlet_DDMFormAdminPortlet",
		"com_liferay_dynamic_data_mapping_form_web_portlet_DDMFormPortlet"},
		[]string{"DDMFormInstance", "DDMFormInstanceRecord", "DDMStructure", "DDMTemplate", "DDMDataProviderInstance"}},
	{"templates", []string{"com_liferay_template_web_internal_portlet_TemplatePortlet",
		"com_liferay_dynamic_data_mapping_web_portlet_PortletDisplayTemplatePortlet", "183"},
		[]string{"TemplateEntry", "DDMTemplate"}},
}

// everywhere are the models that go along with every content and are none of their own.
var everywhere = []string{
	"Group",
	"StagedGroup",
	"Company",
	"User",
	"Portlet",
	"PortletItem",
	"Role",
	"RatingsEntry",
	"AssetLink",
	"AssetEntry",
	"AssetEntryAssetCategoryRel",
	"FriendlyURLEntry",
	"MBDiscussion",
	"StagedExpandoColumn",
	"StagedExpandoTable",
	"ExpandoColumn",
}

// Names returns the types that have a name.
func Names() []string {
	var all []string
	for _, k := range kinds {
		all = append(all, k.name)
	}
	return all
}
