package exchangetest

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	stdsync "sync"
	"time"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// Memory keeps both contracts and contents in memory, for models that play many histories. It passes
// the suites, but for fences. What it returns must not be changed.
type Memory struct {
	now func() time.Time

	mu         stdsync.Mutex // guards all of it
	states     map[sync.Object]sync.State
	changes    map[sync.ID]*exchange.Entry
	log        []sync.ID
	intents    map[sync.Object]sync.Intent
	cursors    map[string]int64
	have       map[sync.ServerID]uint64
	deliveries []*exchange.Delivery
	targets    map[sync.ServerID]exchange.Target
	servers    map[sync.ServerID]exchange.Server
	blobs      map[sync.Digest][]byte
	held       map[sync.ID]exchange.Approval
	deleted    map[sync.ServerID]map[sync.ID]time.Time
}

var (
	_ exchange.Changes    = (*Memory)(nil)
	_ exchange.Deliveries = (*Memory)(nil)
	_ exchange.Blobs      = (*Memory)(nil)
)

// NewMemory returns an empty Memory with that clock.
func NewMemory(now func() time.Time) *Memory {
	return &Memory{now: now, states: map[sync.Object]sync.State{}, changes: map[sync.ID]*exchange.Entry{},
		intents: map[sync.Object]sync.Intent{}, cursors: map[string]int64{}, have: map[sync.ServerID]uint64{},
		targets: map[sync.ServerID]exchange.Target{}, servers: map[sync.ServerID]exchange.Server{}, blobs: map[sync.Digest][]byte{},
		held: map[sync.ID]exchange.Approval{}, deleted: map[sync.ServerID]map[sync.ID]time.Time{}}
}

// Object implements exchange.Changes.
func (m *Memory) Object(_ context.Context, o sync.Object) (sync.State, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state(o), nil
}

// States implements exchange.Changes.
func (m *Memory) States(_ context.Context, names ...sync.Object) ([]sync.State, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]sync.State, len(names))
	for i, o := range names {
		all[i] = m.state(o)
	}
	return all, nil
}

func (m *Memory) state(o sync.Object) sync.State {
	s := m.states[o]
	s.Object, s.Intent = o, nil
	if in, open := m.intents[o]; open {
		s.Intent = &in
	}
	return s
}

// Change implements exchange.Changes.
func (m *Memory) Change(_ context.Context, id sync.ID) (exchange.Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e := m.changes[id]; e != nil {
		return *e, nil
	}
	return exchange.Entry{}, store.ErrNotFound
}

// Known implements exchange.Changes.
func (m *Memory) Known(_ context.Context, ids []sync.ID) ([]bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]bool, len(ids))
	for i, id := range ids {
		all[i] = m.changes[id] != nil
	}
	return all, nil
}

// Accept implements exchange.Changes.
func (m *Memory) Accept(_ context.Context, _ exchange.Fence, all ...exchange.Acceptance) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	ahead := map[sync.Object]int64{}
	for _, a := range all { // nothing or all of it
		if a.Outcome == nil {
			continue
		}
		s, c := a.Outcome.After, a.Outcome.Change
		in := m.intents[s.Object]
		if m.states[s.Object].Rev+ahead[s.Object] != s.Rev || c != nil && m.changes[c.ID] != nil || in.Tag != a.Tag {
			return store.ErrStale
		}
		if a.Asked && c != nil && m.held[c.ID].State == exchange.Refused {
			return exchange.ErrRefused
		}
		ahead[s.Object]++
	}
	for _, a := range all {
		m.accept(a)
	}
	return nil
}

func (m *Memory) accept(a exchange.Acceptance) {
	if a.Source != "" {
		m.cursors[a.Source] = max(m.cursors[a.Source], a.Cursor)
	}
	if a.Outcome == nil {
		return
	}
	s := a.Outcome.After
	if m.intents[s.Object].Tag == a.Tag {
		delete(m.intents, s.Object)
	}
	if c := a.Outcome.Change; c != nil {
		listed := append([]sync.ServerID{c.ID.Origin}, a.Listed...)
		if a.Via != "" {
			listed = append(listed, a.Via)
		}
		slices.Sort(listed)
		m.log = append(m.log, c.ID)
		m.changes[c.ID] = &exchange.Entry{
			Change:   c,
			Via:      a.Via,
			At:       m.now(),
			Position: int64(len(m.log)),
			Listed:   slices.Compact(listed),
		}
		for m.changes[sync.ID{Origin: c.ID.Origin, Counter: m.have[c.ID.Origin] + 1}] != nil {
			m.have[c.ID.Origin]++
		}
		for _, t := range a.Targets {
			m.queue(t, c)
		}
	}
	s.Rev++
	m.states[s.Object] = s
}

func (m *Memory) queue(t sync.ServerID, c *sync.Change) bool {
	if m.delivery(t, c.ID) != nil {
		return false
	}
	m.deliveries = append(
		m.deliveries,
		&exchange.Delivery{Position: int64(len(m.deliveries) + 1), Target: t, ID: c.ID, Object: c.Object,
			State: exchange.Pending, QueuedAt: m.now()},
	)
	return true
}

func (m *Memory) delivery(t sync.ServerID, id sync.ID) *exchange.Delivery {
	for _, d := range m.deliveries {
		if d.Target == t && d.ID == id {
			return d
		}
	}
	return nil
}

// Intend implements exchange.Changes.
func (m *Memory) Intend(_ context.Context, _ exchange.Fence, all ...sync.Intent) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	seen := map[sync.Object]bool{}
	for _, in := range all {
		if _, open := m.intents[in.Object]; open || seen[in.Object] {
			return store.ErrStale
		}
		if in.Asked && m.held[in.Change.ID].State == exchange.Refused {
			return exchange.ErrRefused
		}
		seen[in.Object] = true
	}
	for _, in := range all {
		in.Asked = false
		m.intents[in.Object] = in
	}
	return nil
}

// Forget implements exchange.Changes.
func (m *Memory) Forget(_ context.Context, all ...sync.Intent) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, in := range all {
		if m.intents[in.Object].Tag == in.Tag {
			delete(m.intents, in.Object)
		}
	}
	return nil
}

// Intents implements exchange.Changes.
func (m *Memory) Intents(context.Context) (all []sync.Intent, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, o := range slices.Sorted(maps.Keys(m.intents)) {
		all = append(all, m.intents[o])
	}
	return all, nil
}

// Cursor implements exchange.Changes.
func (m *Memory) Cursor(_ context.Context, source string) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cursors[source], nil
}

// Have implements exchange.Changes.
func (m *Memory) Have(context.Context) (map[sync.ServerID]uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	have := maps.Clone(m.have)
	maps.DeleteFunc(have, func(_ sync.ServerID, n uint64) bool { return n == 0 })
	return have, nil
}

// Conflicts implements exchange.Changes.
func (m *Memory) Conflicts(context.Context) (all []sync.State, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, o := range slices.Sorted(maps.Keys(m.states)) {
		if s := m.state(o); s.Conflict() {
			all = append(all, s)
		}
	}
	return all, nil
}

// Objects implements exchange.Changes.
func (m *Memory) Objects(_ context.Context, after sync.Object, limit int) (all []sync.Object, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, o := range slices.Sorted(maps.Keys(m.states)) {
		if o > after && len(all) < limit {
			all = append(all, o)
		}
	}
	return all, nil
}

// History implements exchange.Changes.
func (m *Memory) History(_ context.Context, o sync.Object, limit int) (all []exchange.Entry, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := len(m.log) - 1; i >= 0 && len(all) < limit; i-- {
		if e := m.changes[m.log[i]]; o == "" || e.Change.Object == o {
			all = append(all, *e)
		}
	}
	return all, nil
}

// Greet implements exchange.Deliveries.
func (m *Memory) Greet(_ context.Context, s exchange.Server) (sync.ServerID, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, other := range m.servers {
		if id != s.ID && strings.EqualFold(other.Name, s.Name) {
			return id, store.ErrStale
		}
	}
	s.SeenAt = m.now()
	m.servers[s.ID] = s
	return "", nil
}

// Servers implements exchange.Deliveries.
func (m *Memory) Servers(context.Context) ([]exchange.Server, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.SortedFunc(maps.Values(m.servers), func(a, b exchange.Server) int { return cmp.Compare(a.Name, b.Name) }), nil
}

// Put implements exchange.Blobs.
func (m *Memory) Put(_ context.Context, r io.Reader) (sync.Digest, int64, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return sync.Digest{}, 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	d := sync.DigestOf(b)
	m.blobs[d] = b
	return d, int64(len(b)), nil
}

// PutAll implements exchange.Blobs.
func (m *Memory) PutAll(_ context.Context, all ...[]byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, b := range all {
		m.blobs[sync.DigestOf(b)] = b
	}
	return nil
}

// Open implements exchange.Blobs.
func (m *Memory) Open(_ context.Context, d sync.Digest) (io.ReadCloser, int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.blobs[d]
	if !ok {
		return nil, 0, fmt.Errorf("content %s: %w", d, store.ErrNotFound)
	}
	return io.NopCloser(bytes.NewReader(b)), int64(len(b)), nil
}

// Part implements exchange.Blobs.
func (m *Memory) Part(_ context.Context, d sync.Digest) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return int64(len(m.blobs[d])), nil
}

// Continue implements exchange.Blobs, of a content that comes as a whole.
func (m *Memory) Continue(ctx context.Context, d sync.Digest, from, _ int64, r io.Reader) (bool, error) {
	if from != 0 {
		return false, store.ErrStale
	}
	got, _, err := m.Put(ctx, r)
	if err == nil && got != d {
		err = exchange.ErrDigest
	}
	return err == nil, err
}

// Hold implements exchange.Blobs.
func (m *Memory) Hold(_ context.Context, d sync.Digest) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.blobs[d]
	return ok, nil
}

// Named implements exchange.Changes.
func (m *Memory) Named(_ context.Context, all ...sync.Digest) ([]bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	wanted := map[sync.Digest]bool{}
	for _, s := range m.states {
		for _, v := range s.Versions {
			wanted[v.Payload] = true
		}
	}
	for _, in := range m.intents {
		wanted[in.Change.Payload] = true
	}
	for _, a := range m.held {
		if a.State != exchange.Refused {
			wanted[a.Change.Payload] = true
		}
	}
	for _, d := range m.deliveries {
		if d.State == exchange.Pending || d.State == exchange.Waiting || d.State == exchange.Dead {
			wanted[m.changes[d.ID].Change.Payload] = true
		}
	}
	named := make([]bool, len(all))
	for i, d := range all {
		named[i] = wanted[d]
	}
	return named, nil
}
