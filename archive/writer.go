package archive

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"github.com/stagelock/stagelock/archive/record"
	"github.com/stagelock/stagelock/archive/refusal"
)

// ErrClosed is returned by a Writer after Close, and by the writer of an entry after the next one
// was begun.
var ErrClosed = errors.New("archive writer is closed")

// Writer writes archives in the form that Open accepts with the default limits: names are held to the
// same rules, and content that would inflate beyond Limits.Ratio is kept as it is. After an error, w
// holds no archive.
type Writer struct {
	w       io.Writer
	n       int64
	records []byte // central directory
	entries int64
	names   *record.NameSet
	files   []string
	deflate *flate.Writer // reused, as each has tables of a MiB
	open    *entryWriter
	err     error
}

// NewWriter returns a Writer that writes to w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w, names: record.NewNameSet()} }

// Create begins a file and returns a writer for its content, which is deflated. It is good until
// the next call of the Writer.
func (w *Writer) Create(name string, modified time.Time) (io.Writer, error) {
	c, err := w.begin(name, modified, record.Deflated)
	if err != nil {
		return nil, err
	}
	if c.Dir() {
		return nil, w.fail(refusal.New(refusal.CodeName, "name of a file ends in a slash"), name)
	}
	c.Flags |= record.FlagDescriptor
	c.Descriptor = true
	if w.writeLocal(c); w.err != nil {
		return nil, w.err
	}
	e := &entryWriter{w: w, c: c, sum: crc32.NewIEEE(), start: w.n}
	w.open = e
	return e, nil
}

// Put adds a whole file, deflated if that makes it smaller and keeps it within the default limits.
func (w *Writer) Put(name string, modified time.Time, data []byte) error {
	if w.endEntry(); w.err != nil {
		return w.err
	}
	packed := w.deflated(data)
	if len(packed) < len(data) && inflates(packed, data) {
		return w.put(name, modified, record.Deflated, packed, data)
	}
	return w.put(name, modified, record.Stored, data, data)
}

// PutStored adds a whole file without trying to deflate it.
func (w *Writer) PutStored(name string, modified time.Time, data []byte) error {
	return w.put(name, modified, record.Stored, data, data)
}

func (w *Writer) put(name string, modified time.Time, m record.Method, body, data []byte) error {
	c, err := w.begin(name, modified, m)
	if err != nil {
		return err
	}
	if c.Dir() {
		return w.fail(refusal.New(refusal.CodeName, "name of a file ends in a slash"), name)
	}
	c.Full, c.Packed, c.Crc = int64(len(data)), int64(len(body)), crc32.ChecksumIEEE(data)
	w.writeLocal(c)
	w.write(body)
	w.finish(c)
	return w.err
}

// inflates tells whether a reader with the default limits would take the packed bytes.
func inflates(packed, data []byte) bool {
	if len(data) < ratioWindow {
		return true
	}
	c := newContent(&Archive{r: bytes.NewReader(packed), lim: DefaultLimits()})
	c.reset(Entry{Size: int64(len(data)), Compressed: int64(len(packed)), CRC: crc32.ChecksumIEEE(data), Method: record.Deflated})
	_, err := io.Copy(io.Discard, c)
	return err == nil
}

// Mkdir adds a directory; its name ends in a slash.
func (w *Writer) Mkdir(name string, modified time.Time) error {
	c, err := w.begin(name, modified, record.Stored)
	if err != nil {
		return err
	}
	if !c.Dir() {
		return w.fail(refusal.New(refusal.CodeName, "name of a directory does not end in a slash"), name)
	}
	w.writeLocal(c)
	w.finish(c)
	return w.err
}

// Close finishes the archive; it does not close the underlying writer.
func (w *Writer) Close() error {
	w.endEntry()
	for _, name := range w.files {
		if ref := w.names.CheckParents(name); ref != nil && w.err == nil {
			return w.fail(ref, name)
		}
	}
	at := w.n
	w.write(w.records)
	w.write(endRecords(w.entries, w.n-at, at, w.n))
	if w.err != nil {
		return w.err
	}
	w.err = ErrClosed
	return nil
}

// begin ends the entry before and starts the record of the next.
func (w *Writer) begin(name string, modified time.Time, m record.Method) (*record.Central, error) {
	if w.endEntry(); w.err != nil {
		return nil, w.err
	}
	ref := record.CheckName(name, DefaultLimits().Name)
	if ref == nil {
		ref = w.names.Add(name)
	}
	if ref != nil {
		return nil, w.fail(ref, name)
	}
	w.files = append(w.files, name)
	c := &record.Central{Name: name, Offset: w.n}
	c.Method, c.Version, c.NameLen = m, record.Version10, uint16(len(name))
	c.Date, c.Clock = record.DosTime(modified)
	if m == record.Deflated {
		c.Version = record.Version20
	}
	if !record.IsASCII(name) {
		c.Flags |= record.FlagUTF8
	}
	return c, nil
}

func (w *Writer) fail(ref *refusal.Refusal, name string) error {
	w.err = fmt.Errorf("write %q: %w", name, ref)
	return w.err
}

func (w *Writer) write(b []byte) {
	if w.err != nil {
		return
	}
	n, err := w.w.Write(b)
	w.n += int64(n)
	if err != nil {
		w.err = fmt.Errorf("write lar: %w", err)
	}
}

// endEntry finishes the streamed entry, if there is one.
func (w *Writer) endEntry() {
	e := w.open
	if w.open = nil; e == nil || w.err != nil {
		return
	}
	e.end()
	e.c.Crc, e.c.Full, e.c.Packed = e.sum.Sum32(), e.n, w.n-e.start
	w.write(descriptor(e.c))
	w.finish(e.c)
}

// writeLocal writes the local header. Content of 4 GiB is streamed, as no slice for Put is expected
// to be that long.
func (w *Writer) writeLocal(c *record.Central) {
	if record.Needs64(c.Full) {
		w.err = fmt.Errorf("write %q: stream content of %d bytes with Create", c.Name, c.Full)
		return
	}
	h := c.Header
	if !c.Descriptor {
		h.Size, h.Compressed = uint32(c.Full), uint32(c.Packed)
	}
	w.write(append(h.Append(binary.LittleEndian.AppendUint32(nil, record.SigLocal)), c.Name...))
}

// finish appends the central record.
func (w *Writer) finish(c *record.Central) {
	if w.err != nil {
		return
	}
	var zip64 []byte
	narrow := func(n int64) uint32 {
		if !record.Needs64(n) {
			return uint32(n)
		}
		zip64 = binary.LittleEndian.AppendUint64(zip64, uint64(n))
		return record.Magic32
	}
	h := c.Header
	h.Size, h.Compressed = narrow(c.Full), narrow(c.Packed)
	offset := narrow(c.Offset)
	if len(zip64) > 0 {
		h.ExtraLen = uint16(4 + len(zip64))
	}
	le := binary.LittleEndian
	b := le.AppendUint16(le.AppendUint32(w.records, record.SigCentral), record.Version20)
	b = h.Append(b)
	b = append(b, make([]byte, 10)...) // no comment, disk 0, no attributes
	b = append(le.AppendUint32(b, offset), c.Name...)
	if len(zip64) > 0 {
		b = le.AppendUint16(le.AppendUint16(b, record.ExtraZIP64), uint16(len(zip64)))
		b = append(b, zip64...)
	}
	w.records = b
	w.entries++
}

func descriptor(c *record.Central) []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(le.AppendUint32(nil, record.SigDescriptor), c.Crc)
	if record.Needs64(c.Full) || record.Needs64(c.Packed) {
		return le.AppendUint64(le.AppendUint64(b, uint64(c.Packed)), uint64(c.Full))
	}
	return le.AppendUint32(le.AppendUint32(b, uint32(c.Packed)), uint32(c.Full))
}

func endRecords(entries, size, offset, at int64) []byte {
	le := binary.LittleEndian
	var b []byte
	if entries >= record.Magic16 || record.Needs64(size) || record.Needs64(offset) {
		b = le.AppendUint64(le.AppendUint32(b, record.SigEnd64), record.LenEnd64-12)
		b = le.AppendUint16(le.AppendUint16(b, record.Version45), record.Version45)
		b = append(b, make([]byte, 8)...)
		for _, n := range []int64{entries, entries, size, offset} {
			b = le.AppendUint64(b, uint64(n))
		}
		b = append(le.AppendUint32(b, record.SigLocator64), make([]byte, 4)...)
		b = le.AppendUint32(le.AppendUint64(b, uint64(at)), 1)
	}
	b = append(le.AppendUint32(b, record.SigEnd), make([]byte, 4)...)
	count := uint16(min(entries, record.Magic16))
	b = le.AppendUint16(le.AppendUint16(b, count), count)
	b = le.AppendUint32(b, uint32(min(size, record.Magic32)))
	return append(le.AppendUint32(b, uint32(min(offset, record.Magic32))), 0, 0)
}

func (w *Writer) deflated(data []byte) []byte {
	var b bytes.Buffer
	fw := w.deflater(&b)
	_, err := fw.Write(data)
	if err = errors.Join(err, fw.Close()); err != nil {
		panic("archive: deflate to memory: " + err.Error())
	}
	return b.Bytes()
}

// deflater is good until it is called again.
func (w *Writer) deflater(out io.Writer) *flate.Writer {
	if w.deflate != nil {
		w.deflate.Reset(out)
		return w.deflate
	}
	fw, err := flate.NewWriter(out, flate.DefaultCompression)
	if err != nil {
		panic("archive: the default level of compression is unknown: " + err.Error())
	}
	w.deflate = fw
	return fw
}

// entryWriter deflates the content of one entry.
type entryWriter struct {
	w   *Writer
	c   *record.Central
	sum interface {
		io.Writer
		Sum32() uint32
	}
	n      int64
	start  int64
	chunk  []byte // content that is not packed yet, at most a ratioWindow
	packed bytes.Buffer
}

// Write implements io.Writer.
func (e *entryWriter) Write(p []byte) (int, error) {
	if e.w.open != e {
		return 0, ErrClosed
	}
	if e.w.err != nil {
		return 0, e.w.err
	}
	e.n += int64(len(p))
	_, _ = e.sum.Write(p) // a hash takes everything
	for rest := p; len(rest) > 0; {
		n := min(len(rest), ratioWindow-len(e.chunk))
		e.chunk = append(e.chunk, rest[:n]...)
		if rest = rest[n:]; len(e.chunk) == ratioWindow {
			e.pack()
		}
	}
	return len(p), e.w.err
}

// fewest is how short a whole chunk may become: readers hold each stretch to the ratio by itself.
const fewest = 16 << 10

// pack writes the chunk as blocks of the entry's one deflate stream, none of which refers to an earlier
// chunk. A chunk that would inflate too much is kept as it is.
func (e *entryWriter) pack() {
	e.blocks(flate.DefaultCompression)
	if len(e.chunk) == ratioWindow && e.packed.Len() < fewest {
		e.blocks(flate.NoCompression)
	}
	e.w.write(e.packed.Bytes())
	e.chunk = e.chunk[:0]
}

func (e *entryWriter) blocks(level int) {
	e.packed.Reset()
	fw := e.w.deflater(&e.packed)
	if level == flate.NoCompression {
		fw = plain(&e.packed)
	}
	_, err := fw.Write(e.chunk)
	if err = errors.Join(err, fw.Flush()); err != nil {
		panic("archive: deflate to memory: " + err.Error())
	}
}

// plain returns a writer of blocks that are not compressed.
func plain(out io.Writer) *flate.Writer {
	fw, err := flate.NewWriter(out, flate.NoCompression)
	if err != nil {
		panic("archive: no compression is an unknown level: " + err.Error())
	}
	return fw
}

// end writes what is left and the block that ends the stream.
func (e *entryWriter) end() {
	if len(e.chunk) > 0 {
		e.pack()
	}
	e.packed.Reset()
	if err := e.w.deflater(&e.packed).Close(); err != nil {
		panic("archive: deflate to memory: " + err.Error())
	}
	e.w.write(e.packed.Bytes())
}
