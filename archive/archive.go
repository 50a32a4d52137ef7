package archive

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

// ManifestName is the entry that says what an archive holds.
const ManifestName = "manifest.xml"

// Entry is one file or directory of an archive.
type Entry struct {
	Index      int    // place in the archive
	Name       string // slash-separated, with a slash at the end if it is a directory
	Dir        bool
	Size       int64 // of the content, as declared
	Compressed int64
	CRC        uint32
	Method     Method
	Modified   time.Time // as written, two seconds fine, in an unknown zone (given as UTC)

	offset int64 // of the local header
	data   int64 // of the content
}

// Archive is a LAR whose structure was checked. Its methods may be called concurrently.
type Archive struct {
	r       io.ReaderAt
	size    int64
	lim     Limits
	entries []Entry
	byName  map[string]int
	total   int64
}

// Open checks the structure of the archive of size bytes in r, and all names, without reading
// content. A broken rule is reported as a *Refusal; other errors come from r. The archive reads
// from r as long as it is used.
func Open(r io.ReaderAt, size int64, lim Limits) (*Archive, error) {
	e, err := readEnd(r, size)
	if err != nil {
		return nil, err
	}
	if e.entries > int64(lim.Entries) {
		return nil, refuse(CodeEntries, "%d entries are more than %d", e.entries, lim.Entries)
	}
	s := &scan{a: &Archive{r: r, size: size, lim: lim, byName: map[string]int{}}, end: e, names: newNameSet()}
	if err := s.run(); err != nil {
		return nil, err
	}
	return s.a, nil
}

// File is an archive in a file of its own.
type File struct {
	*Archive
	f *os.File
}

// OpenFile opens the archive in the named file; the caller closes it.
func OpenFile(path string, lim Limits) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open lar: %w", err)
	}
	a, err := openFile(f, lim)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open lar %q: %w", path, err), f.Close())
	}
	return &File{Archive: a, f: f}, nil
}

func openFile(f *os.File, lim Limits) (*Archive, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	return Open(f, info.Size(), lim)
}

// Close closes the file.
func (f *File) Close() error { return f.f.Close() }

// Entries returns all entries in the order in which they stand in the archive.
func (a *Archive) Entries() []Entry { return slices.Clone(a.entries) }

// Len returns the number of entries, directories included.
func (a *Archive) Len() int { return len(a.entries) }

// Lookup returns the entry of exactly this name.
func (a *Archive) Lookup(name string) (Entry, bool) {
	i, ok := a.byName[name]
	if !ok {
		return Entry{}, false
	}
	return a.entries[i], true
}

// Size returns the length of the archive itself.
func (a *Archive) Size() int64 { return a.size }

// Total returns the declared size of all content.
func (a *Archive) Total() int64 { return a.total }

// scan walks the central directory and the local headers side by side.
type scan struct {
	a     *Archive
	end   end
	names *nameSet
	next  int64 // where the next local header has to begin
}

func (s *scan) run() error {
	dir := bufio.NewReaderSize(io.NewSectionReader(s.a.r, s.end.offset, s.end.size), 1<<16)
	buf := make([]byte, lenCentral)
	for i := range int(s.end.entries) {
		c, err := readCentral(dir, buf)
		if err == nil {
			err = s.entry(i, c)
		}
		if err != nil {
			return s.place(err, i, c)
		}
	}
	if _, err := dir.ReadByte(); err == nil {
		return refuse(CodeDirectory, "directory has more than its %d entries", s.end.entries)
	} else if err != io.EOF {
		return fmt.Errorf("read directory: %w", err)
	}
	if s.next != s.end.offset {
		return s.gap(s.end.offset)
	}
	return s.parents()
}

// entry checks one central record with its local header and adds it to the archive.
func (s *scan) entry(i int, c *central) error {
	if ref := c.check(s.a.lim); ref != nil {
		return ref
	}
	if ref := s.names.add(c.name); ref != nil {
		return ref
	}
	if c.offset != s.next {
		return s.gap(c.offset)
	}
	if c.full > s.a.lim.Total-s.a.total {
		return refuse(CodeTotalSize, "content is more than %d bytes", s.a.lim.Total)
	}
	data, next, err := c.checkLocal(s.a.r, s.next, s.end.offset)
	if err != nil {
		return err
	}
	s.a.total += c.full
	s.a.byName[c.name] = i
	s.a.entries = append(s.a.entries, Entry{
		Index: i, Name: c.name, Dir: c.dir(), Size: c.full, Compressed: c.packed, CRC: c.crc,
		Method: c.method, Modified: c.modified(), offset: s.next, data: data,
	})
	s.next = next
	return nil
}

// gap says what is wrong when something begins at off and not where the last entry ended.
func (s *scan) gap(off int64) *Refusal {
	switch {
	case off < s.next:
		return refuse(CodeOverlap, "record begins at %d, inside the entry that ends at %d",
			off, s.next)
	case len(s.a.entries) == 0:
		return refuse(CodePrefix, "%d bytes before the first entry", off)
	}
	return refuse(CodeGap, "%d bytes that belong to no entry", off-s.next)
}

func (s *scan) parents() error {
	for _, e := range s.a.entries {
		if ref := s.names.checkParents(e.Name); ref != nil {
			return ref.at(e.Index, e.Name, e.offset)
		}
	}
	return nil
}

func (s *scan) place(err error, i int, c *central) error {
	var ref *Refusal
	if !errors.As(err, &ref) {
		return fmt.Errorf("entry %d: %w", i, err)
	}
	name := ""
	if c != nil {
		name = c.name
	}
	return ref.at(i, name, s.next)
}
