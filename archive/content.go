package archive

import (
	"bufio"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"io/fs"

	"github.com/stagelock/stagelock/archive/record"
	"github.com/stagelock/stagelock/archive/refusal"
)

// ErrForeign is returned for an Entry that is not of this archive or is a directory.
var ErrForeign = errors.New("entry is not a file of this archive")

// Open returns the content of e. The reader holds it to the declared size and checksum and to the
// limits, and reports a broken rule as a *Refusal: content counts only once the reader has returned
// io.EOF.
func (a *Archive) Open(e Entry) (io.ReadCloser, error) {
	if e.Index < 0 || e.Index >= len(a.entries) || a.entries[e.Index] != e || e.Dir {
		return nil, ErrForeign
	}
	c := newContent(a)
	c.reset(e)
	return c, nil
}

// content reads one entry after the other, reusing its buffers.
type content struct {
	a     *Archive
	e     Entry
	from  *io.SectionReader
	src   *bufio.Reader // a ByteReader, so that inflating takes no byte too many
	flate io.ReadCloser
	in    io.Reader
	sum   hash.Hash32
	n     int64 // content so far
	mark  struct{ out, in int64 }
	err   error
}

func newContent(a *Archive) *content {
	return &content{a: a, src: bufio.NewReaderSize(nil, 1<<15), sum: crc32.NewIEEE()}
}

func (c *content) reset(e Entry) {
	c.e, c.n, c.err = e, 0, nil
	c.mark.out, c.mark.in = 0, 0
	c.sum.Reset()
	c.from = io.NewSectionReader(c.a.r, e.data, e.Compressed)
	c.src.Reset(c.from)
	c.in = c.src
	if e.Method == record.Deflated {
		c.in = c.inflater()
	}
}

func (c *content) inflater() io.Reader {
	if c.flate == nil {
		c.flate = flate.NewReader(c.src)
		return c.flate
	}
	if err := c.flate.(flate.Resetter).Reset(c.src, nil); err != nil {
		c.err = fmt.Errorf("reset inflater: %w", err)
	}
	return c.flate
}

// Read implements io.Reader. Bytes beyond the declared size are never handed out.
func (c *content) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	p = p[:min(int64(len(p)), ratioWindow-(c.n-c.mark.out))] // windows lie the same whatever len(p) is
	n, err := c.in.Read(p)
	c.n += int64(n)
	c.sum.Write(p[:n])
	if ref := c.overrun(); ref != nil {
		c.err = c.placed(ref)
		return 0, c.err
	}
	c.err = c.ended(err)
	if c.err != nil && !errors.Is(c.err, io.EOF) {
		n = 0
	}
	return n, c.err
}

// Close implements io.Closer; the archive stays open.
func (c *content) Close() error {
	if c.err == nil {
		c.err = fs.ErrClosed
	}
	return nil
}

// used returns how many compressed bytes were taken.
func (c *content) used() int64 {
	pos, _ := c.from.Seek(0, io.SeekCurrent) // cannot fail on a section
	return pos - int64(c.src.Buffered())
}

func (c *content) overrun() *refusal.Refusal {
	if c.n > c.e.Size {
		return refusal.New(refusal.CodeSize, "content is longer than the declared %d bytes", c.e.Size)
	}
	if c.n-c.mark.out < ratioWindow {
		return nil
	}
	used := c.used()
	if used-c.mark.in < c.a.lim.leastCompressed(ratioWindow) {
		return refusal.New(refusal.CodeRatio, "%d bytes inflate to %d, more than %d to 1",
			used-c.mark.in, ratioWindow, c.a.lim.Ratio)
	}
	c.mark.out, c.mark.in = c.n, used
	return nil
}

// ended maps what the last read said; at the end everything that was declared has to be there.
func (c *content) ended(err error) error {
	var corrupt flate.CorruptInputError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &corrupt):
		return c.placed(&refusal.Refusal{Code: refusal.CodeData, Index: -1, Offset: -1, Msg: "inflate", Err: err})
	case errors.Is(err, io.ErrUnexpectedEOF) && c.used() == c.e.Compressed:
		return c.placed(refusal.New(refusal.CodeData, "compressed bytes end inside the deflate stream"))
	case !errors.Is(err, io.EOF):
		return fmt.Errorf("entry %d: %w", c.e.Index, err)
	case c.n != c.e.Size:
		return c.placed(refusal.New(refusal.CodeSize, "content of %d bytes is shorter than the declared %d",
			c.n, c.e.Size))
	case c.used() != c.e.Compressed:
		return c.placed(refusal.New(refusal.CodeData, "deflate stream ends %d bytes early",
			c.e.Compressed-c.used()))
	case c.sum.Sum32() != c.e.CRC:
		return c.placed(refusal.New(refusal.CodeCRC, "checksum is %08x, declared was %08x",
			c.sum.Sum32(), c.e.CRC))
	}
	return io.EOF
}

func (c *content) placed(r *refusal.Refusal) *refusal.Refusal {
	return r.At(c.e.Index, c.e.Name, c.e.offset)
}

// Verify reads all content once and checks it against what the headers declared. It calls progress,
// if not nil, with the content bytes done and due, at least after every entry. It uses the same
// small memory for any archive and ends early with the cause of ctx.
func (a *Archive) Verify(ctx context.Context, progress func(done, total int64)) error {
	if progress == nil {
		progress = func(int64, int64) {}
	}
	c, buf := newContent(a), make([]byte, 1<<15)
	var done int64
	for _, e := range a.entries {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		c.reset(e)
		if err := c.drain(ctx, buf, func(n int64) { progress(done+n, a.total) }); err != nil {
			return err
		}
		done += e.Size
		progress(done, a.total)
	}
	return nil
}

// drain reads to the end, reporting about once per MiB.
func (c *content) drain(ctx context.Context, buf []byte, report func(int64)) error {
	reported := int64(0)
	for {
		_, err := c.Read(buf)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if c.n-reported < 1<<20 {
			continue
		}
		reported = c.n
		report(c.n)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}
