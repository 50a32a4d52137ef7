package methods

import (
	"fmt"
	"slices"
	"strings"

	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

// The services that are called, as 7.0 and later name them.
const (
	stagingService = "com.liferay.exportimport.kernel.service.StagingServiceUtil"
	groupService   = "com.liferay.portal.kernel.service.GroupServiceUtil"
	layoutService  = "com.liferay.portal.kernel.service.LayoutServiceUtil"
	nameService    = "com.liferay.portal.kernel.service.ClassNameServiceUtil"
)

// The types that calls take and return, as Java prints them.
const (
	long, boolean, text, bytesType = "long", "boolean", "java.lang.String", "[B"
	mapType                        = "java.util.Map"
	configuration                  = "com.liferay.exportimport.kernel.model.ExportImportConfiguration"
	references                     = "com.liferay.exportimport.kernel.lar.MissingReferences"
	group                          = "com.liferay.portal.kernel.model.Group"
	layout                         = "com.liferay.portal.kernel.model.Layout"
	className                      = "com.liferay.portal.kernel.model.ClassName"
)

// declared is one remote method with what it returns, and the first and the last line that have it.
type declared struct {
	service, name string
	parameters    []string
	returns       string
	from, to      string
	once          bool // carried out twice it does harm
}

// declarations are the staging calls of all lines that a Client makes.
var declarations = []declared{
	{service: groupService, name: "checkRemoteStagingGroup", parameters: []string{long}, returns: "void"},
	{service: groupService, name: "getGroup", parameters: []string{long}, returns: group},
	{service: groupService, name: "getGroup", parameters: []string{long, text}, returns: group},
	{service: groupService, name: "getGroupDisplayURL", parameters: []string{long, boolean, boolean},
		returns: text, from: "7.0"},
	{service: groupService, name: "enableStaging", parameters: []string{long}, returns: "void", once: true},
	{service: groupService, name: "disableStaging", parameters: []string{long}, returns: "void", once: true},
	{service: groupService, name: "updateStagedPortlets", parameters: []string{long, mapType}, returns: "void"},

	{service: nameService, name: "fetchByClassNameId", parameters: []string{long}, returns: className, from: "7.0"},

	{service: layoutService, name: "getControlPanelLayoutPlid", returns: long, from: "7.1"},
	{service: layoutService, name: "getDefaultPlid", parameters: []string{long, boolean}, returns: long, from: "7.1"},
	{service: layoutService, name: "getDefaultPlid", parameters: []string{long, long, text}, returns: long},
	{service: layoutService, name: "getDefaultPlid", parameters: []string{long, long, boolean, text}, returns: long},
	{service: layoutService, name: "getLayoutByUuidAndGroupId", parameters: []string{text, long, boolean},
		returns: layout},
	{service: layoutService, name: "getLayoutPlid", parameters: []string{text, long, boolean}, returns: long,
		from: "7.1"},
	{service: layoutService, name: "hasLayout", parameters: []string{text, long, boolean}, returns: boolean,
		from: "7.1"},
	{service: layoutService, name: "hasPortletId", parameters: []string{long, text}, returns: boolean, from: "7.1"},

	{service: stagingService, name: "hasRemoteLayout", parameters: []string{text, long, boolean},
		returns: boolean, from: "7.1"},
	{service: stagingService, name: "createStagingRequest", parameters: []string{long, text}, returns: long},
	{service: stagingService, name: "updateStagingRequest", parameters: []string{long, text, bytesType},
		returns: "void", once: true},
	{service: stagingService, name: "validateStagingRequest", parameters: []string{long, boolean, mapType},
		returns: references, to: "7.2", once: true},
	{service: stagingService, name: "publishStagingRequest", parameters: []string{long, boolean, mapType},
		returns: "void", to: liferay.Line62, once: true},
	{service: stagingService, name: "publishStagingRequest", parameters: []string{long, boolean, mapType},
		returns: references, from: "7.0", to: "7.2", once: true},
	{service: stagingService, name: "publishStagingRequest", parameters: []string{long, configuration},
		returns: references, from: "7.0", once: true},
	{service: stagingService, name: "cleanUpStagingRequest", parameters: []string{long}, returns: "void"},
}

// names62 has the names that 6.2 has for those of later lines.
var names62 = strings.NewReplacer(
	"com.liferay.exportimport.kernel.service.", "com.liferay.portal.service.",
	"com.liferay.portal.kernel.service.", "com.liferay.portal.service.",
	"com.liferay.portal.kernel.model.", "com.liferay.portal.model.",
	"com.liferay.exportimport.kernel.lar.", "com.liferay.portal.kernel.lar.",
)

// in reports whether a recorded build has the call. Builds order as their texts do.
func (d declared) in(build string) bool {
	return build >= d.from && (d.to == "" || build <= d.to)
}

// of returns the method and the type it returns, under the names of the build.
func (d declared) of(build string) (tunnel.Method, string) {
	m := tunnel.Method{Service: d.service, Name: d.name, Parameters: slices.Clone(d.parameters)}
	if build != liferay.Line62 {
		return m, d.returns
	}
	m.Service = names62.Replace(m.Service)
	return m, names62.Replace(d.returns)
}

// Repeatable reports whether a staging call may be carried out twice without harm: reads, and calls
// that only set or remove. An unknown call may not.
func Repeatable(method string) bool {
	i := slices.IndexFunc(declarations, func(d declared) bool { return d.name == method })
	return i >= 0 && !declarations[i].once
}

// Find returns the method of that name and number of arguments, which no build has twice, and the type it
// returns, under the names of the build.
func Find(build, name string, args int) (tunnel.Method, string, error) {
	for _, d := range declarations {
		if d.name == name && len(d.parameters) == args && d.in(build) {
			m, returns := d.of(build)
			return m, returns, nil
		}
	}
	return tunnel.Method{}, "", fmt.Errorf("build %s has no staging call %s with %d arguments", build, name, args)
}

// Declared returns the calls that the build has, by signature, with what each returns.
func Declared(build string) map[string]string {
	all := map[string]string{}
	for _, d := range declarations {
		if d.in(build) {
			m, returns := d.of(build)
			all[m.Signature()] = returns
		}
	}
	return all
}
