package liferay_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/integration/engine"
	"github.com/stagelock/stagelock/integration/engine/author"
	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/internal/harness"
)

// The applications that the vendor's flows publish, and the page that they publish onto.
const (
	journal   = "com_liferay_journal_web_portlet_JournalPortlet"
	changeset = "com_liferay_exportimport_web_portlet_ChangesetPortlet"
	livePage  = "3f2c6d0e-page-503"
)

// TestInteropEngine has the vendor's own code switch staging on at our engine, through a gateway, and
// publish to it as a user would: pages, by schedule, an application onto a page, single content; then
// switch it off. What arrives is what was published, and live is locked in between and free afterwards.
func TestInteropEngine(t *testing.T) {
	needJVM(t)
	const name = "7.4.3.112"
	build(t, name)
	r := release{name: name, line: "7.4"}
	live, source := liveEngine(t), liveEngine(t)
	o := options(r, secrets[0], live.URL)
	g := harness.Start(t, o)
	p, _ := client(t, r, secrets[0], g.URL, []*harness.Gateway{g})
	article := fill(t, source, live)
	flow := func(name string, opt engine.ExportOptions) {
		t.Helper()
		flowTo(t, p, source, name, opt, fields{"group": site})
	}
	flow("enable", engine.ExportOptions{})
	locked(t, live, journal)
	flow("publish pages", engine.ExportOptions{})
	arrived(t, live, 1, "Home", "Sale")
	rewrite(t, source, article, "second")
	flow("schedule", engine.ExportOptions{})
	arrived(t, live, 2, "second")
	lookups(t, p, source, live)
	rewrite(t, source, article, "third")
	flow("application onto a page", engine.ExportOptions{Portlet: journal})
	arrived(t, live, 3, "third")
	rewrite(t, source, article, "fourth")
	flow("single content", engine.ExportOptions{Portlet: changeset, Items: []content.Ref{{Kind: content.Article, UUID: article}}})
	arrived(t, live, 4, "fourth")
	flow("disable", engine.ExportOptions{})
	if s, err := live.Site(t.Context(), site); err != nil || s.StagingCount != 0 {
		t.Errorf("after disable: %+v, %v", s, err)
	}
}

// flowTo has the vendor's code carry a flow out with what the source has, and fails unless every call of it
// succeeds. It returns them in order.
func flowTo(t *testing.T, p *program, source *harness.Engine, name string, opt engine.ExportOptions, to fields) []exchange {
	t.Helper()
	lar, err := source.Export(t.Context(), int64(to["group"].(int)), opt)
	if err != nil {
		t.Fatal(err)
	}
	d := do[driven](p, "flow", with(to, fields{"name": name, "file": lar.Path, "screenName": nickname}))
	if d.Failure != nil || !d.OK {
		t.Errorf("%s: %+v %+v", name, d.Failure, d.Exception)
	}
	for _, c := range d.Calls {
		if !c.OK {
			t.Errorf("%s: %s: %v", name, c.Call, c.Exception)
		}
	}
	return d.Calls
}

// lookups has the staging bar ask what live has of a page: where it is, whether it is there, what it holds.
func lookups(t *testing.T, p *program, source, live *harness.Engine) {
	t.Helper()
	before, err := live.Ledger(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lar, err := source.Export(t.Context(), site, engine.ExportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	d := do[driven](p, "flow", fields{"name": "look-ups", "file": lar.Path, "screenName": nickname, "group": site})
	asked := map[string]bool{}
	for _, c := range d.Calls {
		asked[c.Call] = true
		lost := c.Call == "hasPortletId" && strings.Contains(fmt.Sprint(c.Exception), "NoSuchLayout") // of a page that live never had
		if !c.OK && !lost {
			t.Errorf("%s: %v", c.Call, c.Exception)
		}
	}
	after, err := live.Ledger(t.Context())
	if err != nil || len(after)-len(before) > len(d.Calls) || d.Failure != nil {
		t.Errorf("%d calls were made, %d more are known: %v, %v", len(d.Calls), len(after)-len(before), err, d.Failure)
	}
	for _, want := range []string{"getLayoutByUuidAndGroupId", "hasPortletId", "getGroupDisplayURL", "getGroup"} {
		if !asked[want] {
			t.Errorf("nobody asked %s: %v", want, asked)
		}
	}
}

// TestInteropEngineLibrary has the vendor's own code switch the staging of an asset library on at our engine,
// publish to it and switch it off. It asks for the class name of the library's group before each.
func TestInteropEngineLibrary(t *testing.T) {
	needJVM(t)
	const name = "7.4.3.112"
	build(t, name)
	r := release{name: name, line: "7.4"}
	live, source := liveEngine(t), liveEngine(t)
	ctx := t.Context()
	for _, e := range []*harness.Engine{live, source} {
		_, err := e.CreateSite(ctx, engine.Site{ID: secondary, Name: "Files", Library: true})
		if err = errors.Join(err, e.Grant(ctx, 20199, secondary, engine.ExportImportLayouts, engine.Update)); err != nil {
			t.Fatal(err)
		}
	}
	g := harness.Start(t, options(r, secrets[0], live.URL))
	p, _ := client(t, r, secrets[0], g.URL, []*harness.Gateway{g})
	_, err := source.AddArticle(ctx, secondary, "Sale", "first")
	_, err2 := source.Add(ctx, secondary, author.Draft{Kind: content.Document, Name: "a.txt"}, strings.NewReader("a document"))
	if err = errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	to := fields{"group": secondary, "library": true}
	asked := 0
	for _, flow := range []string{"enable", "publish pages", "schedule", "disable"} {
		for _, c := range flowTo(t, p, source, flow, engine.ExportOptions{}, to) {
			if c.Call == "fetchByClassNameId" {
				asked++
			}
		}
		s, err := live.Site(ctx, secondary)
		if on := flow != "disable"; err != nil || (s.StagingCount == 1) != on {
			t.Errorf("after %s: %+v, %v", flow, s, err)
		}
	}
	if asked < 2 {
		t.Errorf("the class name was asked for %d times", asked)
	}
	all, err := live.List(ctx, secondary)
	names := map[string]bool{}
	for _, it := range all {
		names[it.Name] = true
	}
	if err != nil || !names["Sale"] || !names["a.txt"] {
		t.Errorf("the library has %v, %v", names, err)
	}
	log, err := live.Arrivals(ctx, secondary)
	if err != nil || len(log) != 2 {
		t.Errorf("arrivals %+v, %v", log, err)
	}
}

// liveEngine is one with the site of the vendor's flows.
func liveEngine(t *testing.T) *harness.Engine {
	t.Helper()
	e := harness.StartEngine(t, harness.EngineOptions{Build: "7413", Context: inside, Key: harness.NewKey(t, secrets[0].value)})
	_, err := e.CreateSite(t.Context(), engine.Site{ID: site, Name: "Live"})
	err = errors.Join(err, e.Grant(t.Context(), 20199, site, engine.ExportImportLayouts, engine.Update))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// fill gives the source content, and live the page that applications are published onto.
func fill(t *testing.T, source, live *harness.Engine) (article string) {
	t.Helper()
	ctx := t.Context()
	_, err := source.AddPage(ctx, site, "Home", "Welcome.", author.PageOptions{})
	a, err2 := source.AddArticle(ctx, site, "Sale", "first")
	_, err3 := live.AddPage(ctx, site, "Shown", "", author.PageOptions{UUID: livePage, Portlets: []string{journal}})
	if err := errors.Join(err, err2, err3); err != nil {
		t.Fatal(err)
	}
	return a.UUID
}

func rewrite(t *testing.T, source *harness.Engine, article, text string) {
	t.Helper()
	if _, err := source.Update(t.Context(), site, content.Article, article, strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
}

// locked fails unless live counts one staging environment, which holds the type of that application.
func locked(t *testing.T, live *harness.Engine, portlet string) {
	t.Helper()
	s, err := live.Site(t.Context(), site)
	if err != nil || s.StagingCount != 1 || !strings.Contains(s.Settings, portlet+"=true") {
		t.Errorf("after enable: %+v, %v", s, err)
	}
	if _, err := live.AddArticle(t.Context(), site, "On live", ""); !errors.Is(err, content.Locked) {
		t.Errorf("web content can be changed on live: %v", err)
	}
}

// arrived fails unless live had that many publishes, all good, and has all of this.
func arrived(t *testing.T, live *harness.Engine, publishes int, names ...string) {
	t.Helper()
	log, err := live.Arrivals(t.Context(), site)
	if err != nil || len(log) != publishes {
		t.Errorf("%d publishes arrived, want %d: %v", len(log), publishes, err)
	}
	for _, a := range log {
		if a.State != "succeeded" || a.Login != harness.Login {
			t.Errorf("arrival %+v", a)
		}
	}
	for _, want := range names {
		if text := everything(t, live); !strings.Contains(text, want) {
			t.Errorf("live lacks %q, has %s", want, text)
		}
	}
}

// everything is what live's site has, names and content.
func everything(t *testing.T, live *harness.Engine) string {
	t.Helper()
	all, err := live.List(t.Context(), site)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	for _, it := range all {
		if it.Kind == content.Entry {
			continue
		}
		r, err := live.Open(t.Context(), it)
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString(it.Name + ": ")
		_, err = b.ReadFrom(r)
		if err = errors.Join(err, r.Close()); err != nil {
			t.Fatal(err)
		}
		b.WriteString("\n")
	}
	return b.String()
}
