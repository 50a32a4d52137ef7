package control

import (
	"context"
	"io"
	"time"

	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/revisions"
)

// Variation is a version of a whole page set; it is also the input of commands about one.
type Variation struct {
	Site    int64     `json:"site"`
	Private bool      `json:"private,omitempty"`
	Name    string    `json:"name"`
	From    string    `json:"from,omitempty"` // of a new one: what it begins as
	Main    bool      `json:"main,omitempty"`
	At      time.Time `json:"made,omitzero"`
}

// PagePlace is the input of commands about the revisions of a page.
type PagePlace struct {
	Site      int64  `json:"site"`
	Private   bool   `json:"private,omitempty"`
	Page      string `json:"page"`
	Variation string `json:"variation,omitempty"`
	Branch    string `json:"page_variation,omitempty"`
}

// Revision is a page as it was saved once; its id and site are the input of content.ready.
type Revision struct {
	ID        int64     `json:"id"`
	Site      int64     `json:"site,omitempty"`
	Page      string    `json:"page,omitempty"`
	Variation string    `json:"variation,omitempty"`
	Branch    string    `json:"page_variation,omitempty"`
	Number    int64     `json:"number,omitempty"`
	Name      string    `json:"name,omitempty"`
	Size      int64     `json:"size,omitempty"`
	SHA256    string    `json:"sha256,omitempty"`
	Saved     time.Time `json:"saved,omitzero"`
	Ready     bool      `json:"ready,omitempty"`
}

func revisionOf(r revisions.Revision) Revision {
	return Revision{ID: r.ID, Page: r.Page, Variation: r.Variation, Branch: r.Branch, Number: r.Number, Name: r.Name,
		Size: r.Size, SHA256: r.SHA256, Saved: r.At, Ready: r.Ready}
}

func variationOf(s revisions.Set, v revisions.Variation) Variation {
	return Variation{Site: s.Site, Private: s.Private, Name: v.Name, Main: v.Main, At: v.At}
}

func (in Variation) set() revisions.Set { return revisions.Set{Site: in.Site, Private: in.Private} }

func (in PagePlace) set() revisions.Set { return revisions.Set{Site: in.Site, Private: in.Private} }

func (in PagePlace) place() revisions.Place {
	return revisions.Place{Variation: in.Variation, Branch: in.Branch}
}

func (s *Server) variations(ctx context.Context, in Variation) ([]Variation, error) {
	all, err := s.cfg.Pages.Variations(ctx, in.set())
	if err == nil && len(all) == 0 {
		err = revisions.Known(ctx, s.cfg.Store.View, in.set(), revisions.Main)
	}
	list := []Variation{}
	for _, v := range all {
		list = append(list, variationOf(in.set(), v))
	}
	return list, err
}

func (s *Server) addVariation(ctx context.Context, in Variation) (Variation, error) {
	if err := named("a variation", in.Name); err != nil {
		return Variation{}, err
	}
	v, err := s.cfg.Pages.AddVariation(ctx, in.set(), in.Name, in.From)
	return variationOf(in.set(), v), err
}

func (s *Server) removeVariation(ctx context.Context, in Variation) (struct{}, error) {
	return struct{}{}, s.cfg.Pages.RemoveVariation(ctx, in.set(), in.Name)
}

func (s *Server) revisions(ctx context.Context, in PagePlace) ([]Revision, error) {
	all, err := s.cfg.Pages.Revisions(ctx, in.set(), in.Page)
	if err == nil && len(all) == 0 {
		err = s.pageThere(ctx, in)
	}
	list := []Revision{}
	for _, r := range all {
		if in.Variation == "" || in.Variation == r.Variation {
			list = append(list, revisionOf(r))
		}
	}
	return list, err
}

// pageThere refuses a page that the site has not: that is not the same as one without revisions.
func (s *Server) pageThere(ctx context.Context, in PagePlace) error {
	_, found, err := s.cfg.Store.Item(ctx, in.Site, content.Page, in.Private, in.Page)
	if err == nil && !found {
		err = content.Errorf(content.NoItem, "no %s %s in site %d", content.Page, in.Page, in.Site)
	}
	return err
}

func (s *Server) addBranch(ctx context.Context, in PagePlace) (Revision, error) {
	if err := named("a variation", in.Branch); err != nil {
		return Revision{}, err
	}
	if _, err := s.revisions(ctx, PagePlace{Site: in.Site, Private: in.Private, Page: in.Page}); err != nil {
		return Revision{}, err
	}
	r, err := s.cfg.Pages.AddBranch(ctx, in.set(), in.Page, in.place())
	return revisionOf(r), err
}

// revise saves a page in a variation; in the main ones it is the page itself that is written.
func (s *Server) revise(ctx context.Context, in PagePlace, body io.Reader) (Revision, error) {
	if !in.place().IsMain() {
		r, err := s.cfg.Pages.Save(ctx, in.set(), in.Page, in.place(), body)
		return revisionOf(r), err
	}
	if _, err := s.cfg.Pages.Revisions(ctx, in.set(), in.Page); err != nil {
		return Revision{}, err
	}
	id := ItemID{Site: in.Site, Kind: content.Page, UUID: in.Page, Private: in.Private}
	if _, err := s.updateContent(ctx, id, body); err != nil {
		return Revision{}, err
	}
	in.Variation = revisions.Main
	all, err := s.revisions(ctx, in)
	if err != nil {
		return Revision{}, err
	}
	newest := Revision{}
	for _, r := range all {
		if r.Branch == revisions.Main {
			newest = r
		}
	}
	return newest, nil
}

func (s *Server) ready(ctx context.Context, in Revision) (Revision, error) {
	r, err := s.cfg.Pages.MarkReady(ctx, in.Site, in.ID)
	return revisionOf(r), err
}
