package remote

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/lar"
	"github.com/stagelock/stagelock/integration/engine/revisions"
	"github.com/stagelock/stagelock/tunnel/publisher"
)

// Options say what a publish takes. The zero value takes everything that is staged, the public pages
// among it.
type Options struct {
	Name        string         `json:"name,omitempty"`
	Private     bool           `json:"private,omitempty"`            // the private pages instead
	Variation   string         `json:"variation,omitempty"`          // of versioned pages; empty means the main one
	Since       bool           `json:"since_last_publish,omitempty"` // only what was changed since the last publish
	From        time.Time      `json:"from,omitzero"`                // only what was modified from then on
	To          time.Time      `json:"to,omitzero"`                  // only what was modified until then
	Types       []content.Type `json:"types,omitempty"`              // only these of the staged types
	Pages       []string       `json:"pages,omitempty"`              // uuids: only these pages, with those above that live lacks
	Items       []content.Ref  `json:"items,omitempty"`              // only these, with what they lie in
	Portlet     string         `json:"portlet,omitempty"`            // the data of one application
	Onto        string         `json:"onto,omitempty"`               // uuid of the page that holds the application
	NoDeletions bool           `json:"no_deletions,omitempty"`       // what was deleted here stays on live
}

// Why a publish was not begun, each with the values that its Error carries.
const (
	Busy       content.Code = "busy"        // site
	NotCarried content.Code = "not-carried" // what
)

// Publish publishes a site now. It returns the publication as it ended, whose Outcome says what
// happened; an error is a publish that was not begun. tell, if it is not nil, is told of every step
// by the goroutine that publishes.
func (s *Staging) Publish(
	ctx context.Context, login string, site int64, o Options, tell func(Publication),
) (Publication, error) {
	st, u, err := s.admit(ctx, login, site, o)
	if err != nil {
		return Publication{}, err
	}
	p := Publication{Site: site, Login: u.Email, Options: o}
	if p, err = s.begin(ctx, p); err != nil {
		return p, err
	}
	return s.carryOut(ctx, p, st, u, tell), nil
}

// admit finds out whether the user may publish and live takes it.
func (s *Staging) admit(
	ctx context.Context, login string, site int64, o Options,
) (st State, u content.User, err error) {
	at, u, err := s.allowed(ctx, login, content.PublishStaging, site)
	if err != nil {
		return st, u, err
	}
	if st, err = s.State(ctx, site); err != nil {
		return st, u, err
	}
	if err := s.carries(ctx, st, o); err != nil {
		return st, u, err
	}
	if err := revisions.Known(ctx, s.store.View, revisions.Set{Site: site, Private: o.Private}, o.Variation); err != nil {
		return st, u, err
	}
	_, err = s.validate(ctx, st.Connection, at, u)
	return st, u, err
}

// carryOut exports, sends and has it imported, and keeps what came of it.
func (s *Staging) carryOut(
	ctx context.Context, p Publication, st State, u content.User, tell func(Publication),
) Publication {
	stop := s.beat(ctx, p.ID)
	defer stop()
	out, err := s.send(ctx, st, u, p.Options, func(now Progress) {
		if now.Stage != p.Progress.Stage || now.Part != p.Progress.Part || now.Retry != p.Progress.Retry {
			p.Progress = now
			s.note(ctx, p)
		}
		p.Progress = now
		if tell != nil {
			tell(p)
		}
	})
	p.Outcome = out
	p.State = Succeeded
	if err != nil {
		p.State = Failed
		p.Outcome.fail(err)
	}
	p.Finished = s.store.Now()
	if err := s.finish(context.WithoutCancel(ctx), p); err != nil {
		p.Outcome.Message = errors.Join(errors.New(p.Outcome.Message), err).Error()
	}
	if tell != nil {
		tell(p)
	}
	return p
}

func (s *Staging) send(
	ctx context.Context, st State, u content.User, o Options, tell func(Progress),
) (out Outcome, err error) {
	look, err := s.client(st.Connection, u, nil)
	if err != nil {
		return out, err
	}
	onto, err := s.place(ctx, look, st, o)
	if err != nil {
		return out, err
	}
	exported, err := s.options(ctx, look, st, o)
	if err != nil {
		return out, err
	}
	exported.Items = append(exported.Items, onto.shown(o, st.Connection.Types)...)
	tell(Progress{Stage: "export"})
	archive, err := s.lar.Export(ctx, st.Site, exported)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, os.Remove(archive.Path)) }()
	out.Items, out.Deletions = archive.Items, archive.Deletions
	if n := archive.Unready; n > 0 {
		out.Warnings = append(out.Warnings, fmt.Sprintf("pages without a revision that is ready for publication: %d", n))
	}
	client, err := s.client(st.Connection, u, func(cfg *publisher.Config) {
		cfg.Private, cfg.Parameters, cfg.Settings = o.Private, o.parameters(), onto.settings(o)
		cfg.Progress = func(p publisher.Progress) { tell(progressOf(p)) }
	})
	if err != nil {
		return out, err
	}
	return out, s.transfer(ctx, client, archive, o, &out)
}

// transfer sends an archive and has it imported.
func (s *Staging) transfer(
	ctx context.Context, client *publisher.Client, archive *lar.LAR, o Options, out *Outcome,
) error {
	f, err := os.Open(archive.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := client.Publish(ctx, f, archive.Size)
	out.Request, out.Parts, out.Bytes, out.Weak = r.Request, r.Parts, r.Bytes, r.Weak
	if err != nil {
		return err
	}
	if r.CleanUp != nil {
		out.Warnings = append(out.Warnings, "the clean-up on live failed: "+r.CleanUp.Error())
	}
	if o.partial() {
		return nil
	}
	return s.lar.Published(ctx, archive.Summary)
}

// partial reports whether staged changes are left out: the next publish since the last one must
// still find them.
func (o Options) partial() bool {
	other := o.Variation != "" && o.Variation != revisions.Main
	return other || o.Types != nil || o.Pages != nil || o.Items != nil || o.Portlet != "" || o.NoDeletions ||
		!o.From.IsZero() || !o.To.IsZero()
}

func (o Options) parameters() map[string][]string {
	span := "all"
	switch {
	case o.Since:
		span = "fromLastPublishDate"
	case !o.From.IsZero() || !o.To.IsZero():
		span = "dateRange"
	}
	return map[string][]string{"range": {span}, "DELETIONS": {fmt.Sprint(!o.NoDeletions)}}
}

// options are what the export takes: of the staged types what the publish selects, and for selected
// pages those above that live lacks.
func (s *Staging) options(
	ctx context.Context, client *publisher.Client, st State, o Options,
) (lar.ExportOptions, error) {
	x := lar.ExportOptions{Private: o.Private, Variation: o.Variation, SinceLastPublish: o.Since, From: o.From, To: o.To,
		NoDeletions: o.NoDeletions, Portlet: o.Portlet, Types: o.Types, Items: o.Items}
	site, err := s.store.Site(ctx, st.Site)
	if err != nil {
		return x, err
	}
	if x.Types == nil && len(st.Connection.Types) < len(content.Types(site.Library)) {
		x.Types = st.Connection.Types
	}
	for _, uuid := range o.Pages {
		refs, err := s.branch(ctx, client, st, o.Private, uuid)
		if err != nil {
			return x, err
		}
		x.Items = append(x.Items, refs...)
	}
	return x, nil
}

// branch returns a page and those above it that live lacks.
func (s *Staging) branch(
	ctx context.Context, client *publisher.Client, st State, private bool, uuid string,
) ([]content.Ref, error) {
	pages, err := s.store.Items(ctx, st.Site, content.Page)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(pages, func(p content.Item) bool { return p.UUID == uuid && p.Private == private })
	if at < 0 {
		return nil, content.Errorf(content.NoItem, "no %s %s in site %d", content.Page, uuid, st.Site)
	}
	refs := []content.Ref{{Kind: content.Page, UUID: uuid}}
	for page := pages[at]; page.ParentLayoutID != 0; {
		at := slices.IndexFunc(pages, func(p content.Item) bool {
			return p.LayoutID == page.ParentLayoutID && p.Private == private
		})
		if at < 0 {
			break
		}
		page = pages[at]
		there, err := s.onLive(ctx, client, page.UUID, st.Connection.Site, private)
		if err != nil {
			return nil, st.Connection.Explained(err)
		}
		if there {
			break
		}
		refs = append(refs, content.Ref{Kind: content.Page, UUID: page.UUID})
	}
	return refs, nil
}

// onLive reports whether live has a page; 6.2 and 7.0 have no call to ask with, and no page is left
// out.
func (s *Staging) onLive(
	ctx context.Context, client *publisher.Client, uuid string, site int64, private bool,
) (bool, error) {
	if s.cfg.Line == "6.2" || s.cfg.Line == "7.0" {
		return false, nil
	}
	return client.HasRemoteLayout(ctx, uuid, site, private)
}
