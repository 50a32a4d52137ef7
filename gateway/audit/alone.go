package audit

import (
	"context"

	"github.com/stagelock/stagelock/store"
)

// hand has p kept: by its caller, who is alone, or by run.
func (l *Log) hand(ctx context.Context, p *pending) error {
	if !p.patient {
		if l.alone(p) {
			return <-p.done
		}
		l.waiting.Add(1)
		defer l.waiting.Add(-1)
	}
	select {
	case l.groups <- p:
		return <-p.done
	case <-ctx.Done():
		return ctx.Err()
	case <-l.quit:
		return store.ErrClosed
	}
}

// alone writes p in the goroutine of its caller, if nobody else writes, waits, or came lately, who might share the
// write: to hand it to run and to be told costs a good part of what the write itself does. What was parked leaves
// with it. A checkpoint is left to run, so that no caller waits for its file.
func (l *Log) alone(p *pending) bool {
	if l.waiting.Load() > 0 {
		return false
	}
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	default:
		return false
	}
	w := &l.w
	if w.expect > 1 || l.quitting() || w.uncovered+len(w.parked)+1 >= l.cfg.CheckpointEvery {
		return false
	}
	_ = l.commit(context.Background(), l.group(p)) // Err tells, and p.done
	w.checkpoint.arm()
	l.armFlush()
	return true
}
