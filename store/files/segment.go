package files

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/stagelock/stagelock/store"
)

const (
	// suffix ends the name of every segment; twenty digits before it hold the largest Seq and sort
	// as numbers do.
	suffix = ".jsonl"
	digits = 20
	// maxLine bounds what one line can make a reader allocate.
	maxLine = 16 << 20
)

// segment is one file of a log.
type segment struct {
	first store.Seq
	path  string
}

func segmentPath(dir string, first store.Seq) string {
	return filepath.Join(dir, fmt.Sprintf("%0*d%s", digits, first, suffix))
}

// listSegments returns the segments in dir by their first record. Other files are not looked at.
func listSegments(dir string) ([]segment, error) {
	entries, err := os.ReadDir(dir) // sorted by name
	if err != nil {
		return nil, err
	}
	var segments []segment
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), suffix)
		if !ok || len(name) != digits {
			continue
		}
		first, err := strconv.ParseUint(name, 10, 64)
		if err != nil || first == 0 {
			continue
		}
		segments = append(segments, segment{store.Seq(first), filepath.Join(dir, e.Name())})
	}
	return segments, nil
}

// read calls fn with the whole records from seq on. It reads limit bytes, or all if that is
// negative.
func (s segment) read(ctx context.Context, from store.Seq, limit int64,
	fn func(store.Record) error) error {
	_, err := s.scan(limit, func(seq store.Seq, line []byte) error {
		if seq < from {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		return fn(store.Record{Seq: seq, Body: line})
	})
	return err
}

// scan calls fn with every whole line and returns how many bytes these lines have.
func (s segment) scan(limit int64, fn func(seq store.Seq, line []byte) error) (int64, error) {
	f, err := os.Open(s.path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	in := io.Reader(f)
	if limit >= 0 {
		in = io.LimitReader(f, limit)
	}
	lines := lineReader{r: bufio.NewReaderSize(in, 256<<10)}
	whole := int64(0)
	for seq := s.first; ; seq++ {
		line, err := lines.next()
		if errors.Is(err, io.EOF) {
			return whole, nil
		}
		if err != nil {
			return whole, fmt.Errorf("record %d in %q: %w", seq, s.path, err)
		}
		if err := fn(seq, line); err != nil {
			return whole, err
		}
		whole += int64(len(line)) + 1
	}
}

// lineReader returns whole lines, from the reader's buffer while they fit.
type lineReader struct {
	r    *bufio.Reader
	long []byte
}

var errLongLine = errors.New("line is longer than any record")

// next returns the next line without its break, valid until the next call, or io.EOF; what follows
// the last break is no line.
func (l *lineReader) next() ([]byte, error) {
	line, err := l.r.ReadSlice('\n')
	if err == nil {
		return line[:len(line)-1], nil
	}
	l.long = l.long[:0]
	for errors.Is(err, bufio.ErrBufferFull) {
		if l.long = append(l.long, line...); len(l.long) > maxLine {
			return nil, errLongLine
		}
		line, err = l.r.ReadSlice('\n')
	}
	if err != nil {
		return nil, err
	}
	l.long = append(l.long, line...)
	return l.long[:len(l.long)-1], nil
}

// tail is the end of a log.
type tail struct {
	last  store.Record // Seq 0 if there is none
	whole int64        // bytes of whole lines in the last segment
}

// readTail finds the newest record. A last segment that was begun and not written still says which
// number is due.
func readTail(segments []segment) (tail, error) {
	var t tail
	for i := len(segments) - 1; i >= 0 && t.last.Body == nil; i-- {
		seq := segments[i].first - 1
		whole, err := segments[i].scan(-1, func(n store.Seq, line []byte) error {
			seq = n
			t.last.Body = append(t.last.Body[:0], line...)
			return nil
		})
		if err != nil {
			return t, err
		}
		if i == len(segments)-1 {
			t.last.Seq, t.whole = seq, whole
		}
	}
	return t, nil
}
