package exchangetest

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/tunnel/sync"
)

func open(d *exchange.Delivery) bool {
	return d.State == exchange.Pending || d.State == exchange.Waiting
}

// Due implements exchange.Deliveries.
func (m *Memory) Due(_ context.Context, target sync.ServerID, limit int) (all []exchange.Delivery, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now, late := m.now(), map[sync.Object]bool{}
	for _, d := range m.deliveries {
		if d.Target != target || !open(d) {
			continue
		}
		if d.NextAt.After(now) {
			late[d.Object] = late[d.Object] || d.Class != exchange.ForApproval
			continue
		}
		if !late[d.Object] && len(all) < limit {
			all = append(all, *d)
		}
	}
	return all, nil
}

// Settle implements exchange.Deliveries.
func (m *Memory) Settle(_ context.Context, target sync.ServerID, all ...exchange.Result) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	done := false
	for _, r := range all {
		d := m.delivery(target, r.ID)
		if r.State == exchange.Done {
			done = true
			m.listed(r.ID, target)
		}
		if d == nil || !open(d) {
			continue
		}
		d.State, d.Class, d.Reason, d.NextAt, d.EndedAt = r.State, r.Class, r.Reason, time.Time{}, time.Time{}
		d.Tries++
		d.Bytes += r.Bytes
		if open(d) {
			d.NextAt = m.now().Add(r.After)
		} else {
			d.EndedAt = m.now()
		}
	}
	for _, d := range m.deliveries {
		if done && d.Target == target && d.State == exchange.Waiting && d.Class != exchange.ForApproval {
			d.NextAt = time.Time{}
		}
	}
	return nil
}

func (m *Memory) listed(id sync.ID, s sync.ServerID) {
	if e := m.changes[id]; e != nil && !slices.Contains(e.Listed, s) {
		e.Listed = append(slices.Clone(e.Listed), s)
	}
}

// Acknowledge implements exchange.Deliveries.
func (m *Memory) Acknowledge(_ context.Context, target sync.ServerID, have map[sync.ServerID]uint64) (n int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.deliveries {
		if d.Target == target && open(d) && have[d.ID.Origin] >= d.ID.Counter {
			d.State, d.EndedAt = exchange.Done, m.now()
			m.listed(d.ID, target)
			n++
		}
	}
	return n, nil
}

// Baseline implements exchange.Deliveries.
func (m *Memory) Baseline(
	_ context.Context, target sync.ServerID, kinds []string, covers func(o sync.Object) bool,
) (n int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []*exchange.Entry
	for _, s := range m.states {
		for _, v := range s.Versions {
			if e := m.changes[v.ID]; !slices.Contains(e.Listed, target) && slices.Contains(kinds, v.Object.Kind()) &&
				covers(v.Object) {
				all = append(all, e)
			}
		}
	}
	slices.SortFunc(all, func(a, b *exchange.Entry) int { return cmp.Compare(a.Position, b.Position) })
	for _, e := range all {
		if m.queue(target, e.Change) {
			n++
		}
	}
	return n, nil
}

// Targets implements exchange.Deliveries.
func (m *Memory) Targets(_ context.Context, ids ...sync.ServerID) (all []exchange.Target, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range ids {
		t := m.targets[id]
		if !t.Until.IsZero() && !t.Until.After(m.now()) {
			t = exchange.Target{}
		}
		t.ID = id
		var next *exchange.Delivery
		for _, d := range m.deliveries {
			if d.Target != id {
				continue
			}
			count(&t, d)
			if open(d) && (next == nil || d.NextAt.Before(next.NextAt)) {
				next = d
			}
		}
		if next != nil {
			t.Next, t.Tries, t.Failure = next.NextAt, next.Tries, next.Reason
		}
		all = append(all, t)
	}
	return all, nil
}

// count adds a delivery to the figures of its target.
func count(t *exchange.Target, d *exchange.Delivery) {
	switch {
	case d.State == exchange.Dead:
		t.Dead++
	case d.State == exchange.Done && d.EndedAt.After(t.Last):
		t.Last = d.EndedAt
	case open(d):
		t.Open++
		if d.State == exchange.Waiting {
			t.Waiting++
		}
		if t.Oldest.IsZero() || d.QueuedAt.Before(t.Oldest) {
			t.Oldest = d.QueuedAt
		}
	}
}

// SetTarget implements exchange.Deliveries.
func (m *Memory) SetTarget(
	_ context.Context,
	id sync.ServerID,
	state exchange.TargetState,
	reason string,
	until time.Duration,
) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := exchange.Target{State: state, Reason: reason}
	if until > 0 {
		t.Until = m.now().Add(until)
	}
	m.targets[id] = t
	return nil
}

func (m *Memory) chosen(f exchange.Filter) (all []*exchange.Delivery) {
	for _, d := range slices.Backward(m.deliveries) {
		if (f.Target == "" || d.Target == f.Target) && (f.ID.IsZero() || d.ID == f.ID) &&
			(f.Object == "" || d.Object == f.Object) && (f.State == "" || d.State == f.State) {
			all = append(all, d)
		}
	}
	return all
}

// Deliveries implements exchange.Deliveries.
func (m *Memory) Deliveries(_ context.Context, f exchange.Filter) (all []exchange.Delivery, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.chosen(f) {
		if len(all) < cmp.Or(f.Limit, 1000) {
			all = append(all, *d)
		}
	}
	return all, nil
}

// Retry implements exchange.Deliveries.
func (m *Memory) Retry(_ context.Context, f exchange.Filter) (n int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.chosen(f) {
		if d.State == exchange.Dead {
			d.State = exchange.Pending
		} else if !open(d) {
			continue
		}
		d.NextAt, d.EndedAt, d.Tries = time.Time{}, time.Time{}, 0
		n++
	}
	return n, nil
}

// Drop implements exchange.Deliveries.
func (m *Memory) Drop(_ context.Context, f exchange.Filter, reason string) (n int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.chosen(f) {
		if open(d) || d.State == exchange.Dead {
			d.State, d.Reason, d.EndedAt = exchange.Dropped, reason, m.now()
			n++
		}
	}
	return n, nil
}

// Prune implements exchange.Deliveries.
func (m *Memory) Prune(_ context.Context, keep time.Duration) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	before, oldest := len(m.deliveries), m.now().Add(-keep)
	m.deliveries = slices.DeleteFunc(m.deliveries, func(d *exchange.Delivery) bool {
		return (d.State == exchange.Done || d.State == exchange.Dropped) && !d.EndedAt.After(oldest)
	})
	return before - len(m.deliveries), nil
}
