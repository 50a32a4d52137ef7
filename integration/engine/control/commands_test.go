package control_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stagelock/stagelock/integration/engine"
	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/control"
	"github.com/stagelock/stagelock/integration/engine/libraries"
	"github.com/stagelock/stagelock/integration/engine/remote"
	"github.com/stagelock/stagelock/integration/engine/remote/link"
	"github.com/stagelock/stagelock/integration/engine/revisions"
)

const publisher = "publisher@example.com"

// side is an engine that takes commands.
type side struct {
	testing.TB
	*control.Client
	engine *engine.Engine
}

// open starts an engine that believes every login, with a site of that id and a publisher who may do all there.
func open(t testing.TB, site int64) side {
	t.Helper()
	e, err := engine.New(engine.Config{Dir: t.TempDir(), Build: "7413", CompanyID: 20097, Now: time.Now,
		Authorize: func(login string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(login+":x")) },
		Verify: func(authorization string) (string, error) {
			b, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(authorization, "Basic "))
			who, _, _ := strings.Cut(string(b), ":")
			return who, err
		}})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(e.Commands(token))
	t.Cleanup(func() { s.Close(); _ = e.Close() })
	x := side{t, &control.Client{URL: s.URL, Token: token}, e}
	must[control.Site](x, "site.create", control.NewSite{ID: site, Name: "Shop"})
	must[control.User](x, "user.add", control.User{ID: 20199, Email: publisher, ScreenName: "publisher"})
	must[any](x, "user.grant", control.Grant{Login: publisher, Site: site, Actions: []content.Action{content.ManageStaging,
		content.PublishStaging, content.ExportImportLayouts, content.Update}})
	return x
}

// must carries out a command.
func must[Out any](s side, command string, in any) Out {
	s.Helper()
	out, err := control.Do[Out](s.Context(), s.Client, command, in)
	if err != nil {
		s.Fatalf("%s: %v", command, err)
	}
	return out
}

// add writes a piece of content.
func (s side) add(in control.NewItem, text string) control.Item {
	s.Helper()
	it, err := control.Upload[control.Item](s.Context(), s.Client, "content.add", in, strings.NewReader(text))
	if err != nil {
		s.Fatalf("content.add %+v: %v", in, err)
	}
	return it
}

// read is the content of an item.
func (s side) read(in control.ItemID) string {
	s.Helper()
	r, err := s.Download(s.Context(), "content.open", in)
	if err != nil {
		s.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		s.Fatal(err)
	}
	return string(b)
}

// to is the connection to the live site 30001 of an engine.
func (s side) to(live side) link.Connection {
	s.Helper()
	server := httptest.NewServer(live.engine.Handler())
	s.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	if err != nil {
		s.Fatal(err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		s.Fatal(err)
	}
	return link.Connection{Address: u.Hostname(), Port: port, Site: 30001}
}

func TestSitesAndUsersByCommand(t *testing.T) {
	s := open(t, 20121)
	library := must[control.Site](s, "site.create", control.NewSite{Name: "Files", Library: true, Locales: []string{"de_DE", "en_US"}})
	if !library.Library || library.ID == 0 || library.UUID == "" || !cmp.Equal(library.Locales, []string{"de_DE", "en_US"}) {
		t.Errorf("library %+v", library)
	}
	must[any](s, "site.connect", control.Connection{Library: library.ID, Site: 20121})
	want := []control.Connection{{Library: library.ID, Site: 20121}}
	for _, id := range []int64{20121, library.ID} {
		if got := must[control.Site](s, "site.show", control.SiteID{Site: id}); !cmp.Equal(got.Connected, want) {
			t.Errorf("site %d: connected %+v", id, got.Connected)
		}
	}
	must[any](s, "site.disconnect", control.Connection{Library: library.ID, Site: 20121})
	if got := must[control.Site](s, "site.show", control.SiteID{Site: 20121}); got.Connected != nil || got.Attached != 0 || len(got.Locked) > 0 {
		t.Errorf("site %+v", got)
	}
	if all := must[[]control.Site](s, "site.list", struct{}{}); len(all) != 2 || all[0].Name != "Shop" {
		t.Errorf("sites %+v", all)
	}
	users := []control.User{{Email: "anna@example.com", ScreenName: "anna"}, {ID: 20199, Email: publisher, ScreenName: "publisher"}}
	if got := must[control.Imported](s, "user.import", users); got != (control.Imported{Added: 1, There: 1}) {
		t.Errorf("imported %+v", got)
	}
	if all := must[[]control.User](s, "user.list", struct{}{}); len(all) != 2 || all[1].Email != "anna@example.com" {
		t.Errorf("users %+v", all)
	}
}

func TestContentByCommand(t *testing.T) {
	s := open(t, 20121)
	if all := must[[]control.Item](s, "content.list", control.SiteID{Site: 20121}); len(all) != 0 {
		t.Errorf("content %+v", all)
	}
	folder := s.add(control.NewItem{Site: 20121, Kind: content.ArticleFolder, Name: "News"}, "")
	article := s.add(control.NewItem{Site: 20121, Kind: content.Article, Name: "Sale", Parent: folder.UUID, Tags: []string{"new"}}, "Buy.")
	page := s.add(control.NewItem{Site: 20121, Kind: content.Page, Name: "Staff", Private: true, FriendlyURL: "/staff",
		Permissions: map[string][]string{"Guest": {"VIEW"}}}, "For us.")
	for _, it := range []control.Item{folder, article, page} {
		if it.ID == 0 || it.UUID == "" || it.Version != 1 {
			t.Errorf("added %+v", it)
		}
	}
	id := control.ItemID{Site: 20121, Kind: content.Article, UUID: article.UUID}
	if _, err := control.Upload[control.Item](t.Context(), s.Client, "content.update", id, strings.NewReader("Buy now.")); err != nil {
		t.Fatal(err)
	}
	if got := s.read(id); got != "Buy now." {
		t.Errorf("content %q", got)
	}
	if all := must[[]control.Item](s, "content.versions", id); len(all) != 2 || all[0].Size == all[1].Size {
		t.Errorf("versions %+v", all)
	}
	private := control.ItemID{Site: 20121, Kind: content.Page, UUID: page.UUID, Private: true}
	if _, err := control.Upload[control.Item](t.Context(), s.Client, "content.update", private, strings.NewReader("For all.")); err != nil {
		t.Fatal(err)
	}
	if got := s.read(private); !strings.Contains(got, "For all.") {
		t.Errorf("page %q", got)
	}
	must[any](s, "content.delete", id)
	for _, it := range must[[]control.Item](s, "content.list", control.SiteID{Site: 20121}) {
		if it.UUID == article.UUID {
			t.Errorf("still there: %+v", it)
		}
	}
	long := strings.NewReader(strings.Repeat("x", 4<<20+1))
	_, err := control.Upload[control.Item](t.Context(), s.Client, "content.update", private, long)
	refusedAs(t, err, http.StatusUnprocessableEntity, content.BadItem, "at most 4 MiB")
}

func TestStagingByCommand(t *testing.T) {
	here, live := open(t, 20121), open(t, 30001)
	to := here.to(live)
	st := must[control.Staging](here, "staging.enable", control.Enable{Site: 20121, Login: publisher, Connection: to})
	if st.Site != 20121 || st.Login != publisher || st.Since.IsZero() || len(st.Connection.Types) != 5 {
		t.Errorf("enabled %+v", st)
	}
	if got := must[control.Staging](here, "staging.status", control.SiteID{Site: 20121}); !cmp.Equal(got, st) {
		t.Errorf("status %s", cmp.Diff(st, got))
	}
	there := must[control.Site](live, "site.show", control.SiteID{Site: 30001})
	if there.Attached != 1 || len(there.Holders) != 1 || there.Holders[0].Login != publisher || len(there.Locked) != 5 {
		t.Errorf("live %+v", there)
	}
	here.add(control.NewItem{Site: 20121, Kind: content.Article, Name: "Sale"}, "Buy.")
	var stages []string
	p, err := control.Stream(t.Context(), here.Client, "staging.publish",
		control.Publish{Site: 20121, Login: publisher, Options: remote.Options{Name: "first"}},
		func(p remote.Publication) { stages = append(stages, p.Progress.Stage) })
	if err != nil || p.State != remote.Succeeded || len(stages) < 3 || stages[0] != "export" {
		t.Errorf("published %+v by way of %q, %v", p, stages, err)
	}
	again, err := control.Stream(t.Context(), here.Client, "staging.relaunch", control.ID{ID: p.ID}, func(remote.Publication) {})
	if err != nil || again.State != remote.Succeeded || again.Options.Name != "first" || again.Login != publisher {
		t.Errorf("again %+v, %v", again, err)
	}
	if all := must[[]remote.Publication](here, "staging.history", control.SiteID{Site: 20121}); len(all) != 2 || all[0].ID != again.ID {
		t.Errorf("history %+v", all)
	}
	if all := must[[]control.Arrival](live, "site.arrivals", control.SiteID{Site: 30001}); len(all) != 2 || all[0].Login != publisher {
		t.Errorf("arrivals %+v", all)
	}
	if all := must[[]control.Received](live, "site.received", control.SiteID{Site: 30001}); len(all) != 2 || all[0].Added == 0 || len(all[0].Checksum) != 32 {
		t.Errorf("received %+v", all)
	}
	sc := must[remote.Schedule](here, "staging.schedule", remote.Schedule{Site: 20121, Login: publisher, Cron: "0 3 * * *"})
	if all := must[[]remote.Schedule](here, "staging.schedules", control.SiteID{Site: 20121}); len(all) != 1 || all[0].ID != sc.ID || all[0].Zone != "UTC" {
		t.Errorf("schedules %+v", all)
	}
	must[any](here, "staging.unschedule", control.ID{ID: sc.ID})
	if w := must[control.Warning](here, "staging.disable", control.Disable{Site: 20121, Login: publisher}); w.Warning != "" {
		t.Errorf("warning %q", w.Warning)
	}
	if who := must[[]control.Holder](live, "site.unlock", control.SiteID{Site: 30001, Operator: "root"}); len(who) != 0 {
		t.Errorf("still held by %+v", who)
	}
}

func TestPageVersionsByCommand(t *testing.T) {
	here, live := open(t, 20121), open(t, 30001)
	page := here.add(control.NewItem{Site: 20121, Kind: content.Page, Name: "Home"}, "Welcome.")
	to := here.to(live)
	to.VersionPublic = true
	must[control.Staging](here, "staging.enable", control.Enable{Site: 20121, Login: publisher, Connection: to})
	all := must[[]control.Variation](here, "page.variations", control.Variation{Site: 20121})
	if len(all) != 1 || !all[0].Main || all[0].Name != revisions.Main {
		t.Errorf("variations %+v", all)
	}
	must[control.Variation](here, "page.vary", control.Variation{Site: 20121, Name: "Easter"})
	place := control.PagePlace{Site: 20121, Page: page.UUID}
	save := func(place control.PagePlace, text string) control.Revision {
		t.Helper()
		r, err := control.Upload[control.Revision](t.Context(), here.Client, "page.revise", place, strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	draft := save(place, "Welcome back.")
	if draft.Ready || draft.Number != 2 || draft.Variation != revisions.Main {
		t.Errorf("draft %+v", draft)
	}
	egg := place
	egg.Variation = "Easter"
	if r := save(egg, "Eggs."); r.Variation != "Easter" || r.Ready {
		t.Errorf("revision %+v", r)
	}
	bold := place
	bold.Branch = "Bold"
	if r := must[control.Revision](here, "page.branch", bold); r.Branch != "Bold" {
		t.Errorf("branch %+v", r)
	}
	if r := must[control.Revision](here, "page.ready", control.Revision{Site: 20121, ID: draft.ID}); !r.Ready || r.ID != draft.ID {
		t.Errorf("ready %+v", r)
	}
	ready := 0
	for _, r := range must[[]control.Revision](here, "page.revisions", control.PagePlace{Site: 20121, Page: page.UUID, Variation: revisions.Main}) {
		if r.Variation != revisions.Main {
			t.Errorf("of another variation: %+v", r)
		}
		if r.Ready {
			ready++
		}
	}
	if ready != 1 {
		t.Errorf("%d revisions are ready", ready)
	}
	must[any](here, "page.unvary", control.Variation{Site: 20121, Name: "Easter"})
	if all := must[[]control.Variation](here, "page.variations", control.Variation{Site: 20121}); len(all) != 1 {
		t.Errorf("variations %+v", all)
	}
}

// refusedAs fails unless a command was refused in that way, with words that hold all of says.
func refusedAs(t testing.TB, err error, status int, code content.Code, says ...string) {
	t.Helper()
	var f *control.Failure
	if !errors.As(err, &f) || f.Status != status || f.Code != string(code) {
		t.Errorf("got %+v of %v, want %d %s", f, err, status, code)
		return
	}
	for _, want := range says {
		if !strings.Contains(f.Message+"\n"+f.Cure, want) {
			t.Errorf("%s: %q, %q lacks %q", code, f.Message, f.Cure, want)
		}
	}
}

// Each error of the domain has its status, says what failed with which value, and what can be done.
func TestErrorsByCommand(t *testing.T) {
	here, live := open(t, 20121), open(t, 30001)
	to := here.to(live)
	nobody := link.Connection{Address: "127.0.0.1", Port: 1, Site: 30001}
	with := func(change func(*link.Connection)) control.Enable {
		c := to
		change(&c)
		return control.Enable{Site: 20121, Login: publisher, Connection: c}
	}
	library := must[control.Site](here, "site.create", control.NewSite{Name: "Files", Library: true})
	must[any](here, "user.add", control.User{Email: "reader@example.com", ScreenName: "reader"})
	must[any](live, "user.add", control.User{Email: "reader@example.com", ScreenName: "reader"})
	must[any](here, "user.add", control.User{Email: "alone@example.com", ScreenName: "alone", Admin: true})
	must[any](here, "user.grant", control.Grant{Login: "reader", Site: 20121, Actions: []content.Action{content.ManageStaging}})
	for _, tt := range []struct {
		name, command string
		in            any
		status        int
		code          content.Code
		says          []string
	}{
		{"no site", "site.show", control.SiteID{Site: 404}, 404, content.NoSite, []string{"404", "stagelock site list"}},
		{"no site to unlock", "site.unlock", control.SiteID{Site: 404}, 404, content.NoSite, nil},
		{"no arrivals of no site", "site.received", control.SiteID{Site: 404}, 404, content.NoSite, nil},
		{"a site that is taken", "site.create", control.NewSite{ID: 20121, Name: "Again"}, 409, content.Taken, []string{"choose another one"}},
		{"no item", "content.open", control.ItemID{Site: 20121, Kind: content.Article, UUID: "u"}, 404, content.NoItem,
			[]string{"no article u in site 20121", "stagelock content list"}},
		{"no versions of no item", "content.versions", control.ItemID{Site: 20121, Kind: content.Article, UUID: "u"}, 404, content.NoItem, nil},
		{"no user", "user.grant", control.Grant{Login: "nobody", Site: 20121}, 404, content.NoUser, []string{"nobody", "stagelock user list"}},
		{"a permission that there is not", "user.grant", control.Grant{Login: publisher, Site: 20121, Actions: []content.Action{"FLY"}},
			422, content.BadItem, []string{`there is no permission "FLY"`}},
		{"a site that is no library", "site.connect", control.Connection{Library: 20121, Site: 20121}, 422, libraries.NoLibrary,
			[]string{"20121 is no asset library"}},
		{"no permission", "staging.enable", control.Enable{Site: 20121, Login: "nobody", Connection: to}, 404, content.NoUser, nil},
		{"not staged", "staging.publish", control.Publish{Site: 20121, Login: publisher}, 409, remote.NotStaged,
			[]string{"staging is not enabled for site 20121", "stagelock staging enable"}},
		{"no history of it", "staging.relaunch", control.ID{ID: 7}, 404, remote.NoPublication, []string{"there is no publication 7"}},
		{"no schedule", "staging.unschedule", control.ID{ID: 7}, 404, remote.NoSchedule, []string{"there is no schedule 7"}},
		{"a schedule that is none", "staging.schedule", remote.Schedule{Site: 20121, Login: publisher, Cron: "x"}, 422, remote.BadSchedule, nil},
		{"an address", "staging.enable", with(func(c *link.Connection) { c.Address = "a/b" }), 422, link.BadAddress, []string{`"a/b"`, "without a path"}},
		{"a port", "staging.enable", with(func(c *link.Connection) { c.Port = 70000 }), 422, link.BadPort, []string{"70000", "1 to 65535"}},
		{"a path context", "staging.enable", with(func(c *link.Connection) { c.PathContext = "x" }), 422, link.BadPathContext, []string{`"x"`, "begins with /"}},
		{"a site id", "staging.enable", with(func(c *link.Connection) { c.Site = -1 }), 422, link.BadSiteID, []string{"-1", "stagelock site list"}},
		{"nobody there", "staging.enable", control.Enable{Site: 20121, Login: publisher, Connection: nobody}, 502, link.NoConnection,
			[]string{"http://127.0.0.1:1", "check the address, the port and the path context"}},
		{"a login that live does not know", "staging.enable", control.Enable{Site: 20121, Login: "alone@example.com", Connection: to}, 403,
			link.NoAuthentication, []string{"unable to authenticate", "the same shared secret"}},
		{"no site there", "staging.enable", with(func(c *link.Connection) { c.Site = 404 }), 422, link.NoRemoteSite, []string{"site id 404"}},
		{"no permission there", "staging.enable", control.Enable{Site: 20121, Login: "reader", Connection: to}, 403, link.NoRemoteRight,
			[]string{"30001", "stagelock user grant LOGIN UPDATE EXPORT_IMPORT_LAYOUTS"}},
		{"of another kind", "staging.enable", control.Enable{Site: library.ID, Login: "alone@example.com", Connection: nobody}, 502, link.NoConnection, nil},
		{"pages of a library", "staging.enable", control.Enable{Site: library.ID, Login: "alone@example.com",
			Connection: link.Connection{Address: "x", Port: 1, Site: 1, Types: []content.Type{content.Pages}}}, 422, link.BadType, nil},
		{"no versions", "page.vary", control.Variation{Site: 20121, Name: "x"}, 422, revisions.NotVersioned, []string{"--page-versioning"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := control.Do[any](t.Context(), here.Client, tt.command, tt.in)
			refusedAs(t, err, tt.status, tt.code, tt.says...)
		})
	}
	if s, err := live.engine.Site(t.Context(), 30001); err != nil || s.StagingCount != 0 {
		t.Errorf("live counts %d, %v", s.StagingCount, err)
	}
}

// Only a POST to a command's own path, with the token, is one.
func TestRequestsThatAreNoCommands(t *testing.T) {
	s := open(t, 20121)
	for _, tt := range []struct {
		name, method, path, authorization, body string
		status                                  int
		code                                    string
	}{
		{"another method", "GET", "/v1/site.list", "Bearer " + token, "{}", 404, "no-command"},
		{"another path", "POST", "/v2/site.list", "Bearer " + token, "{}", 404, "no-command"},
		{"below a command", "POST", "/v1/site.list/x", "Bearer " + token, "{}", 404, "no-command"},
		{"the root", "POST", "/", "Bearer " + token, "{}", 404, "no-command"},
		{"no scheme", "POST", "/v1/site.list", token, "{}", 401, "token"},
		{"another scheme", "POST", "/v1/site.list", "Basic " + token, "{}", 401, "token"},
		{"the token and more", "POST", "/v1/site.list", "Bearer " + token + "0", "{}", 401, "token"},
		{"half of the token", "POST", "/v1/site.list", "Bearer " + token[:8], "{}", 401, "token"},
		{"no input", "POST", "/v1/site.list", "Bearer " + token, "", 400, "input"},
		{"an input that is none", "POST", "/v1/site.list", "Bearer " + token, "<html>", 400, "input"},
		{"a list for one", "POST", "/v1/site.show", "Bearer " + token, "[]", 400, "input"},
		{"a number that is too large", "POST", "/v1/site.show", "Bearer " + token, `{"site":1e400}`, 400, "input"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), tt.method, s.URL+tt.path, strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", tt.authorization)
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			var a struct{ Code, Message string }
			err = json.NewDecoder(resp.Body).Decode(&a)
			if err != nil || resp.StatusCode != tt.status || a.Code != tt.code || a.Message == "" ||
				resp.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%d %+v, %v, want %d %s", resp.StatusCode, a, err, tt.status, tt.code)
			}
			if strings.Contains(a.Message, token) {
				t.Errorf("the answer tells the token: %q", a.Message)
			}
		})
	}
}

// What is no engine is told as such, whatever it answers.
func TestAnswersOfSomethingElse(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
	}{
		{"a page", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, "<html>")
		}},
		{"nothing", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }},
		{"half an answer", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, `{"code":`)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := httptest.NewServer(tt.answer)
			t.Cleanup(s.Close)
			c := &control.Client{URL: s.URL, Token: token}
			_, err := control.Do[any](t.Context(), c, "site.list", struct{}{})
			if !errors.Is(err, control.ErrNoEngine) || !strings.HasPrefix(err.Error(), "site.list: ") {
				t.Errorf("do: %v", err)
			}
			if _, err := c.Download(t.Context(), "content.open", control.ItemID{}); !errors.Is(err, control.ErrNoEngine) {
				t.Errorf("download: %v", err)
			}
			_, err = control.Stream(t.Context(), c, "staging.publish", control.Publish{}, func(any) { t.Error("told of something") })
			if !errors.Is(err, control.ErrNoEngine) {
				t.Errorf("stream: %v", err)
			}
		})
	}
	gone := httptest.NewServer(nil)
	gone.Close()
	if _, err := control.Do[any](t.Context(), &control.Client{URL: gone.URL}, "site.list", struct{}{}); err == nil || errors.Is(err, control.ErrNoEngine) {
		t.Errorf("nobody: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := control.Do[any](ctx, &control.Client{URL: gone.URL}, "site.list", struct{}{}); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
}

// A stream that breaks is no publish that ended.
func TestAStreamThatBreaks(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"id":1,"state":"running"}`+"\n"+`{"id":1,"sta`)
	}))
	t.Cleanup(s.Close)
	told := 0
	last, err := control.Stream(t.Context(), &control.Client{URL: s.URL, Token: token}, "staging.publish", control.Publish{},
		func(remote.Publication) { told++ })
	if err == nil || told != 1 || last.State != remote.Running {
		t.Errorf("told %d times, last %+v, %v", told, last, err)
	}
}
