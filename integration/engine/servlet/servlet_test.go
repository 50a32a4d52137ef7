package servlet_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/lar"
	"github.com/stagelock/stagelock/integration/engine/servlet"
	"github.com/stagelock/stagelock/integration/engine/staging"
	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/javaser/source"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

const (
	site  = 20121
	anna  = "anna@example.com"
	do    = "/portal/api/liferay/do"
	build = "7.4.3.112"
	group = "com.liferay.portal.kernel.service.GroupServiceUtil"
	stage = "com.liferay.exportimport.kernel.service.StagingServiceUtil"
)

// face is a servlet in front of a site that anna may publish to.
type face struct {
	*testing.T
	*servlet.Servlet
	store *content.Store
	parts string
}

func newFace(t *testing.T, change func(*servlet.Config)) face {
	t.Helper()
	dir := t.TempDir()
	f := face{T: t, parts: filepath.Join(dir, "parts")}
	var err error
	if f.store, err = content.Open(t.Context(), content.Config{Dir: dir, CompanyID: 20097, Now: time.Now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.store.Close(); err != nil {
			t.Error(err)
		}
	})
	_, err = f.store.CreateSite(t.Context(), content.Site{ID: site, Name: "Guest"})
	err = errors.Join(err, f.store.AddUser(t.Context(), content.User{ID: 7, Email: anna, ScreenName: "anna"}),
		f.store.Grant(t.Context(), 7, site, content.ExportImportLayouts, content.Update))
	archives, other := lar.New(t.Context(), lar.Config{Dir: filepath.Join(dir, "exports"), Build: "7413"}, f.store)
	if err = errors.Join(err, other); err != nil {
		t.Fatal(err)
	}
	live, err := staging.NewLive(t.Context(), staging.Config{Dir: f.parts}, f.store, archives)
	if err != nil {
		t.Fatal(err)
	}
	cfg := servlet.Config{Live: live, Store: f.store, Line: "7.4", Context: "/portal", CompanyID: 20097,
		Verify: servlet.Tokens("7.4", func(login string) string { return "t-" + login })}
	if change != nil {
		change(&cfg)
	}
	if f.Servlet, err = servlet.New(cfg); err != nil {
		t.Fatal(err)
	}
	return f
}

// call is a call as it comes over the wire; data is nil for one without content.
func (f face) call(service, name, types string, data []byte, args ...any) []byte {
	f.Helper()
	c, err := liferay.NewCall(build, liferay.Principal{Login: anna}, tunnel.Method{Service: service, Name: name,
		Parameters: strings.Split(types, ",")}, args...)
	if err != nil {
		f.Fatal(err)
	}
	if data == nil {
		b, err := c.Append(nil)
		if err != nil {
			f.Fatal(err)
		}
		return b
	}
	head, tail, err := c.Split()
	if err != nil {
		f.Fatal(err)
	}
	return append(append(head, data...), tail...)
}

func (f face) enable() []byte { return f.call(group, "enableStaging", "long", nil, int64(site)) }

func (f face) post(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	f.Handler().ServeHTTP(w, r)
	return w
}

func (f face) request(ctx context.Context, verb, path, authorization string, body io.Reader) *http.Request {
	f.Helper()
	r := httptest.NewRequestWithContext(ctx, verb, "http://live"+path, body)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	return r
}

func (f face) send(body []byte) *httptest.ResponseRecorder {
	f.Helper()
	return f.post(f.request(f.Context(), http.MethodPost, do, basic(anna+":t-"+anna), bytes.NewReader(body)))
}

// ledger is what was carried out or refused by the engine.
func (f face) ledger() []string {
	f.Helper()
	all, err := f.store.Ledger(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	var names []string
	for _, x := range all {
		names = append(names, x.Method+" "+x.Outcome)
	}
	return names
}

func (f face) thrown(b []byte) string {
	f.Helper()
	lim := javaser.DefaultLimits()
	r, err := liferay.ReadReply(source.New(bytes.NewReader(b), nil, lim.Held), lim, "void", false)
	if err != nil {
		f.Fatalf("reply %x: %v", b, err)
	}
	if r.Thrown == nil {
		return ""
	}
	return r.Thrown.Error()
}

// TestUnknownLine: a servlet of no line is none.
func TestUnknownLine(t *testing.T) {
	for _, line := range []string{"", "6.1", "7.5", "7.4 "} {
		if _, err := servlet.New(servlet.Config{Line: line}); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", line)) {
			t.Errorf("line %q: %v", line, err)
		}
	}
}

// TestPathsOfTheServlet holds which spellings of its path are its, and that no other reaches the engine.
func TestPathsOfTheServlet(t *testing.T) {
	f := newFace(t, nil)
	body, carried := f.enable(), 0
	for _, tt := range []struct {
		path string
		ours bool
	}{
		{do, true}, {"/portal/api/liferay/", false}, {"/portal/api/liferay", false}, {"/portal/api/liferay/other", true},
		{"/portal//api///liferay/do", true}, {"/portal;a=1/api;b/liferay/do;c", true}, {"/portal/x/../api/liferay/do", true},
		{"/portal/./api/liferay/do", true}, {"/portal/api/liferay/../liferay/do", true}, {"/portal/api/liferay/%64%6f", true},
		{"/portal/api/liferay/do/../../../c", false}, {"/api/liferay/do", false}, {"/portalx/api/liferay/do", false},
		{"/portal/API/liferay/do", false}, {"/x/portal/api/liferay/do", false}, {"/portal/api/liferayx/do", false},
		{"/portal/api/liferay/do?x=1", true}, {"/", false}, {"/..;/portal/api/liferay/do", true},
	} {
		w := f.post(f.request(t.Context(), http.MethodPost, tt.path, basic(anna+":t-"+anna), bytes.NewReader(body)))
		want := http.StatusNotFound
		if tt.ours {
			want = http.StatusOK
			carried++
		}
		if w.Code != want || w.Body.Len() > 0 || len(f.ledger()) != carried {
			t.Errorf("%s: status %d with %d bytes, %d calls carried out, want %d", tt.path, w.Code, w.Body.Len(), len(f.ledger()), carried)
		}
	}
}

// TestVerbsAndCredentials: what is no POST with credentials is refused without a body, and nothing is carried out.
func TestVerbsAndCredentials(t *testing.T) {
	right := basic(anna + ":t-" + anna)
	for _, tt := range []struct {
		name, line, verb, authorization string
		status                          int
		thrown                          string
	}{
		{"GET", "7.4", http.MethodGet, right, 404, ""},
		{"GET of 6.2", "6.2", http.MethodGet, right, 405, ""},
		{"PUT", "7.0", http.MethodPut, right, 404, ""},
		{"HEAD of 6.2", "6.2", http.MethodHead, right, 405, ""},
		{"a verb in small letters", "7.4", "post", right, 404, ""},
		{"no credentials", "7.4", http.MethodPost, "", 403, ""},
		{"no credentials in 6.2", "6.2", http.MethodPost, "", 403, ""},
		{"another's token", "7.4", http.MethodPost, basic(anna + ":t-bob"), 200, "com.liferay.portal.kernel.security.auth.RemoteAuthException"},
		{"another's token in 6.2", "6.2", http.MethodPost, basic(anna + ":t-bob"), 200, "com.liferay.portal.security.auth.RemoteAuthException"},
		{"a stranger", "7.4", http.MethodPost, basic("eve:t-eve"), 200,
			"com.liferay.portal.kernel.security.auth.RemoteAuthException: Unable to find user eve"},
		{"nobody", "7.4", http.MethodPost, basic(":t-"), 200, "com.liferay.portal.kernel.security.auth.RemoteAuthException: Unable to find user "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFace(t, func(c *servlet.Config) { c.Line = tt.line })
			w := f.post(f.request(t.Context(), tt.verb, do, tt.authorization, bytes.NewReader(f.enable())))
			if w.Code != tt.status || w.Body.Len() > 0 != (tt.thrown != "") {
				t.Fatalf("status %d with %d bytes, want %d", w.Code, w.Body.Len(), tt.status)
			}
			if tt.thrown != "" {
				if got := f.thrown(w.Body.Bytes()); got != tt.thrown {
					t.Errorf("thrown %q, want %q", got, tt.thrown)
				}
			}
			if got := f.ledger(); got != nil {
				t.Errorf("carried out: %q", got)
			}
			if got := w.Header().Get("Content-Type"); got != "" {
				t.Errorf("Content-Type %q", got)
			}
		})
	}
}

// TestAnswersSayTheLevelOnlyIfTold holds what an answer tells of the engine.
func TestAnswersSayTheLevelOnlyIfTold(t *testing.T) {
	for _, level := range []string{"", "Liferay DXP 7.4.13 U92"} {
		f := newFace(t, func(c *servlet.Config) { c.Level = level })
		for _, path := range []string{do, "/"} {
			w := f.post(f.request(t.Context(), http.MethodPost, path, "", nil))
			if got, there := w.Header()["Liferay-Portal"]; there != (level != "") || there && got[0] != level {
				t.Errorf("%s: level %q, want %q", path, got, level)
			}
		}
	}
}

// counting counts what is read of an endless body.
type counting struct{ n int64 }

func (c *counting) Read(p []byte) (int, error) { c.n += int64(len(p)); return len(p), nil }

// TestRefusedBodiesAreReadInBounds: who is refused cannot keep the engine reading.
func TestRefusedBodiesAreReadInBounds(t *testing.T) {
	f := newFace(t, nil)
	for name, r := range map[string]struct{ verb, path, authorization string }{
		"another path": {http.MethodPost, "/x", basic(anna + ":t-" + anna)}, "another verb": {http.MethodPut, do, basic(anna + ":t-" + anna)},
		"no credentials": {http.MethodPost, do, ""}, "wrong token": {http.MethodPost, do, basic(anna + ":x")},
		"stranger": {http.MethodPost, do, basic("eve:t-eve")}, "no call": {http.MethodPost, do, basic(anna + ":t-" + anna)},
	} {
		body := &counting{}
		f.post(f.request(t.Context(), r.verb, r.path, r.authorization, body))
		if body.n < 2<<20 || body.n > 3<<20 {
			t.Errorf("%s: %d bytes were read, want about 2 MiB", name, body.n)
		}
	}
	if got := f.ledger(); got != nil {
		t.Errorf("carried out: %q", got)
	}
}

// TestEveryCutCallIsNothing: a call that is short of any number of bytes, or that has bytes behind it, is an
// empty 200; no part of it stays.
func TestEveryCutCallIsNothing(t *testing.T) {
	f := newFace(t, nil)
	part := f.call(stage, "updateStagingRequest", "long,java.lang.String,[B", []byte("PK\x03\x04 content"), int64(1), "x.zip00",
		tunnel.Content{Size: 12})
	for name, whole := range map[string][]byte{"a small one": f.enable(), "one with content": part} {
		for n := range len(whole) {
			if w := f.send(whole[:n]); w.Code != http.StatusOK || w.Body.Len() != 0 {
				t.Errorf("%s of %d bytes of %d: status %d with %d bytes", name, n, len(whole), w.Code, w.Body.Len())
			}
		}
		if w := f.send(append(whole[:len(whole):len(whole)], 0)); w.Body.Len() != 0 {
			t.Errorf("%s with a byte behind it is answered", name)
		}
	}
	left, err := os.ReadDir(f.parts)
	if got := f.ledger(); got != nil || err != nil || len(left) > 0 {
		t.Errorf("carried out %q; %d files of parts, %v", got, len(left), err)
	}
	f.send(f.enable())
	if got := f.ledger(); len(got) != 1 {
		t.Errorf("the whole one is %q in the ledger", got)
	}
}

// TestAClientThatIsGoneDoesNotStopItsCall, as the vendor's container goes on too.
func TestAClientThatIsGoneDoesNotStopItsCall(t *testing.T) {
	f := newFace(t, nil)
	ctx, leave := context.WithCancel(t.Context())
	f.post(f.request(ctx, http.MethodPost, do, basic(anna+":t-"+anna), &leaving{bytes.NewReader(f.enable()), leave}))
	if s, err := f.store.Site(t.Context(), site); err != nil || s.StagingCount != 1 {
		t.Errorf("staging was enabled %d times, %v", s.StagingCount, err)
	}
}

// leaving calls leave as soon as its body is read.
type leaving struct {
	*bytes.Reader
	leave func()
}

func (l *leaving) Read(p []byte) (int, error) {
	n, err := l.Reader.Read(p)
	if l.Len() == 0 {
		l.leave()
	}
	return n, err
}

// TestHiddenExceptionsNameTheClassOnly: the message stays inside, a wrong secret is told as ever.
func TestHiddenExceptionsNameTheClassOnly(t *testing.T) {
	f := newFace(t, func(c *servlet.Config) { c.HideExceptions = true })
	w := f.send(f.call(group, "checkRemoteStagingGroup", "long", nil, int64(404)))
	want := "com.liferay.portal.kernel.exception.PortalException: Invocation failed due to com.liferay.portal.kernel.exception.NoSuchGroupException"
	if got := f.thrown(w.Body.Bytes()); got != want || strings.Contains(w.Body.String(), "404") {
		t.Errorf("thrown %q, want %q", got, want)
	}
	w = f.post(f.request(t.Context(), http.MethodPost, do, basic(anna+":x"), bytes.NewReader(f.enable())))
	if got := f.thrown(w.Body.Bytes()); got != "com.liferay.portal.kernel.security.auth.RemoteAuthException" {
		t.Errorf("thrown %q", got)
	}
	if w.Header().Get("Content-Length") != fmt.Sprint(w.Body.Len()) {
		t.Errorf("Content-Length %s of %d bytes", w.Header().Get("Content-Length"), w.Body.Len())
	}
}

// TestArgumentsOfOtherTypes: an argument that is not what the method's types say is the zero of its type, never
// a panic; nothing is changed for it.
func TestArgumentsOfOtherTypes(t *testing.T) {
	f := newFace(t, nil)
	for name, args := range map[string][]any{
		"text for a number": {"20121"}, "nothing for a number": {nil}, "an int for a long": {int32(site)}, "a list for a number": {[]any{int64(site)}},
	} {
		c := tunnel.Call{Method: tunnel.Method{Service: group, Name: "enableStaging", Parameters: []string{"long"}}, Args: args}
		if v, err := f.Execute(t.Context(), anna, c, nil); v != nil || !errors.Is(err, content.NoSite) || err.Error() != "no site 0" {
			t.Errorf("%s: %v, %v", name, v, err)
		}
	}
	flags := tunnel.Call{Method: tunnel.Method{Service: group, Name: "updateStagedPortlets", Parameters: []string{"long", "java.util.Map"}}}
	for name, tt := range map[string]struct {
		flags any
		want  string
	}{
		"no map": {"x=1", ""}, "nothing": {nil, ""}, "values that are no text": {map[string]any{"a": int64(1), "b": nil, "c": "2"}, "a=\nb=\nc=2\n"},
	} {
		flags.Args = []any{int64(site), tt.flags}
		_, err := f.Execute(t.Context(), anna, flags, nil)
		s, other := f.store.Site(t.Context(), site)
		if err = errors.Join(err, other); err != nil || !strings.HasPrefix(s.Settings, tt.want) {
			t.Errorf("%s: settings %q, %v, want %q", name, s.Settings, err, tt.want)
		}
	}
}

// TestServicesOfTheLines: no line has the other's packages, and 6.2 has no service of class names.
func TestServicesOfTheLines(t *testing.T) {
	long := []string{"long"}
	for _, tt := range []struct {
		line, service, method string
		known                 bool
	}{
		{"7.4", group, "enableStaging", true},
		{"7.4", "com.liferay.portal.service.GroupServiceUtil", "enableStaging", false},
		{"6.2", "com.liferay.portal.service.GroupServiceUtil", "enableStaging", true},
		{"6.2", group, "enableStaging", false},
		{"7.4", "com.liferay.portal.kernel.service.ClassNameServiceUtil", "fetchByClassNameId", true},
		{"6.2", "com.liferay.portal.service.ClassNameServiceUtil", "fetchByClassNameId", false},
		{"7.0", "com.liferay.portal.kernel.service.StagingServiceUtil", "cleanUpStagingRequest", false},
		{"7.4", group, "enablestaging", false}, {"7.4", group, "enableStaging ", false}, {"7.4", group, "", false},
		{"7.4", stage, "enableStaging", false}, {"7.4", "", "GroupServiceUtil#enableStaging", false},
	} {
		f := newFace(t, func(c *servlet.Config) { c.Line = tt.line })
		m := tunnel.Method{Service: tt.service, Name: tt.method, Parameters: long}
		_, err := f.Execute(t.Context(), anna, tunnel.Call{Method: m, Args: []any{int64(site)}}, nil)
		if errors.Is(err, servlet.ErrUnknownMethod) == tt.known {
			t.Errorf("%s, %s#%s: %v", tt.line, tt.service, tt.method, err)
		}
		if !tt.known && (err.Error() != "engine: unknown method: "+m.Signature() || f.ledger() != nil) {
			t.Errorf("%s, %s#%s: %v, ledger %q", tt.line, tt.service, tt.method, err, f.ledger())
		}
	}
}

// TestUnknownClassNameIsNothing: fetched is null, and null is no byte on the wire.
func TestUnknownClassNameIsNothing(t *testing.T) {
	f := newFace(t, nil)
	const names = "com.liferay.portal.kernel.service.ClassNameServiceUtil"
	for id, want := range map[int64]string{staging.GroupClassNameID: "com.liferay.portal.kernel.model.Group",
		staging.DepotClassNameID: "com.liferay.depot.model.DepotEntry", 0: "", 404: "", -1: ""} {
		w := f.send(f.call(names, "fetchByClassNameId", "long", nil, id))
		if w.Code != http.StatusOK || (w.Body.Len() > 0) != (want != "") || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%d: status %d with %d bytes, want %q", id, w.Code, w.Body.Len(), want)
		}
	}
}

// TestAnotherNumberOfArguments than the method's types say is no call of it.
func TestAnotherNumberOfArguments(t *testing.T) {
	f := newFace(t, nil)
	m := tunnel.Method{Service: group, Name: "enableStaging", Parameters: []string{"long"}}
	for _, args := range [][]any{nil, {}, {int64(site), int64(site)}} {
		v, err := f.Execute(t.Context(), anna, tunnel.Call{Method: m, Args: args}, nil)
		if v != nil || !errors.Is(err, servlet.ErrUnknownMethod) {
			t.Errorf("%d arguments: %v, %v", len(args), v, err)
		}
	}
	part := tunnel.Method{Service: stage, Name: "updateStagingRequest", Parameters: []string{"long", "java.lang.String", "[B"}}
	_, err := f.Execute(t.Context(), anna, tunnel.Call{Method: part, Args: []any{int64(1), "x", nil}}, nil)
	if err == nil || err.Error() != "engine: unknown method: no content" || f.ledger() != nil {
		t.Errorf("a part without content: %v, ledger %q", err, f.ledger())
	}
}
