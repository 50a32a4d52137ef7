package exchangetest

import (
	"cmp"
	"context"
	"slices"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/tunnel/sync"
)

var _ exchange.Approvals = (*Memory)(nil)

// Ask implements exchange.Approvals.
func (m *Memory) Ask(_ context.Context, via sync.ServerID, all ...*sync.Change) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range all {
		if m.held[c.ID].Change == nil {
			m.held[c.ID] = exchange.Approval{Change: c, Via: via, State: exchange.Asked, At: m.now()}
		}
	}
	return nil
}

// Approval implements exchange.Approvals.
func (m *Memory) Approval(_ context.Context, ids ...sync.ID) ([]exchange.Approval, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]exchange.Approval, len(ids))
	for i, id := range ids {
		all[i] = m.approval(id)
	}
	return all, nil
}

func (m *Memory) approval(id sync.ID) exchange.Approval {
	a := m.held[id]
	a.Known = a.Change != nil && m.changes[id] != nil
	return a
}

// Approvals implements exchange.Approvals.
func (m *Memory) Approvals(_ context.Context, state exchange.ApprovalState, limit int) (all []exchange.Approval, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id := range m.held {
		a := m.approval(id)
		if state == "" || a.State == state {
			all = append(all, a)
		}
	}
	slices.SortFunc(all, func(a, b exchange.Approval) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Change.ID.Origin, b.Change.ID.Origin),
			cmp.Compare(a.Change.ID.Counter, b.Change.ID.Counter))
	})
	return all[:min(limit, len(all))], nil
}

// Decide implements exchange.Approvals.
func (m *Memory) Decide(_ context.Context, id sync.ID, from, to exchange.ApprovalState, login, reason string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.held[id]
	if a.Change == nil {
		return store.ErrNotFound
	}
	late := m.changes[id] != nil
	for _, in := range m.intents {
		late = late || in.Tag == id.String()
	}
	if a.State != from || to == exchange.Refused && late {
		return store.ErrStale
	}
	a.State, a.Login, a.Reason, a.At = to, login, reason, m.now()
	m.held[id] = a
	return nil
}

// Release implements exchange.Approvals.
func (m *Memory) Release(_ context.Context, ids ...sync.ID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range ids {
		delete(m.held, id)
	}
	return nil
}
