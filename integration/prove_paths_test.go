package integration_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// bends are what a sender may do to a path that some engine undoes: parameters, escapes, empty and dotted segments.
func bends() []func(path string) string {
	replace := func(old, with string) func(string) string {
		return func(p string) string { return strings.Replace(p, old, with, 1) }
	}
	all := []func(string) string{
		replace("/do", "/do;x"), replace("/do", "/do;"), replace("/do", "/do?x"), replace("/do", "/do/."), replace("/do", "/do/x/.."),
		replace("/do", "/d%6f"), replace("/do", "/%64o"), replace("/do", "/do;%2f.."), replace("/do", "//do"), replace("/do", "/;/do"),
		replace("/do", "/do/"), replace("/do", "/DO"), replace("/do", "/do%20"), replace("/do", "/do%00"), replace("/do", "/do%3b"),
		replace("/do", "%2fdo"), replace("/do", "%5cdo"), replace("/do", "\\do"), replace("/do", "/do#x"),
	}
	for _, segment := range []string{"/api", "/liferay", "/do"} {
		for _, with := range []string{";x", ";a=b;c", ";jsessionid=1", "/.", "/.;x", "/%2e", "/x/..", "/x/..;", "/x/%2e%2e", "/x/.%2E;y", "/", "//"} {
			all = append(all, replace(segment, segment+with), replace(segment, with+segment))
		}
		letter := segment[1:2]
		for _, escape := range []string{"%" + hexOf(segment[1]), "%" + strings.ToUpper(hexOf(segment[1])), "%25" + hexOf(segment[1]), "%u00" + hexOf(segment[1])} {
			all = append(all, replace("/"+letter, "/"+escape))
		}
	}
	return all
}

// spellings are the bent forms of the tunnel's path, one bend and two.
func spellings(path string) []string {
	all := map[string]bool{}
	for _, first := range bends() {
		once := first(path)
		all[once] = true
		for _, second := range bends() {
			all[second(once)] = true
		}
	}
	delete(all, path)
	list := make([]string, 0, len(all))
	for s := range all {
		if !strings.HasPrefix(s, "/") || strings.HasPrefix(s, path+"#") {
			continue
		}
		list = append(list, s)
	}
	slices.Sort(list)
	return list
}

// TestSpellingsReachNobody: of some thousand spellings of the path the exact one reaches the engine, whatever the
// engine would make of the others.
func TestSpellingsReachNobody(t *testing.T) {
	tried, forwarded := 0, 0
	for _, context := range []string{"", "/portal"} {
		o := listed
		o.Context = context
		a := arrange(t, o)
		l := dial(t, a.Gateway)
		m := checkSite(site).message(t)
		all := spellings(context + tunnelTarget)
		for i := 0; i < len(all); i += counts(2, 1) {
			m.target = all[i]
			got := l.call(t, m)
			if tried++; got.status != http.StatusNotFound && got.status != http.StatusBadRequest {
				t.Errorf("%q is answered with %d", m.target, got.status)
			}
			if got.close {
				l = dial(t, a.Gateway)
			}
		}
		forwarded += len(a.sink.Calls())
		m.target = context + tunnelTarget
		allowed(t, a.Gateway, once(t, a.Gateway, m))
	}
	prove(t, "%d spellings of the path, %d forwarded", tried, forwarded)
	if tried < 2000 || forwarded > 0 {
		t.Errorf("%d tried, %d forwarded", tried, forwarded)
	}
}
