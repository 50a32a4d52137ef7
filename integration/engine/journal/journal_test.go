package journal_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/integration/engine/author"
	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/journal"
	"github.com/stagelock/stagelock/tunnel/source"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// side is one environment with a site of the same name, and another id.
type side struct {
	t       *testing.T
	store   *content.Store
	author  *author.Author
	journal *journal.Journal
	site    int64
}

const siteName = "Läden/1 %"

const inSite = "Läden%2F1 %25/"

func newSide(t *testing.T, id int64) *side {
	t.Helper()
	s, err := content.Open(t.Context(), content.Config{Dir: t.TempDir(), CompanyID: 1, Now: time.Now})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	site, err := s.CreateSite(t.Context(), content.Site{ID: id, Name: siteName})
	must(t, err)
	return &side{t: t, store: s, author: author.New(s), journal: journal.New(s), site: site.ID}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (s *side) add(d author.Draft, text string) sync.Object {
	s.t.Helper()
	it, err := s.author.Add(s.t.Context(), s.site, d, strings.NewReader(text))
	must(s.t, err)
	kind := string(it.Kind)
	if it.Private {
		kind += ".private"
	}
	return sync.Object(inSite + kind + "/" + it.UUID)
}

func (s *side) rows() []source.Row {
	s.t.Helper()
	all, err := s.journal.Changes(s.t.Context(), 0, 1000)
	must(s.t, err)
	return all
}

// read returns an object as it travels.
func (s *side) read(o sync.Object) (string, source.Facts) {
	s.t.Helper()
	r, f, err := s.journal.Content(s.t.Context(), o)
	must(s.t, err)
	if r == nil {
		return "", f
	}
	b, err := io.ReadAll(r)
	must(s.t, errors.Join(err, r.Close()))
	return string(b), f
}

// take applies an object of another side.
func (s *side) take(from *side, o sync.Object, expect int64, tag string) (int64, error) {
	text, f := from.read(o)
	return s.journal.Apply(s.t.Context(), o, expect, tag, source.Facts{Deleted: f.Deleted, Author: "far"}, strings.NewReader(text))
}

// TestEverythingTravels moves one of each kind to another environment, where it is the same.
func TestEverythingTravels(t *testing.T) {
	a, b := newSide(t, 20121), newSide(t, 30000)
	vocabulary := a.add(author.Draft{Kind: content.Vocabulary, Name: "Colours"}, "")
	category := a.add(author.Draft{Kind: content.Category, Name: "Red", Parent: id(vocabulary)}, "")
	folder := a.add(author.Draft{Kind: content.ArticleFolder, Name: "News"}, "")
	a.add(author.Draft{Kind: content.Article, Name: "Größe", Parent: id(folder), Tags: []string{"new"}, Categories: []string{id(category)},
		Permissions: map[string][]string{"Guest": {"VIEW"}}}, "<p>line one</p>\nline two")
	page := a.add(author.Draft{Kind: content.Page, Name: "Home", Private: true, Portlets: []string{"8"}}, "welcome")
	a.add(author.Draft{Kind: content.Page, Name: "Below", Private: true, Parent: id(page)}, "below")
	a.add(author.Draft{Kind: content.Document, Name: "logo.png", MediaType: "image/png"}, "\x89PNG\n\x00\n")
	b.add(author.Draft{Kind: content.Page, Name: "Its own", Private: true}, "") // so that layout ids differ
	seen := map[sync.Object]bool{}
	for _, row := range a.rows() {
		if seen[row.Object] {
			continue
		}
		seen[row.Object] = true
		seq, err := b.take(a, row.Object, 0, "t"+fmt.Sprint(row.Seq))
		must(t, err)
		want, f := a.read(row.Object)
		got, g := b.read(row.Object)
		if got != want || g.Seq != seq || g.Title != f.Title || !slices.Equal(g.Needs, f.Needs) {
			t.Errorf("%s is %q with %+v, want %q with %+v", row.Object, got, g, want, f)
		}
	}
	if len(seen) != 8 { // and the tag
		t.Errorf("%d objects", len(seen))
	}
	last := b.rows()[len(b.rows())-1]
	if last.Author != "far" || last.Tag == "" {
		t.Errorf("the row of what was taken: %+v", last)
	}
}

func id(o sync.Object) string {
	_, _, id := o.Parts()
	return id
}

func TestCompareAndSet(t *testing.T) {
	a, b := newSide(t, 0), newSide(t, 0)
	o := a.add(author.Draft{Kind: content.Article, Name: "x", UUID: "u"}, "one")
	seq, err := b.take(a, o, 0, "t1")
	must(t, err)
	again, err := b.take(a, o, 0, "t1")
	if err != nil || again != seq || len(b.rows()) != 1 {
		t.Errorf("a repeat: row %d, %v, %d rows", again, err, len(b.rows()))
	}
	if _, err := b.take(a, o, 0, "t2"); !errors.Is(err, source.ErrMoved) {
		t.Errorf("another tag on what there was before: %v", err)
	}
	if _, err = b.author.Update(t.Context(), b.site, content.Article, "u", strings.NewReader("edited here")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.take(a, o, seq, "t2"); !errors.Is(err, source.ErrMoved) {
		t.Errorf("over an edit: %v", err)
	}
	if again, err = b.take(a, o, 0, "t1"); err != nil || again != seq {
		t.Errorf("a late repeat: row %d, %v, want what it was", again, err)
	}
	text, f := b.read(o)
	if !strings.HasSuffix(text, "\nedited here") {
		t.Errorf("the edit is %q now", text)
	}
	if _, err := b.take(a, o, f.Seq, ""); err != nil {
		t.Errorf("as a person: %v", err)
	}
	if row := b.rows()[2]; row.Tag != "" || row.Author != "far" {
		t.Errorf("row %+v", row)
	}
}

func TestDeletions(t *testing.T) {
	a, b := newSide(t, 0), newSide(t, 0)
	page := a.add(author.Draft{Kind: content.Page, Name: "Home"}, "")
	below := a.add(author.Draft{Kind: content.Page, Name: "Below", Parent: id(page)}, "")
	folder := a.add(author.Draft{Kind: content.DocumentFolder, Name: "f"}, "")
	file := a.add(author.Draft{Kind: content.Document, Name: "d", Parent: id(folder)}, "")
	at := map[sync.Object]int64{}
	for _, o := range []sync.Object{page, below, folder, file} {
		seq, err := b.take(a, o, 0, "put")
		must(t, err)
		at[o] = seq
	}
	remove := func(o sync.Object) error {
		seq, err := b.journal.Apply(t.Context(), o, at[o], "gone", source.Facts{Deleted: true}, nil)
		if err == nil {
			at[o] = seq
		}
		return err
	}
	for parent, child := range map[sync.Object]sync.Object{page: below, folder: file} {
		var kept *source.Kept
		if err := remove(parent); !errors.As(err, &kept) || !slices.Equal(kept.Objects, []sync.Object{child}) {
			t.Errorf("a parent under its child: %v", err)
		}
		must(t, remove(child))
		must(t, remove(parent))
		if text, f := b.read(parent); text != "" || !f.Deleted || f.Seq != at[parent] {
			t.Errorf("after the deletion: %q, %+v", text, f)
		}
		must(t, remove(parent)) // what is gone can be deleted once more, as a row of its own
	}
	if _, f := b.read(inSite + "article/never"); !f.Deleted || f.Seq != 0 {
		t.Errorf("what never was: %+v", f)
	}
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	a, b := newSide(t, 0), newSide(t, 0)
	vocabulary := a.add(author.Draft{Kind: content.Vocabulary, Name: "v"}, "")
	category := a.add(author.Draft{Kind: content.Category, Name: "c", Parent: id(vocabulary)}, "")
	folder := a.add(author.Draft{Kind: content.ArticleFolder, Name: "f"}, "")
	o := a.add(author.Draft{Kind: content.Article, Name: "x", Parent: id(folder), Categories: []string{id(category)}, Tags: []string{"t"}}, "")
	var missing *source.Missing
	_, err := b.take(a, o, 0, "t")
	if !errors.As(err, &missing) || !slices.Equal(missing.Objects, []sync.Object{folder, category, inSite + "tag/t"}) {
		t.Errorf("error %v", err)
	}
	_, err = b.journal.Apply(t.Context(), "Nowhere/article/x", 0, "t", source.Facts{}, strings.NewReader(`{"name":"x"}`+"\n"))
	if !errors.As(err, &missing) {
		t.Errorf("in no site: %v", err)
	}
	if len(b.rows()) != 0 {
		t.Errorf("rows %+v", b.rows())
	}
}

func TestWhatTheEngineRefuses(t *testing.T) {
	a := newSide(t, 0)
	a.add(author.Draft{Kind: content.Tag, Name: "taken"}, "")
	before := len(a.rows())
	for _, tt := range []struct{ name, object, text, want string }{
		{"no kind", "poem/x", `{"name":"x"}` + "\n", "no kind of content"},
		{"a private article", "article.private/x", `{"name":"x"}` + "\n", "no kind of content"},
		{"an entry", "entry/x", `{"name":"x"}` + "\n", "no kind of content"},
		{"no name", "article/x", "{}\n", "no name"},
		{"no first line", "article/x", `{"name":"x"}`, "no first line"},
		{"no JSON", "article/x", "x\n", "first line"},
		{"an unknown field", "article/x", `{"name":"x","shape":1}` + "\n", "first line"},
		{"a line without end", "article/x", strings.Repeat("x", 2<<20), "no first line"},
		{"a name that another has", "tag/x", `{"name":"taken"}` + "\n", "there is another tag"},
		{"a category in nothing", "category/x", `{"name":"x"}` + "\n", "lies in another object"},
	} {
		var invalid *source.Invalid
		_, err := a.journal.Apply(t.Context(), sync.Object(inSite+tt.object), 0, "t", source.Facts{}, strings.NewReader(tt.text))
		if !errors.As(err, &invalid) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if after := len(a.rows()); after != before {
		t.Errorf("%d rows were written", after-before)
	}
}

func TestACopyHasItsOwnName(t *testing.T) {
	a := newSide(t, 0)
	o := a.add(author.Draft{Kind: content.Article, Name: "x"}, "text")
	text, _ := a.read(o)
	_, err := a.journal.Apply(t.Context(), inSite+"article/copy", 0, "", source.Facts{Rename: "x (2)"}, strings.NewReader(text))
	must(t, err)
	got, f := a.read(inSite + "article/copy")
	if f.Title != "x (2)" || !strings.HasSuffix(got, "\ntext") {
		t.Errorf("%q, %+v", got, f)
	}
}

func TestRowsComeInPages(t *testing.T) {
	a := newSide(t, 0)
	for i := range 7 {
		a.add(author.Draft{Kind: content.Article, Name: fmt.Sprint(i)}, "")
	}
	after, n := int64(0), 0
	for {
		rows, err := a.journal.Changes(t.Context(), after, 3)
		must(t, err)
		if len(rows) == 0 {
			break
		}
		n, after = n+len(rows), rows[len(rows)-1].Seq
	}
	if n != 7 {
		t.Errorf("%d rows", n)
	}
}
