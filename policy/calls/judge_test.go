package calls_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/stagelock/stagelock/policy"
	"github.com/stagelock/stagelock/policy/calls"
)

const (
	site      = int64(20143)
	otherSite = int64(20200)
	requestID = int64(20701)
	login     = "publisher+live@example.com"
	checksum  = "bf326a9dc8211c17a8c84f4a45204808"
	partName  = "bf326a9d-c821-3c17-a8c8-4f4a45204808.zip00"
	part62    = "20231114_221320000.lar00"
)

// world is everything a judgement depends on; a row of the table changes one thing of a legal one.
type world struct {
	line  string
	call  calls.Call
	peer  calls.Peer
	known calls.Known
}

func (w *world) judge(t testing.TB) (calls.Decision, *calls.Refusal) {
	t.Helper()
	r, refusal := preset(t, w.line).Match(w.call.Service, w.call.Method, w.call.Parameters)
	if refusal != nil {
		return calls.Refuse, refusal
	}
	return r.Judge(w.call, w.peer, w.known)
}

func others(width int, bytes int64) func(*world) {
	return func(w *world) { w.known.Request.Others = calls.Parts{Width: width, Bytes: bytes} }
}

func newWorld(line, service, method string, parameters []string, args ...any) *world {
	return &world{
		line: line,
		call: calls.Call{
			Service: service, Method: method, Parameters: parameters, Args: args,
			HeaderLogin: login, BodyLogin: login, HasBodyLogin: true,
		},
		peer:  calls.Peer{Name: "staging", Sites: calls.SitesOf(site), PartMax: calls.DefaultPartMax},
		known: calls.Known{Request: calls.Request{Known: true, Site: site, Logins: []string{"somebody", login}}},
	}
}

func types(list ...string) []string { return list }

// The legal calls that the rows change.
func create() *world {
	return newWorld("7.4", staging7, "createStagingRequest", types("long", javaString), site, checksum)
}

func updatePart() *world {
	w := newWorld("7.4", staging7, "updateStagingRequest", types("long", javaString, "[B"), requestID, partName, nil)
	w.call.PartSize = 10 << 20
	return w
}

func publish() *world {
	w := newWorld("7.4", staging7, "publishStagingRequest", types("long", configuration), requestID, nil)
	w.call.Settings = longSettings()
	return w
}

func publishMap(line, service string) func() *world {
	return func() *world {
		return newWorld(line, service, "publishStagingRequest", types("long", "boolean", javaMap), requestID, false, parameterMap())
	}
}

func validate() *world {
	return newWorld("6.2", staging62, "validateStagingRequest", types("long", "boolean", javaMap), requestID, false, parameterMap())
}

func cleanUp() *world {
	return newWorld("7.4", staging7, "cleanUpStagingRequest", types("long"), requestID)
}

func portlets() *world {
	return newWorld("7.4", group7, "updateStagedPortlets", types("long", javaMap), site, map[string]any{
		"staged-portlet_com_liferay_journal_web_portlet_JournalPortlet": "true",
		"staged-portlet_15": "false", "staged-portlet_a.b$C-1_WAR_x": "true",
	})
}

func event() *world {
	return newWorld("7.4", staging7, "propagateExportImportLifecycleEvent", types("int", "int", javaString, "java.util.List"),
		int64(3), int64(1), "5f0c0f1b", []any{nil})
}

func group(method string) func() *world {
	return func() *world { return newWorld("7.4", group7, method, types("long"), site) }
}

func displayURL() *world {
	return newWorld("7.4", group7, "getGroupDisplayURL", types("long", "boolean", "boolean"), site, false, true)
}

func groupByName() *world {
	w := newWorld("7.4", group7, "getGroup", types("long", javaString), int64(20097), "Guest")
	w.peer.AnySite = true
	return w
}

func layout(method string) func() *world {
	return func() *world {
		return newWorld("7.4", layout7, method, types(javaString, "long", "boolean"), "uuid", site, false)
	}
}

func hasRemoteLayout() *world {
	return newWorld("7.4", staging7, "hasRemoteLayout", types(javaString, "long", "boolean"), "uuid", site, false)
}

func defaultPlid2() *world {
	return newWorld("7.4", layout7, "getDefaultPlid", types("long", "boolean"), site, false)
}

func defaultPlid3() *world {
	return newWorld("7.4", layout7, "getDefaultPlid", types("long", "long", javaString), site, site, "56")
}

func defaultPlid4() *world {
	return newWorld("7.4", layout7, "getDefaultPlid", types("long", "long", "boolean", javaString), site, site, true, "56")
}

func hasPortletID() *world {
	return newWorld("7.4", layout7, "hasPortletId", types("long", javaString), int64(7), "56")
}

func fetchClassName() *world {
	return newWorld("7.0", names7, "fetchByClassNameId", types("long"), int64(20001))
}

func controlPanel() *world { return newWorld("7.4", layout7, "getControlPanelLayoutPlid", nil) }

// longSettings is the settings map as a staging server fills it, the form with Long ids.
func longSettings() map[string]any {
	return map[string]any{
		"remoteGroupId": site, "timezone": nil, "remotePort": int64(443), "remotePrivateLayout": false,
		"privateLayout": false, "locale": nil, "userId": int64(20199), "remotePathContext": "/portal",
		"portletId": "com_liferay_journal_web_portlet_JournalPortlet", "targetGroupId": site, "cmd": "publish_to_remote",
		"layoutIds": []any{int64(1), int64(2)}, "parameterMap": parameterMap(), "remoteAddress": "live.example.com",
		"secureConnection": true, "startDate": int64(1700000000000), "sourceGroupId": int64(31337),
		"layoutIdMap": map[string]any{"1": true, "2": false},
	}
}

func parameterMap() map[string]any {
	return map[string]any{
		"layoutSetBranchId": []any{"0"}, "PORTLET_DATA": []any{"true"}, "range": []any{"fromLastPublishDate"},
		"groupId": []any{"31337"}, // the staging server's own form field
	}
}

func setting(key string, v any) func(*world) { return func(w *world) { w.call.Settings[key] = v } }

func arg(i int, v any) func(*world) { return func(w *world) { w.call.Args[i] = v } }

func rename(name string) func(*world) { return arg(1, name) }

// rows are the whole policy: a legal call, what is changed of it, and what happens then. Reason ""
// means it passes.
type judgeRow struct {
	name   string
	legal  func() *world
	change func(*world)
	reason string
}

var loginRows = []judgeRow{
	{"body login differs", create, func(w *world) { w.call.BodyLogin = "admin@example.com" }, calls.CallLogin},
	{"body login in another case", create, func(w *world) { w.call.BodyLogin = strings.ToUpper(login) }, calls.CallLogin},
	{"body login decoded", create, func(w *world) { w.call.BodyLogin = strings.ReplaceAll(login, "+", " ") }, calls.CallLogin},
	{"body login encoded", create, func(w *world) { w.call.BodyLogin = strings.ReplaceAll(login, "@", "%40") }, calls.CallLogin},
	{"body login with a line break", create, func(w *world) { w.call.BodyLogin = login + "\n" }, calls.CallLogin},
	{"body login empty", create, func(w *world) { w.call.BodyLogin = "" }, calls.CallLogin},
	{"body login absent", create, func(w *world) { w.call.HasBodyLogin = false }, calls.LoginForm},
	{"both empty", create, func(w *world) { w.call.HeaderLogin, w.call.BodyLogin = "", "" }, calls.LoginForm},
	{"a colon in both", create, func(w *world) { w.call.HeaderLogin, w.call.BodyLogin = "a:b", "a:b" }, calls.LoginForm},
	{"a per cent sign in both", cleanUp, func(w *world) {
		w.call.HeaderLogin, w.call.BodyLogin, w.known.Request.Logins = "50%@x", "50%@x", []string{"50%@x"}
	}, ""},
	{"not among the peer's", create, func(w *world) { w.peer.Logins = []string{"admin"} }, calls.LoginUnlisted},
	{"the peer's list is empty", create, func(w *world) { w.peer.Logins = []string{} }, calls.LoginUnlisted},
	{"among the peer's", create, func(w *world) { w.peer.Logins = []string{"admin", login} }, ""},
	{"of an event differs", event, func(w *world) { w.call.BodyLogin = "admin" }, calls.CallLogin},
	{"of a cleanUp differs", cleanUp, func(w *world) { w.call.BodyLogin = "admin" }, calls.CallLogin},
}

var siteRows = []judgeRow{
	{"create elsewhere", create, arg(0, otherSite), calls.SiteDenied},
	{"create at zero", create, arg(0, int64(0)), calls.SiteDenied},
	{"create at minus", create, arg(0, -site), calls.SiteDenied},
	{"create elsewhere with any", create, func(w *world) { w.peer.AnySite = true; w.call.Args[0] = otherSite }, ""},
	{"create at zero with any", create, func(w *world) { w.peer.AnySite = true; w.call.Args[0] = int64(0) }, calls.SiteDenied},
	{"second site of the list", create, func(w *world) { w.peer.Sites = calls.SitesOf(1, otherSite); w.call.Args[0] = otherSite }, ""},
	{"checkRemoteStagingGroup", group("checkRemoteStagingGroup"), arg(0, otherSite), calls.SiteDenied},
	{"enableStaging", group("enableStaging"), arg(0, otherSite), calls.SiteDenied},
	{"disableStaging", group("disableStaging"), arg(0, otherSite), calls.SiteDenied},
	{"getGroup", group("getGroup"), arg(0, otherSite), calls.SiteDenied},
	{"getGroupDisplayURL", displayURL, arg(0, otherSite), calls.SiteDenied},
	{"updateStagedPortlets", portlets, arg(0, otherSite), calls.SiteDenied},
	{"hasRemoteLayout", hasRemoteLayout, arg(1, otherSite), calls.SiteDenied},
	{"hasLayout", layout("hasLayout"), arg(1, otherSite), calls.SiteDenied},
	{"getLayoutPlid", layout("getLayoutPlid"), arg(1, otherSite), calls.SiteDenied},
	{"fetchLayoutPlid", layout("fetchLayoutPlid"), arg(1, otherSite), calls.SiteDenied},
	{"getLayoutByUuidAndGroupId", layout("getLayoutByUuidAndGroupId"), arg(1, otherSite), calls.SiteDenied},
	{"getDefaultPlid", defaultPlid2, arg(0, otherSite), calls.SiteDenied},
	{"getDefaultPlid of 3, group", defaultPlid3, arg(0, otherSite), calls.SiteDenied},
	{"getDefaultPlid of 3, scope", defaultPlid3, arg(1, otherSite), ""},
	{"getDefaultPlid of 4, group", defaultPlid4, arg(0, otherSite), calls.SiteDenied},
	{"getDefaultPlid of 4, scope", defaultPlid4, arg(1, otherSite), ""},
	{"fetchByClassNameId of any class", fetchClassName, arg(0, int64(999)), ""},
	{"fetchByClassNameId of the zero peer", fetchClassName, func(w *world) { w.peer = calls.Peer{} }, calls.SiteNone},
	{"fetchByClassNameId of a text", fetchClassName, arg(0, "20001"), calls.CallArguments},
	{"fetchByClassNameId of null", fetchClassName, arg(0, nil), calls.CallArguments},
	{"fetchByClassNameId of two", fetchClassName, func(w *world) { w.call.Args = []any{site, site} }, calls.CallArguments},
	{"hasPortletId of any page", hasPortletID, arg(0, int64(999)), ""},
	{"getDefaultPlid of the control panel", defaultPlid2, controlPanelKnown, ""},
	{"getDefaultPlid of 3 of the control panel", defaultPlid3, controlPanelKnown, ""},
	{"getDefaultPlid of 4 of the control panel", defaultPlid4, controlPanelKnown, ""},
	{"getDefaultPlid of the control panel of the zero peer", defaultPlid2, func(w *world) {
		controlPanelKnown(w)
		w.peer = calls.Peer{}
	}, calls.SiteNone},
	{"getGroup of the control panel", group("getGroup"), controlPanelKnown, calls.SiteDenied},
	{"hasLayout at the control panel", layout("hasLayout"), func(w *world) {
		w.call.Args[1], w.known.ControlPanel = otherSite, true
	}, calls.SiteDenied},
	{"create at the control panel", create, controlPanelKnown, calls.SiteDenied},
	{"getGroup by the name of the control panel", groupByName, byName("Control Panel"), ""},
	{"getGroup by a name in another case", groupByName, byName("control panel"), calls.SiteCompany},
	{"getGroup by a name and a space", groupByName, byName("Control Panel "), calls.SiteCompany},
	{"getGroup by no name", groupByName, byName(nil), calls.SiteCompany},
	{"getGroup by the name of the control panel of the zero peer", groupByName, func(w *world) {
		byName("Control Panel")(w)
		w.peer = calls.Peer{}
	}, calls.SiteNone},
	{"getGroup by name with a list", groupByName, func(w *world) { w.peer.AnySite = false }, calls.SiteCompany},
	{"request of a site of another peer", updatePart, func(w *world) { w.known.Request.Site = otherSite }, calls.SiteDenied},
	{"cleanUp at a site of another peer", cleanUp, func(w *world) { w.known.Request.Site = otherSite }, calls.SiteDenied},
	{"peer without sites", controlPanel, func(w *world) { w.peer.Sites = nil }, calls.SiteNone},
	{"zero peer", hasPortletID, func(w *world) { w.peer = calls.Peer{} }, calls.SiteNone},
	{"event of the zero peer", event, func(w *world) { w.peer = calls.Peer{} }, calls.SiteNone},
	{"unknown cleanUp of the zero peer", cleanUp, func(w *world) { w.peer, w.known.Request = calls.Peer{}, calls.Request{} }, calls.SiteNone},
}

// controlPanelKnown asks for the group of the control panel, as the look-up of its name returned it.
func controlPanelKnown(w *world) { w.call.Args[0], w.known.ControlPanel = otherSite, true }

func byName(name any) func(*world) {
	return func(w *world) { w.call.Args[1], w.peer.AnySite, w.peer.Sites = name, false, calls.SitesOf(site) }
}

var requestRows = []judgeRow{
	{"update of an unknown", updatePart, func(w *world) { w.known.Request = calls.Request{} }, calls.RequestUnknown},
	{"publish of an unknown", publish, func(w *world) { w.known.Request = calls.Request{} }, calls.RequestUnknown},
	{"publish by map of an unknown", publishMap("7.2", staging7), func(w *world) { w.known.Request = calls.Request{} }, calls.RequestUnknown},
	{"validate of an unknown", validate, func(w *world) { w.known.Request = calls.Request{} }, calls.RequestUnknown},
	{"unknown in spite of a login", publish, func(w *world) { w.known.Request.Known = false }, calls.RequestUnknown},
	{"update of another's", updatePart, func(w *world) { w.known.Request.Logins = []string{"somebody"} }, calls.RequestLogin},
	{"publish of another's", publish, func(w *world) { w.known.Request.Logins = []string{"somebody"} }, calls.RequestLogin},
	{"validate of another's", validate, func(w *world) { w.known.Request.Logins = nil }, calls.RequestLogin},
	{"cleanUp of another's", cleanUp, func(w *world) { w.known.Request.Logins = []string{"somebody"} }, calls.RequestLogin},
	{"cleanUp of another's that is cleaned up", cleanUp, func(w *world) {
		w.known.Request.Logins, w.known.Request.CleanedUp = []string{"somebody"}, true
	}, calls.RequestLogin},
	{"login in another case", cleanUp, func(w *world) { w.known.Request.Logins = []string{strings.ToUpper(login)} }, calls.RequestLogin},
	{"update of a cleaned up", updatePart, func(w *world) { w.known.Request.CleanedUp = true }, calls.RequestCleaned},
	{"publish of a cleaned up", publish, func(w *world) { w.known.Request.CleanedUp = true }, calls.RequestCleaned},
	{"validate of a cleaned up", validate, func(w *world) { w.known.Request.CleanedUp = true }, calls.RequestCleaned},
	{"create needs none", create, func(w *world) { w.known.Request = calls.Request{} }, ""},
	{"enable needs none", group("enableStaging"), func(w *world) { w.known.Request = calls.Request{} }, ""},
	{"checksum in capitals", create, arg(1, strings.ToUpper(checksum)), calls.ChecksumForm},
	{"checksum too short", create, arg(1, checksum[1:]), calls.ChecksumForm},
	{"checksum too long", create, arg(1, checksum+"0"), calls.ChecksumForm},
	{"checksum with a g", create, arg(1, checksum[1:]+"g"), calls.ChecksumForm},
	{"checksum with a line break", create, arg(1, checksum[1:]+"\n"), calls.ChecksumForm},
	{"checksum empty", create, arg(1, ""), calls.ChecksumForm},
	{"checksum null", create, arg(1, nil), calls.ChecksumForm},
}

var partRows = []judgeRow{
	{"6.2's name", updatePart, rename(part62), ""},
	{"wide number", updatePart, rename("x.zip000017"), ""},
	{"digits only", updatePart, rename("00"), ""},
	{"200 bytes", updatePart, rename(strings.Repeat("a", 198) + "00"), ""},
	{"201 bytes", updatePart, rename(strings.Repeat("a", 199) + "00"), calls.PartName},
	{"no name", updatePart, rename(""), calls.PartName},
	{"null name", updatePart, arg(1, nil), calls.PartName},
	{"one digit", updatePart, rename("x.zip0"), calls.PartName},
	{"no digits", updatePart, rename("x.zip"), calls.PartName},
	{"a path", updatePart, rename("../x.zip00"), calls.PartName},
	{"a back slash", updatePart, rename(`..\x.zip00`), calls.PartName},
	{"a line break at the end", updatePart, rename(partName + "\n"), calls.PartName},
	{"a NUL", updatePart, rename("x\x00.zip00"), calls.PartName},
	{"a space", updatePart, rename("x y.zip00"), calls.PartName},
	{"other digits", updatePart, rename("x.zip٠٠"), calls.PartName},
	{"the name of the result", updatePart, rename("assembled_20701.lar00"), calls.PartName},
	{"the name of the result in capitals", updatePart, rename("ASSEMBLED_20701.lar00"), calls.PartName},
	{"the name of the result within", updatePart, rename("x-assembled_20701.lar00"), ""},

	{"second part", updatePart, others(2, 5), ""},
	{"wider number than before", updatePart, others(3, 5), calls.PartWidth},
	{"narrower number than before", updatePart, others(1, 5), calls.PartWidth},
	{"the same part again, alone", updatePart, others(0, 0), ""},

	{"size at the limit", updatePart, func(w *world) { w.call.PartSize = calls.DefaultPartMax }, ""},
	{"size over the limit", updatePart, func(w *world) { w.call.PartSize = calls.DefaultPartMax + 1 }, calls.PartSize},
	{"empty part", updatePart, func(w *world) { w.call.PartSize = 0 }, ""},
	{"size below zero", updatePart, func(w *world) { w.call.PartSize = -1 }, calls.PartSize},
	{"no limit set", updatePart, func(w *world) { w.peer.PartMax = 0 }, calls.PartSize},

	{"sum at the limit", updatePart, archive(12<<20, 2<<20), ""},
	{"sum over the limit", updatePart, archive(12<<20-1, 2<<20), calls.ArchiveSize},
	{"one part over the limit", updatePart, archive(10<<20-1, 0), calls.ArchiveSize},
	{"the others alone over the limit", updatePart, archive(12<<20, 13<<20), calls.ArchiveSize},
	{"sum of 63 bits", updatePart, archive(1<<63-1, 1<<63-1), calls.ArchiveSize},
	{"sum of 63 bits without a limit", updatePart, archive(0, 1<<63-1), calls.ArchiveSize},
	{"limit below zero", updatePart, archive(-1, 0), calls.ArchiveSize},
	{"published at the limit", publish, archive(12<<20, 12<<20), ""},
	{"published over the limit", publish, archive(12<<20, 12<<20+1), calls.ArchiveSize},
	{"validated over the limit", validate, archive(12<<20, 12<<20+1), calls.ArchiveSize},
	{"published without a limit", publish, archive(0, 1<<62), ""},
}

func archive(limit, bytes int64) func(*world) {
	return func(w *world) { w.peer.ArchiveMax, w.known.Request.Others = limit, calls.Parts{Width: 2, Bytes: bytes} }
}

var settingsRows = []judgeRow{
	{"empty but for the target", publish, func(w *world) { w.call.Settings = map[string]any{"targetGroupId": site} }, ""},
	{"null settings", publish, func(w *world) { w.call.Settings = nil }, calls.SettingsAbsent},
	{"empty settings", publish, func(w *world) { w.call.Settings = map[string]any{} }, calls.TargetAbsent},
	{"target missing", publish, func(w *world) { delete(w.call.Settings, "targetGroupId") }, calls.TargetAbsent},
	{"target in another spelling", publish, func(w *world) {
		delete(w.call.Settings, "targetGroupId")
		w.call.Settings["targetGroupID"] = site
	}, calls.TargetAbsent},
	{"target null", publish, setting("targetGroupId", nil), calls.TargetAbsent},
	{"target a string", publish, setting("targetGroupId", "20143"), calls.TargetForm},
	{"target a list", publish, setting("targetGroupId", []any{site}), calls.TargetForm},
	{"target a boolean", publish, setting("targetGroupId", true), calls.TargetForm},
	{"target elsewhere", publish, setting("targetGroupId", otherSite), calls.TargetMismatch},
	{"target elsewhere though listed", publish, func(w *world) {
		w.peer.Sites = calls.SitesOf(site, otherSite)
		w.call.Settings["targetGroupId"] = otherSite
	}, calls.TargetMismatch},
	{"target elsewhere with any", publish, func(w *world) {
		w.peer.AnySite = true
		w.call.Settings["targetGroupId"] = otherSite
	}, calls.TargetMismatch},
	{"target cut to 32 bits would be equal", publish, setting("targetGroupId", site+1<<32), calls.TargetMismatch},
	{"a target in another case elsewhere", publish, setting("TargetGroupId", otherSite), calls.SettingsSite},
	{"remoteGroupId elsewhere", publish, setting("remoteGroupId", otherSite), calls.SettingsSite},
	{"remoteGroupId elsewhere as text", publish, setting("remoteGroupId", " 20200 "), calls.SettingsSite},
	{"groupId elsewhere", publish, setting("groupId", otherSite), calls.SettingsSite},
	{"liveGroupId elsewhere in a list", publish, setting("liveGroupId", []any{"20200"}), calls.SettingsSite},
	{"liveGroupId the request's as text", publish, setting("liveGroupId", "20143"), ""},
	{"groupId of no site", publish, setting("groupId", int64(0)), ""},
	{"groupId null", publish, setting("groupId", nil), ""},
	{"groupId no number", publish, setting("groupId", "guest"), ""},
	{"source elsewhere", publish, setting("sourceGroupId", otherSite), ""},
	{"staging site elsewhere", publish, setting("stagingGroupId", otherSite), ""},
	{"any other key", publish, setting("größe\n", otherSite), ""},
	{"empty key", publish, setting("", "x"), ""},
	{"long key", publish, setting(strings.Repeat("k", 4096), "x"), ""},
	{"longer key", publish, setting(strings.Repeat("k", 4097), "x"), calls.SettingsKey},
	{"longer key within", publish, setting("parameterMap", map[string]any{strings.Repeat("k", 4097): nil}), calls.SettingsKey},
	{"nested to the bound", publish, setting("deep", nested(5)), ""},
	{"nested deeper", publish, setting("deep", nested(6)), calls.SettingsDepth},
	{"maps nested deeper", publish, setting("deep", nestedMaps(6)), calls.SettingsDepth},
	{"map at the bound", publish, setting("layoutIdMap", bigMap(100_000)), ""},
	{"map beyond it", publish, setting("layoutIdMap", bigMap(100_001)), calls.MapSize},
	{"map in a list beyond it", publish, setting("x", []any{bigMap(100_001)}), calls.MapSize},
	{"settings themselves beyond it", publish, func(w *world) { w.call.Settings = bigMap(100_001) }, calls.MapSize},

	{"no page", publish, setting("targetPlid", int64(0)), ""},
	{"a null page", publish, setting("targetPlid", nil), ""},
	{"a page of the site", publish, page(int64(30001), site), ""},
	{"the control panel's page", publish, page(int64(30001), calls.ControlPanel), ""},
	{"the control panel's page of a peer with any", publish, func(w *world) {
		w.peer.AnySite = true
		page(int64(30001), calls.ControlPanel)(w)
	}, ""},
	{"a page nobody asked for", publish, page(int64(30001), 0), calls.PageUnknown},
	{"a page nobody asked for, with any", publish, func(w *world) {
		w.peer.AnySite = true
		page(int64(30001), 0)(w)
	}, calls.PageUnknown},
	{"a page below zero", publish, page(int64(-30001), 0), calls.PageUnknown},
	{"a page of another site", publish, page(int64(30001), otherSite), calls.PageSite},
	{"a page of another site that is listed too", publish, func(w *world) {
		w.peer.Sites = calls.SitesOf(site, otherSite)
		page(int64(30001), otherSite)(w)
	}, calls.PageSite},
	{"a page of another site, with any", publish, func(w *world) {
		w.peer.AnySite = true
		page(int64(30001), otherSite)(w)
	}, calls.PageSite},
	{"a page as text", publish, page("30001", site), calls.PageForm},
	{"a page in a list", publish, page([]any{"30001"}, site), calls.PageForm},
	{"a page as a list of numbers", publish, page([]int64{30001}, site), calls.PageForm},
	{"a page as a boolean", publish, page(true, site), calls.PageForm},
	{"the page of the staging site", publish, setting("sourcePlid", int64(30001)), ""},
	{"a page beside a foreign target", publish, func(w *world) {
		page(int64(30001), otherSite)(w)
		w.call.Settings["targetGroupId"] = otherSite
	}, calls.TargetMismatch},
	{"liveGroupId elsewhere in numbers", publish, setting("liveGroupId", []int64{site, otherSite}), calls.SettingsSite},

	{"parameter map null", publishMap("7.2", staging7), arg(2, nil), calls.MapAbsent},
	{"parameter map empty", publishMap("7.2", staging7), arg(2, map[string]any{}), ""},
	{"parameter map names a site", publishMap("7.2", staging7), arg(2, map[string]any{"targetGroupId": []any{"20200"}}), ""},
	{"parameter map too deep", publishMap("7.2", staging7), arg(2, map[string]any{"x": nested(6)}), calls.SettingsDepth},
	{"6.2's parameter map null", publishMap("6.2", staging62), arg(2, nil), calls.MapAbsent},
	{"6.2's parameter map too large", publishMap("6.2", staging62), arg(2, bigMap(100_001)), calls.MapSize},
	{"validate with a null map", validate, arg(2, nil), calls.MapAbsent},
	{"validate with a long key", validate, arg(2, map[string]any{strings.Repeat("k", 4097): nil}), calls.SettingsKey},
}

// page is a publish onto a page that look-ups returned for that site.
func page(id any, of int64) func(*world) {
	return func(w *world) { w.call.Settings["targetPlid"], w.known.PageSite = id, of }
}

func nested(depth int) any {
	var v any = int64(1)
	for range depth {
		v = []any{v}
	}
	return v
}

func nestedMaps(depth int) any {
	var v any = int64(1)
	for range depth {
		v = map[string]any{"x": v}
	}
	return v
}

func bigMap(n int) map[string]any {
	m := make(map[string]any, n)
	for i := range n {
		m[strings.Repeat("x", i%7)+string(rune('0'+i%10))+string(rune(0x4e00+i/7))] = nil
	}
	for i := 0; len(m) < n; i++ {
		m["more"+string(rune(0x4e00+i))] = nil
	}
	return m
}

func flags(key string, value any) func(*world) { return arg(1, map[string]any{key: value}) }

var portletRows = []judgeRow{
	{"none", portlets, arg(1, map[string]any{}), ""},
	{"null", portlets, arg(1, nil), calls.MapAbsent},
	{"a line break and a setting", portlets, flags("staged-portlet_x=true\nstagedRemotely", "true"), calls.PortletKey},
	{"a line break at the end", portlets, flags("staged-portlet_x\n", "true"), calls.PortletKey},
	{"a carriage return", portlets, flags("staged-portlet_x\r", "true"), calls.PortletKey},
	{"an equals sign", portlets, flags("staged-portlet_x=y", "true"), calls.PortletKey},
	{"a line separator", portlets, flags("staged-portlet_x\u2028", "true"), calls.PortletKey},
	{"no id", portlets, flags("staged-portlet_", "true"), calls.PortletKey},
	{"another setting", portlets, flags("stagedRemotely", "true"), calls.PortletKey},
	{"prefix in another case", portlets, flags("Staged-portlet_x", "true"), calls.PortletKey},
	{"a number as the key", portlets, flags("15", "true"), calls.PortletKey},
	{"prefix within", portlets, flags("x=\nstaged-portlet_x", "true"), calls.PortletKey},
	{"value in capitals", portlets, flags("staged-portlet_x", "TRUE"), calls.PortletValue},
	{"value with a line break", portlets, flags("staged-portlet_x", "true\nstagedRemotely=true"), calls.PortletValue},
	{"value a boolean", portlets, flags("staged-portlet_x", true), calls.PortletValue},
	{"value null", portlets, flags("staged-portlet_x", nil), calls.PortletValue},
	{"value empty", portlets, flags("staged-portlet_x", ""), calls.PortletValue},
	{"too many", portlets, arg(1, bigMap(100_001)), calls.MapSize},
}

var shapeRows = []judgeRow{
	{"argument less", create, func(w *world) { w.call.Args = w.call.Args[:1] }, calls.CallArguments},
	{"argument more", create, func(w *world) { w.call.Args = append(w.call.Args, nil) }, calls.CallArguments},
	{"no arguments", create, func(w *world) { w.call.Args = nil }, calls.CallArguments},
	{"site a string", create, arg(0, "20143"), calls.CallArguments},
	{"site null", create, arg(0, nil), calls.CallArguments},
	{"site a Go int", create, arg(0, int(site)), calls.CallArguments},
	{"request null", cleanUp, arg(0, nil), calls.CallArguments},
	{"map a list", portlets, arg(1, []any{}), calls.CallArguments},
	{"boolean a string", displayURL, arg(1, "true"), calls.CallArguments},
	{"event's list a map", event, arg(3, map[string]any{}), calls.CallArguments},
	{"uuid null of a read", hasRemoteLayout, arg(0, nil), ""},
}

// legalCalls are all calls of 7.4, and those that only older lines have.
var legalCalls = map[string]func() *world{
	"create": create, "update": updatePart, "publish": publish, "publish by map": publishMap("7.2", staging7),
	"publish by map in 6.2": publishMap("6.2", staging62), "validate in 6.2": validate, "cleanUp": cleanUp,
	"portlets": portlets, "check": group("checkRemoteStagingGroup"), "enable": group("enableStaging"),
	"disable": group("disableStaging"), "getGroup": group("getGroup"), "getGroup by name": groupByName,
	"display URL": displayURL, "hasLayout": layout("hasLayout"), "getLayoutPlid": layout("getLayoutPlid"),
	"getLayoutByUuidAndGroupId": layout("getLayoutByUuidAndGroupId"), "hasRemoteLayout": hasRemoteLayout,
	"getDefaultPlid of 2": defaultPlid2, "getDefaultPlid of 3": defaultPlid3, "getDefaultPlid of 4": defaultPlid4,
	"hasPortletId": hasPortletID, "getControlPanelLayoutPlid": controlPanel,
	"fetchByClassNameId": fetchClassName,
}

func TestJudgeLegal(t *testing.T) {
	for name, legal := range legalCalls {
		t.Run(name, func(t *testing.T) {
			if d, refusal := legal().judge(t); d != calls.Forward || refusal != nil {
				t.Errorf("got %v, %v, want forward", d, refusal)
			}
		})
	}
}

func allRows() map[string][]judgeRow {
	return map[string][]judgeRow{
		"login": loginRows, "site": siteRows, "request": requestRows, "part": partRows, "settings": settingsRows,
		"portlet": portletRows, "shape": shapeRows,
	}
}

func TestJudge(t *testing.T) {
	for topic, rows := range allRows() {
		for _, tt := range rows {
			t.Run(topic+"/"+tt.name, func(t *testing.T) {
				if d, refusal := tt.legal().judge(t); d == calls.Refuse {
					t.Fatalf("the legal twin is refused: %v", refusal)
				}
				w := tt.legal()
				tt.change(w)
				d, refusal := w.judge(t)
				if tt.reason == "" {
					if d != calls.Forward || refusal != nil {
						t.Errorf("got %v, %v, want forward", d, refusal)
					}
					return
				}
				if d != calls.Refuse || refusal == nil || refusal.Reason != tt.reason {
					t.Fatalf("got %v, %v, want %s", d, refusal, tt.reason)
				}
				checkRefusal(t, refusal)
			})
		}
	}
}

// checkRefusal holds every refusal to the same form, whatever the caller sent.
func checkRefusal(t *testing.T, r *calls.Refusal) {
	t.Helper()
	if reason, ok := policy.ReasonOf(r.Reason); !ok || reason.Answer != policy.Exception {
		t.Errorf("reason %q is not in the catalogue, or has another answer", r.Reason)
	}
	if r.Msg == "" || r.Detail == "" || !strings.Contains(r.Error(), r.Reason) {
		t.Errorf("refusal %#v lacks words", r)
	}
	for _, s := range []string{r.Msg, r.Detail} {
		if len(s) > 1500 || strings.ContainsFunc(s, func(c rune) bool { return c > unicode.MaxASCII || !unicode.IsPrint(c) }) {
			t.Errorf("refusal %q is long or not printable ASCII", s)
		}
	}
}

func TestJudgeAnswersVoid(t *testing.T) {
	for _, tt := range []struct {
		name   string
		legal  func() *world
		change func(*world)
	}{
		{"event", event, func(*world) {}},
		{"event of no request", event, func(w *world) { w.known.Request = calls.Request{} }},
		{"event with null arguments", event, func(w *world) { w.call.Args[2], w.call.Args[3] = nil, nil }},
		{"event in 7.0", event, func(w *world) { w.line = "7.0" }},
		{"cleanUp of an unknown request", cleanUp, func(w *world) { w.known.Request = calls.Request{} }},
		{"cleanUp of an own request again", cleanUp, func(w *world) { w.known.Request.CleanedUp = true }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := tt.legal()
			tt.change(w)
			if d, refusal := w.judge(t); d != calls.AnswerVoid || refusal != nil {
				t.Errorf("got %v, %v, want answer void", d, refusal)
			}
		})
	}
}

func TestEventsAreNeverForwarded(t *testing.T) {
	for _, line := range calls.Lines() {
		for _, r := range preset(t, line).Rules() {
			if r.Method != "propagateExportImportLifecycleEvent" {
				continue
			}
			w := event()
			w.line, w.peer.AnySite = line, true
			if d, refusal := w.judge(t); d != calls.AnswerVoid || refusal != nil || r.Kind != calls.Event {
				t.Errorf("line %s: got %v, %v, kind %v", line, d, refusal, r.Kind)
			}
		}
	}
}

// TestReasonsAreAllGiven finds for every reason a row or a match that is refused for it.
func TestReasonsAreAllGiven(t *testing.T) {
	given := map[string]bool{calls.CallUnknown: true, calls.CallBarred: true, calls.CallLine: true} // TestMatchRefuses
	for _, rows := range allRows() {
		for _, row := range rows {
			given[row.reason] = true
		}
	}
	delete(given, "")
	for _, code := range codes(t) {
		if !given[code] {
			t.Errorf("no test is refused for %s", code)
		}
		delete(given, code)
	}
	if len(given) > 0 {
		t.Errorf("reasons that are no constant: %v", slices.Sorted(maps.Keys(given)))
	}
}

func TestZeroValuesDeny(t *testing.T) {
	w := create()
	for name, r := range map[string]*calls.Rule{"nil": nil, "zero": {}, "named": {Service: staging7, Method: "createStagingRequest"}} {
		if d, refusal := r.Judge(w.call, w.peer, w.known); d != calls.Refuse || refusal == nil || refusal.Reason != calls.CallUnknown {
			t.Errorf("%s rule: got %v, %v", name, d, refusal)
		}
	}
	var d calls.Decision
	if d != calls.Refuse || d.String() != "refuse" || calls.Decision(99).String() != "refuse" {
		t.Error("the zero decision is not refuse")
	}
	for _, line := range calls.Lines() {
		for _, r := range preset(t, line).Rules() {
			if d, refusal := r.Judge(calls.Call{}, calls.Peer{}, calls.Known{}); d != calls.Refuse || refusal == nil {
				t.Errorf("line %s: %s passes with nothing: %v", line, r.Signature(), d)
			}
		}
	}
}

func TestJudgeWantsItsOwnCall(t *testing.T) {
	w := group("getGroup")()
	r := rule(t, "7.4", group7, "checkRemoteStagingGroup", "long")
	if d, refusal := r.Judge(w.call, w.peer, w.known); d != calls.Refuse || refusal.Reason != calls.CallUnknown {
		t.Errorf("got %v, %v", d, refusal)
	}
}

func TestPartIsJudgedBeforeItsMethodIsKnown(t *testing.T) {
	w := updatePart()
	w.call.Service, w.call.Method, w.call.Parameters = "", "", nil
	r := preset(t, "7.4").Part()
	if d, refusal := r.Judge(w.call, w.peer, w.known); d != calls.Forward {
		t.Errorf("got %v, %v, want forward", d, refusal)
	}
	w.call.PartSize = calls.DefaultPartMax + 1
	if d, refusal := r.Judge(w.call, w.peer, w.known); d != calls.Refuse || refusal.Reason != calls.PartSize {
		t.Errorf("got %v, %v, want %s", d, refusal, calls.PartSize)
	}
}

func TestFacts(t *testing.T) {
	onPage := func() *world {
		w := publish()
		w.call.Settings["targetPlid"] = int64(30001)
		return w
	}
	for _, tt := range []struct {
		name  string
		legal func() *world
		want  calls.Facts
		scope string
	}{
		{"create", create, calls.Facts{Site: site, Checksum: checksum}, "site:20143"},
		{"update", updatePart, calls.Facts{Request: requestID, Part: partName, PartSize: 10 << 20, PartWidth: 2}, "request:20701"},
		{"publish", publish, calls.Facts{Request: requestID, Target: site}, "request:20701"},
		{"publish onto a page", onPage, calls.Facts{Request: requestID, Target: site, Page: 30001}, "request:20701"},
		{"publish in 6.2", publishMap("6.2", staging62), calls.Facts{Request: requestID}, "request:20701"},
		{"validate", validate, calls.Facts{Request: requestID}, "request:20701"},
		{"cleanUp", cleanUp, calls.Facts{Request: requestID}, "request:20701"},
		{"enable", group("enableStaging"), calls.Facts{Site: site}, "site:20143"},
		{"disable", group("disableStaging"), calls.Facts{Site: site}, "site:20143"},
		{"hasLayout", layout("hasLayout"), calls.Facts{Site: site}, "site:20143"},
		{"getDefaultPlid", defaultPlid4, calls.Facts{Site: site}, "site:20143"},
		{"getGroup by name", groupByName, calls.Facts{SiteByName: "Guest"}, ""},
		{"hasPortletId", hasPortletID, calls.Facts{}, ""},
		{"event", event, calls.Facts{Event: map[string]string{"code": "3", "flag": "1", "process": "5f0c0f1b"}}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := tt.legal()
			r := rule(t, w.line, w.call.Service, w.call.Method, w.call.Parameters...)
			f := r.Facts(w.call)
			if diff := cmp.Diff(tt.want, f); diff != "" {
				t.Errorf("facts (-want +got):\n%s", diff)
			}
			if f.Scope() != tt.scope {
				t.Errorf("scope %q, want %q", f.Scope(), tt.scope)
			}
			w.call.Args, w.call.Settings = nil, nil
			if f := r.Facts(w.call); f.Scope() != "" || f.Target != 0 || f.Part != "" {
				t.Errorf("a call without arguments has the facts %+v", f)
			}
		})
	}
	var none *calls.Rule
	if f := none.Facts(create().call); f.Scope() != "" {
		t.Errorf("no rule finds %+v", f)
	}
}

func TestLessons(t *testing.T) {
	panel := func() *world {
		w := groupByName()
		w.call.Args[1] = "Control Panel"
		return w
	}
	ofPanel := func() *world {
		w := defaultPlid3()
		controlPanelKnown(w)
		return w
	}
	for _, tt := range []struct {
		name  string
		legal func() *world
		want  calls.Lesson
	}{
		{"create", create, calls.Lesson{Learnt: calls.LearntRequest, Site: site}},
		{"getLayoutByUuidAndGroupId", layout("getLayoutByUuidAndGroupId"), calls.Lesson{Learnt: calls.LearntPage, Site: site}},
		{"fetchLayoutPlid", layout("fetchLayoutPlid"), calls.Lesson{Learnt: calls.LearntPage, Site: site}},
		{"getLayoutPlid", layout("getLayoutPlid"), calls.Lesson{Learnt: calls.LearntPage, Site: site}},
		{"getDefaultPlid of 2", defaultPlid2, calls.Lesson{Learnt: calls.LearntPage, Site: site}},
		{"getDefaultPlid of 3", defaultPlid3, calls.Lesson{Learnt: calls.LearntPage, Site: site}},
		{"getDefaultPlid of 4", defaultPlid4, calls.Lesson{Learnt: calls.LearntPage, Site: site}},
		{"getDefaultPlid of the control panel", ofPanel, calls.Lesson{Learnt: calls.LearntPage, Site: calls.ControlPanel}},
		{"getControlPanelLayoutPlid", controlPanel, calls.Lesson{Learnt: calls.LearntPage, Site: calls.ControlPanel}},
		{"getGroup by the name of the control panel", panel, calls.Lesson{Learnt: calls.LearntControlPanel}},
		{"getGroup by another name", groupByName, calls.Lesson{}},
		{"getGroup", group("getGroup"), calls.Lesson{}},
		{"hasLayout", layout("hasLayout"), calls.Lesson{}},
		{"hasPortletId", hasPortletID, calls.Lesson{}},
		{"fetchByClassNameId", fetchClassName, calls.Lesson{}},
		{"publish", publish, calls.Lesson{}},
		{"event", event, calls.Lesson{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := tt.legal()
			r := rule(t, w.line, w.call.Service, w.call.Method, w.call.Parameters...)
			if got := r.Lesson(r.Facts(w.call), w.known); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
	var none *calls.Rule
	if got := none.Lesson(calls.Facts{Site: site}, calls.Known{}); got != (calls.Lesson{}) {
		t.Errorf("no rule teaches %+v", got)
	}
}

func TestRefusalOfSettingsHasTheSameWordsEachTime(t *testing.T) {
	for range 50 {
		w := publish()
		for _, key := range []string{"remoteGroupId", "liveGroupId", "aGroupId", "zGroupId"} {
			w.call.Settings[key] = otherSite
		}
		if _, refusal := w.judge(t); refusal == nil || !strings.Contains(refusal.Msg, `"aGroupId"`) {
			t.Fatalf("got %v, want the first of the keys", refusal)
		}
	}
}

// TestRefusalTellsNoOtherPublisher: a publisher learns nothing about who else publishes.
func TestRefusalTellsNoOtherPublisher(t *testing.T) {
	for topic, rows := range allRows() {
		for _, row := range rows {
			w := row.legal()
			row.change(w)
			w.peer.Name = "secret-peer"
			w.known.Request.Logins = append(slices.Clone(w.known.Request.Logins), "victor")
			w.peer.Sites = maps.Clone(w.peer.Sites)
			if _, refusal := w.judge(t); refusal != nil && strings.ContainsAny(refusal.Msg, "\n") ||
				refusal != nil && (strings.Contains(refusal.Msg, "victor") || strings.Contains(refusal.Msg, "secret-peer")) {
				t.Errorf("%s/%s: message %q tells more than the caller knows", topic, row.name, refusal.Msg)
			}
		}
	}
}

// TestACleanUpIsTheirsWhoseRequestItIs: the cleanUp of a second publisher deleted the first one's parts.
func TestACleanUpIsTheirsWhoseRequestItIs(t *testing.T) {
	const another = "another@example.com"
	for _, tt := range []struct {
		name   string
		logins []string
		owners []string
		gone   bool
		want   calls.Decision
		reason string
	}{
		{"the only one", []string{login}, nil, false, calls.Forward, ""},
		{"of those who may", []string{another, login}, []string{another, login}, false, calls.Forward, ""},
		{"all may", []string{another, login}, nil, false, calls.Forward, ""},
		{"not of those who may", []string{another, login}, []string{another}, false, calls.Spare, ""},
		{"nobody may", []string{login}, []string{}, false, calls.Spare, ""},
		{"not of those who may, and it is gone", []string{another, login}, []string{another}, true, calls.AnswerVoid, ""},
		{"no creator", []string{another}, []string{login}, false, calls.Refuse, calls.RequestLogin},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := cleanUp()
			w.known.Request.Logins, w.known.Request.Owners, w.known.Request.CleanedUp = tt.logins, tt.owners, tt.gone
			got, refusal := rule(t, w.line, w.call.Service, w.call.Method, w.call.Parameters...).Judge(w.call, w.peer, w.known)
			if got != tt.want || refusal != nil && refusal.Reason != tt.reason || (refusal == nil) != (tt.reason == "") {
				t.Errorf("%v, %+v", got, refusal)
			}
		})
	}
	if s := calls.Spare.String(); s != "spare" {
		t.Errorf("it is called %q", s)
	}
}
