package engine

import (
	"slices"
	"strconv"
	"strings"

	"github.com/stagelock/stagelock/archive"
)

// schemaVersion is the form of archives that this engine reads and writes.
const schemaVersion = "4.0.0"

// firstUncompared is the first build number whose archives are no longer held to the portal's own.
const firstUncompared = 7000

// ownPortlets are the applications that this engine has data handlers for, with their schema
// versions.
var ownPortlets = map[string]string{
	"com_liferay_layout_admin_web_portlet_GroupPagesPortlet":        "1.0.0",
	"com_liferay_journal_web_portlet_JournalPortlet":                "2.0.0",
	"com_liferay_document_library_web_portlet_DLAdminPortlet":       "1.0.0",
	"com_liferay_journal_content_web_portlet_JournalContentPortlet": "1.0.0",
}

var pageTypes = []string{"layout-prototype", "layout-set", "layout-set-prototype"}

// order is what a publish call asks for.
type order struct {
	request    Request
	target     Site
	login      string
	portlet    string // instance id of the application, empty for a publish of pages
	private    bool
	privateSet bool // private was said by the call, not left to the archive
	deletions  bool
	dryRun     bool
	required   map[string]bool // applications that the archive says must have a data handler
}

// checks hold an archive to the portal and the site, in the vendor's order. The first that fails
// throws.
var checks = []func(*Engine, *archive.Manifest, order) *Exception{
	(*Engine).checkBuild,
	(*Engine).checkSchema,
	(*Engine).checkType,
	(*Engine).checkPortlets,
	(*Engine).checkLocales,
	(*Engine).checkPrototype,
}

func (e *Engine) checkBuild(m *archive.Manifest, _ order) *Exception {
	build := m.Header.BuildNumber
	if build < firstUncompared && build != buildNumber(e.cfg.Build) {
		return e.throw(layoutImport, "LAR build number %d does not match portal build number %s", build, e.cfg.Build)
	}
	return nil
}

func (e *Engine) checkSchema(m *archive.Manifest, _ order) *Exception {
	if m.Header.BuildNumber < firstUncompared || fits(schemaVersion, orFirst(m.Header.SchemaVersion)) {
		return nil
	}
	return e.throw(layoutImport, "LAR schema version %s does not match deployed export/import schema version %s",
		orFirst(m.Header.SchemaVersion), schemaVersion)
}

func (e *Engine) checkType(m *archive.Manifest, o order) *Exception {
	if o.portlet == "" {
		if !slices.Contains(pageTypes, m.Header.Type) {
			return e.throw(larType, "LAR type %s is none of %s", m.Header.Type, strings.Join(pageTypes, ", "))
		}
		if m.Header.Type != "layout-set" {
			return e.throw(larType, "A template can only be imported to a template")
		}
		return nil
	}
	if m.Header.Type != "portlet" {
		return e.throw(larType, "LAR type %s is not portlet", m.Header.Type)
	}
	if root := rootPortlet(o.portlet); root != m.Header.RootPortletID {
		return e.throw(portletID, "Invalid portlet id %s, expected %s", m.Header.RootPortletID, root)
	}
	return nil
}

func (e *Engine) checkPortlets(m *archive.Manifest, o order) *Exception {
	for _, p := range m.Portlets {
		deployed, known := e.cfg.Portlets[rootPortlet(p.ID)]
		switch {
		case !known && o.required[p.ID]:
			return e.throw(missingPortletData, "No portlet data handler for %s", p.ID)
		case known && !fits(deployed, orFirst(p.SchemaVersion)):
			return e.throw(layoutImport, "Schema version %s of %s in the LAR is not valid for the deployed version %s",
				orFirst(p.SchemaVersion), p.ID, deployed)
		}
	}
	return nil
}

func (e *Engine) checkLocales(m *archive.Manifest, o order) *Exception {
	for _, l := range m.Header.Locales {
		if !slices.Contains(o.target.Locales, l) {
			return e.throw(locale, "Locale %s is not available: the LAR has %s, the site has %s",
				l, strings.Join(m.Header.Locales, ","), strings.Join(o.target.Locales, ","))
		}
	}
	return nil
}

// checkPrototype refuses archives that inherit from a site template: this engine has none.
func (e *Engine) checkPrototype(m *archive.Manifest, _ order) *Exception {
	if prototype := m.Header.LayoutPrototypeUUID; prototype != "" {
		return e.throw(layoutPrototype, "Missing site template %s", prototype)
	}
	return nil
}

// fits says whether an archive of version lar is read by the deployed version: same major, minor
// not newer.
func fits(deployed, lar string) bool {
	d, ok1 := version(deployed)
	l, ok2 := version(lar)
	return ok1 && ok2 && d[0] == l[0] && d[1] >= l[1]
}

// version reads major and minor; a third number does not count.
func version(s string) (v [2]int, ok bool) {
	f := strings.Split(s, ".")
	if len(f) < 2 {
		return v, false
	}
	for i := range v {
		n, err := strconv.Atoi(f[i])
		if err != nil || n < 0 {
			return v, false
		}
		v[i] = n
	}
	return v, true
}

// orFirst is the version that an archive without one has.
func orFirst(schema string) string {
	if schema == "" {
		return "1.0.0"
	}
	return schema
}

// rootPortlet is a portlet id without its instance.
func rootPortlet(id string) string {
	root, _, _ := strings.Cut(id, "_INSTANCE_")
	return root
}

// buildNumber is the number in s, 0 if it is none, as the vendor reads it.
func buildNumber(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

func knownLine(line string) bool {
	return slices.Contains([]string{"", "6.2", "7.0", "7.1", "7.2", "7.3", "7.4"}, line)
}

func validContext(c string) bool {
	return c == "" || strings.HasPrefix(c, "/") && !strings.HasSuffix(c, "/")
}
