package control

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/stagelock/stagelock/integration/engine/author"
	"github.com/stagelock/stagelock/integration/engine/content"
)

// NewItem is the input of content.add; the content itself is the body.
type NewItem struct {
	Site        int64               `json:"site"`
	Kind        content.Kind        `json:"kind"`
	Name        string              `json:"name"`
	UUID        string              `json:"uuid,omitempty"`
	Private     bool                `json:"private,omitempty"`
	Parent      string              `json:"parent,omitempty"`
	FriendlyURL string              `json:"friendly_url,omitempty"`
	MediaType   string              `json:"media_type,omitempty"`
	Portlets    []string            `json:"portlets,omitempty"`
	Refs        []content.Ref       `json:"refs,omitempty"`
	Tags        []string            `json:"tags,omitempty"`
	Categories  []string            `json:"categories,omitempty"`
	Permissions map[string][]string `json:"permissions,omitempty"`
}

// ItemID is the input of commands about one item.
type ItemID struct {
	Site    int64        `json:"site"`
	Kind    content.Kind `json:"kind"`
	UUID    string       `json:"uuid"`
	Private bool         `json:"private,omitempty"`
}

// Item is a piece of content as commands show it.
type Item struct {
	ID          int64               `json:"id"`
	Kind        content.Kind        `json:"kind"`
	UUID        string              `json:"uuid"`
	Name        string              `json:"name"`
	Path        string              `json:"path"`
	Private     bool                `json:"private,omitempty"`
	LayoutID    int64               `json:"layout_id,omitempty"`
	ParentID    int64               `json:"parent_layout_id,omitempty"`
	Parent      string              `json:"parent,omitempty"`
	MediaType   string              `json:"media_type,omitempty"`
	Tags        []string            `json:"tags,omitempty"`
	Categories  []string            `json:"categories,omitempty"`
	Permissions map[string][]string `json:"permissions,omitempty"`
	Version     int64               `json:"version"`
	Size        int64               `json:"size"`
	SHA256      string              `json:"sha256"`
	Modified    time.Time           `json:"modified"`
	Publish     int64               `json:"publish,omitempty"` // the publish that brought it
}

func itemOf(it content.Item) Item {
	return Item{ID: it.ID, Kind: it.Kind, UUID: it.UUID, Name: it.Name, Path: it.Path, Private: it.Private,
		LayoutID: it.LayoutID, ParentID: it.ParentLayoutID, Parent: it.Parent, MediaType: it.MediaType, Tags: it.Tags,
		Categories: it.Categories, Permissions: it.Permissions, Version: it.Version, Size: it.Size, SHA256: it.SHA256,
		Modified: it.Modified, Publish: it.Publish}
}

func itemsOf(all []content.Item) []Item {
	list := []Item{}
	for _, it := range all {
		if it.Kind != content.Entry {
			list = append(list, itemOf(it))
		}
	}
	return list
}

func (s *Server) listContent(ctx context.Context, in SiteID) ([]Item, error) {
	if _, err := s.cfg.Store.Site(ctx, in.Site); err != nil {
		return nil, err
	}
	all, err := s.cfg.Store.List(ctx, in.Site)
	return itemsOf(all), err
}

func (s *Server) addContent(ctx context.Context, in NewItem, body io.Reader) (Item, error) {
	if err := in.check(); err != nil {
		return Item{}, err
	}
	it, err := s.cfg.Author.Add(ctx, in.Site, author.Draft{Kind: in.Kind, UUID: in.UUID, Name: in.Name,
		Private: in.Private, Parent: in.Parent, FriendlyURL: in.FriendlyURL, MediaType: in.MediaType,
		Portlets: in.Portlets, Refs: in.Refs, Tags: in.Tags, Categories: in.Categories,
		Permissions: in.Permissions}, body)
	return itemOf(it), err
}

func (s *Server) updateContent(ctx context.Context, in ItemID, body io.Reader) (Item, error) {
	if in.Kind == content.Page {
		b, err := io.ReadAll(io.LimitReader(body, maxInput+1))
		if err == nil && len(b) > maxInput {
			err = content.Errorf(content.BadItem, "%s", "the text of a page has at most 4 MiB")
		}
		if err != nil {
			return Item{}, err
		}
		it, err := s.cfg.Author.UpdatePage(ctx, in.Site, in.Private, in.UUID, string(b))
		return itemOf(it), err
	}
	it, err := s.cfg.Author.Update(ctx, in.Site, in.Kind, in.UUID, body)
	return itemOf(it), err
}

func (s *Server) deleteContent(ctx context.Context, in ItemID) (struct{}, error) {
	return struct{}{}, s.cfg.Author.Delete(ctx, in.Site, in.Kind, in.Private, in.UUID)
}

func (s *Server) find(ctx context.Context, in ItemID) (content.Item, error) {
	it, found, err := s.cfg.Store.Item(ctx, in.Site, in.Kind, in.Private, in.UUID)
	if err == nil && !found {
		return it, content.Errorf(content.NoItem, "no %s %s in site %d", in.Kind, in.UUID, in.Site)
	}
	return it, err
}

func (s *Server) openContent(ctx context.Context, in ItemID) (io.ReadCloser, error) {
	it, err := s.find(ctx, in)
	if err != nil {
		return nil, err
	}
	return s.cfg.Store.Open(ctx, it)
}

func (s *Server) versions(ctx context.Context, in ItemID) ([]Item, error) {
	it, err := s.find(ctx, in)
	if err != nil {
		return nil, err
	}
	all, err := s.cfg.Store.Versions(ctx, it.ID)
	if err != nil {
		return nil, fmt.Errorf("versions of %s: %w", in.UUID, err)
	}
	return itemsOf(all), nil
}
