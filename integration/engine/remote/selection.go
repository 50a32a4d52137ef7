package remote

import (
	"context"
	"slices"

	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/lar"
)

// BadSelection is the code of what a publish cannot take, with what is wrong.
const BadSelection content.Code = "bad-selection"

// maxName limits the length of the name of a publish, in bytes.
const maxName = 255

// contradicts says what of the options cannot be together.
func (o Options) contradicts() error {
	dated := !o.From.IsZero() || !o.To.IsZero()
	for _, rule := range []struct {
		broken bool
		says   string
	}{
		{!o.From.IsZero() && !o.To.IsZero() && o.To.Before(o.From), "a publish of what was changed cannot end before it begins"},
		{o.Since && dated, "a publish is of what was changed since the last one, or between two times, not both"},
		{o.Onto != "" && o.Portlet == "", "an application is published onto a page: name the application"},
		{o.Portlet != "" && (o.Pages != nil || o.Items != nil), "a publish of an application has no pages or items of its own"},
		{o.Portlet != "" && o.Types != nil, "a publish of an application has no types of its own"},
		{len(o.Name) > maxName, "the name of a publish has at most 255 bytes"},
	} {
		if rule.broken {
			return content.Errorf(BadSelection, "%s", rule.says)
		}
	}
	return nil
}

// wanted are the items that the publish names, the pages among them.
func (o Options) wanted() []content.Ref {
	all := slices.Clone(o.Items)
	for _, uuid := range o.Pages {
		all = append(all, content.Ref{Kind: content.Page, UUID: uuid})
	}
	return all
}

// carries finds out whether all that the publish names is there, and staged.
func (s *Staging) carries(ctx context.Context, st State, o Options) error {
	if err := o.contradicts(); err != nil {
		return err
	}
	staged := func(t content.Type) bool { return slices.Contains(st.Connection.Types, t) }
	for _, t := range o.Types {
		if !staged(t) {
			return content.Errorf(NotCarried, "%q is not staged for this site", string(t))
		}
	}
	if o.Portlet != "" && !staged(lar.CarriedBy(o.Portlet)) {
		return content.Errorf(NotCarried, "%q is not staged for this site", o.Portlet)
	}
	for _, r := range o.wanted() {
		switch t := content.TypeOf(r.Kind); {
		case !staged(t):
			return content.Errorf(NotCarried, "%q is not staged for this site", string(t))
		case o.Types != nil && !slices.Contains(o.Types, t):
			return content.Errorf(BadSelection, "the publish is not of %s, which %s %s is one of", string(t), r.Kind, r.UUID)
		}
		_, found, err := s.store.Item(ctx, st.Site, r.Kind, r.Kind == content.Page && o.Private, r.UUID)
		if err != nil {
			return err
		}
		if !found {
			return content.Errorf(content.NoItem, "no %s %s in site %d", r.Kind, r.UUID, st.Site)
		}
	}
	return nil
}
