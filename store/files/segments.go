package files

import (
	"os"

	"github.com/stagelock/stagelock/store"
)

// Segment is one file of a log.
type Segment struct {
	First store.Seq // of its records
	Path  string
	Bytes int64
}

// Segments returns the files of the log in dir, oldest first. The last one may be written.
func Segments(dir string) ([]Segment, error) {
	segments, err := listSegments(dir)
	if err != nil {
		return nil, err
	}
	all := make([]Segment, 0, len(segments))
	for _, s := range segments {
		info, err := os.Stat(s.path)
		if err != nil {
			return nil, err
		}
		all = append(all, Segment{s.first, s.path, info.Size()})
	}
	return all, nil
}

// Lock takes dir for this process, or returns an error if another one has it. It ends with unlock
// or with the process.
func Lock(dir string) (unlock func() error, err error) { return lockDir(dir) }

// Sync makes the names in dir durable.
func Sync(dir string) error { return syncDir(dir) }
