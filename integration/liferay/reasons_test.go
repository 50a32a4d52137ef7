package liferay_test

import (
	"slices"
	"strings"
)

// reason says in words why something about calls is as it is, and where.
type reason struct {
	lines, of []string
	why       string
}

func (r reason) covers(line, of string) bool {
	return slices.Contains(r.lines, line) && slices.Contains(r.of, of)
}

// madeButRefused are calls that the vendor's code makes and that no preset has. There is none: before one is added here,
// somebody must know which flow fails without it.
var madeButRefused []reason

// noCaller are calls of the presets that nothing makes which could be read, not even the module of another line.
var noCaller = []reason{
	{[]string{"7.1"}, []string{"GroupServiceUtil#getGroup(long, String)", "LayoutServiceUtil#getDefaultPlid(long, boolean)"},
		"the first build of 7.1 publishes single content so: it asks for the group Control Panel, then for that group's page." +
			" The module is in no repository; the vendor's public source has it"},
	{[]string{"7.4"}, []string{"LayoutServiceUtil#fetchLayoutPlid(String, long, boolean)"},
		"the portal of 7.4.3.112 has it. The module that belongs to it, newer than 8.0.97 and in no repository, asks it where" +
			" 8.0.97 asks getLayoutPlid, as the vendor's public source shows: for one application on a page"},
	{[]string{"6.2", "7.0", "7.2", "7.3", "7.4"}, []string{"GroupServiceUtil#getGroup(long, String)"}, surplus},
	{[]string{"6.2"}, []string{"GroupServiceUtil#getGroup(long)"}, surplus + "; stagelock as a publisher asks it"},
	{[]string{"7.2", "7.3", "7.4"}, []string{"LayoutServiceUtil#getDefaultPlid(long, boolean)"}, surplus},
	{[]string{"6.2", "7.0", "7.1", "7.2", "7.3", "7.4"}, []string{
		"LayoutServiceUtil#getDefaultPlid(long, long, boolean, String)",
		"LayoutServiceUtil#getDefaultPlid(long, long, String)",
	}, surplus},
	{[]string{"7.0", "7.1", "7.2"}, []string{
		"StagingServiceUtil#publishStagingRequest(long, boolean, Map)",
		"StagingServiceUtil#validateStagingRequest(long, boolean, Map)",
	}, "6.2's form, which the service has until 7.2 and no background task that was read uses; what it imports goes to the" +
		" request's own site"},
}

const surplus = "a look-up that no flow was found to make, here or in another line; it changes nothing"

// ofTheModule is why a call of a preset has no caller in lines whose module is not read: the row of another line shows one.
const ofTheModule = "the line's own export/import module makes it, which is in no repository; that of another line does"

// notRead are methods that get an HttpPrincipal from code that was read, and that no jar has.
var notRead = []reason{
	{[]string{"7.0"}, []string{
		"StagingGroupServiceTunnelUtil.checkRemoteStagingGroup",
		"StagingGroupServiceTunnelUtil.getGroupDisplayURL",
	}, "a helper of later builds of 7.0's module, of which only the exported classes are published. 7.4's class of that name" +
		" sends the calls of GroupServiceUtil that have these names"},
	{[]string{"7.1", "7.2", "7.3"}, []string{"Staging.transferFileToRemoteLive"},
		"the module's StagingImpl, in no repository for these lines. 3.0.0 and 8.0.97 send the parts with updateStagingRequest"},
}

// unread is what the vendor publishes nowhere, so that nobody can read it here.
var unread = []reason{
	{[]string{"7.0"}, nil,
		"`com.liferay.exportimport.service` after 3.0.0, but for the classes that it exports, `StagingImpl` among them, which" +
			" `release.dxp.api` 7.0.10.17 has"},
	{[]string{"7.1", "7.2", "7.3"}, nil,
		"`com.liferay.exportimport.service`: `StagingImpl`, the background tasks that send an archive, the listener that sends" +
			" events"},
	{[]string{"7.4"}, nil,
		"`com.liferay.exportimport.service` of 7.4.3.51 and of 7.4.3.112 themselves: 8.0.97, which is read for both, was built" +
			" between them, in October 2023"},
	{[]string{"7.0", "7.1", "7.2", "7.3", "7.4"}, nil,
		"the modules with pages for people (the staging bar, the pages that publish, staging's configuration, changesets' menus)" +
			" with their JSPs, and the modules of applications (their data handlers and preferences processors). In the tables" +
			" their ways in show as `StagingUtil`, `StagingLocalServiceUtil` and the like"},
	{[]string{"6.2"}, nil,
		"the JSPs of `portal-web`. Those of 6.2.5 were searched once by hand: none names a ServiceHttp or an HttpPrincipal"},
}

// reasonFor returns why, empty if there is no reason, and marks the reason as used.
func reasonFor(reasons []reason, used map[string]bool, line, of string) string {
	for _, r := range reasons {
		if r.covers(line, of) {
			used[line+" "+of] = true
			return r.why
		}
	}
	return ""
}

// needless returns what has a reason and needs none.
func needless(used map[string]bool, lists ...[]reason) []string {
	var all []string
	for _, r := range slices.Concat(lists...) {
		for _, line := range r.lines {
			for _, of := range r.of {
				if !used[line+" "+of] {
					all = append(all, line+" "+of)
				}
			}
		}
	}
	return all
}

// ownModule reports whether the export/import module makes the call, in a line where it is published.
func ownModule(all scanned, signature string) bool {
	return slices.ContainsFunc(all["call"], func(f found) bool {
		return strings.ReplaceAll(f.call, ", ", ",") == signature && strings.Contains(f.jars, "exportimport.service")
	})
}
