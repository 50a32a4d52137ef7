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
		targets: map[sync.ServerID]exchange.Target{}, servers: map[sync.ServerID]exchange.Server{}, blobs: map[sync.Digest][]byte{}}
}

// Object implements exchange.Changes.
func (m *Memory) Object(_ context.Context, o sync.Object) (sync.State, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state(o), nil
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
		in, open := m.intents[s.Object]
		if m.states[s.Object].Rev+ahead[s.Object] != s.Rev || c != nil && m.changes[c.ID] != nil || open && in.Tag != a.Tag {
			return store.ErrStale
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
		m.changes[c.ID] = &exchange.Entry{Change: c, Via: a.Via, At: m.now(), Position: int64(len(m.log)), Listed: slices.Compact(listed)}
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
	m.deliveries = append(m.deliveries, &exchange.Delivery{Position: int64(len(m.deliveries) + 1), Target: t, ID: c.ID, Object: c.Object,
		State: exchange.Pending, QueuedAt: m.now()})
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
func (m *Memory) Intend(_ context.Context, _ exchange.Fence, in sync.Intent) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, open := m.intents[in.Object]; open {
		return store.ErrStale
	}
	m.intents[in.Object] = in
	return nil
}

// Forget implements exchange.Changes.
func (m *Memory) Forget(_ context.Context, o sync.Object, tag string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.intents[o].Tag == tag {
		delete(m.intents, o)
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
			late[d.Object] = true
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
		if done && d.Target == target && d.State == exchange.Waiting {
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
func (m *Memory) Baseline(_ context.Context, target sync.ServerID) (n int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []*exchange.Entry
	for _, s := range m.states {
		for _, v := range s.Versions {
			if e := m.changes[v.ID]; !slices.Contains(e.Listed, target) {
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
			switch {
			case d.Target != id:
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
				if next == nil || d.NextAt.Before(next.NextAt) {
					next = d
				}
			}
		}
		if next != nil {
			t.Next, t.Tries, t.Failure = next.NextAt, next.Tries, next.Reason
		}
		all = append(all, t)
	}
	return all, nil
}

// SetTarget implements exchange.Deliveries.
func (m *Memory) SetTarget(_ context.Context, id sync.ServerID, state exchange.TargetState, reason string, until time.Duration) error {
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
		all = append(all, *d)
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
