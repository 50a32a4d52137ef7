package files

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/stagelock/stagelock/store"
)

// end returns the last whole line of the segment, nil if there is none, how many whole lines it has, and their bytes.
// It looks for breaks and at no line but the last: a start counts the records of a full segment so.
func (s segment) end() (last []byte, lines int, whole int64, err error) {
	f, err := os.Open(s.path)
	if err != nil {
		return nil, 0, 0, err
	}
	defer f.Close()
	t := tally{}
	buf := make([]byte, 256<<10)
	for {
		n, err := f.Read(buf)
		if t.add(buf[:n]); t.longest > maxLine {
			return nil, 0, 0, fmt.Errorf("record %d in %q: %w", s.first+store.Seq(t.lines), s.path, errLongLine)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, 0, 0, fmt.Errorf("record %d in %q: %w", s.first+store.Seq(t.lines), s.path, err)
		}
	}
	if t.lines == 0 {
		return nil, 0, 0, nil
	}
	last = make([]byte, t.breaks-t.before)
	if _, err := f.ReadAt(last, t.before); err != nil {
		return nil, 0, 0, err
	}
	return last, t.lines, t.breaks + 1, nil
}

// tally is what was counted of a segment.
type tally struct {
	read    int64
	lines   int
	before  int64 // where the last whole line begins
	breaks  int64 // where its break stands
	begun   int64 // where the line begins that has no break yet
	longest int64 // the bytes of the longest line that lies in more than one block, or has no break yet
}

// add counts the next block.
func (t *tally) add(block []byte) {
	first := bytes.IndexByte(block, '\n')
	if first < 0 {
		t.read += int64(len(block))
		t.longest = max(t.longest, t.read-t.begun)
		return
	}
	t.longest = max(t.longest, t.read+int64(first)-t.begun)
	end := bytes.LastIndexByte(block, '\n')
	t.before = t.begun
	if earlier := bytes.LastIndexByte(block[:end], '\n'); earlier >= 0 {
		t.before = t.read + int64(earlier) + 1
	}
	t.breaks = t.read + int64(end)
	t.begun = t.breaks + 1
	t.lines += bytes.Count(block, lineBreak)
	t.read += int64(len(block))
}
