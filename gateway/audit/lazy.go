package audit

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/stagelock/stagelock/gateway/audit/chain"
	"github.com/stagelock/stagelock/store"
)

const (
	// maxTail bounds the records that may not be on the disk of a store.Lazy yet.
	maxTail = 4 * MaxGroup
	// flushAgain is the pause after a flush that failed.
	flushAgain = time.Second
)

// tail is the last records of a log in a store.Lazy, which may not be on its disk yet. What the store loses
// of them is written again, as it was.
type tail struct {
	recs    []store.Record
	emptied int          // how often it was emptied by something else than a flush
	flushed chan flushed // what comes of the flush under way; nil if there is none
}

// flushed is what came of a flush.
type flushed struct {
	seq     store.Seq
	emptied int // as it was when the flush began
	err     error
}

func (t *tail) add(recs []store.Record) {
	for _, r := range recs {
		t.recs = append(t.recs, store.Record{Seq: r.Seq, Body: slices.Clone(r.Body)})
	}
}

// emptyTail is for a tail that is on disk, or gone.
func (l *Log) emptyTail() {
	l.w.tail.recs, l.w.tail.emptied = nil, l.w.tail.emptied+1
	l.flushedWith(nil)
}

// flushedWith keeps why the tail is not on disk.
func (l *Log) flushedWith(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.w.flushErr = err
}

// behind returns the records of the tail that follow the one of that number and hash; none if that is not
// the one that they follow.
func (t *tail) behind(seq store.Seq, hash chain.Digest) []store.Record {
	for i, r := range t.recs {
		if r.Seq != seq+1 {
			continue
		}
		if line, err := chain.Split(r.Body); err != nil || line.Prev != hash {
			return nil
		}
		return t.recs[i:]
	}
	return nil
}

// place returns what appends a group: lazily if nobody in it waits for the disk.
func (l *Log) place(group []*pending, signed bool) put {
	hurried := func(p *pending) bool { return !p.lazy }
	if l.lazy == nil || signed || len(l.w.tail.recs) >= maxTail || slices.ContainsFunc(group, hurried) {
		return l.appendNow
	}
	return func(ctx context.Context, recs []store.Record) error {
		err := l.lazy.AppendLazily(ctx, recs)
		if err == nil {
			l.w.tail.add(recs)
		}
		return err
	}
}

// appendNow returns when recs, and everything before them, is on disk.
func (l *Log) appendNow(ctx context.Context, recs []store.Record) error {
	err := l.cfg.Events.Append(ctx, recs)
	if err == nil {
		l.emptyTail()
	}
	return err
}

// armFlush has the tail flushed in a while.
func (l *Log) armFlush() {
	a := l.w.flush
	if len(l.w.tail.recs) == 0 || l.w.tail.flushed != nil {
		a.disarm()
		return
	}
	if a.after = syncAfter; l.w.flushErr != nil {
		a.after = flushAgain
	}
	a.arm()
}

// flush begins to flush the tail; groups are appended meanwhile.
func (l *Log) flush(ctx context.Context) {
	t := &l.w.tail
	if len(t.recs) == 0 || t.flushed != nil {
		return
	}
	f, done := flushed{seq: t.recs[len(t.recs)-1].Seq, emptied: t.emptied}, make(chan flushed, 1)
	t.flushed = done
	go func() {
		f.err = l.lazy.Flush(ctx, f.seq)
		done <- f
	}()
}

// settled takes what came of a flush. A log that ended before the tail did has lost some of it.
func (l *Log) settled(ctx context.Context, f flushed) {
	t := &l.w.tail
	if t.flushed = nil; f.emptied != t.emptied {
		return // all of that is on disk, or the log was set back
	}
	failed := l.w.flushErr != nil
	if errors.Is(f.err, store.ErrStale) {
		f.err = l.rejoin(ctx)
	} else if f.err == nil {
		t.recs = slices.DeleteFunc(t.recs, func(r store.Record) bool { return r.Seq <= f.seq })
	}
	if l.flushedWith(f.err); failed || f.err != nil {
		l.note(nil)
	}
}

// counted goes on behind a group that the store kept though it could not say so.
func (l *Log) counted(ctx context.Context, end store.Seq) error {
	if l.lazy != nil { // the tail does not have it
		if err := l.lazy.Flush(ctx, end); err != nil {
			return err
		}
		l.emptyTail()
	}
	return l.readHead(ctx)
}
