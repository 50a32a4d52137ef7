package files

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"syscall"

	"github.com/stagelock/stagelock/store"
)

const (
	// segmentBytes is the size of a segment unless Config says otherwise.
	segmentBytes = 64 << 20
	// keepBuffer is the largest buffer that is kept for the next Append.
	keepBuffer = 4 << 20
)

// Config says where a log lies.
type Config struct {
	Dir          string
	SegmentBytes int64     // a new segment begins after so many; 0 means 64 MiB
	First        store.Seq // the first record of a log that has none yet; 0 means 1
	// ReadOnly opens a log that another process may be writing: nothing is changed, and a last line
	// that is not whole yet is not there yet.
	ReadOnly bool
}

// Events is an append-only log in a folder. One process writes it; others may read it with
// ReadOnly.
type Events struct {
	dir      string
	first    store.Seq
	limit    int64
	readOnly bool
	create   func(path string) (file, error)
	unlock   func() error

	appending sync.Mutex // one writer at a time; guards the next two, and is taken before the others
	buf       []byte
	dirty     bool // out may hold more than size bytes

	syncing sync.Mutex // one sync at a time; guards synced, and is taken before mu
	synced  store.Seq  // records up to it are on disk

	mu       sync.Mutex // guards what readers see; but for broken changed by who holds appending too
	out      file
	broken   error     // why nothing can be appended any more
	segments []segment // by first seq; the last one is written
	size     int64     // bytes of whole records in out
	last     store.Record
	closed   bool
}

var _ store.Events = (*Events)(nil)

// errBody is why a Body is refused.
var errBody = fmt.Errorf("a record must be one line of 1 to %d bytes", maxLine)

// Open opens the log in cfg.Dir, making the folder if it is not there. A last line that a crash
// left unfinished is cut off; it never counted. The caller closes it.
func Open(cfg Config) (*Events, error) {
	e := &Events{dir: cfg.Dir, first: max(cfg.First, 1), limit: cfg.SegmentBytes, readOnly: cfg.ReadOnly, create: createFile}
	if e.limit <= 0 {
		e.limit = segmentBytes
	}
	open := e.openWriter
	if e.readOnly {
		open = e.openReader
	}
	if err := open(); err != nil {
		return nil, fmt.Errorf("open log %q: %w", cfg.Dir, translate(err))
	}
	return e, nil
}

// Close closes the log. It may be called again.
func (e *Events) Close() error {
	e.appending.Lock()
	defer e.appending.Unlock()
	if e.closed {
		return nil
	}
	errs := []error{e.settle()}
	e.syncing.Lock()
	defer e.syncing.Unlock()
	e.publish(func() { e.closed = true })
	if e.out != nil {
		errs = append(errs, e.out.Close())
	}
	if e.unlock != nil {
		errs = append(errs, e.unlock())
	}
	return errors.Join(errs...)
}

// publish changes what readers see.
func (e *Events) publish(change func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change()
}

// Append implements store.Events.
func (e *Events) Append(ctx context.Context, recs []store.Record) error {
	return e.add(ctx, recs, true)
}

func (e *Events) add(ctx context.Context, recs []store.Record, durable bool) error {
	e.appending.Lock()
	defer e.appending.Unlock()
	err := ctx.Err()
	if err == nil {
		err = e.append(recs, durable)
	}
	if err != nil {
		return fmt.Errorf("append %d records to log %q: %w", len(recs), e.dir, translate(err))
	}
	return nil
}

func (e *Events) append(recs []store.Record, durable bool) error {
	if err := e.ready(recs); err != nil || len(recs) == 0 {
		return err
	}
	if err := e.clean(); err != nil {
		return err
	}
	if e.out == nil || e.size >= e.limit {
		if err := e.rotate(recs[0].Seq); err != nil {
			return err
		}
	}
	e.buf = e.buf[:0]
	for _, r := range recs {
		e.buf = append(append(e.buf, r.Body...), '\n')
	}
	if err := e.put(durable); err != nil {
		return err
	}
	end := recs[len(recs)-1]
	e.publish(func() {
		e.size += int64(len(e.buf))
		e.last = store.Record{Seq: end.Seq, Body: append(e.last.Body[:0], end.Body...)}
	})
	if durable {
		e.syncing.Lock()
		e.synced = end.Seq
		e.syncing.Unlock()
	}
	if cap(e.buf) > keepBuffer {
		e.buf = nil
	}
	return nil
}

// put writes buf behind the last record that counts.
func (e *Events) put(durable bool) error {
	if durable {
		// what was only written counts whatever becomes of buf
		if err := e.settle(); err != nil {
			return err
		}
	}
	_, err := e.out.Write(e.buf)
	if err == nil && durable {
		err = e.out.Sync()
	}
	if err != nil {
		return e.undo(err)
	}
	return nil
}

// ready refuses records that cannot follow the last one, before anything is written.
func (e *Events) ready(recs []store.Record) error {
	e.mu.Lock()
	broken := e.broken
	e.mu.Unlock()
	switch {
	case e.closed:
		return store.ErrClosed
	case e.readOnly:
		return errReadOnly
	case broken != nil:
		return broken
	}
	for i, r := range recs {
		if want := e.last.Seq + store.Seq(i) + 1; r.Seq != want {
			return fmt.Errorf("record %d where %d is due: %w", r.Seq, want, store.ErrStale)
		}
		if len(r.Body) == 0 || len(r.Body) > maxLine || bytes.IndexByte(r.Body, '\n') >= 0 {
			return fmt.Errorf("record %d: %w", r.Seq, errBody)
		}
	}
	return nil
}

var errReadOnly = errors.New("opened for reading only")

// undo cuts off what a failed write left. While that fails too, every Append tries it first. A disk
// that lost written bytes is not trusted again: then nothing is appended until the log is opened
// anew, which looks at what is there.
func (e *Events) undo(cause error) error {
	e.dirty = true
	if err := e.clean(); err != nil {
		cause = errors.Join(cause, err)
	}
	if errors.Is(cause, syscall.EIO) {
		return e.lost(cause)
	}
	return cause
}

// clean cuts off everything behind the last record that counts.
func (e *Events) clean() error {
	if !e.dirty {
		return nil
	}
	if err := e.out.Truncate(e.size); err != nil {
		return err
	}
	e.syncing.Lock() // the system tells a loss to one sync only: none may run beside this one
	defer e.syncing.Unlock()
	err := e.out.Sync()
	switch {
	case err == nil:
		e.dirty, e.synced = false, e.last.Seq
	case e.synced < e.last.Seq:
		return e.lost(err)
	}
	return err
}

// rotate begins the segment whose first record is seq.
func (e *Events) rotate(seq store.Seq) error {
	if err := e.settle(); err != nil {
		return err
	}
	s := segment{first: seq, path: segmentPath(e.dir, seq)}
	f, err := e.create(s.path)
	if err != nil {
		return err
	}
	if err := syncDir(e.dir); err != nil {
		return errors.Join(err, f.Close())
	}
	e.syncing.Lock() // nobody syncs the old file
	defer e.syncing.Unlock()
	if e.out != nil {
		err = e.out.Close()
	}
	e.publish(func() {
		e.out, e.size = f, 0
		// else an empty one is written again
		if n := len(e.segments); n == 0 || e.segments[n-1].first != seq {
			e.segments = append(e.segments, s)
		}
	})
	return err
}

// Last implements store.Events.
func (e *Events) Last(ctx context.Context) (store.Record, error) {
	last, err := e.newest(ctx)
	if err == nil && len(last.Body) == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return store.Record{}, fmt.Errorf("last record of log %q: %w", e.dir, err)
	}
	return last, nil
}

func (e *Events) newest(ctx context.Context) (store.Record, error) {
	if err := ctx.Err(); err != nil {
		return store.Record{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return store.Record{}, store.ErrClosed
	}
	if e.readOnly {
		segments, err := listSegments(e.dir)
		if err != nil {
			return store.Record{}, err
		}
		tail, err := readTail(segments)
		return tail.last, err
	}
	return store.Record{Seq: e.last.Seq, Body: slices.Clone(e.last.Body)}, nil
}

// Read implements store.Events.
func (e *Events) Read(ctx context.Context, from store.Seq, fn func(store.Record) error) error {
	segments, size, err := e.snapshot()
	if err != nil {
		return fmt.Errorf("read log %q: %w", e.dir, err)
	}
	after := func(s segment, seq store.Seq) int {
		if s.first > seq {
			return 1
		}
		return -1
	}
	i, _ := slices.BinarySearchFunc(segments, from, after) // the first one that begins after from
	for i = max(i-1, 0); i < len(segments); i++ {
		limit := int64(-1)
		if i == len(segments)-1 {
			limit = size
		}
		err := segments[i].read(ctx, from, limit, fn)
		if errors.Is(err, fs.ErrNotExist) && i < len(segments)-1 {
			continue // archived since it was listed
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// snapshot returns the segments and how many bytes of the last one count, -1 for all.
func (e *Events) snapshot() ([]segment, int64, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, 0, store.ErrClosed
	}
	if e.readOnly {
		segments, err := listSegments(e.dir)
		return segments, -1, err
	}
	return slices.Clone(e.segments), e.size, nil
}
