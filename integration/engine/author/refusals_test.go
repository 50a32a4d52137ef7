package author_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stagelock/stagelock/integration/engine/author"
	"github.com/stagelock/stagelock/integration/engine/content"
)

// room is a site whose folder and rows can be counted.
type room struct {
	*testing.T
	*author.Author
	store *content.Store
	dir   string
	site  int64
}

func newRoom(t *testing.T) room {
	t.Helper()
	dir := t.TempDir()
	s, err := content.Open(t.Context(), content.Config{Dir: dir, CompanyID: 1, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	site, err := s.CreateSite(t.Context(), content.Site{Name: "Main"})
	if err != nil {
		t.Fatal(err)
	}
	return room{t, author.New(s), s, dir, site.ID}
}

func (r room) add(d author.Draft, text string) content.Item {
	r.Helper()
	it, err := r.Add(r.Context(), r.site, d, strings.NewReader(text))
	if err != nil {
		r.Fatal(err)
	}
	return it
}

// state is everything that a refusal must leave alone: the rows of all tables that authors write, and files.
func (r room) state() (all []string) {
	r.Helper()
	for _, query := range []string{
		`SELECT kind || ' ' || uuid || ' ' || name || ' ' || version || ' ' || sha256 FROM items ORDER BY id`,
		`SELECT seq || ' ' || kind || ' ' || uuid || ' ' || deleted FROM journal ORDER BY seq`,
		`SELECT item || ' ' || version FROM versions ORDER BY item, version`,
		`SELECT sha256 FROM blobs ORDER BY sha256`,
	} {
		rows, err := content.Column(r.Context(), r.store, query)
		if err != nil {
			r.Fatal(err)
		}
		all = append(append(all, query), rows...)
	}
	err := filepath.WalkDir(filepath.Join(r.dir, "content"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			all = append(all, path)
		}
		return err
	})
	if err != nil {
		r.Fatal(err)
	}
	return all
}

func (r room) text(it content.Item) string {
	r.Helper()
	f, err := r.store.Open(r.Context(), it)
	if err != nil {
		r.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		r.Fatal(err)
	}
	return string(b)
}

// TestRefusalsSayWhyAndChangeNothing: each refusal has its words, and leaves rows and files as they were.
func TestRefusalsSayWhyAndChangeNothing(t *testing.T) {
	r := newRoom(t)
	r.add(author.Draft{Kind: content.Article, Name: "y", UUID: "taken"}, "y")
	r.add(author.Draft{Kind: content.Tag, Name: "new", UUID: "tag"}, "")
	r.add(author.Draft{Kind: content.Vocabulary, Name: "Colours", UUID: "voc"}, "")
	folder := r.add(author.Draft{Kind: content.ArticleFolder, Name: "News", UUID: "folder"}, "")
	r.add(author.Draft{Kind: content.Article, Name: "in it", UUID: "child", Parent: folder.UUID}, "child")
	r.add(author.Draft{Kind: content.Page, Name: "Members", UUID: "members", Private: true}, "")
	add := func(d author.Draft) func() error {
		return func() error { _, err := r.Add(t.Context(), r.site, d, strings.NewReader("never")); return err }
	}
	for _, tt := range []struct {
		name string
		do   func() error
		code content.Code
		want string
	}{
		{"no kind", add(author.Draft{Kind: "poem", Name: "x"}), content.BadItem, `"poem" is no kind of content`},
		{"empty kind", add(author.Draft{Name: "x"}), content.BadItem, `"" is no kind of content`},
		{"a kind with a quote", add(author.Draft{Kind: `a"%s`, Name: "x"}), content.BadItem, `"a\"%s" is no kind of content`},
		{"an entry of an archive", add(author.Draft{Kind: content.Entry, Name: "x"}), content.BadItem, `"entry" is no kind of content`},
		{"no name", add(author.Draft{Kind: content.Page}), content.BadItem, "a page without a name"},
		{"id twice", add(author.Draft{Kind: content.Article, Name: "x", UUID: "taken"}), content.Taken, "there is a article taken already"},
		{"tag twice", add(author.Draft{Kind: content.Tag, Name: "new"}), content.Taken, `there is a tag "new" already`},
		{"vocabulary twice", add(author.Draft{Kind: content.Vocabulary, Name: "Colours"}), content.Taken, `there is a vocabulary "Colours" already`},
		{"category in nothing", add(author.Draft{Kind: content.Category, Name: "x"}), content.BadItem, "a category lies in a vocabulary"},
		{"parent of another kind", add(author.Draft{Kind: content.Document, Name: "x", Parent: "folder"}), content.NoItem,
			fmt.Sprintf("no place folder in site %d for a document", r.site)},
		{"public page below a private one", add(author.Draft{Kind: content.Page, Name: "x", Parent: "members"}), content.NoItem,
			fmt.Sprintf("no place members in site %d for a page", r.site)},
		{"tag in a folder", add(author.Draft{Kind: content.Tag, Name: "x", Parent: "folder"}), content.NoItem,
			fmt.Sprintf("no place folder in site %d for a tag", r.site)},
		{"vocabulary as a category", add(author.Draft{Kind: content.Article, Name: "x", Categories: []string{"voc"}}), content.NoItem,
			fmt.Sprintf("no category voc in site %d", r.site)},
		{"second category unknown, with new tags", add(author.Draft{Kind: content.Article, Name: "x", Tags: []string{"fresh"}, Categories: []string{""}}),
			content.NoItem, fmt.Sprintf("no category  in site %d", r.site)},
		{"no site", func() error {
			_, err := r.AddArticle(t.Context(), 404, "x", "x")
			return err
		}, content.NoSite, "no site 404"},
		{"update of nothing", func() error {
			_, err := r.Update(t.Context(), r.site, content.Article, "none", strings.NewReader("x"))
			return err
		}, content.NoItem, fmt.Sprintf("no article none in site %d", r.site)},
		{"update as another kind", func() error {
			_, err := r.Update(t.Context(), r.site, content.Document, "taken", strings.NewReader("x"))
			return err
		}, content.NoItem, fmt.Sprintf("no document taken in site %d", r.site)},
		{"update of a page in the other set", func() error {
			_, err := r.UpdatePage(t.Context(), r.site, false, "members", "x")
			return err
		}, content.NoItem, fmt.Sprintf("no page members in site %d", r.site)},
		{"deletion of a page in the other set", func() error { return r.Delete(t.Context(), r.site, content.Page, false, "members") },
			content.NoItem, fmt.Sprintf("no page members in site %d", r.site)},
		{"deletion in no site", func() error { return r.Delete(t.Context(), 404, content.Page, false, "x") }, content.NoSite, "no site 404"},
		{"deletion of a full folder", func() error { return r.Delete(t.Context(), r.site, content.ArticleFolder, false, "folder") },
			content.BadItem, "folder still holds 1 others; delete those first"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := r.state()
			err := tt.do()
			if !errors.Is(err, tt.code) || err.Error() != tt.want {
				t.Errorf("got %v, want %s: %s", err, tt.code, tt.want)
			}
			if diff := cmp.Diff(before, r.state()); diff != "" {
				t.Errorf("it was refused and changed\n%s", diff)
			}
		})
	}
}

// TestLockedTypesAreRefused: pages and what is staged elsewhere stay as they are, the rest is written.
func TestLockedTypesAreRefused(t *testing.T) {
	r := newRoom(t)
	page := r.add(author.Draft{Kind: content.Page, Name: "Home"}, "old")
	article := r.add(author.Draft{Kind: content.Article, Name: "Sale"}, "old")
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	err := r.store.Change(t.Context(), func(tx *content.Tx) error {
		return errors.Join(tx.Attach(t.Context(), content.Attachment{Site: r.site, Login: "anna", At: at}),
			tx.Stage(t.Context(), r.site, []content.Type{content.WebContent}))
	})
	if err != nil {
		t.Fatal(err)
	}
	before := r.state()
	for name, do := range map[string]func() error{
		"pages":        func() error { _, err := r.UpdatePage(t.Context(), r.site, false, page.UUID, "new"); return err },
		"web-content":  func() error { return r.Delete(t.Context(), r.site, content.Article, false, article.UUID) },
		"pages ":       func() error { return r.Delete(t.Context(), r.site, content.Page, false, page.UUID) },
		"web-content ": func() error { _, err := r.AddArticle(t.Context(), r.site, "More", "x"); return err },
	} {
		want := fmt.Sprintf("%s of site %d can be changed by a publish only: the site is staged by anna since 2026-03-01 12:00:00",
			strings.TrimSpace(name), r.site)
		if err := do(); !errors.Is(err, content.Locked) || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if diff := cmp.Diff(before, r.state()); diff != "" {
		t.Errorf("changed\n%s", diff)
	}
	if _, err := r.AddDocument(t.Context(), r.site, "logo.png", "image/png", strings.NewReader("x")); err != nil {
		t.Errorf("what nobody stages: %v", err)
	}
}

// TestABodyThatBreaksLeavesNothing: neither rows nor a file, wherever the body breaks.
func TestABodyThatBreaksLeavesNothing(t *testing.T) {
	r := newRoom(t)
	it := r.add(author.Draft{Kind: content.Document, Name: "logo.png", UUID: "d"}, "old")
	cut := errors.New("the line was cut")
	for _, n := range []int{0, 1, 4096, 1 << 20} {
		before := r.state()
		body := func() io.Reader {
			return io.MultiReader(strings.NewReader(strings.Repeat("x", n)), iotest.ErrReader(cut))
		}
		if _, err := r.AddDocument(t.Context(), r.site, "new.png", "image/png", body()); !errors.Is(err, cut) ||
			!strings.HasPrefix(err.Error(), `document "new.png": `) {
			t.Errorf("a new one that breaks after %d bytes: %v", n, err)
		}
		if _, err := r.Update(t.Context(), r.site, content.Document, "d", body()); !errors.Is(err, cut) {
			t.Errorf("one that is there, broken after %d bytes: %v", n, err)
		}
		if diff := cmp.Diff(before, r.state()); diff != "" {
			t.Errorf("after %d bytes\n%s", n, diff)
		}
	}
	if got := r.text(it); got != "old" {
		t.Errorf("the document is %q", got)
	}
}

// TestWhatADraftBecomes holds the values that an author may leave out.
func TestWhatADraftBecomes(t *testing.T) {
	r := newRoom(t)
	r.add(author.Draft{Kind: content.Page, Name: "Top", UUID: "top"}, "")
	r.add(author.Draft{Kind: content.Vocabulary, Name: "Colours", UUID: "voc"}, "")
	r.add(author.Draft{Kind: content.Category, Name: "Red", UUID: "red", Parent: "voc"}, "")
	for _, tt := range []struct {
		name  string
		draft author.Draft
		want  content.Item
	}{
		{"page", author.Draft{Kind: content.Page, Name: "Über uns!"}, content.Item{FriendlyURL: "/ber-uns", MediaType: "text/html", LayoutID: 2}},
		{"page with its address", author.Draft{Kind: content.Page, Name: "x", FriendlyURL: "/y"},
			content.Item{FriendlyURL: "/y", MediaType: "text/html", LayoutID: 3}},
		{"first private page", author.Draft{Kind: content.Page, Name: "x", Private: true},
			content.Item{FriendlyURL: "/x", MediaType: "text/html", LayoutID: 1, Private: true}},
		{"page below", author.Draft{Kind: content.Page, Name: "x", Parent: "top"},
			content.Item{FriendlyURL: "/x", MediaType: "text/html", LayoutID: 4, ParentLayoutID: 1}},
		{"article that wants to be private", author.Draft{Kind: content.Article, Name: "x", Private: true}, content.Item{MediaType: "text/html"}},
		{"document of no type", author.Draft{Kind: content.Document, Name: "x"}, content.Item{}},
		{"category in a category", author.Draft{Kind: content.Category, Name: "Dark red", Parent: "red"},
			content.Item{Parent: "red", Refs: []content.Ref{{Kind: content.Category, UUID: "red", Name: "Red"}}}},
		{"article with a category", author.Draft{Kind: content.Article, Name: "x", Categories: []string{"red"}},
			content.Item{MediaType: "text/html", Categories: []string{"red"}, Refs: []content.Ref{{Kind: content.Category, UUID: "red", Name: "Red"}}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := r.Add(t.Context(), r.site, tt.draft, nil)
			if err != nil || got.UUID == "" || got.Version != 1 || got.Size != 0 {
				t.Fatalf("got %+v, %v", got, err)
			}
			part := content.Item{FriendlyURL: got.FriendlyURL, MediaType: got.MediaType, LayoutID: got.LayoutID,
				ParentLayoutID: got.ParentLayoutID, Private: got.Private, Parent: got.Parent, Refs: got.Refs, Categories: got.Categories}
			if diff := cmp.Diff(tt.want, part); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestTagsAreMadeOnce: a tag that is named and not there is made with the item, one that is there is left alone.
func TestTagsAreMadeOnce(t *testing.T) {
	r := newRoom(t)
	old := r.add(author.Draft{Kind: content.Tag, Name: "old", UUID: "t"}, "")
	r.add(author.Draft{Kind: content.Article, Name: "x", Tags: []string{"old", "new", "new", "ä b"}}, "x")
	tags, err := r.store.Items(t.Context(), r.site, content.Tag)
	var names []string
	for _, tag := range tags {
		names = append(names, tag.Name)
		if got := r.text(tag); got != "" || tag.Version != 1 || tag.UUID == "" {
			t.Errorf("tag %+v with %q", tag, got)
		}
	}
	if err != nil || !slices.Equal(names, []string{"old", "new", "ä b"}) || tags[0].UUID != old.UUID {
		t.Errorf("tags %q, %v", names, err)
	}
}

// TestAnyOrderOfEdits: whatever is added, updated and deleted, what is read is what was written last, versions
// have no gap, and the last row of the journal on each item says whether it is there.
func TestAnyOrderOfEdits(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			x := rand.New(rand.NewPCG(seed, 1))
			r := newRoom(t)
			want, versions, gone := map[string]string{}, map[string]int64{}, map[string]bool{}
			for i := range 60 {
				id, text := fmt.Sprint("u", x.IntN(6)), fmt.Sprint("text ", i)
				_, there := want[id]
				var it content.Item
				var err error
				switch {
				case !there:
					it, err = r.Add(t.Context(), r.site, author.Draft{Kind: content.Article, UUID: id, Name: id}, strings.NewReader(text))
					want[id], versions[id] = text, 1
				case x.IntN(3) == 0:
					err = r.Delete(t.Context(), r.site, content.Article, false, id)
					delete(want, id)
					gone[id] = true
					it.Version = versions[id]
				default:
					it, err = r.Update(t.Context(), r.site, content.Article, id, strings.NewReader(text))
					want[id] = text
					versions[id]++
				}
				if err != nil || it.Version != versions[id] {
					t.Fatalf("step %d on %s: version %d, want %d, %v", i, id, it.Version, versions[id], err)
				}
			}
			r.holds(want, gone)
		})
	}
}

func (r room) holds(want map[string]string, gone map[string]bool) {
	r.Helper()
	all, err := r.store.Items(r.Context(), r.site, content.Article)
	if err != nil {
		r.Fatal(err)
	}
	got := map[string]string{}
	for _, it := range all {
		got[it.UUID] = r.text(it)
		versions, err := r.store.Versions(r.Context(), it.ID)
		if err != nil || int64(len(versions)) != it.Version {
			r.Errorf("%s has %d versions at version %d, %v", it.UUID, len(versions), it.Version, err)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		r.Error(diff)
	}
	last, err := content.Column(r.Context(), r.store, `SELECT uuid || ' ' || deleted FROM journal j WHERE kind = 'article'
		AND seq = (SELECT max(seq) FROM journal k WHERE k.uuid = j.uuid) ORDER BY uuid`)
	if err != nil {
		r.Fatal(err)
	}
	var rows []string
	for id := range want {
		rows = append(rows, id+" 0")
	}
	for id := range maps.Keys(gone) {
		if _, there := want[id]; !there {
			rows = append(rows, id+" 1")
		}
	}
	slices.Sort(rows)
	if diff := cmp.Diff(rows, last); diff != "" {
		r.Errorf("journal\n%s", diff)
	}
}
