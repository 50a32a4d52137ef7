package audit

import (
	"context"
	"errors"
	"time"

	"github.com/stagelock/stagelock/gateway/audit/chain"
	"github.com/stagelock/stagelock/store"
)

// syncAfter is how long what was only written waits for somebody who needs the disk; with the sync
// itself that stays below the promised 10 ms.
const syncAfter = 5 * time.Millisecond

// write appends p in the goroutine of its caller. Who needs the disk syncs for all that was written.
func (l *Log) write(p *pending, durable bool) error {
	ctx := context.Background() // a log that is half told would not know where it ends
	err := l.put(ctx, p)
	if err == nil && durable {
		err = l.direct.Sync(ctx, p.seq)
	}
	if errors.Is(err, store.ErrClosed) {
		return err
	}
	l.note(err)
	if !l.told.Swap(true) {
		l.unsynced <- struct{}{} // has room: told is cleared after it was taken
	}
	return err
}

func (l *Log) put(ctx context.Context, p *pending) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	select {
	case <-l.quit: // under the lock, so that the last checkpoint covers all
		return store.ErrClosed
	default:
	}
	// here and not behind the callers: however slow the disk, no more records than that are not signed
	signed := l.w.uncovered+1 >= l.cfg.CheckpointEvery
	l.w.group = append(l.w.group[:0], p)
	if err := l.keep(ctx, l.direct.Write, func() error { return l.build(l.w.group, signed) }); err != nil {
		return err
	}
	p.seq = l.w.recs[0].Seq
	if l.w.uncovered++; signed {
		l.w.uncovered, l.w.unsaved = 0, true
	}
	return nil
}

// runDirect syncs and signs behind the callers until the log closes.
func (l *Log) runDirect(ctx context.Context) {
	defer close(l.ended)
	checkpoint, late := newAlarm(l.cfg.CheckpointInterval), newAlarm(syncAfter)
	defer checkpoint.timer.Stop()
	defer late.timer.Stop()
	checkpoint.arm()
	for {
		select {
		case <-l.unsynced:
			late.arm()
			checkpoint.arm()
		case <-late.timer.C:
			late.armed = false
			l.told.Store(false) // what is written from here on tells again
			l.follow(ctx)
		case <-checkpoint.timer.C:
			checkpoint.armed = false
			if !l.seal(ctx) {
				checkpoint.arm()
			}
		case <-l.quit:
			l.seal(ctx)
			return
		}
	}
}

// follow syncs what was written, and saves a checkpoint of it if one was signed.
func (l *Log) follow(ctx context.Context) {
	l.writing.Lock()
	c, save := l.checkpoint(l.cfg.Now()), l.w.unsaved
	l.w.unsaved = false
	l.writing.Unlock()
	_ = l.settle(ctx, c, save) // Err tells
}

// seal makes a checkpoint of what none covers yet and saves it, or saves one again that could not be saved.
// It reports whether nothing is left to do.
func (l *Log) seal(ctx context.Context) bool {
	c, err := l.signDirect(ctx)
	switch {
	case err != nil:
		l.note(err)
	case c != nil:
		err = l.settle(ctx, *c, true)
	}
	return err == nil && l.w.saveErr == nil // only this goroutine changes it
}

// settle returns when the log is on disk up to c, and saves c then if it is told to.
func (l *Log) settle(ctx context.Context, c chain.Checkpoint, save bool) error {
	err := l.direct.Sync(ctx, c.Size)
	if err == nil && save {
		l.saved(l.saveOf(c))
	}
	if err != nil || save {
		l.note(err)
	}
	return err
}

// signDirect appends a checkpoint and returns what the file is to hold, nil if it holds the newest one.
func (l *Log) signDirect(ctx context.Context) (*chain.Checkpoint, error) {
	l.writing.Lock()
	defer l.writing.Unlock()
	if l.w.uncovered == 0 && l.w.saveErr == nil && !l.w.unsaved {
		return nil, nil
	}
	if l.w.uncovered > 0 {
		if err := l.keep(ctx, l.direct.Write, func() error { return l.build(nil, true) }); err != nil {
			return nil, err
		}
	}
	l.w.uncovered, l.w.unsaved = 0, false
	c := l.checkpoint(l.cfg.Now())
	return &c, nil
}
