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

// maxParked bounds the outcomes that wait for another event.
const maxParked = MaxGroup / 2

// leave parks p, which is the log's until it was written, for the event that comes next: their records are one
// write then. Parked is false if too many wait already; then all of them were written, or err says why not.
func (l *Log) leave(p *pending) (parked bool, err error) {
	if parked, err = l.park(p); err == nil && !parked {
		err = l.write(p, false)
	}
	if parked {
		l.tell()
	}
	return parked, err
}

func (l *Log) park(p *pending) (bool, error) {
	l.writing.Lock()
	defer l.writing.Unlock()
	switch {
	case l.quitting():
		return false, store.ErrClosed
	case len(l.w.parked) >= maxParked:
		return false, nil
	}
	l.w.parked = append(l.w.parked, p)
	return true, nil
}

// quitting is asked with writing held, so that the last checkpoint covers all.
func (l *Log) quitting() bool {
	select {
	case <-l.quit:
		return true
	default:
		return false
	}
}

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
	l.tell()
	return err
}

// tell has runDirect look after what is not on disk.
func (l *Log) tell() {
	if !l.told.Swap(true) {
		l.unsynced <- struct{}{} // has room: told is cleared after it was taken
	}
}

func (l *Log) put(ctx context.Context, p *pending) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	if l.quitting() {
		return store.ErrClosed
	}
	return l.putParked(ctx, p, false)
}

// putParked appends what is parked, p unless it is nil, and a checkpoint if it is told to or one is due. What is
// parked stays so if that fails.
func (l *Log) putParked(ctx context.Context, p *pending, signed bool) error {
	w := &l.w
	w.group = append(w.group[:0], w.parked...)
	if p != nil {
		w.group = append(w.group, p)
	}
	// here and not behind the callers: however slow the disk, no more records than that are not signed
	signed = signed || w.uncovered+len(w.group) >= l.cfg.CheckpointEvery
	if err := l.keep(ctx, l.direct.Write, func() error { return l.build(w.group, signed) }); err != nil {
		return err
	}
	if p != nil {
		p.seq = w.recs[len(w.parked)].Seq
	}
	for i, done := range w.parked {
		l.free.Put(done)
		w.parked[i] = nil
	}
	w.parked = w.parked[:0]
	if w.uncovered += len(w.group); signed {
		w.uncovered, w.unsaved = 0, true
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

// follow writes what is parked and syncs what was written, and saves a checkpoint of it if one was signed.
func (l *Log) follow(ctx context.Context) {
	l.writing.Lock()
	if len(l.w.parked) > 0 {
		if err := l.putParked(ctx, nil, false); err != nil {
			defer l.note(err) // behind that of the rest
		}
	}
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
	if l.w.uncovered == 0 && len(l.w.parked) == 0 && l.w.saveErr == nil && !l.w.unsaved {
		return nil, nil
	}
	if l.w.uncovered > 0 || len(l.w.parked) > 0 {
		if err := l.putParked(ctx, nil, true); err != nil {
			return nil, err
		}
	}
	l.w.unsaved = false
	c := l.checkpoint(l.cfg.Now())
	return &c, nil
}
