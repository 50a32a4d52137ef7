package publish

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/tunnel/publisher"
)

const stateHelp = "$XDG_STATE_HOME/stagelock, or ~/.local/state/stagelock"

// stateDir returns where publishes are remembered, empty if the user has no home.
func stateDir(sh *term.Shell) string {
	if dir := sh.Env("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "stagelock", "publish")
	}
	if home := sh.Env("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".local", "state", "stagelock", "publish")
	}
	return ""
}

// journal remembers publishes in a folder, one file each, which is locked as long as its publish
// goes on. It is safe for concurrent use.
type journal struct {
	dir string
	now func() time.Time
}

// recordSize is the length of a file of the journal. It is written whole, in one write, so that a
// process that is killed leaves the old text or the new one.
const recordSize = 4 << 10

// record is what such a file holds.
type record struct {
	publisher.Key
	publisher.Checkpoint
	PID   int       `json:"pid"`
	Since time.Time `json:"since"` // when this process began
}

// Open implements publisher.Journal.
func (j *journal) Open(k publisher.Key) (publisher.Entry, publisher.Checkpoint, error) {
	if err := os.MkdirAll(j.dir, 0o700); err != nil {
		return nil, publisher.Checkpoint{}, err
	}
	id, err := json.Marshal(k)
	if err != nil {
		return nil, publisher.Checkpoint{}, err
	}
	sum := sha256.Sum256(id)
	path := filepath.Join(j.dir, hex.EncodeToString(sum[:16])+".json")
	f, err := lockFile(path)
	if err != nil {
		return nil, publisher.Checkpoint{}, err
	}
	e := &entry{f: f, record: record{Key: k, PID: os.Getpid(), Since: j.now()}}
	last := readRecord(f)
	if last.Key != k { // a file that was damaged says nothing
		last = record{}
	}
	e.Checkpoint = last.Checkpoint
	if err := e.write(); err != nil {
		return nil, publisher.Checkpoint{}, errors.Join(err, f.Close())
	}
	return e, last.Checkpoint, nil
}

// lockFile opens the file and locks it. It may be removed by the one who had it before.
func lockFile(path string) (*os.File, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, err
		}
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if errors.Is(err, syscall.EWOULDBLOCK) {
			r := readRecord(f)
			return nil, errors.Join(&publisher.BusyError{PID: r.PID, Since: r.Since}, f.Close())
		}
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		mine, err := f.Stat()
		there, gone := os.Stat(path)
		if err == nil && gone == nil && os.SameFile(mine, there) {
			return f, nil
		}
		if err := f.Close(); err != nil {
			return nil, err
		}
	}
}

// readRecord returns what a file holds, zero if it cannot be read.
func readRecord(f *os.File) record {
	b, err := io.ReadAll(io.NewSectionReader(f, 0, recordSize))
	if err != nil {
		return record{}
	}
	var r record
	if json.Unmarshal(bytes.TrimSpace(b), &r) != nil {
		return record{}
	}
	return r
}

// entry is a publish under way.
type entry struct {
	f *os.File
	record
}

// Save implements publisher.Entry.
func (e *entry) Save(c publisher.Checkpoint) error {
	e.Checkpoint = c
	return e.write()
}

func (e *entry) write() error {
	b, err := json.Marshal(e.record)
	if err != nil {
		return err
	}
	if len(b) > recordSize {
		return errors.New("address and login are too long to be kept")
	}
	b = append(b, bytes.Repeat([]byte{' '}, recordSize-len(b))...)
	_, err = e.f.WriteAt(b, 0)
	return err
}

// Close implements publisher.Entry.
func (e *entry) Close(forget bool) error {
	var err error
	if forget {
		err = os.Remove(e.f.Name())
	}
	return errors.Join(err, e.f.Close())
}
