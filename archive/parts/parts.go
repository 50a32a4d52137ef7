package parts

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/stagelock/stagelock/archive/refusal"
)

// DefaultBuffer is the vendor's default length of a part.
const DefaultBuffer = 10 << 20

// ErrBuffer is returned for a part length that is not positive or that the vendor's sender could
// not use.
var ErrBuffer = errors.New("buffer must be between 1 and 2147483647 bytes")

// Part is one stretch of an archive under the name it travels by.
type Part struct {
	Index  int
	Name   string
	Offset int64
	Size   int64
}

// Name returns the vendor's name of the part with this index: the archive's name and the index
// in width digits.
func Name(lar string, index, width int) string { return fmt.Sprintf("%s%0*d", lar, width, index) }

// Width returns how many digits the vendor gives the index of a part: one more than the
// quotient of size and buffer has, which the vendor keeps in 32 bits.
func Width(size, buffer int64) int {
	return len(strconv.FormatInt(size/buffer&math.MaxInt32, 10)) + 1
}

// Split yields the parts of an archive of size bytes in order; an empty one has none. Names sort in
// the same order.
func Split(lar string, size, buffer int64) (iter.Seq[Part], error) {
	if buffer <= 0 || buffer > math.MaxInt32 {
		return nil, ErrBuffer
	}
	if size < 0 || size/buffer >= math.MaxInt32 {
		return nil, fmt.Errorf("split %d bytes into parts of %d: too many parts", size, buffer)
	}
	width := Width(size, buffer)
	return func(yield func(Part) bool) {
		for i, off := 0, int64(0); off < size; i, off = i+1, off+buffer {
			p := Part{Index: i, Name: Name(lar, i, width), Offset: off, Size: min(buffer, size-off)}
			if !yield(p) {
				return
			}
		}
	}, nil
}

// Section returns the bytes of the part.
func (p Part) Section(r io.ReaderAt) *io.SectionReader {
	return io.NewSectionReader(r, p.Offset, p.Size)
}

// Order sorts names of parts as the receiver does and refuses them unless they are one whole
// series: the same name, the same width of at least two digits, indexes from 0 without a gap.
func Order(names []string) ([]string, error) {
	if len(names) == 0 {
		return nil, refusal.New(refusal.CodeParts, "no parts")
	}
	sorted := slices.Clone(names)
	slices.Sort(sorted)
	width := max(2, len(strconv.Itoa(len(sorted)-1)))
	base, ok := strings.CutSuffix(sorted[0], strings.Repeat("0", width))
	if !ok || base == "" {
		return nil, refusal.New(refusal.CodeParts, "part %q is not a first one: it does not end in %d zeros",
			sorted[0], width)
	}
	for i, name := range sorted {
		if want := Name(base, i, width); name != want {
			return nil, refusal.New(refusal.CodeParts, "part %q stands where %q is due", name, want)
		}
	}
	return sorted, nil
}

// Digests identify an archive.
type Digests struct {
	Bytes  int64  `json:"bytes"`
	MD5    string `json:"md5"`    // lower-case hex, as createStagingRequest wants it
	SHA256 string `json:"sha256"` // lower-case hex
}

// DigestWriter computes Digests of what is written to it.
type DigestWriter struct {
	n      int64
	md5    hash.Hash
	sha256 hash.Hash
}

// NewDigestWriter returns an empty DigestWriter.
func NewDigestWriter() *DigestWriter {
	return &DigestWriter{md5: md5.New(), sha256: sha256.New()}
}

// Write implements io.Writer and never fails.
func (d *DigestWriter) Write(p []byte) (int, error) {
	d.n += int64(len(p))
	d.md5.Write(p)
	d.sha256.Write(p)
	return len(p), nil
}

// Digests returns the digests of what was written so far.
func (d *DigestWriter) Digests() Digests {
	return Digests{
		Bytes: d.n, MD5: hex.EncodeToString(d.md5.Sum(nil)), SHA256: hex.EncodeToString(d.sha256.Sum(nil)),
	}
}

// Digest reads r to its end and returns the digests of what came.
func Digest(ctx context.Context, r io.Reader) (Digests, error) {
	d := NewDigestWriter()
	err := CopyAll(ctx, d, r)
	return d.Digests(), err
}

// Join writes the named parts to w in the order of Order, opening one at a time, and returns the
// digests of the whole. If wantMD5 is not empty and the archive has another MD5, w has the bytes
// all the same and the error is a *Refusal.
func Join(ctx context.Context, w io.Writer, names []string, wantMD5 string,
	open func(name string) (io.ReadCloser, error),
) (Digests, error) {
	d := NewDigestWriter()
	names, err := Order(names)
	if err != nil {
		return Digests{}, err
	}
	for _, name := range names {
		if err := joinPart(ctx, io.MultiWriter(w, d), name, open); err != nil {
			return d.Digests(), fmt.Errorf("join part %q: %w", name, err)
		}
	}
	sum := d.Digests()
	if wantMD5 != "" && sum.MD5 != wantMD5 {
		return sum, refusal.New(refusal.CodeDigest, "joined archive has the MD5 %s, announced was %q",
			sum.MD5, wantMD5)
	}
	return sum, nil
}

func joinPart(
	ctx context.Context, w io.Writer, name string, open func(string) (io.ReadCloser, error),
) error {
	r, err := open(name)
	if err != nil {
		return err
	}
	return errors.Join(CopyAll(ctx, w, r), r.Close())
}

// CopyAll copies and looks at ctx between reads.
func CopyAll(ctx context.Context, w io.Writer, r io.Reader) error {
	_, err := io.CopyBuffer(w, readerFunc(func(p []byte) (int, error) {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		return r.Read(p)
	}), make([]byte, 1<<17))
	return err
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
