package files

import (
	"context"
	"fmt"

	"github.com/stagelock/stagelock/store"
)

var _ store.Written = (*Events)(nil)

// Write implements store.Written.
func (e *Events) Write(ctx context.Context, recs []store.Record) error {
	return e.add(ctx, recs, false)
}

// Sync implements store.Written. Who comes while another one syncs is served by the next sync,
// together with all who came meanwhile.
func (e *Events) Sync(_ context.Context, seq store.Seq) error {
	e.syncing.Lock()
	defer e.syncing.Unlock()
	if err := e.sync(seq); err != nil {
		return fmt.Errorf("sync log %q: %w", e.dir, translate(err))
	}
	return nil
}

// sync makes the records up to seq durable, and with them all that are written; syncing is held.
func (e *Events) sync(seq store.Seq) error {
	if e.synced >= seq {
		return nil
	}
	e.mu.Lock()
	out, last, err := e.out, e.last.Seq, e.broken
	if err == nil && e.closed {
		err = store.ErrClosed
	}
	e.mu.Unlock()
	if err != nil {
		return err
	}
	if err := out.Sync(); err != nil {
		return e.lost(err)
	}
	e.synced = last
	return nil
}

// lost closes a log whose disk may have lost what counts already: the system forgets the pages that it
// could not write, so another sync that passes says nothing about them.
func (e *Events) lost(cause error) error {
	cause = fmt.Errorf("the disk lost a write, restart to look at the log: %w", cause)
	e.publish(func() { e.broken = cause })
	return cause
}

// settle makes all durable before the file that is written changes; appending is held.
func (e *Events) settle() error {
	e.syncing.Lock()
	defer e.syncing.Unlock()
	return e.sync(e.last.Seq)
}
