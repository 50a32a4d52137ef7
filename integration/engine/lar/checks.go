package lar

import (
	"slices"
	"strconv"
	"strings"

	"github.com/stagelock/stagelock/archive/manifest"
	"github.com/stagelock/stagelock/integration/engine/content"
)

// schemaVersion is the form of archives that this engine reads and writes.
const schemaVersion = "4.0.0"

// firstUncompared is the first build number whose archives are no longer held to the portal's own.
const firstUncompared = 7000

var pageTypes = []string{"layout-prototype", "layout-set", "layout-set-prototype"}

// checks hold an archive to the portal and the site, in the vendor's order. The first that fails
// refuses it.
var checks = []func(*Archives, *manifest.Manifest, Order) *content.Error{
	(*Archives).checkBuild,
	(*Archives).checkSchema,
	(*Archives).checkType,
	(*Archives).checkPortlets,
	(*Archives).checkLocales,
	(*Archives).checkPrototype,
}

func (a *Archives) checkBuild(m *manifest.Manifest, _ Order) *content.Error {
	build := m.Header.BuildNumber
	if build < firstUncompared && build != buildNumber(a.cfg.Build) {
		return content.Errorf(WrongBuild, "archive of build %d, the engine is of build %s", build, a.cfg.Build)
	}
	return nil
}

func (a *Archives) checkSchema(m *manifest.Manifest, _ Order) *content.Error {
	if m.Header.BuildNumber < firstUncompared || fits(schemaVersion, orFirst(m.Header.SchemaVersion)) {
		return nil
	}
	return content.Errorf(WrongSchema, "archive of schema version %s, the engine has %s",
		orFirst(m.Header.SchemaVersion), schemaVersion)
}

func (a *Archives) checkType(m *manifest.Manifest, o Order) *content.Error {
	if o.Portlet == "" {
		if !slices.Contains(pageTypes, m.Header.Type) {
			return content.Errorf(WrongType, "archive of type %s, which is none of %s", m.Header.Type, strings.Join(pageTypes, ", "))
		}
		if m.Header.Type != "layout-set" {
			return content.Errorf(TemplateOnly, "the archive of a template goes into a template only")
		}
		return nil
	}
	if m.Header.Type != "portlet" {
		return content.Errorf(NotPortlet, "archive of type %s, not of one application", m.Header.Type)
	}
	if root := rootPortlet(o.Portlet); root != m.Header.RootPortletID {
		return content.Errorf(WrongPortlet, "archive of application %s, want %s", m.Header.RootPortletID, root)
	}
	return nil
}

func (a *Archives) checkPortlets(m *manifest.Manifest, o Order) *content.Error {
	for _, p := range m.Portlets {
		deployed, known := a.cfg.Portlets[rootPortlet(p.ID)]
		switch {
		case !known && o.required[p.ID]:
			return content.Errorf(NoDataHandler, "no data handler for application %s", p.ID)
		case known && !fits(deployed, orFirst(p.SchemaVersion)):
			return content.Errorf(WrongPortletSchema, "schema version %s of %s in the archive, the engine has %s",
				orFirst(p.SchemaVersion), p.ID, deployed)
		}
	}
	return nil
}

func (a *Archives) checkLocales(m *manifest.Manifest, o Order) *content.Error {
	for _, l := range m.Header.Locales {
		if !slices.Contains(o.Target.Locales, l) {
			return content.Errorf(NoLocale, "no locale %s: the archive has %s, the site has %s",
				l, strings.Join(m.Header.Locales, ","), strings.Join(o.Target.Locales, ","))
		}
	}
	return nil
}

// checkPrototype refuses archives that inherit from a site template: this engine has none.
func (a *Archives) checkPrototype(m *manifest.Manifest, _ Order) *content.Error {
	if prototype := m.Header.LayoutPrototypeUUID; prototype != "" {
		return content.Errorf(NoTemplate, "no site template %s", prototype)
	}
	return nil
}

// fits reports whether an archive of version lar is read by the deployed version: same major, minor
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
