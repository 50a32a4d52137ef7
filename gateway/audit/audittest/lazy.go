package audittest

import (
	"context"

	"github.com/stagelock/stagelock/store"
)

// Lazy is a Memory that can lose what was not flushed. Its methods keep the contract of store.Lazy.
type Lazy struct {
	Memory
	Disk     int           // how many lines a crash leaves
	Lazily   int           // how many AppendLazily there were
	Flushes  int           // how many times Flush did
	Unsynced error         // what Flush fails with
	Slow     chan struct{} // what Flush waits for, unless it is nil
}

var _ store.Lazy = (*Lazy)(nil)

// Append adds records; they and what was before them survive a crash, also one that comes as soon as they are
// there.
func (l *Lazy) Append(ctx context.Context, recs []store.Record) error {
	l.wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.add(ctx, recs)
	if err == nil {
		l.Disk = len(l.Lines)
	}
	return err
}

// AppendLazily adds records that a crash loses.
func (l *Lazy) AppendLazily(ctx context.Context, recs []store.Record) error {
	err := l.Memory.Append(ctx, recs)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		l.Lazily++
	}
	return err
}

// Flush has a crash leave what is there now.
func (l *Lazy) Flush(ctx context.Context, seq store.Seq) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l.mu.Lock()
	slow := l.Slow
	l.mu.Unlock()
	if slow != nil {
		<-slow
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.Closed:
		return store.ErrClosed
	case l.Unsynced != nil:
		return l.Unsynced
	case int(seq) > len(l.Lines):
		return store.ErrStale
	}
	l.Flushes++
	l.Disk = len(l.Lines)
	return nil
}

// Counts are those of a Lazy at one moment.
type Counts struct{ Lines, Groups, Disk, Lazily, Flushes int }

// Now returns the counts, also while a log writes.
func (l *Lazy) Now() Counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Counts{len(l.Lines), l.Groups, l.Disk, l.Lazily, l.Flushes}
}

// Set changes l while a log writes.
func (l *Lazy) Set(change func(*Lazy)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(l)
}

// Crash loses what is not on the disk, and returns how many records that were.
func (l *Lazy) Crash() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	lost := len(l.Lines) - l.Disk
	l.Lines = l.Lines[:l.Disk]
	return lost
}
