package audittest

import (
	"bytes"
	"context"
	"fmt"
	"sync"

	"github.com/stagelock/stagelock/store"
)

// Memory keeps a log as lines that a test may edit while nobody writes. Its methods keep the contract of
// store.Events.
type Memory struct {
	mu     sync.Mutex // guards the rest
	Lines  [][]byte
	Closed bool
	Fail   error           // what Append fails with
	Gate   <-chan struct{} // what Append waits for
	Groups int             // how many Appends there were
	Lost   error           // what Append fails with though it kept the records, once
}

// Append adds records, if nothing was set that it fails with.
func (m *Memory) Append(ctx context.Context, recs []store.Record) error {
	m.wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.add(ctx, recs)
}

func (m *Memory) wait() {
	if m.Gate != nil {
		<-m.Gate
	}
}

// add is Append under the lock.
func (m *Memory) add(ctx context.Context, recs []store.Record) error {
	if m.Closed {
		return store.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if m.Fail != nil {
		return m.Fail
	}
	for i, r := range recs {
		if r.Seq != store.Seq(len(m.Lines)+i+1) {
			return store.ErrStale
		}
		if len(r.Body) == 0 || bytes.IndexByte(r.Body, '\n') >= 0 {
			return fmt.Errorf("body %q", r.Body)
		}
	}
	for _, r := range recs {
		m.Lines = append(m.Lines, bytes.Clone(r.Body))
	}
	m.Groups++
	err := m.Lost
	m.Lost = nil
	return err
}

func (m *Memory) snapshot() ([][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.Closed {
		return nil, store.ErrClosed
	}
	return m.Lines[:len(m.Lines):len(m.Lines)], nil
}

// Last returns the newest record.
func (m *Memory) Last(ctx context.Context) (store.Record, error) {
	lines, err := m.snapshot()
	if err == nil && len(lines) == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return store.Record{}, err
	}
	return store.Record{Seq: store.Seq(len(lines)), Body: bytes.Clone(lines[len(lines)-1])}, nil
}

// Read calls fn with the records from one on.
func (m *Memory) Read(ctx context.Context, from store.Seq, fn func(store.Record) error) error {
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

// Close has everything else fail.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.Closed = true
	return nil
}

// Copy appends all of from to to.
func Copy(ctx context.Context, to store.Events, from *Memory) error {
	recs := make([]store.Record, len(from.Lines))
	for i, l := range from.Lines {
		recs[i] = store.Record{Seq: store.Seq(i + 1), Body: l}
	}
	return to.Append(ctx, recs)
}
