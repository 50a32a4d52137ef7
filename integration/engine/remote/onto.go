package remote

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/lar"
	"github.com/stagelock/stagelock/integration/engine/remote/link"
	"github.com/stagelock/stagelock/tunnel/publisher"
	"github.com/stagelock/stagelock/tunnel/publisher/failure"
)

// Why an application is not published onto a page, each with the values that its Error carries.
const (
	NoApplication content.Code = "no-application" // application, page, whether on live
	NotOnLive     content.Code = "not-on-live"    // page, site there
)

// placement is a page here and the same page on live.
type placement struct {
	here content.Item
	plid int64 // on live; 0 means that nothing is published onto a page
}

// place finds the page that an application is published onto, here and on live. Both must hold the
// application: its data would be seen nowhere.
func (s *Staging) place(ctx context.Context, client *publisher.Client, st State, o Options) (placement, error) {
	if o.Onto == "" {
		return placement{}, nil
	}
	page, err := s.pageHere(ctx, st.Site, o)
	if err != nil {
		return placement{}, err
	}
	if !slices.Contains(page.Portlets, o.Portlet) {
		return placement{}, content.Errorf(NoApplication, "there is no application %s on the page %q here; on live: %t",
			o.Portlet, page.Name, false)
	}
	there, err := plidOf(ctx, client, page, st.Connection)
	if err != nil {
		return placement{}, err
	}
	holds, err := s.holds(ctx, client, there, o.Portlet)
	if err != nil {
		return placement{}, st.Connection.Explained(err)
	}
	if !holds {
		return placement{}, content.Errorf(NoApplication, "there is no application %s on the page %q on live; here: %t",
			o.Portlet, page.Name, true)
	}
	return placement{page, there}, nil
}

// plidOf returns the id that a page has on live.
func plidOf(ctx context.Context, client *publisher.Client, page content.Item, c link.Connection) (int64, error) {
	r, err := client.Do(ctx, "getLayoutByUuidAndGroupId", page.UUID, c.Site, page.Private)
	var f *failure.Failure
	if errors.As(err, &f) && f.Thrown != nil && strings.Contains(f.Thrown.Error(), "NoSuchLayoutException") {
		return 0, content.Errorf(NotOnLive, "the page %q is not in the remote site %d", page.Name, c.Site)
	}
	if err != nil {
		return 0, c.Explained(err)
	}
	return r.ID(), nil
}

func (s *Staging) pageHere(ctx context.Context, site int64, o Options) (content.Item, error) {
	page, found, err := s.store.Item(ctx, site, content.Page, o.Private, o.Onto)
	if err == nil && !found {
		err = content.Errorf(content.NoItem, "no %s %s in site %d", content.Page, o.Onto, site)
	}
	return page, err
}

// holds reports whether a page on live holds the application; 6.2 and 7.0 have no call to ask with.
func (s *Staging) holds(ctx context.Context, client *publisher.Client, plid int64, portlet string) (bool, error) {
	if s.cfg.Line == "6.2" || s.cfg.Line == "7.0" {
		return true, nil
	}
	r, err := client.Do(ctx, "hasPortletId", plid, portlet)
	if err != nil {
		return false, err
	}
	has, _ := r.Value.(bool)
	return has, nil
}

// settings are what a publish of one application says beside what every publish does.
func (p placement) settings(o Options) map[string]any {
	if p.plid == 0 {
		return nil
	}
	return map[string]any{"portletId": o.Portlet, "sourcePlid": p.here.ID, "targetPlid": p.plid}
}

// shown are the staged items that an application on the page shows, if it has no data of its own.
func (p placement) shown(o Options, staged []content.Type) []content.Ref {
	if p.plid == 0 || lar.TypeOfPortlet(o.Portlet) != "" {
		return nil
	}
	var all []content.Ref
	for _, r := range p.here.Refs {
		if slices.Contains(staged, content.TypeOf(r.Kind)) {
			all = append(all, r)
		}
	}
	return all
}
