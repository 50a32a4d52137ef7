package lines

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// ErrStuck is returned by Close when lines could not be written in time.
var ErrStuck = errors.New("the log is not read: its last lines are lost")

// Writer passes what is written on to another writer, which may block. It holds what that has not taken
// yet, up to a bound, and drops what is beyond. It is safe for concurrent use.
type Writer struct {
	to   io.Writer
	most int
	said func(dropped int64) []byte

	mu      sync.Mutex
	held    []byte
	dropped int64 // since the last batch was taken
	closed  bool
	wake    chan struct{} // has one if there is something to do
	done    chan struct{} // closed when nothing more is written
}

// New returns a Writer to w that holds at most so many bytes, and as many that are being written. Lines
// that were dropped are told, once w goes on, by the line that said returns. The caller closes it.
func New(w io.Writer, most int, said func(dropped int64) []byte) *Writer {
	l := &Writer{to: w, most: most, said: said, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go l.run()
	return l
}

// Write takes a line. It neither waits nor fails: a line that finds no room is dropped and counted, and
// so is one after Close.
func (l *Writer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.dropped > 0 || len(l.held)+len(p) > l.most { // what was dropped is told before what follows
		l.dropped++
	} else {
		l.held = append(l.held, p...)
	}
	l.signal()
	return len(p), nil
}

// signal wakes run. The caller holds mu.
func (l *Writer) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// take returns what is to be written now, and whether there may be more later.
func (l *Writer) take() (lines []byte, more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines, l.held = l.held, nil
	if l.dropped > 0 {
		lines = append(lines, l.said(l.dropped)...)
		l.dropped = 0
	}
	return lines, !l.closed
}

func (l *Writer) run() {
	defer close(l.done)
	for range l.wake {
		lines, more := l.take()
		if len(lines) > 0 {
			_, _ = l.to.Write(lines) // who reads the log cannot be told
		}
		if !more {
			return
		}
	}
}

// Close writes what is held, for at most within. The error is ErrStuck if that was too short; what the
// other writer then still takes may be written later. It may be called again.
func (l *Writer) Close(within time.Duration) error {
	l.mu.Lock()
	l.closed = true
	l.signal()
	l.mu.Unlock()
	late := time.NewTimer(within)
	defer late.Stop()
	select {
	case <-l.done:
		return nil
	case <-late.C:
		return fmt.Errorf("%w, after %s", ErrStuck, within)
	}
}
