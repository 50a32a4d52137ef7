package revisions_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/stagelock/stagelock/integration/engine"
	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/revisions"
)

// rows is everything of versions and of the journal, which a refusal must leave alone.
func (s studio) rows() (all []string) {
	s.Helper()
	for _, query := range []string{
		`SELECT id || ' ' || variation || ' ' || page || ' ' || branch || ' ' || number || ' ' || sha256 || ' ' || ready FROM revisions ORDER BY id`,
		`SELECT id || ' ' || site || ' ' || private || ' ' || name || ' ' || main FROM variations ORDER BY id`,
		`SELECT seq || ' ' || uuid FROM journal ORDER BY seq`, `SELECT pack || ' ' || sha256 FROM blobs ORDER BY sha256`,
	} {
		rows, err := content.Column(s.Context(), s.Store, query)
		s.must(err)
		all = append(append(all, query), rows...)
	}
	return all
}

// TestWordsOfVersions holds what each refusal says, and that it changes nothing.
func TestWordsOfVersions(t *testing.T) {
	s := newStudio(t)
	home := s.page("Home", "")
	private := revisions.Set{Site: site, Private: true}
	ctx := t.Context()
	must := func(_ any, err error) error { return err }
	none := fmt.Sprintf("site %d has no versions of its private pages", site)
	s.turn(true, public)
	s.must(must(s.Pages.AddVariation(ctx, public, "Christmas", "")))
	for _, tt := range []struct {
		name string
		do   func() error
		code content.Code
		want string
	}{
		{"no name", func() error { return must(s.Pages.AddVariation(ctx, public, "", "")) }, content.BadItem, "a variation without a name"},
		{"a name that is there", func() error { return must(s.Pages.AddVariation(ctx, public, "Christmas", "")) }, content.Taken,
			`there is a variation "Christmas" already`},
		{"the main one again", func() error { return must(s.Pages.AddVariation(ctx, public, revisions.Main, "Christmas")) }, content.Taken,
			`there is a variation "Main Variation" already`},
		{"from nowhere", func() error { return must(s.Pages.AddVariation(ctx, public, "x", "a\"b")) }, revisions.NoVariation,
			fmt.Sprintf(`there is no variation "a\"b" of the pages of site %d`, site)},
		{"in another case", func() error { return s.Pages.RemoveVariation(ctx, public, "christmas") }, revisions.NoVariation,
			fmt.Sprintf(`there is no variation "christmas" of the pages of site %d`, site)},
		{"of private pages", func() error { return must(s.Pages.AddVariation(ctx, private, "x", "")) }, revisions.NotVersioned, none},
		{"revisions of private pages", func() error { return must(s.Pages.Revisions(ctx, private, home.UUID)) }, revisions.NotVersioned, none},
		{"the main one removed", func() error { return s.Pages.RemoveVariation(ctx, public, "") }, revisions.MainStays, "the main variation cannot be removed"},
		{"a branch that is there", func() error {
			return must(s.Pages.AddBranch(ctx, public, home.UUID, revisions.Place{Variation: "Christmas", Branch: revisions.Main}))
		}, content.Taken, `there is a variation "Main Variation" of this page already`},
		{"a branch without a name", func() error { return must(s.Pages.AddBranch(ctx, public, home.UUID, revisions.Place{})) }, content.Taken,
			`there is a variation "" of this page already`},
		{"a branch of no page", func() error { return must(s.Pages.AddBranch(ctx, public, "u", revisions.Place{Branch: "B"})) }, revisions.NoBranch,
			`there is no variation "Main Variation" of the page u in "Main Variation"`},
		{"saved in no branch", func() error {
			return must(s.Pages.Save(ctx, public, home.UUID, revisions.Place{Variation: "Christmas", Branch: "B"}, strings.NewReader("never")))
		}, revisions.NoBranch, fmt.Sprintf(`there is no variation "B" of the page %s in "Christmas"`, home.UUID)},
		{"no revision", func() error { return must(s.Pages.MarkReady(ctx, site, -1)) }, revisions.NoRevision,
			fmt.Sprintf("there is no revision -1 in site %d", site)},
		{"no site", func() error { return must(s.Pages.Variations(ctx, revisions.Set{Site: 404})) }, content.NoSite, "no site 404"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := s.rows()
			if err := tt.do(); !errors.Is(err, tt.code) || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			if diff := cmp.Diff(before, s.rows()); diff != "" {
				t.Errorf("changed\n%s", diff)
			}
		})
	}
}

// TestARevisionThatBreaks is none: no row, and the page's newest one stays.
func TestARevisionThatBreaks(t *testing.T) {
	s := newStudio(t)
	home := s.page("Home", "")
	s.turn(true, public)
	_, err := s.Pages.AddVariation(t.Context(), public, "A", "")
	s.must(err)
	before, cut := s.rows(), errors.New("cut")
	for _, n := range []int{0, 1, 1 << 17} {
		_, err := s.Pages.Save(t.Context(), public, home.UUID, revisions.Place{Variation: "A"},
			io.MultiReader(strings.NewReader(strings.Repeat("x", n)), iotest.ErrReader(cut)))
		if !errors.Is(err, cut) || !strings.HasPrefix(err.Error(), "revision of "+home.UUID+": ") {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
	if diff := cmp.Diff(before, s.rows()); diff != "" {
		t.Error(diff)
	}
}

// TestTheTwoPageSetsDoNotMeet: a page of one uuid in both sets has versions in the one that is versioned only, and
// turning that off leaves the pages and nothing else.
func TestTheTwoPageSetsDoNotMeet(t *testing.T) {
	s := newStudio(t)
	private := revisions.Set{Site: site, Private: true}
	for _, set := range []revisions.Set{public, private} {
		_, err := s.AddPage(t.Context(), site, "Home", "old", engine.PageOptions{UUID: "u", Private: set.Private})
		s.must(err)
	}
	s.turn(true, private)
	for _, p := range []bool{false, true} {
		_, err := s.UpdatePage(t.Context(), site, p, "u", "new")
		s.must(err)
	}
	all, err := s.Pages.Revisions(t.Context(), private, "u")
	s.must(err)
	if len(all) != 2 || !all[0].Ready || all[1].Ready || all[1].Number != 2 || all[0].SHA256 == all[1].SHA256 {
		t.Errorf("private: %+v", all)
	}
	if got := s.published(engine.ExportOptions{}); got["Home"] != "new" {
		t.Errorf("the public one is %q", got)
	}
	s.must(s.Delete(t.Context(), site, content.Page, false, "u"))
	if all, err = s.Pages.Revisions(t.Context(), private, "u"); err != nil || len(all) != 2 {
		t.Errorf("without the public one: %+v, %v", all, err)
	}
	s.turn(false, public) // which was never on
	if all, err = s.Pages.Revisions(t.Context(), private, "u"); err != nil || len(all) != 2 {
		t.Errorf("after the other set was turned off: %+v, %v", all, err)
	}
	s.turn(false, private)
	if _, err := s.Pages.Revisions(t.Context(), private, "u"); !errors.Is(err, revisions.NotVersioned) {
		t.Errorf("turned off: %v", err)
	}
	if it, found, err := s.Item(t.Context(), site, content.Page, true, "u"); err != nil || !found || it.SHA256 != all[1].SHA256 {
		t.Errorf("the page is %+v, %t, %v", it, found, err)
	}
}

// TestPlacesThatAreThePageItself holds where a page is written and not only revised.
func TestPlacesThatAreThePageItself(t *testing.T) {
	for at, want := range map[revisions.Place]bool{
		{}: true, {Variation: revisions.Main}: true, {Branch: revisions.Main}: true, {Variation: revisions.Main, Branch: revisions.Main}: true,
		{Variation: "A"}: false, {Branch: "B"}: false, {Variation: "A", Branch: revisions.Main}: false, {Variation: "main variation"}: false,
	} {
		if got := at.IsMain(); got != want {
			t.Errorf("%+v: %t", at, got)
		}
	}
	for set, want := range map[revisions.Set]string{{}: "public pages", {Private: true}: "private pages"} {
		if got := set.String(); got != want {
			t.Errorf("%+v: %q", set, got)
		}
	}
}
