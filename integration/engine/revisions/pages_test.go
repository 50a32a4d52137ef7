package revisions_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stagelock/stagelock/integration/engine"
	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/revisions"
)

const site = 20121

var public = revisions.Set{Site: site}

// studio is a site with pages and what tests do with it.
type studio struct {
	testing.TB
	*engine.Engine
}

func newStudio(t testing.TB) studio {
	t.Helper()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	e, err := engine.New(engine.Config{Dir: t.TempDir(), Build: "7413", CompanyID: 1, Now: func() time.Time { return at }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	s := studio{t, e}
	_, err = e.CreateSite(t.Context(), engine.Site{ID: site, Name: "Shop"})
	s.must(err)
	return s
}

func (s studio) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s studio) page(name, parent string) content.Item {
	s.Helper()
	it, err := s.AddPage(s.Context(), site, name, name+" 1", engine.PageOptions{Parent: parent})
	s.must(err)
	return it
}

func (s studio) turn(on bool, set revisions.Set) {
	s.Helper()
	s.must(s.Change(s.Context(), func(tx *content.Tx) error {
		if on {
			return revisions.TurnOn(s.Context(), tx, set, s.Now())
		}
		return revisions.TurnOff(s.Context(), tx, set)
	}))
}

func (s studio) update(page content.Item, text string) {
	s.Helper()
	_, err := s.UpdatePage(s.Context(), site, page.Private, page.UUID, text)
	s.must(err)
}

func (s studio) revisions(page content.Item) []revisions.Revision {
	s.Helper()
	all, err := s.Pages.Revisions(s.Context(), public, page.UUID)
	s.must(err)
	return all
}

// markLast marks the newest revision of a page in a place as ready.
func (s studio) markLast(page content.Item, variation, branch string) revisions.Revision {
	s.Helper()
	var newest int64
	for _, r := range s.revisions(page) {
		if r.Variation == variation && r.Branch == branch {
			newest = r.ID
		}
	}
	r, err := s.Pages.MarkReady(s.Context(), site, newest)
	s.must(err)
	return r
}

// published returns the texts of the pages that an export of a variation holds, by name.
func (s studio) published(o engine.ExportOptions) map[string]string {
	s.Helper()
	live := newStudio(s.TB)
	s.must(live.AddUser(s.Context(), engine.User{ID: 7, Email: "a@example.com", ScreenName: "a", Admin: true}))
	lar, err := s.Export(s.Context(), site, o)
	s.must(err)
	importLAR(live, lar)
	all, err := live.Items(s.Context(), site, content.Page)
	s.must(err)
	texts := map[string]string{}
	for _, p := range all {
		r, err := live.Open(s.Context(), p)
		s.must(err)
		b, err := io.ReadAll(r)
		s.must(errors.Join(err, r.Close()))
		texts[p.Name] = string(b)
	}
	return texts
}

func TestOnlyWhatIsReadyIsPublished(t *testing.T) {
	s := newStudio(t)
	home := s.page("Home", "")
	s.turn(true, public)
	news := s.page("News", "")
	below := s.page("Below", news.UUID)
	s.update(home, "Home 2")
	step := func(name string, want map[string]string) {
		t.Helper()
		if diff := cmp.Diff(want, s.published(engine.ExportOptions{})); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
	step("what was there is ready, what came is a draft", map[string]string{"Home": "Home 1"})
	s.markLast(home, revisions.Main, revisions.Main)
	s.markLast(below, revisions.Main, revisions.Main)
	step("a page below one that is not ready stays behind", map[string]string{"Home": "Home 2"})
	s.markLast(news, revisions.Main, revisions.Main)
	step("both", map[string]string{"Home": "Home 2", "News": "News 1", "Below": "Below 1"})
	s.update(home, "Home 3")
	step("a newer draft changes nothing", map[string]string{"Home": "Home 2", "News": "News 1", "Below": "Below 1"})
	first, err := s.Pages.MarkReady(t.Context(), site, s.revisions(home)[0].ID)
	s.must(err)
	step("back to the first", map[string]string{"Home": "Home 1", "News": "News 1", "Below": "Below 1"})
	if !first.Ready || first.Number != 1 {
		t.Errorf("%+v", first)
	}
	s.turn(false, public)
	step("without versions the page itself", map[string]string{"Home": "Home 3", "News": "News 1", "Below": "Below 1"})
}

func TestVariationsOfTheSetAndOfAPage(t *testing.T) {
	s := newStudio(t)
	home := s.page("Home", "")
	s.turn(true, public)
	ctx := t.Context()
	_, err := s.Pages.AddVariation(ctx, public, "Christmas", "")
	s.must(err)
	if got := s.published(engine.ExportOptions{Variation: "Christmas"}); len(got) != 0 {
		t.Errorf("a new variation has %v ready", got)
	}
	_, err = s.Pages.Save(ctx, public, home.UUID, revisions.Place{Variation: "Christmas"}, strings.NewReader("Ho ho ho"))
	s.must(err)
	s.markLast(home, "Christmas", revisions.Main)
	_, err = s.Pages.AddBranch(ctx, public, home.UUID, revisions.Place{Branch: "Bold"})
	s.must(err)
	_, err = s.Pages.Save(ctx, public, home.UUID, revisions.Place{Branch: "Bold"}, strings.NewReader("HOME"))
	s.must(err)
	for _, tt := range []struct{ name, variation, want string }{
		{"christmas", "Christmas", "Ho ho ho"}, {"main", "", "Home 1"}, {"main by its name", revisions.Main, "Home 1"},
	} {
		if got := s.published(engine.ExportOptions{Variation: tt.variation})["Home"]; got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	s.markLast(home, revisions.Main, "Bold")
	if got := s.published(engine.ExportOptions{})["Home"]; got != "HOME" {
		t.Errorf("the page's own variation: %q", got)
	}
	s.must(s.Pages.RemoveVariation(ctx, public, "Christmas"))
	if _, err := s.Export(ctx, site, engine.ExportOptions{Variation: "Christmas"}); !errors.Is(err, revisions.NoVariation) {
		t.Errorf("a variation that is gone: %v", err)
	}
	if got := s.revisions(home); len(got) != 3 {
		t.Errorf("revisions left %+v", got)
	}
}

func TestSinceTheLastPublishTakesWhatWasMarked(t *testing.T) {
	s := newStudio(t)
	home := s.page("Home", "")
	s.turn(true, public)
	lar, err := s.Export(t.Context(), site, engine.ExportOptions{})
	s.must(err)
	s.must(s.Published(t.Context(), lar.Summary))
	since := engine.ExportOptions{SinceLastPublish: true}
	s.update(home, "Home 2")
	if got := s.published(since); len(got) != 0 {
		t.Errorf("a draft is taken: %v", got)
	}
	s.markLast(home, revisions.Main, revisions.Main)
	if got := s.published(since); got["Home"] != "Home 2" {
		t.Errorf("what was marked is not taken: %v", got)
	}
	s.must(s.Delete(t.Context(), site, content.Page, false, home.UUID))
	if got := s.revisions(home); len(got) != 0 {
		t.Errorf("a page that is deleted keeps %v", got)
	}
}

func TestWhatCannotBe(t *testing.T) {
	s := newStudio(t)
	home := s.page("Home", "")
	ctx := t.Context()
	if _, err := s.Pages.Revisions(ctx, public, home.UUID); !errors.Is(err, revisions.NotVersioned) {
		t.Errorf("without versions: %v", err)
	}
	s.turn(true, public)
	s.turn(true, public) // twice is once
	private := revisions.Set{Site: site, Private: true}
	add := func(set revisions.Set, name, from string) func() error {
		return func() error { _, err := s.Pages.AddVariation(ctx, set, name, from); return err }
	}
	save := func(at revisions.Place) func() error {
		return func() error { _, err := s.Pages.Save(ctx, public, home.UUID, at, strings.NewReader("x")); return err }
	}
	for _, tt := range []struct {
		name string
		do   func() error
		want content.Code
	}{
		{"no name", add(public, "", ""), content.BadItem},
		{"a name that is taken", add(public, revisions.Main, ""), content.Taken},
		{"from nowhere", add(public, "A", "B"), revisions.NoVariation},
		{"of pages without versions", add(private, "A", ""), revisions.NotVersioned},
		{"the main one removed", func() error { return s.Pages.RemoveVariation(ctx, public, revisions.Main) }, revisions.MainStays},
		{"one removed that is not", func() error { return s.Pages.RemoveVariation(ctx, public, "A") }, revisions.NoVariation},
		{"saved in no variation", save(revisions.Place{Variation: "A"}), revisions.NoVariation},
		{"saved in no branch", save(revisions.Place{Branch: "B"}), revisions.NoBranch},
		{"a revision that is not", func() error { _, err := s.Pages.MarkReady(ctx, site, 404); return err }, revisions.NoRevision},
		{"of another site", func() error { _, err := s.Pages.MarkReady(ctx, 404, s.revisions(home)[0].ID); return err }, revisions.NoRevision},
		{"a branch that is there", func() error {
			_, err := s.Pages.AddBranch(ctx, public, home.UUID, revisions.Place{Branch: revisions.Main})
			return err
		}, content.Taken},
		{"a branch of no page", func() error {
			_, err := s.Pages.AddBranch(ctx, public, "nowhere", revisions.Place{Branch: "B"})
			return err
		}, revisions.NoBranch},
		{"a site that is not", func() error { _, err := s.Pages.Variations(ctx, revisions.Set{Site: 404}); return err }, content.NoSite},
	} {
		if err := tt.do(); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
	if all, err := s.Pages.Variations(ctx, public); err != nil || len(all) != 1 || !all[0].Main {
		t.Errorf("%+v, %v", all, err)
	}
}

// Whatever authors do, at most one revision of a page is ready in a variation, numbers have no gap, and
// what is published is the one that was marked last.
func TestAnyOrderOfWork(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 2))
			s := newStudio(t)
			home := s.page("Home", "")
			s.turn(true, public)
			places := []revisions.Place{{Variation: revisions.Main, Branch: revisions.Main}}
			marked := map[string]string{revisions.Main: s.revisions(home)[0].SHA256}
			for i := range 40 {
				at := places[r.IntN(len(places))]
				switch text := fmt.Sprint("text ", i); r.IntN(5) {
				case 0:
					v, err := s.Pages.AddVariation(t.Context(), public, fmt.Sprint("set ", i), at.Variation)
					s.must(err)
					places = append(places, revisions.Place{Variation: v.Name, Branch: revisions.Main})
				case 1:
					b, err := s.Pages.AddBranch(t.Context(), public, home.UUID, revisions.Place{Variation: at.Variation, Branch: text})
					s.must(err)
					places = append(places, revisions.Place{Variation: at.Variation, Branch: b.Branch})
				case 2:
					marked[at.Variation] = s.markLast(home, at.Variation, at.Branch).SHA256
				default:
					if at.IsMain() {
						s.update(home, text)
						continue
					}
					_, err := s.Pages.Save(t.Context(), public, home.UUID, at, strings.NewReader(text))
					s.must(err)
				}
			}
			s.check(home, marked)
		})
	}
}

func (s studio) check(page content.Item, marked map[string]string) {
	s.Helper()
	ready, number := map[string]string{}, map[revisions.Place]int64{}
	for _, r := range s.revisions(page) {
		at := revisions.Place{Variation: r.Variation, Branch: r.Branch}
		if number[at]++; number[at] != r.Number {
			s.Errorf("revision %d of %+v has the number %d", number[at], at, r.Number)
		}
		if !r.Ready {
			continue
		}
		if ready[r.Variation] != "" {
			s.Errorf("two revisions are ready in %s", r.Variation)
		}
		ready[r.Variation] = r.SHA256
	}
	if diff := cmp.Diff(marked, ready); diff != "" {
		s.Errorf("ready:\n%s", diff)
	}
}

// importLAR has an engine import an archive as a publish does.
func importLAR(to studio, lar *engine.LAR) {
	to.Helper()
	ctx := context.Background()
	id, err := to.CreateStagingRequest(ctx, "a", site, lar.MD5)
	to.must(err)
	part, err := to.Spool(open(to, lar.Path))
	to.must(err)
	to.must(to.UpdateStagingRequest(ctx, "a", id, "a.zip00", part))
	refs, err := to.PublishStagingRequest(ctx, "a", id, engine.Configuration{Settings: map[string]any{"targetGroupId": int64(site)}})
	to.must(err)
	if len(refs.Dependency) > 0 {
		to.Fatalf("missing %v", slices.Collect(slices.Values(refs.Dependency)))
	}
}
