package exchangetest

import (
	"context"
	"maps"
	"time"

	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/tunnel/sync"
)

var _ exchange.Allowances = (*Memory)(nil)

// Spend implements exchange.Allowances.
func (m *Memory) Spend(_ context.Context, via sync.ServerID, most int, ids ...sync.ID) ([]bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	if m.deleted[via] == nil {
		m.deleted[via] = map[sync.ID]time.Time{}
	}
	all := m.deleted[via]
	maps.DeleteFunc(all, func(_ sync.ID, t time.Time) bool { return now.Sub(t) >= time.Hour })
	may := make([]bool, len(ids))
	for i, id := range ids {
		if _, again := all[id]; again || len(all) < most {
			may[i] = true
			if !again {
				all[id] = now
			}
		}
	}
	return may, nil
}

// Renew implements exchange.Allowances.
func (m *Memory) Renew(_ context.Context, via sync.ServerID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.deleted, via)
	return nil
}
