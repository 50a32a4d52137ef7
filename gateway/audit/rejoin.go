package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"

	"github.com/stagelock/stagelock/gateway/audit/chain"
	"github.com/stagelock/stagelock/store"
)

// ErrWriter is in the error of Append to a log that somebody else writes under the same name.
var ErrWriter = errors.New("another process writes this log")

// keep appends what build makes. A store whose log does not end where this process left it is looked at:
// it may have kept what it could not say it kept, may have lost what was not on its disk, or may have been
// set back. Then everything is
// built anew, from where the log ends.
func (l *Log) keep(ctx context.Context, put put, build func() error) error {
	err := l.try(ctx, put, build)
	if !errors.Is(err, store.ErrStale) {
		return err
	}
	if err := l.rejoin(ctx); err != nil {
		return err
	}
	return l.try(ctx, put, build)
}

// put is Append of a store, or what stands for it.
type put func(ctx context.Context, recs []store.Record) error

// try appends what build makes; if that fails the log is where it was.
func (l *Log) try(ctx context.Context, put put, build func() error) error {
	seq, head := l.w.seq, l.w.head
	err := build()
	if err == nil {
		err = put(ctx, l.w.recs)
		if !errors.Is(err, store.ErrStale) { // that one kept nothing
			l.doubt(err)
		}
	}
	if err != nil {
		l.w.seq, l.w.head = seq, head
	}
	l.w.begun = l.w.begun || err == nil
	return err
}

// maxDoubts bounds of how many groups it is remembered that they may have been kept.
const maxDoubts = 1 << 16

// doubt remembers the hash of the last record of a group that may have been kept although the store failed.
// Of all that failed since the last one that was kept, any may have been: they would follow the same record.
func (l *Log) doubt(err error) {
	switch {
	case err == nil:
		l.w.doubtful = nil
	case len(l.w.doubtful) < maxDoubts:
		l.w.doubtful = append(l.w.doubtful, l.w.head)
	}
}

// rejoin finds where the chain goes on in a log that does not end where this process left it.
func (l *Log) rejoin(ctx context.Context) error {
	last, err := l.cfg.Events.Last(ctx)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	had := l.w.seq
	split, err := chain.Split(last.Body)
	switch {
	case err == nil && slices.Contains(l.w.doubtful, split.Hash): // it counts, though nobody was told so
		return l.counted(ctx, last.Seq)
	case last.Seq == had && (had == 0 || err == nil && split.Hash == l.w.head):
		return nil
	case last.Seq >= had && !l.w.begun: // by the process before this one, after the log was opened
		return l.readHead(ctx)
	case last.Seq >= had:
		return fmt.Errorf("%w: %w", ErrWriter, store.ErrStale)
	}
	if lost := l.w.tail.behind(last.Seq, split.Hash); len(lost) > 0 {
		return l.appendNow(ctx, lost)
	}
	return l.setBack(ctx, last.Seq)
}

// setBack goes on with a log that lost its last records: a standby took over that did not have them, or
// an older copy was restored. The newest checkpoint stays in the log as evidence.
func (l *Log) setBack(ctx context.Context, end store.Seq) error {
	had := l.w.seq
	msg, err := os.ReadFile(l.cfg.Checkpoint)
	if err != nil {
		msg = nil // the alarm tells without it
	}
	l.w.seq, l.w.head = 0, chain.Digest{}
	l.emptyTail()
	if err := l.readHead(ctx); err != nil {
		return err
	}
	found := fmt.Errorf("the log ends at %d, it had %d records: the store was set back", end, had)
	if err := l.alarmOf(ctx, msg, found, map[string]string{HadField: strconv.FormatUint(uint64(had), 10)}); err != nil {
		return err
	}
	if l.cfg.SetBack != nil {
		l.cfg.SetBack()
	}
	return nil
}
