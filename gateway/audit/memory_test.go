package audit_test

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/storetest"
)

// memory keeps a log as lines that a test may edit.
type memory struct {
	mu     sync.Mutex // guards the rest
	lines  [][]byte
	closed bool
	fail   error           // what Append fails with
	gate   <-chan struct{} // what Append waits for
	groups int             // how many Appends there were
}

func (m *memory) Append(ctx context.Context, recs []store.Record) error {
	if m.gate != nil {
		<-m.gate
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return store.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if m.fail != nil {
		return m.fail
	}
	for i, r := range recs {
		if r.Seq != store.Seq(len(m.lines)+i+1) {
			return store.ErrStale
		}
		if len(r.Body) == 0 || bytes.IndexByte(r.Body, '\n') >= 0 {
			return fmt.Errorf("body %q", r.Body)
		}
	}
	for _, r := range recs {
		m.lines = append(m.lines, bytes.Clone(r.Body))
	}
	m.groups++
	return nil
}

func (m *memory) snapshot() ([][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, store.ErrClosed
	}
	return m.lines[:len(m.lines):len(m.lines)], nil
}

func (m *memory) Last(ctx context.Context) (store.Record, error) {
	lines, err := m.snapshot()
	if err == nil && len(lines) == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return store.Record{}, err
	}
	return store.Record{Seq: store.Seq(len(lines)), Body: bytes.Clone(lines[len(lines)-1])}, nil
}

func (m *memory) Read(ctx context.Context, from store.Seq, fn func(store.Record) error) error {
	lines, err := m.snapshot()
	if err != nil {
		return err
	}
	for i := max(from, 1); i <= store.Seq(len(lines)); i++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := fn(store.Record{Seq: i, Body: lines[i-1]}); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (m *memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return nil
}

// TestMemory holds the fake to the contract that the real ones keep.
func TestMemory(t *testing.T) {
	places := map[string]*memory{}
	storetest.TestEvents(t, func(t *testing.T, dir string) store.Events {
		m := &memory{}
		if old := places[dir]; old != nil {
			m.lines = old.lines
		}
		places[dir] = m
		return m
	})
}

// copyLog appends all of from to to.
func copyLog(ctx context.Context, to store.Events, from *memory) error {
	recs := make([]store.Record, len(from.lines))
	for i, l := range from.lines {
		recs[i] = store.Record{Seq: store.Seq(i + 1), Body: l}
	}
	return to.Append(ctx, recs)
}
