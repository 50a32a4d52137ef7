package files

import "slices"

// File is what a segment is written through.
type File = file

// CreateFile makes a real one.
var CreateFile = createFile

// Syncing reports whether a sync runs that others wait for.
func (e *Events) Syncing() bool {
	if !e.syncing.TryLock() {
		return true
	}
	e.syncing.Unlock()
	return false
}

// OpenWith opens a log whose later segments are made by create.
func OpenWith(cfg Config, create func(path string) (File, error)) (*Events, error) {
	e, err := Open(cfg)
	if err == nil {
		e.create = create
	}
	return e, err
}

// Counted is what end finds of a segment.
type Counted struct {
	Lines int
	Whole int64
	Last  []byte
}

// Tally counts data in blocks of size bytes.
func Tally(data []byte, size int) Counted {
	var t tally
	for block := range slices.Chunk(data, size) {
		t.add(block)
	}
	if t.lines == 0 {
		return Counted{}
	}
	return Counted{Lines: t.lines, Whole: t.breaks + 1, Last: data[t.before:t.breaks]}
}
