package archive

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/stagelock/stagelock/archive/record"
	"github.com/stagelock/stagelock/archive/refusal"
)

// Entry is one file or directory of an archive.
type Entry struct {
	Index      int    // place in the archive
	Name       string // slash-separated, with a slash at the end if it is a directory
	Dir        bool
	Size       int64 // of the content, as declared
	Compressed int64
	CRC        uint32
	Method     record.Method
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
	e, err := record.ReadEnd(r, size)
	switch {
	case refusal.CodeOf(err) == refusal.CodeEnd:
		return nil, recognize(r, size, err)
	case err != nil:
		return nil, wrapped(r, size, err)
	}
	if e.Entries > int64(lim.Entries) {
		return nil, refusal.New(refusal.CodeEntries, "%d entries are more than %d", e.Entries, lim.Entries)
	}
	s := &scan{a: &Archive{r: r, size: size, lim: lim, byName: map[string]int{}}, end: e, names: record.NewNameSet()}
	if err := s.run(); err != nil {
		return nil, wrapped(r, size, err)
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
	if info.IsDir() {
		return nil, refusal.New(refusal.CodeForeign, "it is a folder").Heal("pack what it holds: cd into it, then zip -r ../site.lar .")
	}
	if !info.Mode().IsRegular() {
		return nil, refusal.New(refusal.CodeForeign, "it is not a regular file").Heal("copy it to a file first")
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

// Limits returns the limits that it was opened with.
func (a *Archive) Limits() Limits { return a.lim }

// Bytes returns the archive as it lies there, from its first byte.
func (a *Archive) Bytes() *io.SectionReader { return io.NewSectionReader(a.r, 0, a.size) }

// scan walks the central directory and the local headers side by side.
type scan struct {
	a     *Archive
	end   record.End
	names *record.NameSet
	next  int64 // where the next local header has to begin
	// declared is the content of the records so far.
	declared int64
}

func (s *scan) run() error {
	records, err := s.records()
	if err != nil {
		return err
	}
	s.a.entries = make([]Entry, len(records))
	for _, i := range byOffset(records) {
		if err := s.entry(i, records[i]); err != nil {
			return s.place(err, i, records[i])
		}
	}
	if s.next != s.end.Offset {
		return s.gap(s.end.Offset)
	}
	return s.parents()
}

// records reads the central directory and checks each record by itself.
func (s *scan) records() ([]*record.Central, error) {
	dir := bufio.NewReaderSize(io.NewSectionReader(s.a.r, s.end.Offset, s.end.Size), 1<<16)
	buf := make([]byte, record.LenCentral)
	var records []*record.Central
	for i := range int(s.end.Entries) {
		c, err := record.ReadCentral(dir, buf)
		if err == nil {
			err = s.record(c)
		}
		if err != nil {
			return nil, s.place(err, i, c)
		}
		records = append(records, c)
	}
	if _, err := dir.ReadByte(); err == nil {
		return nil, refusal.New(refusal.CodeDirectory, "directory has more than its %d entries", s.end.Entries)
	} else if err != io.EOF {
		return nil, fmt.Errorf("read directory: %w", err)
	}
	return records, nil
}

// record checks one central record by itself.
func (s *scan) record(c *record.Central) error {
	if ref := checkCentral(c, s.a.lim); ref != nil {
		return ref
	}
	if ref := s.names.Add(c.Name); ref != nil {
		return ref
	}
	if s.declared += c.Full; s.declared > s.a.lim.Total {
		return refusal.New(refusal.CodeTotalSize, "content is more than %d bytes", s.a.lim.Total)
	}
	return nil
}

// byOffset returns the indexes of the records in the order of their local headers: tools that change
// an archive list it in another order than they write it.
func byOffset(records []*record.Central) []int {
	order := make([]int, len(records))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(records[a].Offset, records[b].Offset) })
	return order
}

// entry checks one central record with its local header and adds it to the archive.
func (s *scan) entry(i int, c *record.Central) error {
	if c.Offset != s.next {
		return s.gap(c.Offset)
	}
	data, next, err := c.CheckLocal(s.a.r, s.next, s.end.Offset)
	if err != nil {
		return err
	}
	s.a.total += c.Full
	if _, listed := s.a.byName[c.Name]; !listed || !c.Dir() {
		s.a.byName[c.Name] = i
	}
	s.a.entries[i] = Entry{
		Index: i, Name: c.Name, Dir: c.Dir(), Size: c.Full, Compressed: c.Packed, CRC: c.Crc,
		Method: c.Method, Modified: c.Modified(), offset: s.next, data: data,
	}
	s.next = next
	return nil
}

// gap says what is wrong when something begins at off and not where the last entry ended.
func (s *scan) gap(off int64) *refusal.Refusal {
	switch {
	case off < s.next:
		return refusal.New(refusal.CodeOverlap, "record begins at %d, inside the entry that ends at %d",
			off, s.next)
	case s.next == 0:
		return refusal.New(refusal.CodePrefix, "%d bytes before the first entry", off)
	}
	return refusal.New(refusal.CodeGap, "%d bytes that belong to no entry", off-s.next)
}

func (s *scan) parents() error {
	for _, e := range s.a.entries {
		if ref := s.names.CheckParents(e.Name); ref != nil {
			return ref.At(e.Index, e.Name, e.offset)
		}
	}
	return nil
}

func (s *scan) place(err error, i int, c *record.Central) error {
	var ref *refusal.Refusal
	if !errors.As(err, &ref) {
		return fmt.Errorf("entry %d: %w", i, err)
	}
	if c == nil {
		return ref.At(i, "", -1)
	}
	return ref.At(i, c.Name, c.Offset)
}
