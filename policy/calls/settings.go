package calls

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const (
	entriesMax = 100_000 // of one map
	keyMax     = 4096    // bytes of one key
	// nestingMax is how deep maps and lists may stand in the settings: four, and an array in the
	// innermost.
	nestingMax = 5
)

// The settings that decide where an import writes to.
const (
	targetSite = "targetGroupId"
	targetPage = "targetPlid" // of a publish of one application; 0 and null are no page
)

// freeSites are settings that name a site of the staging server, which has ids of its own.
var freeSites = map[string]bool{"sourceGroupId": true, "stagingGroupId": true}

// importForm checks what a publish or validate says about the import.
func importForm(j *judgement) *Refusal {
	if j.rule.Parameters[1] == configuration {
		return j.settings()
	}
	return j.parameters()
}

// parameters checks the older form, a map of parameters. It is imported into the request's own site
// whatever the map says.
func (j *judgement) parameters() *Refusal {
	m, _ := j.call.Args[len(j.call.Args)-1].(map[string]any)
	if m == nil {
		return mapAbsent(j)
	}
	return bounded(m, 0)
}

// settings checks the newer form, a configuration. The engine asks for permission on the request's
// site and imports into the one the settings name. Without a map it would parse the settings' text
// form, with class names in it.
func (j *judgement) settings() *Refusal {
	m := j.call.Settings
	if m == nil {
		return refuse(SettingsAbsent, "the publish carries no settings map",
			"request %s", j.requestID())
	}
	if f := bounded(m, 0); f != nil {
		return f
	}
	for _, check := range []func(map[string]any) *Refusal{j.targets, j.page, j.otherSites} {
		if f := check(m); f != nil {
			return f
		}
	}
	return nil
}

func (j *judgement) targets(m map[string]any) *Refusal {
	v, ok := m[targetSite]
	if !ok || v == nil {
		return refuse(TargetAbsent, "the publish names no target site",
			"request %s, %d settings", j.requestID(), len(m))
	}
	site, ok := v.(int64)
	if !ok {
		return refuse(TargetForm, "the target site of the publish is not a number", "request %s, target %s", j.requestID(), show(v))
	}
	if site != j.known.Request.Site {
		return refuse(TargetMismatch, "the publish would write to site "+strconv.FormatInt(site, 10)+", but its staging request"+
			" was made for site "+strconv.FormatInt(j.known.Request.Site, 10), "request %s of site %d, target %d",
			j.requestID(), j.known.Request.Site, site)
	}
	return nil
}

// page holds the page that an application is published onto against the look-ups before it.
func (j *judgement) page(m map[string]any) *Refusal {
	switch v := m[targetPage].(type) {
	case nil:
		return nil
	case int64:
		if v == 0 {
			return nil
		}
		return pageKnown(j)
	default:
		return refuse(PageForm, "the target page of the publish is not a number", "request %s, page %s", j.requestID(), show(v))
	}
}

// otherSites refuses settings that name another site under any other name that ends in groupId,
// such as remoteGroupId. No known engine imports by them, and the vendor's client writes the target
// there; a build that did would need this.
func (j *judgement) otherSites(m map[string]any) *Refusal {
	found := ""
	for key, v := range m {
		if !namesSite(key) || !differs(v, j.known.Request.Site) {
			continue
		}
		if found == "" || key < found { // the same words for the same call, whatever the order of the map
			found = key
		}
	}
	if found == "" {
		return nil
	}
	return refuse(SettingsSite, "the setting "+quote(found)+" names another site than the one the staging request was made"+
		" for", "request %s of site %d, %s is %s", j.requestID(), j.known.Request.Site,
		quote(found), show(m[found]))
}

func namesSite(key string) bool {
	const suffix = "groupId"
	return len(key) >= len(suffix) && strings.EqualFold(key[len(key)-len(suffix):], suffix) && !freeSites[key]
}

// differs reports whether a setting's value is another site's id, in any of the forms the engine
// reads as a number.
func differs(v any, site int64) bool {
	switch v := v.(type) {
	case int64:
		return v != 0 && v != site
	case string:
		n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
		return err == nil && differs(n, site)
	case []int64:
		return slices.ContainsFunc(v, func(n int64) bool { return differs(n, site) })
	case []any:
		return slices.ContainsFunc(v, func(e any) bool { return differs(e, site) })
	}
	return false
}

// bounded bounds names, entries and nesting. Values that are no maps or lists are the wire's
// business.
func bounded(v any, depth int) *Refusal {
	switch v := v.(type) {
	case map[string]any:
		if depth > nestingMax {
			return tooDeep()
		}
		return boundedMap(v, depth)
	case []any:
		if depth > nestingMax {
			return tooDeep()
		}
		for _, e := range v {
			if f := bounded(e, depth+1); f != nil {
				return f
			}
		}
	}
	return nil
}

func boundedMap(m map[string]any, depth int) *Refusal {
	if len(m) > entriesMax {
		return mapTooLarge(len(m))
	}
	for key, e := range m {
		if len(key) > keyMax {
			return refuse(SettingsKey, "the setting "+quote(key)+" has a name longer than "+strconv.Itoa(keyMax)+" bytes",
				"key of %d bytes", len(key))
		}
		if f := bounded(e, depth+1); f != nil {
			return f
		}
	}
	return nil
}

func tooDeep() *Refusal {
	return refuse(SettingsDepth, "the settings are nested deeper than staging ever nests them", "more than %d levels", nestingMax)
}

func mapAbsent(j *judgement) *Refusal {
	return refuse(MapAbsent, "the call "+j.rule.Method+" carries no map where it must have one", "%s", j.rule.Signature())
}

func mapTooLarge(n int) *Refusal {
	return refuse(MapSize, "a map of the call has more than "+strconv.Itoa(entriesMax)+" entries",
		"%d entries", n)
}

// show prints a foreign value for the log: its text if it is one, else its type and number.
func show(v any) string {
	switch v := v.(type) {
	case string:
		return quote(v)
	case int64, bool, nil:
		return fmt.Sprint(v)
	}
	return fmt.Sprintf("a %T", v)
}

// stagedPortlet begins every key of updateStagedPortlets.
const stagedPortlet = "staged-portlet_"

// portletsForm checks the flags of staged applications. The engine writes them as lines of the
// site's settings, so a line break in a key would set whatever follows it, stagedRemotely among
// them.
func portletsForm(j *judgement) *Refusal {
	flags, _ := j.call.Args[len(j.call.Args)-1].(map[string]any)
	if flags == nil {
		return mapAbsent(j)
	}
	if len(flags) > entriesMax {
		return mapTooLarge(len(flags))
	}
	for key, value := range flags {
		if !isPortletKey(key) {
			return refuse(PortletKey, "the key "+quote(key)+" is not that of a staged application: staged-portlet_ and the"+
				" application's id", "key %s", quote(key))
		}
		if s, ok := value.(string); !ok || s != "true" && s != "false" {
			return refuse(PortletValue, "the application "+quote(key)+" can be staged or not, true or false, nothing else",
				"key %s, value %s", quote(key), show(value))
		}
	}
	return nil
}

func isPortletKey(key string) bool {
	id, ok := strings.CutPrefix(key, stagedPortlet)
	if !ok || id == "" {
		return false
	}
	for i := range len(id) {
		if c := id[i]; !isLetter(c) && !isDigit(c) && c != '_' && c != '.' && c != '$' && c != '-' {
			return false
		}
	}
	return true
}
