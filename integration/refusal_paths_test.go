package integration_test

import (
	"strings"
	"testing"

	"github.com/stagelock/stagelock/integration/internal/harness"
	"github.com/stagelock/stagelock/tunnel"
)

// spelling is a way to write a path, and what the gateway says to it.
type spelling struct {
	target string
	reason tunnel.Reason
}

// reaching are spellings of the tunnel's path that a servlet engine takes for it.
func reaching(context string) []string {
	all := []string{
		"//api/liferay/do", "/api//liferay/do", "/api/liferay//do", "///api///liferay///do",
		"/./api/liferay/do", "/api/./liferay/do", "/api/liferay/./do", "/x/../api/liferay/do", "/api/x/../liferay/do",
		"/api/liferay/x/../do", "/api/liferay/do/x/..", "/api/liferay/do/.", "/x/y/../../api/liferay/do",
		"/api/liferay/do;jsessionid=1", "/api/liferay/do;", "/api;x/liferay/do", "/api/liferay;x=y/do", "/api;/liferay;/do;",
		"/;/api/liferay/do", "/;x/api/liferay/do", "/x/..;/api/liferay/do", "/x/..;a=b/api/liferay/do", "/.;/api/liferay/do",
		"/api/.;/liferay/do", "/api/liferay/x;a=b/..;c/do", "/api/liferay/do;%2f..", "/api/liferay/do;%2e",
		"/%61pi/liferay/do", "/a%70i/liferay/do", "/api/%6ciferay/do", "/api/liferay/%64o", "/api/liferay/d%6f", "/api/liferay/d%6F",
		"/%61%70%69/%6c%69%66%65%72%61%79/%64%6f", "/api/%2e/liferay/do", "/%2e/api/liferay/do", "/api/x/%2e%2e/liferay/do",
		"/x/%2E%2E/api/liferay/do", "/x/.%2e/api/liferay/do", "/x/%2e./api/liferay/do", "/api/x/%2e%2e;/liferay/do",
		"/api/x/%2e%2e;a/liferay/do", "/api/liferay/do?", "/api/liferay/do?x", "/api/liferay/do?x=1&y=2", "/api/liferay/do?/../do",
		"/api%2fliferay/do", "/api%2Fliferay%2fdo",
	}
	for i := range all {
		all[i] = context + all[i]
	}
	if context != "" {
		all = append(all, "/x/.."+context+"/api/liferay/do", "/x/..;"+context+"/api/liferay/do", context+";x/api/liferay/do",
			"//"+context[1:]+"/api/liferay/do", "/%"+hexOf(context[1])+context[2:]+"/api/liferay/do", "/."+context+"/api/liferay/do")
	}
	return all
}

func hexOf(c byte) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[c>>4], digits[c&15]})
}

// elsewhere are paths that no engine takes for the tunnel's, or no server takes at all.
var elsewhere = []spelling{
	{"/", "path.unknown"}, {"/api", "path.unknown"}, {"/api/liferay", "path.unknown"}, {"/api/liferay/x", "path.unknown"},
	{"/api/liferay/dox", "path.unknown"}, {"/xapi/liferay/do", "path.unknown"}, {"/API/liferay/do", "path.unknown"},
	{"/api/Liferay/do", "path.unknown"}, {"/api/liferay/DO", "path.unknown"}, {"/api/liferay/do%20", "path.unknown"},
	{"/api/liferay/do%09", "path.unknown"}, {"/api/liferay/do%0a", "path.unknown"}, {"/api/liferay/do%00", "path.unknown"},
	{"/api/liferay/do%3b", "path.unknown"}, {"/api/liferay/do%3bx", "path.unknown"}, {"/api/liferay/do%3f", "path.unknown"},
	{"/api/%252e/liferay/do", "path.unknown"}, {"/x/%252e%252e/api/liferay/do", "path.noncanonical"}, {"/%2561pi/liferay/do", "path.unknown"},
	{"/api%5cliferay/do", "path.unknown"}, {"/api\\liferay\\do", "path.unknown"}, {"/x/..%5capi/liferay/do", "path.unknown"},
	{"/api/liferay/do%", "path.unknown"}, {"/api/liferay/do%u0061", "path.unknown"}, {"/%u0061pi/liferay/do", "path.unknown"},
	{"/%c1%a1pi/liferay/do", "path.unknown"}, {"/%c0%ae/api/liferay/do", "path.noncanonical"}, {"/%ef%bc%8e%ef%bc%8e/api/liferay/d", "path.unknown"},
	{"/api/liferay/do/x", "path.unknown"}, {"/api/liferay/../do", "path.unknown"}, {"/api/liferay/do/..", "path.unknown"},
	{"/web/guest", "path.unknown"}, {"/c/portal/login", "path.unknown"}, {"/api/jsonws/invoke", "path.unknown"}, {"/api/axis", "path.unknown"},
	{"/favicon.ico", "path.unknown"}, {"/healthz/../api/liferay/dx", "path.unknown"}, {"/api/liferay/{do}", "path.unknown"},
	{"/api/liferay/do|", "path.unknown"}, {"/api/liferay/do\"", "path.unknown"}, {"/api/liferay/do^", "path.unknown"},
	{"http://ADDR/api/liferay/do", "http.request-line"}, {"http://localhost/x/..;/api/liferay/do", "http.request-line"},
	{"https://ADDR/api/liferay/do", "http.request-line"}, {"api/liferay/do", "http.request-line"}, {"*", "http.request-line"},
	{"/api/liferay/do\xc0\xae", "http.request-line"}, {"/api/liferay/do\x00", "http.request-line"}, {"/api/liferay/d o", "http.request-line"},
	{"/api/liferay/do\t", "http.request-line"}, {"/api/lif\xe9ray/do", "http.request-line"}, {"", "http.request-line"},
}

func TestOneSpellingOfThePath(t *testing.T) {
	for _, context := range []string{"", "/portal"} {
		o := listed
		o.Context = context
		a := arrange(t, o)
		all := append([]spelling{}, elsewhere...)
		for _, target := range reaching(context) {
			all = append(all, spelling{target, "path.noncanonical"})
		}
		if len(all) < 96 {
			t.Fatalf("only %d spellings", len(all))
		}
		for _, s := range all {
			t.Run(context+" "+s.target, func(t *testing.T) { s.check(t, a) })
		}
		m := checkSite(site).message(t)
		m.target = context + tunnelTarget
		allowed(t, a.Gateway, once(t, a.Gateway, m))
		if n := len(a.sink.Calls()); n != 1 {
			t.Errorf("%d calls began at the engine, want the twin's", n)
		}
		checkLog(t, a)
	}
}

func (s spelling) check(t *testing.T, a arranged) {
	m := checkSite(site).message(t)
	head := message{auth: m.auth, target: "TARGET", length: len(m.body)}.head(a.Addr)
	m.raw = strings.Replace(head, "TARGET", strings.ReplaceAll(s.target, "ADDR", a.Addr), 1)
	w := want{status: 404, reason: s.reason}
	if strings.HasPrefix(string(s.reason), "http.") {
		w.status = 400
	}
	w.denied(t, a.Gateway, once(t, a.Gateway, m))
	if n := len(a.sink.Calls()); n != 0 {
		t.Fatalf("%d calls began at the engine", n)
	}
}

// A context that is not configured does not lead to the tunnel, whatever its name. A publisher with a wrong
// remote path context sends such a path, and that is what the cure is about.
func TestOtherContextsAreElsewhere(t *testing.T) {
	a := arrange(t, harness.Options{Context: "/portal"})
	for _, target := range []string{"/api/liferay/do", "/other/api/liferay/do", "/portal/portal/api/liferay/do"} {
		m := checkSite(site).message(t)
		m.target = target
		want{status: 404, reason: "path.unknown"}.denied(t, a.Gateway, once(t, a.Gateway, m))
	}
	if n := len(a.sink.Calls()); n != 0 {
		t.Errorf("%d calls began at the engine", n)
	}
}
