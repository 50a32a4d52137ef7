package files

import (
	"bufio"
	"bytes"
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

// lineBreak ends every line.
var lineBreak = []byte{'\n'}

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
	f, err := os.Open(s.path)
	if err != nil {
		return err
	}
	defer f.Close()
	in := io.Reader(f)
	if limit >= 0 {
		in = io.LimitReader(f, limit)
	}
	lines := lineReader{r: bufio.NewReaderSize(in, 256<<10)}
	seq := max(s.first, from)
	err = lines.skip(uint64(seq - s.first))
	for ; err == nil; seq++ {
		var line []byte
		if line, err = lines.next(); err != nil {
			break
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := fn(store.Record{Seq: seq, Body: line}); err != nil {
			return err
		}
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return fmt.Errorf("record %d in %q: %w", seq, s.path, err)
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

// skip leaves out so many lines, of which it looks at the breaks only, or returns io.EOF.
func (l *lineReader) skip(n uint64) error {
	for n > 0 {
		if _, err := l.r.Peek(1); err != nil {
			return err
		}
		block, err := l.r.Peek(l.r.Buffered())
		if err != nil {
			return err
		}
		if have := uint64(bytes.Count(block, lineBreak)); have < n {
			n -= have
		} else {
			rest := block
			for ; n > 0; n-- {
				rest = rest[bytes.IndexByte(rest, '\n')+1:]
			}
			block = block[:len(block)-len(rest)]
		}
		if _, err := l.r.Discard(len(block)); err != nil {
			return err
		}
	}
	return nil
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
		body, lines, whole, err := segments[i].end()
		if err != nil {
			return t, err
		}
		t.last.Body = body
		if i == len(segments)-1 {
			t.last.Seq, t.whole = segments[i].first+store.Seq(lines)-1, whole
		}
	}
	return t, nil
}
