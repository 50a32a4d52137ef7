package liferay_test

import (
	"bytes"
	"errors"
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
		lar, err := source.Export(t.Context(), site, opt)
		if err != nil {
			t.Fatal(err)
		}
		d := do[driven](p, "flow", fields{"name": name, "file": lar.Path, "screenName": nickname, "group": site})
		if d.Failure != nil || !d.OK {
			t.Errorf("%s: %+v %+v", name, d.Failure, d.Exception)
		}
		for _, c := range d.Calls {
			if !c.OK {
				t.Errorf("%s: %s: %v", name, c.Call, c.Exception)
			}
		}
	}
	flow("enable", engine.ExportOptions{})
	locked(t, live, journal)
	flow("publish pages", engine.ExportOptions{})
	arrived(t, live, 1, "Home", "Sale")
	rewrite(t, source, article, "second")
	flow("schedule", engine.ExportOptions{})
	arrived(t, live, 2, "second")
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
