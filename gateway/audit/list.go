package audit

import (
	"context"
	"encoding/json"
	"net/netip"
	"slices"
	"time"

	"github.com/stagelock/stagelock/gateway/audit/chain"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/tunnel"
)

// Filter says which events List shows; what is zero does not matter.
type Filter struct {
	From, To     store.Seq // both included
	Since, Until time.Time // Since is included, Until is not
	Kinds        []Kind
	Verdict      Verdict
	Reason       tunnel.Reason
	Ref          string
	Node         string // of the gateway
	Peer         string
	Login        string
	Addr         netip.Prefix
	Site         int64
	Request      int64
}

// matches are the conditions of a filter, each true if it does not matter.
var matches = []func(f *Filter, ev *Event) bool{
	func(f *Filter, ev *Event) bool { return f.Since.IsZero() || !ev.Time.Before(f.Since) },
	func(f *Filter, ev *Event) bool { return f.Until.IsZero() || ev.Time.Before(f.Until) },
	func(f *Filter, ev *Event) bool {
		return len(f.Kinds) == 0 || slices.Contains(f.Kinds, ev.Kind)
	},
	func(f *Filter, ev *Event) bool { return is(f.Verdict, ev.Verdict) },
	func(f *Filter, ev *Event) bool { return is(f.Reason, ev.Reason) },
	func(f *Filter, ev *Event) bool { return is(f.Ref, ev.Ref) },
	func(f *Filter, ev *Event) bool { return is(f.Node, ev.Node) },
	func(f *Filter, ev *Event) bool { return is(f.Peer, ev.Peer) },
	func(f *Filter, ev *Event) bool { return is(f.Login, ev.Login) },
	func(f *Filter, ev *Event) bool {
		return !f.Addr.IsValid() || f.Addr.Contains(ev.Addr.Unmap().WithZone(""))
	},
	func(f *Filter, ev *Event) bool { return is(f.Site, ev.Site) },
	func(f *Filter, ev *Event) bool { return is(f.Request, ev.Request) },
}

func is[T comparable](want, got T) bool {
	var zero T
	return want == zero || want == got
}

// Match reports whether f shows ev.
func (f *Filter) Match(ev *Event) bool {
	if ev.Seq < f.From || f.To > 0 && ev.Seq > f.To {
		return false
	}
	for _, m := range matches {
		if !m(f, ev) {
			return false
		}
	}
	return true
}

// List calls fn with the events that f shows, oldest first, and stops at fn's first error, which it
// returns. It does not verify, but says what it sees: a line that is no event, whatever the filter,
// is shown as KindDamaged with its text as Detail, and before a record that was changed, or that
// does not follow the one before it, stands a KindDamaged that says so.
func List(ctx context.Context, events store.Events, f Filter, fn func(Event) error) error {
	w := chain.NewWatch()
	return events.Read(ctx, max(f.From, 1), func(r store.Record) error {
		if found := w.Look(r.Body); found != "" {
			if err := fn(Event{Seq: r.Seq, Kind: KindDamaged, Detail: found}); err != nil {
				return err
			}
		}
		var ev Event
		if err := json.Unmarshal(r.Body, &ev); err != nil {
			return fn(Event{Seq: r.Seq, Kind: KindDamaged, Detail: string(r.Body)})
		}
		if !f.Match(&ev) {
			return nil
		}
		return fn(ev)
	})
}
