package trail

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/merge"
	"github.com/stagelock/stagelock/store"
)

// ErrUnknownRef is returned for a reference that no event has.
var ErrUnknownRef = errors.New("the log has no event with this reference")

// Story is all that a log tells about one call, and about the publish that the call belongs to.
type Story struct {
	Ref     string        `json:"reference"`
	Events  []audit.Event `json:"events"`            // of the call
	Publish *Publish      `json:"publish,omitempty"` // nil if the call belongs to none
	Calls   []audit.Event `json:"calls,omitempty"`   // all events of the publish
}

// Explain returns the story of the call with that reference, from one log or from those of several
// gateways, or ErrUnknownRef.
func Explain(ctx context.Context, ref string, logs ...store.Events) (*Story, error) {
	s := &Story{Ref: ref}
	err := list(ctx, logs, audit.Filter{Ref: ref}, func(ev audit.Event) error {
		if ev.Kind != audit.KindDamaged {
			s.Events = append(s.Events, ev)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(s.Events) == 0 || ref == "" {
		return nil, fmt.Errorf("%q: %w", ref, ErrUnknownRef)
	}
	all, err := Publishes(ctx, logs...)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(p Publish) bool { return s.belongs(&p) })
	if i < 0 {
		return s, nil
	}
	s.Publish = &all[i]
	return s, s.collect(ctx, logs)
}

// list is audit.List over all logs.
func list(ctx context.Context, logs []store.Events, f audit.Filter, fn func(audit.Event) error) error {
	var readers []merge.Reader
	for _, log := range logs {
		readers = append(readers, merge.Named{Events: log}.Reader(f))
	}
	return merge.Events(ctx, readers, fn)
}

// belongs reports whether the call is one of the publish.
func (s *Story) belongs(p *Publish) bool {
	for i := range s.Events {
		ev := &s.Events[i]
		if ev.Request == 0 && p.Request == 0 && p.Ref == ev.Ref {
			return true
		}
		if ev.Request != 0 && ev.Request == p.Request && !ev.Time.Before(p.Begun) && !ev.Time.After(p.Last) {
			return true
		}
	}
	return false
}

// collect adds the calls of the publish, the one that created its request among them.
func (s *Story) collect(ctx context.Context, logs []store.Events) error {
	p := s.Publish
	if p.Request == 0 {
		s.Calls = s.Events
		return nil
	}
	var first *audit.Event // the newest verdict on a create call whose outcome has not come
	return list(ctx, logs, audit.Filter{Kinds: []audit.Kind{audit.KindVerdict, audit.KindOutcome}}, func(ev audit.Event) error {
		switch {
		case ev.Kind == audit.KindDamaged || ev.Time.Before(p.Begun) || ev.Time.After(p.Last):
			return nil
		case ev.Kind == audit.KindVerdict && ev.MethodName() == createCall && ev.Time.Equal(p.Begun):
			first = &ev
		case ev.Request == p.Request:
			if first != nil && first.Ref == ev.Ref {
				s.Calls = append(s.Calls, *first)
			}
			s.Calls = append(s.Calls, ev)
		}
		return nil
	})
}
