package liferay_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/gateway/audit"
)

// attack is one line of the table of hostile calls: what a JVM that holds the secret sends, by the names that the client knows.
type attack struct {
	words string
	names []string
	busy  bool // it is about the time of the engine's threads
}

var attacks = []attack{
	{"nested sets in place of the call", []string{"nestedSetsForCall"}, true},
	{"nested sets as an argument", []string{"nestedSetsAsArgument"}, true},
	{"nested sets in place of the principal", []string{"nestedSetsAsPrincipal"}, true},
	{"a stream of its own inside the method key, read before the last byte came", []string{"nestedStreamInMethodKey"}, true},
	{"nested sets among the settings of a publish", []string{"settingsNestedSets"}, false},
	{"a map of 8,000 keys of one hash, numbers and strings mixed", []string{"mixedKeysOfOneHash"}, true},
	{"the same among the settings of a publish", []string{"settingsMixedKeysOfOneHash"}, true},
	{"a service that is not staging's: `UserServiceUtil.getUserById`", []string{"userService"}, false},
	{"a method that staging does not use: `deleteGroup`, `getGroups`", []string{"deleteGroup", "otherGetGroups"}, false},
	{"`setService(null)`", []string{"setService"}, false},
	{"a class that is no service: `PropsUtil`, `System`", []string{"noService", "jdkClass"}, false},
	{"a local service: `UserLocalServiceUtil`", []string{"localService"}, false},
	{"a method that is not there", []string{"unknownMethod"}, false},
	{"`enableRemoteStaging` towards an address of the caller's", []string{"enableRemoteStaging"}, false},
	{"`enableLocalStaging`", []string{"enableLocalStaging"}, false},
	{"too many arguments, too few", []string{"tooManyArguments", "tooFewArguments"}, false},
	{"no Authorization", []string{"noAuthorization"}, false},
	{"`Authorization: Bearer`", []string{"bearer"}, false},
	{"a wrong token, none", []string{"wrongToken", "noToken"}, false},
	{"another login in the body than in the header", []string{"otherPrincipal"}, false},
	{"another site: create, check, disable staging", []string{"createForOtherSite", "otherSite", "disableOtherSite"}, false},
	{"another site in the settings of a publish", []string{"otherSiteInSettings"}, false},
	{"the same as text", []string{"otherSiteAsText"}, false},
	{"settings only as a JSON string", []string{"settingsOnlyAsText"}, false},
	{"the field of the settings renamed", []string{"settingsFieldRenamed"}, false},
	{"a `java.net.URL` among the settings", []string{"settingsURL"}, false},
	{"an event that names an address", []string{"eventWithAddress"}, false},
	{"a portlet key or value with a line break, which writes any setting of the site",
		[]string{"portletKeyWithLineBreak", "portletValueWithLineBreak"}, false},
	{"a folder nobody created: update, publish", []string{"updateUnknownFolder", "publishUnknownFolder"}, false},
	{"a folder nobody created: clean up, which deletes it", []string{"cleanUpUnknownFolder"}, false},
	{"a part named with a path, or like the engine's own file", []string{"partWithPath", "partAssembled"}, false},
	{"the body cut short, or none, or not serialized", []string{"truncated", "emptyBody", "headerOnly", "notSerialized"}, false},
	{"bytes or a second object behind the call", []string{"trailingBytes", "trailingObject"}, false},
	{"other spellings of the path, such as `/api/liferay/do;x=1`, `/api/liferay/%64o`, `//api//liferay/do`", []string{
		"path /api/liferay/x", "path //api//liferay/do", "path /api/liferay/do;x=1", "path /api/liferay/%64o", "path /api/liferay/do/",
		"path /api/liferay/../liferay/do", "path /api/./liferay/do", "path /api/liferay/do?x=1",
	}, false},
	{"another servlet's path, GET", []string{"path /api/secure/liferay/do", "get"}, false},
}

// legal are calls of the same program that are odd and no harm: the engine judges them.
var legal = []string{"lowerCaseScheme", "unknownUser", "otherVersionUID"}

// How large the attacks are, and what a call takes that keeps a thread busy; a usual one takes a few milliseconds.
const (
	nesting, collisions = 21, 8000
	busyMS              = 25
)

// hostile sends each attack straight to the servlet, then through the gateway.
func hostile(t *testing.T, s *stage, sum *row) {
	names := must[struct {
		Names []string `json:"names"`
	}](s.client, "hostile", nil).Names
	known := slices.Clone(legal)
	sum.straight, sum.through = map[string]string{}, map[string]string{}
	for _, a := range attacks {
		known = append(known, a.names...)
		for _, n := range a.names {
			if !slices.Contains(names, n) {
				continue
			}
			sum.straight[n] = s.harm(s.strike(s.straight(), n), a.busy)
			sum.through[n] = s.spared(s.strike(s.fronts.hostile.URL, n))
			t.Logf("%-40s %-50s %s", n, sum.straight[n], sum.through[n])
		}
	}
	must[outcome](s.client, "set", fields{"baseURL": s.gateway.URL})
	for _, n := range names {
		if !slices.Contains(known, n) {
			t.Errorf("the client knows the attack %s and the table does not", n)
		}
	}
}

// struck is what came of one attack.
type struck struct {
	outcome
	Status int     `json:"status"`
	Body   string  `json:"body"`
	Thrown *thrown `json:"thrown"`
	name   string
	calls  []call
	counters
}

// strike sends an attack to base, with a request of the attacker's own.
func (s *stage) strike(base, name string) struck {
	s.client.t.Helper()
	must[outcome](s.client, "set", fields{"baseURL": base})
	s.reset()
	id := must[struct {
		Result struct {
			V int64 `json:"v"`
		} `json:"result"`
	}](s.client, "call", fields{"method": "createStagingRequest", "args": []any{site, fmt.Sprintf("%032x", len(name))}}).Result.V
	s.calls()
	before := s.counters()
	depth := nesting
	if name == "settingsNestedSets" {
		depth = 10 // it gets as far as the recorder, which looks at all of it
	}
	a := do[struck](s.client, "hostile", fields{
		"name": name, "request": id, "group": site, "other": other, "depth": depth, "keys": collisions,
	})
	a.name, a.calls, a.counters = name, s.calls(), s.counters()
	a.Requests -= before.Requests
	a.Executed -= before.Executed
	return a
}

// harm says in a few words what the attack did to a servlet that nothing protects.
func (s *stage) harm(a struck, busy bool) string {
	var did []string
	if busy {
		if a.SlowestMS < busyMS {
			s.client.t.Errorf("%s took %d ms of the server only", a.name, a.SlowestMS)
		}
		did = append(did, "a thread of the server kept busy")
	}
	for service, now := range a.Services {
		if now != "recorder" {
			did = append(did, "`"+service+"` has no service any more")
		}
	}
	for _, c := range a.calls {
		switch {
		case c.Deserialized != "":
			did = append(did, "the text went to a second deserializer, of JSON with class names")
		case strings.Contains(string(c.Target), fmt.Sprint(other)):
			did = append(did, "carried out: the import goes to the other site")
		}
	}
	if len(did) == 0 && a.Executed > 0 {
		did = append(did, "carried out")
	}
	if len(did) == 0 {
		did = append(did, a.said())
	}
	return strings.Join(did, "; ")
}

// said is the answer to a call that was not carried out.
func (a struck) said() string {
	switch {
	case a.Thrown != nil:
		return short(a.Thrown.Class)
	case a.Exception != nil:
		return short(a.Exception.Class)
	case a.Status > 299:
		return fmt.Sprint(a.Status)
	}
	return "200, empty"
}

// spared proves that nothing of the attack reached the server and returns why.
func (s *stage) spared(a struck) string {
	t := s.client.t
	t.Helper()
	if a.Requests != 0 || a.Executed != 0 || len(a.calls) != 0 {
		t.Errorf("%s reached the servlet: %+v, calls %+v", a.name, a.counters, a.calls)
	}
	events := s.fronts.hostile.Events(t)
	for i := range events {
		ev := events[len(events)-1-i]
		if ev.Kind != audit.KindVerdict {
			continue
		}
		if ev.Verdict == audit.Answer {
			return "answered by the gateway, kept in the audit log"
		}
		if ev.Verdict != audit.Deny || ev.Reason == "" {
			t.Errorf("%s: verdict %s", a.name, ev.Verdict)
		}
		return "refused: `" + string(ev.Reason) + "`"
	}
	t.Errorf("%s: no verdict", a.name)
	return ""
}

// hostileTable has both columns, over all lines.
func hostileTable(rows []*row) string {
	var lines []cells
	for _, a := range attacks {
		var straight, through []said
		for _, r := range rows {
			for _, n := range a.names {
				if text, ok := r.straight[n]; ok {
					straight = append(straight, said{r.line, text})
					through = append(through, said{r.line, r.through[n]})
				}
			}
		}
		if len(straight) == 0 {
			continue
		}
		lines = append(lines, cells{a.words, merge(straight), distinct(through)})
	}
	return table([]string{"sent by a JVM that holds the secret", "straight to the vendor's servlet", "through the gateway (0 reached the servlet)"}, lines)
}

// said is what one line answered.
type said struct{ line, text string }

// merge says what the lines answered: once if it is the same, else by line.
func merge(all []said) string {
	byLine := map[string][]string{}
	var order []string
	for _, x := range all {
		if byLine[x.line] == nil {
			order = append(order, x.line)
		}
		if !slices.Contains(byLine[x.line], x.text) {
			byLine[x.line] = append(byLine[x.line], x.text)
		}
	}
	lines := map[string][]string{}
	var texts []string
	for _, l := range order {
		text := strings.Join(byLine[l], " or ")
		if lines[text] == nil {
			texts = append(texts, text)
		}
		lines[text] = append(lines[text], l)
	}
	if len(texts) == 1 {
		return texts[0]
	}
	for i, text := range texts {
		texts[i] = span(order, lines[text]) + ": " + text
	}
	return strings.Join(texts, "; ")
}

// span names lines: the first and the last where they follow each other.
func span(all, lines []string) string {
	first := slices.Index(all, lines[0])
	if len(lines) > 2 && slices.Equal(all[first:min(len(all), first+len(lines))], lines) {
		return lines[0] + " to " + lines[len(lines)-1]
	}
	return strings.Join(lines, ", ")
}

// distinct says each answer once.
func distinct(all []said) string {
	texts := map[string]bool{}
	for _, x := range all {
		texts[x.text] = true
	}
	return strings.ReplaceAll(strings.Join(slices.Sorted(maps.Keys(texts)), ", "), ", refused: ", ", ")
}

// cells are a line of a table as they stand.
type cells []string

func (c cells) cells() []string { return c }
