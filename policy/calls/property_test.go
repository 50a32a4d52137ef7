package calls_test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/stagelock/stagelock/policy/calls"
)

// The rules once more, as a reader of the policy would write them down: slow, and nothing shared
// with the code.
var (
	partPattern     = regexp.MustCompile(`^[A-Za-z0-9._-]{0,198}[0-9]{2}$`)
	assembledName   = regexp.MustCompile(`(?i)^assembled_`)
	endDigits       = regexp.MustCompile(`[0-9]*$`)
	checksumPattern = regexp.MustCompile(`^[0-9a-f]{32}$`)
	portletPattern  = regexp.MustCompile(`^staged-portlet_[A-Za-z0-9_.$-]+$`)
	groupKey        = regexp.MustCompile(`(?i)groupId$`)
)

func oracle(w *world) calls.Decision {
	if !oracleCaller(w) {
		return calls.Refuse
	}
	name, mine := w.call.Method, slices.Contains(w.known.Request.Logins, w.call.HeaderLogin)
	owned := w.known.Request.Known && mine && oracleSite(w, w.known.Request.Site)
	switch name {
	case "propagateExportImportLifecycleEvent":
		return calls.AnswerVoid
	case "cleanUpStagingRequest":
		if !w.known.Request.Known || mine && w.known.Request.CleanedUp {
			return calls.AnswerVoid
		}
		return forwardIf(owned)
	case "updateStagingRequest":
		return forwardIf(owned && !w.known.Request.CleanedUp && oraclePart(w))
	case "publishStagingRequest", "validateStagingRequest":
		return forwardIf(owned && !w.known.Request.CleanedUp && oracleImport(w))
	case "createStagingRequest":
		sum, _ := w.call.Args[1].(string)
		return forwardIf(oracleSite(w, w.call.Args[0]) && checksumPattern.MatchString(sum))
	case "updateStagedPortlets":
		return forwardIf(oracleSite(w, w.call.Args[0]) && oraclePortlets(w.call.Args[1]))
	}
	return forwardIf(oracleRead(w))
}

func forwardIf(ok bool) calls.Decision {
	if ok {
		return calls.Forward
	}
	return calls.Refuse
}

func oracleCaller(w *world) bool {
	l := w.call.HeaderLogin
	return (w.peer.AnySite || len(w.peer.Sites) > 0) && l != "" && !strings.Contains(l, ":") && w.call.HasBodyLogin &&
		w.call.BodyLogin == l && (w.peer.Logins == nil || slices.Contains(w.peer.Logins, l))
}

func oracleSite(w *world, v any) bool {
	id, ok := v.(int64)
	_, listed := w.peer.Sites[id]
	return ok && id > 0 && (listed || w.peer.AnySite)
}

func oracleRead(w *world) bool {
	longs := 0
	for _, p := range w.call.Parameters {
		if p == "long" {
			longs++
		}
	}
	switch {
	case w.call.Method == "hasPortletId" || w.call.Method == "fetchByClassNameId" || longs == 0:
		return true
	case w.call.Method == "getDefaultPlid":
		return w.known.ControlPanel || oracleSite(w, w.call.Args[0])
	case w.call.Method == "getGroup" && len(w.call.Args) == 2:
		return w.peer.AnySite || w.call.Args[1] == "Control Panel"
	}
	for i, p := range w.call.Parameters {
		if p == "long" && !oracleSite(w, w.call.Args[i]) {
			return false
		}
	}
	return true
}

func oraclePart(w *world) bool {
	name, _ := w.call.Args[1].(string)
	if !partPattern.MatchString(name) || assembledName.MatchString(name) || w.call.PartSize < 0 || w.call.PartSize > w.peer.PartMax {
		return false
	}
	sum := w.call.PartSize
	if o := w.known.Request.Others; o.Width != 0 {
		if o.Width != len(endDigits.FindString(name)) {
			return false
		}
		sum += o.Bytes
	}
	return w.peer.ArchiveMax == 0 || sum <= w.peer.ArchiveMax
}

func oracleImport(w *world) bool {
	if len(w.call.Parameters) == 3 {
		m, _ := w.call.Args[2].(map[string]any)
		return m != nil
	}
	if w.call.Settings["targetGroupId"] != any(w.known.Request.Site) {
		return false
	}
	if id, ok := w.call.Settings["targetPlid"].(int64); !ok && w.call.Settings["targetPlid"] != nil ||
		ok && id != 0 && w.known.PageSite != w.known.Request.Site && w.known.PageSite != calls.ControlPanel {
		return false
	}
	for k, v := range w.call.Settings {
		if id, ok := v.(int64); ok && groupKey.MatchString(k) && !strings.HasPrefix(k, "s") && id != 0 && id != w.known.Request.Site {
			return false
		}
	}
	return true
}

func oraclePortlets(v any) bool {
	m, _ := v.(map[string]any)
	for k, e := range m {
		if !portletPattern.MatchString(k) || e != "true" && e != "false" {
			return false
		}
	}
	return m != nil
}

// TestJudgeAgreesWithTheRulesWrittenTwice judges random calls of every rule and line, legal and
// not.
func TestJudgeAgreesWithTheRulesWrittenTwice(t *testing.T) {
	presets := map[string]*calls.Preset{}
	for _, line := range calls.Lines() {
		presets[line] = preset(t, line)
	}
	outcomes := map[calls.Decision]int{}
	rapid.Check(t, func(t *rapid.T) {
		for range 50 {
			p := presets[rapid.SampledFrom(calls.Lines()).Draw(t, "line")]
			r := rapid.SampledFrom(p.Rules()).Draw(t, "rule")
			w := drawWorld(t, r)
			want := oracle(w)
			outcomes[want]++
			got, refusal := r.Judge(w.call, w.peer, w.known)
			if got != want || (got == calls.Refuse) != (refusal != nil) {
				t.Fatalf("%s: got %v, %v, want %v\n%+v", r.Signature(), got, refusal, want, w)
			}
		}
	})
	for _, d := range []calls.Decision{calls.Refuse, calls.Forward, calls.AnswerVoid} {
		if outcomes[d] == 0 {
			t.Errorf("no random call was decided with %v", d)
		}
	}
}

func drawWorld(t *rapid.T, r *calls.Rule) *world {
	pick := func(label string, list ...any) any { return rapid.SampledFrom(list).Draw(t, label) }
	text := func(label string, list ...any) string { return pick(label, list...).(string) }
	flag := func(label string, of int) bool { return rapid.IntRange(1, of).Draw(t, label) == 1 }
	w := &world{}
	w.call = calls.Call{Service: r.Service, Method: r.Method, Parameters: r.Parameters, HasBodyLogin: !flag("no body login", 20)}
	w.call.HeaderLogin = text("header login", login, login, login, login, "other", "a:b", "")
	w.call.BodyLogin = w.call.HeaderLogin
	if flag("forged", 10) {
		w.call.BodyLogin = text("body login", login, "other", "")
	}
	w.peer = pick("peer",
		calls.Peer{Sites: calls.SitesOf(site), PartMax: 100}, calls.Peer{Sites: calls.SitesOf(site), PartMax: 100, ArchiveMax: 150},
		calls.Peer{Sites: calls.SitesOf(site, otherSite, 0), PartMax: 100, Logins: []string{login}},
		calls.Peer{AnySite: true, PartMax: 100}, calls.Peer{}).(calls.Peer)
	w.known.Request = calls.Request{Known: !flag("unknown", 6), CleanedUp: flag("cleaned", 6), Site: pick("request site", site, site, otherSite, int64(0)).(int64)}
	w.known.Request.Logins = pick("creators", []string{login, "other"}, []string{login}, []string(nil)).([]string)
	if flag("with parts", 2) {
		w.known.Request.Others = pick("others", calls.Parts{Width: 2, Bytes: 60}, calls.Parts{Width: 3, Bytes: 60},
			calls.Parts{Width: 2, Bytes: 130}).(calls.Parts)
	}
	w.call.PartSize = int64(rapid.IntRange(-1, 110).Draw(t, "size"))
	drawArguments(t, w, pick)
	return w
}

func drawArguments(t *rapid.T, w *world, pick func(string, ...any) any) {
	portletMap := func() any {
		m := map[string]any{pick("key", "staged-portlet_a", "staged-portlet_a\n", "a", "staged-portlet_").(string): pick("value", "true", "false", "x", nil)}
		return pick("map", m, m, map[string]any{"staged-portlet_x": "true"}, map[string]any{}, nil)
	}
	values := map[string]func() any{
		"long":    func() any { return pick("long", site, site, site, otherSite, int64(0), int64(-1)) },
		"int":     func() any { return pick("int", int64(1), int64(-1)) },
		"boolean": func() any { return pick("boolean", true, false) },
		javaString: func() any {
			return pick("string", partName, partName, part62, checksum, checksum, "assembled_00", "x", "Control Panel", nil)
		},
		javaMap:          portletMap,
		"java.util.List": func() any { return pick("list", nil, []any{}) },
		"[B":             func() any { return nil },
		configuration:    func() any { return nil },
	}
	for _, p := range w.call.Parameters {
		w.call.Args = append(w.call.Args, values[p]())
	}
	w.call.Settings = map[string]any{
		"targetGroupId": pick("target", site, site, site, otherSite, "20143", nil),
		"sourceGroupId": otherSite,
		"remoteGroupId": pick("remote", site, site, otherSite, nil, int64(0)),
		"targetPlid":    pick("page", nil, int64(0), int64(30001), int64(30001), "30001"),
	}
	w.known.PageSite = pick("page site", site, site, otherSite, calls.ControlPanel, int64(0)).(int64)
	w.known.ControlPanel = pick("control panel", true, false, false, false).(bool)
	if rapid.IntRange(1, 8).Draw(t, "null settings") == 1 {
		w.call.Settings = nil
	}
}

// TestJudgeChangesNothing judges the same call twice, after a deep look at what it was given.
func TestJudgeChangesNothing(t *testing.T) {
	for name, legal := range legalCalls {
		w, twin := legal(), legal()
		w.judge(t)
		if !slices.EqualFunc(w.call.Args, twin.call.Args, sameValue) || !maps.EqualFunc(w.call.Settings, twin.call.Settings, sameValue) {
			t.Errorf("%s: the call was changed", name)
		}
	}
}

func sameValue(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, sameValue)
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, sameValue)
	}
	return a == b
}
