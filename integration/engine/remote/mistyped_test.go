package remote_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/integration/engine"
	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/remote"
)

// A publish that names something that is not there, or what cannot be together, is told so before live is asked, and
// so is its schedule: a wrong uuid came to a publish of nothing that had succeeded.
func TestSelectionsThatCannotBe(t *testing.T) {
	p := newPair(t)
	p.enable()
	ctx := t.Context()
	private, err := p.staging.AddPage(ctx, here, "Staff", "", engine.PageOptions{Private: true})
	p.must(err)
	shown, err := p.staging.AddPage(ctx, here, "Home", "", engine.PageOptions{})
	p.must(err)
	gone, err := p.staging.AddArticle(ctx, here, "Gone", "x")
	p.must(err)
	p.must(p.staging.Delete(ctx, here, content.Article, false, gone.UUID))
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name string
		o    remote.Options
		want string
	}{
		{"an end before the beginning", remote.Options{From: noon, To: noon.Add(-time.Hour)}, "cannot end before it begins"},
		{"since the last, from a date", remote.Options{Since: true, From: noon}, "not both"},
		{"since the last, until a date", remote.Options{Since: true, To: noon}, "not both"},
		{"a page without an application", remote.Options{Onto: private.UUID}, "name the application"},
		{"an application and a page", remote.Options{Portlet: instance, Pages: []string{private.UUID}}, "has no pages or items of its own"},
		{"an application and a type", remote.Options{Portlet: instance, Types: []content.Type{content.Documents}}, "has no types of its own"},
		{"a page, and types without pages", remote.Options{Pages: []string{shown.UUID}, Types: []content.Type{content.Documents}},
			"not of pages, which page " + shown.UUID},
		{"an item of a type that is left out", remote.Options{Items: []content.Ref{{Kind: content.Page, UUID: shown.UUID}},
			Types: []content.Type{content.Documents}}, "not of pages, which page " + shown.UUID},
		{"a name without end", remote.Options{Name: strings.Repeat("x", 256)}, "at most 255 bytes"},
		{"no page of that uuid", remote.Options{Pages: []string{"nowhere"}}, "no page nowhere in site 20121"},
		{"a private page among the public ones", remote.Options{Pages: []string{private.UUID}}, "no page " + private.UUID},
		{"no item of that uuid", remote.Options{Items: []content.Ref{{Kind: content.Document, UUID: "nowhere"}}}, "no document nowhere in site 20121"},
		{"an item without a uuid", remote.Options{Items: []content.Ref{{Kind: content.Page}}}, "no page  in site"},
		{"an item that was deleted", remote.Options{Items: []content.Ref{{Kind: content.Article, UUID: gone.UUID}}}, "no article " + gone.UUID},
		{"an item of no kind", remote.Options{Items: []content.Ref{{Kind: "thing", UUID: "u"}}}, `"" is not staged`},
		{"a type that there is not", remote.Options{Types: []content.Type{"wiki"}}, `"wiki" is not staged`},
		{"a type without a name", remote.Options{Types: []content.Type{content.Pages, ""}}, `"" is not staged`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := p.faults.count()
			out, err := p.staging.Staging.Publish(ctx, login, here, tt.o, nil)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("publish: %s, %v, want %q", out.State, err, tt.want)
			}
			sc, err := p.staging.Staging.Schedule(ctx, remote.Schedule{Site: here, Login: login, Cron: "0 3 * * *", Options: tt.o})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("schedule: %+v, %v, want %q", sc, err, tt.want)
			}
			if now := p.faults.count(); now != before {
				t.Errorf("live was called %d times", now-before)
			}
		})
	}
	history, err := p.staging.Staging.History(ctx, here)
	p.must(err)
	schedules, err := p.staging.Staging.Schedules(ctx, here)
	p.must(err)
	if len(history)+len(schedules) > 0 {
		t.Errorf("history %+v, schedules %+v", history, schedules)
	}
}

// Types are the same in whatever order they are typed, and however often.
func TestTypesInAnyOrder(t *testing.T) {
	p := newPair(t)
	c := p.remote
	for _, typed := range [][]content.Type{
		{content.Pages, content.Documents}, {content.Documents, content.Pages}, {content.Pages, content.Documents, content.Pages},
	} {
		c.Types = typed
		st, err := p.staging.Staging.Enable(t.Context(), login, here, c)
		if err != nil || len(st.Connection.Types) != 2 || st.Connection.Types[0] != content.Pages {
			t.Errorf("%v: %v, %v", typed, st.Connection.Types, err)
		}
	}
	if n := p.attached(); n != 1 {
		t.Errorf("attached %d times", n)
	}
}
