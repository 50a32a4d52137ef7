package author_test

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/stagelock/stagelock/integration/engine/author"
	"github.com/stagelock/stagelock/integration/engine/content"
)

// desk returns an author and a site to write in.
func desk(t *testing.T, library bool) (*author.Author, *content.Store, int64) {
	t.Helper()
	s, err := content.Open(t.Context(), content.Config{Dir: t.TempDir(), CompanyID: 1, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	site, err := s.CreateSite(t.Context(), content.Site{Name: "Main", Library: library})
	if err != nil {
		t.Fatal(err)
	}
	return author.New(s), s, site.ID
}

func TestAddRefusals(t *testing.T) {
	for _, tt := range []struct {
		name    string
		library bool
		draft   author.Draft
		want    content.Code
	}{
		{"no kind", false, author.Draft{Kind: "poem", Name: "x"}, content.BadItem},
		{"no name", false, author.Draft{Kind: content.Page}, content.BadItem},
		{"page in a library", true, author.Draft{Kind: content.Page, Name: "x"}, content.NotInLibrary},
		{"category without a vocabulary", false, author.Draft{Kind: content.Category, Name: "x"}, content.BadItem},
		{"unknown parent", false, author.Draft{Kind: content.Page, Name: "x", Parent: "none"}, content.NoItem},
		{"unknown category", false, author.Draft{Kind: content.Article, Name: "x", Categories: []string{"none"}}, content.NoItem},
		{"same id twice", false, author.Draft{Kind: content.Article, Name: "x", UUID: "taken"}, content.Taken},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, _, site := desk(t, tt.library)
			if _, err := a.Add(t.Context(), site, author.Draft{Kind: content.Article, Name: "y", UUID: "taken"}, nil); err != nil {
				t.Fatal(err)
			}
			if _, err := a.Add(t.Context(), site, tt.draft, nil); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestUpdateAndDeletePage(t *testing.T) {
	a, s, site := desk(t, false)
	p, err := a.AddPage(t.Context(), site, "About us", "old", author.PageOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if p.FriendlyURL != "/about-us" || p.LayoutID != 1 {
		t.Errorf("got %q, layout %d; want /about-us, layout 1", p.FriendlyURL, p.LayoutID)
	}
	if p, err = a.UpdatePage(t.Context(), site, false, p.UUID, "new"); err != nil {
		t.Fatal(err)
	}
	r, err := s.Open(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if text, err := io.ReadAll(r); err != nil || string(text) != "new" {
		t.Errorf("got %q, %v; want the new text", text, err)
	}
	if err := a.Delete(t.Context(), site, content.Page, false, p.UUID); err != nil {
		t.Fatal(err)
	}
	if err := a.Delete(t.Context(), site, content.Page, false, p.UUID); !errors.Is(err, content.NoItem) {
		t.Errorf("deleted twice: got %v, want %s", err, content.NoItem)
	}
}

func TestFolderThatHoldsOthersIsNotDeleted(t *testing.T) {
	a, _, site := desk(t, false)
	f, err := a.Add(t.Context(), site, author.Draft{Kind: content.DocumentFolder, Name: "f"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Add(t.Context(), site, author.Draft{Kind: content.Document, Name: "d", Parent: f.UUID}, nil); err != nil {
		t.Fatal(err)
	}
	if err := a.Delete(t.Context(), site, f.Kind, false, f.UUID); !errors.Is(err, content.BadItem) {
		t.Errorf("got %v, want %s", err, content.BadItem)
	}
}
