package engine_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/archive/parts"
	"github.com/stagelock/stagelock/integration/engine"
	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/javaser/source"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

const (
	recordedSite = 20143
	recordedPage = "0d4a1e6e-3c0d-4f0f-9c36-0f7f0f1b8a11"
	secret       = "right"
)

// verify proves a login to whoever knows the secret.
func verify(authorization string) (string, error) {
	b, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(authorization, "Basic "))
	login, token, found := strings.Cut(string(b), ":")
	if err != nil || !found || token != secret {
		return "", errors.New("wrong token")
	}
	return login, nil
}

func basic(login, token string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(login+":"+token))
}

// served is an engine behind its servlet.
type served struct {
	*engine.Engine
	url, line string
	page      engine.Item
}

// serve starts an engine of that line that knows what the recordings talk about.
func serve(t testing.TB, line, build string) *served {
	t.Helper()
	cfg := config(t.TempDir(), build)
	cfg.Line, cfg.Verify, cfg.Context = line, verify, "/portal"
	e := newEngine(t, cfg)
	populate(t, e)
	_, err := e.CreateSite(t.Context(), engine.Site{ID: recordedSite, Name: "Recorded", UUID: recordedPage, Settings: "staged=true\n"})
	must(t, err)
	must(t, e.Grant(t.Context(), 20199, recordedSite, engine.ExportImportLayouts, engine.Update))
	page, err := e.AddPage(t.Context(), recordedSite, "Home", "text", engine.PageOptions{UUID: recordedPage,
		Portlets: []string{"com_liferay_journal_web_portlet_JournalPortlet"}})
	must(t, err)
	srv := httptest.NewServer(e.Handler())
	t.Cleanup(srv.Close)
	return &served{Engine: e, url: srv.URL + "/portal/api/liferay/do", line: line, page: page}
}

func (s *served) post(t testing.TB, authorization string, body []byte) (int, []byte) {
	t.Helper()
	return request(t, http.MethodPost, s.url, authorization, body)
}

func request(t testing.TB, verb, url, authorization string, body []byte) (int, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), verb, url, bytes.NewReader(body))
	must(t, err)
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	must(t, err)
	return resp.StatusCode, b
}

// read reads a recorded request and the content it carries.
func read(t testing.TB, b []byte) (*liferay.Call, []byte) {
	t.Helper()
	var content []byte
	lim := javaser.DefaultLimits()
	c, err := liferay.Read(source.New(bytes.NewReader(b), nil, lim.Held), lim, func(p liferay.Part) (err error) {
		content, err = io.ReadAll(p.Content)
		return err
	})
	must(t, err)
	return c, content
}

// body writes a call with its content.
func body(t testing.TB, c *liferay.Call, content []byte) []byte {
	t.Helper()
	if content == nil {
		b, err := c.Append(nil)
		must(t, err)
		return b
	}
	head, tail, err := c.Split()
	must(t, err)
	return append(append(head, content...), tail...)
}

func reply(t testing.TB, b []byte, returns string) *liferay.Reply {
	t.Helper()
	lim := javaser.DefaultLimits()
	r, err := liferay.ReadReply(source.New(bytes.NewReader(b), nil, lim.Held), lim, returns, false)
	if err != nil {
		t.Fatalf("reply %x: %v", b, err)
	}
	return r
}

func returnType(line, method string) string {
	prefix, lar := "com.liferay.portal.kernel.model.", "com.liferay.exportimport.kernel.lar.MissingReferences"
	publish := lar
	if line == "6.2" {
		prefix, lar, publish = "com.liferay.portal.model.", "com.liferay.portal.kernel.lar.MissingReferences", "void"
	}
	return map[string]string{
		"createStagingRequest": "long", "hasRemoteLayout": "boolean", "hasLayout": "boolean", "hasPortletId": "boolean",
		"getLayoutPlid": "long", "getDefaultPlid": "long", "getControlPanelLayoutPlid": "long", "getGroupDisplayURL": "java.lang.String",
		"fetchByClassNameId": prefix + "ClassName",
		"getGroup":           prefix + "Group", "getLayoutByUuidAndGroupId": prefix + "Layout",
		"publishStagingRequest": publish, "validateStagingRequest": lar,
	}[method]
}

// Every recorded request of every build is answered with what its method returns, or with the exception that fits.
func TestRecordedRequests(t *testing.T) {
	for _, build := range liferay.Builds() {
		t.Run(build, func(t *testing.T) {
			line := build[:3]
			s := serve(t, line, "7413")
			files, err := filepath.Glob("../../tunnel/liferay/testdata/real/" + build + "/*.req.ser")
			if err != nil || len(files) < 12 {
				t.Fatalf("%d recordings, error %v", len(files), err)
			}
			var id int64
			for _, f := range files {
				id = s.replay(t, f, id)
			}
		})
	}
}

// replay sends one recorded request, with the ids that this engine gave, and judges the answer.
func (s *served) replay(t *testing.T, file string, id int64) int64 {
	t.Helper()
	c, content := read(t, readFile(t, file))
	name := c.Method.Name
	switch {
	case name == "hasPortletId":
		must(t, c.SetLong(0, s.page.ID))
	case strings.HasSuffix(name, "StagingRequest") && name != "createStagingRequest":
		must(t, c.SetLong(0, id))
	}
	status, b := s.post(t, basic(c.Principal.Login, secret), body(t, c, content))
	if status != http.StatusOK {
		t.Fatalf("%s: status %d", file, status)
	}
	returns := returnType(s.line, name)
	if returns == "" {
		returns = "void"
	}
	r := reply(t, b, returns)
	want := s.recordedException(c)
	if got := fmt.Sprint(r.Thrown); r.Thrown == nil != (want == "") || !strings.Contains(got, want) {
		t.Errorf("%s: thrown %s, want %q", filepath.Base(file), got, want)
	}
	if name == "createStagingRequest" {
		id = r.Value.(int64)
	}
	return id
}

// recordedException is what this engine throws at a recorded call: sites 403, 404 and 500 are not here, and the archive
// of the recordings is 20 bytes of text.
func (s *served) recordedException(c *liferay.Call) string {
	if c.Principal.Login == "nobody@example.com" {
		return "RemoteAuthException"
	}
	if c.Method.Name == "publishStagingRequest" || c.Method.Name == "validateStagingRequest" {
		return "LARFileException"
	}
	if c.Method.Name == "checkRemoteStagingGroup" && c.Args[0] != int64(recordedSite) {
		return "NoSuchGroupException"
	}
	if c.Method.Name == "getLayoutByUuidAndGroupId" && c.Args[0] != s.page.UUID {
		return "NoSuchLayoutException"
	}
	return ""
}

// client makes calls as the vendor's client of one build does.
type client struct {
	*served
	build string
}

// call makes one call and returns its reply; content is nil for calls without.
func (c client) call(t testing.TB, service, method string, types, returns string, content []byte, args ...any) *liferay.Reply {
	t.Helper()
	m := tunnel.Method{Service: service, Name: method}
	if types != "" {
		m.Parameters = strings.Split(types, ",")
	}
	call, err := liferay.NewCall(c.build, liferay.Principal{Login: publisher, URL: c.url}, m, args...)
	must(t, err)
	status, b := c.post(t, basic(publisher, secret), body(t, call, content))
	if status != http.StatusOK {
		t.Fatalf("%s: status %d", method, status)
	}
	return reply(t, b, returns)
}

const (
	stagingService = "com.liferay.exportimport.kernel.service.StagingServiceUtil"
	groupService   = "com.liferay.portal.kernel.service.GroupServiceUtil"
	configClass    = "com.liferay.exportimport.kernel.model.ExportImportConfiguration"
	referencesType = "com.liferay.exportimport.kernel.lar.MissingReferences"
)

// publish sends an archive as the client does, call by call.
func (c client) publish(t testing.TB, lar []byte, buffer int64, portlet string) *liferay.Reply {
	t.Helper()
	id := c.call(t, stagingService, "createStagingRequest", "long,java.lang.String", "long", nil, int64(recordedSite), md5Of(lar)).Value
	parts, err := parts.Split("3c0d.zip", int64(len(lar)), buffer)
	must(t, err)
	for p := range parts {
		r := c.call(t, stagingService, "updateStagingRequest", "long,java.lang.String,[B", "void",
			lar[p.Offset:p.Offset+p.Size], id, p.Name, tunnel.Content{Size: p.Size})
		if r.Thrown != nil {
			t.Fatal(r.Thrown)
		}
	}
	settings := liferay.Settings{"targetGroupId": int64(recordedSite), "sourceGroupId": int32(7), "privateLayout": false,
		"parameterMap": map[string][]string{"DELETIONS": {"true"}}}
	if portlet != "" {
		settings["portletId"] = portlet
	}
	r := c.call(t, stagingService, "publishStagingRequest", "long,"+configClass, referencesType, nil, id, settings)
	if clean := c.call(t, stagingService, "cleanUpStagingRequest", "long", "void", nil, id); clean.Thrown != nil {
		t.Error(clean.Thrown)
	}
	return r
}

func TestPublishOverTheTunnel(t *testing.T) {
	for _, build := range []string{"7.0", "7.2", "7.3", "7.4.3.51", "7.4.3.112"} {
		t.Run(build, func(t *testing.T) {
			s := serve(t, build[:3], "6011")
			lar := readFile(t, larFiles(t)[0])
			m := configurationFor(t, lar)
			r := client{s, build}.publish(t, lar, 1000, m.Settings["portletId"].(string))
			if r.Thrown != nil {
				t.Fatal(r.Thrown)
			}
			if hard, weak, ok := r.MissingReferences(); !ok || len(hard)+len(weak) > 0 {
				t.Errorf("missing references %v %v, %t", hard, weak, ok)
			}
			all, err := s.Publishes(t.Context(), recordedSite)
			must(t, err)
			compareArrived(t, s.Engine, all[0].ID, lar)
		})
	}
}

func TestMissingReferencesOverTheTunnel(t *testing.T) {
	s := serve(t, "7.4", "7413")
	lar := makeLAR(t, file{"manifest.xml", "<root>" + header(map[string]string{"build-number": "7413", "schema-version": "4.0.0", "type": "layout-set"}) +
		`<missing-references><missing-reference class-name="com.liferay.journal.model.JournalArticle" uuid="u" display-name="News" type="dependency"/>
		<missing-reference class-name="x.Y" class-pk="3" display-name="Why" type="weak"/></missing-references></root>`})
	hard, weak, ok := client{s, "7.4.3.112"}.publish(t, lar, 1000, "").MissingReferences()
	if !ok || fmt.Sprint(hard, weak) != "[com.liferay.journal.model.JournalArticle News] [x.Y Why]" {
		t.Errorf("got %v %v, %t", hard, weak, ok)
	}
}

func TestServletRefusals(t *testing.T) {
	s := serve(t, "7.4", "7413")
	call, err := liferay.NewCall("7.4.3.112", liferay.Principal{Login: publisher}, tunnel.Method{Service: groupService,
		Name: "enableStaging", Parameters: []string{"long"}}, int64(recordedSite))
	must(t, err)
	good := body(t, call, nil)
	unknown, err := liferay.NewCall("7.4.3.112", liferay.Principal{Login: publisher}, tunnel.Method{
		Service: "com.liferay.portal.kernel.service.UserServiceUtil", Name: "getUserById", Parameters: []string{"long"}}, int64(1))
	must(t, err)
	right := basic(publisher, secret)
	base := strings.TrimSuffix(s.url, "/api/liferay/do")
	for _, tt := range []struct {
		name, verb, url, authorization string
		body                           []byte
		status                         int
		thrown                         string // empty means no body
		counted                        int    // how often staging is enabled afterwards
	}{
		{"good", "POST", s.url, right, good, 200, "", 1},
		{"no credentials", "POST", s.url, "", good, 403, "", 1},
		{"wrong token", "POST", s.url, basic(publisher, "wrong"), good, 200, "RemoteAuthException", 1},
		{"another scheme", "POST", s.url, "Bearer x", good, 200, "RemoteAuthException", 1},
		{"unknown user", "POST", s.url, basic("x", secret), good, 200, "RemoteAuthException: Unable to find user x", 1},
		{"no permission", "POST", s.url, basic(nobody, secret), good, 200, "PrincipalException: User 20200 must have UPDATE", 1},
		{"GET", "GET", s.url, right, nil, 404, "", 1},
		{"nothing", "POST", s.url, right, nil, 200, "", 1},
		{"garbage", "POST", s.url, right, []byte("garbage"), 200, "", 1},
		{"cut short", "POST", s.url, right, good[:len(good)-1], 200, "", 1},
		{"unknown method", "POST", s.url, right, body(t, unknown, nil), 200, "", 1},
		{"outside the context", "POST", strings.Replace(s.url, "/portal", "", 1), right, good, 404, "", 1},
		{"another path", "POST", base + "/web/guest", right, good, 404, "", 1},
		{"other spellings are carried out", "POST", base + "//api//liferay/do;x=1", right, good, 200, "", 2},
		{"and encoded ones", "POST", base + "/api/liferay/%64o", right, good, 200, "", 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, b := request(t, tt.verb, tt.url, tt.authorization, tt.body)
			if status != tt.status || len(b) > 0 != (tt.thrown != "") {
				t.Fatalf("status %d with %d bytes, want %d", status, len(b), tt.status)
			}
			if tt.thrown != "" {
				if r := reply(t, b, "void"); r.Thrown == nil || !strings.Contains(r.Thrown.Error(), tt.thrown) {
					t.Errorf("thrown %v, want %s", r.Thrown, tt.thrown)
				}
			}
			g, err := s.Site(t.Context(), recordedSite)
			must(t, err)
			if g.StagingCount != tt.counted {
				t.Errorf("staging enabled %d times, want %d", g.StagingCount, tt.counted)
			}
		})
	}
}

func TestNoVerifierAdmitsNobody(t *testing.T) {
	e := live(t, "7413")
	srv := httptest.NewServer(e.Handler())
	defer srv.Close()
	status, b := request(t, "POST", srv.URL+"/api/liferay/do", basic(publisher, secret), nil)
	if r := reply(t, b, "void"); status != 200 || r.Thrown == nil || !strings.HasSuffix(r.Thrown.Class, "RemoteAuthException") {
		t.Errorf("status %d, thrown %v", status, r.Thrown)
	}
}

func TestHiddenExceptions(t *testing.T) {
	s := serve(t, "7.3", "7413")
	r := client{s, "7.3"}.call(t, groupService, "checkRemoteStagingGroup", "long", "void", nil, int64(404))
	want := "com.liferay.portal.kernel.exception.PortalException: Invocation failed due to com.liferay.portal.kernel.exception.NoSuchGroupException"
	if r.Thrown == nil || r.Thrown.Error() != want {
		t.Errorf("thrown %v, want %s", r.Thrown, want)
	}
}

func TestModelsOverTheTunnel(t *testing.T) {
	s := serve(t, "7.4", "7413")
	group, err := liferay.NewCall("7.4.3.112", liferay.Principal{Login: publisher}, tunnel.Method{Service: groupService,
		Name: "getGroup", Parameters: []string{"long"}}, int64(recordedSite))
	must(t, err)
	_, b := s.post(t, basic(publisher, secret), body(t, group, nil))
	for _, want := range []string{"GroupImpl", recordedPage, "/recorded", "staged=true\n"} {
		if !bytes.Contains(b, []byte(want)) {
			t.Errorf("the group's answer lacks %q", want)
		}
	}
}

// What a call brought and no call kept is not left lying about.
func TestUnkeptContentIsRemoved(t *testing.T) {
	dir := t.TempDir()
	cfg := config(dir, "7413")
	cfg.Verify = verify
	e := newEngine(t, cfg)
	populate(t, e)
	srv := httptest.NewServer(e.Handler())
	defer srv.Close()
	s := client{&served{Engine: e, url: srv.URL + "/api/liferay/do"}, "7.4.3.112"}
	r := s.call(t, stagingService, "updateStagingRequest", "long,java.lang.String,[B", "void", []byte("abc"), int64(404), "x.zip00", tunnel.Content{Size: 3})
	if r.Thrown == nil {
		t.Error("an unknown request took a part")
	}
	if left, err := os.ReadDir(filepath.Join(dir, "parts")); err != nil || len(left) > 0 {
		t.Errorf("%d files are left, error %v", len(left), err)
	}
}

func BenchmarkSmallCall(b *testing.B) {
	s := serve(b, "7.4", "7413")
	call, err := liferay.NewCall("7.4.3.112", liferay.Principal{Login: publisher}, tunnel.Method{Service: groupService,
		Name: "checkRemoteStagingGroup", Parameters: []string{"long"}}, int64(recordedSite))
	must(b, err)
	good, right := body(b, call, nil), basic(publisher, secret)
	for b.Loop() {
		s.post(b, right, good)
	}
}
