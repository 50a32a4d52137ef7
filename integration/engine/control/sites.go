package control

import (
	"context"
	"time"

	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/libraries"
)

// NewSite is the input of site.create.
type NewSite struct {
	ID          int64    `json:"id,omitempty"`
	Name        string   `json:"name"`
	FriendlyURL string   `json:"friendly_url,omitempty"`
	Locales     []string `json:"locales,omitempty"`
	Library     bool     `json:"library,omitempty"`
}

// Site is a site or an asset library as commands show it.
type Site struct {
	ID          int64          `json:"id"`
	UUID        string         `json:"uuid"`
	Name        string         `json:"name"`
	FriendlyURL string         `json:"friendly_url"`
	Locales     []string       `json:"locales"`
	Library     bool           `json:"library"`
	Attached    int            `json:"attached"`         // staging environments that say they stage it
	Locked      []content.Type `json:"locked,omitempty"` // types that only a publish can change
	Holders     []Holder       `json:"holders,omitempty"`
	Connected   []Connection   `json:"connected,omitempty"` // asset libraries that it uses, or sites that use it
}

// Connection is an asset library and a site that uses its content.
type Connection struct {
	Library int64 `json:"library"`
	Site    int64 `json:"site"`
}

func connections(all []libraries.Connection) []Connection {
	var list []Connection
	for _, c := range all {
		list = append(list, Connection(c))
	}
	return list
}

func (s *Server) connect(ctx context.Context, in Connection) (struct{}, error) {
	return struct{}{}, libraries.Connect(ctx, s.cfg.Store, libraries.Connection(in))
}

func (s *Server) disconnect(ctx context.Context, in Connection) (struct{}, error) {
	return struct{}{}, libraries.Disconnect(ctx, s.cfg.Store, libraries.Connection(in))
}

// Holder is who locked a site, and since when.
type Holder struct {
	Login string    `json:"login"`
	Since time.Time `json:"since"`
}

// SiteID is the input of commands about one site.
type SiteID struct {
	Site     int64  `json:"site"`
	Operator string `json:"operator,omitempty"` // who commands it, for the ledger
}

func siteOf(s content.Site) Site {
	return Site{ID: s.ID, UUID: s.UUID, Name: s.Name, FriendlyURL: s.FriendlyURL, Locales: s.Locales, Library: s.Library,
		Attached: s.StagingCount, Locked: s.LockedTypes()}
}

func (s *Server) createSite(ctx context.Context, in NewSite) (Site, error) {
	if err := in.check(); err != nil {
		return Site{}, err
	}
	made, err := s.cfg.Store.CreateSite(ctx, content.Site{ID: in.ID, Name: in.Name, FriendlyURL: in.FriendlyURL,
		Locales: in.Locales, Library: in.Library})
	return siteOf(made), err
}

func (s *Server) listSites(ctx context.Context, _ struct{}) ([]Site, error) {
	all, err := s.cfg.Store.Sites(ctx)
	list := []Site{}
	for _, site := range all {
		list = append(list, siteOf(site))
	}
	return list, err
}

func (s *Server) showSite(ctx context.Context, in SiteID) (Site, error) {
	site, err := s.cfg.Store.Site(ctx, in.Site)
	if err != nil {
		return Site{}, err
	}
	out := siteOf(site)
	who, err := s.cfg.Store.Attachments(ctx, in.Site)
	if err != nil {
		return Site{}, err
	}
	out.Holders = holders(who)
	used, err := libraries.Of(ctx, s.cfg.Store.View, in.Site)
	out.Connected = connections(used)
	return out, err
}

func (s *Server) unlockSite(ctx context.Context, in SiteID) ([]Holder, error) {
	who, err := s.cfg.Live.Unlock(ctx, in.Operator, in.Site)
	return holders(who), err
}

func holders(who []content.Attachment) []Holder {
	all := []Holder{}
	for _, a := range who {
		all = append(all, Holder{a.Login, a.At})
	}
	return all
}
