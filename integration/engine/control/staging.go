package control

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/stagelock/stagelock/integration/engine/remote"
	"github.com/stagelock/stagelock/integration/engine/remote/link"
)

// Enable is the input of staging.enable.
type Enable struct {
	Site       int64           `json:"site"`
	Login      string          `json:"login"`
	Connection link.Connection `json:"connection"`
}

// Staging is a site whose staging is on.
type Staging struct {
	Site       int64           `json:"site"`
	Connection link.Connection `json:"connection"`
	Login      string          `json:"login"`
	Since      time.Time       `json:"since"`
	Parted     []Connection    `json:"disconnected,omitempty"` // of Enable
}

// Disable is the input of staging.disable.
type Disable struct {
	Site  int64  `json:"site"`
	Login string `json:"login"`
	Force bool   `json:"force,omitempty"`
}

// Warning is what went wrong beside a command that succeeded.
type Warning struct {
	Warning string `json:"warning,omitempty"`
}

// Publish is the input of staging.publish.
type Publish struct {
	Site    int64          `json:"site"`
	Login   string         `json:"login"`
	Options remote.Options `json:"options"`
}

// ID is the input of commands about one publication or schedule.
type ID struct {
	ID    int64  `json:"id"`
	Login string `json:"login,omitempty"`
}

func stagingOf(st remote.State) Staging {
	return Staging{Site: st.Site, Connection: st.Connection, Login: st.Login, Since: st.At, Parted: connections(st.Parted)}
}

func (s *Server) enable(ctx context.Context, in Enable) (Staging, error) {
	st, err := s.cfg.Staging.Enable(ctx, in.Login, in.Site, in.Connection)
	return stagingOf(st), err
}

func (s *Server) disable(ctx context.Context, in Disable) (Warning, error) {
	w, err := s.cfg.Staging.Disable(ctx, in.Login, in.Site, in.Force)
	return Warning{w}, err
}

func (s *Server) status(ctx context.Context, in SiteID) (Staging, error) {
	st, err := s.cfg.Staging.State(ctx, in.Site)
	return stagingOf(st), err
}

func (s *Server) history(ctx context.Context, in SiteID) ([]remote.Publication, error) {
	if _, err := s.cfg.Store.Site(ctx, in.Site); err != nil {
		return nil, err
	}
	all, err := s.cfg.Staging.History(ctx, in.Site)
	list := []remote.Publication{}
	for _, p := range all {
		list = append(list, cured(p))
	}
	return list, err
}

func (s *Server) schedule(ctx context.Context, in remote.Schedule) (remote.Schedule, error) {
	return s.cfg.Staging.Schedule(ctx, in)
}

func (s *Server) schedules(ctx context.Context, in SiteID) ([]remote.Schedule, error) {
	if _, err := s.cfg.Store.Site(ctx, in.Site); err != nil {
		return nil, err
	}
	all, err := s.cfg.Staging.Schedules(ctx, in.Site)
	return append([]remote.Schedule{}, all...), err
}

func (s *Server) unschedule(ctx context.Context, in ID) (struct{}, error) {
	return struct{}{}, s.cfg.Staging.Unschedule(ctx, in.ID)
}

// Arrival is a publish to a live site, on its way or over.
type Arrival struct {
	ID        int64     `json:"id"`
	Request   int64     `json:"request"`
	Login     string    `json:"login"`
	State     string    `json:"state"`
	Stage     string    `json:"stage,omitempty"`
	Started   time.Time `json:"started"`
	Seen      time.Time `json:"seen"` // the last sign of life, or when it ended
	Entries   int       `json:"entries"`
	OfEntries int       `json:"of_entries"`
	Bytes     int64     `json:"bytes"`
	OfBytes   int64     `json:"of_bytes"`
	Publish   int64     `json:"publish,omitempty"`
	Message   string    `json:"message,omitempty"`
}

func (s *Server) arrivals(ctx context.Context, in SiteID) ([]Arrival, error) {
	all, err := s.cfg.Live.Arrivals(ctx, in.Site)
	list := []Arrival{}
	for _, a := range all {
		list = append(list, Arrival{ID: a.ID, Request: a.Request, Login: a.Login, State: a.State, Stage: a.Stage,
			Started: a.Started, Seen: a.Seen, Entries: a.Entries, OfEntries: a.OfEntries, Bytes: a.Bytes,
			OfBytes: a.OfBytes, Publish: a.Publish, Message: a.Message})
	}
	return list, err
}

// Received is a publish that arrived in a site.
type Received struct {
	ID       int64     `json:"id"`
	Request  int64     `json:"request"`
	Checksum string    `json:"md5"`
	Login    string    `json:"login"`
	At       time.Time `json:"at"`
	Entries  int       `json:"entries"`
	Bytes    int64     `json:"bytes"` // unpacked
	Added    int       `json:"added"`
	Updated  int       `json:"updated"`
	Deleted  int       `json:"deleted"`
	Warnings []string  `json:"warnings,omitempty"`
}

// received is what arrived in a site, oldest first.
func (s *Server) received(ctx context.Context, in SiteID) ([]Received, error) {
	if _, err := s.cfg.Store.Site(ctx, in.Site); err != nil {
		return nil, err
	}
	all, err := s.cfg.Store.Publishes(ctx, in.Site)
	list := []Received{}
	for _, p := range all {
		list = append(list, Received{ID: p.ID, Request: p.Request, Checksum: p.Checksum, Login: p.Login, At: p.At,
			Entries: p.Entries, Bytes: p.Bytes, Added: p.Added, Updated: p.Updated, Deleted: p.Deleted, Warnings: p.Warnings})
	}
	return list, err
}

// publish answers one line of JSON for every step, and last the publication as it ended. A caller
// that goes away does not stop it.
func (s *Server) publish(ctx context.Context, x exchange) error {
	var in Publish
	if err := decode(x.in, &in); err != nil {
		return err
	}
	return s.stream(ctx, x, in)
}

// relaunch publishes again what a publication of the history was told to.
func (s *Server) relaunch(ctx context.Context, x exchange) error {
	var in ID
	if err := decode(x.in, &in); err != nil {
		return err
	}
	p, err := s.cfg.Staging.Publication(ctx, in.ID)
	if err != nil {
		return err
	}
	if in.Login == "" {
		in.Login = p.Login
	}
	return s.stream(ctx, x, Publish{Site: p.Site, Login: in.Login, Options: p.Options})
}

func (s *Server) stream(ctx context.Context, x exchange, in Publish) error {
	lines := json.NewEncoder(x.out)
	flush := http.NewResponseController(x.out)
	var last remote.Progress
	p, err := s.cfg.Staging.Publish(context.WithoutCancel(ctx), in.Login, in.Site, in.Options, func(p remote.Publication) {
		if p.State != remote.Running || p.Progress == last {
			return
		}
		last = p.Progress
		_ = errors.Join(lines.Encode(p), flush.Flush()) // the caller may be gone
	})
	if err != nil {
		return err
	}
	return lines.Encode(cured(p))
}

// cured adds to a publish that failed what a user can do about it.
func cured(p remote.Publication) remote.Publication {
	if p.Outcome.Cure == "" {
		p.Outcome.Cure = cures[p.Outcome.Code]
	}
	return p
}
